//! The yardstick: a loop over the same engines that moves a message as the blueprint draws it: inbound,
//! session, reply, claim, record, and the journal through a queue of its own; each engine spoken to in
//! the way that is fastest for it, and nothing thought in between. No order, no retries, no fences. The
//! product needs fewer messages by now, because it writes the journal with the ledger; the yardstick
//! stays as it is.

pub(super) mod postgres;
pub(super) mod rabbit;
pub(super) mod redis;
pub(super) mod sqlite;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::{BufMut, Bytes, BytesMut};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::ground::{Ground, is_postgres};
use super::load::{Marks, Outcome, Pace, Subject, drive};
use crate::output::complain;

/// How many messages a consumer of a partition may hold, as in the product.
const PREFETCH: u16 = 256;

/// How many journal lines are written together at most, as in the product.
const LINES: usize = 256;

/// The queues of the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    Inbound,
    Outbound,
    Journal,
}

impl Stage {
    pub(super) const ALL: [Self; 3] = [Self::Inbound, Self::Outbound, Self::Journal];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Journal => "journal",
        }
    }
}

/// A message to leave in a queue.
pub(super) struct Note {
    pub(super) stage: Stage,
    /// Which partition: that of its conversation.
    pub(super) partition: u16,
    pub(super) body: Bytes,
}

/// A message that came out of a queue.
pub(super) struct Taken {
    pub(super) body: Bytes,
    /// Tells the engine that it is finished.
    pub(super) acknowledge: Box<dyn FnOnce() + Send>,
}

/// A queue engine.
#[async_trait]
pub(super) trait BareQueue: Send + Sync {
    /// Returns once all are durable.
    async fn publish(&self, notes: Vec<Note>) -> anyhow::Result<()>;

    /// What comes out of a stage, all partitions together.
    async fn consume(&self, stage: Stage, prefetch: u16) -> anyhow::Result<mpsc::Receiver<Taken>>;
}

/// An engine of sessions.
#[async_trait]
pub(super) trait BareSessions: Send + Sync {
    async fn load(&self, conversation: u64) -> anyhow::Result<usize>;
    async fn save(&self, conversation: u64, body: Bytes) -> anyhow::Result<()>;
}

/// A store.
#[async_trait]
pub(super) trait BareStore: Send + Sync {
    /// A new row of the send ledger.
    async fn claim(&self, message: u64, conversation: u64) -> anyhow::Result<()>;
    /// The row becomes `sent`.
    async fn record(&self, message: u64) -> anyhow::Result<()>;
    /// Lines of the journal: message, number of the line, text.
    async fn journal(&self, lines: Vec<Line>) -> anyhow::Result<()>;
}

/// A line of the journal.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) id: String,
    pub(super) conversation: u64,
    pub(super) text: String,
}

/// How many bytes the product moves for one message at each step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) inbound: usize,
    pub(super) outbound: usize,
    /// What a turn writes into the journal: the message, the decision and news of the person.
    pub(super) turn_journal: usize,
    pub(super) session: usize,
}

/// The engines of a ground, bare.
pub(super) struct BareEngines {
    pub(super) queue: Arc<dyn BareQueue>,
    pub(super) sessions: Arc<dyn BareSessions>,
    pub(super) store: Arc<dyn BareStore>,
}

impl BareEngines {
    pub(super) async fn open(ground: &Ground) -> anyhow::Result<Self> {
        let config = &ground.config;
        let folder = &config.data_dir;
        Ok(Self {
            queue: if config.embedded_broker() {
                Arc::new(sqlite::Queue::open(folder)?)
            } else {
                Arc::new(rabbit::Queue::open(config, &queues(ground)).await?)
            },
            sessions: if config.embedded_sessions() {
                Arc::new(sqlite::Sessions::open(folder)?)
            } else {
                Arc::new(redis::Sessions::open(config, &ground.prefix).await?)
            },
            store: if is_postgres(config) {
                Arc::new(postgres::Store::open(config).await?)
            } else {
                Arc::new(sqlite::Store::open(folder)?)
            },
        })
    }
}

fn queues(ground: &Ground) -> String {
    format!("zapis.{}.bare.", ground.prefix)
}

/// Removes the queues; files and schema go with the ground.
pub(super) async fn remove(ground: &Ground) -> anyhow::Result<()> {
    if ground.config.embedded_broker() {
        return Ok(());
    }
    let stages = Stage::ALL.map(Stage::name);
    rabbit::remove(&ground.config, &queues(ground), stages).await
}

/// The loop.
pub(super) struct BareLoop {
    engines: BareEngines,
    sizes: Sizes,
    conversations: usize,
    partitions: u16,
    marks: ArcSwap<Marks>,
    /// How many lines of the journal there should be, and are.
    expected: AtomicUsize,
    written: AtomicUsize,
    tasks: tokio::sync::Mutex<JoinSet<()>>,
}

