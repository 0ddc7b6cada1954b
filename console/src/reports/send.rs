//! Sends what comes by itself: each report once to each who gets it, by one process at a time.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use zapis_core::board::Board;
use zapis_core::broker::{Broker, BrokerError};
use zapis_core::event::{Event, Kind};
use zapis_core::intake::outbound_message;
use zapis_core::message::{Content as Said, ConversationId, Fence, Outbound};
use zapis_core::store::{Store, StoreError};
use zapis_core::trace::{TraceParent, step};
use zapis_core::{Clock, causes, ids};
use zapis_workers::content::Live;
use zapis_workers::kpi::FollowError;
use zapis_workers::kpi::bands::{OutOfBand, out_of_band};
use zapis_workers::kpi::targets::KpiConfig;
use zapis_workers::llm::LlmConfig;

use super::alerts::{News, compared, keep_raised, link_of, raised, snoozed, words_of};
use super::config::time;
use super::{
    Composer, Destination, Line, MESSAGE, MailError, Mailer, Part, Report, ReportsConfig, Which,
};
use crate::texts;

/// How often is looked whether something is due.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often is looked whether something is out of its band.
const WATCH_EVERY: TimeDelta = TimeDelta::minutes(15);
/// What could not be told for so long is not told any more.
const MISSED: TimeDelta = TimeDelta::hours(12);
/// Who tells, among processes.
const LEASE: &str = "reports";
/// How long another process waits for one that died.
const HELD: Duration = Duration::from_mins(1);
/// How often it says that it lives.
const RENEWED: TimeDelta = TimeDelta::seconds(20);
/// How long it rests after something could not be told.
const REST: TimeDelta = TimeDelta::seconds(15);
/// How the mail server does, by the name under which it is told.
pub(crate) const MAIL: &str = "mail";
/// From which part of the day's budget on it is told.
const MOST: f64 = 0.8;

/// Tells what comes by itself.
#[derive(Debug)]
pub struct Reporter {
    /// Where everything is.
    pub store: Store,
    /// Where messages go.
    pub broker: Arc<dyn Broker>,
    /// What the firm knows.
    pub content: Live,
    /// The staff's own groups: no chats with customers. The first hears what is for the staff.
    pub desks: Vec<ConversationId>,
    /// The owner's own chat with the bot, where there is one.
    pub owner: Option<ConversationId>,
    /// Who gets what, and when.
    pub config: ReportsConfig,
    /// Where letters go out.
    pub mailer: Option<Mailer>,
    /// What figures are measured against.
    pub kpi: KpiConfig,
    /// The budget of the language models.
    pub models: LlmConfig,
    /// How the console is reached from outside.
    pub public_url: String,
    /// The time.
    pub clock: Clock,
    /// Names this process among those that could tell.
    pub holder: String,
}

/// When this process did something last.
#[derive(Debug, Default)]
struct Last {
    leased: Option<DateTime<Utc>>,
    failed: Option<DateTime<Utc>>,
    watched: Option<DateTime<Utc>>,
}

