//! What happens now, as server-sent events: which chats have changed, never what was said.
//!
//! One task follows the journal for all who look, and rests while nobody does.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use futures::{Stream, StreamExt};
use serde::Serialize;
use tokio::sync::{Notify, broadcast};
use tokio_stream::wrappers::BroadcastStream;
use tracing::warn;
use zapis_core::causes;
use zapis_core::event::{Event, Kind};
use zapis_core::store::Store;

use crate::Console;

/// How often the journal is looked at while somebody watches.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long one stream lasts.
const LONGEST: Duration = Duration::from_mins(1);
/// After the store did not answer.
const PAUSE: Duration = Duration::from_secs(2);
/// How many lines are read at once.
const AT_ONCE: u32 = 500;
/// How many changes a slow browser may be behind; then it reads everything anew.
const BEHIND: usize = 256;

/// Follows the journal.
pub(crate) struct Live {
    changes: broadcast::Sender<Arc<str>>,
    watched: Arc<Notify>,
}

/// Something happened in a chat.
#[derive(Serialize)]
struct Change<'a> {
    chat: &'a str,
    /// Whether the customer wrote, so that somebody may be told aloud.
    wrote: bool,
    /// Whether a person was called.
    called: bool,
}

impl Live {
    /// Begins when the first one looks.
    pub(crate) fn new(store: Store) -> Self {
        let (changes, _) = broadcast::channel(BEHIND);
        let watched = Arc::new(Notify::new());
        tokio::spawn(follow(store, changes.clone(), Arc::clone(&watched)));
        Self { changes, watched }
    }

    fn watch(&self) -> broadcast::Receiver<Arc<str>> {
        let changes = self.changes.subscribe();
        self.watched.notify_one();
        changes
    }
}

/// Ends with the program: nobody can look any more.
async fn follow(store: Store, changes: broadcast::Sender<Arc<str>>, watched: Arc<Notify>) {
    loop {
        watched.notified().await;
        let mut position = None;
        while changes.receiver_count() > 0 {
            let read = async {
                let after = match position {
                    Some(after) => after,
                    None => store.last_event_position().await?,
                };
                Ok::<_, zapis_core::store::StoreError>((
                    after,
                    store.events_after(after, AT_ONCE).await?,
                ))
            };
            match read.await {
                Ok((after, events)) => {
                    position = Some(events.last().map_or(after, |(last, _)| *last));
                    for (_, event) in &events {
                        if let Some(change) = change(event) {
                            changes.send(change).unwrap_or_default();
                        }
                    }
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Err(error) => {
                    warn!(error = %causes(&error), "The console cannot follow the journal");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

fn change(event: &Event) -> Option<Arc<str>> {
    let change = Change {
        chat: event.conversation_id.as_ref()?.as_str(),
        wrote: event.kind == Kind::Inbound,
        called: event.action.as_deref() == Some("handoff"),
    };
    serde_json::to_string(&change).ok().map(Into::into)
}

/// `GET /console/live`
pub(crate) async fn stream(
    State(console): State<Console>,
) -> Sse<impl Stream<Item = Result<Sent, Infallible>>> {
    let changes = BroadcastStream::new(console.live.watch());
    let sent = changes.map(|change| {
        Ok(match change {
            Ok(change) => Sent::default().event("chat").data(&*change),
            // It was too slow: everything may have changed.
            Err(_) => Sent::default().event("everything").data("1"),
        })
    });
    // The browser comes back through the guard: who may not come in any more hears nothing after that.
    let sent = sent.take_until(tokio::time::sleep(LONGEST));
    let hello = futures::stream::once(async { Ok(Sent::default().event("hello").data("1")) });
    Sse::new(hello.chain(sent)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}
