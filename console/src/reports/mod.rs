//! Reports that come by themselves: the day, the week, the month, and what is not as usual. One text each, which the
//! console shows, the staff chat and the owner read, and letters carry.

mod alerts;
mod compose;
mod config;
mod mail;
mod pages;
mod send;

use std::ops::Range;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use serde::Serialize;
use zapis_workers::book::open_of;

pub use compose::Composer;
pub use config::{Destination, EmailConfig, ReportsConfig};
pub use mail::{MailError, Mailer};
pub(crate) use pages::{judge, review, show, snooze};
pub(crate) use send::MAIL;
pub use send::Reporter;

/// Which report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// A day at the firm.
    Daily,
    /// A week, from Monday on.
    Weekly,
    /// A month.
    Monthly,
}

impl Which {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Daily, Self::Weekly, Self::Monthly];

    /// Its name in commands and addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|which| which.name() == name)
    }

    /// The first day of the period that a day is in.
    pub fn first(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Daily => Some(day),
            Self::Weekly => Some(day.week(Weekday::Mon).first_day()),
            Self::Monthly => day.with_day(1),
        }
        .unwrap_or(day)
    }

    /// The first day after it.
    pub fn next(self, first: NaiveDate) -> NaiveDate {
        match self {
            Self::Daily => first.checked_add_days(Days::new(1)),
            Self::Weekly => first.checked_add_days(Days::new(7)),
            Self::Monthly => first.checked_add_months(Months::new(1)),
        }
        .unwrap_or(first)
    }

    /// The first day of the period that it is compared with: a day with that of the week before, as weekdays differ.
    pub fn before(self, first: NaiveDate) -> NaiveDate {
        match self {
            Self::Daily | Self::Weekly => first.checked_sub_days(Days::new(7)),
            Self::Monthly => first.checked_sub_months(Months::new(1)),
        }
        .unwrap_or(first)
    }

    /// The period that begins with a day.
    pub fn span(self, first: NaiveDate, zone: Tz) -> Range<DateTime<Utc>> {
        open_of(zone, first, 0)..open_of(zone, self.next(first), 0)
    }

    /// What a period is called: `2026-11-27`, `2026-W48`, `2026-11`.
    pub fn called(self, first: NaiveDate) -> String {
        match self {
            Self::Daily => first.to_string(),
            Self::Weekly => format!(
                "{}-W{:02}",
                first.iso_week().year(),
                first.iso_week().week()
            ),
            Self::Monthly => first.format("%Y-%m").to_string(),
        }
    }

    /// The first day of the newest period that is told by now, and since when: days are told in the evening, weeks and
    /// months the morning after.
    fn told_by(self, now: DateTime<Utc>, zone: Tz, minute: u32) -> (NaiveDate, DateTime<Utc>) {
        let today = now.with_timezone(&zone).date_naive();
        let moment = |first: NaiveDate| {
            let day = match self {
                Self::Daily => first,
                Self::Weekly | Self::Monthly => self.next(first),
            };
            open_of(zone, day, minute)
        };
        let mut first = self.first(today);
        // The one that goes on, the one before, and where that is told later today, the one before that.
        for _ in 0..2 {
            if moment(first) <= now {
                break;
            }
            first = self.first(first - TimeDelta::days(1));
        }
        (first, moment(first))
    }
}

/// A report, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Which.
    pub report: Which,
    /// Its period: `2026-11-27`, `2026-W48`, `2026-11`.
    pub of: String,
    /// The first words.
    pub title: String,
    /// Its parts, those without lines left out.
    pub parts: Vec<Part>,
}

/// A part of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is about.
    pub title: String,
    /// One thing each.
    pub lines: Vec<Line>,
}

/// A line of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What is told.
    pub text: String,
    /// Where more stands, in the console.
    pub link: Option<String>,
}

impl Line {
    fn new(text: String, link: Option<String>) -> Self {
        Self { text, link }
    }
}

/// A message of a messenger is no longer than this, in letters of two bytes.
const MESSAGE: usize = 3_500;

impl Report {
    /// As plain text; `base` is how the console is reached from outside.
    pub fn text(&self, base: &str) -> String {
        self.messages(base, usize::MAX).join("\n\n")
    }

    /// As messages of a messenger, `**bold**` in it, broken between lines where it is long.
    fn messages(&self, base: &str, most: usize) -> Vec<String> {
        let mut pieces = vec![format!("**{}**", self.title)];
        for part in &self.parts {
            for (n, line) in part.lines.iter().enumerate() {
                let title = (n == 0).then(|| format!("\n**{}**\n", part.title));
                let link = line.link.as_ref().map(|link| format!("\n  {base}{link}"));
                let (title, link) = (title.unwrap_or_default(), link.unwrap_or_default());
                pieces.push(format!("{title}• {}{link}", line.text));
            }
        }
        let mut messages: Vec<String> = Vec::new();
        for piece in pieces {
            match messages.last_mut() {
                Some(last) if units(last) + units(&piece) < most => {
                    last.push('\n');
                    last.push_str(&piece);
                }
                _ => messages.push(piece.trim_start().to_owned()),
            }
        }
        messages
    }
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: Tz = chrono_tz::Europe::Moscow;

    fn told(which: Which, now: &str, minute: u32) -> String {
        let now: DateTime<Utc> = now.parse().unwrap();
        which.called(which.told_by(now, ZONE, minute).0)
    }

    #[test]
    fn each_is_told_when_its_time_has_come() {
        // 2026-11-30 is a Monday, 20:00 in Moscow are 17:00 of UTC.
        let daily = |now| told(Which::Daily, now, 20 * 60);
        assert_eq!(daily("2026-11-30T16:59:59Z"), "2026-11-29");
        assert_eq!(daily("2026-11-30T17:00:00Z"), "2026-11-30");
        let weekly = |now| told(Which::Weekly, now, 9 * 60);
        assert_eq!(weekly("2026-11-30T05:59:59Z"), "2026-W47");
        assert_eq!(weekly("2026-11-30T06:00:00Z"), "2026-W48");
        assert_eq!(weekly("2026-12-06T23:00:00Z"), "2026-W48");
        let monthly = |now| told(Which::Monthly, now, 9 * 60);
        assert_eq!(monthly("2026-12-01T05:00:00Z"), "2026-10");
        assert_eq!(monthly("2026-12-01T06:00:00Z"), "2026-11");
        assert_eq!(monthly("2027-01-01T07:00:00Z"), "2026-12");
    }

    #[test]
    fn a_long_report_is_broken_between_lines() {
        let line = |n| Line::new(format!("строка {n}"), Some("/console/".into()));
        let report = Report {
            report: Which::Daily,
            of: "2026-11-27".into(),
            title: "День".into(),
            parts: vec![Part {
                title: "Часть".into(),
                lines: (0..9).map(line).collect(),
            }],
        };
        let messages = report.messages("https://salon.example", 120);
        assert!(messages.len() > 2);
        assert!(messages.iter().all(|one| units(one) <= 120), "{messages:?}");
        let all = messages.join("\n");
        for n in 0..9 {
            let whole = format!("• строка {n}\n  https://salon.example/console/");
            assert!(all.contains(&whole), "{all}");
        }
        assert!(
            report
                .text("")
                .starts_with("**День**\n\n**Часть**\n• строка 0")
        );
    }
}
