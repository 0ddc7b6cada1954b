//! What the bot knows, in the console: tried out, written with a look ahead, brought in, gone back in.

use reqwest::StatusCode;
use zapis_core::store::Role;

use crate::support::console::Person;
use crate::support::firm::{Firm, On};

const KNOWLEDGE: &str = "/console/knowledge";
const ENTRY: &str = "/console/knowledge/entry";
const QUESTION: &str = "Есть ли у вас солярий?";
const ANSWER: &str = "Да, солярий есть: 30 ₽ за минуту, полотенце дадим.";

/// What a hidden field of a form holds.
fn hidden(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let found = page.split_once(&mark);
    let (_, rest) = found.unwrap_or_else(|| panic!("no {name}: {page}"));
    rest.split_once('"').unwrap().0.to_owned()
}

/// The id that a new entry's form has.
async fn new_id(maria: &Person) -> String {
    hidden(&maria.reads(ENTRY).await, "id")
}

fn tried(question: &str) -> String {
    let words: String = url::form_urlencoded::byte_serialize(question.as_bytes()).collect();
    format!("{KNOWLEDGE}?try={words}")
}

/// The second of two who have read the same changes nothing, unless she has read what the first wrote.
async fn two_change_one_entry(maria: &Person, id: &str) {
    let answer = "Солярия больше нет.";
    let change = |was| {
        [
            ("id", id),
            ("questions", QUESTION),
            ("answer", answer),
            ("was", was),
            ("do", "save"),
        ]
    };
    let opened = format!("{ENTRY}?id={id}");
    let read = hidden(&maria.reads(&opened).await, "was");
    let more = format!("{QUESTION}\nМожно позагорать?");
    let colleague = [
        ("id", id),
        ("questions", &more),
        ("answer", ANSWER),
        ("was", &read),
        ("do", "save"),
    ];
    maria.has_done(ENTRY, &colleague).await;
    let unread = [("id", id), ("was", &read), ("do", "remove")];
    let kept = maria.does(ENTRY, &unread).await;
    assert_eq!(kept.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let outdated = maria.does(ENTRY, &change(&read)).await;
    assert_eq!(outdated.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let outdated = outdated.text().await.unwrap();
    let told = outdated.contains("изменил кто-то другой") && outdated.contains(answer);
    assert!(told, "{outdated}");
    // Who has read that may still decide for the own words.
    let now = hidden(&outdated, "was");
    maria.has_done(ENTRY, &change(&now)).await;
    let gone = |page: &str| page.contains("Солярия больше нет");
    maria.until(&tried(QUESTION), gone).await;
}

async fn an_unanswered_question_is_answered_from_then_on(on: On, roles: Vec<Vec<&'static str>>) {
    let firm = Firm::with(on, "", roles).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Manager).await;
    let (anna, oleg) = (7_801, 7_802);
    firm.sandbox.telegram_writes(anna, QUESTION).unwrap();
    firm.telegram_answer(anna, 0).await;

    // It is missed, and the box says what a customer would get.
    let gaps = "/console/knowledge/gaps";
    maria.until(gaps, |page| page.contains("солярий")).await;
    let calls = |page: &str| page.contains("Бот позовёт человека");
    maria.until(&tried(QUESTION), calls).await;

    // A look ahead writes nothing.
    let id = new_id(&maria).await;
    let typed = |act| {
        [
            ("id", id.as_str()),
            ("questions", QUESTION),
            ("answer", ANSWER),
            ("do", act),
        ]
    };
    let ahead = maria.does(ENTRY, &typed("preview")).await;
    assert_eq!(ahead.status(), StatusCode::OK);
    let ahead = ahead.text().await.unwrap();
    assert!(
        ahead.contains("change-new") || ahead.contains("новое"),
        "{ahead}"
    );
    assert!(ahead.contains("<ins>Да, солярий есть"), "{ahead}");
    assert!(calls(&maria.reads(&tried(QUESTION)).await));

    // What is sent twice is written once.
    for _ in 0..2 {
        maria.has_done(ENTRY, &typed("save")).await;
    }
    let says = |page: &str| page.contains("30 ₽ за минуту") && page.contains("Бот ответит сам");
    maria.until(&tried(QUESTION), says).await;
    firm.until_told(oleg, "солярий есть?", "полотенце").await;
    assert!(!maria.reads(gaps).await.contains("солярий"), "it is filled");
    let page = maria.reads(KNOWLEDGE).await;
    assert!(
        page.contains("написано здесь") && page.contains("проверил(а): Мария"),
        "{page}"
    );

    two_change_one_entry(&maria, &id).await;

    // Back to the first wording: a version of its own.
    let back = "/console/knowledge/rollback";
    maria.has_done(back, &[("version", "1")]).await;
    maria.until(&tried(QUESTION), says).await;
    let versions = maria.reads("/console/knowledge/versions").await;
    assert!(
        versions.contains("возврат к версии 1") && versions.contains("<td>4</td>"),
        "{versions}"
    );

    let opened = format!("{ENTRY}?id={id}");
    let read = hidden(&maria.reads(&opened).await, "was");
    let removed = [("id", id.as_str()), ("was", &read), ("do", "remove")];
    maria.has_done(ENTRY, &removed).await;
    maria.until(&tried(QUESTION), calls).await;
    let noted = firm.count("SELECT count(*) FROM events WHERE event LIKE '%knowledge_written%' AND event LIKE '%Мария%'");
    assert_eq!(noted, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unanswered_question_is_written_about() {
    an_unanswered_question_is_answered_from_then_on(On::Embedded, vec![vec!["run"]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_servers() {
    let roles = vec![vec!["gateway"], vec!["worker"]];
    an_unanswered_question_is_answered_from_then_on(On::servers("classic"), roles).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_is_looked_at_and_then_brought_in() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Manager).await;
    let prices = "услуга;цена\nЖенская стрижка;9 999\nСолярий, минута;30\n";

    let looked = maria.uploads("prices.csv", prices.as_bytes(), "look").await;
    assert!(looked.contains("Пока ничего не изменено"), "{looked}");
    assert!(
        looked.contains("противоречит") && looked.contains("2\u{a0}400"),
        "{looked}"
    );
    assert!(!maria.reads(KNOWLEDGE).await.contains("prices.csv"));

    let brought = maria
        .uploads("prices.csv", prices.as_bytes(), "bring")
        .await;
    assert!(brought.contains("версия 1"), "{brought}");
    maria
        .until(KNOWLEDGE, |page| page.contains("prices.csv"))
        .await;
    // Another document with an id of the first is refused, and says so.
    let ids = "id;вопрос;ответ\nparking-2;Где парковка?;Во дворе\n";
    maria.uploads("one.csv", ids.as_bytes(), "bring").await;
    let twice = maria.uploads("two.csv", ids.as_bytes(), "bring").await;
    assert!(twice.contains("нельзя, пока не исправлено"), "{twice}");
    let again = maria
        .uploads("prices.csv", prices.as_bytes(), "bring")
        .await;
    assert!(again.contains("Ничего нового"), "{again}");

    for (name, bytes) in [
        ("broken.xlsx", &b"PK\x03\x04nothing"[..]),
        ("empty.txt", &b" "[..]),
        ("../../etc/passwd", &b"root"[..]),
        (
            "staff",
            "<!doctype html><html><body><h2>Есть солярий?</h2><p>Нет.</p></body></html>".as_bytes(),
        ),
    ] {
        let refused = maria.uploads(name, bytes, "bring").await;
        assert!(refused.contains("class=\"problem\""), "{name}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_an_entry_is_told_and_not_kept() {
    let firm = Firm::with(On::Embedded, "", vec![vec!["run"]]).await;
    let maria = Person::joins(&firm, "maria", "Мария", Role::Manager).await;
    let id = new_id(&maria).await;
    let long = "а".repeat(3_501);
    for (id, question, answer, until) in [
        (id.as_str(), "", ANSWER, ""),
        (&id, QUESTION, " ", ""),
        (&id, QUESTION, &long, ""),
        (&id, QUESTION, ANSWER, "завтра"),
        ("service:haircut", QUESTION, ANSWER, ""),
        ("staff-7", QUESTION, ANSWER, ""),
    ] {
        let typed = [
            ("id", id),
            ("questions", question),
            ("answer", answer),
            ("valid_until", until),
            ("do", "save"),
        ];
        let refused = maria.does(ENTRY, &typed).await;
        assert!(
            refused.status().is_client_error(),
            "{id} {question} {until}"
        );
    }
    let versions = firm.count("SELECT count(*) FROM knowledge_versions");
    assert_eq!(versions, 0);
}
