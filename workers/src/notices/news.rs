//! What a few changes of the book come to, one piece of news for each booking. Pure.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;
use zapis_core::store::{Booking, BookingEvent, Status, Visit};

use crate::business::Business;

/// What became of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct News {
    pub(super) before: Option<Booking>,
    pub(super) after: Booking,
    /// Who did it last: `customer`, or a person of the firm.
    pub(super) who: String,
    /// What did it last.
    pub(super) cause: Uuid,
}

/// Joins the changes of each booking, in the order of the first.
pub(super) fn of(events: &[BookingEvent]) -> Vec<News> {
    let mut all: Vec<News> = Vec::new();
    for event in events {
        match all.iter_mut().find(|one| one.after.id == event.after.id) {
            Some(known) => {
                known.after = event.after.clone();
                known.who.clone_from(&event.who);
                known.cause = event.cause;
            }
            None => all.push(News {
                before: event.before.clone(),
                after: event.after.clone(),
                who: event.who.clone(),
                cause: event.cause,
            }),
        }
    }
    all
}

/// Whether it only notes how far a visit got.
pub(super) fn is_mark(event: &BookingEvent) -> bool {
    event.kind == "status" && !is_cancelled(event.after.status)
}

pub(super) const fn is_cancelled(status: Status) -> bool {
    matches!(
        status,
        Status::CancelledByCustomer | Status::CancelledBySalon
    )
}

impl News {
    /// The time to come that it gives back.
    pub(super) fn freed(&self, now: DateTime<Utc>) -> Option<&Visit> {
        let before = self.before.as_ref();
        let before = before.filter(|before| before.status.is_active())?;
        let gone = self.is_cancellation() || self.is_move();
        (gone && before.visit.starts_at() > now).then_some(&before.visit)
    }

    pub(super) fn is_move(&self) -> bool {
        let moved = |before: &Booking| before.visit != self.after.visit;
        self.before.as_ref().is_some_and(moved)
    }

    pub(super) fn is_cancellation(&self) -> bool {
        let was = self.before.as_ref().map(|before| before.status);
        is_cancelled(self.after.status) && !was.is_some_and(is_cancelled)
    }

    /// Whether the customer said that she comes later.
    pub(super) fn is_delay(&self) -> bool {
        let was = self.before.as_ref().map(|before| before.status);
        self.who == "customer" && self.after.status == Status::Late && was != Some(Status::Late)
    }

    /// Where and on which days something is different now.
    pub(super) fn days(&self, business: &Business) -> impl Iterator<Item = (&str, NaiveDate)> {
        let both = self.before.iter().chain([&self.after]);
        let day = |one: &Booking| business.local(one.visit.starts_at()).date_naive();
        both.map(|one| (one.visit.location.as_str(), day(one)))
            .collect::<Vec<_>>()
            .into_iter()
    }
}
