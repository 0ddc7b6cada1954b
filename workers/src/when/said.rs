//! What was said about time, in dates and clock times.

use std::ops::Range;

use chrono::{
    Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Weekday,
};
use serde::{Deserialize, Serialize};

/// A phrase of a text that speaks of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mention {
    /// Where it stands, in bytes of the text.
    pub span: Range<usize>,
    /// What it says.
    pub said: Said,
}

/// What a phrase says about time.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// A date, a clock time, or both.
    When(When),
    /// A time that is ruled out: "кроме среды".
    Except(When),
    /// How long something takes.
    Length(Length),
    /// This very moment: "сейчас".
    Now,
}

/// How far a named point reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach<T> {
    /// The point itself.
    At(T),
    /// From one point to another. Of days both belong to it, of times the first.
    Between {
        /// Where it begins.
        from: T,
        /// Where it ends.
        until: T,
    },
    /// That point or later.
    From(T),
    /// Later than that point.
    After(T),
    /// Up to that point.
    Before(T),
    /// At that point or shortly before: "к пяти".
    By(T),
}

impl<T: Copy> Reach<T> {
    /// Where it begins, if that was said.
    pub fn start(&self) -> Option<T> {
        match *self {
            Self::At(point)
            | Self::From(point)
            | Self::After(point)
            | Self::By(point)
            | Self::Between { from: point, .. } => Some(point),
            Self::Before(_) => None,
        }
    }

    /// Where it ends, if that was said.
    pub fn end(&self) -> Option<T> {
        match *self {
            Self::Before(point) | Self::By(point) | Self::Between { until: point, .. } => {
                Some(point)
            }
            Self::At(_) | Self::From(_) | Self::After(_) => None,
        }
    }
}

/// A part of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayPart {
    /// Until noon.
    Morning,
    /// The middle of the day.
    Lunch,
    /// From noon to the evening.
    Afternoon,
    /// From the end of work to bedtime.
    Evening,
    /// While people sleep.
    Night,
}

impl DayPart {
    /// The first hour that belongs to it, and the first that no longer does (past 24: tomorrow).
    pub const fn hours(self) -> (u32, u32) {
        match self {
            Self::Morning => (6, 12),
            Self::Lunch => (12, 15),
            Self::Afternoon => (12, 18),
            Self::Evening => (17, 23),
            Self::Night => (22, 30),
        }
    }

    /// Whether a time of day belongs to it.
    pub fn holds(self, time: NaiveTime) -> bool {
        let (first, end) = self.hours();
        let hour = time.hour();
        (first..end).contains(&hour) || (first..end).contains(&(hour + 24))
    }

    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Morning => "morning",
            Self::Lunch => "lunch",
            Self::Afternoon => "afternoon",
            Self::Evening => "evening",
            Self::Night => "night",
        }
    }
}

/// What else may have been meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The hour stands for two times of the day ("в 3"); this is the other one.
    Hour(NaiveTime),
    /// The name of the day stands for two dates ("следующая среда"); this is the other one.
    Day(NaiveDate),
}

/// A time that somebody named. What was not said is `None`: "в 15:00" leaves the day open.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct When {
    /// The days.
    pub days: Option<Reach<NaiveDate>>,
    /// The time of day.
    pub time: Option<Reach<NaiveTime>>,
    /// The part of the day, where no clock time tells it better.
    pub part: Option<Reach<DayPart>>,
    /// Only these days of the week; all of them when it is empty.
    pub weekdays: Vec<Weekday>,
    /// Said as not exact: "около пяти".
    pub about: bool,
    /// What else may have been meant; a dialogue should ask.
    pub doubts: Vec<Doubt>,
}

impl When {
    /// Whether a visit may begin on a day, at some time.
    pub fn admits_day(&self, day: NaiveDate) -> bool {
        self.days.is_none_or(|days| days_hold(days, day))
            && (self.weekdays.is_empty() || self.weekdays.contains(&day.weekday()))
    }

    /// Whether a visit may begin at a moment.
    pub fn admits(&self, at: NaiveDateTime) -> bool {
        let time = at.time();
        self.admits_day(at.date())
            && self.time.is_none_or(|reach| self.time_holds(reach, time))
            && self.part.is_none_or(|part| part_holds(part, time))
    }

    fn time_holds(&self, reach: Reach<NaiveTime>, time: NaiveTime) -> bool {
        match reach {
            Reach::At(point) if self.about => (time - point).abs() <= TimeDelta::minutes(45),
            Reach::At(point) => time == point,
            Reach::Between { from, until } if from <= until => from <= time && time < until,
            Reach::Between { from, until } => from <= time || time < until,
            Reach::From(point) | Reach::After(point) => time >= point,
            Reach::Before(point) => time < point,
            Reach::By(point) => time <= point && point - time <= TimeDelta::hours(1),
        }
    }

