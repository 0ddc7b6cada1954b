//! The Cloud API: `/whatsapp/{version}/…`, and the same behind 360dialog's paths.

mod acts;
mod graph;
mod management;
mod media;
pub(crate) mod people;
mod send;
pub(crate) mod state;
mod templates;
mod validate;
pub(crate) mod webhook;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use crate::calls::Provider;
use crate::config::Flavour;
use crate::faults::{Incoming, Refusal};
use crate::world::World;
use graph::GraphError;
use state::Line;

/// Uploads may have 100 MB.
const BODY_LIMIT: usize = 104 * 1024 * 1024;

/// The routes under `/whatsapp`.
pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route(
            "/lookaside/whatsapp_business/attachments/",
            get(media::cloud_bytes),
        )
        .route("/{version}/{id}", any(node))
        .route("/{version}/{id}/{edge}", any(edge))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}

/// The routes under `/d360`.
pub(crate) fn router_360dialog() -> Router<Arc<World>> {
    Router::new()
        .route("/whatsapp_business/attachments/", get(media::dialog_bytes))
        .route("/{name}", any(dialog))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}

/// A call with its number found and its credentials checked.
struct Caller {
    number: usize,
    account: String,
}

fn words(refusal: &Refusal) -> Response {
    if refusal.retry_after.is_some() {
        return GraphError::new(429, 130_429, "Rate limit hit").into_response();
    }
    if refusal.code == i64::from(refusal.status) {
        return GraphError::new(refusal.status, 131_000, "Something went wrong").into_response();
    }
    GraphError::new(refusal.status, refusal.code, &refusal.message).into_response()
}

/// The number whose token this is and which the id in the path means.
fn authorised(world: &World, headers: &HeaderMap, id: &str) -> Result<Caller, GraphError> {
    let token = bearer(headers)?;
    let state = world.state();
    let numbers = &state.whatsapp.numbers;
    let owned =
        |line: &Line| line.config.flavour == Flavour::Cloud && line.config.access_token == token;
    if !numbers.iter().any(owned) {
        return Err(GraphError::bad_token());
    }
    let exact = |line: &Line| line.config.phone_number_id == id || line.config.waba_id == id;
    let found = numbers.iter().position(|line| owned(line) && exact(line));
    let is_media = state.whatsapp.media.contains_key(id);
    let number = found.or_else(|| numbers.iter().position(|line| owned(line) && is_media));
    let number = number.ok_or_else(|| GraphError::unknown_object(id))?;
    let account = numbers
        .get(number)
        .map(|line| line.config.phone_number_id.clone());
    Ok(Caller {
        number,
        account: account.unwrap_or_default(),
    })
}

fn bearer(headers: &HeaderMap) -> Result<&str, GraphError> {
    let header = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    header
        .and_then(|value| {
            value
                .strip_prefix("Bearer ")
                .or_else(|| value.strip_prefix("OAuth "))
        })
        .ok_or_else(GraphError::no_token)
}

fn authorised_by_key(world: &World, headers: &HeaderMap) -> Result<Caller, GraphError> {
    let key = headers
        .get("d360-api-key")
        .and_then(|value| value.to_str().ok());
    let state = world.state();
    let found = state.whatsapp.numbers.iter().enumerate().find(|(_, line)| {
        line.config.flavour == Flavour::Dialog360 && Some(line.config.access_token.as_str()) == key
    });
    found
        .map(|(number, line)| Caller {
            number,
            account: line.config.phone_number_id.clone(),
        })
        .ok_or_else(GraphError::bad_token)
}

async fn node(
    State(world): State<Arc<World>>,
    Path((version, id)): Path<(String, String)>,
    Query(query): Query<Map<String, Value>>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let caller = graph::check_version(&version).and_then(|()| authorised(&world, &headers, &id));
    let caller = match caller {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    object(&world, caller, &id, query, &method).await
}

/// `GET` or `DELETE` of a number, an account or a file.
async fn object(
    world: &Arc<World>,
    caller: Caller,
    id: &str,
    query: Map<String, Value>,
    method: &Method,
) -> Response {
    let incoming = Incoming {
        provider: Provider::Whatsapp,
        account: caller.account,
        method: format!("{} object", method.as_str().to_ascii_lowercase()),
        recipient: None,
        body: json!({"id": id, "query": query}),
    };
    let run = async {
        let result = if world.state().whatsapp.media.contains_key(id) {
            media::describe_or_delete(world, caller.number, id, method)
        } else {
            management::fields(world, caller.number, id, &query)
        };
        answer(result)
    };
    world.handle(incoming, words, run).await
}

async fn edge(
    State(world): State<Arc<World>>,
    Path((version, id, edge)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    let caller =
        graph::check_version(&version).and_then(|()| authorised(&world, request.headers(), &id));
    match caller {
        Ok(caller) => perform(&world, caller, &edge, request).await,
        Err(error) => error.into_response(),
    }
}

async fn dialog(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let caller = match authorised_by_key(&world, request.headers()) {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    let is_file = world.state().whatsapp.media.contains_key(&name);
    if is_file {
        return object(&world, caller, &name, Map::new(), request.method()).await;
    }
    perform(&world, caller, &name, request).await
}

async fn perform(world: &Arc<World>, caller: Caller, edge: &str, request: Request) -> Response {
    let method = request.method().clone();
    if edge == "media" && method == Method::POST {
        return media::upload(world, caller.number, caller.account, request).await;
    }
    let query = request.uri().query().unwrap_or_default().to_owned();
    let Ok(body) = axum::body::to_bytes(request.into_body(), BODY_LIMIT).await else {
        return GraphError::new(413, 1, "Request too large").into_response();
    };
    let parsed = parse(&body);
    let recipient = parsed.as_ref().ok().and_then(recipient);
    let incoming = Incoming {
        provider: Provider::Whatsapp,
        account: caller.account,
        method: edge.to_owned(),
        recipient,
        body: parsed.clone().unwrap_or_default(),
    };
    let number = caller.number;
    let run = async {
        let result = match (&method, edge, parsed) {
            (_, _, Err(error)) => Err(error),
            (&Method::POST, "messages", Ok(body)) => send::send(world, number, &body),
            (_, "subscribed_apps", Ok(body)) => {
                management::subscribed(world, number, &method, &body).await
            }
            (&Method::GET, "message_templates", Ok(_)) => templates::list(world, number, &query),
            (&Method::POST, "message_templates", Ok(body)) => {
                templates::create(world, number, &body)
            }
            _ => Err(GraphError::unknown_path(edge)),
        };
        answer(result)
    };
    world.handle(incoming, words, run).await
}

fn answer(result: Result<Value, GraphError>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => error.into_response(),
    }
}

fn parse(body: &Bytes) -> Result<Value, GraphError> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|_| GraphError::new(400, 100, "Invalid parameter"))
}

/// Whom a message is for: `to` wins over `recipient`.
fn recipient(body: &Value) -> Option<String> {
    let given = body["to"].as_str().or_else(|| body["recipient"].as_str());
    given.map(str::to_owned)
}
