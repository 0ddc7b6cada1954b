//! Loads the configuration and reports everything that is wrong with it at once.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use zapis_core::config::{Findings, Problem};

use super::Config;
use super::conform::Conform;
use super::de::Misfit;
use super::overlay::{Environment, overlay};
use super::schema::{Schema, nearest};
use super::tree::{Item, Origin, Source, Value};

/// A configuration that can be used.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The configuration file's folder, where the content lies.
    pub folder: PathBuf,
    /// What is valid, but the operator should know.
    pub warnings: Vec<Problem>,
    /// Finds the place of a setting, for problems that are found later.
    places: Places,
}

/// What to do where there is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Take the defaults.
    Defaults,
    /// Tell how to get one.
    Problem,
}

/// The file and its tree, kept to place findings.
#[derive(Debug, Clone)]
struct Places {
    name: String,
    text: String,
    root: Item,
}

impl Places {
    fn source(&self) -> Source<'_> {
        Source {
            name: &self.name,
            text: &self.text,
        }
    }

    fn problems(&self, findings: Findings) -> Vec<Problem> {
        let place = |finding: zapis_core::config::Finding| {
            let origin = self.root.origin_of(&finding.key);
            let mut problem =
                self.source()
                    .problem(origin, &finding.key, &finding.message, &finding.hint);
            problem.warning = finding.warning;
            problem
        };
        findings.0.into_iter().map(place).collect()
    }
}

impl Loaded {
    /// Gives findings their places in the file.
    pub fn problems(&self, findings: Findings) -> Vec<Problem> {
        self.places.problems(findings)
    }
}

/// Loads the file and lays the environment over it.
pub fn load(
    path: &Path,
    environment: &Environment,
    missing: Missing,
) -> Result<Loaded, Vec<Problem>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && missing == Missing::Defaults => {
            String::new()
        }
        Err(error) => return Err(vec![unreadable(path, &error)]),
    };
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let name = path.display().to_string();
    let source = Source {
        name: &name,
        text: &text,
    };
    let mut root = source.parse()?;
    let strays = overlay(&mut root, environment, &source);
    let mut conform = Conform {
        source: &source,
        folder: &folder,
        environment,
        problems: strays,
    };
    conform.root(&mut root);
    let mut problems = conform.problems;
    let config = sections(&mut root, &source, &mut problems);
    let places = Places {
        name: name.clone(),
        text: text.clone(),
        root,
    };
    if let Some(config) = &config {
        let mut findings = Findings::default();
        config.check(&mut findings);
        // What has a problem already was taken out: its default would only be found fault with again.
        let told = |key: &str| problems.iter().any(|problem| problem.key == key);
        findings.0.retain(|finding| !told(&finding.key));
        problems.extend(places.problems(findings));
    }
    problems.sort_by(|a, b| (a.line, a.column, &a.key).cmp(&(b.line, b.column, &b.key)));
    match config {
        Some(config) if problems.iter().all(|problem| problem.warning) => Ok(Loaded {
            config,
            folder,
            warnings: problems,
            places,
        }),
        _ => Err(problems),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    let hint = if error.kind() == ErrorKind::NotFound {
        "give the file's place with --config, or try `zapis demo`, which needs none"
    } else {
        "it must be a text file in UTF-8 that this user may read"
    };
    Problem {
        file: path.display().to_string(),
        line: 0,
        column: 0,
        key: String::new(),
        message: format!("the configuration cannot be read: {error}"),
        hint: hint.to_owned(),
        warning: false,
    }
}

/// The sections. What does not fit is noted and replaced by the documented value, so that the
/// rest is looked at too.
fn sections(root: &mut Item, source: &Source<'_>, problems: &mut Vec<Problem>) -> Option<Config> {
    let mut last = String::new();
    loop {
        let misfit = match Config::deserialize(&*root) {
            Ok(config) => return Some(config),
            Err(misfit) => misfit,
        };
        let origin = root.origin_of(&misfit.path);
        let hint = advice(&misfit, root);
        problems.push(source.problem(origin, &misfit.path, &misfit.message, &hint));
        if misfit.path == last || !mend(root, &misfit.path) {
            return None;
        }
        last = misfit.path;
    }
}

fn advice(misfit: &Misfit, root: &Item) -> String {
    let key = misfit.path.rsplit('.').next().unwrap_or_default();
    if misfit.choices.is_empty() {
        let example = Schema::documented().at(&misfit.path);
        return example.map_or_else(String::new, |example| {
            format!("for example {key} = {}", example.value().example())
        });
    }
    let written = misfit
        .path
        .split('.')
        .try_fold(root, |item, step| item.child(step));
    let written = match written.map(|item| &item.value) {
        Some(Value::Text(text)) => text.as_str(),
        _ => "",
    };
    match nearest(written, misfit.choices.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("possible: {}", misfit.choices.join(", ")),
    }
}

/// Puts the documented value in place of one that does not fit; whether that was possible.
fn mend(root: &mut Item, path: &str) -> bool {
    let Some(documented) = Schema::documented().at(path) else {
        return false;
    };
    let mut item = root;
    for step in path.split('.') {
        if let Value::Table(items) = &mut item.value
            && !items.contains_key(step)
        {
            let nothing = Item {
                value: Value::Table(BTreeMap::new()),
                origin: Origin::File(0),
            };
            items.insert(step.to_owned(), nothing);
        }
        match item.child_mut(step) {
            Some(child) => item = child,
            None => return false,
        }
    }
    item.value = documented.item().value.clone();
    true
}

#[cfg(test)]
mod tests;
