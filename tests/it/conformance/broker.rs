//! What every queue engine promises.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures::future::join_all;
use zapis_core::broker::{BrokerError, LARGEST_BODY, Topic, partition_of};

use super::broker_ground::{Ground, eventually, finish, message, messages, next, number};

/// Runs each promise on each engine, on fresh ground.
macro_rules! on_every_engine {
    ($($promise:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(super::Ground::embedded()).await;
            })*
        }

        mod quorum {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(super::Ground::quorum()).await;
            })*
        }

        mod classic {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(super::Ground::classic()).await;
            })*
        }
    };
}

on_every_engine!(
    a_message_arrives_as_it_was_published,
    messages_of_a_key_arrive_in_order_whoever_else_publishes,
    what_was_not_acknowledged_comes_again_before_later_ones,
    what_was_not_acknowledged_survives_a_new_start,
    an_acknowledgement_after_the_end_of_a_subscription_does_not_count,
    prefetch_bounds_what_is_handed_out_per_partition,
    a_backlog_larger_than_the_window_comes_whole_and_in_order,
    every_message_reaches_one_of_two_subscriptions,
    the_next_subscription_goes_on_where_the_last_one_ended,
    topics_are_kept_apart,
    the_depth_tells_what_waits,
    a_closed_queue_says_so,
    a_message_that_is_too_large_is_refused_alone,
    changed_partitions_are_refused_while_messages_are_held,
);

async fn a_message_arrives_as_it_was_published(ground: Ground) {
    let broker = ground.open().await;
    broker.check().await.unwrap();
    let mut subscription = broker.subscribe(&Topic::inbound(), 10).await.unwrap();
    let mut sent = message("telegram:main:Ж 👋", 1);
    sent.body = Bytes::from_static("{\"текст\":\"\\u0000 👋\"}".as_bytes());

    broker.publish(vec![sent.clone()]).await.unwrap();

    let got = next(&mut subscription).await;
    assert_eq!(got.key, sent.key);
    assert_eq!(got.id, sent.id);
    assert_eq!(got.body, sent.body);
    assert_eq!(got.trace, sent.trace);
    assert_eq!(got.partition, partition_of(&sent.key, 4));
    assert!(!got.redelivered);
    assert!(!got.is_revoked());
}

async fn messages_of_a_key_arrive_in_order_whoever_else_publishes(ground: Ground) {
    const KEYS: usize = 12;
    const EACH: usize = 40;
    let broker = ground.open().await;
    let mut subscription = broker.subscribe(&Topic::inbound(), 16).await.unwrap();
    let publishers = (0..KEYS).map(|k| {
        let broker = broker.clone();
        tokio::spawn(async move {
            let key = format!("key {k}");
            for n in (0..EACH).step_by(4) {
                broker.publish(messages(&key, n..n + 4)).await.unwrap();
            }
        })
    });
    let publishers: Vec<_> = publishers.collect();

    let ids = finish(&mut subscription, KEYS * EACH).await;

    join_all(publishers).await;
    let mut by_key: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for id in &ids {
        by_key
            .entry(id.split('/').next().unwrap())
            .or_default()
            .push(number(id));
    }
    assert_eq!(by_key.len(), KEYS);
    for (key, numbers) in by_key {
        assert_eq!(numbers, (0..EACH).collect::<Vec<_>>(), "{key}");
    }
}

async fn what_was_not_acknowledged_comes_again_before_later_ones(ground: Ground) {
    let broker = ground.open().await;
    broker.publish(messages("k", 0..6)).await.unwrap();
    let mut subscription = broker.subscribe(&Topic::inbound(), 4).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(next(&mut subscription).await);
    }
    // The second and the fourth of the window are finished out of order.
    held.remove(3).ack();
    held.remove(1).ack();
    // Acknowledged messages make room, so these two prove that the engine knows of it.
    assert_eq!(number(&next(&mut subscription).await.id), 4);
    assert_eq!(number(&next(&mut subscription).await.id), 5);
    eventually("the acknowledgements", || async {
        let depth = broker.depth(&Topic::inbound()).await.unwrap();
        (depth.waiting == 0).then_some(())
    })
    .await;

    drop(subscription);
    broker.publish(vec![message("k", 6)]).await.unwrap();

    let mut subscription = broker.subscribe(&Topic::inbound(), 10).await.unwrap();
    let mut again = Vec::new();
    for _ in 0..5 {
        let delivery = next(&mut subscription).await;
        again.push((number(&delivery.id), delivery.redelivered));
        delivery.ack();
    }
    assert_eq!(
        again,
        [(0, true), (2, true), (4, true), (5, true), (6, false)]
    );
    assert!(held.iter().all(zapis_core::broker::Delivery::is_revoked));
}

