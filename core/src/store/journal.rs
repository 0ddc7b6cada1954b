//! The journal: append-only, for reading and figures. Nothing is rebuilt from it.

use std::ops::Range;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::db::{CHUNK, Row, Sql, Tx, sql};
use super::group::Work;
use super::late::Gone;
use super::{Store, StoreError, people};
use crate::event::{Event, Kind, Seen};
use crate::message::ConversationId;

/// Among so many of the first events of a time, one was written when it happened.
const EARLIEST: u32 = 1_000;

/// An event as it is written.
pub(super) struct Line {
    id: Uuid,
    pub(super) timestamp: DateTime<Utc>,
    kind: &'static str,
    pub(super) conversation: Option<ConversationId>,
    pub(super) json: String,
}

/// Writes events, each once, in their order; see [`tell`].
pub(super) async fn append(tx: &mut Tx, lines: &[&Line]) -> Result<(), sqlx::Error> {
    tell(tx, lines, &[]).await
}

/// Writes events, each once, in their order, and what they tell of persons; of who was erased meanwhile
/// nothing personal. Positions are given out to one transaction at a time, so that a reader who follows
/// them misses none.
pub(super) async fn tell(tx: &mut Tx, lines: &[&Line], news: &[&Seen]) -> Result<(), sqlx::Error> {
    if lines.is_empty() && news.is_empty() {
        return Ok(());
    }
    tx.lock("journal").await?;
    let told = lines.iter().map(|line| line.timestamp);
    let oldest = told.chain(news.iter().map(|seen| seen.at)).min();
    match Gone::since(tx, oldest).await? {
        None => {
            people::note(tx, news).await?;
            write(tx, lines).await
        }
        Some(gone) => {
            let known = news.iter().copied().filter(|seen| !gone.forgets(seen));
            people::note(tx, &known.collect::<Vec<_>>()).await?;
            let bared = lines.iter().map(|line| gone.bare(line));
            let bared = bared.collect::<Result<Vec<_>, _>>()?;
            let kept = lines.iter().zip(&bared);
            let kept = kept.map(|(line, bared)| bared.as_ref().unwrap_or(line));
            write(tx, &kept.collect::<Vec<_>>()).await
        }
    }
}

async fn write(tx: &mut Tx, lines: &[&Line]) -> Result<(), sqlx::Error> {
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

    /// A position before the events that happened from a moment on. Events are written in the order of
    /// their causes, which is nearly that of their times: a messenger may tell late what a customer did.
    pub async fn position_before(&self, from: DateTime<Utc>) -> Result<i64, StoreError> {
        let row = self.db.fetch_one(first_of(from)).await?;
        let first = row.map_or(Ok(None), |row| row.get::<Option<i64>>(0))?;
        match first {
            Some(first) => Ok(first - 1),
            None => self.last_event_position().await,
        }
    }

    /// Where an event stands, by its id; nothing where there is none.
    pub async fn position_of(&self, event: &str) -> Result<Option<i64>, StoreError> {
        let statement = sql("SELECT position FROM events WHERE event_id = $1").bind(event);
        let row = self.db.fetch_one(statement).await?;
        Ok(row.map(|row| row.get(0)).transpose()?)
    }

    /// Events of some kinds in a span of time, with positions after `after` and up to `last`, in the
    /// order in which they were written.
    ///
    /// To read them all, go from [`Store::position_before`] the span to [`Store::last_event_position`],
    /// so many positions at a time that their events can be held at once.
    pub async fn events_of_kinds(
        &self,
        kinds: &[Kind],
        span: &Range<DateTime<Utc>>,
        after: i64,
        last: i64,
    ) -> Result<Vec<Event>, StoreError> {
        if kinds.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.db.fetch(page(kinds, span, after, last)).await?;
        rows.iter().map(|row| Ok(row.json(0)?)).collect()
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

fn first_of(from: DateTime<Utc>) -> Sql {
    sql("SELECT min(position) FROM (SELECT position FROM events \
         WHERE timestamp >= $1 ORDER BY timestamp LIMIT $2) AS first")
    .bind(from)
    .bind(EARLIEST)
}

fn page(kinds: &[Kind], span: &Range<DateTime<Utc>>, after: i64, last: i64) -> Sql {
    let kinds = kinds.iter().map(|kind| kind.name().into());
    // Between two positions no database is tempted to read or sort more, as with a limit it is; and
    // the time is told in a form that no index serves.
    sql(
        "SELECT event FROM events WHERE position > $1 AND position <= $2 \
         AND timestamp + 0 >= $3 AND timestamp + 0 < $4 AND kind IN ",
    )
    .bind(after)
    .bind(last)
    .bind(span.start)
    .bind(span.end)
    .list(kinds)
    .then(" ORDER BY position")
}

pub(super) fn lines(events: &[Event]) -> Result<Vec<Line>, StoreError> {
    let lines = events.iter().map(Line::of).collect::<Result<_, _>>();
    lines.map_err(|_| StoreError::Refused("an event cannot be written as JSON".into()))
}

impl Line {
    pub(super) fn of(event: &Event) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: event.event_id,
            timestamp: event.timestamp,
            kind: event.kind.name(),
            conversation: event.conversation_id.clone(),
            json: serde_json::to_string(event)?,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// How SQLite goes about a statement.
    pub(in super::super) async fn plan(of: Sql) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("z.db");
        let store = Store::open(&format!("sqlite:{}", file.display()))
            .await
            .unwrap();
        let (text, values) = of.parts();
        let text = format!("EXPLAIN QUERY PLAN {text}");
        let mut explain = sql("").then(&text);
        for value in values {
            explain = explain.bind(value.clone());
        }
        let rows = store.db.fetch(explain).await.unwrap();
        let steps = rows.iter().map(|row| row.get::<String>(3).unwrap());
        steps.collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn a_page_follows_the_positions_and_nothing_is_sorted_or_scanned() {
        let span = DateTime::default()..DateTime::default();
        let page = plan(page(&[Kind::Turn, Kind::Draft], &span, 7, 100)).await;
        assert_eq!(
            page,
            "SEARCH events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
        );
        let first = plan(first_of(DateTime::default())).await;
        assert!(
            first.contains("SEARCH events USING COVERING INDEX events_by_time (timestamp>?)"),
            "{first}"
        );
    }
}
