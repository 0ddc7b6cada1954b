//! How much of what there is, for metrics. Asked for every few seconds: each count has an index.

use chrono::{DateTime, Utc};

use super::db::{Row, Sql, sql};
use super::{Figures, Store, StoreError};

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

    async fn count(&self, statement: Sql) -> Result<u64, StoreError> {
        let row = self.db.fetch_one(statement).await?;
        Ok(row.map_or(Ok(0), |row| row.count(0))?)
    }
}