    /// The first day and, where it was said, the clock time on it. A time without a day is the
    /// next such time.
    pub fn start(&self, now: NaiveDateTime) -> Option<(NaiveDate, Option<NaiveTime>)> {
        let time = self.time.and_then(|reach| reach.start());
        match self.days {
            Some(days) => days.start().map(|day| (day, time)),
            None => self.next_day(now).map(|day| (day, time)),
        }
    }

    /// The last day and, where it was said, the clock time on it; `None` when the end is open.
    pub fn end(&self, now: NaiveDateTime) -> Option<(NaiveDate, Option<NaiveTime>)> {
        let time = self.time.and_then(|reach| reach.end());
        let open = time.is_none() && self.part.and_then(|part| part.end()).is_none();
        match self.days {
            Some(Reach::At(_)) | None if open => None,
            Some(Reach::At(day) | Reach::From(day)) => Some((day, time)),
            Some(days) => days.end().map(|day| (day, time)),
            None => self.next_day(now).map(|day| (day, time)),
        }
    }

    /// The part of the day, wherever it reaches.
    pub fn day_part(&self) -> Option<DayPart> {
        self.part.and_then(|part| part.start().or(part.end()))
    }

    /// The day on which a bare time comes next.
    fn next_day(&self, now: NaiveDateTime) -> Option<NaiveDate> {
        let over = if let Some(time) = self.time {
            let last = match time {
                Reach::Between { from, until } if from > until => from,
                Reach::From(_) | Reach::After(_) => NaiveTime::MIN,
                reach => reach.end().or(reach.start())?,
            };
            last < now.time() && last != NaiveTime::MIN
        } else {
            let (_, end) = self.day_part()?.hours();
            now.hour() >= end
        };
        now.date().checked_add_days(Days::new(u64::from(over)))
    }
}

fn days_hold(days: Reach<NaiveDate>, day: NaiveDate) -> bool {
    match days {
        Reach::At(point) => day == point,
        Reach::Between { from, until } => from <= day && day <= until,
        Reach::From(point) => day >= point,
        Reach::After(point) => day > point,
        Reach::Before(point) | Reach::By(point) => day <= point,
    }
}

fn part_holds(part: Reach<DayPart>, time: NaiveTime) -> bool {
    let hour = time.hour();
    match part {
        Reach::At(part) => part.holds(time),
        Reach::Between { from, until } => from.hours().0 <= hour && hour < until.hours().1,
        Reach::From(part) => hour >= part.hours().0,
        Reach::After(part) => hour >= part.hours().1,
        Reach::Before(part) => hour < part.hours().0.max(12),
        Reach::By(part) => (part.hours().0.saturating_sub(2)..part.hours().1).contains(&hour),
    }
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

/// How long something takes: "90–120 минут".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Length {
    /// At least so many units.
    pub least: u32,
    /// At most so many units; the same as `least` when one number was said.
    pub most: u32,
    /// The unit. Parts of an hour come as minutes.
    pub unit: Unit,
}

impl Length {
    /// The moment when it is over at the latest.
    pub fn after(self, start: NaiveDateTime) -> Option<NaiveDateTime> {
        let count = i64::from(self.most);
        let later = match self.unit {
            Unit::Second => TimeDelta::try_seconds(count),
            Unit::Minute => TimeDelta::try_minutes(count),
            Unit::Hour => TimeDelta::try_hours(count),
            Unit::Day => TimeDelta::try_days(count),
            Unit::Week => TimeDelta::try_weeks(count),
            Unit::Month => return start.checked_add_months(Months::new(self.most)),
            Unit::Year => return start.checked_add_months(Months::new(self.most.checked_mul(12)?)),
        };
        start.checked_add_signed(later?)
    }
}

/// What a whole message wishes: any of several times, but none of those ruled out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// The alternatives, in the order of the text. None at all: any time.
    pub any_of: Vec<When>,
    /// What is ruled out.
    pub except: Vec<When>,
    /// How long it may take, where that was said.
    pub length: Option<Length>,
}

impl Wish {
    /// Whether nothing was said about time.
    pub fn is_empty(&self) -> bool {
        self.any_of.is_empty() && self.except.is_empty() && self.length.is_none()
    }

    /// Whether any of the alternatives is on a day; a part of the day may be ruled out.
    pub fn admits_day(&self, day: NaiveDate) -> bool {
        self.any_of.is_empty() || self.any_of.iter().any(|when| when.admits_day(day))
    }

    /// Whether a visit may begin at a moment.
    pub fn admits(&self, at: NaiveDateTime) -> bool {
        let wanted = self.any_of.is_empty() || self.any_of.iter().any(|when| when.admits(at));
        wanted && !self.except.iter().any(|when| when.admits(at))
    }

    /// The alternative to begin with: the first with both a day and a time, otherwise the first
    /// with a clock time, otherwise the first.
    pub fn first(&self) -> Option<&When> {
        let told = |when: &When| {
            let timed = when.time.is_some() || when.part.is_some();
            (when.days.is_some() && timed, when.time.is_some())
        };
        // Of several alike, the first: `max_by_key` gives the last.
        self.any_of.iter().rev().max_by_key(|when| told(when))
    }
}
