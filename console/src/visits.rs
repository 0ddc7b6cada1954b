//! The day: who comes when to whom, and whether she came.

use std::collections::BTreeMap;

use axum::extract::{Extension, Form, Path, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{Days, NaiveDate, TimeDelta};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Deserialize;
use uuid::Uuid;
use zapis_core::ids;
use zapis_core::store::{Booking, BookingChange, Change, Changed, Role, Status};
use zapis_workers::book::open_of;

use crate::Console;
use crate::door::Me;
use crate::page::View;
use crate::refusal::Refusal;
use crate::words;

/// How often a mark is tried on a visit that others change.
const TRIES: usize = 5;

/// Which day.
#[derive(Debug, Deserialize)]
pub(crate) struct Wish {
    day: Option<NaiveDate>,
    #[serde(default)]
    location: String,
}

/// `GET /console/visits`
pub(crate) async fn day(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Query(wish): Query<Wish>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(&console, &me).await;
    let firm = console.firm().await.ok_or(Refusal::Bad("visits-no-firm"))?;
    let today = view.now.with_timezone(&view.zone).date_naive();
    let day = wish.day.unwrap_or(today);
    let starts = open_of(view.zone, day, 0);
    let ends = day
        .checked_add_days(Days::new(1))
        .map_or(starts + TimeDelta::days(1), |next| {
            open_of(view.zone, next, 0)
        });
    // An administrator of one location sees no other.
    let own = me
        .member
        .location
        .clone()
        .filter(|_| me.member.role == Role::Administrator);
    let location = own.clone().unwrap_or(wish.location);
    let bookings = console.store().bookings_between(starts, ends).await?;
    let mut by_person: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut visits = 0;
    for booking in &bookings {
        let here = location.is_empty() || booking.visit.location == location;
        if !here || is_cancelled(booking.status) {
            continue;
        }
        visits += 1;
        for item in &booking.visit.items {
            let starts = item.starts_at.with_timezone(&view.zone);
            let ends = item.ends_at.with_timezone(&view.zone);
            let service = firm.services.iter().find(|one| one.id == item.service);
            let service = service.map_or(item.service.as_str(), |one| {
                one.name.in_language(view.language())
            });
            let shown = context! {
                id => booking.id.to_string(),
                from => starts.format("%H:%M").to_string(),
                until => ends.format("%H:%M").to_string(),
                service,
                name => booking.name.as_str(),
                phone => booking.phone.as_deref(),
                notes => booking.notes.as_deref(),
                status => booking.status.name(),
                chat => booking.conversation.as_ref().map(|chat| {
                    url::form_urlencoded::byte_serialize(chat.as_str().as_bytes()).collect::<String>()
                }),
                key => Uuid::new_v4().to_string(),
            };
            by_person
                .entry(item.resource.clone())
                .or_default()
                .push(shown);
        }
    }
    let people = firm
        .staff
        .iter()
        .filter(|one| location.is_empty() || one.location == location);
    let columns: Vec<Value> = people
        .map(|one| {
            let visits = by_person.remove(&one.id).unwrap_or_default();
            context! {
                name => one.name.in_language(view.language()),
                role => one.role.in_language(view.language()),
                visits,
            }
        })
        .collect();
    let locations = firm.locations.iter().filter(|_| own.is_none());
    let locations = locations.map(|one| (one.id.clone(), one.name.in_language(view.language())));
    let other = |days: i64| (day + TimeDelta::days(days)).to_string();
    let what = context! {
        day => day.to_string(),
        day_words => words::day(view.language(), day),
        is_today => day == today,
        today => today.to_string(),
        before => other(-1),
        after => other(1),
        location,
        locations => Value::from(Serde(locations.collect::<Vec<_>>())),
        columns,
        count => visits,
    };
    view.page("visits.html", "visits", what).await
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
    ];
    let mut status = status.into_iter();
    let status = status
        .find(|one| one.name() == form.status)
        .ok_or(Refusal::Unknown)?;
    let store = console.store();
    let cause = ids::derive(&["console", &me.member.id.to_string(), &form.key.to_string()]);
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
fn is_seen_by(booking: &Booking, me: &Me) -> bool {
    let own = me
        .member
        .location
        .as_ref()
        .filter(|_| me.member.role == Role::Administrator);
    own.is_none_or(|own| booking.visit.location == *own)
}
