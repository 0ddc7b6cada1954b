//! What the firm knows: facts from `business.toml` and entries written by people, found by
//! what a customer asks, or honestly not found.

mod entry;
mod facts;
pub mod import;
mod index;
mod read;
mod search;
mod vector_file;
mod vectors;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDate;
use tracing::warn;

pub use entry::{Entry, Imported, Origin, Source};
pub use index::Document;
pub use read::{Material, READER, Reading, read};
pub use search::{ANSWER_FROM, Asked, Finder, Hit, OFFER_FROM, Passage, extract};
pub use vectors::{KnowledgeConfig, Vector, Vectors, VectorsConfig};

use crate::business::Business;
use crate::source_text::problem;
use crate::words::{Language, Synonyms};
use zapis_core::config::Problem;

/// Everything the firm knows.
#[derive(Debug, Clone)]
pub struct Knowledge {
    entries: Arc<Vec<Entry>>,
    finder: Finder,
}

impl Knowledge {
    /// Reads every document of a folder and adds the facts of the firm and what was imported, or says
    /// everything that is wrong. What the folder says goes before an imported entry of the same id.
    pub fn load(
        folder: &Path,
        business: &Business,
        imported: Vec<Entry>,
    ) -> Result<Self, Vec<Problem>> {
        let mut entries = facts::entries(business);
        entries.extend(written(folder)?);
        let problems = repeated_ids(&entries);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self::joined(entries, imported))
    }

    /// What the firm says itself, joined with what was imported.
    fn joined(mut own: Vec<Entry>, imported: impl IntoIterator<Item = Entry>) -> Self {
        let ids: BTreeSet<(String, Language)> = own
            .iter()
            .map(|entry| (entry.id.clone(), entry.language))
            .collect();
        for entry in imported {
            if ids.contains(&(entry.id.clone(), entry.language)) {
                warn!(id = %entry.id, "An imported entry has the id of one in the folder, which goes before it");
            } else {
                own.push(entry);
            }
        }
        Self::of(own)
    }

    /// Knowledge made of these entries.
    pub fn of(entries: Vec<Entry>) -> Self {
        let finder = Finder::new(entries.iter().map(Entry::document));
        Self {
            entries: Arc::new(entries),
            finder,
        }
    }

    /// The same with a vector for each entry.
    #[must_use]
    pub fn with_vectors(&self, vectors: Vec<Vector>) -> Self {
        Self {
            entries: Arc::clone(&self.entries),
            finder: self.finder.clone().with_vectors(vectors),
        }
    }

    /// Whether entries are found by their meaning too.
    pub fn has_vectors(&self) -> bool {
        self.finder.has_vectors()
    }

    /// Takes these words for one another from now on.
    #[must_use]
    pub fn with_synonyms(self, synonyms: Arc<Synonyms>) -> Self {
        Self {
            finder: self.finder.with_synonyms(synonyms),
            ..self
        }
    }

    /// Every entry, facts of the firm first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry with this id in a language, where there is one: facts exist in every language
    /// under the same id.
    pub fn entry_in(&self, id: &str, language: Language, today: NaiveDate) -> Option<Passage> {
        let fits =
            |entry: &&Entry| entry.id == id && entry.language == language && !entry.expired(today);
        self.entries
            .iter()
            .find(fits)
            .map(|entry| entry.passage(1.0))
    }

    /// The entry with this id in a language.
    pub fn entry(&self, id: &str, language: Language) -> Option<&Entry> {
        let mut entries = self.entries.iter();
        entries.find(|entry| entry.id == id && entry.language == language)
    }

    /// The facts about `hours` or `address` of every place.
    pub fn about(&self, what: &str, language: Language, today: NaiveDate) -> Vec<Passage> {
        let fits = |entry: &&Entry| {
            entry.language == language
                && !entry.expired(today)
                && entry.id.split(':').next() == Some(what)
                && entry.origin == Origin::Fact
        };
        self.entries
            .iter()
            .filter(fits)
            .map(|entry| entry.passage(1.0))
            .collect()
    }

    /// The passages nearest to a question, best first.
    pub fn search(&self, asked: &Asked<'_>, limit: usize) -> Vec<Passage> {
        let usable = |at: usize| {
            let entry = &self.entries[at];
            !entry.expired(asked.today)
                && asked
                    .language
                    .is_none_or(|language| language == entry.language)
        };
        let found = self
            .finder
            .search(asked, |at| self.entries[at].topics.as_slice(), usable);
        found
            .into_iter()
            .take(limit)
            .map(|hit| self.entries[hit.document].passage(hit.confidence))
            .collect()
    }

    /// The passages that answer a question: none, one, or several services that fit equally.
    pub fn answer(&self, asked: &Asked<'_>) -> Vec<Passage> {
        let usable = |at: usize| {
            let entry = &self.entries[at];
            !entry.expired(asked.today)
                && asked
                    .language
                    .is_none_or(|language| language == entry.language)
        };
        let found = self
            .finder
            .search(asked, |at| self.entries[at].topics.as_slice(), usable);
        let is_service = |at: usize| self.entries[at].id.starts_with(facts::SERVICE);
        let chosen = search::choose(&found, is_service);
        chosen
            .iter()
            .map(|hit| self.entries[hit.document].passage(hit.confidence))
            .collect()
    }

    /// Whether a stem belongs to the words of the knowledge base.
    pub fn knows(&self, stem: &str) -> bool {
        self.finder.knows(stem)
    }
}

/// The documents of a folder, in the order of their names.
pub(crate) fn documents(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let unreadable = |error: std::io::Error| {
        problem(
            &folder.display().to_string(),
            0,
            0,
            "",
            &format!("cannot be read: {error}"),
            "the folder `knowledge` stands beside zapis.toml",
        )
    };
    let mut paths = Vec::new();
    for item in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = item.map_err(unreadable)?.path();
        if read::is_document(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// What the documents of a folder say, or everything that is wrong with them.
fn written(folder: &Path) -> Result<Vec<Entry>, Vec<Problem>> {
    let mut entries = Vec::new();
    let mut problems = Vec::new();
    for path in documents(folder).map_err(|problem| vec![problem])? {
        let read = read::open(&path).map_err(|problem| vec![problem]);
        match read.and_then(read::read) {
            Ok(reading) => entries.extend(reading.entries),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        Ok(entries)
    } else {
        Err(problems)
    }
}

fn repeated_ids(entries: &[Entry]) -> Vec<Problem> {
    let mut seen: BTreeMap<(&str, Language), &Entry> = BTreeMap::new();
    let mut problems = Vec::new();
    for entry in entries {
        if let Some(first) = seen.insert((&entry.id, entry.language), entry) {
            problems.push(taken(entry, first));
        }
    }
    problems
}

/// An id that two entries have.
fn taken(entry: &Entry, first: &Entry) -> Problem {
    problem(
        &entry.source.whole(),
        entry.source.line,
        1,
        &entry.id,
        &format!("is also in {}", first.source),
        "give one of the two another id: `## Question {#id}`, or a column `id`",
    )
}
