//! The whole path of a message: accepted, answered from the firm's knowledge, claimed, sent to a
//! messenger that takes everything at once, recorded, journalled; next to a loop of bare clients over
//! the same engines that thinks nothing.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::Router;
use serde_json::value::RawValue;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zapis_channels::{Channel, Probe, SendError, Sent};
use zapis_core::broker::Topic;
use zapis_core::intake::{Arrival, Intake};
use zapis_core::message::{ConversationId, Inbound, Outbound, Profile, What};
use zapis_core::sessions::Rate;
use zapis_core::trace::TraceParent;

use super::bare::{self, BareLoop, Sizes};
use super::ground::Ground;
use super::load::{Marks, Outcome, Pace, Subject, drive};
use super::report::{Goal, Report};
use super::webhook;
use crate::app::{Roles, start_workers};
use crate::cli::{Bench, WorkerName};
use crate::config::Loaded;

/// What every customer asks: a fact of the shipped firm.
const QUESTION: &str = "Сколько стоит мужская стрижка?";

/// The name of the messenger that takes everything.
pub(super) const CHANNEL: &str = "bench";

/// How many messages are under way at once when as much as possible is wanted.
const UNDER_WAY: usize = 512;

/// The customer whose messenger stalls.
const STALLED: &str = "stalled";

/// How long it does.
const STALL: Duration = Duration::from_secs(30);

/// How long the journal stands still when it is written.
const QUIET: Duration = Duration::from_millis(500);

/// The messenger that takes everything at once, except from the conversation that stalls.
#[derive(Debug, Default)]
struct Mouth {
    marks: ArcSwap<Marks>,
}

impl Default for Marks {
    fn default() -> Self {
        Self::new(0, 0)
    }
}

#[async_trait]
impl Channel for Mouth {
    fn name(&self) -> &'static str {
        CHANNEL
    }

    fn routes(&self) -> Router {
        Router::new()
    }

    async fn listen(&self, _stop: CancellationToken) {}

    fn limits(&self, _outbound: &Outbound) -> Vec<(String, Rate)> {
        Vec::new()
    }

    async fn send(&self, outbound: &Outbound) -> Result<Sent, SendError> {
        if outbound.conversation.peer() == STALLED {
            tokio::time::sleep(STALL).await;
        }
        let marks = self.marks.load();
        for n in outbound.answers.iter().filter_map(|id| id.parse().ok()) {
            marks.finish(n);
        }
        Ok(Sent {
            provider_id: Some(outbound.id.to_string()),
        })
    }

    fn doubt(&self) -> Duration {
        Duration::ZERO
    }

    async fn probe(&self) -> Vec<Probe> {
        Vec::new()
    }
}

/// The product, with its real workers, between the bench's customers and its messenger.
pub(super) struct Ours {
    pub(super) ground: Ground,
    pub(super) conversations: usize,
    intake: Intake,
    mouth: Arc<Mouth>,
    raw: Box<RawValue>,
    stop: CancellationToken,
    tasks: tokio::sync::Mutex<JoinSet<anyhow::Result<()>>>,
}

impl Ours {
    pub(super) async fn start(
        loaded: &Loaded,
        conversations: usize,
        coalesce_ms: u32,
    ) -> anyhow::Result<Arc<Self>> {
        let ground = Ground::open(&loaded.config.engines).await?;
        let mut config = loaded.config.clone();
        config.dialogue.coalesce_ms = coalesce_ms;
        config.channels.telegram = Vec::new();
        let mouth = Arc::new(Mouth::default());
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        start_workers(
            &mut tasks,
            &Roles::workers(vec![
                WorkerName::Answer,
                WorkerName::Send,
                WorkerName::Journal,
            ]),
            &config,
            &loaded.folder,
            &[Arc::clone(&mouth) as Arc<dyn Channel>],
            &ground.engines,
            &stop,
        )
        .await?;
        let intake = Intake::new(
            Arc::clone(&ground.engines.broker),
            ground.engines.store.clone(),
            ground.engines.clock.clone(),
        );
        Ok(Arc::new(Self {
            ground,
            conversations,
            intake,
            mouth,
            raw: RawValue::from_string(webhook::message(0, 0, QUESTION).to_string())?,
            stop,
            tasks: tokio::sync::Mutex::new(tasks),
        }))
    }

