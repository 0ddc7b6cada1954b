//! The appointment book. Whatever takes the time of a person, a room or a machine is a span of it, and
//! whoever takes time locks the days of the resource first: two visits never overlap. Every change
//! happens once per cause, and a repeat gets the same receipt.

/// Tries a transaction again that ran into another one.
macro_rules! patiently {
    ($attempt:expr) => {{
        let mut tries = 1;
        loop {
            match $attempt.await {
                Err(error) if tries < $crate::store::book::TRIES && is_conflict(&error) => {
                    tries += 1;
                }
                done => break Ok(done?),
            }
        }
    }};
}

mod booking;
mod change;
mod days;
mod hold;
mod hours;
mod read;
mod tidy;
pub(super) mod waiting;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::StoreError;
use crate::message::ConversationId;

pub use hours::DayHours;
pub use read::Whose;
pub use waiting::{SlotOffer, WaitEntry, WaitState};

/// How often a transaction is tried that others ran into.
const TRIES: usize = 5;
/// The longest visit.
const LONGEST: TimeDelta = TimeDelta::hours(24);

/// One service of a visit, by one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The service's id.
    pub service: String,
    /// The id of the person who does it.
    pub resource: String,
    /// Ids of rooms and machines that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// When it begins for the customer.
    pub starts_at: DateTime<Utc>,
    /// When it ends for the customer.
    pub ends_at: DateTime<Utc>,
    /// Minutes before and after that belong to nobody else.
    #[serde(default)]
    pub buffer: (u32, u32),
    /// The price in words, as the customer was told; empty when none was.
    #[serde(default)]
    pub price: String,
}

/// What is done for a customer at one coming: one service or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// The location's id.
    pub location: String,
    /// The services, at least one.
    pub items: Vec<Item>,
}

impl Visit {
    /// When it begins.
    pub fn starts_at(&self) -> DateTime<Utc> {
        let starts = self.items.iter().map(|item| item.starts_at);
        starts.min().unwrap_or_default()
    }

    /// When it ends.
    pub fn ends_at(&self) -> DateTime<Utc> {
        let ends = self.items.iter().map(|item| item.ends_at);
        ends.max().unwrap_or_default()
    }

    /// What it takes of whom, buffers included.
    fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for item in &self.items {
            let (before, after) = item.buffer;
            for resource in std::iter::once(&item.resource).chain(&item.needs) {
                spans.push(Span {
                    resource: resource.clone(),
                    from: item.starts_at - TimeDelta::minutes(before.into()),
                    until: item.ends_at + TimeDelta::minutes(after.into()),
                });
            }
        }
        spans
    }

    /// Services, persons and starts, which name it among the holds of a conversation.
    pub fn place(&self) -> String {
        let item = |item: &Item| {
            let at = item.starts_at.timestamp_millis();
            format!("{}@{}@{at}", item.service, item.resource)
        };
        self.items.iter().map(item).collect::<Vec<_>>().join(" ")
    }

    /// Why it can be in no book.
    fn fault(&self) -> Option<&'static str> {
        let backwards = |item: &Item| item.ends_at <= item.starts_at;
        if self.items.is_empty() {
            return Some("a visit needs a service");
        }
        if self.items.iter().any(backwards) || self.ends_at() - self.starts_at() > LONGEST {
            return Some("a visit lasts longer than nothing and no longer than a day");
        }
        let spans = self.spans();
        let twice = |(n, one): (usize, &Span)| spans[n + 1..].iter().any(|two| one.meets(two));
        let meets = spans.iter().enumerate().any(twice);
        meets.then_some("a visit needs the same person or room twice at a time")
    }

    fn checked(&self) -> Result<(), StoreError> {
        match self.fault() {
            Some(fault) => Err(StoreError::Refused(fault.into())),
            None => Ok(()),
        }
    }
}

/// Time of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    resource: String,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Span {
    fn meets(&self, other: &Self) -> bool {
        self.resource == other.resource && self.from < other.until && other.from < self.until
    }
}

/// How far a booking got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Made.
    Booked,
    /// The customer said that she comes.
    Confirmed,
    /// The customer said that she is late.
    Late,
    /// She is there.
    Arrived,
    /// She did not come.
    NoShow,
    /// She cancelled it.
    CancelledByCustomer,
    /// The firm cancelled it.
    CancelledBySalon,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Booked,
        Self::Confirmed,
        Self::Late,
        Self::Arrived,
        Self::NoShow,
        Self::CancelledByCustomer,
        Self::CancelledBySalon,
    ];

    /// Its name in JSON, in commands and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Confirmed => "confirmed",
            Self::Late => "late",
            Self::Arrived => "arrived",
            Self::NoShow => "no_show",
            Self::CancelledByCustomer => "cancelled_by_customer",
            Self::CancelledBySalon => "cancelled_by_salon",
        }
    }

    /// Whether nobody is expected any more.
    pub const fn is_cancelled(self) -> bool {
        matches!(self, Self::CancelledByCustomer | Self::CancelledBySalon)
    }

    /// Whether the time is the customer's: neither cancelled nor missed.
    pub const fn is_active(self) -> bool {
        !matches!(
            self,
            Self::NoShow | Self::CancelledByCustomer | Self::CancelledBySalon
        )
    }
}

