//! An SQLite file: one connection writes, some read. Statements run where they are asked for, because
//! they take microseconds; what waits for the disk or for another process (begin, commit, reading many
//! rows) runs on a thread for that.
//!
//! Transactions run one after the other, and share the wait for the disk: the first one that is done waits
//! for its turn to write once more, behind all that wanted to write meanwhile, and commits their work with
//! its own. Each is a savepoint in that group, so that one which fails takes back its own work only; and
//! each returns when the group is on the disk.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use rusqlite::types::{FromSql, Value as Cell, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::migrate::Migration;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tokio::task::spawn_blocking;

use super::StoreError;
use super::db::{Sql, Value, damaged};

/// How long SQLite waits for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);
/// Connections that read while one writes.
const READERS: usize = 4;
/// How many prepared statements a connection keeps.
const PREPARED: usize = 64;

/// The file. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sqlite {
    /// Nothing after [`Sqlite::close`]; the same holds for the readers.
    write: Arc<Mutex<Option<Writer>>>,
    readers: Arc<StdMutex<Option<Vec<Connection>>>>,
    /// Nothing for a database in memory, which belongs to its one connection.
    path: Option<PathBuf>,
}

/// The connection that writes.
struct Writer {
    connection: Connection,
    /// Who is done, in the transaction that is open, and waits for the disk.
    group: Vec<oneshot::Sender<Result<(), Failure>>>,
}

/// A row.
pub(super) struct Row(Vec<Cell>);

impl Row {
    pub(super) fn get<T: FromSql>(&self, column: usize) -> Result<T, sqlx::Error> {
        let cell = self.0.get(column).ok_or_else(damaged)?;
        T::column_result(ValueRef::from(cell)).map_err(|_| damaged())
    }
}

impl Sqlite {
    /// Opens a file (or `:memory:`), makes it and its folder where they are missing, and brings its
    /// schema up to date.
    pub(super) async fn open(path: &str, migrations: Vec<Migration>) -> Result<Self, StoreError> {
        let path = (path != ":memory:").then(|| PathBuf::from(path));
        let file = path.clone();
        let write = on_thread(move || Ok(open_and_migrate(file.as_deref(), &migrations))).await??;
        Ok(Self {
            write: Arc::new(Mutex::new(Some(Writer {
                connection: write,
                group: Vec::new(),
            }))),
            readers: Arc::new(StdMutex::new(Some(Vec::new()))),
            path,
        })
    }

    /// Begins a transaction with the only right to write.
    pub(super) async fn begin(&self) -> Result<Tx, sqlx::Error> {
        let mut guard = Arc::clone(&self.write).lock_owned().await;
        let Some(writer) = guard.as_mut() else {
            return Err(sqlx::Error::PoolClosed);
        };
        let nested = writer.is_open();
        let open = if nested {
            writer.run(SAVEPOINT).map_err(failed)?;
            true
        } else {
            writer.begin_if_free().map_err(failed)?
        };
        let mut tx = Tx {
            guard,
            nested,
            done: !open,
            write: Arc::clone(&self.write),
        };
        if open {
            return Ok(tx);
        }
        // Who does not wait for it any more leaves no transaction open.
        let begin = move || {
            let writer = tx.guard.as_ref().ok_or(sqlx::Error::PoolClosed)?;
            writer.run(BEGIN).map_err(failed)?;
            tx.done = false;
            Ok(tx)
        };
        on_thread(begin).await
    }

    /// Reads so few rows that it happens where it is asked.
    pub(super) async fn fetch_few(&self, sql: Sql) -> Result<Vec<Row>, sqlx::Error> {
        if self.path.is_some() {
            self.reading(&sql)
        } else {
            self.in_memory(&sql).await
        }
    }

    /// Reads as many as there are.
    pub(super) async fn fetch(&self, sql: Sql) -> Result<Vec<Row>, sqlx::Error> {
        if self.path.is_none() {
            return self.in_memory(&sql).await;
        }
        let file = self.clone();
        on_thread(move || file.reading(&sql)).await
    }

    async fn in_memory(&self, sql: &Sql) -> Result<Vec<Row>, sqlx::Error> {
        let guard = self.write.lock().await;
        let writer = guard.as_ref().ok_or(sqlx::Error::PoolClosed)?;
        run(&writer.connection, sql)
    }

