//! What is written of somebody after she was erased: a turn that was under way knows nothing of it. Asked in
//! the very transaction that writes, under the lock that the erasure takes too.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::db::{Row, Tx, sql};
use super::erase::{KEY, hash, pseudonym_of};
use super::journal::Line;
use crate::event::{Event, Seen};
use crate::message::ConversationId;

/// Who was erased since a moment.
pub(super) struct Gone {
    key: Vec<u8>,
    at: HashMap<String, DateTime<Utc>>,
}

impl Gone {
    /// Nothing, where nobody was: a look into a small table.
    pub(super) async fn since(
        tx: &mut Tx,
        oldest: Option<DateTime<Utc>>,
    ) -> Result<Option<Self>, sqlx::Error> {
        let Some(oldest) = oldest else {
            return Ok(None);
        };
        let statement = sql("SELECT person, at FROM tombstones WHERE at >= $1");
        let rows = tx.fetch(statement.bind(oldest)).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let of = |row: &Row| Ok::<_, sqlx::Error>((row.get(0)?, row.time(1)?));
        let at = rows.iter().map(of).collect::<Result<_, _>>()?;
        let statement = sql("SELECT value FROM small_values WHERE name = $1");
        let row = tx.fetch_one(statement.bind(KEY)).await?;
        let key = row
            .map_or(Ok(String::new()), |row| row.get(0))?
            .into_bytes();
        Ok(Some(Self { key, at }))
    }

    /// What stands for a conversation whose person was erased after something happened in it.
    pub(super) fn hides(
        &self,
        conversation: &ConversationId,
        at: DateTime<Utc>,
    ) -> Option<ConversationId> {
        let hash = hash(&self.key, conversation.as_str());
        let erased = self.at.get(&hash)?;
        (at <= *erased).then(|| pseudonym_of(conversation, &hash))
    }

    /// Whether something that was learnt of a person must not be kept.
    pub(super) fn forgets(&self, seen: &Seen) -> bool {
        self.hides(&seen.conversation, seen.at).is_some()
    }

    /// The line without the person, where she was erased after what it tells.
    pub(super) fn bare(&self, line: &Line) -> Result<Option<Line>, sqlx::Error> {
        let hidden = |of: &ConversationId| self.hides(of, line.timestamp);
        let Some(pseudonym) = line.conversation.as_ref().and_then(hidden) else {
            return Ok(None);
        };
        let refused = |error: serde_json::Error| sqlx::Error::Encode(error.into());
        let event: Event = serde_json::from_str(&line.json).map_err(refused)?;
        let event = event.without_person(Some(pseudonym));
        Line::of(&event).map(Some).map_err(refused)
    }
}
