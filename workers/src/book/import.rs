//! Bookings from another program: a table or a calendar file, line by line, repeatable without doubling.

mod read;

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Serialize;
use uuid::Uuid;
use zapis_core::ids;
use zapis_core::store::{Booked, Booking, Item, NewBooking, StoreError, Visit, Wanted};

use super::{Book, start_of};
use crate::business::{Business, Employee, Service};
use crate::understand::phone_number;

pub use read::{ImportError, Row, calendar, table};

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its number in the file, from 1.
    pub line: usize,
    /// What was done.
    pub outcome: Outcome,
    /// Why not, and how to mend it.
    pub why: Option<String>,
    /// The booking, once there is one.
    pub booking: Option<Uuid>,
}

/// What was done with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is in the book now; in a dry run: it would be.
    Booked,
    /// It was there before.
    Already,
    /// It cannot be.
    Refused,
}

impl Book {
    /// Books each row that can be; with `dry_run` nothing is written.
    pub async fn import(
        &self,
        business: &Business,
        rows: &[Row],
        who: &str,
        dry_run: bool,
    ) -> Result<Vec<Line>, StoreError> {
        let mut seen = HashSet::new();
        // What a dry run would have booked by now.
        let mut planned: Vec<Item> = Vec::new();
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            let line = |outcome, why, booking| Line {
                line: row.line,
                outcome,
                why,
                booking,
            };
            let now = self.clock.now();
            lines.push(match wanted(business, row, now) {
                Err(why) => line(Outcome::Refused, Some(why), None),
                Ok(request) if !seen.insert(request.cause) => {
                    let why = "the same line stands above".to_owned();
                    line(Outcome::Refused, Some(why), None)
                }
                Ok(mut request) => {
                    who.clone_into(&mut request.who);
                    let (outcome, why, booking) = if dry_run {
                        self.would(&request, &mut planned, now).await?
                    } else {
                        self.take_over(&request, now).await?
                    };
                    line(outcome, why, booking)
                }
            });
        }
        Ok(lines)
    }

    async fn take_over(
        &self,
        request: &NewBooking,
        now: DateTime<Utc>,
    ) -> Result<Became, StoreError> {
        if let Some(there) = self.there(request).await? {
            return Ok(there);
        }
        Ok(match self.store.book(request, now).await? {
            // An earlier import made it, and it has moved or was cancelled since.
            Booked::Booked(booking) | Booked::Already(booking) if booking.created_at < now => {
                (Outcome::Already, None, Some(booking.id))
            }
            Booked::Booked(booking) | Booked::Already(booking) => {
                (Outcome::Booked, None, Some(booking.id))
            }
            Booked::Taken | Booked::NoHold => overlap(),
        })
    }

    async fn would(
        &self,
        request: &NewBooking,
        planned: &mut Vec<Item>,
        now: DateTime<Utc>,
    ) -> Result<Became, StoreError> {
        if let Some(there) = self.there(request).await? {
            return Ok(there);
        }
        let Wanted::Visit(visit) = &request.wanted else {
            return Ok(overlap());
        };
        for item in &visit.items {
            let of_item = |item: &Item| -> Vec<String> {
                std::iter::once(item.resource.clone())
                    .chain(item.needs.clone())
                    .collect()
            };
            let resources = of_item(item);
            let meets = |other: &Item| {
                other.starts_at < item.ends_at
                    && item.starts_at < other.ends_at
                    && of_item(other).iter().any(|id| resources.contains(id))
            };
            let ids: Vec<&str> = resources.iter().map(String::as_str).collect();
            let busy = self.store.busy(&ids, item.starts_at, item.ends_at, now);
            if planned.iter().any(meets) || !busy.await?.is_empty() {
                return Ok(overlap());
            }
        }
        planned.extend(visit.items.clone());
        Ok((Outcome::Booked, None, None))
    }

    /// The same booking, where an earlier import has made it.
    async fn there(&self, request: &NewBooking) -> Result<Option<Became>, StoreError> {
        let Wanted::Visit(visit) = &request.wanted else {
            return Ok(None);
        };
        let (from, until) = (visit.starts_at(), visit.ends_at());
        let bookings = self.store.bookings_between(from, until).await?;
        let same = |booking: &&Booking| {
            booking.visit == *visit
                && booking.phone == request.phone
                && booking.name == request.name
        };
        let found = bookings.iter().find(same);
        Ok(found.map(|booking| (Outcome::Already, None, Some(booking.id))))
    }
}

