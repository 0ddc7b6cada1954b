//! Writes to customers about their visits: follows the changes of the book, plans what is to be said and
//! when, and sends what is due, one messenger after another until one of them proves that it arrived.
//!
//! Any number of workers may do this. Of those who follow one wins each step, with the position in the
//! store; a due reminder is claimed by one, which notes to whom it will go before it goes: a repeat
//! after a crash has the same outbound id, and the send ledger sends that once. The fence of each
//! message reads the booking again right before it leaves.

mod follow;
mod offers;
mod plan;
mod send;
mod ways;
mod words;
mod zones;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;
use zapis_core::broker::{Broker, BrokerError};
use zapis_core::event::{Event, Kind};
use zapis_core::sessions::Sessions;
use zapis_core::store::{Booking, Followed, Reminder, Store, StoreError};
use zapis_core::{Clock, causes, ids};

use crate::content::Live;
use crate::desk::Desks;
use follow::Earlier;

pub use offers::Offers;
pub use plan::{Fate, Quiet, Terms};
pub use words::{Said, Speaker};

/// How often changes and due reminders are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many changes and reminders are taken at once.
const AT_ONCE: u32 = 100;

/// Why a reminder ended as it did, for the journal and for reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Its time was over when it was planned.
    Past,
    /// The plan leaves no time for it before the visit.
    NoTime,
    /// Quiet hours leave no time for it.
    Quiet,
    /// It could not be sent while it still helped.
    Late,
    /// The booking changed: what is said is planned anew.
    Changed,
    /// The booking was cancelled.
    Cancelled,
    /// The booking is not there any more.
    Erased,
    /// The customer confirmed the visit meanwhile.
    Confirmed,
    /// The step was switched off meanwhile.
    SwitchedOff,
    /// It is advertising, and the customer did not agree to any.
    NoConsent,
    /// The staff has blocked the customer.
    Blocked,
    /// The customer has booked again.
    BookedAgain,
    /// Nothing reached the customer, or there was nowhere to write to.
    Unreachable,
    /// Likewise, and the staff was asked to call.
    StaffCalled,
}

impl Reason {
    /// Its name in the store and the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Past => "past",
            Self::NoTime => "no_time",
            Self::Quiet => "quiet_hours",
            Self::Late => "late",
            Self::Changed => "changed",
            Self::Cancelled => "cancelled",
            Self::Erased => "erased",
            Self::Confirmed => "confirmed",
            Self::SwitchedOff => "switched_off",
            Self::NoConsent => "no_consent",
            Self::Blocked => "blocked",
            Self::BookedAgain => "booked_again",
            Self::Unreachable => "unreachable",
            Self::StaffCalled => "staff_called",
        }
    }
}

/// Writes to customers about their visits.
#[derive(Debug)]
pub struct Remind {
    /// Where the book and the reminders are.
    pub store: Store,
    /// What knows the languages of customers.
    pub sessions: Arc<dyn Sessions>,
    /// Where messages go.
    pub broker: Arc<dyn Broker>,
    /// The firm and its sentences.
    pub content: Live,
    /// Where the staff is.
    pub desks: Desks,
    /// The accounts that can write, as `channel:account`.
    pub accounts: Vec<String>,
    /// The time.
    pub clock: Clock,
    /// How far the waiting list was looked after.
    pub offers: Offers,
}

