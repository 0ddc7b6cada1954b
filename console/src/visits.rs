//! The day: who comes when to whom, and whether she came.

use std::collections::BTreeMap;

use axum::extract::{Extension, Form, Path, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{Days, NaiveDate, NaiveDateTime, TimeDelta, Timelike};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Deserialize;
use uuid::Uuid;
use zapis_core::store::{
    Booked, Booking, BookingChange, Change, Changed, Item, NewBooking, Status, Visit, Wanted,
};
use zapis_workers::book::{Asker, Book, Calendar, Wish, WishItem, open_of};
use zapis_workers::business::Business;
use zapis_workers::understand::phone_number;

use crate::door::Me;
use crate::page::{View, link};
use crate::refusal::Refusal;
use crate::words;
use crate::{Console, Shared};

/// How many other times are told.
const NEAREST: usize = 5;
/// How often a mark is tried on a visit that others change.
const TRIES: usize = 5;

/// Which day.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    day: Option<NaiveDate>,
    #[serde(default)]
    location: String,
}

/// `GET /console/visits`
pub(crate) async fn day(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Query(wish): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let firm = view.firm.as_deref().ok_or(Refusal::Bad("visits-no-firm"))?;
    let today = view.now.with_timezone(&view.zone).date_naive();
    let day = wish.day.unwrap_or(today);
    let starts = open_of(view.zone, day, 0);
    let ends = day
        .checked_add_days(Days::new(1))
        .map_or(starts + TimeDelta::days(1), |next| {
            open_of(view.zone, next, 0)
        });
    let own = me.location();
    let location = own.map_or(wish.location, str::to_owned);
    let bookings = console.store().bookings_between(starts, ends).await?;
    let here = |booking: &&Booking| location.is_empty() || booking.visit.location == location;
    let bookings = bookings.iter().filter(here);
    let bookings: Vec<&Booking> = bookings.filter(|one| !is_cancelled(one.status)).collect();
    let columns = columns(&view, firm, &location, &bookings);
    let locations = firm.locations.iter().filter(|_| own.is_none());
    let locations = locations.map(|one| (one.id.clone(), one.name.in_language(view.language())));
    let other = |days: i64| (day + TimeDelta::days(days)).to_string();
    let services = firm.services.iter().map(|one| {
        let name = one.name.in_language(view.language());
        (one.id.as_str(), name)
    });
    let staff = firm
        .staff
        .iter()
        .filter(|one| own.is_none_or(|own| one.location == own));
    let staff = staff.map(|one| (one.id.as_str(), one.name.in_language(view.language())));
    let what = context! {
        day => day.to_string(),
        day_words => words::day(view.language(), day),
        is_today => day == today,
        before => other(-1),
        after => other(1),
        location,
        locations => Value::from(Serde(locations.collect::<Vec<_>>())),
        columns,
        services => Value::from(Serde(services.collect::<Vec<_>>())),
        staff => Value::from(Serde(staff.collect::<Vec<_>>())),
        key => Uuid::new_v4().to_string(),
        count => bookings.len(),
    };
    view.page("visits.html", "visits", what).await
}

/// Who works here, each with her visits; then those who are not in the firm's file any more.
fn columns(view: &View<'_>, firm: &Business, location: &str, bookings: &[&Booking]) -> Vec<Value> {
    let mut by_person: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for booking in bookings {
        for item in &booking.visit.items {
            let of_person = by_person.entry(&item.resource).or_default();
            of_person.push(card(view, firm, booking, item));
        }
    }
    let people = firm.staff.iter();
    let people = people.filter(|one| location.is_empty() || one.location == location);
    let mut columns: Vec<Value> = people
        .map(|one| {
            context! {
                name => one.name.in_language(view.language()),
                role => one.role.in_language(view.language()),
                visits => by_person.remove(one.id.as_str()).unwrap_or_default(),
            }
        })
        .collect();
    let others = by_person.into_iter();
    columns.extend(others.map(|(name, visits)| context! { name, role => "", visits }));
    columns
}

/// A service of a visit.
fn card(view: &View<'_>, firm: &Business, booking: &Booking, item: &Item) -> Value {
    let starts = item.starts_at.with_timezone(&view.zone);
    let ends = item.ends_at.with_timezone(&view.zone);
    let begins = booking.visit.starts_at().with_timezone(&view.zone);
    let service = firm.services.iter().find(|one| one.id == item.service);
    let service = service.map_or(item.service.as_str(), |one| {
        one.name.in_language(view.language())
    });
    context! {
        id => booking.id.to_string(),
        // The whole visit is moved, not one service of it.
        at => begins.format("%Y-%m-%dT%H:%M").to_string(),
        from => starts.format("%H:%M").to_string(),
        until => ends.format("%H:%M").to_string(),
        service,
        name => booking.name.as_str(),
        phone => booking.phone.as_deref(),
        notes => booking.notes.as_deref(),
        status => booking.status.name(),
        chat => booking.conversation.as_ref().map(link),
        key => Uuid::new_v4().to_string(),
    }
}

const fn is_cancelled(status: Status) -> bool {
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
                let back = format!("/console/visits?day={}", form.day);
                return Ok(Redirect::to(&back).into_response());
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
    let person = Some(typed.person.as_str()).filter(|person| !person.is_empty());
    let wish = Wish::to_move(&found, person);
    let visit = free(&console, &firm, &me, wish, at).await?;
    let change = BookingChange {
        booking: id,
        version: found.version,
        cause: me.deed(typed.key, &["move"]),
        who: me.member.name.clone(),
        conversation: None,
        to: Change::Move(Wanted::Visit(visit)),
    };
    match book(&console).change(&change).await? {
        Changed::Done(_) => Ok(day_of(at)),
        Changed::Stale(_) => Err(Refusal::Bad("visits-busy")),
        Changed::Taken | Changed::NoHold => Err(Refusal::NotFree(String::new())),
        Changed::Unknown => Err(Refusal::Unknown),
    }
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
    let cause = me.deed(typed.key, &["book"]);
    if is_booked(&console, &firm, cause, at).await? {
        return Ok(day_of(at));
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
        Booked::Booked(_) | Booked::Already(_) => Ok(day_of(at)),
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

pub(crate) fn book(console: &Shared) -> Book {
    Book::new(console.store().clone(), console.clock().clone())
}

fn moment(typed: &str) -> Result<NaiveDateTime, Refusal> {
    let read = NaiveDateTime::parse_from_str(typed, "%Y-%m-%dT%H:%M");
    read.map_err(|_| Refusal::Bad("visits-time"))
}

fn day_of(at: NaiveDateTime) -> Response {
    Redirect::to(&format!("/console/visits?day={}", at.date())).into_response()
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
