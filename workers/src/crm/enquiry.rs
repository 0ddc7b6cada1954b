//! What is known of an enquiry, and what follows from what happens in it. Pure: no clock, nothing is asked.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;
use zapis_core::event::{Client, Event, Kind};
use zapis_core::ids;
use zapis_core::message::{ConversationId, Line};
use zapis_core::store::{BookingEvent, Enquiry, NewCrmJob, Status, StoreError};

use super::history::{Next, closes, segment, summary, title};
use super::nudge;
use super::score::{Signals, qualify};
use super::told::TurnTold;
use super::{Card, CrmConfig, Fate, Milestone, Opened, Record, Temperature, Todo, Wish, notes};
use crate::business::Business;
use crate::remind::Quiet;

/// In what a job needs: it came of a wish.
pub(super) const WISH: &str = "wish";
/// How many turns are remembered, so that none is heard twice.
const HEARD: usize = 100;
/// By when somebody should look at a new wish of a known person.
const SOON: TimeDelta = TimeDelta::minutes(15);

/// What is kept of an enquiry.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each remembers another thing that happened"
)]
pub struct State {
    /// What the CRM's record should say.
    pub card: Card,
    /// What it says, as far as we wrote it.
    pub sent: Option<Card>,
    /// What speaks for a visit.
    pub signals: Signals,
    /// What was said and is not at the CRM yet.
    pub lines: Vec<Line>,
    /// Whether what was said before it began was taken in.
    pub history_taken: bool,
    /// The last turns that were heard.
    pub heard: Vec<Uuid>,
    /// The ids of the services that are wanted.
    pub services: Vec<String>,
    /// The location's id.
    pub location: Option<String>,
    /// `ru` or `en`.
    pub language: String,
    /// When the customer last did something.
    pub wrote_at: Option<DateTime<Utc>>,
    /// When something was last said.
    pub last_at: Option<DateTime<Utc>>,
    /// Since when a person is called for and none has answered.
    pub called_at: Option<DateTime<Utc>>,
    /// Why.
    pub called_for: Option<String>,
    /// By when somebody should have answered; then another call is another task.
    pub called_until: Option<DateTime<Utc>>,
    /// What the customer may be asked about once, and when.
    pub nudge: Option<(Nudge, DateTime<Utc>)>,
    /// Whether that was done, or must not be.
    pub nudged: bool,
    /// The visits that came of it, and until when each lasts; one that was called off has no end.
    pub bookings: Vec<(Uuid, Option<DateTime<Utc>>)>,
    /// Whether the record was made by somebody else: it is not among those that the CRM tells of ours.
    pub joined: bool,
    /// Who is responsible.
    pub responsible: Option<String>,
    /// How far it is.
    pub milestone: Option<Milestone>,
    /// The stage as managers call it.
    pub stage: Option<String>,
    /// Since when a person has switched the bot off.
    pub no_bot: Option<DateTime<Utc>>,
    /// Whether managers were told that it has become hot.
    pub told_hot: bool,
    /// Whether the staff was told of it, because the CRM does not take it.
    pub told_staff: bool,
}

impl State {
    /// What the store keeps of an enquiry. What a newer version has written is not for this one.
    pub fn of(row: &Enquiry) -> Result<Self, StoreError> {
        Self::deserialize(&row.state).map_err(|_| {
            let id = row.id;
            StoreError::Refused(format!("enquiry {id} was written by a newer version"))
        })
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("milestone", &self.milestone)
            .field("stage", &self.stage)
            .field("signals", &self.signals)
            .field("nudge", &self.nudge)
            .field("nudged", &self.nudged)
            .field("told_staff", &self.told_staff)
            .finish_non_exhaustive()
    }
}

/// What a customer may be asked about once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nudge {
    /// A booking was begun and not finished.
    Unfinished,
    /// She wanted to think about it.
    Thinking,
}

/// What an enquiry wants done beside the CRM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// The customer is asked whether to go on.
    Nudge(Nudge),
    /// The staff is shown the enquiry that the CRM does not take.
    TellStaff,
}

/// What enquiries go by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'r> {
    /// The settings.
    pub config: &'r CrmConfig,
    /// The firm.
    pub business: &'r Business,
}

