//! What the book tells: how visits came into it, how they left it, who came.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use zapis_core::message::ConversationId;
use zapis_core::store::{Booking, DayHours, Status, Store, StoreError};

use super::missed::Record;
use crate::book::{close_of, open_of, working};
use crate::business::{Business, Price, Span};

/// How many days back the book is read.
pub(super) const READ: usize = 182;
/// How many days are looked ahead, today included.
pub const AHEAD: usize = 14;

/// A visit as it stood on one day of the book: until it was moved, cancelled or missed, or for good.
#[derive(Debug, Clone, PartialEq)]
pub struct Stay {
    /// The day, at the firm.
    pub day: NaiveDate,
    /// What it counts under: its first service.
    pub service: String,
    /// What all its services cost at least and at most by today's prices, in roubles; 0 where they have none.
    pub price: (f64, f64),
    /// Since when it stood there.
    pub made_at: DateTime<Utc>,
    /// When it left; none: it took place, or will as far as the book knows.
    pub gone_at: Option<DateTime<Utc>>,
}

/// Which days the firm works, and from which moment it is looked ahead.
#[derive(Debug, Clone)]
pub struct OpenDays {
    /// Where the firm is.
    pub zone: Tz,
    /// The moment.
    pub now: DateTime<Utc>,
    /// On which days somebody works.
    pub open: BTreeSet<NaiveDate>,
}

impl OpenDays {
    /// The day it is, at the firm.
    pub fn today(&self) -> NaiveDate {
        self.now.with_timezone(&self.zone).date_naive()
    }

    /// The same time of the clock on another day.
    pub(super) fn same_time(&self, day: NaiveDate) -> DateTime<Utc> {
        let clock = self.now.with_timezone(&self.zone);
        open_of(self.zone, day, clock.hour() * 60 + clock.minute())
    }
}

/// A visit that is still to come about, and what is known of it.
#[derive(Debug, Clone)]
pub struct Coming {
    /// As it stands in the book.
    pub booking: Booking,
    /// As far as it tells whether she comes.
    pub record: Record,
}

/// The book of some months, as forecasts read it.
#[derive(Debug, Clone)]
pub struct History {
    /// The firm's days.
    pub days: OpenDays,
    /// How visits stood in it.
    pub stays: Vec<Stay>,
    /// Visits that are marked, the first first.
    pub marked: Vec<Record>,
    /// Visits that lie ahead and are not cancelled, the first first.
    pub coming: Vec<Coming>,
}

impl History {
    /// Reads it.
    pub async fn read(
        store: &Store,
        firm: &Business,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let zone = firm.time_zone;
        let today = firm.local(now).date_naive();
        let first = today
            .checked_sub_days(Days::new(READ as u64))
            .unwrap_or(today);
        let ahead = Days::new(AHEAD as u64 - 1);
        let last = today.checked_add_days(ahead).unwrap_or(today);
        let hours = store.hours(first, last).await?;
        let until = close_of(zone, last, 24 * 60);
        let steps = store
            .booking_steps_between(open_of(zone, first, 0), until + TimeDelta::days(1))
            .await?;
        let whose = whose(&steps);
        let mut history = Self {
            days: OpenDays {
                zone,
                now,
                open: open_days(firm, &hours, first, last),
            },
            stays: Vec::new(),
            marked: Vec::new(),
            coming: Vec::new(),
        };
        for steps in steps.chunk_by(|(_, one), (_, other)| one.id == other.id) {
            history.stays.extend(stays(firm, steps));
            history.take(steps, &whose, until);
        }
        history.marked.sort_by_key(|one| one.starts_at);
        history.coming.sort_by_key(|one| one.record.starts_at);
        Ok(history)
    }

