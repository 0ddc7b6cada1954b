//! The send ledger: what was claimed, sent, refused. Rows are locked, decided on in memory and
//! written back, so that each rule stands in one place.

mod claim;
mod delivery;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub(super) use claim::{Ask, claim};

use super::db::{CHUNK, Row, Tx, Value, sql};
use super::group::Work;
use super::{ClaimRequest, Claimed, LedgerEntry, SendOutcome, Store, StoreError, journal};
use crate::event::Event;
use crate::message::{ConversationId, ProviderError};
use crate::trace::TraceParent;

/// What the columns of an entry are called, in the order of [`read`].
macro_rules! columns {
    () => {
        "id, conversation, state, attempts, claimed_at, provider_id, delivery, error_code, error_text, \
         trace"
    };
}

impl Store {
    /// Claims outbound messages and compares their fences, in one durable transaction (shared with
    /// whoever claims at the same time). Answers in the order of the requests. What was fenced or
    /// answered stays so: a repeat gets the same answer.
    pub async fn claim(
        &self,
        requests: &[ClaimRequest],
        now: DateTime<Utc>,
    ) -> Result<Vec<Claimed>, StoreError> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let asks = requests.iter().map(|request| Ask::first(request, now));
        self.group.commit(Work::Claim(asks.collect())).await
    }

    /// Claims again what is in doubt, if its fence still allows. In doubt is what was recorded so,
    /// or what a claim answered with [`Claimed::InDoubt`]; of several who ask at the same time one
    /// gets [`Claimed::Go`]. What is fenced now stays in doubt in the ledger, because it may have
    /// been sent.
    pub async fn reclaim(
        &self,
        request: &ClaimRequest,
        now: DateTime<Utc>,
    ) -> Result<Claimed, StoreError> {
        let asks = vec![Ask::again(request, now)];
        let answers = self.group.commit(Work::Claim(asks)).await?;
        let answer = answers.into_iter().next();
        answer.ok_or_else(|| StoreError::Refused("a claim got no answer".into()))
    }

    /// Records how provider calls ended, and the events that tell of it, in one transaction. Ids that
    /// were never claimed are left out.
    pub async fn record(
        &self,
        outcomes: &[(Uuid, SendOutcome)],
        events: &[Event],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if !outcomes.is_empty() {
            let work = Work::Record(outcomes.to_vec(), journal::lines(events)?, now);
            self.group.commit(work).await?;
        }
        Ok(())
    }

    /// One row of the ledger.
    pub async fn ledger(&self, id: Uuid) -> Result<Option<LedgerEntry>, StoreError> {
        let statement = sql(concat!("SELECT ", columns!(), " FROM ledger WHERE id = $1"));
        let row = self.db.fetch_one(statement.bind(id)).await?;
        Ok(row.map(|row| read(&row)).transpose()?)
    }

    /// The ledger of a conversation, oldest first.
    pub async fn ledger_of(
        &self,
        conversation: &ConversationId,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        let statement = sql(concat!(
            "SELECT ",
            columns!(),
            " FROM ledger WHERE conversation = $1 ORDER BY position"
        ));
        let rows = self.db.fetch(statement.bind(conversation)).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Which of these inbound messages the bot has answered already.
    pub async fn answered(
        &self,
        conversation: &ConversationId,
        inbound: &[String],
    ) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        for chunk in inbound.chunks(CHUNK) {
            let statement =
                sql("SELECT inbound_id FROM answered WHERE conversation = $1 AND inbound_id IN ")
                    .bind(conversation)
                    .list(chunk.iter().map(Value::from));
            for row in self.db.fetch(statement).await? {
                found.push(row.get(0)?);
            }
        }
        Ok(found)
    }

    /// How many rows are in each state, for metrics and tests.
    pub async fn ledger_counts(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let statement = sql("SELECT state, count(*) FROM ledger GROUP BY state");
        let rows = self.db.fetch(statement).await?;
        let count = |row: &Row| Ok::<_, sqlx::Error>((row.get(0)?, row.count(1)?));
        Ok(rows.iter().map(count).collect::<Result<_, _>>()?)
    }
}

