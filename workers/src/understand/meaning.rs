//! What a customer means, in parts and as a whole.

use serde::Serialize;

use super::{BELIEVED, Entity, HEARD, Intent};
use crate::words::Language;

/// An intent with how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Guess {
    /// The intent.
    pub intent: Intent,
    /// From 0 to 1.
    pub confidence: f32,
}

/// What guesses are about, as a search in the knowledge asks: the ids of the intents and how sure they are.
pub fn topics(guesses: &[Guess]) -> Vec<(String, f32)> {
    let topic = |guess: &Guess| (guess.intent.id().to_owned(), guess.confidence);
    guesses.iter().map(topic).collect()
}

/// One of the things a message says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// Its words, with the keyboard layout repaired.
    pub text: String,
    /// Its likeliest intents, best first.
    pub guesses: Vec<Guess>,
}

impl Part {
    /// The likeliest intent.
    pub fn best(&self) -> Option<Guess> {
        self.guesses.first().copied()
    }

    /// The likeliest intent, when it is believed.
    pub fn believed(&self) -> Option<Intent> {
        self.best()
            .filter(|guess| guess.confidence >= BELIEVED)
            .map(|guess| guess.intent)
    }
}

/// What a customer means.
#[expect(
    clippy::struct_excessive_bools,
    reason = "signals do not exclude each other: a message can give all of them"
)]
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Understanding {
    /// The language it is written in, where the letters tell.
    pub language: Option<Language>,
    /// What it says, one thing after another.
    pub parts: Vec<Part>,
    /// The intents of all parts, surest first, each once; courtesies last where more is said.
    pub intents: Vec<Guess>,
    /// What it names: phones, people, services, in the order of the text.
    pub entities: Vec<Entity>,
    /// The customer wants a person.
    pub asks_human: bool,
    /// How the customer feels, from −1 to 1.
    pub sentiment: f32,
    /// The customer is unhappy with us.
    pub negative: bool,
    /// Insults or obscenities aimed at us.
    pub abusive: bool,
    /// The customer wants no advertising.
    pub opt_out: bool,
    /// The message tries to turn the bot into something else.
    pub injection: bool,
    /// Health trouble that cannot wait.
    pub urgent: bool,
    /// A question about the customer's own visit.
    pub own_visit: bool,
    /// None of the known intents.
    pub out_of_scope: bool,
}

impl Understanding {
    /// The confidence of an intent, 0 when it was not heard.
    pub fn confidence(&self, intent: Intent) -> f32 {
        let found = self.intents.iter().find(|guess| guess.intent == intent);
        found.map_or(0.0, |guess| guess.confidence)
    }

    /// Whether an intent is believed.
    pub fn believes(&self, intent: Intent) -> bool {
        self.confidence(intent) >= BELIEVED
    }

    /// Whether something was heard that outweighs every question.
    pub fn is_grave(&self) -> bool {
        let signals = [
            self.injection,
            self.opt_out,
            self.asks_human,
            self.urgent,
            self.negative,
            self.abusive,
        ];
        let grave = [Intent::Medical, Intent::Complaint, Intent::Refund];
        signals.contains(&true) || grave.into_iter().any(|intent| self.believes(intent))
    }

    /// The same with the parts that somebody else heard in the message. No intent and no signal is taken away.
    #[must_use]
    pub fn joined(&self, parts: Vec<Part>) -> Self {
        let mut joined = self.clone();
        for guess in parts.iter().flat_map(|part| &part.guesses) {
            note(&mut joined.intents, *guess);
        }
        joined
            .intents
            .sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        joined.parts = parts;
        joined.asks_human |= joined.believes(Intent::Human);
        joined.negative |= joined.believes(Intent::Complaint) || joined.believes(Intent::Refund);
        joined.opt_out |= joined.believes(Intent::Optout);
        joined.injection |= joined.believes(Intent::Injection);
        let surest = joined.intents.first().map_or(0.0, |guess| guess.confidence);
        joined.out_of_scope &= surest < HEARD;
        joined
    }
}

/// Notes a guess; of two about the same intent, the surer one.
pub(super) fn note(intents: &mut Vec<Guess>, guess: Guess) {
    let known = intents
        .iter_mut()
        .find(|known| known.intent == guess.intent);
    match known {
        Some(known) => known.confidence = known.confidence.max(guess.confidence),
        None => intents.push(guess),
    }
}
