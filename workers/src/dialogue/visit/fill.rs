//! What a message adds to a form. Pure.

use super::form::{Asked, Form, Offer, Task, Wished};
use super::heard::Heard;
use crate::business::Business;
use crate::when::{self, When};
use crate::words::{folded, stem, tokens};

/// More people than this come by arrangement only.
pub(super) const MOST_HEADS: u32 = 4;
/// The longest name.
const NAME: usize = 60;
/// How much of a wish is kept in the customer's words.
const WORDS: usize = 120;
/// With so many digits somebody meant to write a phone.
const DIGITS: usize = 5;

/// Whether a message answers what the form asked.
pub(super) fn answers(form: &Form, heard: &Heard) -> bool {
    match form.asked {
        Some(Asked::Confirm | Asked::Consent | Asked::Booking) => heard.yes || heard.no,
        Some(Asked::Time | Asked::Doubt) => heard.ordinal.is_some() || heard.yes || heard.no,
        Some(Asked::Service) => {
            heard.ordinal.is_some() || !heard.services.is_empty() || !form.options.is_empty()
        }
        Some(Asked::Name) => a_name(&heard.text).is_some(),
        Some(Asked::Phone) => digits(&heard.text) >= DIGITS || heard.no,
        None => false,
    }
}

/// Whether a message says something that the open form waits for or can take.
pub(super) fn concerns(form: &Form, heard: &Heard) -> bool {
    answers(form, heard)
        || heard.quits
        || heard.waits
        || heard.again
        || heard.anybody
        || heard.heads.is_some()
        || heard.phone.is_some()
        || heard.name.is_some()
        || heard.for_whom.is_some()
        || !heard.when.any_of.is_empty()
        || !heard.when.except.is_empty()
        || !heard.services.is_empty()
        || !heard.people.is_empty()
}

impl Form {
    /// Takes what a message says; whether it said anything.
    pub(super) fn take(&mut self, heard: &Heard, business: &Business) -> bool {
        let before = self.clone();
        if self.task != Task::Cancel && (self.task == Task::Book || !heard.when.is_empty()) {
            self.take_services(heard, business);
            self.take_people(heard, business);
            self.take_time(heard);
            self.take_heads(heard);
        }
        if let Some(phone) = &heard.phone {
            self.phone = Some(phone.clone());
        }
        if let Some(who) = heard.for_whom {
            self.for_whom = Some(who.to_owned());
        }
        if let Some(name) = &heard.name {
            self.name = Some(name.clone());
        } else if self.asked == Some(Asked::Name) {
            self.name = a_name(&heard.text);
        }
        *self != before
    }

    fn take_services(&mut self, heard: &Heard, business: &Business) {
        if !self.options.is_empty()
            && let Some(one) = self.option(heard, business)
        {
            self.choose(one, heard.more);
            return;
        }
        let mut sure = Vec::new();
        let mut unsure = Vec::new();
        for place in &heard.services {
            match place.as_slice() {
                [one] => sure.push(one.clone()),
                several => unsure.extend_from_slice(several),
            }
        }
        // "Gel manicure" is one of the manicures that another place of the text could mean.
        unsure.retain(|id| !sure.contains(id));
        let told = !sure.is_empty();
        if told {
            if !heard.more {
                self.items.clear();
            }
            for id in sure {
                self.choose(id, true);
            }
        } else if !unsure.is_empty() {
            if !heard.more {
                self.items.clear();
            }
            unsure.dedup();
            self.options = unsure;
            self.reopen_time();
        }
    }

    /// The option that a message means.
    fn option(&self, heard: &Heard, business: &Business) -> Option<String> {
        if let Some(n) = heard.ordinal {
            return self.options.get(n).cloned();
        }
        let named = heard.services.iter().flatten();
        let mut among = named.filter(|id| self.options.contains(id));
        if let (Some(one), None) = (among.next(), among.next()) {
            return Some(one.clone());
        }
        closest(&heard.text, &self.options, business)
    }

    /// Wishes a service, besides the others or in their place.
    pub(super) fn choose(&mut self, service: String, besides: bool) {
        if !besides {
            self.items.clear();
        }
        if !self.items.iter().any(|item| item.service == service) {
            self.items.push(Wished {
                service,
                person: None,
            });
        }
        self.options.clear();
        self.reopen_time();
    }

    fn take_people(&mut self, heard: &Heard, business: &Business) {
        if heard.anybody {
            for item in &mut self.items {
                item.person = None;
            }
        }
        // Of two names alike the bot does not choose.
        let [person] = heard.people.as_slice() else {
            return;
        };
        let does = |service: &str| {
            let found = business.staff.iter().find(|one| one.id == *person);
            found.is_some_and(|one| one.services.iter().any(|id| id == service))
        };
        let able = self.items.iter().any(|item| does(&item.service));
        for item in &mut self.items {
            if does(&item.service) || !able {
                item.person = Some(person.clone());
            }
        }
        self.reopen_time();
    }

