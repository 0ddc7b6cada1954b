//! Enquiries of customers, and the ledger of what the CRM is to be told of them.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::db::{CHUNK, Row, Tx, Value, damaged, sql};
use super::{Store, StoreError, journal};
use crate::event::Event;
use crate::message::ConversationId;

/// What a customer wants of the firm, until something comes of it. A conversation has one at a time.
#[derive(Clone, PartialEq)]
pub struct Enquiry {
    /// Names it for ever, at the CRM too.
    pub id: Uuid,
    /// Whose.
    pub conversation: ConversationId,
    /// When it began.
    pub opened_at: DateTime<Utc>,
    /// When something came of it, or nothing more will.
    pub closed_at: Option<DateTime<Utc>>,
    /// As the CRM names it: `lead:3465`.
    pub record: Option<String>,
    /// When it is to be looked at again.
    pub due: Option<DateTime<Utc>>,
    /// Of what was read; 0: it is new.
    pub version: i64,
    /// What those who work on it keep.
    pub state: serde_json::Value,
}

impl fmt::Debug for Enquiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Enquiry({}, {:?})", self.id, self.conversation)
    }
}

/// Something to tell the CRM.
#[derive(Clone, PartialEq, Eq)]
pub struct NewCrmJob {
    /// Deterministic: the same cause gives the same job.
    pub id: Uuid,
    /// `open`, `update`, `segment`, …
    pub kind: &'static str,
    /// What it needs.
    pub body: serde_json::Value,
    /// When.
    pub due: DateTime<Utc>,
}

impl fmt::Debug for NewCrmJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewCrmJob({}, {})", self.id, self.kind)
    }
}

/// How far a job of the ledger is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CrmJobState {
    /// It waits for its time.
    Pending,
    /// Somebody has it in hand, or had when the power went.
    InFlight,
    /// The CRM has it.
    Done,
    /// A person must look.
    Parked,
}

impl CrmJobState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::InFlight, Self::Done, Self::Parked];

    /// The name in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InFlight => "in_flight",
            Self::Done => "done",
            Self::Parked => "parked",
        }
    }
}

/// A job of the ledger.
#[derive(Clone, PartialEq, Eq)]
pub struct CrmJob {
    /// Its place among all.
    pub position: i64,
    /// Which.
    pub id: Uuid,
    /// About which enquiry.
    pub enquiry: Uuid,
    /// `open`, `update`, `segment`, …
    pub kind: String,
    /// What it needs.
    pub body: serde_json::Value,
    /// How far it is.
    pub state: CrmJobState,
    /// When it is tried, or looked at, again; nothing once it is over.
    pub due: Option<DateTime<Utc>>,
    /// How often it was tried, this time included.
    pub attempts: u32,
    /// Whether an earlier try may have been carried out.
    pub doubt: bool,
    /// When the last try began.
    pub started_at: Option<DateTime<Utc>>,
    /// The CRM's id of what was made.
    pub result: Option<String>,
    /// What became of the last try, in words.
    pub reason: Option<String>,
    /// When it was written down.
    pub created_at: DateTime<Utc>,
    /// When it was over.
    pub ended_at: Option<DateTime<Utc>>,
}

impl fmt::Debug for CrmJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CrmJob({}, {}, {:?})", self.id, self.kind, self.state)
    }
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrmOutcome {
    /// The CRM has it, under this id where there is one.
    Done(Option<String>),
    /// It is tried again.
    Again {
        /// When.
        due: DateTime<Utc>,
        /// Whether this try, or one before, may have been carried out.
        doubt: bool,
        /// What happened, in words.
        reason: String,
    },
    /// A person must look.
    Parked {
        /// Whether this try, or one before, may have been carried out.
        doubt: bool,
        /// What happened, in words.
        reason: String,
    },
}

/// What follows from what became of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct CrmSettled<'a> {
    /// What became of it.
    pub outcome: &'a CrmOutcome,
    /// The enquiry as it is now, over the version that was read; nothing where it stays as it was.
    pub enquiry: Option<&'a Enquiry>,
    /// Further jobs.
    pub jobs: &'a [NewCrmJob],
    /// What the journal gets.
    pub events: &'a [Event],
}

/// How many jobs there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CrmCounts {
    /// By state, those that are done excepted.
    pub jobs: BTreeMap<String, u64>,
    /// When the oldest was written down that is not over.
    pub oldest: Option<DateTime<Utc>>,
    /// Enquiries that are open.
    pub open_enquiries: u64,
}

