//! Free visits for a wish. Pure: the same plan and wish always give the same visits.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use uuid::Uuid;
use zapis_core::store::{Item, Visit};

use super::nearest::nearest;
use super::plan::{Piece, Plan};
use super::wall::{close_of, open_of, start_of};
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WishItem {
    /// The service's id.
    pub service: String,
    /// The person's id.
    pub person: Option<String>,
}

/// What a customer wishes.
#[derive(Debug, Clone, PartialEq, Default)]
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

/// Orders of more services than this are not tried.
const MOST_ORDERED: usize = 4;

/// Between two services a customer waits 0, 5, … 30 minutes.
const WAIT_STEP: u32 = 5;
const WAITS: u32 = 7;

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
    let orders = orders(wish);
    let mut found = Vec::new();
    let mut date = first;
    while date <= last && found.len() < limit {
        Day::of(plan, wish, date).visits(&orders, limit, &mut found);
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

/// The orders in which services are tried: as wished first.
fn orders(wish: &Wish) -> Vec<Vec<usize>> {
    let count = wish.items.len();
    if wish.together || count > MOST_ORDERED {
        return vec![(0..count).collect()];
    }
    let mut orders = vec![Vec::new()];
    for _ in 0..count {
        let longer = |order: &Vec<usize>| {
            let rest = (0..count).filter(|item| !order.contains(item));
            let order = order.clone();
            rest.map(move |item| [order.as_slice(), &[item]].concat())
                .collect::<Vec<_>>()
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    orders
}

/// Somebody who can do a service on a day, and when he works.
struct Hand<'b> {
    employee: &'b Employee,
    works: Vec<Piece>,
}

/// One date, seen from a wish.
struct Day<'p, 'b> {
    plan: &'p Plan<'b>,
    wish: &'p Wish,
    /// When a visit may begin: what the clock shows is admitted and not too early.
    starts: Vec<i64>,
    services: Vec<&'b Service>,
    /// Who can do each service, the least busy first.
    hands: Vec<Vec<Hand<'b>>>,
}

/// A service that has got its place.
struct Placed<'b> {
    item: usize,
    employee: &'b Employee,
    visit: Piece,
    taken: Piece,
}

impl<'p, 'b> Day<'p, 'b> {
    fn of(plan: &'p Plan<'b>, wish: &'p Wish, date: NaiveDate) -> Self {
        let business = plan.business;
        let starts = starts(plan, wish, date);
        let mut day = Self {
            plan,
            wish,
            services: Vec::new(),
            hands: Vec::new(),
            starts,
        };
        if day.starts.is_empty() {
            return day;
        }
        let zone = business.time_zone;
        let whole = Piece::of(open_of(zone, date, 0), close_of(zone, date, 24 * 60));
        for item in &wish.items {
            let able = |employee: &&Employee| {
                employee.services.contains(&item.service)
                    && item.person.as_ref().is_none_or(|id| *id == employee.id)
            };
            let hand = |employee| Hand {
                employee,
                works: plan.works(employee, date),
            };
            let mut hands: Vec<_> = business.staff.iter().filter(able).map(hand).collect();
            hands.retain(|hand| !hand.works.is_empty());
            hands.sort_by_cached_key(|hand| plan.load(&hand.employee.id, whole));
            day.hands.push(hands);
            day.services.extend(business.service(&item.service));
        }
        day
    }

    fn visits(&self, orders: &[Vec<usize>], limit: usize, found: &mut Vec<Visit>) {
        if self.hands.iter().any(Vec::is_empty) {
            return;
        }
        let locations = self.plan.business.locations.iter();
        let locations: Vec<&str> = locations
            .map(|location| location.id.as_str())
            .filter(|id| self.wish.location.as_deref().is_none_or(|only| only == *id))
            .collect();
        for &start in &self.starts {
            if found.len() >= limit {
                return;
            }
            let visit = locations.iter().find_map(|location| {
                orders
                    .iter()
                    .find_map(|order| self.visit(location, order, start))
            });
            found.extend(visit);
        }
    }

    fn visit(&self, location: &str, order: &[usize], start: i64) -> Option<Visit> {
        let mut placed = Vec::with_capacity(order.len());
        if !self.place(location, order, start, &mut placed) {
            return None;
        }
        let items = placed.iter().map(|placed| self.item(placed));
        Some(Visit {
            location: location.to_owned(),
            items: items.collect::<Option<_>>()?,
        })
    }

    /// Gives the next service its place, and all that follow; takes it back where they find none.
    fn place(
        &self,
        location: &str,
        order: &[usize],
        start: i64,
        placed: &mut Vec<Placed<'b>>,
    ) -> bool {
        let Some(&item) = order.get(placed.len()) else {
            return true;
        };
        // A customer waits a little between two services, but not before the first.
        let waits = if placed.is_empty() || self.wish.together {
            1
        } else {
            WAITS
        };
        for wait in (0..waits).map(|wait| minutes(wait * WAIT_STEP)) {
            for hand in &self.hands[item] {
                if hand.employee.location != location {
                    continue;
                }
                let Some(next) = self.fit(hand, item, start, wait, placed) else {
                    continue;
                };
                placed.push(next);
                if self.place(location, order, start, placed) {
                    return true;
                }
                placed.pop();
            }
        }
        false
    }

    fn fit(
        &self,
        hand: &Hand<'b>,
        item: usize,
        start: i64,
        wait: i64,
        placed: &[Placed<'b>],
    ) -> Option<Placed<'b>> {
        let service = self.services.get(item)?;
        let before = minutes(service.buffer.0);
        let shared = |other: &&Placed<'b>| self.share(other, hand.employee, service);
        let mut from = start;
        if !self.wish.together {
            from = placed.last().map_or(start, |last| last.visit.until + wait);
            // Whoever is needed again is free again after the buffer.
            let free = placed
                .iter()
                .filter(shared)
                .map(|one| one.taken.until + before);
            from = free.fold(from, i64::max);
        }
        let until = from + minutes(service.book_minutes);
        let visit = Piece { from, until };
        let taken = Piece {
            from: from - before,
            until: until + minutes(service.buffer.1),
        };
        let works = hand.works.iter().any(|piece| piece.holds(visit));
        let free = |id: &String| self.plan.is_free(id, taken);
        let alone = placed
            .iter()
            .filter(shared)
            .all(|one| !one.taken.meets(taken));
        let fits = works && alone && free(&hand.employee.id) && service.needs.iter().all(free);
        fits.then_some(Placed {
            item,
            employee: hand.employee,
            visit,
            taken,
        })
    }

    /// Whether a service that has its place needs the same person or room.
    fn share(&self, placed: &Placed<'_>, employee: &Employee, service: &Service) -> bool {
        let needs = self.services.get(placed.item).map(|other| &other.needs);
        let same_room = |room| needs.is_some_and(|needs| needs.contains(room));
        placed.employee.id == employee.id || service.needs.iter().any(same_room)
    }

    fn item(&self, placed: &Placed<'_>) -> Option<Item> {
        let service = self.services.get(placed.item)?;
        let at = DateTime::from_timestamp_millis;
        Some(Item {
            service: service.id.clone(),
            resource: placed.employee.id.clone(),
            needs: service.needs.clone(),
            starts_at: at(placed.visit.from)?,
            ends_at: at(placed.visit.until)?,
            buffer: service.buffer,
            price: service.price.text(self.plan.business.language),
        })
    }
}

fn minutes(count: u32) -> i64 {
    i64::from(count) * 60_000
}

/// When a visit may begin on a date.
fn starts(plan: &Plan<'_>, wish: &Wish, date: NaiveDate) -> Vec<i64> {
    let step = plan.terms.step.max(1);
    let minutes = (0..24 * 60).step_by(step as usize);
    let starts = minutes.filter_map(|minute| {
        let time = NaiveTime::from_hms_opt(minute / 60, minute % 60, 0)?;
        if !wish.when.admits(date.and_time(time)) {
            return None;
        }
        start_of(plan.business.time_zone, date, minute).filter(|at| *at >= plan.terms.from)
    });
    starts.map(|at| at.timestamp_millis()).collect()
}
