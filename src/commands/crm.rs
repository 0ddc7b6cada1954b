//! `zapis crm`: what the CRM was told, what waits for it, and whether it works.

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::message::masked;
use zapis_core::store::{CrmJob, CrmJobState, Enquiry, Store, StoreError};
use zapis_workers::crm::{Card, EnquiryState, HEALTH, Health, Standing};

use super::{Failure, store};
use crate::cli::{CrmCommand, JobState, Selection};
use crate::config::Loaded;
use crate::output::{self, Table};

/// `zapis crm …`
pub(super) async fn crm(loaded: &Loaded, command: CrmCommand) -> Result<(), Failure> {
    let store = store(loaded).await?;
    let result = match command {
        CrmCommand::Status { json } => status(&store, loaded, json).await,
        CrmCommand::Ledger { state, limit, json } => ledger(&store, state, limit, json).await,
        CrmCommand::Retry(selection) => retry(&store, &selection).await,
        CrmCommand::Export { days, json } => export(&store, days, json).await,
        CrmCommand::Test => super::crm_test::test(loaded, &store).await,
    };
    store.close().await;
    result
}

fn now() -> DateTime<Utc> {
    Clock::system().now()
}

/// How things are.
#[derive(Debug, Serialize)]
struct Shown {
    configured: bool,
    health: Option<Health>,
    since: Option<String>,
    open_enquiries: u64,
    pending: u64,
    in_flight: u64,
    parked: u64,
    done: u64,
    oldest_seconds: Option<i64>,
}

async fn status(store: &Store, loaded: &Loaded, json: bool) -> Result<(), Failure> {
    let counts = store.crm_counts().await.context("reading the ledger")?;
    let standing = store.value(HEALTH).await.context("reading the ledger")?;
    let standing = standing.and_then(|text| serde_json::from_str::<Standing>(&text).ok());
    let of = |state: &str| counts.jobs.get(state).copied().unwrap_or(0);
    let shown = Shown {
        configured: loaded.config.crm.is_used(),
        health: standing.map(|standing| standing.health),
        since: standing.map(|standing| standing.since.to_rfc3339()),
        open_enquiries: counts.open_enquiries,
        pending: of("pending"),
        in_flight: of("in_flight"),
        parked: of("parked"),
        done: store.crm_done().await.context("reading the ledger")?,
        oldest_seconds: counts.oldest.map(|at| (now() - at).num_seconds()),
    };
    if json {
        return Ok(output::json(&shown)?);
    }
    if !shown.configured {
        output::line("No CRM is configured: set [crm.bitrix24] in the configuration.");
    }
    output::line(match (shown.health, &shown.since) {
        (Some(health), Some(since)) => format!("The CRM: {} since {since}", words(health)),
        _ => "The CRM: not asked yet (zapis run or zapis worker crm does it)".to_owned(),
    });
    output::line(format!(
        "Enquiries open: {}. Told: {}. Waiting: {}, in hand: {}{}.",
        shown.open_enquiries,
        shown.done,
        shown.pending,
        shown.in_flight,
        shown
            .oldest_seconds
            .map_or_else(String::new, |seconds| format!(
                ", the oldest for {seconds} s"
            )),
    ));
    if shown.parked > 0 {
        output::line(format!(
            "{} need a person: zapis crm ledger --state parked",
            shown.parked
        ));
    }
    Ok(())
}

fn words(health: Health) -> &'static str {
    match health {
        Health::Ok => "works",
        Health::Throttled => "takes less than there is",
        Health::Parked => "refuses one method for a while",
        Health::AuthBroken => "refuses the key: check webhook_url or the app in [crm.bitrix24]",
        Health::PlanExpired => "does not let programs in: the plan or subscription has ended",
        Health::Down => "does not answer",
    }
}

/// A job in a list: nothing of what the customer wrote.
#[derive(Debug, Serialize)]
struct Listed {
    id: Uuid,
    at: String,
    kind: String,
    state: CrmJobState,
    enquiry: Uuid,
    attempts: u32,
    doubt: bool,
    due: Option<String>,
    result: Option<String>,
    reason: Option<String>,
}

impl Listed {
    fn of(job: CrmJob) -> Self {
        Self {
            id: job.id,
            at: job.created_at.to_rfc3339(),
            kind: job.kind,
            state: job.state,
            enquiry: job.enquiry,
            attempts: job.attempts,
            doubt: job.doubt,
            due: job.due.map(|due| due.to_rfc3339()),
            result: job.result,
            reason: job.reason,
        }
    }
}

