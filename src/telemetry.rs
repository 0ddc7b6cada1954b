//! What the program tells about itself: log lines and numbers.

use std::io::IsTerminal;

use anyhow::Context;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, ObservabilityConfig};

/// Starts logging to standard error: standard output belongs to the commands' data.
pub fn start_logging(config: &ObservabilityConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::builder()
        .parse(&config.log)
        .context("reading observability.log")?;
    let pretty = match config.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Otherwise a reader of the log that went away makes every line a panic.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let started = if pretty {
        lines
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .try_init()
    } else {
        lines.json().flatten_event(true).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("starting the log: {error}"))?;
    // The words of a panic can quote what a customer wrote; the place is enough to find it.
    std::panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string);
        tracing::error!(place, "A part of the program panicked");
    }));
    Ok(())
}

/// Starts counting; the handle renders `/metrics`.
pub fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets(&SECONDS)
        .context("setting the buckets of durations")?
        .install_recorder()
        .context("starting the metrics")
}

/// Buckets of durations, in seconds: from a statement of SQLite to a slow provider.
const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];
