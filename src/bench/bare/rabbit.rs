//! RabbitMQ: as many queues as the product has, with a single active consumer each, four channels
//! that publish with confirms in small windows, and one channel for each consumer.

use anyhow::{Context, bail};
use async_trait::async_trait;
use futures::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tokio::sync::{Semaphore, mpsc};
use zapis_core::config::{EnginesConfig, QueueType};

use super::{BareQueue, Note, Stage, Taken};

/// How many channels publish.
const CHANNELS: u16 = 4;

/// How many calls of a channel may be unconfirmed.
const WINDOW: usize = 64;

pub(in crate::bench) struct Queue {
    consuming: Connection,
    _publishing: Connection,
    channels: Vec<(Channel, Semaphore)>,
    queues: String,
    partitions: u16,
}

impl Queue {
    /// Makes the queues; their names begin with `queues`.
    pub(in crate::bench) async fn open(
        config: &EnginesConfig,
        queues: &str,
    ) -> anyhow::Result<Self> {
        let publishing = connect(config).await?;
        let mut channels = Vec::new();
        for _ in 0..CHANNELS {
            let channel = publishing.create_channel().await?;
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await?;
            channels.push((channel, Semaphore::new(WINDOW)));
        }
        let queue = Self {
            consuming: connect(config).await?,
            _publishing: publishing,
            channels,
            queues: queues.to_owned(),
            partitions: config.partitions,
        };
        queue.declare(config.queue_type).await?;
        Ok(queue)
    }

    async fn declare(&self, queue_type: QueueType) -> anyhow::Result<()> {
        let queue_type = match queue_type {
            QueueType::Quorum => "quorum",
            QueueType::Classic => "classic",
        };
        let channel = self.consuming.create_channel().await?;
        for stage in Stage::ALL {
            for partition in 0..self.partitions {
                let mut arguments = FieldTable::default();
                arguments.insert(
                    "x-queue-type".into(),
                    AMQPValue::LongString(queue_type.into()),
                );
                arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
                let name = self.name(stage, partition);
                channel
                    .queue_declare(name.into(), QueueDeclareOptions::durable(), arguments)
                    .await?;
            }
        }
        Ok(())
    }

    fn name(&self, stage: Stage, partition: u16) -> String {
        format!("{}{}.{partition}", self.queues, stage.name())
    }
}

async fn connect(config: &EnginesConfig) -> anyhow::Result<Connection> {
    let connection = Connection::connect(config.broker.expose(), ConnectionProperties::default());
    connection.await.context("opening engines.broker")
}

/// Removes the queues of these stages, and what the product keeps beside them.
pub(in crate::bench) async fn remove<const N: usize>(
    config: &EnginesConfig,
    queues: &str,
    stages: [&str; N],
) -> anyhow::Result<()> {
    let connection = connect(config).await?;
    let channel = connection.create_channel().await?;
    for stage in stages {
        let partitions = (0..config.partitions).map(|partition| partition.to_string());
        for last in partitions.chain(["partitions".to_owned()]) {
            let name = format!("{queues}{stage}.{last}");
            channel
                .queue_delete(name.into(), QueueDeleteOptions::default())
                .await?;
        }
        let workers = format!("{queues}{stage}").replace("zapis.", "zapis.workers.");
        channel
            .exchange_delete(
                workers.into(),
                lapin::options::ExchangeDeleteOptions::default(),
            )
            .await?;
    }
    Ok(connection.close(200, "done".into()).await?)
}

#[async_trait]
impl BareQueue for Queue {
    async fn publish(&self, notes: Vec<Note>) -> anyhow::Result<()> {
        // Notes of one call are about one conversation, so they share a channel and a place.
        let Some(first) = notes.first() else {
            return Ok(());
        };
        let (channel, window) = &self.channels[usize::from(first.partition % CHANNELS)];
        let _place = window.acquire().await?;
        let mut pending = Vec::with_capacity(notes.len());
        for note in notes {
            let mandatory = BasicPublishOptions {
                mandatory: true,
                ..BasicPublishOptions::default()
            };
            let confirm = channel
                .basic_publish(
                    "".into(),
                    self.name(note.stage, note.partition).into(),
                    mandatory,
                    &note.body,
                    BasicProperties::default().with_delivery_mode(2),
                )
                .await?;
            pending.push(confirm);
        }
        for confirm in pending {
            if !matches!(confirm.await?, Confirmation::Ack(None)) {
                bail!("RabbitMQ did not take a message");
            }
        }
        Ok(())
    }

    async fn consume(&self, stage: Stage, prefetch: u16) -> anyhow::Result<mpsc::Receiver<Taken>> {
        let (feed, taken) = mpsc::channel(usize::from(prefetch) * usize::from(self.partitions));
        for partition in 0..self.partitions {
            let channel = self.consuming.create_channel().await?;
            channel
                .basic_qos(prefetch, BasicQosOptions::default())
                .await?;
            let name = self.name(stage, partition);
            let mut consumer = channel
                .basic_consume(
                    name.into(),
                    "".into(),
                    BasicConsumeOptions::default(),
                    FieldTable::default(),
                )
                .await?;
            let feed = feed.clone();
            tokio::spawn(async move {
                let (finish, mut finished) = mpsc::unbounded_channel::<u64>();
                loop {
                    tokio::select! {
                        Some(tag) = finished.recv() => {
                            channel.basic_ack(tag, BasicAckOptions::default()).await.ok();
                        }
                        message = consumer.next() => {
                            let Some(Ok(message)) = message else { return };
                            let (finish, tag) = (finish.clone(), message.delivery_tag);
                            let acknowledge = Box::new(move || finish.send(tag).unwrap_or_default());
                            let body = message.data.into();
                            if feed.send(Taken { body, acknowledge }).await.is_err() {
                                return;
                            }
                        }
                    }
                }
            });
        }
        Ok(taken)
    }
}
