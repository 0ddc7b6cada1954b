//! Reports of errors to Sentry, or to what speaks its language. A report is an `error!` line of the
//! program: its words and fields, the role, the version. Digits that may be a phone and what may be an
//! address are taken out once more, though no line should hold them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use opentelemetry::trace::TraceContextExt;
use sentry_types::Dsn;
use sentry_types::protocol::v7::{Envelope, Event, Level, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::callsite::Identifier;
use tracing::debug;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::{Layer, Registry};
use zapis_channels::http;

use super::{AnyLayer, CALL};
use crate::config::ObservabilityConfig;

/// How many reports may wait; more are dropped.
const WAITING: usize = 64;

/// The same line is reported at most once in this time.
const AGAIN_AFTER: Duration = Duration::from_mins(1);

/// How long to rest when the other side asks to, where it does not say.
const REST: Duration = Duration::from_mins(1);

/// As many digits in a row may be a phone.
const PHONE_DIGITS: usize = 7;

enum Command {
    Report(Box<Event<'static>>),
    Flush(oneshot::Sender<()>),
}

/// The way to the task that sends.
#[derive(Debug)]
pub(super) struct Reports(mpsc::Sender<Command>);

impl Reports {
    /// Waits until everything reported before is sent, at most so long.
    pub(super) async fn flush(self, patience: Duration) {
        let (done, flushed) = oneshot::channel();
        let flush = async {
            self.0.send(Command::Flush(done)).await.ok();
            flushed.await.ok();
        };
        if timeout(patience, flush).await.is_err() {
            debug!("The last reports of errors were not sent");
        }
    }
}

/// Reports `error!` lines of the program.
pub(super) fn start(
    config: &ObservabilityConfig,
    role: &str,
) -> anyhow::Result<(AnyLayer, Reports)> {
    let dsn: Dsn = config
        .sentry_dsn
        .expose()
        .parse()
        .map_err(|_| anyhow::anyhow!("observability.sentry_dsn is no DSN"))?;
    let client = http::client("", CALL).context("making the HTTP client")?;
    let (commands, queue) = mpsc::channel(WAITING);
    tokio::spawn(send_all(client, dsn, queue));
    let layer = ReportErrors {
        role: role.to_owned(),
        commands: commands.clone(),
        reported: Mutex::default(),
    };
    let ours = filter_fn(|metadata| {
        metadata.is_event()
            && *metadata.level() == tracing::Level::ERROR
            && metadata.target().starts_with("zapis")
    });
    let layer = layer.with_filter(ours.with_max_level_hint(LevelFilter::ERROR));
    Ok((layer.boxed(), Reports(commands)))
}

struct ReportErrors {
    role: String,
    commands: mpsc::Sender<Command>,
    /// When each line was reported last.
    reported: Mutex<HashMap<Identifier, Instant>>,
}

impl ReportErrors {
    fn is_new(&self, line: Identifier) -> bool {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let last = reported.get(&line);
        let new = last.is_none_or(|last| now.duration_since(*last) > AGAIN_AFTER);
        if new {
            reported.insert(line, now);
        }
        new
    }
}

impl Layer<Registry> for ReportErrors {
    fn on_event(&self, event: &tracing::Event<'_>, _context: Context<'_, Registry>) {
        if !self.is_new(event.metadata().callsite()) {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = fields.0.remove("message");
        let mut report = Event {
            level: Level::Error,
            message,
            logger: Some(event.metadata().target().to_owned()),
            platform: "native".into(),
            release: Some(concat!("zapis@", env!("CARGO_PKG_VERSION")).into()),
            ..Event::default()
        };
        let extra = fields.0.into_iter();
        report.extra = extra
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect();
        report.tags.insert("role".to_owned(), self.role.clone());
        let trace = opentelemetry::Context::current();
        let trace = trace.span().span_context().clone();
        if trace.is_valid() {
            let id = trace.trace_id().to_string();
            report.tags.insert("trace_id".to_owned(), id);
        }
        // Full: the trouble is known by now.
        self.commands.try_send(Command::Report(report.into())).ok();
    }
}

/// What a line says, scrubbed.
#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), scrubbed(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), scrubbed(&format!("{value:?}")));
    }
}

/// Without what may be a phone (many digits, with what is written between them) or an address (a word
/// with an `@`).
fn scrubbed(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace);
    let without_addresses = words.map(|word| match word.contains('@') {
        true if word.ends_with(char::is_whitespace) => "… ",
        true => "…",
        false => word,
    });
    let text: String = without_addresses.collect();
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit() || c == '+') {
        clean.push_str(&rest[..start]);
        rest = &rest[start..];
        let written = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | ' ' | '(' | ')');
        let end = rest.find(|c| !written(c)).unwrap_or(rest.len());
        let last = rest[..end].rfind(|c: char| c.is_ascii_digit());
        let end = last.map_or(end, |last| last + 1);
        let run = &rest[..end];
        if run.bytes().filter(u8::is_ascii_digit).count() >= PHONE_DIGITS {
            clean.push('…');
        } else {
            clean.push_str(run);
        }
        rest = &rest[end..];
    }
    clean + rest
}

async fn send_all(client: reqwest::Client, dsn: Dsn, mut queue: mpsc::Receiver<Command>) {
    let url = dsn.envelope_api_url();
    let agent = concat!("zapis/", env!("CARGO_PKG_VERSION"));
    let auth = dsn.to_auth(Some(agent)).to_string();
    let mut rests_until: Option<tokio::time::Instant> = None;
    while let Some(command) = queue.recv().await {
        let report = match command {
            Command::Report(report) => *report,
            Command::Flush(done) => {
                done.send(()).ok();
                continue;
            }
        };
        if rests_until.is_some_and(|until| tokio::time::Instant::now() < until) {
            continue;
        }
        let mut body = Vec::new();
        if Envelope::from(report).to_writer(&mut body).is_err() {
            continue;
        }
        let request = client
            .post(url.as_str())
            .header("X-Sentry-Auth", &auth)
            .header("Content-Type", "application/x-sentry-envelope")
            .body(body);
        match request.send().await {
            Ok(answer) if answer.status().as_u16() == 429 => {
                let asked = answer.headers().get("retry-after");
                let asked = asked.and_then(|value| value.to_str().ok()?.parse().ok());
                let rest = asked.map_or(REST, Duration::from_secs);
                rests_until = Some(tokio::time::Instant::now() + rest);
            }
            Ok(answer) => debug!(status = answer.status().as_u16(), "Reported an error"),
            // No `error!`, which would be reported in its turn.
            Err(error) => debug!(error = %error.without_url(), "An error was not reported"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_and_addresses_are_taken_out_and_codes_stay() {
        for (text, clean) in [
            ("call +7 (921) 999-88-77 now", "call … now"),
            ("79219998877", "…"),
            ("write anna@salon.example soon", "write … soon"),
            ("code 131047, 5 attempts", "code 131047, 5 attempts"),
            ("src/app.rs:12:5", "src/app.rs:12:5"),
        ] {
            assert_eq!(scrubbed(text), clean);
        }
    }
}
