//! What is read for the appointment book: rules, rooms, and what services and people add to it.

use super::super::booking::{BookingRules, CalendarKind, Resource};
use super::super::hours::time_of_day;
use super::super::reader::Section;
use super::super::{Employee, Location, Service};
use super::{id, nearest_of};

/// The longest visit and the longest buffer, in minutes.
const LONGEST: u32 = 24 * 60;
const LONGEST_BUFFER: u32 = 4 * 60;

/// `[booking]`; all of it may be left out.
pub(super) fn rules(top: &Section<'_, '_>) -> BookingRules {
    let standard = BookingRules::default();
    let Some(section) = top.table("booking") else {
        return standard;
    };
    let step_minutes = section.number("step_minutes").unwrap_or(15);
    if step_minutes == 0 || !60_u32.is_multiple_of(step_minutes) {
        section.note(
            "step_minutes",
            "must go into an hour without a rest",
            "use 5, 10, 15, 20, 30 or 60",
        );
    }
    let number = |key, least, most, standard| {
        let number = section.number(key).unwrap_or(standard);
        if !(least..=most).contains(&number) {
            let words = format!("must be between {least} and {most}");
            section.note(key, &words, &format!("for example {standard}"));
        }
        number
    };
    let rules = BookingRules {
        step_minutes,
        min_notice_minutes: number("min_notice_minutes", 0, 30 * 24 * 60, 60),
        max_days: number("max_days", 1, 366, 60),
        hold_minutes: number("hold_minutes", 1, 60, 5),
        waiting_minutes: number("waiting_minutes", 0, 24 * 60, standard.waiting_minutes),
        cancel_hours: number("cancel_hours", 0, 30 * 24, 3),
        consent_version: section
            .text("consent_version")
            .unwrap_or(standard.consent_version),
        calendar: calendar(&section),
        day_list: list_time(&section, "day_list", standard.day_list),
        next_day_list: list_time(&section, "next_day_list", standard.next_day_list),
        call_hours: number("call_hours", 0, 24, standard.call_hours),
    };
    section.close();
    rules
}

/// A time of the day, or `off`.
fn list_time(section: &Section<'_, '_>, key: &str, standard: Option<u32>) -> Option<u32> {
    if !section.has(key) {
        return standard;
    }
    match section.text(key)?.as_str() {
        "off" => None,
        text => time_of_day(text).or_else(|| {
            section.note(
                key,
                "is no time of the day",
                "for example \"09:00\", or \"off\"",
            );
            standard
        }),
    }
}

fn calendar(section: &Section<'_, '_>) -> CalendarKind {
    match section.text("calendar").as_deref() {
        None | Some("own") => CalendarKind::Own,
        Some("external") => CalendarKind::External,
        Some(_) => {
            section.note(
                "calendar",
                "is not a known calendar",
                "use \"own\" (this program keeps the book) or \"external\" (the staff does, elsewhere)",
            );
            CalendarKind::Own
        }
    }
}

/// A room or a machine.
pub(super) fn resource(section: &Section<'_, '_>, locations: &[Location]) -> Resource {
    let resource = Resource {
        id: id(section),
        name: section.required_words("name"),
        location: location_of(section, locations),
    };
    section.close();
    resource
}

/// The location that a table names; the main one when it names none.
pub(super) fn location_of(section: &Section<'_, '_>, locations: &[Location]) -> String {
    let ids = || locations.iter().map(|location| location.id.as_str());
    match section.text("location") {
        Some(named) => {
            known(section, "location", "location", &named, ids());
            named
        }
        None => ids().next().unwrap_or_default().to_owned(),
    }
}

/// Notes an id that names nothing.
pub(super) fn known<'a>(
    section: &Section<'_, '_>,
    key: &str,
    what: &str,
    id: &str,
    ids: impl Iterator<Item = &'a str> + Clone,
) {
    if !ids.clone().any(|known| known == id) {
        let words = format!("names the {what} `{id}`, which there is not");
        section.note(key, &words, &nearest_of(id, ids));
    }
}

/// How long the visit takes in the book.
pub(super) fn book_minutes(section: &Section<'_, '_>, minutes: (u32, u32)) -> u32 {
    let told = section.number("book_minutes");
    let book = told.unwrap_or(minutes.1);
    if !(1..=LONGEST).contains(&book) {
        let key = if told.is_some() {
            "book_minutes"
        } else {
            "minutes"
        };
        section.note(
            key,
            "must be longer than nothing and no longer than a day",
            "for example 90",
        );
    }
    book
}

/// Minutes before and after a visit that belong to nobody else.
pub(super) fn buffer(section: &Section<'_, '_>) -> (u32, u32) {
    let buffer = section.pair("buffer").unwrap_or_default();
    if buffer.0.max(buffer.1) > LONGEST_BUFFER {
        section.note("buffer", "is longer than 4 hours", "for example [0, 10]");
    }
    buffer
}

/// What can only be told once everything is read: people, rooms and services that name one another.
pub(super) fn check(
    top: &Section<'_, '_>,
    services: &[(Section<'_, '_>, Service)],
    staff: &[Employee],
    resources: &[Resource],
) {
    let rooms = || resources.iter().map(|resource| resource.id.as_str());
    for (section, service) in services {
        for need in &service.needs {
            known(section, "needs", "room or machine", need, rooms());
        }
        let done = |employee: &Employee| employee.services.contains(&service.id);
        if service.online && !staff.is_empty() && !staff.iter().any(done) {
            section.note(
                "id",
                "is a service that nobody does",
                "add it to `services` of somebody in [[staff]], or say online = false",
            );
        }
    }
    let people = staff.iter().map(|employee| employee.id.as_str());
    let mut both = people.filter(|id| rooms().any(|room| room == *id));
    if let Some(id) = both.next() {
        top.note(
            "resources",
            &format!("has the id `{id}`, which is a person's"),
            "people, rooms and machines share one book: give each an id of its own",
        );
    }
}