/// An enquiry under work: as it was read, and what follows from what happened since.
#[derive(Clone)]
pub(super) struct Case {
    /// The row of the store.
    pub row: Enquiry,
    /// What it keeps.
    pub state: State,
    /// What the CRM is to be told.
    pub jobs: Vec<NewCrmJob>,
    /// What the journal gets.
    pub events: Vec<Event>,
}

impl Case {
    /// A new one. The same cause begins the same one.
    pub(super) fn begin(conversation: &ConversationId, wish: Uuid, now: DateTime<Utc>) -> Self {
        let id = ids::derive(&["enquiry", conversation.as_str(), &wish.to_string()]);
        let mut case = Self {
            row: Enquiry {
                id,
                conversation: conversation.clone(),
                opened_at: now,
                closed_at: None,
                record: None,
                due: None,
                version: 0,
                state: serde_json::Value::Null,
            },
            state: State {
                milestone: Some(Milestone::Enquiry),
                ..State::default()
            },
            jobs: Vec::new(),
            events: Vec::new(),
        };
        conversation
            .channel()
            .clone_into(&mut case.state.card.channel);
        case.job("open", ids::of(id, "open", 0), json!({}), now);
        case
    }

    /// As the store has it.
    pub(super) fn of(row: Enquiry) -> Result<Self, StoreError> {
        let state = State::of(&row)?;
        Ok(Self {
            row,
            state,
            jobs: Vec::new(),
            events: Vec::new(),
        })
    }

    /// The same wish once more, for a record that is not there any more.
    pub(super) fn anew(&self, wish: Uuid, now: DateTime<Utc>) -> Self {
        let mut case = Self::begin(&self.row.conversation, wish, now);
        let old = &self.state;
        case.state = State {
            card: old.card.clone(),
            signals: old.signals,
            heard: old.heard.clone(),
            history_taken: true,
            services: old.services.clone(),
            location: old.location.clone(),
            language: old.language.clone(),
            wrote_at: old.wrote_at,
            last_at: old.last_at,
            nudged: old.nudged,
            ..case.state
        };
        case
    }

    /// Whether nothing has come of it.
    pub(super) fn is_as(&self, before: &Enquiry) -> bool {
        let state = serde_json::to_value(&self.state).unwrap_or_default();
        let quiet = self.jobs.is_empty() && self.events.is_empty();
        quiet && self.row == *before && state == before.state
    }

    /// The record at the CRM.
    pub(super) fn record(&self) -> Option<Record> {
        self.row.record.as_deref()?.parse().ok()
    }

    /// Takes a turn in; nothing follows from one that was heard.
    pub(super) fn hear(&mut self, told: &TurnTold, rules: Rules<'_>) {
        if !self.is_news(told.turn) {
            return;
        }
        let first = !std::mem::replace(&mut self.state.history_taken, true);
        if first {
            self.state.lines.extend(told.history.iter().cloned());
        }
        self.state.lines.extend(told.lines.iter().cloned());
        let last = told.lines.iter().map(|line| line.at).max();
        self.state.last_at = self.state.last_at.max(last);
        self.state.language.clone_from(&told.language);
        if told.wrote {
            self.state.wrote_at = self.state.wrote_at.max(Some(told.at));
        }
        self.know(told);
        if let Some(wish) = &told.wish {
            self.wish(wish);
        }
        self.follow_up(told, rules);
        let called = self.call(told);
        self.describe(rules);
        self.close_segment(told.at, first || called, rules);
        if self.row.version > 0 {
            self.bring_up_to_date(told.turn, told.at);
            self.tell_heat(told);
        }
        // Should the record be gone, this begins another one.
        if told.enquires || told.called.is_some() {
            for job in &mut self.jobs {
                job.body[WISH] = json!(true);
            }
        }
    }

    /// What a manager has read once as cold is told when it becomes hot.
    fn tell_heat(&mut self, told: &TurnTold) {
        let hot = |card: &Card| card.temperature == Temperature::Hot;
        let was = self.state.sent.as_ref().is_some_and(hot);
        if hot(&self.state.card) && !was && !std::mem::replace(&mut self.state.told_hot, true) {
            let text = notes::hot(&self.state.card);
            let id = ids::of(told.turn, "crm hot", 0);
            self.job("note", id, json!({ "text": text }), told.at);
        }
    }

