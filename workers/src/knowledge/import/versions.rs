//! The knowledge in the store: read, written on, gone back in.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, NaiveDate, Utc};
use zapis_core::ids;
use zapis_core::message::LessonCard;
use zapis_core::store::{Shelf, Store, VersionChange, VersionedText};

use super::super::entry::{Entry, Imported, Origin, Source};
use super::super::{Knowledge, facts, repeated_ids, written};
use super::{ImportError, Incoming, Known, Plan};
use crate::business::Business;
use crate::source_text::problem;
use crate::words::Language;

/// How often a change is thought out anew when others were faster.
const TRIES: usize = 10;

/// The source of what the staff wrote itself: in the console, or as an answer that the bot was allowed to
/// remember.
pub const OWN: &str = "staff";

/// Who does something, and when.
#[derive(Debug, Clone)]
pub struct Done {
    /// Who.
    pub who: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What became of a change.
#[derive(Debug)]
pub struct Written {
    /// The version that was made; none when everything is as it was.
    pub version: Option<i64>,
    /// What it does.
    pub plan: Plan,
}

/// What was brought in up to a version, in the order of the sources.
pub async fn imported(store: &Store, version: i64) -> Result<Vec<Entry>, ImportError> {
    let sources = by_source(store.texts_at(Shelf::Knowledge, version).await?)?;
    Ok(sources.into_values().flatten().collect())
}

fn by_source(sources: Vec<VersionedText>) -> Result<BTreeMap<String, Vec<Entry>>, ImportError> {
    let mut read = BTreeMap::new();
    for one in sources {
        let mut entries: Vec<Entry> = serde_json::from_str(&one.text).map_err(|_| {
            let hint = "import it again, or `zapis knowledge remove` it";
            let message = "is damaged in the store, or from a newer version of this program";
            ImportError::Wrong(vec![problem(&one.source, 0, 0, "", message, hint)])
        })?;
        for entry in &mut entries {
            entry.imported = Some(Imported {
                source: one.source.clone(),
                version: one.version,
            });
        }
        read.insert(one.source, entries);
    }
    Ok(read)
}

/// Everything that is known now: facts, folder and store.
pub async fn known(
    store: &Store,
    folder: &Path,
    business: &Business,
) -> Result<Known, ImportError> {
    let version = store.newest_version(Shelf::Knowledge).await?;
    let imported = by_source(store.texts_at(Shelf::Knowledge, version).await?)?;
    let mut own = facts::entries(business);
    let folder = folder.to_owned();
    let read = tokio::task::spawn_blocking(move || written(&folder)).await;
    let read = read.unwrap_or_else(|_| Err(Vec::new()));
    own.extend(read.map_err(ImportError::Wrong)?);
    let problems = repeated_ids(&own);
    if !problems.is_empty() {
        return Err(ImportError::Wrong(problems));
    }
    Ok(Known {
        version,
        own,
        imported,
    })
}

/// Brings sources in: all of them, or none.
pub async fn write(
    store: &Store,
    folder: &Path,
    business: &Business,
    incoming: &[Incoming],
    done: &Done,
) -> Result<Written, ImportError> {
    let today = done.at.with_timezone(&business.time_zone).date_naive();
    for _ in 0..TRIES {
        let known = known(store, folder, business).await?;
        let (plan, known) = Plan::thought_out(incoming.to_vec(), known, today).await?;
        if !plan.can_be_done() {
            return Ok(Written {
                version: None,
                plan,
            });
        }
        let now = incoming.iter().map(|one| (&one.source, &one.entries));
        let changed = now.filter(|(source, entries)| {
            known
                .imported
                .get(*source)
                .is_none_or(|before| !is_same(before, entries))
        });
        let sources: Vec<(String, Option<String>)> = changed
            .map(|(source, entries)| (source.clone(), serde_json::to_string(entries).ok()))
            .collect();
        let names: Vec<&str> = sources.iter().map(|(source, _)| source.as_str()).collect();
        let what = format!("import {}", names.join(" "));
        if let Some(version) = change(store, known.version, what, sources, done).await? {
            return Ok(Written {
                version: (version > known.version).then_some(version),
                plan,
            });
        }
    }
    Err(ImportError::Busy)
}

/// Whether a source says nothing new, the versions of its entries aside.
fn is_same(before: &[Entry], after: &[Entry]) -> bool {
    let plain = |entries: &[Entry]| serde_json::to_string(entries).unwrap_or_default();
    plain(before) == plain(after)
}

/// An entry of the staff's own, as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    /// Its name; a new one makes a new entry.
    pub id: String,
    /// The questions it answers, the first one shown to people.
    pub questions: Vec<String>,
    /// The answer, quoted as it is.
    pub answer: String,
    /// The last day it may be quoted.
    pub valid_until: Option<NaiveDate>,
}

