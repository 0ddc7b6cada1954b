//! The queue in RabbitMQ, 3.10 or newer.
//!
//! A topic has one durable queue per partition, `zapis.{topic}.{partition}`, each with a single
//! active consumer. One connection publishes and one consumes; either is made anew when it breaks,
//! with everything on it, from the description in [`topology`]. Repeating what a broken connection
//! may have done already is safe: a message that is published twice has one id.

mod consumer;
mod line;
mod link;
mod members;
mod publisher;
mod topology;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lapin::protocol::AMQPError;
use lapin::{Error, ErrorKind};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Broker, BrokerError, Depth, Publish, Subscription, Topic};
use crate::config::EnginesConfig;
use crate::writer::Closed;
use link::Link;
use publisher::Publisher;
use topology::Topology;

/// How long anything but a publish may take: making sixteen replicated queues takes a while.
const PATIENCE: Duration = Duration::from_secs(30);

/// The queue in RabbitMQ.
pub struct RabbitBroker {
    partitions: u16,
    publisher: Arc<Publisher>,
    consuming: Arc<Link>,
    oldest: consumer::Oldest,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl fmt::Debug for RabbitBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RabbitBroker")
    }
}

impl RabbitBroker {
    /// Connects, and refuses partitions that the messages of a known topic do not fit.
    pub async fn open(config: &EnginesConfig, process: &str) -> Result<Self, BrokerError> {
        let topology = Topology {
            partitions: config.partitions.max(1),
            queue_type: config.queue_type,
        };
        let url = config.broker.expose();
        let publishing = Link::new(url, &format!("{process}, publishing"))?;
        let consuming = Link::new(url, &format!("{process}, consuming"))?;
        let broker = Self {
            partitions: topology.partitions,
            publisher: Arc::new(Publisher::new(publishing, topology)),
            consuming: Arc::new(consuming),
            oldest: consumer::Oldest::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        for topic in topology::KNOWN.map(Topic::named) {
            broker.patiently(broker.publisher.claim(&topic)).await?;
        }
        Ok(broker)
    }

    async fn patiently<T>(
        &self,
        work: impl Future<Output = Result<T, BrokerError>>,
    ) -> Result<T, BrokerError> {
        if self.stop.is_cancelled() {
            return Err(BrokerError::Unavailable(Closed.into()));
        }
        timeout(PATIENCE, work)
            .await
            .unwrap_or_else(|late| Err(BrokerError::Unavailable(late.into())))
    }
}

#[async_trait]
impl Broker for RabbitBroker {
    async fn publish(&self, messages: Vec<Publish>) -> Result<(), BrokerError> {
        if self.stop.is_cancelled() {
            return Err(BrokerError::Unavailable(Closed.into()));
        }
        if messages.is_empty() {
            return Ok(());
        }
        super::check_sizes(&messages)?;
        self.publisher.publish(&messages).await
    }

    async fn subscribe(&self, topic: &Topic, prefetch: u16) -> Result<Subscription, BrokerError> {
        let prefetch = prefetch.max(1);
        self.patiently(self.publisher.ensure(topic)).await?;
        let partitions = usize::from(self.partitions);
        // A window for each partition, and the word that it has to be given up.
        let (feed, incoming) = mpsc::channel((usize::from(prefetch) + 1) * partitions);
        let (guard, dropped) = oneshot::channel::<()>();
        let stop = self.stop.child_token();
        let subscriber = consumer::Subscriber {
            topic: topic.clone(),
            prefetch,
            partitions: self.partitions,
            publisher: Arc::clone(&self.publisher),
            link: Arc::clone(&self.consuming),
            feed,
            oldest: self.oldest.clone(),
            stop: stop.clone(),
        };
        members::start(subscriber, &self.tasks);
        self.tasks.spawn(async move {
            tokio::select! {
                _ = dropped => stop.cancel(),
                () = stop.cancelled() => {}
            }
        });
        Ok(Subscription { incoming, guard })
    }

    async fn depth(&self, topic: &Topic) -> Result<Depth, BrokerError> {
        let waiting = self.patiently(self.publisher.waiting(topic)).await?;
        Ok(Depth {
            waiting,
            in_hand: None,
            oldest_ms: self.oldest.age(topic),
        })
    }

    async fn check(&self) -> Result<(), BrokerError> {
        self.patiently(self.publisher.check()).await
    }

    async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.publisher.close().await;
        self.consuming.close().await;
    }
}

impl Drop for RabbitBroker {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The code that RabbitMQ gave with an error.
fn code(error: &Error) -> Option<u16> {
    amqp_error(error).map(AMQPError::get_id)
}

fn amqp_error(error: &Error) -> Option<&AMQPError> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error),
        _ => None,
    }
}

impl From<Error> for BrokerError {
    fn from(error: Error) -> Self {
        match (code(&error), amqp_error(&error)) {
            // Access refused, no such virtual host, a queue with other settings.
            (Some(403 | 406 | 530), Some(told)) => {
                Self::Refused(format!("RabbitMQ refuses: {}", told.get_message()))
            }
            _ => Self::Unavailable(error.into()),
        }
    }
}
