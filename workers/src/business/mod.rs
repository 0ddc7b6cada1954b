//! The firm: what `config/business.toml` says about it, and what follows for a moment in time.

mod booking;
mod file;
mod hours;
mod load;
pub(crate) mod reader;
mod reminders;
mod tone;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Timelike, Utc};
use chrono_tz::Tz;

pub use booking::{BookingRules, CalendarKind, Resource};
pub use file::FirmFile;
pub use hours::{Span, SpecialDays, Week};
pub(crate) use hours::{clock, day_text, weekday_short, weekday_text};
pub use reminders::{ReminderPlan, Reminders, Step, When};
pub use tone::{Address, Tone};

use crate::content::{BUSINESS, Files};
use crate::words::Language;
use zapis_core::config::Problem;

/// How many days ahead somebody's working time is looked for.
const HORIZON_DAYS: u64 = 30;

/// A text of the firm in its own language and, where there is one, in English.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// Russian.
    pub ru: String,
    /// English.
    pub en: Option<String>,
}

impl Words {
    /// The text in a language; Russian where there is no other.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::Ru => &self.ru,
            Language::En => self.en.as_deref().unwrap_or(&self.ru),
        }
    }
}

/// The firm.
#[derive(Debug, Clone, PartialEq)]
pub struct Business {
    /// The file all this comes from, shown as the source of facts.
    pub file: String,
    /// Its name.
    pub name: Words,
    /// What it is, in a few words.
    pub about: Option<Words>,
    /// The time zone of all times below.
    pub time_zone: Tz,
    /// The language to begin with.
    pub language: Language,
    /// How the bot speaks.
    pub tone: Tone,
    /// Where customers come to; the first is the main one.
    pub locations: Vec<Location>,
    /// What it offers.
    pub services: Vec<Service>,
    /// Who works there.
    pub staff: Vec<Employee>,
    /// Rooms and machines that visits need.
    pub resources: Vec<Resource>,
    /// How visits are booked.
    pub booking: BookingRules,
    /// Who answers when the bot does not know.
    pub escalation: Escalation,
    /// When nobody is written to unasked.
    pub quiet_hours: Option<Span>,
    /// What is written about visits.
    pub reminders: Reminders,
}

/// A place where customers come.
#[derive(Debug, Clone, PartialEq)]
pub struct Location {
    /// Short name for other settings.
    pub id: String,
    /// Its name.
    pub name: Words,
    /// Its address.
    pub address: Words,
    /// Its phone.
    pub phone: Option<String>,
    /// Its e-mail.
    pub email: Option<String>,
    /// How to get there.
    pub directions: Option<Words>,
    /// Where to park.
    pub parking: Option<Words>,
    /// Steps, lift, room for a pram.
    pub access: Option<Words>,
    /// When it is open.
    pub hours: Week,
    /// Holidays and other days unlike the rest.
    pub special_days: Vec<SpecialDays>,
    /// The line of its table in the file.
    pub line: usize,
}

/// What a service costs, in roubles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Price {
    /// Exactly this.
    Exact(u32),
    /// This or more.
    From(u32),
    /// Between the two.
    Between(u32, u32),
}

/// A service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Short name for other settings.
    pub id: String,
    /// Its name.
    pub name: Words,
    /// Other names customers use, in any language.
    pub synonyms: Vec<String>,
    /// The group it is listed in.
    pub category: Words,
    /// How long it takes, in minutes: from, to.
    pub minutes: (u32, u32),
    /// What it costs.
    pub price: Price,
    /// What the price depends on or includes.
    pub note: Option<Words>,
    /// How many minutes a visit takes in the book.
    pub book_minutes: u32,
    /// Minutes before and after it that belong to nobody else.
    pub buffer: (u32, u32),
    /// Whether a customer books it by herself; otherwise only the staff does.
    pub online: bool,
    /// Ids of the rooms and machines it needs.
    pub needs: Vec<String>,
    /// After how many days customers come again for it.
    pub return_days: Option<u32>,
    /// What is written about its visits, where that is not what the firm writes.
    pub reminders: Option<ReminderPlan>,
    /// The line of its table in the file.
    pub line: usize,
}

