//! What needs the file itself: a full disk.

use super::*;

fn message(n: usize) -> Publish {
    Publish {
        topic: Topic::inbound(),
        key: "one".into(),
        id: n.to_string(),
        body: bytes::Bytes::from(vec![b'x'; 4_096]),
        trace: crate::trace::TraceParent::start(),
    }
}

#[tokio::test]
async fn a_full_disk_refuses_whole_publishes_and_takes_them_again_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let lock = DataLock::take(folder.path(), "queue", "test").unwrap();
    let file = writer::open(&folder.path().join("queue.db"), queue::SCHEMA).unwrap();
    file.pragma_update(None, "max_page_count", 40).unwrap();
    let broker = EmbeddedBroker::with_file(file, lock, 4).unwrap();
    let mut accepted = 0;
    let error = loop {
        let pair = vec![message(accepted), message(accepted + 1)];
        match broker.publish(pair).await {
            Ok(()) => accepted += 2,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, BrokerError::Unavailable(_)), "{error}");
    assert!(accepted > 0);

    // A message that fits in half of what is left must not stay behind from a refused pair.
    let depth = broker.depth(&Topic::inbound()).await.unwrap();
    assert_eq!(depth.waiting, accepted as u64);
    let mut subscription = broker.subscribe(&Topic::inbound(), 100).await.unwrap();
    for n in 0..accepted {
        let Some(super::super::Incoming::Message(delivery)) = subscription.incoming.recv().await
        else {
            panic!("the subscription ended");
        };
        assert_eq!(delivery.id, n.to_string());
        delivery.ack();
    }
    broker.publish(vec![message(0)]).await.unwrap();
}
