//! People of the firm: who may come in, and as what.

use axum::extract::{Extension, Form, Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Deserialize;
use uuid::Uuid;
use zapis_core::store::{NewStaff, Role, StaffChange, StaffChanged, StaffMember};

use crate::door::{Me, believed, invitation, note};
use crate::page::View;
use crate::refusal::Refusal;
use crate::{Console, Shared};

/// The longest name or login.
const LONGEST: usize = 60;

/// `GET /console/people`
pub(crate) async fn list(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
) -> Result<Html<String>, Refusal> {
    page(&console, &me, None, None).await
}

async fn page(
    console: &Shared,
    me: &Me,
    link: Option<(&StaffMember, &str)>,
    problem: Option<&str>,
) -> Result<Html<String>, Refusal> {
    let view = View::of(console, me).await;
    let locations = view.firm.iter().flat_map(|firm| &firm.locations);
    let locations = locations.map(|one| (&one.id, one.name.in_language(view.language())));
    let locations: Vec<_> = locations.collect();
    let everybody = console.store().staff().await?;
    let one = |member: &StaffMember| {
        context! {
            id => member.id.to_string(),
            name => member.name.as_str(),
            login => member.login.as_str(),
            role => member.role.name(),
            location => member.location.as_deref(),
            invited => !member.has_password,
            disabled => member.disabled_at.is_some(),
            second_factor => member.has_second_factor,
            me => member.id == me.member.id,
        }
    };
    let what = context! {
        everybody => everybody.iter().map(one).collect::<Vec<Value>>(),
        roles => Value::from(Serde(Role::ALL.map(Role::name))),
        locations => Value::from(Serde(locations)),
        link => link.map(|(member, link)| context! { name => member.name.as_str(), address => link }),
        problem,
    };
    view.page("people.html", "people", what).await
}

/// Somebody new.
#[derive(Debug, Deserialize)]
pub(crate) struct New {
    name: String,
    login: String,
    role: Role,
    #[serde(default)]
    location: String,
}

/// `POST /console/people`
pub(crate) async fn add(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Form(new): Form<New>,
) -> Result<Html<String>, Refusal> {
    let fits = |text: &str| (1..=LONGEST).contains(&text.trim().chars().count());
    let login = new.login.trim().to_lowercase();
    if !fits(&new.name) || !fits(&login) || login.contains(char::is_whitespace) {
        return page(&console, &me, None, Some("people-bad")).await;
    }
    let new = NewStaff {
        login,
        name: new.name,
        role: new.role,
        location: Some(new.location).filter(|location| !location.is_empty()),
        language: "ru".to_owned(),
    };
    let now = console.clock().now();
    let Some(member) = console.store().add_staff(&new, now).await? else {
        return page(&console, &me, None, Some("people-taken")).await;
    };
    note(&console, &me.member, "staff_added", Some(&member.login)).await?;
    invite(&console, &me, &member).await
}

async fn invite(console: &Shared, me: &Me, member: &StaffMember) -> Result<Html<String>, Refusal> {
    let now = console.clock().now();
    let link = invitation(console.store(), &console.public_url, member, now).await?;
    page(console, me, Some((member, link.expose())), None).await
}

/// `POST /console/people/{id}/link`: another link, for who has forgotten the password.
pub(crate) async fn link(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path(id): Path<Uuid>,
) -> Result<Html<String>, Refusal> {
    let member = console.store().staff_member(id).await?;
    let member = member.filter(|member| member.disabled_at.is_none());
    let member = member.ok_or(Refusal::Unknown)?;
    note(&console, &me.member, "staff_link", Some(&member.login)).await?;
    invite(&console, &me, &member).await
}

/// `POST /console/people/{id}/totp`: no code is asked any more, for who has lost the phone.
pub(crate) async fn end_second_factor(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path(id): Path<Uuid>,
) -> Result<Response, Refusal> {
    let member = console.store().staff_member(id).await?;
    let member = member.ok_or(Refusal::Unknown)?;
    if id == me.member.id {
        // One's own is ended with a proof, on one's own page.
        return Ok(Redirect::to("/console/me").into_response());
    }
    if console.store().end_totp(id).await? {
        note(&console, &me.member, "totp_off", Some(&member.login)).await?;
    }
    Ok(Redirect::to("/console/people").into_response())
}

/// What is changed about somebody.
#[derive(Debug, Deserialize)]
pub(crate) struct Changes {
    role: Option<Role>,
    location: Option<String>,
    disabled: Option<bool>,
}

/// `POST /console/people/{id}`
pub(crate) async fn change(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Path(id): Path<Uuid>,
    Form(form): Form<Changes>,
) -> Result<Response, Refusal> {
    let location = form
        .location
        .map(|location| Some(location).filter(|one| !one.is_empty()));
    let change = StaffChange {
        role: form.role,
        location,
        language: None,
        disabled: form.disabled,
    };
    let now = console.clock().now();
    match console.store().change_staff(id, &change, now).await? {
        StaffChanged::Done => {
            let about = format!("{id} {:?} {:?}", form.role, form.disabled);
            note(&console, &me.member, "staff_changed", Some(&about)).await?;
            Ok(Redirect::to("/console/people").into_response())
        }
        StaffChanged::Unknown => Err(Refusal::Unknown),
        StaffChanged::LastOwner => {
            let page = page(&console, &me, None, Some("people-last-owner")).await?;
            Ok(page.into_response())
        }
    }
}

/// In which language somebody reads.
#[derive(Debug, Deserialize)]
pub(crate) struct Reads {
    language: String,
    #[serde(default)]
    back: String,
}

/// `POST /console/language`
pub(crate) async fn language(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Form(form): Form<Reads>,
) -> Result<Response, Refusal> {
    let change = StaffChange {
        language: Some(crate::page::language(&form.language).code().to_owned()),
        ..StaffChange::default()
    };
    let now = console.clock().now();
    console
        .store()
        .change_staff(me.member.id, &change, now)
        .await?;
    Ok(Redirect::to(believed(&form.back)).into_response())
}