    /// Whether it knows of a visit.
    pub(super) fn is_about(&self, booking: Uuid) -> bool {
        self.state.bookings.iter().any(|(id, _)| *id == booking)
    }

    /// Whether something was not heard before.
    fn is_news(&mut self, cause: Uuid) -> bool {
        let heard = &mut self.state.heard;
        if heard.contains(&cause) {
            return false;
        }
        heard.push(cause);
        let forgotten = heard.len().saturating_sub(HEARD);
        heard.drain(..forgotten);
        true
    }

    fn know(&mut self, told: &TurnTold) {
        let card = &mut self.state.card;
        if card.name.is_none() {
            card.name.clone_from(&told.name);
        }
        if told.username.is_some() {
            card.username.clone_from(&told.username);
        }
        add(&mut card.phones, told.phone.as_deref());
        if let Some(source) = &told.source {
            let (utm, referral) = super::source::read(source);
            card.utm.extend(utm);
            card.referral = card.referral.take().or(referral);
        }
    }

    fn wish(&mut self, wish: &Wish) {
        let state = &mut self.state;
        let card = &mut state.card;
        renew(&mut card.service, wish.service.as_ref());
        renew(&mut card.time, wish.time.as_ref());
        renew(&mut state.location, wish.location.as_ref());
        renew(&mut card.name, wish.name.as_ref());
        if wish.price.is_some() {
            (card.price, card.price_from) = (wish.price, wish.price_from);
        }
        if !wish.services.is_empty() {
            state.services.clone_from(&wish.services);
        }
        add(&mut card.phones, wish.phone.as_deref());
        add(&mut card.emails, wish.email.as_deref());
        state.signals.join(wish.signals);
    }

    /// Whether the customer is to be asked later, once. Whatever she or a person of the firm does ends it.
    fn follow_up(&mut self, told: &TurnTold, rules: Rules<'_>) {
        self.state.nudge = None;
        self.state.nudged |= told.stopped;
        if self.state.nudged || told.staff.is_some() || told.called.is_some() {
            return;
        }
        let kind = match &told.wish {
            Some(wish) if wish.hesitates => Nudge::Thinking,
            Some(wish) if wish.unfinished => Nudge::Unfinished,
            _ => return,
        };
        let phone = self.state.card.phones.first().map(String::as_str);
        let quiet = Quiet::or_night(rules.business, phone);
        let window = nudge::window(self.row.conversation.channel());
        let minutes = rules.config.nudge_minutes;
        let due = |at| nudge::due(at, minutes, self.state.nudged, quiet, window);
        let due = self.state.wrote_at.and_then(due);
        self.state.nudge = due.map(|due| (kind, due));
    }

    /// Gives a person the task to answer, unless one has it; whether it did.
    fn call(&mut self, told: &TurnTold) -> bool {
        if told.staff.is_some() {
            (self.state.called_at, self.state.called_until) = (None, None);
        }
        let Some(called) = &told.called else {
            return false;
        };
        self.state.signals.person = true;
        self.state.called_at.get_or_insert(told.at);
        if self.state.called_until.is_some_and(|until| told.at < until) {
            return false;
        }
        self.state.called_for = Some(called.reason.clone());
        let deadline = called.expected_at.max(told.at + SOON);
        self.state.called_until = Some(deadline);
        let todo = Todo {
            title: notes::answer_customer(self.state.card.name.as_deref()),
            text: called.reason.clone(),
            deadline,
            responsible: None,
        };
        self.todo(ids::of(told.turn, "crm todo", 0), &todo, told.at);
        true
    }

    /// Puts what is known into the words of the card.
    fn describe(&mut self, rules: Rules<'_>) {
        let state = &mut self.state;
        state.signals.contact |= !state.card.phones.is_empty() || !state.card.emails.is_empty();
        let qualified = qualify(&state.signals, &rules.config.weights);
        state.card.temperature = qualified.temperature;
        state.card.score = qualified.score;
        state.card.reasons = qualified.reasons;
        state.card.currency.clone_from(&rules.config.currency);
        state.card.title = title(
            state.card.name.as_deref(),
            &state.card.channel,
            state.card.service.as_deref(),
        );
        state.card.source = notes::source(&self.row.conversation);
        let next = match (state.called_at, state.signals.booked) {
            (Some(_), _) => Next::Person(state.called_for.as_deref()),
            (None, true) => Next::Nobody,
            (None, false) => Next::Bot,
        };
        state.card.summary = summary(&state.card, next);
    }

