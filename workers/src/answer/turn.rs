//! What one turn leads to: messages to the customer, to the staff desk, lines for the journal.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use zapis_core::broker::Publish;
use zapis_core::event::{Client, Event, Kind, Seen};
use zapis_core::files::SentFile;
use zapis_core::hush::HUSHED;
use zapis_core::ids;
use zapis_core::intake::outbound_message;
use zapis_core::message::{
    Author, Content, ConversationId, DraftCard, Fence, Inbound, LessonCard, Line, Outbound,
    StaffCard, Urgency, Verdict, What,
};
use zapis_core::session::{Outbox, Outgoing, Session};
use zapis_core::store::{Escalation, Ownership, Proposal};
use zapis_core::trace::TraceParent;

use super::{Handover, ModelUse, OBSERVED, Proposed, Thought, WOULD};
use crate::crm::{Called, Told, TurnTold, opens_enquiry, source, told};
use crate::desk::Desks;
use crate::llm::Mask;
use crate::understand::e164;

/// A shorter answer of a person teaches nothing.
const LESSON_WORDS: usize = 3;

/// A turn under way.
pub(super) struct Turn {
    pub(super) id: Uuid,
    pub(super) conversation: ConversationId,
    pub(super) now: DateTime<Utc>,
    epoch: i64,
    owner: Option<String>,
    answers: Vec<String>,
    pub(super) client: Client,
    trace: TraceParent,
    first_at: DateTime<Utc>,
    to_customer: Vec<Outbound>,
    to_desk: Vec<Outbound>,
    events: Vec<Event>,
    news: Vec<Seen>,
    files: Vec<SentFile>,
    crm: Option<ForCrm>,
    is_shut: bool,
    /// Whether what the bot answers is written down nowhere.
    pub(super) is_confidential: bool,
    /// Whether the bot only looks on while people answer.
    pub(super) observes: bool,
    pub(super) deeds: Deeds,
}

/// What the CRM hears of a turn.
struct ForCrm {
    told: TurnTold,
    intents: Arc<[String]>,
}

/// What must be in the store before the turn is committed.
#[derive(Default)]
pub(super) struct Deeds {
    /// A call for a person, and when somebody should be there.
    pub(super) call: Option<(Escalation, DateTime<Utc>)>,
    /// A reply that waits for approval, and until when.
    pub(super) draft: Option<(DraftCard, DateTime<Utc>)>,
    /// What the bot could learn.
    pub(super) lesson: Option<LessonCard>,
}

impl Turn {
    /// Begins a turn over messages that were not handled before.
    pub(super) fn new(
        id: Uuid,
        conversation: ConversationId,
        ownership: &Ownership,
        fresh: &[&Inbound],
        now: DateTime<Utc>,
    ) -> Self {
        let answers = fresh.iter().filter(|inbound| inbound.what.expects_answer());
        let first = fresh.first();
        Self {
            id,
            now,
            epoch: ownership.epoch,
            owner: ownership.staff.clone(),
            answers: answers.map(|inbound| inbound.id.clone()).collect(),
            client: client_of(fresh),
            trace: first.map_or_else(TraceParent::start, |inbound| inbound.trace.child()),
            first_at: first.map_or(now, |inbound| inbound.received_at),
            to_customer: Vec::new(),
            to_desk: Vec::new(),
            events: Vec::new(),
            news: Vec::new(),
            files: Vec::new(),
            crm: None,
            is_shut: false,
            is_confidential: false,
            observes: false,
            deeds: Deeds::default(),
            conversation,
        }
    }

    /// The CRM hears of this turn; an enquiry begins with one of the `intents`.
    pub(super) fn tell_crm(&mut self, fresh: &[&Inbound], intents: &Arc<[String]>) {
        let newest = |of: fn(&Inbound) -> Option<&String>| {
            let told = fresh.iter().rev().find_map(|inbound| of(inbound));
            told.cloned()
        };
        let wrote = |inbound: &&Inbound| inbound.what.expects_answer();
        let stops = |inbound: &&Inbound| inbound.what.is_stop();
        let told = TurnTold {
            turn: self.id,
            conversation: self.conversation.clone(),
            at: self.now,
            name: self.client.name.clone(),
            username: newest(|inbound| inbound.profile.username.as_ref()),
            phone: self.client.phone.clone(),
            source: fresh
                .iter()
                .find_map(|inbound| inbound.profile.source.clone()),
            language: "ru".to_owned(),
            lines: Vec::new(),
            history: Vec::new(),
            enquires: false,
            wish: None,
            called: None,
            wrote: fresh.iter().any(wrote),
            staff: fresh.iter().find_map(|inbound| match &inbound.what {
                What::Staff { who, .. } => Some(who.clone()),
                _ => None,
            }),
            stopped: fresh.iter().any(stops),
        };
        let intents = Arc::clone(intents);
        self.crm = Some(ForCrm { told, intents });
    }

