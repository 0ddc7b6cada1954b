//! The queue in one SQLite file, for an installation of one process.
//!
//! One thread owns the file and everything that is handed out (see [`crate::writer`]). Nothing is
//! written when a message is handed out: the process that could know dies with what it knew, and
//! the lock on the file keeps a second one away. So there are no leases and no time-outs; whatever
//! is in the file at the start counts as handed out before.

mod lane;
mod queue;

use std::fmt;
use std::path::Path;
use std::sync::mpsc::Sender;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use super::{Broker, BrokerError, Depth, Publish, Subscription, Topic};
use crate::clock::Clock;
use crate::data_dir::{DataDirError, DataLock};
use crate::writer::{self, Closed, WriteError};
use queue::{Command, Queue};

/// The embedded queue.
pub struct EmbeddedBroker {
    commands: Sender<Command>,
    partitions: u16,
}

impl fmt::Debug for EmbeddedBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmbeddedBroker")
    }
}

impl EmbeddedBroker {
    /// Opens `queue.db` in a folder that no other process may use at the same time.
    pub fn open(data_dir: &Path, partitions: u16, process: &str) -> Result<Self, BrokerError> {
        let lock = DataLock::take(data_dir, "queue", process)?;
        let file = writer::open(&data_dir.join("queue.db"), queue::SCHEMA).map_err(opening)?;
        Self::with_file(file, lock, partitions)
    }

    fn with_file(
        file: rusqlite::Connection,
        lock: DataLock,
        partitions: u16,
    ) -> Result<Self, BrokerError> {
        let queue = Queue::load(&file, partitions.clamp(1, 256), Clock::system())?;
        let commands = writer::start("zapis-queue", file, lock, queue).map_err(opening)?;
        Ok(Self {
            commands,
            partitions: partitions.clamp(1, 256),
        })
    }

    /// Asks the queue's thread and waits for its answer.
    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, BrokerError> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).map_err(|_| closed())?;
        answered.await.map_err(|_| closed())
    }
}

#[async_trait]
impl Broker for EmbeddedBroker {
    async fn publish(&self, messages: Vec<Publish>) -> Result<(), BrokerError> {
        if messages.is_empty() {
            return Ok(());
        }
        super::check_sizes(&messages)?;
        let done = self.ask(|done| Command::Publish { messages, done });
        Ok(done.await??)
    }

    async fn subscribe(&self, topic: &Topic, prefetch: u16) -> Result<Subscription, BrokerError> {
        let prefetch = prefetch.max(1);
        // Room for every window, so that the queue's thread never waits for a consumer.
        let room = usize::from(prefetch) * usize::from(self.partitions);
        let (feed, incoming) = mpsc::channel(room);
        let (guard, dropped) = oneshot::channel::<()>();
        let subscribed = self.ask(|done| Command::Subscribe {
            topic: topic.clone(),
            prefetch: usize::from(prefetch),
            feed,
            acknowledge: self.commands.clone(),
            done,
        });
        let subscription = subscribed.await??;
        let commands = self.commands.clone();
        tokio::spawn(async move {
            dropped.await.ok();
            commands.send(Command::Unsubscribe { subscription }).ok();
        });
        Ok(Subscription { incoming, guard })
    }

    async fn depth(&self, topic: &Topic) -> Result<Depth, BrokerError> {
        let topic = topic.clone();
        Ok(self.ask(|done| Command::Depth { topic, done }).await??)
    }

    async fn check(&self) -> Result<(), BrokerError> {
        Ok(self.ask(|done| Command::Check { done }).await??)
    }

    async fn compact(&self) -> Result<(), BrokerError> {
        Ok(self.ask(|done| Command::Compact { done }).await??)
    }

    async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Close(Some(done))).is_ok() {
            closed.await.ok();
        }
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        self.commands.send(Command::Close(None)).ok();
    }
}

fn closed() -> BrokerError {
    BrokerError::Unavailable(Closed.into())
}

fn opening(error: impl std::error::Error + Send + Sync + 'static) -> BrokerError {
    BrokerError::Unavailable(error.into())
}

impl From<WriteError> for BrokerError {
    fn from(error: WriteError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<DataDirError> for BrokerError {
    fn from(error: DataDirError) -> Self {
        Self::Refused(error.to_string())
    }
}

#[cfg(test)]
mod tests;
