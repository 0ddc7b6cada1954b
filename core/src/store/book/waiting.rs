//! Who waits for a time to become free, and what was offered.
//!
//! An offered time is held in the name of the entry, not of the conversation: whatever the customer talks about
//! meanwhile, it stays hers until the offer ends. Taking the offer hands the hold over in one transaction.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Visit, days, hold, json};
use crate::event::Event;
use crate::message::ConversationId;
use crate::store::db::{CHUNK, Row, Tx, Value, sql};
use crate::store::open::is_conflict;
use crate::store::{Store, StoreError, journal};

/// How many entries of a conversation are looked through for an offer that it was made.
const OF_ONE: u32 = 50;

/// How far somebody who waits got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitState {
    /// Nothing is offered.
    Waiting,
    /// A time is offered and held.
    Offered,
    /// The offer was taken.
    Taken,
    /// The customer does not wait any more.
    Left,
    /// Nothing became free in time, or no offer was answered.
    Ended,
}

impl WaitState {
    /// Whether something may still be offered.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Offered)
    }
}

/// A time that is offered to one customer alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotOffer {
    /// The hold.
    pub hold: Uuid,
    /// The visit.
    pub visit: Visit,
    /// Until when it can be taken.
    pub until: DateTime<Utc>,
    /// The message that offers it.
    pub outbound: Uuid,
    /// Whether that is known to be in the queue.
    #[serde(default)]
    pub published: bool,
}

/// A customer who waits for a time to become free.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaitEntry {
    /// Names it for ever.
    pub id: Uuid,
    /// Where she is written to.
    pub conversation: ConversationId,
    /// What she wishes, as whoever searches wrote it.
    pub wish: serde_json::Value,
    /// When, in her own words; empty for any time.
    pub said: String,
    /// For whom, when not for the customer herself.
    #[serde(default)]
    pub for_whom: Option<String>,
    /// Her language: `ru` or `en`.
    pub language: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Nobody waits longer.
    pub until: DateTime<Utc>,
    /// Grows at each change, from 1.
    pub version: i64,
    /// How far it got.
    pub state: WaitState,
    /// What is offered, or was taken.
    pub offer: Option<SlotOffer>,
    /// Places of visits (see [`Visit::place`]) that she did not take.
    #[serde(default)]
    pub passed: Vec<String>,
    /// How many offers in a row were not answered.
    #[serde(default)]
    pub unanswered: u32,
    /// The turn that took the offer: a repeat of it may go on.
    #[serde(default)]
    pub taken_by: Option<Uuid>,
}

impl WaitEntry {
    /// Somebody who begins to wait, for any time and for herself.
    pub fn new(
        id: Uuid,
        conversation: ConversationId,
        wish: serde_json::Value,
        created_at: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            conversation,
            wish,
            said: String::new(),
            for_whom: None,
            language: "ru".to_owned(),
            created_at,
            until,
            version: 1,
            state: WaitState::Waiting,
            offer: None,
            passed: Vec::new(),
            unanswered: 0,
            taken_by: None,
        }
    }

    /// When what is offered is given up.
    fn due(&self) -> Option<DateTime<Utc>> {
        let offered = self.state == WaitState::Offered;
        let offer = self.offer.as_ref().filter(|_| offered);
        offer.map(|offer| offer.until)
    }

    /// In whose name its offer is held.
    pub fn holder(&self) -> ConversationId {
        ConversationId::of_waiting(self.id)
    }
}

