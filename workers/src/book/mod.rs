//! The appointment book as the conversation and the staff use it: free times by wish, holds, bookings.
//!
//! [`Calendar`] is the seam: the firm's own book here, other people's calendars later. The search is
//! pure ([`search()`]): the firm, what takes time and the clock come in, free visits come out.

pub mod import;
mod nearest;
mod place;
mod plan;
mod quest;
mod search;
#[cfg(test)]
mod tests;
mod times;
mod wall;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Days, TimeDelta, Utc};
use tracing::warn;
use zapis_core::message::ConversationId;
use zapis_core::store::{
    Booked, Booking, BookingChange, BusyKind, Changed, Held, Holding, NewBooking, Store,
    StoreError, Whose,
};
use zapis_core::{Clock, causes};

use crate::business::{BookingRules, Business};

pub use plan::{Plan, working};
pub use search::{Found, Terms, Wish, WishFault, WishItem, search, slots, spread};
pub use wall::{close_of, open_of, start_of};

/// Who asks: customers have a notice to keep and a horizon, the staff has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker<'a> {
    /// A customer; what this conversation holds is free for it.
    Customer(&'a ConversationId),
    /// The staff.
    Staff,
}

/// How far ahead the staff books, in days.
const STAFF_DAYS: u64 = 366;
/// At which minutes the visits begin that the staff books.
const STAFF_STEP: u32 = 5;

/// Who keeps the book: finds free times, holds, books, changes.
#[async_trait]
pub trait Calendar: Send + Sync {
    /// Free visits for a wish, at most so many, in time order; the nearest others when there is none.
    async fn find(
        &self,
        business: &Business,
        wish: &Wish,
        asker: Asker<'_>,
        limit: usize,
    ) -> Result<Found, StoreError>;

    /// Whether such a visit could ever become free: somebody who does it works then.
    async fn could_be(
        &self,
        business: &Business,
        wish: &Wish,
        asker: Asker<'_>,
    ) -> Result<bool, StoreError>;

    /// Keeps visits that are shown to a customer free for a while, in place of those shown before.
    async fn hold(
        &self,
        conversation: &ConversationId,
        wanted: &Holding<'_>,
    ) -> Result<Vec<Held>, StoreError>;

    /// Books.
    async fn book(&self, request: &NewBooking) -> Result<Booked, StoreError>;

    /// Moves, cancels or notes.
    async fn change(&self, change: &BookingChange) -> Result<Changed, StoreError>;

    /// The bookings of a customer that are not over, cancelled ones not among them.
    async fn upcoming(&self, whose: Whose<'_>) -> Result<Vec<Booking>, StoreError>;
}

/// How often the book is put in order, while visits are held, in milliseconds.
const TIDY_EVERY: i64 = 60 * 60 * 1_000;

/// The book of this program, in the store.
#[derive(Debug, Clone)]
pub struct Book {
    store: Store,
    clock: Clock,
    /// When it was put in order by this process, in milliseconds since 1970.
    tidied_at: Arc<AtomicI64>,
}

impl Book {
    /// A book in a store.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            tidied_at: Arc::default(),
        }
    }

    /// Puts away old holds and days, once in a while; the book is right without it, too.
    async fn tidy(&self, now: DateTime<Utc>) {
        let at = now.timestamp_millis();
        let due = |last: i64| (at - last >= TIDY_EVERY).then_some(at);
        let order = Ordering::Relaxed;
        if self.tidied_at.fetch_update(order, order, due).is_ok()
            && let Err(error) = self.store.tidy_book(now).await
        {
            warn!(error = %causes(&error), "Cannot put away old holds");
        }
    }

    /// Everything that a search for a wish needs to know; the time of a booking that is to be moved
    /// counts as free.
    pub async fn plan<'b>(
        &self,
        business: &'b Business,
        wish: &Wish,
        asker: Asker<'_>,
    ) -> Result<Plan<'b>, StoreError> {
        let now = self.clock.now();
        let terms = terms(business, asker, now);
        let first = business.local(terms.from).date_naive();
        let hours = self.store.hours(first, terms.last).await?;
        let resources = wish.resources(business);
        let until = close_of(business.time_zone, terms.last, 24 * 60) + TimeDelta::days(1);
        // A visit before may reach into the first day.
        let from = terms.from - TimeDelta::days(1);
        let mut busy = self.store.busy(&resources, from, until, now).await?;
        busy.retain(|one| wish.moving != Some(one.id));
        if let Asker::Customer(conversation) = asker {
            busy.retain(|one| one.kind != BusyKind::Hold(conversation.clone()));
        }
        Ok(Plan::new(business, &hours, &busy, terms))
    }
}

/// What holds for who asks.
fn terms(business: &Business, asker: Asker<'_>, now: DateTime<Utc>) -> Terms {
    let rules = &business.booking;
    let (notice, days, step) = match asker {
        Asker::Customer(_) => (
            rules.min_notice_minutes,
            rules.max_days.into(),
            rules.step_minutes,
        ),
        Asker::Staff => (0, STAFF_DAYS, STAFF_STEP),
    };
    let today = business.local(now).date_naive();
    Terms {
        from: now + TimeDelta::minutes(notice.into()),
        last: today.checked_add_days(Days::new(days)).unwrap_or(today),
        step,
        online: matches!(asker, Asker::Customer(_)),
    }
}

/// Whether a customer may still move or cancel a booking by herself.
pub fn customer_may_change(rules: &BookingRules, booking: &Booking, now: DateTime<Utc>) -> bool {
    let notice = TimeDelta::hours(rules.cancel_hours.into());
    booking.status.is_active() && booking.visit.starts_at() - notice >= now
}

#[async_trait]
impl Calendar for Book {
    async fn find(
        &self,
        business: &Business,
        wish: &Wish,
        asker: Asker<'_>,
        limit: usize,
    ) -> Result<Found, StoreError> {
        let plan = self.plan(business, wish, asker).await?;
        Ok(search(&plan, wish, limit))
    }

    async fn could_be(
        &self,
        business: &Business,
        wish: &Wish,
        asker: Asker<'_>,
    ) -> Result<bool, StoreError> {
        let terms = terms(business, asker, self.clock.now());
        let first = business.local(terms.from).date_naive();
        let hours = self.store.hours(first, terms.last).await?;
        let empty = Plan::new(business, &hours, &[], terms);
        Ok(search(&empty, wish, 1).exact)
    }

    async fn hold(
        &self,
        conversation: &ConversationId,
        wanted: &Holding<'_>,
    ) -> Result<Vec<Held>, StoreError> {
        let now = self.clock.now();
        let held = self.store.hold(conversation, wanted, now).await?;
        self.tidy(now).await;
        Ok(held)
    }

    async fn book(&self, request: &NewBooking) -> Result<Booked, StoreError> {
        self.store.book(request, self.clock.now()).await
    }

    async fn change(&self, change: &BookingChange) -> Result<Changed, StoreError> {
        self.store.change_booking(change, self.clock.now()).await
    }

    async fn upcoming(&self, whose: Whose<'_>) -> Result<Vec<Booking>, StoreError> {
        let mut bookings = self.store.bookings_of(whose, self.clock.now()).await?;
        bookings.retain(|booking| booking.status.is_active());
        Ok(bookings)
    }
}