    /// Lets `count` messages through, numbered from `first`.
    pub(super) async fn run(
        self: &Arc<Self>,
        first: usize,
        count: usize,
        pace: Pace,
    ) -> anyhow::Result<Outcome> {
        let marks = Arc::new(Marks::new(first, count));
        self.mouth.marks.store(Arc::clone(&marks));
        let subject = Arc::clone(self) as Arc<dyn Subject>;
        drive(&subject, &marks, pace).await
    }

    /// Hands one message over as a channel does.
    async fn hand_over(&self, id: String, conversation: ConversationId) -> anyhow::Result<()> {
        let now = self.ground.engines.clock.now();
        let inbound = Inbound {
            id,
            conversation,
            at: now,
            received_at: now,
            profile: Profile {
                name: Some("Анна".to_owned()),
                ..Profile::default()
            },
            what: What::Text {
                text: QUESTION.to_owned(),
            },
            raw: Some(self.raw.clone()),
            trace: TraceParent::start(),
        };
        let arrival = Arrival::Inbound {
            inbound: Box::new(inbound),
            ownership: None,
        };
        Ok(self.intake.accept(vec![arrival]).await?)
    }

    /// What one message weighs at each step.
    pub(super) async fn sizes(&self) -> anyhow::Result<Sizes> {
        let someone = conversation(&self.ground, 1)?;
        let session = self.ground.engines.sessions.load(&someone).await?;
        let lines = self.ground.engines.store.events_of(&someone, 3).await?;
        let sample = |topic: &Topic| self.ground.broker.sample(topic).len();
        Ok(Sizes {
            inbound: sample(&Topic::inbound()),
            outbound: sample(&Topic::outbound(CHANNEL)),
            turn_journal: serde_json::to_vec(&lines)?.len(),
            session: session.map_or(0, |saved| saved.body.len()),
        })
    }

    pub(super) async fn stop(self: Arc<Self>) -> anyhow::Result<()> {
        self.stop.cancel();
        while let Some(ended) = self.tasks.lock().await.join_next().await {
            ended.context("a worker broke")??;
        }
        let Ok(ours) = Arc::try_unwrap(self) else {
            anyhow::bail!("the bench still runs");
        };
        for k in 0..ours.conversations {
            let someone = conversation(&ours.ground, k)?;
            ours.ground.engines.sessions.forget(&someone).await?;
        }
        ours.ground.close().await
    }
}

/// Customer `k` of a bench: Redis keeps those of others.
pub(super) fn conversation(ground: &Ground, k: impl Display) -> anyhow::Result<ConversationId> {
    Ok(ConversationId::new(
        CHANNEL,
        &ground.prefix,
        &k.to_string(),
    )?)
}

#[async_trait]
impl Subject for Ours {
    async fn accept(&self, n: usize) -> anyhow::Result<()> {
        let conversation = conversation(&self.ground, n % self.conversations)?;
        self.hand_over(n.to_string(), conversation).await
    }

    /// The journal comes last: it is written once its end has stood still for a while.
    async fn settled(&self) -> anyhow::Result<Instant> {
        let store = &self.ground.engines.store;
        let mut end = (store.last_event_position().await?, Instant::now());
        while end.1.elapsed() < QUIET {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let position = store.last_event_position().await?;
            if position != end.0 {
                end = (position, Instant::now());
            }
        }
        Ok(end.1)
    }
}

