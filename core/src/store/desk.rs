//! The staff desk: where the staff sees a conversation, and calls for a person.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::db::{Row, sql};
use super::{Escalation, StaffThread, Store, StoreError};
use crate::message::ConversationId;

impl Store {
    /// Where the staff sees a conversation.
    pub async fn staff_thread(
        &self,
        conversation: &ConversationId,
    ) -> Result<Option<StaffThread>, StoreError> {
        let statement =
            sql("SELECT desk, thread, topic FROM staff_threads WHERE conversation = $1");
        let Some(row) = self.db.fetch_one(statement.bind(conversation)).await? else {
            return Ok(None);
        };
        Ok(Some(StaffThread {
            desk: row.parsed(0)?,
            thread: row.get(1)?,
            topic: row.flag(2)?,
        }))
    }

    /// Sets it.
    pub async fn put_staff_thread(
        &self,
        conversation: &ConversationId,
        thread: &StaffThread,
    ) -> Result<(), StoreError> {
        let statement = sql(
            "INSERT INTO staff_threads (conversation, desk, thread, topic) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (conversation) DO UPDATE \
             SET desk = excluded.desk, thread = excluded.thread, topic = excluded.topic",
        );
        let statement = statement
            .bind(conversation)
            .bind(&thread.desk)
            .bind(thread.thread)
            .bind(thread.topic);
        self.db.execute(statement).await?;
        Ok(())
    }

    /// Forgets it (the topic was deleted).
    pub async fn forget_staff_thread(
        &self,
        conversation: &ConversationId,
    ) -> Result<(), StoreError> {
        let statement = sql("DELETE FROM staff_threads WHERE conversation = $1");
        self.db.execute(statement.bind(conversation)).await?;
        Ok(())
    }

    /// Whose topic or card it is.
    pub async fn conversation_of_thread(
        &self,
        desk: &ConversationId,
        thread: i64,
    ) -> Result<Option<ConversationId>, StoreError> {
        let statement =
            sql("SELECT conversation FROM staff_threads WHERE desk = $1 AND thread = $2");
        let row = self.db.fetch_one(statement.bind(desk).bind(thread)).await?;
        Ok(row.map(|row| row.parsed(0)).transpose()?)
    }

    /// Remembers that a message in the staff chat belongs to a conversation, so that a reply to it finds the way.
    pub async fn put_staff_message(
        &self,
        desk: &ConversationId,
        message: i64,
        conversation: &ConversationId,
    ) -> Result<(), StoreError> {
        let statement = sql("INSERT INTO staff_messages (desk, message, conversation) \
             VALUES ($1, $2, $3) ON CONFLICT (desk, message) DO UPDATE \
             SET conversation = excluded.conversation");
        let statement = statement.bind(desk).bind(message).bind(conversation);
        self.db.execute(statement).await?;
        Ok(())
    }

    /// Whose message it is.
    pub async fn conversation_of_staff_message(
        &self,
        desk: &ConversationId,
        message: i64,
    ) -> Result<Option<ConversationId>, StoreError> {
        let statement =
            sql("SELECT conversation FROM staff_messages WHERE desk = $1 AND message = $2");
        let row = self
            .db
            .fetch_one(statement.bind(desk).bind(message))
            .await?;
        Ok(row.map(|row| row.parsed(0)).transpose()?)
    }

    /// The message of a staff chat that shows something of the appointment book.
    pub async fn board(&self, desk: &ConversationId, key: &str) -> Result<Option<i64>, StoreError> {
        let statement = sql("SELECT message FROM staff_boards WHERE desk = $1 AND key = $2");
        let row = self.db.fetch_one(statement.bind(desk).bind(key)).await?;
        Ok(row.map(|row| row.get(0)).transpose()?)
    }

    /// Sets it.
    pub async fn put_board(
        &self,
        desk: &ConversationId,
        key: &str,
        message: i64,
    ) -> Result<(), StoreError> {
        let statement = sql(
            "INSERT INTO staff_boards (desk, key, message) VALUES ($1, $2, $3) \
             ON CONFLICT (desk, key) DO UPDATE SET message = excluded.message",
        );
        let statement = statement.bind(desk).bind(key).bind(message);
        self.db.execute(statement).await?;
        Ok(())
    }

    /// Whether a message of a staff chat shows something of the appointment book.
    pub async fn is_board(&self, desk: &ConversationId, message: i64) -> Result<bool, StoreError> {
        let statement = sql("SELECT 1 FROM staff_boards WHERE desk = $1 AND message = $2 LIMIT 1");
        let row = self
            .db
            .fetch_one(statement.bind(desk).bind(message))
            .await?;
        Ok(row.is_some())
    }

