//! The web-chat log: what each conversation said, numbered without gaps.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::db::{CHUNK, Sql, Value, sql};
use super::{Appended, ChatEntry, Store, StoreError};
use crate::message::ConversationId;

impl ChatEntry {
    /// Only its place.
    pub(super) fn without_words(self) -> Self {
        Self {
            name: None,
            text: String::new(),
            buttons: Vec::new(),
            ..self
        }
    }
}

impl Store {
    /// Appends an event once per id and gives it the next `seq`; a repeat gets the seq of the first.
    /// `published`: true for our own messages, which do not go to the queue.
    pub async fn chat_append(
        &self,
        conversation: &ConversationId,
        entry: &ChatEntry,
        published: bool,
    ) -> Result<Appended, StoreError> {
        let json = serde_json::to_string(entry)
            .map_err(|_| StoreError::Refused("a chat entry cannot be written as JSON".into()))?;
        let mut tx = self.db.begin().await?;
        tx.lock(&format!("chat:{}", conversation.as_str())).await?;
        let first = sql("SELECT seq, published FROM chat_log WHERE conversation = $1 AND id = $2");
        if let Some(row) = tx
            .fetch_one(first.bind(conversation).bind(&entry.id))
            .await?
        {
            return Ok(Appended {
                seq: row.get(0)?,
                published: row.flag(1)?,
            });
        }
        let statement = sql(
            "INSERT INTO chat_log (conversation, seq, id, entry, published, at) \
             SELECT $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5 FROM chat_log \
             WHERE conversation = $1 RETURNING seq",
        );
        let statement = statement
            .bind(conversation)
            .bind(&entry.id)
            .bind(json)
            .bind(published)
            .bind(entry.at);
        let rows = tx.fetch(statement).await?;
        let seq = rows.first().map_or(Ok(0), |row| row.get(0))?;
        tx.commit().await?;
        Ok(Appended { seq, published })
    }

    /// Notes that an event is in the queue.
    pub async fn chat_published(
        &self,
        conversation: &ConversationId,
        id: &str,
    ) -> Result<(), StoreError> {
        let statement =
            sql("UPDATE chat_log SET published = 1 WHERE conversation = $1 AND id = $2");
        self.db
            .execute(statement.bind(conversation).bind(id))
            .await?;
        Ok(())
    }

    /// Puts other words into an event that was appended.
    pub async fn chat_reword(
        &self,
        conversation: &ConversationId,
        id: &str,
        text: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let said = sql("SELECT entry FROM chat_log WHERE conversation = $1 AND id = $2");
        let said = tx.fetch_one(said.bind(conversation).bind(id).for_update());
        let Some(row) = said.await? else {
            return Ok(());
        };
        let entry = ChatEntry {
            text: text.to_owned(),
            ..row.json(0)?
        };
        let json = serde_json::to_string(&entry)
            .map_err(|_| StoreError::Refused("a chat entry cannot be written as JSON".into()))?;
        let update = sql("UPDATE chat_log SET entry = $1 WHERE conversation = $2 AND id = $3");
        tx.execute(update.bind(json).bind(conversation).bind(id))
            .await?;
        Ok(tx.commit().await?)
    }

    /// Events with a larger `seq`, oldest first, at most `limit`.
    pub async fn chat_after(
        &self,
        conversation: &ConversationId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<ChatEntry>, StoreError> {
        let statement = sql(
            "SELECT seq, entry FROM chat_log WHERE conversation = $1 AND seq > $2 \
             ORDER BY seq LIMIT $3",
        );
        self.entries(statement.bind(conversation).bind(after).bind(limit))
            .await
    }

    /// The newest events, oldest first.
    pub async fn chat_last(
        &self,
        conversation: &ConversationId,
        count: u32,
    ) -> Result<Vec<ChatEntry>, StoreError> {
        let statement = sql("SELECT seq, entry FROM chat_log WHERE conversation = $1 \
             ORDER BY seq DESC LIMIT $2");
        let mut newest = self
            .entries(statement.bind(conversation).bind(count))
            .await?;
        newest.reverse();
        Ok(newest)
    }

    async fn entries(&self, statement: Sql) -> Result<Vec<ChatEntry>, StoreError> {
        let mut entries = Vec::new();
        for row in self.db.fetch(statement).await? {
            let entry = ChatEntry {
                seq: row.get(0)?,
                ..row.json(1)?
            };
            // Of one whose time is over only the number is left.
            if !entry.text.is_empty() {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// The highest `seq` of each of these conversations: the slow check for lost hints. One that
    /// has no events is left out.
    pub async fn chat_heads(
        &self,
        conversations: &[ConversationId],
    ) -> Result<BTreeMap<ConversationId, i64>, StoreError> {
        let mut heads = BTreeMap::new();
        for chunk in conversations.chunks(CHUNK) {
            let statement =
                sql("SELECT conversation, max(seq) FROM chat_log WHERE conversation IN ")
                    .list(chunk.iter().map(Value::from))
                    .then(" GROUP BY conversation");
            for row in self.db.fetch(statement).await? {
                heads.insert(row.parsed(0)?, row.get(1)?);
            }
        }
        Ok(heads)
    }

    /// Keeps a visitor's token (hashed by the caller).
    pub async fn put_visitor(
        &self,
        token_hash: &str,
        conversation: &ConversationId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let statement = sql(
            "INSERT INTO visitors (token_hash, conversation, at) VALUES ($1, $2, $3) \
             ON CONFLICT (token_hash) DO UPDATE SET conversation = excluded.conversation, at = excluded.at",
        );
        let statement = statement.bind(token_hash).bind(conversation).bind(now);
        self.db.execute(statement).await?;
        Ok(())
    }

    /// Whose token it is.
    pub async fn visitor(&self, token_hash: &str) -> Result<Option<ConversationId>, StoreError> {
        let statement = sql("SELECT conversation FROM visitors WHERE token_hash = $1");
        let row = self.db.fetch_one(statement.bind(token_hash)).await?;
        Ok(row.map(|row| row.parsed(0)).transpose()?)
    }

    /// Notes how far the visitor has read; it never goes back.
    pub async fn chat_read(
        &self,
        conversation: &ConversationId,
        seq: i64,
    ) -> Result<(), StoreError> {
        let statement = sql(
            "INSERT INTO chat_reads (conversation, seq) VALUES ($1, $2) \
             ON CONFLICT (conversation) DO UPDATE SET seq = excluded.seq \
             WHERE chat_reads.seq < excluded.seq",
        );
        self.db
            .execute(statement.bind(conversation).bind(seq))
            .await?;
        Ok(())
    }
}