    /// What was said, in the session and for the CRM.
    fn say(&mut self, line: Line, session: &mut Session) {
        if let Some(crm) = &mut self.crm {
            crm.told.lines.push(line.clone());
        }
        session.say(line);
    }

    /// Takes what happened into the transcript, the journal and, where the staff looks on, the desk.
    pub(super) fn record(&mut self, fresh: &[&Inbound], session: &mut Session, desks: &Desks) {
        if let Some(crm) = &mut self.crm {
            crm.told.history.clone_from(&session.transcript);
        }
        for (n, inbound) in fresh.iter().enumerate() {
            self.news.push(seen(inbound));
            self.files.extend(SentFile::of(inbound));
            self.events.push(self.inbound_event(inbound, n));
            if let What::Contact {
                phone: Some(phone),
                own: true,
                ..
            } = &inbound.what
            {
                // Telegram tells it without the plus.
                let phone = e164(phone).unwrap_or_else(|| phone.clone());
                session.phone = Some(phone.clone());
                if let Some(crm) = &mut self.crm {
                    crm.told.phone = Some(phone);
                }
            }
            self.heed_staff(&inbound.what, session, desks);
            let Some(text) = in_words(&inbound.what) else {
                continue;
            };
            let from = match inbound.what {
                What::Staff { .. } => Author::Staff,
                What::Draft(_) => Author::Bot,
                _ => Author::Customer,
            };
            let line = Line {
                from,
                text: text.clone(),
                at: inbound.at,
            };
            self.say(line, session);
            let watched = self.owner.is_some() || session.called_staff.is_some() || self.observes;
            if watched && from == Author::Customer {
                self.relay(desks, ids::of(self.id, "relay", n), from, text);
            }
            // Written on the phone: the desk has not seen it yet.
            if let What::Staff {
                delivered: true,
                text: Some(text),
                ..
            } = &inbound.what
            {
                self.relay(desks, ids::of(self.id, "relay", n), from, text.clone());
            }
        }
    }

    fn heed_staff(&mut self, what: &What, session: &mut Session, desks: &Desks) {
        match what {
            What::Handback { .. } => session.called_staff = None,
            What::Staff { who, text, .. } => {
                session.called_staff = None;
                if let (Some(question), Some(text)) = (&session.unanswered, text)
                    && self.teaches(question, text, who, desks)
                {
                    session.unanswered = None;
                }
            }
            What::Draft(decided) if decided.verdict == Verdict::Edited => {
                let who = decided.who.clone().unwrap_or_default();
                self.teaches(&decided.question, &decided.text, &who, desks);
            }
            _ => {}
        }
    }

    /// Asks whether the bot may remember a person's answer, where it is one and has nothing personal.
    fn teaches(&mut self, question: &str, answer: &str, who: &str, desks: &Desks) -> bool {
        let mut mask = Mask::new(self.client.name.as_deref());
        let personal = [question, answer]
            .iter()
            .any(|text| mask.hide(text) != **text || text.contains(HUSHED));
        let words = answer.split_whitespace().count();
        if personal || question.is_empty() || words < LESSON_WORDS || answer.ends_with('?') {
            return false;
        }
        let lesson = LessonCard {
            id: ids::of(self.id, "lesson", 0),
            about: self.conversation.clone(),
            name: self.client.name.clone().unwrap_or_default(),
            question: question.to_owned(),
            answer: answer.to_owned(),
            who: who.to_owned(),
        };
        self.show(lesson.id, Content::Lesson(Box::new(lesson.clone())), desks);
        self.deeds.lesson = Some(lesson);
        true
    }

    /// A person spoke to the customer instead.
    pub(super) fn superseded(&mut self, draft: &Proposal) {
        let n = self.events.len();
        let mut event = self.event(Kind::Draft, "superseded", n);
        event.outbound_id = Some(draft.card.id);
        event.intent.clone_from(&draft.card.intent);
        event.action = Some("draft".into());
        event.outcome = Some(Verdict::Superseded.name().into());
        self.events.push(event);
    }

