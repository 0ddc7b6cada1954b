//! The workers of a topic hear of each other over a fanout exchange, and share its partitions
//! among them (see [`super::line`]).

use std::time::Duration;

use futures::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Consumer, ExchangeKind};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::task::TaskTracker;
use tracing::debug;
use uuid::Uuid;

use super::consumer::{Subscriber, consume};
use super::line::{Line, Word};
use crate::causes;

/// How often a worker says that it is here.
const HERE: Duration = Duration::from_secs(2);
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_millis(250);

/// Starts everything that a subscription consists of.
pub(super) fn start(subscriber: Subscriber, tasks: &TaskTracker) {
    let (joined, joins) = mpsc::unbounded_channel();
    let mut partitions = Vec::new();
    for partition in 0..subscriber.topology.partitions {
        let (give_up, told) = mpsc::channel(1);
        partitions.push(give_up);
        tasks.spawn(consume(subscriber.clone(), partition, told, joined.clone()));
    }
    let me = Uuid::now_v7();
    let member = Member {
        me,
        line: Line::new(me, subscriber.topology.partitions, Instant::now()),
        exchange: format!("zapis.workers.{}", subscriber.topic.as_str()).into(),
        subscriber,
        joins,
        partitions,
    };
    tasks.spawn(member.run());
}

struct Member {
    me: Uuid,
    subscriber: Subscriber,
    line: Line,
    exchange: ShortString,
    /// Partitions whose line we joined.
    joins: mpsc::UnboundedReceiver<u16>,
    /// Tells a partition's task to go to the end of its line.
    partitions: Vec<mpsc::Sender<()>>,
}

impl Member {
    async fn run(mut self) {
        while !self.subscriber.stop.is_cancelled() {
            if let Err(error) = self.attend().await {
                debug!(error = %causes(&error), "Lost the other workers");
                tokio::select! {
                    () = self.subscriber.stop.cancelled() => {}
                    () = sleep(PAUSE) => {}
                }
            }
        }
    }

    /// Listens and speaks until the subscription ends or the channel breaks.
    async fn attend(&mut self) -> lapin::Result<()> {
        let channel = self.subscriber.link.channel().await?;
        let mut words = self.listen(&channel).await?;
        self.say(&channel, Word::Hello(self.me)).await?;
        let mut here = interval(HERE);
        here.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.subscriber.stop.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => {
                    self.say(&channel, Word::Bye(self.me)).await?;
                    return channel.close(200, "leaving".into()).await;
                }
                Some(partition) = self.joins.recv() => {
                    self.say(&channel, Word::Joined(self.me, partition)).await?;
                }
                _ = here.tick() => {
                    self.say(&channel, Word::Here(self.me)).await?;
                    self.line.expire(Instant::now());
                }
                word = words.next() => {
                    let Some(word) = word else {
                        return Err(std::io::Error::other("RabbitMQ ended the consumer").into());
                    };
                    self.hear(&channel, &word?.data).await?;
                }
            }
            for partition in self.line.step_back() {
                // One that is told already goes to the end after this, which is as good.
                self.partitions[usize::from(partition)].try_send(()).ok();
            }
        }
    }

    async fn hear(&mut self, channel: &Channel, text: &[u8]) -> lapin::Result<()> {
        let Some(word) = Word::decode(text) else {
            return Ok(());
        };
        if self.line.hear(word, Instant::now()) {
            self.say(channel, Word::Here(self.me)).await?;
            // Perhaps we joined while the other did not listen.
            for partition in self.line.mine() {
                self.say(channel, Word::Joined(self.me, partition)).await?;
            }
        }
        Ok(())
    }

    async fn listen(&self, channel: &Channel) -> lapin::Result<Consumer> {
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let exchange = || self.exchange.clone();
        let nothing = FieldTable::default;
        channel
            .exchange_declare(exchange(), ExchangeKind::Fanout, durable, nothing())
            .await?;
        let own = QueueDeclareOptions::exclusive().auto_delete();
        let queue = channel.queue_declare("".into(), own, nothing()).await?;
        let queue = queue.name();
        let options = QueueBindOptions::default();
        channel
            .queue_bind(queue.clone(), exchange(), "".into(), options, nothing())
            .await?;
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        channel
            .basic_consume(queue.clone(), "".into(), options, nothing())
            .await
    }

    async fn say(&self, channel: &Channel, word: Word) -> lapin::Result<()> {
        let options = BasicPublishOptions::default();
        let nothing = BasicProperties::default();
        let exchange = self.exchange.clone();
        channel
            .basic_publish(
                exchange,
                "".into(),
                options,
                word.encode().as_bytes(),
                nothing,
            )
            .await?
            .await?;
        Ok(())
    }
}
