//! Brings the ledger's jobs to the CRM, each effectively once.
//!
//! 1. A job is in one hand at a time, and the jobs of an enquiry go in their order.
//! 2. Only what was certainly not carried out is sent again as it is. After an outcome that nobody knows
//!    (a lost answer, a crash) the CRM is left alone for as long as it may still be at work, then asked
//!    what it has, and only what is missing is added.
//! 3. While a record for a phone is made, nobody else makes one for the same phone.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::task::{self, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;
use zapis_core::causes;
use zapis_core::store::{CrmJob, CrmOutcome, CrmSettled, Enquiry, StoreError};
use zapis_core::{crash, ids};

use super::enquiry::{Case, WISH};
use super::intake::{TRIES, busy};
use super::route::Need;
use super::{
    Card, CrmWorker, Health, Milestone, Opened, Person, Record, Todo, Trouble, Verdict, notes,
};

/// How long a job stays in a hand that does not show that it is at work.
const LEASE: TimeDelta = TimeDelta::seconds(90);
/// How often that is shown.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// A portal may still be at work on a request for so long.
/// Source: Bitrix24, "Limits": a request is cut after 60 s.
const QUIET: TimeDelta = TimeDelta::seconds(60);
/// How long nobody else makes a record for the same phone, should we never tell how it ended. Longer than all
/// that making one can take.
const ALONE: Duration = Duration::from_mins(15);
/// So many lost answers one after the other are the CRM's trouble and not that of single calls.
const LOSSES: u32 = 3;
/// The code of a call that reached nobody.
const UNREACHED: &str = "no_connection";
/// In what a job needs: what is tried.
const TRYING: &str = "trying";
/// How often something old is tried at least.
const AT_LEAST: u32 = 8;
/// How many enquiries are brought on at once.
const AT_ONCE: u32 = 16;
/// How soon work is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How soon a CRM that refuses everything is asked again.
pub(super) const PROBE: Duration = Duration::from_secs(30);
/// What is not taken for so long is for a person.
const GIVE_UP: TimeDelta = TimeDelta::days(7);
/// Until the next try, after so many.
const PAUSES: [i64; 9] = [1, 2, 5, 15, 60, 300, 300, 600, 1_800];

/// What is being worked on.
#[derive(Default)]
struct Hands {
    work: JoinSet<()>,
    jobs: HashMap<task::Id, Uuid>,
}

impl Hands {
    fn free(&self) -> u32 {
        AT_ONCE.saturating_sub(u32::try_from(self.jobs.len()).unwrap_or(AT_ONCE))
    }

    fn are_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Begins with a job, unless it is in hand: its lease can only have ended because the clock jumped.
    fn begin(&mut self, worker: Arc<CrmWorker>, job: CrmJob) {
        if self.jobs.values().any(|id| *id == job.id) {
            return;
        }
        let id = job.id;
        let task = self.work.spawn(async move { worker.work(&job).await });
        self.jobs.insert(task.id(), id);
    }

    /// Waits until something is finished; for ever, where nothing is in hand. What else is finished by then goes
    /// with it, so that the next claim takes as many: a claim for each job is what would hold up the rest.
    async fn one_ends(&mut self) {
        let mut ended = self.work.join_next_with_id().await;
        if ended.is_none() {
            std::future::pending::<()>().await;
        }
        while let Some(one) = ended {
            let task = one.map_or_else(|broke| broke.id(), |(task, ())| task);
            self.jobs.remove(&task);
            ended = self.work.try_join_next_with_id();
        }
    }
}

/// What comes of a try.
enum Tried {
    /// The CRM has it.
    Done(Option<String>),
    /// The record is there, or one that this is gone on with.
    Opened {
        opened: Opened,
        joined: bool,
        /// What the record says, as far as we know.
        sent: Option<Card>,
        /// Whether the CRM knew the person.
        known: bool,
        /// When somebody will be there, where nobody is.
        opening: Option<DateTime<Utc>>,
    },
    /// The record says what the card said.
    Updated(Card),
    /// Somebody else makes a record for the same phone just now.
    Busy,
}

/// Why a try came to nothing.
pub(super) enum Failed {
    Crm(Trouble),
    Store(StoreError),
}

