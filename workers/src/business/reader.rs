//! Reads TOML tables and notes every problem with its place instead of stopping at the first.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ops::Range;

use chrono::NaiveDate;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Words;
use crate::source_text::{SourceText, nearest};
use zapis_core::config::Problem;

/// Reads a file by its topmost table, or says everything that is wrong with it.
pub(crate) fn read<T>(
    source: &SourceText,
    of: impl FnOnce(&Section<'_, '_>) -> T,
) -> Result<T, Vec<Problem>> {
    let (root, errors) = DeTable::parse_recoverable(&source.text);
    if !errors.is_empty() {
        let problem = |error: &toml::de::Error| {
            source.problem(&error.span().unwrap_or(0..0), "toml", error.message(), "")
        };
        return Err(errors.iter().map(problem).collect());
    }
    let reader = Reader::new(source);
    let read = {
        let top = Section::new(&reader, Some(root.get_ref()), "", 0..0);
        let read = of(&top);
        top.close();
        read
    };
    let problems = reader.into_problems();
    if problems.is_empty() {
        Ok(read)
    } else {
        Err(problems)
    }
}

/// The file being read and what was wrong with it so far.
pub(crate) struct Reader<'t> {
    source: &'t SourceText,
    problems: RefCell<Vec<Problem>>,
}

impl<'t> Reader<'t> {
    /// Nothing read yet.
    pub(crate) fn new(source: &'t SourceText) -> Self {
        Self {
            source,
            problems: RefCell::default(),
        }
    }

    /// Notes a problem.
    pub(crate) fn note(&self, span: &Range<usize>, key: &str, message: &str, hint: &str) {
        self.problems
            .borrow_mut()
            .push(self.source.problem(span, key, message, hint));
    }

    /// Everything that was wrong.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}

/// One table of the file. Keys that nobody asked for are unknown keys.
pub(crate) struct Section<'t, 'r> {
    reader: &'r Reader<'t>,
    table: Option<&'r DeTable<'r>>,
    path: String,
    span: Range<usize>,
    asked: RefCell<BTreeSet<String>>,
    closed: Cell<bool>,
}

impl<'t, 'r> Section<'t, 'r> {
    /// A table of the file; `None` reads as an empty one.
    pub(crate) fn new(
        reader: &'r Reader<'t>,
        table: Option<&'r DeTable<'r>>,
        path: &str,
        span: Range<usize>,
    ) -> Self {
        Self {
            reader,
            table,
            path: path.to_owned(),
            span,
            asked: RefCell::default(),
            closed: Cell::new(false),
        }
    }

    /// Where this table stands in the file.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The full name of a key in this table.
    fn named(&self, key: &str) -> String {
        if self.path.is_empty() {
            return key.to_owned();
        }
        format!("{}.{key}", self.path)
    }

    /// The value of a key, if it is there.
    fn value(&self, key: &str) -> Option<&'r Spanned<DeValue<'r>>> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.table?
            .iter()
            .find(|(name, _)| name.get_ref() == key)
            .map(|(_, value)| value)
    }

    /// Notes a problem with a key of this table.
    pub(crate) fn note(&self, key: &str, message: &str, hint: &str) {
        let span = self
            .table
            .and_then(|table| table.iter().find(|(name, _)| name.get_ref() == key))
            .map_or_else(|| self.span.clone(), |(_, value)| value.span());
        self.reader.note(&span, &self.named(key), message, hint);
    }

