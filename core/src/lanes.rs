//! The worker loop: one lane per key (a conversation), in order inside a lane, parallel across lanes.
//!
//! What holds, whatever the engine:
//!
//! 1. A lane handles its messages one after the other. A retry waits *in* the lane, in front of what
//!    follows, so nothing overtakes; other lanes do not notice.
//! 2. A lane that must wait longer than [`PARK_AFTER`] moves into the store with what follows in it
//!    (see [`parked`]), and its deliveries are settled: stalled customers eat up neither the prefetch
//!    window nor RabbitMQ's acknowledgement time-out.
//! 3. Attempts are counted durably and for the message being handled only; after [`ATTEMPTS`] it goes
//!    to `dead` and the lane goes on. A message that was never handed out before costs no counting.
//! 4. When the engines themselves are gone, lanes wait and no attempt is burnt.
//! 5. A panic is a failure like any other.
//!
//! A delivery may be handled twice (two workers during a takeover of a partition, a lost
//! acknowledgement): workers are idempotent, by compare-and-set and by deterministic ids.

mod lane;
pub mod parked;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::broker::{Broker, BrokerError, Delivery, Incoming, Topic};
use crate::causes;
use crate::clock::Clock;
use crate::store::Store;
use crate::trace::TraceParent;

/// How often a message is tried before a person must look at it.
pub const ATTEMPTS: u32 = 5;

/// A lane that must wait longer than this waits in the store.
pub const PARK_AFTER: Duration = Duration::from_secs(5);

/// A message as a worker sees it.
#[derive(Clone)]
pub struct Message {
    /// The lane.
    pub key: String,
    /// Names the message.
    pub id: String,
    /// JSON.
    pub body: Bytes,
    /// The trace it belongs to.
    pub trace: TraceParent,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({} B)", self.body.len())
    }
}

/// How much of a lane to handle now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gather {
    /// Wait for more, at most so long.
    Wait(Duration),
    /// The first so many (at least one) together.
    Take(usize),
}

/// Why a worker did not finish.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Try this lane again, after a pause of ours or the given one. Counts as an attempt.
    #[error("will be tried again")]
    Later {
        /// No earlier than this from now.
        after: Option<Duration>,
        /// What happened.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing is wrong, it is only too early (a limit, a question of time). Not an attempt.
    #[error("must wait {} ms", after.as_millis())]
    Wait {
        /// No earlier than this from now.
        after: Duration,
    },
    /// The engines are gone: nothing would work now. Not an attempt.
    #[error("the engines are not available")]
    Systemic(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It will never succeed.
    #[error("{reason}")]
    Never {
        /// Why, in words for the person who looks at it.
        reason: String,
    },
}

impl Failure {
    /// An attempt failed.
    pub fn later(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Later {
            after: None,
            source: Box::new(source),
        }
    }

    /// The engines are gone.
    pub fn systemic(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Systemic(Box::new(source))
    }
}

/// What is done with the messages of a topic. Must be idempotent.
pub trait Worker: Send + Sync + 'static {
    /// A message, read.
    type Task: Send + Sync + 'static;

    /// For logs and metrics.
    fn name(&self) -> &'static str;

    /// Reads a message, or says why it can never be handled.
    fn read(&self, message: &Message) -> Result<Self::Task, String>;

    /// How much of a lane to handle together, given what waits in it, how long the first of it has
    /// waited, and how long ago the last of it came.
    fn gather(&self, waiting: &[&Self::Task], first: Duration, last: Duration) -> Gather {
        let _ = (waiting, first, last);
        Gather::Take(1)
    }

    /// A lane begins to wait for more, with this message as its first: time to show that one is there.
    fn noticed(self: &Arc<Self>, first: &Arc<Self::Task>) {
        let _ = first;
    }

    /// Handles the first messages of a lane.
    fn handle(
        &self,
        lane: &str,
        tasks: &[Arc<Self::Task>],
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// How a worker is run.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many lanes are handled at once.
    pub at_once: usize,
    /// How many messages are handed out per partition.
    pub prefetch: u16,
    /// How long one handling may take before it counts as failed.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            at_once: 256,
            prefetch: 256,
            patience: Duration::from_mins(2),
        }
    }
}

