//! Publishing with confirms: messages go out one after another without waiting, on a channel that
//! is always the same for a partition, and the caller waits until all are confirmed and routed.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use lapin::message::BasicReturnMessage;
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, PublisherConfirm};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::PATIENCE;
use super::consumer::seconds_now;
use super::link::Link;
use super::topology::{Making, Topology};
use crate::broker::{BrokerError, Publish, Topic, partition_of};
use crate::crash;
use crate::trace::TraceParent;

/// How many channels share the work.
const CHANNELS: u16 = 4;
/// How many messages of a channel may be unconfirmed: quorum queues drain slowly behind more.
const WINDOW: usize = 64;
/// How long a publish waits for a connection …
const CONNECTING: Duration = Duration::from_secs(2);
/// … and then for its confirms. The connection is left alone then, because others wait for theirs on
/// it; one that is dead is found out by its heartbeat.
const PUBLISHING: Duration = Duration::from_secs(3);

/// The longest text that a short string of AMQP holds.
const SHORT: usize = 255;

/// Publishes.
pub(super) struct Publisher {
    link: Link,
    topology: Topology,
    wires: Mutex<Option<Arc<Wires>>>,
    /// Topics whose number of partitions is agreed.
    claimed: Mutex<HashSet<Topic>>,
    /// Topics whose queues were made, on whichever connection.
    made: Mutex<HashSet<Topic>>,
}

/// The channels of one connection and what is declared on it.
struct Wires {
    wires: Vec<Wire>,
    declared: Mutex<HashSet<Topic>>,
}

struct Wire {
    channel: Channel,
    window: Semaphore,
}

/// A message that is out and not confirmed.
struct Pending<'a> {
    confirm: PublisherConfirm,
    topic: &'a Topic,
    _place: SemaphorePermit<'a>,
}

/// What RabbitMQ said to a message, other than yes.
#[derive(Debug, thiserror::Error)]
enum NotTaken {
    #[error("RabbitMQ did not take a message")]
    Refused,
    #[error("a message had no queue to go to")]
    Unroutable,
}

impl Publisher {
    pub(super) fn new(link: Link, topology: Topology) -> Self {
        Self {
            link,
            topology,
            wires: Mutex::default(),
            claimed: Mutex::default(),
            made: Mutex::default(),
        }
    }

    /// Publishes all, or fails within a bounded time; some may be there then.
    pub(super) async fn publish(&self, messages: &[Publish]) -> Result<(), BrokerError> {
        let wires = match timeout(CONNECTING, self.wires()).await {
            Ok(wires) => wires?,
            Err(late) => return Err(BrokerError::Unavailable(late.into())),
        };
        // Making a topic's queues for the first time takes longer than a publish may.
        let known = {
            let made = self.made.lock().await;
            messages.iter().all(|message| made.contains(&message.topic))
        };
        let limit = if known { PUBLISHING } else { PATIENCE };
        match timeout(limit, self.publish_on(&wires, messages)).await {
            Ok(result) => result,
            Err(late) => {
                self.replace(&wires).await;
                Err(BrokerError::Unavailable(late.into()))
            }
        }
    }

    /// The next publish gets new channels. A replicated queue that had no leader yet when a channel
    /// first published to it may never confirm to that channel.
    async fn replace(&self, wires: &Arc<Wires>) {
        let mut current = self.wires.lock().await;
        if let Some(same) = &*current
            && Arc::ptr_eq(same, wires)
        {
            *current = None;
        }
    }

    async fn publish_on(&self, wires: &Wires, messages: &[Publish]) -> Result<(), BrokerError> {
        for message in messages {
            self.declare(wires, &message.topic).await?;
        }
        let mut pending = VecDeque::with_capacity(messages.len());
        for message in messages {
            let partition = partition_of(&message.key, self.topology.partitions);
            let wire = &wires.wires[usize::from(partition % CHANNELS)];
            let place = wires.place(wire, &mut pending).await?;
            let confirm = wire
                .channel
                .basic_publish(
                    "".into(),
                    Topology::queue(&message.topic, partition),
                    BasicPublishOptions {
                        mandatory: true,
                        ..BasicPublishOptions::default()
                    },
                    &message.body,
                    properties(message),
                )
                .await?;
            pending.push_back(Pending {
                confirm,
                topic: &message.topic,
                _place: place,
            });
            crash::point("queue.published_some");
        }
        for pending in pending {
            wires.confirmed(pending).await?;
        }
        Ok(())
    }

    /// Agrees with the other processes on a topic's partitions.
    pub(super) async fn claim(&self, topic: &Topic) -> Result<(), BrokerError> {
        let mut claimed = self.claimed.lock().await;
        if !claimed.contains(topic) {
            let making = Making::alone(&self.link).await?;
            self.topology.claim(&self.link, topic).await?;
            making.done().await?;
            claimed.insert(topic.clone());
        }
        Ok(())
    }

    /// Makes a topic's queues where they are missing.
    pub(super) async fn ensure(&self, topic: &Topic) -> Result<(), BrokerError> {
        let wires = self.wires().await?;
        self.declare(&wires, topic).await
    }

