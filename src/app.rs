//! Puts the parts together: engines, gateway, workers.

mod dead;
mod engines;
mod http;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use anyhow::Context;
use clap::ValueEnum;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{info, warn};
use zapis_core::{Clock, causes};

pub use engines::{Engines, open_queue, open_sessions, open_store};

use crate::cli::WorkerName;
use crate::config::Loaded;
use crate::control::{Control, Wake};
use crate::lifecycle::Stop;
use crate::telemetry;

/// What this process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    /// Whether it takes messages from channels.
    pub gateway: bool,
    /// Which workers it runs.
    pub workers: BTreeSet<WorkerName>,
}

impl Roles {
    /// Everything: `zapis run`.
    pub fn all() -> Self {
        Self {
            gateway: true,
            ..Self::workers(Vec::new())
        }
    }

    /// `zapis gateway`
    pub fn gateway() -> Self {
        Self {
            gateway: true,
            workers: BTreeSet::new(),
        }
    }

    /// `zapis worker …`; all of them when none is named.
    pub fn workers(names: Vec<WorkerName>) -> Self {
        let workers = if names.is_empty() {
            WorkerName::value_variants().iter().copied().collect()
        } else {
            names.into_iter().collect()
        };
        Self {
            gateway: false,
            workers,
        }
    }
}

/// Runs these roles until told to stop and everything in hand is finished.
pub async fn run(loaded: Loaded, roles: Roles, stop: Stop) -> anyhow::Result<()> {
    let metrics = telemetry::start_metrics()?;
    let config = &loaded.config;
    let engines = Engines::open(&config.engines, &Clock::system()).await?;
    let listener = TcpListener::bind(config.server.listen)
        .await
        .with_context(|| format!("listening on {} (server.listen)", config.server.listen))?;
    info!(listen = %listener.local_addr()?, ?roles, "Started");

    let mut tasks = JoinSet::new();
    let soft = stop.soft();
    let router = http::router(engines.clone(), metrics, soft.clone());
    tasks.spawn(http::serve(listener, router, soft.clone()));

    let (wakes, woken) = mpsc::channel(1);
    tasks.spawn(dead::retry_when_woken(engines.clone(), woken, soft.clone()));
    match Control::open(&config.engines.data_dir).await {
        Ok(Some(control)) => {
            tasks.spawn(serve_control(control, wakes, stop.clone()));
        }
        Ok(None) => info!("Another process of this installation answers the control socket"),
        Err(error) => {
            warn!(error = %causes(&error), "No control socket: commands cannot wake this process");
        }
    }

    let mut outcome = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.context("a part of the program broke").flatten();
        if ended.is_err() && outcome.is_ok() {
            outcome = ended;
            stop.begin();
        }
    }
    engines.close().await;
    info!("Stopped");
    outcome
}

async fn serve_control(
    control: Control,
    wakes: mpsc::Sender<Wake>,
    stop: Stop,
) -> anyhow::Result<()> {
    control.serve(wakes, stop.soft()).await;
    Ok(())
}

/// Runs everything on this machine with emulated messengers, and a page to try them on.
pub async fn demo(_loaded: Loaded, listen: SocketAddr, _stop: Stop) -> anyhow::Result<()> {
    anyhow::bail!("the demo cannot listen on {listen}: this build has no emulators")
}

/// Runs the emulated messengers alone.
pub async fn sandbox(listen: SocketAddr, _stop: Stop) -> anyhow::Result<()> {
    anyhow::bail!("the sandbox cannot listen on {listen}: this build has no emulators")
}
