//! What must survive an emptied Redis, in SQLite or PostgreSQL: ownership, the send ledger, the
//! web-chat log, peer aliases, the staff desk, parked lanes, `dead`, the journal.
//!
//! One schema and one set of statements serve both databases. Times are stored to the millisecond.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::{Event, Seen};
use crate::message::{
    Button, ConversationId, DeliveryReport, DeliveryStatus, Fence, ProviderError,
};
use crate::trace::TraceParent;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Not now: gone, restarting, disk full. Pause and try again.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An operator must act: wrong address, newer schema, damaged file.
    #[error("{0}")]
    Refused(String),
}

/// Who may speak in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// Nothing: the bot. Otherwise the person of the firm.
    pub staff: Option<String>,
    /// Until when, for a person; then it is the bot's again.
    pub until: Option<DateTime<Utc>>,
    /// Grows at each change.
    pub epoch: i64,
}

/// What changes ownership. Applied on arrival and idempotent by `cause`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnershipChange {
    /// The native id of what caused it.
    pub cause: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// To whom.
    pub to: NewOwner,
}

/// Who owns a conversation from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewOwner {
    /// A person of the firm, until then.
    Staff {
        /// Who.
        who: String,
        /// How long the bot keeps silent.
        until: DateTime<Utc>,
    },
    /// The bot.
    Bot,
    /// As before, but replies under way are stopped (opt-out, cancel, blocked).
    Same,
}

/// Asks to send one outbound message.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// The outbound id.
    pub id: Uuid,
    /// To whom.
    pub conversation: ConversationId,
    /// The turn that made it.
    pub turn: Option<Uuid>,
    /// What it answers: answered once, by one turn.
    pub answers: Vec<String>,
    /// What can stop it.
    pub fence: Fence,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// Ours: call the provider now.
    Go,
    /// It was sent before, or given up: do nothing.
    Done,
    /// Another turn has answered that inbound: do nothing.
    Answered,
    /// A person took over, the customer opted out, the booking changed: do not send.
    Fenced,
    /// It was claimed before and nobody knows whether the provider has it.
    InDoubt {
        /// When it was claimed last.
        since: DateTime<Utc>,
        /// How often it was claimed.
        attempts: u32,
    },
}

/// How a provider call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// Taken by the provider, under this id (several when it was split).
    Sent {
        /// The provider's id.
        provider_id: Option<String>,
    },
    /// Certainly not sent, will be tried again: the claim is given back.
    NotSent,
    /// Certainly not sent and never will be.
    Failed(ProviderError),
    /// Nobody knows.
    InDoubt,
}

/// One row of the send ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The outbound id.
    pub id: Uuid,
    /// To whom.
    pub conversation: ConversationId,
    /// `claimed`, `sent`, `failed`, `doubt`, `fenced`, `answered`.
    pub state: String,
    /// How often it was claimed.
    pub attempts: u32,
    /// When it was claimed last.
    pub claimed_at: DateTime<Utc>,
    /// The provider's id.
    pub provider_id: Option<String>,
    /// How far the provider says it got.
    pub delivery: Option<DeliveryStatus>,
    /// The provider's error.
    pub error: Option<ProviderError>,
}

/// A message set aside for a person to look at.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Names it; the same trouble with the same item is one row.
    pub id: Uuid,
    /// `inbound`, `outbound.telegram`, …, or `webhook.whatsapp` for what never became a message.
    pub topic: String,
    /// The key it had in the queue.
    pub key: String,
    /// The id it had in the queue.
    pub message_id: String,
    /// Why, in words for that person.
    pub reason: String,
    /// As it was, text where it is text.
    pub body: Vec<u8>,
    /// When it was set aside.
    pub at: DateTime<Utc>,
}

/// A message of a lane that waits long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Order within the lane; assigned by the store.
    pub seq: i64,
    /// As it came from the queue.
    pub id: String,
    /// As it came from the queue.
    pub body: Bytes,
    /// As it came from the queue.
    pub trace: TraceParent,
}

/// One event of a web-chat conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatEntry {
    /// Grows by one per event of the conversation; 0 until it was appended.
    pub seq: i64,
    /// The client's uuid of the message or our outbound id: unique in the conversation.
    pub id: String,
    /// `customer`, `bot`, `staff`.
    pub from: String,
    /// Who speaks, where it is a person of the firm.
    pub name: Option<String>,
    /// What was said.
    pub text: String,
    /// Quick replies.
    pub buttons: Vec<Button>,
    /// When.
    pub at: DateTime<Utc>,
}

/// What became of an append to the web-chat log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The event's place.
    pub seq: i64,
    /// Whether it is known to be in the queue (always `true` for our own messages).
    pub published: bool,
}

