//! Replies that wait for a person of the firm, and what the bot may learn from how people answer.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::db::{Row, sql};
use super::{Draft, DraftFate, Proposal, Store, StoreError};
use crate::message::{ConversationId, DraftCard, LessonCard, Verdict};

const PROPOSAL: &str = "SELECT card, text, state, who, at, due FROM drafts WHERE card IS NOT NULL";

impl Store {
    /// Keeps a reply that was fenced, for a person, once per id.
    pub async fn put_draft(&self, draft: &Draft) -> Result<(), StoreError> {
        let statement = sql("INSERT INTO drafts (id, conversation, text, reason, at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING");
        let statement = statement
            .bind(draft.id)
            .bind(&draft.conversation)
            .bind(&draft.text)
            .bind(&draft.reason)
            .bind(draft.at);
        self.db.execute(statement).await?;
        Ok(())
    }

    /// Drafts of a conversation, oldest first.
    pub async fn drafts(&self, conversation: &ConversationId) -> Result<Vec<Draft>, StoreError> {
        let statement = sql("SELECT id, conversation, text, reason, at FROM drafts \
             WHERE conversation = $1 ORDER BY at, id");
        let rows = self.db.fetch(statement.bind(conversation)).await?;
        Ok(rows.iter().map(draft).collect::<Result<_, _>>()?)
    }

    /// Asks for approval of a reply, once per id; without a decision it is due at that time.
    pub async fn propose(
        &self,
        card: &DraftCard,
        at: DateTime<Utc>,
        due: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let statement = sql(
            "INSERT INTO drafts (id, conversation, text, reason, at, state, card, due) \
             VALUES ($1, $2, $3, 'waits for approval', $4, 'proposed', $5, $6) \
             ON CONFLICT (id) DO NOTHING",
        );
        let statement = statement
            .bind(card.id)
            .bind(&card.about)
            .bind(&card.text)
            .bind(at)
            .bind(json(card))
            .bind(due);
        self.db.execute(statement).await?;
        Ok(())
    }

    /// A proposal by its id.
    pub async fn proposal(&self, id: Uuid) -> Result<Option<Proposal>, StoreError> {
        let statement = sql(PROPOSAL).then(" AND id = $1");
        let row = self.db.fetch_one(statement.bind(id)).await?;
        Ok(row.as_ref().map(proposal).transpose()?)
    }

    /// Decides on a proposal: the first decision holds, and a repeat of it (the same `cause`) is the
    /// same decision. `text` replaces what is sent.
    pub async fn decide_draft(
        &self,
        id: Uuid,
        verdict: Verdict,
        who: Option<&str>,
        text: Option<&str>,
        cause: &str,
    ) -> Result<DraftFate, StoreError> {
        let statement = sql(
            "UPDATE drafts SET state = $2, who = $3, text = coalesce($4, text), cause = $5, \
             due = CASE WHEN $2 = 'expired' THEN due END \
             WHERE id = $1 AND state = 'proposed'",
        );
        let statement = statement
            .bind(id)
            .bind(verdict.name())
            .bind(who)
            .bind(text)
            .bind(cause);
        self.db.execute(statement).await?;
        let statement = sql(PROPOSAL).then(" AND id = $1 AND cause = $2 AND state = $3");
        let statement = statement.bind(id).bind(cause).bind(verdict.name());
        if let Some(row) = self.db.fetch_one(statement).await? {
            return Ok(DraftFate::Decided(proposal(&row)?));
        }
        Ok(match self.proposal(id).await? {
            Some(other) => DraftFate::Other(other),
            None => DraftFate::Unknown,
        })
    }

    /// A person speaks to the customer: nobody need decide on what waits. Returns what gave way; a repeat
    /// of the same `cause` returns the same.
    pub async fn supersede_drafts(
        &self,
        conversation: &ConversationId,
        cause: &str,
    ) -> Result<Vec<Proposal>, StoreError> {
        let statement = sql(
            "UPDATE drafts SET state = 'superseded', cause = $2, due = NULL \
             WHERE conversation = $1 AND state = 'proposed'",
        );
        let statement = statement.bind(conversation).bind(cause);
        self.db.execute(statement).await?;
        let statement = sql(PROPOSAL)
            .then(" AND conversation = $1 AND cause = $2 AND state = 'superseded' ORDER BY at, id");
        let statement = statement.bind(conversation).bind(cause);
        let rows = self.db.fetch(statement).await?;
        Ok(rows.iter().map(proposal).collect::<Result<_, _>>()?)
    }

