//! The appointment book as a calendar to subscribe to: what a person or a location has to do, as iCalendar.
//!
//! Whoever has the address reads it, and calendar programs copy what they read into clouds of their own:
//! no phone number is in it, not even one that somebody wrote into the notes.

#[cfg(test)]
mod tests;

use chrono::{DateTime, TimeDelta, Utc};
use icalendar::{Calendar, Component, Event, EventLike, Property};
use zapis_core::store::{Booking, Busy, BusyKind, Feed, FeedOf, Item, Status, Store, StoreError};

use crate::business::Business;
use crate::llm::without_numbers;
use crate::notices::Words;
use crate::understand::phones;
use crate::words::Language;

/// How far back a feed tells.
const BACK: TimeDelta = TimeDelta::days(30);
/// How far ahead.
const AHEAD: TimeDelta = TimeDelta::days(180);
/// How often a calendar program should look again.
const EVERY: &str = "PT15M";
/// The staff's language.
const RU: Language = Language::Ru;

/// What a feed tells now; nothing when the firm no longer has that person or location. As long as nothing in
/// it changes, the text stays the same.
pub async fn text(
    store: &Store,
    business: &Business,
    feed: &Feed,
    now: DateTime<Utc>,
) -> Result<Option<String>, StoreError> {
    let Some(name) = name(business, &feed.of) else {
        return Ok(None);
    };
    let (from, until) = (now - BACK, now + AHEAD);
    let bookings = store.dated_bookings_between(from, until).await?;
    let busy = match &feed.of {
        FeedOf::Person(id) => store.busy(&[id], from, until, now).await?,
        FeedOf::Location(_) => Vec::new(),
    };
    let words = Words(business);
    let mut calendar = head(business, &name);
    for (booking, changed) in &bookings {
        if !booking.status.is_cancelled() {
            calendar.extend(visits(&words, &feed.of, booking, *changed));
        }
    }
    let blocks = busy.iter().filter(|busy| busy.kind == BusyKind::Block);
    calendar.extend(blocks.map(|block| blocked(block, feed)));
    Ok(Some(calendar.to_string()))
}

/// What the calendar is called.
fn name(business: &Business, of: &FeedOf) -> Option<String> {
    let firm = business.name.in_language(RU);
    match of {
        FeedOf::Person(id) => {
            let person = business.employee(id)?.name.in_language(RU);
            Some(format!("{person} · {firm}"))
        }
        FeedOf::Location(id) => Some(business.location(id)?.name.in_language(RU).to_owned()),
    }
}

fn head(business: &Business, name: &str) -> Calendar {
    let refresh = Property::new("REFRESH-INTERVAL", EVERY)
        .add_parameter("VALUE", "DURATION")
        .done();
    let mut calendar = Calendar::empty();
    calendar.properties = Property::from_array([
        ("VERSION", "2.0"),
        ("PRODID", "-//zapis//calendar feed//RU"),
        ("CALSCALE", "GREGORIAN"),
        ("X-WR-CALNAME", &plain(name)),
        ("X-WR-TIMEZONE", business.time_zone.name()),
        ("X-PUBLISHED-TTL", EVERY),
    ]);
    calendar.append_property(refresh).done()
}

/// A visit at a location is one event; for a person each of her services is one.
fn visits(words: &Words<'_>, of: &FeedOf, booking: &Booking, changed: DateTime<Utc>) -> Vec<Event> {
    let visit = &booking.visit;
    match of {
        FeedOf::Location(id) if visit.location == *id => {
            let items: Vec<&Item> = visit.items.iter().collect();
            let people = Some(words.people(visit));
            let about = (format!("{}@zapis", booking.id), people);
            vec![event(words, booking, changed, about, &items)]
        }
        FeedOf::Location(_) => Vec::new(),
        FeedOf::Person(id) => {
            let items = visit.items.iter().enumerate();
            let hers = items.filter(|(_, item)| item.resource == *id);
            hers.map(|(n, item)| {
                let about = (format!("{}-{n}@zapis", booking.id), None);
                event(words, booking, changed, about, &[item])
            })
            .collect()
        }
    }
}

fn event(
    words: &Words<'_>,
    booking: &Booking,
    changed: DateTime<Utc>,
    (uid, people): (String, Option<String>),
    items: &[&Item],
) -> Event {
    let services: Vec<&str> = items.iter().map(|item| words.service(item)).collect();
    let customer = match foreign(&booking.name) {
        name if name.is_empty() => "без имени".to_owned(),
        name => name,
    };
    let missed = booking.status == Status::NoShow;
    let mark = if missed { "Не пришёл: " } else { "" };
    let summary = format!("{mark}{} — {customer}", services.join(" + "));
    let line = |what: &str, text: Option<String>| {
        let text = text.filter(|text| !text.is_empty())?;
        Some(format!("{what}: {text}"))
    };
    let about = [
        line("Мастер", people),
        line("Для кого", booking.for_whom.as_deref().map(foreign)),
        line("Заметка", booking.notes.as_deref().map(foreign)),
        line("Статус", Some(status(booking.status).to_owned())),
    ];
    let about: Vec<String> = about.into_iter().flatten().collect();
    let starts = items.iter().map(|item| item.starts_at).min();
    let ends = items.iter().map(|item| item.ends_at).max();
    let mut event = Event::with_uid(&uid);
    event
        .sequence(u32::try_from(booking.version).unwrap_or(u32::MAX))
        .timestamp(changed)
        .last_modified(changed)
        .starts(starts.unwrap_or_default())
        .ends(ends.unwrap_or_default())
        .summary(&plain(&summary).replace('\n', " "))
        .description(&plain(&about.join("\n")))
        // Who did not come has given the time back.
        .add_property("TRANSP", if missed { "TRANSPARENT" } else { "OPAQUE" });
    if let Some(location) = words.0.location(&booking.visit.location) {
        event.location(&plain(location.address.in_language(RU)));
    }
    event
}

/// Lunch, illness, a delivery.
fn blocked(block: &Busy, feed: &Feed) -> Event {
    let summary = match block.note.as_deref().map(foreign) {
        Some(note) if !note.is_empty() => format!("Занято: {note}"),
        _ => "Занято".to_owned(),
    };
    // A block is made and opened, never changed, and the book does not note when.
    Event::with_uid(&format!("{}@zapis", block.id))
        .timestamp(feed.created_at)
        .starts(block.from)
        .ends(block.until)
        .summary(&plain(&summary).replace('\n', " "))
        .add_property("TRANSP", "OPAQUE")
        .done()
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Booked => "не подтверждён",
        Status::Confirmed => "подтверждён",
        Status::Late => "опаздывает",
        Status::Arrived => "пришёл",
        Status::NoShow => "не пришёл",
        Status::CancelledByCustomer | Status::CancelledBySalon => "отменён",
    }
}

/// What customers and staff wrote, without numbers that could be phones, however they are written.
fn foreign(text: &str) -> String {
    let seen = |c: &char| {
        !matches!(
            c,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
        )
    };
    let text = plain(&text.trim().replace('\t', " "));
    let mut text: String = text.chars().filter(seen).collect();
    let mut phones = phones(&text);
    phones.sort_by_key(|span| std::cmp::Reverse(span.start));
    for span in phones {
        text.replace_range(span, "…");
    }
    without_numbers(&text)
}

/// A text in which nothing but the end of a line steers: a carriage return would begin a property of its own.
fn plain(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let shown = |c: &char| *c == '\n' || !c.is_control();
    text.chars().filter(shown).collect()
}
