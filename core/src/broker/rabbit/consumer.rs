//! One partition, consumed: stand in the line of its consumers, hand out what comes, acknowledge
//! what is finished, and give the partition up when told to.
//!
//! The channel is the unit: closing it gives everything unacknowledged back before anybody else
//! gets a message. (Cancelling the consumer would not: the old one would keep what it holds while
//! the next one gets later messages.)

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use lapin::message::Delivery as Message;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Consumer};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::PATIENCE;
use super::code;
use super::link::Link;
use super::publisher::{ID, KEY, Publisher, TRACE};
use super::topology::Topology;
use crate::broker::{BrokerError, Delivery, Incoming, Topic};
use crate::causes;
use crate::clock::Clock;
use crate::trace::TraceParent;

/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_millis(250);
/// How long closing a channel may take.
const CLOSING: Duration = Duration::from_secs(5);
/// How many acknowledgements are taken together.
const ACKS: usize = 256;

/// What the tasks of a subscription share.
#[derive(Clone)]
pub(super) struct Subscriber {
    pub(super) topic: Topic,
    pub(super) prefetch: u16,
    pub(super) partitions: u16,
    pub(super) publisher: Arc<Publisher>,
    pub(super) link: Arc<Link>,
    pub(super) feed: mpsc::Sender<Incoming>,
    pub(super) oldest: Oldest,
    pub(super) stop: CancellationToken,
}

/// When the oldest message in hand of each partition that we hold was published, in seconds: what
/// waits at RabbitMQ is younger. Shared with whoever asks for the depth of a topic.
#[derive(Clone, Default)]
pub(super) struct Oldest(Arc<Mutex<HashMap<(Topic, u16), u64>>>);

impl Oldest {
    /// The age of the oldest of a topic, in milliseconds.
    pub(super) fn age(&self, topic: &Topic) -> Option<u64> {
        let since = self.lock();
        let ours = since.iter().filter(|((other, _), _)| other == topic);
        let oldest = ours.map(|(_, since)| *since).min()?;
        Some(seconds_now().saturating_sub(oldest) * 1_000)
    }

