//! One thing the firm knows: questions it answers, the answer, and where it is written.

use chrono::NaiveDate;
use serde::Serialize;

use super::index::Document;
use super::search::Passage;
use crate::words::Language;

/// Where an entry is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// Who made an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Made from `business.toml`: always right.
    Fact,
    /// Written by a person.
    Written,
}

/// One thing the firm knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its name, the same after a restart.
    pub id: String,
    /// The questions it answers, the first one shown to people.
    pub questions: Vec<String>,
    /// The answer, quoted as it is.
    pub answer: String,
    /// Words it is also found by, never shown.
    pub keywords: String,
    /// The intents it belongs to.
    pub topics: Vec<String>,
    /// Its language.
    pub language: Language,
    /// Where it is written.
    pub source: Source,
    /// Who made it.
    pub origin: Origin,
    /// Who says that it is right.
    pub verified_by: Option<String>,
    /// The last day it may be quoted.
    pub valid_until: Option<NaiveDate>,
}

impl Entry {
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
            question: self.questions.first().cloned().unwrap_or_default(),
            answer: self.answer.clone(),
            source: self.source.clone(),
            language: self.language,
            topics: self.topics.clone(),
            score: confidence,
        }
    }
}
