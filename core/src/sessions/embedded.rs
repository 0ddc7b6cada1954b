//! Sessions in an SQLite file, for an installation of one process. Commits that arrive together
//! share one sync (see [`crate::writer`]); buckets live in memory.

use std::fmt;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::warn;

use super::board::Boards;
use super::buckets::Buckets;
use super::{Rate, Saved, Sessions, SessionsError, TIME_TO_LIVE};
use crate::causes;
use crate::clock::Clock;
use crate::data_dir::{DataDirError, DataLock};
use crate::message::ConversationId;
use crate::writer::{self, Closed, Engine, Next, WriteError, all_or_nothing};

/// `day` counts days since 1970. It changes once a day, so the index on it is seldom written.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS sessions(
    conversation TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    day INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS sessions_day ON sessions(day);
CREATE TABLE IF NOT EXISTS checks(id INTEGER PRIMARY KEY, times INTEGER NOT NULL);";

const DAY: i64 = 24 * 3600;

/// The embedded sessions.
pub struct EmbeddedSessions {
    commands: Sender<Command>,
    buckets: Buckets,
    boards: Boards,
}

impl fmt::Debug for EmbeddedSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmbeddedSessions")
    }
}

type Done<T> = oneshot::Sender<Result<T, WriteError>>;

enum Command {
    Load {
        conversation: ConversationId,
        done: Done<Option<Saved>>,
    },
    Write(Write),
    Compact(Done<()>),
    Close(Option<oneshot::Sender<()>>),
}

enum Write {
    Commit {
        conversation: ConversationId,
        expected: u64,
        body: Bytes,
        /// The new version; nothing after a conflict.
        done: Done<Option<u64>>,
    },
    Forget {
        conversation: ConversationId,
        done: Done<()>,
    },
    Check {
        done: Done<()>,
    },
}

impl EmbeddedSessions {
    /// Opens `sessions.db` in a folder that no other process may use at the same time.
    pub fn open(data_dir: &Path, clock: Clock, process: &str) -> Result<Self, SessionsError> {
        let lock = DataLock::take(data_dir, "sessions", process)?;
        let file = writer::open(&data_dir.join("sessions.db"), SCHEMA).map_err(WriteError::from)?;
        let thread = Thread { clock, swept: 0 };
        let commands = writer::start("zapis-sessions", file, lock, thread)
            .map_err(|error| SessionsError::Unavailable(error.into()))?;
        Ok(Self {
            commands,
            buckets: Buckets::default(),
            boards: Boards::default(),
        })
    }

    async fn ask<T>(&self, command: impl FnOnce(Done<T>) -> Command) -> Result<T, SessionsError> {
        let closed = || SessionsError::Unavailable(Closed.into());
        let (done, answered) = oneshot::channel();
        self.commands.send(command(done)).map_err(|_| closed())?;
        Ok(answered.await.map_err(|_| closed())??)
    }
}

#[async_trait]
impl Sessions for EmbeddedSessions {
    async fn load(&self, conversation: &ConversationId) -> Result<Option<Saved>, SessionsError> {
        let conversation = conversation.clone();
        self.ask(|done| Command::Load { conversation, done }).await
    }

    async fn commit(
        &self,
        conversation: &ConversationId,
        expected: u64,
        body: Bytes,
    ) -> Result<u64, SessionsError> {
        let conversation = conversation.clone();
        let version = self.ask(|done| {
            Command::Write(Write::Commit {
                conversation,
                expected,
                body,
                done,
            })
        });
        version.await?.ok_or(SessionsError::Conflict)
    }

    async fn forget(&self, conversation: &ConversationId) -> Result<(), SessionsError> {
        let conversation = conversation.clone();
        self.ask(|done| Command::Write(Write::Forget { conversation, done }))
            .await
    }

    async fn reserve(&self, bucket: &str, rate: Rate) -> Result<Duration, SessionsError> {
        Ok(self.buckets.reserve(bucket, rate, Instant::now()))
    }

    async fn block(&self, bucket: &str, pause: Duration) -> Result<(), SessionsError> {
        self.buckets.block(bucket, pause, Instant::now());
        Ok(())
    }

    async fn pin(&self, board: &str, note: &str, span: Duration) -> Result<(), SessionsError> {
        self.boards.pin(board, note, span, Instant::now());
        Ok(())
    }

    async fn pinned(&self, board: &str) -> Result<Vec<String>, SessionsError> {
        Ok(self.boards.pinned(board, Instant::now()))
    }

    async fn check(&self) -> Result<Vec<String>, SessionsError> {
        self.ask(|done| Command::Write(Write::Check { done }))
            .await?;
        Ok(Vec::new())
    }

    async fn compact(&self) -> Result<(), SessionsError> {
        self.ask(Command::Compact).await
    }

    async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Close(Some(done))).is_ok() {
            closed.await.ok();
        }
    }
}