/// Why something was not told. The next round does what is left.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("what is to be told cannot be read")]
    Store(#[from] StoreError),
    #[error("the figures cannot be read")]
    Figures(#[from] FollowError),
    #[error("a message could not be published")]
    Broker(#[from] BrokerError),
    #[error("a letter could not be sent")]
    Mail(#[from] MailError),
    #[error("it was broken off")]
    BrokenOff,
}

impl Reporter {
    /// Tells until asked to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut moves = self.clock.moves();
        let mut last = Last::default();
        while !stop.is_cancelled() {
            // A round is not broken off: what was told is noted.
            self.round(&mut last).await;
            tokio::select! {
                () = stop.cancelled() => break,
                () = moves.within(LOOK_EVERY) => {}
            }
        }
        // Another process takes over at once, or a minute later.
        drop(self.store.release(LEASE, &self.holder).await);
    }

    async fn round(&self, last: &mut Last) {
        let now = self.clock.now();
        // A clock that was put back holds nothing up.
        let is_due = |last: Option<DateTime<Utc>>, every: TimeDelta| {
            last.is_none_or(|last| (now - last).abs() >= every)
        };
        if is_due(last.leased, RENEWED) {
            let ours = self.store.lease(LEASE, &self.holder, HELD, now).await;
            last.leased = matches!(ours, Ok(true)).then_some(now);
        }
        if last.leased.is_none() {
            return;
        }
        if is_due(last.failed, REST) {
            let told = self.due(now).await;
            last.failed = told.is_err().then_some(now);
            if let Err(error) = told {
                warn!(error = %causes(&error), "A report could not be told; it is tried again");
            }
        }
        if is_due(last.watched, WATCH_EVERY) {
            last.watched = Some(now);
            if let Err(error) = self.watch(now).await {
                warn!(error = %causes(&error), "Not everybody could be told what is not as usual");
            }
        }
    }

    fn composer(&self) -> Composer {
        Composer {
            store: self.store.clone(),
            content: self.content.now(),
            desks: self.desks.clone(),
            kpi: self.kpi.clone(),
            language: self.config.language,
        }
    }

    async fn composed(
        &self,
        which: Which,
        first: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Report, RoundError> {
        let composer = self.composer();
        beside(async move { composer.report(which, first, now).await }).await
    }

    /// Tells every report whose time has come to everybody who has not got it. One destination that fails keeps no
    /// other one from it.
    async fn due(&self, now: DateTime<Utc>) -> Result<(), RoundError> {
        let zone = self.content.now().business.time_zone;
        let mut failed = None;
        for which in Which::ALL {
            let (to, at) = match which {
                Which::Daily => (&self.config.daily, &self.config.daily_at),
                Which::Weekly => (&self.config.weekly, &self.config.weekly_at),
                Which::Monthly => (&self.config.monthly, &self.config.weekly_at),
            };
            let (first, since) = which.told_by(now, zone, minute_of(at));
            let mut report = None;
            for to in to {
                let name = format!("report {} {}", which.name(), to.name());
                let known = self.store.value(&name).await?;
                let of = which.called(first);
                // Whoever is new to it gets the next one, and nobody one that is long over.
                let is_new = known.is_none() || now - since > MISSED;
                if known.as_ref() == Some(&of) {
                    continue;
                }
                if !is_new {
                    let report = match &mut report {
                        Some(report) => report,
                        none => none.insert(self.composed(which, first, now).await?),
                    };
                    let key = format!("{}:{of}", which.name());
                    if let Err(error) = self.tell(*to, report, &key, now).await {
                        failed = Some(error);
                        continue;
                    }
                    self.note(&key, *to, now).await?;
                }
                self.store.set_value(&name, &of).await?;
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Tells one of them; the same key is one message, however often it is told.
    async fn tell(
        &self,
        to: Destination,
        report: &Report,
        key: &str,
        now: DateTime<Utc>,
    ) -> Result<(), RoundError> {
        let chat = match to {
            Destination::Staff => self.desks.first(),
            Destination::Owner => self.owner.as_ref(),
            Destination::Email => return self.mail(report, key, now).await,
        };
        let Some(chat) = chat else {
            return Ok(());
        };
        let messages = report.messages(&self.public_url, MESSAGE);
        let trace = TraceParent::start().begun_by(&step("reports", "producer", None));
        let batch = messages.into_iter().enumerate().map(|(n, text)| {
            let board = Board {
                key: format!("report:{key}:{n}"),
                text,
                buttons: Vec::new(),
                only_rewrites: false,
            };
            Outbound {
                id: ids::derive(&["report", chat.as_str(), &board.key]),
                conversation: chat.clone(),
                turn: None,
                answers: Vec::new(),
                fence: Fence::Staff,
                content: Said::Board(Box::new(board)),
                language: self.config.language.code().to_owned(),
                purpose: None,
                customer_wrote_at: None,
                at: now,
                trace: trace.child(),
            }
        });
        let batch: Vec<Outbound> = batch.collect();
        self.broker.publish(vec![outbound_message(&batch)]).await?;
        Ok(())
    }

    /// Sends a letter. Whether the server took one whose answer was lost nobody knows: it is sent again under the same
    /// id.
    async fn mail(&self, report: &Report, key: &str, now: DateTime<Utc>) -> Result<(), RoundError> {
        let Some(mailer) = &self.mailer else {
            return Ok(());
        };
        let id = ids::derive(&["letter", key]).to_string();
        let language = self.config.language;
        match mailer.send(report, &self.public_url, language, &id).await {
            Ok(()) => {
                self.store.works(MAIL, now);
                Ok(())
            }
            Err(error) => {
                self.store.fails(MAIL, &error.to_string(), now);
                Err(error.into())
            }
        }
    }

    /// The journal tells that it was told.
    async fn note(&self, key: &str, to: Destination, now: DateTime<Utc>) -> Result<(), StoreError> {
        let id = ids::derive(&["report told", key, to.name()]);
        let mut event = Event::new(id, Kind::System, now);
        event.action = Some("report".into());
        event.outcome = Some("sent".into());
        event.reason = Some(format!("{key} {}", to.name()));
        self.store.journal(&[event], &[]).await
    }

    /// Looks for what is not as usual, and tells it.
    async fn watch(&self, now: DateTime<Utc>) -> Result<(), RoundError> {
        let zone = self.content.now().business.time_zone;
        let store = self.store.clone();
        let mut out = beside(async move { out_of_band(&store, zone, now).await }).await?;
        out.extend(self.budget(now).await?);
        for id in ALERTS {
            let is_out = out.iter().any(|one| one.id == id);
            let level = if is_out { 1.0 } else { 0.0 };
            metrics::gauge!("zapis_figure_out_of_band", "figure" => id).set(level);
        }
        let known = raised(&self.store).await?;
        let quiet = snoozed(&self.store).await?;
        let (mut alerts, news, events) = compared(&known, &quiet, out, now);
        let mut failed = None;
        for one in &news {
            let Err(error) = self.tell_alert(one, now).await else {
                continue;
            };
            failed = Some(error);
            // It is told again; whoever has heard of it gets nothing twice, because it is the same message.
            if let News::Raised(id, _) = one
                && let Some(alert) = alerts.get_mut(id)
            {
                alert.told_at = known.get(id).and_then(|before| before.told_at);
            }
        }
        if !events.is_empty() {
            self.store.journal(&events, &[]).await?;
        }
        keep_raised(&self.store, &alerts).await?;
        failed.map_or(Ok(()), Err)
    }

    /// Tells everybody; an alert that goes on is another message every day.
    async fn tell_alert(&self, news: &News, now: DateTime<Utc>) -> Result<(), RoundError> {
        let report = self.alert(news);
        let key = match news {
            News::Raised(id, alert) => {
                let (began, day) = (alert.began_at, (now - alert.began_at).num_days());
                format!("alert:{id}:{}:{day}", began.timestamp())
            }
            News::Ended(id, alert) => format!("ended:{id}:{}", alert.began_at.timestamp()),
        };
        let mut told = Ok(());
        for to in &self.config.alerts {
            let done = self.tell(*to, &report, &key, now).await;
            told = told.and(done);
        }
        told
    }

    /// An alert as a report of its own.
    fn alert(&self, news: &News) -> Report {
        let (title, id, alert) = match news {
            News::Raised(id, alert) => ("alert-title", id, alert),
            News::Ended(id, alert) => ("alert-over", id, alert),
        };
        let zone = self.content.now().business.time_zone;
        let language = self.config.language;
        let words = words_of(language, id, alert, zone);
        let mut lines = vec![Line::new(words, Some(link_of(id)))];
        if matches!(news, News::Raised(..)) {
            let quiet = texts::say(language, "alert-quiet").to_owned();
            lines.push(Line::new(quiet, Some("/console/reports#alerts".to_owned())));
        }
        let part = Part {
            title: texts::say(language, "report_part-alerts").to_owned(),
            lines,
        };
        Report {
            report: Which::Daily,
            of: String::new(),
            title: texts::say(language, title).to_owned(),
            parts: vec![part],
        }
    }

    /// The day's budget of the language models, where most of it is used up.
    #[expect(
        clippy::cast_precision_loss,
        reason = "below 2^53 nothing is lost, and it is shown in three digits"
    )]
    async fn budget(&self, now: DateTime<Utc>) -> Result<Option<OutOfBand>, StoreError> {
        let LlmConfig {
            daily_tokens,
            daily_money,
            ..
        } = self.models;
        let spent = self.store.spent_in_all(now.date_naive()).await?;
        let part = |spent: f64, most: f64| if most > 0.0 { spent / most } else { 0.0 };
        let tokens = part(spent.tokens as f64, daily_tokens as f64);
        let share = tokens.max(part(spent.micros as f64 / 1e6, daily_money));
        Ok((share >= MOST).then(|| OutOfBand::of_share("budget", share, 1.0)))
    }
}

/// Thinks on a thread of its own: what weeks hold takes seconds to be thought through.
async fn beside<T: Send + 'static>(
    thought: impl Future<Output = Result<T, FollowError>> + Send + 'static,
) -> Result<T, RoundError> {
    let here = Handle::current();
    let thought = spawn_blocking(move || here.block_on(thought)).await;
    Ok(thought.map_err(|_| RoundError::BrokenOff)??)
}

/// Everything that can be out of its band.
const ALERTS: [&str; 8] = [
    "answered",
    "automated",
    "budget",
    "confidence",
    "escalated",
    "negative",
    "no_bookings",
    "no_enquiries",
];

fn minute_of(text: &str) -> u32 {
    let time: NaiveTime = time(text).unwrap_or_default();
    time.hour() * 60 + time.minute()
}
