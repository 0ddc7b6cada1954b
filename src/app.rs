//! Puts the parts together: engines, gateway, workers.

mod dead;
mod demo;
mod engines;
mod feed;
mod http;
mod measure;
mod parts;

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use clap::ValueEnum;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{info, warn};
use zapis_channels::Channel;
use zapis_core::{Clock, causes};

pub use demo::{demo, sandbox};
pub use engines::{Engines, open_queue, open_sessions, open_store};
pub use parts::channels;

use crate::cli::WorkerName;
use crate::client;
use crate::config::{Config, Loaded};
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
    let listen = loaded.config.server.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("listening on {listen} (server.listen)"))?;
    run_on(listener, loaded, roles, stop).await
}

async fn run_on(
    listener: TcpListener,
    loaded: Loaded,
    roles: Roles,
    stop: Stop,
) -> anyhow::Result<()> {
    let metrics = telemetry::start_metrics()?;
    let config = &loaded.config;
    let engines = Engines::open(&config.engines, &Clock::system()).await?;
    let channels = channels(config, &engines)?;
    let soft = stop.soft();
    let mut tasks = JoinSet::new();
    parts::start_workers(
        &mut tasks,
        &roles,
        config,
        &loaded.folder,
        &channels,
        &engines,
        &soft,
    )?;
    let router = router(&mut tasks, config, &roles, &channels, &engines, metrics, &soft);
    info!(listen = %listener.local_addr()?, ?roles, "Started");
    tasks.spawn(http::serve(listener, router, soft.clone()));
    tasks.spawn(measure::measure(engines.clone(), parts::topics(&channels), soft.clone()));

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

/// Health and metrics of every process; the channels' doors and the live journal of a gateway.
fn router(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    config: &Config,
    roles: &Roles,
    channels: &[Arc<dyn Channel>],
    engines: &Engines,
    metrics: PrometheusHandle,
    soft: &CancellationToken,
) -> Router {
    let mut router = http::router(engines.clone(), metrics, soft.clone());
    if roles.gateway {
        for channel in channels {
            router = router.merge(channel.routes());
            let (channel, soft) = (Arc::clone(channel), soft.clone());
            tasks.spawn(async move {
                channel.listen(soft).await;
                Ok(())
            });
        }
        let token = config.observability.journal_token.clone();
        router = router.merge(feed::routes(engines.store.clone(), token));
    }
    client::settle(router.layer(CatchPanicLayer::new()), &config.server)
}

async fn serve_control(
    control: Control,
    wakes: mpsc::Sender<Wake>,
    stop: Stop,
) -> anyhow::Result<()> {
    control.serve(wakes, stop.soft()).await;
    Ok(())
}
