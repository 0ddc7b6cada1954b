//! What an order says. Pure, but for the look-up of bookings.

use chrono::TimeDelta;
use zapis_core::store::{Booking, StoreError};

use super::words::{WHICH_SERVICE, heading_services, heading_targets, no_booking, not_done_by};
use super::{Draft, Pick, Reply, Secretary};
use crate::book::{Asker, Wish, WishFault, WishItem};
use crate::dialogue::Said;
use crate::dialogue::visit::Heard;
use crate::notices::Words;
use crate::understand::{Meaning, Understanding};
use crate::when::{self, Reach, When};
use crate::words::{Language, folded, stem, tokens};

/// How far ahead bookings are looked for.
const AHEAD: TimeDelta = TimeDelta::days(90);
/// A visit that began so long ago can still be moved or cancelled.
const BEHIND: TimeDelta = TimeDelta::hours(2);
/// The most bookings or services to choose from.
const CHOICES: usize = 8;

/// What is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Book,
    Move,
    Cancel,
    Close,
    Day,
}

impl Order {
    fn of(folded: &str) -> Option<Self> {
        const ILL: [&str; 8] = [
            "заболел",
            "болеет",
            "приболел",
            "на больничн",
            "не выйдет",
            "не сможет выйти",
            "отпросил",
            "взял выходной",
        ];
        if ILL.iter().any(|words| folded.contains(words)) {
            return Some(Self::Close);
        }
        let polite = ["пожалуйста", "так", "а", "и", "ну"];
        let first = tokens(folded).find(|word| !polite.contains(word))?;
        let begins = |stems: &[&str]| stems.iter().any(|stem| first.starts_with(stem));
        Some(if begins(&["перенес", "перенос", "передвин", "сдвин"]) {
            Self::Move
        } else if begins(&["отмен"]) {
            Self::Cancel
        } else if begins(&["закро", "заблокир", "займи", "перерыв", "обед"])
        {
            Self::Close
        } else if begins(&["расписани", "записи", "кто", "что", "покажи"])
        {
            Self::Day
        } else if begins(&["запиш", "записать", "забронир", "запись"]) {
            Self::Book
        } else {
            return None;
        })
    }
}

