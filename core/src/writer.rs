//! One thread that owns an SQLite file. Commands that arrive while it writes wait and then share
//! one transaction and one sync (group commit), so that durability costs little under load.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::data_dir::DataLock;

/// How many commands share a transaction at most.
const GROUP: usize = 512;

/// While commands come several at a time, more of them are waited for so long: a sync for each few
/// costs more than it gains.
const BREATH: Duration = Duration::from_micros(200);

/// More commands at once than one caller alone gives.
const BUSY: usize = 3;

/// What an engine does with its commands, on the thread that owns the file.
pub(crate) trait Engine: Send + 'static {
    /// What callers ask for.
    type Command: Send + 'static;

    /// Does a batch, which may be empty after [`Next::Within`], and leaves it empty.
    fn serve(&mut self, file: &Connection, batch: &mut Vec<Self::Command>) -> Next;
}

/// When an engine wants to be called again.
pub(crate) enum Next {
    /// At the next command.
    Command,
    /// At the next command, but no later than this: something could not be written.
    Within(Duration),
    /// Never: close the file, let go of the lock, then say so.
    Stop(Option<oneshot::Sender<()>>),
}

/// Why the file was not written. One failure answers all callers of its transaction.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the file could not be written")]
pub(crate) struct WriteError(#[source] Arc<rusqlite::Error>);

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self(Arc::new(error))
    }
}

/// The engine was closed, or its thread is gone.
#[derive(Debug, thiserror::Error)]
#[error("the engine is closed")]
pub(crate) struct Closed;

/// Opens a file whose every commit is synced.
pub(crate) fn open(path: &Path, schema: &str) -> rusqlite::Result<Connection> {
    let file = Connection::open(path)?;
    file.pragma_update(None, "journal_mode", "WAL")?;
    file.pragma_update(None, "synchronous", "FULL")?;
    file.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    tune(&file)?;
    file.execute_batch(schema)?;
    Ok(file)
}

/// What makes many writes cheap: room for the pages of indexes, and no temporary file for each statement
/// over many rows.
pub(crate) fn tune(file: &Connection) -> rusqlite::Result<()> {
    file.pragma_update(None, "cache_size", -16_000)?;
    file.pragma_update(None, "temp_store", "MEMORY")
}

/// Writes a file anew without what was deleted, and empties the log beside it: both still hold its bytes.
pub(crate) fn rewrite(file: &Connection) -> rusqlite::Result<()> {
    file.execute_batch("VACUUM")?;
    // That somebody reads the log is no error there, but a column.
    let busy: i64 = file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
    let why = "the log beside the file is in use and was not emptied".to_owned();
    Err(rusqlite::Error::SqliteFailure(code, Some(why)))
}

/// Does it for everybody who waits for it.
pub(crate) fn compact(file: &Connection, waiting: Vec<oneshot::Sender<Result<(), WriteError>>>) {
    if waiting.is_empty() {
        return;
    }
    let done = rewrite(file).map_err(WriteError::from);
    for waits in waiting {
        waits.send(done.clone()).ok();
    }
}

/// Starts the thread. It ends with [`Next::Stop`], or when all senders are gone.
pub(crate) fn start<E: Engine>(
    name: &str,
    file: Connection,
    lock: DataLock,
    engine: E,
) -> std::io::Result<Sender<E::Command>> {
    let (sender, commands) = mpsc::channel();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let closed = run(&file, engine, &commands);
            // In this order: whoever waits for the end may open the file again at once.
            drop(file);
            drop(lock);
            if let Some(closed) = closed {
                closed.send(()).ok();
            }
        })?;
    Ok(sender)
}

fn run<E: Engine>(
    file: &Connection,
    mut engine: E,
    commands: &Receiver<E::Command>,
) -> Option<oneshot::Sender<()>> {
    let mut batch = Vec::with_capacity(GROUP);
    let mut patience = None;
    let mut busy = false;
    loop {
        let first = match patience {
            None => commands.recv().map_err(RecvTimeoutError::from),
            Some(patience) => commands.recv_timeout(patience),
        };
        match first {
            Ok(command) => batch.push(command),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
        if busy {
            std::thread::sleep(BREATH);
        }
        batch.extend(commands.try_iter().take(GROUP - 1));
        busy = batch.len() > BUSY;
        match engine.serve(file, &mut batch) {
            Next::Command => patience = None,
            Next::Within(limit) => patience = Some(limit),
            Next::Stop(closed) => return closed,
        }
    }
}

/// Does all of it or nothing.
pub(crate) fn all_or_nothing<T>(
    file: &Connection,
    work: impl FnOnce() -> rusqlite::Result<T>,
) -> Result<T, WriteError> {
    let transaction = file.unchecked_transaction()?;
    let result = work()?;
    transaction.commit()?;
    Ok(result)
}
