//! Free times: never outside working hours, never over one another, right on days with a clock change.

mod brute;
mod import;
mod search;
mod shape;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use uuid::Uuid;
use zapis_core::store::{Busy, BusyKind, DayHours, Visit};

use super::{Plan, Terms, Wish, WishItem};
use crate::business::{Business, Span};
use crate::when;

/// A firm with two people who cut, one of whom also does nails, and one room.
pub(super) fn firm(zone: &str, opening: &str) -> Business {
    firm_with(zone, opening, "09:00-13:00, 14:00-19:00")
}

/// The same, open and busy at night, when clocks change.
pub(super) fn night_firm(zone: &str) -> Business {
    firm_with(zone, "00:00-24:00", "00:00-13:00, 14:00-23:00")
}

fn firm_with(zone: &str, opening: &str, annas: &str) -> Business {
    let text = format!(
        r#"
name = "Салон"
time_zone = "{zone}"
[escalation]
owner = "Анна"
hours = {{ mon-sun = "10:00-20:00" }}
[[locations]]
id = "main"
name = "Салон"
address = "Улица, 1"
hours = {{ mon-sun = "{opening}" }}
[[locations.special_days]]
from = "01-01"
hours = "closed"
[[resources]]
id = "room"
name = "Кабинет"
[[services]]
id = "cut"
name = "Стрижка"
category = "Волосы"
minutes = [30, 60]
price = 1900
[[services]]
id = "nails"
name = "Маникюр"
category = "Ногти"
minutes = 60
buffer = [5, 10]
needs = ["room"]
price = 2000
[[services]]
id = "face"
name = "Чистка"
category = "Лицо"
minutes = 90
needs = ["room"]
online = false
price = 4000
[[staff]]
id = "anna"
name = "Анна"
role = "мастер"
services = ["cut", "nails"]
schedule = {{ mon-sun = "{annas}" }}
[[staff]]
id = "vera"
name = "Вера"
role = "мастер"
services = ["cut", "face"]
schedule = {{ mon-fri = "12:00-20:00" }}
[[staff.special_days]]
from = "2026-12-02"
until = "2026-12-03"
hours = "closed"
"#
    );
    crate::business::read(&text).unwrap_or_else(|problems| panic!("{problems:?}"))
}

pub(super) fn moscow() -> Business {
    firm("Europe/Moscow", "10:00-21:00")
}

pub(super) fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A moment of the firm's clock, "2026-11-30 10:00".
pub(super) fn at(business: &Business, text: &str) -> DateTime<Utc> {
    let local = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    local
        .and_local_timezone(business.time_zone)
        .earliest()
        .unwrap()
        .to_utc()
}

pub(super) fn terms(business: &Business, from: &str, last: &str) -> Terms {
    Terms {
        from: at(business, from),
        last: date(last),
        step: 15,
        online: true,
    }
}

pub(super) fn busy(business: &Business, resource: &str, from: &str, until: &str) -> Busy {
    Busy {
        id: Uuid::nil(),
        resource: resource.into(),
        from: at(business, from),
        until: at(business, until),
        kind: BusyKind::Visit,
        note: None,
    }
}

pub(super) fn wish(items: &[(&str, Option<&str>)]) -> Wish {
    let item = |&(service, person): &(&str, Option<&str>)| WishItem {
        service: service.into(),
        person: person.map(str::to_owned),
    };
    Wish {
        items: items.iter().map(item).collect(),
        ..Wish::default()
    }
}

/// The wish as a customer says it on Monday, 30 November 2026 at 9.
pub(super) fn said(items: &[(&str, Option<&str>)], text: &str) -> Wish {
    let now = date("2026-11-30").and_hms_opt(9, 0, 0).unwrap();
    Wish {
        when: when::read(text, now).wish,
        ..wish(items)
    }
}

/// Begins and persons, as a person writes them.
pub(super) fn told(zone: Tz, visits: &[Visit]) -> Vec<String> {
    let line = |visit: &Visit| {
        let items = visit.items.iter().map(|item| {
            let at = item.starts_at.with_timezone(&zone);
            format!("{} {}", at.format("%d %H:%M"), item.resource)
        });
        items.collect::<Vec<_>>().join(", ")
    };
    visits.iter().map(line).collect()
}

pub(super) fn plan<'b>(
    business: &'b Business,
    hours: &[DayHours],
    busy: &[Busy],
    from: &str,
    last: &str,
) -> Plan<'b> {
    Plan::new(business, hours, busy, terms(business, from, last))
}

pub(super) fn minute(zone: Tz, moment: DateTime<Utc>) -> (NaiveDate, u32) {
    use chrono::Timelike;
    let local = moment.with_timezone(&zone);
    (local.date_naive(), local.hour() * 60 + local.minute())
}

/// When people of the night firm work.
pub(super) fn works(person: &str, date: NaiveDate, minute: u32) -> bool {
    let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
    let spans: &[(u32, u32)] = match person {
        "anna" => &[(0, 780), (840, 1380)],
        "vera" if !weekend => &[(720, 1200)],
        _ => &[],
    };
    let holds = |&(from, until): &(u32, u32)| Span { from, until }.holds(minute);
    spans.iter().any(holds)
}

pub(super) const MINUTE: TimeDelta = TimeDelta::minutes(1);
