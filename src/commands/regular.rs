//! `zapis report daily|weekly|monthly|targets`: what comes by itself, at any time.

use std::sync::Arc;

use anyhow::Context;
use chrono::TimeDelta;
use zapis_console::reports::{Composer, Which};
use zapis_core::Clock;
use zapis_core::store::Store;
use zapis_workers::content::Content;
use zapis_workers::kpi::Follower;
use zapis_workers::kpi::targets::progress;
use zapis_workers::words::Language;

use super::Failure;
use crate::app::{desks, staff_groups};
use crate::cli::PeriodArgs;
use crate::config::Loaded;
use crate::output::{self, Table};

/// Takes what is new in the journal into the figures.
async fn followed(loaded: &Loaded, store: &Store, clock: &Clock) -> Result<(), Failure> {
    let follower = Follower {
        store: store.clone(),
        desks: desks(&loaded.config),
        clock: clock.clone(),
    };
    let caught_up = follower.catch_up().await;
    Ok(caught_up.context("reading the journal")?)
}

/// Prints the report of a period: of the day given, or the last one that is over.
pub(super) async fn regular(
    loaded: &Loaded,
    store: &Store,
    which: Which,
    PeriodArgs { day, json }: PeriodArgs,
) -> Result<(), Failure> {
    let clock = Clock::system();
    followed(loaded, store, &clock).await?;
    let content = Content::of(&super::files(loaded, store).await?).map_err(Failure::Problems)?;
    let now = clock.now();
    let today = content.business.local(now).date_naive();
    let first = match (day, which) {
        (Some(day), _) => which.first(day),
        (None, Which::Daily) => today,
        (None, _) => which.first(which.first(today) - TimeDelta::days(1)),
    };
    let composer = Composer {
        store: store.clone(),
        content: Arc::new(content),
        desks: staff_groups(&loaded.config),
        kpi: loaded.config.kpi.clone(),
        language: loaded.config.reports.language,
    };
    let report = composer.report(which, first, now).await;
    let report = report.context("reading the figures")?;
    if json {
        return Ok(output::json(&report)?);
    }
    let text = report.text(&loaded.config.server.public_url);
    for line in text.replace("**", "").lines() {
        output::line(output::plain(line));
    }
    Ok(())
}

/// Prints how far each target is.
pub(super) async fn targets(loaded: &Loaded, store: &Store, json: bool) -> Result<(), Failure> {
    let clock = Clock::system();
    followed(loaded, store, &clock).await?;
    let firm = super::business(loaded, store).await?;
    let config = &loaded.config.kpi;
    let all = progress(config, store, firm.time_zone, clock.now()).await;
    let all = all.context("reading the figures")?;
    if json {
        return Ok(output::json(&all)?);
    }
    if all.is_empty() {
        output::line("There are no targets: write them as [[kpi.targets]] in zapis.toml.");
        return Ok(());
    }
    let mut table = Table::new(&[
        "figure",
        "before",
        "now",
        "difference, 95 %",
        "target",
        "by",
        "state",
    ]);
    for one in &all {
        let before = one.before.as_ref();
        let before = before.map(|before| before.told(Language::En));
        let difference = one.difference;
        let difference = difference.map(|difference| difference.told(one.unit, Language::En));
        table.row([
            one.target.figure.clone(),
            before.unwrap_or_default(),
            format!("{} (of {})", one.now.told(Language::En), one.now.of),
            difference.unwrap_or_default(),
            one.unit.told(one.target.value, Language::En),
            one.target.by.clone(),
            one.state.name().to_owned(),
        ]);
    }
    table.print();
    Ok(())
}
