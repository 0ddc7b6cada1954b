//! Logging in and out: passwords, the cookie, links to choose a password, where requests come from.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, PasswordHash};
use axum::extract::{ConnectInfo, Extension, Form, Path, Query, Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, TimeDelta, Utc};
use minijinja::context;
use serde::Deserialize;
use tracing::{info, warn};
use url::Url;
use uuid::Uuid;
use zapis_core::config::Secret;
use zapis_core::event::{Event, Kind};
use zapis_core::ids;
use zapis_core::sessions::Rate;
use zapis_core::store::{Role, StaffMember, Store, StoreError};
use zapis_workers::words::Language;

use crate::refusal::Refusal;
use crate::{Console, Shared, totp};

/// What the browser keeps.
const COOKIE: &str = "zapis_console";
/// How long somebody who does nothing stays logged in.
const IDLE: TimeDelta = TimeDelta::days(7);
/// How often it is noted that somebody is there.
const NOTED: TimeDelta = TimeDelta::minutes(5);
/// How long a link to choose a password can be used.
const LINK: TimeDelta = TimeDelta::days(3);
/// Shorter ones are guessed.
pub(crate) const SHORTEST: usize = 10;
/// Longer ones only cost time.
const LONGEST: usize = 200;
/// Tries to log in as one person: some at once, then one a minute.
const TRIES: Rate = Rate {
    burst: 8,
    every: Duration::from_mins(1),
};
/// Tries from one address.
const KNOCKS: Rate = Rate {
    burst: 30,
    every: Duration::from_secs(10),
};

/// Codes of one person: who knows the password guesses none of a million.
const CODES: Rate = Rate {
    burst: 6,
    every: Duration::from_mins(5),
};
/// How long the code may be typed after the password.
const HALF_WAY: TimeDelta = TimeDelta::minutes(5);

/// Who is here.
#[derive(Debug, Clone)]
pub(crate) struct Me {
    pub(crate) member: StaffMember,
    token: String,
    /// The cookie anew, where its time has grown.
    pub(crate) cookie: Option<String>,
}

impl Me {
    pub(crate) fn language(&self) -> Language {
        crate::page::language(&self.member.language)
    }

    /// What this person does by a form, for which a page chose a key: sent twice it is one deed. All forms of a
    /// page may have one key, so `what` tells the deed.
    pub(crate) fn deed(&self, key: Uuid, what: &[&str]) -> Uuid {
        let (who, key) = (self.member.id.to_string(), key.to_string());
        let named = ["console", &who, &key];
        ids::derive(&[&named, what].concat())
    }

    /// The only location whose visits this person sees.
    pub(crate) fn location(&self) -> Option<&str> {
        let own = self.member.location.as_deref();
        own.filter(|_| self.member.role == Role::Administrator)
    }
}

/// What somebody typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    login: String,
    password: String,
    #[serde(default)]
    back: String,
}

#[derive(Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    back: String,
}

/// A password that was chosen.
#[derive(Deserialize)]
pub(crate) struct Chosen {
    password: String,
    again: String,
}

impl Chosen {
    /// The key of the words that say why it cannot be taken.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let length = self.password.chars().count();
        if !(SHORTEST..=LONGEST).contains(&length) {
            Some("password-length")
        } else if self.password != self.again {
            Some("password-differs")
        } else {
            None
        }
    }

    /// As it is kept.
    pub(crate) async fn hashed(self) -> Result<Secret, Refusal> {
        let hash = tokio::task::spawn_blocking(move || hashed(&self.password));
        let hash = hash.await.ok().and_then(Result::ok);
        Ok(Secret::new(hash.ok_or(Refusal::Bad("password-length"))?))
    }
}

/// The code of the second factor, of who has typed the password.
#[derive(Deserialize)]
pub(crate) struct SecondStep {
    half: String,
    code: String,
    #[serde(default)]
    back: String,
}

/// Makes a link with which somebody chooses a password, and so comes in.
pub async fn invitation(
    store: &Store,
    public_url: &str,
    member: &StaffMember,
    now: DateTime<Utc>,
) -> Result<Secret, StoreError> {
    let token = store.add_staff_link(member.id, now + LINK).await?;
    let link = format!("{public_url}/console/link/{}", token.expose());
    Ok(Secret::new(link))
}

/// Refuses what another site sends in the name of somebody who is logged in here.
pub(crate) async fn same_origin(
    State(console): State<Console>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && !is_ours(request.headers(), &console.public_url) {
        return Err(Refusal::Foreign);
    }
    Ok(next.run(request).await)
}

