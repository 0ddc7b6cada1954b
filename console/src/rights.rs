//! Who may open what: one table, from which the router is made.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::handler::Handler;
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use zapis_core::store::Role;

use crate::refusal::Refusal;
use crate::{
    Console, account, ahead, chats, copilot, customers, door, drafts, experiments, figures, files,
    health, hours, journal, knowledge, live, people, presence, quality, reports, settings, sheet,
    visits,
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

type Way = (Route, MethodRouter<Console>);
type Ways = Vec<Way>;

/// A page, or a part of one.
fn reads<H: Handler<T, Console>, T: 'static>(path: &'static str, need: Need, handler: H) -> Way {
    let method = "GET";
    (Route { method, path, need }, get(handler))
}

/// Something that is done.
fn does<H: Handler<T, Console>, T: 'static>(path: &'static str, need: Need, handler: H) -> Way {
    let method = "POST";
    (Route { method, path, need }, post(handler))
}

/// In and out.
fn doors() -> Ways {
    use Need::Nothing;
    vec![
        reads("/console/login", Nothing, door::ask),
        does("/console/login", Nothing, door::log_in),
        does("/console/login/code", Nothing, door::second_step),
        reads("/console/link/{token}", Nothing, door::ask_password),
        does("/console/link/{token}", Nothing, door::set_password),
        does("/console/logout", STAFF, door::log_out),
        does(
            "/console/logout/everywhere",
            STAFF,
            door::log_out_everywhere,
        ),
        does("/console/language", STAFF, people::language),
        reads("/console/me", STAFF, account::show),
        does("/console/me/password", STAFF, account::change_password),
        does("/console/me/totp", STAFF, account::switch_on),
        does("/console/me/totp/off", STAFF, account::switch_off),
    ]
}

/// Chats with customers.
fn conversations() -> Ways {
    vec![
        reads("/console/", STAFF, chats::inbox),
        reads("/console/inbox", STAFF, chats::list),
        reads("/console/live", STAFF, live::stream),
        reads("/console/chats/{chat}", STAFF, chats::open),
        reads("/console/chats/{chat}/lines", STAFF, chats::lines),
        reads(
            "/console/chats/{chat}/files/{inbound}/{position}",
            STAFF,
            files::show,
        ),
        reads("/console/chats/{chat}/here", STAFF, presence::show),
        does("/console/chats/{chat}/here", STAFF, presence::tell),
        does("/console/chats/{chat}/take", STAFF, chats::take),
        reads("/console/chats/{chat}/help", STAFF, copilot::show),
        reads("/console/chats/{chat}/record", MANAGERS, chats::record),
        does("/console/chats/{chat}/suggest", STAFF, copilot::suggest),
        does("/console/chats/{chat}/say", STAFF, chats::say),
        does("/console/chats/{chat}/back", STAFF, chats::give_back),
        does("/console/chats/{chat}/note", STAFF, chats::note),
        does("/console/chats/{chat}/assign", STAFF, chats::assign),
        does("/console/chats/{chat}/snooze", STAFF, chats::snooze),
    ]
}

/// Everything else.
fn rooms() -> Ways {
    vec![
        reads("/console/drafts", STAFF, drafts::list),
        does("/console/drafts/{id}", STAFF, drafts::decide),
        reads("/console/visits", STAFF, sheet::day),
        reads("/console/visits/week", STAFF, sheet::week),
        does("/console/visits/hours", STAFF, hours::set),
        does("/console/visits/blocks", STAFF, visits::block),
        does("/console/visits/blocks/{id}", STAFF, visits::unblock),
        does("/console/visits", STAFF, visits::add),
        does("/console/visits/{id}/move", STAFF, visits::shift),
        does("/console/visits/{id}/mark", STAFF, visits::mark),
        reads("/console/figures", MANAGERS, figures::show),
        reads("/console/reports", MANAGERS, reports::show),
        does("/console/reports/snooze", MANAGERS, reports::snooze),
        reads("/console/review", MANAGERS, reports::review),
        does("/console/review", MANAGERS, reports::judge),
        reads("/console/ahead", MANAGERS, ahead::show),
        reads("/console/experiments", MANAGERS, experiments::show),
        does("/console/experiments/{id}", OWNERS, experiments::act),
        reads("/console/health", MANAGERS, health::show),
        reads("/console/quality", MANAGERS, quality::show),
        reads("/console/journal/search", MANAGERS, journal::search),
        reads("/console/people", OWNERS, people::list),
        does("/console/people", OWNERS, people::add),
        does("/console/people/{id}", OWNERS, people::change),
        does("/console/people/{id}/link", OWNERS, people::link),
        does(
            "/console/people/{id}/totp",
            OWNERS,
            people::end_second_factor,
        ),
    ]
}

/// Customers, and their data.
fn persons() -> Ways {
    vec![
        reads("/console/customers", STAFF, customers::list),
        reads("/console/customers/{chat}", STAFF, customers::open),
        does("/console/customers/{chat}/merge", STAFF, customers::merge),
        does("/console/customers/{chat}/undo", STAFF, customers::undo),
        does(
            "/console/customers/{chat}/advertising",
            STAFF,
            customers::advertising,
        ),
        does("/console/customers/{chat}/block", STAFF, customers::block),
        reads(
            "/console/customers/{chat}/export",
            MANAGERS,
            customers::export,
        ),
        does("/console/customers/{chat}/erase", OWNERS, customers::erase),
        reads("/console/erasures", OWNERS, customers::erasures),
    ]
}

/// What the bot knows.
fn known() -> Ways {
    let upload = DefaultBodyLimit::max(knowledge::UPLOAD);
    vec![
        reads("/console/knowledge", MANAGERS, knowledge::list),
        reads("/console/knowledge/entry", MANAGERS, knowledge::open),
        does("/console/knowledge/entry", MANAGERS, knowledge::write),
        reads("/console/replies", MANAGERS, copilot::replies),
        does("/console/replies/{id}", MANAGERS, copilot::write_reply),
        reads("/console/knowledge/gaps", MANAGERS, knowledge::gaps),
        reads(
            "/console/knowledge/import",
            MANAGERS,
            knowledge::ask_document,
        ),
        does(
            "/console/knowledge/import",
            MANAGERS,
            knowledge::bring.layer(upload),
        ),
        reads("/console/knowledge/versions", MANAGERS, knowledge::versions),
        does(
            "/console/knowledge/rollback",
            MANAGERS,
            knowledge::roll_back,
        ),
    ]
}

/// What the owner may change about the bot.
fn laid_down() -> Ways {
    let long = DefaultBodyLimit::max(settings::FORM);
    vec![
        reads("/console/settings", OWNERS, settings::open),
        does("/console/settings", OWNERS, settings::save.layer(long)),
        reads("/console/settings/file", OWNERS, settings::download),
        reads("/console/settings/versions", OWNERS, settings::versions),
        does("/console/settings/rollback", OWNERS, settings::back),
    ]
}

fn ways() -> Ways {
    let mut ways = doors();
    ways.extend(laid_down());
    ways.extend(conversations());
    ways.extend(persons());
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
