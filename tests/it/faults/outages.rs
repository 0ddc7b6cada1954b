//! Servers and providers that go away and come back.

use std::sync::Arc;
use std::time::Duration;

use zapis_sandbox::{Call, CallFilter, Fault, FaultKind, Provider};

use super::checker::judge;
use super::crowd::Crowd;
use super::kill::BRISK;
use crate::support::firm::{Firm, On, PATIENCE, STAFF};
use crate::support::rabbit::Rabbit;

#[tokio::test]
async fn a_restarted_rabbitmq_loses_and_doubles_nothing() {
    let rabbit = Arc::new(Rabbit::private());
    let on = On::with_rabbit("quorum", &rabbit);
    let firm = Firm::with(on, "", vec![vec!["run"]]).await;
    let mut crowd = Crowd::new(1);

    crowd.write(&firm, 10);
    rabbit.restart();
    crowd.write(&firm, 10);
    crowd.chat(&firm).await;

    let verdict = judge(&firm, &crowd).await;
    assert!(verdict.messages >= 20, "{verdict:?}");
}

#[tokio::test]
async fn an_outage_of_redis_delays_answers_and_loses_none() {
    let on = On::servers("classic");
    let On::Servers(servers) = &on else {
        unreachable!()
    };
    let servers = Arc::clone(servers);
    let firm = Firm::with(on, "", vec![vec!["run"]]).await;
    let mut crowd = Crowd::new(2);

    crowd.write(&firm, 5);
    servers.redis.stop();
    crowd.write(&firm, 5);
    // The outage is over only after lanes have met it.
    firm.logged("The engines are not available").await;
    servers.redis.start();
    crowd.write(&firm, 5);

    let verdict = judge(&firm, &crowd).await;
    assert!(verdict.messages >= 15, "{verdict:?}");
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_costs_no_message_and_no_second_reply() {
    let on = On::servers("classic");
    let On::Servers(servers) = &on else {
        unreachable!()
    };
    let servers = Arc::clone(servers);
    let firm = Firm::with(on, BRISK, vec![vec!["run"]]).await;
    let mut crowd = Crowd::new(3);
    crowd.sessions_lost = true;
    crowd.unsettle(&firm);

    crowd.write(&firm, 10);
    crowd.chat(&firm).await;
    let answered = |calls: &[Call]| calls.iter().any(|call| call.accepted);
    let sent = CallFilter {
        method: Some("sendMessage".into()),
        ..CallFilter::default()
    };
    firm.sandbox.calls_until(&sent, PATIENCE, answered).await;
    crowd.write(&firm, 10);
    servers.redis.stop();
    servers.redis.forget();
    crowd.write(&firm, 5);
    firm.logged("The engines are not available").await;
    servers.redis.start();
    crowd.write(&firm, 5);

    Crowd::calm(&firm);
    let verdict = judge(&firm, &crowd).await;
    assert!(verdict.messages >= 25, "{verdict:?}");
}

#[tokio::test]
async fn a_postgresql_that_is_gone_for_ten_seconds_costs_a_delay_only() {
    let on = On::with_own_database();
    let On::Servers(servers) = &on else {
        unreachable!()
    };
    let servers = Arc::clone(servers);
    let firm = Firm::with(on, BRISK, vec![vec!["run"]]).await;
    let mut crowd = Crowd::new(4);
    let slow = Fault::new(Provider::Telegram, FaultKind::Slow { ms: 300 }).on("sendMessage");
    firm.sandbox.add_fault(slow);

    crowd.write(&firm, 10);
    firm.sandbox
        .calls_until(&CallFilter::default(), PATIENCE, |calls| {
            calls.iter().any(|call| call.method == "sendMessage")
        })
        .await;
    // With calls under way, whose outcome cannot be recorded for a while.
    servers.database.stop();
    crowd.write(&firm, 5);
    gone().await;
    servers.database.start();
    firm.sandbox.clear_faults();
    crowd.chat(&firm).await;
    crowd.write(&firm, 5);

    let verdict = judge(&firm, &crowd).await;
    assert!(verdict.messages >= 15, "{verdict:?}");
    assert_eq!(verdict.repeated_in_doubt, 0, "{}", firm.log());
}

#[tokio::test]
async fn a_locked_sqlite_file_costs_a_delay_only() {
    let firm = Firm::with(On::Embedded, BRISK, vec![vec!["run"]]).await;
    let mut crowd = Crowd::new(5);
    let slow = Fault::new(Provider::Telegram, FaultKind::Slow { ms: 300 }).on("sendMessage");
    firm.sandbox.add_fault(slow);

    crowd.write(&firm, 10);
    firm.sandbox
        .calls_until(&CallFilter::default(), PATIENCE, |calls| {
            calls.iter().any(|call| call.method == "sendMessage")
        })
        .await;
    let file = rusqlite::Connection::open(firm.data_dir().join("zapis.db")).unwrap();
    file.busy_timeout(PATIENCE).unwrap();
    file.execute_batch("BEGIN EXCLUSIVE").unwrap();
    crowd.write(&firm, 5);
    gone().await;
    file.execute_batch("ROLLBACK").unwrap();
    firm.sandbox.clear_faults();
    crowd.chat(&firm).await;
    crowd.write(&firm, 5);

    let verdict = judge(&firm, &crowd).await;
    assert!(verdict.messages >= 15, "{verdict:?}");
    assert_eq!(verdict.repeated_in_doubt, 0, "{}", firm.log());
}

/// How long the store is away. Not a synchronisation: the time is what is tested.
async fn gone() {
    tokio::time::sleep(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_messenger_that_is_down_gets_each_message_once_when_it_is_back() {
    let firm = Firm::open(On::Embedded).await;
    let down = FaultKind::Status {
        status: 503,
        html: true,
    };
    firm.sandbox.add_fault(
        Fault::new(Provider::Telegram, down)
            .on("sendMessage")
            .to("8101"),
    );

    firm.sandbox
        .telegram_writes(8_101, "Какой у вас адрес?")
        .unwrap();
    let tries = CallFilter {
        provider: Some(Provider::Telegram),
        method: Some("sendMessage".into()),
        recipient: Some("8101".into()),
        after: None,
    };
    firm.sandbox
        .calls_until(&tries, PATIENCE, |calls| calls.len() >= 2)
        .await;
    firm.sandbox.clear_faults();

    firm.telegram_answer(8_101, 0).await;
    let calls = firm.sandbox.calls(&tries);
    assert_eq!(
        calls.iter().filter(|call| call.accepted).count(),
        1,
        "{calls:#?}"
    );
}

#[tokio::test]
async fn a_limit_of_the_messenger_is_obeyed_and_nothing_overtakes() {
    let firm = Firm::open(On::Embedded).await;
    let slow_down = FaultKind::TooManyRequests { retry_after: 1 };
    firm.sandbox.add_fault(
        Fault::new(Provider::Telegram, slow_down)
            .on("sendMessage")
            .to("8102")
            .times(1),
    );

    firm.sandbox
        .telegram_writes(8_102, "Какой у вас адрес?")
        .unwrap();
    let first = firm.telegram_answer(8_102, 0).await;
    firm.sandbox
        .telegram_writes(8_102, "Сколько стоит мужская стрижка?")
        .unwrap();
    let second = firm.telegram_answer(8_102, 1).await;

    assert!(
        !first.contains('₽') && second.contains('₽'),
        "{first} / {second}"
    );
}

#[tokio::test]
async fn a_reply_whose_answer_was_lost_is_sent_once_more_at_most() {
    let firm = Firm::open(On::Embedded).await;
    let cut = Fault::new(Provider::Telegram, FaultKind::CutAfterAccept)
        .on("sendMessage")
        .to("8103");
    firm.sandbox.add_fault(cut);

    firm.sandbox
        .telegram_writes(8_103, "Какой у вас адрес?")
        .unwrap();

    let conversation = "telegram:main:8103".parse().unwrap();
    let store = firm.store().await;
    let mut entry = None;
    for _ in 0..1_800 {
        entry = store.ledger_of(&conversation).await.unwrap().pop();
        if entry.as_ref().is_some_and(|entry| entry.state == "failed") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let entry = entry.unwrap();
    assert_eq!(
        (entry.state.as_str(), entry.attempts),
        ("failed", 2),
        "{}",
        firm.log()
    );
    firm.staff_sees("не доставлено").await;
}

#[tokio::test]
async fn an_answer_under_way_is_not_sent_after_a_person_has_taken_over() {
    let more = "\n[dialogue]\ncoalesce_ms = 3000\ncoalesce_max_ms = 4000\n";
    let firm = Firm::with(On::Embedded, more, vec![vec!["run"]]).await;
    firm.sandbox
        .telegram_writes(8_104, "Позовите администратора")
        .unwrap();
    let topic = firm.staff_sees("Позовите").await;
    firm.telegram_answer(8_104, 0).await;

    firm.sandbox
        .telegram_writes(8_104, "Сколько стоит мужская стрижка?")
        .unwrap();
    firm.sandbox
        .staff_writes(STAFF, topic, "Здравствуйте, я Ольга")
        .unwrap();
    assert!(firm.telegram_answer(8_104, 1).await.contains("Ольга"));
    firm.staff_sees("Сколько стоит мужская").await;

    let lines = firm.sandbox.telegram_transcript(8_104, None);
    assert!(
        !lines
            .iter()
            .any(|line| line.from == "bot" && line.text.contains('₽')),
        "{lines:#?}"
    );
}
