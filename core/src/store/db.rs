//! One way to run a statement on both databases: the same text, `$n` placeholders, three kinds of
//! values. Statements over many rows are put together by [`Sql::rows`] and [`Sql::list`].

use std::borrow::Cow;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use rusqlite::types::FromSql;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Decode, PgPool, Postgres, Row as _, Transaction, Type};
use uuid::Uuid;

use super::sqlite::{self, Sqlite};
use crate::message::ConversationId;

/// How many rows one statement takes; SQLite allows 32,766 values, PostgreSQL 65,535.
pub(super) const CHUNK: usize = 500;

/// What a statement carries.
#[derive(Clone)]
pub(super) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        i64::from(number).into()
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        i64::from(flag).into()
    }
}

impl From<DateTime<Utc>> for Value {
    fn from(at: DateTime<Utc>) -> Self {
        at.timestamp_millis().into()
    }
}

impl From<String> for Value {
    /// PostgreSQL has no zero character in text, so that neither database gets one.
    fn from(text: String) -> Self {
        let text = if text.contains('\0') {
            text.replace('\0', "\u{fffd}")
        } else {
            text
        };
        Self::Text(Some(text))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<&ConversationId> for Value {
    fn from(id: &ConversationId) -> Self {
        id.as_str().into()
    }
}

impl From<Uuid> for Value {
    fn from(id: Uuid) -> Self {
        id.to_string().into()
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

impl From<Option<DateTime<Utc>>> for Value {
    fn from(at: Option<DateTime<Utc>>) -> Self {
        Self::Int(at.map(|at| at.timestamp_millis()))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::Text(None), Self::from)
    }
}

/// A statement and its values.
pub(super) struct Sql {
    text: Cow<'static, str>,
    values: Vec<Value>,
    locking: Locking,
}

/// What becomes of the rows that a statement reads.
#[derive(Clone, Copy)]
enum Locking {
    None,
    /// They are locked, once nobody else has them.
    Wait,
    /// They are locked, without those that somebody else has.
    Skip,
}

/// Begins a statement.
pub(super) fn sql(text: &'static str) -> Sql {
    Sql {
        text: text.into(),
        values: Vec::new(),
        locking: Locking::None,
    }
}

impl Sql {
    /// The value of the next placeholder that the text names.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Takes a value; the number of its placeholder, for text to come.
    pub(super) fn value(&mut self, value: impl Into<Value>) -> usize {
        self.values.push(value.into());
        self.values.len()
    }

    /// The same values in another text.
    pub(super) fn instead(self, text: String) -> Self {
        Self {
            text: text.into(),
            ..self
        }
    }

    /// Goes on with this text.
    pub(super) fn then(mut self, text: &str) -> Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// `($1, $2), ($3, $4)`: rows for `VALUES`.
    pub(super) fn rows<const N: usize>(
        mut self,
        rows: impl IntoIterator<Item = [Value; N]>,
    ) -> Self {
        for (n, row) in rows.into_iter().enumerate() {
            if n > 0 {
                self.text.to_mut().push_str(", ");
            }
            self = self.list(row);
        }
        self
    }

    /// `($1, $2, $3)`: a list for `IN`.
    pub(super) fn list(mut self, values: impl IntoIterator<Item = Value>) -> Self {
        let text = self.text.to_mut();
        for (n, value) in values.into_iter().enumerate() {
            self.values.push(value);
            text.push(if n == 0 { '(' } else { ',' });
            // Writing to a string cannot fail.
            write!(text, "${}", self.values.len()).unwrap_or_default();
        }
        text.push(')');
        self
    }

    /// Locks the rows that it reads until the transaction ends. On SQLite the transaction itself
    /// keeps all others from writing.
    pub(super) fn for_update(mut self) -> Self {
        self.locking = Locking::Wait;
        self
    }

    /// Likewise, and passes over rows that another transaction has locked.
    pub(super) fn for_update_of_free(mut self) -> Self {
        self.locking = Locking::Skip;
        self
    }

    fn on_postgres(self) -> Self {
        match self.locking {
            Locking::None => self,
            Locking::Wait => self.then(" FOR UPDATE"),
            Locking::Skip => self.then(" FOR UPDATE SKIP LOCKED"),
        }
    }

    /// Text and values.
    pub(super) fn parts(&self) -> (&str, &[Value]) {
        (&self.text, &self.values)
    }

    /// Whether it is worth keeping prepared: long statements differ by the number of their rows.
    pub(super) fn is_repeated(&self) -> bool {
        self.values.len() <= 32
    }

    fn bound(self) -> Query<'static, Postgres, PgArguments> {
        let repeated = self.is_repeated();
        let mut query = sqlx::query(AssertSqlSafe(self.text.into_owned())).persistent(repeated);
        for value in self.values {
            query = match value {
                Value::Int(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
                Value::Bytes(bytes) => query.bind(bytes),
            };
        }
        query
    }
}

/// A row of either database.
pub(super) enum Row {
    Sqlite(sqlite::Row),
    Postgres(sqlx::postgres::PgRow),
}

impl Row {
    /// The value of a column.
    pub(super) fn get<T>(&self, column: usize) -> Result<T, sqlx::Error>
    where
        T: FromSql + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        match self {
            Self::Sqlite(row) => row.get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }

    /// A text that means something: an id, a conversation.
    pub(super) fn parsed<T: std::str::FromStr>(&self, column: usize) -> Result<T, sqlx::Error> {
        self.get::<String>(column)?.parse().map_err(|_| damaged())
    }

    /// A JSON document.
    pub(super) fn json<T: serde::de::DeserializeOwned>(
        &self,
        column: usize,
    ) -> Result<T, sqlx::Error> {
        serde_json::from_str(&self.get::<String>(column)?).map_err(|_| damaged())
    }

    /// A time.
    pub(super) fn time(&self, column: usize) -> Result<DateTime<Utc>, sqlx::Error> {
        DateTime::from_timestamp_millis(self.get(column)?).ok_or_else(damaged)
    }

    /// A time, where there is one.
    pub(super) fn opt_time(&self, column: usize) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
        Ok(self
            .get::<Option<i64>>(column)?
            .and_then(DateTime::from_timestamp_millis))
    }

    /// A flag.
    pub(super) fn flag(&self, column: usize) -> Result<bool, sqlx::Error> {
        Ok(self.get::<i64>(column)? != 0)
    }

    /// A number that is never negative.
    pub(super) fn count<T: TryFrom<i64>>(&self, column: usize) -> Result<T, sqlx::Error> {
        T::try_from(self.get::<i64>(column)?).map_err(|_| damaged())
    }
}

/// A value that this program never writes.
pub(super) fn damaged() -> sqlx::Error {
    sqlx::Error::Decode("a value in the store is not what this program writes".into())
}

/// The database.
#[derive(Clone)]
pub(super) enum Db {
    Sqlite(Sqlite),
    Postgres(PgPool),
}

impl Db {
    /// Reads, outside any transaction.
    pub(super) async fn fetch(&self, sql: Sql) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Self::Sqlite(file) => Ok(on_sqlite(file.fetch(sql).await?)),
            Self::Postgres(pool) => Ok(on_postgres(
                sql.on_postgres().bound().fetch_all(pool).await?,
            )),
        }
    }

