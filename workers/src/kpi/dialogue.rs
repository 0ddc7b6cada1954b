//! What one dialogue came to.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use zapis_core::event::{Event, Kind};
use zapis_core::store::Status;

use super::review::Verdict;

/// A message after so long a silence begins another dialogue.
pub(super) const QUIET: TimeDelta = TimeDelta::hours(24);
/// Who writes again within this time after a dialogue was not helped by it, or not for long.
pub(super) const REOPENED: TimeDelta = TimeDelta::hours(72);

/// So much may the clock of a messenger, which often tells whole seconds, be behind ours.
pub(super) const SKEW: TimeDelta = TimeDelta::minutes(1);

/// What somebody says who was helped.
const CONTENT: [&str; 3] = ["thanks", "goodbye", "confirm_yes"];
/// What says nothing about what somebody wants.
const COURTESY: [&str; 5] = ["greeting", "thanks", "goodbye", "smalltalk", "confirm_yes"];

/// What one dialogue came to: messages of a customer without a silence of 24 hours between them, and all that was
/// done about them. Times are absolute and the earliest wins, so that the order in which processes write their lines
/// of the journal does not matter within a dialogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Dialogue {
    /// When the customer wrote first.
    pub started_at: DateTime<Utc>,
    /// When she or somebody here wrote last.
    pub last_at: DateTime<Utc>,
    /// Messages of the customer: 0 where only an answer is known.
    pub messages: u32,
    /// Those of them that are more than a press of a button.
    pub typed: u32,
    /// When the bot answered first.
    pub bot_at: Option<DateTime<Utc>>,
    /// Messages of the bot that answered.
    pub replies: u32,
    /// When people of the firm wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub staff_said: Vec<DateTime<Utc>>,
    /// Messages of people of the firm, by who wrote them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub staff: BTreeMap<String, u32>,
    /// When the bot called a person.
    pub handoff_at: Option<DateTime<Utc>>,
    /// Drafts that were proposed, approved as they were, edited, refused.
    #[serde(default)]
    pub drafts: Drafts,
    /// What the customer wanted first, beside courtesies.
    pub intent: Option<String>,
    /// What she said last.
    pub last_intent: Option<String>,
    /// How sure the bot was, summed over `decided` turns.
    pub confidence: f64,
    /// Turns that had a confidence.
    pub decided: u32,
    /// Whether something she wrote was negative.
    pub negative: bool,
    /// The last rating, 1 to 5.
    pub stars: Option<u8>,
    /// An enquiry was made of it in the CRM.
    pub lead: bool,
    /// Visits that were booked in it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub bookings: BTreeSet<String>,
    /// A visit was booked, confirmed, moved or cancelled by the customer in it.
    pub settled: bool,
    /// The customer wrote again within 72 hours.
    pub reopened: bool,
    /// The variants that it was answered with, and since when: an arm of an experiment is `experiment:arm`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variants: BTreeMap<String, DateTime<Utc>>,
    /// When the bot last called a person.
    #[serde(default)]
    pub called_at: Option<DateTime<Utc>>,
    /// When it last became an enquiry in the CRM.
    #[serde(default)]
    pub lead_at: Option<DateTime<Utc>>,
    /// When a visit was last booked in it.
    #[serde(default)]
    pub booked_at: Option<DateTime<Utc>>,
    /// Where the customer came from: a link, a page, an advertisement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Tokens of language models.
    pub tokens: i64,
    /// What they cost, in the currency of the configured prices.
    pub cost: f64,
    /// What a person thought of it who looked through it later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// What became of drafts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drafts {
    /// Shown to the staff.
    pub proposed: u32,
    /// Sent as they were.
    pub sent: u32,
    /// Sent in other words.
    pub edited: u32,
    /// Refused.
    pub rejected: u32,
}

/// How a dialogue that the bot led alone ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The customer booked, said thanks or goodbye, or rated it 4 or 5.
    Confirmed,
    /// She wrote again within 72 hours.
    Reopened,
    /// Nothing more was heard: no success and no failure.
    Silent,
}