/// Somebody who works there.
#[derive(Debug, Clone, PartialEq)]
pub struct Employee {
    /// Short name for other settings.
    pub id: String,
    /// The name customers know.
    pub name: Words,
    /// Other forms of the name.
    pub also: Vec<String>,
    /// What they are.
    pub role: Words,
    /// The services they do, by id.
    pub services: Vec<String>,
    /// The id of the location where they work.
    pub location: String,
    /// When they work.
    pub schedule: Week,
    /// Days off, holidays and other days unlike the rest.
    pub special_days: Vec<SpecialDays>,
    /// The line of their table in the file.
    pub line: usize,
}

/// Who answers when the bot does not know, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Escalation {
    /// When somebody is there to answer messages.
    pub hours: Week,
    /// Who hears of what nobody answered.
    pub owner: String,
}

/// Reads the working time of a day: "10:00-14:00, 15:00-21:00", or "closed".
pub fn day_hours(text: &str) -> Option<Vec<Span>> {
    hours::day(text)
}

impl Business {
    /// Reads the firm from its file, or says everything that is wrong with it.
    pub fn load(files: &Files) -> Result<Self, Vec<Problem>> {
        let source = files.read(BUSINESS).map_err(|problem| vec![problem])?;
        load::business(&source)
    }

    /// The firm's local time.
    pub fn local(&self, at: DateTime<Utc>) -> DateTime<Tz> {
        at.with_timezone(&self.time_zone)
    }

    /// Whether somebody is there to answer messages.
    pub fn staff_on_duty(&self, at: DateTime<Utc>) -> bool {
        self.on_duty(None, at)
    }

    /// The next moment when somebody is there: now, when somebody is.
    pub fn next_staff_time(&self, at: DateTime<Utc>) -> Option<DateTime<Tz>> {
        self.next_duty(None, at)
    }

    /// Whether somebody who answers messages in this week is there; `None` is the week of all of them.
    pub fn on_duty(&self, week: Option<&Week>, at: DateTime<Utc>) -> bool {
        let local = self.local(at);
        let minute = local.hour() * 60 + local.minute();
        self.duty_on(week, local.date_naive())
            .iter()
            .any(|span| span.holds(minute))
    }

    /// The next moment when somebody of this week is there: now, when it is so.
    pub fn next_duty(&self, week: Option<&Week>, at: DateTime<Utc>) -> Option<DateTime<Tz>> {
        if self.on_duty(week, at) {
            return Some(self.local(at));
        }
        let now = self.local(at);
        let today = now.date_naive();
        (0..HORIZON_DAYS).find_map(|ahead| {
            let date = today.checked_add_days(chrono::Days::new(ahead))?;
            let spans = self.duty_on(week, date);
            let mut starts = spans.iter().filter_map(|span| self.moment(date, span.from));
            starts.find(|start| *start > now)
        })
    }

    /// When the main location is open on a date.
    pub fn open_on(&self, date: NaiveDate) -> Vec<Span> {
        self.locations
            .first()
            .map_or_else(Vec::new, |location| location.open_on(date))
    }

    /// A person by the id.
    pub fn employee(&self, id: &str) -> Option<&Employee> {
        self.staff.iter().find(|employee| employee.id == id)
    }

    /// A location by its id.
    pub fn location(&self, id: &str) -> Option<&Location> {
        self.locations.iter().find(|location| location.id == id)
    }

    /// A service by its id.
    pub fn service(&self, id: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.id == id)
    }

    /// Staff is not asked to answer when the main location is closed for a holiday. Who does not work on a
    /// day of the week does not because it is unlike the rest.
    fn duty_on(&self, week: Option<&Week>, date: NaiveDate) -> Vec<Span> {
        let usual = week.unwrap_or(&self.escalation.hours).on(date.weekday());
        let special = self
            .locations
            .first()
            .and_then(|location| location.special_days.iter().find(|days| days.hold(date)));
        match special {
            Some(days) if week.is_none() || !usual.is_empty() => days.hours.clone(),
            _ => usual.to_vec(),
        }
    }

    /// A minute of a day as a moment; an hour that a clock change skips becomes the next one.
    fn moment(&self, date: NaiveDate, minute: u32) -> Option<DateTime<Tz>> {
        (0..=3).find_map(|hour_later| {
            let time = NaiveTime::from_hms_opt((minute / 60 + hour_later).min(23), minute % 60, 0)?;
            date.and_time(time)
                .and_local_timezone(self.time_zone)
                .earliest()
        })
    }
}

