//! Decides about one of the things a message says.

use chrono::NaiveDate;

use super::{Decision, Reason, Situation, Step};
use crate::dialogue::visit::{self, Start, Task};
use crate::knowledge::{Asked, OFFER_FROM, Passage};
use crate::texts::Phrase;
use crate::understand::{BELIEVED, Intent, Part, topics};
use crate::when::Reach;
use crate::words::{folded, is_frame, is_light, stem, tokens};

/// How many passages are offered to choose from.
const OFFERED: usize = 3;
/// A wish to book is believed against a passage about booking from this confidence on.
const CLEAR_WISH: f32 = 0.6;

/// Decides about a part of a message.
pub(super) fn decide(part: &Part, situation: &Situation<'_>, decision: &mut Decision) {
    match part.believed() {
        Some(Intent::Greeting) => greeted(part, situation, decision),
        Some(Intent::Thanks) => polite(Phrase::Welcome, situation, decision),
        Some(Intent::Goodbye) => polite(Phrase::Goodbye, situation, decision),
        Some(Intent::ConfirmNo) => polite(Phrase::Noted, situation, decision),
        Some(Intent::ConfirmYes) => confirmed(situation, decision),
        Some(wish @ (Intent::Booking | Intent::Reschedule | Intent::Cancel)) => {
            wished(wish, part, situation, decision);
        }
        Some(Intent::Medical) => medical(part, situation, decision),
        Some(Intent::Smalltalk) => aside(Phrase::Smalltalk, "smalltalk", part, situation, decision),
        Some(Intent::Offtopic) => aside(Phrase::Offtopic, "offtopic", part, situation, decision),
        _ => asked(part, situation, decision),
    }
}

fn greeted(part: &Part, situation: &Situation<'_>, decision: &mut Decision) {
    let alone = situation.understood.parts.len() == 1;
    if alone && !situation.state.greeted && !situation.staff_called {
        decision.steps.push(Step::Greet);
    } else if !situation.staff_called || alone {
        decision.say(Phrase::Hello);
    }
    // A greeting and a question in one breath: the question still wants its answer.
    if telling_words(&part.text) > 2 {
        asked(part, situation, decision);
    }
}

/// Thanks and the like get their answer once per message, and none next to another answer.
fn polite(phrase: Phrase, situation: &Situation<'_>, decision: &mut Decision) {
    if situation.understood.parts.len() == 1
        || (decision.steps.is_empty() && decision.handover.is_none())
    {
        decision.say(phrase);
        decision.rule = "polite";
    }
}

/// "Yes" to nothing in particular.
fn confirmed(situation: &Situation<'_>, decision: &mut Decision) {
    if situation.understood.parts.len() == 1 && !situation.staff_called {
        decision.say(Phrase::WhichOne);
        decision.steps.push(Step::Menu);
        decision.rule = "polite";
    }
}

/// A wish to book, move or cancel goes to the book, or to a person where the bot has none; a question about
/// it is answered by the firm's rule.
fn wished(wish: Intent, part: &Part, situation: &Situation<'_>, decision: &mut Decision) {
    let (reason, rule) = match wish {
        Intent::Cancel => (Reason::Cancel, "cancel_wish"),
        Intent::Reschedule => (Reason::Reschedule, "reschedule_wish"),
        _ => (Reason::Booking, "booking_wish"),
    };
    let task = match wish {
        Intent::Cancel => Task::Cancel,
        Intent::Reschedule => Task::Move,
        _ => Task::Book,
    };
    let rules: Vec<Passage> = find(&part.text, part, situation, decision)
        .into_iter()
        .filter(is_about_booking)
        .collect();
    let clear = part
        .best()
        .is_some_and(|guess| guess.confidence >= CLEAR_WISH);
    let asks = part.text.contains('?');
    let names_visit = visit::is_wish(situation);
    if rules.is_empty() || (clear && !asks) || names_visit {
        if situation.visit.is_some() {
            decision.visit = Some(Start::Task(task));
            decision.rule = rule;
            return;
        }
        return decision.hand_over(reason, rule);
    }
    quote(rules, decision);
    // A rule answers a question about booking, but it moves or cancels nothing.
    if clear && wish != Intent::Booking && situation.visit.is_none() {
        decision.hand_over(reason, rule);
    }
}

