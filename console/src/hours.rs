//! Working time of one day, in place of what the firm's file says: who falls ill, who comes on a day off.

use axum::extract::{Extension, Form, State};
use axum::response::Response;
use chrono::NaiveDate;
use minijinja::{Value, context};
use serde::Deserialize;
use zapis_core::store::DayHours;
use zapis_workers::book::working;
use zapis_workers::business::{Business, Employee, Location, Span, day_hours};

use crate::Console;
use crate::door::{Me, note};
use crate::refusal::Refusal;
use crate::visits::{day_of, works_here};

/// Minutes of a day.
const DAY: u32 = 24 * 60;

/// Working time of some days: of the file, and what was set in its place.
pub(crate) struct Hours<'a> {
    firm: &'a Business,
    set: Vec<DayHours>,
}

impl<'a> Hours<'a> {
    pub(crate) fn new(firm: &'a Business, set: Vec<DayHours>) -> Self {
        Self { firm, set }
    }

    fn set(&self, resource: &str, date: NaiveDate) -> Option<Vec<Span>> {
        let mut set = self.set.iter();
        let found = set.find(|one| one.resource == resource && one.date == date)?;
        Some(spans(&found.spans))
    }

    /// When somebody works: within the hours of the location.
    pub(crate) fn of(&self, employee: &Employee, date: NaiveDate) -> Vec<Span> {
        let own = self.set(&employee.id, date);
        let location = self.set(&employee.location, date);
        working(
            self.firm,
            employee,
            date,
            own.as_deref(),
            location.as_deref(),
        )
    }

    /// What the form of a person's day shows.
    pub(crate) fn form_of(&self, employee: &Employee, date: NaiveDate) -> Value {
        let usual = || employee.scheduled_on(date);
        self.form(&employee.id, date, usual)
    }

    /// What the form of a location's day shows.
    pub(crate) fn form_of_location(&self, location: &Location, date: NaiveDate) -> Value {
        self.form(&location.id, date, || location.open_on(date))
    }

    fn form(&self, resource: &str, date: NaiveDate, usual: impl FnOnce() -> Vec<Span>) -> Value {
        let set = self.set(resource, date);
        let was = set.as_deref().map(written);
        context! {
            resource,
            is_set => was.is_some(),
            hours => text(&set.unwrap_or_else(usual)),
            was => was.unwrap_or_default(),
        }
    }
}

/// The time of a day that is nobody's working time, in minutes.
pub(crate) fn off(works: &[Span]) -> Vec<(u32, u32)> {
    let ends = works.iter().map(|span| span.from).chain([DAY]);
    let begins = [0].into_iter().chain(works.iter().map(|span| span.until));
    begins
        .zip(ends)
        .filter(|(from, until)| from < until)
        .collect()
}

/// Whether a piece of the day lies in working time.
pub(crate) fn is_working(works: &[Span], from: u32, until: u32) -> bool {
    works
        .iter()
        .any(|span| span.from <= from && until <= span.until)
}

/// As it is shown and typed: "10:00–14:00, 15:00–20:00"; nothing: off.
pub(crate) fn text(works: &[Span]) -> String {
    let works: Vec<_> = works.iter().map(Span::to_string).collect();
    works.join(", ")
}

/// What was set, as a form carries it: working time or "closed".
fn written(set: &[Span]) -> String {
    if set.is_empty() {
        return "closed".to_owned();
    }
    text(set)
}

fn spans(pairs: &[(u32, u32)]) -> Vec<Span> {
    let span = |&(from, until): &(u32, u32)| Span { from, until };
    pairs.iter().map(span).collect()
}

/// The working time that somebody is to have on a day.
#[derive(Debug, Deserialize)]
pub(crate) struct Set {
    /// A person or a location.
    resource: String,
    day: NaiveDate,
    hours: String,
    /// What was set when the page was shown.
    #[serde(default)]
    was: String,
    /// `set`, `off` or `usual`.
    #[serde(rename = "do")]
    what: String,
    /// The location that is looked at.
    #[serde(default)]
    location: String,
}

/// `POST /console/visits/hours`
pub(crate) async fn set(
    State(console): State<Console>,
    Extension(me): Extension<Me>,
    Form(typed): Form<Set>,
) -> Result<Response, Refusal> {
    let firm = console.firm().await.ok_or(Refusal::Bad("visits-no-firm"))?;
    let open = me.location().map_or_else(
        || firm.location(&typed.resource).is_some(),
        |own| own == typed.resource,
    );
    if !open && !works_here(&firm, &me, &typed.resource) {
        return Err(Refusal::Unknown);
    }
    let wanted = match typed.what.as_str() {
        "usual" => None,
        "off" => Some(Vec::new()),
        _ => Some(day_hours(&typed.hours).ok_or(Refusal::Bad("hours-wrong"))?),
    };
    let (store, day) = (console.store(), typed.day);
    let hours = Hours::new(&firm, store.hours(day, day).await?);
    let now_set = hours.set(&typed.resource, day);
    if now_set != wanted {
        if now_set.as_deref().map(written).unwrap_or_default() != typed.was {
            return Err(Refusal::Bad("hours-changed"));
        }
        let pairs = wanted.as_deref().map(pairs);
        let (who, now) = (&me.member.name, console.clock().now());
        store
            .set_hours(&typed.resource, day, pairs.as_deref(), who, now)
            .await?;
        let told = wanted.as_deref().map_or("as-usual".to_owned(), written);
        let about = format!("{} {day} {told}", typed.resource);
        note(&console, &me.member, "hours_set", Some(&about)).await?;
    }
    Ok(day_of(day, &typed.location))
}

fn pairs(spans: &[Span]) -> Vec<(u32, u32)> {
    spans.iter().map(|span| (span.from, span.until)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_its_gaps() {
        let works = day_hours("10:00-14:00, 15:00-24:00").unwrap();

        assert_eq!(off(&works), [(0, 600), (840, 900)]);
        assert_eq!(off(&[]), [(0, DAY)]);
        assert!(is_working(&works, 600, 840));
        assert!(!is_working(&works, 780, 930));
        assert_eq!(day_hours(&text(&works)), Some(works));
    }
}
