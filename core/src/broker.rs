//! The queue: where accepted messages wait until they are finished.
//!
//! What an engine promises (one conformance suite holds all engines to it):
//!
//! 1. [`Broker::publish`] returns `Ok` only when every message is durable: written and synced by
//!    the embedded engine, confirmed and routed by RabbitMQ. After an error some may be there.
//! 2. Messages with one key arrive in the order of publishing, at one consumer at a time: a topic
//!    has N partitions, a key belongs to one of them by a stable hash, and a partition is consumed
//!    by one subscription of the whole installation.
//! 3. A message that was not acknowledged comes again, before later ones of its partition, when
//!    its subscription ends, its process dies or the broker restarts; `redelivered` is then true.
//! 4. Engines recover by themselves after a broker restart, topology and consumers included.
//!
//! Engines do not retry, count attempts or set aside: [`crate::lanes`] does that above them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};

use crate::config::EnginesConfig;
use crate::trace::TraceParent;

pub mod embedded;
pub mod rabbit;

/// The largest body that a queue takes. RabbitMQ closes the channel on what is too large for it,
/// and with it everybody else's publishes.
pub const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// A queue by name: `inbound`, `outbound.{channel}`, `crm`, `journal`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

impl Topic {
    /// What customers did.
    pub fn inbound() -> Self {
        Self("inbound".into())
    }

    /// What to send over a channel.
    pub fn outbound(channel: &str) -> Self {
        Self(format!("outbound.{channel}").into())
    }

    /// Lines for the journal.
    pub fn journal() -> Self {
        Self("journal".into())
    }

    /// What the CRM is to be told.
    pub fn crm() -> Self {
        Self("crm".into())
    }

    /// A topic by its name, as stored with a dead or parked message.
    pub fn named(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A message to leave in a queue.
#[derive(Clone)]
pub struct Publish {
    /// Where.
    pub topic: Topic,
    /// What keeps its order: a conversation id, a customer id.
    pub key: String,
    /// Names the message: the same work has the same id.
    pub id: String,
    /// JSON.
    pub body: Bytes,
    /// Travels in the header `traceparent`.
    pub trace: TraceParent,
}

impl fmt::Debug for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publish({}, {} B)", self.topic.as_str(), self.body.len())
    }
}

/// The partition of a key among `partitions`: stable over versions and machines.
pub fn partition_of(key: &str, partitions: u16) -> u16 {
    let hash = Sha256::digest(key.as_bytes());
    let number = u64::from_be_bytes([
        hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7],
    ]);
    u16::try_from(number % u64::from(partitions.max(1))).unwrap_or_default()
}

/// A message handed out.
pub struct Delivery {
    /// As published.
    pub key: String,
    /// As published.
    pub id: String,
    /// As published.
    pub body: Bytes,
    /// As published; a new trace where there was none.
    pub trace: TraceParent,
    /// Which partition it came from.
    pub partition: u16,
    /// Whether it may have been handed out before.
    pub redelivered: bool,
    /// Set by the engine once it no longer counts as handed out to us (connection lost,
    /// partition given up): somebody else gets it, so do not start on it.
    pub revoked: Arc<AtomicBool>,
    /// Tells the engine that the message is finished.
    pub acknowledge: Box<dyn FnOnce() + Send + Sync>,
}

impl Delivery {
    /// The message is finished; the engine forgets it soon (acknowledgements are batched).
    /// A delivery that is dropped instead stays with this subscription until it ends.
    pub fn ack(self) {
        (self.acknowledge)();
    }

    /// Whether somebody else gets this message now.
    pub fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Delivery(partition {}, {} B)",
            self.partition,
            self.body.len()
        )
    }
}

/// What a subscription hands out.
#[derive(Debug)]
pub enum Incoming {
    /// A message.
    Message(Delivery),
    /// This partition goes to another worker: start nothing more from it, finish what runs, then
    /// say so. What was handed out and not acknowledged by then goes to the other worker.
    Release {
        /// Which partition.
        partition: u16,
        /// Say so here.
        finished: oneshot::Sender<()>,
    },
}

