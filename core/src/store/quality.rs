//! What is kept of customers, as a whole: to be looked through for what is missing or cannot be right.

use std::collections::{BTreeMap, BTreeSet};

use super::crm::read_enquiry;
use super::db::{Row, sql};
use super::{Enquiry, Store, StoreError};
use crate::message::ConversationId;

/// A conversation of a customer, and what is known of who writes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Which.
    pub conversation: ConversationId,
    /// As the messenger shows it.
    pub name: Option<String>,
    /// As the messenger tells it.
    pub phone: Option<String>,
}

impl Store {
    /// Everybody who has written.
    pub async fn contacts(&self) -> Result<Vec<Contact>, StoreError> {
        let statement = sql("SELECT conversation, name, phone FROM people \
             WHERE wrote_at IS NOT NULL ORDER BY wrote_at DESC, conversation");
        let contact = |row: &Row| -> Result<_, sqlx::Error> {
            Ok(Contact {
                conversation: row.parsed(0)?,
                name: row.get(1)?,
                phone: row.get(2)?,
            })
        };
        let rows = self.db.fetch(statement).await?;
        Ok(rows.iter().map(contact).collect::<Result<_, _>>()?)
    }

    /// The phones that were given for visits, by conversation.
    pub async fn phones_of_visits(
        &self,
    ) -> Result<BTreeMap<ConversationId, BTreeSet<String>>, StoreError> {
        let statement = sql("SELECT DISTINCT conversation, phone FROM bookings \
             WHERE conversation IS NOT NULL AND phone IS NOT NULL");
        let mut found: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for row in self.db.fetch(statement).await? {
            found.entry(row.parsed(0)?).or_default().insert(row.get(1)?);
        }
        Ok(found)
    }

    /// The conversations in which this version of the consent was given.
    pub async fn consented(&self, version: &str) -> Result<BTreeSet<ConversationId>, StoreError> {
        let statement = sql("SELECT DISTINCT conversation FROM consents WHERE version = $1");
        let rows = self.db.fetch(statement.bind(version)).await?;
        let conversations = rows.iter().map(|row| row.parsed(0));
        Ok(conversations.collect::<Result<_, _>>()?)
    }

    /// All enquiries that are open, the newest first.
    pub async fn open_enquiries(&self) -> Result<Vec<Enquiry>, StoreError> {
        let statement = sql(
            "SELECT id, conversation, opened_at, closed_at, record, due, version, state \
             FROM enquiries WHERE closed_at IS NULL ORDER BY opened_at DESC, id",
        );
        let rows = self.db.fetch(statement).await?;
        Ok(rows.iter().map(read_enquiry).collect::<Result<_, _>>()?)
    }
}