/// The working time of a date: the week's, unless the day is a special one.
fn hours_on(week: &Week, special: &[SpecialDays], date: NaiveDate) -> Vec<Span> {
    let special = special.iter().find(|days| days.hold(date));
    match special {
        Some(days) => days.hours.clone(),
        None => week.on(date.weekday()).to_vec(),
    }
}

impl Employee {
    /// When the person would work on a date, were the location open all day.
    pub fn scheduled_on(&self, date: NaiveDate) -> Vec<Span> {
        hours_on(&self.schedule, &self.special_days, date)
    }
}

impl Location {
    /// When it is open on a date.
    pub fn open_on(&self, date: NaiveDate) -> Vec<Span> {
        hours_on(&self.hours, &self.special_days, date)
    }

    /// Its opening hours in words: "пн–пт 10:00–21:00, сб, вс 10:00–20:00".
    pub fn hours_text(&self, language: Language) -> String {
        self.hours.text(language)
    }
}

impl Price {
    /// The price in words: "2 500 ₽", "от 2 500 ₽", "2 500–3 500 ₽".
    pub fn text(self, language: Language) -> String {
        let from = match language {
            Language::Ru => "от",
            Language::En => "from",
        };
        match self {
            Self::Exact(price) => format!("{} ₽", thousands(price)),
            Self::From(price) => format!("{from} {} ₽", thousands(price)),
            Self::Between(low, high) => format!("{}–{} ₽", thousands(low), thousands(high)),
        }
    }
}

impl Service {
    /// How long it takes, in words: "60 минут", "1,5–2 часа" stay minutes: "90–120 минут".
    pub fn minutes_text(&self, language: Language) -> String {
        let (from, to) = self.minutes;
        let range = if from == to {
            format!("{from}")
        } else {
            format!("{from}–{to}")
        };
        match language {
            Language::Ru => format!("{range} мин"),
            Language::En => format!("{range} min"),
        }
    }
}

/// A number with its thousands apart.
pub(crate) fn thousands(number: u32) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{a0}');
        }
        out.push(digit);
    }
    out
}

/// A firm from the text of its file.
#[cfg(test)]
pub(crate) fn read(text: &str) -> Result<Business, Vec<Problem>> {
    load::business(&crate::source_text::SourceText {
        file: "business.toml".to_owned(),
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::{business, moscow};

    #[test]
    fn nobody_is_there_at_night_and_the_morning_is_promised() {
        let business = business();
        let night = moscow("2026-11-21 23:30");
        assert!(!business.staff_on_duty(night));
        let next = business.next_staff_time(night).unwrap();
        assert_eq!(
            next.format("%Y-%m-%d %H:%M").to_string(),
            "2026-11-22 10:00"
        );
    }

    #[test]
    fn somebody_who_is_there_is_there_now() {
        let business = business();
        let noon = moscow("2026-11-20 12:00");
        assert!(business.staff_on_duty(noon));
        assert_eq!(business.next_staff_time(noon).unwrap(), noon);
    }

    #[test]
    fn a_holiday_closes_the_desk_too() {
        let business = business();
        let first = moscow("2027-01-01 12:00");
        assert!(!business.staff_on_duty(first));
        assert!(business.next_staff_time(first).unwrap() > moscow("2027-01-01 23:00"));
    }

    #[test]
    fn on_a_holiday_who_works_that_day_is_there_while_the_firm_is() {
        let business = business();
        let weekdays = BTreeMap::from([("mon-fri".to_owned(), "09:00-13:00".to_owned())]);
        let week = Week::try_from(weekdays).unwrap();
        let there = |at| business.on_duty(Some(&week), moscow(at));

        assert!(there("2026-11-26 09:30"), "before the others");
        assert!(!there("2027-01-01 12:00"), "a Friday, but a holiday");
        assert!(there("2027-01-04 19:00"), "a Monday with hours of its own");
        assert!(!there("2027-01-03 12:30"), "a Sunday, with them too");
    }

    #[test]
    fn prices_are_easy_to_read() {
        assert_eq!(Price::Exact(2500).text(Language::Ru), "2\u{a0}500 ₽");
        assert_eq!(Price::From(900).text(Language::Ru), "от 900 ₽");
        assert_eq!(
            Price::Between(12_000, 25_000).text(Language::En),
            "12\u{a0}000–25\u{a0}000 ₽"
        );
    }
}