impl Secretary<'_> {
    /// Answers an order; nothing where none is understood, or so little of it that talk among the staff
    /// may only begin like one.
    pub(super) async fn ordered(
        &self,
        text: &str,
        addressed: bool,
    ) -> Result<Option<Reply>, StoreError> {
        let order = Order::of(&folded(text));
        if !addressed && self.is_vague(order, text) {
            return Ok(None);
        }
        Ok(match order {
            Some(Order::Book) => Some(self.book(text).await?),
            Some(Order::Move) => Some(self.shift(text).await?),
            Some(Order::Cancel) => Some(self.cancel(text).await?),
            Some(Order::Close) => Some(self.close(text).await?),
            Some(Order::Day) => Some(self.day(text).await?),
            None => None,
        })
    }

    fn is_vague(&self, order: Option<Order>, text: &str) -> bool {
        let (heard, _) = self.heard(text);
        match order {
            Some(Order::Book) => heard.services.is_empty() && heard.when.any_of.is_empty(),
            Some(Order::Close) => heard.people.is_empty(),
            _ => false,
        }
    }

    pub(super) fn heard(&self, text: &str) -> (Heard, Understanding) {
        let said = Said {
            text: text.to_owned(),
            ..Said::default()
        };
        let understood = self.firm.understander.understand(text);
        let heard = Heard::of(&said, &understood, self.local());
        (heard, understood)
    }

    pub(super) fn local(&self) -> chrono::NaiveDateTime {
        self.firm.business.local(self.asked.now).naive_local()
    }

    async fn book(&self, text: &str) -> Result<Reply, StoreError> {
        let (heard, understood) = self.heard(text);
        let person = master(text, &understood);
        let folded = folded(text);
        let walk_in = ["без записи", "зашла", "зашел", "пришла", "пришел"];
        let draft = Draft {
            services: Vec::new(),
            when: when::Wish {
                length: None,
                ..heard.when.clone()
            },
            name: customer(text, &understood)
                .or(heard.name)
                .unwrap_or_default(),
            phone: heard.phone.clone(),
            walk_in: walk_in.iter().any(|words| folded.contains(words)),
            moving: None,
        };
        let mut sure: Vec<String> = Vec::new();
        let mut options: Vec<String> = Vec::new();
        for place in &heard.services {
            match place.as_slice() {
                [one] => sure.push(one.clone()),
                several => options.extend_from_slice(several),
            }
        }
        sure.dedup();
        if sure.is_empty() {
            options.dedup();
            return Ok(self.which_service(&draft, &options, person.as_deref()));
        }
        let services = sure.into_iter().map(|id| (id, person.clone())).collect();
        self.wished(Draft { services, ..draft }).await
    }

    fn which_service(&self, draft: &Draft, options: &[String], person: Option<&str>) -> Reply {
        let business = &self.firm.business;
        let able = |id: &&String| {
            person
                .and_then(|person| business.employee(person))
                .is_none_or(|employee| employee.services.contains(id))
        };
        let picks = options.iter().filter(able).take(CHOICES).filter_map(|id| {
            let title = business.service(id)?.name.in_language(Language::Ru);
            let person = person.map(str::to_owned);
            let pick = Pick::Service(draft.clone(), id.clone(), person);
            Some((title.to_owned(), pick))
        });
        let picks: Vec<_> = picks.collect();
        if picks.is_empty() {
            return Reply::plain(WHICH_SERVICE);
        }
        Reply {
            text: heading_services().to_owned(),
            picks,
            ..Reply::default()
        }
    }

    /// Reads back the one time that was wished, or offers those that are free.
    pub(super) async fn wished(&self, draft: Draft) -> Result<Reply, StoreError> {
        let business = &self.firm.business;
        let item = |(service, person): &(String, Option<String>)| WishItem {
            service: service.clone(),
            person: person.clone(),
        };
        let wish = Wish {
            items: draft.services.iter().map(item).collect(),
            when: draft.when.clone(),
            moving: draft.moving.map(|(booking, _)| booking),
            ..Wish::default()
        };
        if let Some(fault) = wish.fault(business, false) {
            return Ok(match &fault {
                WishFault::NotDoneBy { service, person } => {
                    Reply::plain(not_done_by(business, service, person))
                }
                _ => Reply::plain(WHICH_SERVICE),
            });
        }
        let found = self.calendar.find(business, &wish, Asker::Staff, 6).await?;
        if found.exact
            && is_one_time(&draft.when)
            && let Some(visit) = found.visits.first()
        {
            return Ok(self.read_back(draft, visit.clone()));
        }
        Ok(self.offer(&draft, &found))
    }

    async fn shift(&self, text: &str) -> Result<Reply, StoreError> {
        let (which, to) = self.halves(text);
        let new = when::read(to, self.local()).wish;
        let understood = self.firm.understander.understand(to);
        let person = master(to, &understood);
        let pick = |booking: &Booking| Pick::Move(booking.id, new.clone(), person.clone());
        let found = self.targets(which).await?;
        match found.as_slice() {
            [] => Ok(Reply::plain(no_booking())),
            [one] => self.moved(one, &new, person.as_deref()).await,
            several => Ok(self.which_booking(several, pick)),
        }
    }

    /// "Перенеси Ольгу с 15 на 16": which visit, and to when.
    fn halves<'t>(&self, text: &'t str) -> (&'t str, &'t str) {
        let places = text.rmatch_indices(" на ").map(|(at, _)| at);
        let tells = |at: &usize| {
            let rest = &text[*at..];
            !when::read(rest, self.local()).wish.any_of.is_empty()
        };
        match places.filter(tells).last() {
            Some(at) => text.split_at(at),
            None => (text, text),
        }
    }

    /// The move of a booking: what was not said of the new time stays.
    pub(super) async fn moved(
        &self,
        booking: &Booking,
        new: &when::Wish,
        person: Option<&str>,
    ) -> Result<Reply, StoreError> {
        let starts = self
            .firm
            .business
            .local(booking.visit.starts_at())
            .naive_local();
        let complete = |when: &When| {
            let mut when = when.clone();
            if when.days.is_none() && when.weekdays.is_empty() {
                when.days = Some(Reach::At(starts.date()));
            } else if when.time.is_none() && when.part.is_none() {
                when.time = Some(Reach::At(starts.time()));
            }
            when
        };
        let services = booking.visit.items.iter().map(|item| {
            let same = Some(item.resource.clone());
            (item.service.clone(), person.map(str::to_owned).or(same))
        });
        let draft = Draft {
            services: services.collect(),
            when: when::Wish {
                any_of: new.any_of.iter().map(complete).collect(),
                ..when::Wish::default()
            },
            name: booking.name.clone(),
            phone: booking.phone.clone(),
            walk_in: false,
            moving: Some((booking.id, booking.version)),
        };
        self.wished(draft).await
    }

    async fn cancel(&self, text: &str) -> Result<Reply, StoreError> {
        let found = self.targets(text).await?;
        Ok(match found.as_slice() {
            [] => Reply::plain(no_booking()),
            [one] => self.ask_cancel(one),
            several => self.which_booking(several, |one| Pick::AskCancel(one.id)),
        })
    }

    fn which_booking(&self, all: &[Booking], pick: impl Fn(&Booking) -> Pick) -> Reply {
        let words = Words(&self.firm.business);
        let line = |one: &Booking| (words.short(one), pick(one));
        Reply {
            text: heading_targets().to_owned(),
            picks: all.iter().take(CHOICES).map(line).collect(),
            ..Reply::default()
        }
    }

    /// The bookings that words mean: by phone, by name, by time.
    async fn targets(&self, text: &str) -> Result<Vec<Booking>, StoreError> {
        let (heard, _) = self.heard(text);
        let now = self.asked.now;
        let mut all = self
            .store
            .bookings_between(now - BEHIND, now + AHEAD)
            .await?;
        all.retain(|one| one.status.is_active());
        if heard.phone.is_some() {
            all.retain(|one| one.phone == heard.phone);
        }
        let said = stems(text);
        let is_named = |one: &Booking| stems(&one.name).iter().any(|word| said.contains(word));
        let named = all.iter().any(is_named);
        if named {
            all.retain(is_named);
        }
        let admits = |one: &Booking, wish: &when::Wish| {
            let local = self.firm.business.local(one.visit.starts_at());
            wish.admits(local.naive_local())
        };
        // "С 15 на 16": the visit at 15, and not any after it.
        let sharp = sharpened(&heard.when);
        let is_sharp = all.iter().any(|one| admits(one, &sharp));
        let wish = if is_sharp { &sharp } else { &heard.when };
        let at = |one: &Booking| admits(one, wish);
        let timed = !heard.when.any_of.is_empty();
        if timed && (all.iter().any(at) || !named) {
            all.retain(at);
        }
        if !named && !timed && heard.phone.is_none() {
            all.clear();
        }
        Ok(all)
    }
}

