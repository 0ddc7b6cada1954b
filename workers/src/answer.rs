//! Answers customers.
//!
//! A job may come twice, at two machines at once. Nothing locks; these rules make it harmless:
//!
//! 1. What a turn decided (replies, calls for staff, journal) is committed together with the ids of
//!    the inbound messages it handled, in one compare-and-set, before anything of it is published.
//! 2. A commit over somebody else's fails, and the turn starts over from what that one saved.
//! 3. All ids derive from the first inbound of the turn, so what is published twice is sent once.
//! 4. An outbox that may not be in the queue is published again before anything new is decided.

mod desk_turn;
mod turn;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tracing::{debug, info, warn};
use uuid::Uuid;
use zapis_core::broker::Broker;
use zapis_core::hush::{HUSHED, hush, whisper};
use zapis_core::intake::outbound_message;
use zapis_core::lanes::{Failure, Gather, Message, Worker, unreadable};
use zapis_core::measure::{CHANNELS, Stage};
use zapis_core::message::{
    Content, ConversationId, DraftDecided, Fence, Inbound, Line, Outbound, What,
};
use zapis_core::session::{Outgoing, Session};
use zapis_core::sessions::{Sessions, SessionsError};
use zapis_core::store::{Ownership, Store, StoreError};
use zapis_core::{Clock, causes, crash, ids};

use crate::crm::Wish;
use crate::desk::Desks;
use crate::knowledge::import::learn;
use crate::llm::Said;
use crate::secretary::Asked;

/// How often a turn starts over when others save the same session.
const TRIES: usize = 5;

/// How many conversations' published turns are remembered; forgetting one only publishes again.
const REMEMBERED: usize = 100_000;

/// What the bot thinks of what it heard: understand, decide, act, phrase. It knows no clock, may ask a language
/// model, and changes nothing but the book of visits, idempotently by the turn.
#[async_trait]
pub trait Mind: Send + Sync + fmt::Debug + 'static {
    /// Decides.
    async fn think(&self, heard: &Heard<'_>) -> Result<Thought, StoreError>;

    /// Whether words tell of somebody's health.
    fn is_about_health(&self, _words: &str) -> bool {
        false
    }

    /// What the customer wants, as an intent's id, where a person answers in the bot's place.
    fn overhears(&self, _heard: &[&Inbound]) -> Option<String> {
        None
    }

    /// What to say and do when no person let an answer through.
    fn refused(&self, decided: &DraftDecided, state: &Value, now: DateTime<Utc>) -> Thought;

    /// Answers what the staff asks of the book in its chat; changes what is remembered of the chat.
    /// A mind for customers only says nothing.
    async fn at_desk(
        &self,
        _asked: &Asked<'_>,
        _state: &mut Value,
    ) -> Result<Vec<Outbound>, StoreError> {
        Ok(Vec::new())
    }
}

/// What a turn has to think about.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each tells another thing of the turn"
)]
pub struct Heard<'a> {
    /// Whose conversation.
    pub conversation: &'a ConversationId,
    /// The turn: the same for a repeat of it.
    pub turn: Uuid,
    /// The customer's name, as the messenger shows it.
    pub name: Option<&'a str>,
    /// The customer's phone in E.164, vouched for by the channel.
    pub phone: Option<&'a str>,
    /// What the customer did, in order; everything in it expects an answer.
    pub inbound: Vec<&'a Inbound>,
    /// Now.
    pub now: DateTime<Utc>,
    /// Whether it is too old to be answered as if it were fresh.
    pub stale: bool,
    /// Whether the staff was called and has not answered yet.
    pub staff_called: bool,
    /// Whether a CRM is to hear what the customer wants.
    pub for_crm: bool,
    /// Whether nobody else may hear it, a language model neither.
    pub confidential: bool,
    /// The dialogue's state of the last turn, `Null` at first.
    pub state: &'a Value,
    /// The newest lines of the conversation, oldest first, with those of this turn.
    pub transcript: &'a [Line],
}

