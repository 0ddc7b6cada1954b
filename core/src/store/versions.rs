//! Texts that people change and may want back: kept version by version.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::db::{Row, Sql, sql};
use super::open::is_conflict;
use super::{Store, StoreError};

/// What is kept so. Each has versions of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    /// What was brought into the knowledge: a JSON list of entries for each document.
    Knowledge,
    /// Content files that staff has changed, by name.
    Settings,
}

impl Shelf {
    /// A statement about its tables, which have the same columns.
    fn sql(self, statement: &str) -> Sql {
        let (versions, sources) = match self {
            Self::Knowledge => ("knowledge_versions", "knowledge_sources"),
            Self::Settings => ("settings_versions", "settings_sources"),
        };
        let statement = statement.replace("{versions}", versions);
        sql("").then(&statement.replace("{sources}", sources))
    }

    /// What one waits for who makes a version.
    fn lock(self) -> &'static str {
        match self {
            Self::Knowledge => "knowledge",
            Self::Settings => "settings",
        }
    }
}

/// A version: who made it, when, and what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// 1, 2, 3, …
    pub version: i64,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// By whom.
    pub who: String,
    /// What was done.
    pub what: String,
}

/// Which version held when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionTimes(Vec<(DateTime<Utc>, i64)>);

impl VersionTimes {
    /// The version that held at a moment; 0 before the first. Running processes know a new one within two seconds.
    pub fn at(&self, moment: DateTime<Utc>) -> i64 {
        let begun = self.0.partition_point(|(since, _)| *since <= moment);
        begun.checked_sub(1).map_or(0, |last| self.0[last].1)
    }
}

/// What a source says at a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionedText {
    /// Its name.
    pub source: String,
    /// Since which version it says so.
    pub version: i64,
    /// What it says.
    pub text: String,
}

/// A version to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionChange {
    /// By whom.
    pub who: String,
    /// What is done.
    pub what: String,
    /// What sources say from now on; `None` takes one out.
    pub sources: Vec<(String, Option<String>)>,
}

impl Store {
    /// The newest version; 0 when nothing was kept yet. Cheap: asked every few seconds.
    pub async fn newest_version(&self, of: Shelf) -> Result<i64, StoreError> {
        let statement = of.sql("SELECT coalesce(max(version), 0) FROM {versions}");
        let row = self.db.fetch_one(statement).await?;
        Ok(row.map_or(Ok(0), |row| row.get(0))?)
    }

    /// What every source says at a version, by name.
    pub async fn texts_at(
        &self,
        of: Shelf,
        version: i64,
    ) -> Result<Vec<VersionedText>, StoreError> {
        let statement = of.sql(
            "SELECT source, version, entries FROM {sources} AS one \
             WHERE entries IS NOT NULL AND version = (SELECT max(version) FROM {sources} \
             WHERE source = one.source AND version <= $1) ORDER BY source",
        );
        let rows = self.db.fetch(statement.bind(version)).await?;
        let read = |row: &Row| -> Result<_, sqlx::Error> {
            Ok(VersionedText {
                source: row.get(0)?,
                version: row.get(1)?,
                text: row.get(2)?,
            })
        };
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// All that a source has ever said, the oldest first: since when, and what; nothing where it was taken out.
    pub async fn texts_of(
        &self,
        of: Shelf,
        source: &str,
    ) -> Result<Vec<(DateTime<Utc>, Option<String>)>, StoreError> {
        let statement = of.sql(
            "SELECT made.at, one.entries FROM {sources} AS one \
             JOIN {versions} AS made ON made.version = one.version \
             WHERE one.source = $1 ORDER BY one.version",
        );
        let rows = self.db.fetch(statement.bind(source)).await?;
        let text = |row: &Row| Ok((row.time(0)?, row.get(1)?));
        Ok(rows.iter().map(text).collect::<Result<_, sqlx::Error>>()?)
    }

    /// What sources must say after one version to say what they did at another.
    pub async fn way_back(
        &self,
        of: Shelf,
        from: i64,
        to: i64,
    ) -> Result<Vec<(String, Option<String>)>, StoreError> {
        let says = |all: Vec<VersionedText>| -> BTreeMap<String, String> {
            let all = all.into_iter();
            all.map(|one| (one.source, one.text)).collect()
        };
        let there = says(self.texts_at(of, from).await?);
        let wanted = says(self.texts_at(of, to).await?);
        let mut sources: Vec<_> = there.keys().chain(wanted.keys()).collect();
        sources.sort_unstable();
        sources.dedup();
        sources.retain(|source| there.get(*source) != wanted.get(*source));
        let back = sources.into_iter();
        Ok(back
            .map(|source| (source.clone(), wanted.get(source).cloned()))
            .collect())
    }

    /// Which version held when.
    pub async fn version_times(&self, of: Shelf) -> Result<VersionTimes, StoreError> {
        let statement = of.sql("SELECT at, version FROM {versions} ORDER BY version");
        let rows = self.db.fetch(statement).await?;
        let since = rows.iter().map(|row| Ok((row.time(0)?, row.get(1)?)));
        Ok(VersionTimes(since.collect::<Result<_, sqlx::Error>>()?))
    }

    /// The newest versions, newest first.
    pub async fn versions(&self, of: Shelf, limit: u32) -> Result<Vec<Version>, StoreError> {
        let statement = of.sql(
            "SELECT version, at, who, what FROM {versions} \
             ORDER BY version DESC LIMIT $1",
        );
        let rows = self.db.fetch(statement.bind(limit)).await?;
        let read = |row: &Row| -> Result<_, sqlx::Error> {
            Ok(Version {
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
    pub async fn make_version(
        &self,
        of: Shelf,
        after: i64,
        change: &VersionChange,
        now: DateTime<Utc>,
    ) -> Result<Option<i64>, StoreError> {
        match self.try_make_version(of, after, change, now).await {
            Err(error) if is_conflict(&error) => Ok(None),
            done => Ok(done?),
        }
    }

    async fn try_make_version(
        &self,
        of: Shelf,
        after: i64,
        change: &VersionChange,
        now: DateTime<Utc>,
    ) -> Result<Option<i64>, sqlx::Error> {
        let version = after + 1;
        let mut tx = self.db.begin().await?;
        tx.lock(of.lock()).await?;
        // Only on top of the newest one, and never twice.
        let statement = of.sql(
            "INSERT INTO {versions} (version, at, who, what) SELECT $1, $2, $3, $4 \
             WHERE (SELECT coalesce(max(version), 0) FROM {versions}) = $5 \
             ON CONFLICT (version) DO NOTHING",
        );
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
        for (source, text) in sources {
            let statement =
                of.sql("INSERT INTO {sources} (source, version, entries) VALUES ($1, $2, $3)");
            let statement = statement.bind(source).bind(version).bind(text.as_deref());
            tx.execute(statement).await?;
        }
        tx.commit().await?;
        Ok(Some(version))
    }
}
