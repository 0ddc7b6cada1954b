//! Working time: weeks, breaks, holidays, and how they read.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{Datelike, NaiveDate, Weekday};
use serde::Deserialize;

use crate::words::Language;

/// Days of the week as files name them.
pub(super) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAYS_RU: [&str; 7] = ["пн", "вт", "ср", "чт", "пт", "сб", "вс"];
const DAYS_EN: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// How working time is written.
pub(super) const HOURS_HINT: &str =
    "write \"10:00-21:00\", \"10:00-14:00, 15:00-21:00\" or \"closed\"";

/// Minutes in a day.
const DAY: u32 = 24 * 60;

/// A piece of a day, in minutes from midnight: `from` belongs to it, `until` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first minute.
    pub from: u32,
    /// The minute after its last.
    pub until: u32,
}

impl Span {
    /// Whether a minute of the day is in it; a span may run over midnight.
    pub fn holds(self, minute: u32) -> bool {
        if self.from <= self.until {
            return (self.from..self.until).contains(&minute);
        }
        minute >= self.from || minute < self.until
    }

    /// Reads "10:00-21:00".
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (from, until) = text.split_once(['-', '–'])?;
        let span = Self {
            from: minute(from.trim())?,
            until: minute(until.trim())?,
        };
        (span.from != span.until && span.from < DAY).then_some(span)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}–{}", clock(self.from), clock(self.until))
    }
}

/// A minute of the day as a clock shows it.
pub(crate) fn clock(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn minute(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let at = hour.parse::<u32>().ok()? * 60 + minute.parse::<u32>().ok().filter(|m| *m < 60)?;
    (at <= DAY).then_some(at)
}

/// Reads "09:30" as a minute of the day.
pub(super) fn time_of_day(text: &str) -> Option<u32> {
    minute(text.trim()).filter(|at| *at < DAY)
}

/// Reads the spans of a day: "10:00-14:00, 15:00-21:00", or "closed".
pub(super) fn day(text: &str) -> Option<Vec<Span>> {
    if text.trim() == "closed" {
        return Some(Vec::new());
    }
    let spans: Vec<Span> = text.split(',').map(Span::parse).collect::<Option<_>>()?;
    let ordered = spans.windows(2).all(|pair| pair[0].until <= pair[1].from);
    (ordered && spans.iter().all(|span| span.from < span.until)).then_some(spans)
}

/// Reads the days a key names: "mon" or "mon-fri".
pub(super) fn days(key: &str) -> Option<std::ops::RangeInclusive<usize>> {
    let index = |name: &str| DAYS.iter().position(|day| *day == name.trim());
    let (first, last) = key.split_once('-').unwrap_or((key, key));
    let (first, last) = (index(first)?, index(last)?);
    (first <= last).then_some(first..=last)
}

/// Working time of a week, Monday first. A break is a gap between two spans of a day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct Week(pub [Vec<Span>; 7]);

/// As files write it: `{ mon-fri = "10:00-19:00", sat = "11:00-16:00" }`.
impl TryFrom<BTreeMap<String, String>> for Week {
    type Error = String;

    fn try_from(written: BTreeMap<String, String>) -> Result<Self, String> {
        let mut week = Self::default();
        for (name, hours) in written {
            let no_day = || {
                let known = DAYS.join(", ");
                format!("{name} is not a day: use {known} or a run such as mon-fri")
            };
            let no_time = || format!("{name} is not working time: {HOURS_HINT}");
            let spans = day(&hours).ok_or_else(no_time)?;
            for day in days(&name).ok_or_else(no_day)? {
                week.0[day].clone_from(&spans);
            }
        }
        Ok(week)
    }
}

impl Week {
    /// The working time of a day.
    pub fn on(&self, day: Weekday) -> &[Span] {
        &self.0[day.num_days_from_monday() as usize]
    }

    /// Whether there is no working time at all.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }

    /// The week in words; days alike are joined: "пн–пт 10:00–21:00, сб–вс 10:00–20:00".
    pub fn text(&self, language: Language) -> String {
        let (names, closed) = match language {
            Language::Ru => (DAYS_RU, "выходной"),
            Language::En => (DAYS_EN, "closed"),
        };
        let mut parts = Vec::new();
        let mut first = 0;
        while first < 7 {
            let last = (first..7)
                .take_while(|day| self.0[*day] == self.0[first])
                .last()
                .unwrap_or(first);
            let days = match last - first {
                0 => names[first].to_owned(),
                6 => match language {
                    Language::Ru => "ежедневно".to_owned(),
                    Language::En => "daily".to_owned(),
                },
                _ => format!("{}–{}", names[first], names[last]),
            };
            parts.push(format!("{days} {}", spans_text(&self.0[first], closed)));
            first = last + 1;
        }
        parts.join(", ")
    }
}

fn spans_text(spans: &[Span], closed: &str) -> String {
    if spans.is_empty() {
        return closed.to_owned();
    }
    spans
        .iter()
        .map(Span::to_string)
        .collect::<Vec<_>>()
        .join(" и ")
}

/// Days unlike the rest: of one year, or of every year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecialDays {
    /// The first of them: year (every year when there is none), month, day.
    pub from: (Option<i32>, u32, u32),
    /// The last of them.
    pub until: (Option<i32>, u32, u32),
    /// The working time on each of them.
    pub hours: Vec<Span>,
}

