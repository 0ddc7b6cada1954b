//! Figures of a month out of a year of a salon, and how fast the journal is followed: on the configured store, and on
//! SQLite as well where that is a PostgreSQL.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use zapis_core::Clock;
use zapis_core::config::EnginesConfig;
use zapis_sandbox::year::{ARMS, GROUP, Year};
use zapis_workers::desk::Desks;
use zapis_workers::kpi::Follower;
use zapis_workers::kpi::figures::{By, Counted, tried};

use super::ground::{Ground, is_postgres};
use super::report::{Goal, Report};
use crate::cli::Bench;
use crate::config::Loaded;

/// Lines of the journal that a customer's story has, on average.
const LINES: usize = 14;
/// The month that is counted: the last whole one in which nearly all is known.
const MONTH: (i64, i64) = (304, 334);

/// `zapis bench kpi`
pub(super) async fn kpi(loaded: &Loaded, bench: &Bench) -> anyhow::Result<Report> {
    let configured = &loaded.config.engines;
    let mut report = Report::default();
    if is_postgres(configured) {
        on(configured, "PostgreSQL", 2.0, bench, &mut report).await?;
    }
    let embedded = EnginesConfig {
        data_dir: configured.data_dir.clone(),
        ..EnginesConfig::default()
    };
    on(&embedded, "SQLite", 5.0, bench, &mut report).await?;
    Ok(report)
}

async fn on(
    engines: &EnginesConfig,
    name: &str,
    goal: f64,
    bench: &Bench,
    report: &mut Report,
) -> anyhow::Result<()> {
    let ground = Ground::open(engines).await?;
    let store = &ground.engines.store;
    let begins = DateTime::UNIX_EPOCH + TimeDelta::days(20_454);
    let stories = u32::try_from(bench.messages / LINES)?;
    let mut year = Year::new(1, stories, begins);
    let lines = year.write(store, DateTime::<Utc>::MAX_UTC).await?;
    // The truth about it is tested elsewhere.
    drop(year);
    let lines = f64::from(u32::try_from(lines)?);
    let follower = Follower {
        store: store.clone(),
        desks: Desks::new([GROUP.parse()?]),
        clock: Clock::fixed(begins),
    };
    let began = Instant::now();
    follower.catch_up().await?;
    let rate = lines / began.elapsed().as_secs_f64();

    let (first, last) = MONTH;
    let month = begins + TimeDelta::days(first)..begins + TimeDelta::days(last);
    let began = Instant::now();
    let counted = Counted::of(store, &month).await?;
    let read = began.elapsed().as_secs_f64();
    let groups = counted.figures(
        Some(By::Channel),
        chrono_tz::Europe::Moscow,
        begins + TimeDelta::days(365),
    );
    let took = began.elapsed().as_secs_f64();
    anyhow::ensure!(groups.len() > 1, "nothing was counted");
    let began = Instant::now();
    let in_trial = tried(store, ARMS[1]).await?.len();
    let sought = began.elapsed().as_secs_f64();
    ground.close().await?;
    let dialogues = counted.dialogues.len();
    let what = format!("{name}: lines of the journal followed, of {lines:.0}");
    report.plain(&what, "1/s", rate, None);
    let what = format!("{name}: figures of a month of {dialogues} dialogues");
    report.plain(&what, "s", took, Some(Goal::AtMost(goal)));
    report.plain(&format!("{name}: of that, reading"), "s", read, None);
    let what = format!("{name}: {in_trial} dialogues of an arm found");
    report.plain(&what, "s", sought, None);
    Ok(())
}
