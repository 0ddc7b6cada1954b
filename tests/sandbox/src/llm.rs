//! An OpenAI-compatible language model that says what it is told.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::calls::Provider;
use crate::faults::{Incoming, Refusal};
use crate::world::World;

const MODEL: &str = "sandbox-1";
/// How long an embedding is when nobody asks for another length.
const DIMENSIONS: usize = 256;
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// What the model says to one request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Script {
    /// The answer; for structured output, the JSON as text.
    pub text: String,
    /// Only a request whose last user message contains this.
    #[serde(default)]
    pub when: Option<String>,
    /// How the answer ended: `stop`, `length`, `content_filter`.
    #[serde(default)]
    pub finish_reason: Option<String>,
}

impl From<&str> for Script {
    fn from(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            when: None,
            finish_reason: None,
        }
    }
}

/// What it will say.
#[derive(Default)]
pub(crate) struct Llm {
    pub(crate) scripts: VecDeque<Script>,
}

/// The routes under `/llm/v1`.
pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/chat/completions", post(chat))
        .route("/embeddings", post(embeddings))
        .route("/models", get(models))
}

fn refuse(status: u16, kind: &str, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let error = json!({"message": message, "type": kind, "param": null, "code": null});
    (status, Json(json!({ "error": error }))).into_response()
}

fn words(refusal: &Refusal) -> Response {
    let kind = if refusal.status == 429 {
        "rate_limit_error"
    } else {
        "server_error"
    };
    let mut response = refuse(refusal.status, kind, &refusal.message);
    if let Some(seconds) = refusal.retry_after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}

/// The refusal of a wrong key.
fn refused(world: &World, headers: &HeaderMap) -> Option<Response> {
    let given = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer "));
    if given.is_some() && given == world.config.llm_api_key.as_deref() {
        return None;
    }
    Some(refuse(
        401,
        "invalid_request_error",
        "Incorrect API key provided.",
    ))
}

