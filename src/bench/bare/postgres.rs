//! PostgreSQL with one connection for each kind of write: what is asked for at the same time shares
//! a statement and a commit.

use anyhow::Context;
use async_trait::async_trait;
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio::sync::{mpsc, oneshot};
use zapis_core::config::EnginesConfig;

use super::{BareStore, Line};
use crate::output::complain;

/// How many callers share a statement at most, as in the product.
const GROUP: usize = 256;

/// A kind of write and who waits for it.
struct Batch<T>(mpsc::Sender<(T, oneshot::Sender<()>)>);

impl<T: Send + 'static> Batch<T> {
    /// `write` makes one statement of many.
    fn start<F>(pool: PgPool, write: fn(PgPool, Vec<T>) -> F) -> Self
    where
        F: Future<Output = sqlx::Result<()>> + Send + 'static,
    {
        let (sender, mut queue) = mpsc::channel::<(T, oneshot::Sender<()>)>(4 * GROUP);
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(GROUP);
            while queue.recv_many(&mut batch, GROUP).await > 0 {
                let (work, callers): (Vec<T>, Vec<_>) = batch.drain(..).unzip();
                match write(pool.clone(), work).await {
                    Ok(()) => callers
                        .into_iter()
                        .for_each(|caller| caller.send(()).unwrap_or_default()),
                    Err(error) => complain(format!("The bare store failed: {error}")),
                }
            }
        });
        Self(sender)
    }

    async fn write(&self, work: T) -> anyhow::Result<()> {
        let (caller, done) = oneshot::channel();
        self.0
            .send((work, caller))
            .await
            .ok()
            .context("the bare store is closed")?;
        done.await.context("the bare store could not be written")
    }
}

pub(in crate::bench) struct Store {
    claims: Batch<(i64, i64)>,
    records: Batch<i64>,
    journal: Batch<Vec<Line>>,
}

impl Store {
    pub(in crate::bench) async fn open(config: &EnginesConfig) -> anyhow::Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(4)
            .connect(config.store.expose())
            .await?;
        for statement in [
            "CREATE TABLE bare_ledger(id BIGINT PRIMARY KEY, conversation BIGINT NOT NULL, state TEXT NOT NULL)",
            "CREATE TABLE bare_events(position BIGSERIAL PRIMARY KEY, id TEXT NOT NULL UNIQUE, \
             conversation BIGINT NOT NULL, event TEXT NOT NULL)",
            "CREATE INDEX bare_events_by_conversation ON bare_events(conversation, position)",
        ] {
            sqlx::query(statement).execute(&pool).await?;
        }
        Ok(Self {
            claims: Batch::start(pool.clone(), claim),
            records: Batch::start(pool.clone(), record),
            journal: Batch::start(pool, journal),
        })
    }
}

async fn claim(pool: PgPool, rows: Vec<(i64, i64)>) -> sqlx::Result<()> {
    let (ids, conversations): (Vec<i64>, Vec<i64>) = rows.into_iter().unzip();
    sqlx::query("INSERT INTO bare_ledger SELECT id, conversation, 'claimed' FROM unnest($1, $2) AS new(id, conversation)")
        .bind(ids)
        .bind(conversations)
        .execute(&pool)
        .await
        .map(drop)
}

async fn record(pool: PgPool, ids: Vec<i64>) -> sqlx::Result<()> {
    sqlx::query("UPDATE bare_ledger SET state = 'sent' WHERE id = ANY($1)")
        .bind(ids)
        .execute(&pool)
        .await
        .map(drop)
}

async fn journal(pool: PgPool, lines: Vec<Vec<Line>>) -> sqlx::Result<()> {
    let mut ids = Vec::new();
    let mut conversations = Vec::new();
    let mut texts = Vec::new();
    for line in lines.into_iter().flatten() {
        ids.push(line.id);
        conversations.push(line.conversation.cast_signed());
        texts.push(line.text);
    }
    sqlx::query("INSERT INTO bare_events(id, conversation, event) SELECT * FROM unnest($1, $2, $3)")
        .bind(ids)
        .bind(conversations)
        .bind(texts)
        .execute(&pool)
        .await
        .map(drop)
}

#[async_trait]
impl BareStore for Store {
    async fn claim(&self, message: u64, conversation: u64) -> anyhow::Result<()> {
        let row = (message.cast_signed(), conversation.cast_signed());
        self.claims.write(row).await
    }

    async fn record(&self, message: u64) -> anyhow::Result<()> {
        self.records.write(message.cast_signed()).await
    }

    async fn journal(&self, lines: Vec<Line>) -> anyhow::Result<()> {
        self.journal.write(lines).await
    }
}
