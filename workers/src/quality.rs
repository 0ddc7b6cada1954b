//! The quality of what is kept: what is missing or cannot be right, how many customers it touches, and which.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Serialize;
use serde_json::Value;
use zapis_core::message::ConversationId;
use zapis_core::store::{Booking, Store, StoreError};

use crate::business::{Business, Price};
use crate::knowledge::Knowledge;
use crate::understand::{e164, email_address};

/// Visits are looked at so far back, and as far ahead as they are booked.
const BACK: TimeDelta = TimeDelta::days(90);
/// Ahead of now nobody books.
const AHEAD: TimeDelta = TimeDelta::days(400);
/// A visit may be marked until so long after its end.
const MARKED_WITHIN: TimeDelta = TimeDelta::hours(12);
/// So many cases of a doubt are shown.
const SHOWN: usize = 50;

/// Everything that is looked for, in the order in which it is shown.
pub const DOUBTS: [&str; 12] = [
    "no_contact",
    "phones",
    "emails",
    "names",
    "same_person",
    "visits_of_nobody",
    "visits_unmarked",
    "consents",
    "enquiries",
    "services",
    "schedules",
    "knowledge",
];

/// One thing that is missing or doubtful.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Doubt {
    /// Its name, one of [`DOUBTS`].
    pub id: &'static str,
    /// How often.
    pub count: usize,
    /// How many customers it touches: conversations.
    pub customers: usize,
    /// The first of them.
    pub cases: Vec<Case>,
}

/// Where it is so.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Case {
    /// The customer's conversation.
    pub conversation: Option<ConversationId>,
    /// The day of the visit, at the firm.
    pub day: Option<NaiveDate>,
    /// The id of the service, the person of the staff or the entry of the knowledge.
    pub id: Option<String>,
}

/// Looks at everything; `desks` are the groups of the staff.
pub async fn look(
    store: &Store,
    firm: &Business,
    knows: &Knowledge,
    desks: &[ConversationId],
    now: DateTime<Utc>,
) -> Result<Vec<Doubt>, StoreError> {
    let mut found = Found::default();
    found.people(store, desks).await?;
    found.visits(store, firm, now).await?;
    found.content(firm, knows, firm.local(now).date_naive());
    Ok(found.doubts())
}

