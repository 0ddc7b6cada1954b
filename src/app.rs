//! Puts the parts together: engines, gateway, workers.

mod dead;
mod demo;
mod engines;
mod history;
mod parts;
mod time;

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use clap::ValueEnum;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use zapis_channels::Channel;
use zapis_core::broker::Topic;
use zapis_core::{Clock, causes};
use zapis_sandbox::Move;
use zapis_workers::business::FirmFile;

pub use demo::{demo, sandbox};
pub use engines::{Engines, open_queue, open_sessions, open_store};
pub use parts::{Answering, channels, check_prompts, desks, staff_groups, start_workers};

use crate::calendars;
use crate::cli::WorkerName;
use crate::client;
use crate::config::{Config, Loaded};
use crate::control::{Control, Wake};
use crate::feed;
use crate::gateway::{self, Vitals};
use crate::lifecycle::Stop;
use crate::telemetry;

/// How long requests in hand may take after the stop.
const REQUESTS_END: Duration = Duration::from_secs(5);

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

impl fmt::Display for Roles {
    /// As the command line names them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.workers.iter().filter_map(ValueEnum::to_possible_value);
        let names: Vec<_> = names.map(|name| name.get_name().to_owned()).collect();
        match (self.gateway, names.is_empty()) {
            (true, true) => f.write_str("gateway"),
            (true, false) => f.write_str("run"),
            (false, _) => write!(f, "worker {}", names.join(" ")),
        }
    }
}

/// Runs these roles until told to stop and everything in hand is finished.
pub async fn run(loaded: Loaded, roles: Roles, stop: Stop) -> anyhow::Result<()> {
    let listen = loaded.config.server.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("listening on {listen} (server.listen)"))?;
    let setting = Setting {
        clock: Clock::system(),
        moves: None,
        open: false,
    };
    run_on(listener, loaded, roles, setting, stop).await
}

/// What is otherwise in a demo.
struct Setting {
    /// The time that the program lives by.
    clock: Clock,
    /// Wishes to move it.
    moves: Option<mpsc::Receiver<Move>>,
    /// Whether the console lets its owner in without a password.
    open: bool,
}

async fn run_on(
    listener: TcpListener,
    loaded: Loaded,
    roles: Roles,
    setting: Setting,
    stop: Stop,
) -> anyhow::Result<()> {
    let metrics = telemetry::start_metrics()?;
    let config = &loaded.config;
    let engines = Engines::open(&config.engines, &setting.clock).await?;
    let channels = channels(config, &engines)?;
    let soft = stop.soft();
    let mut tasks = JoinSet::new();
    let answering = start_workers(
        &mut tasks,
        &roles,
        config,
        &loaded.folder,
        &channels,
        &engines,
        &soft,
    )
    .await?;
    let vitals = Vitals {
        broker: Arc::clone(&engines.broker),
        sessions: Arc::clone(&engines.sessions),
        store: engines.store.clone(),
        clock: engines.clock.clone(),
        metrics,
    };
    let topics = parts::topics(config, &channels);
    let measured = gateway::measure(vitals.clone(), topics.clone(), soft.clone());
    tasks.spawn(async move {
        measured.await;
        Ok(())
    });
    if let Some(moves) = setting.moves {
        let passage = time::Passage::new(&engines, topics.clone(), &loaded.folder);
        tasks.spawn(passage.attend(moves, soft.clone()));
    }
    // Every process tells its health; the doors, the live journal and the calendars are the gateway's.
    let (doors, shown) = if roles.gateway {
        let content = Arc::clone(&answering.content);
        if content.get().is_none() {
            let (folder, clock) = (loaded.folder.clone(), engines.clock.clone());
            let store = engines.store.clone();
            let read = parts::read_for_console(content, folder, store, clock, soft.clone());
            tasks.spawn(read);
        }
        let shown = shown(
            &loaded,
            &channels,
            &engines,
            answering,
            topics,
            setting.open,
        )
        .await?;
        (channels, shown)
    } else {
        (Vec::new(), Router::new())
    };
    let router = client::settle(gateway::router(&doors, shown, vitals), &config.server);
    info!(listen = %listener.local_addr()?, ?roles, "Started");
    tasks.spawn(serve(listener, router, soft.clone()));
    for channel in doors {
        let soft = soft.clone();
        tasks.spawn(async move {
            channel.listen(soft).await;
            Ok(())
        });
    }

    obey_commands(&mut tasks, config, &engines, &stop).await;

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

/// Does what short commands leave to the running program, at once where its socket can be opened.
async fn obey_commands(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    config: &Config,
    engines: &Engines,
    stop: &Stop,
) {
    let (wakes, woken) = mpsc::channel(1);
    let desks = staff_groups(config);
    let acting = dead::act_when_woken(engines.clone(), desks, woken, stop.soft());
    tasks.spawn(acting);
    match Control::open(&config.engines.data_dir).await {
        Ok(Some(control)) => {
            tasks.spawn(serve_control(control, wakes, stop.clone()));
        }
        Ok(None) => info!("Another process of this installation answers the control socket"),
        Err(error) => {
            warn!(error = %causes(&error), "No control socket: commands cannot wake this process");
        }
    }
}

/// What a gateway shows beside the channels: journal, calendars, what the CRM tells, the console.
async fn shown(
    loaded: &Loaded,
    channels: &[Arc<dyn Channel>],
    engines: &Engines,
    answering: Answering,
    topics: Vec<Topic>,
    open: bool,
) -> anyhow::Result<Router> {
    let config = &loaded.config;
    let store = || engines.store.clone();
    let journal = feed::routes(store(), config.observability.journal_token.clone());
    let firm = FirmFile::new(&loaded.folder, &engines.store);
    let calendars = calendars::routes(store(), engines.clock.clone(), firm);
    let crm = parts::crm_events(config, engines)?;
    if open {
        parts::first_owner(engines).await?;
    } else {
        parts::invite_first_owner(config, engines).await?;
    }
    let open_for = open.then(|| parts::OWNER.to_owned());
    let folder = &loaded.folder;
    let console = parts::console(
        config, folder, channels, engines, answering, topics, open_for,
    );
    Ok(journal.merge(calendars).merge(crm).merge(console))
}

/// Serves until told to stop, then lets the requests in hand finish; streams that never end are cut.
async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let served =
        axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let cut = async {
        stop.cancelled().await;
        tokio::time::sleep(REQUESTS_END).await;
    };
    tokio::select! {
        served = served => served.context("serving HTTP"),
        () = cut => Ok(()),
    }
}

async fn serve_control(
    control: Control,
    wakes: mpsc::Sender<Wake>,
    stop: Stop,
) -> anyhow::Result<()> {
    control.serve(wakes, stop.soft()).await;
    Ok(())
}