async fn models(State(world): State<Arc<World>>, headers: HeaderMap) -> Response {
    if let Some(refused) = refused(&world, &headers) {
        return refused;
    }
    Json(json!({"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "sandbox"}]})).into_response()
}

/// Checks the key, reads the body, and answers under the eyes of the faults.
async fn take(
    world: &Arc<World>,
    method: &str,
    request: Request,
    answer: fn(&World, &Value) -> Response,
) -> Response {
    if let Some(refused) = refused(world, request.headers()) {
        return refused;
    }
    let bytes = axum::body::to_bytes(request.into_body(), BODY_LIMIT)
        .await
        .unwrap_or_default();
    let Ok(body) = serde_json::from_slice::<Value>(&bytes) else {
        return refuse(
            400,
            "invalid_request_error",
            "We could not parse the JSON body of your request.",
        );
    };
    let incoming = Incoming {
        provider: Provider::Llm,
        account: body["model"].as_str().unwrap_or_default().to_owned(),
        method: method.to_owned(),
        recipient: None,
        body: body.clone(),
    };
    world
        .handle(incoming, words, async { answer(world, &body) })
        .await
}

async fn chat(State(world): State<Arc<World>>, request: Request) -> Response {
    take(&world, "chat.completions", request, complete).await
}

async fn embeddings(State(world): State<Arc<World>>, request: Request) -> Response {
    take(&world, "embeddings", request, embed).await
}

fn complete(world: &World, body: &Value) -> Response {
    let messages = body["messages"]
        .as_array()
        .filter(|messages| !messages.is_empty());
    let Some(messages) = messages else {
        return refuse(
            400,
            "invalid_request_error",
            "Missing required parameter: 'messages'.",
        );
    };
    if body["model"].as_str().is_none_or(str::is_empty) {
        return refuse(
            400,
            "invalid_request_error",
            "you must provide a model parameter",
        );
    }
    let question = messages
        .iter()
        .rev()
        .find(|message| message["role"] == "user")
        .map(content)
        .unwrap_or_default();
    let script = next_script(world, &question);
    let finish = script
        .as_ref()
        .and_then(|script| script.finish_reason.clone())
        .unwrap_or_else(|| "stop".to_owned());
    let text = script.map_or_else(|| unscripted(body, &question), |script| script.text);
    let asked: usize = messages
        .iter()
        .map(|message| tokens(&content(message)))
        .sum();
    let usage = json!({
        "prompt_tokens": asked, "completion_tokens": tokens(&text), "total_tokens": asked + tokens(&text)
    });
    let id = format!("chatcmpl-{}", uuid::Uuid::new_v4().simple());
    let created = world.now();
    let model = &body["model"];
    if body["stream"] == true {
        return stream(&id, created, model, &text, &finish, &usage);
    }
    let choice = json!({
        "index": 0, "message": {"role": "assistant", "content": text, "refusal": null},
        "logprobs": null, "finish_reason": finish
    });
    Json(json!({
        "id": id, "object": "chat.completion", "created": created, "model": model,
        "choices": [choice], "usage": usage
    }))
    .into_response()
}

/// A message's text, also when it is given in parts.
fn content(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<_> = parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(3)
}

fn next_script(world: &World, question: &str) -> Option<Script> {
    let scripts = &mut world.state().llm.scripts;
    let fits = |script: &Script| {
        script
            .when
            .as_ref()
            .is_none_or(|part| question.contains(part))
    };
    let index = scripts.iter().position(fits)?;
    scripts.remove(index)
}

/// Without a script: the question itself, or the emptiest JSON the schema allows.
fn unscripted(body: &Value, question: &str) -> String {
    let format = &body["response_format"];
    match format["type"].as_str() {
        Some("json_schema") => emptiest(&format["json_schema"]["schema"]).to_string(),
        Some("json_object") => "{}".to_owned(),
        _ => question.to_owned(),
    }
}

fn emptiest(schema: &Value) -> Value {
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    if let Some(first) = schema["anyOf"]
        .as_array()
        .and_then(|schemas| schemas.first())
    {
        return emptiest(first);
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.clone(),
        kind => vec![kind.clone()],
    };
    if kinds.iter().any(|kind| kind == "null") {
        return Value::Null;
    }
    match kinds.first().and_then(Value::as_str) {
        Some("object") => {
            let properties = schema["properties"].as_object();
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let filled = properties
                .into_iter()
                .flatten()
                .filter(|(name, _)| required.contains(&json!(name)));
            let filled: Map<_, _> = filled
                .map(|(name, schema)| (name.clone(), emptiest(schema)))
                .collect();
            Value::Object(filled)
        }
        Some("array") => json!([]),
        Some("string") => json!(""),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(0)),
        Some("boolean") => json!(false),
        _ => Value::Null,
    }
}

fn stream(
    id: &str,
    created: i64,
    model: &Value,
    text: &str,
    finish: &str,
    usage: &Value,
) -> Response {
    let chunk = |delta: Value, finish: Value| {
        json!({
            "id": id, "object": "chat.completion.chunk", "created": created, "model": model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]
        })
    };
    let mut chunks = vec![chunk(
        json!({"role": "assistant", "content": ""}),
        Value::Null,
    )];
    for piece in text.split_inclusive(' ') {
        chunks.push(chunk(json!({ "content": piece }), Value::Null));
    }
    let mut last = chunk(json!({}), json!(finish));
    last["usage"] = usage.clone();
    chunks.push(last);
    let mut lines: Vec<_> = chunks.iter().map(ToString::to_string).collect();
    lines.push("[DONE]".to_owned());
    let events = lines
        .into_iter()
        .map(|line| Ok::<_, Infallible>(Event::default().data(line)));
    Sse::new(futures::stream::iter(events)).into_response()
}

fn embed(_world: &World, body: &Value) -> Response {
    let inputs = match &body["input"] {
        Value::String(text) => vec![text.clone()],
        Value::Array(texts) => texts
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    };
    if inputs.is_empty() {
        return refuse(400, "invalid_request_error", "'$.input' is invalid.");
    }
    let asked = body["dimensions"]
        .as_u64()
        .and_then(|dimensions| usize::try_from(dimensions).ok());
    let dimensions = asked.unwrap_or(DIMENSIONS).clamp(1, 4096);
    let data: Vec<_> = inputs
        .iter()
        .enumerate()
        .map(|(index, text)| json!({"object": "embedding", "index": index, "embedding": vector(text, dimensions)}))
        .collect();
    let used: usize = inputs.iter().map(|text| tokens(text)).sum();
    Json(json!({
        "object": "list", "data": data, "model": body["model"],
        "usage": {"prompt_tokens": used, "total_tokens": used}
    }))
    .into_response()
}

/// Counts of letter triples: equal texts are equal, similar ones near, on every machine.
fn vector(text: &str, dimensions: usize) -> Vec<f64> {
    let letters: Vec<char> = format!("  {} ", text.to_lowercase()).chars().collect();
    let mut counts = vec![0.0; dimensions];
    for triple in letters.windows(3) {
        let hash = triple
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, letter| {
                (hash ^ u64::from(u32::from(*letter))).wrapping_mul(0x0100_0000_01b3)
            });
        let place = usize::try_from(hash % dimensions as u64).unwrap_or_default();
        if let Some(count) = counts.get_mut(place) {
            *count += 1.0;
        }
    }
    let length = counts.iter().map(|count| count * count).sum::<f64>().sqrt();
    counts
        .iter()
        .map(|count| if length > 0.0 { count / length } else { 0.0 })
        .collect()
}