impl BareLoop {
    pub(super) async fn start(
        ground: &Ground,
        conversations: usize,
        sizes: Sizes,
    ) -> anyhow::Result<Arc<Self>> {
        let engines = BareEngines::open(ground).await?;
        let inbound = engines.queue.consume(Stage::Inbound, PREFETCH).await?;
        let outbound = engines.queue.consume(Stage::Outbound, PREFETCH).await?;
        let journal = engines.queue.consume(Stage::Journal, PREFETCH).await?;
        let bare = Arc::new(Self {
            engines,
            sizes,
            conversations,
            partitions: ground.config.partitions,
            marks: ArcSwap::default(),
            expected: AtomicUsize::new(0),
            written: AtomicUsize::new(0),
            tasks: tokio::sync::Mutex::default(),
        });
        let mut tasks = bare.tasks.lock().await;
        tasks.spawn(each(Arc::clone(&bare), inbound, Self::answer));
        tasks.spawn(each(Arc::clone(&bare), outbound, Self::send));
        tasks.spawn(Self::write_journal(Arc::clone(&bare), journal));
        drop(tasks);
        Ok(bare)
    }

    pub(super) async fn run(
        self: &Arc<Self>,
        first: usize,
        count: usize,
        pace: Pace,
    ) -> anyhow::Result<Outcome> {
        let marks = Arc::new(Marks::new(first, count));
        self.marks.store(Arc::clone(&marks));
        self.expected.fetch_add(3 * count, Ordering::AcqRel);
        let subject = Arc::clone(self) as Arc<dyn Subject>;
        drive(&subject, &marks, pace).await
    }

    pub(super) async fn stop(&self) {
        self.tasks.lock().await.shutdown().await;
    }

    fn note(&self, stage: Stage, n: u64, size: usize) -> Note {
        let conversation = n % self.conversations as u64;
        let partition = conversation % u64::from(self.partitions);
        let mut body = BytesMut::with_capacity(size.max(16));
        body.put_u64(n);
        body.put_u64(conversation);
        body.resize(size.max(16), b'x');
        Note {
            stage,
            partition: u16::try_from(partition).unwrap_or_default(),
            body: body.freeze(),
        }
    }

    /// Session in, session out, a reply and the turn's journal.
    async fn answer(self: Arc<Self>, body: Bytes) -> anyhow::Result<()> {
        let (n, conversation) = read(&body)?;
        self.engines.sessions.load(conversation).await?;
        let session = Bytes::from(vec![b'x'; self.sizes.session]);
        self.engines.sessions.save(conversation, session).await?;
        let reply = self.note(Stage::Outbound, n, self.sizes.outbound);
        let journal = self.note(Stage::Journal, n, self.sizes.turn_journal);
        self.engines.queue.publish(vec![reply, journal]).await
    }

    /// Claim, record, and a line for the journal.
    async fn send(self: Arc<Self>, body: Bytes) -> anyhow::Result<()> {
        let (n, conversation) = read(&body)?;
        self.engines.store.claim(n, conversation).await?;
        self.marks.load().finish(usize::try_from(n)?);
        self.engines.store.record(n).await?;
        // One line of the three that a turn has.
        let line = self.note(Stage::Journal, n, self.sizes.turn_journal / 3);
        self.engines.queue.publish(vec![line]).await
    }

    async fn write_journal(bare: Arc<Self>, mut journal: mpsc::Receiver<Taken>) {
        let mut batch = Vec::with_capacity(LINES);
        while journal.recv_many(&mut batch, LINES).await > 0 {
            let lines: Vec<Line> = batch
                .iter()
                .flat_map(|taken| bare.lines(&taken.body))
                .collect();
            let count = lines.len();
            if let Err(error) = bare.engines.store.journal(lines).await {
                complain(format!("The bare journal failed: {error:#}"));
                return;
            }
            bare.written.fetch_add(count, Ordering::AcqRel);
            for taken in batch.drain(..) {
                (taken.acknowledge)();
            }
        }
    }

    /// A turn's journal has two events and news of the person; a send's one event.
    fn lines(&self, body: &Bytes) -> Vec<Line> {
        let Ok((n, conversation)) = read(body) else {
            return Vec::new();
        };
        let size = self.sizes.turn_journal / 3;
        let ids = if body.len() < self.sizes.turn_journal {
            2..3
        } else {
            0..2
        };
        ids.map(|k| Line {
            id: format!("{n:032}-{k}"),
            conversation,
            text: "x".repeat(size),
        })
        .collect()
    }
}

fn read(body: &Bytes) -> anyhow::Result<(u64, u64)> {
    let number = |at: usize| {
        let bytes = body
            .get(at..at + 8)
            .context("a bare message is too short")?;
        anyhow::Ok(u64::from_be_bytes(bytes.try_into()?))
    };
    Ok((number(0)?, number(8)?))
}

/// Works on each message in a task of its own.
async fn each<F>(
    bare: Arc<BareLoop>,
    mut taken: mpsc::Receiver<Taken>,
    work: fn(Arc<BareLoop>, Bytes) -> F,
) where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let mut working = JoinSet::new();
    while let Some(Taken { body, acknowledge }) = taken.recv().await {
        let work = work(Arc::clone(&bare), body);
        working.spawn(async move {
            match work.await {
                Ok(()) => acknowledge(),
                Err(error) => complain(format!("The bare loop failed: {error:#}")),
            }
        });
        while working.try_join_next().is_some() {}
    }
}

#[async_trait]
impl Subject for BareLoop {
    async fn accept(&self, n: usize) -> anyhow::Result<()> {
        let note = self.note(Stage::Inbound, n as u64, self.sizes.inbound);
        self.engines.queue.publish(vec![note]).await
    }

    /// Three lines for each message.
    async fn settled(&self) -> anyhow::Result<Instant> {
        while self.written.load(Ordering::Acquire) < self.expected.load(Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(Instant::now())
    }
}