impl SpecialDays {
    /// Whether a date is one of them.
    pub fn hold(&self, date: NaiveDate) -> bool {
        let years_match = |year: Option<i32>| year.is_none_or(|year| year == date.year());
        let day = (date.month(), date.day());
        let (from, until) = ((self.from.1, self.from.2), (self.until.1, self.until.2));
        if let (Some(first), Some(last)) = (self.from.0, self.until.0) {
            let of = |year, (month, day)| NaiveDate::from_ymd_opt(year, month, day);
            return of(first, from).is_some_and(|first| first <= date)
                && of(last, until).is_some_and(|last| date <= last);
        }
        years_match(self.from.0)
            && if from <= until {
                from <= day && day <= until
            } else {
                from <= day || day <= until
            }
    }

    /// These days in words: "31 декабря 10:00–16:00", "1–2 января выходной".
    pub fn text(&self, language: Language) -> String {
        let closed = match language {
            Language::Ru => "выходной",
            Language::En => "closed",
        };
        let days = if self.from == self.until {
            date_text(self.from, language)
        } else {
            format!(
                "{} – {}",
                date_text(self.from, language),
                date_text(self.until, language)
            )
        };
        format!("{days}: {}", spans_text(&self.hours, closed))
    }
}

const MONTHS_RU: [&str; 12] = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
];
const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn date_text((year, month, day): (Option<i32>, u32, u32), language: Language) -> String {
    let months = match language {
        Language::Ru => MONTHS_RU,
        Language::En => MONTHS_EN,
    };
    let month = months.get(month as usize - 1).copied().unwrap_or_default();
    match year {
        Some(year) => format!("{day} {month} {year}"),
        None => format!("{day} {month}"),
    }
}

const WEEKDAYS_RU: [&str; 7] = [
    "понедельник",
    "вторник",
    "среда",
    "четверг",
    "пятница",
    "суббота",
    "воскресенье",
];
const WEEKDAYS_EN: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// A day of the week: "пятница".
pub(crate) fn weekday_text(day: Weekday, language: Language) -> &'static str {
    let names = match language {
        Language::Ru => WEEKDAYS_RU,
        Language::En => WEEKDAYS_EN,
    };
    names[day.num_days_from_monday() as usize]
}

/// The same, short: "пт".
pub(crate) fn weekday_short(day: Weekday, language: Language) -> &'static str {
    let names = match language {
        Language::Ru => DAYS_RU,
        Language::En => DAYS_EN,
    };
    names[day.num_days_from_monday() as usize]
}

/// A day in words for a promise: "23 ноября".
pub(crate) fn day_text(date: NaiveDate, language: Language) -> String {
    date_text((None, date.month(), date.day()), language)
}

/// Reads "2026-12-31", or "12-31" for every year.
pub(super) fn calendar_day(text: &str) -> Option<(Option<i32>, u32, u32)> {
    let parts: Vec<&str> = text.split('-').collect();
    let (year, month, day) = match parts[..] {
        [month, day] => (None, month, day),
        [year, month, day] => (Some(year.parse().ok()?), month, day),
        _ => return None,
    };
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    // A leap year, so that the 29th of February can be a holiday of every year.
    NaiveDate::from_ymd_opt(year.unwrap_or(2028), month, day).map(|_| (year, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_reads_as_a_person_would_write_it() {
        let mut week = Week::default();
        for at in 0..5 {
            week.0[at] = day("10:00-14:00, 15:00-21:00").unwrap();
        }
        week.0[5] = day("10:00-20:00").unwrap();
        assert_eq!(
            week.text(Language::Ru),
            "пн–пт 10:00–14:00 и 15:00–21:00, сб 10:00–20:00, вс выходной"
        );
    }

    #[test]
    fn holidays_run_over_new_year() {
        let days = SpecialDays {
            from: calendar_day("12-31").unwrap(),
            until: calendar_day("01-02").unwrap(),
            hours: Vec::new(),
        };
        let on = |month, day| days.hold(NaiveDate::from_ymd_opt(2027, month, day).unwrap());
        assert!(on(12, 31) && on(1, 1) && on(1, 2));
        assert!(!on(1, 3) && !on(12, 30));
    }

    #[test]
    fn times_that_are_none_are_refused() {
        for bad in [
            "25:00-26:00",
            "10-21",
            "10:00",
            "21:00-10:00",
            "10:00-15:00, 14:00-18:00",
            "10:00-10:00",
        ] {
            assert_eq!(day(bad), None, "{bad}");
        }
        assert_eq!(days("fri-mon"), None);
        assert_eq!(calendar_day("02-30"), None);
    }
}
