//! A person takes over, speaks to the customer, and gives the conversation back.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::broker::{self, Incoming, Topic};
use zapis_core::config::EnginesConfig;
use zapis_core::message::{Content, ConversationId, Outbound, StaffCard, Urgency};
use zapis_core::store::{Escalation, Store};
use zapis_workers::desk::Desks;
use zapis_workers::remind_staff::RemindStaff;

use crate::support::firm::{Firm, On, PATIENCE};

#[tokio::test]
async fn the_bot_is_silent_from_a_persons_first_word_until_it_is_given_back() {
    let firm = Firm::open(On::Embedded).await;
    let anna = 7_002;

    firm.sandbox
        .telegram_writes(anna, "Позовите, пожалуйста, человека")
        .unwrap();
    firm.telegram_answer(anna, 0).await;
    let topic = firm.staff_sees("Позовите").await;
    assert!(
        topic.is_some(),
        "a forum gets a topic for each conversation"
    );

    let zapis = crate::support::firm::STAFF;
    firm.sandbox
        .staff_writes(zapis, topic, "Добрый день, это Мария. Чем помочь?")
        .unwrap();
    assert!(firm.telegram_answer(anna, 1).await.contains("Мария"));

    firm.sandbox
        .telegram_writes(anna, "Сколько стоит женская стрижка?")
        .unwrap();
    firm.staff_sees("Сколько стоит женская стрижка?").await;
    firm.sandbox.staff_writes(zapis, topic, "/bot").unwrap();
    firm.sandbox
        .telegram_writes(anna, "А какой у вас адрес?")
        .unwrap();
    firm.telegram_answer(anna, 2).await;

    let lines = firm.sandbox.telegram_until(anna, PATIENCE, |_| true).await;
    let prices = lines
        .iter()
        .filter(|line| line.from == "bot" && line.text.contains('₽'))
        .count();
    assert_eq!(
        prices, 0,
        "the bot spoke while a person had the conversation: {lines:#?}"
    );
}

#[tokio::test]
async fn a_call_that_nobody_answers_is_repeated_and_then_goes_to_the_owner() {
    let folder = TempDir::new().unwrap();
    let config = EnginesConfig {
        data_dir: folder.path().to_owned(),
        ..EnginesConfig::default()
    };
    let broker = broker::open(&config, "a test").await.unwrap();
    let store = format!("sqlite:{}", folder.path().join("zapis.db").display());
    let store = Store::open(&store).await.unwrap();
    let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
    let clock = Clock::fixed(now);
    let stop = CancellationToken::new();
    let remind = RemindStaff {
        store: store.clone(),
        broker: Arc::clone(&broker),
        desks: Desks::new(["telegram:main:-100".parse().unwrap()]),
        owner_after: TimeDelta::minutes(10),
        clock: clock.clone(),
    };
    tokio::spawn(remind.run(stop.clone()));
    let mut outbound = broker
        .subscribe(&Topic::outbound("telegram"), 10)
        .await
        .unwrap();
    let conversation: ConversationId = "webchat:site:anna".parse().unwrap();
    store
        .open_escalation(&call(&conversation, now))
        .await
        .unwrap();

    let mut urgencies = Vec::new();
    for minutes in [6, 11] {
        clock.advance(Duration::from_mins(minutes));
        let Some(Incoming::Message(delivery)) = outbound.incoming.recv().await else {
            panic!("the queue ended");
        };
        let messages: Vec<Outbound> = serde_json::from_slice(&delivery.body).unwrap();
        assert_eq!(messages[0].conversation.peer(), "-100");
        let Content::Card(card) = &messages[0].content else {
            panic!("no card")
        };
        urgencies.push(card.urgency);
    }

    assert_eq!(urgencies, [Urgency::Reminder, Urgency::Owner]);
    stop.cancel();
    assert!(
        store.close_escalation(&conversation, now).await.unwrap(),
        "it is open until a person answers"
    );
}

fn call(conversation: &ConversationId, now: DateTime<Utc>) -> Escalation {
    let card = StaffCard {
        about: conversation.clone(),
        name: "Анна".into(),
        phone: None,
        reason: "просит человека".into(),
        transcript: Vec::new(),
        hints: Vec::new(),
        urgency: Urgency::First,
    };
    Escalation {
        id: Uuid::from_u128(1),
        conversation: conversation.clone(),
        reason: card.reason.clone(),
        card: serde_json::to_value(&card).unwrap(),
        at: now,
        stage: 0,
        due: Some(now + TimeDelta::minutes(5)),
    }
}
