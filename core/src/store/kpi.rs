//! What the journal comes to, kept so that figures of a month need not read a month of the journal: a row for each
//! dialogue and each visit, made by whoever follows the journal (`zapis_workers::kpi`).

use std::ops::Range;

use chrono::{DateTime, Utc};

use super::db::{CHUNK, Row, Value, sql};
use super::late::Gone;
use super::{Store, StoreError};
use crate::message::ConversationId;

/// How far the journal was followed.
const POSITION: &str = "kpi: position";

/// What one dialogue came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogueRow {
    /// The event that opened it.
    pub id: String,
    /// Whose it is.
    pub conversation: ConversationId,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// JSON.
    pub facts: String,
}

/// What one visit came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitRow {
    /// The booking's id.
    pub booking: String,
    /// When it was booked.
    pub made_at: DateTime<Utc>,
    /// JSON.
    pub facts: String,
}

impl Store {
    /// The position of the last event that is in these figures.
    pub async fn kpi_position(&self) -> Result<i64, StoreError> {
        let value = self.value(POSITION).await?;
        Ok(value.and_then(|value| value.parse().ok()).unwrap_or(0))
    }

    /// The newest four dialogues of each of these conversations, the oldest first: as many as 72 hours can hold.
    pub async fn last_dialogues(
        &self,
        conversations: &[&ConversationId],
    ) -> Result<Vec<DialogueRow>, StoreError> {
        let mut found = Vec::new();
        for chunk in conversations.chunks(CHUNK) {
            let statement = sql(
                "SELECT id, conversation, started_at, facts FROM kpi_dialogues AS d \
                 WHERE started_at >= coalesce((SELECT started_at FROM kpi_dialogues AS newer \
                 WHERE newer.conversation = d.conversation \
                 ORDER BY started_at DESC LIMIT 1 OFFSET 3), 0) AND conversation IN ",
            );
            let statement = statement.list(chunk.iter().map(|&one| Value::from(one)));
            let statement = statement.then(" ORDER BY started_at");
            let rows = self.db.fetch(statement).await?;
            for row in &rows {
                found.push(dialogue(row)?);
            }
        }
        Ok(found)
    }

    /// These dialogues, as far as they are known.
    pub async fn dialogues(&self, ids: &[&str]) -> Result<Vec<DialogueRow>, StoreError> {
        let mut found = Vec::new();
        for chunk in ids.chunks(CHUNK) {
            let statement =
                sql("SELECT id, conversation, started_at, facts FROM kpi_dialogues WHERE id IN ");
            let statement = statement.list(chunk.iter().map(|&one| Value::from(one)));
            let rows = self.db.fetch(statement).await?;
            for row in &rows {
                found.push(dialogue(row)?);
            }
        }
        Ok(found)
    }

    /// These visits, as far as they are known.
    pub async fn kpi_visits(&self, bookings: &[&str]) -> Result<Vec<VisitRow>, StoreError> {
        let mut found = Vec::new();
        for chunk in bookings.chunks(CHUNK) {
            let statement = sql("SELECT booking, made_at, facts FROM kpi_visits WHERE booking IN ");
            let statement = statement.list(chunk.iter().map(|&one| Value::from(one)));
            let rows = self.db.fetch(statement).await?;
            for row in &rows {
                found.push(visit(row)?);
            }
        }
        Ok(found)
    }

