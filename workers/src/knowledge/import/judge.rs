//! What should be looked at before it is quoted: contradictions, duplicates, what is out of date.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;

use super::super::entry::{Entry, Origin};
use super::super::facts::SERVICE;
use super::super::read::money;
use super::super::{Asked, Knowledge};
use super::plan::Change;
use crate::words::{Language, folded, is_light, stem, tokens};

/// From this confidence on, an entry is about the same service as a fact.
const CERTAIN: f32 = 0.8;

/// Compares entries with all others.
pub(super) struct Judge<'w> {
    /// Entries by what they are asked.
    by_question: HashMap<(Language, String), Vec<&'w Entry>>,
    /// Pieces by what they say.
    by_answer: HashMap<(Language, String), &'w Entry>,
    facts: Knowledge,
    today: NaiveDate,
}

impl<'w> Judge<'w> {
    /// A judge who knows everything there will be.
    pub(super) fn of(world: &[&'w Entry], own: &[Entry], today: NaiveDate) -> Self {
        let mut by_question: HashMap<_, Vec<&Entry>> = HashMap::new();
        let mut by_answer = HashMap::new();
        for entry in world.iter().filter(|entry| entry.origin != Origin::Fact) {
            for key in keys(entry) {
                by_question
                    .entry((entry.language, key))
                    .or_default()
                    .push(*entry);
            }
            let said = (entry.language, folded(&entry.answer));
            by_answer.entry(said).or_insert(*entry);
        }
        let facts = own.iter().filter(|entry| entry.origin == Origin::Fact);
        Self {
            by_question,
            by_answer,
            facts: Knowledge::of(facts.cloned().collect()),
            today,
        }
    }

    /// What should be looked at in an entry; of two that do not agree, it is told of the later one.
    pub(super) fn of_entry(&self, entry: &Entry) -> Vec<Change> {
        let mut found = Vec::new();
        if let Some(valid_until) = entry.valid_until.filter(|_| entry.expired(self.today)) {
            found.push(Change::Stale {
                id: entry.id.clone(),
                question: entry.question().to_owned(),
                valid_until,
            });
        }
        found.extend(self.against_facts(entry));
        let mut told: Vec<*const Entry> = Vec::new();
        for key in keys(entry) {
            let same = self.by_question.get(&(entry.language, key));
            for other in same.into_iter().flatten() {
                if std::ptr::eq(*other, entry) {
                    break;
                }
                if !told.contains(&std::ptr::from_ref(*other)) {
                    told.push(*other);
                    found.extend(compared(entry, other));
                }
            }
        }
        let first = self.by_answer.get(&(entry.language, folded(&entry.answer)));
        if let Some(first) = first
            && entry.origin == Origin::Piece
            && told.is_empty()
            && !std::ptr::eq(*first, entry)
        {
            found.push(duplicates(entry, first));
        }
        found
    }

    /// A price that is not the one of the fact about the same service.
    fn against_facts(&self, entry: &Entry) -> Option<Change> {
        let prices = money::amounts(&entry.answer);
        if prices.is_empty() {
            return None;
        }
        let asked = Asked {
            text: entry.question(),
            language: Some(entry.language),
            topics: &[("price".to_owned(), 1.0)],
            today: self.today,
            meaning: None,
        };
        let fact = self
            .facts
            .search(&asked, 1)
            .into_iter()
            .find(|passage| passage.id.starts_with(SERVICE) && passage.score >= CERTAIN)?;
        let known = money::amounts(&fact.answer);
        let (low, high) = (*known.iter().min()?, *known.iter().max()?);
        let open = [": от ", ": from "]
            .iter()
            .any(|from| fact.answer.contains(from));
        let outside = |price: &u32| *price < low || (*price > high && !open);
        // A line of a price list speaks of nothing but the service; a text may name other amounts too.
        let disagrees = if is_priced(entry) {
            prices.iter().any(outside)
        } else {
            prices.iter().all(outside)
        };
        disagrees.then(|| Change::Contradicts {
            id: entry.id.clone(),
            says: entry.answer.clone(),
            fact: fact.id,
            fact_says: fact.answer,
            place: fact.source.to_string(),
        })
    }
}

/// What two entries with the same question have against each other.
fn compared(entry: &Entry, other: &Entry) -> Option<Change> {
    if folded(&entry.answer) == folded(&other.answer) {
        return Some(duplicates(entry, other));
    }
    let prices: BTreeSet<u32> = money::amounts(&entry.answer).into_iter().collect();
    let others: BTreeSet<u32> = money::amounts(&other.answer).into_iter().collect();
    let written = |entry: &Entry| entry.origin == Origin::Written && !is_priced(entry);
    let disagree = if prices.is_empty() || others.is_empty() {
        written(entry) && written(other)
    } else {
        prices.is_disjoint(&others)
    };
    disagree.then(|| Change::Contradicts {
        id: entry.id.clone(),
        says: entry.answer.clone(),
        fact: other.id.clone(),
        fact_says: other.answer.clone(),
        place: other.source.to_string(),
    })
}

fn duplicates(entry: &Entry, of: &Entry) -> Change {
    Change::Duplicates {
        id: entry.id.clone(),
        of: of.id.clone(),
        place: of.source.to_string(),
    }
}

/// Whether it is a line of a price list.
fn is_priced(entry: &Entry) -> bool {
    entry.origin == Origin::Written
        && entry.topics.first().is_some_and(|topic| topic == "price")
        && entry.answer.starts_with(&format!("{}: ", entry.question()))
}

/// What each question of an entry asks, whatever its forms and order of words.
fn keys(entry: &Entry) -> BTreeSet<String> {
    let key = |question: &String| {
        let folded = folded(question);
        let stems: BTreeSet<String> = tokens(&folded)
            .filter(|token| !is_light(token))
            .map(|token| stem(token).into_owned())
            .collect();
        stems.into_iter().collect::<Vec<_>>().join(" ")
    };
    let mut keys: BTreeSet<String> = entry.questions.iter().map(key).collect();
    keys.remove("");
    keys
}
