//! Boards of notes that fall off by themselves, kept in memory for an installation of one process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The notes of each board, and until when they hang there.
#[derive(Debug, Default)]
pub(super) struct Boards(Mutex<HashMap<String, HashMap<String, Instant>>>);

impl Boards {
    pub(super) fn pin(&self, board: &str, note: &str, span: Duration, now: Instant) {
        // Nothing in here can be left half-done by a panic.
        let mut boards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let notes = boards.entry(board.to_owned()).or_default();
        notes.retain(|_, until| *until > now);
        if span.is_zero() {
            notes.remove(note);
        } else {
            notes.insert(note.to_owned(), now + span);
        }
    }

    pub(super) fn pinned(&self, board: &str, now: Instant) -> Vec<String> {
        let boards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let notes = boards.get(board).into_iter().flatten();
        let held = notes.filter(|(_, until)| **until > now);
        held.map(|(note, _)| note.clone()).collect()
    }
}