/// Outcome, why not, and the booking.
type Became = (Outcome, Option<String>, Option<Uuid>);

fn overlap() -> Became {
    let why = "somebody else has this time: move one of the two visits".to_owned();
    (Outcome::Refused, Some(why), None)
}

/// The booking that a row describes, or what is wrong with it.
fn wanted(business: &Business, row: &Row, now: DateTime<Utc>) -> Result<NewBooking, String> {
    let service = service(business, &row.service)?;
    let person = person(business, &row.person)?;
    if !person.services.contains(&service.id) {
        return Err(format!("{} does not do {}", person.id, service.id));
    }
    let date: NaiveDate = row.date;
    let starts_at = start_of(business.time_zone, date, row.minute)
        .ok_or("the clock skips this time on that day")?;
    if starts_at <= now {
        return Err("it is in the past".to_owned());
    }
    let phone = match row.phone.as_str() {
        "" => None,
        text => Some(phone_number(text).ok_or("the phone is none: write +7 912 345-67-89")?),
    };
    let minutes = row.minutes.unwrap_or(service.book_minutes);
    if !(1..=24 * 60).contains(&minutes) {
        return Err("it lasts longer than nothing and no longer than a day".to_owned());
    }
    let item = Item {
        service: service.id.clone(),
        resource: person.id.clone(),
        needs: service.needs.clone(),
        starts_at,
        ends_at: starts_at + TimeDelta::minutes(minutes.into()),
        // What was agreed elsewhere may stand closer than our buffers would allow.
        buffer: (0, 0),
        price: service.price.text(business.language),
    };
    let at = starts_at.to_rfc3339();
    let named = phone.as_deref().unwrap_or(&row.name);
    Ok(NewBooking {
        cause: ids::derive(&["import", &at, &service.id, &person.id, named]),
        wanted: Wanted::Visit(Visit {
            location: person.location.clone(),
            items: vec![item],
        }),
        who: String::new(),
        conversation: None,
        name: row.name.clone(),
        phone,
        source: "import".to_owned(),
        for_whom: None,
        notes: (!row.notes.is_empty()).then(|| row.notes.clone()),
    })
}

/// A service by its id, name or another name of it.
fn service<'b>(business: &'b Business, told: &str) -> Result<&'b Service, String> {
    let told = told.trim();
    let named = |service: &&Service| {
        let en = service.name.en.as_ref();
        let names = [&service.id, &service.name.ru];
        let names = names.into_iter().chain(en).chain(&service.synonyms);
        names.into_iter().any(|name| alike(name, told))
    };
    // The id and the name come before other names, which several services may share.
    let exact = |service: &&Service| alike(&service.id, told) || alike(&service.name.ru, told);
    let found = business.services.iter().find(exact);
    found
        .or_else(|| business.services.iter().find(named))
        .ok_or_else(|| {
            unknown(
                "service",
                told,
                business.services.iter().map(|one| one.id.as_str()),
            )
        })
}

/// A person by the id or the name, the first name alone where only one has it.
fn person<'b>(business: &'b Business, told: &str) -> Result<&'b Employee, String> {
    let told = told.trim();
    let named = |employee: &&Employee| {
        let en = employee.name.en.as_ref();
        let names = std::iter::once(&employee.name.ru)
            .chain(en)
            .chain(&employee.also);
        let first = |name: &str| {
            name.split_whitespace()
                .next()
                .is_some_and(|name| alike(name, told))
        };
        alike(&employee.id, told)
            || names
                .into_iter()
                .any(|name| alike(name, told) || first(name))
    };
    let mut found = business.staff.iter().filter(named);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(format!("several people are called `{told}`: write the id")),
        (None, _) => Err(unknown(
            "person",
            told,
            business.staff.iter().map(|one| one.id.as_str()),
        )),
    }
}

fn alike(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

fn unknown<'a>(what: &str, told: &str, ids: impl Iterator<Item = &'a str> + Clone) -> String {
    let mut words = format!("there is no {what} `{told}`");
    match crate::source_text::nearest(told, ids.clone()).as_str() {
        "" => {
            words.push_str(": use one of ");
            words.push_str(&ids.collect::<Vec<_>>().join(", "));
        }
        hint => {
            words.push_str(": ");
            words.push_str(hint);
        }
    }
    words
}
