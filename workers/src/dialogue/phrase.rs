//! Puts a decision into words: replies with buttons, a call for staff, facts for the journal.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use zapis_core::message::Button;

use super::{Decision, DialogueState, Reason, Situation, Step};
use crate::answer::{Facts, Handover, Proposed, Reply, Thought};
use crate::business::{day_text, weekday_text};
use crate::content::Content;
use crate::dialogue::visit::Telling;
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
    let reply = (!text.is_empty()).then(|| Reply {
        text,
        buttons: voice.buttons(),
    });
    let (reply, draft) = match reply {
        Some(reply) if decision.draft => (Some(voice.patience()), Some(voice.proposed(reply))),
        reply => (reply, None),
    };
    Thought {
        replies: reply.into_iter().collect(),
        draft,
        handover: decision.handover.map(|reason| voice.handover(reason)),
        state: serde_json::to_value(&decision.state).unwrap_or(Value::Null),
        language: decision.language.code().to_owned(),
        facts: voice.facts(),
    }
}

/// What to say, and why a person is called, when no person let an answer through.
pub(super) fn refused(
    reason: Reason,
    state: &DialogueState,
    content: &Content,
    now: DateTime<Utc>,
) -> Thought {
    let language = state.language.unwrap_or(content.business.language);
    let reply = (reason == Reason::DraftExpired).then(|| {
        let words = content.texts.say(language, reason.told(), &[]);
        Reply {
            text: format!("{words} {}", promise(content, language, now)),
            buttons: Vec::new(),
        }
    });
    Thought {
        replies: reply.into_iter().collect(),
        draft: None,
        handover: Some(called(reason, content, now)),
        state: serde_json::to_value(state).unwrap_or(Value::Null),
        language: language.code().to_owned(),
        facts: Facts {
            action: "handoff".to_owned(),
            reason: Some("draft".to_owned()),
            ..Facts::default()
        },
    }
}

/// A call for a person.
fn called(reason: Reason, content: &Content, now: DateTime<Utc>) -> Handover {
    // The staff reads the language of the firm, whatever the customer writes.
    let language = content.business.language;
    let expected = content.business.next_staff_time(now);
    Handover {
        reason: content.texts.say(language, reason.for_staff(), &[]),
        hints: Vec::new(),
        expected_at: expected.map_or(now, |moment| moment.to_utc()),
        unanswered: None,
    }
}

/// When a person will answer.
fn promise(content: &Content, language: Language, now: DateTime<Utc>) -> String {
    let (business, texts) = (&content.business, &content.texts);
    if business.staff_on_duty(now) {
        return texts.say(language, Phrase::PromiseNow, &[]);
    }
    match business.next_staff_time(now) {
        Some(moment) => {
            let moment = moment_text(content, language, now, moment);
            texts.say(language, Phrase::PromiseLater, &[("moment", &moment)])
        }
        None => texts.say(language, Phrase::PromiseSometime, &[]),
    }
}

