//! What providers report about our messages. A report can come before the answer to our call: each
//! message of a provider has a row that whoever comes first makes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::super::db::{CHUNK, Row, Tx, Value, damaged, sql};
use super::super::erase::is_pseudonym;
use super::super::open::is_conflict;
use super::super::{LedgerEntry, SendOutcome, Store, StoreError};
use super::{account, error, load, save};
use crate::message::{DeliveryReport, DeliveryStatus, ProviderError};

/// How often reports are tried that others ran into.
const TRIES: usize = 5;

/// `channel:account` and the provider's id.
type Key = (String, String);

/// How far a message got.
pub(super) struct Progress {
    status: DeliveryStatus,
    error: Option<ProviderError>,
}

impl Store {
    /// Applies what providers report; a status never goes back. A report proves that its message
    /// was sent, whatever we knew. Returns the ledger's rows afterwards, where known; a report of an
    /// unknown message is kept until [`Store::record`] names it.
    pub async fn delivered(
        &self,
        reports: &[DeliveryReport],
    ) -> Result<Vec<Option<LedgerEntry>>, StoreError> {
        let mut tries = 1;
        loop {
            match self.try_delivered(reports).await {
                Err(error) if tries < TRIES && is_conflict(&error) => tries += 1,
                done => return Ok(done?),
            }
        }
    }

    async fn try_delivered(
        &self,
        reports: &[DeliveryReport],
    ) -> Result<Vec<Option<LedgerEntry>>, sqlx::Error> {
        if reports.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.db.begin().await?;
        let reported: Vec<_> = reports
            .iter()
            .filter_map(|report| report.outbound_id)
            .collect();
        let erased = load(&mut tx, &reported).await?.into_values();
        let erased = erased.filter(|entry| is_pseudonym(&entry.conversation));
        let erased: BTreeMap<Uuid, LedgerEntry> = erased.map(|entry| (entry.id, entry)).collect();
        let of_erased = |report: &DeliveryReport| {
            let id = report.outbound_id;
            id.and_then(|id| erased.get(&id)).cloned()
        };
        if !erased.is_empty() {
            // Nothing is noted of her any more: the provider's id can be made of her phone.
            let rest = reports.iter().filter(|report| of_erased(report).is_none());
            let rest: Vec<_> = rest.cloned().collect();
            drop(tx);
            let mut others = Box::pin(self.try_delivered(&rest)).await?.into_iter();
            let found = reports.iter().map(|report| match of_erased(report) {
                Some(entry) => Some(entry),
                None => others.next().flatten(),
            });
            return Ok(found.collect());
        }
        let named = keep(&mut tx, reports).await?;
        let ids: Vec<Option<Uuid>> = reports
            .iter()
            .map(|report| named.get(&key(report)).copied().flatten())
            .collect();
        let wanted: BTreeSet<Uuid> = reports
            .iter()
            .filter_map(|report| report.outbound_id)
            .chain(ids.iter().copied().flatten())
            .collect();
        let wanted: Vec<_> = wanted.into_iter().collect();
        let mut entries = load(&mut tx, &wanted).await?;

        let mut found = Vec::with_capacity(reports.len());
        for (report, by_provider) in reports.iter().zip(ids) {
            let id = report
                .outbound_id
                .filter(|id| entries.contains_key(id))
                .or(by_provider);
            let entry = id.and_then(|id| entries.get_mut(&id));
            found.push(entry.map(|entry| {
                prove(entry, report);
                entry.clone()
            }));
        }
        save(&mut tx, entries.values()).await?;
        tx.commit().await?;
        Ok(found)
    }
}

/// The message was sent, and got that far.
fn prove(entry: &mut LedgerEntry, report: &DeliveryReport) {
    "sent".clone_into(&mut entry.state);
    if entry.provider_id.is_none() {
        entry.provider_id = Some(report.provider_id.clone());
    }
    apply(
        entry,
        &Progress {
            status: report.status,
            error: report.error.clone(),
        },
    );
}

/// A status never goes back.
pub(super) fn apply(entry: &mut LedgerEntry, progress: &Progress) {
    if entry.delivery.is_none_or(|known| known < progress.status) {
        entry.delivery = Some(progress.status);
        entry.error.clone_from(&progress.error);
    }
}

