//! A visit from its booking to the thanks for it, in the demo, whose clock is moved through the days.

use serde_json::json;

use crate::support::demo::Demo;
use crate::support::firm::STAFF;

const ANNA: i64 = 7_000_000_041;

/// Books a visit for the next day at three.
async fn books(demo: &Demo) {
    let wish = "Хочу записаться на маникюр без покрытия завтра в 15:00";
    demo.writes(ANNA, wish).await;
    demo.hears(ANNA, "Вы согласны").await;
    demo.presses(ANNA, "Согласен(на)").await;
    demo.hears(ANNA, "номер телефона").await;
    demo.writes(ANNA, "8 921 555 01 42").await;
    demo.hears(ANNA, "Записываю?").await;
    demo.presses(ANNA, "Да, записать").await;
    demo.hears(ANNA, "Вы записаны").await;
}

/// The hours at which words were said.
fn hours<'a>(said: &'a [(String, String)], part: &str) -> Vec<&'a str> {
    let told = said.iter().filter(|(_, text)| text.contains(part));
    told.map(|(at, _)| at.split_once(' ').unwrap().1).collect()
}

#[tokio::test]
async fn whoever_moves_the_demos_clock_sees_everything_about_a_visit_at_its_time_and_once() {
    let demo = Demo::start().await;
    // Whatever hour it is: it begins in a morning.
    demo.goes_to(json!("tomorrow")).await;
    books(&demo).await;
    demo.hears(STAFF, "Новая запись").await;

    // Over the reminder at three and the evening's list, into the next morning.
    demo.goes_to(json!("tomorrow")).await;
    let said = demo.said(ANNA).await;
    assert_eq!(hours(&said, "Вы придёте?"), ["15:00"], "{said:#?}");
    let staff = demo.said(STAFF).await;
    let lists = hours(&staff, "не подтверждены: 1");
    assert_eq!(lists, ["20:00", "09:00"], "{staff:#?}");

    demo.presses(ANNA, "Подтверждаю").await;
    demo.hears(ANNA, "Спасибо, ждём вас").await;
    // The day's list is rewritten where it stands.
    let staff = demo.hears(STAFF, "✅").await;
    assert_eq!(hours(&staff, "✅"), ["09:00"], "{staff:#?}");

    // To the end of the day, by steps of any size.
    demo.goes_to(json!("next_event")).await;
    let said = demo.said(ANNA).await;
    assert_eq!(hours(&said, "Доброе утро!"), ["09:30"], "{said:#?}");
    demo.goes_to(json!({"advance_seconds": 3 * 3600})).await;
    demo.goes_to(json!({"advance_seconds": 10 * 3600})).await;
    let said = demo.said(ANNA).await;
    let once = [
        ("Вы придёте?", "15:00"),
        ("Доброе утро!", "09:30"),
        ("Скоро увидимся", "13:00"),
        ("Оцените, пожалуйста", "18:00"),
    ];
    for (part, at) in once {
        assert_eq!(hours(&said, part), [at], "{part}: {said:#?}");
    }
    let staff = demo.said(STAFF).await;
    let calls = hours(&staff, "Нужно позвонить");
    assert!(calls.is_empty(), "she has confirmed: {staff:#?}");
}