    fn reading(&self, sql: &Sql) -> Result<Vec<Row>, sqlx::Error> {
        let free = || self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = free().as_mut().ok_or(sqlx::Error::PoolClosed)?.pop();
        let connection = match known {
            Some(connection) => connection,
            None => {
                connect(self.path.as_deref(), OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?
            }
        };
        let rows = run(&connection, sql);
        if let Some(readers) = &mut *free()
            && readers.len() < READERS
        {
            readers.push(connection);
        }
        rows
    }

    /// Writes the file anew without what was deleted, and empties the log beside it.
    pub(super) async fn compact(&self) -> Result<(), sqlx::Error> {
        let mut guard = Arc::clone(&self.write).lock_owned().await;
        let work = move || {
            let writer = guard.as_mut().ok_or(sqlx::Error::PoolClosed)?;
            writer.commit();
            crate::writer::rewrite(&writer.connection).map_err(failed)
        };
        on_thread(work).await
    }

    /// Closes it; who asks later is told so.
    pub(super) async fn close(&self) {
        let mut writer = self.write.lock().await.take();
        let readers = self
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let close = move || {
            writer.iter_mut().for_each(Writer::commit);
            drop((readers, writer));
        };
        spawn_blocking(close).await.ok();
    }
}

const BEGIN: &str = "BEGIN IMMEDIATE";
const SAVEPOINT: &str = "SAVEPOINT one";
const RELEASE: &str = "RELEASE one";
const UNDO: &str = "ROLLBACK TO one";

impl Writer {
    /// Whether others have written what is not on the disk yet. Where SQLite has rolled it back by itself
    /// (the disk is full), they are told.
    fn is_open(&mut self) -> bool {
        let open = !self.connection.is_autocommit();
        if !open {
            self.group.clear();
        }
        open
    }

    /// `false` when another process writes.
    fn begin_if_free(&self) -> rusqlite::Result<bool> {
        // Nobody else writes nearly always; who waits, waits elsewhere.
        self.connection.busy_timeout(Duration::ZERO)?;
        let begun = self.run(BEGIN);
        self.connection.busy_timeout(PATIENCE)?;
        match begun {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(false),
            begun => begun.map(|()| true),
        }
    }

    fn run(&self, text: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(text)?.execute([])?;
        Ok(())
    }

    /// Writes the group to the disk, and tells it.
    fn commit(&mut self) {
        if self.group.is_empty() || !self.is_open() {
            return;
        }
        let done = self.run("COMMIT").map_err(Failure::of);
        if done.is_err() {
            self.roll_back();
        }
        for waits in self.group.drain(..) {
            // Who does not wait any more does not mind.
            waits.send(done.clone()).ok();
        }
    }

    fn roll_back(&self) {
        // It fails where SQLite has rolled back by itself.
        self.run("ROLLBACK").ok();
    }
}

/// A transaction; dropped without [`Tx::commit`] it changes nothing.
pub(super) struct Tx {
    guard: OwnedMutexGuard<Option<Writer>>,
    /// Whether it is a part of an open group, or the first.
    nested: bool,
    done: bool,
    write: Arc<Mutex<Option<Writer>>>,
}

impl Tx {
    fn connection(&self) -> Result<&Connection, sqlx::Error> {
        let writer = self.guard.as_ref().ok_or(sqlx::Error::PoolClosed)?;
        Ok(&writer.connection)
    }

    pub(super) fn fetch(&self, sql: &Sql) -> Result<Vec<Row>, sqlx::Error> {
        run(self.connection()?, sql)
    }

    pub(super) fn execute(&self, sql: &Sql) -> Result<u64, sqlx::Error> {
        let connection = self.connection()?;
        run(connection, sql)?;
        Ok(connection.changes())
    }

