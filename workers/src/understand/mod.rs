//! What a customer means: intents with a confidence, and what must never be missed.
//!
//! Trained at the start from `config/intents.yaml`; the firm's own names come from
//! `config/business.toml`.

mod calibration;
mod entities;
mod features;
mod human;
mod intent;
mod meaning;
mod model;
mod segments;
mod sentiment;
mod signals;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub(crate) use entities::is_given_name;
pub(crate) use entities::phones;
pub use entities::{Entity, Meaning, e164, email_address, phone_number};
pub(crate) use features::{Sparse, counts};
pub use intent::Intent;
pub use meaning::{Guess, Part, Understanding, topics};
pub use model::{Classifier, Example, Scored};
pub use sentiment::{HAPPY, UNHAPPY};

use entities::Firm;
use meaning::note;

use crate::business::Business;
use crate::source_text::{SourceText, nearest};
use crate::words::{Language, SAME_MEANING, Synonyms, folded, is_light, repaired, tokens};
use zapis_core::config::Problem;

/// Fewer examples of an intent than this teach nothing.
const FEWEST_EXAMPLES: usize = 12;
/// From this confidence on, an intent is believed.
pub const BELIEVED: f32 = 0.5;
/// From this confidence on, an intent is a wish for a person also where no words of such a wish are.
const SURE: f32 = 0.9;
/// How sure words of illness make that a message is about health.
const ABOUT_HEALTH: f32 = 0.6;
/// Below this confidence, nothing was understood.
pub const HEARD: f32 = 0.3;

/// What a believed complaint, and believed thanks, add to the sentiment.
const COMPLAINT_LEANS: f32 = -0.4;
const THANKS_LEAN: f32 = 0.2;

/// Understands messages.
#[derive(Debug)]
pub struct Understander {
    classifier: Arc<Classifier>,
    intents: Vec<Intent>,
    firm: Option<Arc<Firm>>,
    synonyms: Arc<Synonyms>,
}