impl From<Trouble> for Failed {
    fn from(trouble: Trouble) -> Self {
        Self::Crm(trouble)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl CrmWorker {
    /// Brings jobs to the CRM until asked to stop.
    pub(super) async fn deliver(self: Arc<Self>, stop: CancellationToken) {
        let mut moves = self.clock.moves();
        let mut hands = Hands::default();
        let due = self.clock.now() + QUIET;
        if let Err(error) = self.store.let_go_of_crm_jobs(&self.holder, due).await {
            warn!(error = %causes(&error), "What was in hand before waits for the end of its lease");
        }
        while !stop.is_cancelled() {
            let taken = match self.take(hands.free()).await {
                Ok(jobs) => jobs,
                Err(error) => {
                    warn!(error = %causes(&error), "Could not read the CRM's ledger");
                    Vec::new()
                }
            };
            let idle = taken.is_empty();
            for job in taken {
                hands.begin(Arc::clone(&self), job);
            }
            if idle || hands.free() == 0 {
                let full = hands.free() == 0;
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = hands.one_ends() => {}
                    () = self.pace.wake.notified(), if !full => {}
                    () = moves.within(LOOK_EVERY), if !full => {}
                }
            }
        }
        // What is under way ends as it would have: its outcome is not to be in doubt.
        while !hands.are_empty() {
            hands.one_ends().await;
        }
    }

    /// Takes jobs whose time has come, unless the CRM refuses everything.
    async fn take(&self, limit: u32) -> Result<Vec<CrmJob>, StoreError> {
        let now = self.clock.now();
        if limit == 0 || self.rests_for().is_some() {
            return Ok(Vec::new());
        }
        let until = now + LEASE;
        self.store
            .claim_crm_jobs(&self.holder, now, until, limit)
            .await
    }

    /// Works on a job in hand, and shows that it does.
    async fn work(&self, job: &CrmJob) {
        crash::point("crm.claimed");
        let at_work = self.attempt(job);
        tokio::pin!(at_work);
        let tried = loop {
            tokio::select! {
                tried = &mut at_work => break tried,
                () = tokio::time::sleep(HEARTBEAT) => {
                    let until = self.clock.now() + LEASE;
                    let kept = self.store.keep_crm_jobs(&self.holder, &[job.id], until).await;
                    if let Err(error) = kept {
                        warn!(error = %causes(&error), "Could not keep a job of the CRM in hand");
                    }
                }
            }
        };
        crash::point("crm.tried");
        let settled = match tried {
            Ok(tried) => self.succeed(job, tried).await,
            Err(Failed::Crm(trouble)) => self.fail(job, &trouble).await,
            Err(Failed::Store(error)) => Err(error),
        };
        crash::point("crm.settled");
        if let Err(error) = settled {
            // It is in doubt then, and somebody finds out when its lease ends.
            warn!(error = %causes(&error), "Could not write down what became of a job of the CRM");
        }
    }

    async fn attempt(&self, job: &CrmJob) -> Result<Tried, Failed> {
        let Some(row) = self.store.enquiry(job.enquiry).await? else {
            return Ok(Tried::Done(None));
        };
        let case = Case::of(row)?;
        if job.kind == "open" {
            return self.open(job, &case).await;
        }
        let record = case.record();
        let record = record.ok_or_else(|| damaged("the enquiry has no record at the CRM yet"))?;
        Ok(self.tell(job, &record, &case).await?)
    }

    /// Tells the CRM something of a record.
    async fn tell(&self, job: &CrmJob, record: &Record, case: &Case) -> Result<Tried, Trouble> {
        match job.kind.as_str() {
            "update" => {
                let card = &case.state.card;
                let before = case.state.sent.clone().unwrap_or_default();
                self.crm.update(record, card, &before).await?;
                Ok(Tried::Updated(card.clone()))
            }
            "segment" | "note" => {
                let text = job.body.get("text").and_then(|text| text.as_str());
                let text = text.ok_or_else(|| damaged("a comment without text"))?;
                let id = self.crm.comment(record, job.id, text, job.doubt).await?;
                Ok(Tried::Done(Some(id)))
            }
            "todo" => {
                let todo = Todo::deserialize(&job.body);
                let todo = todo.map_err(|_| damaged("a task that cannot be read"))?;
                let id = self.crm.todo(record, job.id, &todo, job.doubt).await?;
                Ok(Tried::Done(Some(id)))
            }
            "advance" => {
                let to = job.body.get("to").map(Milestone::deserialize);
                let to = to.and_then(Result::ok);
                let to = to.ok_or_else(|| damaged("a stage that cannot be read"))?;
                self.crm.advance(record, to).await?;
                Ok(Tried::Done(None))
            }
            _ => Err(damaged("made by a newer version")),
        }
    }

    /// Makes the record of an enquiry, alone for its phone.
    async fn open(&self, job: &CrmJob, case: &Case) -> Result<Tried, Failed> {
        let Some(phone) = case.state.card.phones.first() else {
            return self.open_alone(job, case).await;
        };
        // In the store there is no phone in the name of a lease.
        let lock = ids::derive(&["crm person", phone]).to_string();
        let (holder, now) = (job.id.to_string(), self.clock.now());
        if !self.store.lease(&lock, &holder, ALONE, now).await? {
            return Ok(Tried::Busy);
        }
        let tried = self.open_alone(job, case).await;
        // What may have been made is found by the next try, which is ours: until then nobody else makes one.
        let in_doubt = match &tried {
            Err(Failed::Crm(trouble)) => trouble.verdict == Verdict::Unknown,
            Err(Failed::Store(_)) => true,
            Ok(_) => false,
        };
        if !in_doubt {
            self.store.release(&lock, &holder).await?;
        }
        tried
    }

    async fn open_alone(&self, job: &CrmJob, case: &Case) -> Result<Tried, Failed> {
        let (card, origin) = (&case.state.card, case.row.id);
        if job.doubt
            && let Some(found) = self.crm.find(origin).await?
        {
            return Ok(Trying::of(job).made(found));
        }
        let person = self.crm.who(card).await?;
        if let Some(record) = person.open {
            return Ok(Tried::Opened {
                opened: Opened {
                    record,
                    responsible: person.responsible,
                },
                joined: true,
                sent: None,
                known: true,
                opening: None,
            });
        }
        let (responsible, opening) = self.choose(case, &person).await?;
        let trying = Trying {
            card: Some(card.clone()),
            known: person.contact.is_some(),
            opening,
        };
        // The clock may have jumped over the lease: whoever has it now makes the record.
        let noted = trying.noted(job);
        if !self
            .store
            .note_crm_job(&self.holder, job.id, &noted)
            .await?
        {
            return Ok(Tried::Busy);
        }
        let made = self
            .crm
            .open(origin, card, &person, responsible.as_deref())
            .await?;
        Ok(trying.made(made))
    }

    /// Whom the enquiry is given to; with it the time when somebody will be there, where nobody is.
    async fn choose(
        &self,
        case: &Case,
        person: &Person,
    ) -> Result<(Option<String>, Option<DateTime<Utc>>), Failed> {
        let now = self.clock.now();
        let managers = self.crm.managers().await?;
        let content = self.content.now();
        let chosen = self.router(&managers, &content).choose(
            &Need {
                enquiry: case.row.id,
                service: case.state.services.first().map(String::as_str),
                location: case.state.location.as_deref(),
                previous: person.responsible.as_deref(),
            },
            &self.store.assignments(now - TimeDelta::days(30)).await?,
            now,
        );
        let Some(chosen) = chosen else {
            return Ok((person.responsible.clone(), None));
        };
        // A repeat keeps whom it chose.
        let manager = self.store.assign(case.row.id, &chosen.manager, now).await?;
        Ok((Some(manager), chosen.due))
    }

    async fn succeed(&self, job: &CrmJob, tried: Tried) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.works();
        let done = match tried {
            Tried::Busy => {
                let outcome = CrmOutcome::Again {
                    due: now + TimeDelta::seconds(2),
                    doubt: job.doubt,
                    reason: "a record for the same phone is being made".to_owned(),
                };
                self.settle(job, &outcome, |_| {}).await?;
                return Ok(());
            }
            Tried::Done(id) => self.settle(job, &CrmOutcome::Done(id), |_| {}).await?,
            Tried::Updated(sent) => {
                let done = CrmOutcome::Done(None);
                self.settle(job, &done, |case| case.state.sent = Some(sent.clone()))
                    .await?
            }
            Tried::Opened {
                opened,
                joined,
                sent,
                known,
                opening,
            } => {
                let firm = self.content.now();
                let done = CrmOutcome::Done(Some(opened.record.to_string()));
                self.settle(job, &done, |case| {
                    let rules = self.rules(&firm);
                    case.opened(&opened, joined, sent.as_ref(), rules, now);
                    if known {
                        case.comes_again(rules, now);
                    }
                    if let Some(at) = opening {
                        case.waits_for_opening(at, now);
                    }
                })
                .await?
            }
        };
        if done {
            metrics::counter!("zapis_crm_jobs_total", "kind" => kind(&job.kind), "outcome" => "done")
                .increment(1);
            let waited = (now - job.created_at).to_std().unwrap_or_default();
            metrics::histogram!("zapis_crm_delivery_seconds").record(waited.as_secs_f64());
            self.pace.wake.notify_one();
        }
        Ok(())
    }

