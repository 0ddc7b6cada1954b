//! Dead letters, parked lanes, attempts, and what a store does when its database is in trouble.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use uuid::Uuid;
use zapis_core::message::Fence;
use zapis_core::store::{Claimed, DeadLetter, Parked, Store, StoreError};
use zapis_core::trace::TraceParent;

use crate::conformance::store_ground::{Ground, at, conversation, message, on_both};

on_both!(
    attempts_are_counted_per_message_and_forgotten,
    a_dead_letter_is_there_once_with_its_newest_reason_and_any_bytes,
    dead_letters_are_shown_newest_first_and_can_be_retried_or_dropped,
    a_parked_lane_keeps_its_order_and_each_message_once,
    a_parked_lane_is_due_at_the_later_time_until_it_is_postponed,
    a_lane_is_forgotten_with_its_last_message,
    a_closed_store_is_unavailable,
    a_newer_schema_is_refused_with_a_reason,
    text_with_a_zero_character_is_kept_without_it,
);

fn letter(topic: &str, reason: &str, seconds: i64) -> DeadLetter {
    DeadLetter {
        id: Uuid::new_v4(),
        topic: topic.into(),
        key: "k".into(),
        message_id: "m".into(),
        reason: reason.into(),
        body: vec![0, 159, 146, 150],
        at: at(seconds),
    }
}

fn parked(id: &str) -> Parked {
    Parked {
        seq: 0,
        id: id.into(),
        body: Bytes::from(format!("body of {id}")),
        trace: TraceParent::start(),
    }
}

fn strings(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|&id| id.to_owned()).collect()
}

async fn lane(store: &Store) -> Vec<String> {
    let waiting = store.parked("t", "lane", 100).await.unwrap();
    waiting.into_iter().map(|one| one.id).collect()
}

async fn attempts_are_counted_per_message_and_forgotten(ground: Ground) {
    let store = ground.open().await;

    let mut counts = Vec::new();
    for (topic, id) in [("t", "1"), ("t", "1"), ("t", "2"), ("u", "1"), ("t", "1")] {
        counts.push(store.count_attempt(topic, id).await.unwrap());
    }
    store
        .forget_attempts("t", &strings(&["1", "9"]))
        .await
        .unwrap();
    store.forget_attempts("t", &[]).await.unwrap();

    assert_eq!(counts, [1, 2, 1, 1, 3]);
    assert_eq!(store.count_attempt("t", "1").await.unwrap(), 1);
    assert_eq!(store.count_attempt("t", "2").await.unwrap(), 2);
}

async fn a_dead_letter_is_there_once_with_its_newest_reason_and_any_bytes(ground: Ground) {
    let store = ground.open().await;
    let first = letter("inbound", "bad", 0);
    let repeat = DeadLetter {
        reason: "worse".into(),
        ..first.clone()
    };

    store.bury(std::slice::from_ref(&first)).await.unwrap();
    store
        .bury(&[first.clone(), letter("inbound", "other", 1), repeat.clone()])
        .await
        .unwrap();
    store.bury(&[]).await.unwrap();

    assert!(store.dead_letter(first.id).await.unwrap() == Some(repeat));
    assert_eq!(store.dead_count().await.unwrap(), 2);

    // What failed again while it was being retried stays.
    store.retry_dead(first.id).await.unwrap();
    store.bury(std::slice::from_ref(&first)).await.unwrap();
    store.drop_retried(first.id).await.unwrap();
    assert!(store.dead_letter(first.id).await.unwrap() == Some(first));
}

async fn dead_letters_are_shown_newest_first_and_can_be_retried_or_dropped(ground: Ground) {
    let store = ground.open().await;
    let letters: Vec<_> = (0..3).map(|n| letter("inbound", "bad", n)).collect();
    store.bury(&letters).await.unwrap();

    assert!(store.dead(2).await.unwrap() == [letters[2].clone(), letters[1].clone()]);
    assert!(store.retry_dead(letters[1].id).await.unwrap());
    assert!(store.dead_to_retry().await.unwrap() == [letters[1].clone()]);
    assert!(store.drop_dead(letters[1].id).await.unwrap());
    assert!(!store.drop_dead(letters[1].id).await.unwrap());
    assert!(!store.retry_dead(letters[1].id).await.unwrap());
    assert!(store.dead_to_retry().await.unwrap().is_empty());
}

async fn a_parked_lane_keeps_its_order_and_each_message_once(ground: Ground) {
    let store = ground.open().await;

    store
        .park("t", "lane", &[parked("3"), parked("1")], at(0))
        .await
        .unwrap();
    store
        .park("t", "lane", &[parked("1"), parked("2")], at(0))
        .await
        .unwrap();
    store
        .park("t", "other", &[parked("3")], at(0))
        .await
        .unwrap();
    store
        .park("u", "lane", &[parked("3")], at(0))
        .await
        .unwrap();

    assert_eq!(lane(&store).await, ["3", "1", "2"]);
    let first = store.parked("t", "lane", 1).await.unwrap();
    assert_eq!(first[0].body, "body of 3");
    assert_eq!(first.len(), 1);
}

