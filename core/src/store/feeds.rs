//! Secret addresses under which the book is read as a calendar: told once, taken back when one is lost.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::db::{Row, damaged, sql};
use super::{Store, StoreError};
use crate::config::Secret;

/// A calendar to subscribe to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Names it, and opens nothing.
    pub id: Uuid,
    /// Whose visits it shows.
    pub of: FeedOf,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: Option<String>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Whose visits a feed shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedOf {
    /// What this person does.
    Person(String),
    /// Whatever is done at this location.
    Location(String),
}

impl FeedOf {
    /// `person` or `location`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Location(_) => "location",
        }
    }

    /// The id of the person or the location.
    pub fn id(&self) -> &str {
        match self {
            Self::Person(id) | Self::Location(id) => id,
        }
    }
}

impl Store {
    /// Makes a feed. Its token is told here and never again: the store keeps a hash of it.
    pub async fn add_feed(
        &self,
        of: FeedOf,
        created_by: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(Feed, Secret), StoreError> {
        let token = hex::encode(rand::random::<[u8; 32]>());
        let feed = Feed {
            id: Uuid::new_v4(),
            of,
            created_at: now,
            created_by: created_by.map(str::to_owned),
            revoked_at: None,
        };
        let statement = sql(
            "INSERT INTO feeds (id, token_hash, kind, whose, created_at, created_by) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        );
        let statement = statement
            .bind(feed.id)
            .bind(hash(&token))
            .bind(feed.of.kind())
            .bind(feed.of.id())
            .bind(now)
            .bind(created_by);
        self.db.execute(statement).await?;
        Ok((feed, Secret::new(token)))
    }

    /// The feed that a token opens; none for one that was taken back.
    pub async fn open_feed(&self, token: &str) -> Result<Option<Feed>, StoreError> {
        let statement = sql(
            "SELECT id, kind, whose, created_at, created_by, revoked_at FROM feeds \
             WHERE token_hash = $1 AND revoked_at IS NULL",
        );
        let row = self.db.fetch_one(statement.bind(hash(token))).await?;
        Ok(row.as_ref().map(feed).transpose()?)
    }

    /// All feeds, also those that were taken back, oldest first.
    pub async fn feeds(&self) -> Result<Vec<Feed>, StoreError> {
        let statement = sql(
            "SELECT id, kind, whose, created_at, created_by, revoked_at FROM feeds \
             ORDER BY created_at, id",
        );
        let rows = self.db.fetch(statement).await?;
        Ok(rows.iter().map(feed).collect::<Result<_, _>>()?)
    }

    /// Takes a feed back for good; whether there is such a feed. A repeat changes nothing.
    pub async fn revoke_feed(&self, id: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let statement = sql("UPDATE feeds SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1");
        Ok(self.db.execute(statement.bind(id).bind(now)).await? > 0)
    }
}

/// What the store keeps of a token: who reads the store cannot read the calendars.
fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

fn feed(row: &Row) -> Result<Feed, sqlx::Error> {
    let whose = row.get(2)?;
    let of = match row.get::<String>(1)?.as_str() {
        "person" => FeedOf::Person(whose),
        "location" => FeedOf::Location(whose),
        _ => return Err(damaged()),
    };
    Ok(Feed {
        id: row.parsed(0)?,
        of,
        created_at: row.time(3)?,
        created_by: row.get(4)?,
        revoked_at: row.opt_time(5)?,
    })
}
