//! What an import would do, told before it is done.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;
use zapis_core::config::Problem;
use zapis_core::store::StoreError;

use super::super::entry::Entry;
use super::super::{Knowledge, taken};
use super::judge::Judge;
use super::{ImportError, Incoming};
use crate::words::Language;

/// What is known before an import.
#[derive(Debug, Default)]
pub struct Known {
    /// The version of what was brought in.
    pub version: i64,
    /// Facts of the firm and what the folder says.
    pub own: Vec<Entry>,
    /// What was brought in, by source.
    pub imported: BTreeMap<String, Vec<Entry>>,
}

impl Known {
    /// All of it, as workers join it.
    pub fn knowledge(&self) -> Knowledge {
        let imported = self.imported.values().flatten();
        Knowledge::joined(self.own.clone(), imported.cloned())
    }
}

/// What an import does to one entry, or what should be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum Change {
    /// The entry was not there.
    New {
        /// The entry.
        id: String,
        /// Its question.
        question: String,
    },
    /// The entry says something else now.
    Changed {
        /// The entry.
        id: String,
        /// Its question.
        question: String,
        /// What it said.
        before: String,
        /// What it says.
        after: String,
    },
    /// The source does not have the entry any more.
    Gone {
        /// The entry.
        id: String,
        /// Its question.
        question: String,
    },
    /// The entry says something else than a fact of the firm, or than another entry: another price for a
    /// service, another answer to a question.
    Contradicts {
        /// The entry.
        id: String,
        /// Its answer.
        says: String,
        /// The fact or the other entry.
        fact: String,
        /// What that says.
        fact_says: String,
        /// Where that is written.
        place: String,
    },
    /// The entry says the same as another one.
    Duplicates {
        /// The entry.
        id: String,
        /// The other one.
        of: String,
        /// Where that is written.
        place: String,
    },
    /// The last day of the entry is over: it is kept, and not quoted.
    Stale {
        /// The entry.
        id: String,
        /// Its question.
        question: String,
        /// Its last day.
        valid_until: NaiveDate,
    },
}

impl Change {
    /// The entry.
    pub fn id(&self) -> &str {
        match self {
            Self::New { id, .. }
            | Self::Changed { id, .. }
            | Self::Gone { id, .. }
            | Self::Contradicts { id, .. }
            | Self::Duplicates { id, .. }
            | Self::Stale { id, .. } => id,
        }
    }
}

/// What an import does with one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The file or address as it was given.
    pub from: String,
    /// The name of the source.
    pub to: String,
    /// The version that was made; none when nothing was changed.
    pub version: Option<i64>,
    /// Entries in the source.
    pub entries: usize,
    /// What changes, and what should be looked at.
    pub changes: Vec<Change>,
    /// What is wrong with it, or was left out.
    pub problems: Vec<Problem>,
}

/// What an import does.
#[derive(Debug, Default)]
pub struct Plan {
    /// Source by source.
    pub reports: Vec<Report>,
}

impl Plan {
    /// What bringing these sources in would do on a day.
    pub fn of(incoming: &[Incoming], known: &Known, today: NaiveDate) -> Self {
        let names: Vec<&str> = incoming.iter().map(|one| one.source.as_str()).collect();
        let kept = known
            .imported
            .iter()
            .filter(|(source, _)| !names.contains(&source.as_str()))
            .flat_map(|(_, entries)| entries);
        let mut world: Vec<&Entry> = known.own.iter().chain(kept).collect();
        let mut taken = Ids::of(&world);
        world.extend(incoming.iter().flat_map(|one| &one.entries));
        let judge = Judge::of(&world, &known.own, today);
        let reports = incoming.iter().map(|one| {
            let none = Vec::new();
            let before = known.imported.get(&one.source).unwrap_or(&none);
            let mut changes = changes(before, &one.entries);
            changes.extend(one.entries.iter().flat_map(|entry| judge.of_entry(entry)));
            let mut problems = taken.take(&one.entries);
            problems.extend(one.warnings.iter().cloned());
            Report {
                from: one.from.clone(),
                to: one.source.clone(),
                version: None,
                entries: one.entries.len(),
                changes,
                problems,
            }
        });
        Self {
            reports: reports.collect(),
        }
    }

    /// The same, thought out beside the runtime: thousands of entries take their time.
    pub async fn thought_out(
        incoming: Vec<Incoming>,
        known: Known,
        today: NaiveDate,
    ) -> Result<(Self, Known), ImportError> {
        let think = move || (Self::of(&incoming, &known, today), known);
        let thought = tokio::task::spawn_blocking(think).await;
        thought.map_err(|_| StoreError::Unavailable("it was broken off".into()).into())
    }

    /// Whether nothing stands in its way.
    pub fn can_be_done(&self) -> bool {
        let mut problems = self.reports.iter().flat_map(|report| &report.problems);
        problems.all(|problem| problem.warning)
    }
}

/// Who has which id.
struct Ids<'w>(BTreeMap<(&'w str, Language), &'w Entry>);

impl<'w> Ids<'w> {
    fn of(entries: &[&'w Entry]) -> Self {
        let owned = entries.iter().map(|entry| (key(entry), *entry));
        Self(owned.collect())
    }

    /// Takes the ids of newcomers; those that somebody has already are problems.
    fn take(&mut self, entries: &'w [Entry]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for entry in entries {
            if let Some(first) = self.0.insert(key(entry), entry) {
                problems.push(taken(entry, first));
                self.0.insert(key(first), first);
            }
        }
        problems
    }
}

fn key(entry: &Entry) -> (&str, Language) {
    (&entry.id, entry.language)
}

/// What is new, changed and gone between two versions of a source.
fn changes(before: &[Entry], after: &[Entry]) -> Vec<Change> {
    let old: BTreeMap<_, &Entry> = before.iter().map(|entry| (key(entry), entry)).collect();
    let new: BTreeMap<_, &Entry> = after.iter().map(|entry| (key(entry), entry)).collect();
    let mut changes = Vec::new();
    for entry in after {
        let (id, question) = (entry.id.clone(), entry.question().to_owned());
        match old.get(&key(entry)) {
            None => changes.push(Change::New { id, question }),
            Some(before) if says_the_same(before, entry) => {}
            Some(before) => changes.push(Change::Changed {
                id,
                question,
                before: before.answer.clone(),
                after: entry.answer.clone(),
            }),
        }
    }
    let gone = before.iter().filter(|entry| !new.contains_key(&key(entry)));
    changes.extend(gone.map(|entry| Change::Gone {
        id: entry.id.clone(),
        question: entry.question().to_owned(),
    }));
    changes
}

/// Whether customers and the owner see no difference, wherever in the document it stands.
fn says_the_same(a: &Entry, b: &Entry) -> bool {
    let said = |entry: &Entry| {
        (
            entry.answer.clone(),
            entry.questions.clone(),
            entry.verified_by.clone(),
            entry.valid_until,
            entry.topics.clone(),
        )
    };
    said(a) == said(b)
}