    async fn fail(&self, job: &CrmJob, trouble: &Trouble) -> Result<(), StoreError> {
        let now = self.clock.now();
        if trouble.verdict == Verdict::Gone && job.kind != "open" {
            return self.follow(job, now).await;
        }
        let outcome = Self::outcome_of(job, trouble, now);
        let label = match (&outcome, trouble.verdict) {
            (CrmOutcome::Parked { .. }, _) => "parked",
            (_, Verdict::Unknown) => "in_doubt",
            _ => "again",
        };
        metrics::counter!("zapis_crm_jobs_total", "kind" => kind(&job.kind), "outcome" => label)
            .increment(1);
        if self.is_everybodys(trouble) {
            self.rest(trouble.after.unwrap_or(PROBE));
        }
        if label == "parked" {
            warn!(job = %job.id, kind = job.kind, code = trouble.code, "A job of the CRM needs a person: zapis crm ledger");
        } else {
            info!(job = %job.id, kind = job.kind, code = trouble.code, attempts = job.attempts, "A job of the CRM will be tried again");
        }
        let settled = self.settle(job, &outcome, |_| {}).await?;
        if settled && label == "parked" && job.kind == "open" {
            self.tell_refused(job, trouble, now).await;
        }
        Ok(())
    }

    /// Whether what happened to a call would happen to any other: the CRM is left alone for a while. A
    /// single call that breaks is its own trouble.
    fn is_everybodys(&self, trouble: &Trouble) -> bool {
        let lost = trouble.health == Health::Down;
        if !lost {
            return trouble.verdict == Verdict::Stopped;
        }
        let in_a_row = self.pace.losses.fetch_add(1, Ordering::Relaxed) + 1;
        trouble.code == UNREACHED || in_a_row >= LOSSES
    }

