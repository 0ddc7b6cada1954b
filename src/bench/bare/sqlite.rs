//! SQLite files with one thread each: what is asked for at the same time shares a transaction and a
//! sync.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{mpsc, oneshot};

use super::{BareQueue, BareSessions, BareStore, Line, Note, Stage, Taken};
use crate::output::complain;

/// How many jobs share a transaction at most.
const GROUP: usize = 512;

/// Works on the file; what it returns is called once that is durable.
type Job = Box<dyn FnOnce(&Connection) -> rusqlite::Result<After> + Send>;
type After = Box<dyn FnOnce() + Send>;

/// A file and its thread.
#[derive(Clone)]
struct File(Sender<Job>);

impl File {
    fn open(path: &Path, schema: &str) -> anyhow::Result<Self> {
        let file = Connection::open(path)?;
        file.pragma_update(None, "journal_mode", "WAL")?;
        file.pragma_update(None, "synchronous", "FULL")?;
        file.execute_batch(schema)?;
        let (jobs, queue) = channel();
        std::thread::Builder::new().spawn(move || work_off(&file, &queue))?;
        Ok(Self(jobs))
    }

    /// Does it with what others ask for now.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let (done, answer) = oneshot::channel();
        self.start(move |file| {
            let result = work(file)?;
            Ok(Box::new(move || {
                done.send(result).ok();
            }))
        })?;
        answer.await.context("a bare file could not be written")
    }

    fn start(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<After> + Send + 'static,
    ) -> anyhow::Result<()> {
        self.0
            .send(Box::new(job))
            .ok()
            .context("a bare file is closed")
    }
}

fn work_off(file: &Connection, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let batch = std::iter::once(first).chain(jobs.try_iter().take(GROUP - 1));
        let done = file.unchecked_transaction().and_then(|transaction| {
            let after: Vec<After> = batch.map(|job| job(file)).collect::<Result<_, _>>()?;
            transaction.commit()?;
            Ok(after)
        });
        match done {
            Ok(after) => after.into_iter().for_each(|after| after()),
            Err(error) => complain(format!("A bare file could not be written: {error}")),
        }
    }
}

/// The queue: a table, handed out from memory once it is written.
pub(in crate::bench) struct Queue {
    file: File,
    consumers: Arc<Mutex<HashMap<Stage, mpsc::Sender<Taken>>>>,
}

impl Queue {
    pub(in crate::bench) fn open(folder: &Path) -> anyhow::Result<Self> {
        let schema = "CREATE TABLE messages(id INTEGER PRIMARY KEY, stage TEXT NOT NULL, body BLOB NOT NULL)";
        Ok(Self {
            file: File::open(&folder.join("bare-queue.db"), schema)?,
            consumers: Arc::default(),
        })
    }
}

#[async_trait]
impl BareQueue for Queue {
    async fn publish(&self, notes: Vec<Note>) -> anyhow::Result<()> {
        let (file, consumers) = (self.file.clone(), Arc::clone(&self.consumers));
        let written = self.file.run(move |connection| {
            let mut insert =
                connection.prepare_cached("INSERT INTO messages(stage, body) VALUES (?1, ?2)")?;
            notes
                .into_iter()
                .map(|note| {
                    let id = insert.insert(params![note.stage.name(), &note.body[..]])?;
                    Ok((id, note))
                })
                .collect::<rusqlite::Result<Vec<_>>>()
        });
        for (id, note) in written.await? {
            let consumer = {
                let consumers = consumers.lock().unwrap_or_else(PoisonError::into_inner);
                consumers.get(&note.stage).cloned()
            };
            let Some(consumer) = consumer else { continue };
            let file = file.clone();
            let acknowledge = Box::new(move || {
                let deleted = file.start(move |file| {
                    let mut delete = file.prepare_cached("DELETE FROM messages WHERE id = ?1")?;
                    delete.execute([id])?;
                    Ok(Box::new(|| {}))
                });
                deleted.ok();
            });
            let body = note.body;
            consumer.send(Taken { body, acknowledge }).await.ok();
        }
        Ok(())
    }

    async fn consume(&self, stage: Stage, _prefetch: u16) -> anyhow::Result<mpsc::Receiver<Taken>> {
        // Room for all that is ever under way, so that publishing waits for nobody.
        let (feed, taken) = mpsc::channel(1 << 16);
        let mut consumers = self
            .consumers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        consumers.insert(stage, feed);
        Ok(taken)
    }
}

/// Sessions in a table.
pub(in crate::bench) struct Sessions(File);

impl Sessions {
    pub(in crate::bench) fn open(folder: &Path) -> anyhow::Result<Self> {
        let schema = "CREATE TABLE sessions(conversation INTEGER PRIMARY KEY, body BLOB NOT NULL)";
        Ok(Self(File::open(&folder.join("bare-sessions.db"), schema)?))
    }
}

#[async_trait]
impl BareSessions for Sessions {
    async fn load(&self, conversation: u64) -> anyhow::Result<usize> {
        let body = self.0.run(move |file| {
            let mut select =
                file.prepare_cached("SELECT body FROM sessions WHERE conversation = ?1")?;
            let body =
                select.query_row([conversation.cast_signed()], |row| row.get::<_, Vec<u8>>(0));
            body.optional()
        });
        Ok(body.await?.map_or(0, |body| body.len()))
    }

    async fn save(&self, conversation: u64, body: Bytes) -> anyhow::Result<()> {
        let saved = self.0.run(move |file| {
            let mut save = file.prepare_cached(
                "INSERT INTO sessions(conversation, body) VALUES (?1, ?2)
                 ON CONFLICT(conversation) DO UPDATE SET body = excluded.body",
            )?;
            save.execute(params![conversation.cast_signed(), &body[..]])
        });
        saved.await.map(drop)
    }
}

/// Ledger and journal in two tables.
pub(in crate::bench) struct Store(File);

impl Store {
    pub(in crate::bench) fn open(folder: &Path) -> anyhow::Result<Self> {
        let schema = "
            CREATE TABLE ledger(id INTEGER PRIMARY KEY, conversation INTEGER NOT NULL, state TEXT NOT NULL);
            CREATE TABLE events(position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
                conversation INTEGER NOT NULL, event TEXT NOT NULL);
            CREATE INDEX events_by_conversation ON events(conversation, position);";
        Ok(Self(File::open(&folder.join("bare-store.db"), schema)?))
    }
}

#[async_trait]
impl BareStore for Store {
    async fn claim(&self, message: u64, conversation: u64) -> anyhow::Result<()> {
        let claimed = self.0.run(move |file| {
            let mut insert =
                file.prepare_cached("INSERT INTO ledger VALUES (?1, ?2, 'claimed')")?;
            insert.execute([message.cast_signed(), conversation.cast_signed()])
        });
        claimed.await.map(drop)
    }

    async fn record(&self, message: u64) -> anyhow::Result<()> {
        let recorded = self.0.run(move |file| {
            let mut update =
                file.prepare_cached("UPDATE ledger SET state = 'sent' WHERE id = ?1")?;
            update.execute([message.cast_signed()])
        });
        recorded.await.map(drop)
    }

    async fn journal(&self, lines: Vec<Line>) -> anyhow::Result<()> {
        let written = self.0.run(move |file| {
            let mut insert = file.prepare_cached(
                "INSERT INTO events(id, conversation, event) VALUES (?1, ?2, ?3)",
            )?;
            for line in lines {
                insert.execute(params![line.id, line.conversation.cast_signed(), line.text])?;
            }
            Ok(())
        });
        written.await
    }
}
