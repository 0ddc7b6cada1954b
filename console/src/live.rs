//! What happens now, as server-sent events: which chats have changed, never what was said.
//!
//! One task follows the journal for all who look, and another those who look; both rest while nobody does.

use std::collections::{BTreeMap, BTreeSet};
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
use zapis_core::sessions::Sessions;
use zapis_core::store::{Store, StoreError};

use crate::Console;
use crate::presence::{self, Does, Present};

/// How often the journal is looked at while somebody watches.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often it is looked who is where, while somebody watches.
const LOOK_ROUND_EVERY: Duration = Duration::from_millis(500);
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

/// What a browser is told.
#[derive(Debug, Clone)]
enum News {
    /// Something happened in a chat.
    Chat(Arc<str>),
    /// Somebody came to a chat, left it, or writes.
    Here(Arc<str>),
    /// Anything may have changed.
    Everything,
}

/// Follows the journal.
pub(crate) struct Changes {
    changes: broadcast::Sender<News>,
    watched: [Arc<Notify>; 2],
}

/// Something happened in a chat.
#[derive(Serialize)]
struct Change<'a> {
    chat: &'a str,
    /// Whether a person was called, so that somebody may be told aloud.
    called: bool,
}

/// Who is in a chat has changed.
#[derive(Serialize)]
struct Moved<'a> {
    chat: &'a str,
    /// Whether somebody came or left; otherwise she began or ceased to write.
    looks: bool,
}

impl Changes {
    /// Begins when the first one looks.
    pub(crate) fn new(store: Store, sessions: Arc<dyn Sessions>) -> Self {
        let (changes, _) = broadcast::channel(BEHIND);
        let watched = [Arc::new(Notify::new()), Arc::new(Notify::new())];
        let [of_chats, of_people] = watched.clone();
        tokio::spawn(follow(store, changes.clone(), of_chats));
        tokio::spawn(follow_people(sessions, changes.clone(), of_people));
        Self { changes, watched }
    }

    fn watch(&self) -> broadcast::Receiver<News> {
        let changes = self.changes.subscribe();
        for follower in &self.watched {
            follower.notify_one();
        }
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
        return Ok((store.last_event_position().await?, vec![News::Everything]));
    };
    let events = store.events_after(after, AT_ONCE).await?;
    let reached = events.last().map_or(after, |(last, _)| *last);
    let news = events.iter().filter_map(|(_, event)| change(event));
    Ok((reached, news.map(News::Chat).collect()))
}

fn change(event: &Event) -> Option<Arc<str>> {
    let change = Change {
        chat: event.conversation_id.as_ref()?.as_str(),
        called: event.action.as_deref() == Some("handoff"),
    };
    serde_json::to_string(&change).ok().map(Into::into)
}

/// Tells who came, left or writes. Ends with the program, as the other one does.
async fn follow_people(
    sessions: Arc<dyn Sessions>,
    changes: broadcast::Sender<News>,
    watched: Arc<Notify>,
) {
    loop {
        watched.notified().await;
        let mut before = BTreeSet::new();
        while changes.receiver_count() > 0 {
            match presence::everybody(&*sessions).await {
                Ok(now) => {
                    for news in moved(&before, &now) {
                        changes.send(News::Here(news)).unwrap_or_default();
                    }
                    before = now;
                    tokio::time::sleep(LOOK_ROUND_EVERY).await;
                }
                // The pages show nobody then, and the log says why elsewhere.
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

fn moved(before: &BTreeSet<Present>, now: &BTreeSet<Present>) -> Vec<Arc<str>> {
    let mut chats = BTreeMap::new();
    for one in before.symmetric_difference(now) {
        *chats.entry(one.chat.as_str()).or_default() |= one.does == Does::Looks;
    }
    let news = chats.into_iter().map(|(chat, looks)| Moved { chat, looks });
    news.filter_map(|moved| serde_json::to_string(&moved).ok().map(Into::into))
        .collect()
}

/// `GET /console/live`
pub(crate) async fn stream(
    State(console): State<Console>,
) -> Sse<impl Stream<Item = Result<Sent, Infallible>>> {
    let changes = BroadcastStream::new(console.live.watch());
    let sent = changes.map(|change| {
        Ok(match change {
            Ok(News::Chat(change)) => Sent::default().event("chat").data(&*change),
            Ok(News::Here(moved)) => Sent::default().event("here").data(&*moved),
            // It was too slow to hear it, or it is so.
            Ok(News::Everything) | Err(_) => Sent::default().event("everything").data("1"),
        })
    });
    // The browser comes back through the guard: who may not come in any more hears nothing after that.
    let sent = sent.take_until(tokio::time::sleep(LONGEST));
    let hello = Sent::default().event("hello").retry(BACK).data("1");
    let hello = futures::stream::once(async { Ok(hello) });
    Sse::new(hello.chain(sent)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}
