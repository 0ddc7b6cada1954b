//! How much of what there is, for metrics. Asked for every few seconds: each count has an index.

use chrono::{DateTime, Utc};

use super::db::{Row, Sql, sql};
use super::{Figures, Store, StoreError};
use crate::message::ConversationId;

impl Store {
    /// Counts what metrics show.
    pub async fn figures(&self, now: DateTime<Utc>) -> Result<Figures, StoreError> {
        let owned = sql("SELECT count(*) FROM ownership \
             WHERE staff IS NOT NULL AND (until IS NULL OR until > $1)");
        let parked = sql("SELECT topic, count(*) FROM parked_lanes GROUP BY topic");
        let parked = self.db.fetch(parked).await?;
        let by_topic = |row: &Row| Ok::<_, sqlx::Error>((row.get(0)?, row.count(1)?));
        Ok(Figures {
            dead: self.dead_count().await?,
            owned: self.count(owned.bind(now)).await?,
            calls: self
                .count(sql(
                    "SELECT count(*) FROM escalations WHERE closed_at IS NULL",
                ))
                .await?,
            parked: parked.iter().map(by_topic).collect::<Result<_, _>>()?,
        })
    }

    /// Messages that were claimed since then and did not arrive: how many of each conversation, by the code of why.
    pub async fn failed_since(
        &self,
        since: DateTime<Utc>,
    ) -> Result<Vec<(ConversationId, String, u64)>, StoreError> {
        let statement = sql(
            "SELECT conversation, coalesce(error_code, ''), count(*) FROM ledger \
             WHERE (state = 'failed' OR delivery = 4) AND claimed_at >= $1 \
             GROUP BY conversation, coalesce(error_code, '')",
        );
        let rows = self.db.fetch(statement.bind(since)).await?;
        let failed = |row: &Row| Ok::<_, sqlx::Error>((row.parsed(0)?, row.get(1)?, row.count(2)?));
        Ok(rows.iter().map(failed).collect::<Result<_, _>>()?)
    }

    /// How many people of the firm were in the console since then.
    pub async fn staff_seen(&self, since: DateTime<Utc>) -> Result<u64, StoreError> {
        let seen = sql("SELECT count(DISTINCT staff) FROM staff_sessions WHERE seen_at >= $1");
        self.count(seen.bind(since)).await
    }

    async fn count(&self, statement: Sql) -> Result<u64, StoreError> {
        let row = self.db.fetch_one(statement).await?;
        Ok(row.map_or(Ok(0), |row| row.count(0))?)
    }
}
