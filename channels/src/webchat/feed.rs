//! What one connection still has to show: the log from its last `seq`.

use std::collections::HashSet;

use zapis_core::message::ConversationId;
use zapis_core::store::{Store, StoreError};

use super::hub::{Hint, Seat};
use super::wire::ServerFrame;

/// How many events a new page gets to see.
const HISTORY: u32 = 50;

/// How many events are read at once; a longer history after `after` follows the `hello` in pieces.
const PAGE: u32 = 500;

/// A connection's place in the log.
pub(super) struct Feed {
    store: Store,
    conversation: ConversationId,
    seat: Seat,
    cursor: i64,
    /// Ids acknowledged on this connection whose events lie ahead: they are not sent back.
    own: HashSet<String>,
    behind: bool,
}

/// What happened while a connection waited.
pub(super) enum News {
    /// The log has grown: read [`Feed::unseen`].
    Grown,
    /// Show this at once.
    Typing(ServerFrame),
    /// The process stops.
    Closed,
}

impl Feed {
    /// Starts after `after`, or with the newest events. Also returns the history to greet with.
    pub(super) async fn open(
        store: &Store,
        conversation: ConversationId,
        after: Option<i64>,
        seat: Seat,
    ) -> Result<(Self, Vec<ServerFrame>), StoreError> {
        let (entries, behind) = match after {
            Some(after) => {
                let entries = store.chat_after(&conversation, after, PAGE).await?;
                let behind = entries.len() == PAGE as usize;
                (entries, behind)
            }
            None => (store.chat_last(&conversation, HISTORY).await?, false),
        };
        let cursor = match (entries.last(), after) {
            (Some(last), _) => last.seq,
            (None, None) => 0,
            // Nothing is missing, unless the client made its position up.
            (None, Some(_)) => {
                let newest = store.chat_last(&conversation, 1).await?;
                newest.last().map_or(0, |entry| entry.seq)
            }
        };
        let history = entries.into_iter().filter_map(ServerFrame::of).collect();
        let feed = Self {
            store: store.clone(),
            conversation,
            seat,
            cursor,
            own: HashSet::new(),
            behind,
        };
        Ok((feed, history))
    }

    /// Everything up to here was shown.
    pub(super) fn cursor(&self) -> i64 {
        self.cursor
    }

    /// Waits for something to do. Safe to drop while waiting.
    pub(super) async fn news(&mut self) -> News {
        if self.behind {
            return News::Grown;
        }
        loop {
            match self.seat.hint().await {
                None => return News::Closed,
                Some(Hint::Grown(head)) if head <= self.cursor => {}
                Some(Hint::Grown(_)) => return News::Grown,
                Some(Hint::Typing(from)) => return News::Typing(ServerFrame::Typing { from }),
            }
        }
    }

    /// The next events to show, and moves on. Empty when there are none (yet).
    pub(super) async fn unseen(&mut self) -> Result<Vec<ServerFrame>, StoreError> {
        let entries = self
            .store
            .chat_after(&self.conversation, self.cursor, PAGE)
            .await?;
        self.behind = entries.len() == PAGE as usize;
        if let Some(last) = entries.last() {
            self.cursor = last.seq;
        }
        Ok(entries
            .into_iter()
            .filter(|entry| !self.own.remove(&entry.id))
            .filter_map(ServerFrame::of)
            .collect())
    }

    /// A deed of this connection has its place: it is not sent back. Returns what lies before it
    /// and must be shown first, so that a client that resumes after the acknowledged `seq` has all.
    pub(super) async fn done(
        &mut self,
        id: &str,
        seq: i64,
    ) -> Result<Vec<ServerFrame>, StoreError> {
        if seq <= self.cursor {
            return Ok(Vec::new());
        }
        if seq == self.cursor + 1 {
            self.cursor = seq;
            return Ok(Vec::new());
        }
        self.own.insert(id.to_owned());
        let mut frames = Vec::new();
        while self.cursor < seq {
            let before = self.cursor;
            frames.extend(self.unseen().await?);
            if self.cursor == before {
                break;
            }
        }
        Ok(frames)
    }
}
