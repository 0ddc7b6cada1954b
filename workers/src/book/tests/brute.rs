//! The search finds what trying everything finds, visit by visit.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use proptest::prelude::*;
use zapis_core::store::{Busy, BusyKind, Item, Visit};

use super::{MINUTE, at, night_firm};
use crate::book::{Plan, Terms, Wish, WishItem, close_of, open_of, slots, start_of, working};
use crate::business::{Business, Employee, Span};
use crate::when;

/// Two locations, four people; services with these buffers.
fn firm(zone: &str, buffers: &[(u32, u32)]) -> Business {
    let mut firm = night_firm(zone);
    let mut second = firm.locations[0].clone();
    second.id = "second".into();
    firm.locations.push(second);
    for (id, like, location) in [("carl", 0, "second"), ("dora", 1, "second")] {
        let mut one = firm.staff[like].clone();
        (one.id, one.location) = (id.into(), location.into());
        one.services = vec!["nails".into(), "face".into(), "cut".into()];
        firm.staff.push(one);
    }
    for (service, buffer) in firm.services.iter_mut().zip(buffers) {
        service.buffer = *buffer;
    }
    firm
}

const RESOURCES: [&str; 5] = ["anna", "vera", "carl", "dora", "room"];

fn minutes(count: u32) -> TimeDelta {
    TimeDelta::minutes(count.into())
}

/// From when until when.
type Piece = (DateTime<Utc>, DateTime<Utc>);

/// Everything is tried: each begin, location, order, wait and person.
struct Tries<'a> {
    firm: &'a Business,
    busy: &'a [Busy],
    wish: &'a Wish,
    /// The least busy first, and when they work.
    people: Vec<(&'a Employee, Vec<Piece>)>,
}

fn free(busy: &[Busy], resource: &str, from: DateTime<Utc>, until: DateTime<Utc>) -> bool {
    let mut all = busy.iter().filter(|one| one.resource == resource);
    !all.any(|one| one.from < until && from < one.until)
}

impl<'a> Tries<'a> {
    fn on(firm: &'a Business, busy: &'a [Busy], wish: &'a Wish, date: NaiveDate) -> Self {
        let zone = firm.time_zone;
        let (from, until) = (open_of(zone, date, 0), close_of(zone, date, 1440));
        let mut people: Vec<_> = firm.staff.iter().collect();
        people.sort_by_cached_key(|person| {
            let day = (0..).map(|n| from + MINUTE * 5 * n);
            let day = day.take_while(|at| *at < until);
            day.filter(|at| !free(busy, &person.id, *at, *at + MINUTE * 5))
                .count()
        });
        let works = |person: &'a Employee| {
            let spans = working(firm, person, date, None, None);
            let span = |span: &Span| {
                let from = open_of(zone, date, span.from);
                (from, close_of(zone, date, span.until))
            };
            (person, spans.iter().map(span).collect())
        };
        Self {
            firm,
            busy,
            wish,
            people: people.into_iter().map(works).collect(),
        }
    }

    fn visit(&self, start: DateTime<Utc>) -> Option<Visit> {
        let count = self.wish.items.len();
        let locations = self.firm.locations.iter();
        locations
            .filter(|one| self.wish.location.as_ref().is_none_or(|id| *id == one.id))
            .find_map(|location| {
                let mut placed = Vec::new();
                let orders = orders(count, self.wish.together);
                let found = orders.iter().any(|order| {
                    placed.clear();
                    self.place(&location.id, order, start, &mut placed)
                });
                found.then_some(Visit {
                    location: location.id.clone(),
                    items: placed,
                })
            })
    }

    fn place(
        &self,
        location: &str,
        order: &[usize],
        start: DateTime<Utc>,
        placed: &mut Vec<Item>,
    ) -> bool {
        let Some(&n) = order.get(placed.len()) else {
            return true;
        };
        let wished = &self.wish.items[n];
        let waits = if placed.is_empty() || self.wish.together {
            1
        } else {
            7
        };
        for wait in 0..waits {
            for (employee, works) in &self.people {
                let other = wished.person.as_ref().is_some_and(|id| *id != employee.id);
                let able = employee.services.contains(&wished.service);
                if other || !able || employee.location != location {
                    continue;
                }
                let item = self.item(employee, works, &wished.service, start, wait * 5, placed);
                let Some(item) = item else {
                    continue;
                };
                placed.push(item);
                if self.place(location, order, start, placed) {
                    return true;
                }
                placed.pop();
            }
        }
        false
    }

    fn item(
        &self,
        employee: &Employee,
        works: &[Piece],
        service: &str,
        start: DateTime<Utc>,
        wait: u32,
        placed: &[Item],
    ) -> Option<Item> {
        let service = self.firm.service(service)?;
        let shares = |one: &&Item| {
            one.resource == employee.id || one.needs.iter().any(|id| service.needs.contains(id))
        };
        let mut from = start;
        if !self.wish.together {
            from = placed
                .last()
                .map_or(start, |last| last.ends_at + minutes(wait));
            for one in placed.iter().filter(shares) {
                from = from.max(one.ends_at + minutes(one.buffer.1 + service.buffer.0));
            }
        }
        let until = from + minutes(service.book_minutes);
        let taken = (
            from - minutes(service.buffer.0),
            until + minutes(service.buffer.1),
        );
        if !works.iter().any(|span| span.0 <= from && until <= span.1) {
            return None;
        }
        let alone = placed.iter().filter(shares).all(|one| {
            let end = one.ends_at + minutes(one.buffer.1);
            end <= taken.0 || taken.1 <= one.starts_at - minutes(one.buffer.0)
        });
        let mut needs = std::iter::once(&employee.id).chain(&service.needs);
        (alone && needs.all(|id| free(self.busy, id, taken.0, taken.1))).then(|| Item {
            service: service.id.clone(),
            resource: employee.id.clone(),
            needs: service.needs.clone(),
            starts_at: from,
            ends_at: until,
            buffer: service.buffer,
            price: service.price.text(self.firm.language),
        })
    }
}

