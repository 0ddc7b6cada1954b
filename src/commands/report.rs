//! `zapis report`: what the journal tells about the answers.

use std::collections::BTreeMap;

use anyhow::Context;
use chrono::{DateTime, Datelike, Utc};
use serde::Serialize;
use zapis_console::reports::Which;
use zapis_core::Clock;
use zapis_core::store::Store;
use zapis_workers::autonomy::{Adjusted, AutonomyConfig};
use zapis_workers::business::Business;
use zapis_workers::content::Content;
use zapis_workers::quality;
use zapis_workers::report::autonomy::{Autonomy, Mode, Recommendation, Row};
use zapis_workers::report::{
    self, Privacy, Reminded, Reminders, Reviewed, Said, Sampled, WEAK, Weak,
};

use super::{Failure, ahead, experiments, kpi, past, regular, store};
use crate::app::staff_groups;
use crate::cli::ReportCommand;
use crate::config::Loaded;
use crate::output::{self, Table};

/// How many conversations are drawn for a review.
const DRAWN: usize = 10;
/// How many of the newest events of a conversation are looked through.
const TOLD: u32 = 500;

/// A report that there is.
#[derive(Debug, Serialize)]
struct Listed {
    name: &'static str,
    what: &'static str,
}

const REPORTS: &[Listed] = &[
    Listed {
        name: "autonomy",
        what: "which intents the bot may answer alone",
    },
    Listed {
        name: "daily",
        what: "the day in numbers, as it comes every evening",
    },
    Listed {
        name: "experiments",
        what: "what came of experiments, and which arm does better",
    },
    Listed {
        name: "forecast",
        what: "how full the next two weeks are and what they bring",
    },
    Listed {
        name: "kpi",
        what: "whether the bot earns its money: answers, bookings, ratings, costs",
    },
    Listed {
        name: "monthly",
        what: "the last month, as it comes on the first",
    },
    Listed {
        name: "quality",
        what: "what is missing or cannot be right in what is kept, and whom it touches",
    },
    Listed {
        name: "reminders",
        what: "what became of the messages about visits, and who did not come",
    },
    Listed {
        name: "review",
        what: "intents that the bot is unsure of, and conversations to judge",
    },
    Listed {
        name: "risk",
        what: "visits that may be missed, and enquiries that fell silent",
    },
    Listed {
        name: "targets",
        what: "how far the figures are that have a target",
    },
    Listed {
        name: "weekly",
        what: "the last week, as it comes on Mondays",
    },
];

/// What `zapis report review --json` prints.
#[derive(Debug, Serialize)]
struct Review {
    seed: String,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    weak: Vec<Weak>,
    conversations: Vec<Sampled>,
}

/// `zapis report` without a name.
pub(super) fn list(json: bool) -> Result<(), Failure> {
    if json {
        return Ok(output::json(&REPORTS)?);
    }
    let mut table = Table::new(&["report", "what it tells"]);
    for Listed { name, what } in REPORTS {
        table.row([(*name).to_owned(), (*what).to_owned()]);
    }
    table.print();
    Ok(())
}

/// `zapis report …`
pub(super) async fn report(loaded: &Loaded, report: ReportCommand) -> Result<(), Failure> {
    let store = store(loaded).await?;
    let done = match report {
        ReportCommand::Review { days, seed, json } => {
            review(loaded, &store, days, seed, json).await
        }
        ReportCommand::Autonomy { days, json } => autonomy(loaded, &store, days, json).await,
        ReportCommand::Reminders { days, json } => reminders(&store, days, json).await,
        ReportCommand::Forecast(args) => ahead::forecast(loaded, &store, args).await,
        ReportCommand::Risk(args) => ahead::risk(loaded, &store, args).await,
        ReportCommand::Experiments { json } => experiments::report(loaded, &store, json).await,
        ReportCommand::Kpi(args) => kpi::kpi(loaded, &store, &args).await,
        ReportCommand::Targets { json } => regular::targets(loaded, &store, json).await,
        ReportCommand::Daily(args) => regular::regular(loaded, &store, Which::Daily, args).await,
        ReportCommand::Weekly(args) => regular::regular(loaded, &store, Which::Weekly, args).await,
        ReportCommand::Monthly(args) => {
            regular::regular(loaded, &store, Which::Monthly, args).await
        }
        ReportCommand::Quality { json } => quality(loaded, &store, json).await,
    };
    store.close().await;
    done
}

