//! Free visits for a wish. Pure: the same plan and wish always give the same visits.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zapis_core::store::{Booking, Visit, WaitEntry};

use super::nearest::nearest;
use super::plan::Plan;
use super::quest::Quest;
use crate::business::{Business, Employee, Service};
use crate::when;

/// What holds for who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The earliest begin.
    pub from: DateTime<Utc>,
    /// The last date.
    pub last: NaiveDate,
    /// Visits begin at minutes of the day that this divides.
    pub step: u32,
    /// Only services that customers book by themselves.
    pub online: bool,
}

/// A service that is wished, by somebody or by anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WishItem {
    /// The service's id.
    pub service: String,
    /// The person's id.
    pub person: Option<String>,
}

/// What a customer wishes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Wish {
    /// The services: one after the other, in the order that fits.
    pub items: Vec<WishItem>,
    /// At the same time instead, for several people.
    pub together: bool,
    /// Where; anywhere when it is not said.
    pub location: Option<String>,
    /// When.
    pub when: when::Wish,
    /// The booking that it moves: its own time counts as free.
    pub moving: Option<Uuid>,
}

impl Wish {
    /// What somebody on the waiting list wishes; nothing when an older version wrote it otherwise.
    pub fn of(entry: &WaitEntry) -> Option<Self> {
        Self::deserialize(&entry.wish).ok()
    }

    /// What a booking is, at another time and perhaps with another person; its own time counts as free.
    pub fn to_move(booking: &Booking, person: Option<&str>) -> Self {
        let items = &booking.visit.items;
        let starts = booking.visit.starts_at();
        let wished = items.iter().map(|item| WishItem {
            service: item.service.clone(),
            person: Some(person.unwrap_or(&item.resource).to_owned()),
        });
        Self {
            items: wished.collect(),
            together: items.len() > 1 && items.iter().all(|item| item.starts_at == starts),
            moving: Some(booking.id),
            ..Self::default()
        }
    }

    /// The same at exactly this time of the firm's clock.
    #[must_use]
    pub fn at(self, time: NaiveDateTime) -> Self {
        let when = when::When {
            days: Some(when::Reach::At(time.date())),
            time: Some(when::Reach::At(time.time())),
            ..when::When::default()
        };
        let when = when::Wish {
            any_of: vec![when],
            ..when::Wish::default()
        };
        Self { when, ..self }
    }
}

/// Why no time can ever suit a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WishFault {
    /// No service was named.
    NoService,
    /// There is no such service.
    UnknownService(String),
    /// There is no such person.
    UnknownPerson(String),
    /// This person does not do that service.
    NotDoneBy {
        /// The service.
        service: String,
        /// The person.
        person: String,
    },
    /// Only the staff books this service.
    NotOnline(String),
}

impl Wish {
    /// The ids of people who may do it, whoever was wished, and of rooms and machines that it needs.
    pub(super) fn resources<'b>(&self, business: &'b Business) -> Vec<&'b str> {
        let wished = |service: &&Service| self.items.iter().any(|item| item.service == service.id);
        let services: Vec<&Service> = business.services.iter().filter(wished).collect();
        let does = |employee: &&Employee| {
            let mut wished = services.iter();
            wished.any(|service| employee.services.contains(&service.id))
        };
        let people = business.staff.iter().filter(does);
        let rooms = services.iter().flat_map(|service| &service.needs);
        let people = people.map(|one| one.id.as_str());
        let mut all: Vec<&str> = people.chain(rooms.map(String::as_str)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Why no time can suit it, if so.
    pub fn fault(&self, business: &Business, online: bool) -> Option<WishFault> {
        if self.items.is_empty() {
            return Some(WishFault::NoService);
        }
        self.items.iter().find_map(|item| {
            let Some(service) = business.service(&item.service) else {
                return Some(WishFault::UnknownService(item.service.clone()));
            };
            if online && !service.online {
                return Some(WishFault::NotOnline(service.id.clone()));
            }
            let person = item.person.as_ref()?;
            let Some(employee) = business.employee(person) else {
                return Some(WishFault::UnknownPerson(person.clone()));
            };
            (!employee.services.contains(&service.id)).then(|| WishFault::NotDoneBy {
                service: service.id.clone(),
                person: person.clone(),
            })
        })
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// In time order, at most one for each begin.
    pub visits: Vec<Visit>,
    /// Whether they are what was wished; otherwise they are the nearest to it.
    pub exact: bool,
}

/// Free visits for a wish, or the nearest to it.
pub fn search(plan: &Plan<'_>, wish: &Wish, limit: usize) -> Found {
    let visits = slots(plan, wish, limit);
    let exact = !visits.is_empty();
    Found {
        visits: if exact {
            visits
        } else {
            nearest(plan, wish, limit)
        },
        exact,
    }
}

/// Free visits for a wish, at most so many.
pub fn slots(plan: &Plan<'_>, wish: &Wish, limit: usize) -> Vec<Visit> {
    if wish.fault(plan.business, plan.terms.online).is_some() {
        return Vec::new();
    }
    let first = plan.business.local(plan.terms.from).date_naive();
    between(plan, wish, first, plan.terms.last, limit)
}

/// The same, on some dates only.
pub(super) fn between(
    plan: &Plan<'_>,
    wish: &Wish,
    first: NaiveDate,
    last: NaiveDate,
    limit: usize,
) -> Vec<Visit> {
    let quest = Quest::new(plan, wish);
    let mut found = Vec::new();
    let mut date = first;
    while date <= last && found.len() < limit {
        quest.on(date, limit, &mut found);
        let Some(next) = date.checked_add_days(Days::new(1)) else {
            break;
        };
        date = next;
    }
    found
}

/// Some of many, the first among them, spread over all.
pub fn spread(visits: &[Visit], count: usize) -> Vec<Visit> {
    let step = visits.len().div_ceil(count.max(1)).max(1);
    visits.iter().step_by(step).take(count).cloned().collect()
}