    fn take(&mut self, steps: &[(DateTime<Utc>, Booking)], whose: &Whose, until: DateTime<Utc>) {
        let Some((_, booking)) = steps.last() else {
            return;
        };
        let mut confirmed = false;
        for (_, step) in steps {
            match step.status {
                Status::Confirmed | Status::Late => confirmed = true,
                Status::Booked => confirmed = false,
                _ => {}
            }
        }
        let starts_at = booking.visit.starts_at();
        let record = Record {
            who: whose.of(booking),
            made_at: booking.created_at,
            starts_at,
            confirmed,
            missed: match booking.status {
                Status::NoShow => Some(true),
                Status::Arrived => Some(false),
                _ => None,
            },
        };
        if record.missed.is_some() {
            self.marked.push(record);
        } else if booking.status.is_active() && starts_at > self.days.now && starts_at < until {
            let booking = booking.clone();
            self.coming.push(Coming { booking, record });
        }
    }
}

/// Which phone belongs to a conversation, as far as visits tell.
struct Whose(HashMap<ConversationId, String>);

fn whose(steps: &[(DateTime<Utc>, Booking)]) -> Whose {
    let phones = steps.iter().filter_map(|(_, booking)| {
        let conversation = booking.conversation.clone()?;
        Some((conversation, booking.phone.clone()?))
    });
    Whose(phones.collect())
}

impl Whose {
    /// One name for one customer; nothing where a visit is nobody's any more.
    fn of(&self, booking: &Booking) -> Option<String> {
        let conversation = booking.conversation.as_ref();
        let phone = booking.phone.as_ref();
        let phone = phone.or_else(|| self.0.get(conversation?));
        phone
            .cloned()
            .or_else(|| Some(conversation?.as_str().to_owned()))
    }
}

/// How one visit stood in the book, day by day.
pub(super) fn stays(firm: &Business, steps: &[(DateTime<Utc>, Booking)]) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::new();
    for (at, booking) in steps {
        let day = firm.local(booking.visit.starts_at()).date_naive();
        let items = &booking.visit.items;
        let service = items.first().map_or("", |item| item.service.as_str());
        let active = booking.status.is_active();
        match stays.last_mut() {
            // What was called off or missed by mistake stands where it stood.
            Some(last) if last.day == day && last.service == service => {
                last.gone_at = if active {
                    None
                } else {
                    last.gone_at.or(Some(*at))
                };
                continue;
            }
            Some(last) => last.gone_at = last.gone_at.or(Some(*at)),
            None => {}
        }
        if active {
            let prices = items.iter().map(|item| price(firm, &item.service));
            stays.push(Stay {
                day,
                service: service.to_owned(),
                price: prices.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1)),
                made_at: *at,
                gone_at: None,
            });
        }
    }
    stays
}

/// What a service costs at least and at most.
fn price(firm: &Business, service: &str) -> (f64, f64) {
    match firm.service(service).map(|service| service.price) {
        Some(Price::Exact(price) | Price::From(price)) => (price.into(), price.into()),
        Some(Price::Between(low, high)) => (low.into(), high.into()),
        None => (0.0, 0.0),
    }
}

/// On which days somebody works; of a firm that names nobody, on which a location is open.
fn open_days(
    firm: &Business,
    hours: &[DayHours],
    first: NaiveDate,
    last: NaiveDate,
) -> BTreeSet<NaiveDate> {
    let is_open = |day: &NaiveDate| {
        let set = |id: &str| {
            let mut hours = hours.iter();
            let set = hours.find(|one| one.date == *day && one.resource == id)?;
            let spans = set.spans.iter().map(|&(from, until)| Span { from, until });
            Some(spans.collect::<Vec<_>>())
        };
        if firm.staff.is_empty() {
            let mut locations = firm.locations.iter();
            return locations
                .any(|one| !set(&one.id).unwrap_or_else(|| one.open_on(*day)).is_empty());
        }
        firm.staff.iter().any(|one| {
            let (own, location) = (set(&one.id), set(&one.location));
            !working(firm, one, *day, own.as_deref(), location.as_deref()).is_empty()
        })
    };
    let days = first.iter_days().take_while(|day| *day <= last);
    days.filter(is_open).collect()
}
