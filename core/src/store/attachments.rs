//! Files that customers sent, by reference.

use super::db::{CHUNK, Row, Value, sql};
use super::{Store, StoreError};
use crate::files::SentFile;
use crate::message::ConversationId;

const SELECT: &str =
    "SELECT conversation, inbound, position, file, at FROM attachments WHERE conversation = $1";

impl Store {
    /// Keeps references to files; one that is there already stays as it is.
    pub async fn keep_files(&self, files: &[SentFile]) -> Result<(), StoreError> {
        for chunk in files.chunks(CHUNK) {
            let rows = chunk.iter().map(row).collect::<Result<Vec<_>, _>>()?;
            let statement =
                sql("INSERT INTO attachments (conversation, inbound, position, file, at) VALUES ")
                    .rows(rows)
                    .then(" ON CONFLICT (conversation, inbound, position) DO NOTHING");
            self.db.execute(statement).await?;
        }
        Ok(())
    }

    /// The newest files of a conversation, the newest message first.
    pub async fn files_of(
        &self,
        conversation: &ConversationId,
        limit: u32,
    ) -> Result<Vec<SentFile>, StoreError> {
        let statement = sql(SELECT)
            .then(" ORDER BY at DESC, inbound, position LIMIT $2")
            .bind(conversation);
        let rows = self.db.fetch(statement.bind(limit)).await?;
        rows.iter().map(|row| Ok(file(row)?)).collect()
    }

    /// One file of a message.
    pub async fn sent_file(
        &self,
        conversation: &ConversationId,
        inbound: &str,
        position: u32,
    ) -> Result<Option<SentFile>, StoreError> {
        let statement = sql(SELECT)
            .then(" AND inbound = $2 AND position = $3")
            .bind(conversation)
            .bind(inbound)
            .bind(position);
        let row = self.db.fetch_one(statement).await?;
        Ok(row.as_ref().map(file).transpose()?)
    }
}

fn row(sent: &SentFile) -> Result<[Value; 5], StoreError> {
    let file = serde_json::to_string(&sent.file)
        .map_err(|_| StoreError::Refused("a file cannot be written as JSON".into()))?;
    Ok([
        (&sent.conversation).into(),
        (&sent.inbound).into(),
        sent.position.into(),
        file.into(),
        sent.at.into(),
    ])
}

fn file(row: &Row) -> Result<SentFile, sqlx::Error> {
    Ok(SentFile {
        conversation: row.parsed(0)?,
        inbound: row.get(1)?,
        position: row.count(2)?,
        file: row.json(3)?,
        at: row.time(4)?,
    })
}
