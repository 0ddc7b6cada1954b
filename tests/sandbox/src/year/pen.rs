//! Lines of the journal as the processes write them: the worker that answers, the sender, the providers' reports, the
//! book, reminders and the CRM.

use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng;
use rand::rngs::SmallRng;
use serde_json::json;
use uuid::Uuid;
use zapis_core::event::{Client, Event, Kind};
use zapis_core::ids;
use zapis_core::message::ConversationId;
use zapis_core::store::Status;

use super::GROUP;
use super::truth::PlantedVerdict;

/// Where somebody comes from, as the journal tells it.
const SOURCES: [Option<&str>; 4] = [None, Some("vk / nails"), Some("link spring"), None];

/// Writes what one customer does and what is done about it.
#[derive(Debug)]
pub(super) struct Pen<'a> {
    rng: &'a mut SmallRng,
    pub(super) conversation: ConversationId,
    pub(super) source: Option<&'static str>,
    client: Client,
    /// A person of the staff has the conversation.
    owned: bool,
    epoch: i64,
    causes: u32,
    /// When the lines of the turn are written, all at once.
    written: DateTime<Utc>,
    lines: Vec<(DateTime<Utc>, Event)>,
}

/// What the bot thought of a message.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Thought {
    pub(super) intent: Option<&'static str>,
    pub(super) sure: Option<f64>,
    pub(super) negative: bool,
    pub(super) model: Option<Model>,
}

/// What a language model did for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model {
    pub(super) variant: &'static str,
    pub(super) tokens: i64,
    pub(super) cost: f64,
}

/// How soon after a message it is decided what to answer, and the answer is out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) decided: TimeDelta,
    pub(super) sent: TimeDelta,
}

/// One visit in the book.
#[derive(Debug, Clone)]
pub(super) struct Slip {
    id: Uuid,
    version: i64,
    master: &'static str,
    service: &'static str,
    pub(super) starts_at: DateTime<Utc>,
}

impl<'a> Pen<'a> {
    /// Of one more customer, somewhere.
    pub(super) fn new(story: u32, rng: &'a mut SmallRng) -> Option<Self> {
        let channel = match rng.random_range(0..100) {
            0..50 => "telegram:main",
            50..60 => "telegram:second",
            60..85 => "whatsapp:main",
            _ => "webchat:site",
        };
        let source = SOURCES[rng.random_range(0..SOURCES.len())];
        let client = Client {
            phone: Some(format!("+7921{story:07}")),
            name: Some(format!("Гостья {story}")),
        };
        Some(Self {
            rng,
            conversation: format!("{channel}:{story}").parse().ok()?,
            source,
            client,
            owned: false,
            epoch: 0,
            causes: 0,
            written: DateTime::UNIX_EPOCH,
            lines: Vec::new(),
        })
    }

    /// The same person goes on in another messenger.
    pub(super) fn changes_to(&mut self, channel: &str) {
        let peer = self.conversation.peer().to_owned();
        if let Ok(other) = format!("{channel}:{peer}-2").parse() {
            self.conversation = other;
        }
        self.source = None;
    }

    pub(super) fn lines(self) -> Vec<(DateTime<Utc>, Event)> {
        self.lines
    }

    pub(super) fn chance(&mut self, part: f64) -> bool {
        self.rng.random_bool(part)
    }