impl Wording {
    /// What tells whether it still says what somebody has read: the same for the same questions, answer and day.
    pub fn mark(&self) -> String {
        let until = self
            .valid_until
            .map(|day| day.to_string())
            .unwrap_or_default();
        let mut parts = vec![self.answer.as_str(), until.as_str()];
        parts.extend(self.questions.iter().map(String::as_str));
        ids::derive(&parts).to_string()
    }

    /// Writes it among the staff's own entries, in the name of somebody who says that it is right.
    fn write(&self, entries: &mut Vec<Entry>, who: &str) {
        let line = entries.len() + 1;
        let known = entries.iter_mut().find(|entry| entry.id == self.id);
        let place = Source {
            file: OWN.to_owned(),
            line: known.as_ref().map_or(line, |entry| entry.source.line),
            part: None,
        };
        // An answer may be an address or a password; the questions tell who asks.
        let asked = Language::of(&self.questions.join(" "));
        let language = asked.or_else(|| Language::of(&self.answer));
        let question = String::new();
        let entry = Entry {
            id: self.id.clone(),
            language: language.unwrap_or_default(),
            questions: self.questions.clone(),
            valid_until: self.valid_until,
            verified_by: Some(who.to_owned()),
            ..Entry::new(question, self.answer.clone(), place, Origin::Written)
        };
        match known {
            Some(known) => *known = entry,
            None => entries.push(entry),
        }
    }

    /// What writing it would change, and everything that would be known then.
    pub fn previewed(&self, known: &Known, who: &str, today: NaiveDate) -> (Plan, Knowledge) {
        let mut entries = known.imported.get(OWN).cloned().unwrap_or_default();
        self.write(&mut entries, who);
        // Of two that contradict each other, the later one is told.
        entries.sort_by_key(|entry| entry.id == self.id);
        let incoming = Incoming {
            from: OWN.to_owned(),
            source: OWN.to_owned(),
            entries: entries.clone(),
            warnings: Vec::new(),
        };
        let mut plan = Plan::of(&[incoming], known, today);
        for report in &mut plan.reports {
            report.changes.retain(|change| change.id() == self.id);
        }
        let others = known.imported.iter().filter(|(source, _)| *source != OWN);
        let imported = others.flat_map(|(_, entries)| entries).cloned();
        let all = Knowledge::joined(known.own.clone(), imported.chain(entries));
        (plan, all)
    }

    /// Makes the version in which it is written. `was` marks what it takes the place of, as whoever wrote it has
    /// read it: where something else stands there now, nothing is changed.
    pub async fn keep(
        &self,
        store: &Store,
        was: Option<&str>,
        done: &Done,
    ) -> Result<Option<i64>, ImportError> {
        let question = self.questions.first().map_or("", String::as_str);
        let what = format!("write {question}");
        rewrite(store, &what, done, |entries| {
            let before = entries.iter().find(|entry| entry.id == self.id);
            let before = before.map(|entry| Self::from(entry).mark());
            if before.as_deref() == Some(&self.mark()) {
                return Ok(());
            }
            if before.as_deref() != was {
                return Err(ImportError::Outdated);
            }
            self.write(entries, &done.who);
            Ok(())
        })
        .await
    }
}

impl From<&Entry> for Wording {
    fn from(entry: &Entry) -> Self {
        Self {
            id: entry.id.clone(),
            questions: entry.questions.clone(),
            answer: entry.answer.clone(),
            valid_until: entry.valid_until,
        }
    }
}

/// An entry of the staff's own, as the store has it.
pub async fn own(store: &Store, id: &str) -> Result<Option<Wording>, ImportError> {
    let version = store.newest_version(Shelf::Knowledge).await?;
    let mut sources = by_source(store.texts_at(Shelf::Knowledge, version).await?)?;
    let entries = sources.remove(OWN).unwrap_or_default();
    let found = entries.iter().find(|entry| entry.id == id);
    Ok(found.map(Wording::from))
}