    /// Reads a few rows by their keys, for which SQLite needs no thread of its own.
    pub(super) async fn fetch_few(&self, sql: Sql) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Self::Sqlite(file) => Ok(on_sqlite(file.fetch_few(sql).await?)),
            Self::Postgres(_) => self.fetch(sql).await,
        }
    }

    /// Reads at most one row.
    pub(super) async fn fetch_one(&self, sql: Sql) -> Result<Option<Row>, sqlx::Error> {
        Ok(self.fetch_few(sql).await?.into_iter().next())
    }

    /// One statement that writes; how many rows it touched.
    pub(super) async fn execute(&self, sql: Sql) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(file) => {
                let tx = file.begin().await?;
                let touched = tx.execute(&sql)?;
                tx.commit().await?;
                Ok(touched)
            }
            Self::Postgres(pool) => Ok(sql.bound().execute(pool).await?.rows_affected()),
        }
    }

    /// One statement that writes and returns rows.
    pub(super) async fn returning(&self, sql: Sql) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Self::Sqlite(file) => {
                let tx = file.begin().await?;
                let rows = tx.fetch(&sql)?;
                tx.commit().await?;
                Ok(on_sqlite(rows))
            }
            Self::Postgres(pool) => Ok(on_postgres(sql.bound().fetch_all(pool).await?)),
        }
    }

    /// Begins a transaction that writes. On SQLite it has the only right to write from the start.
    pub(super) async fn begin(&self) -> Result<Tx, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(file) => Tx::Sqlite(file.begin().await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(file) => file.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// A transaction; dropped without [`Tx::commit`] it changes nothing.
pub(super) enum Tx {
    Sqlite(sqlite::Tx),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    pub(super) async fn fetch(&mut self, sql: Sql) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Self::Sqlite(tx) => Ok(on_sqlite(tx.fetch(&sql)?)),
            Self::Postgres(tx) => Ok(on_postgres(
                sql.on_postgres().bound().fetch_all(&mut **tx).await?,
            )),
        }
    }

    pub(super) async fn fetch_one(&mut self, sql: Sql) -> Result<Option<Row>, sqlx::Error> {
        Ok(self.fetch(sql).await?.into_iter().next())
    }

    pub(super) async fn execute(&mut self, sql: Sql) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(tx) => tx.execute(&sql),
            Self::Postgres(tx) => Ok(sql.bound().execute(&mut **tx).await?.rows_affected()),
        }
    }

    /// Whether rows must be locked one by one because others may write at the same time.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Waits until no other transaction holds this name, then holds it to its end. On SQLite the
    /// transaction is alone anyway.
    pub(super) async fn lock(&mut self, name: &str) -> Result<(), sqlx::Error> {
        if self.is_shared() {
            // The schema is part of the name: another store in the same database is no neighbour.
            let statement = sql(
                "SELECT 1::bigint FROM pg_advisory_xact_lock(hashtextextended(current_schema() || $1, 0))",
            );
            self.fetch(statement.bind(name)).await?;
        }
        Ok(())
    }

    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
    }
}

fn on_sqlite(rows: Vec<sqlite::Row>) -> Vec<Row> {
    rows.into_iter().map(Row::Sqlite).collect()
}

fn on_postgres(rows: Vec<sqlx::postgres::PgRow>) -> Vec<Row> {
    rows.into_iter().map(Row::Postgres).collect()
}