/// What the bot decided.
#[derive(Debug, Default)]
pub struct Thought {
    /// What to say, in order.
    pub replies: Vec<Reply>,
    /// What to say once a person has approved.
    pub draft: Option<Proposed>,
    /// Whether a person must act.
    pub handover: Option<Handover>,
    /// The dialogue's state from now on.
    pub state: Value,
    /// `ru` or `en`.
    pub language: String,
    /// For the journal.
    pub facts: Facts,
}

impl Thought {
    /// Forgets the words that it answers and what was found by them.
    fn keep_confidential(&mut self) {
        if let Some(draft) = &mut self.draft {
            HUSHED.clone_into(&mut draft.question);
            draft.sources.clear();
        }
        if let Some(handover) = &mut self.handover {
            handover.unanswered = None;
            handover.hints.clear();
        }
        self.facts.sources = None;
    }
}

/// One message to the customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Plain text, `**bold**` allowed.
    pub text: String,
    /// Quick replies.
    pub buttons: Vec<zapis_core::message::Button>,
}

/// A reply that a person must approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// The reply.
    pub reply: Reply,
    /// What was asked.
    pub question: String,
    /// What it rests on, in words.
    pub sources: Vec<String>,
    /// When nobody will have decided in time.
    pub due: DateTime<Utc>,
}

/// A call for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// Why, in words for the staff.
    pub reason: String,
    /// What the knowledge base offered, with sources.
    pub hints: Vec<String>,
    /// When somebody should be there: reminders count from then.
    pub expected_at: DateTime<Utc>,
    /// The question that the bot could not answer, if that is why.
    pub unanswered: Option<String>,
}

/// What the journal keeps of a decision.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// The intent's id.
    pub intent: Option<String>,
    /// 0 to 1.
    pub confidence: Option<f64>,
    /// `positive`, `neutral`, `negative`.
    pub sentiment: Option<String>,
    /// Ids and places of the knowledge entries used.
    pub sources: Option<Value>,
    /// `none`, `handoff`, …
    pub action: String,
    /// Which rule decided.
    pub reason: Option<String>,
    /// Whether the customer asks for no more messages.
    pub opt_out: bool,
    /// The booking that was made or changed.
    pub booking: Option<Uuid>,
    /// The version of the consent that was given.
    pub consent: Option<String>,
    /// A booking and its stars.
    pub rating: Option<(Uuid, u8)>,
    /// What language models did for it, in order.
    pub models: Vec<ModelUse>,
    /// What was tried and really used, as `experiment:arm`.
    pub variants: Vec<String>,
    /// What the customer wants, for the CRM.
    pub wish: Option<Box<Wish>>,
}

/// What a language model did for a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelUse {
    /// Its name, where it answered.
    pub model: Option<String>,
    /// The version of its prompt.
    pub prompt: String,
    /// The variant, where there are several.
    pub variant: Option<String>,
    /// Tokens of question and answer.
    pub tokens: u64,
    /// Money, in millionths.
    pub micros: u64,
    /// What became of its answer: `sent`, or why not.
    pub outcome: &'static str,
}

impl ModelUse {
    /// The use of a prompt, with what was said if anything was.
    pub(crate) fn of<T>(prompt: &str, said: Option<&Said<T>>) -> Self {
        Self {
            model: said.map(|said| said.model.clone()),
            prompt: prompt.to_owned(),
            variant: None,
            tokens: said.map_or(0, |said| said.tokens),
            micros: said.map_or(0, |said| said.micros),
            outcome: "unavailable",
        }
    }
}

/// How turns are taken.
#[derive(Debug, Clone, Copy)]
pub struct TurnRules {
    /// Messages that follow each other within this are one turn.
    pub coalesce: Duration,
    /// But no longer than this after the first.
    pub coalesce_max: Duration,
    /// Older messages are not answered as if they were fresh.
    pub stale_after: TimeDelta,
    /// From the time somebody should be there to the reminder.
    pub remind_after: TimeDelta,
    /// Whether to show that the bot is typing.
    pub typing: bool,
    /// Whether words about health are not kept.
    pub medical: bool,
    /// Whether the bot says and does nothing, and only notes what it would have done.
    pub observes: bool,
}