impl Dialogue {
    pub(super) fn opened(at: DateTime<Utc>) -> Self {
        Self {
            started_at: at,
            last_at: at,
            messages: 0,
            typed: 0,
            bot_at: None,
            replies: 0,
            staff_said: Vec::new(),
            staff: BTreeMap::new(),
            handoff_at: None,
            drafts: Drafts::default(),
            intent: None,
            last_intent: None,
            confidence: 0.0,
            decided: 0,
            negative: false,
            stars: None,
            lead: false,
            bookings: BTreeSet::new(),
            settled: false,
            reopened: false,
            variants: BTreeMap::new(),
            called_at: None,
            lead_at: None,
            booked_at: None,
            source: None,
            tokens: 0,
            cost: 0.0,
            verdict: None,
        }
    }

    /// Whether an event opens a dialogue where none goes on: a message of the customer, what was done about one that
    /// the journal has not told yet, or words of a person who writes first.
    pub(super) fn opens(event: &Event) -> bool {
        match event.kind {
            Kind::Inbound => is_message(event),
            Kind::Outbound => is_reply(event),
            Kind::Turn => true,
            Kind::Takeover => event.bot_response.is_some(),
            Kind::Booking => event.turn_id.is_some(),
            _ => false,
        }
    }

    /// Whether it still went on at that moment.
    pub(super) fn goes_on_at(&self, at: DateTime<Utc>) -> bool {
        at <= self.last_at + QUIET && self.started_at - QUIET <= at
    }

    /// Whether words of a person at that moment are the answer that it still waits for: nobody has answered, or nobody
    /// came who was called.
    pub(super) fn is_answered_at(&self, event: &Event) -> bool {
        let came = |called| self.staff_said.iter().any(|said| *said >= called);
        let waits = self.messages > 0
            && (!self.is_answered() || self.handoff_at.is_some_and(|called| !came(called)));
        event.kind == Kind::Takeover && waits && event.timestamp <= self.last_at + REOPENED
    }

    /// Takes an event of its conversation.
    pub(super) fn take(&mut self, event: &Event) {
        let at = event.timestamp;
        match event.kind {
            Kind::Inbound if is_message(event) => {
                self.started_at = match self.messages {
                    0 => at,
                    _ => self.started_at.min(at),
                };
                self.messages += 1;
                self.typed += u32::from(event.outcome.as_deref() != Some("press"));
                self.last_at = self.last_at.max(at);
                let told = event.sources.as_ref();
                let source = told.and_then(|told| told["came_from"].as_str());
                self.source = self.source.take().or_else(|| source.map(str::to_owned));
            }
            Kind::Turn => self.decided(event),
            Kind::Outbound if is_reply(event) => self.replied(at),
            Kind::Takeover if event.bot_response.is_some() => {
                self.staff_said.push(at);
                let who = event.staff_id.clone().unwrap_or_default();
                *self.staff.entry(who).or_default() += 1;
                self.last_at = self.last_at.max(at);
            }
            Kind::Handoff => {
                earliest(&mut self.handoff_at, at);
                self.called_at = self.called_at.max(Some(at));
            }
            Kind::Draft => {
                self.drafts.take(event);
                if matches!(event.outcome.as_deref(), Some("sent" | "edited")) {
                    self.replied(at);
                }
            }
            Kind::Booking => self.booked(event),
            Kind::Lead => {
                let opened = matches!(event.outcome.as_deref(), Some("created" | "joined"));
                if event.action.as_deref() == Some("create_lead") && opened {
                    self.lead = true;
                    self.lead_at = self.lead_at.max(Some(at));
                }
            }
            Kind::Rating => {
                let stars = event
                    .outcome
                    .as_deref()
                    .and_then(|stars| stars.parse().ok());
                self.stars = stars.or(self.stars);
            }
            Kind::System => self.verdict = Verdict::told(event).or(self.verdict),
            _ => {}
        }
    }

    fn replied(&mut self, at: DateTime<Utc>) {
        earliest(&mut self.bot_at, at);
        self.replies += 1;
        self.last_at = self.last_at.max(at);
    }

    fn decided(&mut self, event: &Event) {
        if let Some(intent) = &event.intent {
            if self.intent.is_none() && !COURTESY.contains(&intent.as_str()) {
                self.intent = Some(intent.clone());
            }
            self.last_intent = Some(intent.clone());
        }
        if let Some(confidence) = event.confidence {
            self.confidence += confidence;
            self.decided += 1;
        }
        self.negative |= event.sentiment.as_deref() == Some("negative");
        let variants = event.variant.iter().flat_map(|all| all.split(','));
        for variant in variants {
            let since = self.variants.entry(variant.to_owned());
            let since = since.or_insert(event.timestamp);
            *since = event.timestamp.min(*since);
        }
        self.tokens += event.tokens.unwrap_or(0);
        self.cost += event.cost.unwrap_or(0.0);
    }

