//! `[observability]`: what the program tells about itself.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use zapis_core::config::{Findings, Secret};

/// The `[observability]` section.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObservabilityConfig {
    /// What to log: a level, or levels by module.
    pub log: String,
    /// How to write it.
    pub format: LogFormat,
    /// Opens the live journal over HTTP; nobody sees it while this is empty.
    pub journal_token: Secret,
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
    }
}
