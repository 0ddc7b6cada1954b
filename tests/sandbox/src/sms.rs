//! An SMS gateway with the interface of smsc.ru: a form, a query or JSON in, JSON out. It says no with the
//! status 200, as the real one does.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::{Map, Value, json};

use crate::calls::Provider;
use crate::faults::{Incoming, Refusal, Refused};
use crate::world::World;

/// What it may be told.
const FIELDS: [&str; 6] = ["apikey", "phones", "mes", "charset", "fmt", "sender"];
/// The longest text.
const LONGEST: usize = 1000;
/// UTF-16 units in one SMS with letters other than Latin, and in each of several.
const ALONE: usize = 70;
const TOGETHER: usize = 67;

/// The routes under `/sms`.
pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/sys/send.php", get(form).post(form))
        .route("/rest/send/", post(object))
}

type Fields = Vec<(String, String)>;

async fn form(
    State(world): State<Arc<World>>,
    fields: Result<Form<Fields>, FormRejection>,
) -> Response {
    take(
        &world,
        fields.map(|Form(fields)| fields).unwrap_or_default(),
    )
    .await
}

async fn object(
    State(world): State<Arc<World>>,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Response {
    let fields = body.map(|Json(fields)| fields).unwrap_or_default();
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let fields = fields.into_iter().map(|(name, value)| (name, text(value)));
    take(&world, fields.collect()).await
}

async fn take(world: &World, fields: Fields) -> Response {
    let known: BTreeMap<_, _> = fields.iter().cloned().collect();
    let twice = known.len() < fields.len();
    let incoming = Incoming {
        provider: Provider::Sms,
        account: String::new(),
        method: "send".to_owned(),
        recipient: known.get("phones").cloned(),
        body: json!(known),
    };
    let run = async {
        if twice {
            return refuse(StatusCode::OK, 1, "parameters error");
        }
        answer(world, &known)
    };
    world.handle(incoming, words, run).await
}

fn answer(world: &World, fields: &BTreeMap<String, String>) -> Response {
    let no = |code, words| refuse(StatusCode::OK, code, words);
    let given = |name| fields.get(name).map_or("", String::as_str);
    let key = world.config.sms_api_key.as_deref();
    if key != Some(given("apikey")) {
        return no(2, "authorise error");
    }
    let unknown = fields.keys().any(|name| !FIELDS.contains(&name.as_str()));
    // Without them it reads windows-1251 and answers in words.
    let readable = given("charset") == "utf-8" && given("fmt") == "3";
    let length = given("mes").chars().count();
    if unknown || !readable || !(1..=LONGEST).contains(&length) {
        return no(1, "parameters error");
    }
    let phone = given("phones");
    let digits = phone.strip_prefix('+').unwrap_or(phone);
    if !(11..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return no(7, "invalid number");
    }
    let units = given("mes").encode_utf16().count();
    let count = if units <= ALONE {
        1
    } else {
        units.div_ceil(TOGETHER)
    };
    let mut state = world.state();
    state.sms += 1;
    Json(json!({"id": state.sms, "cnt": count})).into_response()
}

fn refuse(status: StatusCode, code: i64, words: &str) -> Response {
    let body = Json(json!({"error": words, "error_code": code}));
    (status, Extension(Refused), body).into_response()
}

fn words(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = refuse(status, refusal.code, &refusal.message);
    if let Some(seconds) = refusal.retry_after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}
