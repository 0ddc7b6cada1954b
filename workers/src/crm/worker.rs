//! The worker of the CRM: what it needs, and what it looks after beside the ledger: changes of the book,
//! what is due in enquiries, news that the CRM did not tell, and whether it works at all.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;
use zapis_core::board::Board;
use zapis_core::broker::{Broker, BrokerError};
use zapis_core::intake::outbound_message;
use zapis_core::message::{Content, ConversationId, Fence, Outbound, StaffCard, Urgency};
use zapis_core::store::{BookingEvent, CrmCounts, Enquiry, Store, StoreError};
use zapis_core::trace::TraceParent;
use zapis_core::{Clock, causes, ids};

use super::deliver::Failed;
use super::enquiry::{Case, Deed, Nudge, Rules, State};
use super::intake::{TRIES, busy};
use super::nudge as question;
use super::route;
use super::{Crm, CrmConfig, Health, Manager, Record, Verdict, notes};
use crate::content::{Content as Firm, Live};
use crate::desk::Desks;
use crate::words::Language;

/// How often it looks for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many changes and enquiries are taken at once.
const AT_ONCE: u32 = 100;
/// How often the CRM is asked what changed there: its own news get lost.
const POLL_EVERY: TimeDelta = TimeDelta::minutes(5);
/// What was changed shortly before the last look is looked at again.
const OVERLAP: TimeDelta = TimeDelta::minutes(2);
/// How far back the first look goes.
const FIRST: TimeDelta = TimeDelta::days(1);
/// How often it is counted what waits, and forgotten what is long done.
const MEASURE_EVERY: Duration = Duration::from_secs(15);
/// How long what the CRM has stays in the ledger.
const KEPT: TimeDelta = TimeDelta::days(90);
/// Who looks after the rest stays it for so long after it was last seen.
const LEASE: Duration = Duration::from_secs(15);
/// The name of that lease.
const ROUNDS: &str = "crm rounds";
/// How far the book was followed.
const FOLLOWED: &str = "crm followed";
/// Until when the CRM was asked for changes.
pub const POLLED: &str = "crm polled";
/// The last enquiry whose record of others was read.
const JOINED: &str = "crm joined";
/// How many of those are read with each look.
const MOST_JOINED: usize = 50;
/// How the CRM was when the staff was last told.
pub const HEALTH: &str = "crm health";

/// Brings enquiries to the CRM, and what becomes of them back.
pub struct CrmWorker {
    /// The CRM.
    pub crm: Arc<dyn Crm>,
    /// Enquiries, the ledger, the book.
    pub store: Store,
    /// Where messages to customers and staff go.
    pub broker: Arc<dyn Broker>,
    /// The firm and its sentences.
    pub content: Live,
    /// Where the staff is.
    pub desks: Desks,
    /// The settings.
    pub config: CrmConfig,
    /// The time.
    pub clock: Clock,
    /// Names this process among those that do the same.
    pub holder: String,
    /// What it keeps for itself.
    pub pace: Pace,
}

/// When something is to be done, and when the CRM is left alone.
#[derive(Debug, Default)]
pub struct Pace {
    /// There may be something for the CRM.
    pub(super) wake: Notify,
    /// Until when the CRM is left alone, because it refuses everything.
    resting: Mutex<Option<Instant>>,
    /// When it is asked again what has changed, after it did not tell.
    polling: Mutex<Option<Instant>>,
    /// How many answers in a row were lost.
    pub(super) losses: AtomicU32,
}

impl fmt::Debug for CrmWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CrmWorker({})", self.holder)
    }
}

/// How the CRM is, as others read it in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// How it is.
    pub health: Health,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Whether the staff knows.
    #[serde(default)]
    pub told: bool,
}

