//! What is done with visits: booked, moved, marked, cancelled; time kept free.

use axum::extract::{Extension, Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{NaiveDate, NaiveDateTime, TimeDelta, Timelike};
use serde::Deserialize;
use uuid::Uuid;
use zapis_core::store::{
    Block, Booked, Booking, BookingChange, BusyKind, Change, Changed, NewBooking, Status, Visit,
    Wanted,
};
use zapis_workers::book::{Asker, Book, Calendar, Wish, WishItem, open_of};
use zapis_workers::business::Business;
use zapis_workers::understand::phone_number;

use crate::door::{Me, note};
use crate::refusal::Refusal;
use crate::{Console, Shared};

/// How many other times are told.
const NEAREST: usize = 5;
/// The longest time that is kept free at once.
const LONGEST_BLOCK: TimeDelta = TimeDelta::days(366);
/// How often a mark is tried on a visit that others change.
const TRIES: usize = 5;

pub(crate) const fn is_cancelled(status: Status) -> bool {
    matches!(
        status,
        Status::CancelledByCustomer | Status::CancelledBySalon
    )
}

/// What became of a visit.
#[derive(Debug, Deserialize)]
pub(crate) struct Mark {
    key: Uuid,
    status: String,
    day: NaiveDate,
    /// Of the visit that the page shows.
    version: Option<i64>,
    /// The location that is looked at.
    #[serde(default)]
    location: String,
}

/// `POST /console/visits/{id}/mark`
pub(crate) async fn mark(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path(id): Path<Uuid>,
    Form(form): Form<Mark>,
) -> Result<Response, Refusal> {
    let status = [
        Status::Confirmed,
        Status::Late,
        Status::Arrived,
        Status::NoShow,
        Status::CancelledBySalon,
    ];
    let mut status = status.into_iter();
    let status = status
        .find(|one| one.name() == form.status)
        .ok_or(Refusal::Unknown)?;
    let store = console.store();
    let cause = me.deed(form.key, &["visit", status.name()]);
    for _ in 0..TRIES {
        let found = store
            .booking(id)
            .await?
            .filter(|found| is_seen_by(found, &me));
        let found = found.ok_or(Refusal::Unknown)?;
        if is_cancelled(found.status) {
            return Err(Refusal::Bad("visits-cancelled"));
        }
        if status == Status::CancelledBySalon {
            is_as_shown(&console, &found, form.version, cause).await?;
        }
        let change = BookingChange {
            booking: id,
            version: found.version,
            cause,
            who: me.member.name.clone(),
            conversation: None,
            to: Change::Status(status),
        };
        match store.change_booking(&change, console.clock().now()).await? {
            Changed::Done(_) => {
                return Ok(day_of(form.day, &form.location));
            }
            Changed::Stale(_) => {}
            Changed::Taken | Changed::Unknown | Changed::NoHold => return Err(Refusal::Unknown),
        }
    }
    Err(Refusal::Bad("visits-busy"))
}

/// An administrator of one location sees no other.
pub(crate) fn is_seen_by(booking: &Booking, me: &Me) -> bool {
    let own = me.location();
    own.is_none_or(|own| booking.visit.location == own)
}

/// Another time for a visit.
#[derive(Debug, Deserialize)]
pub(crate) struct Move {
    key: Uuid,
    /// As a browser writes it: `2026-12-01T15:00`, by the firm's clock.
    at: String,
    #[serde(default)]
    person: String,
    /// Of the visit that the page shows.
    version: Option<i64>,
    /// The location that is looked at.
    #[serde(default)]
    location: String,
}

/// `POST /console/visits/{id}/move`
pub(crate) async fn shift(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path(id): Path<Uuid>,
    Form(typed): Form<Move>,
) -> Result<Response, Refusal> {
    let firm = console.firm().await.ok_or(Refusal::Bad("visits-no-firm"))?;
    let found = console.store().booking(id).await?;
    let found = found
        .filter(|found| is_seen_by(found, &me))
        .ok_or(Refusal::Unknown)?;
    if is_cancelled(found.status) {
        return Err(Refusal::Bad("visits-cancelled"));
    }
    let at = moment(&typed.at)?;
    // A form that was corrected is another deed.
    let cause = me.deed(typed.key, &["move", &typed.at, &typed.person]);
    is_as_shown(&console, &found, typed.version, cause).await?;
    let person = Some(typed.person.as_str()).filter(|person| !person.is_empty());
    let wish = Wish::to_move(&found, person);
    let visit = free(&console, &firm, &me, wish, at).await?;
    let change = BookingChange {
        booking: id,
        version: found.version,
        cause,
        who: me.member.name.clone(),
        conversation: None,
        to: Change::Move(Wanted::Visit(visit)),
    };
    match book(&console).change(&change).await? {
        Changed::Done(_) => Ok(day_of(at.date(), &typed.location)),
        Changed::Stale(_) => Err(Refusal::Bad("visits-busy")),
        Changed::Taken | Changed::NoHold => Err(Refusal::NotFree(String::new())),
        Changed::Unknown => Err(Refusal::Unknown),
    }
}

/// Whether a visit is still the one that the page shows, or was changed by this very deed.
async fn is_as_shown(
    console: &Shared,
    found: &Booking,
    shown: Option<i64>,
    cause: Uuid,
) -> Result<(), Refusal> {
    if shown.is_none_or(|shown| shown == found.version) {
        return Ok(());
    }
    let events = console.store().booking_events(found.id).await?;
    let done = events.iter().any(|event| event.cause == cause);
    done.then_some(()).ok_or(Refusal::Bad("visits-changed"))
}

/// Somebody who calls, or comes in from the street.
#[derive(Debug, Deserialize)]
pub(crate) struct New {
    key: Uuid,
    service: String,
    #[serde(default)]
    person: String,
    at: String,
    name: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    notes: String,
    /// The location that is looked at.
    #[serde(default)]
    location: String,
}

/// `POST /console/visits`
pub(crate) async fn add(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Form(typed): Form<New>,
) -> Result<Response, Refusal> {
    let firm = console.firm().await.ok_or(Refusal::Bad("visits-no-firm"))?;
    let at = moment(&typed.at)?;
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let phone = match given(&typed.phone) {
        Some(typed) => Some(phone_number(&typed).ok_or(Refusal::Bad("visits-phone"))?),
        None => None,
    };
    let wish = Wish {
        items: vec![WishItem {
            service: typed.service.clone(),
            person: given(&typed.person),
        }],
        ..Wish::default()
    };
    let asked = ["book", &typed.service, &typed.person, &typed.at];
    let cause = me.deed(typed.key, &asked);
    if is_booked(&console, &firm, cause, at).await? {
        return Ok(day_of(at.date(), &typed.location));
    }
    let visit = free(&console, &firm, &me, wish, at).await?;
    let request = NewBooking {
        wanted: Wanted::Visit(visit),
        cause,
        who: me.member.name.clone(),
        conversation: None,
        name: typed.name.trim().chars().take(100).collect(),
        phone,
        source: "console".to_owned(),
        for_whom: None,
        notes: given(&typed.notes),
    };
    match book(&console).book(&request).await? {
        Booked::Booked(_) | Booked::Already(_) => Ok(day_of(at.date(), &typed.location)),
        Booked::Taken | Booked::NoHold => Err(Refusal::NotFree(String::new())),
    }
}

/// Whether a form comes twice: its visit takes the time that it asks for.
async fn is_booked(
    console: &Shared,
    firm: &Business,
    cause: Uuid,
    at: NaiveDateTime,
) -> Result<bool, Refusal> {
    let store = console.store();
    let starts = open_of(firm.time_zone, at.date(), at.hour() * 60 + at.minute());
    let then = store.bookings_between(starts, starts + TimeDelta::minutes(1));
    for booking in then.await? {
        let events = store.booking_events(booking.id).await?;
        if events.iter().any(|event| event.cause == cause) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Time that is to be kept free of visits.
#[derive(Debug, Deserialize)]
pub(crate) struct NewBlock {
    key: Uuid,
    person: String,
    from: String,
    until: String,
    #[serde(default)]
    note: String,
    /// The location that is looked at.
    #[serde(default)]
    location: String,
}

/// Whether somebody works where this person of the staff sees visits.
pub(crate) fn works_here(firm: &Business, me: &Me, person: &str) -> bool {
    let own = me.location();
    let mut staff = firm.staff.iter();
    staff.any(|one| one.id == person && own.is_none_or(|own| one.location == own))
}

/// `POST /console/visits/blocks`
pub(crate) async fn block(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Form(typed): Form<NewBlock>,
) -> Result<Response, Refusal> {
    let firm = console.firm().await.ok_or(Refusal::Bad("visits-no-firm"))?;
    if !works_here(&firm, &me, &typed.person) {
        return Err(Refusal::Bad("visits-cannot"));
    }
    let (from, until) = (moment(&typed.from)?, moment(&typed.until)?);
    if until <= from || until - from > LONGEST_BLOCK {
        return Err(Refusal::Bad("block-time"));
    }
    let at = |at: NaiveDateTime| open_of(firm.time_zone, at.date(), at.hour() * 60 + at.minute());
    let block = Block {
        resource: typed.person.clone(),
        from: at(from),
        until: at(until),
        note: typed.note.trim().chars().take(200).collect(),
        cause: me.deed(
            typed.key,
            &["block", &typed.person, &typed.from, &typed.until],
        ),
    };
    console.store().block(&block, console.clock().now()).await?;
    let about = format!("{} {} {}", typed.person, typed.from, typed.until);
    note(&console, &me.member, "time_blocked", Some(&about)).await?;
    Ok(day_of(from.date(), &typed.location))
}

/// Which block is opened, and where it was seen.
#[derive(Debug, Deserialize)]
pub(crate) struct Opened {
    person: String,
    day: NaiveDate,
    /// The location that is looked at.
    #[serde(default)]
    location: String,
}

/// `POST /console/visits/blocks/{id}`: opens blocked time again.
pub(crate) async fn unblock(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path(id): Path<Uuid>,
    Form(seen): Form<Opened>,
) -> Result<Response, Refusal> {
    let firm = console.firm().await.ok_or(Refusal::Bad("visits-no-firm"))?;
    if !works_here(&firm, &me, &seen.person) {
        return Err(Refusal::Unknown);
    }
    let (from, until) = crate::sheet::bounds(firm.time_zone, seen.day, 1);
    let (store, now) = (console.store(), console.clock().now());
    let busy = store.busy(&[&seen.person], from, until, now).await?;
    let is_hers = |one: &zapis_core::store::Busy| one.id == id && one.kind == BusyKind::Block;
    // Who opens it twice finds it open.
    if busy.iter().any(is_hers) {
        store.unblock(id).await?;
        note(&console, &me.member, "time_opened", Some(&seen.person)).await?;
    }
    Ok(day_of(seen.day, &seen.location))
}

pub(crate) fn book(console: &Shared) -> Book {
    Book::new(console.store().clone(), console.clock().clone())
}

fn moment(typed: &str) -> Result<NaiveDateTime, Refusal> {
    let read = NaiveDateTime::parse_from_str(typed, "%Y-%m-%dT%H:%M");
    read.map_err(|_| Refusal::Bad("visits-time"))
}

pub(crate) fn day_of(day: NaiveDate, location: &str) -> Response {
    let location: String = url::form_urlencoded::byte_serialize(location.as_bytes()).collect();
    Redirect::to(&format!("/console/visits?day={day}&location={location}")).into_response()
}

/// The visit at exactly this time; otherwise the nearest ones are told.
async fn free(
    console: &Shared,
    firm: &Business,
    me: &Me,
    mut wish: Wish,
    at: NaiveDateTime,
) -> Result<Visit, Refusal> {
    wish.location = me.location().map(str::to_owned);
    if wish.fault(firm, false).is_some() {
        return Err(Refusal::Bad("visits-cannot"));
    }
    if at <= firm.local(console.clock().now()).naive_local() {
        return Err(Refusal::Bad("visits-past"));
    }
    let book = book(console);
    let found = book.find(firm, &wish.at(at), Asker::Staff, NEAREST).await?;
    match found.visits.first() {
        Some(visit) if found.exact => Ok(visit.clone()),
        _ => {
            let near = found.visits.iter().map(|visit| {
                let at = visit.starts_at().with_timezone(&firm.time_zone);
                at.format("%d.%m %H:%M").to_string()
            });
            Err(Refusal::NotFree(near.collect::<Vec<_>>().join(", ")))
        }
    }
}