    fn take_time(&mut self, heard: &Heard) {
        if heard.when.any_of.is_empty() && heard.when.except.is_empty() {
            return;
        }
        let mut said = heard.when.clone();
        let old = self.when.any_of.first().cloned();
        for when in &mut said.any_of {
            complete(when, old.as_ref());
        }
        if said.any_of.is_empty() {
            said.any_of.clone_from(&self.when.any_of);
        }
        said.length = None;
        self.when = said;
        self.when_said = heard.when_said.chars().take(WORDS).collect();
        self.reopen_time();
    }

    fn take_heads(&mut self, heard: &Heard) {
        let Some(heads) = heard.heads.filter(|heads| *heads <= MOST_HEADS) else {
            return;
        };
        if let [one] = self.items.as_slice() {
            let one = one.clone();
            self.items = vec![one; heads as usize];
        }
        self.together = true;
        self.reopen_time();
    }

    /// The time that a message chooses among those that are shown.
    pub(super) fn chosen_by(&self, heard: &Heard, business: &Business) -> Option<Offer> {
        if let Some(n) = heard.ordinal {
            return self.shown.get(n).cloned();
        }
        if self.shown.len() == 1 && heard.yes && heard.when.is_empty() {
            return self.shown.first().cloned();
        }
        if heard.when.any_of.is_empty() || !heard.services.is_empty() {
            return None;
        }
        let fits = |offer: &&Offer| {
            let at = business.local(offer.visit.starts_at()).naive_local();
            heard.when.any_of.iter().any(|when| {
                let plain = When {
                    doubts: Vec::new(),
                    ..when.clone()
                };
                plain.time.is_some() && plain.admits(at)
            })
        };
        let mut fitting = self.shown.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => Some(one.clone()),
            _ => None,
        }
    }
}

/// A time without a day keeps the day that was said before; a day without a time the time.
fn complete(when: &mut When, old: Option<&When>) {
    let Some(old) = old else {
        return;
    };
    if when.days.is_none() && when.weekdays.is_empty() {
        when.days = old.days;
        when.weekdays.clone_from(&old.weekdays);
    } else if when.time.is_none() && when.part.is_none() {
        when.time = old.time;
        when.part = old.part;
        when.about = old.about;
    }
}

/// Whether a wish names one day and one minute of it.
pub(super) fn is_exact(wish: &when::Wish) -> bool {
    match wish.any_of.as_slice() {
        [one] => {
            matches!(one.days, Some(when::Reach::At(_)))
                && matches!(one.time, Some(when::Reach::At(_)))
                && !one.about
        }
        _ => false,
    }
}

/// The one of some services whose names have most of the words that were written.
fn closest(text: &str, options: &[String], business: &Business) -> Option<String> {
    let stems = |text: &str| -> Vec<String> {
        let folded = folded(text);
        tokens(&folded)
            .map(|token| stem(token).into_owned())
            .collect()
    };
    let said = stems(text);
    let score = |id: &String| {
        let service = business.service(id)?;
        let names = [service.name.ru.as_str()].into_iter();
        let names = names.chain(service.name.en.as_deref());
        let names: Vec<String> = names
            .chain(service.synonyms.iter().map(String::as_str))
            .flat_map(stems)
            .collect();
        Some(said.iter().filter(|word| names.contains(word)).count())
    };
    let mut scored: Vec<(usize, &String)> = options
        .iter()
        .filter_map(|id| Some((score(id)?, id)))
        .collect();
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    match scored.as_slice() {
        [(best, id), rest @ ..] if *best > 0 => {
            let alone = rest.first().is_none_or(|(next, _)| next < best);
            alone.then(|| (*id).clone())
        }
        _ => None,
    }
}

/// A text that can be nothing but a name, as an answer to "what is your name?".
fn a_name(text: &str) -> Option<String> {
    let text = text.trim().trim_matches(|c: char| !c.is_alphabetic());
    let words: Vec<&str> = text.split_whitespace().collect();
    let letters = |word: &&str| {
        word.chars()
            .all(|c| c.is_alphabetic() || c == '-' || c == '\'')
    };
    let usable = (1..=3).contains(&words.len())
        && words.iter().all(letters)
        && text.chars().count() <= NAME
        && text.chars().count() >= 2;
    usable.then(|| {
        words
            .iter()
            .map(|word| capital(word))
            .collect::<Vec<_>>()
            .join(" ")
    })
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// How many digits a text has.
pub(super) fn digits(text: &str) -> usize {
    text.chars().filter(char::is_ascii_digit).count()
}