/// A visit that is agreed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// Names it for ever.
    pub id: Uuid,
    /// Grows at each change, from 1.
    pub version: i64,
    /// How far it got.
    pub status: Status,
    /// Where it was made or belongs to.
    pub conversation: Option<ConversationId>,
    /// The customer's name; empty when it is not known.
    pub name: String,
    /// The customer's phone in E.164.
    pub phone: Option<String>,
    /// Where it came from: `telegram`, `whatsapp`, `webchat`, `phone`, `walk-in`, `import`, …
    pub source: String,
    /// For whom, when not for the customer herself: "дочка".
    pub for_whom: Option<String>,
    /// What the staff should know.
    pub notes: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Where, what, who and when.
    pub visit: Visit,
}

/// Visits that a conversation wants kept free.
#[derive(Debug, Clone, Copy)]
pub struct Holding<'a> {
    /// The turn that asks.
    pub cause: Uuid,
    /// The visits.
    pub visits: &'a [Visit],
    /// The booking that one of them is to take the place of: its own time counts as free.
    pub moving: Option<Uuid>,
    /// How long.
    pub until: DateTime<Utc>,
}

/// What became of a wish to hold a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It is kept free for the conversation, under this id.
    Held(Uuid),
    /// Somebody else has the time.
    Taken,
}

/// The time that is to be booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The visit of this hold, made in an earlier turn.
    Hold(Uuid),
    /// This one, without a hold: what the staff does.
    Visit(Visit),
}

/// A wish to book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBooking {
    /// The time.
    pub wanted: Wanted,
    /// The turn or command that asks; a repeat gets the same receipt.
    pub cause: Uuid,
    /// Who asks: `customer`, or a person of the firm.
    pub who: String,
    /// As in [`Booking`]. A hold is taken only by its own conversation.
    pub conversation: Option<ConversationId>,
    /// As in [`Booking`].
    pub name: String,
    /// As in [`Booking`].
    pub phone: Option<String>,
    /// As in [`Booking`].
    pub source: String,
    /// As in [`Booking`].
    pub for_whom: Option<String>,
    /// As in [`Booking`].
    pub notes: Option<String>,
}

/// What became of a wish to book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Booked {
    /// It is booked: by this request, or by the same one before.
    Booked(Booking),
    /// Another turn has booked this hold before; as it is now.
    Already(Booking),
    /// Somebody else has the time.
    Taken,
    /// There is no such hold of this conversation from an earlier turn.
    NoHold,
}

/// A change of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingChange {
    /// Which.
    pub booking: Uuid,
    /// The version that the change was thought out on.
    pub version: i64,
    /// The turn or command that asks; a repeat gets the same receipt.
    pub cause: Uuid,
    /// Who asks: `customer`, or a person of the firm.
    pub who: String,
    /// The conversation that asks: a hold is taken only by its own.
    pub conversation: Option<ConversationId>,
    /// To what.
    pub to: Change,
}

/// What a booking becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Another time, person or service.
    Move(Wanted),
    /// Further, or cancelled.
    Status(Status),
    /// With other notes for the staff.
    Notes(Option<String>),
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It is done: by this request, or by the same one before. As it was then.
    Done(Booking),
    /// It has changed meanwhile, or is over; as it is now.
    Stale(Booking),
    /// Somebody else has the new time.
    Taken,
    /// There is no such hold of this conversation from an earlier turn.
    NoHold,
    /// There is no such booking.
    Unknown,
}

/// What takes the time of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    /// The id of the booking, the hold or the block.
    pub id: Uuid,
    /// Whose time.
    pub resource: String,
    /// From when, buffers included.
    pub from: DateTime<Utc>,
    /// Until when, buffers included.
    pub until: DateTime<Utc>,
    /// What it is.
    pub kind: BusyKind,
    /// Why, for a block.
    pub note: Option<String>,
}

/// What kind of thing takes time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusyKind {
    /// A booking.
    Visit,
    /// A hold that has not expired, of this conversation.
    Hold(ConversationId),
    /// Lunch, illness, a delivery.
    Block,
}

/// Time to be kept free of visits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Whose time.
    pub resource: String,
    /// From when.
    pub from: DateTime<Utc>,
    /// Until when.
    pub until: DateTime<Utc>,
    /// Why, for the staff.
    pub note: String,
    /// The command that asks; a repeat changes nothing.
    pub cause: Uuid,
}

/// One change, as it was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingEvent {
    /// Its place among all changes.
    pub position: i64,
    /// What was done: `booked`, `moved`, `status`, `notes`.
    pub kind: String,
    /// When.
    pub at: DateTime<Utc>,
    /// By whom.
    pub who: String,
    /// The turn or command that did it.
    pub cause: Uuid,
    /// As it was; none for a new booking.
    pub before: Option<Booking>,
    /// As it became.
    pub after: Booking,
}

/// JSON of a value of this module, which always has one.
fn json(value: &impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}
