//! Taking a file into the knowledge folder: what would change is told before it is done.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Entry, Knowledge, is_knowledge_file, read_file};
use zapis_core::config::Problem;

/// What an import does to one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum Change {
    /// The entry was not there.
    New {
        /// The entry.
        id: String,
        /// Its question.
        question: String,
    },
    /// The entry says something else now.
    Changed {
        /// The entry.
        id: String,
        /// Its question.
        question: String,
        /// What it said.
        before: String,
        /// What it says.
        after: String,
    },
    /// The entry is not in the file any more.
    Gone {
        /// The entry.
        id: String,
        /// Its question.
        question: String,
    },
    /// The entry names another price than a fact of the firm about the same service.
    Contradicts {
        /// The entry.
        id: String,
        /// Its answer.
        says: String,
        /// The fact.
        fact: String,
        /// What the fact says.
        fact_says: String,
    },
}

/// What an import does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Import {
    /// The file that is read.
    pub from: PathBuf,
    /// The file that is written.
    pub to: PathBuf,
    /// Entries in the file.
    pub entries: usize,
    /// What changes.
    pub changes: Vec<Change>,
}

/// Why a file was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is wrong; correct it and import it again.
    #[error("the file has {} problem(s)", .0.len())]
    Wrong(Vec<Problem>),
    /// The disk refused; try again.
    #[error("the file could not be copied")]
    Failed(#[source] std::io::Error),
}

/// What importing a file into a folder would do.
pub fn plan_import(file: &Path, folder: &Path, known: &Knowledge) -> Result<Import, ImportError> {
    if !is_knowledge_file(file) {
        return Err(ImportError::Wrong(vec![Problem {
            file: file.display().to_string(),
            line: 0,
            column: 0,
            key: String::new(),
            message: "is neither Markdown nor CSV".to_owned(),
            hint: "use .md or .csv".to_owned(),
            warning: false,
        }]));
    }
    let entries = read_file(file).map_err(ImportError::Wrong)?;
    let to = folder.join(file.file_name().unwrap_or_default());
    let before: BTreeMap<&str, &Entry> = known
        .entries()
        .iter()
        .filter(|entry| Path::new(&entry.source.file).file_name() == to.file_name())
        .map(|entry| (entry.id.as_str(), entry))
        .collect();
    let elsewhere = taken_elsewhere(&entries, known, &to);
    if !elsewhere.is_empty() {
        return Err(ImportError::Wrong(elsewhere));
    }
    let mut changes: Vec<Change> = entries
        .iter()
        .filter_map(|entry| change(&before, entry))
        .collect();
    let gone = before
        .values()
        .filter(|old| !entries.iter().any(|entry| entry.id == old.id));
    changes.extend(gone.map(|old| Change::Gone {
        id: old.id.clone(),
        question: old.questions.first().cloned().unwrap_or_default(),
    }));
    changes.extend(
        entries
            .iter()
            .filter_map(|entry| contradiction(entry, known)),
    );
    Ok(Import {
        from: file.to_owned(),
        to,
        entries: entries.len(),
        changes,
    })
}

/// Takes a file into a folder, after the same checks; readers never see half a file.
pub fn import(file: &Path, folder: &Path, known: &Knowledge) -> Result<Import, ImportError> {
    let plan = plan_import(file, folder, known)?;
    let beside = plan.to.with_extension("importing");
    std::fs::copy(file, &beside).map_err(ImportError::Failed)?;
    std::fs::rename(&beside, &plan.to).map_err(ImportError::Failed)?;
    Ok(plan)
}

fn taken_elsewhere(entries: &[Entry], known: &Knowledge, to: &Path) -> Vec<Problem> {
    let clash = |entry: &Entry| {
        known
            .entries()
            .iter()
            .find(|other| {
                other.id == entry.id
                    && other.language == entry.language
                    && Path::new(&other.source.file).file_name() != to.file_name()
            })
            .map(|other| Problem {
                file: entry.source.file.clone(),
                line: entry.source.line,
                column: 1,
                key: entry.id.clone(),
                message: format!("is also in {}:{}", other.source.file, other.source.line),
                hint: "give one of the two another id".to_owned(),
                warning: false,
            })
    };
    entries.iter().filter_map(clash).collect()
}

