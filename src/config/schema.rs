//! What may be set and of which type: taken from the documented file, so that the two cannot differ.

use std::sync::OnceLock;

use super::tree::{Item, Source, Value};

/// The documented file.
pub const DOCUMENTED: &str = include_str!("../../config/zapis.toml");

/// Sections that the documentation of later versions speaks of.
const PLANNED: [&str; 1] = ["reminders"];

/// Sections whose keys the operator makes up; each takes what the documented one takes.
const FREE: [&str; 6] = [
    "templates",
    "fields",
    "headers",
    "stages",
    "sources",
    "hours",
];

/// The documented value of a setting: it shows the type and is the example in hints.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schema<'a>(&'a Item);

impl Schema<'static> {
    /// Of the whole file.
    pub(super) fn documented() -> Self {
        static ROOT: OnceLock<Item> = OnceLock::new();
        Self(ROOT.get_or_init(|| {
            let text = with_examples(DOCUMENTED);
            let source = Source {
                name: "config/zapis.toml",
                text: &text,
            };
            // The file is part of the program, and a test reads it.
            source.parse().unwrap_or(Item {
                value: Value::Table(std::collections::BTreeMap::new()),
                origin: super::tree::Origin::File(0),
            })
        }))
    }
}

impl<'a> Schema<'a> {
    /// Whether the root section is known to come in a later version.
    pub(super) fn is_planned(section: &str) -> bool {
        PLANNED.contains(&section)
    }

    pub(super) fn value(self) -> &'a Value {
        &self.0.value
    }

    /// A setting of this section, which is at `path`.
    pub(super) fn child(self, path: &str, key: &str) -> Option<Self> {
        let Value::Table(items) = &self.0.value else {
            return None;
        };
        if path
            .rsplit('.')
            .next()
            .is_some_and(|name| FREE.contains(&name))
        {
            return items.values().next().map(Schema);
        }
        items.get(key).map(Schema)
    }

    /// What each element of this list looks like.
    pub(super) fn element(self) -> Option<Self> {
        match &self.0.value {
            Value::List(items) => items.first().map(Schema),
            _ => None,
        }
    }

    /// Whether it is a list of sections, as `[[channels.telegram]]`.
    pub(super) fn is_sections(self) -> bool {
        self.element()
            .is_some_and(|element| matches!(element.value(), Value::Table(_)))
    }

    /// What can be set in this section.
    pub(super) fn keys(self) -> Vec<&'a str> {
        match &self.0.value {
            Value::Table(items) => items.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The documented value of a whole path, where indexes stand for any element.
    pub(super) fn at(self, path: &str) -> Option<Self> {
        let mut schema = self;
        let mut so_far = String::new();
        for step in path.split('.') {
            schema = match schema.value() {
                Value::List(_) => schema.element()?,
                _ => schema.child(&so_far, step)?,
            };
            so_far = super::tree::join(&so_far, step);
        }
        Some(schema)
    }

    pub(super) fn item(self) -> &'a Item {
        self.0
    }
}

/// The documented file with its examples switched on: a line `#key = …` or `#[section]` is an
/// example, a line `# words` is a comment.
pub(super) fn with_examples(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(example) if !example.is_empty() && !example.starts_with([' ', '#']) => example,
        _ => line,
    });
    lines.fold(String::new(), |text, line| text + line + "\n")
}

/// The most similar of the known words, if it is similar enough to be what was meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.len().div_ceil(3))
        .map(|(_, candidate)| candidate)
}