    /// The staff has blocked the customer: neither the staff nor the CRM hears of the turn.
    pub(super) fn shut(&mut self) {
        self.crm = None;
        self.is_shut = true;
    }

    /// The journal says why the bot is silent: a person owns the conversation, or it is blocked.
    pub(super) fn keep_silent(&mut self, person: Option<&str>, why: &str) {
        let mut event = self.event(Kind::Turn, "turn", 0);
        event.inbound_ids = Some(self.answers.clone());
        event.staff_id = person.map(str::to_owned);
        event.action = Some("none".into());
        event.reason = Some(why.into());
        event.outcome = Some("silent".into());
        self.events.push(event);
    }

    /// The CRM hears of a wish that a person is to answer too.
    pub(super) fn overhear(&mut self, intent: impl FnOnce() -> Option<String>) {
        if let Some(crm) = &mut self.crm {
            crm.told.enquires = opens_enquiry(intent().as_deref(), false, &crm.intents);
        }
    }

    /// Turns a thought into messages, journal lines and deeds.
    pub(super) fn speak(
        &mut self,
        thought: &Thought,
        customer_wrote_at: Option<DateTime<Utc>>,
        session: &mut Session,
        desks: &Desks,
    ) {
        for (n, reply) in thought.replies.iter().enumerate() {
            self.to_customer.push(Outbound {
                id: ids::of(self.id, "reply", n),
                conversation: self.conversation.clone(),
                turn: Some(self.id),
                answers: self.answers.clone(),
                fence: Fence::Reply { epoch: self.epoch },
                content: Content::Message {
                    text: reply.text.clone(),
                    buttons: reply.buttons.clone(),
                    staff: None,
                },
                language: thought.language.clone(),
                purpose: None,
                customer_wrote_at,
                at: self.now,
                trace: self.trace.child(),
            });
            let text = self.noted(&reply.text);
            let line = Line {
                from: Author::Bot,
                text: text.clone(),
                at: self.now,
            };
            self.say(line, session);
            if session.called_staff.is_some() {
                self.relay(desks, ids::of(self.id, "echo", n), Author::Bot, text);
            }
        }
        self.journal_turn(thought);
        if let Some(crm) = &mut self.crm {
            crm.hear(thought);
        }
        if let Some(draft) = &thought.draft {
            self.propose(draft, thought, desks);
        }
        if let Some(handover) = &thought.handover {
            self.call(handover, session, desks);
        }
    }

    /// Shows the staff a reply that waits for approval.
    fn propose(&mut self, draft: &Proposed, thought: &Thought, desks: &Desks) {
        let id = ids::of(self.id, "draft", 0);
        let minutes = (draft.due - self.now).num_minutes();
        let card = DraftCard {
            id,
            about: self.conversation.clone(),
            name: self.client.name.clone().unwrap_or_default(),
            question: draft.question.clone(),
            text: draft.reply.text.clone(),
            buttons: draft.reply.buttons.clone(),
            language: thought.language.clone(),
            intent: thought.facts.intent.clone(),
            confidence: thought.facts.confidence,
            sources: draft.sources.clone(),
            minutes: u32::try_from(minutes).unwrap_or_default(),
        };
        self.show(
            ids::of(id, "card", 0),
            Content::Draft(Box::new(card.clone())),
            desks,
        );
        let mut event = self.event(Kind::Draft, "proposed", 0);
        event.outbound_id = Some(id);
        event.intent.clone_from(&card.intent);
        event.confidence = card.confidence;
        event.action = Some("draft".into());
        event.bot_response = Some(card.text.clone());
        event.outcome = Some("proposed".into());
        self.events.push(event);
        self.deeds.draft = Some((card, draft.due));
    }

    /// Calls a person, if nobody was called yet.
    fn call(&mut self, handover: &Handover, session: &mut Session, desks: &Desks) {
        if session.called_staff.is_some() {
            return;
        }
        session.called_staff = Some(self.now);
        session.unanswered.clone_from(&handover.unanswered);
        let id = ids::of(self.id, "escalation", 0);
        let card = StaffCard {
            about: self.conversation.clone(),
            name: self.client.name.clone().unwrap_or_default(),
            phone: session.phone.clone().or_else(|| self.client.phone.clone()),
            reason: handover.reason.clone(),
            transcript: session.transcript.clone(),
            hints: handover.hints.clone(),
            urgency: Urgency::First,
        };
        let escalation = Escalation {
            id,
            conversation: self.conversation.clone(),
            reason: handover.reason.clone(),
            card: serde_json::to_value(&card).unwrap_or_default(),
            at: self.now,
            stage: 0,
            due: None,
        };
        let card = desks.card(&escalation, Urgency::First, self.now);
        self.to_desk.extend(card.map(|card| Outbound {
            trace: self.trace.child(),
            ..card
        }));
        let mut event = self.event(Kind::Handoff, "handoff", 0);
        event.reason = Some(handover.reason.clone());
        event.action = Some("handoff".into());
        self.events.push(event);
        self.deeds.call = Some((escalation, handover.expected_at));
    }

