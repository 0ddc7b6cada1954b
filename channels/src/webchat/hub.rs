//! Who is connected to this process, and hints that a conversation is worth a look.
//!
//! A hint may be lost (another process wrote, a slow socket missed it): what counts is in the log,
//! and [`Hub::watch`] compares its heads with what was hinted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use zapis_core::causes;
use zapis_core::message::ConversationId;
use zapis_core::store::Store;

/// How often the log is compared with what was hinted: what another process wrote waits this long at most.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How many conversations are asked about at once.
const HEADS_AT_ONCE: usize = 500;

/// How many hints a connection may fall behind before it is only told to look.
const HINTS: usize = 16;

/// Something about a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hint {
    /// The log reaches at least this far.
    Grown(i64),
    /// Somebody writes.
    Typing(&'static str),
}

/// The connections of this process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Hub {
    rooms: Arc<Mutex<HashMap<ConversationId, Room>>>,
    closed: CancellationToken,
}

#[derive(Debug)]
struct Room {
    hints: broadcast::Sender<Hint>,
    head: i64,
}

/// A connection's place in a conversation, given up when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    hub: Hub,
    conversation: ConversationId,
    hints: broadcast::Receiver<Hint>,
}

impl Hub {
    /// Joins a conversation. Join before reading the log, so that nothing falls in between.
    pub(super) fn join(&self, conversation: &ConversationId) -> Seat {
        let mut rooms = self.rooms();
        let room = rooms.entry(conversation.clone()).or_insert_with(|| Room {
            hints: broadcast::Sender::new(HINTS),
            head: 0,
        });
        metrics::gauge!("zapis_webchat_sockets").increment(1.0);
        Seat {
            hub: self.clone(),
            conversation: conversation.clone(),
            hints: room.hints.subscribe(),
        }
    }

    /// How many connections a conversation has here.
    pub(super) fn seats(&self, conversation: &ConversationId) -> usize {
        self.rooms()
            .get(conversation)
            .map_or(0, |room| room.hints.receiver_count())
    }

    /// Tells the connections of a conversation.
    pub(super) fn hint(&self, conversation: &ConversationId, hint: Hint) {
        if let Some(room) = self.rooms().get_mut(conversation) {
            if let Hint::Grown(seq) = hint {
                room.head = room.head.max(seq);
            }
            // Nobody listening is fine.
            room.hints.send(hint).ok();
        }
    }

    /// Looks for what other processes wrote, until asked to stop.
    pub(super) async fn watch(&self, store: &Store, stop: &CancellationToken) {
        let mut fails = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let known: Vec<ConversationId> = self.rooms().keys().cloned().collect();
            for some in known.chunks(HEADS_AT_ONCE) {
                match store.chat_heads(some).await {
                    Ok(heads) => {
                        fails = false;
                        for (conversation, head) in heads {
                            self.look_up_to(&conversation, head);
                        }
                    }
                    Err(error) if !fails => {
                        fails = true;
                        tracing::warn!(error = %causes(&error), "Could not look for new web chat events");
                    }
                    Err(_) => {}
                }
            }
        }
    }

    fn look_up_to(&self, conversation: &ConversationId, head: i64) {
        let news = self
            .rooms()
            .get(conversation)
            .is_some_and(|room| room.head < head);
        if news {
            self.hint(conversation, Hint::Grown(head));
        }
    }

    /// Ends all connections, now and later.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<ConversationId, Room>> {
        // A panic elsewhere leaves the map whole: each change is one call.
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// The next hint; nothing once the hub is closed. Safe to drop while waiting.
    pub(super) async fn hint(&mut self) -> Option<Hint> {
        let hint = tokio::select! {
            () = self.hub.closed.cancelled() => return None,
            hint = self.hints.recv() => hint,
        };
        match hint {
            Ok(hint) => Some(hint),
            // Some were missed: look, whatever they said.
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Hint::Grown(i64::MAX)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        metrics::gauge!("zapis_webchat_sockets").decrement(1.0);
        let mut rooms = self.hub.rooms();
        let last = rooms
            .get(&self.conversation)
            .is_some_and(|room| room.hints.receiver_count() <= 1);
        if last {
            rooms.remove(&self.conversation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hint_reaches_those_in_the_room_and_an_empty_room_is_forgotten() {
        let hub = Hub::default();
        let conversation: ConversationId = "webchat:site:a".parse().unwrap();
        let mut one = hub.join(&conversation);
        let mut two = hub.join(&conversation);

        hub.hint(&conversation, Hint::Grown(3));

        assert_eq!(one.hint().await, Some(Hint::Grown(3)));
        assert_eq!(two.hint().await, Some(Hint::Grown(3)));
        assert_eq!(hub.seats(&conversation), 2);
        drop(one);
        assert_eq!(hub.seats(&conversation), 1);
        drop(two);
        assert!(hub.rooms().is_empty());
    }

    #[tokio::test]
    async fn who_missed_hints_is_told_to_look() {
        let hub = Hub::default();
        let conversation: ConversationId = "webchat:site:a".parse().unwrap();
        let mut slow = hub.join(&conversation);

        for seq in 0..100 {
            hub.hint(&conversation, Hint::Grown(seq));
        }

        assert_eq!(slow.hint().await, Some(Hint::Grown(i64::MAX)));
    }
}