/// The cases of each doubt.
#[derive(Default)]
struct Found(BTreeMap<&'static str, BTreeSet<Case>>);

impl Found {
    fn add(&mut self, id: &'static str, case: Case) {
        self.0.entry(id).or_default().insert(case);
    }

    fn whose(&mut self, id: &'static str, conversation: &ConversationId) {
        let conversation = Some(conversation.clone());
        self.add(
            id,
            Case {
                conversation,
                ..Case::default()
            },
        );
    }

    async fn people(&mut self, store: &Store, desks: &[ConversationId]) -> Result<(), StoreError> {
        let mut reached = BTreeSet::new();
        let phones = store.phones_of_visits().await?;
        for (conversation, phones) in phones {
            if phones.iter().any(|phone| !is_phone(phone)) {
                self.whose("phones", &conversation);
            }
            reached.insert(conversation);
        }
        for enquiry in store.open_enquiries().await? {
            let card = &enquiry.state["card"];
            let (phones, emails) = (words(&card["phones"]), words(&card["emails"]));
            if phones.iter().any(|phone| !is_phone(phone)) {
                self.whose("phones", &enquiry.conversation);
            }
            let is_email = |email: &&str| email_address(email).as_deref() == Some(*email);
            if !emails.iter().all(is_email) {
                self.whose("emails", &enquiry.conversation);
            }
            let named = card["name"].as_str().is_some_and(is_name);
            let in_reach = !phones.is_empty() || !emails.is_empty();
            if !named || !in_reach {
                self.whose("enquiries", &enquiry.conversation);
            }
            if in_reach {
                reached.insert(enquiry.conversation);
            }
        }
        let contacts = store.contacts().await?;
        let customers = contacts
            .iter()
            .filter(|one| !desks.contains(&one.conversation));
        for one in customers.clone() {
            match one.phone.as_deref() {
                Some(phone) if is_phone(phone) => {
                    reached.insert(one.conversation.clone());
                }
                Some(_) => self.whose("phones", &one.conversation),
                None => {}
            }
            if one.name.as_deref().is_some_and(|name| !is_name(name)) {
                self.whose("names", &one.conversation);
            }
        }
        // Whoever is one person with somebody who can be reached can be reached.
        let persons = store.persons().await?;
        let person = |one| persons.get(one).unwrap_or(one);
        let reached: BTreeSet<_> = reached.iter().map(person).collect();
        for one in customers.filter(|one| !reached.contains(person(&one.conversation))) {
            self.whose("no_contact", &one.conversation);
        }
        for pair in store.lookalikes(SHOWN).await? {
            self.whose("same_person", &pair.one);
        }
        Ok(())
    }

    async fn visits(
        &mut self,
        store: &Store,
        firm: &Business,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let consented = store.consented(&firm.booking.consent_version).await?;
        for booking in store.bookings_between(now - BACK, now + AHEAD).await? {
            if !booking.status.is_active() {
                continue;
            }
            let Booking {
                conversation,
                phone,
                visit,
                ..
            } = &booking;
            let case = Case {
                conversation: conversation.clone(),
                day: Some(firm.local(visit.starts_at()).date_naive()),
                id: Some(booking.id.to_string()),
            };
            let open = booking.status != zapis_core::store::Status::Arrived;
            if open && visit.ends_at() + MARKED_WITHIN < now {
                self.add("visits_unmarked", case.clone());
            }
            if visit.ends_at() < now {
                continue;
            }
            if conversation.is_none() && phone.is_none() {
                self.add("visits_of_nobody", case);
            }
            if let Some(conversation) = conversation.as_ref().filter(|one| !consented.contains(one))
            {
                self.whose("consents", conversation);
            }
        }
        Ok(())
    }

    fn content(&mut self, firm: &Business, knows: &Knowledge, today: NaiveDate) {
        let of = |id: &str| Case {
            id: Some(id.to_owned()),
            ..Case::default()
        };
        for service in &firm.services {
            let free = matches!(
                service.price,
                Price::Exact(0) | Price::From(0) | Price::Between(_, 0)
            );
            if free || service.minutes.1 == 0 || service.book_minutes == 0 {
                self.add("services", of(&service.id));
            }
        }
        for person in firm.staff.iter().filter(|one| one.schedule.is_empty()) {
            self.add("schedules", of(&person.id));
        }
        let entries = knows.entries().iter();
        for entry in entries.filter(|one| one.valid_until.is_some_and(|until| until < today)) {
            self.add("knowledge", of(&entry.id));
        }
    }

    fn doubts(self) -> Vec<Doubt> {
        let of = |id| {
            let cases = self.0.get(id)?;
            let customers: BTreeSet<_> = cases
                .iter()
                .filter_map(|one| one.conversation.as_ref())
                .collect();
            Some(Doubt {
                id,
                count: cases.len(),
                customers: customers.len(),
                cases: cases.iter().take(SHOWN).cloned().collect(),
            })
        };
        DOUBTS.into_iter().filter_map(of).collect()
    }
}

fn words(list: &Value) -> Vec<&str> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}

fn is_phone(phone: &str) -> bool {
    e164(phone).as_deref() == Some(phone)
}

/// Whether somebody can be called so: it has two letters, and is no address.
fn is_name(name: &str) -> bool {
    let letters = name.chars().filter(|c| c.is_alphabetic()).count();
    letters >= 2 && !name.contains(['@', '/'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_phones_are_told_from_what_is_none() {
        for (name, fine) in [
            ("Ян", true),
            ("Анна-Мария 💅", true),
            ("Я", false),
            ("+7 921", false),
            ("💅💅", false),
            ("t.me/anna", false),
        ] {
            assert_eq!(is_name(name), fine, "{name}");
        }
        assert!(is_phone("+79211234567") && is_phone("+4915112345678"));
        assert!(!is_phone("79211234567") && !is_phone("+70000000000") && !is_phone("8"));
    }
}