    /// Everything to publish: replies as one message, the desk as one, and lines for the journal.
    pub(super) fn into_outbox(self) -> Outbox {
        let mut messages: Vec<Publish> = Vec::new();
        if !self.to_customer.is_empty() {
            messages.push(outbound_message(&self.to_customer));
        }
        if !self.to_desk.is_empty() {
            messages.push(outbound_message(&self.to_desk));
        }
        let crm = self.crm.map(ForCrm::finish);
        if let Some(crm) = crm.filter(|told| !told.is_empty()) {
            messages.push(told(&Told::Turn(Box::new(crm)), self.trace.child()));
        }
        Outbox {
            messages: messages.into_iter().map(Outgoing::from).collect(),
            events: self.events,
            news: self.news,
            files: self.files,
        }
    }

    /// What is written down of an answer.
    fn noted(&self, text: &str) -> String {
        let noted = if self.is_confidential { HUSHED } else { text };
        noted.to_owned()
    }

    fn relay(&mut self, desks: &Desks, id: Uuid, from: Author, text: String) {
        let content = Content::Relay {
            about: self.conversation.clone(),
            name: self.client.name.clone().unwrap_or_default(),
            from,
            text,
        };
        self.show(id, content, desks);
    }

    fn show(&mut self, id: Uuid, content: Content, desks: &Desks) {
        if self.is_shut {
            return;
        }
        let trace = self.trace.child();
        let message = desks.message(&self.conversation, id, content, self.now, trace);
        self.to_desk.extend(message);
    }

    fn event(&self, kind: Kind, cause: &str, n: usize) -> Event {
        let mut event =
            Event::new(ids::of(self.id, cause, n), kind, self.now).about(&self.conversation);
        event.turn_id = Some(self.id);
        event.owner = Some(if self.owner.is_some() { "staff" } else { "bot" }.into());
        event.epoch = Some(self.epoch);
        event.client = Some(self.client.clone());
        event.trace_id = Some(self.trace.trace_id().to_owned());
        event
    }

    fn inbound_event(&self, inbound: &Inbound, n: usize) -> Event {
        let kind = match &inbound.what {
            What::Staff { .. } => Kind::Takeover,
            What::Handback { .. } => Kind::Handback,
            What::Consent { .. } => Kind::Consent,
            What::Advertising { .. } | What::Blocked => Kind::Optout,
            What::Draft(_) => Kind::Draft,
            What::Lesson { .. } | What::Note { .. } => Kind::System,
            _ => Kind::Inbound,
        };
        let mut event = self.event(kind, "inbound", n);
        event.timestamp = inbound.at;
        event.inbound_ids = Some(vec![inbound.id.clone()]);
        event.action = Some("none".into());
        event.outcome = Some(inbound.what.name().into());
        match &inbound.what {
            What::Staff { who, text, .. } => {
                event.staff_id = Some(who.clone());
                event.bot_response.clone_from(text);
            }
            What::Handback { who } => event.staff_id = Some(who.clone()),
            What::Consent { version } => event.reason = Some(version.clone()),
            What::Draft(decided) => {
                event.outbound_id = Some(decided.id);
                event.staff_id.clone_from(&decided.who);
                event.reason.clone_from(&decided.reason);
                event.intent.clone_from(&decided.intent);
                event.bot_response = Some(decided.text.clone());
                event.action = Some("draft".into());
                event.outcome = Some(decided.verdict.name().into());
            }
            What::Lesson { id, accepted, who } => {
                event.staff_id = Some(who.clone());
                event.sources = Some(serde_json::json!([id]));
                event.action = Some("learn".into());
                event.outcome = Some(if *accepted { "accepted" } else { "declined" }.into());
            }
            What::Note { who, text } => {
                event.staff_id = Some(who.clone());
                event.reason = Some(text.clone());
                event.action = Some("note".into());
            }
            what => {
                event.customer_text = in_words(what);
                let source = inbound.profile.source.as_ref().and_then(source::label);
                event.sources = source.map(|from| serde_json::json!({ "came_from": from }));
            }
        }
        event
    }

