//! Dialogues drawn by chance, for a person to judge.

use std::ops::Range;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;
use zapis_core::event::{Event, Kind};
use zapis_core::ids;
use zapis_core::message::ConversationId;
use zapis_core::store::Store;

use super::figures::{Counted, Entry};
use super::follow::FollowError;

/// How many are drawn of a month.
pub const DRAWN: usize = 10;

/// The action of a verdict in the journal.
const ACTION: &str = "review";

/// What a person thought of a dialogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What the bot said was right.
    pub right: bool,
    /// The tone was not ours.
    pub tone: bool,
    /// A person should have been called.
    pub should_have_escalated: bool,
}

impl Verdict {
    /// The line of the journal that tells it; the remark stands there only.
    pub fn event(
        self,
        conversation: &ConversationId,
        dialogue: &str,
        who: &str,
        remark: &str,
        at: DateTime<Utc>,
    ) -> Event {
        let moment = at.timestamp_micros().to_string();
        let id = ids::derive(&["review", dialogue, who, &moment]);
        let mut event = Event::new(id, Kind::System, at).about(conversation);
        event.action = Some(ACTION.into());
        event.staff_id = Some(who.to_owned());
        event.outcome = Some(if self.right { "right" } else { "wrong" }.into());
        event.reason = (!remark.is_empty()).then(|| remark.to_owned());
        event.sources = Some(json!({ "dialogue": dialogue, "verdict": self }));
        event
    }

    /// Reads it back.
    pub(super) fn told(event: &Event) -> Option<Self> {
        judged(event)?;
        let verdict = &event.sources.as_ref()?["verdict"];
        Self::deserialize(verdict).ok()
    }
}

/// The dialogue that a line of the journal judges.
pub(super) fn judged(event: &Event) -> Option<&str> {
    let is_verdict = event.kind == Kind::System && event.action.as_deref() == Some(ACTION);
    is_verdict.then(|| event.sources.as_ref()?["dialogue"].as_str())?
}

/// Enquiries of a span of time that the bot answered, drawn by chance: each has its lot, so that the same are drawn
/// again. Whoever writes often has more chances; each dialogue has one.
pub async fn draw(store: &Store, span: &Range<DateTime<Utc>>) -> Result<Vec<Entry>, FollowError> {
    let counted = Counted::of(store, span).await?;
    let answered = |entry: &Entry| entry.dialogue.is_enquiry() && entry.dialogue.bot_at.is_some();
    let mut drawn: Vec<(Uuid, Entry)> = counted
        .dialogues
        .into_iter()
        .filter(answered)
        .map(|entry| (ids::derive(&["review", &entry.id]), entry))
        .collect();
    drawn.sort_by_key(|(lot, _)| *lot);
    drawn.truncate(DRAWN);
    Ok(drawn.into_iter().map(|(_, entry)| entry).collect())
}
