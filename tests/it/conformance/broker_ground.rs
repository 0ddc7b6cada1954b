//! A queue engine with nothing in it, and short words to drive it with.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::time::timeout;
use zapis_core::broker::{
    self, Broker, BrokerError, Delivery, Incoming, Publish, Subscription, Topic,
};
use zapis_core::config::{EnginesConfig, QueueType, Secret};
use zapis_core::trace::TraceParent;

use crate::support::rabbit::Rabbit;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where an engine keeps what it holds; opening it again finds what was left.
pub(super) struct Ground {
    pub(super) config: EnginesConfig,
    _folder: TempDir,
}

impl Ground {
    pub(super) fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            config: EnginesConfig {
                data_dir: folder.path().to_owned(),
                partitions: 4,
                ..EnginesConfig::default()
            },
            _folder: folder,
        }
    }

    pub(super) fn quorum() -> Self {
        Self::at(&Rabbit::shared().vhost(), QueueType::Quorum)
    }

    pub(super) fn classic() -> Self {
        Self::at(&Rabbit::shared().vhost(), QueueType::Classic)
    }

    pub(super) fn at(url: &str, queue_type: QueueType) -> Self {
        let mut ground = Self::embedded();
        ground.config.broker = Secret::new(url);
        ground.config.queue_type = queue_type;
        ground
    }

    pub(super) async fn open(&self) -> Arc<dyn Broker> {
        self.try_open().await.unwrap()
    }

    pub(super) async fn try_open(&self) -> Result<Arc<dyn Broker>, BrokerError> {
        broker::open(&self.config, "a test").await
    }
}

pub(super) fn message(key: &str, n: usize) -> Publish {
    Publish {
        topic: Topic::inbound(),
        key: key.into(),
        id: format!("{key}/{n}"),
        body: Bytes::from(format!("{{\"n\":{n}}}")),
        trace: TraceParent::start(),
    }
}

pub(super) fn messages(key: &str, numbers: std::ops::Range<usize>) -> Vec<Publish> {
    numbers.map(|n| message(key, n)).collect()
}

/// The number in the id of a message that [`message`] made.
pub(super) fn number(id: &str) -> usize {
    id.rsplit('/').next().unwrap().parse().unwrap()
}

/// The next message. A partition that has to be given up is given up at once.
pub(super) async fn next(subscription: &mut Subscription) -> Delivery {
    loop {
        let incoming = timeout(PATIENCE, subscription.incoming.recv());
        match incoming.await.expect("a message within the patience") {
            Some(Incoming::Message(delivery)) => return delivery,
            Some(Incoming::Release { finished, .. }) => finished.send(()).unwrap(),
            None => panic!("the subscription ended"),
        }
    }
}

/// The ids of the next messages, each acknowledged.
pub(super) async fn finish(subscription: &mut Subscription, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let delivery = next(subscription).await;
        ids.push(delivery.id.clone());
        delivery.ack();
    }
    ids
}

/// Asks until the answer is the expected one; what is asked changes by itself, soon.
pub(super) async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            tokio::time::Instant::now() < until,
            "{what}: it did not happen"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
