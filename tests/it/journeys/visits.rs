//! Visits booked through the real program, from every messenger and on every set of engines.

use chrono::TimeDelta;
use zapis_core::Clock;
use zapis_core::store::{Status, Store, Whose};

use crate::support::firm::visitor::Visitor;
use crate::support::firm::{Firm, On};

/// The bookings of everybody that take time.
async fn booked(store: &Store, conversation: &str) -> Vec<Status> {
    let conversation = conversation.parse().unwrap();
    let all = store.bookings_of(
        Whose::Conversation(&conversation),
        chrono::DateTime::UNIX_EPOCH,
    );
    all.await.unwrap().iter().map(|one| one.status).collect()
}

/// The phone of WhatsApp is known.
async fn on_whatsapp(firm: &Firm) {
    let vera = "79210007301";
    firm.sandbox
        .whatsapp_writes(vera, "запишите на женскую стрижку")
        .unwrap();
    assert!(
        firm.whatsapp_answer(vera, 0)
            .await
            .contains("свободное время")
    );
    firm.sandbox.whatsapp_writes(vera, "второе").unwrap();
    assert!(firm.whatsapp_answer(vera, 1).await.contains("Вы согласны"));
    firm.sandbox.whatsapp_presses(vera, "Согласен(на)").unwrap();
    let read_back = firm.whatsapp_answer(vera, 2).await;
    assert!(read_back.contains("+79210007301"), "{read_back}");
    firm.sandbox.whatsapp_writes(vera, "да").unwrap();
    assert!(firm.whatsapp_answer(vera, 3).await.contains("Вы записаны"));
    firm.sandbox
        .whatsapp_writes(vera, "отмените мою запись")
        .unwrap();
    assert!(
        firm.whatsapp_answer(vera, 4)
            .await
            .contains("Отменить запись")
    );
    firm.sandbox.whatsapp_presses(vera, "Да, отменить").unwrap();
    assert!(
        firm.whatsapp_answer(vera, 5)
            .await
            .contains("Запись отменена")
    );
}

/// A visitor of the site tells everything.
async fn on_the_site(firm: &Firm) {
    let mut visitor = Visitor::open(&firm.url, None, 0).await.unwrap();
    let talk = [
        ("хочу на педикюр без покрытия", "свободное время"),
        ("первое", "Вы согласны"),
        ("согласна", "Как вас зовут"),
        ("Мария", "номер телефона"),
        ("+7 921 555 01 43", "Имя: Мария"),
        ("да", "Вы записаны"),
    ];
    for (n, (words, part)) in talk.into_iter().enumerate() {
        let id = format!("0192f0c1-0000-7000-8000-{n:012}");
        assert!(visitor.write(&id, words).await);
        let answer = loop {
            let frame = visitor.next_of("message").await.unwrap();
            if frame["from"] == "bot" {
                break frame["text"].as_str().unwrap().to_owned();
            }
        };
        assert!(answer.contains(part), "{words}: {answer}");
    }
}

async fn a_visit_on_every_messenger(on: On) {
    let firm = Firm::open(on).await;
    let store = firm.store().await;
    // Whatever day it is: the first of the times that are offered.
    let anna = 7_301;
    firm.sandbox
        .telegram_writes(anna, "Хочу записаться на мужскую стрижку")
        .unwrap();
    let offer = firm.telegram_answer(anna, 0).await;
    assert!(offer.contains("свободное время"), "{offer}");
    firm.sandbox.telegram_writes(anna, "первое").unwrap();
    assert!(firm.telegram_answer(anna, 1).await.contains("Вы согласны"));
    firm.sandbox.telegram_presses(anna, "Согласен(на)").unwrap();
    assert!(
        firm.telegram_answer(anna, 2)
            .await
            .contains("номер телефона")
    );
    firm.sandbox
        .telegram_writes(anna, "8 921 555 01 42")
        .unwrap();
    assert!(firm.telegram_answer(anna, 3).await.contains("Записываю?"));
    firm.sandbox.telegram_presses(anna, "Да, записать").unwrap();
    assert!(firm.telegram_answer(anna, 4).await.contains("Вы записаны"));
    assert_eq!(booked(&store, "telegram:main:7301").await, [Status::Booked]);

    on_whatsapp(&firm).await;
    on_the_site(&firm).await;

    let events = store.booking_events_after(0, 100).await.unwrap();
    let kinds: Vec<&str> = events.iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(kinds, ["booked", "booked", "status", "booked"]);
    let turns = firm
        .count("SELECT count(*) FROM events WHERE kind = 'turn' AND event LIKE '%create_booking%'");
    assert_eq!(turns, 3);
}

