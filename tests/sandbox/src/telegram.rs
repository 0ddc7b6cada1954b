//! The Bot API: `/telegram/bot<token>/<method>` and file downloads.

mod account;
mod acts;
mod entities;
mod flood;
mod markdown;
mod markup;
mod media;
mod messages;
mod params;
pub(crate) mod people;
mod send;
mod staff;
pub(crate) mod state;
mod topics;
mod updates;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::calls::Provider;
use crate::faults::{Incoming, Refusal};
use crate::world::World;
use params::Params;
use state::Desk;

/// The routes under `/telegram`.
pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/{bot}/{method}", any(call))
        .route("/file/{bot}/{*path}", any(download))
        .layer(DefaultBodyLimit::max(params::BODY_LIMIT))
}

/// A refusal in Telegram's envelope.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    code: u16,
    description: String,
    parameters: Option<Value>,
}

impl ApiError {
    pub(crate) fn new(code: u16, description: impl Into<String>) -> Self {
        Self {
            code,
            description: description.into(),
            parameters: None,
        }
    }

    /// 400 with "Bad Request: " in front.
    pub(crate) fn bad(description: impl AsRef<str>) -> Self {
        Self::new(400, format!("Bad Request: {}", description.as_ref()))
    }

    pub(crate) fn flood(retry_after: u64) -> Self {
        Self {
            parameters: Some(json!({ "retry_after": retry_after })),
            ..Self::new(429, format!("Too Many Requests: retry after {retry_after}"))
        }
    }

    pub(crate) fn migrated(to: i64) -> Self {
        Self {
            parameters: Some(json!({ "migrate_to_chat_id": to })),
            ..Self::bad("group chat was upgraded to a supergroup chat")
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut body =
            json!({"ok": false, "error_code": self.code, "description": self.description});
        if let Some(parameters) = self.parameters {
            body["parameters"] = parameters;
        }
        (status, Json(body)).into_response()
    }
}

fn words(refusal: &Refusal) -> Response {
    match refusal.retry_after {
        Some(seconds) => ApiError::flood(seconds),
        None => ApiError::new(refusal.status, refusal.message.clone()),
    }
    .into_response()
}

/// Which bot a path belongs to.
fn bot_of(world: &World, segment: &str) -> Result<usize, ApiError> {
    let token = segment
        .strip_prefix("bot")
        .ok_or_else(|| ApiError::new(404, "Not Found"))?;
    let looks_right = token
        .split_once(':')
        .is_some_and(|(id, secret)| id.parse::<i64>().is_ok() && !secret.is_empty());
    if !looks_right {
        return Err(ApiError::new(401, "Unauthorized: invalid token specified"));
    }
    let state = world.state();
    let found = state
        .telegram
        .bots
        .iter()
        .position(|bot| bot.token == token);
    found.ok_or_else(|| ApiError::new(401, "Unauthorized"))
}

async fn call(
    State(world): State<Arc<World>>,
    Path((segment, method)): Path<(String, String)>,
    request: Request,
) -> Response {
    let bot = match bot_of(&world, &segment) {
        Ok(bot) => bot,
        Err(error) => return error.into_response(),
    };
    let params = match Params::read(request).await {
        Ok(params) => params,
        Err(error) => return error.into_response(),
    };
    let account = world
        .state()
        .telegram
        .bots
        .get(bot)
        .map(|bot| bot.username.clone());
    let incoming = Incoming {
        provider: Provider::Telegram,
        account: account.unwrap_or_default(),
        method: method.clone(),
        recipient: params.text("chat_id"),
        body: params.to_json(),
    };
    let run = async {
        match run(&world, bot, &method, &params).await {
            Ok(result) => Json(json!({"ok": true, "result": result})).into_response(),
            Err(error) => error.into_response(),
        }
    };
    world.handle(incoming, words, run).await
}

/// Runs one method, whoever asked for it.
pub(crate) async fn run(
    world: &Arc<World>,
    bot: usize,
    method: &str,
    params: &Params,
) -> Result<Value, ApiError> {
    // The server does not look at the case of method names.
    let method = method.to_ascii_lowercase();
    if method == "getupdates" {
        return updates::get(world, bot, params).await;
    }
    let result = {
        let mut state = world.state();
        let mut desk = Desk::new(world, &mut state.telegram, bot);
        perform(&mut desk, &method, params)
    };
    world.changed();
    result
}

fn perform(desk: &mut Desk<'_>, method: &str, params: &Params) -> Result<Value, ApiError> {
    match method {
        "getme" => Ok(desk.get_me()),
        "setwebhook" => desk.set_webhook(params),
        "deletewebhook" => Ok(desk.delete_webhook(params)),
        "getwebhookinfo" => Ok(desk.webhook_info()),
        "sendmessage" => desk.send_message(params),
        "copymessage" => desk.copy_message(params),
        "forwardmessage" => desk.forward_message(params),
        "sendlocation" => desk.send_location(params),
        "sendcontact" => desk.send_contact(params),
        "sendphoto" | "senddocument" | "sendvoice" | "sendaudio" | "sendvideo"
        | "sendanimation" | "sendsticker" | "sendvideonote" => desk.send_file(method, params),
        "editmessagetext" => desk.edit_text(params),
        "editmessagecaption" => desk.edit_caption(params),
        "editmessagereplymarkup" => desk.edit_markup(params),
        "deletemessage" => desk.delete_message(params),
        "deletemessages" => desk.delete_messages(params),
        "answercallbackquery" => desk.answer_callback(params),
        "setmessagereaction" => desk.react(params),
        "sendchataction" => desk.chat_action(params),
        "createforumtopic" => desk.create_topic(params),
        "editforumtopic" => desk.edit_topic(params),
        "closeforumtopic" => desk.close_topic(params, true),
        "reopenforumtopic" => desk.close_topic(params, false),
        "deleteforumtopic" => desk.delete_topic(params),
        "getfile" => desk.get_file(params),
        "getchat" => desk.get_chat(params),
        "getchatmember" => desk.get_member(params),
        "getchatadministrators" => desk.get_administrators(params),
        "getchatmembercount" => desk.member_count(params),
        "leavechat" => desk.leave_chat(params),
        "setmycommands" => desk.set_commands(params),
        "getmycommands" => Ok(desk.get_commands()),
        "deletemycommands" => Ok(desk.delete_commands()),
        "getbusinessconnection" => desk.get_business(params),
        "logout" | "close" => Err(ApiError::flood(600)),
        _ => Err(ApiError::new(404, "Not Found: method not found")),
    }
}

async fn download(
    State(world): State<Arc<World>>,
    Path((segment, path)): Path<(String, String)>,
) -> Response {
    if let Err(error) = bot_of(&world, &segment) {
        return error.into_response();
    }
    let incoming = Incoming {
        provider: Provider::Telegram,
        account: String::new(),
        method: "download".to_owned(),
        recipient: None,
        body: json!({ "path": path }),
    };
    let run = async {
        let state = world.state();
        let file = state.telegram.files.values().find(|file| file.path == path);
        match file {
            Some(file) => file.bytes.clone().into_response(),
            None => ApiError::new(404, "Not Found").into_response(),
        }
    };
    world.handle(incoming, words, run).await
}
