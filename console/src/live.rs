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
use zapis_core::event::Event;
use zapis_core::store::{Store, StoreError};

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
/// How soon a browser comes back when a stream has ended.
const BACK: Duration = Duration::from_millis(100);

/// A change, or nothing where everything may have changed.
type News = Option<Arc<str>>;

/// Follows the journal.
pub(crate) struct Changes {
    changes: broadcast::Sender<News>,
    watched: Arc<Notify>,
}

/// Something happened in a chat.
#[derive(Serialize)]
struct Change<'a> {
    chat: &'a str,
    /// Whether a person was called, so that somebody may be told aloud.
    called: bool,
}

impl Changes {
    /// Begins when the first one looks.
    pub(crate) fn new(store: Store) -> Self {
        let (changes, _) = broadcast::channel(BEHIND);
        let watched = Arc::new(Notify::new());
        tokio::spawn(follow(store, changes.clone(), Arc::clone(&watched)));
        Self { changes, watched }
    }

    fn watch(&self) -> broadcast::Receiver<News> {
        let changes = self.changes.subscribe();
        self.watched.notify_one();
        changes
    }
}

/// Ends with the program: nobody can look any more.
async fn follow(store: Store, changes: broadcast::Sender<News>, watched: Arc<Notify>) {
    loop {
        watched.notified().await;
        let mut position = None;
        while changes.receiver_count() > 0 {
            match look(&store, position).await {
                Ok((reached, news)) => {
                    position = Some(reached);
                    for one in news {
                        changes.send(one).unwrap_or_default();
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

/// How far the journal was read, and what is new in it. At the beginning anything may be: what happened
/// between a browser's page and this look is told by nobody else.
async fn look(store: &Store, after: Option<i64>) -> Result<(i64, Vec<News>), StoreError> {
    let Some(after) = after else {
        return Ok((store.last_event_position().await?, vec![None]));
    };
    let events = store.events_after(after, AT_ONCE).await?;
    let reached = events.last().map_or(after, |(last, _)| *last);
    let news = events.iter().filter_map(|(_, event)| change(event));
    Ok((reached, news.map(Some).collect()))
}

fn change(event: &Event) -> Option<Arc<str>> {
    let change = Change {
        chat: event.conversation_id.as_ref()?.as_str(),
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
        let change = change.ok().flatten();
        // Nothing is told, or it was too slow to hear it: everything may have changed.
        let everything = || Sent::default().event("everything").data("1");
        Ok(change.map_or_else(everything, |change| {
            Sent::default().event("chat").data(&*change)
        }))
    });
    // The browser comes back through the guard: who may not come in any more hears nothing after that.
    let sent = sent.take_until(tokio::time::sleep(LONGEST));
    let hello = Sent::default().event("hello").retry(BACK).data("1");
    let hello = futures::stream::once(async { Ok(hello) });
    Sse::new(hello.chain(sent)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}