    /// What a job is about is not there: it stands elsewhere now, or somebody has deleted it. A wish that the
    /// customer has had since begins a new enquiry.
    async fn follow(&self, job: &CrmJob, now: DateTime<Utc>) -> Result<(), StoreError> {
        metrics::counter!("zapis_crm_jobs_total", "kind" => kind(&job.kind), "outcome" => "gone")
            .increment(1);
        let Some(row) = self.store.enquiry(job.enquiry).await? else {
            self.settle(job, &CrmOutcome::Done(None), |_| {}).await?;
            return Ok(());
        };
        let again = |pause| CrmOutcome::Again {
            due: now + pause,
            doubt: job.doubt,
            reason: "the record is not where it was".to_owned(),
        };
        match self.crm.find(row.id).await {
            Ok(Some(found)) if row.record != Some(found.record.to_string()) => {
                let outcome = again(TimeDelta::zero());
                self.settle(job, &outcome, |case| case.moved(&found))
                    .await?;
            }
            Ok(Some(_)) | Err(_) => {
                let outcome = again(pause(job.attempts));
                self.settle(job, &outcome, |_| {}).await?;
            }
            Ok(None) => {
                self.change(row.id, |case| case.gone(now)).await?;
                if job.body.get(WISH).is_some() {
                    self.begin_again(row, job, now).await?;
                }
                self.settle(job, &CrmOutcome::Done(None), |_| {}).await?;
            }
        }
        Ok(())
    }

    /// Takes a job over into the enquiry that is open now, or into a new one.
    async fn begin_again(
        &self,
        row: Enquiry,
        job: &CrmJob,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let old = Case::of(row)?;
        for _ in 0..TRIES {
            let open = self.case(&old.row.conversation, None).await?;
            let mut case = open.unwrap_or_else(|| old.anew(job.id, now));
            if job.kind != "update" {
                let mut body = job.body.clone();
                if let Some(body) = body.as_object_mut() {
                    body.remove(WISH);
                }
                case.job(kind(&job.kind), ids::of(job.id, "anew", 0), body, now);
            }
            if self.save(case).await? {
                return Ok(());
            }
        }
        Err(busy())
    }