    /// The journal tells what the bot would have done; it says and does nothing.
    pub(super) fn observe(&mut self, mut thought: Thought, confidential: bool) {
        if confidential {
            thought.keep_confidential();
        }
        let mut event = self.turn_event(&thought);
        let rule = thought.facts.reason.unwrap_or_default();
        let would = event.action.take().unwrap_or_default();
        // Nobody has seen it.
        event.variant = None;
        event.reason = Some(format!("{rule}{WOULD}{would}"));
        event.action = Some("none".into());
        event.outcome = Some(OBSERVED.into());
        self.events.push(event);
    }

    /// What was decided, without what is said.
    fn turn_event(&self, thought: &Thought) -> Event {
        let mut event = self.event(Kind::Turn, "turn", 0);
        event.inbound_ids = Some(self.answers.clone());
        event.intent.clone_from(&thought.facts.intent);
        event.confidence = thought.facts.confidence;
        event.sentiment.clone_from(&thought.facts.sentiment);
        event.sources.clone_from(&thought.facts.sources);
        event.reason.clone_from(&thought.facts.reason);
        event.booking_id = thought.facts.booking.map(|id| id.to_string());
        note_models(&mut event, &thought.facts.models);
        let mut prompts = thought.facts.models.iter();
        let prompt = prompts.find_map(|used| used.variant.clone());
        let variants = prompt.into_iter().chain(thought.facts.variants.clone());
        let variants: Vec<String> = variants.collect();
        event.variant = (!variants.is_empty()).then(|| variants.join(","));
        event.action = Some(if thought.facts.action.is_empty() {
            "none".into()
        } else {
            thought.facts.action.clone()
        });
        event.latency_ms = Some((self.now - self.first_at).num_milliseconds());
        event
    }

    fn journal_turn(&mut self, thought: &Thought) {
        let mut event = self.turn_event(thought);
        let texts = thought.replies.iter().map(|reply| reply.text.as_str());
        let texts: Vec<&str> = texts.collect();
        event.bot_response = (!texts.is_empty()).then(|| self.noted(&texts.join("\n\n")));
        event.outcome = Some(
            if thought.replies.is_empty() {
                "silent"
            } else {
                "answered"
            }
            .into(),
        );
        self.events.push(event);
        if let Some(version) = &thought.facts.consent {
            let mut event = self.event(Kind::Consent, "consent", 0);
            event.reason = Some(version.clone());
            self.events.push(event);
        }
        if let Some((booking, stars)) = thought.facts.rating {
            let mut event = self.event(Kind::Rating, "rating", 0);
            event.booking_id = Some(booking.to_string());
            event.outcome = Some(stars.to_string());
            self.events.push(event);
        }
        if thought.facts.opt_out {
            let event = self.event(Kind::Optout, "optout", 0);
            self.events.push(event);
            self.news.push(Seen {
                conversation: self.conversation.clone(),
                at: self.now,
                wrote: false,
                profile: zapis_core::message::Profile::default(),
                reachable: None,
                advertising: Some(false),
            });
        }
    }
}

impl ForCrm {
    fn hear(&mut self, thought: &Thought) {
        let facts = &thought.facts;
        self.told.language.clone_from(&thought.language);
        self.told.stopped |= facts.opt_out;
        self.told.wish = facts.wish.as_deref().cloned();
        self.told.called = thought.handover.as_ref().map(|handover| Called {
            reason: handover.reason.clone(),
            expected_at: handover.expected_at,
        });
        let called = self.told.called.is_some();
        self.told.enquires = facts.action == "create_booking"
            || opens_enquiry(facts.intent.as_deref(), called, &self.intents);
    }

    /// What was said before matters only where an enquiry begins.
    fn finish(mut self) -> TurnTold {
        if !self.told.enquires {
            self.told.history.clear();
        }
        self.told
    }
}

/// What language models did for a turn: what they cost together, and what became of each answer.
fn note_models(event: &mut Event, models: &[ModelUse]) {
    if models.is_empty() {
        return;
    }
    let joined = |parts: Vec<&str>, with: &str| parts.join(with);
    event.model = models.iter().rev().find_map(|used| used.model.clone());
    let prompts = models.iter().map(|used| used.prompt.as_str());
    event.prompt_version = Some(joined(prompts.collect(), "+"));
    event.tokens = i64::try_from(models.iter().map(|used| used.tokens).sum::<u64>()).ok();
    event.cost = Some(money(models.iter().map(|used| used.micros).sum()));
    let outcomes = joined(models.iter().map(|used| used.outcome).collect(), ", ");
    let reason = event.reason.take().unwrap_or_default();
    event.reason = Some(format!("{reason}, model: {outcomes}"));
}