    /// The record is to say what the card says, where that has changed.
    fn bring_up_to_date(&mut self, cause: Uuid, now: DateTime<Utc>) {
        if self.state.sent.as_ref() != Some(&self.state.card) {
            self.job("update", ids::of(cause, "crm update", 0), json!({}), now);
        }
    }

    fn close_segment(&mut self, now: DateTime<Utc>, handed_over: bool, rules: Rules<'_>) {
        let state = &mut self.state;
        let last_at = state.last_at.unwrap_or(now);
        if !closes(rules.config, &state.lines, last_at, now, handed_over) {
            return;
        }
        let lines = std::mem::take(&mut state.lines);
        let text = segment(&lines, rules.business.time_zone);
        let n = usize::try_from(self.row.version).unwrap_or_default();
        let id = ids::of(self.row.id, "segment", n);
        self.job("segment", id, json!({ "text": text }), now);
    }

    /// Takes a change of the book in.
    pub(super) fn booked(&mut self, change: &BookingEvent, rules: Rules<'_>) {
        let booking = &change.after;
        let visit = &booking.visit;
        let cause = ids::derive(&[
            "crm booking",
            &booking.id.to_string(),
            &booking.version.to_string(),
        ]);
        if !self.is_news(cause) {
            return;
        }
        let active = booking.status.is_active();
        self.state.bookings.retain(|(id, _)| *id != booking.id);
        let ends = active.then(|| visit.ends_at());
        self.state.bookings.push((booking.id, ends));
        self.state.nudge = None;
        if active {
            self.wish(&Wish::of_visit(visit, rules.business));
        }
        add(&mut self.state.card.phones, booking.phone.as_deref());
        if !booking.name.is_empty() {
            self.state.card.name = Some(booking.name.clone());
        }
        self.state.signals.service = true;
        self.state.signals.time = true;
        self.state.signals.booked = self.state.bookings.iter().any(|(_, ends)| ends.is_some());
        self.describe(rules);
        let text = notes::booking(change, rules.business);
        self.job("note", cause, json!({ "text": text }), change.at);
        let reached = match booking.status {
            Status::Arrived => Some(Milestone::Came),
            _ => active.then_some(Milestone::Booked),
        };
        if let Some(milestone) = reached.filter(|to| self.state.milestone < Some(*to)) {
            self.state.milestone = Some(milestone);
            let id = ids::of(cause, "crm advance", 0);
            self.job("advance", id, json!({ "to": milestone }), change.at);
        }
        if self.row.version > 0 {
            self.bring_up_to_date(cause, change.at);
        }
        if self.state.milestone == Some(Milestone::Came) {
            self.close(change.at, "came");
        }
    }

    /// The record is there, or one that this is gone on with.
    pub(super) fn opened(
        &mut self,
        opened: &Opened,
        joined: bool,
        sent: Option<&Card>,
        rules: Rules<'_>,
        now: DateTime<Utc>,
    ) {
        let card = self.state.card.clone();
        self.state.joined = joined;
        self.row.record = Some(opened.record.to_string());
        self.state.responsible.clone_from(&opened.responsible);
        if joined {
            let text = notes::joined(&card);
            self.job(
                "note",
                ids::of(self.row.id, "joined", 0),
                json!({ "text": text }),
                now,
            );
            let todo = Todo {
                title: notes::new_wish(card.name.as_deref()),
                text: card.summary.clone(),
                deadline: soon(rules.business, now),
                responsible: opened.responsible.clone(),
            };
            self.todo(ids::of(self.row.id, "joined todo", 0), &todo, now);
        } else {
            self.state.sent = sent.cloned();
        }
        self.bring_up_to_date(ids::of(self.row.id, "opened", 0), now);
        let mut event = self.event("create_lead", "lead", now);
        event.outcome = Some(if joined { "joined" } else { "created" }.to_owned());
        event.sources = Some(json!({
            "temperature": card.temperature,
            "score": card.score,
            "reasons": card.reasons,
            "responsible": opened.responsible,
        }));
        self.events.push(event);
    }