    /// Returns once it is on the disk.
    pub(super) async fn commit(mut self) -> Result<(), sqlx::Error> {
        let writer = self.guard.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        if self.nested {
            writer.run(RELEASE).map_err(failed)?;
        }
        self.done = true;
        let (tell, told) = oneshot::channel();
        let leads = writer.group.is_empty();
        writer.group.push(tell);
        let write = Arc::clone(&self.write);
        drop(self);
        if leads {
            // Whether or not the one who leads goes on waiting.
            tokio::spawn(commit_group(write));
        }
        // Nobody tells where SQLite has rolled back by itself.
        Ok(told.await.map_err(|_| sqlx::Error::WorkerCrashed)??)
    }
}

/// Commits what was written before it is its turn to write.
async fn commit_group(write: Arc<Mutex<Option<Writer>>>) {
    let mut guard = write.lock_owned().await;
    let commit = move || guard.iter_mut().for_each(Writer::commit);
    spawn_blocking(commit).await.ok();
}

impl Drop for Tx {
    fn drop(&mut self) {
        let Some(writer) = self.guard.as_ref().filter(|_| !self.done) else {
            return;
        };
        if !self.nested {
            writer.roll_back();
        } else if writer.run(UNDO).and_then(|()| writer.run(RELEASE)).is_err() {
            // What cannot be undone alone must not get to the disk with the others.
            writer.roll_back();
        }
    }
}

/// Runs one statement to its end.
fn run(connection: &Connection, sql: &Sql) -> Result<Vec<Row>, sqlx::Error> {
    let (text, values) = sql.parts();
    // `$1` would be a name to SQLite, and names are looked up one after the other.
    let text = text.replace('$', "?");
    let mut cached;
    let mut once;
    let statement = if sql.is_repeated() {
        cached = connection.prepare_cached(&text).map_err(failed)?;
        &mut *cached
    } else {
        once = connection.prepare(&text).map_err(failed)?;
        &mut once
    };
    for (n, value) in (1..).zip(values) {
        match value {
            Value::Int(number) => statement.raw_bind_parameter(n, number),
            Value::Text(text) => statement.raw_bind_parameter(n, text),
            Value::Bytes(bytes) => statement.raw_bind_parameter(n, bytes),
        }
        .map_err(failed)?;
    }
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let cells = (0..columns).map(|column| row.get::<_, Cell>(column));
        found.push(Row(cells
            .collect::<rusqlite::Result<_>>()
            .map_err(failed)?));
    }
    drop(rows);
    #[cfg(test)]
    tests::note_scanned(statement);
    Ok(found)
}

async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, sqlx::Error> + Send + 'static,
) -> Result<T, sqlx::Error> {
    spawn_blocking(work)
        .await
        .map_err(|_| sqlx::Error::WorkerCrashed)?
}

