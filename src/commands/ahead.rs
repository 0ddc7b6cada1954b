//! `zapis report forecast` and `zapis report risk`: how full the next two weeks are, what they bring, whom the firm
//! may lose.

use std::io;

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde::Serialize;
use zapis_core::Clock;
use zapis_core::store::Store;
use zapis_workers::book::Book;
use zapis_workers::business::Business;
use zapis_workers::forecast::{
    self, AtRisk, BackTest, Because, Errors, Forecast, History, Lacking, NoShows, Outlook, Range,
    Stalled,
};
use zapis_workers::kpi::Follower;

use super::Failure;
use crate::app::desks;
use crate::cli::AheadArgs;
use crate::config::Loaded;
use crate::output::{self, Table};

/// What `zapis report forecast --json` prints: one of the two.
#[derive(Debug, Serialize)]
struct Told {
    forecast: Option<Forecast>,
    lacking: Option<Lacking>,
}

/// What `zapis report risk --json` prints.
#[derive(Debug, Serialize)]
struct Risks {
    no_shows: NoShows,
    stalled: Vec<Stalled>,
}

pub(super) async fn forecast(
    loaded: &Loaded,
    store: &Store,
    args: AheadArgs,
) -> Result<(), Failure> {
    let firm = super::business(loaded, store).await?;
    let history = History::read(store, &firm, Clock::system().now());
    let history = history.await.context("reading the book")?;
    let told = match forecast::forecast(&history.stays, &history.days) {
        Ok(forecast) => Told {
            forecast: Some(forecast),
            lacking: None,
        },
        Err(lacking) => Told {
            forecast: None,
            lacking: Some(lacking),
        },
    };
    if args.json {
        return Ok(output::json(&told)?);
    }
    if let Some(lacking) = told.lacking {
        output::complain(format!(
            "Not enough history: the book is known for {} days, {} are needed.",
            lacking.days, lacking.needed
        ));
    }
    let Some(forecast) = told.forecast else {
        return Ok(());
    };
    if args.csv {
        forecast_csv(&forecast, &firm).context("writing CSV")?;
    } else {
        tell_forecast(&forecast, &firm);
    }
    Ok(())
}

/// All that is told of, one after the other: what it is, which, and what it comes to.
fn rows<'a>(
    forecast: &'a Forecast,
    firm: &'a Business,
) -> impl Iterator<Item = (&'static str, String, &'a Outlook)> {
    let days = forecast.days.iter();
    let days = days.map(|one| ("day", one.day.to_string(), &one.outlook));
    let weekdays = forecast.weekdays.iter();
    let weekdays = weekdays.map(|one| ("weekday", one.name.to_string(), &one.outlook));
    let services = forecast.services.iter();
    let services = services.map(|one| ("service", service(firm, &one.name), &one.outlook));
    let total = ("total", String::new(), &forecast.total);
    days.chain(weekdays).chain(services).chain([total])
}

fn service(firm: &Business, id: &str) -> String {
    let service = firm.service(id);
    service.map_or_else(|| id.to_owned(), |service| service.name.ru.clone())
}

fn tell_forecast(forecast: &Forecast, firm: &Business) {
    let mut table = Table::new(&[
        "of",
        "which",
        "booked",
        "stay",
        "more",
        "visits",
        "8 of 10 times",
        "revenue",
        "8 of 10 times",
    ]);
    for (what, name, outlook) in rows(forecast, firm) {
        let between = |range: &Range| format!("{:.0}–{:.0}", range.low, range.high);
        table.row([
            what.to_owned(),
            name,
            outlook.booked.to_string(),
            format!("{:.1}", outlook.staying),
            format!("{:.1}", outlook.coming),
            format!("{:.1}", outlook.visits.expected),
            between(&outlook.visits),
            format!("{:.0}", outlook.revenue.expected),
            between(&outlook.revenue),
        ]);
    }
    table.print();
    output::line("");
    match &forecast.back_test {
        Some(tried) => tell_back_test(tried),
        None => output::line(format!(
            "The book is known since {}: too short to say how far off this is.",
            forecast.since
        )),
    }
}

fn tell_back_test(tried: &BackTest) {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let told = |what: &str, errors: Errors| {
        let better = if errors.ours < errors.naive {
            "better than"
        } else {
            "NOT better than"
        };
        output::line(format!(
            "{what}: off by {} of what came, {better} «as on the same weekday of the last known week» ({})",
            percent(errors.ours),
            percent(errors.naive)
        ));
    };
    output::line(format!(
        "Tried on {} forecasts of single days, made from {} on as if nothing later were known:",
        tried.forecasts, tried.since
    ));
    told("  visits", tried.visits);
    if let Some(revenue) = tried.revenue {
        told("  revenue", revenue);
    }
}

/// A line of `zapis report forecast --csv`.
#[derive(Debug, Serialize)]
struct ForecastLine<'a> {
    of: &'a str,
    which: String,
    booked: u32,
    staying: f64,
    coming: f64,
    visits: f64,
    visits_low: f64,
    visits_high: f64,
    revenue: f64,
    revenue_low: f64,
    revenue_high: f64,
}

fn forecast_csv(forecast: &Forecast, firm: &Business) -> Result<(), csv::Error> {
    let mut lines = csv::Writer::from_writer(io::stdout().lock());
    for (of, which, outlook) in rows(forecast, firm) {
        lines.serialize(ForecastLine {
            of,
            which,
            booked: outlook.booked,
            staying: outlook.staying,
            coming: outlook.coming,
            visits: outlook.visits.expected,
            visits_low: outlook.visits.low,
            visits_high: outlook.visits.high,
            revenue: outlook.revenue.expected,
            revenue_low: outlook.revenue.low,
            revenue_high: outlook.revenue.high,
        })?;
    }
    Ok(lines.flush()?)
}

