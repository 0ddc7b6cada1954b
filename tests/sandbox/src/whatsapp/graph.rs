//! Refusals in the shape of the Graph API.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error object.
#[derive(Debug, Clone)]
pub(crate) struct GraphError {
    status: u16,
    code: i64,
    subcode: Option<i64>,
    message: String,
    details: Option<String>,
}

impl GraphError {
    /// `(#code) title`.
    pub(crate) fn new(status: u16, code: i64, title: &str) -> Self {
        Self {
            status,
            code,
            subcode: None,
            message: format!("(#{code}) {title}"),
            details: None,
        }
    }

    /// With what exactly is wrong.
    pub(crate) fn because(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    /// 131009.
    pub(crate) fn invalid(details: impl Into<String>) -> Self {
        Self::new(400, 131_009, "Parameter value is not valid").because(details)
    }

    /// 131008.
    pub(crate) fn missing(details: impl Into<String>) -> Self {
        Self::new(400, 131_008, "Required parameter is missing").because(details)
    }

    /// 100 about a parameter.
    pub(crate) fn parameter(text: impl AsRef<str>) -> Self {
        Self::new(400, 100, text.as_ref())
    }

    /// 100 about a key nobody knows.
    pub(crate) fn unexpected(key: &str, param: &str) -> Self {
        Self::new(400, 100, "Invalid parameter")
            .because(format!("Unexpected key \"{key}\" on param \"{param}\""))
    }

    pub(crate) fn bad_token() -> Self {
        Self {
            message: "Invalid OAuth access token - Cannot parse access token".to_owned(),
            ..Self::new(401, 190, "")
        }
    }

    pub(crate) fn no_token() -> Self {
        Self {
            message: "An access token is required to request this resource.".to_owned(),
            ..Self::new(401, 104, "")
        }
    }

    pub(crate) fn unknown_object(id: &str) -> Self {
        Self {
            subcode: Some(33),
            message: format!(
                "Unsupported request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation"
            ),
            ..Self::new(400, 100, "")
        }
    }

    pub(crate) fn unknown_path(path: &str) -> Self {
        Self {
            message: format!("Unknown path components: /{path}"),
            ..Self::new(400, 2500, "")
        }
    }
}

impl IntoResponse for GraphError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut error = json!({
            "message": self.message, "type": "OAuthException", "code": self.code,
            "fbtrace_id": format!("A{}", uuid::Uuid::new_v4().simple())
        });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = json!(subcode);
        }
        if let Some(details) = self.details {
            error["error_data"] = json!({"messaging_product": "whatsapp", "details": details});
        }
        (status, Json(json!({ "error": error }))).into_response()
    }
}

/// An error inside a status.
pub(crate) fn status_error(code: i64) -> Value {
    let (title, details) = match code {
        131_047 => (
            "Re-engagement message",
            "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
        ),
        131_026 => ("Message undeliverable", "Message Undeliverable."),
        131_049 => (
            "Message not delivered to maintain healthy ecosystem engagement",
            "In order to maintain a healthy ecosystem engagement, the message failed to be delivered.",
        ),
        131_050 => (
            "User has stopped marketing messages",
            "The user has chosen to stop receiving marketing messages.",
        ),
        131_053 => ("Media upload error", "The media could not be fetched."),
        _ => ("Something went wrong", "Message failed to send."),
    };
    json!({
        "code": code, "title": title, "message": title, "error_data": {"details": details},
        "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"
    })
}

/// Calls without a version are refused.
pub(crate) fn check_version(version: &str) -> Result<(), GraphError> {
    let numbers = version
        .strip_prefix('v')
        .and_then(|rest| rest.split_once('.'));
    match numbers {
        Some((major, minor)) if major.parse::<u8>().is_ok() && minor.parse::<u8>().is_ok() => {
            Ok(())
        }
        _ => Err(GraphError::unknown_path(version)),
    }
}