macro_rules! job_columns {
    () => {
        "job.position, job.id, job.enquiry, job.kind, job.body, job.state, job.due, job.attempts, \
         job.doubt, job.started_at, job.result, job.reason, job.created_at, job.ended_at"
    };
}

macro_rules! enquiry_columns {
    () => {
        "id, conversation, opened_at, closed_at, record, due, version, state"
    };
}

impl Store {
    /// The enquiry that a conversation has open.
    pub async fn open_enquiry(
        &self,
        conversation: &ConversationId,
    ) -> Result<Option<Enquiry>, StoreError> {
        let statement = sql(concat!(
            "SELECT ",
            enquiry_columns!(),
            " FROM enquiries WHERE conversation = $1 AND closed_at IS NULL"
        ));
        let row = self.db.fetch_one(statement.bind(conversation)).await?;
        Ok(row.as_ref().map(read_enquiry).transpose()?)
    }

    /// An enquiry by its id.
    pub async fn enquiry(&self, id: Uuid) -> Result<Option<Enquiry>, StoreError> {
        let statement = sql(concat!(
            "SELECT ",
            enquiry_columns!(),
            " FROM enquiries WHERE id = $1"
        ));
        let row = self.db.fetch_one(statement.bind(id)).await?;
        Ok(row.as_ref().map(read_enquiry).transpose()?)
    }

    /// The enquiries that a record of the CRM stands for, the newest first.
    pub async fn enquiries_of_record(&self, record: &str) -> Result<Vec<Enquiry>, StoreError> {
        let statement = sql(concat!(
            "SELECT ",
            enquiry_columns!(),
            " FROM enquiries WHERE record = $1 ORDER BY opened_at DESC, id"
        ));
        let rows = self.db.fetch(statement.bind(record)).await?;
        Ok(rows.iter().map(read_enquiry).collect::<Result<_, _>>()?)
    }

