//! What may stand in a field, and the one way in which it is written.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::business::{When, day_hours};

/// Days of the week as the file names them.
pub(super) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// The largest number anywhere.
const LARGEST: i64 = 10_000_000;

/// How a setting is written, in the form and in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A line of text.
    Text,
    /// The same, which there must be.
    Line,
    /// A text in Russian and, if there is one, in English: `ru`, `en`.
    Words,
    /// The same, which there must be in Russian.
    Name,
    /// A number of something.
    Number,
    /// `on`, or nothing.
    Flag,
    /// Working time by day of the week, `mon` to `sun`; nothing on days off.
    Week,
    /// Days unlike the rest: `0.from`, `0.until`, `0.hours`, `1.from`, …; no hours: closed.
    Days,
    /// `60`, or `60-90`.
    Range,
    /// `1900`, `1900-2600`, or `1900+` for a price from which it begins.
    Price,
    /// Several texts, with commas between them.
    List,
    /// Ids of services, each with `on`.
    Services,
    /// The id of a location; nothing is the first one.
    Place,
    /// `21:00-09:00`, also over midnight.
    Span,
    /// One of these.
    Choice(&'static [&'static str]),
    /// When a message about a visit goes out: `-24h`, `09:30`, `-1d 18:00`; nothing where it does not.
    Moment,
}

/// What stands in the parts of a field, by the names of the parts; those that are empty are left out. A field of one
/// part has it under an empty name.
pub type Parts = BTreeMap<String, String>;

/// Why something cannot stand in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// There must be something.
    Missing,
    /// It is no number.
    Number,
    /// It is no working time.
    Hours,
    /// It is no day.
    Day,
    /// It is no time at which a message can go out.
    Moment,
    /// It is no choice.
    Choice,
}

impl Kind {
    /// What was typed, as it is written here; the same for everything that means the same.
    pub fn tidied(self, typed: &Parts) -> Result<Parts, Unfit> {
        let typed: Parts = typed
            .iter()
            .map(|(part, text)| (part.clone(), text.trim().to_owned()))
            .filter(|(_, text)| !text.is_empty())
            .collect();
        let must = match self {
            Self::Line | Self::Range | Self::Price => Some(""),
            Self::Name => Some("ru"),
            _ => None,
        };
        if must.is_some_and(|part| !typed.contains_key(part)) {
            return Err(Unfit::Missing);
        }
        if self == Self::Words && typed.contains_key("en") && !typed.contains_key("ru") {
            return Err(Unfit::Missing);
        }
        let text = typed.get("").map_or("", String::as_str);
        let tidied = match self {
            Self::Week => return week(&typed),
            Self::Days => return tidied_days(&typed),
            Self::Services if typed.is_empty() => return Err(Unfit::Missing),
            Self::Choice(all) if !all.contains(&text) => return Err(Unfit::Choice),
            _ if text.is_empty() => return Ok(typed),
            Self::Number => number(text)?.to_string(),
            Self::Range => range(text)?,
            Self::Price => match begins(text) {
                Some(least) => format!("{}+", number(least)?),
                None => range(text)?,
            },
            Self::Span => span(text).ok_or(Unfit::Hours)?,
            Self::List => {
                let texts = text.split(',').map(str::trim);
                let texts = texts.filter(|text| !text.is_empty());
                texts.collect::<Vec<_>>().join(", ")
            }
            Self::Moment => {
                When::parse(text).ok_or(Unfit::Moment)?;
                text.to_owned()
            }
            _ => return Ok(typed),
        };
        Ok(Parts::from([(String::new(), tidied)]))
    }
}

/// «1900+», «от 1900», "from 1900".
fn begins(text: &str) -> Option<&str> {
    text.strip_suffix('+')
        .or_else(|| text.strip_prefix("от "))
        .or_else(|| text.strip_prefix("from "))
}

fn number(text: &str) -> Result<i64, Unfit> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let number = digits.parse().map_err(|_| Unfit::Number)?;
    if (0..=LARGEST).contains(&number) {
        Ok(number)
    } else {
        Err(Unfit::Number)
    }
}

fn range(text: &str) -> Result<String, Unfit> {
    let Some((low, high)) = text.split_once(['-', '–', '—']) else {
        return Ok(number(text)?.to_string());
    };
    let (low, high) = (number(low)?, number(high)?);
    match low.cmp(&high) {
        Ordering::Less => Ok(format!("{low}-{high}")),
        Ordering::Equal => Ok(low.to_string()),
        Ordering::Greater => Err(Unfit::Number),
    }
}