/// The outcome of a turn in which the bot only observed.
pub const OBSERVED: &str = "observed";
/// In its reason: comes between the rule that decided and what would have been done.
pub(crate) const WOULD: &str = ", would: ";

/// The answer worker.
#[derive(Debug)]
pub struct Answer {
    /// What thinks.
    pub mind: Arc<dyn Mind>,
    /// Where sessions are.
    pub sessions: Arc<dyn Sessions>,
    /// Where ownership is.
    pub store: Store,
    /// Where results go.
    pub broker: Arc<dyn Broker>,
    /// Where the staff is.
    pub desks: Desks,
    /// How turns are taken.
    pub rules: TurnRules,
    /// The intents that an enquiry begins with, where a CRM is to hear of them.
    pub enquiries: Option<Arc<[String]>>,
    /// The time.
    pub clock: Clock,
    /// The last turn of each conversation whose outbox this process knows to be in the queue.
    pub published: PublishedTurns,
}

/// The last turn of each conversation whose outbox this process knows to be in the queue.
#[derive(Debug, Default)]
pub struct PublishedTurns(Mutex<HashMap<ConversationId, Uuid>>);

impl PublishedTurns {
    fn holds(&self, conversation: &ConversationId, turn: Option<Uuid>) -> bool {
        turn.is_some() && self.lock().get(conversation).copied() == turn
    }