/// What the lanes of one topic share.
#[derive(Debug)]
struct Shared<W: Worker> {
    worker: Arc<W>,
    topic: Topic,
    store: Store,
    clock: Clock,
    limits: Limits,
    places: Semaphore,
    stop: CancellationToken,
    lanes: Mutex<HashMap<String, Lane<W::Task>>>,
    parked: parked::ParkedLanes,
}

/// What waits in a lane that a task is working on.
#[derive(Debug)]
struct Lane<T> {
    waiting: std::collections::VecDeque<Item<T>>,
    arrived: Arc<Notify>,
}

/// A delivery in a lane.
#[derive(Debug)]
struct Item<T> {
    delivery: Delivery,
    task: Arc<T>,
    partition: Arc<Partition>,
    since: tokio::time::Instant,
    /// How often it was tried, as far as that was counted.
    attempts: u32,
    /// Whether the attempt that comes (or runs) is counted already.
    counted: bool,
    /// Whether the worker was told of it.
    noticed: bool,
}

/// A partition as long as we hold it without interruption.
#[derive(Debug)]
struct Partition {
    /// Of the deliveries; another one means that we lost the partition and got it back.
    revoked: Arc<AtomicBool>,
    open: AtomicBool,
    running: TaskTracker,
}

impl Partition {
    fn is_ours(&self) -> bool {
        self.open.load(Ordering::Acquire) && !self.revoked.load(Ordering::Acquire)
    }
}

/// Consumes a topic until asked to stop, then finishes what is in hand and returns. Whoever asks
/// decides how long to wait for that: what is dropped instead was not settled and comes again.
pub async fn run<W: Worker>(
    worker: Arc<W>,
    topic: Topic,
    broker: Arc<dyn Broker>,
    store: Store,
    clock: Clock,
    limits: Limits,
    stop: CancellationToken,
) -> Result<(), BrokerError> {
    let shared = Arc::new(Shared {
        places: Semaphore::new(limits.at_once),
        parked: parked::ParkedLanes::default(),
        lanes: Mutex::default(),
        worker,
        topic,
        store,
        clock,
        limits,
        stop,
    });
    let in_hand = TaskTracker::new();
    let Some(mut subscription) = subscribe(&shared, broker.as_ref()).await? else {
        return Ok(());
    };
    info!(
        worker = shared.worker.name(),
        topic = shared.topic.as_str(),
        "Started"
    );
    in_hand.spawn(parked::attend(Arc::clone(&shared)));

    let mut partitions: HashMap<u16, Arc<Partition>> = HashMap::new();
    loop {
        let incoming = tokio::select! {
            biased;
            () = shared.stop.cancelled() => break,
            incoming = subscription.incoming.recv() => incoming,
        };
        match incoming {
            Some(Incoming::Message(delivery)) => {
                dispatch(&shared, &in_hand, &mut partitions, delivery).await;
            }
            Some(Incoming::Release {
                partition,
                finished,
            }) => {
                let held = partitions.remove(&partition);
                in_hand.spawn(async move {
                    if let Some(held) = held {
                        held.open.store(false, Ordering::Release);
                        held.running.close();
                        held.running.wait().await;
                    }
                    finished.send(()).ok();
                });
            }
            None => break,
        }
    }
    info!(
        worker = shared.worker.name(),
        in_hand = in_hand.len(),
        "Stopping"
    );
    // Also reached when the broker was closed under us: nothing new may start then either.
    shared.stop.cancel();
    in_hand.close();
    in_hand.wait().await;
    Ok(())
}

