//! Words that are not kept: something stands in their place wherever a turn is written down, and they hang on a
//! board of the sessions for a day, where the console reads them for who looks after the chat.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::Event;
use crate::message::{ConversationId, What};
use crate::sessions::{Sessions, SessionsError};

/// What stands in their place.
pub const HUSHED: &str = "[о здоровье: подробности не хранятся и не передаются]";

/// How long they can be read: until somebody has answered, who is called within minutes of working time.
const READABLE: Duration = Duration::from_hours(24);

/// What hangs on the board.
#[derive(Serialize, Deserialize)]
struct Note {
    /// The event of the journal in which something stands in their place.
    event: Uuid,
    words: String,
}

fn board(conversation: &ConversationId) -> String {
    format!("hushed {}", conversation.as_str())
}

/// Puts something in the place of words that must not be kept; the words, if they were such.
pub fn hush(what: &mut What, is_secret: impl Fn(&str) -> bool) -> Option<String> {
    let words = match what {
        What::Text { text } | What::Note { text, .. } => text,
        What::Command { args, .. } => args,
        What::Draft(decided) => &mut decided.text,
        What::Media { caption: text, .. }
        | What::Edited { text, .. }
        | What::Notice { text, .. }
        | What::Staff { text, .. } => text.as_mut()?,
        _ => return None,
    };
    is_secret(words).then(|| std::mem::replace(words, HUSHED.to_owned()))
}

/// Lets the words be read beside the event that does not have them, for a day.
pub async fn whisper(
    sessions: &dyn Sessions,
    conversation: &ConversationId,
    event: Uuid,
    words: &str,
) -> Result<(), SessionsError> {
    let words = words.to_owned();
    // Made of strings only, so it is JSON.
    let note = serde_json::to_string(&Note { event, words }).unwrap_or_default();
    sessions.pin(&board(conversation), &note, READABLE).await
}

/// Puts the words back into events to be shown, those that can still be read.
pub async fn overhear(
    sessions: &dyn Sessions,
    conversation: &ConversationId,
    events: &mut [Event],
) -> Result<(), SessionsError> {
    let notes = sessions.pinned(&board(conversation)).await?;
    for note in notes
        .iter()
        .flat_map(|note| serde_json::from_str::<Note>(note))
    {
        for event in events
            .iter_mut()
            .filter(|event| event.event_id == note.event)
        {
            let places = [
                &mut event.customer_text,
                &mut event.bot_response,
                &mut event.reason,
            ];
            for text in places.into_iter().flatten() {
                *text = text.replace(HUSHED, &note.words);
            }
        }
    }
    Ok(())
}

/// Takes all words of a conversation down.
pub async fn forget(
    sessions: &dyn Sessions,
    conversation: &ConversationId,
) -> Result<(), SessionsError> {
    let board = board(conversation);
    for note in sessions.pinned(&board).await? {
        sessions.pin(&board, &note, Duration::ZERO).await?;
    }
    Ok(())
}