    fn note(&self, topic: &Topic, partition: u16, since: Option<u64>) {
        let key = (topic.clone(), partition);
        match since {
            Some(since) => self.lock().insert(key, since),
            None => self.lock().remove(&key),
        };
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Topic, u16), u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As AMQP's timestamps count.
pub(super) fn seconds_now() -> u64 {
    let now = Clock::system().now().timestamp();
    u64::try_from(now).unwrap_or_default()
}

/// Why a partition is no longer held.
enum Lost {
    /// The subscription ends, or the partition was given up.
    Willingly,
    /// The connection or the channel broke.
    Broken(lapin::Error),
}

impl From<lapin::Error> for Lost {
    fn from(error: lapin::Error) -> Self {
        Self::Broken(error)
    }
}

/// Consumes a partition until the subscription ends. `give_up` tells to go to the end of the line;
/// `joined` hears each time that we stand in it.
pub(super) async fn consume(
    subscriber: Subscriber,
    partition: u16,
    mut give_up: mpsc::Receiver<()>,
    joined: mpsc::UnboundedSender<u16>,
) {
    while !subscriber.stop.is_cancelled() && !subscriber.feed.is_closed() {
        let held = hold(&subscriber, partition, &mut give_up, &joined);
        if let Err(error) = held.await {
            debug!(partition, error = %causes(&error), "Lost a partition");
            tokio::select! {
                () = subscriber.stop.cancelled() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }
}

/// Stands in line for a partition until it is given up.
async fn hold(
    subscriber: &Subscriber,
    partition: u16,
    give_up: &mut mpsc::Receiver<()>,
    joined: &mpsc::UnboundedSender<u16>,
) -> Result<(), BrokerError> {
    // A replicated queue without a leader answers nothing; ask again on a new channel then.
    let (channel, consumer) = timeout(PATIENCE, join(subscriber, partition))
        .await
        .unwrap_or_else(|late| Err(BrokerError::Unavailable(late.into())))?;
    joined.send(partition).ok();
    let mut hand = Hand::new(channel, partition);
    let lost = match hand.serve(subscriber, consumer, give_up).await {
        Ok(()) => Lost::Willingly,
        Err(error) => Lost::Broken(error),
    };
    subscriber.oldest.note(&subscriber.topic, partition, None);
    Ok(hand.empty(lost).await?)
}

/// Joins the line of a partition's consumers.
async fn join(subscriber: &Subscriber, partition: u16) -> Result<(Channel, Consumer), BrokerError> {
    let Subscriber { topic, .. } = subscriber;
    subscriber.publisher.ensure(topic).await?;
    let channel = subscriber.link.channel().await?;
    channel
        .basic_qos(subscriber.prefetch, BasicQosOptions::default())
        .await?;
    let consumer = channel
        .basic_consume(
            Topology::queue(topic, partition),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await;
    match consumer {
        Ok(consumer) => Ok((channel, consumer)),
        Err(error) => {
            if code(&error) == Some(404) {
                subscriber.publisher.missing(topic).await;
            }
            Err(error.into())
        }
    }
}

/// What is handed out of a partition while one channel lasts.
struct Hand {
    channel: Channel,
    partition: u16,
    /// Tags of everything delivered and not acknowledged, and when it was published, in seconds.
    held: BTreeMap<u64, u64>,
    revoked: Arc<AtomicBool>,
    finish: mpsc::UnboundedSender<u64>,
    finished: mpsc::UnboundedReceiver<u64>,
}

impl Hand {
    fn new(channel: Channel, partition: u16) -> Self {
        let (finish, finished) = mpsc::unbounded_channel();
        Self {
            channel,
            partition,
            held: BTreeMap::new(),
            revoked: Arc::new(AtomicBool::new(false)),
            finish,
            finished,
        }
    }

    async fn serve(
        &mut self,
        subscriber: &Subscriber,
        mut consumer: Consumer,
        give_up: &mut mpsc::Receiver<()>,
    ) -> lapin::Result<()> {
        let mut tags = Vec::with_capacity(ACKS);
        loop {
            tokio::select! {
                biased;
                () = subscriber.stop.cancelled() => return Ok(()),
                () = subscriber.feed.closed() => return Ok(()),
                _ = self.finished.recv_many(&mut tags, ACKS) => {
                    self.acknowledge(&mut tags).await?;
                    self.note_oldest(subscriber);
                }
                Some(()) = give_up.recv() => {
                    return self.release(subscriber, &mut consumer).await;
                }
                message = consumer.next() => {
                    let message = message.unwrap_or_else(|| Err(cancelled()))?;
                    let delivery = self.take(message);
                    if self.held.len() == 1 {
                        self.note_oldest(subscriber);
                    }
                    tokio::select! {
                        () = subscriber.stop.cancelled() => return Ok(()),
                        sent = subscriber.feed.send(Incoming::Message(delivery)) => {
                            if sent.is_err() {
                                return Ok(());
                            }
                        }
                    }
                }
            }
        }
    }

    /// Waits until those who hold messages have finished what they want to finish. What still
    /// comes stays with RabbitMQ.
    async fn release(
        &mut self,
        subscriber: &Subscriber,
        consumer: &mut Consumer,
    ) -> lapin::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let (finished, mut done) = oneshot::channel();
        let partition = self.partition;
        let release = Incoming::Release {
            partition,
            finished,
        };
        if subscriber.feed.send(release).await.is_err() {
            return Ok(());
        }
        let mut tags = Vec::with_capacity(ACKS);
        loop {
            tokio::select! {
                biased;
                () = subscriber.stop.cancelled() => return Ok(()),
                _ = self.finished.recv_many(&mut tags, ACKS) => self.acknowledge(&mut tags).await?,
                _ = &mut done => return Ok(()),
                message = consumer.next() => {
                    let message = message.unwrap_or_else(|| Err(cancelled()))?;
                    self.held.insert(message.delivery_tag, published_at(&message));
                }
            }
        }
    }

    /// Gives back what is not acknowledged.
    async fn empty(mut self, lost: Lost) -> lapin::Result<()> {
        self.revoked.store(true, Ordering::Release);
        if let Lost::Broken(error) = lost {
            if self.channel.status().connected() {
                self.channel.close(200, "broken".into()).await.ok();
            }
            return Err(error);
        }
        let mut tags = Vec::new();
        while let Ok(tag) = self.finished.try_recv() {
            tags.push(tag);
        }
        self.acknowledge(&mut tags).await?;
        match timeout(CLOSING, self.channel.close(200, "given up".into())).await {
            Ok(closed) => closed,
            Err(late) => {
                warn!(partition = self.partition, "A channel did not close");
                Err(std::io::Error::new(std::io::ErrorKind::TimedOut, late).into())
            }
        }
    }

    /// One acknowledgement for everything below the oldest message in hand, one for each beyond.
    async fn acknowledge(&mut self, tags: &mut Vec<u64>) -> lapin::Result<()> {
        tags.retain(|tag| self.held.remove(tag).is_some());
        let oldest = self.held.keys().next().copied().unwrap_or(u64::MAX);
        if let Some(last) = tags.iter().copied().filter(|tag| *tag < oldest).max() {
            let multiple = BasicAckOptions { multiple: true };
            self.channel.basic_ack(last, multiple).await?;
        }
        for tag in tags.drain(..).filter(|tag| *tag > oldest) {
            let one = BasicAckOptions::default();
            self.channel.basic_ack(tag, one).await?;
        }
        Ok(())
    }

    fn note_oldest(&self, subscriber: &Subscriber) {
        let oldest = self.held.values().next().copied();
        subscriber
            .oldest
            .note(&subscriber.topic, self.partition, oldest);
    }

    fn take(&mut self, message: Message) -> Delivery {
        let tag = message.delivery_tag;
        self.held.insert(tag, published_at(&message));
        let headers = message.properties.headers().as_ref();
        let header = |name: &str| match headers?.inner().get(name)? {
            AMQPValue::LongString(text) => Some(text.to_string()),
            _ => None,
        };
        let id = message.properties.message_id().as_ref();
        let finish = self.finish.clone();
        Delivery {
            key: header(KEY).unwrap_or_default(),
            id: id
                .map(ToString::to_string)
                .or_else(|| header(ID))
                .unwrap_or_default(),
            trace: header(TRACE)
                .and_then(|text| TraceParent::parse(&text))
                .unwrap_or_else(TraceParent::start),
            body: Bytes::from(message.data),
            partition: self.partition,
            redelivered: message.redelivered,
            revoked: Arc::clone(&self.revoked),
            // Once this channel is gone nobody listens, and the message is somebody else's.
            acknowledge: Box::new(move || {
                finish.send(tag).ok();
            }),
        }
    }
}

/// In seconds; now for a message that does not say.
fn published_at(message: &Message) -> u64 {
    message.properties.timestamp().unwrap_or_else(seconds_now)
}

/// The queue was deleted, or its node is gone.
fn cancelled() -> lapin::Error {
    std::io::Error::other("RabbitMQ ended the consumer").into()
}
