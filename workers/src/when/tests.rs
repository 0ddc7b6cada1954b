//! The parser seen from outside: what customers write, and what is made of it.

mod phrases;
mod robust;
mod shape;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use super::*;

/// Thursday, 26 November 2026, noon.
fn now() -> NaiveDateTime {
    at(2026, 11, 26, 12, 0)
}

fn at(year: i32, month: u32, day: u32, hour: u32, minute: u32) -> NaiveDateTime {
    NaiveDate::from_ymd_opt(year, month, day)
        .and_then(|day| day.and_hms_opt(hour, minute, 0))
        .unwrap()
}

/// A wish in short: alternatives, "not" and what is ruled out, "for" and how long.
fn short(heard: &Heard) -> String {
    let Wish {
        any_of,
        except,
        length,
    } = &heard.wish;
    let mut out = any_of
        .iter()
        .map(short_when)
        .collect::<Vec<_>>()
        .join(" | ");
    for when in except {
        out = format!("{out} not {}", short_when(when));
    }
    if let Some(Length { least, most, unit }) = length {
        let count = if least == most {
            least.to_string()
        } else {
            format!("{least}-{most}")
        };
        out = format!("{out} for {count} {}", format!("{unit:?}").to_lowercase());
    }
    out.trim().to_owned()
}

fn short_when(when: &When) -> String {
    let mut parts = Vec::new();
    parts.extend(when.days.map(|days| reach(days, day)));
    parts.extend(when.weekdays.first().map(|_| {
        let names: Vec<String> = when.weekdays.iter().map(ToString::to_string).collect();
        names.join(",")
    }));
    parts.extend(when.time.map(|time| reach(time, clock)));
    parts.extend(
        when.part
            .map(|part| reach(part, |part| part.name().to_owned())),
    );
    let about = if when.about { "~" } else { "" };
    let doubt = if when.doubts.is_empty() { "" } else { "?" };
    format!("{about}{}{doubt}", parts.join(" "))
}

fn day(day: NaiveDate) -> String {
    if day.year() == 2026 {
        day.format("%d.%m").to_string()
    } else {
        day.format("%d.%m.%Y").to_string()
    }
}

fn clock(time: NaiveTime) -> String {
    if time.second() == 0 {
        time.format("%H:%M").to_string()
    } else {
        time.format("%H:%M:%S").to_string()
    }
}

fn reach<T: Copy>(reach: Reach<T>, show: impl Fn(T) -> String) -> String {
    match reach {
        Reach::At(point) => show(point),
        Reach::Between { from, until } => format!("{}–{}", show(from), show(until)),
        Reach::From(point) => format!("{}+", show(point)),
        Reach::After(point) => format!(">{}", show(point)),
        Reach::Before(point) => format!("<{}", show(point)),
        Reach::By(point) => format!("≤{}", show(point)),
    }
}
