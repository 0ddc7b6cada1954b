//! Sends what the workers decided, the same way on every channel.
//!
//! Per message, in this order: a place in the shared limits, the claim in the send ledger (which
//! compares the fence in the same statement), one provider call, the record of how it ended. Only the
//! claim stands between a person's takeover and the provider, so it comes last.
//!
//! What is *ambiguous* (a crash or a lost answer inside the provider call) waits for news of the
//! provider and is then tried once more if it is a reply; a reminder never is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tracing::field::{debug, display};
use tracing::{Instrument, Span, debug, error, info, warn};
use uuid::Uuid;
use zapis_core::broker::Broker;
use zapis_core::event::{Event, Kind, Seen};
use zapis_core::intake::outbound_message;
use zapis_core::lanes::{Failure, Message, Worker, unreadable};
use zapis_core::measure::{ACCOUNTS, CODES, Stage};
use zapis_core::message::{Content, Fence, Outbound, Profile, ProviderError};
use zapis_core::sessions::Sessions;
use zapis_core::store::{ClaimRequest, Claimed, Draft, SendOutcome, Store, StoreError};
use zapis_core::trace::step;
use zapis_core::{Clock, causes, crash, ids};

use crate::{Channel, SendError, Sent};

/// A wait for a limit up to this long happens in place; a longer one lets the lane wait elsewhere. Who
/// waits in place counts as being handled, and is suspected if the process dies meanwhile.
const WAIT_IN_PLACE: Duration = Duration::from_millis(100);

/// How long a stopped account rests before it is tried again.
const STOPPED: Duration = Duration::from_mins(1);

/// A message that could not be sent for so long is set aside.
const GIVE_UP: TimeDelta = TimeDelta::hours(24);

/// How many parts are remembered of messages that wait. Forgetting one costs it another place in the
/// limits, no second sending: the ledger sees to that.
const OVER_REMEMBERED: usize = 10_000;

/// "typing…" is worth sending for so long.
const TYPING: TimeDelta = TimeDelta::seconds(6);

/// How long the outcome of a call is kept in memory when the store does not take it: less than a
/// lane's patience with one message …
const REMEMBERED: Duration = Duration::from_secs(90);

/// … and how often it is tried.
const RECORD_AGAIN: Duration = Duration::from_millis(250);

/// How often an ambiguous reply is claimed in all.
const CLAIMS: u32 = 2;

