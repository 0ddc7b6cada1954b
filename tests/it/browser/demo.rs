//! The page of `zapis demo`: a visit lived through on it, without a mouse where it can be.

use serde_json::{Value, json};

use super::chromium::{Browser, Screen};
use crate::support::demo::Demo;
use crate::support::firm::STAFF;

const ENTER: &str = "\u{e007}";
const STANDS: &str = "return !document.body.hasAttribute('data-moving')";

/// What a place on the page says.
async fn text(browser: &Browser, selector: &str) -> String {
    let script = format!(
        "return document.querySelector({}).innerText",
        json!(selector)
    );
    browser.run(&script).await.as_str().unwrap().to_owned()
}

async fn shows(browser: &Browser, feed: &str, part: &str) {
    let script = format!(
        "return document.querySelector('[data-feed={feed}]').innerText.includes({})",
        json!(part)
    );
    browser.until(&script).await;
}

/// What axe finds wrong once nothing moves any more.
async fn axe(browser: &Browser) -> Value {
    browser
        .until("return document.getAnimations().every(one => one.playState === 'finished')")
        .await;
    browser.axe().await
}

/// Presses a button of the clock and waits until the clock stands.
async fn moves_the_clock(browser: &Browser, goal: &str) {
    let script = format!("document.querySelector('[data-go*={goal}]').focus()");
    browser.run(&script).await;
    browser.types(ENTER).await;
    browser
        .until(
            "return document.querySelector('[data-clock-state]').textContent.startsWith('Часы переведены')",
        )
        .await;
    browser.until(STANDS).await;
    let script = format!("return document.activeElement.matches('[data-go*={goal}]')");
    assert_eq!(browser.run(&script).await, true, "the focus stays");
}

async fn writes(browser: &Browser, words: &str) {
    browser
        .run("document.querySelector('[data-send=telegram] input').focus()")
        .await;
    browser.types(words).await;
    browser.types(ENTER).await;
}

/// Presses the last button of the phone that says so.
async fn presses(browser: &Browser, title: &str) {
    let script = format!(
        "const all = [...document.querySelectorAll('[data-feed=telegram] .buttons button')];
         const button = all.findLast(one => one.textContent === {});
         button?.focus();
         return Boolean(button)",
        json!(title)
    );
    browser.until(&script).await;
    browser.types(ENTER).await;
}

#[tokio::test]
async fn a_visit_is_booked_reminded_of_and_confirmed_on_the_demos_page() {
    let demo = Demo::start().await;
    let browser = Browser::start(Screen::Desktop).await;
    browser.goto(&demo.url).await;
    browser
        .until("return document.querySelector('[data-clock]').textContent !== '…'")
        .await;
    let fine = Value::Array(Vec::new());
    assert_eq!(axe(&browser).await, fine);

    moves_the_clock(&browser, "tomorrow").await;
    let clock = text(&browser, "[data-clock]").await;
    assert!(clock.contains(", 09:0"), "{clock}");
    let today = clock.split(", 09").next().unwrap().to_owned();

    writes(&browser, "Запишите на маникюр без покрытия завтра в 15:00").await;
    presses(&browser, "Согласен(на)").await;
    shows(&browser, "telegram", "номер телефона").await;
    writes(&browser, "8 921 555 01 42").await;
    presses(&browser, "Да, записать").await;
    shows(&browser, "telegram", "Вы записаны").await;
    shows(&browser, "staff", "Новая запись").await;

    moves_the_clock(&browser, "tomorrow").await;
    let clock = text(&browser, "[data-clock]").await;
    assert!(
        clock.contains(", 09:0") && !clock.contains(&today),
        "{clock}"
    );
    shows(&browser, "telegram", "Вы придёте?").await;
    let feed = text(&browser, "[data-feed=telegram]").await;
    assert_eq!(feed.matches("Вы придёте?").count(), 1, "{feed}");
    presses(&browser, "Подтверждаю").await;
    shows(&browser, "telegram", "Спасибо, ждём вас").await;
    shows(&browser, "staff", "✅").await;
    let days = "return document.querySelectorAll('[data-feed=telegram] .day').length";
    assert_eq!(browser.run(days).await, 1, "a new day begins in the phone");
    assert_eq!(axe(&browser).await, fine);

    let phone = Browser::start(Screen::Phone).await;
    phone.goto(&demo.url).await;
    phone.until(STANDS).await;
    assert_eq!(axe(&phone).await, fine);
}

/// Goes into the console by the link on the page, as the owner; gives the console's address.
async fn owns(browser: &Browser, demo: &Demo) -> String {
    browser.goto(&demo.url).await;
    let link = "return document.querySelector('a[href$=\"/console/\"]').href";
    let link = browser.run(link).await.as_str().unwrap().to_owned();
    browser.goto(&link).await;
    browser
        .run("document.querySelector('[name=login][value=owner]').form.requestSubmit()")
        .await;
    browser
        .until("return document.querySelector('.me summary')?.innerText === 'Владелец'")
        .await;
    link
}

#[tokio::test]
async fn the_demo_leads_into_the_console_with_one_click() {
    let demo = Demo::start().await;
    let browser = Browser::start(Screen::Desktop).await;
    owns(&browser, &demo).await;
}

#[tokio::test]
async fn a_demo_with_a_year_behind_it_has_something_to_tell() {
    let demo = Demo::start_with(&["--history"]).await;
    let browser = Browser::start(Screen::Desktop).await;
    let console = owns(&browser, &demo).await;
    for (page, said) in [
        ("figures", "Период до этого"),
        ("ahead", "Проверка на прошлом"),
        ("experiments", "Два времени на выбор"),
    ] {
        browser.goto(&format!("{console}{page}")).await;
        let script = format!("return document.body.innerText.includes({})", json!(said));
        browser.until(&script).await;
    }
    // Nothing of it is news: who comes new does not see a year of messages.
    let staff = demo.said(STAFF).await;
    assert!(staff.is_empty(), "{staff:?}");
    // Nobody is reminded who cannot be reached.
    demo.goes_to(json!("tomorrow")).await;
    let staff = demo.said(STAFF).await;
    assert!(
        !staff.iter().any(|(_, text)| text.contains("не дошло")),
        "{staff:?}"
    );
}

#[tokio::test]
async fn an_enquiry_stands_in_the_crm_of_the_demo() {
    let demo = Demo::start().await;
    let browser = Browser::start(Screen::Desktop).await;
    browser.goto(&demo.url).await;
    browser
        .until("return document.querySelector('[data-clock]').textContent !== '…'")
        .await;
    writes(&browser, "Сколько стоит маникюр без покрытия?").await;
    shows(&browser, "telegram", "₽").await;

    let button = ".chrome [data-window=crm]";
    let script = format!("document.querySelector({}).focus()", json!(button));
    browser.run(&script).await;
    browser.types(ENTER).await;
    let card = "const inside = document.querySelector('[data-src]').contentDocument;
         return inside?.body?.innerText.includes('Telegram:') && inside.body.innerText.includes('Маникюр')";
    browser.until(card).await;

    browser.goto(&format!("{}/bitrix24", demo.url)).await;
    browser
        .until("return document.body.innerText.includes('Telegram:')")
        .await;
    assert_eq!(axe(&browser).await, Value::Array(Vec::new()));
}