/// Whether a page of ours sent it: by the origin that every browser tells with a form.
fn is_ours(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text(header::ORIGIN).and_then(|origin| Url::parse(origin).ok()) else {
        return false;
    };
    let at = |url: &Url| Some((url.host_str()?.to_owned(), url.port_or_known_default()));
    let here = Url::parse(public_url).ok().as_ref().and_then(at);
    // Behind a proxy it is the public address; without one the address that the browser asked.
    let host = text(header::HOST)
        .and_then(|host| Url::parse(&format!("{}://{host}", origin.scheme())).ok());
    at(&origin).is_some() && (at(&origin) == here || at(&origin) == host.as_ref().and_then(at))
}

/// Who the browser belongs to.
pub(crate) async fn who(console: &Shared, headers: &HeaderMap) -> Result<Option<Me>, Refusal> {
    let Some(token) = token(headers) else {
        return Ok(None);
    };
    let now = console.clock().now();
    let Some(session) = console.store().staff_session(&token, now).await? else {
        return Ok(None);
    };
    let mut renewed = None;
    if now - session.seen_at > NOTED {
        let ends_at = now + IDLE;
        renewed = Some(cookie(console, &token, IDLE.num_seconds()));
        console
            .store()
            .touch_staff_session(&token, now, ends_at)
            .await?;
    }
    Ok(Some(Me {
        member: session.member,
        token,
        cookie: renewed,
    }))
}

fn token(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let cookies = cookies.filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';'));
    pairs.find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        let usable = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        (name == COOKIE && usable).then(|| value.to_owned())
    })
}

/// In which language a stranger wants to read.
pub(crate) fn language(headers: &HeaderMap) -> Language {
    let wanted = headers.get(header::ACCEPT_LANGUAGE);
    let wanted = wanted.and_then(|value| value.to_str().ok()).unwrap_or("ru");
    crate::page::language(wanted.get(..2).unwrap_or("ru"))
}

/// Leads a stranger to the door, and after it to where she wanted to go.
pub(crate) fn ask_to_log_in(request: &Request) -> Response {
    let asked = request.uri().path_and_query().map(PathAndQuery::as_str);
    let back = asked.filter(|_| request.method() == Method::GET);
    let mut way = url::form_urlencoded::Serializer::new(String::new());
    way.append_pair("back", back.unwrap_or("/console/"));
    Redirect::to(&format!("/console/login?{}", way.finish())).into_response()
}

/// Only ways into the console lead on after logging in.
pub(crate) fn believed(back: &str) -> &str {
    let inside = back.starts_with("/console/") && !back.contains(['\\', '\n', '\r']);
    if inside { back } else { "/console/" }
}

fn cookie(console: &Shared, value: &str, age: i64) -> String {
    let secure = if console.public_url.starts_with("https://") {
        "; Secure"
    } else {
        ""
    };
    format!("{COOKIE}={value}; Path=/console; HttpOnly; SameSite=Lax; Max-Age={age}{secure}")
}

/// `GET /console/login`
pub(crate) async fn ask(
    State(console): State<Console>,
    Query(back): Query<Back>,
    headers: HeaderMap,
) -> Result<Html<String>, Refusal> {
    form(&console, &headers, "", believed(&back.back), None)
}

fn form(
    console: &Shared,
    headers: &HeaderMap,
    login: &str,
    back: &str,
    problem: Option<&str>,
) -> Result<Html<String>, Refusal> {
    let open = console.open_for.is_some();
    let what = context! { login, back, problem, open };
    Ok(console.pages.plain("login.html", language(headers), what)?)
}

