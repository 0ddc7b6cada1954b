//! What somebody sees to herself: the password, the second factor, where she is logged in.

use axum::extract::{Extension, Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use minijinja::{Value, context};
use serde::Deserialize;
use zapis_core::config::Secret;

use crate::door::{self, Chosen, Me, note};
use crate::page::View;
use crate::refusal::Refusal;
use crate::totp;
use crate::{Console, Shared};

/// `GET /console/me`
pub(crate) async fn show(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
) -> Result<Html<String>, Refusal> {
    page(&console, &me, context! {}).await
}

/// The page; `what` says more than it does by itself: `problem`, `recovery`, a `secret` that was offered before.
async fn page(console: &Shared, me: &Me, what: Value) -> Result<Html<String>, Refusal> {
    let view = View::of(console, me).await;
    let store = console.store();
    let on = store.totp_secret(me.member.id).await?.is_some();
    let offered = what.get_attr("secret").ok();
    let offered = offered.and_then(|secret| secret.as_str().map(Secret::new));
    let secret = offered.unwrap_or_else(totp::secret);
    let firm = view.firm.as_ref();
    let firm = firm.map_or("zapis", |firm| firm.name.in_language(view.language()));
    let known = context! {
        login => me.member.login.as_str(),
        shortest => door::SHORTEST,
        sessions => store.count_staff_sessions(me.member.id, view.now).await?,
        on,
        left => store.recovery_codes(me.member.id).await?,
        secret => secret.expose(),
        grouped => totp::grouped(secret.expose()),
        picture => totp::picture(firm, &me.member.login, &secret),
        problem => (),
        refused => (),
        recovery => (),
    };
    view.page("me.html", "me", context! { ..what, ..known })
        .await
}

/// The page with what is wrong; `about` is the form that was refused.
async fn refused(
    console: &Shared,
    me: &Me,
    about: &str,
    problem: &str,
    secret: Option<&str>,
) -> Result<Response, Refusal> {
    let what = context! { refused => about, problem };
    let what = match secret {
        Some(secret) => context! { secret, ..what },
        None => what,
    };
    let page = page(console, me, what).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// The secret that the page offered, and a code of it.
#[derive(Deserialize)]
pub(crate) struct Offered {
    secret: String,
    code: String,
    /// The present password: who has found an open browser does not bind an app of their own.
    #[serde(default)]
    password: String,
}

/// `POST /console/me/totp`: nothing is kept before a code has shown that the app knows the secret.
pub(crate) async fn switch_on(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Form(offered): Form<Offered>,
) -> Result<Response, Refusal> {
    let secret = Secret::new(totp::tidy(&offered.secret));
    let now = console.clock().now();
    let Some(step) = totp::step_of(&secret, &totp::tidy(&offered.code), now) else {
        return refused(&console, &me, "totp", "totp-wrong", Some(secret.expose())).await;
    };
    door::wait_for_password(&console, &me.member).await?;
    if !door::knows_password(&console, &me.member, offered.password).await? {
        let shown = Some(secret.expose());
        return refused(&console, &me, "totp", "totp-password-wrong", shown).await;
    }
    let codes = totp::recovery_codes();
    let store = console.store();
    if !store
        .begin_totp(me.member.id, &secret, step, &codes)
        .await?
    {
        return Err(Refusal::Bad("totp-already"));
    }
    note(&console, &me.member, "totp_on", None).await?;
    let codes = codes.iter().map(|code| totp::grouped(code.expose()));
    let recovery = codes.collect::<Vec<_>>();
    Ok(page(&console, &me, context! { recovery })
        .await?
        .into_response())
}

/// A password or a code.
#[derive(Deserialize)]
pub(crate) struct Proof {
    proof: String,
}

/// `POST /console/me/totp/off`
pub(crate) async fn switch_off(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Form(form): Form<Proof>,
) -> Result<Response, Refusal> {
    door::wait_for_try(&console, &me.member).await?;
    let by_code = door::proves(&console, &me.member, &form.proof).await?;
    if !by_code && !door::knows_password(&console, &me.member, form.proof).await? {
        return refused(&console, &me, "off", "totp-off-wrong", None).await;
    }
    console.store().end_totp(me.member.id).await?;
    note(&console, &me.member, "totp_off", None).await?;
    Ok(page(&console, &me, context! {}).await?.into_response())
}

/// Another password, and the present one.
#[derive(Deserialize)]
pub(crate) struct Another {
    present: String,
    #[serde(flatten)]
    chosen: Chosen,
}

/// `POST /console/me/password`: who was logged in anywhere else is out.
pub(crate) async fn change_password(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    headers: HeaderMap,
    Form(form): Form<Another>,
) -> Result<Response, Refusal> {
    if let Some(problem) = form.chosen.problem() {
        return refused(&console, &me, "password", problem, None).await;
    }
    door::wait_for_try(&console, &me.member).await?;
    if !door::knows_password(&console, &me.member, form.present).await? {
        return refused(&console, &me, "password", "password-wrong", None).await;
    }
    let hash = form.chosen.hashed().await?;
    if !console
        .store()
        .set_staff_password(me.member.id, &hash)
        .await?
    {
        return Err(Refusal::Forbidden);
    }
    note(&console, &me.member, "password_changed", None).await?;
    door::begin(&console, &me.member, &headers, "/console/me").await
}