    /// The staff reads why an enquiry does not get into the CRM.
    async fn tell_refused(&self, job: &CrmJob, trouble: &Trouble, now: DateTime<Utc>) {
        let key = format!("crm:{}", job.enquiry);
        let id = ids::derive(&["crm refused", &job.id.to_string(), &now.to_rfc3339()]);
        let text = notes::refused(&trouble.words);
        if let Err(error) = self.tell_staff(&key, id, text, now).await {
            warn!(error = %causes(&error), "Could not tell the staff of an enquiry that the CRM refuses");
        }
    }

    fn outcome_of(job: &CrmJob, trouble: &Trouble, now: DateTime<Utc>) -> CrmOutcome {
        let reason = trouble.to_string();
        let again = |pause: TimeDelta, doubt| {
            let told = trouble
                .after
                .and_then(|after| TimeDelta::from_std(after).ok());
            let pause = told.map_or(pause, |told| told.max(pause));
            CrmOutcome::Again {
                due: now + pause,
                doubt,
                reason: reason.clone(),
            }
        };
        let doubt = job.doubt || trouble.verdict == Verdict::Unknown;
        // Who has it tried again gets some tries for it.
        let too_old = now - job.created_at > GIVE_UP && job.attempts > AT_LEAST;
        match trouble.verdict {
            _ if too_old => CrmOutcome::Parked { doubt, reason },
            Verdict::Refused | Verdict::Gone => CrmOutcome::Parked { doubt, reason },
            Verdict::Later => again(pause(job.attempts), job.doubt),
            Verdict::Stopped => again(TimeDelta::minutes(5), job.doubt),
            Verdict::Unknown => again(pause(job.attempts).max(QUIET), true),
        }
    }

    /// Writes down what became of a job, with what follows for its enquiry, over whatever others do to that.
    async fn settle(
        &self,
        job: &CrmJob,
        outcome: &CrmOutcome,
        mut how: impl FnMut(&mut Case),
    ) -> Result<bool, StoreError> {
        loop {
            let now = self.clock.now();
            let row = self.store.enquiry(job.enquiry).await?;
            let parts = row.map(|row| {
                let before = row.clone();
                let mut case = Case::of(row)?;
                how(&mut case);
                let (row, jobs, events) = case.finish(&self.config);
                Ok::<_, StoreError>(((row != before).then_some(row), jobs, events))
            });
            let (row, jobs, events) = parts.transpose()?.unwrap_or_default();
            let settled = CrmSettled {
                outcome,
                enquiry: row.as_ref(),
                jobs: &jobs,
                events: &events,
            };
            let settled = self.store.settle_crm_job(&self.holder, job, &settled, now);
            if settled.await? {
                return Ok(true);
            }
            // Either the enquiry has changed, or the job is not ours any more.
            if row.is_none() || !self.store.has_crm_job(&self.holder, job.id).await? {
                return Ok(false);
            }
        }
    }
}

/// A try to make a record, as it is noted before it is made: who finds the record knows what it says.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Trying {
    card: Option<Card>,
    known: bool,
    opening: Option<DateTime<Utc>>,
}

impl Trying {
    fn of(job: &CrmJob) -> Self {
        let noted = job.body.get(TRYING).map(Self::deserialize);
        noted.and_then(Result::ok).unwrap_or_default()
    }

    fn noted(&self, job: &CrmJob) -> serde_json::Value {
        let mut body = job.body.clone();
        body[TRYING] = serde_json::to_value(self).unwrap_or_default();
        body
    }

    fn made(self, opened: Opened) -> Tried {
        Tried::Opened {
            opened,
            joined: false,
            sent: self.card,
            known: self.known,
            opening: self.opening,
        }
    }
}

/// Not of the CRM's making.
fn damaged(words: &str) -> Trouble {
    Trouble {
        verdict: Verdict::Refused,
        health: Health::Ok,
        code: "damaged".to_owned(),
        words: words.to_owned(),
        after: None,
    }
}

fn pause(attempts: u32) -> TimeDelta {
    let n = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let last = PAUSES[PAUSES.len() - 1];
    TimeDelta::seconds(PAUSES.get(n).copied().unwrap_or(last))
}

/// A bounded set, for metrics.
fn kind(of: &str) -> &'static str {
    let known = ["open", "update", "segment", "note", "todo", "advance"];
    known.into_iter().find(|one| *one == of).unwrap_or("other")
}
