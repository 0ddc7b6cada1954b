//! The engines that the configuration names.

use std::sync::Arc;

use anyhow::Context;
use zapis_core::Clock;
use zapis_core::broker::{self, Broker};
use zapis_core::config::EnginesConfig;
use zapis_core::sessions::{self, Sessions};
use zapis_core::store::Store;

/// Queue, sessions and store, open. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engines {
    /// The queue.
    pub broker: Arc<dyn Broker>,
    /// Sessions and what else is shared for a short time.
    pub sessions: Arc<dyn Sessions>,
    /// What is kept for good.
    pub store: Store,
    /// The time.
    pub clock: Clock,
}

impl Engines {
    /// Opens all three.
    pub async fn open(config: &EnginesConfig, clock: &Clock) -> anyhow::Result<Self> {
        Ok(Self {
            broker: open_queue(config).await?,
            sessions: open_sessions(config, clock).await?,
            store: open_store(config).await?,
            clock: clock.clone(),
        })
    }

    /// Flushes and lets go of everything.
    pub async fn close(&self) {
        self.broker.close().await;
        self.sessions.close().await;
        self.store.close().await;
    }
}

/// The queue.
pub async fn open_queue(config: &EnginesConfig) -> anyhow::Result<Arc<dyn Broker>> {
    broker::open(config, &process())
        .await
        .context("opening the queue (engines.broker)")
}

/// The sessions.
pub async fn open_sessions(
    config: &EnginesConfig,
    clock: &Clock,
) -> anyhow::Result<Arc<dyn Sessions>> {
    sessions::open(config, clock, &process()).context("opening the sessions (engines.sessions)")
}

/// The store.
pub async fn open_store(config: &EnginesConfig) -> anyhow::Result<Store> {
    Store::open(config.store.expose())
        .await
        .context("opening the store (engines.store)")
}

/// What the lock on embedded engines tells of its holder.
fn process() -> String {
    format!("zapis, process {}", std::process::id())
}
