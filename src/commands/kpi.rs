//! `zapis report kpi`: the figures of a span of time, as a table, JSON, CSV or a workbook.

use std::io;
use std::ops::Range;
use std::path::Path;

use anyhow::Context;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use rust_xlsxwriter::{Format, Workbook};
use serde::Serialize;
use zapis_core::Clock;
use zapis_core::store::Store;
use zapis_workers::book::open_of;
use zapis_workers::business::Business;
use zapis_workers::kpi::figures::{By, Counted, Group, Unit};
use zapis_workers::kpi::{Follower, recount};
use zapis_workers::words::Language;

use super::Failure;
use crate::app::desks;
use crate::cli::KpiArgs;
use crate::config::Loaded;
use crate::output::{self, Table};

/// What stands in the table of groups; everything is in JSON, CSV and the workbook.
const COLUMNS: [(&str, &str); 10] = [
    ("enquiries", "enquiries"),
    ("answered", "answered"),
    ("bot_first_answer_median", "bot after"),
    ("staff_first_answer_median", "staff after"),
    ("automated", "automated"),
    ("escalated", "escalated"),
    ("booked", "booked"),
    ("no_show", "no show"),
    ("csat", "csat"),
    ("cost_per_enquiry", "cost"),
];

/// What `zapis report kpi --json` prints.
#[derive(Debug, Serialize)]
struct Report {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    by: Option<By>,
    groups: Vec<Group>,
}

pub(super) async fn kpi(loaded: &Loaded, store: &Store, args: &KpiArgs) -> Result<(), Failure> {
    let firm = super::business(loaded, store).await?;
    let clock = Clock::system();
    let now = clock.now();
    let span = span(&firm, args, now)?;
    let follower = Follower {
        store: store.clone(),
        desks: desks(&loaded.config),
        clock,
    };
    let counted = if args.recount {
        recount(&follower).await
    } else {
        follower.catch_up().await
    };
    counted.context("reading the journal")?;
    let counted = Counted::of(store, &span)
        .await
        .context("reading the figures")?
        .placed(&firm);
    let by = args.by;
    let report = Report {
        from: span.start,
        until: span.end,
        by,
        groups: counted.figures(by, firm.time_zone, now),
    };
    if let Some(file) = &args.xlsx {
        workbook(&report, file).with_context(|| format!("writing {}", file.display()))?;
        output::line(format!("written to {}", file.display()));
    } else if args.csv {
        csv(&report).context("writing CSV")?;
    } else if args.json {
        output::json(&report)?;
    } else {
        tell(&report, &firm);
    }
    Ok(())
}

/// From the beginning of the first day to the end of the last one, at the firm; the last ends now at the latest.
fn span(
    firm: &Business,
    args: &KpiArgs,
    now: DateTime<Utc>,
) -> Result<Range<DateTime<Utc>>, Failure> {
    let zone = firm.time_zone;
    let begin = |day: NaiveDate| open_of(zone, day, 0);
    let until = match args.to.and_then(|day| day.checked_add_days(Days::new(1))) {
        Some(next) => begin(next).min(now),
        None => now,
    };
    let from = match args.from {
        Some(day) => begin(day),
        None => until - TimeDelta::days(i64::from(args.days)),
    };
    if from >= until {
        return Err(Failure::Usage(
            "--from must be a day before --to, and not in the future".to_owned(),
        ));
    }
    Ok(from..until)
}

fn tell(report: &Report, firm: &Business) {
    let at = |at| firm.local(at).format("%Y-%m-%d %H:%M").to_string();
    output::line(format!("{} to {}", at(report.from), at(report.until)));
    let mut table = Table::new(&["figure", "value", "of", "95 % of such periods"]);
    for figure in report.groups.iter().take(1).flat_map(|all| &all.figures) {
        table.row([
            figure.id.to_owned(),
            figure.told(Language::En),
            figure.of.to_string(),
            figure.interval_told(Language::En).unwrap_or_default(),
        ]);
    }
    table.print();
    if report.groups.len() < 2 {
        return;
    }
    output::line("");
    let mut table = Table::new(&[["group"].as_slice(), &COLUMNS.map(|(_, name)| name)].concat());
    for group in &report.groups[1..] {
        let cell = |id| group.figure(id).map(|figure| figure.told(Language::En));
        table.row::<{ COLUMNS.len() + 1 }>(std::array::from_fn(|n| match n {
            0 => group.name.clone().unwrap_or_default(),
            n => cell(COLUMNS[n - 1].0).unwrap_or_default(),
        }));
    }
    table.print();
}

/// A row of CSV and of the workbook.
#[derive(Debug, Serialize)]
struct Flat<'a> {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    group: &'a str,
    figure: &'static str,
    value: Option<f64>,
    unit: Unit,
    of: usize,
    low: Option<f64>,
    high: Option<f64>,
}

fn flat(report: &Report) -> impl Iterator<Item = Flat<'_>> {
    report.groups.iter().flat_map(move |group| {
        group.figures.iter().map(move |figure| Flat {
            from: report.from,
            until: report.until,
            group: group.name.as_deref().unwrap_or_default(),
            figure: figure.id,
            value: figure.value,
            unit: figure.unit,
            of: figure.of,
            low: figure.interval.map(|(low, _)| low),
            high: figure.interval.map(|(_, high)| high),
        })
    })
}

fn csv(report: &Report) -> Result<(), csv::Error> {
    let mut lines = csv::Writer::from_writer(io::stdout().lock());
    for row in flat(report) {
        lines.serialize(row)?;
    }
    Ok(lines.flush()?)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a workbook has numbers of 64 bits with a point only"
)]
fn workbook(report: &Report, file: &Path) -> anyhow::Result<()> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name("KPI")?;
    let bold = Format::new().set_bold();
    for (column, name) in (0..).zip(["group", "figure", "value", "unit", "of", "low", "high"]) {
        sheet.write_with_format(0, column, name, &bold)?;
    }
    for (row, flat) in (1..).zip(flat(report)) {
        sheet.write(row, 0, flat.group)?;
        sheet.write(row, 1, flat.figure)?;
        let unit = serde_json::to_value(flat.unit)?;
        sheet.write(row, 3, unit.as_str().unwrap_or_default())?;
        sheet.write(row, 4, flat.of as f64)?;
        for (column, number) in [(2, flat.value), (5, flat.low), (6, flat.high)] {
            if let Some(number) = number {
                sheet.write(row, column, number)?;
            }
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    sheet.set_column_width(1, 28)?;
    book.save(file)?;
    Ok(())
}
