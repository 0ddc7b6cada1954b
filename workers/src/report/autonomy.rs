//! Which intents the bot may answer alone: judged by what the staff made of its drafts, and by what
//! customers and staff did after answers that nobody approved.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zapis_core::event::{Event, Kind};
use zapis_core::message::ConversationId;

use super::{asks_for_person, rule};
use crate::statistics::wilson;

/// An intent with fewer decided drafts is not promoted.
pub const PROMOTE_FROM: u32 = 20;
/// The lower bound of the share sent unchanged from which an intent is promoted.
pub const PROMOTE_SHARE: f64 = 0.9;
/// An intent with fewer answers of the bot alone is not demoted.
pub const DEMOTE_FROM: u32 = 10;
/// The share of answers that did not help above which an intent is demoted.
pub const DEMOTE_SHARE: f64 = 0.2;
/// A takeover, or a wish for a person, so soon after an answer means that it did not help.
pub const FOLLOWED_WITHIN: TimeDelta = TimeDelta::minutes(10);
/// So many conversations are followed at once before those that are over are let go.
const FOLLOWED: usize = 2_000;

/// Who answers an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The bot drafts, the staff decides.
    Draft,
    /// The bot alone.
    Auto,
    /// The staff alone.
    Staff,
}

/// What to do with an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Recommendation {
    /// The bot may answer alone.
    Promote,
    /// As it is.
    Keep,
    /// The staff should approve again.
    Demote,
}

/// What became of the answers to one intent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Drafts that the staff sent as they were.
    pub sent: u32,
    /// Drafts that the staff changed and sent.
    pub edited: u32,
    /// Drafts that the staff refused.
    pub rejected: u32,
    /// Drafts that nobody decided in time: they tell nothing of the answers.
    pub expired: u32,
    /// Answers of the bot alone.
    pub auto: u32,
    /// Of these, how many were followed by a takeover or a wish for a person within ten minutes.
    pub followed: u32,
    /// Messages that were not understood, after which the customer said this in other words within ten minutes.
    pub missed: u32,
}

impl Tally {
    /// Drafts that somebody decided.
    pub fn decided(&self) -> u32 {
        self.sent + self.edited + self.rejected
    }

    /// How often it was taken for this and was not, as far as people show it: false positives. Other words of the staff
    /// are none: the wish was understood.
    pub fn wrong(&self) -> u32 {
        self.rejected + self.followed
    }
}

/// A recommendation and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Advice {
    /// What to do.
    pub recommendation: Recommendation,
    /// Why, in a sentence.
    pub why: String,
}

/// What to do with an intent that is answered in this mode, after what is known of its answers.
///
/// * `draft`: promote at [`PROMOTE_FROM`] decided drafts or more, when the lower bound of the share
///   sent unchanged is at least [`PROMOTE_SHARE`];
/// * `auto`: demote at [`DEMOTE_FROM`] answers or more, when more than [`DEMOTE_SHARE`] of them were
///   followed by a takeover or a wish for a person;
/// * `staff`: never changed by itself.
pub fn recommend(mode: Mode, tally: &Tally) -> Advice {
    let (recommendation, why) = match mode {
        Mode::Staff => (Recommendation::Keep, "the staff answers it".to_owned()),
        Mode::Draft => on_drafts(tally),
        Mode::Auto => on_answers(tally),
    };
    Advice {
        recommendation,
        why,
    }
}

fn on_drafts(tally: &Tally) -> (Recommendation, String) {
    let decided = tally.decided();
    if decided < PROMOTE_FROM {
        let why = format!("{decided} decided drafts, {PROMOTE_FROM} are needed");
        return (Recommendation::Keep, why);
    }
    let bound = lower_bound(tally.sent, decided);
    let sent = format!(
        "{} of {decided} drafts sent unchanged, at least {bound:.2} with 95 % confidence",
        tally.sent
    );
    if bound >= PROMOTE_SHARE {
        (Recommendation::Promote, sent)
    } else {
        let why = format!("{sent}, {PROMOTE_SHARE:.2} are needed");
        (Recommendation::Keep, why)
    }
}

