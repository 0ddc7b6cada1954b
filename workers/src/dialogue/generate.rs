//! An answer in a language model's own words, made of passages only, and sent only if the claim guard finds
//! everything in it there. Otherwise the passages are quoted, as without a model.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::{debug, info};
use zapis_core::causes;
use zapis_core::message::{Author, Line};

use super::decide::{Decision, Reason, Situation, Step};
use super::phrase::open_today;
use super::{names, told_names};
use crate::answer::{Heard, ModelUse};
use crate::business::{Address, day_text};
use crate::guard::{self, Evidence};
use crate::knowledge::{Asked, OFFER_FROM, Passage};
use crate::llm::{Ask, Llm, LlmError, Mask, Prompt, Purpose, Turn};
use crate::texts::Phrase;
use crate::words::{Language, folded, tokens};

/// How many passages a model gets.
const PASSAGES: usize = 6;
/// The least confidence of a passage that it gets.
const GIVEN_FROM: f32 = 0.2;
/// How many lines of the conversation it gets.
const HISTORY: usize = 6;
/// The longest answer, in characters.
const LONGEST: usize = 900;
/// So many words in a row are not by chance the same as in the instructions.
const LEAK: usize = 8;

/// What a language model made of passages.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// The answer.
    pub text: String,
    /// What it rests on.
    pub passages: Vec<Passage>,
}

/// Puts answers into words.
#[derive(Debug, Clone)]
pub struct Generator {
    /// The models.
    pub llm: Arc<Llm>,
    /// The versions of the prompt in use.
    pub prompts: Vec<String>,
}

/// What a model is told to answer with.
#[derive(Debug, Deserialize)]
struct Answer {
    known: bool,
    #[serde(rename = "answer")]
    text: String,
    #[serde(default)]
    passages: Vec<usize>,
}

/// What a prompt is made of.
#[derive(Serialize)]
struct Data<'a> {
    salon: &'a str,
    about: Option<&'a str>,
    language: &'a str,
    formal: bool,
    emoji: bool,
    today: String,
    passages: Vec<Given>,
    history: Vec<Told>,
    question: String,
}

#[derive(Serialize)]
struct Given {
    number: usize,
    question: String,
    answer: String,
}

/// A line of the conversation, for a prompt.
#[derive(Serialize)]
pub(super) struct Told {
    who: &'static str,
    text: String,
}

impl Generator {
    /// Replaces what would be quoted by an answer of a model, where there is one that can be trusted. Returns what a
    /// model did, if one was asked.
    pub(super) async fn improve(
        &self,
        decision: &mut Decision,
        situation: &Situation<'_>,
        heard: &Heard<'_>,
    ) -> Option<ModelUse> {
        let passages = given(decision, situation)?;
        let (prompt, is_variant) = self.prompt(situation, heard)?;
        let mut mask = Mask::new(names(heard).chain(told_names(situation.understood)));
        let data = data(situation, decision.language, heard, &passages, &mut mask);
        let turns = prompt.render(&data)?;
        let ask = Ask {
            conversation: heard.conversation,
            turns: &turns,
            schema: &schema(passages.len()),
        };
        let said = self.llm.ask::<Answer>(&ask).await;
        let usage = ModelUse {
            variant: is_variant.then(|| prompt.name.clone()),
            ..ModelUse::of(&prompt.name, said.as_ref().ok())
        };
        let outcome = match said {
            Err(error) => why(&error),
            Ok(said) => {
                let checked = Checked {
                    situation,
                    heard,
                    decision,
                    passages: &passages,
                    turns: &turns,
                };
                match checked.accept(&said.answer, &mask) {
                    Ok(generated) => {
                        tell(decision, generated);
                        "sent"
                    }
                    Err(why) => {
                        debug!(why, "The answer of a language model is not used");
                        why
                    }
                }
            }
        };
        metrics::counter!("zapis_llm_answers_total", "outcome" => outcome).increment(1);
        Some(ModelUse { outcome, ..usage })
    }
}