pub(super) async fn risk(loaded: &Loaded, store: &Store, args: AheadArgs) -> Result<(), Failure> {
    let firm = super::business(loaded, store).await?;
    let clock = Clock::system();
    let now = clock.now();
    let follower = Follower {
        store: store.clone(),
        desks: desks(&loaded.config),
        clock: clock.clone(),
    };
    follower.catch_up().await.context("reading the journal")?;
    let history = History::read(store, &firm, now).await;
    let history = history.context("reading the book")?;
    let waited = forecast::waited(store).await;
    let waited = waited.context("reading who waits")?;
    let book = Book::new(store.clone(), clock);
    let stalled = forecast::stalled(store, &book, &firm, now).await;
    let risks = Risks {
        no_shows: forecast::no_shows(&history.marked, &history.coming, &waited, now),
        stalled: stalled.context("reading the dialogues")?,
    };
    if args.json {
        output::json(&risks)?;
    } else if args.csv {
        risk_csv(&risks).context("writing CSV")?;
    } else {
        tell_risks(&risks, &firm);
    }
    Ok(())
}

/// «not confirmed ×2.1, history 2 of 5 ×1.8».
fn because(visit: &AtRisk) -> String {
    let told = |because: &Because| {
        let mut told = spaced(because.factor.name());
        if because.factor == forecast::Factor::History {
            told = format!("missed {} of {}", visit.risk.missed, visit.risk.marked);
        }
        match because.times {
            Some(times) => format!("{told} ×{times:.1}"),
            None => told,
        }
    };
    let all: Vec<String> = visit.risk.because.iter().map(told).collect();
    all.join(", ")
}

fn why(one: &Stalled) -> String {
    let why: Vec<String> = one.why.iter().map(|why| spaced(why.name())).collect();
    why.join(", ")
}

fn spaced(name: &str) -> String {
    name.replace('_', " ")
}

fn tell_risks(risks: &Risks, firm: &Business) {
    let at = |at: DateTime<Utc>| firm.local(at).format("%Y-%m-%d %H:%M").to_string();
    let of = &risks.no_shows;
    if of.visits.is_empty() {
        output::line("No visit is likelier to be missed than others.");
    } else {
        let mut table = Table::new(&["visit", "booking", "services", "chance", "because", "do"]);
        for visit in &of.visits {
            let chance = visit.risk.chance;
            table.row([
                at(visit.starts_at),
                visit.booking.to_string(),
                visit.services.join(" + "),
                chance.map_or("–".to_owned(), |chance| {
                    format!("{:.0} %", chance * 100.0)
                }),
                because(visit),
                spaced(visit.action.name()),
            ]);
        }
        table.print();
    }
    output::line(judged(of));
    output::line("");
    if risks.stalled.is_empty() {
        output::line("Nobody who wanted something fell silent.");
        return;
    }
    let mut table = Table::new(&[
        "silent since",
        "conversation",
        "points",
        "why",
        "do",
        "free",
    ]);
    for one in &risks.stalled {
        table.row([
            at(one.last_at),
            one.conversation.as_str().to_owned(),
            one.points.to_string(),
            why(one),
            spaced(one.advice.name()),
            one.free_at.map(at).unwrap_or_default(),
        ]);
    }
    table.print();
}

/// How sure the chances are.
fn judged(of: &NoShows) -> String {
    let NoShows { marked, missed, .. } = of;
    match of.back_test {
        Some(brier) => format!(
            "Learnt from {marked} marked visits, {missed} of them missed; on the last {} of them Brier score {:.3}, \
             {} the same chance for all ({:.3})",
            brier.of,
            brier.ours,
            if brier.ours < brier.constant {
                "better than"
            } else {
                "NOT better than"
            },
            brier.constant
        ),
        None => format!(
            "{marked} visits are marked, {missed} of them missed. Chances need {} marked ones, {} of them missed and \
             as many kept; visits stand in the order of what speaks against them.",
            forecast::LEAST_MARKED,
            forecast::LEAST_OF_EACH
        ),
    }
}

/// A line of `zapis report risk --csv`.
#[derive(Debug, Default, Serialize)]
struct RiskLine<'a> {
    list: &'a str,
    conversation: &'a str,
    booking: Option<uuid::Uuid>,
    at: DateTime<Utc>,
    services: String,
    chance: Option<f64>,
    points: Option<u32>,
    why: String,
    #[serde(rename = "do")]
    deed: &'a str,
    free_at: Option<DateTime<Utc>>,
}

fn risk_csv(risks: &Risks) -> Result<(), csv::Error> {
    let mut lines = csv::Writer::from_writer(io::stdout().lock());
    for visit in &risks.no_shows.visits {
        lines.serialize(RiskLine {
            list: "no_show",
            conversation: visit.conversation.as_ref().map_or("", |it| it.as_str()),
            booking: Some(visit.booking),
            at: visit.starts_at,
            services: visit.services.join(" + "),
            chance: visit.risk.chance,
            why: because(visit),
            deed: visit.action.name(),
            ..RiskLine::default()
        })?;
    }
    for one in &risks.stalled {
        lines.serialize(RiskLine {
            list: "stalled",
            conversation: one.conversation.as_str(),
            at: one.last_at,
            services: one.services.join(" + "),
            points: Some(one.points),
            why: why(one),
            deed: one.advice.name(),
            free_at: one.free_at,
            ..RiskLine::default()
        })?;
    }
    Ok(lines.flush()?)
}
