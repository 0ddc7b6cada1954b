//! Putting away what nobody needs any more: holds of conversations that never came back, and the
//! locks of days that are over.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::days;
use crate::store::db::{CHUNK, Value, sql};
use crate::store::open::is_conflict;
use crate::store::{Store, StoreError};

/// A hold that has expired is good while nobody else has the time: so long, and no longer.
const KEPT: TimeDelta = TimeDelta::days(1);
/// A day is locked no more so long after it; who locks it all the same makes it anew.
const LOCKED: i64 = 7;
/// How many conversations lose their holds at once.
const AT_ONCE: u32 = 100;

impl Store {
    /// Puts away holds that expired a day ago and locks of days of more than a week ago, some at a
    /// time; how many holds and days. What is left over is put away next time.
    pub async fn tidy_book(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let holds: Result<u64, StoreError> = patiently!(self.try_tidy_holds(now - KEPT));
        let day = now.timestamp_millis().div_euclid(days::DAY) - LOCKED;
        let statement = sql(
            "DELETE FROM book_days WHERE (resource, day) IN (SELECT resource, day FROM book_days \
             WHERE day < $1 ORDER BY day, resource LIMIT $2)",
        );
        let limit = i64::try_from(CHUNK).unwrap_or(i64::MAX);
        Ok(holds? + self.db.execute(statement.bind(day).bind(limit)).await?)
    }

    async fn try_tidy_holds(&self, before: DateTime<Utc>) -> Result<u64, sqlx::Error> {
        let statement = sql("SELECT id, conversation FROM book_spans \
             WHERE expires_at < $1 ORDER BY expires_at LIMIT $2");
        let rows = self.db.fetch(statement.bind(before).bind(AT_ONCE)).await?;
        let mut of: BTreeMap<String, Vec<Uuid>> = BTreeMap::new();
        for row in &rows {
            of.entry(row.get(1)?).or_default().push(row.parsed(0)?);
        }
        let mut count = 0;
        for (conversation, ids) in of {
            let ids = || ids.iter().map(|id| Value::from(*id));
            let mut tx = self.db.begin().await?;
            // It may come back just now and hold the same again.
            tx.lock(&format!("holds of {conversation}")).await?;
            let spans = sql("DELETE FROM book_spans WHERE expires_at < $1 AND id IN ").bind(before);
            tx.execute(spans.list(ids())).await?;
            let holds = sql("DELETE FROM book_holds WHERE booking IS NULL AND id IN ").list(ids());
            let holds = holds.then(
                " AND NOT EXISTS (SELECT 1 FROM book_spans WHERE book_spans.id = book_holds.id)",
            );
            count += tx.execute(holds).await?;
            tx.commit().await?;
        }
        Ok(count)
    }
}