fn week(typed: &Parts) -> Result<Parts, Unfit> {
    let days = typed.iter();
    let days = days.map(|(day, text)| Ok((day.clone(), hours(text)?)));
    let mut week: Parts = days.collect::<Result<_, Unfit>>()?;
    week.retain(|_, hours| hours != "closed");
    if week.is_empty() {
        return Err(Unfit::Missing);
    }
    Ok(week)
}

/// Hours of a day: "10-21" means "10:00-21:00".
fn hours(text: &str) -> Result<String, Unfit> {
    if text == "closed" {
        return Ok(text.to_owned());
    }
    let spans: Option<Vec<String>> = text.split([',', ';']).map(span).collect();
    let text = spans.ok_or(Unfit::Hours)?.join(", ");
    day_hours(&text).ok_or(Unfit::Hours)?;
    Ok(text)
}

fn span(text: &str) -> Option<String> {
    let clock = |text: &str| -> Option<String> {
        let text = text.trim();
        let (hour, minute) = text.split_once([':', '.']).unwrap_or((text, "00"));
        let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour <= 24 && minute < 60).then(|| format!("{hour:02}:{minute:02}"))
    };
    let (from, until) = text.split_once(['-', '–', '—'])?;
    Some(format!("{}-{}", clock(from)?, clock(until)?))
}

/// A day as people here write it, `31.12`, `31.12.26` or `31.12.2026`; or `2026-12-31`.
fn day(text: &str) -> Result<String, Unfit> {
    let by = if text.contains('-') { '-' } else { '.' };
    let numbers: Option<Vec<i32>> = text.split(by).map(|part| part.parse().ok()).collect();
    let (year, month, day) = match (numbers.as_deref(), by) {
        (Some(&[year, month, day]), '-') | (Some(&[day, month, year]), '.') => {
            (Some(year), month, day)
        }
        (Some(&[day, month]), '.') => (None, month, day),
        _ => return Err(Unfit::Day),
    };
    let year = year.map(|year| {
        if (0..100).contains(&year) {
            year + 2000
        } else {
            year
        }
    });
    let parts = u32::try_from(month).ok().zip(u32::try_from(day).ok());
    // Without a year, the 29th of February is a day of some years.
    let date =
        parts.and_then(|(month, day)| NaiveDate::from_ymd_opt(year.unwrap_or(2024), month, day));
    let form = if year.is_some() { YEARS } else { "%d.%m" };
    Ok(date.ok_or(Unfit::Day)?.format(form).to_string())
}

/// How a day of one year is written.
const YEARS: &str = "%d.%m.%Y";

fn date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, YEARS).ok()
}

/// A tidied day as the file writes it.
pub(super) fn day_in_file(text: &str) -> String {
    if let Some(date) = date(text) {
        return date.to_string();
    }
    let (day, month) = text.split_once('.').unwrap_or_default();
    format!("{month}-{day}")
}

/// A day of the file as people here write it.
pub(super) fn day_of_file(text: &str) -> String {
    match text.split_once('-') {
        Some((month, day)) if !day.contains('-') => format!("{day}.{month}"),
        _ => text.to_owned(),
    }
}

/// The rows that say something, numbered anew.
pub(super) fn tidied_days(typed: &Parts) -> Result<Parts, Unfit> {
    let rows = typed.keys().filter_map(|part| part.split_once('.'));
    let mut rows: Vec<usize> = rows.filter_map(|(row, _)| row.parse().ok()).collect();
    rows.sort_unstable();
    rows.dedup();
    let part = |row: usize, name| typed.get(&format!("{row}.{name}")).map(String::as_str);
    let mut tidied = Parts::new();
    for (at, row) in rows.into_iter().enumerate() {
        let from = day(part(row, "from").ok_or(Unfit::Day)?)?;
        let until = part(row, "until").map(day).transpose()?;
        if let Some(until) = until.filter(|until| *until != from) {
            // Both with a year and in order, or both of every year.
            if until.len() != from.len() || date(&until) < date(&from) {
                return Err(Unfit::Day);
            }
            tidied.insert(format!("{at}.until"), until);
        }
        tidied.insert(format!("{at}.from"), from);
        let hours = part(row, "hours").map(hours).transpose()?;
        if let Some(hours) = hours.filter(|hours| hours != "closed") {
            tidied.insert(format!("{at}.hours"), hours);
        }
    }
    Ok(tidied)
}
