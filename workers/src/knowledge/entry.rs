//! One thing the firm knows: questions it answers, the answer, and where it is written.

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::index::Document;
use super::search::Passage;
use crate::words::Language;

/// Where an entry is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The file, or the address of a page.
    pub file: String,
    /// The line or the row of a sheet, from 1; 0 where there are none.
    #[serde(default)]
    pub line: usize,
    /// Where lines are not enough: `page 3`, `sheet Prices`, `paragraph 12`, `#hours`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
}

impl Source {
    /// As people of the firm know it: the file by its name, without where this machine keeps it.
    pub fn for_people(&self) -> String {
        let whole = self.to_string();
        match whole.rsplit_once(std::path::MAIN_SEPARATOR) {
            Some((_, name)) if !whole.contains("://") => name.to_owned(),
            _ => whole,
        }
    }

    /// The file with the part of it, as problems name it.
    pub fn whole(&self) -> String {
        match self.part.as_deref() {
            Some(anchor) if anchor.starts_with('#') => format!("{}{anchor}", self.file),
            Some(part) => format!("{}, {part}", self.file),
            None => self.file.clone(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.whole())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        Ok(())
    }
}

/// Who made an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Made from `business.toml`: always right.
    Fact,
    /// A question with its answer, or a line of a price list, written by a person.
    Written,
    /// A piece of a document under its heading: the heading may stand over other pieces too.
    Piece,
}

/// How an entry was brought in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The name of the file or the address that was given: what can be removed.
    pub source: String,
    /// The version that brought it.
    pub version: i64,
}

/// One thing the firm knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name, the same after a restart.
    pub id: String,
    /// The questions it answers, the first one shown to people.
    pub questions: Vec<String>,
    /// The answer, quoted as it is.
    pub answer: String,
    /// Words it is also found by, never shown.
    #[serde(default)]
    pub keywords: String,
    /// The intents it belongs to.
    #[serde(default)]
    pub topics: Vec<String>,
    /// Its language.
    pub language: Language,
    /// Where it is written.
    pub source: Source,
    /// Who made it.
    pub origin: Origin,
    /// Who says that it is right.
    #[serde(default)]
    pub verified_by: Option<String>,
    /// The last day it may be quoted.
    #[serde(default)]
    pub valid_until: Option<NaiveDate>,
    /// How it was brought in; none for facts and what the folder says.
    #[serde(skip)]
    pub imported: Option<Imported>,
}

impl Entry {
    /// An entry that says nothing but this; its id is settled when its document is read to the end.
    pub(super) fn new(question: String, answer: String, source: Source, origin: Origin) -> Self {
        Self {
            id: String::new(),
            language: Language::of(&answer).unwrap_or_default(),
            questions: vec![question],
            answer,
            keywords: String::new(),
            topics: Vec::new(),
            source,
            origin,
            verified_by: None,
            valid_until: None,
            imported: None,
        }
    }

    /// The question that is shown to people.
    pub fn question(&self) -> &str {
        self.questions.first().map_or("", String::as_str)
    }

    /// Whether it may not be quoted any more.
    pub fn expired(&self, today: NaiveDate) -> bool {
        self.valid_until.is_some_and(|last| last < today)
    }

    /// What of it is searched.
    pub(super) fn document(&self) -> Document {
        Document {
            titles: self.questions.clone(),
            body: format!("{} {}", self.answer, self.keywords),
        }
    }

    /// It as an answer to a question.
    pub(super) fn passage(&self, confidence: f32) -> Passage {
        Passage {
            id: self.id.clone(),
            question: self.question().to_owned(),
            answer: self.answer.clone(),
            source: self.source.clone(),
            language: self.language,
            topics: self.topics.clone(),
            score: confidence,
        }
    }
}