async fn quality(loaded: &Loaded, store: &Store, json: bool) -> Result<(), Failure> {
    let firm = super::business(loaded, store).await?;
    let known = super::knowledge::known(store, &loaded.folder, &firm).await?;
    let known = known.knowledge();
    let desks = staff_groups(&loaded.config);
    let now = Clock::system().now();
    let doubts = quality::look(store, &firm, &known, &desks, now)
        .await
        .context("looking through what is kept")?;
    if json {
        return Ok(output::json(&doubts)?);
    }
    if doubts.is_empty() {
        output::line("Nothing is missing or doubtful.");
        return Ok(());
    }
    let mut table = Table::new(&["what", "times", "customers", "first of them"]);
    for doubt in &doubts {
        let first = doubt.cases.first().map(|case| {
            let day = case.day.map(|day| day.to_string());
            let conversation = case
                .conversation
                .as_ref()
                .map(|one| one.as_str().to_owned());
            [day, conversation, case.id.clone()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" ")
        });
        table.row([
            doubt.id.to_owned(),
            doubt.count.to_string(),
            doubt.customers.to_string(),
            first.unwrap_or_default(),
        ]);
    }
    table.print();
    Ok(())
}

async fn review(
    loaded: &Loaded,
    store: &Store,
    days: u16,
    seed: Option<String>,
    json: bool,
) -> Result<(), Failure> {
    let content = Content::of(&super::files(loaded, store).await?).map_err(Failure::Problems)?;
    let span = past(days);
    let week = content.business.local(span.end).iso_week();
    let seed = seed.unwrap_or_else(|| format!("{}-W{:02}", week.year(), week.week()));
    let mut reviewed = Reviewed::new(&seed, DRAWN);
    report::read(store, &Reviewed::KINDS, &span, |event| reviewed.take(event))
        .await
        .context("reading the journal")?;
    let privacy = Privacy::new(&content.understander);
    let mut conversations = Vec::new();
    for conversation in reviewed.drawn() {
        let events = store.events_of(conversation, TOLD).await;
        let events = events.context("reading a conversation")?;
        conversations.push(Sampled::new(conversation, &events, &span, &privacy));
    }
    let review = Review {
        seed,
        from: span.start,
        until: span.end,
        weak: reviewed.weak(&privacy),
        conversations,
    };
    if json {
        return Ok(output::json(&review)?);
    }
    tell_review(&review, &content.business);
    Ok(())
}

fn tell_review(review: &Review, firm: &Business) {
    let day = |at| firm.local(at).format("%Y-%m-%d").to_string();
    output::line(format!(
        "{} to {}, seed {}",
        day(review.from),
        day(review.until),
        output::plain(&review.seed)
    ));
    output::line("");
    if review.weak.is_empty() {
        output::line(format!("No intent has a mean confidence under {WEAK:.2}."));
    } else {
        output::line(format!("Intents with a mean confidence under {WEAK:.2}:"));
        tell_weak(&review.weak);
    }
    let of = review.conversations.len();
    for (n, conversation) in review.conversations.iter().enumerate() {
        output::line("");
        let Sampled { id, channel, .. } = conversation;
        output::line(format!("Conversation {} of {of} ({channel}, {id})", n + 1));
        for said in &conversation.transcript {
            let at = firm.local(said.at).format("%m-%d %H:%M");
            output::line(format!("  {at}  {:8}  {}", said.from, words(said)));
        }
        output::line("  [ ] right   [ ] wrong   [ ] tone   [ ] should have escalated");
        output::line("  remarks:");
    }
}

fn tell_weak(weak: &[Weak]) {
    let mut table = Table::new(&["intent", "turns", "confidence", "for example"]);
    for weak in weak {
        let examples = weak.examples.iter();
        let examples: Vec<String> = examples.map(|text| format!("«{text}»")).collect();
        table.row([
            weak.intent.clone(),
            weak.count.to_string(),
            format!("{:.2}", weak.confidence),
            examples.join(" "),
        ]);
    }
    table.print();
}

/// What was said, and why.
fn words(said: &Said) -> String {
    let text = said.text.as_deref().unwrap_or("(silent)");
    let confidence = said.confidence.map(|sure| format!("{sure:.2}"));
    let action = said.action.as_ref().filter(|action| *action != "none");
    let details = [
        ("intent", said.intent.as_ref()),
        ("confidence", confidence.as_ref()),
        ("because", said.why.as_ref()),
        ("action", action),
    ];
    let details = details.into_iter();
    let details: Vec<String> = details
        .filter_map(|(name, value)| Some(format!("{name} {}", value?)))
        .collect();
    if details.is_empty() {
        return output::plain(text);
    }
    output::plain(&format!("{text} ({})", details.join(", ")))
}

