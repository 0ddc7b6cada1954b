//! What is nearest to a wish that nothing fits.

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use zapis_core::store::Visit;

use super::plan::Plan;
use super::search::{Wish, between, slots};
use crate::when;

/// How many visits are compared for the nearest ones.
const COMPARED: usize = 4_000;
/// The nearest ones begin at least so far from one another.
const APART: TimeDelta = TimeDelta::minutes(30);
/// What another day costs against the same day, in minutes.
const DAY_COSTS: i64 = 180;
/// What another person costs.
const PERSON_COSTS: i64 = 45;
/// So far before and after the wished date other times are looked for.
const AROUND: Days = Days::new(14);

/// The visits that are nearest to a wish that nothing fits: another time, another person.
pub(super) fn nearest(plan: &Plan<'_>, wish: &Wish, limit: usize) -> Vec<Visit> {
    let any_time = Wish {
        when: when::Wish {
            any_of: Vec::new(),
            ..wish.when.clone()
        },
        ..wish.clone()
    };
    let mut by_anybody = any_time.clone();
    for item in &mut by_anybody.items {
        item.person = None;
    }
    if wish.fault(plan.business, plan.terms.online).is_some() {
        return Vec::new();
    }
    let target = target(plan, wish);
    let costs = |visit: &Visit| cost(plan, wish, target, visit);
    let mut all = around(plan, &any_time, target.date());
    if by_anybody != any_time {
        all.extend(around(plan, &by_anybody, target.date()));
    }
    all.sort_by_cached_key(|visit| (costs(visit), visit.starts_at()));
    let mut picked: Vec<Visit> = Vec::new();
    for visit in all {
        let near = |other: &Visit| (other.starts_at() - visit.starts_at()).abs() < APART;
        if picked.len() < limit && !picked.iter().any(near) {
            picked.push(visit);
        }
    }
    picked.sort_by_key(Visit::starts_at);
    picked
}

/// Free visits some weeks around a date; the first ones at all when there are none.
fn around(plan: &Plan<'_>, wish: &Wish, date: NaiveDate) -> Vec<Visit> {
    let today = plan.business.local(plan.terms.from).date_naive();
    let first = date.checked_sub_days(AROUND).unwrap_or(today).max(today);
    let last = date.checked_add_days(AROUND).unwrap_or(today);
    let found = between(plan, wish, first, last.min(plan.terms.last), COMPARED);
    if found.is_empty() {
        return slots(plan, wish, COMPARED);
    }
    found
}

/// The moment that a wish is about.
fn target(plan: &Plan<'_>, wish: &Wish) -> NaiveDateTime {
    let now = plan.business.local(plan.terms.from).naive_local();
    let Some(first) = wish.when.first() else {
        return now;
    };
    let part = first.day_part().map(|part| part.hours().0);
    let hour = part.unwrap_or(12).min(23);
    let time = NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
    match first.start(now) {
        Some((day, told)) => day.and_time(told.unwrap_or(time)),
        None => now,
    }
}

/// How far a visit is from what was wished.
fn cost(plan: &Plan<'_>, wish: &Wish, target: NaiveDateTime, visit: &Visit) -> i64 {
    let at = plan.business.local(visit.starts_at()).naive_local();
    let time = (at.time() - target.time()).num_minutes().abs();
    let days = (at.date() - target.date()).num_days().abs();
    let straight = (at - target).num_minutes().abs();
    let other = wish.items.iter().filter(|wished| {
        let by = visit
            .items
            .iter()
            .find(|item| item.service == wished.service);
        let person = wished.person.as_ref();
        person.is_some_and(|person| by.is_none_or(|item| item.resource != *person))
    });
    let others = i64::try_from(other.count()).unwrap_or(i64::MAX / 1_000);
    straight.min(days * DAY_COSTS + time) + others * PERSON_COSTS
}