impl Understander {
    /// Trains on the examples of a file, or says everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        let source = SourceText::read(path).map_err(|problem| vec![problem])?;
        let examples = read(&source)?;
        let understander = Self::train(&examples);
        // Tables that are made when first used are made now, not while a customer waits.
        understander.understand("8 921 555-01-42");
        Ok(understander)
    }

    fn train(examples: &BTreeMap<Intent, Vec<String>>) -> Self {
        let intents: Vec<Intent> = examples.keys().copied().collect();
        let labelled: Vec<Example> = examples
            .values()
            .enumerate()
            .flat_map(|(label, texts)| {
                texts.iter().map(move |text| Example {
                    text: text.clone(),
                    label,
                })
            })
            .collect();
        let names: Vec<&str> = intents.iter().map(|intent| intent.id()).collect();
        Self {
            classifier: Arc::new(Classifier::train(&labelled, &names)),
            intents,
            firm: None,
            synonyms: Arc::default(),
        }
    }

    /// Knows the names of a firm's services and people from now on.
    #[must_use]
    pub fn with_firm(&self, business: &Business) -> Self {
        Self {
            classifier: Arc::clone(&self.classifier),
            intents: self.intents.clone(),
            firm: Some(Arc::new(Firm::of(business))),
            synonyms: Arc::clone(&self.synonyms),
        }
    }

    /// Takes these words for one another from now on.
    #[must_use]
    pub fn with_synonyms(&self, synonyms: Arc<Synonyms>) -> Self {
        Self {
            classifier: Arc::clone(&self.classifier),
            intents: self.intents.clone(),
            firm: self.firm.clone(),
            synonyms,
        }
    }

    /// What a message means.
    pub fn understand(&self, text: &str) -> Understanding {
        let firm = self.firm.as_deref();
        let repaired = repaired(text, |stem| {
            self.classifier.knows(stem)
                || self.synonyms.knows(stem)
                || firm.is_some_and(|firm| firm.knows(stem))
        });
        let meant = repaired.as_deref().unwrap_or(text);
        let signals = signals::signals(meant);
        let feeling = sentiment::feeling(meant);
        let parts: Vec<Part> = segments::segments(meant)
            .into_iter()
            .map(|part| self.part(part))
            .collect();
        let mut intents: Vec<Guess> = Vec::new();
        for guess in parts.iter().flat_map(|part| &part.guesses) {
            note(&mut intents, *guess);
        }
        intents.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        let surest = intents.first().map_or(0.0, |guess| guess.confidence);
        // «Добрый день! Можно записаться?» is about the booking, however sure the greeting is.
        let courtesy = |guess: &Guess| {
            matches!(
                guess.intent,
                Intent::Greeting | Intent::Thanks | Intent::Goodbye
            )
        };
        if intents
            .iter()
            .any(|guess| !courtesy(guess) && guess.confidence >= BELIEVED)
        {
            intents.sort_by_key(courtesy);
        }
        let believes = |intent| {
            intents
                .iter()
                .any(|guess| guess.intent == intent && guess.confidence >= BELIEVED)
        };
        // What the intents know about the feeling that no single word tells.
        let leaning = if believes(Intent::Complaint) {
            COMPLAINT_LEANS
        } else if believes(Intent::Thanks) {
            THANKS_LEAN
        } else {
            0.0
        };
        Understanding {
            language: Language::of(meant),
            asks_human: signals.asks_human
                || intents
                    .iter()
                    .any(|guess| guess.intent == Intent::Human && guess.confidence >= SURE),
            sentiment: (feeling.sentiment + leaning).clamp(-1.0, 1.0),
            negative: feeling.pleasure <= UNHAPPY
                || signals.shouts
                || believes(Intent::Complaint)
                || believes(Intent::Refund),
            abusive: feeling.abusive,
            opt_out: signals.opt_out || believes(Intent::Optout),
            injection: signals.injection || believes(Intent::Injection),
            urgent: signals.urgent,
            own_visit: signals.own_visit,
            out_of_scope: surest < HEARD,
            entities: entities::entities(text, repaired.as_deref(), firm),
            parts,
            intents,
        }
    }

    /// Whether words tell of somebody's health: illness, pregnancy, medicine, or a question about them.
    pub fn is_about_health(&self, words: &str) -> bool {
        let understood = self.understand(words);
        understood.urgent || understood.believes(Intent::Medical)
    }

    /// The likeliest intents; where none is believed, perhaps of the same text in other words.
    fn classified(&self, text: &str) -> Vec<Scored> {
        let surest = |scored: &[Scored]| scored.first().map_or(0.0, |best| best.confidence);
        let mut best = self.classifier.classify(text);
        if surest(&best) >= BELIEVED {
            return best;
        }
        let known = |stem: &str| self.classifier.knows(stem);
        for way in self.synonyms.other_ways(text, known) {
            let mut scored = self.classifier.classify(&way);
            for guess in &mut scored {
                guess.confidence *= SAME_MEANING;
            }
            if surest(&scored) > surest(&best) {
                best = scored;
            }
        }
        best
    }

    fn part(&self, text: &str) -> Part {
        let guesses = self
            .classified(text)
            .into_iter()
            .take(3)
            .map(|scored| Guess {
                intent: self.intents[scored.label],
                confidence: scored.confidence,
            });
        let folded = folded(text);
        // Without a single word that tells something there is nothing to guess from, except a
        // greeting or thanks, which are light words themselves.
        let telling = tokens(&folded).any(|token| !is_light(token));
        let polite = |guess: &Guess| {
            matches!(
                guess.intent,
                Intent::Greeting
                    | Intent::Thanks
                    | Intent::Goodbye
                    | Intent::ConfirmYes
                    | Intent::ConfirmNo
                    | Intent::Smalltalk
            )
        };
        let mut guesses: Vec<Guess> = guesses.filter(|guess| telling || polite(guess)).collect();
        if signals::is_about_health(tokens(&folded)) {
            let heard = guesses
                .iter()
                .find(|guess| guess.intent == Intent::Medical)
                .map_or(0.0, |guess| guess.confidence);
            guesses.retain(|guess| guess.intent != Intent::Medical);
            guesses.push(Guess {
                intent: Intent::Medical,
                confidence: heard.max(ABOUT_HEALTH),
            });
            guesses.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        }
        Part {
            text: text.to_owned(),
            guesses,
        }
    }
}