async fn autonomy(loaded: &Loaded, store: &Store, days: u16, json: bool) -> Result<(), Failure> {
    let adjusted = Adjusted::default();
    adjusted
        .look(store)
        .await
        .context("reading what was adjusted")?;
    let files = super::files(loaded, store).await?;
    let laid_down = AutonomyConfig::of_files(&files).map_err(Failure::Problems)?;
    let config = &laid_down.unwrap_or_else(|| loaded.config.autonomy.clone());
    // Where nothing is laid down, the mode is how the last answer went out.
    let modes = if *config == AutonomyConfig::default() {
        BTreeMap::new()
    } else {
        config.modes(loaded.config.autonomy.self_adjusting.then_some(&adjusted))
    };
    let mut autonomy = Autonomy::default();
    let span = past(days);
    report::read(store, &Autonomy::KINDS, &span, |event| autonomy.take(event))
        .await
        .context("reading the journal")?;
    let rows = autonomy.rows(&modes);
    if json {
        return Ok(output::json(&rows)?);
    }
    if rows.is_empty() {
        output::line("Nothing was answered or drafted.");
        return Ok(());
    }
    tell_rows(&rows);
    Ok(())
}

fn tell_rows(rows: &[Row]) {
    let mut table = Table::new(&[
        "intent",
        "mode",
        "sent",
        "edited",
        "rejected",
        "expired",
        "unchanged",
        "at least",
        "alone",
        "followed",
        "wrong",
        "missed",
        "do",
        "why",
    ]);
    for row in rows {
        let mode = match row.mode {
            Mode::Draft => "draft",
            Mode::Auto => "auto",
            Mode::Staff => "staff",
        };
        let advice = match row.advice.recommendation {
            Recommendation::Promote => "promote to auto",
            Recommendation::Keep => "keep",
            Recommendation::Demote => "demote to draft",
        };
        let share = |share: Option<f64>| share.map_or("–".into(), |share| format!("{share:.2}"));
        let tally = &row.tally;
        table.row([
            row.intent.clone(),
            mode.to_owned(),
            tally.sent.to_string(),
            tally.edited.to_string(),
            tally.rejected.to_string(),
            tally.expired.to_string(),
            share(row.share),
            share(row.lower_bound),
            tally.auto.to_string(),
            tally.followed.to_string(),
            row.wrong.to_string(),
            tally.missed.to_string(),
            advice.to_owned(),
            row.advice.why.clone(),
        ]);
    }
    table.print();
}

async fn reminders(store: &Store, days: u16, json: bool) -> Result<(), Failure> {
    let mut reminders = Reminders::default();
    let span = past(days);
    report::read(store, &Reminders::KINDS, &span, |event| {
        reminders.take(event);
    })
    .await
    .context("reading the journal")?;
    let reminded = reminders.done();
    if json {
        return Ok(output::json(&reminded)?);
    }
    tell_reminders(&reminded);
    Ok(())
}

fn tell_reminders(reminded: &Reminded) {
    if reminded.steps.is_empty() {
        output::line("Nothing was planned.");
    } else {
        let mut table = Table::new(&["step", "planned", "sent", "delivered", "skipped"]);
        for tally in &reminded.steps {
            let skipped = tally.skipped.iter();
            let skipped: Vec<_> = skipped
                .map(|(why, count)| format!("{why} {count}"))
                .collect();
            table.row([
                tally.step.to_owned(),
                tally.planned.to_string(),
                tally.sent.to_string(),
                tally.delivered.to_string(),
                skipped.join(", "),
            ]);
        }
        table.print();
    }
    let percent =
        |rate: Option<f64>| rate.map_or("–".into(), |rate| format!("{:.0} %", rate * 100.0));
    output::line(format!(
        "Confirmed: {} of {} who were asked the day before ({}).",
        reminded.confirmed,
        reminded.asked,
        percent(reminded.confirmation_rate)
    ));
    output::line(format!(
        "Did not come: {} of {} that are marked ({}).",
        reminded.missed,
        reminded.came + reminded.missed,
        percent(reminded.no_show_rate)
    ));
    output::line(format!(
        "Given back before the visit: {}; filled again: {} ({}).",
        reminded.freed,
        reminded.refilled,
        percent(reminded.refill_rate)
    ));
    output::line(format!(
        "Waiting list: {} joined, {} times offered, {} taken.",
        reminded.waited, reminded.offered, reminded.taken
    ));
}
