//! Engines of the bench's own: the configured ones, with queues, a schema and files that nobody else
//! has. [`Ground::close`] removes them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use zapis_core::Clock;
use zapis_core::broker::{Broker, BrokerError, Depth, Publish, Subscription, Topic};
use zapis_core::config::{EnginesConfig, Secret};

use super::bare::rabbit;
use crate::app::Engines;
use crate::scratch::Scratch;

/// The engines, open.
pub(super) struct Ground {
    /// What was configured, with places of our own. The queue is the configured one: see `broker`.
    pub(super) config: EnginesConfig,
    pub(super) engines: Engines,
    pub(super) broker: Arc<Apart>,
    /// What names of queues and of the schema begin with.
    pub(super) prefix: String,
    real_store: Secret,
    scratch: Scratch,
}

impl Ground {
    pub(super) async fn open(real: &EnginesConfig) -> anyhow::Result<Self> {
        let scratch = Scratch::beside(real, "bench")?;
        let prefix = format!("bench_{}", std::process::id());
        let mut config = scratch.config.clone();
        if is_postgres(&config) {
            in_database(&config.store, &format!("CREATE SCHEMA {prefix}")).await?;
            config.store = with_schema(&config.store, &prefix);
        }
        let mut engines = Engines::open(&config, &Clock::system()).await?;
        let broker = Arc::new(Apart {
            inner: Arc::clone(&engines.broker),
            prefix: format!("{prefix}."),
            samples: Mutex::default(),
        });
        engines.broker = Arc::clone(&broker) as Arc<dyn Broker>;
        Ok(Self {
            config,
            engines,
            broker,
            prefix,
            real_store: real.store.clone(),
            scratch,
        })
    }

    /// Lets go of everything and removes it.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        self.engines.close().await;
        if !self.config.embedded_broker() {
            rabbit::remove(
                &self.config,
                &format!("zapis.{}.", self.prefix),
                Apart::TOPICS,
            )
            .await?;
        }
        if is_postgres(&self.config) {
            let statement = format!("DROP SCHEMA {} CASCADE", self.prefix);
            in_database(&self.real_store, &statement).await?;
        }
        drop(self.scratch);
        Ok(())
    }
}

/// Whether the store is a PostgreSQL.
pub(super) fn is_postgres(config: &EnginesConfig) -> bool {
    config.store.expose().starts_with("postgres")
}

/// The same database, with everything in a schema.
fn with_schema(store: &Secret, schema: &str) -> Secret {
    let url = store.expose();
    let sign = if url.contains('?') { '&' } else { '?' };
    Secret::new(format!("{url}{sign}options=-c%20search_path%3D{schema}"))
}

async fn in_database(store: &Secret, statement: &str) -> anyhow::Result<()> {
    let options: sqlx::postgres::PgConnectOptions =
        store.expose().parse().context("reading engines.store")?;
    let mut connection = options.connect().await.context("opening engines.store")?;
    connection
        .execute(AssertSqlSafe(statement.to_owned()))
        .await
        .context("making room in the database")?;
    Ok(())
}

/// A queue whose topics have names of their own. It keeps one message of each as a sample.
#[derive(Debug)]
pub(super) struct Apart {
    inner: Arc<dyn Broker>,
    prefix: String,
    samples: Mutex<HashMap<Topic, Bytes>>,
}

impl Apart {
    /// The topics that a bench uses.
    const TOPICS: [&'static str; 3] = ["inbound", "outbound.bench", "journal"];

    fn topic(&self, topic: &Topic) -> Topic {
        Topic::named(&format!("{}{}", self.prefix, topic.as_str()))
    }

    /// A message that was published to a topic.
    pub(super) fn sample(&self, topic: &Topic) -> Bytes {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.get(topic).cloned().unwrap_or_default()
    }
}

#[async_trait]
impl Broker for Apart {
    async fn publish(&self, mut messages: Vec<Publish>) -> Result<(), BrokerError> {
        {
            let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
            for message in &mut messages {
                // The largest one: a turn's journal and not the line of a send.
                let sample = samples.entry(message.topic.clone()).or_default();
                if sample.len() < message.body.len() {
                    *sample = message.body.clone();
                }
                message.topic = self.topic(&message.topic);
            }
        }
        self.inner.publish(messages).await
    }

    async fn subscribe(&self, topic: &Topic, prefetch: u16) -> Result<Subscription, BrokerError> {
        self.inner.subscribe(&self.topic(topic), prefetch).await
    }

    async fn depth(&self, topic: &Topic) -> Result<Depth, BrokerError> {
        self.inner.depth(&self.topic(topic)).await
    }

    async fn check(&self) -> Result<(), BrokerError> {
        self.inner.check().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