    fn note(&self, conversation: &ConversationId, turn: Uuid) {
        let mut turns = self.lock();
        if turns.len() >= REMEMBERED {
            turns.clear();
        }
        turns.insert(conversation.clone(), turn);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ConversationId, Uuid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    /// One try; `false` when somebody else saved the session meanwhile.
    async fn take_turn(
        &self,
        conversation: &ConversationId,
        tasks: &[Arc<Inbound>],
    ) -> Result<bool, Failure> {
        let (mut session, version) = self.load(conversation, tasks).await?;
        crash::point("turn.loaded");
        self.publish_outbox(conversation, &mut session).await?;

        let mut fresh = unseen(&session, tasks);
        let now = self.clock.now();
        let erased_at = self.erased_at(conversation).await?;
        fresh.retain(|inbound| !is_of_before(inbound, erased_at));
        let Some(first) = fresh.first() else {
            debug!(?conversation, "Handled before, or erased");
            return Ok(true);
        };
        let turn_id = ids::turn(conversation, &first.id);
        let queued = (now - first.received_at).to_std().unwrap_or_default();
        Stage::took("queue", queued);
        let ownership = self
            .store
            .ownership(conversation, now)
            .await
            .map_err(Failure::systemic)?;
        let mut turn = turn::Turn::new(turn_id, conversation.clone(), &ownership, &fresh, now);
        if let Some(intents) = &self.enquiries {
            turn.tell_crm(&fresh, intents);
        }
        self.heed_staff(&mut turn, &fresh, now).await?;
        turn.observes = self.rules.observes;
        if ownership.blocked {
            turn.shut();
        }
        let confidential = self.record(&mut turn, &fresh, &mut session).await?;
        let outcome = self
            .answer(&mut turn, &ownership, &fresh, confidential, &mut session)
            .await?;
        // Thinking takes seconds, in which its customer may have been erased: begin anew, and find nothing to do.
        if self.erased_at(conversation).await? != erased_at {
            return Ok(false);
        }
        self.act(&mut turn).await?;

        let handled = fresh.iter().map(|inbound| inbound.id.clone());
        session.finish_turn(
            turn_id,
            handled,
            turn.into_outbox(),
            now,
            remembered(conversation),
        );
        let body = serde_json::to_vec(&session).map_err(Failure::later)?;
        let stage = Stage::begin("commit");
        match self
            .sessions
            .commit(conversation, version, Bytes::from(body))
            .await
        {
            Ok(_) => {}
            Err(SessionsError::Conflict) => {
                metrics::counter!("zapis_session_conflicts_total").increment(1);
                return Ok(false);
            }
            Err(error) => return Err(Failure::systemic(error)),
        }
        crash::point("turn.committed");
        drop(stage);
        let channel = CHANNELS.of(conversation.channel());
        metrics::counter!("zapis_turns_total", "channel" => channel, "outcome" => outcome)
            .increment(1);
        self.publish_outbox(conversation, &mut session).await?;
        Ok(true)
    }

    async fn erased_at(
        &self,
        conversation: &ConversationId,
    ) -> Result<Option<DateTime<Utc>>, Failure> {
        let erased_at = self.store.erased_at(conversation).await;
        erased_at.map_err(Failure::systemic)
    }

    /// Records what happened, without words that must not be kept; whether there are such.
    async fn record(
        &self,
        turn: &mut turn::Turn,
        fresh: &[&Inbound],
        session: &mut Session,
    ) -> Result<bool, Failure> {
        if !self.rules.medical {
            turn.record(fresh, session, &self.desks);
            return Ok(false);
        }
        let conversation = turn.conversation.clone();
        let mut told: Vec<Inbound> = fresh.iter().map(|&inbound| inbound.clone()).collect();
        let mut confidential = false;
        for (n, inbound) in told.iter_mut().enumerate() {
            let is_secret = |words: &str| self.mind.is_about_health(words);
            let Some(words) = hush(&mut inbound.what, is_secret) else {
                continue;
            };
            confidential = true;
            let event = ids::of(turn.id, "inbound", n);
            let whispered = whisper(&*self.sessions, &conversation, event, &words);
            whispered.await.map_err(Failure::systemic)?;
            let reworded = self.store.chat_reword(&conversation, &inbound.id, HUSHED);
            reworded.await.map_err(Failure::systemic)?;
        }
        turn.is_confidential = confidential;
        turn.record(&told.iter().collect::<Vec<_>>(), session, &self.desks);
        Ok(confidential)
    }

    /// The session and its version. A damaged one is as good as lost, which costs an unfinished dialogue
    /// and nothing else.
    async fn load(
        &self,
        conversation: &ConversationId,
        tasks: &[Arc<Inbound>],
    ) -> Result<(Session, u64), Failure> {
        let stage = Stage::begin("load");
        let saved = self.sessions.load(conversation).await;
        let saved = saved.map_err(Failure::systemic)?;
        drop(stage);
        let version = saved.as_ref().map_or(0, |saved| saved.version);
        match saved.map(|saved| serde_json::from_slice(&saved.body)) {
            Some(Ok(session)) => return Ok((session, version)),
            Some(Err(error)) => {
                let error = unreadable(&error);
                warn!(
                    ?conversation,
                    error, "A session is damaged; its dialogue begins anew"
                );
            }
            None => {}
        }
        Ok((self.begin_session(conversation, tasks).await?, version))
    }

    /// A first session, or one after all sessions were lost. A repeat of what was answered then must
    /// not begin a turn: it would have the id of the old one, and what follows in it no answer.
    async fn begin_session(
        &self,
        conversation: &ConversationId,
        tasks: &[Arc<Inbound>],
    ) -> Result<Session, Failure> {
        let ids: Vec<String> = tasks.iter().map(|inbound| inbound.id.clone()).collect();
        let answered = self.store.answered(conversation, &ids).await;
        let now = self.clock.now();
        let answered = answered.map_err(Failure::systemic)?.into_iter();
        Ok(Session {
            seen: answered.map(|id| (id, now)).collect(),
            ..Session::default()
        })
    }

    /// What people of the firm did changes what waits for them. Repeating it changes nothing.
    async fn heed_staff(
        &self,
        turn: &mut turn::Turn,
        fresh: &[&Inbound],
        now: DateTime<Utc>,
    ) -> Result<(), Failure> {
        let conversation = turn.conversation.clone();
        let spoke = |inbound: &&Inbound| matches!(inbound.what, What::Staff { .. });
        let acted =
            |inbound: &&Inbound| spoke(inbound) || matches!(inbound.what, What::Handback { .. });
        if fresh.iter().any(acted) {
            let closed = self.store.close_escalation(&conversation, now).await;
            closed.map_err(Failure::systemic)?;
        }
        if let Some(takeover) = fresh.iter().find(|inbound| spoke(inbound)) {
            let gone = self.store.supersede_drafts(&conversation, &takeover.id);
            for draft in gone.await.map_err(Failure::systemic)? {
                turn.superseded(&draft);
            }
        }
        for inbound in fresh {
            if let What::Lesson {
                id, accepted: true, ..
            } = &inbound.what
                && let Some(lesson) = self.store.lesson(*id).await.map_err(Failure::systemic)?
            {
                let learnt = learn(&self.store, &lesson, now).await;
                learnt.map_err(Failure::later)?;
            }
        }
        Ok(())
    }

    /// What must be in the store before the turn is committed, once per id: a turn that starts over
    /// does nothing a second time.
    async fn act(&self, turn: &mut turn::Turn) -> Result<(), Failure> {
        let deeds = std::mem::take(&mut turn.deeds);
        if let Some((mut call, expected_at)) = deeds.call {
            call.due = Some(expected_at.max(turn.now) + self.rules.remind_after);
            let opened = self.store.open_escalation(&call).await;
            opened.map_err(Failure::systemic)?;
            crash::point("turn.escalated");
        }
        if let Some((card, due)) = deeds.draft {
            let proposed = self.store.propose(&card, turn.now, due).await;
            proposed.map_err(Failure::systemic)?;
        }
        if let Some(lesson) = deeds.lesson {
            let kept = self.store.put_lesson(&lesson, turn.now).await;
            kept.map_err(Failure::systemic)?;
        }
        Ok(())
    }

    /// Thinks and acts, if the bot may speak and somebody expects it to. Returns how the turn ended, for
    /// metrics.
    async fn answer(
        &self,
        turn: &mut turn::Turn,
        ownership: &Ownership,
        fresh: &[&Inbound],
        confidential: bool,
        session: &mut Session,
    ) -> Result<&'static str, Failure> {
        let expecting: Vec<&Inbound> = fresh
            .iter()
            .copied()
            .filter(|inbound| inbound.what.expects_answer())
            .collect();
        let newest = expecting.iter().map(|inbound| inbound.at).max();
        let refused = fresh.iter().find_map(|inbound| match &inbound.what {
            What::Draft(decided) if decided.is_refused() => Some(decided),
            _ => None,
        });
        if newest.is_none() && refused.is_none() {
            return Ok("recorded");
        }
        if ownership.blocked {
            turn.keep_silent(None, "the staff has blocked the customer");
            return Ok("blocked");
        }
        if let Some(person) = &ownership.staff {
            turn.keep_silent(Some(person), "a person has the conversation");
            turn.overhear(|| self.mind.overhears(&expecting));
            return Ok("silent");
        }
        let stage = Stage::begin("think");
        let mut thought = match (newest, refused) {
            (None, Some(decided)) => self.mind.refused(decided, &session.dialogue, turn.now),
            (newest, _) => {
                let phone = session.phone.clone().or_else(|| turn.client.phone.clone());
                let heard = Heard {
                    conversation: &turn.conversation,
                    turn: turn.id,
                    name: turn.client.name.as_deref(),
                    phone: phone.as_deref(),
                    inbound: expecting,
                    now: turn.now,
                    stale: newest.is_some_and(|at| turn.now - at > self.rules.stale_after),
                    staff_called: session.called_staff.is_some(),
                    for_crm: self.enquiries.is_some(),
                    confidential,
                    state: &session.dialogue,
                    transcript: &session.transcript,
                };
                self.mind.think(&heard).await.map_err(Failure::systemic)?
            }
        };
        drop(stage);
        if self.rules.observes {
            turn.observe(thought, confidential);
            return Ok(OBSERVED);
        }
        if confidential {
            thought.keep_confidential();
            let said: Vec<&str> = thought
                .replies
                .iter()
                .map(|one| one.text.as_str())
                .collect();
            let event = ids::of(turn.id, "turn", 0);
            let said = said.join("\n\n");
            let whispered = whisper(&*self.sessions, &turn.conversation, event, &said);
            whispered.await.map_err(Failure::systemic)?;
        }
        session.dialogue.clone_from(&thought.state);
        turn.speak(&thought, newest, session, &self.desks);
        info!(
            conversation = ?turn.conversation,
            intent = thought.facts.intent,
            action = thought.facts.action,
            replies = thought.replies.len(),
            "Took a turn"
        );
        Ok(match (&thought.handover, thought.replies.is_empty()) {
            _ if thought.draft.is_some() => "drafted",
            (Some(_), _) => "handed_over",
            (None, false) => "answered",
            (None, true) => "recorded",
        })
    }