async fn a_parked_lane_is_due_at_the_later_time_until_it_is_postponed(ground: Ground) {
    let store = ground.open().await;

    store
        .park("t", "lane", &[parked("1")], at(50))
        .await
        .unwrap();
    store
        .park("t", "lane", &[parked("2")], at(10))
        .await
        .unwrap();
    store
        .park("t", "soon", &[parked("1")], at(20))
        .await
        .unwrap();
    let before = store.parked_lanes("t").await.unwrap();
    store.postpone("t", "lane", at(15)).await.unwrap();
    store.postpone("t", "none", at(15)).await.unwrap();

    assert_eq!(
        before,
        [("soon".to_owned(), at(20)), ("lane".to_owned(), at(50))]
    );
    let after = store.parked_lanes("t").await.unwrap();
    assert_eq!(
        after,
        [("lane".to_owned(), at(15)), ("soon".to_owned(), at(20))]
    );
}

async fn a_lane_is_forgotten_with_its_last_message(ground: Ground) {
    let store = ground.open().await;
    store
        .park("t", "lane", &[parked("1"), parked("2"), parked("3")], at(0))
        .await
        .unwrap();

    assert!(
        !store
            .unpark("t", "lane", &strings(&["1", "3"]))
            .await
            .unwrap()
    );
    assert_eq!(lane(&store).await, ["2"]);
    assert!(
        store
            .unpark("t", "lane", &strings(&["2", "3"]))
            .await
            .unwrap()
    );
    assert!(store.parked_lanes("t").await.unwrap().is_empty());
    assert!(store.unpark("t", "lane", &[]).await.unwrap());
}

async fn a_closed_store_is_unavailable(ground: Ground) {
    let store = ground.open().await;
    let chat = conversation("1");
    store.check().await.unwrap();

    store.close().await;

    let claim = store.claim(&[message("1", Fence::Staff)], at(0)).await;
    assert!(matches!(claim, Err(StoreError::Unavailable(_))));
    let read = store.ownership(&chat, at(0)).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))));
}

async fn a_newer_schema_is_refused_with_a_reason(ground: Ground) {
    ground.open().await.close().await;
    ground.sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         SELECT 9000, description, success, checksum, execution_time FROM _sqlx_migrations LIMIT 1",
    );

    let error = ground.try_open().await.unwrap_err();

    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert!(error.to_string().contains("schema 9000"), "{error}");
}

async fn text_with_a_zero_character_is_kept_without_it(ground: Ground) {
    let store = ground.open().await;

    store.set_value("a\0b", "c\0d").await.unwrap();

    assert_eq!(store.value("a\0b").await.unwrap().unwrap(), "c\u{fffd}d");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_works_on_after_its_connections_to_postgresql_were_cut() {
    let ground = Ground::postgres();
    let store = ground.open().await;
    let Ground::Postgres(database) = &ground else {
        unreachable!()
    };
    for round in 0..5 {
        // Several connections are open now.
        let reads = (0..10).map(|_| store.value("offset"));
        join_all(reads)
            .await
            .into_iter()
            .for_each(|read| drop(read.unwrap()));

        database.cut();

        let request = message(&round.to_string(), Fence::Reply { epoch: 0 });
        assert_eq!(store.claim(&[request], at(0)).await.unwrap(), [Claimed::Go]);
        store.set_value("offset", "1").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_another_program_keeps_for_itself_is_unavailable_and_then_works() {
    let ground = Ground::sqlite();
    let store = ground.open().await;
    let Ground::Sqlite(folder) = &ground else {
        unreachable!()
    };
    let other = rusqlite::Connection::open(folder.path().join("new/z.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let blocked = store.set_value("a", "1").await;
    other.execute_batch("ROLLBACK").unwrap();

    assert!(
        matches!(blocked, Err(StoreError::Unavailable(_))),
        "{blocked:?}"
    );
    store.set_value("a", "1").await.unwrap();
}

#[tokio::test]
async fn an_address_that_cannot_work_is_refused_without_showing_it() {
    for url in [
        "mysql://secret@host/db",
        "secret",
        "postgres://user:secret@[bad/db",
        "sqlite:/proc/secret/z.db",
    ] {
        let opened = tokio::time::timeout(Duration::from_secs(30), Store::open(url)).await;
        let error = opened.unwrap().unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "{url}: {error:?}");
        let shown = format!("{error} {error:?}");
        assert!(
            url.starts_with("sqlite") || !shown.contains("secret"),
            "{shown}"
        );
    }
}