fn moment_text(
    content: &Content,
    language: Language,
    now: DateTime<Utc>,
    moment: DateTime<Tz>,
) -> String {
    let say = |phrase, variables: &[(&str, &str)]| content.texts.say(language, phrase, variables);
    let today = content.business.local(now).date_naive();
    let (date, time) = (moment.date_naive(), moment.format("%H:%M").to_string());
    if date == today {
        return say(Phrase::MomentToday, &[("time", &time)]);
    }
    if today.checked_add_days(Days::new(1)) == Some(date) {
        return say(Phrase::MomentTomorrow, &[("time", &time)]);
    }
    let day = day_text(date, language);
    say(Phrase::MomentDay, &[("day", &day), ("time", &time)])
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
                Step::OpenOn(day) => paragraphs.push(self.open_on(*day)),
                Step::Quote(passages) => paragraphs.push(quoted(passages)),
                Step::Tell(generated) => paragraphs.push(generated.text.clone()),
                Step::Visit(say) => paragraphs.push(self.telling().text(say)),
                Step::Invite => paragraphs.push(self.say(Phrase::BookingInvite, &[])),
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

    fn open_on(&self, date: NaiveDate) -> String {
        let language = self.decision.language;
        let weekday = weekday_text(date.weekday(), language);
        let mut first = weekday.chars();
        let capital = first.next().into_iter().flat_map(char::to_uppercase);
        let weekday: String = capital.chain(first).collect();
        let day = format!("{weekday}, {}", day_text(date, language));
        let hours = self.situation.content.business.open_on(date);
        let hours: Vec<String> = hours.iter().map(ToString::to_string).collect();
        if hours.is_empty() {
            return self.say(Phrase::ClosedOn, &[("day", &day)]);
        }
        let hours = hours.join(", ");
        self.say(Phrase::OpenOn, &[("day", &day), ("hours", &hours)])
    }

    fn telling(&self) -> Telling<'_> {
        Telling {
            content: self.situation.content,
            language: self.decision.language,
        }
    }

    fn open_today(&self) -> String {
        open_today(self.situation, self.decision.language)
    }

    fn promise(&self) -> String {
        let Situation { content, now, .. } = self.situation;
        promise(content, self.decision.language, *now)
    }

    /// What the customer reads while an answer waits for approval.
    fn patience(&self) -> Reply {
        let words = self.say(Phrase::CheckingAnswer, &[]);
        let business = &self.situation.content.business;
        let text = if business.staff_on_duty(self.situation.now) {
            words
        } else {
            format!("{words} {}", self.promise())
        };
        Reply {
            text,
            buttons: Vec::new(),
        }
    }

    /// An answer as the staff gets it to approve.
    fn proposed(&self, reply: Reply) -> Proposed {
        let now = self.situation.now;
        let there = self.situation.content.business.next_staff_time(now);
        let question = match &self.situation.said.title {
            Some(title) if self.situation.said.text.is_empty() => title.clone(),
            _ => self.situation.said.text.clone(),
        };
        let mut sources: Vec<String> = self
            .passages()
            .map(|passage| passage.source.for_people())
            .collect();
        sources.dedup();
        Proposed {
            reply,
            question,
            sources,
            due: there.map_or(now, |moment| moment.to_utc()) + self.situation.draft_waits,
        }
    }

    fn passages(&self) -> impl Iterator<Item = &Passage> {
        let steps = self.decision.steps.iter();
        let told = steps.filter_map(|step| match step {
            Step::Quote(passages) => Some(passages),
            Step::Tell(generated) => Some(&generated.passages),
            _ => None,
        });
        told.flatten()
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
                Step::Visit(say) => buttons.extend(self.telling().buttons(say)),
                Step::Invite => buttons.push(button(Phrase::ButtonBooking, "booking")),
                Step::Say(_)
                | Step::OpenToday
                | Step::OpenOn(_)
                | Step::Quote(_)
                | Step::Tell(_) => {}
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        buttons.retain(|button| seen.insert(button.payload.clone()));
        buttons
    }

    fn handover(&self, reason: Reason) -> Handover {
        let Situation { content, now, .. } = self.situation;
        let text = &self.situation.said.text;
        let not_known = matches!(reason, Reason::NotKnown | Reason::NotUnderstood);
        Handover {
            hints: self.hints(reason),
            unanswered: (not_known && !text.is_empty()).then(|| text.clone()),
            ..called(reason, content, *now)
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
                passage.question,
                passage.answer,
                passage.source.for_people()
            )
        };
        found.iter().map(hint).collect()
    }

    fn facts(&self) -> Facts {
        let understood = self.situation.understood;
        let sources: Vec<Value> = self
            .passages()
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
            action: match self.decision.handover {
                Some(_) => "handoff",
                None if self.decision.draft => "draft",
                None => "none",
            }
            .to_owned(),
            reason: Some(self.decision.rule.to_owned()),
            opt_out: self.decision.opt_out,
            booking: None,
            consent: None,
            rating: None,
            models: Vec::new(),
            variants: Vec::new(),
            wish: None,
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