/// `POST /console/login`
pub(crate) async fn log_in(
    State(console): State<Console>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Result<Response, Refusal> {
    let login = typed.login.trim().to_lowercase();
    let back = believed(&typed.back);
    let known = if console.open_for.as_deref() == Some(&*login) && typed.password.is_empty() {
        console
            .store()
            .staff()
            .await?
            .into_iter()
            .find(|one| one.login == login)
    } else {
        wait_for_place(&console, &format!("console:from:{}", client.ip()), KNOCKS).await?;
        let whom = ids::derive(&["console login", &login]);
        wait_for_place(&console, &format!("console:login:{whom}"), TRIES).await?;
        verified(&console, &login, typed.password).await?
    };
    let Some(member) = known else {
        refused();
        let page = form(&console, &headers, &typed.login, back, Some("login-wrong"))?;
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    };
    come_in(&console, &member, &headers, back).await
}

/// Who has proved herself is in, or owes the code of her app.
async fn come_in(
    console: &Shared,
    member: &StaffMember,
    headers: &HeaderMap,
    back: &str,
) -> Result<Response, Refusal> {
    if !member.has_second_factor {
        return begin(console, member, headers, back).await;
    }
    let now = console.clock().now();
    let half = console.store();
    let half = half
        .begin_half_login(member.id, now, now + HALF_WAY)
        .await?;
    Ok(code_form(console, headers, half.expose(), back, None)?.into_response())
}

fn code_form(
    console: &Shared,
    headers: &HeaderMap,
    half: &str,
    back: &str,
    problem: Option<&str>,
) -> Result<Html<String>, Refusal> {
    let what = context! { half, back, problem };
    Ok(console.pages.plain("code.html", language(headers), what)?)
}

/// `POST /console/login/code`: the second step.
pub(crate) async fn second_step(
    State(console): State<Console>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(typed): Form<SecondStep>,
) -> Result<Response, Refusal> {
    wait_for_place(&console, &format!("console:from:{}", client.ip()), KNOCKS).await?;
    let back = believed(&typed.back);
    let (store, now) = (console.store(), console.clock().now());
    let late = || {
        let page = form(&console, &headers, "", back, Some("login-late"))?;
        Ok((StatusCode::UNAUTHORIZED, page).into_response())
    };
    let Some(member) = store.half_login(&typed.half, now).await? else {
        return late();
    };
    wait_for_try(&console, &member).await?;
    if !proves(&console, &member, &typed.code).await? {
        refused();
        let page = code_form(&console, &headers, &typed.half, back, Some("totp-wrong"))?;
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    }
    if !store.end_half_login(&typed.half).await? {
        return late();
    }
    begin(&console, &member, &headers, back).await
}

/// Whether this is a code of her app, or a recovery code, that was not used before. It is used then.
pub(crate) async fn proves(
    console: &Shared,
    member: &StaffMember,
    typed: &str,
) -> Result<bool, Refusal> {
    let (store, now, typed) = (console.store(), console.clock().now(), totp::tidy(typed));
    let Some(secret) = store.totp_secret(member.id).await? else {
        return Ok(false);
    };
    if let Some(step) = totp::step_of(&secret, &typed, now) {
        return Ok(store.use_totp_step(member.id, step).await?);
    }
    let used = store.use_recovery_code(member.id, &typed).await?;
    if used {
        note(console, member, "recovery_code_used", None).await?;
    }
    Ok(used)
}

/// Whether this is her password.
pub(crate) async fn knows_password(
    console: &Shared,
    member: &StaffMember,
    password: String,
) -> Result<bool, Refusal> {
    Ok(verified(console, &member.login, password).await?.is_some())
}

/// Waits for a place among those who type the password of somebody who is in already.
pub(crate) async fn wait_for_password(
    console: &Shared,
    member: &StaffMember,
) -> Result<(), Refusal> {
    wait_for_place(console, &format!("console:password:{}", member.id), CODES).await
}

/// Who guesses what only she knows must wait.
pub(crate) async fn wait_for_try(console: &Shared, member: &StaffMember) -> Result<(), Refusal> {
    wait_for_place(console, &format!("console:code:{}", member.id), CODES).await
}

fn refused() {
    metrics::counter!("zapis_console_logins_total", "outcome" => "refused").increment(1);
    warn!("Somebody could not log in to the console");
}

async fn wait_for_place(console: &Shared, bucket: &str, rate: Rate) -> Result<(), Refusal> {
    let wait = console.sessions.reserve(bucket, rate).await?;
    if wait.is_zero() {
        Ok(())
    } else {
        Err(Refusal::TooOften(wait.as_secs().max(1)))
    }
}

/// Somebody whose password this is. Who is not there takes as long.
async fn verified(
    console: &Shared,
    login: &str,
    password: String,
) -> Result<Option<StaffMember>, Refusal> {
    static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hashed("nobody's").ok());
    let known = console.store().staff_by_login(login).await?;
    let (member, hash) = match known {
        Some((member, hash)) => (Some(member), hash.expose().to_owned()),
        None => (None, NOBODY.clone().unwrap_or_default()),
    };
    let fits = tokio::task::spawn_blocking(move || {
        let hash = PasswordHash::new(&hash);
        hash.is_ok_and(|hash| {
            Argon2::default()
                .verify_password(password.as_bytes(), &hash)
                .is_ok()
        })
    });
    let fits = fits.await.unwrap_or(false);
    Ok(member.filter(|_| fits))
}

