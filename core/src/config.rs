//! What all sections of the configuration share: problems with their place, secrets; and `[engines]`.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One thing that is wrong with a file, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, or `environment`.
    pub file: String,
    /// From 1; 0 when the place is not known.
    pub line: usize,
    /// From 1; 0 when the place is not known.
    pub column: usize,
    /// The setting, e.g. `server.listen`, or empty.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it, or empty.
    pub hint: String,
    /// Whether it only deserves a warning.
    pub warning: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column.max(1))?;
        }
        let kind = if self.warning { "warning" } else { "error" };
        write!(f, ": {kind}: ")?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, " (hint: {})", self.hint)?;
        }
        Ok(())
    }
}

/// Collects what a section finds wrong with itself. The loader adds file and line by the key.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

/// One finding of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The setting's full path, e.g. `channels.telegram.0.token`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
    /// Whether it only deserves a warning.
    pub warning: bool,
}

impl Findings {
    /// Notes an error with a setting, unless it is `fine`.
    pub fn check(&mut self, fine: bool, key: &str, message: &str, hint: &str) {
        if !fine {
            self.push(key, message, hint, false);
        }
    }

    /// Notes something valid that the operator should know.
    pub fn warn(&mut self, fine: bool, key: &str, message: &str, hint: &str) {
        if !fine {
            self.push(key, message, hint, true);
        }
    }

    fn push(&mut self, key: &str, message: &str, hint: &str, warning: bool) {
        self.0.push(Finding {
            key: key.to_owned(),
            message: message.to_owned(),
            hint: hint.to_owned(),
            warning,
        });
    }
}

/// A value that never shows in a log. The loader has already read `env:NAME` and `file:PATH`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() {
            "Secret(empty)"
        } else {
            "Secret(…)"
        })
    }
}

/// The `[engines]` section.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnginesConfig {
    /// `embedded`, or `amqp://…` / `amqps://…`.
    pub broker: Secret,
    /// `embedded`, or `redis://…`, `rediss://…`, `redis+sentinel://…`, `redis+cluster://…`.
    pub sessions: Secret,
    /// `sqlite:PATH`, or `postgres://…`.
    pub store: Secret,
    /// Where embedded engines keep their files.
    pub data_dir: PathBuf,
    /// How many parts each topic has.
    pub partitions: u16,
    /// `quorum` or `classic`.
    pub queue_type: QueueType,
}

/// The type of RabbitMQ queues.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueType {
    /// Replicated.
    #[default]
    Quorum,
    /// For a single node.
    Classic,
}

impl Default for EnginesConfig {
    fn default() -> Self {
        Self {
            broker: Secret::new("embedded"),
            sessions: Secret::new("embedded"),
            store: Secret::new("sqlite:data/zapis.db"),
            data_dir: PathBuf::from("data"),
            partitions: 16,
            queue_type: QueueType::Quorum,
        }
    }
}

impl EnginesConfig {
    /// Whether the queue lives in this process.
    pub fn embedded_broker(&self) -> bool {
        self.broker.expose() == "embedded"
    }

    /// Whether the sessions live in this process.
    pub fn embedded_sessions(&self) -> bool {
        self.sessions.expose() == "embedded"
    }

    /// Notes what is out of range.
    pub fn check(&self, findings: &mut Findings) {
        let known = |value: &str, schemes: &[&str]| {
            value == "embedded" || schemes.iter().any(|scheme| value.starts_with(scheme))
        };
        findings.check(
            known(self.broker.expose(), &["amqp://", "amqps://"]),
            "engines.broker",
            "no such queue",
            "use \"embedded\" or \"amqp://user:password@host:5672/vhost\"",
        );
        let redis = [
            "redis://",
            "rediss://",
            "redis+sentinel://",
            "rediss+sentinel://",
            "redis+cluster://",
            "rediss+cluster://",
        ];
        findings.check(
            known(self.sessions.expose(), &redis),
            "engines.sessions",
            "no such session engine",
            "use \"embedded\", \"redis://host:6379/0\", \"redis+sentinel://host:26379/master/0\" or \"redis+cluster://host:7000\"",
        );
        let store = self.store.expose();
        let stores = ["sqlite:", "postgres://", "postgresql://"];
        findings.check(
            stores.iter().any(|scheme| store.starts_with(scheme)),
            "engines.store",
            "no such store",
            "use \"sqlite:data/zapis.db\" or \"postgres://user:password@host/db\"",
        );
        findings.check(
            (1..=256).contains(&self.partitions),
            "engines.partitions",
            "out of range",
            "use 1 to 256; 16 suits nearly everybody",
        );
    }
}