    /// Publishes what the last committed turn decided, and tells the journal of it, unless both are
    /// known to be done.
    async fn publish_outbox(
        &self,
        conversation: &ConversationId,
        session: &mut Session,
    ) -> Result<(), Failure> {
        if self.published.holds(conversation, session.turn) {
            session.mark_published();
        }
        if let Some(outbox) = session.unpublished() {
            let _stage = Stage::begin("publish");
            let messages = outbox.messages.iter().map(Outgoing::to_publish).collect();
            let tell = async {
                // Whoever hears of a message finds its files.
                self.store.keep_files(&outbox.files).await?;
                self.store.journal(&outbox.events, &outbox.news).await
            };
            let (told, published) = tokio::join!(tell, self.broker.publish(messages));
            told.map_err(Failure::systemic)?;
            published.map_err(Failure::systemic)?;
            crash::point("turn.published");
        }
        session.mark_published();
        if let Some(turn) = session.turn {
            self.published.note(conversation, turn);
        }
        Ok(())
    }

    async fn show_typing(&self, first: &Inbound) {
        let now = self.clock.now();
        match self.store.ownership(&first.conversation, now).await {
            Ok(Ownership {
                staff: None,
                blocked: false,
                ..
            }) => {}
            _ => return,
        }
        let typing = Outbound {
            id: ids::derive(&["typing", first.conversation.as_str(), &first.id]),
            conversation: first.conversation.clone(),
            turn: None,
            answers: Vec::new(),
            fence: Fence::Staff,
            content: Content::Typing {
                inbound: Some(first.id.clone()),
            },
            language: String::new(),
            purpose: None,
            customer_wrote_at: Some(first.at),
            at: now,
            trace: first.trace.child(),
        };
        if let Err(error) = self.broker.publish(vec![outbound_message(&[typing])]).await {
            debug!(error = %causes(&error), "Could not show that the bot is typing");
        }
    }
}