fn connect(path: Option<&Path>, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = match path {
        Some(path) => Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?,
        None => Connection::open_in_memory()?,
    };
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

fn open_and_migrate(
    path: Option<&Path>,
    migrations: &[Migration],
) -> Result<Connection, StoreError> {
    if let Some(folder) = path.and_then(Path::parent) {
        std::fs::create_dir_all(folder).map_err(|error| {
            StoreError::Refused(format!(
                "cannot make the folder {}: {error}",
                folder.display()
            ))
        })?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut connection = connect(path, flags).map_err(|error| match (&error, path) {
        (error, Some(path)) if error.sqlite_error_code() == Some(ErrorCode::CannotOpen) => {
            StoreError::Refused(format!(
                "cannot open {}: is the folder there and writable?",
                path.display()
            ))
        }
        _ => failed(error).into(),
    })?;
    if path.is_some() {
        // Turning an empty file into a log-structured one does not wait for another process that does
        // the same, whatever the time-out says.
        patiently(|| connection.pragma_update(None, "journal_mode", "WAL")).map_err(failed)?;
        crate::writer::tune(&connection).map_err(failed)?;
    }
    migrate(&mut connection, migrations)?;
    Ok(connection)
}

/// Tries again for as long as another process holds the file.
fn patiently(mut work: impl FnMut() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    const TRIES: u32 = 100;
    const PAUSE: Duration = Duration::from_millis(50);
    for _ in 1..TRIES {
        match work() {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                std::thread::sleep(PAUSE);
            }
            done => return done,
        }
    }
    work()
}

/// Applies what is missing, in one transaction: another process that opens the file waits for its
/// end. The table that remembers it is the one that `sqlx` keeps on PostgreSQL.
fn migrate(connection: &mut Connection, migrations: &[Migration]) -> Result<(), StoreError> {
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    tx.execute_batch(
        "CREATE TABLE IF NOT EXISTS _sqlx_migrations (
            version BIGINT PRIMARY KEY,
            description TEXT NOT NULL,
            installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            success BOOLEAN NOT NULL,
            checksum BLOB NOT NULL,
            execution_time BIGINT NOT NULL
        );",
    )
    .map_err(failed)?;
    let applied: Vec<(i64, Vec<u8>)> = tx
        .prepare("SELECT version, checksum FROM _sqlx_migrations ORDER BY version")
        .and_then(|mut select| {
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
        .map_err(failed)?;
    for (version, checksum) in &applied {
        let known = migrations.iter().find(|known| known.version == *version);
        let known = known.ok_or_else(|| super::open::newer_schema(*version))?;
        if known.checksum != *checksum {
            return Err(super::open::other_schema(*version));
        }
    }
    let is_applied = |version| applied.iter().any(|(known, _)| *known == version);
    for missing in migrations.iter().filter(|one| !is_applied(one.version)) {
        tx.execute_batch(missing.sql.as_str())
            .map_err(|error| match failed(error).into() {
                StoreError::Refused(why) => super::open::failed_migration(missing.version, &why),
                unavailable @ StoreError::Unavailable(_) => unavailable,
            })?;
        tx.execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (?1, ?2, TRUE, ?3, 0)",
            (missing.version, &*missing.description, &*missing.checksum),
        )
        .map_err(failed)?;
    }
    Ok(tx.commit().map_err(failed)?)
}

/// What SQLite says, in the terms of the other database, so that one type serves both.
fn failed(error: rusqlite::Error) -> sqlx::Error {
    match error {
        rusqlite::Error::SqliteFailure(..) => Failure::of(error).into(),
        // The words of others can hold values.
        _ => damaged(),
    }
}

/// An error of SQLite, perhaps of several transactions.
#[derive(Debug, Clone)]
pub(super) struct Failure(Arc<rusqlite::Error>);

impl Failure {
    fn of(error: rusqlite::Error) -> Self {
        Self(Arc::new(error))
    }

    /// Whether the same may succeed later: busy, locked, out of memory, input or output failed, disk
    /// full, too many open files.
    pub(super) fn passes(&self) -> bool {
        use ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, OutOfMemory, SystemIoFailure,
        };
        matches!(
            self.0.sqlite_error_code(),
            Some(
                DatabaseBusy
                    | DatabaseLocked
                    | OutOfMemory
                    | SystemIoFailure
                    | DiskFull
                    | CannotOpen
            )
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failure {}

impl DatabaseError for Failure {
    fn message(&self) -> &str {
        match &*self.0 {
            rusqlite::Error::SqliteFailure(_, Some(message)) => message,
            _ => "no words",
        }
    }

    fn code(&self) -> Option<std::borrow::Cow<'_, str>> {
        let code = self.0.sqlite_error()?.extended_code;
        Some(code.to_string().into())
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }

    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use chrono::DateTime;
    use futures::FutureExt;
    use rusqlite::{Statement, StatementStatus};
    use tempfile::TempDir;
    use tokio::spawn;
    use tokio::task::yield_now;
    use uuid::Uuid;

    use super::super::db::{Sql, sql};
    use super::Sqlite;
    use crate::event::{Event, Kind};
    use crate::message::{ConversationId, Fence};
    use crate::store::{ClaimRequest, Claimed, SendOutcome, Store};
    use crate::trace::TraceParent;

    thread_local! {
        /// How many rows this thread went through without an index.
        static SCANNED: Cell<i32> = const { Cell::new(0) };
    }

    pub(super) fn note_scanned(statement: &Statement<'_>) {
        let scanned = statement.get_status(StatementStatus::FullscanStep);
        SCANNED.set(SCANNED.get() + scanned);
        statement.reset_status(StatementStatus::FullscanStep);
    }

    /// All that the store does for the reply to message `n`; how many rows it went through.
    async fn reply(store: &Store, n: u128) -> i32 {
        let conversation: ConversationId = format!("telegram:main:{}", n % 7).parse().unwrap();
        let (id, now) = (Uuid::from_u128(n), DateTime::UNIX_EPOCH);
        let request = ClaimRequest {
            id,
            conversation: conversation.clone(),
            turn: Some(id),
            answers: vec![n.to_string()],
            fence: Fence::Reply { epoch: 0 },
            trace: TraceParent::start(),
        };
        let event = Event::new(id, Kind::Outbound, now).about(&conversation);
        let sent = SendOutcome::Sent {
            provider_id: Some(n.to_string()),
        };

        SCANNED.set(0);
        store.ownership(&conversation, now).await.unwrap();
        assert_eq!(store.claim(&[request], now).await.unwrap(), [Claimed::Go]);
        store.record(&[(id, sent)], &[], now).await.unwrap();
        store.journal(&[event], &[]).await.unwrap();
        SCANNED.get()
    }

    #[tokio::test]
    async fn what_a_reply_costs_does_not_grow_with_what_is_stored() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        for n in 1..20 {
            reply(&store, n).await;
        }
        let few = reply(&store, 20).await;
        for n in 21..200 {
            reply(&store, n).await;
        }

        assert_eq!(reply(&store, 200).await, few);
    }

    /// A file with a list of names.
    async fn names(folder: &TempDir) -> Sqlite {
        let path = folder.path().join("names.db");
        let file = Sqlite::open(&path.to_string_lossy(), Vec::new()).await;
        let table = sql("CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY)");
        let file = file.unwrap();
        transaction(file.clone(), table, true).await.unwrap();
        file
    }

    fn name(name: &str) -> Sql {
        sql("INSERT INTO names (name) VALUES ($1)").bind(name)
    }

    /// Those that are on the disk.
    async fn written(file: &Sqlite) -> Vec<String> {
        let rows = file.fetch(sql("SELECT name FROM names ORDER BY name"));
        let rows = rows.await.unwrap();
        rows.iter().map(|row| row.get(0).unwrap()).collect()
    }

    /// What one transaction does, as soon as those before it are done.
    async fn transaction(file: Sqlite, statement: Sql, keep: bool) -> Result<(), sqlx::Error> {
        let tx = file.begin().await?;
        tx.execute(&statement)?;
        if keep { tx.commit().await } else { Ok(()) }
    }

    #[tokio::test]
    async fn transactions_that_wait_for_the_disk_together_fail_alone() {
        let folder = TempDir::new().unwrap();
        let file = names(&folder).await;
        let first = file.begin().await.unwrap();
        first.execute(&name("Anna")).unwrap();
        let given_up = spawn(transaction(file.clone(), name("Boris"), false));
        let twice = spawn(transaction(file.clone(), name("Anna"), true));
        let last = spawn(transaction(file.clone(), name("Vera"), true));
        yield_now().await;
        first.commit().await.unwrap();

        given_up.await.unwrap().unwrap();
        assert!(twice.await.unwrap().is_err());
        last.await.unwrap().unwrap();
        assert_eq!(written(&file).await, ["Anna", "Vera"]);
    }

    #[tokio::test]
    async fn who_stops_waiting_for_the_disk_has_written_all_the_same() {
        let folder = TempDir::new().unwrap();
        let file = names(&folder).await;
        let first = file.begin().await.unwrap();
        first.execute(&name("Anna")).unwrap();
        assert!(first.commit().now_or_never().is_none());
        transaction(file.clone(), name("Boris"), true)
            .await
            .unwrap();

        assert_eq!(written(&file).await, ["Anna", "Boris"]);
    }

    #[tokio::test]
    async fn all_are_told_when_what_they_wrote_is_taken_back() {
        let folder = TempDir::new().unwrap();
        let file = names(&folder).await;
        let first = file.begin().await.unwrap();
        first.execute(&name("Anna")).unwrap();
        // As SQLite does by itself when the disk is full.
        let full = spawn(transaction(file.clone(), sql("ROLLBACK"), false));
        let after = spawn(transaction(file.clone(), name("Vera"), true));
        yield_now().await;

        assert!(first.commit().await.is_err());
        full.await.unwrap().unwrap();
        after.await.unwrap().unwrap();
        assert_eq!(written(&file).await, ["Vera"]);
    }

    #[tokio::test]
    async fn what_was_done_before_the_file_is_closed_is_on_the_disk() {
        let folder = TempDir::new().unwrap();
        let file = names(&folder).await;
        let first = file.begin().await.unwrap();
        first.execute(&name("Anna")).unwrap();
        let closing = file.clone();
        let closing = spawn(async move { closing.close().await });
        yield_now().await;
        first.commit().await.unwrap();
        closing.await.unwrap();

        assert_eq!(written(&names(&folder).await).await, ["Anna"]);
    }
}
