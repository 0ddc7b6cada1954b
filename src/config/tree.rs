//! The settings as a tree whose every value knows where it came from.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};
use zapis_core::config::Problem;

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// A value of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// No setting takes a date; it is kept only to be refused.
    Date,
    List(Vec<Item>),
    Table(BTreeMap<String, Item>),
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Origin {
    /// The file, at this byte.
    File(usize),
    /// This environment variable.
    Variable(String),
}

/// A configuration file, to tell its places.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// Reads the file. All errors of syntax at once.
    pub(super) fn parse(&self) -> Result<Item, Vec<Problem>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        if errors.is_empty() {
            return self
                .table(table.get_ref())
                .map(|value| Item {
                    value,
                    origin: Origin::File(0),
                })
                .map_err(|problem| vec![problem]);
        }
        let mut errors: Vec<_> = errors.iter().collect();
        errors.sort_by_key(|error| error.span().map(|span| span.start));
        let problems = errors.into_iter().map(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let message = error.message().replace('\n', ", ");
            self.problem(&Origin::File(start), "", &message, "see https://toml.io")
        });
        Err(problems.collect())
    }

    /// A problem at a place.
    pub(super) fn problem(&self, origin: &Origin, key: &str, message: &str, hint: &str) -> Problem {
        let (file, line, column) = match origin {
            Origin::File(start) => {
                let (line, column) = self.place(*start);
                (self.name.to_owned(), line, column)
            }
            Origin::Variable(_) => ("environment".to_owned(), 0, 0),
        };
        let message = match origin {
            Origin::File(_) => message.to_owned(),
            Origin::Variable(name) => format!("{message}, in {name}"),
        };
        Problem {
            file,
            line,
            column,
            key: key.to_owned(),
            message,
            hint: hint.to_owned(),
            warning: false,
        }
    }

    fn place(&self, start: usize) -> (usize, usize) {
        if self.text.is_empty() {
            return (0, 0);
        }
        let before = self.text.get(..start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .map_or(0, |line| line.chars().count());
        (line, column + 1)
    }

    fn table(&self, table: &DeTable<'_>) -> Result<Value, Problem> {
        let mut items = BTreeMap::new();
        for (key, value) in table {
            let origin = Origin::File(key.span().start);
            let item = self.item(value.get_ref(), origin)?;
            items.insert(key.get_ref().to_string(), item);
        }
        Ok(Value::Table(items))
    }

    fn item(&self, value: &DeValue<'_>, origin: Origin) -> Result<Item, Problem> {
        let value = match value {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(flag) => Value::Boolean(*flag),
            DeValue::Datetime(_) => Value::Date,
            DeValue::Integer(number) => {
                let number = i64::from_str_radix(number.as_str(), number.radix());
                Value::Integer(
                    number.map_err(|_| self.problem(&origin, "", "the number is too large", ""))?,
                )
            }
            DeValue::Float(number) => Value::Float(
                number
                    .as_str()
                    .parse()
                    .map_err(|_| self.problem(&origin, "", "no number", ""))?,
            ),
            DeValue::Array(values) => {
                let items = values
                    .iter()
                    .map(|value| self.item(value.get_ref(), Origin::File(value.span().start)));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => self.table(table)?,
        };
        Ok(Item { value, origin })
    }
}

impl Value {
    /// What it is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text in quotes",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::Date => "a date",
            Self::List(items) => match items.first() {
                Some(Item {
                    value: Self::Table(_),
                    ..
                }) => "a list of sections",
                _ => "a list",
            },
            Self::Table(_) => "a section",
        }
    }

    /// As it is written in a file.
    pub(super) fn example(&self) -> String {
        let join = |parts: Vec<String>| parts.join(", ");
        match self {
            Self::Text(text) => format!("{text:?}"),
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Boolean(flag) => flag.to_string(),
            Self::Date => String::new(),
            Self::List(items) => {
                let items = items.iter().map(|item| item.value.example()).collect();
                format!("[{}]", join(items))
            }
            Self::Table(items) => {
                let items = items
                    .iter()
                    .map(|(key, item)| format!("{key} = {}", item.value.example()))
                    .collect();
                format!("{{ {} }}", join(items))
            }
        }
    }
}

impl Item {
    /// One step down: a key of a table, an index of a list.
    pub(super) fn child(&self, step: &str) -> Option<&Self> {
        match &self.value {
            Value::Table(items) => items.get(step),
            Value::List(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// The same, to change it.
    pub(super) fn child_mut(&mut self, step: &str) -> Option<&mut Self> {
        match &mut self.value {
            Value::Table(items) => items.get_mut(step),
            Value::List(items) => items.get_mut(step.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// Where a setting is written, or the section that it is missing from.
    pub(super) fn origin_of(&self, key: &str) -> &Origin {
        let mut item = self;
        for step in key.split('.') {
            match item.child(step) {
                Some(child) => item = child,
                None => break,
            }
        }
        &item.origin
    }
}

/// `section.key`, or `key` at the root.
pub(super) fn join(path: &str, step: &str) -> String {
    if path.is_empty() {
        step.to_owned()
    } else {
        format!("{path}.{step}")
    }
}