impl Worker for Answer {
    type Task = Inbound;

    fn name(&self) -> &'static str {
        "answer"
    }

    fn read(&self, message: &Message) -> Result<Inbound, String> {
        serde_json::from_slice(&message.body).map_err(|error| unreadable(&error))
    }

    /// What a customer writes in one go is one turn. Buttons, commands and what needs no answer do
    /// not wait, and nothing waits behind them.
    fn gather(&self, waiting: &[&Inbound], first: Duration, last: Duration) -> Gather {
        let burst = waiting
            .iter()
            .take_while(|inbound| belongs_to_burst(&inbound.what))
            .count();
        if burst < waiting.len() {
            return Gather::Take(burst.max(1));
        }
        let more = self.rules.coalesce.saturating_sub(last);
        let most = self.rules.coalesce_max.saturating_sub(first);
        match more.min(most) {
            Duration::ZERO => Gather::Take(burst),
            pause => Gather::Wait(pause),
        }
    }

    fn noticed(self: &Arc<Self>, first: &Arc<Inbound>) {
        let fresh = self.clock.now() - first.at < TimeDelta::seconds(30);
        let customer = !self.desks.is_group(&first.conversation);
        if customer && self.rules.typing && fresh && first.what.expects_answer() {
            let (worker, first) = (Arc::clone(self), Arc::clone(first));
            tokio::spawn(async move { worker.show_typing(&first).await });
        }
    }

    async fn handle(&self, _lane: &str, tasks: &[Arc<Inbound>]) -> Result<(), Failure> {
        let Some(conversation) = tasks.first().map(|inbound| inbound.conversation.clone()) else {
            return Ok(());
        };
        let staff = self.desks.is_group(&conversation);
        for _ in 0..TRIES {
            let taken = if staff {
                self.take_desk_turn(&conversation, tasks).await?
            } else {
                self.take_turn(&conversation, tasks).await?
            };
            if taken {
                return Ok(());
            }
        }
        Err(Failure::later(SessionsError::Conflict))
    }
}