    /// The staff group became a supergroup: everything moves to the new id. Where the new one has a
    /// message of the same number, that one is newer and stays.
    pub async fn move_desk(
        &self,
        from: &ConversationId,
        to: &ConversationId,
    ) -> Result<(), StoreError> {
        if from == to {
            return Ok(());
        }
        let moves = [
            "UPDATE staff_threads SET desk = $2 WHERE desk = $1",
            "UPDATE staff_messages SET desk = $2 WHERE desk = $1 AND NOT EXISTS \
             (SELECT new.message FROM staff_messages AS new \
              WHERE new.desk = $2 AND new.message = staff_messages.message)",
            "UPDATE desk_moves SET new_desk = $2 WHERE new_desk = $1",
            "INSERT INTO desk_moves (old_desk, new_desk) VALUES ($1, $2) \
             ON CONFLICT (old_desk) DO UPDATE SET new_desk = excluded.new_desk",
        ];
        let mut tx = self.db.begin().await?;
        for one in moves {
            tx.execute(sql(one).bind(from).bind(to)).await?;
        }
        // The new one has not moved, whatever was noted before.
        tx.execute(sql("DELETE FROM desk_moves WHERE old_desk = $1").bind(to))
            .await?;
        Ok(tx.commit().await?)
    }

    /// The id that a staff group has now, if it moved.
    pub async fn desk_moved_to(
        &self,
        from: &ConversationId,
    ) -> Result<Option<ConversationId>, StoreError> {
        let statement = sql("SELECT new_desk FROM desk_moves WHERE old_desk = $1");
        let row = self.db.fetch_one(statement.bind(from)).await?;
        Ok(row.map(|row| row.parsed(0)).transpose()?)
    }

    /// Opens a call for a person, once per id; while one is open for the conversation it stays the only one.
    pub async fn open_escalation(&self, escalation: &Escalation) -> Result<(), StoreError> {
        // A call that went all the way to the owner and was never answered gives way to a new one, whose
        // reminders count anew.
        let statement = sql("UPDATE escalations SET closed_at = $2 \
             WHERE conversation = $1 AND closed_at IS NULL AND due IS NULL AND stage > 0 AND id <> $3");
        let statement = statement.bind(&escalation.conversation).bind(escalation.at);
        self.db.execute(statement.bind(escalation.id)).await?;
        let statement = sql(
            "INSERT INTO escalations (id, conversation, reason, card, at, stage, due) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        );
        let statement = statement
            .bind(escalation.id)
            .bind(&escalation.conversation)
            .bind(&escalation.reason)
            .bind(escalation.card.to_string())
            .bind(escalation.at)
            .bind(i64::from(escalation.stage))
            .bind(escalation.due);
        self.db.execute(statement).await?;
        Ok(())
    }

    /// A person answered: closes the open call of a conversation; whether there was one.
    pub async fn close_escalation(
        &self,
        conversation: &ConversationId,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let statement = sql("UPDATE escalations SET closed_at = $2 \
             WHERE conversation = $1 AND closed_at IS NULL");
        Ok(self
            .db
            .execute(statement.bind(conversation).bind(now))
            .await?
            > 0)
    }

    /// Open calls whose next stage is due (not claimed: publishing the same stage twice has the same ids).
    pub async fn due_escalations(
        &self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Escalation>, StoreError> {
        let statement = sql(
            "SELECT id, conversation, reason, card, at, stage, due FROM escalations \
             WHERE closed_at IS NULL AND due <= $1 ORDER BY due, id LIMIT $2",
        );
        let rows = self.db.fetch(statement.bind(now).bind(limit)).await?;
        Ok(rows.iter().map(escalation).collect::<Result<_, _>>()?)
    }

    /// Moves an open call to a stage, once its messages are published; it never goes back.
    pub async fn advance_escalation(
        &self,
        id: Uuid,
        stage: u8,
        due: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let statement = sql("UPDATE escalations SET stage = $2, due = $3 \
             WHERE id = $1 AND stage <= $2 AND closed_at IS NULL");
        let statement = statement.bind(id).bind(i64::from(stage)).bind(due);
        self.db.execute(statement).await?;
        Ok(())
    }
}

pub(super) fn escalation(row: &Row) -> Result<Escalation, sqlx::Error> {
    Ok(Escalation {
        id: row.parsed(0)?,
        conversation: row.parsed(1)?,
        reason: row.get(2)?,
        card: row.json(3)?,
        at: row.time(4)?,
        stage: row.count::<u8>(5)?,
        due: row.opt_time(6)?,
    })
}
