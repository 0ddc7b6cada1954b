//! Experiments: another wording, another prompt, another way to lead the dialogue, each given to a part of the customers
//! to learn whether it does better.
//!
//! [`Experiments`] is what `experiments.toml` says, [`Trial`] what one turn gives its customer and what of it was really
//! used, [`results()`] what came of it. `docs/experiments.md` has the rules.

mod read;
mod results;
mod trial;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use zapis_core::config::Problem;
use zapis_core::ids;
use zapis_core::message::ConversationId;

pub use results::{Came, Difference, State, Tested, Verdict, results};
pub use trial::Trial;

use crate::content::Files;
use crate::kpi::Dialogue;
use crate::llm::Prompts;
use crate::texts::{Phrase, Tried};
use crate::words::Language;

/// The file; there need not be one.
pub const EXPERIMENTS: &str = "experiments.toml";

/// All experiments of a firm, as its file has them.
#[derive(Debug, Clone, Default)]
pub struct Experiments(Vec<Arc<Experiment>>);

/// Something that is tried.
#[derive(Debug)]
pub struct Experiment {
    /// Its name in the journal and in figures.
    pub id: String,
    /// What is tried, in words.
    pub about: String,
    /// What decides.
    pub goal: Goal,
    /// In which messengers; in all where none is named.
    pub channels: Vec<String>,
    /// The first day, at the firm.
    pub from: Option<NaiveDate>,
    /// The last one.
    pub until: Option<NaiveDate>,
    /// The smallest difference worth knowing, 0 to 1.
    pub smallest: f64,
    /// Which share reaches the goal without it, as far as is known beforehand, 0 to 1.
    pub expected: f64,
    /// The control, which changes nothing, and the others.
    pub arms: Vec<Arm>,
}

/// What a part of the customers gets.
#[derive(Debug, Default)]
pub struct Arm {
    /// Its name.
    pub id: String,
    /// How great a part, beside the weights of the others.
    pub weight: u32,
    /// Other wordings.
    texts: BTreeMap<(Language, Phrase), Tried>,
    /// Another version of the prompt for answers.
    prompt: Option<String>,
    /// Another dialogue.
    scenario: Scenario,
}

/// What of the dialogue an arm has otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Scenario {
    /// How many times are offered at once.
    times: Option<usize>,
    /// Whether name and phone are asked before times are looked for.
    contact_first: Option<bool>,
    /// Whether a booking is offered after a price.
    booking_after_price: Option<bool>,
}

/// What decides: a share of the customers, each with her first dialogue in which something was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// A visit was booked.
    Booked,
    /// It became a known wish: a lead, or a visit.
    Qualified,
    /// The bot led it alone.
    Automated,
    /// The bot led it alone, and the customer was content.
    AutomatedConfirmed,
    /// The bot called a person. The less, the better.
    Escalated,
}

impl Goal {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Booked,
        Self::Qualified,
        Self::Automated,
        Self::AutomatedConfirmed,
        Self::Escalated,
    ];

    /// Its name in `docs/kpi.md`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Qualified => "qualified",
            Self::Automated => "automated",
            Self::AutomatedConfirmed => "automated_confirmed",
            Self::Escalated => "escalated",
        }
    }

    /// Whether a dialogue reached it from a moment on; nothing while that cannot be told.
    fn is_reached(
        self,
        dialogue: &Dialogue,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Option<bool> {
        let later = |at: Option<DateTime<Utc>>| at.is_some_and(|at| at >= since);
        match self {
            Self::Booked => Some(later(dialogue.booked_at)),
            Self::Qualified => Some(later(dialogue.booked_at) || later(dialogue.lead_at)),
            Self::Automated => Some(dialogue.is_automated()),
            Self::AutomatedConfirmed => dialogue.is_judged(now).then(|| dialogue.is_confirmed()),
            Self::Escalated => Some(later(dialogue.called_at)),
        }
    }
}

impl Experiments {
    /// Reads the file, or says everything that is wrong with it.
    pub fn load(files: &Files, prompts: &Prompts) -> Result<Self, Vec<Problem>> {
        if !files.has(EXPERIMENTS) {
            return Ok(Self::default());
        }
        let source = files.read(EXPERIMENTS).map_err(|problem| vec![problem])?;
        read::experiments(&source, prompts).map(Self)
    }

    /// All of them, in the order of the file.
    pub fn all(&self) -> &[Arc<Experiment>] {
        &self.0
    }

    /// The one with this id.
    pub fn get(&self, id: &str) -> Option<&Arc<Experiment>> {
        self.0.iter().find(|one| one.id == id)
    }
}

impl Experiment {
    /// Which arm a customer gets, as its place: always the same while the weights are.
    fn arm_of(&self, conversation: &ConversationId) -> usize {
        let all: u128 = self.arms.iter().map(|arm| u128::from(arm.weight)).sum();
        let hash = ids::derive(&["experiment", &self.id, conversation.as_str()]).as_u128();
        let mut left = hash.checked_rem(all).unwrap_or(0);
        for (place, arm) in self.arms.iter().enumerate() {
            match left.checked_sub(arm.weight.into()) {
                Some(rest) => left = rest,
                None => return place,
            }
        }
        0
    }

    fn is_for(&self, conversation: &ConversationId) -> bool {
        self.channels.is_empty()
            || self
                .channels
                .iter()
                .any(|one| one == conversation.channel())
    }

    /// Whether it goes on on a day at the firm.
    pub fn is_on(&self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }
}

#[cfg(test)]
mod tests;