fn change(before: &BTreeMap<&str, &Entry>, entry: &Entry) -> Option<Change> {
    let question = entry.questions.first().cloned().unwrap_or_default();
    let id = entry.id.clone();
    match before.get(entry.id.as_str()) {
        None => Some(Change::New { id, question }),
        Some(old) if old.answer == entry.answer && old.questions == entry.questions => None,
        Some(old) => Some(Change::Changed {
            id,
            question,
            before: old.answer.clone(),
            after: entry.answer.clone(),
        }),
    }
}

/// A price in an entry that the fact about the same service does not have.
fn contradiction(entry: &Entry, known: &Knowledge) -> Option<Change> {
    let prices = prices(&entry.answer);
    if prices.is_empty() {
        return None;
    }
    let asked = super::Asked {
        text: entry.questions.first()?,
        language: Some(entry.language),
        topics: &[("price".to_owned(), 1.0)],
        today: chrono::NaiveDate::MIN,
    };
    let fact = known.search(&asked, 1).into_iter().find(|passage| {
        passage.id.starts_with(super::facts::SERVICE) && passage.score >= CERTAIN
    })?;
    let known_prices = self::prices(&fact.answer);
    (!known_prices.is_empty() && prices.iter().all(|price| !known_prices.contains(price))).then(
        || Change::Contradicts {
            id: entry.id.clone(),
            says: entry.answer.clone(),
            fact: fact.id,
            fact_says: fact.answer,
        },
    )
}

/// From this confidence on, an entry is about the same service as a fact.
const CERTAIN: f32 = 0.8;

/// Amounts of roubles in a text.
fn prices(text: &str) -> Vec<u32> {
    let mut found = Vec::new();
    let mut digits = String::new();
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let joins = matches!(c, ' ' | '\u{a0}' | '\u{202f}')
            && letters.peek().is_some_and(char::is_ascii_digit);
        if joins && !digits.is_empty() {
            continue;
        }
        let rest: String = letters.clone().take(4).collect();
        let roubles = c == '₽'
            || c == '–'
            || rest.starts_with('₽')
            || (c == ' ' && rest.starts_with("руб"))
            || (c == ' ' && rest.starts_with("р."));
        if roubles {
            found.extend(digits.parse::<u32>());
        }
        digits.clear();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::knowledge;

    #[test]
    fn prices_are_read_as_people_write_them() {
        assert_eq!(
            prices("от 2 500 ₽ до 3500 руб. за 60 мин"),
            vec![2500, 3500]
        );
    }

    #[test]
    fn an_import_tells_what_is_new_changed_gone_and_wrong_before_it_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let old = folder.path().join("akcii.md");
        std::fs::write(
            &old,
            "## Есть скидки? {#x-sale}\n\nДа.\n\n## Есть бонусы? {#x-bonus}\n\nЕсть.\n",
        )
        .unwrap();
        let known = Knowledge::of(
            knowledge()
                .entries()
                .iter()
                .cloned()
                .chain(read_file(&old).unwrap())
                .collect(),
        );
        let incoming = tempfile::tempdir().unwrap();
        let new = incoming.path().join("akcii.md");
        std::fs::write(
            &new,
            "## Есть скидки? {#x-sale}\n\nНет.\n\n## Цена на женскую стрижку {#x-cut}\n\nВсего 17 ₽.\n",
        )
        .unwrap();
        let plan = plan_import(&new, folder.path(), &known).unwrap();
        let told = serde_json::to_string(&plan.changes).unwrap();
        for change in ["changed", "new", "gone", "contradicts"] {
            assert!(
                told.contains(&format!("\"change\":\"{change}\"")),
                "{change}: {told}"
            );
        }
        assert!(
            std::fs::read_to_string(&old).unwrap().contains("Да."),
            "a plan changes nothing"
        );
        import(&new, folder.path(), &known).unwrap();
        assert!(std::fs::read_to_string(&old).unwrap().contains("17"));
    }

    #[test]
    fn a_file_with_problems_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bad.csv");
        std::fs::write(&file, "question,answer\nа,\n").unwrap();
        let target = tempfile::tempdir().unwrap();
        assert!(matches!(
            import(&file, target.path(), &knowledge()),
            Err(ImportError::Wrong(_))
        ));
        assert_eq!(std::fs::read_dir(target.path()).unwrap().count(), 0);
    }
}
