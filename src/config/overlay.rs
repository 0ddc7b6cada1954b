//! `ZAPIS__SECTION__KEY=value`: settings from the environment, over those of the file.

use std::collections::BTreeMap;

use zapis_core::config::Problem;

use super::schema::{Schema, nearest};
use super::tree::{Item, Origin, Source, Value, join};

/// What our variables begin with. Two underscores: Kubernetes itself sets `ZAPIS_PORT` for a
/// service of that name.
const PREFIX: &str = "ZAPIS__";

/// The environment variables of the process, or those of a test.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Those of this process. What is no Unicode cannot be a setting and is left out.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os();
        Self(
            variables
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
        )
    }

    /// A variable that is set and not empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self(owned.into())
    }
}

/// Lays the variables over the tree, as texts: their types come later from the documented file.
pub(super) fn overlay(
    root: &mut Item,
    environment: &Environment,
    source: &Source<'_>,
) -> Vec<Problem> {
    let mut variables: Vec<(Vec<String>, &String, &String)> = environment
        .0
        .iter()
        .filter_map(|(name, value)| {
            let steps = name.strip_prefix(PREFIX)?.split("__");
            Some((steps.map(str::to_lowercase).collect(), name, value))
        })
        .collect();
    // Element 2 of a list is made before element 10.
    variables.sort_by_key(|(steps, ..)| {
        let padded = steps.iter().map(|step| format!("{step:0>12}"));
        padded.collect::<Vec<_>>()
    });
    let schema = Schema::documented();
    let mut problems = Vec::new();
    for (steps, name, value) in variables {
        let item = Item {
            value: Value::Text(value.clone()),
            origin: Origin::Variable(name.clone()),
        };
        if let Err(Stray { message, hint }) = place(root, schema, "", &steps, item) {
            problems.push(source.problem(&Origin::Variable(name.clone()), "", &message, &hint));
        }
    }
    problems
}

/// A variable that names no setting.
struct Stray {
    message: String,
    hint: String,
}

fn stray(message: &str, hint: String) -> Stray {
    Stray {
        message: message.to_owned(),
        hint,
    }
}

/// Puts a value where the steps lead, making sections on the way.
fn place(
    into: &mut Item,
    schema: Schema<'_>,
    path: &str,
    steps: &[String],
    item: Item,
) -> Result<(), Stray> {
    let Some((step, rest)) = steps.split_first() else {
        if matches!(schema.value(), Value::Table(_)) || schema.is_sections() {
            return Err(stray("a section cannot be set as a whole", String::new()));
        }
        *into = item;
        return Ok(());
    };
    let origin = item.origin.clone();
    let (step, below) = match schema.value() {
        Value::Table(_) => {
            let below = schema.child(path, step);
            if below.is_none() && path.is_empty() && Schema::is_planned(step) {
                // It is warned of in one place for the file and the environment.
                (step.clone(), None)
            } else {
                (
                    step.clone(),
                    Some(below.ok_or_else(|| unknown(schema, path, step))?),
                )
            }
        }
        Value::List(_) => (element(into, step)?, schema.element()),
        // Looked at one step above.
        _ => return Ok(()),
    };
    let scalar =
        below.is_some_and(|below| !matches!(below.value(), Value::Table(_) | Value::List(_)));
    if scalar && !rest.is_empty() {
        let path = join(path, &step);
        return Err(stray("unknown setting", format!("{path} is no section")));
    }
    let empty = match below.map(Schema::value) {
        Some(Value::List(_)) => Value::List(Vec::new()),
        _ => Value::Table(BTreeMap::new()),
    };
    let fresh = Item {
        value: empty,
        origin,
    };
    match (&mut into.value, step.parse::<usize>()) {
        (Value::Table(items), _) => {
            items.entry(step.clone()).or_insert(fresh);
        }
        (Value::List(items), Ok(n)) if n == items.len() => items.push(fresh),
        _ => {}
    }
    match (into.child_mut(&step), below) {
        (Some(child), Some(below)) => place(child, below, &join(path, &step), rest, item),
        // The file has something of another type here, or the section is planned: told elsewhere.
        _ => Ok(()),
    }
}

/// The index of an element that is named by its account or by its number.
fn element(list: &Item, step: &str) -> Result<String, Stray> {
    let Value::List(items) = &list.value else {
        return Ok(step.to_owned());
    };
    let accounts: Vec<String> = items
        .iter()
        .filter_map(|item| match &item.child("account")?.value {
            Value::Text(account) => Some(account.to_lowercase().replace('-', "_")),
            _ => None,
        })
        .collect();
    if let Some(n) = accounts.iter().position(|account| account == step) {
        return Ok(n.to_string());
    }
    match step.parse::<usize>() {
        Ok(n) if n <= items.len() => Ok(n.to_string()),
        Ok(_) => Err(stray(
            "no such element",
            format!("the next free number is {}", items.len()),
        )),
        Err(_) => {
            let names = accounts.join(", ").to_uppercase();
            Err(stray(
                "no such account in the file",
                format!("known: {names}; {} makes a new one", items.len()),
            ))
        }
    }
}

fn unknown(schema: Schema<'_>, path: &str, step: &str) -> Stray {
    let keys = schema.keys();
    let hint = match nearest(step, keys.iter().copied()) {
        Some(near) => {
            let near = join(path, near).replace('.', "__").to_uppercase();
            format!("did you mean {PREFIX}{near}?")
        }
        None => format!("known here: {}", keys.join(", ").to_uppercase()),
    };
    stray("unknown setting", hint)
}