fn on_answers(tally: &Tally) -> (Recommendation, String) {
    let Tally { auto, followed, .. } = *tally;
    if auto < DEMOTE_FROM {
        let why = format!("{auto} answers, {DEMOTE_FROM} are needed to judge");
        return (Recommendation::Keep, why);
    }
    let why = format!("{followed} of {auto} answers were followed by a person");
    if f64::from(followed) > DEMOTE_SHARE * f64::from(auto) {
        (Recommendation::Demote, why)
    } else {
        (Recommendation::Keep, why)
    }
}

/// The lower end of the interval of a share, with 95 % confidence; 0 of nothing.
pub fn lower_bound(hits: u32, of: u32) -> f64 {
    wilson(hits.into(), of.into()).map_or(0.0, |(low, _)| low)
}

/// A row of the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The intent's id.
    pub intent: String,
    /// Who answers it now.
    pub mode: Mode,
    /// What became of the answers.
    #[serde(flatten)]
    pub tally: Tally,
    /// Drafts that somebody decided.
    pub decided: u32,
    /// How often it was taken for this and was not: drafts refused, and answers followed by a person.
    pub wrong: u32,
    /// The share of decided drafts that was sent unchanged; none without any.
    pub share: Option<f64>,
    /// Its lower bound with 95 % confidence.
    pub lower_bound: Option<f64>,
    /// What to do.
    #[serde(flatten)]
    pub advice: Advice,
}

/// Counts while the journal streams by.
#[derive(Debug, Default)]
pub struct Autonomy {
    tallies: BTreeMap<String, Tally>,
    /// How the last answer to an intent went out.
    seen: BTreeMap<String, Mode>,
    /// The intents of drafts that nobody has decided yet.
    proposed: HashMap<Uuid, String>,
    decided: HashSet<Uuid>,
    /// Answers of the bot alone after which somebody may still step in.
    answers: HashMap<ConversationId, VecDeque<Answered>>,
    /// When a message was not understood, and how many before it.
    unclear: HashMap<ConversationId, (DateTime<Utc>, u32)>,
}

/// Rules that say that a message was not understood.
const UNCLEAR: [&str; 2] = ["not_understood", "misunderstood_twice"];

#[derive(Debug)]
struct Answered {
    turn: Option<Uuid>,
    at: DateTime<Utc>,
    intent: String,
}