    /// Every key of this table, for tables whose keys are data.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.table.map_or_else(Vec::new, |table| {
            table.keys().map(|key| key.get_ref().to_string()).collect()
        })
    }

    /// Whether the key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Whether the key is there and holds a text.
    pub(crate) fn is_text(&self, key: &str) -> bool {
        self.value(key)
            .is_some_and(|value| value.get_ref().is_str())
    }

    /// A text, if it is there.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            _ => {
                self.note(key, "must be a text that is not empty", "");
                None
            }
        }
    }

    /// A text that must be there.
    pub(crate) fn required(&self, key: &str) -> String {
        self.need(key);
        self.text(key).unwrap_or_default()
    }

    /// Notes that a key is missing.
    pub(crate) fn need(&self, key: &str) {
        if self.value(key).is_none() {
            self.note(key, "is missing", &format!("add `{key} = …`"));
        }
    }

    /// A whole number not below zero, if it is there.
    pub(crate) fn number(&self, key: &str) -> Option<u32> {
        let value = self.value(key)?;
        let number = whole(value.get_ref());
        if number.is_none() {
            self.note(key, "must be a whole number, not below 0", "");
        }
        number
    }

    /// One number or `[from, to]`.
    pub(crate) fn range(&self, key: &str) -> Option<(u32, u32)> {
        let value = self.value(key)?;
        let range = match value.get_ref() {
            DeValue::Array(items) if items.len() == 2 => {
                whole(items[0].get_ref()).zip(whole(items[1].get_ref()))
            }
            other => whole(other).map(|one| (one, one)),
        };
        let range = range.filter(|(from, to)| from <= to && *to > 0);
        if range.is_none() {
            self.note(
                key,
                "must be a number or [from, to]",
                "for example 60 or [60, 90]",
            );
        }
        range
    }

    /// `[before, after]`, if it is there.
    pub(crate) fn pair(&self, key: &str) -> Option<(u32, u32)> {
        let value = self.value(key)?;
        let pair = match value.get_ref() {
            DeValue::Array(items) if items.len() == 2 => {
                whole(items[0].get_ref()).zip(whole(items[1].get_ref()))
            }
            _ => None,
        };
        if pair.is_none() {
            self.note(key, "must be [before, after]", "for example [0, 10]");
        }
        pair
    }

    /// `true` or `false`, if it is there.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        let value = self.value(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.note(key, "must be true or false", "without quotes");
        }
        flag
    }

    /// A day, as TOML writes it or as a text, if it is there.
    pub(crate) fn day(&self, key: &str) -> Option<NaiveDate> {
        let day = match self.value(key)?.get_ref() {
            DeValue::Datetime(day) => day.to_string().parse().ok(),
            DeValue::String(text) => text.parse().ok(),
            _ => None,
        };
        if day.is_none() {
            self.note(key, "must be a day", "for example 2026-12-01");
        }
        day
    }

    /// A list of texts; empty when it is not there.
    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let items = value.get_ref().as_array().and_then(|items| {
            items
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
        });
        items.unwrap_or_else(|| {
            self.note(
                key,
                "must be a list of texts",
                "for example [\"one\", \"two\"]",
            );
            Vec::new()
        })
    }

    /// A text for every language: `"…"` or `{ ru = "…", en = "…" }`.
    pub(crate) fn words(&self, key: &str) -> Option<Words> {
        let value = self.value(key)?;
        if value.get_ref().is_str() {
            let ru = self.text(key)?;
            return Some(Words { ru, en: None });
        }
        let inner = self.table(key)?;
        let ru = inner.required("ru");
        let en = inner.text("en");
        inner.close();
        Some(Words { ru, en })
    }

    /// A text for every language that must be there.
    pub(crate) fn required_words(&self, key: &str) -> Words {
        self.need(key);
        self.words(key).unwrap_or_default()
    }

    /// A table inside this one, if it is there.
    pub(crate) fn table(&self, key: &str) -> Option<Section<'t, 'r>> {
        let value = self.value(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.note(key, "must be a table", "");
            return None;
        };
        Some(Section::new(
            self.reader,
            Some(table),
            &self.named(key),
            value.span(),
        ))
    }

    /// The tables of a list `[[key]]`.
    pub(crate) fn tables(&self, key: &str) -> Vec<Section<'t, 'r>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            self.note(
                key,
                "must be a list of tables",
                &format!("write [[{}]]", self.named(key)),
            );
            return Vec::new();
        };
        items
            .iter()
            .enumerate()
            .filter_map(|(at, item)| {
                let table = item.get_ref().as_table();
                if table.is_none() {
                    self.note(key, "must be a list of tables", "");
                }
                let path = format!("{}[{at}]", self.named(key));
                table.map(|table| Section::new(self.reader, Some(table), &path, item.span()))
            })
            .collect()
    }

    /// Ends the reading of this table: what was not asked for is unknown.
    pub(crate) fn close(&self) {
        if self.closed.replace(true) {
            return;
        }
        let asked = self.asked.borrow();
        for (name, _) in self.table.into_iter().flatten() {
            let key = name.get_ref();
            if !asked.contains(key.as_ref()) {
                let hint = nearest(key, asked.iter().map(String::as_str));
                self.reader
                    .note(&name.span(), &self.named(key), "is not a known key", &hint);
            }
        }
    }
}

/// A whole number not below zero.
fn whole(value: &DeValue<'_>) -> Option<u32> {
    let integer = value.as_integer()?;
    u32::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok()
}
