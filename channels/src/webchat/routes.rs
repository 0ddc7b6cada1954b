//! The routes: the widget's file, and the ways in. Order of checks: account, size, page, content.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use sha2::{Digest, Sha256};
use tower_http::compression::CompressionLayer;
use zapis_core::causes;

use super::accept::Site;
use super::visitor::{self, OpenError, Visitor};
use super::wire::{self, Code, FRAME_LIMIT, Refusal, ServerFrame};
use super::{WebChat, events, origin, socket};

/// The widget, as it is served.
const WIDGET: &str = include_str!("widget.js");

/// Changes whenever the file does. Weak, because the bytes also travel compressed.
static WIDGET_TAG: LazyLock<String> = LazyLock::new(|| {
    let hash = hex::encode(Sha256::digest(WIDGET));
    format!("W/\"{}\"", &hash[..16])
});

/// After how many seconds to try again when the queue or the store is away.
const RETRY_AFTER: &str = "2";

/// What an open chat keeps for reading; a longer frame takes more for as long as it is read.
const READ_BUFFER: usize = 4 * 1024;

pub(super) fn routes(webchat: WebChat) -> Router {
    let widget = get(widget).layer(CompressionLayer::new().gzip(true));
    Router::new()
        .route("/webchat/{account}/widget.js", widget)
        .route("/webchat/{account}/socket", get(open_socket))
        .route("/webchat/{account}/events", get(open_events))
        .route(
            "/webchat/{account}/messages",
            post(take_message).options(preflight),
        )
        .with_state(webchat)
}

async fn widget(
    State(webchat): State<WebChat>,
    Path(account): Path<String>,
    headers: HeaderMap,
) -> Response {
    if webchat.site(&account).is_none() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let tag = WIDGET_TAG.as_str();
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag));
    let fixed = [
        (header::ETAG, tag),
        (
            header::CACHE_CONTROL,
            "public, max-age=600, stale-while-revalidate=86400",
        ),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "cross-origin",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    if known {
        return (StatusCode::NOT_MODIFIED, fixed).into_response();
    }
    let kind = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (fixed, kind, WIDGET).into_response()
}