/// Writes down how provider calls ended. What is proved to be sent stays so.
pub(super) async fn record(
    tx: &mut Tx,
    outcomes: &[(&(Uuid, SendOutcome), DateTime<Utc>)],
) -> Result<(), sqlx::Error> {
    if outcomes.is_empty() {
        return Ok(());
    }
    // Before the rows are locked: a report locks in the same order.
    let early = delivery::name(tx, outcomes).await?;

    let ids: Vec<Uuid> = outcomes.iter().map(|((id, _), _)| *id).collect();
    let mut entries = load(tx, &ids).await?;
    for ((id, outcome), _) in outcomes {
        if let Some(entry) = entries.get_mut(id) {
            settle(entry, outcome);
        }
    }
    for (id, progress) in early {
        if let Some(entry) = entries.get_mut(&id) {
            delivery::apply(entry, &progress);
        }
    }
    save(tx, entries.values()).await
}

/// One outcome.
fn settle(entry: &mut LedgerEntry, outcome: &SendOutcome) {
    if let SendOutcome::Sent { provider_id } = outcome {
        "sent".clone_into(&mut entry.state);
        if provider_id.is_some() {
            entry.provider_id.clone_from(provider_id);
        }
        return;
    }
    let open = matches!(entry.state.as_str(), "claimed" | "doubt");
    if !open {
        return;
    }
    match outcome {
        SendOutcome::Sent { .. } => {}
        // A claim that was given back does not count: a lost answer after it still gets its repeat.
        SendOutcome::NotSent => {
            "free".clone_into(&mut entry.state);
            entry.attempts = entry.attempts.saturating_sub(1);
        }
        SendOutcome::InDoubt => "doubt".clone_into(&mut entry.state),
        SendOutcome::Failed(error) => {
            "failed".clone_into(&mut entry.state);
            entry.error = Some(error.clone());
        }
    }
}

/// The rows of these ids, locked.
async fn load(tx: &mut Tx, ids: &[Uuid]) -> Result<HashMap<Uuid, LedgerEntry>, sqlx::Error> {
    let mut found = HashMap::new();
    for chunk in ids.chunks(CHUNK) {
        let statement = sql(concat!("SELECT ", columns!(), " FROM ledger WHERE id IN "))
            .list(chunk.iter().copied().map(Value::from))
            .then(" ORDER BY id")
            .for_update();
        for row in tx.fetch(statement).await? {
            let entry = read(&row)?;
            found.insert(entry.id, entry);
        }
    }
    Ok(found)
}

/// Writes loaded rows back.
async fn save(tx: &mut Tx, entries: impl Iterator<Item = &LedgerEntry>) -> Result<(), sqlx::Error> {
    let entries: Vec<_> = entries.collect();
    for chunk in entries.chunks(CHUNK) {
        let rows = chunk.iter().map(|entry| {
            let error = entry.error.as_ref();
            [
                entry.id.into(),
                (&entry.state).into(),
                entry.attempts.into(),
                entry.claimed_at.into(),
                entry.provider_id.as_deref().into(),
                entry.delivery.map(delivery::rank).into(),
                error.map(|error| error.code.as_str()).into(),
                error.map(|error| error.text.as_str()).into(),
            ]
        });
        let statement = sql(
            "UPDATE ledger SET state = new.column2, attempts = new.column3, \
             claimed_at = new.column4, provider_id = new.column5, delivery = new.column6, \
             error_code = new.column7, error_text = new.column8 FROM (VALUES ",
        )
        .rows(rows)
        .then(") AS new WHERE ledger.id = new.column1");
        tx.execute(statement).await?;
    }
    Ok(())
}

fn read(row: &Row) -> Result<LedgerEntry, sqlx::Error> {
    let delivery: Option<i64> = row.get(6)?;
    let code: Option<String> = row.get(7)?;
    let text: Option<String> = row.get(8)?;
    let trace: Option<String> = row.get(9)?;
    Ok(LedgerEntry {
        id: row.parsed(0)?,
        conversation: row.parsed(1)?,
        state: row.get(2)?,
        attempts: row.count(3)?,
        claimed_at: row.time(4)?,
        provider_id: row.get(5)?,
        delivery: delivery.map(delivery::status).transpose()?,
        error: error(code, text),
        trace: trace.as_deref().and_then(TraceParent::parse),
    })
}

fn error(code: Option<String>, text: Option<String>) -> Option<ProviderError> {
    let code = code?;
    let text = text.unwrap_or_default();
    Some(ProviderError { code, text })
}

/// `channel:account`: whose message ids a provider's ids are.
fn account(conversation: &ConversationId) -> String {
    format!("{}:{}", conversation.channel(), conversation.account())
}
