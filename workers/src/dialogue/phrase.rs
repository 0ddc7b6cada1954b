//! Puts a decision into words: replies with buttons, a call for staff, facts for the journal.

use chrono::{DateTime, Days};
use chrono_tz::Tz;
use serde_json::{Value, json};
use zapis_core::message::Button;

use super::{Decision, Reason, Situation, Step};
use crate::answer::{Facts, Handover, Reply, Thought};
use crate::business::day_text;
use crate::knowledge::{Asked, Passage};
use crate::texts::Phrase;
use crate::understand::Intent;
use crate::words::Language;

/// What the knowledge base offers to the staff with a call.
const HINTS: usize = 3;
/// The least confidence of a hint.
const HINT_FROM: f32 = 0.2;

/// Puts a decision into words.
pub fn phrase(decision: &Decision, situation: &Situation<'_>) -> Thought {
    let voice = Voice {
        decision,
        situation,
    };
    let text = voice.text();
    let replies = if text.is_empty() {
        Vec::new()
    } else {
        vec![Reply {
            text,
            buttons: voice.buttons(),
        }]
    };
    Thought {
        replies,
        handover: decision.handover.map(|reason| voice.handover(reason)),
        state: serde_json::to_value(&decision.state).unwrap_or(Value::Null),
        language: decision.language.code().to_owned(),
        facts: voice.facts(),
    }
}

/// A decision with all it needs to be said.
struct Voice<'a> {
    decision: &'a Decision,
    situation: &'a Situation<'a>,
}

