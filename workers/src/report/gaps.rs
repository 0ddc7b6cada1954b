//! Questions that the bot could not answer, or answered badly.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use zapis_core::event::{Event, Kind};
use zapis_core::message::ConversationId;

use super::groups::{Answer, Gap, Group, grouped, likeness};
use super::{Exchange, Exchanges, Privacy, SILENT, asks_for_person, rule, telling_words};
use crate::content::Content;

/// A person who writes so soon after an answer of the bot answers the question again.
const RIGHT_AFTER: TimeDelta = TimeDelta::minutes(10);
/// A customer who asks the same, or for a person, so soon after an answer was not helped by it.
const NOT_HELPED: TimeDelta = TimeDelta::minutes(30);
/// So long a question waits for an answer of the staff.
const ANSWERED_WITHIN: TimeDelta = TimeDelta::hours(24);
/// From this likeness on, a customer asks the same again.
const THE_SAME: f32 = 0.5;
/// So many questions of a conversation wait for what follows them.
const OPEN: usize = 8;
/// So many conversations are followed at once before those that are over are let go.
const FOLLOWED: usize = 2_000;
/// So many questions are kept, the newest ones.
const KEPT: usize = 5_000;

/// Rules that say that there was no answer.
const MISSED: [&str; 6] = [
    "not_known",
    "not_understood",
    "misunderstood_twice",
    "own_visit",
    "health",
    "papers",
];
/// Rules that call a person for what no knowledge can do.
const NO_QUESTION: [&str; 8] = [
    "asked_for_person",
    "voice_again",
    "unhappy",
    "refund",
    "booking_wish",
    "reschedule_wish",
    "cancel_wish",
    "late",
];
/// Rules of answers to what was no question.
const ASIDE: [&str; 9] = [
    "polite",
    "smalltalk",
    "offtopic",
    "injection",
    "opt_out",
    "abusive",
    "command",
    "pressed",
    "no_words",
];
/// Intents of the same kind.
const COURTESIES: [&str; 5] = ["greeting", "thanks", "goodbye", "confirm_yes", "confirm_no"];

/// Finds them while the journal streams by.
pub struct Gaps<'a> {
    privacy: Privacy<'a>,
    content: &'a Content,
    exchanges: Exchanges,
    talks: HashMap<ConversationId, Talk>,
    /// With more conversations than this it is time to let some go.
    crowded: usize,
    found: VecDeque<Gap>,
    left_out: usize,
}

/// A conversation that goes on.
#[derive(Default)]
struct Talk {
    open: Vec<Question>,
    /// Whether a person has answered since the last question.
    answered: bool,
}

/// A question that waits for what follows it.
struct Question {
    /// Its texts are hidden only when it is kept: most are answered well.
    gap: Gap,
    /// The name that the messenger shows.
    customer: Option<String>,
    /// Whether it was put to a person who had the conversation.
    to_staff: bool,
}

impl<'a> Gaps<'a> {
    /// What the journal must be read for.
    pub const KINDS: [Kind; 3] = [Kind::Inbound, Kind::Turn, Kind::Takeover];