fn is_about_booking(passage: &Passage) -> bool {
    let about = |topic: &str| passage.topics.iter().any(|known| known == topic);
    (about(Intent::Booking.id()) || about(Intent::CancelPolicy.id()))
        && !about(Intent::Price.id())
        && !passage.id.contains(':')
}

/// Health: what the firm itself says about contraindications, or a person.
fn medical(part: &Part, situation: &Situation<'_>, decision: &mut Decision) {
    let found: Vec<Passage> = find(&part.text, part, situation, decision)
        .into_iter()
        .filter(|passage| {
            passage
                .topics
                .iter()
                .any(|topic| topic == Intent::Medical.id())
        })
        .collect();
    if found.is_empty() {
        return decision.hand_over(Reason::Medical, "health");
    }
    quote(found, decision);
}

/// Small talk and other people's business, unless the knowledge base has it after all.
fn aside(
    phrase: Phrase,
    rule: &'static str,
    part: &Part,
    situation: &Situation<'_>,
    decision: &mut Decision,
) {
    let found = find(&part.text, part, situation, decision);
    if !found.is_empty() {
        return quote(found, decision);
    }
    let alone = situation.understood.parts.len() == 1;
    if alone && !situation.staff_called {
        decision.say(phrase);
        decision.steps.push(Step::Menu);
        decision.rule = rule;
    }
}

/// A question: quoted from the knowledge base, or honestly passed on.
fn asked(part: &Part, situation: &Situation<'_>, decision: &mut Decision) {
    if situation.understood.parts.len() > 1 && !says_about_what(part) {
        return;
    }
    if part.believed() == Some(Intent::LegalDocs) && wants_erasure(&part.text) {
        return decision.hand_over(Reason::Papers, "papers");
    }
    let mut found = find(&part.text, part, situation, decision);
    let short = telling_words(&part.text) <= 3;
    let unnamed = found.is_empty() || found.iter().any(|passage| passage.id == "price-list");
    if let Some(subject) = situation
        .state
        .subject
        .as_ref()
        .filter(|_| short && unnamed && asks_about_service(part))
    {
        let with_subject = find(
            &format!("{subject} {}", part.text),
            part,
            situation,
            decision,
        );
        if !with_subject.is_empty() {
            found = with_subject;
        }
    }
    if !found.is_empty() {
        let of_hours =
            |passage: &Passage| passage.topics.iter().any(|one| one == Intent::Hours.id());
        if found.iter().any(of_hours) {
            if about_today(&part.text) {
                decision.steps.push(Step::OpenToday);
            } else if let Some(day) = named_day(part, situation) {
                decision.steps.push(Step::OpenOn(day));
                found.retain(|passage| !of_hours(passage));
            }
        }
        return quote(found, decision);
    }
    if telling_words(&part.text) == 0 && situation.understood.parts.len() > 1 {
        return;
    }
    if visit::is_wish(situation) && !part.text.contains('?') {
        decision.visit = Some(Start::Task(Task::Book));
        decision.rule = "booking_wish";
        return;
    }
    match part.believed() {
        Some(Intent::LegalDocs) => decision.hand_over(Reason::Papers, "papers"),
        Some(_) => decision.hand_over(Reason::NotKnown, "not_known"),
        None => unclear(part, situation, decision),
    }
}