/// Why a round did not finish. The next one does what is left.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("the store does not answer")]
    Store(#[from] StoreError),
    #[error("a message could not be published")]
    Broker(#[from] BrokerError),
}

impl CrmWorker {
    /// Delivers and looks after the rest until asked to stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let deliver = Arc::clone(&self).deliver(stop.clone());
        tokio::join!(deliver, self.look_after(stop.clone()));
    }

    async fn look_after(&self, stop: CancellationToken) {
        let mut moves = self.clock.moves();
        let mut measure_at = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = moves.within(LOOK_EVERY) => {}
            }
            let measures = Instant::now() >= measure_at;
            if measures {
                measure_at = Instant::now() + MEASURE_EVERY;
            }
            if let Err(error) = self.round(measures).await {
                warn!(error = %causes(&error), "Could not look after the CRM");
            }
        }
        self.store
            .release(ROUNDS, &self.holder)
            .await
            .unwrap_or_default();
    }

    /// One look at everything; one process at a time does it.
    async fn round(&self, measures: bool) -> Result<(), RoundError> {
        let now = self.clock.now();
        if !self.store.lease(ROUNDS, &self.holder, LEASE, now).await? {
            // Who looks after it tells; what was told before is not left standing.
            show(&CrmCounts::default(), now);
            return Ok(());
        }
        while self.follow_book().await? {}
        self.tick().await?;
        self.poll().await?;
        self.tell_health().await?;
        if measures {
            self.measure().await?;
            self.store.prune_crm_jobs(now - KEPT).await?;
        }
        Ok(())
    }

    /// Takes some changes of the book in; whether there may be more.
    async fn follow_book(&self) -> Result<bool, RoundError> {
        let Some(after) = self.store.value(FOLLOWED).await? else {
            // What was booked before there was a CRM is history.
            let last = self.store.last_booking_position().await?;
            self.store.set_value(FOLLOWED, &last.to_string()).await?;
            return Ok(false);
        };
        let after = after.parse().unwrap_or(0);
        let changes = self.store.booking_events_after(after, AT_ONCE).await?;
        for change in &changes {
            self.booked(change).await?;
            let position = change.position.to_string();
            self.store.set_value(FOLLOWED, &position).await?;
        }
        Ok(!changes.is_empty())
    }

    async fn booked(&self, change: &BookingEvent) -> Result<(), StoreError> {
        let Some(conversation) = &change.after.conversation else {
            return Ok(());
        };
        let firm = self.content.now();
        let new = change.kind == "booked";
        let by_customer = new && change.who == "customer";
        let begins = by_customer.then_some((change.cause, change.at));
        for _ in 0..TRIES {
            let Some(mut case) = self.case(conversation, begins).await? else {
                return Ok(());
            };
            if !new && !case.is_about(change.after.id) {
                return Ok(());
            }
            case.booked(change, self.rules(&firm));
            if self.save(case).await? {
                return Ok(());
            }
        }
        Err(busy())
    }

    /// Does what is due in enquiries.
    async fn tick(&self) -> Result<(), RoundError> {
        let now = self.clock.now();
        let due = self.store.due_enquiries(now, AT_ONCE).await?;
        let firm = self.content.now();
        for row in due {
            let mut case = match Case::of(row) {
                Ok(case) => case,
                // One that cannot be read keeps no other waiting.
                Err(error) => {
                    warn!(error = %causes(&error), "An enquiry waits for a newer version");
                    continue;
                }
            };
            let owner = self.store.ownership(&case.row.conversation, now).await?;
            let may_ask = owner.staff.is_none()
                && (!case.wants_nudge(now) || self.may_ask(&case.row.conversation).await?);
            let deeds = case.tick(now, may_ask, self.rules(&firm));
            let (row, state) = (case.row.clone(), case.state.clone());
            // Before it is noted: a repeat has the same id, and is sent once.
            if deeds.contains(&Deed::TellStaff) {
                let alarm = self.alarm(&row.conversation, row.id, &state, now);
                self.send(alarm).await?;
            }
            // Whoever changed it meanwhile leaves it due: the next look does it.
            if !self.save(case).await? {
                continue;
            }
            for deed in deeds {
                if let Deed::Nudge(kind) = deed {
                    let said = asked(kind, &state, &firm);
                    self.send(Some(nudge(&row, &state, owner.epoch, said, now)))
                        .await?;
                }
            }
        }
        Ok(())
    }

    /// Whether a customer may be written to who has not asked for it just now.
    async fn may_ask(&self, conversation: &ConversationId) -> Result<bool, StoreError> {
        let known = self.store.known(conversation).await?;
        Ok(!known.blocked && known.no_advertising.is_none())
    }

    async fn send(&self, message: Option<Outbound>) -> Result<(), BrokerError> {
        match message {
            Some(message) => {
                self.broker
                    .publish(vec![outbound_message(&[message])])
                    .await
            }
            None => Ok(()),
        }
    }

    fn alarm(
        &self,
        conversation: &ConversationId,
        enquiry: Uuid,
        state: &State,
        now: DateTime<Utc>,
    ) -> Option<Outbound> {
        let card = StaffCard {
            about: conversation.clone(),
            name: state.card.name.clone().unwrap_or_default(),
            phone: state.card.phones.first().cloned(),
            reason: notes::not_at_the_crm(&state.card, self.crm.health()),
            transcript: Vec::new(),
            hints: Vec::new(),
            urgency: Urgency::First,
        };
        let id = ids::of(enquiry, "crm fallback", 0);
        let content = Content::Card(Box::new(card));
        self.desks
            .message(conversation, id, content, now, TraceParent::start())
    }

    /// Asks what changed at the CRM, in case it did not tell.
    async fn poll(&self) -> Result<(), RoundError> {
        let now = self.clock.now();
        let polled = self.store.value(POLLED).await?;
        let polled = polled
            .and_then(|text| text.parse::<DateTime<Utc>>().ok())
            .filter(|at| *at <= now);
        let since = match polled {
            Some(at) if now - at < POLL_EVERY => return Ok(()),
            Some(at) => at - OVERLAP,
            None => now - FIRST,
        };
        if self.rests_for().is_some() || is_ahead(&self.pace.polling) {
            return Ok(());
        }
        match self.crm.changed_since(since).await {
            Ok(fates) => {
                for fate in &fates {
                    self.heed(fate, &fate.record, now).await?;
                }
                self.works();
                self.look_at_joined().await?;
                self.store.set_value(POLLED, &now.to_rfc3339()).await?;
            }
            Err(trouble) => {
                info!(code = trouble.code, "The CRM does not tell what changed");
                let pause = trouble.after.unwrap_or(super::deliver::PROBE);
                set_ahead(&self.pace.polling, pause);
                // Who may not ask may still tell.
                if trouble.verdict == Verdict::Stopped {
                    self.rest(pause);
                }
            }
        }
        Ok(())
    }

    /// Reads some records that others made and enquiries have joined, in turn: they are not among ours, of
    /// which the CRM tells.
    async fn look_at_joined(&self) -> Result<(), StoreError> {
        let after = self.store.value(JOINED).await?.unwrap_or_default();
        let rows = self.store.recorded_enquiries(&after, AT_ONCE).await?;
        let last = rows.last().filter(|_| rows.len() == AT_ONCE as usize);
        let mut reached = last.map_or_else(String::new, |row| row.id.to_string());
        let joined = rows.into_iter().filter_map(|row| {
            let id = row.id;
            let case = Case::of(row).ok().filter(|case| case.state.joined)?;
            Some((id, case.record()?))
        });
        let (ids, records): (Vec<Uuid>, Vec<Record>) = joined.take(MOST_JOINED).unzip();
        if let Some(last) = ids.get(MOST_JOINED - 1) {
            reached = last.to_string();
        }
        match self.read_again(&records).await {
            // What cannot be read now is read in the next turn.
            Ok(()) | Err(Failed::Crm(_)) => {}
            Err(Failed::Store(error)) => return Err(error),
        }
        self.store.set_value(JOINED, &reached).await
    }

    /// Tells the staff when the CRM stops, and when it works again.
    async fn tell_health(&self) -> Result<(), RoundError> {
        let now = self.clock.now();
        let health = self.crm.health();
        let known = self.store.value(HEALTH).await?;
        let known: Option<Standing> = known.and_then(|text| serde_json::from_str(&text).ok());
        let before = known.unwrap_or(Standing {
            health: Health::Ok,
            since: now,
            told: false,
        });
        let mut standing = if before.health == health {
            before
        } else {
            Standing {
                health,
                since: now,
                // What was told of trouble holds until it works again.
                told: before.told,
            }
        };
        let patience = TimeDelta::minutes(self.config.fallback_minutes.into());
        let tell = match health {
            Health::Ok => before.told,
            Health::AuthBroken | Health::PlanExpired => !standing.told,
            Health::Down => !standing.told && now - standing.since >= patience,
            Health::Throttled | Health::Parked => false,
        };
        if tell {
            let waiting = self.store.crm_counts().await?.jobs;
            let waiting = ["pending", "in_flight"].map(|state| waiting.get(state).copied());
            let waiting = waiting.into_iter().flatten().sum();
            let id = ids::derive(&["crm health", &now.to_rfc3339()]);
            self.tell_staff("crm", id, notes::news(health, waiting), now)
                .await?;
            standing.told = health != Health::Ok;
        }
        if known != Some(standing) {
            let text = serde_json::to_string(&standing).unwrap_or_default();
            self.store.set_value(HEALTH, &text).await?;
        }
        Ok(())
    }

    /// Shows the staff something of the CRM, in the place of what it was told under the same key.
    pub(super) async fn tell_staff(
        &self,
        key: &str,
        id: Uuid,
        text: String,
        now: DateTime<Utc>,
    ) -> Result<(), BrokerError> {
        let board = Board {
            key: key.to_owned(),
            text,
            buttons: Vec::new(),
            only_rewrites: false,
        };
        let content = Content::Board(Box::new(board));
        let trace = TraceParent::start();
        self.send(self.desks.any_message(id, content, now, trace))
            .await
    }

    async fn measure(&self) -> Result<(), StoreError> {
        let counts = self.store.crm_counts().await?;
        show(&counts, self.clock.now());
        Ok(())
    }

    /// What enquiries go by.
    pub(super) fn rules<'r>(&'r self, firm: &'r Firm) -> Rules<'r> {
        Rules {
            config: &self.config,
            business: &firm.business,
        }
    }

    /// Who chooses among the managers.
    pub(super) fn router<'r>(&'r self, known: &'r [Manager], firm: &'r Firm) -> route::Desk<'r> {
        route::Desk {
            managers: &self.config.managers,
            known,
            firm: &firm.business,
        }
    }

    /// How long the CRM is left alone.
    pub(super) fn rests_for(&self) -> Option<Duration> {
        let until = *self
            .pace
            .resting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let left = until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Leaves the CRM alone for a while.
    pub(super) fn rest(&self, pause: Duration) {
        set_ahead(&self.pace.resting, pause);
    }

    /// It answers.
    pub(super) fn works(&self) {
        self.pace.losses.store(0, Ordering::Relaxed);
        *self
            .pace
            .resting
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn is_ahead(moment: &Mutex<Option<Instant>>) -> bool {
    let moment = *moment.lock().unwrap_or_else(PoisonError::into_inner);
    moment.is_some_and(|moment| Instant::now() < moment)
}

fn set_ahead(moment: &Mutex<Option<Instant>>, pause: Duration) {
    *moment.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + pause);
}

/// Shows how much waits.
fn show(counts: &CrmCounts, now: DateTime<Utc>) {
    for state in ["pending", "in_flight", "parked"] {
        let count = counts.jobs.get(state).copied().unwrap_or(0);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        metrics::gauge!("zapis_crm_outbox", "state" => state).set(f64::from(count));
    }
    let oldest = counts
        .oldest
        .map_or(0, |at| (now - at).num_seconds().max(0));
    let oldest = u32::try_from(oldest).unwrap_or(u32::MAX);
    metrics::gauge!("zapis_crm_outbox_oldest_seconds").set(f64::from(oldest));
}

/// Asks a customer once, unless something has happened to the conversation by then.
fn nudge(
    row: &Enquiry,
    state: &State,
    epoch: i64,
    content: Content,
    now: DateTime<Utc>,
) -> Outbound {
    metrics::counter!("zapis_crm_nudges_total").increment(1);
    Outbound {
        id: ids::of(row.id, "nudge", 0),
        conversation: row.conversation.clone(),
        turn: None,
        answers: Vec::new(),
        fence: Fence::Reply { epoch },
        content,
        language: state.language.clone(),
        purpose: None,
        customer_wrote_at: state.wrote_at,
        at: now,
        trace: TraceParent::start(),
    }
}

/// What a customer is asked once.
fn asked(kind: Nudge, state: &State, firm: &Firm) -> Content {
    let about = match kind {
        Nudge::Unfinished => question::About::Booking(state.services.first().map(String::as_str)),
        Nudge::Thinking => question::About::Thinking,
    };
    let language = if state.language == "en" {
        Language::En
    } else {
        Language::Ru
    };
    let said = question::say(about, &firm.texts, language);
    Content::Message {
        text: said.text,
        buttons: said.buttons,
        staff: None,
    }
}