    fn booked(&mut self, event: &Event) {
        let Some(booking) = &event.booking_id else {
            return;
        };
        match event.action.as_deref() {
            Some("create_booking") => {
                self.bookings.insert(booking.clone());
                self.booked_at = self.booked_at.max(Some(event.timestamp));
                self.settled |= event.staff_id.is_none();
            }
            Some("move_booking" | "confirm_booking") => self.settled |= event.staff_id.is_none(),
            Some("cancel_booking") => {
                let own = Status::CancelledByCustomer.name();
                self.settled |= event.outcome.as_deref() == Some(own);
            }
            _ => {}
        }
    }

    /// Whether the customer wrote something of her own in it: a press of a button under a reminder is no enquiry.
    pub fn is_enquiry(&self) -> bool {
        self.typed > 0
    }

    /// Whether somebody answered.
    pub fn is_answered(&self) -> bool {
        self.bot_at.is_some() || !self.staff_said.is_empty()
    }

    /// Whether the bot led it alone: it answered, and no person was called, spoke or approved.
    pub fn is_automated(&self) -> bool {
        self.bot_at.is_some()
            && self.handoff_at.is_none()
            && self.staff_said.is_empty()
            && self.drafts.proposed == 0
    }

    /// Whether it became a known wish: a lead, or a visit.
    pub fn is_qualified(&self) -> bool {
        self.lead || !self.bookings.is_empty()
    }

    /// Whether she could have written again by now if it had not helped her.
    pub fn is_judged(&self, now: DateTime<Utc>) -> bool {
        self.last_at + REOPENED <= now
    }

    /// How it ended, if the bot led it alone.
    pub fn ending(&self) -> Option<Ending> {
        let content = |intent: &String| CONTENT.contains(&intent.as_str());
        let confirmed = self.settled
            || self.last_intent.as_ref().is_some_and(content)
            || self.stars.is_some_and(|stars| stars >= 4);
        self.is_automated()
            .then_some(match (self.reopened, confirmed) {
                (true, _) => Ending::Reopened,
                (false, true) => Ending::Confirmed,
                (false, false) => Ending::Silent,
            })
    }

    /// Whether the bot led it alone, and the customer was content.
    pub fn is_confirmed(&self) -> bool {
        self.ending() == Some(Ending::Confirmed)
    }

    /// From the first message to the bot's first answer.
    pub fn bot_after(&self) -> Option<TimeDelta> {
        self.bot_at
            .map(|at| (at - self.started_at).max(TimeDelta::zero()))
    }

    /// From the call for a person, or else from the first message, to the next words of a person.
    pub fn staff_after(&self) -> Option<TimeDelta> {
        let asked = self.handoff_at.unwrap_or(self.started_at);
        let said = self.staff_said.iter().map(|said| *said - asked);
        let said = said.filter(|after| *after >= -SKEW).min();
        said.map(|after| after.max(TimeDelta::zero()))
    }

    /// From the first message to the call for a person.
    pub fn handoff_after(&self) -> Option<TimeDelta> {
        self.handoff_at
            .map(|at| (at - self.started_at).max(TimeDelta::zero()))
    }
}

impl Drafts {
    fn take(&mut self, event: &Event) {
        match event.outcome.as_deref() {
            Some("proposed") => self.proposed += 1,
            Some("sent") => self.sent += 1,
            Some("edited") => self.edited += 1,
            Some("rejected") => self.rejected += 1,
            _ => {}
        }
    }
}

/// Whether it is a message that wants an answer. Told by its kind: the words of old ones are gone.
fn is_message(event: &Event) -> bool {
    let kinds = [
        "text",
        "press",
        "command",
        "media",
        "contact",
        "location",
        "unreadable",
    ];
    event
        .outcome
        .as_deref()
        .is_some_and(|kind| kinds.contains(&kind))
}

/// Whether a message that was sent answered a customer: it belongs to a turn, and no person wrote it. One that a person
/// let through belongs to none, and is told as a draft.
fn is_reply(event: &Event) -> bool {
    event.outcome.as_deref() == Some("sent")
        && event.turn_id.is_some()
        && event.owner.as_deref() == Some("bot")
}

fn earliest(known: &mut Option<DateTime<Utc>>, at: DateTime<Utc>) {
    *known = Some(known.map_or(at, |known| known.min(at)));
}