async fn what_was_not_acknowledged_survives_a_new_start(ground: Ground) {
    let broker = ground.open().await;
    broker.publish(messages("k", 0..5)).await.unwrap();
    let mut subscription = broker.subscribe(&Topic::inbound(), 10).await.unwrap();
    finish(&mut subscription, 2).await;
    let held = next(&mut subscription).await;
    broker.close().await;
    drop((broker, subscription, held));

    let broker = ground.open().await;
    let mut subscription = broker.subscribe(&Topic::inbound(), 10).await.unwrap();

    let again = next(&mut subscription).await;
    assert_eq!((number(&again.id), again.redelivered), (2, true));
    again.ack();
    let rest = finish(&mut subscription, 2).await;
    assert_eq!(rest, ["k/3", "k/4"]);
    broker.publish(vec![message("k", 5)]).await.unwrap();
    assert_eq!(finish(&mut subscription, 1).await, ["k/5"]);
}

async fn an_acknowledgement_after_the_end_of_a_subscription_does_not_count(ground: Ground) {
    let broker = ground.open().await;
    broker.publish(messages("k", 0..1)).await.unwrap();
    let mut first = broker.subscribe(&Topic::inbound(), 10).await.unwrap();
    let late = next(&mut first).await;
    drop(first);
    let mut second = broker.subscribe(&Topic::inbound(), 10).await.unwrap();
    let held = next(&mut second).await;
    assert!(late.is_revoked());
    assert!(!held.is_revoked());

    late.ack();
    broker.publish(messages("k", 1..2)).await.unwrap();
    assert_eq!(number(&next(&mut second).await.id), 1);
    drop(second);

    let mut third = broker.subscribe(&Topic::inbound(), 10).await.unwrap();
    assert_eq!(finish(&mut third, 2).await, ["k/0", "k/1"]);
}

async fn prefetch_bounds_what_is_handed_out_per_partition(ground: Ground) {
    let broker = ground.open().await;
    let other = (0..1_000)
        .map(|n| format!("other {n}"))
        .find(|key| partition_of(key, 4) != partition_of("k", 4))
        .unwrap();
    let mut subscription = broker.subscribe(&Topic::inbound(), 3).await.unwrap();
    broker.publish(messages("k", 0..10)).await.unwrap();
    let mut held = Vec::new();
    for n in 0..3 {
        held.push(next(&mut subscription).await);
        assert_eq!(held[n].id, format!("k/{n}"));
    }

    // Another partition has a window of its own, and the full one stays shut.
    broker.publish(vec![message(&other, 0)]).await.unwrap();
    assert_eq!(next(&mut subscription).await.id, format!("{other}/0"));
    eventually("seven wait", || async {
        let depth = broker.depth(&Topic::inbound()).await.unwrap();
        (depth.waiting == 7).then_some(())
    })
    .await;
    assert!(subscription.incoming.try_recv().is_err());

    held.remove(0).ack();
    assert_eq!(next(&mut subscription).await.id, "k/3");
}

async fn a_backlog_larger_than_the_window_comes_whole_and_in_order(ground: Ground) {
    let broker = ground.open().await;
    for start in (0..600).step_by(100) {
        broker
            .publish(messages("k", start..start + 100))
            .await
            .unwrap();
    }
    let mut subscription = broker.subscribe(&Topic::inbound(), 7).await.unwrap();

    let ids = finish(&mut subscription, 600).await;

    let numbers: Vec<_> = ids.iter().map(|id| number(id)).collect();
    assert_eq!(numbers, (0..600).collect::<Vec<_>>());
}

async fn every_message_reaches_one_of_two_subscriptions(ground: Ground) {
    const COUNT: usize = 200;
    let broker = ground.open().await;
    let mut one = broker.subscribe(&Topic::inbound(), 5).await.unwrap();
    let mut two = broker.subscribe(&Topic::inbound(), 5).await.unwrap();
    for n in 0..COUNT {
        let key = format!("key {}", n % 20);
        broker.publish(vec![message(&key, n)]).await.unwrap();
    }

    let mut got: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    let mut seen = 0;
    while seen < COUNT {
        let delivery = tokio::select! {
            delivery = next(&mut one) => delivery,
            delivery = next(&mut two) => delivery,
        };
        if delivery.is_revoked() {
            continue;
        }
        let numbers = got.entry(delivery.key.clone()).or_default();
        let n = number(&delivery.id);
        assert!(
            numbers.last().is_none_or(|last| *last < n) || delivery.redelivered,
            "out of order"
        );
        seen += usize::from(numbers.insert(n));
        delivery.ack();
    }
    assert_eq!(got.values().map(BTreeSet::len).sum::<usize>(), COUNT);
}