/// A new session at every log-in, so that nobody can prepare one for somebody else.
pub(crate) async fn begin(
    console: &Shared,
    member: &StaffMember,
    headers: &HeaderMap,
    back: &str,
) -> Result<Response, Refusal> {
    let device = headers.get(header::USER_AGENT);
    let device = device
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or_default();
    let device: String = device.chars().take(200).collect();
    let now = console.clock().now();
    let store = console.store();
    let token = store
        .begin_staff_session(member.id, &device, now, now + IDLE)
        .await?;
    metrics::counter!("zapis_console_logins_total", "outcome" => "in").increment(1);
    note(console, member, "login", None).await?;
    let set = cookie(console, token.expose(), IDLE.num_seconds());
    Ok(([(header::SET_COOKIE, set)], Redirect::to(back)).into_response())
}

/// `POST /console/logout`
pub(crate) async fn log_out(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
) -> Result<Response, Refusal> {
    console.store().end_staff_session(&me.token).await?;
    Ok(out(&console))
}

/// `POST /console/logout/everywhere`
pub(crate) async fn log_out_everywhere(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
) -> Result<Response, Refusal> {
    console.store().end_staff_sessions(me.member.id).await?;
    note(&console, &me.member, "logout_everywhere", None).await?;
    Ok(out(&console))
}

fn out(console: &Shared) -> Response {
    let set = cookie(console, "", 0);
    ([(header::SET_COOKIE, set)], Redirect::to("/console/login")).into_response()
}

/// `GET /console/link/{token}`
pub(crate) async fn ask_password(
    State(console): State<Console>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Html<String>, Refusal> {
    password_form(&console, &token, &headers, None).await
}

async fn password_form(
    console: &Shared,
    token: &str,
    headers: &HeaderMap,
    problem: Option<&str>,
) -> Result<Html<String>, Refusal> {
    let now = console.clock().now();
    let member = console.store().staff_of_link(token, now).await?;
    let member = member.ok_or(Refusal::Bad("link-void"))?;
    let what = context! {
        name => member.name, login => member.login, token, problem, shortest => SHORTEST
    };
    Ok(console
        .pages
        .plain("password.html", language(headers), what)?)
}

/// `POST /console/link/{token}`
pub(crate) async fn set_password(
    State(console): State<Console>,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(chosen): Form<Chosen>,
) -> Result<Response, Refusal> {
    let problem = chosen.problem();
    if problem.is_some() {
        let page = password_form(&console, &token, &headers, problem).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let now = console.clock().now();
    let member = console.store().staff_of_link(&token, now).await?;
    let member = member.ok_or(Refusal::Bad("link-void"))?;
    let hash = chosen.hashed().await?;
    if !console.store().use_staff_link(&token, &hash, now).await? {
        return Err(Refusal::Bad("link-void"));
    }
    info!(staff = %member.id, "Somebody has chosen a password");
    come_in(&console, &member, &headers, "/console/").await
}

fn hashed(password: &str) -> Result<String, argon2::password_hash::Error> {
    let hash = Argon2::default().hash_password(password.as_bytes())?;
    Ok(hash.to_string())
}

/// What somebody of the firm did, in the journal.
pub(crate) async fn note(
    console: &Shared,
    member: &StaffMember,
    action: &str,
    about: Option<&str>,
) -> Result<(), Refusal> {
    let now = console.clock().now();
    let id = Uuid::new_v4();
    let mut event = Event::new(id, Kind::System, now);
    event.staff_id = Some(member.name.clone());
    event.action = Some(action.to_owned());
    event.reason = about.map(str::to_owned);
    event.outcome = Some("done".to_owned());
    console.store().journal(&[event], &[]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(origin: &str, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        if !origin.is_empty() {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        headers.insert(header::HOST, host.parse().unwrap());
        is_ours(&headers, "https://bot.salon.example")
    }

    #[test]
    fn only_pages_of_ours_may_send_forms() {
        assert!(from("https://bot.salon.example", "127.0.0.1:8080"));
        assert!(from("http://127.0.0.1:8080", "127.0.0.1:8080"));
        for origin in [
            "",
            "null",
            "https://stranger.example",
            "https://bot.salon.example.stranger.example",
            "https://bot.salon.example:444",
        ] {
            assert!(!from(origin, "bot.salon.example"), "{origin}");
        }
    }

    #[test]
    fn nobody_is_led_out_of_the_console() {
        assert_eq!(believed("/console/drafts?x=1"), "/console/drafts?x=1");
        for back in [
            "",
            "https://stranger.example",
            "//stranger.example",
            "/console/\\x",
        ] {
            assert_eq!(believed(back), "/console/", "{back}");
        }
    }
}