#[expect(
    clippy::cast_precision_loss,
    reason = "one answer costs far less than 2^53 millionths"
)]
fn money(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// What a message says, in words: for the transcript, the desk and the journal.
pub(super) fn in_words(what: &What) -> Option<String> {
    Some(match what {
        What::Text { text } => text.clone(),
        What::Press { payload, title } => format!("[{}]", title.as_ref().unwrap_or(payload)),
        What::Command { name, args } => format!("/{name} {args}").trim_end().to_owned(),
        What::Media {
            attachments,
            caption,
            ..
        } => {
            let kinds: Vec<&str> = attachments
                .iter()
                .map(|file| kind_in_words(&file.kind))
                .collect();
            joined(&[
                &format!("[{}]", kinds.join(", ")),
                caption.as_deref().unwrap_or_default(),
            ])
        }
        What::Contact { phone, name, own } => {
            let whose = if *own {
                "свой номер:"
            } else {
                "контакт:"
            };
            let name = name.as_deref().unwrap_or_default();
            format!(
                "[{}]",
                joined(&[whose, name, phone.as_deref().unwrap_or("без номера")])
            )
        }
        What::Location {
            latitude,
            longitude,
            name,
        } => {
            let place = format!("{latitude:.5}, {longitude:.5}");
            format!(
                "[{}]",
                joined(&["место:", name.as_deref().unwrap_or_default(), &place])
            )
        }
        What::Edited { text, .. } => {
            format!("[исправлено] {}", text.as_deref().unwrap_or_default())
        }
        What::Deleted { originals } => format!("[удалено сообщений: {}]", originals.len()),
        What::Unreadable { kind } => format!("[{}]", kind_in_words(kind)),
        What::Notice { text, .. } | What::Staff { text, .. } => text.clone()?,
        What::Draft(decided) if !decided.is_refused() => decided.text.clone(),
        What::Reaction { emoji, .. } => format!("[реакция {}]", emoji.as_deref()?),
        What::Consent { .. }
        | What::Blocked
        | What::Unblocked
        | What::Advertising { .. }
        | What::Handback { .. }
        | What::Draft(_)
        | What::Lesson { .. }
        | What::Note { .. } => return None,
    })
}

fn joined(parts: &[&str]) -> String {
    let filled: Vec<&str> = parts
        .iter()
        .copied()
        .filter(|part| !part.is_empty())
        .collect();
    filled.join(" ")
}

/// What a messenger calls it, as the staff would.
fn kind_in_words(kind: &str) -> &str {
    match kind {
        "image" | "photo" => "фото",
        "voice" => "голосовое",
        "audio" => "аудио",
        "video" | "video_note" | "animation" => "видео",
        "document" => "файл",
        "sticker" => "стикер",
        "forgotten_button" => "нажата старая кнопка",
        _ => "сообщение, которое бот не умеет читать",
    }
}

fn client_of(fresh: &[&Inbound]) -> Client {
    let customer = fresh
        .iter()
        .rev()
        .filter(|inbound| !matches!(inbound.what, What::Staff { .. }));
    let mut client = Client::default();
    for inbound in customer {
        client.name = client.name.or_else(|| inbound.profile.name.clone());
        client.phone = client.phone.or_else(|| inbound.profile.phone.clone());
    }
    client
}

fn seen(inbound: &Inbound) -> Seen {
    Seen {
        conversation: inbound.conversation.clone(),
        at: inbound.at,
        wrote: inbound.what.expects_answer(),
        profile: inbound.profile.clone(),
        reachable: match inbound.what {
            What::Blocked => Some(false),
            What::Unblocked => Some(true),
            _ => inbound.what.expects_answer().then_some(true),
        },
        advertising: match inbound.what {
            What::Advertising { wanted } => Some(wanted),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_staff_reads_says_what_came() {
        let card = What::Contact {
            phone: Some("+7".into()),
            name: Some("Анна".into()),
            own: false,
        };

        assert_eq!(in_words(&card).unwrap(), "[контакт: Анна +7]");
        assert_eq!(in_words(&What::Blocked), None);
        assert_eq!(
            in_words(&What::Text {
                text: "Да".into()
            })
            .unwrap(),
            "Да"
        );
    }
}
