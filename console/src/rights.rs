//! Who may open what: one table, from which the router is made.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use zapis_core::store::Role;

use crate::refusal::Refusal;
use crate::{
    Console, chats, copilot, door, drafts, health, knowledge, live, people, sheet, visits,
};

/// What somebody must be to open a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Anybody.
    Nothing,
    /// Somebody of the firm, of this role at least.
    Role(Role),
}

impl Need {
    /// Whether this role is enough.
    pub fn is_met_by(self, role: Option<Role>) -> bool {
        match self {
            Self::Nothing => true,
            Self::Role(least) => role.is_some_and(|role| role >= least),
        }
    }
}

/// A way into the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// As the router takes it.
    pub path: &'static str,
    /// Who may open it.
    pub need: Need,
}

const STAFF: Need = Need::Role(Role::Administrator);
const MANAGERS: Need = Need::Role(Role::Manager);
const OWNERS: Need = Need::Role(Role::Owner);

type Ways = Vec<(Route, MethodRouter<Console>)>;

fn way(
    method: &'static str,
    path: &'static str,
    need: Need,
    handler: MethodRouter<Console>,
) -> (Route, MethodRouter<Console>) {
    (Route { method, path, need }, handler)
}

/// In and out.
fn doors() -> Ways {
    use Need::Nothing;
    vec![
        way("GET", "/console/login", Nothing, get(door::ask)),
        way("POST", "/console/login", Nothing, post(door::log_in)),
        way(
            "GET",
            "/console/link/{token}",
            Nothing,
            get(door::ask_password),
        ),
        way(
            "POST",
            "/console/link/{token}",
            Nothing,
            post(door::set_password),
        ),
        way("POST", "/console/logout", STAFF, post(door::log_out)),
        way(
            "POST",
            "/console/logout/everywhere",
            STAFF,
            post(door::log_out_everywhere),
        ),
        way("POST", "/console/language", STAFF, post(people::language)),
    ]
}

/// Chats with customers.
fn conversations() -> Ways {
    vec![
        way("GET", "/console/", STAFF, get(chats::inbox)),
        way("GET", "/console/inbox", STAFF, get(chats::list)),
        way("GET", "/console/live", STAFF, get(live::stream)),
        way("GET", "/console/chats/{chat}", STAFF, get(chats::open)),
        way(
            "GET",
            "/console/chats/{chat}/lines",
            STAFF,
            get(chats::lines),
        ),
        way(
            "POST",
            "/console/chats/{chat}/take",
            STAFF,
            post(chats::take),
        ),
        way(
            "GET",
            "/console/chats/{chat}/help",
            STAFF,
            get(copilot::show),
        ),
        way(
            "POST",
            "/console/chats/{chat}/suggest",
            STAFF,
            post(copilot::suggest),
        ),
        way("POST", "/console/chats/{chat}/say", STAFF, post(chats::say)),
        way(
            "POST",
            "/console/chats/{chat}/back",
            STAFF,
            post(chats::give_back),
        ),
        way(
            "POST",
            "/console/chats/{chat}/note",
            STAFF,
            post(chats::note),
        ),
        way(
            "POST",
            "/console/chats/{chat}/assign",
            STAFF,
            post(chats::assign),
        ),
        way(
            "POST",
            "/console/chats/{chat}/snooze",
            STAFF,
            post(chats::snooze),
        ),
    ]
}

/// Everything else.
fn rooms() -> Ways {
    vec![
        way("GET", "/console/drafts", STAFF, get(drafts::list)),
        way("POST", "/console/drafts/{id}", STAFF, post(drafts::decide)),
        way("GET", "/console/visits", STAFF, get(sheet::day)),
        way("GET", "/console/visits/week", STAFF, get(sheet::week)),
        way("POST", "/console/visits/blocks", STAFF, post(visits::block)),
        way(
            "POST",
            "/console/visits/blocks/{id}",
            STAFF,
            post(visits::unblock),
        ),
        way("POST", "/console/visits", STAFF, post(visits::add)),
        way(
            "POST",
            "/console/visits/{id}/move",
            STAFF,
            post(visits::shift),
        ),
        way(
            "POST",
            "/console/visits/{id}/mark",
            STAFF,
            post(visits::mark),
        ),
        way("GET", "/console/health", MANAGERS, get(health::show)),
        way("GET", "/console/people", OWNERS, get(people::list)),
        way("POST", "/console/people", OWNERS, post(people::add)),
        way("POST", "/console/people/{id}", OWNERS, post(people::change)),
        way(
            "POST",
            "/console/people/{id}/link",
            OWNERS,
            post(people::link),
        ),
    ]
}

/// What the bot knows.
fn known() -> Ways {
    let upload = DefaultBodyLimit::max(knowledge::UPLOAD);
    vec![
        way("GET", "/console/knowledge", MANAGERS, get(knowledge::list)),
        way(
            "GET",
            "/console/knowledge/entry",
            MANAGERS,
            get(knowledge::open),
        ),
        way(
            "POST",
            "/console/knowledge/entry",
            MANAGERS,
            post(knowledge::write),
        ),
        way("GET", "/console/replies", MANAGERS, get(copilot::replies)),
        way(
            "POST",
            "/console/replies/{id}",
            MANAGERS,
            post(copilot::write_reply),
        ),
        way(
            "GET",
            "/console/knowledge/gaps",
            MANAGERS,
            get(knowledge::gaps),
        ),
        way(
            "GET",
            "/console/knowledge/import",
            MANAGERS,
            get(knowledge::ask_document),
        ),
        way(
            "POST",
            "/console/knowledge/import",
            MANAGERS,
            post(knowledge::bring).layer(upload),
        ),
        way(
            "GET",
            "/console/knowledge/versions",
            MANAGERS,
            get(knowledge::versions),
        ),
        way(
            "POST",
            "/console/knowledge/rollback",
            MANAGERS,
            post(knowledge::roll_back),
        ),
    ]
}

fn ways() -> Ways {
    let mut ways = doors();
    ways.extend(conversations());
    ways.extend(known());
    ways.extend(rooms());
    ways
}

/// Every way into the console, and who may take it.
pub fn table() -> Vec<Route> {
    ways().into_iter().map(|(route, _)| route).collect()
}

/// The router: each way with its guard.
pub(crate) fn router(console: &Console) -> Router<Console> {
    let mut router = Router::new();
    for (route, handler) in ways() {
        let guard = from_fn_with_state((console.clone(), route.need), guard);
        router = router.route(route.path, handler.layer(guard));
    }
    router
}

async fn guard(
    axum::extract::State((console, need)): axum::extract::State<(Console, Need)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let me = door::who(&console, request.headers()).await?;
    let role = me.as_ref().map(|me| me.member.role);
    if !need.is_met_by(role) {
        return match role {
            Some(_) => Err(Refusal::Forbidden),
            None => Ok(door::ask_to_log_in(&request)),
        };
    }
    let Some(mut me) = me else {
        return Ok(next.run(request).await);
    };
    let (renewed, language) = (me.cookie.take(), me.language());
    request.extensions_mut().insert(me);
    let mut response = next.run(request).await;
    response.extensions_mut().insert(language);
    let renewed = renewed.and_then(|cookie| HeaderValue::from_str(&cookie).ok());
    if let Some(cookie) = renewed {
        // Who logs out just now has one already.
        response
            .headers_mut()
            .entry(header::SET_COOKIE)
            .or_insert(cookie);
    }
    Ok(response)
}