/// Neither a passage nor an intent: offer what comes nearest, or ask again.
fn unclear(part: &Part, situation: &Situation<'_>, decision: &mut Decision) {
    // Chatter around a question that was understood needs no answer.
    let others = situation.understood.parts.len() > 1
        && situation
            .understood
            .parts
            .iter()
            .any(|other| other.believed().is_some());
    if others || !decision.steps.is_empty() && decision.rule != "answered" {
        return;
    }
    decision.rule = "not_understood";
    let offers = nearest(part, situation, decision);
    if offers.is_empty() {
        decision.say(Phrase::Unclear);
        decision.steps.push(Step::Menu);
    } else {
        decision.say(Phrase::WhichOne);
        decision.steps.push(Step::Offer(offers));
    }
}

fn today(situation: &Situation<'_>) -> NaiveDate {
    situation.content.business.local(situation.now).date_naive()
}

fn find(text: &str, part: &Part, situation: &Situation<'_>, decision: &Decision) -> Vec<Passage> {
    let topics = topics(&part.guesses);
    situation.content.knowledge.answer(&Asked {
        text,
        language: Some(decision.language),
        topics: &topics,
        today: today(situation),
        meaning: situation.meanings.of(text),
    })
}

fn nearest(part: &Part, situation: &Situation<'_>, decision: &Decision) -> Vec<Passage> {
    let topics = topics(&part.guesses);
    let asked = Asked {
        text: &part.text,
        language: Some(decision.language),
        topics: &topics,
        today: today(situation),
        meaning: situation.meanings.of(&part.text),
    };
    let mut found = situation.content.knowledge.search(&asked, OFFERED);
    found.retain(|passage| passage.score >= OFFER_FROM);
    found
}

fn quote(passages: Vec<Passage>, decision: &mut Decision) {
    let quoted = |id: &str| {
        decision.steps.iter().any(|step| matches!(step, Step::Quote(known) if known.iter().any(|passage| passage.id == id)))
    };
    let fresh: Vec<Passage> = passages
        .into_iter()
        .filter(|passage| !quoted(&passage.id))
        .collect();
    if let Some(service) = fresh
        .first()
        .filter(|passage| passage.id.starts_with("service:"))
    {
        decision.state.subject = Some(service.question.clone());
    }
    if !fresh.is_empty() {
        decision.steps.push(Step::Quote(fresh));
    }
}

fn asks_about_service(part: &Part) -> bool {
    part.guesses.iter().any(|guess| {
        matches!(
            guess.intent,
            Intent::Price | Intent::Duration | Intent::StaffInfo
        ) && guess.confidence >= BELIEVED
    })
}

/// The one day that a question about hours names.
fn named_day(part: &Part, situation: &Situation<'_>) -> Option<NaiveDate> {
    let [one] = situation.when.any_of.as_slice() else {
        return None;
    };
    match one.days {
        Some(Reach::At(day)) if part.believed() == Some(Intent::Hours) => Some(day),
        _ => None,
    }
}

fn about_today(text: &str) -> bool {
    let folded = folded(text);
    tokens(&folded).any(|token| {
        matches!(
            token,
            "сегодня" | "сейчас" | "today" | "now" | "еще" | "tonight"
        )
    })
}

/// Whether a part says what it is about, by a word of its own or by an intent that needs none:
/// in "it chipped, what do I do?" the second half does not.
fn says_about_what(part: &Part) -> bool {
    let folded = folded(&part.text);
    let plain = matches!(
        part.believed(),
        Some(Intent::Hours | Intent::Address | Intent::Contact | Intent::Parking | Intent::Payment)
    );
    plain || tokens(&folded).any(|token| !is_light(token) && !is_frame(&stem(token)))
}

/// A wish to have one's data deleted, which no quotation fulfils.
fn wants_erasure(text: &str) -> bool {
    let folded = folded(text);
    ["удал", "отзыв", "сотрите", "delete", "erase", "remove"]
        .iter()
        .any(|word| folded.contains(word))
}

fn telling_words(text: &str) -> usize {
    let folded = folded(text);
    tokens(&folded).filter(|token| !is_light(token)).count()
}