/// Where the staff sees a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffThread {
    /// The staff conversation, e.g. `telegram:main:-1001234567890`.
    pub desk: ConversationId,
    /// The forum topic's id, or the id of the card that replies hang under.
    pub thread: i64,
    /// Whether it is a forum topic.
    pub topic: bool,
}

/// A call for a person that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// Derived from the turn that called.
    pub id: Uuid,
    /// Whose conversation.
    pub conversation: ConversationId,
    /// Why, in words.
    pub reason: String,
    /// The card that was shown, as JSON of [`crate::message::StaffCard`].
    pub card: serde_json::Value,
    /// When it was called.
    pub at: DateTime<Utc>,
    /// 0 first call, 1 reminded, 2 owner called.
    pub stage: u8,
    /// When the next stage is due.
    pub due: Option<DateTime<Utc>>,
}

/// What is known of the person in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// When the customer last wrote: opens WhatsApp's 24 h window.
    pub wrote_at: Option<DateTime<Utc>>,
    /// The name shown in the messenger.
    pub name: Option<String>,
    /// The public user name.
    pub username: Option<String>,
    /// In E.164, vouched for by the channel.
    pub phone: Option<String>,
    /// Whether the customer blocked us.
    pub blocked: bool,
    /// Whether the customer refused advertising.
    pub no_advertising: bool,
}

/// A reply that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The outbound id it had.
    pub id: Uuid,
    /// To whom.
    pub conversation: ConversationId,
    /// What it would say.
    pub text: String,
    /// Why it was not sent.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// The store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {}

