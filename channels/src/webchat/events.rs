//! The fallback where sockets do not pass: server-sent events; what the visitor does comes by POST.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderName, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use futures::stream::unfold;
use zapis_core::causes;

use super::feed::{Feed, News};
use super::visitor::Opened;
use super::wire::ServerFrame;

/// How often a comment keeps the connection open.
const BEAT: Duration = Duration::from_secs(15);

/// How soon a browser comes back by itself.
const RETRY: Duration = Duration::from_secs(2);

/// The stream of an opened connection. Own messages come back on it, since nothing ties a POST to
/// a stream; the client knows them by their ids.
pub(super) fn stream(opened: Opened) -> Response {
    let headers = [
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let first = event(&opened.hello)
        .retry(RETRY)
        .id(opened.feed.cursor().to_string());
    let sse = Sse::new(events(first, opened.feed)).keep_alive(KeepAlive::new().interval(BEAT));
    (headers, sse).into_response()
}

fn events(first: Event, feed: Feed) -> impl Stream<Item = Result<Event, Infallible>> {
    unfold(
        (VecDeque::from([first]), feed),
        |(mut waiting, mut feed)| async move {
            loop {
                if let Some(event) = waiting.pop_front() {
                    return Some((Ok(event), (waiting, feed)));
                }
                match feed.news().await {
                    News::Typing(frame) => waiting.push_back(event(&frame)),
                    News::Closed => return None,
                    News::Grown => match feed.unseen().await {
                        Ok(frames) => waiting.extend(frames.iter().map(event)),
                        Err(error) => {
                            // The client comes back and asks for what it missed.
                            tracing::warn!(error = %causes(&error), "Could not read the web chat log");
                            return None;
                        }
                    },
                }
            }
        },
    )
}

fn event(frame: &ServerFrame) -> Event {
    let event = Event::default().data(frame.json());
    match frame {
        ServerFrame::Message { seq, .. } => event.id(seq.to_string()),
        _ => event,
    }
}