/// Notes which provider ids our messages got, and returns what was reported about them before.
pub(super) async fn name(
    tx: &mut Tx,
    outcomes: &[(&(Uuid, SendOutcome), DateTime<Utc>)],
) -> Result<Vec<(Uuid, Progress)>, sqlx::Error> {
    let sent: BTreeMap<Uuid, &str> = outcomes
        .iter()
        .filter_map(|((id, outcome), _)| match outcome {
            SendOutcome::Sent { provider_id } => Some((*id, provider_id.as_deref()?)),
            _ => None,
        })
        .collect();
    let ids: Vec<Uuid> = sent.keys().copied().collect();
    let mut parts: BTreeMap<Key, Uuid> = BTreeMap::new();
    for chunk in ids.chunks(CHUNK) {
        let statement = sql("SELECT id, conversation FROM ledger WHERE id IN ")
            .list(chunk.iter().copied().map(Value::from));
        for row in tx.fetch(statement).await? {
            let id: Uuid = row.parsed(0)?;
            let account = account(&row.parsed(1)?);
            for part in sent[&id].split(',').filter(|part| !part.is_empty()) {
                parts.insert((account.clone(), part.to_owned()), id);
            }
        }
    }

    let mut early = Vec::new();
    let parts: Vec<_> = parts.into_iter().collect();
    for chunk in parts.chunks(CHUNK) {
        let rows = chunk
            .iter()
            .map(|((account, part), id)| [account.into(), part.into(), (*id).into()]);
        let statement = sql(
            "INSERT INTO provider_messages (account, provider_id, outbound) VALUES ",
        )
        .rows(rows)
        .then(
            " ON CONFLICT (account, provider_id) DO UPDATE SET outbound = excluded.outbound \
                 RETURNING outbound, delivery, error_code, error_text",
        );
        for row in tx.fetch(statement).await? {
            if let Some(delivery) = row.get::<Option<i64>>(1)? {
                let status = status(delivery)?;
                let error = error(row.get(2)?, row.get(3)?);
                early.push((row.parsed(0)?, Progress { status, error }));
            }
        }
    }
    Ok(early)
}

/// Keeps how far each message got and returns which outbound message it is, where that is known.
async fn keep(
    tx: &mut Tx,
    reports: &[DeliveryReport],
) -> Result<BTreeMap<Key, Option<Uuid>>, sqlx::Error> {
    // A statement may touch a row once: the furthest report of each message speaks.
    let mut furthest: BTreeMap<Key, &DeliveryReport> = BTreeMap::new();
    for report in reports {
        let kept = furthest.entry(key(report)).or_insert(report);
        if kept.status < report.status {
            *kept = report;
        }
    }
    let furthest: Vec<_> = furthest.into_iter().collect();
    let ours = ours(tx, reports).await?;

    let mut named = BTreeMap::new();
    for chunk in furthest.chunks(CHUNK) {
        let rows = chunk.iter().map(|((account, part), report)| {
            let error = report.error.as_ref();
            let outbound = ours.get(&(account.as_str(), part.as_str()));
            [
                account.into(),
                part.into(),
                outbound.map(Uuid::to_string).as_deref().into(),
                rank(report.status).into(),
                error.map(|error| error.code.as_str()).into(),
                error.map(|error| error.text.as_str()).into(),
                report.at.into(),
            ]
        });
        let statement = sql("INSERT INTO provider_messages AS kept \
             (account, provider_id, outbound, delivery, error_code, error_text, at) VALUES ")
        .rows(rows)
        .then(
            " ON CONFLICT (account, provider_id) DO UPDATE SET \
             outbound = coalesce(excluded.outbound, kept.outbound), \
             error_code = CASE WHEN coalesce(kept.delivery, 0) < excluded.delivery \
               THEN excluded.error_code ELSE kept.error_code END, \
             error_text = CASE WHEN coalesce(kept.delivery, 0) < excluded.delivery \
               THEN excluded.error_text ELSE kept.error_text END, \
             delivery = CASE WHEN coalesce(kept.delivery, 0) < excluded.delivery \
               THEN excluded.delivery ELSE kept.delivery END \
             RETURNING account, provider_id, outbound",
        );
        let rows = tx.fetch(statement).await?;
        for row in &rows {
            named.insert((row.get(0)?, row.get(1)?), outbound(row)?);
        }
    }
    Ok(named)
}

/// Which messages the provider names by our id, as far as the ledger knows the id.
async fn ours<'r>(
    tx: &mut Tx,
    reports: &'r [DeliveryReport],
) -> Result<BTreeMap<(&'r str, &'r str), Uuid>, sqlx::Error> {
    let ids: BTreeSet<Uuid> = reports
        .iter()
        .filter_map(|report| report.outbound_id)
        .collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let mut there = BTreeSet::new();
    for chunk in ids.chunks(CHUNK) {
        let statement =
            sql("SELECT id FROM ledger WHERE id IN ").list(chunk.iter().copied().map(Value::from));
        for row in tx.fetch(statement).await? {
            there.insert(row.parsed::<Uuid>(0)?);
        }
    }
    let named = reports.iter().filter_map(|report| {
        let id = report.outbound_id.filter(|id| there.contains(id))?;
        Some(((report.account.as_str(), report.provider_id.as_str()), id))
    });
    Ok(named.collect())
}

fn outbound(row: &Row) -> Result<Option<Uuid>, sqlx::Error> {
    let id: Option<String> = row.get(2)?;
    id.map(|id| id.parse().map_err(|_| damaged())).transpose()
}

fn key(report: &DeliveryReport) -> Key {
    (report.account.clone(), report.provider_id.clone())
}

/// The order of progress as a number.
pub(super) fn rank(status: DeliveryStatus) -> i64 {
    match status {
        DeliveryStatus::Sent => 1,
        DeliveryStatus::Delivered => 2,
        DeliveryStatus::Read => 3,
        DeliveryStatus::Failed => 4,
    }
}

/// The other way round.
pub(super) fn status(rank: i64) -> Result<DeliveryStatus, sqlx::Error> {
    match rank {
        1 => Ok(DeliveryStatus::Sent),
        2 => Ok(DeliveryStatus::Delivered),
        3 => Ok(DeliveryStatus::Read),
        4 => Ok(DeliveryStatus::Failed),
        _ => Err(damaged()),
    }
}
