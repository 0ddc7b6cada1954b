//! What is said about a visit.

use chrono::{DateTime, Datelike, Utc};
use zapis_core::message::{Button, Purpose};
use zapis_core::store::{Booking, Status};

use crate::business::{Business, Location, Step, day_text};
use crate::texts::{Phrase, Texts};
use crate::words::Language;

const WEEKDAYS_RU: [&str; 7] = [
    "в понедельник",
    "во вторник",
    "в среду",
    "в четверг",
    "в пятницу",
    "в субботу",
    "в воскресенье",
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
/// The best mark.
const BEST: u8 = 5;

/// A message about a visit, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// What it says.
    pub text: String,
    /// Quick replies.
    pub buttons: Vec<Button>,
    /// What a template is given that stands for it.
    pub purpose: Purpose,
}

/// Speaks of one booking to its customer.
#[derive(Debug, Clone, Copy)]
pub struct Speaker<'a> {
    /// The firm.
    pub business: &'a Business,
    /// Its sentences.
    pub texts: &'a Texts,
    /// The customer's language.
    pub language: Language,
    /// What it is about.
    pub booking: &'a Booking,
    /// Now: tomorrow is called so.
    pub now: DateTime<Utc>,
}

impl Speaker<'_> {
    /// The message of a step.
    pub fn say(&self, step: Step) -> Said {
        let what = self.what().unwrap_or_default();
        let salon = self.salon().to_owned();
        let buttons = match step {
            Step::Booked | Step::Morning | Step::Soon => vec![self.move_it(), self.cancel()],
            Step::DayBefore if self.booking.status == Status::Confirmed => {
                vec![self.move_it(), self.cancel()]
            }
            Step::DayBefore => vec![self.confirm(), self.move_it(), self.cancel()],
            Step::Thanks => (1..=BEST).map(|mark| self.rate(mark)).collect(),
            Step::Cancelled => vec![self.again()],
            Step::Missed | Step::Return => vec![self.book()],
        };
        let text = self.text(step, &self.visit());
        let (name, parameters) = match step {
            Step::Booked | Step::DayBefore | Step::Morning | Step::Soon => {
                ("reminder", vec![salon, self.when(), what])
            }
            Step::Cancelled => (step.name(), vec![salon, self.visit()]),
            _ => (step.name(), vec![salon, what]),
        };
        Said {
            text,
            buttons,
            purpose: Purpose {
                name: name.to_owned(),
                parameters,
            },
        }
    }

    /// The same for an SMS: no buttons and so no question, no more than two SMS long, nothing that a locked
    /// screen should not show, and signed, because it comes from a number that nobody knows.
    pub fn say_shortly(&self, step: Step) -> Said {
        let when = self.when();
        let text = match step {
            Step::DayBefore | Step::Morning => {
                self.phrase(Phrase::RemindConfirmed, &[("visit", &when)])
            }
            _ => self.text(step, &when),
        };
        let phone = self.place().and_then(|place| place.phone.as_deref());
        let firm = [Some(self.salon()), phone].into_iter().flatten();
        let firm = firm.collect::<Vec<_>>().join(", ");
        Said {
            text: self.phrase(Phrase::RemindSms, &[("text", &text), ("firm", &firm)]),
            buttons: Vec::new(),
            ..self.say(step)
        }
    }

    fn text(&self, step: Step, visit: &str) -> String {
        let visit = [("visit", visit)];
        match step {
            Step::Booked if self.booking.version > 1 => self.phrase(Phrase::RemindMoved, &visit),
            Step::Booked => self.phrase(Phrase::RemindBooked, &visit),
            Step::Cancelled => self.phrase(Phrase::RemindCancelled, &visit),
            Step::DayBefore if self.booking.status == Status::Confirmed => {
                self.phrase(Phrase::RemindConfirmed, &visit)
            }
            Step::DayBefore => self.phrase(Phrase::RemindDayBefore, &visit),
            Step::Morning => self.phrase(
                Phrase::RemindMorning,
                &[visit[0], ("address", self.address())],
            ),
            Step::Soon => self.phrase(Phrase::RemindSoon, &visit),
            Step::Thanks => self.phrase(Phrase::RemindThanks, &[("salon", self.salon())]),
            Step::Missed => self.phrase(Phrase::RemindMissed, &[]),
            Step::Return => {
                let what = self.what().unwrap_or_default();
                self.phrase(Phrase::RemindReturn, &[("what", &what)])
            }
        }
    }

    /// What the staff is told when nothing reaches the customer.
    pub fn call(&self) -> String {
        let phone = self.booking.phone.as_deref().unwrap_or("—");
        let name = Some(self.booking.name.as_str()).filter(|name| !name.is_empty());
        let phrase = match self.booking.status {
            Status::CancelledBySalon => Phrase::CallCancelled,
            _ => Phrase::CallCustomer,
        };
        self.phrase(
            phrase,
            &[
                ("name", name.unwrap_or("—")),
                ("phone", phone),
                ("visit", &self.visit()),
            ],
        )
    }

    /// "завтра, в пятницу, 27 ноября, в 15:00: женская стрижка, мастер Анна".
    pub fn visit(&self) -> String {
        match self.what() {
            Some(what) => format!("{}: {what}", self.when()),
            None => self.when(),
        }
    }

    fn when(&self) -> String {
        let start = self.business.local(self.booking.visit.starts_at());
        let ahead = start.date_naive() - self.business.local(self.now).date_naive();
        let phrase = match ahead.num_days() {
            0 => Phrase::VisitToday,
            1 => Phrase::VisitTomorrow,
            _ => Phrase::VisitDay,
        };
        let weekdays = match self.language {
            Language::Ru => WEEKDAYS_RU,
            Language::En => WEEKDAYS_EN,
        };
        let weekday = weekdays[start.weekday().num_days_from_monday() as usize];
        let date = day_text(start.date_naive(), self.language);
        let time = start.format("%H:%M").to_string();
        let given = [("weekday", weekday), ("date", &date), ("time", &time)];
        self.phrase(phrase, &given)
    }

    /// Services and who does them, as far as the firm still knows them.
    fn what(&self) -> Option<String> {
        let items = &self.booking.visit.items;
        let services = items
            .iter()
            .filter_map(|item| self.business.service(&item.service));
        let services = distinct(services.map(|one| one.name.in_language(self.language)));
        let people = items
            .iter()
            .filter_map(|item| self.business.employee(&item.resource));
        let people = distinct(people.map(|one| one.name.in_language(self.language)));
        let services = services.iter().map(|name| in_a_sentence(name));
        let services = services.collect::<Vec<_>>().join(", ");
        if services.is_empty() {
            return None;
        }
        if people.is_empty() {
            return Some(services);
        }
        let given = [
            ("services", services.as_str()),
            ("people", &people.join(", ")),
        ];
        Some(self.phrase(Phrase::VisitWhat, &given))
    }

    fn salon(&self) -> &str {
        self.business.name.in_language(self.language)
    }

    fn place(&self) -> Option<&Location> {
        let place = self.business.location(&self.booking.visit.location);
        place.or(self.business.locations.first())
    }

    fn address(&self) -> &str {
        self.place()
            .map_or("", |place| place.address.in_language(self.language))
    }

    fn phrase(&self, phrase: Phrase, variables: &[(&str, &str)]) -> String {
        self.texts.say(self.language, phrase, variables)
    }

    fn button(&self, title: Phrase, payload: String) -> Button {
        Button {
            title: self.phrase(title, &[]),
            payload,
        }
    }

    fn confirm(&self) -> Button {
        self.button(
            Phrase::ButtonConfirm,
            format!("visit:confirm:{}", self.booking.id),
        )
    }

    fn move_it(&self) -> Button {
        self.button(
            Phrase::ButtonMove,
            format!("visit:move:{}", self.booking.id),
        )
    }

    fn cancel(&self) -> Button {
        self.button(
            Phrase::ButtonCancel,
            format!("visit:cancel:{}", self.booking.id),
        )
    }

    fn book(&self) -> Button {
        self.button(Phrase::ButtonBooking, "booking".to_owned())
    }

    fn again(&self) -> Button {
        self.button(
            Phrase::ButtonBookAgain,
            format!("visit:again:{}", self.booking.id),
        )
    }

    fn rate(&self, mark: u8) -> Button {
        Button {
            title: mark.to_string(),
            payload: format!("visit:rate:{}:{mark}", self.booking.id),
        }
    }
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut told = Vec::new();
    for name in names {
        if !told.contains(&name) {
            told.push(name);
        }
    }
    told
}

/// A name in the middle of a sentence: "Женская стрижка" begins small, "SPA-уход" does not.
fn in_a_sentence(name: &str) -> String {
    let mut letters = name.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => name.to_owned(),
    }
}