impl Generator {
    /// The prompt that the customer's arm has, or the one of those in use that she always gets, and whether that one is
    /// a variant which no experiment tells.
    fn prompt<'s>(
        &self,
        situation: &Situation<'s>,
        heard: &Heard<'_>,
    ) -> Option<(&'s Prompt, bool)> {
        let customer = heard.conversation.as_str();
        let tried = situation.trial.prompt();
        let in_use = match &tried {
            Some(tried) => std::slice::from_ref(tried),
            None if situation.trial.varies_prompt() => self.prompts.get(..1)?,
            None => &self.prompts,
        };
        let prompts = &situation.content.prompts;
        let prompt = prompts.chosen(Purpose::Answer, in_use, customer)?;
        Some((prompt, in_use.len() > 1))
    }
}

/// Why no model gave an answer.
pub(super) fn why(error: &LlmError) -> &'static str {
    if let LlmError::OverBudget(budget) = error {
        info!(budget, "No money for a language model");
        return "over_budget";
    }
    info!(error = %causes(error), "Went on without a language model");
    "unavailable"
}

/// The passages for a model, if there is a question for one.
fn given(decision: &Decision, situation: &Situation<'_>) -> Option<Vec<Passage>> {
    let said = situation.said;
    if situation.stale || said.pressed.is_some() || said.command.is_some() || said.text.is_empty() {
        return None;
    }
    // Whatever else is decided is nothing to be put into other words.
    let asks = decision
        .handover
        .is_none_or(|reason| reason == Reason::NotKnown)
        && (decision.handover.is_some()
            || decision.rule == "not_understood"
            || decision
                .steps
                .iter()
                .any(|step| matches!(step, Step::Quote(_))));
    if !asks || situation.understood.own_visit {
        return None;
    }
    let quoted = decision.steps.iter().filter_map(|step| match step {
        Step::Quote(passages) | Step::Offer(passages) => Some(passages),
        _ => None,
    });
    let mut passages: Vec<Passage> = quoted.flatten().cloned().collect();
    let text = match &situation.state.subject {
        Some(subject) => format!("{} {subject}", said.text),
        None => said.text.clone(),
    };
    // A part that was repaired or put into plain words finds what the customer's own words do not.
    let parts = situation.understood.parts.iter().map(|part| &part.text);
    let parts = parts.filter(|part| !said.text.contains(part.as_str()));
    for text in [&said.text, &text].into_iter().chain(parts) {
        let found = situation.content.knowledge.search(
            &Asked {
                text,
                language: Some(decision.language),
                topics: &[],
                today: situation.content.business.local(situation.now).date_naive(),
                meaning: situation.meanings.of(&said.text),
            },
            PASSAGES,
        );
        passages.extend(
            found
                .into_iter()
                .filter(|passage| passage.score >= GIVEN_FROM),
        );
    }
    let mut seen = std::collections::BTreeSet::new();
    passages.retain(|passage| seen.insert(passage.id.clone()));
    passages.truncate(PASSAGES);
    (!passages.is_empty()).then_some(passages)
}

fn data<'a>(
    situation: &'a Situation<'_>,
    language: Language,
    heard: &Heard<'_>,
    passages: &[Passage],
    mask: &mut Mask,
) -> Data<'a> {
    let business = &situation.content.business;
    Data {
        salon: business.name.in_language(language),
        about: business
            .about
            .as_ref()
            .map(|about| about.in_language(language)),
        language: language.code(),
        formal: business.tone.address == Address::Formal,
        emoji: business.tone.emoji,
        today: today(situation, language),
        passages: passages
            .iter()
            .zip(1..)
            .map(|(passage, number)| Given {
                number,
                question: passage.question.clone(),
                answer: passage.answer.clone(),
            })
            .collect(),
        history: history(heard, mask),
        question: mask.hide(&situation.said.text),
    }
}

/// The last lines of a conversation before this turn, without personal data.
pub(super) fn history(heard: &Heard<'_>, mask: &mut Mask) -> Vec<Told> {
    let before = heard.transcript.len().saturating_sub(heard.inbound.len());
    let lines = heard.transcript[before.saturating_sub(HISTORY)..before].iter();
    let told = |line: &Line| Told {
        who: match line.from {
            Author::Customer => "клиент",
            Author::Bot | Author::Staff => "салон",
        },
        text: mask.hide(&line.text),
    };
    lines.map(told).collect()
}

