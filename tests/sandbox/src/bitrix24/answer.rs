//! What the portal answers with: the envelope, its `time`, and refusals.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::faults::Refusal;

/// How long the work on a call takes, as far as `time` says.
const TAKES: f64 = 0.05;

/// What a method gives back.
pub(crate) struct Answer {
    pub(crate) result: Value,
    pub(crate) total: Option<usize>,
    pub(crate) next: Option<usize>,
}

impl From<Value> for Answer {
    fn from(result: Value) -> Self {
        Self {
            result,
            total: None,
            next: None,
        }
    }
}

/// Why a method says no, in the shape of REST versions 1 and 2.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RestError {
    pub(crate) status: u16,
    /// A code, a number in quotes, a sentence, or nothing at all.
    pub(crate) error: String,
    pub(crate) description: String,
}

pub(crate) type Rest = Result<Answer, RestError>;

impl RestError {
    pub(crate) fn new(status: u16, error: &str, description: &str) -> Self {
        Self {
            status,
            error: error.to_owned(),
            description: description.to_owned(),
        }
    }

    /// 400.
    pub(crate) fn bad(error: &str, description: &str) -> Self {
        Self::new(400, error, description)
    }

    /// As the old methods refuse: without a code.
    pub(crate) fn wordless(description: &str) -> Self {
        Self::bad("", description)
    }

    /// A parameter is missing.
    pub(crate) fn missing(parameter: &str) -> Self {
        Self::bad(
            "100",
            &format!("Could not find value for parameter {{{parameter}}}"),
        )
    }

    pub(crate) fn too_many() -> Self {
        Self::new(503, "QUERY_LIMIT_EXCEEDED", "Too many requests")
    }

    pub(crate) fn blocked() -> Self {
        let why = "Method is blocked due to operation time limit.";
        Self::new(429, "OPERATION_TIME_LIMIT", why)
    }

    pub(crate) fn no_method() -> Self {
        Self::new(404, "ERROR_METHOD_NOT_FOUND", "Method not found!")
    }

    /// As it stands in a body, and in the `result_error` of a batch.
    pub(crate) fn body(&self) -> Value {
        json!({"error": self.error, "error_description": self.description})
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Json(self.body())).into_response()
    }
}

/// An ordered fault in the words of the portal.
pub(crate) fn words(refusal: &Refusal) -> Response {
    let error = match (&refusal.error, refusal.status) {
        (Some(error), status) => RestError::new(status, error, &refusal.message),
        (None, 503) => RestError::too_many(),
        (None, 429) => RestError::blocked(),
        (None, status) => {
            let why = "Internal server error";
            RestError::new(status, "INTERNAL_SERVER_ERROR", why)
        }
    };
    error.into_response()
}

/// The time block; `operating` and when it is counted anew are absent where nothing is limited.
pub(crate) fn time(now_ms: i64, date: &str, operating: Option<(f64, i64)>) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "the year 2255 is far")]
    let start = now_ms as f64 / 1000.0;
    let mut time = json!({
        "start": start, "finish": start + TAKES, "duration": TAKES, "processing": TAKES,
        "date_start": date, "date_finish": date,
    });
    if let Some((seconds, reset)) = operating {
        time["operating"] = json!(seconds);
        time["operating_reset_at"] = json!(reset);
    }
    time
}

/// The whole body.
pub(crate) fn envelope(answer: &Answer, time: &Value) -> Value {
    let mut body = json!({"result": answer.result, "time": time});
    for (key, value) in [("total", answer.total), ("next", answer.next)] {
        if let Some(value) = value {
            body[key] = json!(value);
        }
    }
    body
}
