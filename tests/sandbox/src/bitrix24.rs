//! A portal of Bitrix24 with its REST interface, version 1: `/rest/{user}/{code}/{method}` for webhooks,
//! `/rest/{method}` with a token for applications. Odd where the real one is odd.

pub(crate) mod acts;
mod answer;
pub(crate) mod api;
mod batch;
pub(crate) mod config;
mod directory;
mod duplicates;
pub(crate) mod events;
pub(crate) mod fields;
mod item_api;
mod items;
mod legacy;
mod limits;
mod multifields;
mod oauth;
mod paging;
mod php;
mod stages;
pub(crate) mod state;
mod timeline;
pub(crate) mod view;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::calls::Provider;
use crate::faults::Incoming;
use crate::world::World;
use answer::{Answer, Rest, RestError, words};
use fields::CrmEntity;
use php::Php;
use state::{Caller, Portal, Session};

/// Comments may carry files.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

/// The routes at the root: the real ones have a host for themselves.
pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/rest/{*path}", any(rest))
        .route("/oauth/token/", get(oauth::token).post(oauth::token))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}

/// A method as it is compared: without its suffix, in lower case.
fn method_name(given: &str) -> String {
    let lower = given.to_ascii_lowercase();
    let bare = lower.strip_suffix(".json").or(lower.strip_suffix(".xml"));
    bare.unwrap_or(&lower).to_owned()
}

/// What an address means.
enum Address<'a> {
    Webhook {
        user: &'a str,
        code: &'a str,
        method: &'a str,
    },
    Application {
        method: &'a str,
    },
    /// REST 3, which has none of the emulated methods.
    Newer,
    Nothing,
}

/// Empty segments count for nothing: some clients write `/rest//method`.
fn address(path: &str) -> Address<'_> {
    let segments: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    match segments.as_slice() {
        ["api", ..] => Address::Newer,
        [user, code, method] => Address::Webhook { user, code, method },
        [method] => Address::Application { method },
        _ => Address::Nothing,
    }
}

async fn rest(
    State(world): State<Arc<World>>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut params = parameters(&method, &headers, query.as_deref(), &body);
    let (account, name) = match address(&path) {
        Address::Webhook { user, method, .. } => (user.to_owned(), method),
        Address::Application { method } => ("app".to_owned(), method),
        Address::Newer => {
            let error = json!({"code": "BITRIX_REST_V3_EXCEPTION_METHODNOTFOUNDEXCEPTION", "message": "Method not found"});
            return (StatusCode::NOT_FOUND, Json(json!({ "error": error }))).into_response();
        }
        Address::Nothing => return StatusCode::NOT_FOUND.into_response(),
    };
    let name = method_name(name);
    let token = params.get("auth").text();
    params.remove("auth");
    let incoming = Incoming {
        provider: Provider::Bitrix24,
        account,
        method: name.clone(),
        recipient: recipient(&params),
        body: (&params).into(),
    };
    let run = async { answer(&world, &address(&path), &token, &name, &params) };
    world.handle(incoming, words, run).await
}

/// Query and body are merged, the body wins. JSON is read of a POST only, and what is not JSON is nothing:
/// the method then misses its parameters, and says so in its own words.
fn parameters(method: &Method, headers: &HeaderMap, query: Option<&str>, body: &[u8]) -> Php {
    let mut params = Php::query(query.unwrap_or_default());
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    if kind.starts_with("application/json") {
        if method == Method::POST {
            params.merge(serde_json::from_slice(body).unwrap_or_default());
        }
    } else {
        params.merge(Php::query(&String::from_utf8_lossy(body)));
    }
    params
}

/// Which item a call is about, for faults and records: its id, or the key an outside program gave it.
fn recipient(params: &Php) -> Option<String> {
    let fields = params.any_case("fields");
    let filter = params.any_case("filter");
    let named = [
        params.any_case("id"),
        params.get("ownerId"),
        fields.any_case("ENTITY_ID"),
        fields.get("originId"),
        fields.get("ORIGIN_ID"),
        filter.get("=originId"),
    ];
    let given = named.into_iter().find(|value| !value.is_null());
    given.map(Php::text)
}

