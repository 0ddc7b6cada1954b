//! Knowledge that was brought in, version by version.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::db::{Row, sql};
use super::open::is_conflict;
use super::{KnowledgeChange, KnowledgeSource, KnowledgeVersion, Store, StoreError};

impl Store {
    /// The newest version; 0 when nothing was brought in yet. Cheap: asked every few seconds.
    pub async fn knowledge_version(&self) -> Result<i64, StoreError> {
        let statement = sql("SELECT coalesce(max(version), 0) FROM knowledge_versions");
        let row = self.db.fetch_one(statement).await?;
        Ok(row.map_or(Ok(0), |row| row.get(0))?)
    }

    /// What every source says at a version, by name.
    pub async fn knowledge(&self, version: i64) -> Result<Vec<KnowledgeSource>, StoreError> {
        let statement = sql(
            "SELECT source, version, entries FROM knowledge_sources AS one \
             WHERE entries IS NOT NULL AND version = (SELECT max(version) FROM knowledge_sources \
             WHERE source = one.source AND version <= $1) ORDER BY source",
        );
        let rows = self.db.fetch(statement.bind(version)).await?;
        let read = |row: &Row| -> Result<_, sqlx::Error> {
            Ok(KnowledgeSource {
                source: row.get(0)?,
                version: row.get(1)?,
                entries: row.get(2)?,
            })
        };
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// The newest versions, newest first.
    pub async fn knowledge_versions(
        &self,
        limit: u32,
    ) -> Result<Vec<KnowledgeVersion>, StoreError> {
        let statement = sql("SELECT version, at, who, what FROM knowledge_versions \
             ORDER BY version DESC LIMIT $1");
        let rows = self.db.fetch(statement.bind(limit)).await?;
        let read = |row: &Row| -> Result<_, sqlx::Error> {
            Ok(KnowledgeVersion {
                version: row.get(0)?,
                at: row.time(1)?,
                who: row.get(2)?,
                what: row.get(3)?,
            })
        };
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Makes the version after the one that the change was thought out on; none when somebody else has made
    /// that meanwhile, and nothing is changed.
    pub async fn change_knowledge(
        &self,
        after: i64,
        change: &KnowledgeChange,
        now: DateTime<Utc>,
    ) -> Result<Option<i64>, StoreError> {
        match self.try_change_knowledge(after, change, now).await {
            Err(error) if is_conflict(&error) => Ok(None),
            done => Ok(done?),
        }
    }

    async fn try_change_knowledge(
        &self,
        after: i64,
        change: &KnowledgeChange,
        now: DateTime<Utc>,
    ) -> Result<Option<i64>, sqlx::Error> {
        let version = after + 1;
        let mut tx = self.db.begin().await?;
        tx.lock("knowledge").await?;
        // Only on top of the newest one, and never twice.
        let statement = sql("INSERT INTO knowledge_versions (version, at, who, what) \
             SELECT $1, $2, $3, $4 \
             WHERE (SELECT coalesce(max(version), 0) FROM knowledge_versions) = $5 \
             ON CONFLICT (version) DO NOTHING");
        let statement = statement
            .bind(version)
            .bind(now)
            .bind(&change.who)
            .bind(&change.what)
            .bind(after);
        if tx.execute(statement).await? == 0 {
            return Ok(None);
        }
        // The last word on a source holds.
        let sources: BTreeMap<_, _> = change.sources.iter().map(|(s, e)| (s, e)).collect();
        for (source, entries) in sources {
            let statement =
                sql("INSERT INTO knowledge_sources (source, version, entries) VALUES ($1, $2, $3)");
            let statement = statement
                .bind(source)
                .bind(version)
                .bind(entries.as_deref());
            tx.execute(statement).await?;
        }
        tx.commit().await?;
        Ok(Some(version))
    }
}
