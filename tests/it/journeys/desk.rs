//! A person takes over, speaks to the customer, and gives the conversation back.

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
