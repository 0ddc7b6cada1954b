//! What holds for whatever is asked, taken and set, in several zones.

use proptest::prelude::*;
use zapis_core::store::{Busy, BusyKind, Visit};

use super::{MINUTE, at, minute, night_firm, works};
use crate::book::{Plan, Terms, Wish, WishItem, slots};
use crate::business::Business;

/// Zones and the day before their clocks change; the last one knows no change.
const CHANGES: [(&str, &str); 5] = [
    ("Europe/Berlin", "2027-03-27"),
    ("America/New_York", "2027-11-06"),
    ("Australia/Lord_Howe", "2027-04-03"),
    ("Asia/Kathmandu", "2027-06-05"),
    ("Europe/Moscow", "2027-06-05"),
];

fn wishes() -> impl Strategy<Value = (Vec<(usize, Option<usize>)>, bool)> {
    let person = proptest::option::of(0..2_usize);
    (
        prop::collection::vec((0..3_usize, person), 1..4),
        any::<bool>(),
    )
}

fn wish(items: &[(usize, Option<usize>)], together: bool) -> Wish {
    let item = |&(service, person): &(usize, Option<usize>)| WishItem {
        service: ["cut", "nails", "face"][service].into(),
        person: person.map(|person| ["anna", "vera"][person].into()),
    };
    Wish {
        items: items.iter().map(item).collect(),
        together,
        ..Wish::default()
    }
}

/// What somebody has already, in steps of 5 minutes from midnight of the first day.
fn taken(business: &Business, first: &str, spans: &[(usize, i64, i64)]) -> Vec<Busy> {
    let midnight = at(business, &format!("{first} 00:00"));
    let busy = |&(resource, from, length): &(usize, i64, i64)| {
        let from = midnight + MINUTE * i32::try_from(from * 5).unwrap();
        Busy {
            id: uuid::Uuid::nil(),
            resource: ["anna", "vera", "room"][resource].into(),
            from,
            until: from + MINUTE * i32::try_from(length * 5).unwrap(),
            kind: BusyKind::Visit,
            note: None,
        }
    };
    spans.iter().map(busy).collect()
}

fn whole(visit: &Visit, busy: &[Busy], business: &Business, together: bool) {
    let zone = business.time_zone;
    let mut pieces = Vec::new();
    for item in &visit.items {
        let service = business.service(&item.service).unwrap();
        let person = business.employee(&item.resource).unwrap();
        assert!(person.services.contains(&item.service));
        assert_eq!(
            item.ends_at - item.starts_at,
            MINUTE * i32::try_from(service.book_minutes).unwrap()
        );
        // Every minute of it lies in working time by the clock on the wall.
        let mut now = item.starts_at;
        while now < item.ends_at {
            let (date, minute) = minute(zone, now);
            assert!(
                works(&item.resource, date, minute),
                "{} at {now}",
                item.resource
            );
            now += MINUTE;
        }
        let from = item.starts_at - MINUTE * i32::try_from(service.buffer.0).unwrap();
        let until = item.ends_at + MINUTE * i32::try_from(service.buffer.1).unwrap();
        for resource in std::iter::once(&item.resource).chain(&service.needs) {
            let hit = busy
                .iter()
                .find(|one| one.resource == *resource && one.from < until && from < one.until);
            assert_eq!(hit, None);
            let own = |(other, start, end): &(String, _, _)| {
                other == resource && *start < until && from < *end
            };
            assert!(!pieces.iter().any(own), "overlaps itself");
            pieces.push((resource.clone(), from, until));
        }
    }
    if together {
        assert!(
            visit
                .items
                .iter()
                .all(|item| item.starts_at == visit.starts_at())
        );
    }
}

proptest! {
    #[test]
    fn a_visit_that_is_offered_can_be_had(
        change in 0..CHANGES.len(),
        (items, together) in wishes(),
        spans in prop::collection::vec((0..3_usize, 0..850_i64, 1..40_i64), 0..25),
        step in prop::sample::select(vec![5_u32, 15, 30]),
        hour in 0..24_u32,
    ) {
        let (zone, first) = CHANGES[change];
        let business = night_firm(zone);
        let busy = taken(&business, first, &spans);
        let from = at(&business, &format!("{first} {hour:02}:00"));
        let terms = Terms {
            from,
            last: business.local(from).date_naive() + chrono::Days::new(2),
            step,
            online: false,
        };
        let last = terms.last;
        let plan = Plan::new(&business, &[], &busy, terms);

        let visits = slots(&plan, &wish(&items, together), 10_000);

        for visit in &visits {
            whole(visit, &busy, &business, together);
            prop_assert!(visit.starts_at() >= from);
            let (date, minute) = minute(business.time_zone, visit.starts_at());
            prop_assert!(date <= last && minute % step == 0);
        }
        let ordered = visits.windows(2).all(|two| two[0].starts_at() < two[1].starts_at());
        prop_assert!(ordered);
    }

    /// For one service, nothing is overlooked: what is free by brute force is offered.
    #[test]
    fn whatever_is_free_is_offered(
        change in 0..CHANGES.len(),
        spans in prop::collection::vec((0..3_usize, 0..850_i64, 1..40_i64), 0..25),
    ) {
        let (zone, first) = CHANGES[change];
        let business = night_firm(zone);
        let busy = taken(&business, first, &spans);
        let from = at(&business, &format!("{first} 00:00"));
        let last = business.local(from).date_naive() + chrono::Days::new(1);
        let terms = Terms { from, last, step: 15, online: false };
        let plan = Plan::new(&business, &[], &busy, terms);

        let offered = slots(&plan, &wish(&[(0, Some(0))], false), 10_000);

        let offered: Vec<_> = offered.iter().map(Visit::starts_at).collect();
        let mut expected = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let mut start = from;
        while minute(business.time_zone, start).0 <= last {
            let (date, wall) = minute(business.time_zone, start);
            let minutes = (0..60).map(|n| start + MINUTE * n);
            let free = minutes.clone().all(|now| {
                let (date, minute) = minute(business.time_zone, now);
                works("anna", date, minute)
            });
            let until = start + MINUTE * 60;
            let hit = busy.iter().any(|one| one.resource == "anna" && one.from < until && start < one.until);
            if wall % 15 == 0 && seen.insert((date, wall)) && free && !hit {
                expected.push(start);
            }
            start += MINUTE * 5;
        }
        prop_assert_eq!(offered, expected);
    }
}