/// The examples of a file.
fn read(source: &SourceText) -> Result<BTreeMap<Intent, Vec<String>>, Vec<Problem>> {
    let parsed: BTreeMap<String, Vec<String>> =
        serde_yaml_ng::from_str(&source.text).map_err(|error| {
            let place = error.location().map_or(0, |at| at.index());
            vec![source.problem(
                &(place..place),
                "yaml",
                &error.to_string(),
                "write `intent:` and a list of examples under it",
            )]
        })?;
    let mut problems = Vec::new();
    let mut examples = BTreeMap::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (id, texts) in parsed {
        let line = source
            .text
            .lines()
            .position(|line| line.starts_with(&format!("{id}:")))
            .map_or(0, |at| at + 1);
        let Some(intent) = Intent::from_id(&id) else {
            let hint = nearest(&id, Intent::ALL.iter().map(|intent| intent.id()));
            problems.push(source.problem_at_line(line, &id, "is not an intent of the bot", &hint));
            continue;
        };
        if texts.len() < FEWEST_EXAMPLES {
            let message = format!("has {} examples", texts.len());
            problems.push(source.problem_at_line(
                line,
                &id,
                &message,
                &format!("write at least {FEWEST_EXAMPLES}"),
            ));
        }
        for text in &texts {
            if let Some(other) = seen.insert(folded(text), id.clone()) {
                let line = source
                    .text
                    .lines()
                    .position(|line| line.contains(text.as_str()))
                    .map_or(line, |at| at + 1);
                problems.push(source.problem_at_line(
                    line,
                    &id,
                    &format!("has the example «{text}», which `{other}` has"),
                    "one example belongs to one intent",
                ));
            }
        }
        examples.insert(intent, texts);
    }
    for missing in Intent::ALL
        .iter()
        .filter(|intent| !examples.contains_key(intent))
    {
        problems.push(source.problem_at_line(
            0,
            missing.id(),
            "is missing",
            &format!("add `{}:` with examples", missing.id()),
        ));
    }
    if problems.is_empty() {
        Ok(examples)
    } else {
        Err(problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::understander;

    fn best(text: &str) -> Intent {
        understander().understand(text).intents[0].intent
    }

    #[test]
    fn typical_messages_are_understood() {
        for (text, intent) in [
            ("почём у вас стрижка", Intent::Price),
            ("запишите меня к Анне на пятницу", Intent::Booking),
            ("перенесите запись на другой день", Intent::Reschedule),
            ("отменяю запись, не смогу прийти", Intent::Cancel),
            ("как к вам пройти от метро", Intent::Address),
            ("спасибо большое", Intent::Thanks),
            ("How much is a manicure?", Intent::Price),
            ("Здравствуйте", Intent::Greeting),
        ] {
            assert_eq!(best(text), intent, "{text}");
        }
    }

    #[test]
    fn a_forgotten_layout_does_not_matter() {
        assert_eq!(best("crjkmrj cnjbn vfybr.h"), Intent::Price);
        assert_eq!(
            understander().understand("ghbdtn").language,
            Some(Language::Ru)
        );
    }

    #[test]
    fn every_question_of_a_message_is_heard() {
        let heard =
            understander().understand("Добрый день! Сколько стоит педикюр и где вы находитесь?");
        for intent in [Intent::Greeting, Intent::Price, Intent::Address] {
            assert!(heard.believes(intent), "{intent:?}: {:?}", heard.intents);
        }
    }

    #[test]
    fn nonsense_is_not_understood() {
        for text in ["ыфлвоар лджыв", "12345", "🙂🙂🙂", ""] {
            assert!(understander().understand(text).out_of_scope, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_file_is_told() {
        let source = SourceText {
            file: "intents.yaml".to_owned(),
            text: "boking:\n  - запишите\nprice:\n  - сколько\n  - Сколько\n".to_owned(),
        };
        let told: Vec<String> = read(&source)
            .unwrap_err()
            .iter()
            .map(Problem::to_string)
            .collect();
        let all = told.join("\n");
        for expected in [
            "intents.yaml:1:1: error: boking: is not an intent of the bot (hint: did you mean `booking`?)",
            "intents.yaml:3:1: error: price: has 2 examples",
            "has the example «Сколько»",
            "intents.yaml: error: hours: is missing",
        ] {
            assert!(all.contains(expected), "{expected}\nnot in\n{all}");
        }
    }
}