/// A stream of a topic's messages, from the partitions that this process holds. It does not end
/// while the broker lives; dropping it gives everything unacknowledged back.
#[derive(Debug)]
pub struct Subscription {
    /// In order per partition. `None` after the broker was closed.
    pub incoming: mpsc::Receiver<Incoming>,
    /// Dropped with the subscription: the engine then stops feeding it.
    pub guard: oneshot::Sender<()>,
}

/// How much waits in a topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Not handed out.
    pub waiting: u64,
    /// Handed out and not acknowledged, where the engine can tell.
    pub in_hand: Option<u64>,
    /// Age of the oldest unfinished message in milliseconds; RabbitMQ tells only of what this process
    /// has in hand.
    pub oldest_ms: Option<u64>,
}

/// Why the queue did not do it.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Not now: down, restarting, disk full. Try again; nothing is wrong with the message.
    #[error("the queue is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An operator must act: wrong address, wrong password, changed partitions.
    #[error("{0}")]
    Refused(String),
}

/// A queue engine.
#[async_trait]
pub trait Broker: Send + Sync + fmt::Debug {
    /// Leaves messages. Returns when all of them are durable; those with one key keep their order.
    async fn publish(&self, messages: Vec<Publish>) -> Result<(), BrokerError>;

    /// Starts consuming a topic. `prefetch` bounds what is handed out and unacknowledged per
    /// partition. The topic's queues are made if they are missing.
    async fn subscribe(&self, topic: &Topic, prefetch: u16) -> Result<Subscription, BrokerError>;

    /// How much waits, for metrics and for `check`.
    async fn depth(&self, topic: &Topic) -> Result<Depth, BrokerError>;

    /// Proves that a message could be taken now.
    async fn check(&self) -> Result<(), BrokerError>;

    /// Writes its file anew, so that nothing that is finished is left in it; an engine without files of ours
    /// does nothing.
    async fn compact(&self) -> Result<(), BrokerError> {
        Ok(())
    }

    /// Flushes acknowledgements and lets go of everything. Subscriptions end.
    async fn close(&self);
}

/// Opens the queue that the configuration names. `process` says who we are, e.g. `zapis run`: it is
/// shown to whoever finds an embedded queue in use, and in RabbitMQ's list of connections.
pub async fn open(config: &EnginesConfig, process: &str) -> Result<Arc<dyn Broker>, BrokerError> {
    if config.embedded_broker() {
        let broker = embedded::EmbeddedBroker::open(&config.data_dir, config.partitions, process)?;
        return Ok(Arc::new(broker));
    }
    let broker = rabbit::RabbitBroker::open(config, process).await?;
    Ok(Arc::new(broker))
}

fn check_sizes(messages: &[Publish]) -> Result<(), BrokerError> {
    match messages.iter().map(|message| message.body.len()).max() {
        Some(size) if size > LARGEST_BODY => Err(BrokerError::Refused(format!(
            "a message of {size} bytes is too large for the queue, which takes {LARGEST_BODY}"
        ))),
        _ => Ok(()),
    }
}

fn changed_partitions(before: i64, now: u16, held: i64) -> BrokerError {
    BrokerError::Refused(format!(
        "engines.partitions is {now}, but the queue holds {held} messages in {before} partitions; \
         set it back to {before}, let the workers finish them, and change it then"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_partition_for_ever() {
        // A changed value would tear conversations apart in an installation that is upgraded.
        assert_eq!(
            partition_of("telegram:main:1", 16),
            partition_of("telegram:main:1", 16)
        );
        let used: std::collections::BTreeSet<u16> = (0..1_000)
            .map(|n| partition_of(&format!("webchat:site:{n}"), 16))
            .collect();
        assert_eq!(used.len(), 16);
    }
}
