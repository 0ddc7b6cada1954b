//! The journal: append-only, for reading and figures. Nothing is rebuilt from it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::db::{CHUNK, Row, Tx, sql};
use super::group::Work;
use super::{Store, StoreError};
use crate::event::{Event, Seen};
use crate::message::ConversationId;

/// An event as it is written.
pub(super) struct Line {
    id: Uuid,
    timestamp: DateTime<Utc>,
    kind: &'static str,
    conversation: Option<ConversationId>,
    json: String,
}

/// Writes events, each once, in their order. Positions are given out to one transaction at a time,
/// so that a reader who follows them misses none.
pub(super) async fn append(tx: &mut Tx, lines: &[&Line]) -> Result<(), sqlx::Error> {
    if lines.is_empty() {
        return Ok(());
    }
    tx.lock("journal").await?;
    for chunk in lines.chunks(CHUNK) {
        let rows = chunk.iter().map(|line| {
            let conversation = line.conversation.as_ref().map(ConversationId::as_str);
            [
                line.id.into(),
                line.timestamp.into(),
                line.kind.into(),
                conversation.into(),
                (&line.json).into(),
            ]
        });
        let statement =
            sql("INSERT INTO events (event_id, timestamp, kind, conversation, event) VALUES ")
                .rows(rows)
                .then(" ON CONFLICT (event_id) DO NOTHING");
        tx.execute(statement).await?;
    }
    Ok(())
}

impl Store {
    /// Appends events, of which one that is there already stays as it is, and notes what they tell of
    /// persons, where older news never replaces newer.
    pub async fn journal(&self, events: &[Event], news: &[Seen]) -> Result<(), StoreError> {
        if !events.is_empty() || !news.is_empty() {
            let work = Work::Journal(lines(events)?, news.to_vec());
            self.group.commit(work).await?;
        }
        Ok(())
    }

    /// Events after a position, oldest first, with their positions: for the live feed and exports.
    pub async fn events_after(
        &self,
        position: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Event)>, StoreError> {
        let statement = sql("SELECT event, position FROM events WHERE position > $1 \
             ORDER BY position LIMIT $2");
        let rows = self.db.fetch(statement.bind(position).bind(limit)).await?;
        let event = |row: &Row| Ok((row.get(1)?, row.json(0)?));
        rows.iter().map(event).collect()
    }

    /// The newest position.
    pub async fn last_event_position(&self) -> Result<i64, StoreError> {
        let row = self
            .db
            .fetch_one(sql("SELECT coalesce(max(position), 0) FROM events"))
            .await?;
        Ok(row.map_or(Ok(0), |row| row.get(0))?)
    }

    /// The newest events of a conversation, oldest first.
    pub async fn events_of(
        &self,
        conversation: &ConversationId,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let statement = sql("SELECT event FROM events WHERE conversation = $1 \
             ORDER BY position DESC LIMIT $2");
        let rows = self
            .db
            .fetch(statement.bind(conversation).bind(limit))
            .await?;
        rows.iter().rev().map(|row| Ok(row.json(0)?)).collect()
    }
}

pub(super) fn lines(events: &[Event]) -> Result<Vec<Line>, StoreError> {
    events.iter().map(line).collect()
}

fn line(event: &Event) -> Result<Line, StoreError> {
    Ok(Line {
        id: event.event_id,
        timestamp: event.timestamp,
        kind: event.kind.name(),
        conversation: event.conversation_id.clone(),
        json: serde_json::to_string(event)
            .map_err(|_| StoreError::Refused("an event cannot be written as JSON".into()))?,
    })
}