/// Why a round did not finish. The next one does what is left.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The store did not answer.
    #[error("the book or the reminders could not be read or written")]
    Store(#[from] StoreError),
    /// The queue did not take a message.
    #[error("a reminder could not be published")]
    Broker(#[from] BrokerError),
}

impl Remind {
    /// Looks for changes and due reminders until asked to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut moves = self.clock.moves();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = moves.within(LOOK_EVERY) => {}
            }
            if let Err(error) = self.round().await {
                warn!(error = %causes(&error), "Could not look after the reminders");
            }
        }
    }

    /// Follows the book to its end, then sends everything that is due.
    pub async fn round(&self) -> Result<(), RoundError> {
        while self.follow().await? {}
        let mut trouble = Ok(());
        loop {
            let now = self.clock.now();
            let claimed = self.store.claim_reminders(now, now + send::LEASE, AT_ONCE);
            let claimed = claimed.await?;
            let more = claimed.len() == AT_ONCE as usize;
            for reminder in claimed {
                // One that cannot be sent holds up no other.
                if let Err(error) = self.advance(reminder).await {
                    trouble = Err(error);
                }
            }
            if !more {
                break;
            }
        }
        Box::pin(self.offer_freed()).await?;
        self.measure().await?;
        trouble
    }

    /// Follows some changes; whether there may be more.
    async fn follow(&self) -> Result<bool, RoundError> {
        let after = self.store.followed_to().await?;
        let changes = self.store.booking_events_after(after, AT_ONCE).await?;
        let Some(last) = changes.last() else {
            return Ok(false);
        };
        let content = self.content.now();
        let mut known: HashMap<Uuid, Vec<Earlier>> = HashMap::new();
        let mut followed = Followed {
            after,
            upto: last.position,
            ..Followed::default()
        };
        for change in &changes {
            let booking = change.after.id;
            let earlier = match known.entry(booking) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.earlier(booking).await?),
            };
            let rows = follow::replan(&content.business, change, earlier);
            followed.events.extend(follow::lines(change, &rows));
            for row in &rows {
                let key = |one: &Reminder| (one.version, one.step.clone());
                earlier.retain(|one| key(&one.reminder) != key(row));
                let reminder = row.clone();
                earlier.push(Earlier { reminder });
            }
            followed.reminders.extend(rows);
        }
        if self.store.follow(&followed).await? {
            for event in followed
                .events
                .iter()
                .filter(|one| one.kind == Kind::Reminder)
            {
                count(event);
            }
        }
        Ok(true)
    }

    /// The reminders of a booking. A try that no messenger has by now never gets there: its fence has the
    /// version of before.
    async fn earlier(&self, booking: Uuid) -> Result<Vec<Earlier>, StoreError> {
        let mut earlier = Vec::new();
        for mut reminder in self.store.reminders_of(booking).await? {
            let tries = std::mem::take(&mut reminder.tries);
            for one in tries {
                let entry = self.store.ledger(one.outbound).await?;
                if entry.is_some_and(|entry| !matches!(entry.state.as_str(), "free" | "fenced")) {
                    reminder.tries.push(one);
                }
            }
            earlier.push(Earlier { reminder });
        }
        Ok(earlier)
    }

    async fn measure(&self) -> Result<(), RoundError> {
        let late = self.clock.now() - send::LEASE * 2;
        let overdue = self.store.reminders_overdue(late).await?;
        let overdue = u32::try_from(overdue).unwrap_or(u32::MAX);
        metrics::gauge!("zapis_reminders_overdue").set(f64::from(overdue));
        Ok(())
    }
}

/// A line of the journal about a reminder; of one outcome there is one.
fn told(reminder: &Reminder, booking: &Booking, outcome: &'static str, at: DateTime<Utc>) -> Event {
    let version = reminder.version.to_string();
    let name = reminder.booking.to_string();
    let id = ids::derive(&["reminder event", &name, &version, &reminder.step, outcome]);
    let mut event = Event::new(id, Kind::Reminder, at);
    if let Some(conversation) = &booking.conversation {
        event = event.about(conversation);
    }
    event.action = Some("send_reminder".to_owned());
    event.outcome = Some(outcome.to_owned());
    event.reason.clone_from(&reminder.reason);
    event.booking_id = Some(name);
    event.sources = Some(serde_json::json!({
        "step": reminder.step,
        "version": reminder.version,
        "due": reminder.due,
        "visit_at": reminder.visit_at,
    }));
    event
}

fn count(event: &Event) {
    let step = event
        .sources
        .as_ref()
        .and_then(|sources| sources["step"].as_str());
    let step = step.and_then(crate::business::Step::named);
    let step = step.map_or("unknown", crate::business::Step::name);
    let outcome = event.outcome.clone().unwrap_or_default();
    metrics::counter!("zapis_reminders_total", "step" => step, "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests;