async fn the_next_subscription_goes_on_where_the_last_one_ended(ground: Ground) {
    let broker = ground.open().await;
    let mut one = broker.subscribe(&Topic::inbound(), 5).await.unwrap();
    broker.publish(messages("k", 0..4)).await.unwrap();
    assert_eq!(finish(&mut one, 2).await, ["k/0", "k/1"]);
    let held = next(&mut one).await;
    assert_eq!(held.id, "k/2");

    let mut two = broker.subscribe(&Topic::inbound(), 5).await.unwrap();
    drop(one);

    let again = next(&mut two).await;
    assert_eq!((again.id.as_str(), again.redelivered), ("k/2", true));
    again.ack();
    assert_eq!(finish(&mut two, 1).await, ["k/3"]);
}

async fn topics_are_kept_apart(ground: Ground) {
    let broker = ground.open().await;
    let mut reply = message("k", 1);
    reply.topic = Topic::outbound("telegram");
    broker.publish(vec![message("k", 0), reply]).await.unwrap();

    let mut outbound = broker
        .subscribe(&Topic::outbound("telegram"), 5)
        .await
        .unwrap();
    assert_eq!(finish(&mut outbound, 1).await, ["k/1"]);
    let mut inbound = broker.subscribe(&Topic::inbound(), 5).await.unwrap();
    assert_eq!(finish(&mut inbound, 1).await, ["k/0"]);
}

async fn the_depth_tells_what_waits(ground: Ground) {
    let broker = ground.open().await;
    let depth = broker.depth(&Topic::inbound()).await.unwrap();
    assert_eq!((depth.waiting, depth.oldest_ms), (0, None));

    for n in 0..9 {
        broker
            .publish(vec![message(&format!("key {n}"), n)])
            .await
            .unwrap();
    }

    eventually("nine wait", || async {
        let depth = broker.depth(&Topic::inbound()).await.unwrap();
        (depth.waiting == 9).then_some(())
    })
    .await;
}

async fn a_closed_queue_says_so(ground: Ground) {
    let broker = ground.open().await;
    let mut subscription = broker.subscribe(&Topic::inbound(), 5).await.unwrap();

    broker.close().await;

    assert!(subscription.incoming.recv().await.is_none());
    let error = broker.publish(messages("k", 0..1)).await.unwrap_err();
    assert!(matches!(error, BrokerError::Unavailable(_)), "{error}");
    assert!(broker.check().await.is_err());
    assert!(broker.subscribe(&Topic::inbound(), 5).await.is_err());
}

async fn a_message_that_is_too_large_is_refused_alone(ground: Ground) {
    let broker = ground.open().await;
    let mut large = message("k", 0);
    large.body = Bytes::from(vec![b'1'; LARGEST_BODY + 1]);

    let error = broker.publish(vec![large.clone()]).await.unwrap_err();

    assert!(matches!(error, BrokerError::Refused(_)), "{error}");
    large.body.truncate(LARGEST_BODY);
    broker.publish(vec![large.clone()]).await.unwrap();
    let mut subscription = broker.subscribe(&Topic::inbound(), 5).await.unwrap();
    assert_eq!(next(&mut subscription).await.body.len(), LARGEST_BODY);
}

async fn changed_partitions_are_refused_while_messages_are_held(mut ground: Ground) {
    let broker = ground.open().await;
    broker.publish(messages("k", 0..2)).await.unwrap();
    broker.close().await;
    drop(broker);

    ground.config.partitions = 8;
    let error = ground.try_open().await.unwrap_err();
    assert!(matches!(error, BrokerError::Refused(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("set it back to 4"), "{text}");

    ground.config.partitions = 4;
    let broker = ground.open().await;
    let mut subscription = broker.subscribe(&Topic::inbound(), 5).await.unwrap();
    finish(&mut subscription, 2).await;
    broker.close().await;
    drop((broker, subscription));

    ground.config.partitions = 8;
    let broker = ground.open().await;
    let mut subscription = broker.subscribe(&Topic::inbound(), 5).await.unwrap();
    broker.publish(messages("k", 2..4)).await.unwrap();
    let delivery = next(&mut subscription).await;
    assert_eq!(delivery.partition, partition_of("k", 8));
}

#[tokio::test]
async fn a_second_process_on_one_data_folder_is_refused() {
    let ground = Ground::embedded();
    let _first = ground.open().await;

    let error = ground.try_open().await.unwrap_err();

    assert!(matches!(error, BrokerError::Refused(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("a test, process"), "{text}");
    assert!(text.contains("engines.data_dir"), "{text}");
}