    pub(super) fn between(&mut self, least: i64, most: i64) -> i64 {
        self.rng.random_range(least..=most)
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.rng.random_range(0..all.len())]
    }

    pub(super) fn minutes(&mut self, least: i64, most: i64) -> TimeDelta {
        TimeDelta::milliseconds(self.between(least * 60_000, most * 60_000))
    }

    pub(super) fn pace(&mut self) -> Pace {
        let decided = self.between(1_200, 4_000);
        let sent = decided + self.between(50, 3_000);
        Pace {
            decided: TimeDelta::milliseconds(decided),
            sent: TimeDelta::milliseconds(sent),
        }
    }

    pub(super) fn sure(&mut self) -> f64 {
        f64::from(self.rng.random_range(40..100_u8)) / 100.0
    }

    fn cause(&mut self) -> Uuid {
        self.causes += 1;
        ids::turn(&self.conversation, &self.causes.to_string())
    }

    /// Soon after: the processes write beside each other.
    fn lag(&mut self, at: DateTime<Utc>) -> DateTime<Utc> {
        at + TimeDelta::milliseconds(self.between(0, 2_000))
    }

    fn line(&self, turn: Uuid, what: &str, kind: Kind, at: DateTime<Utc>) -> Event {
        let mut event = Event::new(ids::of(turn, what, 0), kind, at).about(&self.conversation);
        event.turn_id = Some(turn);
        event.owner = Some(if self.owned { "staff" } else { "bot" }.to_owned());
        event.epoch = Some(self.epoch);
        event.client = Some(self.client.clone());
        event
    }

    fn inbound(&mut self, turn: Uuid, at: DateTime<Utc>, outcome: &str) -> Event {
        let n = self.causes.to_string();
        let mut event = self.line(turn, "inbound", Kind::Inbound, at);
        event.inbound_ids = Some(vec![n]);
        event.action = Some("none".to_owned());
        event.outcome = Some(outcome.to_owned());
        event.customer_text = Some("Подскажите, пожалуйста".to_owned());
        event.sources = self.source.map(|source| json!({ "came_from": source }));
        event
    }

    /// Begins a turn, whose lines are written soon after that moment.
    fn begins(&mut self, at: DateTime<Utc>) -> Uuid {
        self.written = self.lag(at);
        self.cause()
    }

    fn in_turn(&mut self, event: Event) {
        self.lines.push((self.written, event));
    }

    /// How many lines there are.
    pub(super) fn written(&self) -> usize {
        self.lines.len()
    }

    /// Somebody of the staff judges the dialogue whose lines begin there.
    pub(super) fn judges(&mut self, first: usize, at: DateTime<Utc>, verdict: PlantedVerdict) {
        let opens = |event: &Event| match event.kind {
            Kind::Inbound | Kind::Turn => true,
            Kind::Outbound => event.outcome.as_deref() == Some("sent"),
            _ => false,
        };
        let lines = self.lines[first..].iter().filter(|(_, event)| opens(event));
        // The dialogue is known by its line that was written first.
        let Some((_, opened)) = lines.min_by_key(|(written, _)| *written) else {
            return;
        };
        let dialogue = opened.event_id;
        let PlantedVerdict {
            right,
            tone,
            should_have_escalated,
        } = verdict;
        let id = ids::of(dialogue, "review", 0);
        let mut event = Event::new(id, Kind::System, at).about(&self.conversation);
        event.action = Some("review".to_owned());
        event.staff_id = Some("Ирина".to_owned());
        event.outcome = Some(if right { "right" } else { "wrong" }.to_owned());
        event.sources = Some(json!({
            "dialogue": dialogue,
            "verdict": { "right": right, "tone": tone, "should_have_escalated": should_have_escalated },
        }));
        self.lines.push((at, event));
    }

    /// Something that wants no answer: a reaction, an edit.
    pub(super) fn stirs(&mut self, at: DateTime<Utc>, outcome: &str) {
        let turn = self.begins(at);
        let event = self.inbound(turn, at, outcome);
        self.in_turn(event);
    }

    /// The customer writes or presses, the bot thinks; what it does about it follows. Gives the turn.
    pub(super) fn turn(
        &mut self,
        at: DateTime<Utc>,
        outcome: &str,
        thought: Thought,
        pace: Pace,
    ) -> Uuid {
        let decided = at + pace.decided;
        let turn = self.begins(decided);
        let inbound = self.inbound(turn, at, outcome);
        self.in_turn(inbound);
        self.thinks(turn, decided, thought);
        turn
    }

    fn thinks(&mut self, turn: Uuid, at: DateTime<Utc>, thought: Thought) {
        let mut event = self.line(turn, "turn", Kind::Turn, at);
        event.intent = thought.intent.map(str::to_owned);
        event.confidence = thought.sure;
        let sentiment = if thought.negative {
            "negative"
        } else {
            "neutral"
        };
        event.sentiment = Some(sentiment.to_owned()).filter(|_| !self.owned);
        event.reason = Some("answer".to_owned());
        event.action = Some("none".to_owned());
        event.outcome = Some(if self.owned { "silent" } else { "answered" }.to_owned());
        event.latency_ms = Some(1_400);
        if let Some(model) = thought.model {
            event.model = Some("small".to_owned());
            event.prompt_version = Some("answer-3".to_owned());
            event.variant = Some(model.variant.to_owned());
            event.tokens = Some(model.tokens);
            event.cost = Some(model.cost);
        }
        self.in_turn(event);
    }

    /// The bot's answer to a turn leaves, or does not.
    pub(super) fn replies(&mut self, turn: Uuid, at: DateTime<Utc>, outcome: &str) {
        let mut event = self.sending(ids::of(turn, "reply", 0), at, outcome);
        event.turn_id = Some(turn);
        event.owner = Some("bot".to_owned());
        event.bot_response = Some("Да, конечно!".to_owned());
        self.goes_out(event);
    }

    /// A message that no turn of the customer caused: a reminder, or an approved draft.
    pub(super) fn tells(&mut self, at: DateTime<Utc>) {
        let cause = self.cause();
        let mut event = self.sending(ids::of(cause, "notice", 0), at, "sent");
        event.owner = Some("bot".to_owned());
        event.bot_response = Some("Ждём вас завтра".to_owned());
        self.goes_out(event);
    }

    fn sending(&self, id: Uuid, at: DateTime<Utc>, outcome: &str) -> Event {
        let id_of_event = ids::of(id, outcome, 0);
        let mut event = Event::new(id_of_event, Kind::Outbound, at).about(&self.conversation);
        event.outbound_id = Some(id);
        event.provider_id = Some(id.simple().to_string());
        event.outcome = Some(outcome.to_owned());
        event
    }

    fn goes_out(&mut self, event: Event) {
        let (at, outbound) = (event.timestamp, event.outbound_id);
        let sent = event.outcome.as_deref() == Some("sent");
        self.lines.push((at, event));
        if sent && self.conversation.channel() == "whatsapp" {
            let later = at + TimeDelta::seconds(2);
            let id = ids::of(outbound.unwrap_or_default(), "delivery", 0);
            let mut event = Event::new(id, Kind::Delivery, later).about(&self.conversation);
            event.outbound_id = outbound;
            event.outcome = Some("delivered".to_owned());
            let written = self.lag(later);
            self.lines.push((written, event));
        }
    }

    /// The bot calls a person in a turn; the group of the staff is told.
    pub(super) fn calls(&mut self, turn: Uuid, at: DateTime<Utc>) {
        let mut event = self.line(turn, "handoff", Kind::Handoff, at);
        event.reason = Some("asked_for_human".to_owned());
        event.action = Some("handoff".to_owned());
        self.in_turn(event);
        let mut card = self.sending(ids::of(turn, "escalation", 0), at, "sent");
        card.turn_id = Some(turn);
        if let Ok(group) = GROUP.parse() {
            self.lines.push((self.written, card.about(&group)));
        }
    }

    /// A person writes to the customer and has the conversation from then on.
    pub(super) fn person(&mut self, who: &str, at: DateTime<Utc>) -> Uuid {
        let turn = self.begins(at);
        self.owned = true;
        self.epoch += 1;
        let mut event = self.line(turn, "inbound", Kind::Takeover, at);
        event.staff_id = Some(who.to_owned());
        event.action = Some("none".to_owned());
        event.outcome = Some("staff".to_owned());
        event.bot_response = Some("Здравствуйте!".to_owned());
        self.in_turn(event);
        let later = at + TimeDelta::milliseconds(300);
        let mut event = self.sending(ids::of(turn, "staff", 0), later, "sent");
        event.turn_id = Some(turn);
        event.owner = Some("staff".to_owned());
        event.staff_id = Some(who.to_owned());
        self.goes_out(event);
        turn
    }

    /// The bot may speak again.
    pub(super) fn gives_back(&mut self, who: &str, at: DateTime<Utc>) {
        let turn = self.begins(at);
        let mut event = self.line(turn, "inbound", Kind::Handback, at);
        event.staff_id = Some(who.to_owned());
        event.outcome = Some("handback".to_owned());
        self.owned = false;
        self.epoch += 1;
        self.in_turn(event);
    }

    /// A reply that waits for approval, and what becomes of it.
    pub(super) fn draft(&mut self, turn: Uuid, at: DateTime<Utc>, outcome: &str, thought: Thought) {
        let mut event = self.line(turn, outcome, Kind::Draft, at);
        event.intent = thought.intent.map(str::to_owned);
        event.confidence = thought.sure.filter(|_| outcome == "proposed");
        event.action = Some("draft".to_owned());
        event.bot_response = Some("Да, конечно!".to_owned());
        event.outcome = Some(outcome.to_owned());
        self.in_turn(event);
    }

    /// A person decides about a draft; where she refuses it, the bot calls one and says so.
    pub(super) fn decides(
        &mut self,
        at: DateTime<Utc>,
        outcome: &str,
        thought: Thought,
        pace: Pace,
    ) {
        let decided = at + pace.decided;
        let turn = self.begins(decided);
        self.draft(turn, at, outcome, thought);
        if outcome == "rejected" {
            self.thinks(turn, decided, Thought::default());
            self.calls(turn, decided);
            self.replies(turn, at + pace.sent, "sent");
        } else {
            self.tells(at + TimeDelta::seconds(1));
        }
    }

    /// The customer rates a visit in a turn.
    pub(super) fn rates(&mut self, turn: Uuid, at: DateTime<Utc>, slip: &Slip, stars: u8) {
        let mut event = self.line(turn, "rating", Kind::Rating, at);
        event.booking_id = Some(slip.id.to_string());
        event.outcome = Some(stars.to_string());
        self.in_turn(event);
    }

    /// An enquiry in the CRM.
    pub(super) fn enquires(&mut self, at: DateTime<Utc>, outcome: &str) {
        let id = ids::derive(&["crm event", &self.cause().to_string()]);
        let mut event = Event::new(id, Kind::Lead, at).about(&self.conversation);
        event.action = Some("create_lead".to_owned());
        event.outcome = Some(outcome.to_owned());
        event.crm_id = Some("77".to_owned());
        let written = self.lag(at);
        self.lines.push((written, event));
    }

    /// A visit is put into the book in a turn of the customer.
    pub(super) fn books(
        &mut self,
        turn: Uuid,
        at: DateTime<Utc>,
        (master, service): (&'static str, &'static str),
        starts_at: DateTime<Utc>,
    ) -> Slip {
        let id = ids::of(turn, "booking", 0);
        let mut slip = Slip {
            id,
            version: 0,
            master,
            service,
            starts_at,
        };
        self.changes(&mut slip, Some(turn), at, "create_booking", Status::Booked);
        slip
    }

    /// The visit changes, in a turn of the customer or by the staff.
    pub(super) fn changes(
        &mut self,
        slip: &mut Slip,
        turn: Option<Uuid>,
        at: DateTime<Utc>,
        action: &str,
        status: Status,
    ) {
        slip.version += 1;
        let mut event = booking(slip, at, action, status).about(&self.conversation);
        event.turn_id = turn;
        event.staff_id = turn.is_none().then(|| "Ирина".to_owned());
        event.client = Some(self.client.clone());
        let written = self.lag(at);
        self.lines.push((written, event));
    }

    /// A reminder of a visit, with a button that confirms it.
    pub(super) fn reminds(&mut self, slip: &Slip, at: DateTime<Utc>) {
        let id = ids::of(slip.id, "reminder", 0);
        let mut event = Event::new(id, Kind::Reminder, at).about(&self.conversation);
        event.action = Some("send_reminder".to_owned());
        event.outcome = Some("sent".to_owned());
        event.booking_id = Some(slip.id.to_string());
        event.sources = Some(json!({ "step": "day_before", "version": slip.version }));
        self.lines.push((at, event));
        self.tells(at + TimeDelta::seconds(1));
    }

    /// A visit that was booked on the phone, of nobody's dialogue.
    pub(super) fn books_by_phone(&mut self, at: DateTime<Utc>) {
        let slip = Slip {
            id: self.cause(),
            version: 1,
            master: "anna",
            service: "manicure",
            starts_at: at + TimeDelta::days(3),
        };
        let mut event = booking(&slip, at, "create_booking", Status::Booked);
        event.staff_id = Some("Ирина".to_owned());
        let written = self.lag(at);
        self.lines.push((written, event));
    }
}

fn booking(slip: &Slip, at: DateTime<Utc>, action: &str, status: Status) -> Event {
    let version = slip.version.to_string();
    let id = ids::derive(&["booking event", &slip.id.to_string(), &version]);
    let mut event = Event::new(id, Kind::Booking, at);
    event.action = Some(action.to_owned());
    event.outcome = Some(status.name().to_owned());
    event.booking_id = Some(slip.id.to_string());
    let ends_at = slip.starts_at + TimeDelta::hours(1);
    event.sources = Some(json!({
        "version": slip.version,
        "source": "bot",
        "starts_at": slip.starts_at,
        "services": [slip.service],
        "taken": [[slip.master, slip.starts_at, ends_at]],
        "freed": null,
    }));
    event
}