impl Voice<'_> {
    fn say(&self, phrase: Phrase, variables: &[(&str, &str)]) -> String {
        self.situation
            .content
            .texts
            .say(self.decision.language, phrase, variables)
    }

    fn text(&self) -> String {
        let mut paragraphs: Vec<String> = Vec::new();
        for step in &self.decision.steps {
            match step {
                Step::Say(phrase) => paragraphs.push(self.say(*phrase, &[])),
                Step::Greet => {
                    let salon = self
                        .situation
                        .content
                        .business
                        .name
                        .in_language(self.decision.language);
                    paragraphs.push(self.say(Phrase::Greeting, &[("salon", salon)]));
                }
                Step::OpenToday => paragraphs.push(self.open_today()),
                Step::Quote(passages) => paragraphs.push(quoted(passages)),
                Step::Tell(generated) => paragraphs.push(generated.text.clone()),
                Step::Offer(_) | Step::Menu => {}
            }
        }
        if self.decision.promise {
            let promise = self.promise();
            match paragraphs.last_mut() {
                Some(last) => {
                    last.push(' ');
                    last.push_str(&promise);
                }
                None => paragraphs.push(promise),
            }
        }
        paragraphs.join("\n\n")
    }

    fn open_today(&self) -> String {
        open_today(self.situation, self.decision.language)
    }

    /// When a person will answer.
    fn promise(&self) -> String {
        let business = &self.situation.content.business;
        if business.staff_on_duty(self.situation.now) {
            return self.say(Phrase::PromiseNow, &[]);
        }
        match business.next_staff_time(self.situation.now) {
            Some(moment) => self.say(Phrase::PromiseLater, &[("moment", &self.moment(moment))]),
            None => self.say(Phrase::PromiseSometime, &[]),
        }
    }

    fn moment(&self, moment: DateTime<Tz>) -> String {
        let today = self
            .situation
            .content
            .business
            .local(self.situation.now)
            .date_naive();
        let (date, time) = (moment.date_naive(), moment.format("%H:%M").to_string());
        if date == today {
            return self.say(Phrase::MomentToday, &[("time", &time)]);
        }
        if today.checked_add_days(Days::new(1)) == Some(date) {
            return self.say(Phrase::MomentTomorrow, &[("time", &time)]);
        }
        let day = day_text(date, self.decision.language);
        self.say(Phrase::MomentDay, &[("day", &day), ("time", &time)])
    }

    fn buttons(&self) -> Vec<Button> {
        let button = |phrase: Phrase, payload: &str| Button {
            title: self.say(phrase, &[]),
            payload: payload.to_owned(),
        };
        let mut buttons: Vec<Button> = Vec::new();
        for step in &self.decision.steps {
            match step {
                Step::Greet => buttons.extend([
                    button(Phrase::ButtonPrices, "prices"),
                    button(Phrase::ButtonHours, "hours"),
                    button(Phrase::ButtonAddress, "address"),
                    button(Phrase::ButtonBooking, "booking"),
                ]),
                Step::Menu => buttons.extend([
                    button(Phrase::ButtonPrices, "prices"),
                    button(Phrase::ButtonHours, "hours"),
                    button(Phrase::ButtonAddress, "address"),
                    button(Phrase::ButtonPerson, "person"),
                ]),
                Step::Offer(passages) => {
                    buttons.extend(passages.iter().map(|passage| Button {
                        title: passage.question.clone(),
                        payload: format!("show:{}", passage.id),
                    }));
                    buttons.push(button(Phrase::ButtonPerson, "person"));
                }
                Step::Say(_) | Step::OpenToday | Step::Quote(_) | Step::Tell(_) => {}
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        buttons.retain(|button| seen.insert(button.payload.clone()));
        buttons
    }

    fn handover(&self, reason: Reason) -> Handover {
        let content = self.situation.content;
        let now = self.situation.now;
        // The staff reads the language of the firm, whatever the customer writes.
        let staff_language = content.business.language;
        let expected = content
            .business
            .next_staff_time(now)
            .map_or(now, |moment| moment.to_utc());
        Handover {
            reason: content.texts.say(staff_language, reason.for_staff(), &[]),
            hints: self.hints(reason),
            expected_at: expected,
        }
    }

    fn hints(&self, reason: Reason) -> Vec<String> {
        let text = self.situation.said.text.as_str();
        // Whoever only asks for a person has asked nothing that the knowledge could answer.
        if text.is_empty() || matches!(reason, Reason::Person) {
            return Vec::new();
        }
        let content = self.situation.content;
        let asked = Asked {
            text,
            language: Some(self.decision.language),
            topics: &[],
            today: content.business.local(self.situation.now).date_naive(),
            meaning: self.situation.meanings.of(text),
        };
        let mut found = content.knowledge.search(&asked, HINTS);
        found.retain(|passage| passage.score >= HINT_FROM);
        let hint = |passage: &Passage| {
            format!(
                "{}: {} ({})",
                passage.question, passage.answer, passage.source
            )
        };
        found.iter().map(hint).collect()
    }

    fn facts(&self) -> Facts {
        let understood = self.situation.understood;
        let sources: Vec<Value> = self
            .decision
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Quote(passages) => Some(passages),
                Step::Tell(generated) => Some(&generated.passages),
                _ => None,
            })
            .flatten()
            .map(|passage| {
                let source = &passage.source;
                json!({ "id": passage.id, "file": source.file, "line": source.line, "part": source.part, "score": passage.score })
            })
            .collect();
        let sentiment = if understood.negative {
            "negative"
        } else if understood.believes(Intent::Thanks) {
            "positive"
        } else {
            "neutral"
        };
        Facts {
            intent: self
                .decision
                .intent
                .map(|guess| guess.intent.id().to_owned()),
            confidence: self
                .decision
                .intent
                .map(|guess| f64::from(guess.confidence)),
            sentiment: (!self.situation.said.text.is_empty()).then(|| sentiment.to_owned()),
            sources: (!sources.is_empty()).then_some(Value::Array(sources)),
            action: if self.decision.handover.is_some() {
                "handoff"
            } else {
                "none"
            }
            .to_owned(),
            reason: Some(self.decision.rule.to_owned()),
            opt_out: self.decision.opt_out,
            models: Vec::new(),
        }
    }
}

/// Whether and when the firm is open today, in words.
pub(super) fn open_today(situation: &Situation<'_>, language: Language) -> String {
    let (business, texts) = (&situation.content.business, &situation.content.texts);
    let today = business.local(situation.now).date_naive();
    let hours: Vec<String> = business
        .open_on(today)
        .iter()
        .map(ToString::to_string)
        .collect();
    if hours.is_empty() {
        return texts.say(language, Phrase::ClosedToday, &[]);
    }
    texts.say(language, Phrase::OpenToday, &[("hours", &hours.join(", "))])
}

/// Passages as they are read: one as it is, several services as a list.
fn quoted(passages: &[Passage]) -> String {
    match passages {
        [one] => one.answer.clone(),
        several => several
            .iter()
            .map(|passage| format!("• {}", passage.answer))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}
