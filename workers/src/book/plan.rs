//! What is known of everybody's time: working hours of the file and of the book, and what is taken.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use zapis_core::store::{Busy, DayHours};

use super::search::Terms;
use super::times::Times;
use super::wall::Wall;
use crate::business::{Business, Employee, Span};

/// A piece of time, in milliseconds since 1970: `from` belongs to it, `until` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) from: i64,
    pub(super) until: i64,
}

impl Piece {
    pub(super) fn of(from: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        Self {
            from: from.timestamp_millis(),
            until: until.timestamp_millis(),
        }
    }
}

/// Everybody's time.
#[derive(Debug)]
pub struct Plan<'b> {
    pub(super) business: &'b Business,
    pub(super) terms: Terms,
    hours: HashMap<NaiveDate, HashMap<String, Vec<Span>>>,
    /// In order and without overlaps.
    taken: HashMap<String, Vec<Piece>>,
}

impl<'b> Plan<'b> {
    /// What the file says, what was set in its place, what is taken, and what holds for who asks.
    pub fn new(business: &'b Business, hours: &[DayHours], busy: &[Busy], terms: Terms) -> Self {
        let mut set: HashMap<_, HashMap<_, _>> = HashMap::new();
        for one in hours {
            let of_date = set.entry(one.date).or_default();
            of_date.insert(one.resource.clone(), spans(one));
        }
        let mut taken: HashMap<String, Vec<Piece>> = HashMap::new();
        for one in busy {
            let piece = Piece::of(one.from, one.until);
            taken.entry(one.resource.clone()).or_default().push(piece);
        }
        for pieces in taken.values_mut() {
            *pieces = joined(std::mem::take(pieces));
        }
        Self {
            business,
            terms,
            hours: set,
            taken,
        }
    }

    /// When a person works on a date.
    pub(super) fn works(&self, employee: &Employee, date: NaiveDate, wall: &Wall) -> Vec<Piece> {
        let of_date = self.hours.get(&date);
        let set = |id: &str| of_date.and_then(|hours| hours.get(id)).map(Vec::as_slice);
        let spans = working(
            self.business,
            employee,
            date,
            set(&employee.id),
            set(&employee.location),
        );
        let piece = |span: &Span| Piece::of(wall.open(span.from), wall.close(span.until));
        spans.iter().map(piece).collect()
    }

    /// When a resource may begin what takes it from so long before to so long after the begin.
    pub(super) fn leaves(&self, resource: &str, times: Times, before: i64, after: i64) -> Times {
        match self.taken.get(resource) {
            Some(taken) => times.beside(taken, before, after),
            None => times,
        }
    }

    /// How much of a piece of time is taken, in milliseconds.
    pub(super) fn load(&self, resource: &str, day: Piece) -> i64 {
        let Some(taken) = self.taken.get(resource) else {
            return 0;
        };
        let next = taken.partition_point(|one| one.until <= day.from);
        let of_day = taken[next..].iter().take_while(|one| one.from < day.until);
        of_day
            .map(|one| one.until.min(day.until) - one.from.max(day.from))
            .sum()
    }
}

fn spans(hours: &DayHours) -> Vec<Span> {
    let span = |&(from, until): &(u32, u32)| Span { from, until };
    hours.spans.iter().map(span).collect()
}

fn joined(mut pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.sort_unstable_by_key(|piece| piece.from);
    let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match joined.last_mut() {
            Some(last) if piece.from <= last.until => last.until = last.until.max(piece.until),
            _ => joined.push(piece),
        }
    }
    joined
}

/// When a person works on a date: within the opening hours of the location, and within what was set
/// for the person or the location in place of the file.
pub fn working(
    business: &Business,
    employee: &Employee,
    date: NaiveDate,
    set: Option<&[Span]>,
    set_for_location: Option<&[Span]>,
) -> Vec<Span> {
    let own = set.map_or_else(|| employee.scheduled_on(date), <[Span]>::to_vec);
    let open = match set_for_location {
        Some(spans) => spans.to_vec(),
        None => business
            .location(&employee.location)
            .map_or_else(Vec::new, |location| location.open_on(date)),
    };
    let mut both = Vec::new();
    for one in &own {
        for other in &open {
            let (from, until) = (one.from.max(other.from), one.until.min(other.until));
            if from < until {
                both.push(Span { from, until });
            }
        }
    }
    both
}
