//! One partition of one topic: which numbers its messages have and which of them are handed out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use bytes::Bytes;
use rusqlite::{Connection, params};
use tokio::sync::mpsc;

use super::queue::Command;
use crate::broker::{Delivery, Incoming};
use crate::trace::TraceParent;

/// A row's id is `topic << TOPIC | partition << PARTITION | count`: one tree holds everything, and
/// the rows of a lane lie side by side in their order, without an index to keep.
const PARTITION: u32 = 44;
const TOPIC: u32 = PARTITION + 8;

/// How many topics there can be: what is left of a positive 64-bit number.
pub(super) const TOPICS: usize = 1 << (63 - TOPIC);

/// A message as it lies in the file.
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) key: String,
    pub(super) name: String,
    pub(super) trace: TraceParent,
    pub(super) body: Bytes,
}

/// Somebody who consumes a topic.
pub(super) struct Subscriber {
    pub(super) number: u64,
    pub(super) prefetch: usize,
    pub(super) feed: mpsc::Sender<Incoming>,
    pub(super) acknowledge: Sender<Command>,
    pub(super) revoked: Arc<AtomicBool>,
}

impl Subscriber {
    /// What is not finished goes to somebody else from now on.
    pub(super) fn revoke(&self) {
        self.revoked.store(true, Ordering::Release);
    }
}

/// One partition of one topic.
pub(super) struct Lane {
    partition: u16,
    /// Ids of this lane are below it.
    limit: i64,
    /// The lowest id of this lane.
    first: i64,
    /// The id of the next message to be published.
    end: i64,
    /// Messages below it are handed out or finished.
    next: i64,
    /// Messages below it were handed out before.
    known: i64,
    /// How many messages there are in the file.
    held: u64,
    /// How many of them are handed out.
    in_hand: u64,
}

impl Lane {
    pub(super) fn empty(topic: usize, partition: u16) -> Self {
        let topic = i64::try_from(topic).unwrap_or(i64::MAX);
        let first = (topic << TOPIC) | (i64::from(partition) << PARTITION);
        Self {
            partition,
            limit: first + (1 << PARTITION),
            first,
            end: first,
            next: first,
            known: first,
            held: 0,
            in_hand: 0,
        }
    }

    /// Topic and partition of a row.
    pub(super) fn of(id: i64) -> (usize, usize) {
        let topic = usize::try_from(id >> TOPIC).unwrap_or(usize::MAX);
        let partition = usize::try_from((id >> PARTITION) & 0xff).unwrap_or(usize::MAX);
        (topic, partition)
    }

    /// Takes in what an earlier process left.
    pub(super) fn found(&mut self, held: u64, last: i64) {
        self.held = held;
        self.end = last + 1;
        self.known = self.end;
    }

    /// The id for one more message. It is used up even if the message is not written after all.
    pub(super) fn number(&mut self) -> i64 {
        self.end += 1;
        self.end - 1
    }

    pub(super) fn waiting(&self) -> u64 {
        self.held - self.in_hand
    }

    pub(super) fn in_hand(&self) -> u64 {
        self.in_hand
    }

    /// A message is in the file. It goes straight on when none waits before it.
    pub(super) fn written(&mut self, row: Row, subscriber: Option<&Subscriber>) {
        let idle = self.waiting() == 0;
        self.held += 1;
        if let Some(subscriber) = subscriber
            && idle
            && self.room(subscriber) > 0
        {
            self.hand_out(row, subscriber);
        }
    }

    /// A message that was handed out is gone from the file.
    pub(super) fn finished(&mut self) {
        self.held -= 1;
        self.in_hand -= 1;
    }

    /// Everything handed out waits again.
    pub(super) fn take_back(&mut self) {
        self.next = self.first;
        self.in_hand = 0;
    }

    /// Hands out what waits, as far as the window allows.
    pub(super) fn fill(
        &mut self,
        file: &Connection,
        subscriber: &Subscriber,
    ) -> rusqlite::Result<()> {
        let room = self.room(subscriber).min(self.waiting());
        if room == 0 {
            return Ok(());
        }
        let mut select = file.prepare_cached(
            "SELECT id, key, name, trace, body FROM messages WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3",
        )?;
        let limit = i64::try_from(room).unwrap_or(i64::MAX);
        let mut rows = select.query(params![self.next, self.limit, limit])?;
        while let Some(row) = rows.next()? {
            let trace: String = row.get(3)?;
            let row = Row {
                id: row.get(0)?,
                key: row.get(1)?,
                name: row.get(2)?,
                trace: TraceParent::parse(&trace).unwrap_or_else(TraceParent::start),
                body: Bytes::from(row.get::<_, Vec<u8>>(4)?),
            };
            self.hand_out(row, subscriber);
        }
        Ok(())
    }

    /// When the oldest waiting message was published, in milliseconds.
    pub(super) fn oldest(&self, file: &Connection) -> rusqlite::Result<Option<i64>> {
        if self.waiting() == 0 {
            return Ok(None);
        }
        let mut select = file.prepare_cached(
            "SELECT at FROM messages WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 1",
        )?;
        select
            .query_row(params![self.next, self.limit], |row| row.get(0))
            .map(Some)
    }

    fn room(&self, subscriber: &Subscriber) -> u64 {
        (subscriber.prefetch as u64).saturating_sub(self.in_hand)
    }

    fn hand_out(&mut self, row: Row, subscriber: &Subscriber) {
        let redelivered = row.id < self.known;
        self.next = row.id + 1;
        self.known = self.known.max(self.next);
        self.in_hand += 1;
        let (id, number) = (row.id, subscriber.number);
        let acknowledge = subscriber.acknowledge.clone();
        let delivery = Delivery {
            key: row.key,
            id: row.name,
            body: row.body,
            trace: row.trace,
            partition: self.partition,
            redelivered,
            revoked: Arc::clone(&subscriber.revoked),
            acknowledge: Box::new(move || {
                let subscription = number;
                acknowledge.send(Command::Ack { id, subscription }).ok();
            }),
        };
        // It has room for every window. When the other end is gone, `Unsubscribe` is under way.
        subscriber.feed.try_send(Incoming::Message(delivery)).ok();
    }
}
