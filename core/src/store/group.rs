//! Group commit: one task takes what is asked for at the same time into one transaction, so that
//! many callers share one flush to the disk and a few statements over many rows.

use tokio::sync::{mpsc, oneshot};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::db::Db;
use super::open::is_conflict;
use super::{Claimed, SendOutcome, StoreError, journal, ledger};
use crate::event::Seen;

/// How many calls share a transaction at most.
const BATCH: usize = 256;
/// How often a transaction is tried that others ran into.
const TRIES: usize = 5;

/// What one call asks for.
pub(super) enum Work {
    Claim(Vec<ledger::Ask>),
    /// Outcomes, and what they mean for the journal.
    Record(Vec<(Uuid, SendOutcome)>, Vec<journal::Line>, DateTime<Utc>),
    Journal(Vec<journal::Line>, Vec<Seen>),
}

/// What it gets: the answers to its claims, nothing for the rest.
type Answer = Result<Vec<Claimed>, StoreError>;

enum Job {
    Work(Work, oneshot::Sender<Answer>),
    Finish(oneshot::Sender<()>),
}

/// The way to the task.
#[derive(Clone)]
pub(super) struct Group(mpsc::Sender<Job>);

impl Group {
    /// Starts the task. It ends with the last [`Group`].
    pub(super) fn start(db: Db) -> Self {
        let (jobs, queue) = mpsc::channel(4 * BATCH);
        tokio::spawn(run(db, queue));
        Self(jobs)
    }

    /// Does it with what others ask for now; returns once it is durable.
    pub(super) async fn commit(&self, work: Work) -> Answer {
        let (answer, answered) = oneshot::channel();
        let sent = self.0.send(Job::Work(work, answer)).await;
        if sent.is_err() {
            return Err(closed());
        }
        answered.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Waits until everything asked for before is done, then stops.
    pub(super) async fn finish(&self) {
        let (done, finished) = oneshot::channel();
        if self.0.send(Job::Finish(done)).await.is_ok() {
            // An error means that it has stopped, too.
            finished.await.unwrap_or_default();
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

/// Waits for one, and takes what else is asked for by then, at most so many. Nothing once nobody can
/// ask any more.
pub(super) async fn gather<T>(queue: &mut mpsc::Receiver<T>, most: usize) -> Option<Vec<T>> {
    let mut together = vec![queue.recv().await?];
    // Whoever is about to ask does so first: nobody on an idle machine, many on a busy one.
    tokio::task::yield_now().await;
    while together.len() < most
        && let Ok(next) = queue.try_recv()
    {
        together.push(next);
    }
    Some(together)
}

async fn run(db: Db, mut queue: mpsc::Receiver<Job>) {
    while let Some(jobs) = gather(&mut queue, BATCH).await {
        let mut work = Vec::with_capacity(jobs.len());
        let mut callers = Vec::with_capacity(jobs.len());
        let mut finish = None;
        for job in jobs {
            match job {
                Job::Work(one, caller) => {
                    work.push(one);
                    callers.push(caller);
                }
                Job::Finish(done) => {
                    finish = Some(done);
                    break;
                }
            }
        }

        for (caller, answer) in callers.into_iter().zip(commit(&db, &work).await) {
            // A caller that went away learns it from the store when it comes again.
            caller.send(answer).unwrap_or_default();
        }
        if let Some(done) = finish {
            done.send(()).unwrap_or_default();
            return;
        }
    }
}

/// All in one transaction; where that is refused, one by one, so that what cannot be written does
/// not take its neighbours along.
async fn commit(db: &Db, work: &[Work]) -> Vec<Answer> {
    match transaction(db, work).await.map_err(StoreError::from) {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(StoreError::Refused(_)) if work.len() > 1 => {
            let mut answers = Vec::with_capacity(work.len());
            for one in work.chunks(1) {
                let alone = transaction(db, one).await.map_err(StoreError::from);
                answers.push(alone.map(|answers| answers.into_iter().flatten().collect()));
            }
            answers
        }
        Err(error) => work.iter().map(|_| Err(error.same())).collect(),
    }
}

async fn transaction(db: &Db, work: &[Work]) -> Result<Vec<Vec<Claimed>>, sqlx::Error> {
    let mut tries = 1;
    loop {
        match attempt(db, work).await {
            Ok(Some(answers)) => return Ok(answers),
            Err(error) if tries >= TRIES || !is_conflict(&error) => return Err(error),
            Ok(None) if tries >= TRIES => {
                return Err(sqlx::Error::Protocol(
                    "others keep writing the same rows".into(),
                ));
            }
            Ok(None) | Err(_) => tries += 1,
        }
    }
}

/// `None` when another process made the same rows in between: read again, decide again.
async fn attempt(db: &Db, work: &[Work]) -> Result<Option<Vec<Vec<Claimed>>>, sqlx::Error> {
    let mut outcomes = Vec::new();
    let mut asks = Vec::new();
    let mut lines = Vec::new();
    let mut news = Vec::new();
    for one in work {
        match one {
            Work::Claim(some) => asks.extend(some),
            Work::Record(some, told, now) => {
                outcomes.extend(some.iter().map(|one| (one, *now)));
                lines.extend(told);
            }
            Work::Journal(some, of_people) => {
                lines.extend(some);
                news.extend(of_people);
            }
        }
    }

    let mut tx = db.begin().await?;
    ledger::record(&mut tx, &outcomes).await?;
    let Some(mut claimed) = ledger::claim(&mut tx, &asks).await? else {
        return Ok(None);
    };
    journal::tell(&mut tx, &lines, &news).await?;
    tx.commit().await?;

    let share = |one: &Work| match one {
        Work::Claim(some) => claimed.drain(..some.len()).collect(),
        Work::Record(..) | Work::Journal(..) => Vec::new(),
    };
    Ok(Some(work.iter().map(share).collect()))
}