    /// Open enquiries that have a record, in the order of their ids after that one; at most so many.
    pub async fn recorded_enquiries(
        &self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Enquiry>, StoreError> {
        let statement = sql(concat!(
            "SELECT ",
            enquiry_columns!(),
            " FROM enquiries WHERE closed_at IS NULL AND record IS NOT NULL AND id > $1 \
             ORDER BY id LIMIT $2"
        ));
        let rows = self.db.fetch(statement.bind(after).bind(limit)).await?;
        Ok(rows.iter().map(read_enquiry).collect::<Result<_, _>>()?)
    }

    /// All enquiries that began in a time, oldest first.
    pub async fn enquiries_between(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<Enquiry>, StoreError> {
        let statement = sql(concat!(
            "SELECT ",
            enquiry_columns!(),
            " FROM enquiries WHERE opened_at >= $1 AND opened_at < $2 ORDER BY opened_at, id"
        ));
        let rows = self.db.fetch(statement.bind(from).bind(to)).await?;
        Ok(rows.iter().map(read_enquiry).collect::<Result<_, _>>()?)
    }

    /// Enquiries that are to be looked at again, the longest due first.
    pub async fn due_enquiries(
        &self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Enquiry>, StoreError> {
        let statement = sql(concat!(
            "SELECT ",
            enquiry_columns!(),
            " FROM enquiries WHERE due <= $1 ORDER BY due LIMIT $2"
        ));
        let rows = self.db.fetch(statement.bind(now).bind(limit)).await?;
        Ok(rows.iter().map(read_enquiry).collect::<Result<_, _>>()?)
    }

    /// Saves an enquiry over the version that was read, with jobs (each once by its id) and what the
    /// journal gets, in one transaction; `false` when somebody else changed it, or opened another one of
    /// the conversation, meanwhile: nothing is written then.
    pub async fn save_enquiry(
        &self,
        enquiry: &Enquiry,
        jobs: &[NewCrmJob],
        events: &[Event],
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let lines = journal::lines(events)?;
        let mut tx = self.db.begin().await?;
        if !write_enquiry(&mut tx, enquiry).await? {
            return Ok(false);
        }
        add_jobs(&mut tx, enquiry.id, jobs, now).await?;
        journal::append(&mut tx, &lines.iter().collect::<Vec<_>>()).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Takes the first job of each enquiry whose time has come, and nobody else gets it until `until`. One
    /// that was in somebody's hand before is in doubt from then on. What is parked holds up the jobs
    /// after it only where they need what it makes.
    pub async fn claim_crm_jobs(
        &self,
        holder: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<CrmJob>, StoreError> {
        let mut tx = self.db.begin().await?;
        let statement = sql(concat!(
            "SELECT ",
            job_columns!(),
            " FROM crm_jobs AS job WHERE job.due <= $1 AND NOT EXISTS \
             (SELECT 1 FROM crm_jobs AS earlier WHERE earlier.enquiry = job.enquiry \
              AND earlier.position < job.position AND earlier.state <> 'done' \
              AND (earlier.due IS NOT NULL OR earlier.kind = 'open')) \
             ORDER BY job.due, job.position LIMIT $2"
        ));
        let statement = statement.bind(now).bind(limit).for_update_of_free();
        let rows = tx.fetch(statement).await?;
        let mut claimed: Vec<CrmJob> = rows.iter().map(read_job).collect::<Result<_, _>>()?;
        for chunk in claimed.chunks(CHUNK) {
            let statement = sql(
                "UPDATE crm_jobs SET state = 'in_flight', holder = $1, due = $2, \
                 started_at = $3, attempts = attempts + 1, \
                 doubt = CASE WHEN state = 'in_flight' THEN 1 ELSE doubt END WHERE id IN ",
            )
            .bind(holder)
            .bind(until)
            .bind(now)
            .list(chunk.iter().map(|job| Value::from(job.id)));
            tx.execute(statement).await?;
        }
        tx.commit().await?;
        for job in &mut claimed {
            job.doubt |= job.state == CrmJobState::InFlight;
            job.state = CrmJobState::InFlight;
            job.attempts += 1;
            job.started_at = Some(now);
            job.due = Some(until);
        }
        Ok(claimed)
    }

    /// Lets go of what a hand of this name held in an earlier life: it is looked after again from then on,
    /// when nobody can be at work on it any more.
    pub async fn let_go_of_crm_jobs(
        &self,
        holder: &str,
        due: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let statement = sql("UPDATE crm_jobs SET due = $1, holder = NULL \
             WHERE holder = $2 AND state = 'in_flight'");
        let statement = statement.bind(due).bind(holder);
        Ok(self.db.execute(statement).await?)
    }

    /// Keeps jobs in hand longer.
    pub async fn keep_crm_jobs(
        &self,
        holder: &str,
        jobs: &[Uuid],
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        for chunk in jobs.chunks(CHUNK) {
            let statement = sql("UPDATE crm_jobs SET due = $1 WHERE holder = $2 AND id IN ")
                .bind(until)
                .bind(holder)
                .list(chunk.iter().map(|id| Value::from(*id)));
            self.db.execute(statement).await?;
        }
        Ok(())
    }

    /// Notes in a job what is about to be tried with it; `false` when a hand of this name has it no more.
    pub async fn note_crm_job(
        &self,
        holder: &str,
        job: Uuid,
        body: &serde_json::Value,
    ) -> Result<bool, StoreError> {
        let statement = sql("UPDATE crm_jobs SET body = $1 WHERE id = $2 AND holder = $3");
        let statement = statement.bind(body.to_string()).bind(job).bind(holder);
        Ok(self.db.execute(statement).await? == 1)
    }

    /// Whether a hand of this name has a job.
    pub async fn has_crm_job(&self, holder: &str, job: Uuid) -> Result<bool, StoreError> {
        let statement = sql("SELECT 1 FROM crm_jobs WHERE id = $1 AND holder = $2");
        let row = self.db.fetch_one(statement.bind(job).bind(holder)).await?;
        Ok(row.is_some())
    }

    /// Writes down what became of a job in hand, with what follows from it. What the CRM has is kept here no
    /// longer. `false` when the job is not ours
    /// any more or the enquiry has changed: nothing is written then.
    pub async fn settle_crm_job(
        &self,
        holder: &str,
        job: &CrmJob,
        settled: &CrmSettled<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let CrmSettled {
            outcome,
            enquiry,
            jobs,
            events,
        } = settled;
        let lines = journal::lines(events)?;
        let mut tx = self.db.begin().await?;
        let (state, due, doubt, result, reason) = match outcome {
            CrmOutcome::Done(id) => (CrmJobState::Done, None, false, id.as_deref(), None),
            CrmOutcome::Again { due, doubt, reason } => {
                let state = CrmJobState::Pending;
                (state, Some(*due), *doubt, None, Some(reason.as_str()))
            }
            CrmOutcome::Parked { doubt, reason } => {
                let state = CrmJobState::Parked;
                (state, None, *doubt, None, Some(reason.as_str()))
            }
        };
        let ended = due.is_none().then_some(now);
        let statement = sql(
            "UPDATE crm_jobs SET state = $3, due = $4, doubt = $5, result = $6, reason = $7, \
             ended_at = $8, holder = NULL, body = CASE WHEN $3 = 'done' THEN '{}' ELSE body END \
             WHERE id = $1 AND holder = $2",
        );
        let statement = statement
            .bind(job.id)
            .bind(holder)
            .bind(state.name())
            .bind(due)
            .bind(doubt)
            .bind(result)
            .bind(reason)
            .bind(ended);
        if tx.execute(statement).await? == 0 {
            return Ok(false);
        }
        if let Some(enquiry) = enquiry
            && !write_enquiry(&mut tx, enquiry).await?
        {
            return Ok(false);
        }
        add_jobs(&mut tx, job.enquiry, jobs, now).await?;
        journal::append(&mut tx, &lines.iter().collect::<Vec<_>>()).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Jobs of the ledger, those of one state or all, the newest first.
    pub async fn crm_jobs(
        &self,
        state: Option<CrmJobState>,
        limit: u32,
    ) -> Result<Vec<CrmJob>, StoreError> {
        let statement = sql(concat!("SELECT ", job_columns!(), " FROM crm_jobs AS job "));
        let statement = match state {
            Some(state) => statement
                .then("WHERE job.state = $1 ORDER BY job.position DESC LIMIT $2")
                .bind(state.name()),
            None => statement.then("ORDER BY job.position DESC LIMIT $1"),
        };
        let rows = self.db.fetch(statement.bind(limit)).await?;
        Ok(rows.iter().map(read_job).collect::<Result<_, _>>()?)
    }

    /// Tries parked jobs again, one or all; how many there are.
    pub async fn retry_crm_jobs(
        &self,
        id: Option<Uuid>,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let statement = sql(
            "UPDATE crm_jobs SET state = 'pending', due = $1, ended_at = NULL, attempts = 0 \
             WHERE state = 'parked'",
        )
        .bind(now);
        let statement = match id {
            Some(id) => statement.then(" AND id = $2").bind(id),
            None => statement,
        };
        Ok(self.db.execute(statement).await?)
    }

    /// How many jobs the CRM has.
    pub async fn crm_done(&self) -> Result<u64, StoreError> {
        let statement = sql("SELECT count(*) FROM crm_jobs WHERE state = 'done'");
        let row = self.db.fetch_one(statement).await?;
        Ok(row.map_or(Ok(0), |row| row.count(0))?)
    }

    /// Forgets some jobs that the CRM has had since before then; how many.
    pub async fn prune_crm_jobs(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let statement = sql("DELETE FROM crm_jobs WHERE ended_at < $1 AND id IN \
             (SELECT id FROM crm_jobs WHERE state = 'done' ORDER BY position LIMIT 500)");
        Ok(self.db.execute(statement.bind(before)).await?)
    }

    /// How many jobs there are in each state, those that are done excepted.
    pub async fn crm_counts(&self) -> Result<CrmCounts, StoreError> {
        let by_state =
            sql("SELECT state, count(*) FROM crm_jobs WHERE state <> 'done' GROUP BY state");
        let rows = self.db.fetch(by_state).await?;
        let counted = |row: &Row| Ok::<_, sqlx::Error>((row.get(0)?, row.count(1)?));
        let oldest = sql("SELECT min(created_at) FROM crm_jobs WHERE due IS NOT NULL");
        let oldest = self.db.fetch_one(oldest).await?;
        let open = sql("SELECT count(*) FROM enquiries WHERE closed_at IS NULL");
        let open = self.db.fetch_one(open).await?;
        Ok(CrmCounts {
            jobs: rows.iter().map(counted).collect::<Result<_, _>>()?,
            oldest: oldest.map_or(Ok(None), |row| row.opt_time(0))?,
            open_enquiries: open.map_or(Ok(0), |row| row.count(0))?,
        })
    }

    /// Notes to whom an enquiry is given, the first time only; whom it was given to.
    pub async fn assign(
        &self,
        enquiry: Uuid,
        manager: &str,
        now: DateTime<Utc>,
    ) -> Result<String, StoreError> {
        let statement = sql("INSERT INTO crm_assignments (enquiry, manager, at) \
             VALUES ($1, $2, $3) ON CONFLICT (enquiry) DO NOTHING");
        let statement = statement.bind(enquiry).bind(manager).bind(now);
        self.db.execute(statement).await?;
        Ok(self.assigned(enquiry).await?.unwrap_or_default())
    }

    /// To whom an enquiry was given.
    pub async fn assigned(&self, enquiry: Uuid) -> Result<Option<String>, StoreError> {
        let statement = sql("SELECT manager FROM crm_assignments WHERE enquiry = $1");
        let row = self.db.fetch_one(statement.bind(enquiry)).await?;
        Ok(row.map(|row| row.get(0)).transpose()?)
    }

    /// How many enquiries each manager was given since then.
    pub async fn assignments(
        &self,
        since: DateTime<Utc>,
    ) -> Result<BTreeMap<String, u32>, StoreError> {
        let statement =
            sql("SELECT manager, count(*) FROM crm_assignments WHERE at >= $1 GROUP BY manager");
        let rows = self.db.fetch(statement.bind(since)).await?;
        let counted = |row: &Row| Ok::<_, sqlx::Error>((row.get(0)?, row.count(1)?));
        Ok(rows.iter().map(counted).collect::<Result<_, _>>()?)
    }
}

/// Writes an enquiry over the version that was read; `false` when that is not there any more.
async fn write_enquiry(tx: &mut Tx, enquiry: &Enquiry) -> Result<bool, sqlx::Error> {
    let state = serde_json::to_string(&enquiry.state)
        .map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let statement = if enquiry.version == 0 {
        sql("INSERT INTO enquiries \
             (id, version, closed_at, record, due, state, conversation, opened_at) \
             VALUES ($1, $2 + 1, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING")
    } else {
        sql(
            "UPDATE enquiries SET version = $2 + 1, closed_at = $3, record = $4, \
             due = $5, state = $6 WHERE id = $1 AND version = $2",
        )
    };
    let statement = statement
        .bind(enquiry.id)
        .bind(enquiry.version)
        .bind(enquiry.closed_at)
        .bind(enquiry.record.as_deref())
        .bind(enquiry.due)
        .bind(state);
    let statement = if enquiry.version == 0 {
        statement
            .bind(&enquiry.conversation)
            .bind(enquiry.opened_at)
    } else {
        statement
    };
    Ok(tx.execute(statement).await? == 1)
}

/// Adds jobs behind those that are there; one that brings the record up to date is enough.
async fn add_jobs(
    tx: &mut Tx,
    enquiry: Uuid,
    jobs: &[NewCrmJob],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    for job in jobs {
        if job.kind == "update" {
            // The third condition says nothing new, but it is that of the index.
            let waits = sql(
                "SELECT 1 FROM crm_jobs WHERE enquiry = $1 AND state = 'pending' \
                 AND state <> 'done' AND kind IN ('open', 'update') LIMIT 1",
            );
            if tx.fetch_one(waits.bind(enquiry)).await?.is_some() {
                continue;
            }
        }
        let statement = sql(
            "INSERT INTO crm_jobs (id, enquiry, kind, body, state, due, created_at) \
             VALUES ($1, $2, $3, $4, 'pending', $5, $6) ON CONFLICT (id) DO NOTHING",
        );
        let statement = statement
            .bind(job.id)
            .bind(enquiry)
            .bind(job.kind)
            .bind(job.body.to_string())
            .bind(job.due)
            .bind(now);
        tx.execute(statement).await?;
    }
    Ok(())
}

pub(super) fn read_enquiry(row: &Row) -> Result<Enquiry, sqlx::Error> {
    Ok(Enquiry {
        id: row.parsed(0)?,
        conversation: row.parsed(1)?,
        opened_at: row.time(2)?,
        closed_at: row.opt_time(3)?,
        record: row.get(4)?,
        due: row.opt_time(5)?,
        version: row.get(6)?,
        state: row.json(7)?,
    })
}

fn read_job(row: &Row) -> Result<CrmJob, sqlx::Error> {
    let state: String = row.get(5)?;
    let state = CrmJobState::ALL
        .into_iter()
        .find(|known| known.name() == state)
        .ok_or_else(damaged)?;
    Ok(CrmJob {
        position: row.get(0)?,
        id: row.parsed(1)?,
        enquiry: row.parsed(2)?,
        kind: row.get(3)?,
        body: row.json(4)?,
        state,
        due: row.opt_time(6)?,
        attempts: row.count(7)?,
        doubt: row.flag(8)?,
        started_at: row.opt_time(9)?,
        result: row.get(10)?,
        reason: row.get(11)?,
        created_at: row.time(12)?,
        ended_at: row.opt_time(13)?,
    })
}
