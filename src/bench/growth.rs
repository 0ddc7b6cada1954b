//! What a message costs when there are many conversations, and when the journal is long.

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::json;
use uuid::Uuid;
use zapis_core::event::{Event, Kind};

use super::ground::Ground;
use super::load::{Outcome, Pace};
use super::path::{Ours, conversation};
use super::report::{Goal, Report};
use crate::cli::Bench;
use crate::config::Loaded;

const FEW: usize = 100;
const MANY: usize = 100_000;
const LINES: usize = 1_000_000;

/// Slow enough that messages of one conversation do not meet in one turn, which would be cheaper.
const RATE: f64 = 500.0;

/// How many lines are written at once.
const AT_ONCE: usize = 2_000;

/// `zapis bench growth`
pub(super) async fn growth(loaded: &Loaded, bench: &Bench) -> anyhow::Result<Report> {
    let small = cost(loaded, bench, FEW, 0).await?;
    let crowded = cost(loaded, bench, MANY, 0).await?;
    let old = cost(loaded, bench, FEW, LINES).await?;
    let mut report = Report::default();
    for (what, grown) in [
        (
            "processor time of a message, 100,000 conversations beside 100",
            crowded,
        ),
        (
            "processor time of a message, 1,000,000 lines of journal beside none",
            old,
        ),
    ] {
        report.beside(
            what,
            "µs",
            grown.cpu_us,
            small.cpu_us,
            Some(Goal::RatioAtMost(1.15)),
        );
    }
    Ok(report)
}

async fn cost(
    loaded: &Loaded,
    bench: &Bench,
    conversations: usize,
    lines: usize,
) -> anyhow::Result<Outcome> {
    let ours = Ours::start(loaded, conversations, 0).await?;
    lengthen(&ours.ground, lines).await?;
    // Everybody has written before.
    let known = conversations.max(10 * FEW);
    ours.run(0, known, Pace::UnderWay(64)).await?;
    let outcome = ours.run(known, bench.messages, Pace::Rate(RATE)).await?;
    ours.stop().await?;
    Ok(outcome)
}

/// Writes a journal of so many lines, of customers that are long gone.
async fn lengthen(ground: &Ground, lines: usize) -> anyhow::Result<()> {
    stream::iter((0..lines).step_by(AT_ONCE))
        .map(|first| async move {
            let events: Vec<Event> = (first..first + AT_ONCE)
                .map(|n| line(ground, n))
                .collect::<anyhow::Result<_>>()?;
            anyhow::Ok(ground.engines.store.journal(&events, &[]).await?)
        })
        .buffer_unordered(4)
        .try_collect()
        .await
}

fn line(ground: &Ground, n: usize) -> anyhow::Result<Event> {
    let now = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now());
    let mut event = Event::new(Uuid::new_v4(), Kind::Turn, now)
        .about(&conversation(ground, 10 * MANY + n % 5_000)?);
    event.turn_id = Some(Uuid::new_v4());
    event.customer_text = Some("Сколько стоит мужская стрижка?".to_owned());
    event.bot_response = Some("Мужская стрижка — 1 800 ₽, занимает 45 минут.".to_owned());
    event.sources = Some(json!([{"id": "service/haircut-men", "place": "business.toml"}]));
    Ok(event)
}
