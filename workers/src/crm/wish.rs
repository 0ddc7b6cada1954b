//! What a customer wants, as far as the dialogue knows it after a turn.

use std::fmt;

use serde::{Deserialize, Serialize};
use zapis_core::store::Visit;

use super::score::Signals;
use super::signals;
use crate::business::{Business, Price, Service};
use crate::dialogue::DialogueState;
use crate::dialogue::visit::Task;
use crate::understand::{Entity, Meaning, Understanding};
use crate::words::Language;

/// What a customer wants.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// The names of the services.
    pub service: Option<String>,
    /// Their ids, for the rules of who looks after them.
    pub services: Vec<String>,
    /// The location's id, where it is known.
    pub location: Option<String>,
    /// When, in words.
    pub time: Option<String>,
    /// What it costs at least.
    pub price: Option<u32>,
    /// Whether it may be more.
    pub price_from: bool,
    /// The name that the customer gave.
    pub name: Option<String>,
    /// The phone that the customer gave, in E.164.
    pub phone: Option<String>,
    /// The address that the customer gave.
    pub email: Option<String>,
    /// What speaks for a visit.
    pub signals: Signals,
    /// Whether a visit was begun to be booked and is not.
    pub unfinished: bool,
    /// Whether the customer wants to think about it.
    pub hesitates: bool,
}

impl fmt::Debug for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wish(…)")
    }
}

impl Wish {
    /// What is known after a turn: what was said in it, and what the dialogue remembers.
    pub fn of(
        text: &str,
        understood: &Understanding,
        mut signals: Signals,
        state: &DialogueState,
        business: &Business,
    ) -> Self {
        let form = state.form.as_ref().filter(|form| form.task == Task::Book);
        let visit = form
            .and_then(|form| form.chosen.as_ref())
            .map(|offer| &offer.visit);
        let asked = form.map(|form| form.items.iter().map(|item| item.service.clone()).collect());
        let ids: Vec<String> = asked
            .filter(|ids: &Vec<_>| !ids.is_empty())
            .unwrap_or_else(|| {
                let named = understood.entities.iter().filter_map(service);
                let subject = state.subject.iter().cloned();
                named.chain(subject).take(1).collect()
            });
        let services: Vec<&Service> = ids.iter().filter_map(|id| find(business, id)).collect();
        let heard = |of: fn(&Meaning) -> Option<&String>| {
            let entities = understood.entities.iter();
            entities
                .rev()
                .find_map(|entity| of(&entity.meaning))
                .cloned()
        };
        let given = |own: Option<&String>, heard: Option<String>| own.cloned().or(heard);
        signals.service |= !services.is_empty() && form.is_some();
        signals.time |= visit.is_some();
        Self {
            service: named(&services),
            services: services.iter().map(|service| service.id.clone()).collect(),
            location: visit.map(|visit| visit.location.clone()),
            time: visit
                .map(|visit| local_time(visit, business))
                .or_else(|| form.map(|form| form.when_said.clone()))
                .filter(|words| !words.is_empty()),
            price: cost(&services),
            price_from: may_be_more(&services),
            name: given(form.and_then(|form| form.name.as_ref()), heard(name)),
            phone: given(form.and_then(|form| form.phone.as_ref()), heard(phone)),
            email: heard(email),
            signals,
            unfinished: form.is_some(),
            hesitates: signals::hesitates(text),
        }
    }

    /// What a visit in the book says of a wish.
    pub fn of_visit(visit: &Visit, business: &Business) -> Self {
        let ids = visit.items.iter().map(|item| item.service.as_str());
        let services: Vec<&Service> = ids.filter_map(|id| find(business, id)).collect();
        Self {
            service: named(&services),
            services: services.iter().map(|service| service.id.clone()).collect(),
            location: Some(visit.location.clone()),
            time: Some(local_time(visit, business)),
            price: cost(&services),
            price_from: may_be_more(&services),
            ..Self::default()
        }
    }
}

/// When a visit is, for the staff.
pub(super) fn local_time(visit: &Visit, business: &Business) -> String {
    let local = business.local(visit.starts_at());
    local.format("%d.%m.%Y %H:%M").to_string()
}

fn find<'b>(business: &'b Business, named: &str) -> Option<&'b Service> {
    let same =
        |service: &&Service| service.id == named || service.name.in_language(Language::Ru) == named;
    business.services.iter().find(same)
}

fn named(services: &[&Service]) -> Option<String> {
    let names = services
        .iter()
        .map(|service| service.name.in_language(Language::Ru));
    Some(names.collect::<Vec<_>>().join(", ")).filter(|names| !names.is_empty())
}

fn cost(services: &[&Service]) -> Option<u32> {
    let least = |service: &&Service| match service.price {
        Price::Exact(price) | Price::From(price) | Price::Between(price, _) => price,
    };
    (!services.is_empty()).then(|| services.iter().map(least).sum())
}

fn may_be_more(services: &[&Service]) -> bool {
    let exact = |service: &&Service| matches!(service.price, Price::Exact(_));
    !services.iter().all(exact)
}

/// The service that somebody names; words that fit several name none.
fn service(entity: &Entity) -> Option<String> {
    match &entity.meaning {
        Meaning::Service(id) if entity.confidence.is_none_or(|sure| sure > 0.5) => Some(id.clone()),
        _ => None,
    }
}

fn name(meaning: &Meaning) -> Option<&String> {
    match meaning {
        Meaning::Name(name) => Some(name),
        _ => None,
    }
}

fn phone(meaning: &Meaning) -> Option<&String> {
    match meaning {
        Meaning::Phone(phone) => Some(phone),
        _ => None,
    }
}

fn email(meaning: &Meaning) -> Option<&String> {
    match meaning {
        Meaning::Email(email) => Some(email),
        _ => None,
    }
}