    /// Keeps what the events between two positions came to; `false` when somebody else was quicker, and then
    /// nothing is kept.
    pub async fn keep_kpi(
        &self,
        positions: Range<i64>,
        dialogues: &[DialogueRow],
        visits: &[VisitRow],
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        tx.lock("journal").await?;
        let statement = sql("SELECT value FROM small_values WHERE name = $1").bind(POSITION);
        let row = tx.fetch_one(statement).await?;
        let known = row.map_or(Ok(String::new()), |row| row.get::<String>(0))?;
        if known.parse().unwrap_or(0) != positions.start {
            return Ok(false);
        }
        // Whoever was erased since the journal was read is a pseudonym there by now.
        let oldest = dialogues.iter().map(|one| one.started_at).min();
        let gone = Gone::since(&mut tx, oldest).await?;
        let hidden = |one: &DialogueRow| gone.as_ref()?.hides(&one.conversation, one.started_at);
        for chunk in dialogues.chunks(CHUNK) {
            let rows = chunk.iter().map(|one| {
                [
                    Value::from(&one.id),
                    Value::from(hidden(one).as_ref().unwrap_or(&one.conversation)),
                    one.started_at.into(),
                    Value::from(&one.facts),
                ]
            });
            let statement =
                sql("INSERT INTO kpi_dialogues (id, conversation, started_at, facts) VALUES ")
                    .rows(rows)
                    .then(
                        " ON CONFLICT (id) DO UPDATE SET started_at = excluded.started_at, \
                         facts = excluded.facts",
                    );
            tx.execute(statement).await?;
        }
        for chunk in visits.chunks(CHUNK) {
            let rows = chunk.iter().map(|one| {
                [
                    Value::from(&one.booking),
                    one.made_at.into(),
                    Value::from(&one.facts),
                ]
            });
            let statement = sql("INSERT INTO kpi_visits (booking, made_at, facts) VALUES ")
                .rows(rows)
                .then(
                    " ON CONFLICT (booking) DO UPDATE SET made_at = excluded.made_at, \
                     facts = excluded.facts",
                );
            tx.execute(statement).await?;
        }
        let statement = sql("INSERT INTO small_values (name, value) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value");
        let statement = statement.bind(POSITION).bind(positions.end.to_string());
        tx.execute(statement).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Dialogues that began in a span of time, the first first.
    pub async fn dialogues_between(
        &self,
        span: &Range<DateTime<Utc>>,
    ) -> Result<Vec<DialogueRow>, StoreError> {
        let statement = sql(
            "SELECT id, conversation, started_at, facts FROM kpi_dialogues \
             WHERE started_at >= $1 AND started_at < $2 ORDER BY started_at, id",
        );
        let statement = statement.bind(span.start).bind(span.end);
        let rows = self.db.fetch(statement).await?;
        Ok(rows.iter().map(dialogue).collect::<Result<_, _>>()?)
    }

    /// Dialogues in which one of these variants was used, the first first: those of an experiment begin with
    /// `experiment:`.
    pub async fn dialogues_tried(&self, begins: &str) -> Result<Vec<DialogueRow>, StoreError> {
        let statement = sql(
            "SELECT id, conversation, started_at, facts FROM kpi_dialogues \
             WHERE facts LIKE $1 ORDER BY started_at, id",
        );
        let rows = self
            .db
            .fetch(statement.bind(format!("%\"{begins}%")))
            .await?;
        Ok(rows.iter().map(dialogue).collect::<Result<_, _>>()?)
    }

    /// Visits that were booked in a span of time, the first first.
    pub async fn kpi_visits_between(
        &self,
        span: &Range<DateTime<Utc>>,
    ) -> Result<Vec<VisitRow>, StoreError> {
        let statement = sql("SELECT booking, made_at, facts FROM kpi_visits \
             WHERE made_at >= $1 AND made_at < $2 ORDER BY made_at, booking");
        let statement = statement.bind(span.start).bind(span.end);
        let rows = self.db.fetch(statement).await?;
        Ok(rows.iter().map(visit).collect::<Result<_, _>>()?)
    }

    /// Whether retention has taken the words out of an event: a recount would not find what it came to.
    pub async fn has_bared_events(&self) -> Result<bool, StoreError> {
        let statement = sql("SELECT 1 FROM events WHERE bared > 0 AND kind <> 'delivery' LIMIT 1");
        Ok(self.db.fetch_one(statement).await?.is_some())
    }

    /// Forgets all of it: it is counted anew from the journal.
    pub async fn forget_kpi(&self) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        tx.lock("journal").await?;
        tx.execute(sql("DELETE FROM kpi_dialogues")).await?;
        tx.execute(sql("DELETE FROM kpi_visits")).await?;
        let statement = sql("DELETE FROM small_values WHERE name = $1");
        tx.execute(statement.bind(POSITION)).await?;
        Ok(tx.commit().await?)
    }
}

fn dialogue(row: &Row) -> Result<DialogueRow, sqlx::Error> {
    Ok(DialogueRow {
        id: row.get(0)?,
        conversation: row.parsed(1)?,
        started_at: row.time(2)?,
        facts: row.get(3)?,
    })
}

fn visit(row: &Row) -> Result<VisitRow, sqlx::Error> {
    Ok(VisitRow {
        booking: row.get(0)?,
        made_at: row.time(1)?,
        facts: row.get(2)?,
    })
}