/// `zapis bench path`
pub(super) async fn path(loaded: &Loaded, bench: &Bench) -> anyhow::Result<Report> {
    let (count, conversations) = (bench.messages, bench.conversations);
    let ours = Ours::start(loaded, conversations, 0).await?;
    // Once before: files, pages and caches as they are in a program that has been running.
    ours.run(0, count, Pace::UnderWay(UNDER_WAY)).await?;
    let most = ours.run(count, count, Pace::UnderWay(UNDER_WAY)).await?;
    let half = most.per_second / 2.0;
    let calm = ours.run(2 * count, count, Pace::Rate(half)).await?;
    let sizes = ours.sizes().await?;
    ours.stop().await?;

    let patient = Ours::start(loaded, conversations.max(5_000), 1_200).await?;
    let bursts = patient.run(0, count, Pace::Rate(half)).await?;
    patient.stop().await?;

    let (bare_most, bare_calm) = bare_path(loaded, bench, sizes, half).await?;
    let embedded = loaded.config.engines.embedded_broker();
    let mut report = Report::default();
    let goal = if embedded {
        Goal::AtLeast(2_500.0)
    } else {
        Goal::RatioAtLeast(0.6)
    };
    report.beside(
        "messages answered, as many as go",
        "1/s",
        most.per_second,
        bare_most.per_second,
        Some(goal),
    );
    report.beside(
        "processor time of a message",
        "µs",
        most.cpu_us,
        bare_most.cpu_us,
        None,
    );
    let at_half = |percent: &str| format!("accepted to sent at half of that, {percent}");
    report.beside(
        &at_half("p50"),
        "ms",
        calm.percentile_ms(50.0),
        bare_calm.percentile_ms(50.0),
        None,
    );
    report.beside(
        &at_half("p99"),
        "ms",
        calm.percentile_ms(99.0),
        bare_calm.percentile_ms(99.0),
        embedded.then_some(Goal::AtMost(60.0)),
    );
    report.plain(
        "the same, waiting 1200 ms for bursts",
        "1/s",
        bursts.per_second,
        None,
    );
    report.plain(
        "accepted to sent then, p99",
        "ms",
        bursts.percentile_ms(99.0),
        None,
    );
    Ok(report)
}

async fn bare_path(
    loaded: &Loaded,
    bench: &Bench,
    sizes: Sizes,
    half: f64,
) -> anyhow::Result<(Outcome, Outcome)> {
    let (count, conversations) = (bench.messages, bench.conversations);
    let ground = Ground::open(&loaded.config.engines).await?;
    let bare = BareLoop::start(&ground, conversations, sizes).await?;
    bare.run(0, count, Pace::UnderWay(UNDER_WAY)).await?;
    let most = bare.run(count, count, Pace::UnderWay(UNDER_WAY)).await?;
    let calm = bare.run(2 * count, count, Pace::Rate(half)).await?;
    bare.stop().await;
    bare::remove(&ground).await?;
    ground.close().await?;
    Ok((most, calm))
}

/// How often both are measured: a p99 is seldom the same twice.
const ROUNDS: usize = 3;

/// `zapis bench stall`
pub(super) async fn stall(loaded: &Loaded, bench: &Bench) -> anyhow::Result<Report> {
    let mut half = None;
    let (mut calm, mut stalled) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // In turns, so that neither is always measured on the fresher disk.
        for first in [true, false] {
            let stalls = first == (round % 2 == 1);
            let p99 = beside(loaded, bench, stalls, &mut half).await?;
            if stalls { &mut stalled } else { &mut calm }.push(p99);
        }
    }
    let median = |mut figures: Vec<f64>| {
        figures.sort_by(f64::total_cmp);
        figures[ROUNDS / 2]
    };
    let mut report = Report::default();
    report.beside(
        "accepted to sent beside a stalled conversation, p99",
        "ms",
        median(stalled),
        median(calm),
        Some(Goal::RatioAtMost(1.1)),
    );
    Ok(report)
}

/// The p99 at half of what goes, with a stalled conversation or without, each with the same history: files
/// that have grown longer are slower by themselves.
async fn beside(
    loaded: &Loaded,
    bench: &Bench,
    stalls: bool,
    half: &mut Option<f64>,
) -> anyhow::Result<f64> {
    let count = bench.messages;
    let ours = Ours::start(loaded, bench.conversations, 0).await?;
    let most = ours.run(0, count, Pace::UnderWay(UNDER_WAY)).await?;
    let rate = *half.get_or_insert(most.per_second / 2.0);
    // Its ids are no numbers, so it is none of those that are measured.
    for k in 0..if stalls { 20 } else { 0 } {
        let conversation = conversation(&ours.ground, STALLED)?;
        ours.hand_over(format!("{STALLED}-{k}"), conversation)
            .await?;
    }
    let outcome = ours.run(count, count, Pace::Rate(rate)).await?;
    ours.stop().await?;
    Ok(outcome.percentile_ms(99.0))
}