/// The day and whether the firm is open, in words.
fn today(situation: &Situation<'_>, language: Language) -> String {
    let date = situation.content.business.local(situation.now).date_naive();
    format!(
        "{}. {}",
        day_text(date, language),
        open_today(situation, language)
    )
}

/// The shape of an answer.
fn schema(passages: usize) -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["known", "answer", "passages"],
        "properties": {
            "known": { "type": "boolean" },
            "answer": { "type": "string" },
            "passages": {
                "type": "array",
                "items": { "type": "integer", "minimum": 1, "maximum": passages },
            },
        },
    })
}

/// What an answer is checked against.
struct Checked<'a> {
    situation: &'a Situation<'a>,
    heard: &'a Heard<'a>,
    decision: &'a Decision,
    passages: &'a [Passage],
    turns: &'a [Turn],
}

impl Checked<'_> {
    /// The answer as it may go out, or why it may not.
    fn accept(&self, answer: &Answer, mask: &Mask) -> Result<Generated, &'static str> {
        if !answer.known {
            return Err("not_known");
        }
        let cited: Vec<Passage> = answer
            .passages
            .iter()
            .filter_map(|number| self.passages.get(number.checked_sub(1)?).cloned())
            .collect();
        let tone = self.situation.content.business.tone;
        let text = tone.applied(mask.restore(answer.text.trim()).trim());
        if cited.is_empty() || cited.len() < answer.passages.len() {
            return Err("no_source");
        }
        if text.is_empty() || text.chars().count() > LONGEST {
            return Err("length");
        }
        if Mask::is_left_in(&text) || text.contains(['<', '{', '`']) {
            return Err("form");
        }
        if Language::of(&text).is_some_and(|language| language != self.decision.language) {
            return Err("language");
        }
        if self.leaks(&text) {
            return Err("instructions");
        }
        // Against the bot's own "I do not know", a passage must be near enough to be offered.
        let unknown = self.decision.handover.is_some();
        if unknown && !cited.iter().any(|passage| passage.score >= OFFER_FROM) {
            return Err("too_far");
        }
        match guard::check(&text, &self.evidence(&cited)).first() {
            Some(unsupported) => Err(unsupported.kind.name()),
            None => Ok(Generated {
                text,
                passages: cited,
            }),
        }
    }

    fn evidence(&self, cited: &[Passage]) -> Evidence {
        let business = &self.situation.content.business;
        let people = business
            .staff
            .iter()
            .flat_map(|person| Language::ALL.map(|language| person.name.in_language(language)));
        let mut evidence = Evidence::new(&self.situation.said.text, people);
        let firm = Language::ALL.map(|language| business.name.in_language(language));
        let customer = names(self.heard).chain(told_names(self.situation.understood));
        for name in firm.into_iter().chain(customer) {
            evidence.allow_name(name);
        }
        let language = self.decision.language;
        evidence.add("", &today(self.situation, language));
        for passage in cited {
            evidence.add(&passage.question, &passage.answer);
        }
        evidence
    }

    /// Whether the instructions come out word for word.
    fn leaks(&self, text: &str) -> bool {
        let words = |text: &str| {
            let folded = folded(text);
            tokens(&folded).map(str::to_owned).collect::<Vec<_>>()
        };
        let instructions = self.turns.iter().filter(|turn| turn.role == "system");
        let said = words(text);
        instructions.map(|turn| words(&turn.text)).any(|secret| {
            let mut runs = secret.windows(LEAK);
            runs.any(|run| said.windows(LEAK).any(|other| other == run))
        })
    }
}

/// Says what a model made in place of everything that it stands for.
fn tell(decision: &mut Decision, generated: Generated) {
    let replaced = |step: &Step| {
        matches!(
            step,
            Step::Quote(_) | Step::Offer(_) | Step::OpenToday | Step::Menu
        ) || matches!(step, Step::Say(Phrase::Unclear | Phrase::WhichOne))
    };
    let place = decision
        .steps
        .iter()
        .position(replaced)
        .unwrap_or(decision.steps.len());
    decision.steps.retain(|step| !replaced(step));
    let place = place.min(decision.steps.len());
    decision.steps.insert(place, Step::Tell(generated));
    decision.handover = None;
    decision.rule = "answered";
}
