//! From `business.toml` to the firm, with every problem noted.

mod booking;
mod reminders;

use std::collections::BTreeSet;

use chrono_tz::Tz;

use super::hours::{self, DAYS, HOURS_HINT, Span, SpecialDays, Week};
use super::reader::{self, Section};
use super::{
    Address, Business, Employee, Escalation, Location, Price, ReminderPlan, Service, Tone,
};
use crate::source_text::SourceText;
use crate::words::Language;
use zapis_core::config::Problem;

/// Reads the firm.
pub(super) fn business(source: &SourceText) -> Result<Business, Vec<Problem>> {
    reader::read(source, |top| read(top, source))
}

fn read(top: &Section<'_, '_>, source: &SourceText) -> Business {
    let locations: Vec<Location> = top
        .tables("locations")
        .iter()
        .map(|s| location(s, source))
        .collect();
    let resources: Vec<_> = top
        .tables("resources")
        .iter()
        .map(|s| booking::resource(s, &locations))
        .collect();
    let reminders = reminders::reminders(top);
    let told = top.tables("services").into_iter();
    let told: Vec<(Section<'_, '_>, Service)> = told
        .map(|section| {
            let service = service(&section, source, &reminders.plan);
            (section, service)
        })
        .collect();
    let services: Vec<Service> = told.iter().map(|(_, service)| service.clone()).collect();
    let staff: Vec<Employee> = top
        .tables("staff")
        .iter()
        .map(|s| employee(s, source, &services, &locations))
        .collect();
    booking::check(top, &told, &staff, &resources);
    for (key, empty) in [
        ("services", services.is_empty()),
        ("locations", locations.is_empty()),
    ] {
        if empty {
            top.note(
                key,
                "must name at least one",
                &format!("add a [[{key}]] table"),
            );
        }
    }
    unique(
        top,
        "services",
        services.iter().map(|service| service.id.as_str()),
    );
    unique(
        top,
        "staff",
        staff.iter().map(|employee| employee.id.as_str()),
    );
    unique(
        top,
        "locations",
        locations.iter().map(|location| location.id.as_str()),
    );
    unique(
        top,
        "resources",
        resources.iter().map(|resource| resource.id.as_str()),
    );
    Business {
        file: source.file.clone(),
        name: top.required_words("name"),
        about: top.words("about"),
        time_zone: time_zone(top),
        language: language(top),
        tone: tone(top),
        locations,
        services,
        staff,
        resources,
        booking: booking::rules(top),
        escalation: escalation(top),
        quiet_hours: quiet_hours(top),
        reminders,
    }
}

fn unique<'a>(top: &Section<'_, '_>, key: &str, ids: impl Iterator<Item = &'a str>) {
    let mut seen = BTreeSet::new();
    for id in ids.filter(|id| !id.is_empty()) {
        if !seen.insert(id) {
            top.note(
                key,
                &format!("has the id `{id}` twice"),
                "ids name one thing each",
            );
        }
    }
}

fn time_zone(top: &Section<'_, '_>) -> Tz {
    let name = top.required("time_zone");
    name.parse().unwrap_or_else(|_| {
        if !name.is_empty() {
            let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
            top.note(
                "time_zone",
                "is not a time zone",
                &crate::source_text::nearest(&name, known),
            );
        }
        Tz::UTC
    })
}

fn language(top: &Section<'_, '_>) -> Language {
    let code = top
        .text("language")
        .unwrap_or_else(|| Language::default().code().to_owned());
    Language::from_code(&code).unwrap_or_else(|| {
        top.note(
            "language",
            "is not a language of the bot",
            "use \"ru\" or \"en\"",
        );
        Language::default()
    })
}

fn tone(top: &Section<'_, '_>) -> Tone {
    let Some(section) = top.table("tone") else {
        return Tone::default();
    };
    let named = |name: &str| {
        let mut forms = Address::ALL.into_iter();
        forms.find(|form| form.name() == name)
    };
    let address = section.text("address").map(|name| {
        named(&name).unwrap_or_else(|| {
            section.note(
                "address",
                &format!("is `{name}`, which is no form of address"),
                "use \"formal\" («вы») or \"informal\" («ты»)",
            );
            Address::default()
        })
    });
    let tone = Tone {
        address: address.unwrap_or_default(),
        emoji: section.flag("emoji").unwrap_or_default(),
    };
    section.close();
    tone
}

fn line(section: &Section<'_, '_>, source: &SourceText) -> usize {
    source.place(section.span().start).0
}

fn location(section: &Section<'_, '_>, source: &SourceText) -> Location {
    let location = Location {
        id: id(section),
        name: section.required_words("name"),
        address: section.required_words("address"),
        phone: section.text("phone"),
        email: section.text("email"),
        directions: section.words("directions"),
        parking: section.words("parking"),
        access: section.words("access"),
        hours: required_week(section, "hours"),
        special_days: all_special_days(section),
        line: line(section, source),
    };
    section.close();
    location
}

/// What an id that names nothing may have meant.
fn nearest_of<'a>(id: &str, known: impl Iterator<Item = &'a str>) -> String {
    crate::source_text::nearest(id, known)
}