/// Who does it is away for two months, and then is not: whoever waited is offered the time, and takes it.
async fn a_time_becomes_free(on: On) {
    let mut firm = Firm::closed(on, "", vec![vec!["run"]]).await;
    // The test runs at any hour.
    let file = firm.config_dir().join("business.toml");
    let business = std::fs::read_to_string(&file).unwrap();
    let lines = business.lines();
    let lines = lines.filter(|line| !line.starts_with("quiet_hours"));
    std::fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
    firm.start().await;
    let now = Clock::system().now();
    let day = |days| (now + TimeDelta::days(days)).format("%Y-%m-%d 00:00");
    let (from, until) = (day(-1).to_string(), day(70).to_string());
    let block = ["book", "block", "ilya", "--from", &from, "--until", &until];
    let blocked = firm.command(&[&block[..], &["--json"]].concat());
    let blocked: serde_json::Value = serde_json::from_slice(&blocked.stdout).unwrap();

    let anna = 7_302;
    firm.sandbox
        .telegram_writes(anna, "Хочу на мужскую стрижку на следующей неделе")
        .unwrap();
    let nothing = firm.telegram_answer(anna, 0).await;
    assert!(nothing.contains("не нашлось"), "{nothing}");
    firm.sandbox
        .telegram_presses(anna, "В лист ожидания")
        .unwrap();
    let waits = firm.telegram_answer(anna, 1).await;
    assert!(waits.contains("на следующей неделе"), "{waits}");
    let list = firm.command(&["book", "waiting", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!(list[0]["services"], serde_json::json!(["men-cut"]));
    assert_eq!(list[0]["offered"], serde_json::Value::Null);

    firm.command(&["book", "unblock", blocked["id"].as_str().unwrap()]);
    let offer = firm.telegram_answer(anna, 2).await;
    assert!(offer.contains("Освободилось время"), "{offer}");
    firm.sandbox.telegram_presses(anna, "Да, беру").unwrap();
    assert!(firm.telegram_answer(anna, 3).await.contains("Вы согласны"));
    firm.sandbox.telegram_presses(anna, "Согласен(на)").unwrap();
    firm.telegram_answer(anna, 4).await;
    firm.sandbox
        .telegram_writes(anna, "8 921 555 01 44")
        .unwrap();
    assert!(firm.telegram_answer(anna, 5).await.contains("Записываю?"));
    firm.sandbox.telegram_presses(anna, "Да, записать").unwrap();
    assert!(firm.telegram_answer(anna, 6).await.contains("Вы записаны"));

    let store = firm.store().await;
    assert_eq!(booked(&store, "telegram:main:7302").await, [Status::Booked]);
    let list = firm.command(&["book", "waiting", "--json"]);
    assert_eq!(String::from_utf8_lossy(&list.stdout).trim(), "[]");
}

#[tokio::test]
async fn who_waits_is_offered_what_becomes_free() {
    a_time_becomes_free(On::Embedded).await;
}

#[tokio::test]
async fn who_waits_is_offered_what_becomes_free_on_servers() {
    a_time_becomes_free(On::servers("quorum")).await;
}

#[tokio::test]
async fn a_visit_is_booked_from_every_messenger() {
    a_visit_on_every_messenger(On::Embedded).await;
}

#[tokio::test]
async fn the_same_on_servers() {
    a_visit_on_every_messenger(On::servers("quorum")).await;
}