    /// The CRM knew the person before.
    pub(super) fn comes_again(&mut self, rules: Rules<'_>, now: DateTime<Utc>) {
        if !std::mem::replace(&mut self.state.signals.returning, true) {
            self.describe(rules);
            self.bring_up_to_date(ids::of(self.row.id, "returning", 0), now);
        }
    }

    /// Nobody is there until then.
    pub(super) fn waits_for_opening(&mut self, opening: DateTime<Utc>, now: DateTime<Utc>) {
        let todo = Todo {
            title: notes::at_opening(self.state.card.name.as_deref()),
            text: self.state.card.summary.clone(),
            deadline: opening.max(now),
            responsible: None,
        };
        self.todo(ids::of(self.row.id, "opening todo", 0), &todo, now);
    }

    /// The record stands elsewhere now.
    pub(super) fn moved(&mut self, found: &Opened) {
        self.row.record = Some(found.record.to_string());
        self.state.responsible.clone_from(&found.responsible);
    }

    /// What the CRM tells of the record.
    pub(super) fn fate(&mut self, fate: &Fate, now: DateTime<Utc>) {
        let state = &mut self.state;
        state.no_bot = fate.no_bot.then(|| state.no_bot.unwrap_or(fate.updated_at));
        state.nudged |= fate.no_bot;
        if self.row.closed_at.is_some() {
            return;
        }
        let known = state.stage.is_some();
        let moved = state.stage.as_deref() != Some(&fate.stage_name);
        state.stage = Some(fate.stage_name.clone());
        state.responsible.clone_from(&fate.responsible);
        state.milestone = match fate.milestone {
            Milestone::Lost => Some(Milestone::Lost),
            reached => state.milestone.max(Some(reached)),
        };
        if moved && fate.milestone >= Milestone::Qualified {
            // A person looks after it.
            (state.nudge, state.nudged) = (None, true);
        }
        // Where a record begins is no news.
        if moved && (known || fate.milestone > Milestone::Enquiry) {
            let cause = format!("stage {}", fate.updated_at.timestamp_millis());
            let mut event = self.event("lead_stage", &cause, now);
            event.outcome = serde_json::to_value(fate.milestone)
                .ok()
                .and_then(|name| name.as_str().map(str::to_owned));
            event.reason = Some(fate.stage_name.clone());
            event.sources = Some(json!({ "stage": fate.stage, "responsible": fate.responsible }));
            self.events.push(event);
        }
        match fate.milestone {
            Milestone::Came => self.close(now, "came"),
            Milestone::Lost => self.close(now, "lost"),
            _ => {}
        }
    }

    /// The record is not there any more: a new wish begins a new one.
    pub(super) fn gone(&mut self, now: DateTime<Utc>) {
        self.close(now, "gone");
    }

    /// Whether the customer is to be asked by now.
    pub(super) fn wants_nudge(&self, now: DateTime<Utc>) -> bool {
        self.state.nudge.is_some_and(|(_, due)| due <= now)
    }

    /// What is due by now. The customer is not asked where she must not be written to.
    pub(super) fn tick(
        &mut self,
        now: DateTime<Utc>,
        may_ask: bool,
        rules: Rules<'_>,
    ) -> Vec<Deed> {
        let mut deeds = Vec::new();
        self.close_segment(now, false, rules);
        if let Some((kind, planned)) = self.state.nudge.filter(|(_, due)| *due <= now) {
            let due = self.asks_at(now, planned, rules).filter(|_| may_ask);
            self.state.nudge = due.filter(|due| *due > now).map(|due| (kind, due));
            self.state.nudged = self.state.nudge.is_none();
            if due == Some(now) {
                deeds.push(Deed::Nudge(kind));
                let text = notes::nudged(kind);
                let id = ids::of(self.row.id, "nudged", 0);
                self.job("note", id, json!({ "text": text }), now);
            }
        }
        if self.unseen_at(rules.config).is_some_and(|at| at <= now) {
            self.state.told_staff = true;
            deeds.push(Deed::TellStaff);
        }
        if self.expires_at(rules.config) <= now && self.row.closed_at.is_none() {
            let visited = self.state.bookings.iter().any(|(_, ends)| ends.is_some());
            self.close(now, if visited { "over" } else { "silent" });
        }
        deeds
    }