    /// Nothing found yet.
    pub fn new(content: &'a Content) -> Self {
        Self {
            privacy: Privacy::new(&content.understander),
            content,
            exchanges: Exchanges::default(),
            talks: HashMap::new(),
            crowded: FOLLOWED,
            found: VecDeque::new(),
            left_out: 0,
        }
    }

    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
        if event.kind == Kind::Takeover {
            return self.staff_wrote(event);
        }
        if let Some(exchange) = self.exchanges.take(event) {
            self.asked(&exchange);
        }
        if self.talks.len() > self.crowded {
            self.let_go(event.timestamp);
        }
    }

    /// Questions that ask the same together, those first that concern most customers, and how many
    /// older questions were too many to be looked at.
    pub fn groups(mut self, day: NaiveDate) -> (Vec<Group>, usize) {
        let mut talks: Vec<_> = std::mem::take(&mut self.talks).into_iter().collect();
        talks.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        for (_, talk) in talks {
            self.keep(talk.open);
        }
        let mut groups = grouped(self.found.make_contiguous());
        for group in &mut groups {
            let content = self.content;
            group.look_up(&content.knowledge, &content.understander, day);
        }
        (groups, self.left_out)
    }

    fn asked(&mut self, exchange: &Exchange<'_>) {
        let at = exchange.turn.timestamp;
        let mut talk = self.talks.remove(exchange.conversation).unwrap_or_default();
        let answered = std::mem::take(&mut talk.answered);
        let (over, open) = talk
            .open
            .into_iter()
            .partition(|question| answered || at - question.gap.at > ANSWERED_WITHIN);
        talk.open = open;
        self.keep(over);
        if let Some(last) = talk.open.last_mut()
            && !last.to_staff
            && at - last.gap.at <= NOT_HELPED
        {
            if asks_for_person(exchange.turn) {
                last.gap.why.insert("asked_for_person".into());
            } else if likeness(&last.gap.text, &exchange.text) >= THE_SAME {
                last.gap.why.insert("asked_again".into());
            }
        }
        talk.open.extend(question(exchange));
        if talk.open.len() > OPEN {
            let oldest = talk.open.remove(0);
            self.keep(vec![oldest]);
        }
        if !talk.open.is_empty() {
            self.talks.insert(exchange.conversation.clone(), talk);
        }
    }

    /// A person answers what is open, and what the bot has just answered.
    fn staff_wrote(&mut self, event: &Event) {
        let Some(conversation) = event.conversation_id.as_ref() else {
            return;
        };
        let Some(talk) = self.talks.get_mut(conversation) else {
            return;
        };
        let Some(text) = event
            .bot_response
            .as_deref()
            .filter(|text| !text.is_empty())
        else {
            return;
        };
        let answer = Answer {
            text: text.to_owned(),
            at: event.timestamp,
        };
        talk.answered = true;
        if let Some(last) = talk.open.last_mut()
            && answer.at - last.gap.at <= RIGHT_AFTER
            && (last.gap.why.is_empty() || last.to_staff)
        {
            last.gap.why.insert("staff_answered".into());
        }
        let waiting = talk.open.iter_mut().filter(|question| {
            !question.gap.why.is_empty() && answer.at - question.gap.at <= ANSWERED_WITHIN
        });
        for question in waiting {
            let known = question.gap.answer.as_ref();
            let known = known.map_or(0, |known| telling_words(&known.text));
            if question.gap.answer.is_none() || telling_words(&answer.text) > known {
                question.gap.answer = Some(answer.clone());
            }
        }
    }

    /// Lets conversations go in which nothing can follow any more.
    fn let_go(&mut self, now: DateTime<Utc>) {
        let over = |talk: &Talk| {
            let last = talk.open.last();
            last.is_none_or(|question| now - question.gap.at > ANSWERED_WITHIN)
        };
        let mut gone: Vec<_> = self.talks.extract_if(|_, talk| over(talk)).collect();
        gone.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        self.crowded = FOLLOWED.max(self.talks.len() * 2);
        for (_, talk) in gone {
            self.keep(talk.open);
        }
    }

    fn keep(&mut self, questions: Vec<Question>) {
        let bad = |question: &Question| !question.gap.why.is_empty();
        for question in questions.into_iter().filter(bad) {
            let Question {
                mut gap, customer, ..
            } = question;
            let hide = |text: &str| self.privacy.hide(text, customer.as_deref());
            gap.text = hide(&gap.text);
            if let Some(answer) = &mut gap.answer {
                answer.text = hide(&answer.text);
            }
            self.found.push_back(gap);
            if self.found.len() > KEPT {
                self.found.pop_front();
                self.left_out += 1;
            }
        }
    }
}

/// What is asked in a turn, if anything is.
fn question(exchange: &Exchange<'_>) -> Option<Question> {
    let turn = exchange.turn;
    let text = exchange.text.trim();
    // Buttons, pictures and the like stand in brackets.
    if text.starts_with(['[', '/']) || telling_words(text) == 0 {
        return None;
    }
    let rule = rule(turn);
    let handed_over = turn.action.as_deref() == Some("handoff");
    let missed = MISSED.contains(&rule) || handed_over && !NO_QUESTION.contains(&rule);
    let to_staff = rule == SILENT;
    let courtesy = turn.intent.as_deref();
    let courtesy = courtesy.is_some_and(|intent| COURTESIES.contains(&intent));
    let skipped = NO_QUESTION.contains(&rule) || ASIDE.contains(&rule) || courtesy;
    if !missed && (skipped || to_staff && !text.contains('?')) {
        return None;
    }
    let customer = turn.client.as_ref();
    let intent = turn.intent.clone();
    Some(Question {
        gap: Gap {
            conversation: exchange.conversation.clone(),
            at: turn.timestamp,
            text: text.to_owned(),
            intent: intent.map(|intent| (intent, turn.confidence.unwrap_or_default())),
            why: missed.then(|| rule.to_owned()).into_iter().collect(),
            answer: None,
        },
        customer: customer.and_then(|client| client.name.clone()),
        to_staff,
    })
}