/// All orders, those with the first ones first.
fn orders(count: usize, together: bool) -> Vec<Vec<usize>> {
    match count {
        _ if together => vec![(0..count).collect()],
        1 => vec![vec![0]],
        2 => vec![vec![0, 1], vec![1, 0]],
        _ => [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ]
        .map(|order| order.to_vec())
        .to_vec(),
    }
}

fn brute(firm: &Business, busy: &[Busy], terms: &Terms, wish: &Wish) -> Vec<Visit> {
    let mut found = Vec::new();
    let mut date = firm.local(terms.from).date_naive();
    while date <= terms.last {
        let tries = Tries::on(firm, busy, wish, date);
        for minute in (0..1440).step_by(terms.step as usize) {
            let time = NaiveTime::from_hms_opt(minute / 60, minute % 60, 0).unwrap();
            let start = start_of(firm.time_zone, date, minute);
            let start =
                start.filter(|at| *at >= terms.from && wish.when.admits(date.and_time(time)));
            found.extend(start.and_then(|start| tries.visit(start)));
        }
        date = date + Days::new(1);
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_search_finds_what_trying_everything_finds(
        (zone, first) in prop::sample::select(vec![
            ("Europe/Berlin", "2027-03-27"),
            ("Australia/Lord_Howe", "2027-04-03"),
            ("Europe/Moscow", "2027-06-05"),
        ]),
        items in prop::collection::vec((0..3_usize, proptest::option::weighted(0.3, 0..4_usize)), 1..4),
        together in prop::bool::weighted(0.2),
        location in proptest::option::weighted(0.2, prop::sample::select(vec!["main", "second"])),
        buffers in prop::collection::vec((0..9_u32, 0..9_u32).prop_map(|(a, b)| (a * 5, b * 5)), 3),
        // In steps of 5 minutes from the first midnight: many, so that hardly anything fits.
        spans in prop::collection::vec((0..5_usize, 0..570_i32, 1..30_i32), 0..70),
        step in prop::sample::select(vec![20_u32, 30, 60]),
        hour in 0..24_u32,
        words in prop::sample::select(vec!["", "в воскресенье", "после 15", "утром", "кроме воскресенья"]),
    ) {
        let firm = firm(zone, &buffers);
        let midnight = at(&firm, &format!("{first} 00:00"));
        let busy: Vec<Busy> = spans.iter().map(|&(resource, from, length)| Busy {
            id: uuid::Uuid::nil(),
            resource: RESOURCES[resource].into(),
            from: midnight + MINUTE * (from * 5),
            until: midnight + MINUTE * ((from + length) * 5),
            kind: BusyKind::Visit,
            note: None,
        }).collect();
        let from = midnight + minutes(hour * 60);
        let last = firm.local(from).date_naive() + Days::new(1);
        let terms = Terms { from, last, step, online: false };
        let item = |&(service, person): &(usize, Option<usize>)| WishItem {
            service: ["cut", "nails", "face"][service].into(),
            person: person.map(|person| RESOURCES[person].into()),
        };
        let wish = Wish {
            items: items.iter().map(item).collect(),
            together,
            location: location.map(str::to_owned),
            when: when::read(words, firm.local(midnight).naive_local()).wish,
            moving: None,
        };
        let impossible = wish.fault(&firm, false).is_some();
        let plan = Plan::new(&firm, &[], &busy, terms.clone());

        let expected = if impossible { Vec::new() } else { brute(&firm, &busy, &terms, &wish) };

        prop_assert_eq!(slots(&plan, &wish, usize::MAX), expected);
    }
}
