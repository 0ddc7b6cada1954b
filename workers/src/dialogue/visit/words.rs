//! How things about visits read.

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use uuid::Uuid;
use zapis_core::message::Button;
use zapis_core::store::{Booking, SlotOffer, Visit, WaitEntry};

use super::categories;
use super::form::{Offer, Task};
use super::heard::Press;
use super::say::{Fit, Meant, ReadBack, Say};
use crate::business::{clock, day_text, weekday_short, weekday_text};
use crate::content::Content;
use crate::texts::Phrase;
use crate::words::Language;

/// The most buttons under a list of services or bookings.
const BUTTONS: usize = 10;

/// Tells things about visits in a language.
pub(crate) struct Telling<'a> {
    pub(crate) content: &'a Content,
    pub(crate) language: Language,
}

impl Telling<'_> {
    fn phrase(&self, phrase: Phrase, variables: &[(&str, &str)]) -> String {
        self.content.texts.say(self.language, phrase, variables)
    }

    fn button(&self, phrase: Phrase, press: &Press) -> Button {
        Button {
            title: self.phrase(phrase, &[]),
            payload: press.payload(),
        }
    }

    /// The words of it.
    pub(in crate::dialogue) fn text(&self, say: &Say) -> String {
        let plain = |phrase| self.phrase(phrase, &[]);
        match say {
            Say::Categories => plain(Phrase::VisitWhichService),
            Say::Services(_) => plain(Phrase::VisitWhichOfServices),
            Say::NotDoneBy { service, person } => self.not_done_by(service, person),
            Say::Offer(offers, fit) => self.offer(offers, *fit),
            Say::Keeping(offer) => {
                let visit = self.visit(&offer.visit);
                self.phrase(Phrase::VisitKeeping, &[("visit", &visit)])
            }
            Say::AskTime => plain(Phrase::VisitAskTime),
            Say::NothingFree => {
                let days = self.content.business.booking.max_days.to_string();
                self.phrase(Phrase::VisitNothingFree, &[("days", &days)])
            }
            Say::Doubt(_) => plain(Phrase::VisitDoubt),
            Say::Consent => {
                let business = &self.content.business;
                let salon = business.name.in_language(self.language);
                let version = &business.booking.consent_version;
                self.phrase(
                    Phrase::VisitConsent,
                    &[("salon", salon), ("version", version)],
                )
            }
            Say::NoConsent => plain(Phrase::VisitNoConsent),
            Say::Name => plain(Phrase::VisitName),
            Say::Phone => plain(Phrase::VisitPhone),
            Say::BadPhone => plain(Phrase::VisitBadPhone),
            Say::ReadBack(all) => self.read_back(all),
            Say::WhatToChange => plain(Phrase::VisitWhatToChange),
            Say::Done(task, booking) => self.done(*task, booking),
            Say::AskCancel(booking) => self.about(Phrase::VisitAskCancel, booking),
            Say::Kept(booking) => self.about(Phrase::VisitKept, booking),
            Say::Bookings(_, all) => self.listed(Phrase::VisitWhichBooking, all),
            Say::Mine(all) => self.listed(Phrase::VisitMine, all),
            Say::NoBookings => plain(Phrase::VisitNone),
            Say::TooLate(booking) => {
                let hours = self.content.business.booking.cancel_hours.to_string();
                let visit = self.visit(&booking.visit);
                let variables = [("visit", visit.as_str()), ("hours", &hours)];
                self.phrase(Phrase::VisitTooLate, &variables)
            }
            Say::Changed(booking) => self.about(Phrase::VisitChanged, booking),
            Say::Confirmed(booking) => self.about(Phrase::VisitConfirmed, booking),
            Say::Rated => plain(Phrase::VisitRated),
            Say::Dropped => plain(Phrase::VisitDropped),
            Say::Waiting(entry) => {
                let what = self.awaited(entry);
                let minutes = self.content.business.booking.waiting_minutes.to_string();
                self.phrase(
                    Phrase::VisitWaiting,
                    &[("what", &what), ("minutes", &minutes)],
                )
            }
            Say::StillWaiting(_) => plain(Phrase::VisitStillWaiting),
            Say::WaitsNoMore => plain(Phrase::VisitWaitsNoMore),
            Say::OfferOver(true) => plain(Phrase::VisitOfferOverWaits),
            Say::OfferOver(false) => plain(Phrase::VisitOfferOver),
        }
    }

    /// What can be pressed under it.
    pub(in crate::dialogue) fn buttons(&self, say: &Say) -> Vec<Button> {
        match say {
            Say::Categories => {
                let groups = categories(&self.content.business);
                let group = |(n, words): (usize, &&crate::business::Words)| Button {
                    title: words.in_language(self.language).to_owned(),
                    payload: Press::Category(n).payload(),
                };
                groups.iter().take(BUTTONS).enumerate().map(group).collect()
            }
            Say::Services(ids) => {
                let known = ids
                    .iter()
                    .filter_map(|id| self.content.business.service(id));
                let service = |one: &crate::business::Service| Button {
                    title: one.name.in_language(self.language).to_owned(),
                    payload: Press::Service(one.id.clone()).payload(),
                };
                known.take(BUTTONS).map(service).collect()
            }
            Say::Offer(offers, fit) => self.slots(offers, *fit),
            Say::NothingFree => self.wait().into_iter().collect(),
            Say::Waiting(entry) => vec![self.leave(entry.id)],
            Say::StillWaiting(id) => vec![self.leave(*id)],
            Say::Doubt(readings) => {
                let meant = |(day, minute): &Meant| Button {
                    title: self.reading(*day, *minute),
                    payload: Press::Meant(*day, *minute).payload(),
                };
                readings.iter().map(meant).collect()
            }
            Say::Consent => {
                let version = self.content.business.booking.consent_version.clone();
                vec![
                    self.button(Phrase::ButtonAgree, &Press::Agree(version)),
                    self.button(Phrase::ButtonDisagree, &Press::Disagree),
                ]
            }
            Say::ReadBack(all) => {
                let yes = match all.task {
                    Task::Move => Phrase::ButtonMoveYes,
                    _ => Phrase::ButtonBookYes,
                };
                vec![
                    self.button(yes, &Press::Yes(all.offer.hold)),
                    self.button(Phrase::ButtonChange, &Press::No),
                ]
            }
            Say::AskCancel(booking) => vec![
                self.button(Phrase::ButtonCancelYes, &Press::Yes(booking.id)),
                self.button(Phrase::ButtonKeep, &Press::No),
                self.button(Phrase::ButtonMove, &Press::Target(Task::Move, booking.id)),
            ],
            Say::Bookings(task, all) => {
                let one = |booking: &Booking| Button {
                    title: self.short_time(booking.visit.starts_at()),
                    payload: Press::Target(*task, booking.id).payload(),
                };
                all.iter().take(BUTTONS).map(one).collect()
            }
            Say::Mine(all) => match all.as_slice() {
                [one] => vec![
                    self.button(Phrase::ButtonMove, &Press::Target(Task::Move, one.id)),
                    self.button(Phrase::ButtonCancel, &Press::Target(Task::Cancel, one.id)),
                ],
                _ => Vec::new(),
            },
            Say::Done(Task::Cancel, booking) => {
                vec![self.button(
                    Phrase::ButtonBookAgain,
                    &Press::Target(Task::Book, booking.id),
                )]
            }
            _ => Vec::new(),
        }
    }

    fn slots(&self, offers: &[Offer], fit: Fit) -> Vec<Button> {
        let slot = |offer: &Offer| Button {
            title: self.short_time(offer.visit.starts_at()),
            payload: Press::Slot(offer.hold).payload(),
        };
        let mut buttons: Vec<Button> = offers.iter().map(slot).collect();
        buttons.push(self.button(Phrase::ButtonOtherTime, &Press::OtherTime));
        if fit == Fit::Nearest {
            buttons.extend(self.wait());
        }
        buttons
    }

    fn leave(&self, entry: Uuid) -> Button {
        self.button(Phrase::ButtonLeave, &Press::Leave(entry))
    }

    /// Where the firm keeps a waiting list.
    fn wait(&self) -> Option<Button> {
        let kept = self.content.business.booking.waiting_minutes > 0;
        kept.then(|| self.button(Phrase::ButtonWait, &Press::Wait))
    }

    /// "женская стрижка («в пятницу вечером»)".
    fn awaited(&self, entry: &WaitEntry) -> String {
        let services = crate::book::Wish::of(entry).map(|wish| wish.items);
        let services = services.unwrap_or_default();
        let known = services
            .iter()
            .filter_map(|item| self.content.business.service(&item.service));
        let names: Vec<&str> = known
            .map(|one| one.name.in_language(self.language))
            .collect();
        let what = names.join(" + ");
        if entry.said.is_empty() {
            return what;
        }
        match self.language {
            Language::Ru => format!("{what} («{}»)", entry.said),
            Language::En => format!("{what} (\"{}\")", entry.said),
        }
    }

    /// A time that became free, with what can be pressed.
    pub(crate) fn freed(&self, entry: &WaitEntry, offer: &SlotOffer) -> (String, Vec<Button>) {
        let until = self.content.business.local(offer.until);
        let until = until.format("%H:%M").to_string();
        let visit = self.visit(&offer.visit);
        let text = self.phrase(Phrase::VisitFreed, &[("visit", &visit), ("until", &until)]);
        let buttons = vec![
            self.button(Phrase::ButtonTake, &Press::Take(offer.hold)),
            self.button(Phrase::ButtonPass, &Press::Pass(offer.hold)),
            self.leave(entry.id),
        ];
        (text, buttons)
    }

    fn not_done_by(&self, service: &str, person: &str) -> String {
        let business = &self.content.business;
        let service_name = business
            .service(service)
            .map_or(service, |one| one.name.in_language(self.language));
        let names = |ok: &dyn Fn(&crate::business::Employee) -> bool| {
            let people = business.staff.iter().filter(|one| ok(one));
            let names: Vec<&str> = people
                .map(|one| one.name.in_language(self.language))
                .collect();
            names.join(", ")
        };
        let who = names(&|one| one.id == person);
        let others = names(&|one| one.services.iter().any(|id| id == service));
        self.phrase(
            Phrase::VisitNotDoneBy,
            &[
                ("service", service_name),
                ("person", &who),
                ("others", &others),
            ],
        )
    }

    fn offer(&self, offers: &[Offer], fit: Fit) -> String {
        let phrase = match fit {
            Fit::Wished => Phrase::VisitOffer,
            Fit::Nearest => Phrase::VisitNearest,
            Fit::Instead => Phrase::VisitInstead,
        };
        let what = offers
            .first()
            .map(|offer| self.services(&offer.visit))
            .unwrap_or_default();
        let head = self.phrase(phrase, &[("what", &what)]);
        let line = |offer: &Offer| {
            let time = self.time(offer.visit.starts_at());
            format!("• {time}, {}", self.people(&offer.visit))
        };
        let lines: Vec<String> = offers.iter().map(line).collect();
        let ask = self.phrase(Phrase::VisitChoose, &[]);
        format!("{head}\n{}\n{ask}", lines.join("\n"))
    }

    fn read_back(&self, all: &ReadBack) -> String {
        let visit = self.visit(&all.offer.visit);
        let name = match &all.for_whom {
            Some(whom) => format!("{} ({whom})", all.name),
            None => all.name.clone(),
        };
        let phrase = match all.task {
            Task::Move => Phrase::VisitReadMove,
            _ => Phrase::VisitReadBack,
        };
        let variables = [
            ("visit", visit.as_str()),
            ("name", &name),
            ("phone", &all.phone),
        ];
        self.phrase(phrase, &variables)
    }

    fn done(&self, task: Task, booking: &Booking) -> String {
        let business = &self.content.business;
        let location = business
            .locations
            .iter()
            .find(|one| one.id == booking.visit.location);
        let address = location.map_or("", |one| one.address.in_language(self.language));
        let hours = business.booking.cancel_hours.to_string();
        let visit = self.visit(&booking.visit);
        let phrase = match task {
            Task::Book => Phrase::VisitBooked,
            Task::Move => Phrase::VisitMoved,
            Task::Cancel => return self.about(Phrase::VisitCancelled, booking),
        };
        let variables = [
            ("visit", visit.as_str()),
            ("address", address),
            ("hours", &hours),
        ];
        self.phrase(phrase, &variables)
    }

    fn about(&self, phrase: Phrase, booking: &Booking) -> String {
        self.phrase(phrase, &[("visit", &self.visit(&booking.visit))])
    }

    fn listed(&self, phrase: Phrase, bookings: &[Booking]) -> String {
        let line = |booking: &Booking| format!("• {}", self.visit(&booking.visit));
        let lines: Vec<String> = bookings.iter().map(line).collect();
        format!("{}\n{}", self.phrase(phrase, &[]), lines.join("\n"))
    }

    /// A visit in words: "пятница, 27 ноября, 15:00: женская стрижка, мастер Анна, 2 400 ₽".
    pub(crate) fn visit(&self, visit: &Visit) -> String {
        let business = &self.content.business;
        let items: Vec<String> = visit
            .items
            .iter()
            .map(|item| {
                let service = business
                    .service(&item.service)
                    .map_or(item.service.as_str(), |one| {
                        one.name.in_language(self.language)
                    });
                let person = business
                    .employee(&item.resource)
                    .map_or(item.resource.as_str(), |one| {
                        one.name.in_language(self.language)
                    });
                let price = business
                    .service(&item.service)
                    .map_or_else(|| item.price.clone(), |one| one.price.text(self.language));
                let variables = [("service", service), ("person", person), ("price", &price)];
                self.phrase(Phrase::VisitItem, &variables)
            })
            .collect();
        format!("{}: {}", self.time(visit.starts_at()), items.join("; "))
    }

    fn services(&self, visit: &Visit) -> String {
        let names: Vec<&str> = visit
            .items
            .iter()
            .filter_map(|item| self.content.business.service(&item.service))
            .map(|one| one.name.in_language(self.language))
            .collect();
        names.join(" + ")
    }

    fn people(&self, visit: &Visit) -> String {
        let mut names: Vec<&str> = Vec::new();
        for item in &visit.items {
            let Some(person) = self.content.business.employee(&item.resource) else {
                continue;
            };
            let name = person.name.in_language(self.language);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(", ")
    }

    fn time(&self, at: DateTime<Utc>) -> String {
        let local = self.content.business.local(at);
        let minute = local.hour() * 60 + local.minute();
        self.reading(local.date_naive(), Some(minute))
    }

    fn reading(&self, day: NaiveDate, minute: Option<u32>) -> String {
        let weekday = weekday_text(day.weekday(), self.language);
        let day = day_text(day, self.language);
        match minute {
            Some(minute) => format!("{weekday}, {day}, {}", clock(minute)),
            None => format!("{weekday}, {day}"),
        }
    }

    /// As short as a button: "пт 27 ноября, 15:00".
    fn short_time(&self, at: DateTime<Utc>) -> String {
        let local = self.content.business.local(at);
        let weekday = weekday_short(local.weekday(), self.language);
        let day = day_text(local.date_naive(), self.language);
        format!("{weekday} {day}, {}", local.format("%H:%M"))
    }
}