/// Tells the staff that a message did not reach its customer.
pub trait Alarm: Send + Sync + std::fmt::Debug {
    /// The message to the staff desk, or nothing where there is no desk. Its id must derive from the
    /// outbound's.
    fn undelivered(
        &self,
        outbound: &Outbound,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Option<Outbound>;
}

/// The sender of one channel.
#[derive(Debug)]
pub struct Sender {
    channel: Arc<dyn Channel>,
    store: Store,
    sessions: Arc<dyn Sessions>,
    broker: Arc<dyn Broker>,
    alarm: Arc<dyn Alarm>,
    clock: Clock,
    breaker: Breaker,
    /// Whether the journal gets no words from here that it has from a turn.
    confidential: bool,
    /// Parts that are over of messages that must wait: when the rest comes again, they must not take
    /// the places that the rest waits for.
    over: Mutex<HashMap<Uuid, Step>>,
}

/// How often each account was found to be unable to send: it rests then, and `/metrics` shows it.
#[derive(Debug, Clone, Default)]
struct Breaker(Arc<Mutex<HashMap<String, u64>>>);

impl Breaker {
    /// The account rests. Another process may be the one that finds it working again: what nobody
    /// stops anew is taken for mended after a while.
    fn open(&self, channel: &'static str, part: &Outbound) {
        let mut stops = self.lock();
        let stop = stops
            .entry(part.conversation.account().to_owned())
            .or_default();
        *stop += 1;
        let (seen, breaker, part) = (*stop, self.clone(), part.clone());
        drop(stops);
        show_stopped(channel, &part, true);
        tokio::spawn(async move {
            tokio::time::sleep(STOPPED * 2).await;
            let last = breaker.lock().get(part.conversation.account()).copied();
            if last == Some(seen) {
                show_stopped(channel, &part, false);
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn show_stopped(channel: &'static str, part: &Outbound, stopped: bool) {
    let account = ACCOUNTS.of(part.conversation.account());
    metrics::gauge!("zapis_account_stopped", "channel" => channel, "account" => account)
        .set(u8::from(stopped));
}

/// How an account sends, by the name under which it is told.
fn way_out(part: &Outbound) -> String {
    format!("out {}", part.conversation.door())
}

/// Whether to go on with the next part.
#[derive(Debug, Clone, Copy)]
enum Step {
    Next,
    Stop,
}

impl Sender {
    /// Joins a channel with the engines.
    pub fn new(
        channel: Arc<dyn Channel>,
        store: Store,
        sessions: Arc<dyn Sessions>,
        broker: Arc<dyn Broker>,
        alarm: Arc<dyn Alarm>,
        clock: Clock,
    ) -> Self {
        Self {
            channel,
            store,
            sessions,
            broker,
            alarm,
            clock,
            breaker: Breaker::default(),
            confidential: false,
            over: Mutex::default(),
        }
    }

    /// Whether words of turns and of the staff are not journalled once more: who records a turn decides which
    /// of them are kept.
    #[must_use]
    pub fn confidential(self, confidential: bool) -> Self {
        Self {
            confidential,
            ..self
        }
    }

    fn over(&self) -> MutexGuard<'_, HashMap<Uuid, Step>> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delivers the parts of a message; adds those that are over to `done`.
    async fn deliver(
        &self,
        outbound: Outbound,
        done: &mut Vec<(Uuid, Step)>,
    ) -> Result<(), Failure> {
        if let Content::Typing { .. } = outbound.content {
            if self.clock.now() - outbound.at < TYPING
                && let Err(error) = self.channel.send(&outbound).await
            {
                debug!(error = %causes(&error), "Could not show that the bot is typing");
            }
            return Ok(());
        }
        for part in self.channel.split(outbound) {
            let before = self.over().remove(&part.id);
            let step = match before {
                Some(step) => step,
                None => self.deliver_part(&part).await?,
            };
            done.push((part.id, step));
            if matches!(step, Step::Stop) {
                break;
            }
        }
        Ok(())
    }

    /// Whether it was said before its customer was erased.
    async fn is_of_erased(&self, part: &Outbound) -> Result<bool, Failure> {
        let about = part.content.about().unwrap_or(&part.conversation);
        let erased = self.store.erased_at(about).await;
        let erased = erased.map_err(Failure::systemic)?;
        Ok(erased.is_some_and(|at| part.at <= at))
    }

    async fn deliver_part(&self, part: &Outbound) -> Result<Step, Failure> {
        if self.is_of_erased(part).await? {
            return Ok(Step::Next);
        }
        self.find_place(part).await?;
        crash::point("send.placed");
        let step = step("deliver", "client", None);
        step.record("channel", self.channel.name());
        step.record("conversation", debug(&part.conversation));
        step.record("outbound", display(part.id));
        self.claim_and_call(part).instrument(step).await
    }

    async fn claim_and_call(&self, part: &Outbound) -> Result<Step, Failure> {
        let request = ClaimRequest {
            id: part.id,
            conversation: part.conversation.clone(),
            turn: part.turn,
            answers: part.answers.clone(),
            fence: part.fence.clone(),
            trace: part.trace.child(),
        };
        let now = self.clock.now();
        let stage = Stage::begin("claim");
        let claimed = self.store.claim(std::slice::from_ref(&request), now).await;
        drop(stage);
        match claimed.map_err(Failure::systemic)?.pop() {
            Some(Claimed::Go) => self.call(part).await,
            Some(Claimed::InDoubt { since, attempts }) => {
                self.resolve_doubt(part, &request, since, attempts).await
            }
            Some(Claimed::Fenced) => self.fenced(part).await,
            Some(Claimed::Answered) => {
                info!(outbound = %part.id, "Dropped a reply: its question was answered before");
                Ok(Step::Next)
            }
            Some(Claimed::Done) | None => self.repeat_record(part).await,
        }
    }

    /// Waits for a place in every bucket.
    async fn find_place(&self, part: &Outbound) -> Result<(), Failure> {
        for (bucket, rate) in self.channel.limits(part) {
            loop {
                let wait = self
                    .sessions
                    .reserve(&bucket, rate)
                    .await
                    .map_err(Failure::systemic)?;
                if wait.is_zero() {
                    break;
                }
                if wait > WAIT_IN_PLACE {
                    return Err(Failure::Wait { after: wait });
                }
                tokio::time::sleep(wait).await;
            }
        }
        Ok(())
    }

    async fn call(&self, part: &Outbound) -> Result<Step, Failure> {
        crash::point("send.claimed");
        let started = tokio::time::Instant::now();
        let result = self.channel.send(part).await;
        crash::point("send.called");
        let took = started.elapsed();
        metrics::histogram!("zapis_send_seconds", "channel" => self.channel.name())
            .record(took.as_secs_f64());
        match result {
            Ok(Sent { provider_id }) => {
                let mut event = self.event(part, "sent");
                event.provider_id.clone_from(&provider_id);
                event.latency_ms = i64::try_from(took.as_millis()).ok();
                self.record(part, SendOutcome::Sent { provider_id }, Some(event))
                    .await?;
                crash::point("send.recorded");
                self.count("sent", "");
                self.store.works(&way_out(part), self.clock.now());
                show_stopped(self.channel.name(), part, false);
                Ok(Step::Next)
            }
            Err(refusal) => {
                if let Some(trouble) = refusal.trouble() {
                    self.store.fails(&way_out(part), trouble, self.clock.now());
                }
                self.refused(part, refusal).await
            }
        }
    }

    async fn refused(&self, part: &Outbound, refusal: SendError) -> Result<Step, Failure> {
        let text = causes(&refusal).to_string();
        match refusal {
            SendError::TooFast { after, bucket } => {
                self.record(part, SendOutcome::NotSent, None).await?;
                self.count("too_fast", "");
                self.sessions
                    .block(&bucket, after)
                    .await
                    .map_err(Failure::systemic)?;
                Err(Failure::Wait { after })
            }
            SendError::Stopped(refusal) => {
                self.record(part, SendOutcome::NotSent, None).await?;
                self.count("stopped", &refusal.code);
                self.breaker.open(self.channel.name(), part);
                error!(
                    account = part.conversation.account(),
                    channel = self.channel.name(),
                    code = refusal.code,
                    "The account cannot send; an operator must act, `zapis check --connect` may tell more"
                );
                // The last bucket is the account's own: nobody tries it again for a while.
                if let Some((bucket, _)) = self.channel.limits(part).pop() {
                    self.sessions
                        .block(&bucket, STOPPED)
                        .await
                        .map_err(Failure::systemic)?;
                }
                Err(Failure::Wait { after: STOPPED })
            }
            SendError::NotSent(_) => {
                self.record(part, SendOutcome::NotSent, None).await?;
                self.count("not_sent", "");
                let age = self.clock.now() - part.at;
                if age > GIVE_UP {
                    return Err(Failure::Never {
                        reason: format!("could not be sent for 24 h: {text}"),
                    });
                }
                let after = age.to_std().unwrap_or_default() / 2;
                let after = after.clamp(Duration::from_secs(1), Duration::from_mins(1));
                warn!(
                    error = text,
                    pause_ms = after.as_millis(),
                    "The messenger did not take a message; will try again"
                );
                Err(Failure::Wait { after })
            }
            SendError::Unknown(_) => {
                self.record(part, SendOutcome::InDoubt, None).await?;
                self.count("unknown", "");
                warn!(error = text, outbound = %part.id, "The messenger's answer was lost");
                Err(Failure::Wait {
                    after: self.channel.doubt().max(Duration::from_millis(100)),
                })
            }
            SendError::Unreachable(refusal) => {
                let news = Seen {
                    conversation: part.conversation.clone(),
                    at: self.clock.now(),
                    wrote: false,
                    profile: Profile::default(),
                    reachable: Some(false),
                    advertising: None,
                };
                let noted = self.store.journal(&[], &[news]).await;
                noted.map_err(Failure::systemic)?;
                self.failed(part, refusal, "unreachable").await
            }
            SendError::Refused(refusal) => self.failed(part, refusal, "refused").await,
            SendError::WindowClosed => {
                let refusal = ProviderError {
                    code: "window_closed".into(),
                    text: "прошло больше 24 часов, WhatsApp не разрешает писать первым".into(),
                };
                self.failed(part, refusal, "window_closed").await
            }
        }
    }

    /// It will never be sent: the ledger, the journal and the staff learn so.
    async fn failed(
        &self,
        part: &Outbound,
        refusal: ProviderError,
        outcome: &'static str,
    ) -> Result<Step, Failure> {
        self.count(outcome, &refusal.code);
        warn!(outbound = %part.id, code = refusal.code, outcome, "A message was not sent");
        // The alarm first: after the record nobody would come back for it.
        if let Some(alarm) = self
            .alarm
            .undelivered(part, &refusal.text, self.clock.now())
        {
            self.broker
                .publish(vec![outbound_message(&[alarm])])
                .await
                .map_err(Failure::systemic)?;
            crash::point("send.alarmed");
        }
        let mut event = self.event(part, "failed");
        event.error_code = Some(refusal.code.clone());
        event.reason = Some(refusal.text.clone());
        self.record(part, SendOutcome::Failed(refusal), Some(event))
            .await?;
        Ok(Step::Stop)
    }

    async fn fenced(&self, part: &Outbound) -> Result<Step, Failure> {
        self.count("fenced", "");
        info!(outbound = %part.id, "Held a message back: the conversation changed hands");
        if let (Fence::Reply { .. }, Content::Message { text, .. }) = (&part.fence, &part.content) {
            let draft = Draft {
                id: part.id,
                conversation: part.conversation.clone(),
                text: text.clone(),
                reason: "the conversation changed hands before it was sent".into(),
                at: self.clock.now(),
            };
            self.store
                .put_draft(&draft)
                .await
                .map_err(Failure::systemic)?;
            crash::point("send.drafted");
        }
        let mut event = self.event(part, "fenced");
        event.action = Some("draft".into());
        self.journal(part, event).await?;
        Ok(Step::Next)
    }

    /// Nobody knows whether the provider has it.
    async fn resolve_doubt(
        &self,
        part: &Outbound,
        request: &ClaimRequest,
        since: DateTime<Utc>,
        attempts: u32,
    ) -> Result<Step, Failure> {
        let now = self.clock.now();
        let patience = TimeDelta::from_std(self.channel.doubt()).unwrap_or(TimeDelta::MAX);
        if let Ok(left) = (since + patience - now).to_std()
            && !left.is_zero()
        {
            return Err(Failure::Wait { after: left });
        }
        let may_repeat = !matches!(part.fence, Fence::Reminder { .. }) && part.purpose.is_none();
        if attempts >= CLAIMS || !may_repeat {
            let refusal = ProviderError {
                code: "ambiguous".into(),
                text: "неизвестно, дошло ли оно: связь с мессенджером оборвалась; проверьте и при необходимости напишите ещё раз".into(),
            };
            return self.failed(part, refusal, "ambiguous").await;
        }
        match self
            .store
            .reclaim(request, now)
            .await
            .map_err(Failure::systemic)?
        {
            Claimed::Go => {
                self.count("repeated_in_doubt", "");
                warn!(outbound = %part.id, "Sends a message again whose fate is unknown");
                self.call(part).await
            }
            Claimed::Fenced => self.fenced(part).await,
            Claimed::InDoubt { .. } => Err(Failure::Wait {
                after: Duration::from_secs(1),
            }),
            Claimed::Done | Claimed::Answered => self.repeat_record(part).await,
        }
    }

    /// It was finished before. The journal does not know if we died before the record and a report of
    /// the provider proved what we did not live to tell.
    async fn repeat_record(&self, part: &Outbound) -> Result<Step, Failure> {
        let entry = self
            .store
            .ledger(part.id)
            .await
            .map_err(Failure::systemic)?;
        let Some(entry) = entry else {
            return Ok(Step::Next);
        };
        let mut event = match entry.state.as_str() {
            "sent" => self.event(part, "sent"),
            "failed" => self.event(part, "failed"),
            _ => return Ok(Step::Next),
        };
        event.timestamp = entry.claimed_at;
        event.provider_id = entry.provider_id;
        if let Some(error) = entry.error {
            event.error_code = Some(error.code);
            event.reason = Some(error.text);
        }
        self.journal(part, event).await?;
        // Without its beginning the rest of a message is not sent either.
        Ok(if entry.state == "failed" {
            Step::Stop
        } else {
            Step::Next
        })
    }

    /// Writes down how a call ended, and in the journal what it came to. While the store is away only
    /// we know: forgetting it would make the message doubtful, and a doubtful reply is sent again.
    async fn record(
        &self,
        part: &Outbound,
        outcome: SendOutcome,
        event: Option<Event>,
    ) -> Result<(), Failure> {
        let _stage = Stage::begin("record");
        let outcomes = [(part.id, outcome)];
        let events: Vec<Event> = event.filter(|_| is_journalled(part)).into_iter().collect();
        let begun = tokio::time::Instant::now();
        loop {
            let now = self.clock.now();
            match self.store.record(&outcomes, &events, now).await {
                Err(StoreError::Unavailable(source)) if begun.elapsed() < REMEMBERED => {
                    debug!(error = %causes(source.as_ref()), "The store is away; a sent message waits to be recorded");
                    tokio::time::sleep(RECORD_AGAIN).await;
                }
                outcome => return outcome.map_err(Failure::systemic),
            }
        }
    }

    fn event(&self, part: &Outbound, outcome: &str) -> Event {
        let id = ids::of(part.id, outcome, 0);
        let mut event = Event::new(id, Kind::Outbound, self.clock.now()).about(&part.conversation);
        event.outbound_id = Some(part.id);
        event.turn_id = part.turn;
        event.inbound_ids = (!part.answers.is_empty()).then(|| part.answers.clone());
        event.outcome = Some(outcome.to_owned());
        event.trace_id = Some(part.trace.trace_id().to_owned());
        match &part.content {
            Content::Message { text, staff, .. } => {
                event.owner = Some(if staff.is_some() { "staff" } else { "bot" }.into());
                event.staff_id.clone_from(staff);
                // By the turn, or by the event of the person who wrote it.
                let is_recorded = part.turn.is_some() || staff.is_some();
                event.bot_response = (!(self.confidential && is_recorded)).then(|| text.clone());
            }
            Content::Card(card) => event.reason = Some(card.reason.clone()),
            Content::Relay { .. }
            | Content::Draft(_)
            | Content::Lesson(_)
            | Content::Board(_)
            | Content::Typing { .. } => {}
        }
        event
    }

    async fn journal(&self, part: &Outbound, event: Event) -> Result<(), Failure> {
        if !is_journalled(part) {
            return Ok(());
        }
        let written = self.store.journal(&[event], &[]).await;
        written.map_err(Failure::systemic)
    }

    /// Counts how an attempt ended, with the provider's code where it refused.
    fn count(&self, outcome: &'static str, code: &str) {
        let code = CODES.of(code);
        let step = Span::current();
        step.record("outcome", outcome);
        step.record("code", &*code);
        if !matches!(outcome, "sent" | "fenced" | "repeated_in_doubt") {
            step.record("otel.status_code", "ERROR");
        }
        metrics::counter!("zapis_sends_total", "channel" => self.channel.name(), "outcome" => outcome, "code" => code)
            .increment(1);
    }
}

/// Some only show the staff what the journal has already.
fn is_journalled(part: &Outbound) -> bool {
    !matches!(
        part.content,
        Content::Relay { .. } | Content::Draft(_) | Content::Lesson(_) | Content::Board(_)
    )
}

impl Worker for Sender {
    type Task = Vec<Outbound>;

    fn name(&self) -> &'static str {
        "send"
    }

    fn read(&self, message: &Message) -> Result<Self::Task, String> {
        serde_json::from_slice(&message.body).map_err(|error| unreadable(&error))
    }

    async fn handle(&self, _lane: &str, tasks: &[Arc<Self::Task>]) -> Result<(), Failure> {
        let mut done = Vec::new();
        for outbound in tasks.iter().flat_map(|batch| batch.iter()) {
            if let Err(failure) = self.deliver(outbound.clone(), &mut done).await {
                let mut over = self.over();
                if over.len() >= OVER_REMEMBERED {
                    over.clear();
                }
                over.extend(done);
                return Err(failure);
            }
        }
        Ok(())
    }
}
