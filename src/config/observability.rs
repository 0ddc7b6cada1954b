//! `[observability]`: what the program tells about itself.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use zapis_core::config::{Findings, Secret};

/// The `[observability]` section.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObservabilityConfig {
    /// What to log: a level, or levels by module.
    pub log: String,
    /// How to write it.
    pub format: LogFormat,
    /// Opens the live journal over HTTP; nobody sees it while this is empty.
    pub journal_token: Secret,
    /// Where traces go over OTLP, without the path; nowhere while this is empty.
    pub otlp_endpoint: String,
    /// Which part of the traces goes there, 0 to 1.
    pub trace_ratio: f64,
    /// Where errors are reported; nowhere while this is empty.
    pub sentry_dsn: Secret,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// For people.
    Pretty,
    /// One JSON object per line.
    Json,
}

impl Default for ObservabilityConfig {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            format: LogFormat::Auto,
            journal_token: Secret::default(),
            otlp_endpoint: String::new(),
            trace_ratio: 1.0,
            sentry_dsn: Secret::default(),
        }
    }
}

impl ObservabilityConfig {
    /// Notes what is out of range.
    pub fn check(&self, findings: &mut Findings) {
        findings.check(
            EnvFilter::builder().parse(&self.log).is_ok(),
            "observability.log",
            "no log filter",
            "use \"info\" or, by module, \"info,zapis_core=debug\"",
        );
        let token = self.journal_token.expose();
        findings.check(
            token.is_empty() || token.len() >= 16,
            "observability.journal_token",
            "too short: anybody could guess it and read the customers' messages",
            "use at least 16 characters, e.g. from `openssl rand -hex 16`",
        );
        let endpoint = &self.otlp_endpoint;
        findings.check(
            endpoint.is_empty()
                || reqwest::Url::parse(endpoint)
                    .is_ok_and(|url| matches!(url.scheme(), "http" | "https")),
            "observability.otlp_endpoint",
            "no address of a collector",
            "use its OTLP address over HTTP, e.g. \"http://127.0.0.1:4318\"",
        );
        findings.check(
            (0.0..=1.0).contains(&self.trace_ratio),
            "observability.trace_ratio",
            "out of range",
            "use a number from 0.0 (no trace) to 1.0 (all of them)",
        );
        let dsn = self.sentry_dsn.expose();
        findings.check(
            dsn.is_empty() || dsn.parse::<sentry_types::Dsn>().is_ok(),
            "observability.sentry_dsn",
            "no DSN",
            "copy it from the project's settings: \"https://key@sentry.example/1\"",
        );
    }
}