    /// Proposals that nobody decided on in time, the oldest first.
    pub async fn due_drafts(
        &self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Proposal>, StoreError> {
        let statement = sql(PROPOSAL).then(" AND due <= $1 ORDER BY due, id LIMIT $2");
        let rows = self.db.fetch(statement.bind(now).bind(limit)).await?;
        Ok(rows.iter().map(proposal).collect::<Result<_, _>>()?)
    }

    /// What follows from an expired proposal is on its way.
    pub async fn settle_draft(&self, id: Uuid) -> Result<(), StoreError> {
        let statement = sql("UPDATE drafts SET due = NULL WHERE id = $1");
        self.db.execute(statement.bind(id)).await?;
        Ok(())
    }

    /// Notes that a message of the staff chat shows a proposal: a reply to it is another wording.
    pub async fn put_draft_message(
        &self,
        desk: &ConversationId,
        message: i64,
        conversation: &ConversationId,
        draft: Uuid,
    ) -> Result<(), StoreError> {
        let statement = sql(
            "INSERT INTO staff_messages (desk, message, conversation, draft) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (desk, message) DO UPDATE \
             SET conversation = excluded.conversation, draft = excluded.draft",
        );
        let statement = statement
            .bind(desk)
            .bind(message)
            .bind(conversation)
            .bind(draft);
        self.db.execute(statement).await?;
        Ok(())
    }

    /// The proposal that a message of the staff chat shows.
    pub async fn draft_of_message(
        &self,
        desk: &ConversationId,
        message: i64,
    ) -> Result<Option<Uuid>, StoreError> {
        let statement = sql("SELECT draft FROM staff_messages \
             WHERE desk = $1 AND message = $2 AND draft IS NOT NULL");
        let row = self
            .db
            .fetch_one(statement.bind(desk).bind(message))
            .await?;
        Ok(row.map(|row| row.parsed(0)).transpose()?)
    }

    /// The message of the staff chat that showed a proposal first.
    pub async fn message_of_draft(
        &self,
        desk: &ConversationId,
        draft: Uuid,
    ) -> Result<Option<i64>, StoreError> {
        let statement = sql("SELECT message FROM staff_messages \
             WHERE draft = $1 AND desk = $2 ORDER BY message LIMIT 1");
        let row = self.db.fetch_one(statement.bind(draft).bind(desk)).await?;
        Ok(row.map(|row| row.get(0)).transpose()?)
    }

    /// Keeps what the bot could learn, once per id.
    pub async fn put_lesson(
        &self,
        lesson: &LessonCard,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let statement = sql("INSERT INTO lessons (id, card, at) VALUES ($1, $2, $3) \
             ON CONFLICT (id) DO NOTHING");
        let statement = statement.bind(lesson.id).bind(json(lesson)).bind(at);
        self.db.execute(statement).await?;
        Ok(())
    }

    /// What the bot could learn, by its id.
    pub async fn lesson(&self, id: Uuid) -> Result<Option<LessonCard>, StoreError> {
        let statement = sql("SELECT card FROM lessons WHERE id = $1");
        let row = self.db.fetch_one(statement.bind(id)).await?;
        Ok(row.map(|row| row.json(0)).transpose()?)
    }

    /// Decides whether the bot may learn it; the first decision holds. Whose conversation it comes from, if the
    /// decision holds.
    pub async fn decide_lesson(
        &self,
        id: Uuid,
        accepted: bool,
        cause: &str,
    ) -> Result<Option<ConversationId>, StoreError> {
        let statement = sql("UPDATE lessons SET accepted = $2, cause = $3 \
             WHERE id = $1 AND accepted IS NULL");
        let statement = statement.bind(id).bind(accepted).bind(cause);
        self.db.execute(statement).await?;
        let statement =
            sql("SELECT card FROM lessons WHERE id = $1 AND accepted = $2 AND cause = $3");
        let statement = statement.bind(id).bind(accepted).bind(cause);
        let row = self.db.fetch_one(statement).await?;
        let card: Option<LessonCard> = row.map(|row| row.json(0)).transpose()?;
        Ok(card.map(|card| card.about))
    }
}

/// JSON of our own types, which cannot fail.
fn json(card: &impl serde::Serialize) -> String {
    serde_json::to_string(card).unwrap_or_default()
}

pub(super) fn proposal(row: &Row) -> Result<Proposal, sqlx::Error> {
    let mut card: DraftCard = row.json(0)?;
    card.text = row.get(1)?;
    Ok(Proposal {
        card,
        state: row.get(2)?,
        who: row.get(3)?,
        at: row.time(4)?,
        due: row.opt_time(5)?,
    })
}

fn draft(row: &Row) -> Result<Draft, sqlx::Error> {
    Ok(Draft {
        id: row.parsed(0)?,
        conversation: row.parsed(1)?,
        text: row.get(2)?,
        reason: row.get(3)?,
        at: row.time(4)?,
    })
}
