//! Which queues there are, and that all processes agree on their number.
//!
//! RabbitMQ refuses to declare a queue again with another argument, and says which one it has. So
//! the number of a topic's partitions is kept as an argument of an empty queue of its own,
//! `zapis.{topic}.partitions`: whoever declares it agrees with everybody else, or learns the
//! number that the others use.

use std::time::Duration;

use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Queue, Result};
use tokio::time::sleep;
use tracing::info;

use super::link::Link;
use super::{amqp_error, code};
use crate::broker::{BrokerError, Topic, changed_partitions};
use crate::config::QueueType;

/// Topics whose partitions are looked at when the queue is opened; others, when they are first used.
pub(super) const KNOWN: [&str; 6] = [
    "inbound",
    "crm",
    "journal",
    "outbound.telegram",
    "outbound.whatsapp",
    "outbound.webchat",
];

/// The argument that keeps the number of partitions. The queue is always empty.
const NUMBER: &str = "x-max-length";

/// How often the consumers of old queues are given time to go.
const PATIENCE: usize = 20;

/// How the queues are made.
pub(super) struct Topology {
    pub(super) partitions: u16,
    pub(super) queue_type: QueueType,
}

impl Topology {
    /// The queue of a partition.
    pub(super) fn queue(topic: &Topic, partition: u16) -> ShortString {
        format!("zapis.{}.{partition}", topic.as_str()).into()
    }

    /// Makes the queue of a partition where it is missing, and says what is in it.
    pub(super) async fn declare(
        &self,
        channel: &Channel,
        topic: &Topic,
        partition: u16,
    ) -> Result<Queue> {
        let mut arguments = self.arguments();
        arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        let queue = Self::queue(topic, partition);
        channel
            .queue_declare(queue, QueueDeclareOptions::durable(), arguments)
            .await
    }

    /// Agrees with everybody else on the number of a topic's partitions. An unused topic that had
    /// another number gets ours.
    pub(super) async fn claim(
        &self,
        link: &Link,
        topic: &Topic,
    ) -> std::result::Result<(), BrokerError> {
        let Some(before) = self.try_claim(link, topic).await? else {
            return Ok(());
        };
        let held = held(link, topic, before).await?;
        if held > 0 {
            return Err(changed_partitions(i64::from(before), self.partitions, held));
        }
        info!(
            topic = topic.as_str(),
            before,
            now = self.partitions,
            "Changed the number of partitions"
        );
        let channel = link.channel().await?;
        for partition in self.partitions..before {
            let unused = QueueDeleteOptions {
                if_unused: true,
                if_empty: true,
                ..QueueDeleteOptions::default()
            };
            channel
                .queue_delete(Self::queue(topic, partition), unused)
                .await?;
        }
        channel
            .queue_delete(number_queue(topic), QueueDeleteOptions::default())
            .await?;
        match self.try_claim(link, topic).await? {
            None => Ok(()),
            Some(other) => Err(changed_partitions(i64::from(other), self.partitions, 0)),
        }
    }

    /// The other number that the topic has, if it has one.
    async fn try_claim(
        &self,
        link: &Link,
        topic: &Topic,
    ) -> std::result::Result<Option<u16>, BrokerError> {
        let mut arguments = self.arguments();
        let number = i32::from(self.partitions);
        arguments.insert(NUMBER.into(), AMQPValue::LongInt(number));
        let channel = link.channel().await?;
        let declared = channel
            .queue_declare(
                number_queue(topic),
                QueueDeclareOptions::durable(),
                arguments,
            )
            .await;
        match declared {
            Ok(_) => {
                channel.close(200, "done".into()).await?;
                Ok(None)
            }
            Err(error) => match other_number(&error) {
                Some(number) => Ok(Some(number)),
                None => Err(error.into()),
            },
        }
    }

    fn arguments(&self) -> FieldTable {
        let queue_type = match self.queue_type {
            QueueType::Quorum => "quorum",
            QueueType::Classic => "classic",
        };
        let mut arguments = FieldTable::default();
        arguments.insert(
            "x-queue-type".into(),
            AMQPValue::LongString(queue_type.into()),
        );
        arguments
    }
}

fn number_queue(topic: &Topic) -> ShortString {
    format!("zapis.{}.partitions", topic.as_str()).into()
}

/// The number in "inequivalent arg 'x-max-length' …: received '8' but current is '4'".
fn other_number(error: &lapin::Error) -> Option<u16> {
    if code(error) != Some(406) {
        return None;
    }
    let text = amqp_error(error)?.get_message().as_str();
    let (_, current) = text.split_once(NUMBER)?.1.split_once("current is")?;
    let digits = current.trim_matches(|sign: char| !sign.is_ascii_digit());
    digits.parse().ok()
}

/// How many messages wait in the partitions that a topic had, and how many consumers have some in
/// hand perhaps. Consumers that just went are waited for.
async fn held(
    link: &Link,
    topic: &Topic,
    partitions: u16,
) -> std::result::Result<i64, BrokerError> {
    let mut held = 0;
    for _ in 0..PATIENCE {
        let mut consumers = 0;
        held = 0;
        for partition in 0..partitions {
            // A queue that is not there closes the channel.
            let channel = link.channel().await?;
            let queue = Topology::queue(topic, partition);
            let passive = QueueDeclareOptions::default().passive();
            match channel
                .queue_declare(queue, passive, FieldTable::default())
                .await
            {
                Ok(queue) => {
                    held += i64::from(queue.message_count());
                    consumers += i64::from(queue.consumer_count());
                    channel.close(200, "done".into()).await?;
                }
                Err(error) if code(&error) == Some(404) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if held > 0 || consumers == 0 {
            return Ok(held);
        }
        held = consumers;
        sleep(Duration::from_millis(100)).await;
    }
    Ok(held)
}