#[expect(
    unused_variables,
    clippy::todo,
    clippy::unused_async,
    clippy::too_many_arguments,
    reason = "signatures first"
)]
impl Store {
    /// Opens (`sqlite:PATH`, `sqlite::memory:` or `postgres://…`) and migrates.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        todo!()
    }
    /// Proves that it can read and write now.
    pub async fn check(&self) -> Result<(), StoreError> {
        todo!()
    }
    /// Flushes and closes.
    pub async fn close(&self) {
        todo!()
    }

    // ownership
    /// Who may speak now. A person's time that is over counts as the bot's.
    pub async fn ownership(
        &self,
        conversation: &ConversationId,
        now: DateTime<Utc>,
    ) -> Result<Ownership, StoreError> {
        todo!()
    }
    /// Changes who may speak, once per cause; a repeat changes nothing. Returns what holds afterwards.
    pub async fn change_ownership(
        &self,
        conversation: &ConversationId,
        change: &OwnershipChange,
    ) -> Result<Ownership, StoreError> {
        todo!()
    }

    // send ledger
    /// Claims outbound messages and compares their fences, in one atomic statement per message and
    /// one durable transaction in all. Answers in the order of the requests.
    pub async fn claim(
        &self,
        requests: &[ClaimRequest],
        now: DateTime<Utc>,
    ) -> Result<Vec<Claimed>, StoreError> {
        todo!()
    }
    /// Claims again what was in doubt, if its fence still allows; `false` if it does not or it was sent meanwhile.
    pub async fn reclaim(
        &self,
        request: &ClaimRequest,
        now: DateTime<Utc>,
    ) -> Result<Claimed, StoreError> {
        todo!()
    }
    /// Records how provider calls ended, in one transaction.
    pub async fn record(
        &self,
        outcomes: &[(Uuid, SendOutcome)],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        todo!()
    }
    /// Applies what providers report; a status never goes back. Returns the outbound ids where known.
    pub async fn delivered(
        &self,
        reports: &[DeliveryReport],
    ) -> Result<Vec<Option<(Uuid, ConversationId)>>, StoreError> {
        todo!()
    }
    /// One row of the ledger.
    pub async fn ledger(&self, id: Uuid) -> Result<Option<LedgerEntry>, StoreError> {
        todo!()
    }
    /// The ledger of a conversation, oldest first.
    pub async fn ledger_of(
        &self,
        conversation: &ConversationId,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        todo!()
    }
    /// How many rows are in each state, for metrics and tests.
    pub async fn ledger_counts(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        todo!()
    }

    // people
    /// The peer that names a conversation for ever: the first id ever seen of `ids` (in the order of
    /// preference) on the account; the others become aliases of it.
    pub async fn resolve_peer(
        &self,
        channel: &str,
        account: &str,
        ids: &[String],
    ) -> Result<String, StoreError> {
        todo!()
    }
    /// All native ids of a peer, itself included.
    pub async fn aliases(
        &self,
        channel: &str,
        account: &str,
        peer: &str,
    ) -> Result<Vec<String>, StoreError> {
        todo!()
    }
    /// Notes what inbound messages told about persons; older news never replaces newer.
    pub async fn note_seen(&self, seen: &[Seen]) -> Result<(), StoreError> {
        todo!()
    }
    /// What is known of the person in a conversation.
    pub async fn known(&self, conversation: &ConversationId) -> Result<Known, StoreError> {
        todo!()
    }

    // queue troubles
    /// Counts an attempt at a message that came a second time, durably; returns how many there were.
    pub async fn count_attempt(&self, topic: &str, message_id: &str) -> Result<u32, StoreError> {
        todo!()
    }
    /// Forgets the attempts at messages that succeeded.
    pub async fn forget_attempts(
        &self,
        topic: &str,
        message_ids: &[String],
    ) -> Result<(), StoreError> {
        todo!()
    }
    /// Sets messages aside. One that is there already stays as it is.
    pub async fn bury(&self, letters: &[DeadLetter]) -> Result<(), StoreError> {
        todo!()
    }
    /// The newest dead letters.
    pub async fn dead(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        todo!()
    }
    /// How many there are.
    pub async fn dead_count(&self) -> Result<u64, StoreError> {
        todo!()
    }
    /// One dead letter.
    pub async fn dead_letter(&self, id: Uuid) -> Result<Option<DeadLetter>, StoreError> {
        todo!()
    }
    /// Throws one away; whether it was there.
    pub async fn drop_dead(&self, id: Uuid) -> Result<bool, StoreError> {
        todo!()
    }
    /// Marks one to be published again by the running program; whether it was there.
    pub async fn retry_dead(&self, id: Uuid) -> Result<bool, StoreError> {
        todo!()
    }
    /// Those marked, to publish and then [`Store::drop_dead`].
    pub async fn dead_to_retry(&self) -> Result<Vec<DeadLetter>, StoreError> {
        todo!()
    }
    /// Puts messages at the tail of a parked lane (and parks it), due no earlier than `due` (an
    /// already parked lane keeps the later of both). A message that is there already stays once.
    pub async fn park(
        &self,
        topic: &str,
        lane: &str,
        messages: &[Parked],
        due: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        todo!()
    }
    /// The parked lanes of a topic and when each is due.
    pub async fn parked_lanes(
        &self,
        topic: &str,
    ) -> Result<Vec<(String, DateTime<Utc>)>, StoreError> {
        todo!()
    }
    /// A lane's messages in order, at most `limit`.
    pub async fn parked(
        &self,
        topic: &str,
        lane: &str,
        limit: u32,
    ) -> Result<Vec<Parked>, StoreError> {
        todo!()
    }
    /// Forgets finished messages of a lane; `true` when none are left (the lane is no longer parked).
    pub async fn unpark(
        &self,
        topic: &str,
        lane: &str,
        message_ids: &[String],
    ) -> Result<bool, StoreError> {
        todo!()
    }
    /// Makes a parked lane wait until then.
    pub async fn postpone(
        &self,
        topic: &str,
        lane: &str,
        due: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        todo!()
    }

    // web chat
    /// Appends an event once per id and gives it the next `seq`; a repeat gets the seq of the first.
    /// `published`: true for our own messages, which do not go to the queue.
    pub async fn chat_append(
        &self,
        conversation: &ConversationId,
        entry: &ChatEntry,
        published: bool,
    ) -> Result<Appended, StoreError> {
        todo!()
    }
    /// Notes that an event is in the queue.
    pub async fn chat_published(
        &self,
        conversation: &ConversationId,
        id: &str,
    ) -> Result<(), StoreError> {
        todo!()
    }
    /// Events with a larger `seq`, oldest first, at most `limit`.
    pub async fn chat_after(
        &self,
        conversation: &ConversationId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<ChatEntry>, StoreError> {
        todo!()
    }
    /// The newest events, oldest first.
    pub async fn chat_last(
        &self,
        conversation: &ConversationId,
        count: u32,
    ) -> Result<Vec<ChatEntry>, StoreError> {
        todo!()
    }
    /// The highest `seq` of each of these conversations: the slow check for lost hints.
    pub async fn chat_heads(
        &self,
        conversations: &[ConversationId],
    ) -> Result<BTreeMap<ConversationId, i64>, StoreError> {
        todo!()
    }
    /// Keeps a visitor's token (hashed by the caller).
    pub async fn put_visitor(
        &self,
        token_hash: &str,
        conversation: &ConversationId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        todo!()
    }
    /// Whose token it is.
    pub async fn visitor(&self, token_hash: &str) -> Result<Option<ConversationId>, StoreError> {
        todo!()
    }
    /// Notes how far the visitor has read.
    pub async fn chat_read(
        &self,
        conversation: &ConversationId,
        seq: i64,
    ) -> Result<(), StoreError> {
        todo!()
    }

    // staff desk
    /// Where the staff sees a conversation.
    pub async fn staff_thread(
        &self,
        conversation: &ConversationId,
    ) -> Result<Option<StaffThread>, StoreError> {
        todo!()
    }
    /// Sets it.
    pub async fn put_staff_thread(
        &self,
        conversation: &ConversationId,
        thread: &StaffThread,
    ) -> Result<(), StoreError> {
        todo!()
    }
    /// Forgets it (the topic was deleted).
    pub async fn forget_staff_thread(
        &self,
        conversation: &ConversationId,
    ) -> Result<(), StoreError> {
        todo!()
    }
    /// Whose topic or card it is.
    pub async fn conversation_of_thread(
        &self,
        desk: &ConversationId,
        thread: i64,
    ) -> Result<Option<ConversationId>, StoreError> {
        todo!()
    }
    /// Remembers that a message in the staff chat belongs to a conversation, so that a reply to it finds the way.
    pub async fn put_staff_message(
        &self,
        desk: &ConversationId,
        message: i64,
        conversation: &ConversationId,
    ) -> Result<(), StoreError> {
        todo!()
    }
    /// Whose message it is.
    pub async fn conversation_of_staff_message(
        &self,
        desk: &ConversationId,
        message: i64,
    ) -> Result<Option<ConversationId>, StoreError> {
        todo!()
    }
    /// The staff group became a supergroup: everything moves to the new id.
    pub async fn move_desk(
        &self,
        from: &ConversationId,
        to: &ConversationId,
    ) -> Result<(), StoreError> {
        todo!()
    }
    /// The id that a staff group has now, if it moved.
    pub async fn desk_moved_to(
        &self,
        from: &ConversationId,
    ) -> Result<Option<ConversationId>, StoreError> {
        todo!()
    }
    /// Opens a call for a person, once per id; while one is open for the conversation it stays the only one.
    pub async fn open_escalation(&self, escalation: &Escalation) -> Result<(), StoreError> {
        todo!()
    }
    /// A person answered: closes the open call of a conversation; whether there was one.
    pub async fn close_escalation(
        &self,
        conversation: &ConversationId,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        todo!()
    }
    /// Open calls whose next stage is due (not claimed: publishing the same stage twice has the same ids).
    pub async fn due_escalations(
        &self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Escalation>, StoreError> {
        todo!()
    }
    /// Moves a call to a stage, once its messages are published.
    pub async fn advance_escalation(
        &self,
        id: Uuid,
        stage: u8,
        due: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        todo!()
    }
    /// Keeps a reply that was fenced, for a person.
    pub async fn put_draft(&self, draft: &Draft) -> Result<(), StoreError> {
        todo!()
    }
    /// Drafts of a conversation, oldest first.
    pub async fn drafts(&self, conversation: &ConversationId) -> Result<Vec<Draft>, StoreError> {
        todo!()
    }

    // small things
    /// Takes or prolongs a named lease; whether it is ours.
    pub async fn lease(
        &self,
        name: &str,
        holder: &str,
        ttl: Duration,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        todo!()
    }
    /// Gives a lease up.
    pub async fn release(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        todo!()
    }
    /// A small value, e.g. a Telegram offset.
    pub async fn value(&self, name: &str) -> Result<Option<String>, StoreError> {
        todo!()
    }
    /// Sets it.
    pub async fn set_value(&self, name: &str, value: &str) -> Result<(), StoreError> {
        todo!()
    }
    /// Keeps what buttons carry where a channel has room for a short id only.
    pub async fn put_buttons(
        &self,
        conversation: &ConversationId,
        payloads: &[(String, String)],
    ) -> Result<(), StoreError> {
        todo!()
    }
    /// What a button of this conversation carries.
    pub async fn button(
        &self,
        conversation: &ConversationId,
        short: &str,
    ) -> Result<Option<String>, StoreError> {
        todo!()
    }

    // journal
    /// Appends events; one that is there already stays as it is.
    pub async fn append_events(&self, events: &[Event]) -> Result<(), StoreError> {
        todo!()
    }
    /// Events after a position, oldest first, with their positions: for the live feed and exports.
    pub async fn events_after(
        &self,
        position: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Event)>, StoreError> {
        todo!()
    }
    /// The newest position.
    pub async fn last_event_position(&self) -> Result<i64, StoreError> {
        todo!()
    }
    /// Events of a conversation, oldest first.
    pub async fn events_of(
        &self,
        conversation: &ConversationId,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        todo!()
    }
}
