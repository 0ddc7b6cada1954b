//! Figures of a month out of a year of dialogues, and how fast the journal is followed.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::event::{Event, Kind};
use zapis_core::message::ConversationId;
use zapis_core::store::{DialogueRow, Store};
use zapis_workers::desk::Desks;
use zapis_workers::kpi::Follower;
use zapis_workers::kpi::figures::{By, Counted};

use super::ground::Ground;
use super::report::{Goal, Report};
use crate::cli::Bench;
use crate::config::Loaded;

/// How many rows are written at once.
const AT_ONCE: usize = 5_000;
/// How many events are followed.
const FOLLOWED: usize = 20_000;
/// Events of one dialogue: a message, a turn, an answer, its delivery.
const KINDS: [Kind; 4] = [Kind::Inbound, Kind::Turn, Kind::Outbound, Kind::Delivery];

/// `zapis bench kpi`
pub(super) async fn kpi(loaded: &Loaded, bench: &Bench) -> anyhow::Result<Report> {
    let ground = Ground::open(&loaded.config.engines).await?;
    let store = &ground.engines.store;
    let now = Clock::system().now();
    let follower = Follower {
        store: store.clone(),
        desks: Desks::default(),
        clock: Clock::fixed(now),
    };
    for part in 0..FOLLOWED / 1_000 {
        let events: Vec<Event> = (part * 1_000..(part + 1) * 1_000)
            .map(|n| event(n, bench.conversations, now))
            .collect::<anyhow::Result<_>>()?;
        store.journal(&events, &[]).await?;
    }
    let began = Instant::now();
    follower.catch_up().await?;
    #[expect(clippy::cast_precision_loss, reason = "a number of events")]
    let rate = FOLLOWED as f64 / began.elapsed().as_secs_f64();

    a_year(store, bench.messages, bench.conversations, now).await?;
    let month = now - TimeDelta::days(30)..now;
    let began = Instant::now();
    let counted = Counted::of(store, &month).await?;
    let groups = counted.figures(Some(By::Channel), chrono_tz::UTC, now);
    let took = began.elapsed().as_secs_f64();
    anyhow::ensure!(groups.len() > 1, "nothing was counted");
    let shared = !loaded.config.engines.store.expose().starts_with("sqlite:");
    ground.close().await?;
    let mut report = Report::default();
    report.plain("events of the journal followed", "1/s", rate, None);
    report.plain(
        &format!(
            "figures of a month out of {} dialogues a year",
            bench.messages
        ),
        "s",
        took,
        Some(Goal::AtMost(if shared { 2.0 } else { 5.0 })),
    );
    Ok(report)
}

fn whose(n: usize, of: usize) -> anyhow::Result<ConversationId> {
    Ok(format!("telegram:bench:{}", n % of).parse()?)
}

fn event(n: usize, of: usize, now: DateTime<Utc>) -> anyhow::Result<Event> {
    let kind = KINDS[n % KINDS.len()];
    let mut event = Event::new(Uuid::new_v4(), kind, now).about(&whose(n / KINDS.len(), of)?);
    event.turn_id = Some(Uuid::nil());
    event.customer_text = (kind == Kind::Inbound).then(|| "…".to_owned());
    event.bot_response = (kind == Kind::Outbound).then(|| "…".to_owned());
    event.owner = Some("bot".to_owned());
    event.outcome = Some(
        if kind == Kind::Inbound {
            "text"
        } else {
            "sent"
        }
        .to_owned(),
    );
    Ok(event)
}

/// So many dialogues, spread evenly over a year.
async fn a_year(store: &Store, count: usize, of: usize, now: DateTime<Utc>) -> anyhow::Result<()> {
    let mut position = store.kpi_position().await?;
    let step = TimeDelta::days(365) / i32::try_from(count)?;
    let row = |n: usize| {
        let at = now - step * i32::try_from(n)?;
        let facts = json!({
            "started_at": at, "last_at": at, "messages": 3, "typed": 3, "bot_at": at, "replies": 3,
            "handoff_at": null, "intent": "price", "last_intent": "thanks", "confidence": 2.4, "decided": 3,
            "negative": false, "stars": null, "lead": false, "settled": false, "reopened": false,
            "tokens": 900, "cost": 0.01,
        });
        anyhow::Ok(DialogueRow {
            id: Uuid::new_v4().to_string(),
            conversation: whose(n, of)?,
            started_at: at,
            facts: facts.to_string(),
        })
    };
    for from in (0..count).step_by(AT_ONCE) {
        let rows = (from..(from + AT_ONCE).min(count)).map(row);
        let rows: Vec<DialogueRow> = rows.collect::<anyhow::Result<_>>()?;
        store.keep_kpi(position..position + 1, &rows, &[]).await?;
        position += 1;
    }
    Ok(())
}
