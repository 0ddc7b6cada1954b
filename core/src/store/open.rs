//! Connecting, migrating, and what each way of failing means for the caller.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, SqlStr};

use super::StoreError;
use super::db::Db;
use super::sqlite::{self, Sqlite};

/// The steps of the schema, from a folder of migrations. Not `sqlx::migrate!`: the macro builds the
/// drivers a second time, for the compiler.
macro_rules! migrations {
    ($folder:literal) => {
        vec![
            migrations!($folder, 1, "first"),
            migrations!($folder, 2, "sight"),
            migrations!($folder, 3, "knowledge"),
            migrations!($folder, 4, "spend"),
            migrations!($folder, 5, "book"),
            migrations!($folder, 6, "drafts"),
            migrations!($folder, 7, "reminders"),
            migrations!($folder, 8, "consents"),
            migrations!($folder, 9, "boards"),
            migrations!($folder, "00", 10, "waiting"),
            migrations!($folder, "00", 11, "feeds"),
            migrations!($folder, "00", 12, "crm_tokens"),
            migrations!($folder, "00", 13, "crm"),
            migrations!($folder, "00", 14, "console"),
            migrations!($folder, "00", 15, "replies"),
            migrations!($folder, "00", 16, "totp"),
            migrations!($folder, "00", 17, "customers"),
            migrations!($folder, "00", 18, "privacy"),
            migrations!($folder, "00", 19, "settings"),
            migrations!($folder, "00", 20, "attachments"),
            migrations!($folder, "00", 21, "retention"),
            migrations!($folder, "00", 22, "journal"),
            migrations!($folder, "00", 23, "kpi"),
            migrations!($folder, "00", 25, "experiments"),
        ]
    };
    ($folder:literal, $version:literal, $name:literal) => {
        migrations!($folder, "000", $version, $name)
    };
    ($folder:literal, $zeros:literal, $version:literal, $name:literal) => {
        Migration::new(
            $version,
            $name.into(),
            MigrationType::Simple,
            SqlStr::from_static(include_str!(concat!(
                "../../migrations/",
                $folder,
                "/",
                $zeros,
                $version,
                "_",
                $name,
                ".sql"
            ))),
            false,
        )
    };
}

/// How long a caller waits for a connection to PostgreSQL.
const PATIENCE: Duration = Duration::from_secs(5);
/// Connections to PostgreSQL. The hot writes share one transaction and need one.
const POSTGRES_CONNECTIONS: u32 = 12;

/// Opens and migrates.
pub(super) async fn open(url: &str) -> Result<Db, StoreError> {
    match url.split_once(':') {
        Some(("sqlite", path)) => sqlite(path).await,
        Some(("postgres" | "postgresql", _)) => postgres(url).await,
        _ => Err(StoreError::Refused(
            "the store's address must begin with `sqlite:` or `postgres://`".into(),
        )),
    }
}

async fn sqlite(path: &str) -> Result<Db, StoreError> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        return Err(StoreError::Refused(
            "the address of the SQLite file names no file".into(),
        ));
    }
    Ok(Db::Sqlite(Sqlite::open(path, migrations!("sqlite")).await?))
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
    let migrator = Migrator::with_migrations(migrations!("postgres"));
    migrator.run(&pool).await.map_err(refused)?;
    Ok(Db::Postgres(pool))
}

/// Why the schema is not ours.
fn refused(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) => error.into(),
        MigrateError::ExecuteMigration(error, version) => match error.into() {
            StoreError::Refused(why) => failed_migration(version, &why),
            unavailable @ StoreError::Unavailable(_) => unavailable,
        },
        MigrateError::VersionMissing(version) => newer_schema(version),
        MigrateError::VersionMismatch(version) => other_schema(version),
        error => StoreError::Refused(format!("the schema of the store: {error}")),
    }
}

pub(super) fn failed_migration(version: i64, why: &str) -> StoreError {
    StoreError::Refused(format!("migration {version} of the store failed: {why}"))
}

pub(super) fn newer_schema(version: i64) -> StoreError {
    StoreError::Refused(format!(
        "the store has schema {version}, which a newer version of this program made: start that version"
    ))
}

pub(super) fn other_schema(version: i64) -> StoreError {
    StoreError::Refused(format!(
        "schema {version} of the store is not the one of this program: it belongs to another build"
    ))
}

/// What a failure means for the caller. Values of a statement are never in the text.
pub(super) fn classified(error: sqlx::Error) -> StoreError {
    use sqlx::Error;
    match error {
        Error::Database(database) => {
            let code = database.code().unwrap_or_default().into_owned();
            let sqlite = database.try_downcast_ref::<sqlite::Failure>();
            // The words about bad data (classes 22 and 23 of PostgreSQL) can repeat the data.
            let words = if sqlite.is_none() && (code.starts_with("22") || code.starts_with("23")) {
                String::new()
            } else {
                format!(": {}", database.message())
            };
            let text = format!("the database says {code}{words}");
            let passing = sqlite.map_or_else(|| passes_postgres(&code), sqlite::Failure::passes);
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

/// Classes: connection, transaction rolled back, resources, operator, system; and a standby that
/// has not become the primary yet, and a lock that was not to be had.
fn passes_postgres(code: &str) -> bool {
    ["08", "40", "53", "57", "58"]
        .iter()
        .any(|class| code.starts_with(class))
        || matches!(code, "25006" | "55P03")
}
