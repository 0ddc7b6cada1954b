//! What leaves the store and can be held against it: records of conversations under our seal, and the list of
//! everything that was written out with persons in it.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::db::{Row, sql};
use super::{Shelf, Store, StoreError};
use crate::event::{Event, Kind};
use crate::message::ConversationId;
use crate::seal::{SealKey, seal};

/// The small value that holds the key of records.
const KEY: &str = "records: key";
/// What a record of a conversation is called in its header.
const FORMAT: &str = "zapis conversation 1";
/// How many events are read at once.
const PAGE: u32 = 1_000;

/// Something that was written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// By whom.
    pub who: String,
    /// Where it went, as far as we know.
    pub target: String,
    /// Whose it is; nothing where it holds everybody's.
    pub conversation: Option<ConversationId>,
}

impl Store {
    async fn seal_key(&self) -> Result<SealKey, StoreError> {
        let secret = self.own_secret(KEY).await?;
        SealKey::read(&secret)
            .ok_or_else(|| StoreError::Refused(format!("the small value `{KEY}` is damaged")))
    }

    /// What records of this store are checked with, in hexadecimal. It is made on first use.
    pub async fn record_key(&self) -> Result<String, StoreError> {
        Ok(self.seal_key().await?.public())
    }

    /// Everything that the journal holds of a conversation, under our seal, with the versions of knowledge and
    /// settings that held at each moment; nothing where there is nothing. Noted in the journal.
    pub async fn record_of(
        &self,
        conversation: &ConversationId,
        who: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<String>, StoreError> {
        let (knowledge, settings) = (
            self.version_times(Shelf::Knowledge).await?,
            self.version_times(Shelf::Settings).await?,
        );
        let (mut lines, mut position) = (Vec::new(), 0_i64);
        loop {
            let statement = sql(
                "SELECT position, timestamp, event FROM events WHERE conversation = $1 \
                 AND position > $2 ORDER BY position LIMIT $3",
            );
            let statement = statement.bind(conversation).bind(position).bind(PAGE);
            let rows = self.db.fetch(statement).await?;
            let Some(last) = rows.last() else { break };
            position = last.get(0)?;
            let line = |row: &Row| -> Result<String, sqlx::Error> {
                let (at, event) = (row.time(1)?, row.get::<String>(2)?);
                let versions = (knowledge.at(at), settings.at(at));
                Ok(format!(
                    "{{\"position\":{},\"knowledge_version\":{},\"settings_version\":{},\"event\":{event}}}",
                    row.get::<i64>(0)?,
                    versions.0,
                    versions.1
                ))
            };
            for row in &rows {
                lines.push(line(row)?);
            }
        }
        if lines.is_empty() {
            return Ok(None);
        }
        let key = self.seal_key().await?;
        let header = json!({
            "format": FORMAT,
            "conversation": conversation.as_str(),
            "exported_at": now,
            "exported_by": who,
            "program": env!("CARGO_PKG_VERSION"),
            "events": lines.len(),
            "public_key": key.public(),
        });
        let record = seal(&header.to_string(), lines, &key);
        // Whoever has it must have been noted.
        let export = Export {
            who: who.to_owned(),
            target: format!("record of a conversation, {}", now.to_rfc3339()),
            conversation: Some(conversation.clone()),
        };
        self.note_export(&export, now).await?;
        Ok(Some(record))
    }

    /// Notes that something with persons in it was written out: in the journal, and for receipts of erasures.
    pub async fn note_export(&self, export: &Export, now: DateTime<Utc>) -> Result<(), StoreError> {
        let id = Uuid::new_v4();
        let conversation = export.conversation.as_ref().map(ConversationId::as_str);
        let statement = sql(
            "INSERT INTO exports (id, at, who, target, conversation) VALUES ($1, $2, $3, $4, $5)",
        );
        let statement = statement.bind(id).bind(now).bind(&export.who);
        let statement = statement.bind(&export.target).bind(conversation);
        self.db.execute(statement).await?;
        let mut event = Event::new(id, Kind::System, now);
        if let Some(conversation) = &export.conversation {
            event = event.about(conversation);
        }
        event.staff_id = Some(export.who.clone());
        event.action = Some("export".to_owned());
        event.outcome = Some("done".to_owned());
        event.reason = Some(export.target.clone());
        self.journal(&[event], &[]).await
    }
}