impl Autonomy {
    /// What the journal must be read for.
    pub const KINDS: [Kind; 3] = [Kind::Turn, Kind::Draft, Kind::Takeover];

    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
        if event.kind == Kind::Turn {
            self.understood(event);
        }
        match event.kind {
            Kind::Draft => self.draft(event),
            Kind::Takeover => self.stepped_in(event),
            Kind::Turn if asks_for_person(event) => self.stepped_in(event),
            Kind::Turn => self.answered(event),
            _ => {}
        }
    }

    /// One row an intent; `modes` says how an intent is answered where that is laid down, otherwise it
    /// is how its last answer went out.
    pub fn rows(&self, modes: &BTreeMap<String, Mode>) -> Vec<Row> {
        let rows = self.tallies.iter().map(|(intent, tally)| {
            let mode = modes.get(intent).or_else(|| self.seen.get(intent));
            let mode = mode.copied().unwrap_or(Mode::Draft);
            let decided = tally.decided();
            let some = decided > 0;
            Row {
                intent: intent.clone(),
                mode,
                tally: *tally,
                decided,
                wrong: tally.wrong(),
                share: some.then(|| f64::from(tally.sent) / f64::from(decided)),
                lower_bound: some.then(|| lower_bound(tally.sent, decided)),
                advice: recommend(mode, tally),
            }
        });
        rows.collect()
    }

    /// What is known of the answers to an intent.
    pub fn tally(&self, intent: &str) -> Tally {
        self.tallies.get(intent).copied().unwrap_or_default()
    }

    fn understood(&mut self, event: &Event) {
        let Some(conversation) = &event.conversation_id else {
            return;
        };
        let at = event.timestamp;
        let fresh = |since: &DateTime<Utc>| at - *since <= FOLLOWED_WITHIN;
        let before = self.unclear.remove(conversation);
        let before = before
            .filter(|(since, _)| fresh(since))
            .map_or(0, |(_, count)| count);
        if UNCLEAR.contains(&rule(event)) {
            if self.unclear.len() > FOLLOWED {
                self.unclear.retain(|_, (since, _)| fresh(since));
            }
            self.unclear.insert(conversation.clone(), (at, before + 1));
        } else if let Some(intent) = event
            .intent
            .as_ref()
            .filter(|_| before > 0 && !asks_for_person(event))
        {
            self.tallies.entry(intent.clone()).or_default().missed += before;
        }
    }

    fn draft(&mut self, event: &Event) {
        let Some(id) = event.outbound_id else {
            return;
        };
        let count: fn(&mut Tally) -> &mut u32 = match event.outcome.as_deref() {
            Some("proposed") => return self.proposed(id, event),
            Some("superseded") => {
                self.proposed.remove(&id);
                return;
            }
            Some("sent") => |tally| &mut tally.sent,
            Some("edited") => |tally| &mut tally.edited,
            Some("rejected") => |tally| &mut tally.rejected,
            Some("expired") => |tally| &mut tally.expired,
            _ => return,
        };
        let known = self.proposed.remove(&id);
        let Some(intent) = event.intent.clone().or(known) else {
            return;
        };
        // What was decided stays decided.
        if self.decided.insert(id) {
            *count(self.tallies.entry(intent).or_default()) += 1;
        }
    }

    fn proposed(&mut self, id: Uuid, event: &Event) {
        // The turn that proposes a draft has answered nobody.
        let answers = event.conversation_id.as_ref();
        let answers = answers.and_then(|conversation| self.answers.get_mut(conversation));
        let same = |last: &mut Answered| last.turn.is_some() && last.turn == event.turn_id;
        if let Some(not) = answers.and_then(|answers| answers.pop_back_if(same)) {
            let tally = self.tallies.entry(not.intent).or_default();
            tally.auto = tally.auto.saturating_sub(1);
        }
        if let Some(intent) = &event.intent {
            self.seen.insert(intent.clone(), Mode::Draft);
            self.tallies.entry(intent.clone()).or_default();
            self.proposed.insert(id, intent.clone());
        }
    }

    fn answered(&mut self, event: &Event) {
        let alone = event.outcome.as_deref() == Some("answered")
            && event.bot_response.is_some()
            && !matches!(event.action.as_deref(), Some("draft" | "handoff"));
        let (Some(conversation), Some(intent)) = (&event.conversation_id, &event.intent) else {
            return;
        };
        if !alone {
            return;
        }
        self.seen.insert(intent.clone(), Mode::Auto);
        self.tallies.entry(intent.clone()).or_default().auto += 1;
        if self.answers.len() > FOLLOWED {
            let now = event.timestamp;
            let fresh = |last: &Answered| now - last.at <= FOLLOWED_WITHIN;
            self.answers
                .retain(|_, answers| answers.back().is_some_and(fresh));
        }
        let answers = self.answers.entry(conversation.clone()).or_default();
        answers.retain(|answer| event.timestamp - answer.at <= FOLLOWED_WITHIN);
        answers.push_back(Answered {
            turn: event.turn_id,
            at: event.timestamp,
            intent: intent.clone(),
        });
    }

    /// A person has stepped in, or is asked to.
    fn stepped_in(&mut self, event: &Event) {
        let conversation = event.conversation_id.as_ref();
        let answers = conversation.and_then(|conversation| self.answers.remove(conversation));
        for answer in answers.into_iter().flatten() {
            if event.timestamp - answer.at <= FOLLOWED_WITHIN {
                self.tallies.entry(answer.intent).or_default().followed += 1;
            }
        }
    }
}
