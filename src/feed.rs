//! The live journal as server-sent events: `GET /console/journal`, with the token of
//! `[observability] journal_token` as a bearer or as `?token=` (an `EventSource` sets no headers).
//!
//! `data:` is one journal event in its fixed format, `id:` its position: a reader that comes back with
//! `Last-Event-ID` misses nothing.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::Stream;
use serde::Deserialize;
use tracing::warn;
use zapis_core::causes;
use zapis_core::config::Secret;
use zapis_core::event::Event;
use zapis_core::store::Store;

/// How often the store is asked for news while somebody reads.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// How many events are read at once.
const AT_ONCE: u32 = 200;

/// How many of the newest events a new reader gets.
const AT_FIRST: i64 = 30;

#[derive(Clone)]
struct Feed {
    store: Store,
    token: Secret,
}

/// The route; without a token there is none.
pub fn routes(store: Store, token: Secret) -> Router {
    if token.is_empty() {
        return Router::new();
    }
    Router::new()
        .route("/console/journal", get(read))
        .with_state(Feed { store, token })
}

#[derive(Deserialize)]
struct Wish {
    token: Option<String>,
}

async fn read(State(feed): State<Feed>, Query(wish): Query<Wish>, headers: HeaderMap) -> Response {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let given = bearer.or(wish.token.as_deref()).unwrap_or_default();
    if !same(given, feed.token.expose()) {
        return (StatusCode::UNAUTHORIZED, "the token is missing or wrong").into_response();
    }
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .and_then(|id| id.parse().ok());
    let start = match last {
        Some(position) => position,
        None => match feed.store.last_event_position().await {
            Ok(newest) => (newest - AT_FIRST).max(0),
            Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    };
    let mut response = Sse::new(events(feed.store, start))
        .keep_alive(KeepAlive::default())
        .into_response();
    let out = response.headers_mut();
    // The token is the protection, so a page of any origin that has it may read.
    out.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    out.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    );
    out.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn events(store: Store, start: i64) -> impl Stream<Item = Result<SseEvent, Infallible>> {
    let news = futures::stream::unfold((store, start), |(store, position)| async move {
        loop {
            match store.events_after(position, AT_ONCE).await {
                Ok(news) if !news.is_empty() => {
                    let position = news.last().map_or(position, |(position, _)| *position);
                    return Some((news, (store, position)));
                }
                Ok(_) => {}
                Err(error) => {
                    warn!(error = %causes(&error), "Cannot read the journal for its feed");
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
    futures::StreamExt::flat_map(news, |news| {
        futures::stream::iter(
            news.into_iter()
                .map(|(position, event)| Ok(line(position, &event))),
        )
    })
}

fn line(position: i64, event: &Event) -> SseEvent {
    let data = serde_json::to_string(event).unwrap_or_default();
    SseEvent::default().id(position.to_string()).data(data)
}

/// Compares in a time that does not tell how much was right.
fn same(given: &str, wanted: &str) -> bool {
    let (given, wanted) = (given.as_bytes(), wanted.as_bytes());
    given.len() == wanted.len()
        && given
            .iter()
            .zip(wanted)
            .fold(0, |all, (a, b)| all | (a ^ b))
            == 0
}
