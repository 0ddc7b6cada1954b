//! `zapis knowledge gaps`: what customers asked and got no good answer to.

use std::sync::Arc;

use anyhow::Context;
use zapis_core::store::Store;
use zapis_workers::content::{Content, Files};
use zapis_workers::knowledge::Knowledge;
use zapis_workers::kpi::figures::Unit;
use zapis_workers::report::{self, Gaps, Group};
use zapis_workers::words::Language;

use super::{Failure, past};
use crate::output;

/// `zapis knowledge gaps …`, beside what the bot knows.
pub(super) async fn gaps(
    store: &Store,
    files: &Files,
    known: Knowledge,
    days: u16,
    limit: usize,
    json: bool,
) -> Result<(), Failure> {
    let mut content = Content::of(files).map_err(Failure::Problems)?;
    content.knowledge = Arc::new(known);
    let span = past(days);
    let mut gaps = Gaps::new(&content);
    report::read(store, &Gaps::KINDS, &span, |event| gaps.take(event))
        .await
        .context("reading the journal")?;
    let today = content.business.local(span.end).date_naive();
    let (mut groups, left_out) = gaps.groups(today);
    if left_out > 0 {
        output::complain(format!(
            "{left_out} older questions are left out: ask for fewer days to see them"
        ));
    }
    report::repaired(store, &mut groups, &content.knowledge)
        .await
        .context("reading the versions of the knowledge")?;
    let repairs = report::repair_time(&groups);
    groups.truncate(limit);
    if json {
        return Ok(output::json(&groups)?);
    }
    if groups.is_empty() {
        output::line("Nothing was left without a good answer.");
    }
    for group in &groups {
        let last = content.business.local(group.last_at);
        tell(group, &last.format("%Y-%m-%d %H:%M").to_string());
    }
    if let Some((time, count)) = repairs {
        let time = Unit::Seconds.told(time.as_seconds_f64(), Language::En);
        output::line(format!(
            "Answered by now: {count}, half of them within {time} of the first question"
        ));
    }
    Ok(())
}

fn tell(group: &Group, last: &str) {
    let Group {
        count, customers, ..
    } = group;
    let why = group.why.iter();
    let why: Vec<String> = why.map(|(why, count)| format!("{why} {count}")).collect();
    output::line(format!("«{}»", output::plain(&group.question)));
    output::line(format!(
        "  customers {customers}, questions {count}, last {last}, because {}",
        why.join(", ")
    ));
    for example in group.examples.iter().skip(1) {
        output::line(format!("  also     «{}»", output::plain(example)));
    }
    if let Some(answer) = &group.answer {
        output::line(format!("  staff    «{}»", output::plain(&answer.text)));
    }
    match &group.nearest {
        Some(near) => output::line(format!(
            "  nearest  {} ({:.2}): {}",
            near.id,
            near.confidence,
            output::plain(&near.question)
        )),
        None => output::line("  nearest  nothing"),
    }
    output::line("");
}
