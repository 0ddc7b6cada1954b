//! What the program tells about itself: log lines, numbers, traces, reports of errors.

pub(crate) mod process;
mod reports;
mod traces;

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};
use zapis_core::trace::TARGET;
use zapis_workers::knowledge::READER;

use crate::config::{LogFormat, ObservabilityConfig};

pub use process::measure as measure_process;

/// How long what is left may take to leave when the program stops.
const LEAVING: Duration = Duration::from_secs(3);

/// How long a call to a collector may take.
const CALL: Duration = Duration::from_secs(10);

type AnyLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// What was started; it sends what it holds when it is finished.
#[derive(Debug, Default)]
#[must_use = "finish it, or the last traces and reports are lost"]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    reports: Option<reports::Reports>,
}

/// Starts the log and, where they are configured, traces and reports of errors. `role` says what this
/// process does, e.g. `worker answer`.
pub fn start(config: &ObservabilityConfig, role: &str) -> anyhow::Result<Telemetry> {
    let mut telemetry = Telemetry::default();
    let mut layers = vec![log(config)?];
    if !config.otlp_endpoint.is_empty() {
        let (layer, provider) = traces::start(config, role).context("starting the traces")?;
        layers.push(layer);
        telemetry.traces = Some(provider);
    }
    if !config.sentry_dsn.is_empty() {
        let (layer, reports) = reports::start(config, role).context("starting the reports")?;
        layers.push(layer);
        telemetry.reports = Some(reports);
    }
    let started = tracing_subscriber::registry().with(layers).try_init();
    started.map_err(|error| anyhow::anyhow!("starting the log: {error}"))?;
    // The words of a panic can quote what a customer wrote; the place is enough to find it.
    std::panic::set_hook(Box::new(|panicked| {
        // A broken document: told as such by whoever reads it.
        if std::thread::current().name() == Some(READER) {
            return;
        }
        let place = panicked.location().map(ToString::to_string);
        tracing::error!(place, "A part of the program panicked");
    }));
    Ok(telemetry)
}

impl Telemetry {
    /// Sends what is left, within some seconds.
    pub async fn finish(self) {
        if let Some(reports) = self.reports {
            reports.flush(LEAVING).await;
        }
        if let Some(traces) = self.traces {
            // It blocks until the exporter is done, which works on this runtime.
            let shutdown =
                tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(LEAVING));
            if !matches!(shutdown.await, Ok(Ok(()))) {
                tracing::warn!("The last traces were not sent");
            }
        }
    }
}

/// Log lines on standard error: standard output belongs to the commands' data.
fn log(config: &ObservabilityConfig) -> anyhow::Result<AnyLayer> {
    let wanted = EnvFilter::builder()
        .parse(&config.log)
        .context("reading observability.log")?;
    let most = wanted.max_level_hint().unwrap_or(LevelFilter::TRACE);
    // Libraries print what travels when they are asked for details: texts, phones, tokens. The spans of
    // traces only repeat what the log's own spans say.
    let harmless = filter_fn(|metadata| {
        let ours = metadata.target().starts_with("zapis") && metadata.target() != TARGET;
        ours || (*metadata.level() <= Level::INFO)
    })
    .with_max_level_hint(most);
    let pretty = match config.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let lines = fmt::layer()
        // Otherwise a reader of the log that went away makes every line a panic.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let lines: AnyLayer = if pretty {
        let lines = lines.with_ansi(std::io::stderr().is_terminal());
        lines.with_target(false).boxed()
    } else {
        lines.json().flatten_event(true).boxed()
    };
    Ok(lines.with_filter(wanted.and(harmless)).boxed())
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