fn answer(
    world: &Arc<World>,
    address: &Address<'_>,
    token: &str,
    method: &str,
    params: &Php,
) -> Response {
    let now_ms = world.now_ms();
    let mut state = world.state();
    let Some(portal) = &mut state.bitrix24 else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if world.limits()
        && let Err(refused) = portal.limits.enter(&portal.config, now_ms)
    {
        return refused.into_response();
    }
    let caller = match caller(portal, address, token, now_ms) {
        Ok(caller) => caller,
        Err(refused) => return refused.into_response(),
    };
    let key = caller.key.clone();
    let mut session = Session::new(world, portal, caller);
    let answer = if method == "batch" {
        session.batch(params)
    } else {
        session.limited(method, params)
    };
    let date = session.date();
    match answer {
        Ok(answer) => {
            let operating = portal.limits.operating((&key, method), now_ms);
            let operating = (!portal.config.is_box).then_some(operating);
            let time = answer::time(now_ms, &date, operating);
            Json(answer::envelope(&answer, &time)).into_response()
        }
        Err(refused) => refused.into_response(),
    }
}

/// Who calls: the owner of a webhook, or the application whose token it is.
fn caller(
    portal: &Portal,
    address: &Address<'_>,
    token: &str,
    now_ms: i64,
) -> Result<Caller, RestError> {
    match address {
        Address::Webhook { user, code, .. } => {
            let mut webhooks = portal.config.webhooks.iter();
            let found = webhooks.find(|it| it.user.to_string() == *user && it.code == *code);
            let found = found.ok_or_else(|| {
                RestError::new(401, "INVALID_CREDENTIALS", "Invalid request credentials")
            })?;
            Ok(Caller {
                user: found.user,
                scopes: found.scopes.clone(),
                is_app: false,
                key: format!("webhook {}", found.user),
            })
        }
        _ if token.is_empty() => {
            let why = "Wrong authorization data";
            Err(RestError::new(401, "NO_AUTH_FOUND", why))
        }
        _ => portal.bearer(token, now_ms),
    }
}

/// What a method needs: any of these scopes.
fn scopes(method: &str) -> &'static [&'static str] {
    match method.split('.').next().unwrap_or_default() {
        "crm" => &["crm"],
        "user" => &["user_basic", "user_brief", "user"],
        "department" => &["department"],
        "timeman" => &["timeman"],
        "calendar" => &["calendar"],
        _ => &[],
    }
}

impl Session<'_> {
    /// Runs a method, if the caller may and it has not worked too long.
    fn limited(&mut self, method: &str, params: &Php) -> Rest {
        let needed = scopes(method);
        let may = |scope: &&str| self.caller.scopes.iter().any(|own| own == scope);
        if !needed.is_empty() && !needed.iter().any(may) {
            let why = "The request requires higher privileges than provided by the access token";
            return Err(RestError::new(401, "insufficient_scope", why));
        }
        if self.world.limits() {
            let key = (self.caller.key.as_str(), method);
            let portal = &mut *self.portal;
            portal.limits.work(&portal.config, key, self.now_ms)?;
        }
        self.perform(method, params)
    }

    fn perform(&mut self, method: &str, params: &Php) -> Rest {
        if let Some(method) = method.strip_prefix("crm.item.") {
            return self.item_method(method, params);
        }
        if let Some(method) = method.strip_prefix("crm.timeline.comment.") {
            return self.comment_method(method, params);
        }
        if let Some(method) = method.strip_prefix("event.") {
            return self.event_method(method, params);
        }
        match method {
            "crm.timeline.logmessage.add" => return self.log_message(params),
            "crm.activity.todo.add" => return self.add_todo(params),
            "crm.duplicate.findbycomm" => return self.find_by_communication(params),
            "crm.status.list" => return stages::statuses(params),
            "crm.category.list" => return stages::categories(params),
            "crm.stagehistory.list" => return self.stage_history(params),
            "crm.settings.mode.get" => {
                let mode = if self.portal.is_simple() { 2 } else { 1 };
                return Ok(Answer::from(json!(mode)));
            }
            "user.get" => return self.users(params),
            "user.current" => return self.current(),
            "profile" => return self.profile(),
            "department.get" => return Ok(directory::departments()),
            "timeman.status" => return self.working_day(params),
            "calendar.accessibility.get" => return self.accessibility(params),
            "scope" => return Ok(Answer::from(json!(self.caller.scopes))),
            "server.time" => return Ok(Answer::from(json!(self.date()))),
            "app.info" => return Ok(self.app_info()),
            _ => {}
        }
        if let Some(method) = method.strip_prefix("crm.activity.") {
            return self.activity_method(method, params);
        }
        let named = method
            .strip_prefix("crm.")
            .and_then(|rest| rest.split_once('.'));
        let named = named.and_then(|(name, method)| Some((CrmEntity::named(name)?, method)));
        match named {
            Some((entity, method)) => self.old_method(entity, method, params),
            None => Err(RestError::no_method()),
        }
    }
}

/// The whole board, for the page and for other programs.
pub(crate) fn board(world: &World) -> Option<Value> {
    world.state().bitrix24.as_ref().map(Portal::board)
}
