//! `zapis run`, `gateway`, `worker`, `demo`, `sandbox`: what keeps running.

use std::net::SocketAddr;

use anyhow::Context;
use tracing::warn;
use zapis_core::config::{EnginesConfig, Findings};

use super::Failure;
use crate::app::{self, Roles};
use crate::cli::WorkerName;
use crate::config::{Loaded, ObservabilityConfig};
use crate::lifecycle::Stop;
use crate::telemetry::{self, Telemetry};

/// `zapis run`
pub(super) async fn run(loaded: Loaded) -> Result<(), Failure> {
    start(loaded, Roles::all()).await
}

/// `zapis gateway`
pub(super) async fn gateway(loaded: Loaded) -> Result<(), Failure> {
    shared(&loaded.config.engines, "gateway")?;
    start(loaded, Roles::gateway()).await
}

/// `zapis worker …`
pub(super) async fn workers(loaded: Loaded, names: Vec<WorkerName>) -> Result<(), Failure> {
    shared(&loaded.config.engines, "worker")?;
    start(loaded, Roles::workers(names)).await
}

/// `zapis demo`
pub(super) async fn demo(loaded: Loaded, listen: SocketAddr, history: bool) -> Result<(), Failure> {
    let telemetry = telemetry::start(&loaded.config.observability, "demo")?;
    let stop = Stop::on_signals().context("listening for signals")?;
    let result = stop
        .bound(Box::pin(app::demo(loaded, listen, history, stop.clone())))
        .await;
    finish(result, telemetry).await
}

/// `zapis sandbox`
pub(super) async fn sandbox(listen: SocketAddr) -> Result<(), Failure> {
    let telemetry = telemetry::start(&ObservabilityConfig::default(), "sandbox")?;
    let stop = Stop::on_signals().context("listening for signals")?;
    let result = stop.bound(app::sandbox(listen, stop.clone())).await;
    finish(result, telemetry).await
}

async fn start(loaded: Loaded, roles: Roles) -> Result<(), Failure> {
    let telemetry = telemetry::start(&loaded.config.observability, &roles.to_string())?;
    let mut findings = Findings::default();
    loaded.config.check_escalation(&mut findings);
    for problem in loaded.warnings.iter().chain(&loaded.problems(findings)) {
        warn!("{problem}");
    }
    let stop = Stop::on_signals().context("listening for signals")?;
    let result = stop
        .bound(Box::pin(app::run(loaded, roles, stop.clone())))
        .await;
    finish(result, telemetry).await
}

async fn finish(result: Option<anyhow::Result<()>>, telemetry: Telemetry) -> Result<(), Failure> {
    match result {
        Some(result) => {
            telemetry.finish().await;
            Ok(result?)
        }
        None => Err(anyhow::anyhow!(
            "stopped at once; what was in hand stays in the queue and is taken up at the next start"
        )
        .into()),
    }
}

/// Refuses to share what belongs to one process.
fn shared(engines: &EnginesConfig, command: &str) -> Result<(), Failure> {
    let embedded = [
        (engines.embedded_broker(), "engines.broker"),
        (engines.embedded_sessions(), "engines.sessions"),
    ];
    let named: Vec<_> = embedded
        .into_iter()
        .filter_map(|(embedded, key)| embedded.then_some(key))
        .collect();
    if named.is_empty() {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "zapis {command} shares its work with other processes, but embedded engines belong to one ({}). \
         Set engines.broker to a RabbitMQ and engines.sessions to a Redis, or use `zapis run`",
        named.join(" and ")
    )))
}

#[cfg(test)]
mod tests {
    use zapis_core::config::Secret;

    use super::*;

    fn refusal(broker: &str, sessions: &str) -> Option<String> {
        let engines = EnginesConfig {
            broker: Secret::new(broker),
            sessions: Secret::new(sessions),
            ..EnginesConfig::default()
        };
        match shared(&engines, "gateway") {
            Err(Failure::Usage(message)) => Some(message),
            _ => None,
        }
    }

    #[test]
    fn what_belongs_to_one_process_is_not_shared() {
        let both = refusal("embedded", "embedded").unwrap();
        assert!(both.contains("(engines.broker and engines.sessions)"));
        let sessions = refusal("amqp://localhost", "embedded").unwrap();
        assert!(sessions.contains("(engines.sessions)"));
        assert_eq!(refusal("amqp://localhost", "redis://localhost"), None);
    }
}