async fn ledger(
    store: &Store,
    state: Option<JobState>,
    limit: u32,
    json: bool,
) -> Result<(), Failure> {
    let state = state.map(|state| match state {
        JobState::Pending => CrmJobState::Pending,
        JobState::InFlight => CrmJobState::InFlight,
        JobState::Done => CrmJobState::Done,
        JobState::Parked => CrmJobState::Parked,
    });
    let jobs = store.crm_jobs(state, limit).await;
    let jobs = jobs.context("reading the ledger")?;
    let listed: Vec<Listed> = jobs.into_iter().map(Listed::of).collect();
    if json {
        return Ok(output::json(&listed)?);
    }
    if listed.is_empty() {
        output::line("Nothing is in the ledger.");
        return Ok(());
    }
    let mut table = Table::new(&["id", "at", "kind", "state", "tries", "result", "reason"]);
    for one in listed {
        table.row([
            one.id.to_string(),
            one.at,
            one.kind,
            one.state.name().to_owned(),
            one.attempts.to_string(),
            one.result.unwrap_or_default(),
            one.reason.unwrap_or_default(),
        ]);
    }
    table.print();
    Ok(())
}

async fn retry(store: &Store, selection: &Selection) -> Result<(), Failure> {
    let mut retried = 0;
    let mut missing = Vec::new();
    if selection.all {
        retried = store
            .retry_crm_jobs(None, now())
            .await
            .context("writing the ledger")?;
    }
    for id in &selection.ids {
        let found = store.retry_crm_jobs(Some(*id), now()).await;
        match found.context("writing the ledger")? {
            0 => missing.push(*id),
            found => retried += found,
        }
    }
    if selection.json {
        output::json(&serde_json::json!({ "retried": retried, "not_parked": missing }))?;
    } else {
        output::line(format!("Will be tried again: {retried}."));
        for id in &missing {
            output::complain(format!(
                "error: {id} is not parked (zapis crm ledger --state parked)"
            ));
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Failure::Told)
    }
}

/// An enquiry, for a table of the owner's.
#[derive(Debug, Serialize)]
struct Exported {
    id: Uuid,
    opened_at: String,
    closed_at: Option<String>,
    conversation: String,
    record: Option<String>,
    stage: Option<String>,
    milestone: Option<String>,
    responsible: Option<String>,
    name: Option<String>,
    phone: Option<String>,
    channel: String,
    service: Option<String>,
    time: Option<String>,
    price: Option<u32>,
    temperature: String,
    score: u32,
    reasons: String,
    utm_source: Option<String>,
    utm_campaign: Option<String>,
    booking: Option<Uuid>,
}

impl Exported {
    fn of(row: Enquiry) -> Result<Self, StoreError> {
        let state = EnquiryState::of(&row)?;
        let name = |value: serde_json::Value| value.as_str().map(str::to_owned);
        let Card {
            name: customer,
            phones,
            channel,
            service,
            time,
            price,
            temperature,
            score,
            reasons,
            mut utm,
            ..
        } = state.card;
        Ok(Self {
            id: row.id,
            opened_at: row.opened_at.to_rfc3339(),
            closed_at: row.closed_at.map(|at| at.to_rfc3339()),
            conversation: masked(row.conversation.as_str()),
            record: row.record,
            stage: state.stage,
            milestone: state
                .milestone
                .and_then(|milestone| name(serde_json::to_value(milestone).ok()?)),
            responsible: state.responsible,
            name: customer,
            phone: phones.into_iter().next(),
            channel,
            service,
            time,
            price,
            temperature: serde_json::to_value(temperature)
                .ok()
                .and_then(name)
                .unwrap_or_default(),
            score,
            reasons: reasons.join("; "),
            utm_source: utm.remove("source"),
            utm_campaign: utm.remove("campaign"),
            booking: state.bookings.last().map(|(id, _)| *id),
        })
    }
}

async fn export(store: &Store, days: u16, json: bool) -> Result<(), Failure> {
    let to = now() + TimeDelta::seconds(1);
    let from = to - TimeDelta::days(days.into());
    let rows = store.enquiries_between(from, to).await;
    let rows = rows.context("reading the enquiries")?;
    let rows: Result<Vec<Exported>, _> = rows.into_iter().map(Exported::of).collect();
    let rows = rows.context("reading the enquiries")?;
    if json {
        return Ok(output::json(&rows)?);
    }
    // What customers and advertisements say is no formula.
    let inert = |name: String| match name.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t') => format!("'{name}"),
        _ => name,
    };
    let mut csv = csv::Writer::from_writer(Vec::new());
    for mut row in rows {
        for text in [
            &mut row.name,
            &mut row.service,
            &mut row.time,
            &mut row.stage,
            &mut row.utm_source,
            &mut row.utm_campaign,
        ] {
            *text = text.take().map(inert);
        }
        csv.serialize(row).context("writing the table")?;
    }
    let text = csv.into_inner().context("writing the table")?;
    output::line(String::from_utf8_lossy(&text).trim_end());
    Ok(())
}