async fn open_socket(
    State(webchat): State<WebChat>,
    Path(account): Path<String>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let (site, origin) = match admit(&webchat, &account, &parts) {
        Ok(admitted) => admitted,
        Err(status) => return status.into_response(),
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    match site.open(visitor::Request::read(&parts, origin)).await {
        // Larger than what is taken, so that a frame just above the limit gets an answer.
        Ok(opened) => upgrade
            // Thousands of chats stay open and say little: the library's 128 KiB each would be most of
            // the program's memory.
            .read_buffer_size(READ_BUFFER)
            .max_message_size(4 * FRAME_LIMIT)
            .max_frame_size(4 * FRAME_LIMIT)
            .on_upgrade(move |socket| socket::run(socket, site, opened)),
        Err(error) => error.into_response(),
    }
}

async fn open_events(
    State(webchat): State<WebChat>,
    Path(account): Path<String>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let (site, origin) = match admit(&webchat, &account, &parts) {
        Ok(admitted) => admitted,
        Err(status) => return status.into_response(),
    };
    let response = match site
        .open(visitor::Request::read(&parts, origin.clone()))
        .await
    {
        Ok(opened) => events::stream(opened),
        Err(error) => error.into_response(),
    };
    readable_by(&origin, response)
}

async fn take_message(
    State(webchat): State<WebChat>,
    Path(account): Path<String>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = match whole(&webchat, &account, body).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let (site, origin) = match admit(&webchat, &account, &parts) {
        Ok(admitted) => admitted,
        Err(status) => return status.into_response(),
    };
    let request = visitor::Request::read(&parts, origin.clone());
    let response = match take(&site, request, &body).await {
        Ok(Some(ack)) => json(StatusCode::OK, &ack),
        Ok(None) => json_text(StatusCode::OK, "{}".to_owned()),
        Err(refusal) => refusal.into_response(),
    };
    readable_by(&origin, response)
}

/// The body, for an account that exists.
async fn whole(webchat: &WebChat, account: &str, body: Body) -> Result<Bytes, Response> {
    if webchat.site(account).is_none() {
        return Err(StatusCode::NOT_FOUND.into_response());
    }
    to_bytes(body, FRAME_LIMIT).await.map_err(|_| {
        let message = "a body has at most 64 KiB";
        Refusal::new(None, Code::TooLong, message).into_response()
    })
}

async fn take(
    site: &Site,
    request: visitor::Request,
    body: &[u8],
) -> Result<Option<ServerFrame>, Refusal> {
    let frame = wire::parse(body)?;
    let token = request.token.unwrap_or_default();
    let conversation = match site.conversation_of(&token).await {
        Ok(Some(conversation)) => conversation,
        Ok(None) => {
            let message = "no such token: open `events` first";
            return Err(Refusal::new(None, Code::BadFrame, message));
        }
        Err(error) => {
            tracing::warn!(error = %causes(&error), "Did not take a web chat message");
            return Err(Refusal::new(None, Code::Unavailable, "try again soon"));
        }
    };
    let visitor = Visitor {
        conversation,
        origin: request.origin,
        address: request.address,
        language: request.language,
    };
    let done = site.take(&visitor, frame).await?;
    Ok(done.map(|done| ServerFrame::Ack {
        id: done.id,
        seq: done.seq,
    }))
}

/// A browser asks before it posts JSON to another origin.
async fn preflight(
    State(webchat): State<WebChat>,
    Path(account): Path<String>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    match admit(&webchat, &account, &parts) {
        Ok((_, origin)) => {
            let allowed = [
                (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
                (header::ACCESS_CONTROL_MAX_AGE, "86400"),
            ];
            readable_by(&origin, (StatusCode::NO_CONTENT, allowed).into_response())
        }
        Err(status) => status.into_response(),
    }
}

/// The account and the page, if there is such an account and the page may show its widget.
fn admit(
    webchat: &WebChat,
    account: &str,
    parts: &Parts,
) -> Result<(Arc<Site>, String), StatusCode> {
    let site = webchat.site(account).ok_or(StatusCode::NOT_FOUND)?;
    let origin = origin::allowed(&parts.headers, &site.origins).ok_or(StatusCode::FORBIDDEN)?;
    Ok((site, origin))
}

/// Lets the page's script read the answer.
fn readable_by(origin: &str, mut response: Response) -> Response {
    if let Ok(origin) = HeaderValue::from_str(origin) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    }
    response
}

fn json(status: StatusCode, frame: &ServerFrame) -> Response {
    json_text(status, frame.json())
}

fn json_text(status: StatusCode, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, text).into_response()
}

impl IntoResponse for Refusal {
    /// The status says whether to repeat: only 429 and 503.
    fn into_response(self) -> Response {
        let status = match self.code {
            Code::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Code::BadFrame | Code::UnknownType | Code::ConsentRequired => StatusCode::BAD_REQUEST,
        };
        let mut response = json(status, &ServerFrame::Error(self));
        let wait = match status {
            StatusCode::TOO_MANY_REQUESTS => "60",
            StatusCode::SERVICE_UNAVAILABLE => RETRY_AFTER,
            _ => return response,
        };
        let wait = HeaderValue::from_static(wait);
        response.headers_mut().insert(header::RETRY_AFTER, wait);
        response
    }
}

impl IntoResponse for OpenError {
    fn into_response(self) -> Response {
        let code = match &self {
            Self::TooMany => Code::RateLimited,
            Self::Store(_) => Code::Unavailable,
        };
        tracing::warn!(error = %causes(&self), "Did not open a web chat");
        Refusal::new(None, code, "try again later").into_response()
    }
}
