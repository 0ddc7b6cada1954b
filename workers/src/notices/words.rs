//! How the book reads in the staff chat.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use zapis_core::store::{Booking, BookingEvent, Item, Status, Visit};

use super::news::News;
use crate::business::{Business, Location, day_text, weekday_short, weekday_text};
use crate::words::Language;

/// Buttons.
pub(super) const CALLED: &str = "Позвонили";
pub(super) const ARRIVED: &str = "Пришёл";
pub(super) const LATE: &str = "Опаздывает";
pub(super) const NO_SHOW: &str = "Не пришёл";

/// The most characters of a message; the messenger takes a little more.
const MOST: usize = 3_600;
/// How many of those who wait are named.
const TOLD: usize = 5;
/// The staff's language.
const RU: Language = Language::Ru;

/// The words of a firm.
pub(crate) struct Words<'a>(pub(crate) &'a Business);

impl Words<'_> {
    /// A piece of news in a line or two; nothing where the staff did it with a button of this chat.
    pub(super) fn news(&self, news: &News, now: DateTime<Utc>) -> Option<String> {
        let visit = self.visit(&news.after.visit);
        let customer = customer(&news.after);
        let by = by(&news.who);
        if news.is_cancellation() {
            let mut line = format!("❌ **Отмена** · {by}\n{visit}\n👤 {customer}");
            if news.before.is_some() && news.after.visit.starts_at() > now {
                let (time, people) = (self.span(&news.after.visit), self.people(&news.after.visit));
                write!(line, "\n🕳 Освободилось: {time}, {people}").ok();
            }
            return Some(line);
        }
        let Some(before) = &news.before else {
            let notes = news.after.notes.as_deref().unwrap_or_default();
            let notes = if notes.is_empty() {
                String::new()
            } else {
                format!("\n📝 {notes}")
            };
            return Some(format!(
                "🆕 **Новая запись** · {by}\n{visit}\n👤 {customer}{notes}"
            ));
        };
        if news.is_move() {
            let was = self.when(before.visit.starts_at());
            return Some(format!(
                "🔁 **Перенос** · {by}\nбыло {was}\n{visit}\n👤 {customer}"
            ));
        }
        news.is_delay()
            .then(|| format!("⏰ **Опаздывает**\n{visit}\n👤 {customer}"))
    }

    /// The visits of a day; nothing for a day when nobody works and nobody comes.
    pub(crate) fn list(
        &self,
        location: &Location,
        date: NaiveDate,
        bookings: &[Booking],
        now: DateTime<Utc>,
    ) -> String {
        let shown = |one: &&Booking| one.status.is_active() || one.status == Status::NoShow;
        let bookings: Vec<&Booking> = bookings.iter().filter(shown).collect();
        if bookings.is_empty() && location.open_on(date).is_empty() {
            return String::new();
        }
        let today = self.0.local(now).date_naive();
        let day = match (date - today).num_days() {
            0 => "Сегодня, ",
            1 => "Завтра, ",
            _ => "",
        };
        let weekday = weekday_text(date.weekday(), RU);
        let mut head = format!("📋 **{day}{weekday}, {}**", day_text(date, RU));
        if self.0.locations.len() > 1 {
            write!(head, " · {}", location.name.in_language(RU)).ok();
        }
        if bookings.is_empty() {
            return format!("{head}\nЗаписей пока нет.");
        }
        let open = bookings.iter().filter(|one| one.status == Status::Booked);
        let mut count = format!("Записей: {}", bookings.len());
        let open = open.count();
        if open > 0 {
            write!(count, ", не подтверждены: {open}").ok();
        }
        let mut lines = vec![head, count];
        let mut people: Vec<&str> = self.0.staff.iter().map(|one| one.id.as_str()).collect();
        let items = || bookings.iter().flat_map(|one| &one.visit.items);
        for item in items() {
            if !people.contains(&item.resource.as_str()) {
                people.push(&item.resource);
            }
        }
        for person in people {
            let of = |one: &&&Booking| one.visit.items.iter().any(|item| item.resource == person);
            let mut theirs = bookings.iter().filter(of).peekable();
            if theirs.peek().is_none() {
                continue;
            }
            lines.push(format!("\n**{}**", self.person(person)));
            lines.extend(theirs.map(|booking| self.line(booking, person)));
        }
        fitting(lines, "\n")
    }

    /// A visit of a person in a list.
    fn line(&self, booking: &Booking, person: &str) -> String {
        let items = || {
            booking
                .visit
                .items
                .iter()
                .filter(|one| one.resource == person)
        };
        let starts = items().map(|one| one.starts_at).min().unwrap_or_default();
        let ends = items().map(|one| one.ends_at).max().unwrap_or_default();
        let (starts, ends) = (self.0.local(starts), self.0.local(ends));
        let services: Vec<&str> = items().map(|item| self.service(item)).collect();
        let state = match booking.status {
            Status::Confirmed => " ✅",
            Status::Late => " ⏰ опаздывает",
            Status::Arrived => " 🙋 пришёл",
            Status::NoShow => " 🚫 не пришёл",
            _ => "",
        };
        format!(
            "{}–{} {} · {}{state}",
            starts.format("%H:%M"),
            ends.format("%H:%M"),
            services.join(" + "),
            customer(booking)
        )
    }

    /// A customer to call.
    pub(super) fn call(&self, booking: &Booking, foot: &str) -> String {
        let visit = self.visit(&booking.visit);
        let customer = customer(booking);
        let head = if foot.is_empty() {
            "📞 **Нужно позвонить**: визит не подтверждён"
        } else {
            "📞 Визит без подтверждения"
        };
        with_foot(format!("{head}\n{visit}\n👤 {customer}"), foot)
    }

    /// A visit that has begun.
    pub(super) fn attendance(&self, booking: &Booking, foot: &str) -> String {
        let text = format!(
            "🕒 {}\n👤 {}",
            self.visit(&booking.visit),
            customer(booking)
        );
        with_foot(text, foot)
    }

    /// How far a booking got, and who said so.
    pub(super) fn state(&self, booking: &Booking, events: &[BookingEvent]) -> String {
        let what = match booking.status {
            Status::Booked => format!("🔁 Теперь {}", self.when(booking.visit.starts_at())),
            Status::Confirmed => "✅ Подтверждено".to_owned(),
            Status::Late => "⏰ Опаздывает".to_owned(),
            Status::Arrived => "🙋 Пришёл".to_owned(),
            Status::NoShow => "🚫 Не пришёл".to_owned(),
            Status::CancelledByCustomer | Status::CancelledBySalon => "❌ Отменено".to_owned(),
        };
        match events.last() {
            Some(last) => {
                let at = self.0.local(last.at);
                format!("**{what}** · {}, {}", by(&last.who), at.format("%H:%M"))
            }
            None => format!("**{what}**"),
        }
    }

    /// "пт 27 ноября, 15:00–16:30: Женская стрижка, Анна".
    pub(crate) fn visit(&self, visit: &Visit) -> String {
        let services: Vec<&str> = visit.items.iter().map(|item| self.service(item)).collect();
        let mut text = format!(
            "{}: {}, {}",
            self.span(visit),
            services.join(" + "),
            self.people(visit)
        );
        if self.0.locations.len() > 1
            && let Some(location) = self.0.location(&visit.location)
        {
            write!(text, " · {}", location.name.in_language(RU)).ok();
        }
        text
    }

    /// A visit with its customer.
    pub(crate) fn named(&self, booking: &Booking) -> String {
        format!("{} · {}", self.visit(&booking.visit), customer(booking))
    }

    /// As short as a button: "27.11 15:00 Ольга".
    pub(crate) fn short(&self, booking: &Booking) -> String {
        let starts = self.0.local(booking.visit.starts_at());
        let name = match booking.name.trim() {
            "" => booking.phone.as_deref().unwrap_or_default(),
            name => name,
        };
        format!("{} {name}", starts.format("%d.%m %H:%M"))
    }

    /// A free time as a button: "пт 27 ноября, 15:00, Илья Сомов".
    pub(crate) fn title(&self, visit: &Visit) -> String {
        format!("{}, {}", self.when(visit.starts_at()), self.people(visit))
    }

    /// "пт 27 ноября, весь день", "пт 27 ноября, 13:00–15:00".
    pub(crate) fn between(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> String {
        let (from, until) = (self.0.local(from), self.0.local(until));
        let day = |date: NaiveDate| {
            let weekday = weekday_short(date.weekday(), RU);
            format!("{weekday} {}", day_text(date, RU))
        };
        let first = from.date_naive();
        // The last day ends at the midnight after it.
        let last = (until - chrono::TimeDelta::seconds(1)).date_naive();
        let midnight = |at: &DateTime<chrono_tz::Tz>| at.format("%H:%M").to_string() == "00:00";
        match (first == last, midnight(&from) && midnight(&until)) {
            (true, true) => format!("{}, весь день", day(first)),
            (false, true) => format!("{} – {}", day(first), day(last)),
            (true, false) => format!(
                "{}, {}–{}",
                day(first),
                from.format("%H:%M"),
                until.format("%H:%M")
            ),
            (false, false) => format!(
                "{}, {} – {}, {}",
                day(first),
                from.format("%H:%M"),
                day(last),
                until.format("%H:%M")
            ),
        }
    }

    fn when(&self, at: DateTime<Utc>) -> String {
        let local = self.0.local(at);
        let weekday = weekday_short(local.weekday(), RU);
        let day = day_text(local.date_naive(), RU);
        format!("{weekday} {day}, {}", local.format("%H:%M"))
    }

    fn span(&self, visit: &Visit) -> String {
        let ends = self.0.local(visit.ends_at());
        format!("{}–{}", self.when(visit.starts_at()), ends.format("%H:%M"))
    }

    /// What a service is called.
    pub(crate) fn service<'s>(&'s self, item: &'s Item) -> &'s str {
        self.0
            .service(&item.service)
            .map_or(item.service.as_str(), |one| one.name.in_language(RU))
    }

    /// What somebody of the firm is called.
    pub(crate) fn person<'s>(&'s self, id: &'s str) -> &'s str {
        self.0
            .employee(id)
            .map_or(id, |one| one.name.in_language(RU))
    }

    /// Who does it: "Анна, Вера".
    pub(crate) fn people(&self, visit: &Visit) -> String {
        let mut names: Vec<&str> = Vec::new();
        for item in &visit.items {
            let name = self.person(&item.resource);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(", ")
    }
}

/// Who waited for a time that was freed.
pub(super) fn waited_for(waiters: &[(String, String)]) -> String {
    if waiters.is_empty() {
        return String::new();
    }
    let one = |(name, said): &(String, String)| {
        let name = if name.is_empty() {
            "клиент"
        } else {
            name
        };
        if said.is_empty() {
            name.to_owned()
        } else {
            format!("{name} («{said}»)")
        }
    };
    let told: Vec<String> = waiters.iter().take(TOLD).map(one).collect();
    let more = waiters.len().saturating_sub(TOLD);
    let more = if more > 0 {
        format!(" и ещё {more}")
    } else {
        String::new()
    };
    format!("\n⏳ Ждут: {}{more}. Предложу по очереди.", told.join(", "))
}

/// Several pieces of news in one message.
pub(super) fn together(lines: &[String]) -> String {
    let head = (lines.len() > 1).then(|| format!("**Изменения в записи: {}**", lines.len()));
    let lines = head.as_ref().into_iter().chain(lines);
    fitting(lines.cloned().collect(), "\n\n")
}

fn with_foot(text: String, foot: &str) -> String {
    if foot.is_empty() {
        return text;
    }
    format!("{text}\n{foot}")
}

/// Who did something.
fn by(who: &str) -> &str {
    if who == "customer" {
        "клиент"
    } else {
        who
    }
}

/// Name, for whom, phone, where from.
fn customer(booking: &Booking) -> String {
    let mut parts = Vec::new();
    let name = match booking.name.trim() {
        "" => "без имени",
        name => name,
    };
    parts.push(match &booking.for_whom {
        Some(whom) => format!("{name} ({whom})"),
        None => name.to_owned(),
    });
    parts.extend(booking.phone.clone());
    let source = match booking.source.as_str() {
        "telegram" => "Telegram",
        "whatsapp" => "WhatsApp",
        "webchat" => "сайт",
        "phone" => "телефон",
        "walk-in" => "без записи",
        _ => "",
    };
    if !source.is_empty() {
        parts.push(source.to_owned());
    }
    parts.join(", ")
}

/// As many lines as one message takes, and how many more there are.
fn fitting(lines: Vec<String>, between: &str) -> String {
    let mut text = String::new();
    let count = lines.len();
    for (n, line) in lines.into_iter().enumerate() {
        if text.chars().count() + line.chars().count() > MOST {
            let left = count - n;
            write!(text, "\n…и ещё строк: {left}. Всё: zapis book today").ok();
            break;
        }
        if n > 0 {
            text.push_str(between);
        }
        text.push_str(&line);
    }
    text
}
