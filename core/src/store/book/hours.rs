//! Working time that differs from the file, and time that is kept free of visits.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use uuid::Uuid;

use super::days::{self, Taker, Taking};
use super::{Block, Busy, BusyKind, Span, json};
use crate::ids;
use crate::store::db::{Row, Tx, sql};
use crate::store::open::is_conflict;
use crate::store::{Store, StoreError};

/// The longest block.
const LONGEST: TimeDelta = TimeDelta::days(366);

/// Working time of a resource on one date, in place of what the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayHours {
    /// A person, a room or a location.
    pub resource: String,
    /// The date at the firm.
    pub date: NaiveDate,
    /// From and until, in minutes of the day; none: off.
    pub spans: Vec<(u32, u32)>,
}

impl Store {
    /// Keeps time free of visits; its id. Visits that are there already stay, and somebody has to
    /// move them: they are what [`Store::busy`] shows for that time.
    pub async fn block(&self, block: &Block, now: DateTime<Utc>) -> Result<Uuid, StoreError> {
        if block.until <= block.from || block.until - block.from > LONGEST {
            return Err(StoreError::Refused(
                "a block lasts longer than nothing and no longer than a year".into(),
            ));
        }
        patiently!(self.try_block(block, now))
    }

    async fn try_block(&self, block: &Block, now: DateTime<Utc>) -> Result<Uuid, sqlx::Error> {
        let id = ids::derive(&["block", &block.cause.to_string(), &block.resource]);
        let span = Span {
            resource: block.resource.clone(),
            from: block.from,
            until: block.until,
        };
        let spans = [span];
        let nobody = Taker {
            booking: None,
            conversation: None,
        };
        let mut tx = self.db.begin().await?;
        days::lock(&mut tx, &spans, &nobody, now).await?;
        if !is_there(&mut tx, id).await? {
            days::take(&mut tx, id, &spans, &Taking::Block(&block.note)).await?;
        }
        tx.commit().await?;
        Ok(id)
    }

    /// Opens blocked time again; whether there was such a block.
    pub async fn unblock(&self, id: Uuid) -> Result<bool, StoreError> {
        let statement = sql("DELETE FROM book_spans WHERE id = $1 AND kind = 'block'").bind(id);
        Ok(self.db.execute(statement).await? > 0)
    }

    /// What takes the time of resources between two moments, in time order; holds that have
    /// expired are not told.
    pub async fn busy(
        &self,
        resources: &[&str],
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Busy>, StoreError> {
        if resources.is_empty() {
            return Ok(Vec::new());
        }
        let statement = days::taken(resources, from, until, now);
        let rows = self.db.fetch(statement).await?;
        Ok(rows.iter().map(days::busy).collect::<Result<_, _>>()?)
    }

    /// The visits among what takes the time of a resource: whom a block or a day off concerns.
    pub async fn visits_at(
        &self,
        resource: &str,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Uuid>, StoreError> {
        let busy = self.busy(&[resource], from, until, until).await?;
        let visits = busy.iter().filter(|busy| busy.kind == BusyKind::Visit);
        Ok(visits.map(|busy| busy.id).collect())
    }

    /// Sets the working time of a date; `None`: as the file says again.
    pub async fn set_hours(
        &self,
        resource: &str,
        date: NaiveDate,
        spans: Option<&[(u32, u32)]>,
        who: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let statement = match spans {
            Some(spans) => sql("INSERT INTO book_hours (resource, date, spans, who, at) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (resource, date) DO UPDATE \
                 SET spans = excluded.spans, who = excluded.who, at = excluded.at")
            .bind(resource)
            .bind(date.to_string())
            .bind(json(&spans)?)
            .bind(who)
            .bind(now),
            None => sql("DELETE FROM book_hours WHERE resource = $1 AND date = $2")
                .bind(resource)
                .bind(date.to_string()),
        };
        self.db.execute(statement).await?;
        Ok(())
    }

    /// All working time that was set for these dates, both included.
    pub async fn hours(
        &self,
        from: NaiveDate,
        until: NaiveDate,
    ) -> Result<Vec<DayHours>, StoreError> {
        let statement = sql("SELECT resource, date, spans FROM book_hours \
             WHERE date >= $1 AND date <= $2 ORDER BY date, resource");
        let statement = statement.bind(from.to_string()).bind(until.to_string());
        let rows = self.db.fetch(statement).await?;
        let hours = |row: &Row| -> Result<_, sqlx::Error> {
            Ok(DayHours {
                resource: row.get(0)?,
                date: row.parsed(1)?,
                spans: row.json(2)?,
            })
        };
        Ok(rows.iter().map(hours).collect::<Result<_, _>>()?)
    }
}

async fn is_there(tx: &mut Tx, id: Uuid) -> Result<bool, sqlx::Error> {
    let statement = sql("SELECT 1 FROM book_spans WHERE id = $1 LIMIT 1").bind(id);
    Ok(tx.fetch_one(statement).await?.is_some())
}
