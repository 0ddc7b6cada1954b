//! The bot's side of a conversation: understand, decide, phrase. Pure: no effect, no clock.

mod decide;
mod generate;
mod phrase;
mod restrain;
mod said;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zapis_core::message::{DraftDecided, Verdict};

pub use decide::{Decision, Reason, Situation, Step, decide};
pub use generate::{Generated, Generator};
pub use phrase::phrase;
pub use said::Said;

use crate::answer::{Heard, Mind, Thought};
use crate::autonomy::AutonomyConfig;
use crate::content::Live;
use crate::words::Language;
use decide::{draft, finish};
use restrain::restrain;

/// What the bot remembers of a conversation from turn to turn.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each remembers another thing that was said"
)]
pub struct DialogueState {
    /// The customer's language, once known.
    pub language: Option<Language>,
    /// Whether the bot has introduced itself.
    pub greeted: bool,
    /// Messages in a row that were not understood.
    pub misses: u32,
    /// The service last talked about, by name, for a question such as "and how long?".
    pub subject: Option<String>,
    /// When the customer was last told when a person will answer.
    pub promised_at: Option<DateTime<Utc>>,
    /// Whether the customer was told that further messages join the call for a person.
    pub told_added: bool,
    /// Whether the last message was one the bot asked to put into words.
    pub asked_to_write: bool,
    /// Whether an insult was answered calmly once; the next one goes to the staff.
    pub calmed: bool,
}

/// The bot that stands at the desk.
#[derive(Debug)]
pub struct Receptionist {
    /// What it knows and says.
    pub content: Live,
    /// What puts answers into words of its own, if a language model is configured.
    pub generator: Option<Generator>,
    /// What it may say by itself.
    pub autonomy: AutonomyConfig,
}

#[async_trait]
impl Mind for Receptionist {
    async fn think(&self, heard: &Heard<'_>) -> Thought {
        // Once: what is swapped meanwhile holds from the next turn on.
        let content = &*self.content.now();
        // A state of another version, or none: the conversation goes on, a little forgetful.
        let state = DialogueState::deserialize(heard.state).unwrap_or_default();
        let said = Said::of(&heard.inbound);
        let understood = content.understander.understand(&said.text);
        let situation = Situation {
            state: &state,
            said: &said,
            understood: &understood,
            content,
            now: heard.now,
            stale: heard.stale,
            staff_called: heard.staff_called,
            draft_waits: TimeDelta::minutes(self.autonomy.draft_minutes.into()),
        };
        let mut decision = draft(&situation);
        let model = match &self.generator {
            Some(generator) => generator.improve(&mut decision, &situation, heard).await,
            None => None,
        };
        restrain(&self.autonomy, &situation, &mut decision);
        finish(&situation, &mut decision);
        let mut thought = phrase(&decision, &situation);
        thought.facts.model = model;
        thought
    }

    fn refused(&self, decided: &DraftDecided, state: &Value, now: DateTime<Utc>) -> Thought {
        let reason = match decided.verdict {
            Verdict::Expired => Reason::DraftExpired,
            _ => Reason::DraftRejected,
        };
        let state = DialogueState::deserialize(state).unwrap_or_default();
        phrase::refused(reason, &state, &self.content.now(), now)
    }
}

#[cfg(test)]
mod tests;