/// An id travels in buttons and in other settings: Latin letters, digits and dashes.
fn id(section: &Section<'_, '_>) -> String {
    let id = section.required("id");
    if !id
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    {
        section.note(
            "id",
            "must be of small Latin letters, digits and dashes",
            "for example \"women-cut\"",
        );
    }
    id
}

fn required_week(section: &Section<'_, '_>, key: &str) -> Week {
    section.need(key);
    let Some(table) = section.table(key) else {
        return Week::default();
    };
    let mut week = Week::default();
    for name in table.keys() {
        let Some(days) = hours::days(&name) else {
            // Left unasked, so that it is told as an unknown key below.
            let hint = format!("use {} or a run such as mon-fri", DAYS.join(", "));
            table.note(&name, "is not a day", &hint);
            drop(table.text(&name));
            continue;
        };
        let Some(spans) = table.text(&name).as_deref().and_then(hours::day) else {
            table.note(&name, "is not working time", HOURS_HINT);
            continue;
        };
        for day in days {
            week.0[day].clone_from(&spans);
        }
    }
    table.close();
    if week.is_empty() {
        section.note(key, "leaves no working time in the week", HOURS_HINT);
    }
    week
}

fn all_special_days(section: &Section<'_, '_>) -> Vec<SpecialDays> {
    let days = section.tables("special_days");
    days.iter().filter_map(special_days).collect()
}

fn special_days(section: &Section<'_, '_>) -> Option<SpecialDays> {
    let day = |key: &str| {
        let parsed = section
            .text(key)
            .and_then(|text| hours::calendar_day(&text));
        if parsed.is_none() {
            section.note(
                key,
                "is not a day",
                "write \"2026-12-31\", or \"12-31\" for every year",
            );
        }
        parsed
    };
    section.need("from");
    let from = day("from");
    let until = if section.has("until") {
        day("until")
    } else {
        from
    };
    let spans = hours::day(&section.required("hours"));
    if spans.is_none() {
        section.note("hours", "is not working time", HOURS_HINT);
    }
    section.close();
    let (from, until) = (from?, until?);
    if from.0.is_some() != until.0.is_some() {
        section.note(
            "until",
            "must have a year when `from` has one, and none when it has none",
            "",
        );
    }
    Some(SpecialDays {
        from,
        until,
        hours: spans?,
    })
}

fn service(section: &Section<'_, '_>, source: &SourceText, firm: &ReminderPlan) -> Service {
    section.need("minutes");
    let minutes = section.range("minutes").unwrap_or((1, 1));
    let service = Service {
        id: id(section),
        name: section.required_words("name"),
        synonyms: section.texts("synonyms"),
        category: section.required_words("category"),
        minutes,
        price: price(section),
        note: section.words("note"),
        book_minutes: booking::book_minutes(section, minutes),
        buffer: booking::buffer(section),
        online: section.flag("online").unwrap_or(true),
        needs: section.texts("needs"),
        return_days: section.number("return_days"),
        reminders: reminders::of_service(section, firm),
        line: line(section, source),
    };
    section.close();
    service
}

/// `price = 2500`, `price = [2500, 3500]`, or `price_from = 2500`.
fn price(section: &Section<'_, '_>) -> Price {
    let from = section.number("price_from");
    let price = section.range("price");
    match (from, price) {
        (Some(from), None) => Price::From(from),
        (None, Some((low, high))) if low == high => Price::Exact(low),
        (None, Some((low, high))) => Price::Between(low, high),
        (Some(_), Some(_)) => {
            section.note("price_from", "fights with `price`", "keep one of the two");
            Price::Exact(0)
        }
        (None, None) => {
            if !section.has("price") && !section.has("price_from") {
                section.note(
                    "price",
                    "is missing",
                    "write price = 2500, price = [2500, 3500] or price_from = 2500",
                );
            }
            Price::Exact(0)
        }
    }
}

fn employee(
    section: &Section<'_, '_>,
    source: &SourceText,
    services: &[Service],
    locations: &[Location],
) -> Employee {
    let employee = Employee {
        id: id(section),
        name: section.required_words("name"),
        also: section.texts("also"),
        role: section.required_words("role"),
        services: section.texts("services"),
        location: booking::location_of(section, locations),
        schedule: required_week(section, "schedule"),
        special_days: all_special_days(section),
        line: line(section, source),
    };
    if employee.services.is_empty() {
        section.note(
            "services",
            "must name at least one service",
            "list the ids of what this person does",
        );
    }
    let ids = services.iter().map(|service| service.id.as_str());
    for service in &employee.services {
        booking::known(section, "services", "service", service, ids.clone());
    }
    section.close();
    employee
}

fn escalation(top: &Section<'_, '_>) -> Escalation {
    top.need("escalation");
    let Some(section) = top.table("escalation") else {
        return Escalation {
            hours: Week::default(),
            owner: String::new(),
        };
    };
    let escalation = Escalation {
        hours: required_week(&section, "hours"),
        owner: section.required("owner"),
    };
    section.close();
    escalation
}

fn quiet_hours(top: &Section<'_, '_>) -> Option<Span> {
    let text = top.text("quiet_hours")?;
    let span = Span::parse(&text);
    if span.is_none() {
        top.note(
            "quiet_hours",
            "is not a time of day",
            "write \"21:00-09:00\"",
        );
    }
    span
}

#[cfg(test)]
mod tests;
