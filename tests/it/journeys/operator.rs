//! What the engineer on call does: stop, start, ask what happened.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use serde_json::Value;
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::message::ConversationId;
use zapis_core::store::{DeadLetter, Parked};
use zapis_core::trace::TraceParent;

use crate::support::firm::{Firm, On, PATIENCE, STAFF};

#[tokio::test]
async fn a_gentle_stop_ends_well_and_the_next_start_goes_on() {
    let mut firm = Firm::open(On::Embedded).await;
    firm.sandbox
        .telegram_writes(7_101, "Какой у вас адрес?")
        .unwrap();
    firm.telegram_answer(7_101, 0).await;

    firm.stop().await;
    firm.sandbox
        .telegram_writes(7_101, "А сколько стоит мужская стрижка?")
        .unwrap();
    firm.start().await;

    assert!(firm.telegram_answer(7_101, 1).await.contains('₽'));
    let story = firm.command(&["trace", "telegram:main:7101"]);
    let story = String::from_utf8_lossy(&story.stdout).into_owned();
    for word in ["адрес", "₽", "sent"] {
        assert!(story.contains(word), "{word} is not in the story:\n{story}");
    }
}

#[tokio::test]
async fn the_story_of_a_conversation_is_whole_and_in_order_by_any_id_of_the_person() {
    let firm = Firm::open(On::Embedded).await;
    let (phone, alias) = ("79210000501", "whatsapp:main:79210000501");
    firm.sandbox
        .whatsapp_writes(phone, "Позовите, пожалуйста, человека")
        .unwrap();
    firm.whatsapp_answer(phone, 0).await;
    let topic = firm.staff_sees("Позовите").await;
    firm.sandbox
        .staff_writes(STAFF, topic, "Добрый день, это Мария")
        .unwrap();
    firm.whatsapp_answer(phone, 1).await;
    let store = firm.store().await;
    let conversation = firm.conversation(&store, &alias.parse().unwrap()).await;
    assert_ne!(conversation.as_str(), alias, "the phone is an alias");
    let waits = parked();
    let later = Clock::system().now() + TimeDelta::hours(1);
    store
        .park(
            "outbound.whatsapp",
            conversation.as_str(),
            std::slice::from_ref(&waits),
            later,
        )
        .await
        .unwrap();
    store.bury(&[letter(&conversation)]).await.unwrap();

    let told = story(&firm, alias, "delivery").await;

    let found: Vec<(&str, &str)> = told
        .iter()
        .map(|step| {
            (
                step["step"].as_str().unwrap(),
                step["kind"].as_str().unwrap(),
            )
        })
        .collect();
    let mut rest = found.iter();
    for wanted in [
        ("dead", "system"),
        ("journal", "inbound"),
        ("journal", "turn"),
        ("claim", "outbound"),
        ("journal", "outbound"),
        ("parked", "system"),
        ("owner", "system"),
    ] {
        assert!(rest.any(|step| *step == wanted), "{wanted:?} in {found:?}");
    }
    for wanted in [
        ("journal", "takeover"),
        ("journal", "handoff"),
        ("journal", "delivery"),
    ] {
        assert!(found.contains(&wanted), "{wanted:?} in {found:?}");
    }
    let of = |step: &str| told.iter().find(|one| one["step"] == step).unwrap();
    let claim = of("claim");
    assert_eq!(claim["attempts"], 1);
    assert!(claim["provider_id"].as_str().unwrap().starts_with("wamid."));
    assert!(
        claim["delivery"].is_string() && claim["trace_id"].is_string(),
        "{claim}"
    );
    assert_eq!(of("parked")["message_id"], "waits");
    assert_eq!(of("parked")["trace_id"], waits.trace.trace_id());
    assert_eq!(of("dead")["reason"], "unreadable");
    assert_eq!(of("owner")["owner"], "staff");
    let turn = told.iter().find(|one| one["kind"] == "turn").unwrap();
    assert!(turn["latency_ms"].as_i64().unwrap() >= 0 && turn["reason"].is_string());

    is_told_in_words(&firm, alias);
}

fn is_told_in_words(firm: &Firm, alias: &str) {
    let words = firm.command(&["trace", alias]);
    let words = String::from_utf8_lossy(&words.stdout).into_owned();
    for part in [
        "Known as whatsapp:main:",
        "because",
        "attempts 1",
        "Now a person has",
    ] {
        assert!(words.contains(part), "{part} is not in\n{words}");
    }
    let stranger = firm.command(&["trace", "whatsapp:main:79210009999"]);
    let stranger = String::from_utf8_lossy(&stranger.stdout).into_owned();
    assert_eq!(stranger, "Nothing is known of this conversation.\n");
}

/// The story, once it holds an event of this kind: the journal is written a little later.
async fn story(firm: &Firm, conversation: &str, kind: &str) -> Vec<Value> {
    let told = async {
        loop {
            let told = firm.command(&["trace", conversation, "--json"]);
            let story: Vec<Value> = serde_json::from_slice(&told.stdout).unwrap();
            if story.iter().any(|step| step["kind"] == kind) {
                return story;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.unwrap()
}

fn parked() -> Parked {
    Parked {
        seq: 0,
        id: "waits".into(),
        body: Bytes::from_static(b"[]"),
        trace: TraceParent::start(),
    }
}

fn letter(conversation: &ConversationId) -> DeadLetter {
    DeadLetter {
        id: Uuid::from_u128(6),
        topic: "inbound".into(),
        key: conversation.as_str().to_owned(),
        message_id: "m".into(),
        reason: "unreadable".into(),
        body: Vec::new(),
        at: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
    }
}