/// Takes an entry of the staff's own out, if it says what whoever does so has read; none where there is no such
/// entry.
pub async fn forget(
    store: &Store,
    id: &str,
    was: Option<&str>,
    done: &Done,
) -> Result<Option<i64>, ImportError> {
    let Some(now) = own(store, id).await? else {
        return Ok(None);
    };
    let question = now.questions.first().map_or("", String::as_str);
    rewrite(store, &format!("forget {question}"), done, |entries| {
        let known = entries.iter().find(|entry| entry.id == id);
        if known.is_some_and(|known| Some(&*Wording::from(known).mark()) != was) {
            return Err(ImportError::Outdated);
        }
        entries.retain(|entry| entry.id != id);
        Ok(())
    })
    .await
}

/// Remembers how a person answered, once per lesson.
pub async fn learn(
    store: &Store,
    lesson: &LessonCard,
    at: DateTime<Utc>,
) -> Result<(), ImportError> {
    let wording = Wording {
        id: format!("{OWN}-{}", lesson.id),
        questions: vec![lesson.question.clone()],
        answer: lesson.answer.clone(),
        valid_until: None,
    };
    let who = lesson.who.clone();
    let done = Done { who, at };
    let what = format!("remember {}", lesson.question);
    rewrite(store, &what, &done, |entries| {
        if entries.iter().all(|entry| entry.id != wording.id) {
            wording.write(entries, &done.who);
        }
        Ok(())
    })
    .await
    .map(|_| ())
}

/// Makes the version in which the staff's own entries are others; none where they are the same.
async fn rewrite(
    store: &Store,
    what: &str,
    done: &Done,
    rewritten: impl Fn(&mut Vec<Entry>) -> Result<(), ImportError>,
) -> Result<Option<i64>, ImportError> {
    for _ in 0..TRIES {
        let version = store.newest_version(Shelf::Knowledge).await?;
        let mut sources = by_source(store.texts_at(Shelf::Knowledge, version).await?)?;
        let before = sources.remove(OWN).unwrap_or_default();
        let mut entries = before.clone();
        rewritten(&mut entries)?;
        if is_same(&before, &entries) {
            return Ok(None);
        }
        let json = (!entries.is_empty()).then(|| serde_json::to_string(&entries).ok());
        let sources = vec![(OWN.to_owned(), json.flatten())];
        if let Some(made) = change(store, version, what.to_owned(), sources, done).await? {
            return Ok(Some(made));
        }
    }
    Err(ImportError::Busy)
}

/// Takes sources out. The names of those that were not there are returned instead of a version.
pub async fn remove(
    store: &Store,
    names: &[String],
    done: &Done,
) -> Result<Result<i64, Vec<String>>, ImportError> {
    for _ in 0..TRIES {
        let version = store.newest_version(Shelf::Knowledge).await?;
        let there = store.texts_at(Shelf::Knowledge, version).await?;
        let is_there = |name: &&String| there.iter().any(|one| one.source == **name);
        let missing: Vec<String> = names
            .iter()
            .filter(|name| !is_there(name))
            .cloned()
            .collect();
        if !missing.is_empty() {
            return Ok(Err(missing));
        }
        let sources = names.iter().map(|name| (name.clone(), None)).collect();
        let what = format!("remove {}", names.join(" "));
        if let Some(version) = change(store, version, what, sources, done).await? {
            return Ok(Ok(version));
        }
    }
    Err(ImportError::Busy)
}

/// Goes back to what held at a version, with a new version; none when that is what holds.
pub async fn roll_back(store: &Store, to: i64, done: &Done) -> Result<Option<i64>, ImportError> {
    for _ in 0..TRIES {
        let version = store.newest_version(Shelf::Knowledge).await?;
        if !(0..=version).contains(&to) {
            let message = format!("there is no version {to}: the newest is {version}");
            return Err(ImportError::Wrong(vec![problem(
                "knowledge",
                0,
                0,
                "",
                &message,
                "see `zapis knowledge versions`",
            )]));
        }
        let what = format!("rollback to {to}");
        let sources = store.way_back(Shelf::Knowledge, version, to).await?;
        if let Some(made) = change(store, version, what, sources, done).await? {
            return Ok((made > version).then_some(made));
        }
    }
    Err(ImportError::Busy)
}

/// Makes the next version, or stays at this one where nothing changes; none when somebody was faster.
async fn change(
    store: &Store,
    version: i64,
    what: String,
    sources: Vec<(String, Option<String>)>,
    done: &Done,
) -> Result<Option<i64>, ImportError> {
    if sources.is_empty() {
        return Ok(Some(version));
    }
    let change = VersionChange {
        who: done.who.clone(),
        what,
        sources,
    };
    Ok(store
        .make_version(Shelf::Knowledge, version, &change, done.at)
        .await?)
}
