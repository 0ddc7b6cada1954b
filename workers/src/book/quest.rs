//! The way through the days: what a wish needs, who can do it, and when it may begin.

use chrono::{NaiveDate, NaiveTime};
use zapis_core::store::Visit;

use super::place::{Hand, Memo, Place};
use super::plan::{Piece, Plan};
use super::search::Wish;
use super::times::Times;
use super::wall::Wall;
use crate::business::{Employee, Service};

/// Orders of more services than this are not tried.
const MOST_ORDERED: usize = 4;
const DAY: u32 = 24 * 60;

/// What one service of a wish takes, in milliseconds.
pub(super) struct Part<'b> {
    pub(super) service: &'b Service,
    pub(super) length: i64,
    pub(super) before: i64,
    pub(super) after: i64,
}

impl<'b> Part<'b> {
    fn of(service: &'b Service) -> Self {
        Self {
            service,
            length: minutes(service.book_minutes),
            before: minutes(service.buffer.0),
            after: minutes(service.buffer.1),
        }
    }

    /// Whether both need the same room or machine.
    pub(super) fn shares(&self, other: &Self) -> bool {
        let mut needs = self.service.needs.iter();
        needs.any(|need| other.service.needs.contains(need))
    }
}

/// A wish that is looked for in a plan. It has no fault.
pub(super) struct Quest<'p, 'b> {
    pub(super) plan: &'p Plan<'b>,
    pub(super) wish: &'p Wish,
    pub(super) parts: Vec<Part<'b>>,
    /// Who can do something of it, and which parts.
    able: Vec<(&'b Employee, Vec<usize>)>,
    orders: Vec<Vec<usize>>,
    /// Whether whoever did a service before the last one is free again by the end of the last one.
    pub(super) short_buffers: bool,
}

impl<'p, 'b> Quest<'p, 'b> {
    pub(super) fn new(plan: &'p Plan<'b>, wish: &'p Wish) -> Self {
        let items = wish.items.iter();
        let parts = items.filter_map(|item| plan.business.service(&item.service));
        let parts: Vec<Part<'b>> = parts.map(Part::of).collect();
        let able = plan.business.staff.iter().map(|employee| {
            let wished = wish.items.iter().enumerate().filter(|(_, item)| {
                employee.services.contains(&item.service)
                    && item.person.as_ref().is_none_or(|id| *id == employee.id)
            });
            (employee, wished.map(|(item, _)| item).collect())
        });
        let most = |of: fn(&Part<'b>) -> i64| parts.iter().map(of).max().unwrap_or(0);
        let shortest = parts.iter().map(|part| part.length).min().unwrap_or(0);
        let short_buffers = most(|part| part.after) + most(|part| part.before) <= shortest;
        Self {
            plan,
            wish,
            able: able
                .filter(|(_, items): &(_, Vec<_>)| !items.is_empty())
                .collect(),
            orders: orders(wish),
            parts,
            short_buffers,
        }
    }

    /// The visits of a date, as far as there is room for them among those that were found.
    pub(super) fn on(&self, date: NaiveDate, limit: usize, found: &mut Vec<Visit>) {
        if !self.wish.when.admits_day(date) {
            return;
        }
        let terms = &self.plan.terms;
        let wall = Wall::of(self.plan.business.time_zone, date);
        let places = self.places(date, &wall);
        let begins = places
            .iter()
            .flat_map(|place| self.orders.iter().filter_map(|order| place.begins(order)));
        let begins = Times::any(begins);
        if begins.is_empty() {
            return;
        }
        let mut memos: Vec<Memo<'_>> = places.iter().map(|_| Memo::new()).collect();
        for minute in (0..DAY).step_by(terms.step.max(1) as usize) {
            if found.len() >= limit {
                return;
            }
            let Some(start) = wall.start(minute) else {
                continue;
            };
            let at = start.timestamp_millis();
            if start < terms.from || !begins.holds(at) || !self.admits(date, minute) {
                continue;
            }
            let visit = places.iter().zip(&mut memos).find_map(|(place, memo)| {
                let mut orders = self.orders.iter();
                orders.find_map(|order| place.visit(order, at, memo))
            });
            found.extend(visit);
        }
    }

    fn admits(&self, date: NaiveDate, minute: u32) -> bool {
        let time = NaiveTime::from_hms_opt(minute / 60, minute % 60, 0);
        time.is_some_and(|time| self.wish.when.admits(date.and_time(time)))
    }

    /// Where all of it can be had that day, and by whom: the least busy first.
    fn places(&self, date: NaiveDate, wall: &Wall) -> Vec<Place<'_, 'b>> {
        let whole = Piece::of(wall.open(0), wall.close(DAY));
        let mut hands: Vec<_> = self
            .able
            .iter()
            .map(|(employee, items)| (employee, items, self.plan.works(employee, date, wall)))
            .filter(|(_, _, works)| !works.is_empty())
            .collect();
        hands.sort_by_cached_key(|(employee, ..)| self.plan.load(&employee.id, whole));

        let only = self.wish.location.as_deref();
        let locations = self.plan.business.locations.iter();
        let locations = locations.filter(|location| only.is_none_or(|only| only == location.id));
        let places = locations.map(|location| {
            let mut place = Place::new(self, location);
            for (who, (employee, items, works)) in hands.iter().enumerate() {
                if employee.location != location.id {
                    continue;
                }
                for &item in *items {
                    let begins = self.begins(employee, works, item);
                    place.give(item, Hand::new(who, employee, begins));
                }
            }
            place
        });
        places.filter_map(Place::complete).collect()
    }

    /// When somebody may begin a part.
    fn begins(&self, employee: &Employee, works: &[Piece], item: usize) -> Times {
        let Some(part) = self.parts.get(item) else {
            return Times::default();
        };
        let mut begins = Times::within(works, part.length);
        for resource in std::iter::once(&employee.id).chain(&part.service.needs) {
            let after = part.length + part.after;
            begins = self.plan.leaves(resource, begins, part.before, after);
        }
        begins
    }
}

pub(super) fn minutes(count: u32) -> i64 {
    i64::from(count) * 60_000
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