    /// A queue of the topic turned out to be missing.
    pub(super) async fn missing(&self, topic: &Topic) {
        if let Some(wires) = &*self.wires.lock().await {
            wires.declared.lock().await.remove(topic);
        }
    }

    /// How many messages wait in a topic.
    pub(super) async fn waiting(&self, topic: &Topic) -> Result<u64, BrokerError> {
        self.ensure(topic).await?;
        let channel = self.link.channel().await?;
        let mut waiting = 0;
        for partition in 0..self.topology.partitions {
            let queue = self.topology.declare(&channel, topic, partition).await?;
            waiting += u64::from(queue.message_count());
        }
        channel.close(200, "done".into()).await?;
        Ok(waiting)
    }

    /// Publishes a message to a queue that nobody else sees.
    pub(super) async fn check(&self) -> Result<(), BrokerError> {
        let channel = self.link.channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        let options = QueueDeclareOptions::exclusive().auto_delete();
        let queue = channel
            .queue_declare("".into(), options, FieldTable::default())
            .await?;
        let mandatory = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let confirm = channel
            .basic_publish(
                "".into(),
                queue.name().clone(),
                mandatory,
                b"{}",
                BasicProperties::default(),
            )
            .await?;
        taken(&confirm.await?)?;
        // It would stay as long as the connection: it never had a consumer whose going ends it.
        channel
            .queue_delete(queue.name().clone(), QueueDeleteOptions::default())
            .await?;
        Ok(channel.close(200, "done".into()).await?)
    }

    pub(super) async fn close(&self) {
        self.wires.lock().await.take();
        self.link.close().await;
    }

    /// Makes a topic's queues, once per connection.
    async fn declare(&self, wires: &Wires, topic: &Topic) -> Result<(), BrokerError> {
        let mut declared = wires.declared.lock().await;
        if declared.contains(topic) {
            return Ok(());
        }
        self.claim(topic).await?;
        let making = Making::alone(&self.link).await?;
        for partition in 0..self.topology.partitions {
            self.topology
                .declare(making.channel(), topic, partition)
                .await?;
        }
        making.done().await?;
        declared.insert(topic.clone());
        self.made.lock().await.insert(topic.clone());
        Ok(())
    }

    async fn wires(&self) -> Result<Arc<Wires>, BrokerError> {
        let mut current = self.wires.lock().await;
        if let Some(wires) = &*current
            && wires
                .wires
                .iter()
                .all(|wire| wire.channel.status().connected())
        {
            return Ok(Arc::clone(wires));
        }
        let mut wires = Vec::new();
        for _ in 0..CHANNELS {
            let channel = self.link.channel().await?;
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await?;
            wires.push(Wire {
                channel,
                window: Semaphore::new(WINDOW),
            });
        }
        let wires = Arc::new(Wires {
            wires,
            declared: Mutex::default(),
        });
        *current = Some(Arc::clone(&wires));
        Ok(wires)
    }
}

impl Wires {
    /// A place in the window. Who has messages out waits for one of its own first, so that no two
    /// callers wait for each other.
    async fn place<'a>(
        &self,
        wire: &'a Wire,
        pending: &mut VecDeque<Pending<'_>>,
    ) -> Result<SemaphorePermit<'a>, BrokerError> {
        loop {
            if let Ok(place) = wire.window.try_acquire() {
                return Ok(place);
            }
            let Some(oldest) = pending.pop_front() else {
                let place = wire.window.acquire().await;
                return place.map_err(|closed| BrokerError::Unavailable(closed.into()));
            };
            self.confirmed(oldest).await?;
        }
    }

    async fn confirmed(&self, pending: Pending<'_>) -> Result<(), BrokerError> {
        let confirmation = pending.confirm.await?;
        let result = taken(&confirmation);
        if result.is_err() {
            self.declared.lock().await.remove(pending.topic);
        }
        result
    }
}

fn taken(confirmation: &Confirmation) -> Result<(), BrokerError> {
    let why = match confirmation {
        Confirmation::Ack(None) => return Ok(()),
        Confirmation::Ack(Some(BasicReturnMessage { .. })) => NotTaken::Unroutable,
        Confirmation::Nack(_) | Confirmation::NotRequested => NotTaken::Refused,
    };
    Err(BrokerError::Unavailable(why.into()))
}

/// Names of the headers.
pub(super) const KEY: &str = "key";
pub(super) const ID: &str = "id";
pub(super) const TRACE: &str = "traceparent";

fn properties(message: &Publish) -> BasicProperties {
    let mut headers = FieldTable::default();
    let mut header = |name: &str, value: &str| {
        headers.insert(name.into(), AMQPValue::LongString(value.into()));
    };
    header(TRACE, TraceParent::as_str(&message.trace));
    header(KEY, &message.key);
    let mut properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_timestamp(seconds_now())
        .with_content_type("application/json".into());
    if message.id.len() <= SHORT {
        properties = properties.with_message_id(ShortString::from(message.id.as_str()));
    } else {
        header(ID, &message.id);
    }
    properties.with_headers(headers)
}
