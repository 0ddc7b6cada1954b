//! A customer asks and gets the right answer, or an honest one.

use uuid::Uuid;

use crate::support::firm::visitor::Visitor;
use crate::support::firm::{Firm, On};

/// The same questions on every channel.
async fn every_channel_answers_from_the_firms_knowledge(on: On) {
    let firm = Firm::open(on).await;

    firm.sandbox
        .telegram_writes(7_001, "Сколько стоит женская стрижка?")
        .unwrap();
    firm.sandbox
        .whatsapp_writes("79210000001", "какой у вас адрес?")
        .unwrap();
    let mut visitor = Visitor::open(&firm.url, None, 0).await.unwrap();
    let id = Uuid::new_v4().to_string();
    assert!(visitor.write(&id, "До скольки вы работаете?").await);

    assert_eq!(visitor.next_of("ack").await.unwrap()["id"], id.as_str());
    let hours = visitor.next_of("message").await.unwrap();
    assert_eq!(hours["from"], "bot");
    assert!(hours["text"].as_str().unwrap().contains("21"), "{hours}");
    let price = firm.telegram_answer(7_001, 0).await;
    assert!(price.contains('₽') || price.contains("руб"), "{price}");
    let address = firm.whatsapp_answer("79210000001", 0).await;
    assert!(
        address.contains("ул") || address.contains("пр") || address.contains("наб"),
        "{address}"
    );
}

#[tokio::test]
async fn every_channel_answers_on_embedded_engines() {
    every_channel_answers_from_the_firms_knowledge(On::Embedded).await;
}

#[tokio::test]
async fn every_channel_answers_on_rabbitmq_redis_and_postgresql() {
    every_channel_answers_from_the_firms_knowledge(On::servers("quorum")).await;
}

#[tokio::test]
async fn a_burst_of_messages_gets_one_answer() {
    // Long enough for a burst to be one on the busiest machine.
    let more = "\n[dialogue]\ncoalesce_ms = 5000\ncoalesce_max_ms = 9000\n";
    let firm = Firm::with(On::Embedded, more, vec![vec!["run"]]).await;

    for part in ["Здравствуйте", "а сколько у вас стоит", "мужская стрижка?"]
    {
        firm.sandbox.whatsapp_writes("79210000002", part).unwrap();
    }

    let answer = firm.whatsapp_answer("79210000002", 0).await;
    assert!(answer.contains('₽') || answer.contains("руб"), "{answer}");
    let store = firm.store().await;
    let address = "whatsapp:main:79210000002".parse().unwrap();
    let conversation = firm.conversation(&store, &address).await;
    assert_eq!(store.ledger_of(&conversation).await.unwrap().len(), 1);
}