/// Subscribes, waiting out a broker that is not there yet. Nothing when asked to stop meanwhile.
async fn subscribe<W: Worker>(
    shared: &Shared<W>,
    broker: &dyn Broker,
) -> Result<Option<crate::broker::Subscription>, BrokerError> {
    let mut pauses = Pauses::default();
    loop {
        match broker
            .subscribe(&shared.topic, shared.limits.prefetch)
            .await
        {
            Ok(subscription) => return Ok(Some(subscription)),
            Err(BrokerError::Unavailable(source)) => {
                warn!(error = %causes(source.as_ref()), "Cannot consume yet");
                if !pauses.wait(&shared.stop).await {
                    return Ok(None);
                }
            }
            Err(refused) => return Err(refused),
        }
    }
}

/// Puts a delivery into its lane, and starts the lane if nobody works on it.
async fn dispatch<W: Worker>(
    shared: &Arc<Shared<W>>,
    in_hand: &TaskTracker,
    partitions: &mut HashMap<u16, Arc<Partition>>,
    delivery: Delivery,
) {
    let known = partitions
        .get(&delivery.partition)
        .filter(|held| Arc::ptr_eq(&held.revoked, &delivery.revoked));
    let partition = if let Some(known) = known {
        Arc::clone(known)
    } else {
        // Lanes of this partition may have been parked by the worker that had it before.
        if !shared.parked.refresh(shared).await {
            return;
        }
        let held = Arc::new(Partition {
            revoked: Arc::clone(&delivery.revoked),
            open: AtomicBool::new(true),
            running: TaskTracker::new(),
        });
        partitions.insert(delivery.partition, Arc::clone(&held));
        held
    };
    let message = message_of(&delivery);
    let task = match shared.worker.read(&message) {
        Ok(task) => Arc::new(task),
        Err(reason) => {
            let shared = Arc::clone(shared);
            in_hand.spawn(async move {
                let mut pauses = Pauses::default();
                while !lane::bury(&shared, &message, &reason).await {
                    if !pauses.wait(&shared.stop).await {
                        return;
                    }
                }
                delivery.ack();
            });
            return;
        }
    };
    let key = delivery.key.clone();
    let item = Item {
        delivery,
        task,
        partition,
        since: tokio::time::Instant::now(),
        attempts: 0,
        counted: false,
        noticed: false,
    };
    let mut lanes = shared.lanes.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(lane) = lanes.get_mut(&key) {
        lane.waiting.push_back(item);
        lane.arrived.notify_one();
    } else {
        let arrived = Arc::new(Notify::new());
        let waiting = std::collections::VecDeque::from([item]);
        lanes.insert(
            key.clone(),
            Lane {
                waiting,
                arrived: Arc::clone(&arrived),
            },
        );
        drop(lanes);
        in_hand.spawn(lane::work_off(Arc::clone(shared), key, arrived));
    }
}

fn message_of(delivery: &Delivery) -> Message {
    Message {
        key: delivery.key.clone(),
        id: delivery.id.clone(),
        body: delivery.body.clone(),
        trace: delivery.trace.clone(),
    }
}

/// What attempts at a message are counted under: its id is unique in its lane only.
pub fn attempt_key(lane: &str, id: &str) -> String {
    crate::ids::derive(&["attempt", lane, id]).to_string()
}

/// Why a message cannot be read, without its content: the parser's own words quote it.
pub fn unreadable(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    format!(
        "unreadable: {:?} error at line {line} column {column}",
        error.classify()
    )
}

/// Growing pauses while something is gone: 100 ms, doubling to 5 s.
#[derive(Debug, Default)]
pub struct Pauses(u32);

impl Pauses {
    /// Waits for the next one; `false` when asked to stop meanwhile.
    pub async fn wait(&mut self, stop: &CancellationToken) -> bool {
        let pause = Duration::from_millis(100) * 2_u32.pow(self.0.min(6));
        self.0 += 1;
        tokio::select! {
            () = stop.cancelled() => false,
            () = tokio::time::sleep(pause.min(Duration::from_secs(5))) => true,
        }
    }
}
