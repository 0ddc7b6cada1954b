//! What must survive an emptied Redis, in SQLite or PostgreSQL: ownership, the send ledger, the
//! web-chat log, peer aliases, the staff desk, the appointment book, parked lanes, `dead`, the journal.
//!
//! One schema and one set of statements serve both databases. Times are stored to the millisecond.

mod attachments;
mod book;
mod chat;
mod crm;
mod crm_tokens;
mod customers;
mod db;
mod desk;
mod drafts;
mod due;
mod erase;
mod evidence;
mod experiments;
mod feeds;
mod figures;
mod group;
mod inbox;
mod journal;
mod kpi;
mod late;
mod ledger;
mod open;
mod ownership;
mod people;
mod quality;
mod questions;
mod queue_troubles;
mod reminders;
mod retention;
mod search;
mod second_factor;
mod small;
mod spend;
mod sqlite;
mod staff;
mod standing;
mod story;
mod versions;

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::message::{Button, ConversationId, DeliveryStatus, DraftCard, Fence, ProviderError};
use crate::trace::TraceParent;

pub use book::{
    Block, Booked, Booking, BookingChange, BookingEvent, Busy, BusyKind, Change, Changed, DayHours,
    Held, Holding, Item, NewBooking, SlotOffer, Status, Visit, WaitEntry, WaitState, Wanted, Whose,
};
pub use crm::{CrmCounts, CrmJob, CrmJobState, CrmOutcome, CrmSettled, Enquiry, NewCrmJob};
pub use crm_tokens::CrmTokens;
pub use customers::{Look, Lookalike, Merge, Merged};
pub use due::NextDue;
pub use erase::{Begun, Erasure, PERSONAL, Person, Receipt, Treated};
pub use evidence::Export;
pub use experiments::Ended;
pub use feeds::{Feed, FeedOf};
pub use inbox::{CannedReply, Chat, ChatFilter};
pub use kpi::{DialogueRow, VisitRow};
pub use quality::Contact;
pub use reminders::{Followed, Reminder, ReminderState, ReminderTry};
pub use retention::{Over, RETAINED, Retained, Swept};
pub use search::{Findings, Sought};
pub use spend::{Spend, Spent};
pub use staff::{BadRole, NewStaff, Role, StaffChange, StaffChanged, StaffMember, StaffSession};
pub use standing::Standing;
pub use versions::{Shelf, Version, VersionChange, VersionTimes, VersionedText};

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

impl StoreError {
    /// One error for many callers.
    fn same(&self) -> Self {
        match self {
            Self::Refused(why) => Self::Refused(why.clone()),
            Self::Unavailable(source) => {
                Self::Unavailable(crate::causes(source.as_ref()).to_string().into())
            }
        }
    }
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
    /// Whether the staff wants the bot to say nothing, whoever has it.
    pub blocked: bool,
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
    /// This person, unless another one has it.
    StaffIfFree {
        /// Who.
        who: String,
        /// How long the bot keeps silent.
        until: DateTime<Utc>,
    },
    /// The bot.
    Bot,
    /// As before, but the bot says nothing any more, and its messages under way are stopped.
    Blocked {
        /// Who of the firm wants it.
        who: String,
    },
    /// As before, and the bot may speak again.
    Unblocked,
    /// As before, but replies under way are stopped (opt-out, cancel, blocked).
    Same,
}

impl NewOwner {
    /// In metrics.
    fn name(&self) -> &'static str {
        match self {
            Self::Staff { .. } | Self::StaffIfFree { .. } => "staff",
            Self::Bot => "bot",
            Self::Blocked { .. } | Self::Unblocked | Self::Same => "stopped",
        }
    }
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
    /// The step that asks: news of the message go on with it.
    pub trace: TraceParent,
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

impl LedgerEntry {
    /// Whether it only counts: the person was erased, or forgotten by time.
    pub fn is_erased(&self) -> bool {
        erase::is_pseudonym(&self.conversation)
    }
}

/// One row of the send ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The outbound id.
    pub id: Uuid,
    /// To whom.
    pub conversation: ConversationId,
    /// `claimed`, `sent`, `failed`, `doubt`, `fenced`, `answered`, `free` (given back).
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
    /// The step that claimed it first; none for one from before traces were kept.
    pub trace: Option<TraceParent>,
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
    /// Since when the customer refuses advertising.
    pub no_advertising: Option<DateTime<Utc>>,
    /// Whether the customer agreed to it: who never said so gets none that needs consent.
    pub wants_advertising: bool,
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

/// A reply that waits for approval, or did.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// What the staff sees of it; its text is the one that is sent.
    pub card: DraftCard,
    /// `proposed`, or the name of a [`crate::message::Verdict`].
    pub state: String,
    /// Who decided.
    pub who: Option<String>,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// When nobody will have decided in time.
    pub due: Option<DateTime<Utc>>,
}

/// What became of a decision on a proposal.
#[derive(Debug, Clone, PartialEq)]
pub enum DraftFate {
    /// It holds: the proposal as it is now.
    Decided(Proposal),
    /// Something else was decided before.
    Other(Proposal),
    /// There is no such proposal.
    Unknown,
}

/// What metrics show of the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// Messages set aside.
    pub dead: u64,
    /// Conversations that a person owns now.
    pub owned: u64,
    /// Calls for a person that nobody answered.
    pub calls: u64,
    /// Parked lanes by topic; a topic without any is missing.
    pub parked: BTreeMap<String, u64>,
}

/// A message of a conversation that waits in a parked lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The queue it came from.
    pub topic: String,
    /// As it came from the queue.
    pub message_id: String,
    /// When its lane is tried again.
    pub due: DateTime<Utc>,
    /// The trace it belongs to.
    pub trace: TraceParent,
}

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: db::Db,
    group: group::Group,
    owners: questions::Questions<Ownership>,
    tombstones: questions::Questions<DateTime<Utc>>,
    standings: standing::Standings,
    key: erase::Key,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.db {
            db::Db::Sqlite(_) => "Store(SQLite)",
            db::Db::Postgres(_) => "Store(PostgreSQL)",
        })
    }
}

impl Store {
    /// Opens (`sqlite:PATH`, `sqlite::memory:` or `postgres://…`) and migrates. What the address of
    /// a PostgreSQL database says about its schema (`?options=-c search_path=…`) holds.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let db = open::open(url).await?;
        let group = group::Group::start(db.clone());
        let owners = questions::Questions::start(db.clone(), ownership::look_up);
        let tombstones = questions::Questions::start(db.clone(), erase::look_up);
        let standings = standing::Standings::default();
        let key = erase::Key::default();
        Ok(Self {
            db,
            group,
            owners,
            tombstones,
            standings,
            key,
        })
    }

    /// Proves that it can read and write now.
    pub async fn check(&self) -> Result<(), StoreError> {
        let proof = Uuid::new_v4().to_string();
        self.set_value(CHECK, &proof).await?;
        self.value(CHECK).await?;
        Ok(())
    }

    /// Finishes what was asked for, flushes and closes. Whoever asks later gets
    /// [`StoreError::Unavailable`].
    pub async fn close(&self) {
        self.group.finish().await;
        self.db.close().await;
    }
}

/// The small value that [`Store::check`] writes.
const CHECK: &str = "check";

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        open::classified(error)
    }
}
