//! Holds what was set against what can be set: unknown keys, wrong types, `env:` and `file:`.

use std::path::Path;

use zapis_core::config::Problem;

use super::overlay::Environment;
use super::schema::{Schema, nearest};
use super::tree::{Item, Origin, Source, Value, join};

/// Goes through the tree, reads references, notes problems and takes out what cannot stay.
#[derive(Debug)]
pub(super) struct Conform<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) folder: &'a Path,
    pub(super) environment: &'a Environment,
    pub(super) problems: Vec<Problem>,
}

impl Conform<'_> {
    /// The whole tree.
    pub(super) fn root(&mut self, root: &mut Item) {
        if let Value::Table(sections) = &mut root.value {
            sections.retain(|name, item| {
                let planned = Schema::is_planned(name);
                if planned {
                    self.planned(name, item);
                }
                !planned
            });
        }
        self.fits(root, Schema::documented(), "", false);
    }

    fn planned(&mut self, name: &str, item: &Item) {
        let message = "not in this version yet, nothing is done with it";
        let mut problem = self.source.problem(&item.origin, name, message, "");
        problem.warning = true;
        self.problems.push(problem);
    }

    /// Whether the item can stay. `idle`: its account is switched off, so what it needs from
    /// outside may be missing.
    fn fits(&mut self, item: &mut Item, schema: Schema<'_>, path: &str, idle: bool) -> bool {
        if matches!(item.value, Value::Text(_)) {
            return self.text(item, schema, path, idle);
        }
        let origin = item.origin.clone();
        match (&mut item.value, schema.value()) {
            (Value::Table(items), Value::Table(_)) => {
                let idle = idle
                    || items.get("enabled").is_some_and(|item| match &item.value {
                        Value::Boolean(enabled) => !enabled,
                        Value::Text(enabled) => enabled == "false",
                        _ => false,
                    });
                items.retain(|key, item| {
                    if let Some(below) = schema.child(path, key) {
                        return self.fits(item, below, &join(path, key), idle);
                    }
                    self.unknown(&item.origin, schema, path, key);
                    false
                });
                true
            }
            (Value::List(items), Value::List(_)) => {
                if let Some(below) = schema.element() {
                    let mut n = 0;
                    items.retain_mut(|item| {
                        n += 1;
                        self.fits(item, below, &join(path, &(n - 1).to_string()), idle)
                    });
                }
                true
            }
            (Value::Integer(_), Value::Integer(_) | Value::Float(_))
            | (Value::Float(_), Value::Float(_))
            | (Value::Boolean(_), Value::Boolean(_)) => true,
            (found, _) => {
                let found = found.kind();
                self.wrong_type(&origin, schema, path, found);
                false
            }
        }
    }

    fn text(&mut self, item: &mut Item, schema: Schema<'_>, path: &str, idle: bool) -> bool {
        let Value::Text(text) = &item.value else {
            return true;
        };
        let text = match self.referred(text) {
            None if matches!(item.origin, Origin::File(_)) => {
                let fits = matches!(schema.value(), Value::Text(_));
                if !fits {
                    self.wrong_type(&item.origin, schema, path, item.value.kind());
                }
                return fits;
            }
            None => text.clone(),
            Some(Ok(text)) => text,
            Some(Err(_)) if idle => return false,
            Some(Err((message, hint))) => {
                self.note(&item.origin, path, &message, &hint);
                return false;
            }
        };
        let Some(value) = typed(&text, schema, &item.origin) else {
            self.wrong_type(&item.origin, schema, path, "something else");
            return false;
        };
        item.value = value;
        true
    }

    /// What `env:NAME` or `file:PATH` refers to.
    fn referred(&self, text: &str) -> Option<Result<String, (String, String)>> {
        if let Some(name) = text.strip_prefix("env:") {
            return Some(match self.environment.value(name) {
                Some(value) => Ok(value.to_owned()),
                None => Err((
                    format!("the environment variable {name} is not set"),
                    format!("set {name}, or take this line out if you do not need it"),
                )),
            });
        }
        let path = text.strip_prefix("file:")?;
        let read = std::fs::read_to_string(self.folder.join(path));
        Some(match read {
            Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => Err((
                format!("the file {path} cannot be read: {error}"),
                "the path is relative to the folder of the configuration file".to_owned(),
            )),
        })
    }

    fn unknown(&mut self, origin: &Origin, schema: Schema<'_>, path: &str, key: &str) {
        let keys = schema.keys();
        let hint = match nearest(key, keys.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", keys.join(", ")),
        };
        self.note(origin, &join(path, key), "unknown setting", &hint);
    }

    fn wrong_type(&mut self, origin: &Origin, schema: Schema<'_>, path: &str, found: &str) {
        let name = path.rsplit('.').next().unwrap_or_default();
        let hint = match (origin, schema.value()) {
            (Origin::Variable(name), value) => format!("for example {name}={}", bare(value)),
            (_, Value::Table(_)) => format!("write [{path}] on a line of its own"),
            (_, Value::List(_)) if schema.is_sections() => {
                format!("write [[{path}]] on a line of its own")
            }
            (_, value) => format!("for example {name} = {}", value.example()),
        };
        let expected = schema.value().kind();
        let message = match origin {
            Origin::Variable(_) => format!("expected {expected}"),
            Origin::File(_) => format!("expected {expected}, found {found}"),
        };
        self.note(origin, path, &message, &hint);
    }

    fn note(&mut self, origin: &Origin, path: &str, message: &str, hint: &str) {
        let problem = self.source.problem(origin, path, message, hint);
        self.problems.push(problem);
    }
}

/// A text from outside as the type that the setting has; digits stay a text where a text belongs.
fn typed(text: &str, schema: Schema<'_>, origin: &Origin) -> Option<Value> {
    match schema.value() {
        Value::Text(_) => Some(Value::Text(text.to_owned())),
        Value::Integer(_) => text.trim().parse().ok().map(Value::Integer),
        Value::Float(_) => text.trim().parse().ok().map(Value::Float),
        Value::Boolean(_) => text.trim().parse().ok().map(Value::Boolean),
        Value::List(_) if !schema.is_sections() => {
            let parts = text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty());
            let items = parts.map(|part| {
                let value = schema
                    .element()
                    .map_or(Some(Value::Text(part.to_owned())), |element| {
                        typed(part, element, origin)
                    });
                Some(Item {
                    value: value?,
                    origin: origin.clone(),
                })
            });
            items.collect::<Option<Vec<_>>>().map(Value::List)
        }
        Value::List(_) | Value::Table(_) | Value::Date => None,
    }
}

/// As it is written in an environment variable.
fn bare(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::List(items) => {
            let parts: Vec<_> = items.iter().map(|item| bare(&item.value)).collect();
            parts.join(",")
        }
        value => value.example(),
    }
}
