//! All topics: commands in, one transaction per batch, then answers and messages out.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use super::lane::{Lane, Row, Subscriber, TOPICS};
use crate::broker::{
    BrokerError, Depth, Incoming, Publish, Topic, changed_partitions, partition_of,
};
use crate::causes;
use crate::clock::Clock;
use crate::writer::{self, Engine, Next, WriteError, all_or_nothing};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS settings(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS topics(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS messages(
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    trace TEXT NOT NULL,
    body BLOB NOT NULL
);";

/// How long acknowledgements wait for another try when the file could not be written.
const AGAIN: Duration = Duration::from_secs(1);

type Done<T> = oneshot::Sender<Result<T, WriteError>>;

/// What the queue is asked for.
pub(super) enum Command {
    Publish {
        messages: Vec<Publish>,
        done: Done<()>,
    },
    Ack {
        id: i64,
        subscription: u64,
    },
    Subscribe {
        topic: Topic,
        prefetch: usize,
        feed: mpsc::Sender<Incoming>,
        acknowledge: Sender<Command>,
        done: Done<u64>,
    },
    Unsubscribe {
        subscription: u64,
    },
    Depth {
        topic: Topic,
        done: Done<Depth>,
    },
    Check {
        done: Done<()>,
    },
    Compact {
        done: Done<()>,
    },
    Close(Option<oneshot::Sender<()>>),
}

/// All topics and who consumes them.
pub(super) struct Queue {
    partitions: u16,
    clock: Clock,
    numbers: HashMap<Topic, usize>,
    topics: Vec<TopicLanes>,
    /// Of messages to delete with the next transaction.
    finished: Vec<i64>,
    last_subscription: u64,
}

struct TopicLanes {
    lanes: Vec<Lane>,
    /// The first one is fed; the others take over in turn when it ends.
    subscribers: VecDeque<Subscriber>,
}

/// A publish whose rows have their numbers.
struct Numbered {
    messages: Vec<(i64, Publish)>,
    done: Done<()>,
}

impl Queue {
    /// Reads what an earlier process left, and refuses partitions that its messages do not fit.
    pub(super) fn load(
        file: &Connection,
        partitions: u16,
        clock: Clock,
    ) -> Result<Self, BrokerError> {
        adopt_partitions(file, partitions)?;
        let mut queue = Self {
            partitions,
            clock,
            numbers: HashMap::new(),
            topics: Vec::new(),
            finished: Vec::new(),
            last_subscription: 0,
        };
        queue.load_topics(file).map_err(WriteError::from)?;
        Ok(queue)
    }

    fn load_topics(&mut self, file: &Connection) -> rusqlite::Result<()> {
        let mut topics = file.prepare("SELECT name FROM topics ORDER BY number")?;
        for name in topics.query_map([], |row| row.get::<_, String>(0))? {
            self.add_topic(Topic::named(&name?));
        }
        let mut lanes = file.prepare("SELECT COUNT(*), MAX(id) FROM messages GROUP BY id >> 44")?;
        let found = lanes.query_map([], |row| Ok((row.get::<_, u32>(0)?, row.get(1)?)))?;
        for lane in found {
            let (held, last) = lane?;
            if let Some(lane) = self.lane(last) {
                lane.found(held.into(), last);
            }
        }
        Ok(())
    }

    fn add_topic(&mut self, topic: Topic) -> usize {
        let number = self.topics.len();
        self.topics.push(TopicLanes {
            lanes: (0..self.partitions)
                .map(|partition| Lane::empty(number, partition))
                .collect(),
            subscribers: VecDeque::new(),
        });
        self.numbers.insert(topic, number);
        number
    }

    /// The number of a topic, which is made if it is missing.
    fn topic(&mut self, file: &Connection, topic: &Topic) -> Result<usize, WriteError> {
        if let Some(number) = self.numbers.get(topic) {
            return Ok(*number);
        }
        if self.topics.len() == TOPICS {
            return Err(rusqlite::Error::InvalidParameterName("too many topics".into()).into());
        }
        let number = self.topics.len();
        all_or_nothing(file, || {
            file.execute(
                "INSERT INTO topics(number, name) VALUES (?1, ?2)",
                params![i64::try_from(number).unwrap_or(i64::MAX), topic.as_str()],
            )
        })?;
        Ok(self.add_topic(topic.clone()))
    }

    fn lane(&mut self, id: i64) -> Option<&mut Lane> {
        let (topic, partition) = Lane::of(id);
        self.topics.get_mut(topic)?.lanes.get_mut(partition)
    }

    fn number(
        &mut self,
        file: &Connection,
        messages: Vec<Publish>,
    ) -> Result<Vec<(i64, Publish)>, WriteError> {
        let mut numbered = Vec::with_capacity(messages.len());
        for message in messages {
            let topic = self.topic(file, &message.topic)?;
            let partition = usize::from(partition_of(&message.key, self.partitions));
            numbered.push((self.topics[topic].lanes[partition].number(), message));
        }
        Ok(numbered)
    }

    /// Only the subscription that holds a message can finish it.
    fn finish(&mut self, id: i64, subscription: u64) {
        let (topic, _) = Lane::of(id);
        let holder = self.topics.get(topic).and_then(|t| t.subscribers.front());
        if holder.is_some_and(|subscriber| subscriber.number == subscription) {
            self.finished.push(id);
        }
    }

    fn subscribe(&mut self, topic: usize, mut subscriber: Subscriber) -> u64 {
        self.last_subscription += 1;
        subscriber.number = self.last_subscription;
        self.topics[topic].subscribers.push_back(subscriber);
        self.last_subscription
    }

    /// Writes everything of a batch, then answers; after a failure nothing of it is there.
    fn write(&mut self, file: &Connection, publishes: Vec<Numbered>) {
        if publishes.is_empty() && self.finished.is_empty() {
            return;
        }
        let now = self.clock.now().timestamp_millis();
        let written = all_or_nothing(file, || {
            write_rows(file, now, &publishes)?;
            let mut delete = file.prepare_cached("DELETE FROM messages WHERE id = ?1")?;
            for id in &self.finished {
                delete.execute([id])?;
            }
            Ok(())
        });
        match written {
            Ok(()) => self.written(publishes),
            Err(error) => {
                warn!(error = %causes(&error), "The queue could not be written");
                for publish in publishes {
                    publish.done.send(Err(error.clone())).ok();
                }
            }
        }
    }

    fn written(&mut self, publishes: Vec<Numbered>) {
        for id in std::mem::take(&mut self.finished) {
            if let Some(lane) = self.lane(id) {
                lane.finished();
            }
        }
        for Numbered { messages, done } in publishes {
            done.send(Ok(())).ok();
            for (id, message) in messages {
                let (topic, partition) = Lane::of(id);
                let TopicLanes { lanes, subscribers } = &mut self.topics[topic];
                let row = Row {
                    id,
                    key: message.key,
                    name: message.id,
                    trace: message.trace,
                    body: message.body,
                };
                lanes[partition].written(row, subscribers.front());
            }
        }
    }

    /// Ends a subscription; its messages go to the next one in order.
    fn unsubscribe(&mut self, subscription: u64) {
        for (number, topic) in self.topics.iter_mut().enumerate() {
            let place = topic
                .subscribers
                .iter()
                .position(|subscriber| subscriber.number == subscription);
            let Some(place) = place else { continue };
            if let Some(subscriber) = topic.subscribers.remove(place) {
                subscriber.revoke();
            }
            if place == 0 {
                // Not deleted yet, because the file could not be written: these come again.
                self.finished.retain(|id| Lane::of(*id).0 != number);
                topic.lanes.iter_mut().for_each(Lane::take_back);
            }
        }
    }

    fn fill(&mut self, file: &Connection) -> rusqlite::Result<()> {
        for TopicLanes { lanes, subscribers } in &mut self.topics {
            let Some(subscriber) = subscribers.front() else {
                continue;
            };
            for lane in lanes {
                lane.fill(file, subscriber)?;
            }
        }
        Ok(())
    }

    fn depth(&self, file: &Connection, topic: &Topic) -> Result<Depth, WriteError> {
        let Some(number) = self.numbers.get(topic) else {
            return Ok(Depth::default());
        };
        let lanes = &self.topics[*number].lanes;
        let mut oldest: Option<i64> = None;
        for lane in lanes {
            oldest = match (oldest, lane.oldest(file)?) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        let now = self.clock.now().timestamp_millis();
        Ok(Depth {
            waiting: lanes.iter().map(Lane::waiting).sum(),
            in_hand: Some(lanes.iter().map(Lane::in_hand).sum()),
            oldest_ms: oldest.map(|at| u64::try_from(now - at).unwrap_or_default()),
        })
    }
}

impl Engine for Queue {
    type Command = Command;

    /// Publishes and acknowledgements of a batch share a transaction. What else was asked for is
    /// answered after it and in order, so that an acknowledgement before the end of its
    /// subscription counts.
    fn serve(&mut self, file: &Connection, batch: &mut Vec<Command>) -> Next {
        let mut publishes = Vec::new();
        let mut later = Vec::new();
        for command in batch.drain(..) {
            match command {
                Command::Publish { messages, done } => match self.number(file, messages) {
                    Ok(messages) => publishes.push(Numbered { messages, done }),
                    Err(error) => {
                        done.send(Err(error)).ok();
                    }
                },
                Command::Ack { id, subscription } => self.finish(id, subscription),
                other => later.push(other),
            }
        }
        self.write(file, publishes);
        let mut closing = None;
        for command in later {
            match command {
                Command::Subscribe {
                    topic,
                    prefetch,
                    feed,
                    acknowledge,
                    done,
                } => {
                    let subscriber = Subscriber {
                        number: 0,
                        prefetch,
                        feed,
                        acknowledge,
                        revoked: Arc::new(AtomicBool::new(false)),
                    };
                    let topic = self.topic(file, &topic);
                    let answer = topic.map(|topic| self.subscribe(topic, subscriber));
                    done.send(answer).ok();
                }
                Command::Unsubscribe { subscription } => self.unsubscribe(subscription),
                Command::Depth { topic, done } => {
                    done.send(self.depth(file, &topic)).ok();
                }
                Command::Check { done } => {
                    done.send(try_to_write(file)).ok();
                }
                Command::Compact { done } => writer::compact(file, vec![done]),
                Command::Close(done) => closing = Some(done),
                Command::Publish { .. } | Command::Ack { .. } => {}
            }
        }
        if let Some(done) = closing {
            return Next::Stop(done);
        }
        let filled = self.fill(file);
        if let Err(error) = &filled {
            error!(error = %causes(error), "The queue could not be read");
        }
        if self.finished.is_empty() && filled.is_ok() {
            Next::Command
        } else {
            Next::Within(AGAIN)
        }
    }
}

fn write_rows(file: &Connection, now: i64, publishes: &[Numbered]) -> rusqlite::Result<()> {
    let mut insert = file.prepare_cached(
        "INSERT INTO messages(id, at, key, name, trace, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (id, message) in publishes.iter().flat_map(|publish| &publish.messages) {
        insert.execute(params![
            id,
            now,
            message.key,
            message.id,
            message.trace.as_str(),
            &message.body[..],
        ])?;
    }
    Ok(())
}

fn try_to_write(file: &Connection) -> Result<(), WriteError> {
    all_or_nothing(file, || {
        file.execute(
            "INSERT INTO settings(name, value) VALUES ('checked', 1)
             ON CONFLICT(name) DO UPDATE SET value = value + 1",
            [],
        )
    })?;
    Ok(())
}

/// The partitions of a file change only while it is empty.
fn adopt_partitions(file: &Connection, partitions: u16) -> Result<(), BrokerError> {
    let read = |sql: &str| {
        let row = file.query_row(sql, [], |row| row.get::<_, i64>(0));
        row.optional().map_err(WriteError::from)
    };
    let before = read("SELECT value FROM settings WHERE name = 'partitions'")?;
    let held = read("SELECT COUNT(*) FROM messages")?.unwrap_or_default();
    if let Some(before) = before
        && before != i64::from(partitions)
        && held > 0
    {
        return Err(changed_partitions(before, partitions, held));
    }
    all_or_nothing(file, || {
        file.execute(
            "INSERT INTO settings(name, value) VALUES ('partitions', ?1)
             ON CONFLICT(name) DO UPDATE SET value = ?1",
            [partitions],
        )
    })?;
    Ok(())
}