/// Whether a wish names one minute of one day.
fn is_one_time(wish: &when::Wish) -> bool {
    let [one] = wish.any_of.as_slice() else {
        return false;
    };
    let day = matches!(one.days, Some(Reach::At(_)));
    // A time without a day is the next such time: the read-back tells which.
    (day || one.days.is_none()) && matches!(one.time, Some(Reach::At(_))) && !one.about
}

/// The same times, with those that only begin somewhere taken as exact.
fn sharpened(wish: &when::Wish) -> when::Wish {
    let mut wish = wish.clone();
    for when in &mut wish.any_of {
        if let Some(Reach::From(point) | Reach::After(point)) = when.time {
            when.time = Some(Reach::At(point));
        }
    }
    wish
}

/// The person of the firm who is to do it: "к Анне", "у Анны".
fn master(text: &str, understood: &Understanding) -> Option<String> {
    understood.entities.iter().find_map(|entity| {
        let Meaning::Staff(id) = &entity.meaning else {
            return None;
        };
        is_master(text, entity.start).then(|| id.clone())
    })
}

/// A customer who has the name of somebody of the firm.
fn customer(text: &str, understood: &Understanding) -> Option<String> {
    let mut entities = understood.entities.iter();
    let named = entities.clone().find_map(|entity| match &entity.meaning {
        Meaning::Name(name) => Some(name.clone()),
        _ => None,
    });
    named
        .or_else(|| {
            entities.find_map(|entity| {
                let staff = matches!(entity.meaning, Meaning::Staff(_));
                (staff && !is_master(text, entity.start)).then(|| entity.text.clone())
            })
        })
        .or_else(|| whom(text))
}

/// Words with a capital right after the order: "запиши Ольгу Петрову …", as they are written.
fn whom(text: &str) -> Option<String> {
    let capital = |word: &&str| word.chars().next().is_some_and(char::is_uppercase);
    let words = text.split_whitespace().skip(1).take_while(capital).take(3);
    let name = words.collect::<Vec<_>>().join(" ");
    let name = name.trim_end_matches(|c: char| !c.is_alphabetic());
    (!name.is_empty()).then(|| name.to_owned())
}

fn is_master(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let last = before.split_whitespace().next_back().unwrap_or_default();
    let last = last.to_lowercase();
    matches!(
        last.as_str(),
        "к" | "ко" | "у" | "мастер" | "мастеру" | "мастера"
    )
}

/// Stems of the words that can be names.
fn stems(text: &str) -> Vec<String> {
    let folded = folded(text);
    tokens(&folded)
        .filter(|word| word.chars().count() > 2)
        .map(|word| stem(word).into_owned())
        .collect()
}