impl Drop for EmbeddedSessions {
    fn drop(&mut self) {
        self.commands.send(Command::Close(None)).ok();
    }
}

/// What the thread that owns the file knows.
struct Thread {
    clock: Clock,
    /// The day of the last look for expired sessions.
    swept: i64,
}

impl Engine for Thread {
    type Command = Command;

    /// Loads see what was saved before the batch; their callers have nothing newer of their own.
    fn serve(&mut self, file: &Connection, batch: &mut Vec<Command>) -> Next {
        let today = self.clock.now().timestamp() / DAY;
        let mut writes = Vec::new();
        let mut compacting = Vec::new();
        let mut closing = None;
        for command in batch.drain(..) {
            match command {
                Command::Load { conversation, done } => {
                    let saved = load(file, &conversation, oldest(today));
                    done.send(saved.map_err(WriteError::from)).ok();
                }
                Command::Write(write) => writes.push(write),
                Command::Compact(done) => compacting.push(done),
                Command::Close(done) => closing = Some(done),
            }
        }
        if !writes.is_empty() {
            self.write(file, today, writes);
        }
        writer::compact(file, compacting);
        closing.map_or(Next::Command, Next::Stop)
    }
}

impl Thread {
    fn write(&mut self, file: &Connection, today: i64, writes: Vec<Write>) {
        let results = all_or_nothing(file, || {
            if self.swept != today {
                file.execute("DELETE FROM sessions WHERE day < ?1", [oldest(today)])?;
            }
            writes
                .iter()
                .map(|write| write_one(file, write, today))
                .collect::<rusqlite::Result<Vec<_>>>()
        });
        match results {
            Ok(versions) => {
                self.swept = today;
                for (write, version) in writes.into_iter().zip(versions) {
                    answer(write, Ok(version));
                }
            }
            Err(error) => {
                warn!(error = %causes(&error), "The sessions could not be written");
                for write in writes {
                    answer(write, Err(error.clone()));
                }
            }
        }
    }
}

fn answer(write: Write, result: Result<Option<u64>, WriteError>) {
    match write {
        Write::Commit { done, .. } => done.send(result).err().map(drop),
        Write::Forget { done, .. } | Write::Check { done } => {
            done.send(result.map(drop)).err().map(drop)
        }
    };
}

/// A session not used since before this day is expired.
fn oldest(today: i64) -> i64 {
    today - i64::try_from(TIME_TO_LIVE.as_secs()).unwrap_or(i64::MAX) / DAY
}

fn load(
    file: &Connection,
    conversation: &ConversationId,
    oldest: i64,
) -> rusqlite::Result<Option<Saved>> {
    let mut select = file.prepare_cached(
        "SELECT version, body FROM sessions WHERE conversation = ?1 AND day >= ?2",
    )?;
    let row = select.query_row(params![conversation.as_str(), oldest], |row| {
        Ok(Saved {
            version: u64::from(row.get::<_, u32>(0)?),
            body: Bytes::from(row.get::<_, Vec<u8>>(1)?),
        })
    });
    row.optional()
}

/// The new version of a commit; nothing after a conflict.
fn write_one(file: &Connection, write: &Write, today: i64) -> rusqlite::Result<Option<u64>> {
    match write {
        Write::Commit {
            conversation,
            expected,
            body,
            ..
        } => {
            let Ok(before) = u32::try_from(*expected) else {
                return Ok(None);
            };
            let sql = if before == 0 {
                "INSERT INTO sessions(conversation, version, day, body) VALUES (?1, ?2 + 1, ?3, ?4)
                 ON CONFLICT(conversation) DO UPDATE
                 SET version = excluded.version, day = excluded.day, body = excluded.body
                 WHERE sessions.day < ?5"
            } else {
                "UPDATE sessions SET version = ?2 + 1, day = ?3, body = ?4
                 WHERE conversation = ?1 AND version = ?2 AND day >= ?5"
            };
            let mut statement = file.prepare_cached(sql)?;
            let changed = statement.execute(params![
                conversation.as_str(),
                before,
                today,
                &body[..],
                oldest(today),
            ])?;
            Ok((changed == 1).then_some(expected + 1))
        }
        Write::Forget { conversation, .. } => {
            let mut delete = file.prepare_cached("DELETE FROM sessions WHERE conversation = ?1")?;
            delete.execute([conversation.as_str()])?;
            Ok(None)
        }
        Write::Check { .. } => {
            file.execute(
                "INSERT INTO checks(id, times) VALUES (1, 1)
                 ON CONFLICT(id) DO UPDATE SET times = times + 1",
                [],
            )?;
            Ok(None)
        }
    }
}

impl From<WriteError> for SessionsError {
    fn from(error: WriteError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<DataDirError> for SessionsError {
    fn from(error: DataDirError) -> Self {
        Self::Refused(error.to_string())
    }
}
