//! What the firm knows: facts from `business.toml` and entries written by people, found by
//! what a customer asks, or honestly not found.

mod entry;
mod facts;
mod import;
mod index;
mod markdown;
mod search;
mod table;

use std::collections::BTreeMap;
use std::path::Path;

use chrono::NaiveDate;

pub use entry::{Entry, Origin, Source};
pub use import::{Change, Import, ImportError, import, plan_import};
pub use index::Document;
pub use search::{ANSWER_FROM, Asked, Finder, Hit, OFFER_FROM, Passage, extract};

use crate::business::Business;
use crate::source_text::SourceText;
use crate::words::Language;
use zapis_core::config::Problem;

/// Everything the firm knows.
#[derive(Debug)]
pub struct Knowledge {
    entries: Vec<Entry>,
    finder: Finder,
}

impl Knowledge {
    /// Reads every Markdown and CSV file of a folder and adds the facts of the firm, or says
    /// everything that is wrong.
    pub fn load(folder: &Path, business: &Business) -> Result<Self, Vec<Problem>> {
        let mut entries = facts::entries(business);
        let mut problems = Vec::new();
        match files(folder) {
            Ok(paths) => {
                for path in paths {
                    match read_file(&path) {
                        Ok(found) => entries.extend(found),
                        Err(found) => problems.extend(found),
                    }
                }
            }
            Err(problem) => problems.push(problem),
        }
        problems.extend(repeated_ids(&entries));
        if problems.is_empty() {
            Ok(Self::of(entries))
        } else {
            Err(problems)
        }
    }

    /// Knowledge made of these entries.
    pub fn of(entries: Vec<Entry>) -> Self {
        let finder = Finder::new(entries.iter().map(Entry::document));
        Self { entries, finder }
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

/// The knowledge files of a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>, Problem> {
    let unreadable = |error: std::io::Error| Problem {
        file: folder.display().to_string(),
        line: 0,
        column: 0,
        key: String::new(),
        message: format!("cannot be read: {error}"),
        hint: "the folder `knowledge` stands beside zapis.toml".to_owned(),
        warning: false,
    };
    let mut paths = Vec::new();
    for item in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = item.map_err(unreadable)?.path();
        if is_knowledge_file(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_knowledge_file(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("md" | "csv"))
        && !path
            .file_name()
            .is_some_and(|name| name.eq_ignore_ascii_case("readme.md"))
}

/// The entries of one file.
fn read_file(path: &Path) -> Result<Vec<Entry>, Vec<Problem>> {
    let source = SourceText::read(path).map_err(|problem| vec![problem])?;
    if path.extension().is_some_and(|ending| ending == "csv") {
        return table::entries(&source);
    }
    markdown::entries(&source)
}

fn repeated_ids(entries: &[Entry]) -> Vec<Problem> {
    let mut seen: BTreeMap<(&str, Language), &Entry> = BTreeMap::new();
    let mut problems = Vec::new();
    for entry in entries {
        if let Some(first) = seen.insert((&entry.id, entry.language), entry) {
            problems.push(Problem {
                file: entry.source.file.clone(),
                line: entry.source.line,
                column: 1,
                key: entry.id.clone(),
                message: format!("is also in {}:{}", first.source.file, first.source.line),
                hint: "give one of the two another id: `## Question {#id}`".to_owned(),
                warning: false,
            });
        }
    }
    problems
}