/// Whether a message is of the time before an erasure: it was accepted by then, or is a late repeat. The clock
/// of a messenger may be behind ours.
fn is_of_before(inbound: &Inbound, erased_at: Option<DateTime<Utc>>) -> bool {
    erased_at.is_some_and(|erased_at| {
        inbound.received_at <= erased_at || inbound.at < erased_at - TimeDelta::minutes(1)
    })
}

fn belongs_to_burst(what: &What) -> bool {
    what.expects_answer() && !matches!(what, What::Press { .. } | What::Command { .. })
}

/// Those that were not handled, each once.
fn unseen<'a>(session: &Session, tasks: &'a [Arc<Inbound>]) -> Vec<&'a Inbound> {
    let mut fresh: Vec<&Inbound> = Vec::with_capacity(tasks.len());
    for inbound in tasks {
        if !session.has_seen(&inbound.id) && !fresh.iter().any(|other| other.id == inbound.id) {
            fresh.push(inbound);
        }
    }
    // Inside a coalescing window the provider's time decides; equal times keep the order of arrival.
    // Where it did not tell one of them, ours stands there, which can be put back: nothing to compare.
    if fresh
        .iter()
        .all(|inbound| inbound.at != inbound.received_at)
    {
        fresh.sort_by_key(|inbound| inbound.at);
    }
    fresh
}

/// How long a channel may repeat a message: Telegram keeps updates for a day, the others for a week.
fn remembered(conversation: &ConversationId) -> TimeDelta {
    if conversation.channel() == "telegram" {
        TimeDelta::days(1)
    } else {
        TimeDelta::days(7)
    }
}

#[cfg(test)]
mod tests {
    use zapis_core::message::Profile;
    use zapis_core::trace::TraceParent;

    use super::*;

    /// `at` and `received_at` in seconds.
    fn order(burst: [(i64, i64); 3]) -> Vec<String> {
        let second = |n| DateTime::from_timestamp(n, 0).unwrap();
        let tasks: Vec<Arc<Inbound>> = (1..)
            .zip(burst)
            .map(|(n, (at, received_at))| {
                Arc::new(Inbound {
                    id: format!("{n}"),
                    conversation: "telegram:main:1".parse().unwrap(),
                    at: second(at),
                    received_at: second(received_at),
                    profile: Profile::default(),
                    what: What::Text { text: "?".into() },
                    raw: None,
                    trace: TraceParent::start(),
                })
            })
            .collect();
        let fresh = unseen(&Session::default(), &tasks);
        fresh.iter().map(|inbound| inbound.id.clone()).collect()
    }

    #[test]
    fn the_providers_time_orders_a_burst() {
        assert_eq!(order([(103, 200), (101, 201), (102, 202)]), ["2", "3", "1"]);
    }

    #[test]
    fn our_own_time_does_not() {
        // The second and third arrived after our clock was put back, and say no time of their own.
        assert_eq!(order([(103, 200), (50, 50), (51, 51)]), ["1", "2", "3"]);
    }
}