impl Store {
    /// Puts somebody on the list, once per id.
    pub async fn put_waiting(&self, entry: &WaitEntry, events: &[Event]) -> Result<(), StoreError> {
        let lines = journal::lines(events)?;
        let mut tx = self.db.begin().await?;
        let statement = sql(
            "INSERT INTO waiting (id, conversation, created_at, version, is_open, due, entry) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING",
        );
        let statement = statement
            .bind(entry.id)
            .bind(&entry.conversation)
            .bind(entry.created_at)
            .bind(entry.version)
            .bind(entry.state.is_open())
            .bind(entry.due())
            .bind(json(entry)?);
        if tx.execute(statement).await? == 1 {
            journal::append(&mut tx, &lines.iter().collect::<Vec<_>>()).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Who waits, the longest first; at most so many.
    pub async fn waiting(&self, limit: u32) -> Result<Vec<WaitEntry>, StoreError> {
        let statement =
            sql("SELECT entry FROM waiting WHERE is_open = 1 ORDER BY created_at, id LIMIT $1");
        let rows = self.db.fetch(statement.bind(limit)).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// What a conversation waits for, the longest first.
    pub async fn waiting_of(
        &self,
        conversation: &ConversationId,
    ) -> Result<Vec<WaitEntry>, StoreError> {
        let statement = sql("SELECT entry FROM waiting \
             WHERE conversation = $1 AND is_open = 1 ORDER BY created_at, id");
        let rows = self.db.fetch(statement.bind(conversation)).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// An entry by its id, also one that is over.
    pub async fn waiting_entry(&self, id: Uuid) -> Result<Option<WaitEntry>, StoreError> {
        let statement = sql("SELECT entry FROM waiting WHERE id = $1").bind(id);
        let row = self.db.fetch_one(statement).await?;
        Ok(row.as_ref().map(read).transpose()?)
    }

    /// Changes an entry that still has the version before, with what the journal gets; `false` when it has
    /// changed meanwhile, and nothing is written.
    pub async fn save_waiting(
        &self,
        entry: &WaitEntry,
        events: &[Event],
    ) -> Result<bool, StoreError> {
        let lines = journal::lines(events)?;
        let mut tx = self.db.begin().await?;
        if !save(&mut tx, entry).await? {
            return Ok(false);
        }
        journal::append(&mut tx, &lines.iter().collect::<Vec<_>>()).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The entry that a conversation was offered this hold for, open or not.
    pub async fn waiting_offered(
        &self,
        conversation: &ConversationId,
        hold: Uuid,
    ) -> Result<Option<WaitEntry>, StoreError> {
        let statement = sql("SELECT entry FROM waiting WHERE conversation = $1 \
             ORDER BY created_at DESC, id LIMIT $2");
        let rows = self
            .db
            .fetch(statement.bind(conversation).bind(OF_ONE))
            .await?;
        for row in &rows {
            let entry = read(row)?;
            if entry.offer.as_ref().is_some_and(|offer| offer.hold == hold) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Takes the offer of an entry for its conversation, in whose name it is held from now on until then;
    /// `false` when the entry has changed meanwhile, and nothing is written.
    pub async fn take_offer(
        &self,
        taken: &WaitEntry,
        until: DateTime<Utc>,
        events: &[Event],
    ) -> Result<bool, StoreError> {
        patiently!(self.try_take_offer(taken, until, events))
    }

    async fn try_take_offer(
        &self,
        taken: &WaitEntry,
        until: DateTime<Utc>,
        events: &[Event],
    ) -> Result<bool, sqlx::Error> {
        let (Some(offer), conversation) = (&taken.offer, &taken.conversation) else {
            return Ok(false);
        };
        let lines = journal::lines(events).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        let mut tx = self.db.begin().await?;
        tx.lock(&format!("holds of {}", conversation.as_str()))
            .await?;
        if !save(&mut tx, taken).await? {
            return Ok(false);
        }
        // A hold of the same visit that ran out: one of them is enough.
        let mut before = hold::open(&mut tx, conversation).await?;
        if let Some(old) = before.remove(&offer.visit.place()) {
            days::give_back(&mut tx, &[old]).await?;
            hold::forget(&mut tx, &[old]).await?;
        }
        let statement = sql("UPDATE book_holds SET conversation = $2 WHERE id = $1");
        tx.execute(statement.bind(offer.hold).bind(conversation))
            .await?;
        let statement =
            sql("UPDATE book_spans SET conversation = $2, expires_at = $3 WHERE id = $1");
        tx.execute(statement.bind(offer.hold).bind(conversation).bind(until))
            .await?;
        journal::append(&mut tx, &lines.iter().collect::<Vec<_>>()).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// The messages that offer times now, by entry. They are locked.
pub(in crate::store) async fn offers(
    tx: &mut Tx,
    entries: BTreeSet<Uuid>,
) -> Result<HashMap<Uuid, Uuid>, sqlx::Error> {
    let entries: Vec<_> = entries.into_iter().collect();
    let mut found = HashMap::new();
    for chunk in entries.chunks(CHUNK) {
        let statement = sql("SELECT entry FROM waiting WHERE is_open = 1 AND id IN ")
            .list(chunk.iter().map(|id| Value::from(*id)))
            .then(" ORDER BY id")
            .for_update();
        for row in tx.fetch(statement).await? {
            let entry = read(&row)?;
            found.extend(entry.offer.map(|offer| (entry.id, offer.outbound)));
        }
    }
    Ok(found)
}

async fn save(tx: &mut Tx, entry: &WaitEntry) -> Result<bool, sqlx::Error> {
    let statement = sql(
        "UPDATE waiting SET version = $2, is_open = $3, due = $4, entry = $5 \
         WHERE id = $1 AND version = $6",
    );
    let statement = statement
        .bind(entry.id)
        .bind(entry.version)
        .bind(entry.state.is_open())
        .bind(entry.due())
        .bind(json(entry)?)
        .bind(entry.version - 1);
    Ok(tx.execute(statement).await? == 1)
}

fn read(row: &Row) -> Result<WaitEntry, sqlx::Error> {
    row.json(0)
}
