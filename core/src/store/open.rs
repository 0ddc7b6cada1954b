//! Connecting, migrating, and what each way of failing means for the caller.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlStr};

use super::StoreError;
use super::db::Db;

/// A step of the schema: its number, its name, and its statements in a folder of migrations. Not
/// `sqlx::migrate!`: the macro builds both database drivers a second time, for the compiler.
macro_rules! migration {
    ($folder:literal, $version:literal, $name:literal) => {
        Migration::new(
            $version,
            $name.into(),
            MigrationType::Simple,
            SqlStr::from_static(include_str!(concat!(
                "../../migrations/",
                $folder,
                "/000",
                $version,
                "_",
                $name,
                ".sql"
            ))),
            false,
        )
    };
}

/// All steps, for one kind of database.
macro_rules! migrations {
    ($folder:literal) => {
        Migrator::with_migrations(vec![migration!($folder, 1, "first")])
    };
}

/// How long a caller waits for a connection, and SQLite for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often, and after which pause, an SQLite file is opened again that another process is making.
const BUSY_TRIES: u32 = 100;
const BUSY_PAUSE: Duration = Duration::from_millis(50);
/// Connections to PostgreSQL. The hot writes share one transaction and need one.
const POSTGRES_CONNECTIONS: u32 = 12;
/// Connections that read an SQLite file while one writes.
const SQLITE_READERS: u32 = 4;

/// Opens and migrates.
pub(super) async fn open(url: &str) -> Result<Db, StoreError> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("sqlite") => sqlite(url).await,
        Some("postgres" | "postgresql") => postgres(url).await,
        _ => Err(StoreError::Refused(
            "the store's address must begin with `sqlite:` or `postgres://`".into(),
        )),
    }
}

async fn sqlite(url: &str) -> Result<Db, StoreError> {
    let in_memory = url.contains(":memory:");
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|_| StoreError::Refused("the address of the SQLite file cannot be read".into()))?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE)
        .disable_statement_logging();
    let file = options.get_filename().to_owned();
    if !in_memory {
        create_folder(&file)?;
    }

    let pool = |connections| {
        SqlitePoolOptions::new()
            .min_connections(1)
            .max_connections(connections)
            .acquire_timeout(PATIENCE * 2)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
    };
    let mut tries = 0;
    let write = loop {
        match pool(1).connect_with(options.clone()).await {
            Ok(write) => break write,
            // Turning an empty file into a log-structured one does not wait for another process that
            // does the same, whatever `busy_timeout` says.
            Err(error) if tries < BUSY_TRIES && is_busy(&error) => tries += 1,
            Err(error) => return Err(cannot_open(error, &file)),
        }
        tokio::time::sleep(BUSY_PAUSE).await;
    };
    // A database in memory belongs to its connection.
    let read = if in_memory {
        write.clone()
    } else {
        let readers = pool(SQLITE_READERS).min_connections(0);
        readers.connect_lazy_with(options)
    };

    // One transaction around all migrations: another process that opens the file waits for its end.
    let mut tx = write.begin_with("BEGIN IMMEDIATE").await?;
    migrations!("sqlite")
        .run_direct(None, &mut *tx, false)
        .await
        .map_err(refused)?;
    tx.commit().await?;
    Ok(Db::Sqlite { read, write })
}

fn create_folder(file: &Path) -> Result<(), StoreError> {
    let Some(folder) = file.parent() else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|error| {
        StoreError::Refused(format!(
            "cannot make the folder {}: {error}",
            folder.display()
        ))
    })
}

fn is_busy(error: &sqlx::Error) -> bool {
    const BUSY: i32 = 5;
    match error {
        sqlx::Error::Database(database) => sqlite_code(database.as_ref()) == Some(BUSY),
        _ => false,
    }
}

fn cannot_open(error: sqlx::Error, file: &Path) -> StoreError {
    const CANTOPEN: i32 = 14;
    match &error {
        sqlx::Error::Database(database) if sqlite_code(database.as_ref()) == Some(CANTOPEN) => {
            StoreError::Refused(format!(
                "cannot open {}: is the folder there and writable?",
                file.display()
            ))
        }
        _ => error.into(),
    }
}

async fn postgres(url: &str) -> Result<Db, StoreError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| StoreError::Refused("the address of PostgreSQL cannot be read".into()))?
        .application_name("zapis")
        .disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await?;
    migrations!("postgres").run(&pool).await.map_err(refused)?;
    Ok(Db::Postgres(pool))
}

/// Why the schema is not ours.
fn refused(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) => error.into(),
        MigrateError::ExecuteMigration(error, version) => match error.into() {
            StoreError::Refused(why) => {
                StoreError::Refused(format!("migration {version} of the store failed: {why}"))
            }
            unavailable @ StoreError::Unavailable(_) => unavailable,
        },
        MigrateError::VersionMissing(version) => StoreError::Refused(format!(
            "the store has schema {version}, which a newer version of this program made: start that version"
        )),
        MigrateError::VersionMismatch(version) => StoreError::Refused(format!(
            "schema {version} of the store is not the one of this program: it belongs to another build"
        )),
        error => StoreError::Refused(format!("the schema of the store: {error}")),
    }
}

/// What a failure means for the caller. Values of a statement are never in the text.
pub(super) fn classified(error: sqlx::Error) -> StoreError {
    use sqlx::Error;
    match error {
        Error::Database(database) => {
            let code = database.code().unwrap_or_default().into_owned();
            let sqlite = sqlite_code(database.as_ref());
            // The words about bad data (classes 22 and 23 of PostgreSQL) can repeat the data.
            let words = if sqlite.is_none() && (code.starts_with("22") || code.starts_with("23")) {
                String::new()
            } else {
                format!(": {}", database.message())
            };
            let text = format!("the database says {code}{words}");
            let passing = sqlite.map_or_else(|| passes_postgres(&code), passes_sqlite);
            if passing {
                StoreError::Unavailable(text.into())
            } else {
                StoreError::Refused(text)
            }
        }
        Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed
        | Error::BeginFailed => StoreError::Unavailable(Box::new(error)),
        error => StoreError::Refused(error.to_string()),
    }
}

/// Whether another try of the same transaction can succeed at once.
pub(super) fn is_conflict(error: &sqlx::Error) -> bool {
    const CONFLICTS: [&str; 2] = ["40001", "40P01"];
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| CONFLICTS.contains(&code.as_ref()))
}

/// The primary result code, where the error is SQLite's.
fn sqlite_code(error: &dyn sqlx::error::DatabaseError) -> Option<i32> {
    error.try_downcast_ref::<sqlx::sqlite::SqliteError>()?;
    let extended: i32 = error.code()?.parse().ok()?;
    Some(extended & 0xff)
}

/// Busy, locked, out of memory, input or output failed, disk full, too many open files.
fn passes_sqlite(code: i32) -> bool {
    matches!(code, 5 | 6 | 7 | 10 | 13 | 14)
}

/// Classes: connection, transaction rolled back, resources, operator, system; and a standby that
/// has not become the primary yet, and a lock that was not to be had.
fn passes_postgres(code: &str) -> bool {
    ["08", "40", "53", "57", "58"]
        .iter()
        .any(|class| code.starts_with(class))
        || matches!(code, "25006" | "55P03")
}