    /// When a question that is due may be asked.
    fn asks_at(
        &self,
        now: DateTime<Utc>,
        planned: DateTime<Utc>,
        rules: Rules<'_>,
    ) -> Option<DateTime<Utc>> {
        let phone = self.state.card.phones.first().map(String::as_str);
        let quiet = Quiet::or_night(rules.business, phone);
        let window = nudge::window(self.row.conversation.channel());
        nudge::again(now, planned, self.state.wrote_at?, quiet, window)
    }

    /// When the staff is told of a hot enquiry that the CRM does not take.
    fn unseen_at(&self, config: &CrmConfig) -> Option<DateTime<Utc>> {
        let hot = self.state.card.temperature == Temperature::Hot;
        let unseen = self.row.record.is_none() && !self.state.told_staff && hot;
        let minutes = TimeDelta::minutes(config.fallback_minutes.into());
        unseen.then(|| self.row.opened_at + minutes)
    }

    fn expires_at(&self, config: &CrmConfig) -> DateTime<Utc> {
        let last = self.state.last_at.unwrap_or(self.row.opened_at);
        let silent = last + TimeDelta::days(config.enquiry_days.into());
        // The day after the visit what she wanted is over, whether anybody has noted it or not.
        let visits = self.state.bookings.iter().filter_map(|(_, ends)| *ends);
        let over = visits.max().map(|ends| ends + TimeDelta::days(1));
        over.unwrap_or(silent)
    }

    fn close(&mut self, now: DateTime<Utc>, outcome: &str) {
        if self.row.closed_at.is_some() {
            return;
        }
        self.row.closed_at = Some(now);
        self.state.nudge = None;
        let mut event = self.event("close_lead", outcome, now);
        event.outcome = Some(outcome.to_owned());
        self.events.push(event);
    }

    /// As the store takes it.
    pub(super) fn finish(mut self, config: &CrmConfig) -> (Enquiry, Vec<NewCrmJob>, Vec<Event>) {
        let open = self.row.closed_at.is_none();
        let segment = TimeDelta::minutes(config.segment_minutes.into());
        let idle = self.state.last_at.filter(|_| !self.state.lines.is_empty());
        let dues = [
            idle.map(|at| at + segment),
            self.state.nudge.map(|(_, due)| due),
            self.unseen_at(config),
            open.then(|| self.expires_at(config)),
        ];
        self.row.due = dues.into_iter().flatten().min();
        self.row.state = serde_json::to_value(&self.state).unwrap_or_default();
        (self.row, self.jobs, self.events)
    }

    fn todo(&mut self, id: Uuid, todo: &Todo, now: DateTime<Utc>) {
        let body = serde_json::to_value(todo).unwrap_or_default();
        self.job("todo", id, body, now);
    }

    /// Something for the CRM.
    pub(super) fn job(
        &mut self,
        kind: &'static str,
        id: Uuid,
        body: serde_json::Value,
        due: DateTime<Utc>,
    ) {
        let job = NewCrmJob {
            id,
            kind,
            body,
            due,
        };
        self.jobs.push(job);
    }

    fn event(&self, action: &str, cause: &str, now: DateTime<Utc>) -> Event {
        let id = ids::derive(&["crm event", &self.row.id.to_string(), action, cause]);
        let mut event = Event::new(id, Kind::Lead, now).about(&self.row.conversation);
        event.action = Some(action.to_owned());
        event.crm_id.clone_from(&self.row.record);
        let booking = self.state.bookings.last();
        event.booking_id = booking.map(|(id, _)| id.to_string());
        event.client = Some(Client {
            phone: self.state.card.phones.first().cloned(),
            name: self.state.card.name.clone(),
        });
        event
    }
}

/// By when somebody can look at something: soon, where somebody is there.
fn soon(business: &Business, now: DateTime<Utc>) -> DateTime<Utc> {
    let next = business.next_duty(None, now);
    let there = business.on_duty(None, now);
    let from = next.filter(|_| !there).map_or(now, |next| next.to_utc());
    from + SOON
}

/// The newest stands first, each once.
fn add(known: &mut Vec<String>, new: Option<&str>) {
    if let Some(new) = new.filter(|new| !new.is_empty()) {
        known.retain(|old| old != new);
        known.insert(0, new.to_owned());
    }
}

fn renew(known: &mut Option<String>, new: Option<&String>) {
    if new.is_some() {
        *known = new.cloned();
    }
}
