//! The control API: `/sandbox/…`, JSON in and out.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_stream::wrappers::BroadcastStream;

use crate::bitrix24;
use crate::bitrix24::acts::Bitrix24Request;
use crate::calls::CallFilter;
use crate::faults::Fault;
use crate::llm::Script;
use crate::sandbox::{self, ControlError};
use crate::telegram::people::TelegramRequest;
use crate::time::{self, Goal};
use crate::whatsapp::people::WhatsAppRequest;
use crate::world::World;

/// The routes under `/sandbox`.
pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/", get(overview))
        .route("/telegram", post(telegram))
        .route("/telegram/{chat}", get(telegram_transcript))
        .route("/whatsapp", post(whatsapp))
        .route("/whatsapp/handshake", post(handshake))
        .route("/whatsapp/{customer}", get(whatsapp_transcript))
        .route("/bitrix24", get(board).post(bitrix24))
        .route("/llm", post(llm))
        .route("/calls", get(calls).delete(clear_calls))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/limits", post(limits))
        .route("/clock", get(clock).post(move_clock))
        .route("/reset", post(reset))
        .route("/events", get(events))
}

/// What every handler works on.
type Shared = State<Arc<World>>;

impl IntoResponse for ControlError {
    /// Whoever asked can only ask for something else.
    fn into_response(self) -> Response {
        (
            StatusCode::CONFLICT,
            Json(json!({ "error": self.to_string() })),
        )
            .into_response()
    }
}

fn unreadable(rejection: &JsonRejection) -> Response {
    (
        StatusCode::BAD_REQUEST,
        Json(json!({ "error": rejection.body_text() })),
    )
        .into_response()
}

async fn telegram(
    State(world): Shared,
    body: Result<Json<TelegramRequest>, JsonRejection>,
) -> Response {
    match body {
        Ok(Json(request)) => sandbox::act_in_telegram(&world, request)
            .map(Json)
            .into_response(),
        Err(rejection) => unreadable(&rejection),
    }
}

async fn whatsapp(
    State(world): Shared,
    body: Result<Json<WhatsAppRequest>, JsonRejection>,
) -> Response {
    match body {
        Ok(Json(request)) => sandbox::act_in_whatsapp(&world, request)
            .map(Json)
            .into_response(),
        Err(rejection) => unreadable(&rejection),
    }
}

#[derive(Deserialize)]
struct TelegramView {
    bot: Option<String>,
    thread: Option<i64>,
}

async fn telegram_transcript(
    State(world): Shared,
    Path(chat): Path<i64>,
    Query(view): Query<TelegramView>,
) -> Response {
    Json(sandbox::telegram_transcript(
        &world,
        view.bot.as_deref(),
        chat,
        view.thread,
    ))
    .into_response()
}

#[derive(Deserialize)]
struct WhatsAppView {
    number: Option<String>,
}

async fn whatsapp_transcript(
    State(world): Shared,
    Path(customer): Path<String>,
    Query(view): Query<WhatsAppView>,
) -> Response {
    Json(sandbox::whatsapp_transcript(
        &world,
        view.number.as_deref(),
        &customer,
    ))
    .into_response()
}

async fn handshake(State(world): Shared, Query(view): Query<WhatsAppView>) -> Response {
    Json(sandbox::handshake(&world, view.number.as_deref()).await).into_response()
}

async fn bitrix24(
    State(world): Shared,
    body: Result<Json<Bitrix24Request>, JsonRejection>,
) -> Response {
    match body {
        Ok(Json(request)) => bitrix24::api::act(&world, request)
            .map(Json)
            .into_response(),
        Err(rejection) => unreadable(&rejection),
    }
}

async fn board(State(world): Shared) -> Response {
    match bitrix24::board(&world) {
        Some(board) => Json(board).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn llm(State(world): Shared, body: Result<Json<Script>, JsonRejection>) -> Response {
    match body {
        Ok(Json(script)) => {
            world.state().llm.scripts.push_back(script);
            Json(json!({})).into_response()
        }
        Err(rejection) => unreadable(&rejection),
    }
}

async fn calls(State(world): Shared, Query(filter): Query<CallFilter>) -> Response {
    Json(world.state().calls.list(&filter)).into_response()
}

async fn clear_calls(State(world): Shared) -> Response {
    world.state().calls.clear();
    Json(json!({})).into_response()
}

async fn faults(State(world): Shared) -> Response {
    Json(world.state().faults.clone()).into_response()
}

async fn add_fault(State(world): Shared, body: Result<Json<Fault>, JsonRejection>) -> Response {
    match body {
        Ok(Json(fault)) => {
            world.state().faults.push(fault);
            Json(json!({})).into_response()
        }
        Err(rejection) => unreadable(&rejection),
    }
}

async fn clear_faults(State(world): Shared) -> Response {
    world.clear_faults();
    Json(json!({})).into_response()
}

#[derive(Deserialize)]
struct Limits {
    on: bool,
}

async fn limits(State(world): Shared, Json(limits): Json<Limits>) -> Response {
    world.set_limits(limits.on);
    Json(json!({})).into_response()
}

async fn clock(State(world): Shared) -> Response {
    Json(time::time(&world)).into_response()
}

async fn move_clock(State(world): Shared, body: Result<Json<Goal>, JsonRejection>) -> Response {
    match body {
        Ok(Json(goal)) => time::go(&world, goal)
            .await
            .map(|()| Json(time::time(&world)))
            .into_response(),
        Err(rejection) => unreadable(&rejection),
    }
}

async fn reset(State(world): Shared) -> Response {
    world.reset();
    Json(json!({})).into_response()
}

/// What there is: bots, numbers, staff chats and their topics. No secrets.
async fn overview(State(world): Shared) -> Response {
    let state = world.state();
    let bots: Vec<Value> = state
        .telegram
        .bots
        .iter()
        .map(|bot| json!({"username": bot.username, "id": bot.id, "pending": bot.updates.len()}))
        .collect();
    let groups: Vec<Value> = state
        .telegram
        .groups
        .iter()
        .map(|(id, chat)| {
            let topics: Vec<Value> = chat
                .topics
                .iter()
                .map(|(id, topic)| json!({"id": id, "name": topic.name, "colour": topic.icon_color, "closed": topic.closed}))
                .collect();
            json!({"id": id, "title": chat.object["title"], "is_forum": chat.is_forum(), "topics": topics})
        })
        .collect();
    let numbers: Vec<Value> = state
        .whatsapp
        .numbers
        .iter()
        .map(|line| {
            json!({
                "phone_number_id": line.config.phone_number_id,
                "display_phone_number": line.config.display_phone_number,
                "pending": line.pending.len()
            })
        })
        .collect();
    Json(json!({"bots": bots, "staff_chats": groups, "numbers": numbers})).into_response()
}

/// Everything that happens, for the page.
async fn events(State(world): Shared) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let stream = BroadcastStream::new(world.pulse.subscribe());
    let events = stream.map(|event| {
        // A viewer who fell behind asks for the transcripts again.
        let event = event.unwrap_or_else(|_| json!({"type": "lagged"}));
        Ok(Event::default().data(event.to_string()))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}
