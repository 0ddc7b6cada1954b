//! Asks everything that the configuration names whether it works.

use serde::Serialize;
use zapis_console::reports::Mailer;
use zapis_core::{Clock, causes};
use zapis_workers::crm::bitrix24::{Bitrix24, Client};
use zapis_workers::knowledge::Vectors;
use zapis_workers::llm::Llm;

use crate::app::{self, Engines, open_queue, open_sessions, open_store};
use crate::config::Loaded;
use crate::control;
use crate::scratch::Scratch;

/// What came of one probe.
#[derive(Debug, Serialize)]
pub struct Probed {
    /// What was asked.
    pub what: String,
    /// Whether it works.
    pub ok: bool,
    /// What it is, or why it failed.
    pub detail: String,
}

impl Probed {
    fn of(what: &str, result: Result<String, String>) -> Self {
        Self {
            what: what.to_owned(),
            ok: result.is_ok(),
            detail: result.unwrap_or_else(|why| why),
        }
    }
}

/// What the program is made of.
pub async fn probe(loaded: &Loaded) -> Vec<Probed> {
    let engines = &loaded.config.engines;
    // Embedded engines belong to the running program; whoever else opens them is refused.
    let running = control::is_open(&engines.data_dir).await;
    let theirs = |embedded: bool| (running && embedded).then(|| IN_USE.to_owned());
    let queue = match theirs(engines.embedded_broker()) {
        Some(detail) => Ok(detail),
        None => queue(loaded).await,
    };
    let sessions = match theirs(engines.embedded_sessions()) {
        Some(detail) => Ok(detail),
        None => sessions(loaded).await,
    };
    let mut probed = vec![
        Probed::of("queue", queue),
        Probed::of("sessions", sessions),
        Probed::of("store", store(loaded).await),
    ];
    match accounts(loaded).await {
        Ok(accounts) => probed.extend(accounts),
        Err(error) => probed.push(Probed::of("channels", Err(format!("{error:#}")))),
    }
    probed
}

/// Each account of each channel, each language model. They get engines of their own, for probing needs none and the
/// real ones may be down or in use.
async fn accounts(loaded: &Loaded) -> anyhow::Result<Vec<Probed>> {
    let config = &loaded.config;
    let scratch = Scratch::embedded(&config.engines, "check")?;
    let engines = Engines::open(&scratch.config, &Clock::system()).await?;
    let channels = app::channels(config, &engines)?;
    let mut probed = Vec::new();
    for channel in &channels {
        let accounts = channel.probe().await;
        probed.extend(
            accounts
                .into_iter()
                .map(|one| Probed::of(&one.what, one.result)),
        );
    }
    drop(channels);
    if let Some(llm) = Llm::new(&config.llm, &engines.store, &engines.clock)? {
        let models = llm.probe().await.into_iter();
        probed.extend(models.map(|(name, result)| Probed::of(&format!("llm {name}"), result)));
    }
    if config.crm.is_used() {
        let bitrix24 = &config.crm.bitrix24;
        let client = Client::new(bitrix24, &engines.store, &engines.sessions, &engines.clock)?;
        let portal = Bitrix24::new(bitrix24, client, &engines.clock);
        let told = portal.check().await.into_iter();
        probed.extend(told.map(|(what, result)| Probed::of(&what, result)));
    }
    if let Some(vectors) = Vectors::new(&config.knowledge.vectors, &config.engines.data_dir)? {
        probed.push(Probed::of("vectors", vectors.probe().await));
    }
    if let Some(mailer) = Mailer::new(&config.email)? {
        probed.push(Probed::of("email", mailer.probe().await));
    }
    engines.close().await;
    Ok(probed)
}

/// What is said of an embedded engine that a running program holds.
const IN_USE: &str = "embedded, in use by the running program";

async fn queue(loaded: &Loaded) -> Result<String, String> {
    let engines = &loaded.config.engines;
    let broker = open_queue(engines)
        .await
        .map_err(|error| format!("{error:#}"))?;
    let checked = broker.check().await;
    broker.close().await;
    checked.map_err(|error| causes(&error).to_string())?;
    Ok(kind(engines.embedded_broker(), "RabbitMQ"))
}

async fn sessions(loaded: &Loaded) -> Result<String, String> {
    let engines = &loaded.config.engines;
    let sessions = open_sessions(engines, &Clock::system())
        .await
        .map_err(|error| format!("{error:#}"))?;
    let checked = sessions.check().await;
    sessions.close().await;
    let warnings = checked.map_err(|error| causes(&error).to_string())?;
    let kind = kind(engines.embedded_sessions(), "Redis");
    Ok(warnings
        .iter()
        .fold(kind, |told, warning| format!("{told}; warning: {warning}")))
}

async fn store(loaded: &Loaded) -> Result<String, String> {
    let store = open_store(&loaded.config.engines)
        .await
        .map_err(|error| format!("{error:#}"))?;
    let checked = store.check().await;
    store.close().await;
    checked.map_err(|error| causes(&error).to_string())?;
    let sqlite = loaded.config.engines.store.expose().starts_with("sqlite:");
    let kind = if sqlite { "SQLite" } else { "PostgreSQL" };
    Ok(kind.to_owned())
}

fn kind(embedded: bool, server: &str) -> String {
    if embedded { "embedded" } else { server }.to_owned()
}
