//! `zapis knowledge`: what the bot answers from, and how it gets there.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use chrono::NaiveDate;
use serde::Serialize;
use zapis_core::Clock;
use zapis_core::config::Problem;
use zapis_core::store::{Shelf, Store};
use zapis_workers::business::Business;
use zapis_workers::content::Files;
use zapis_workers::knowledge::import::{
    self, Change, Done, ImportError, Incoming, Known, Plan, Report, Signature, SiteRules,
};
use zapis_workers::knowledge::{Asked, Entry, Knowledge, Passage, READER};
use zapis_workers::understand::{Understander, topics};
use zapis_workers::words::Synonyms;

use super::{Failure, gaps};
use crate::cli::{KnowledgeCommand, KnowledgeImport};
use crate::config::Loaded;
use crate::output::{self, Table};

/// How much of a text a table shows.
const SHOWN: usize = 60;

/// Where an entry comes from and how far it can be trusted.
#[derive(Debug, Serialize)]
struct Standing<'a> {
    /// What it was imported as; none for facts and the folder.
    from: Option<&'a str>,
    version: Option<i64>,
    verified_by: Option<&'a str>,
    valid_until: Option<NaiveDate>,
}

impl<'a> Standing<'a> {
    fn of(entry: &'a Entry) -> Self {
        let imported = entry.imported.as_ref();
        Self {
            from: imported.map(|imported| imported.source.as_str()),
            version: imported.map(|imported| imported.version),
            verified_by: entry.verified_by.as_deref(),
            valid_until: entry.valid_until,
        }
    }
}

/// An entry in a list.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    id: &'a str,
    question: &'a str,
    answer: &'a str,
    file: &'a str,
    line: usize,
    part: Option<&'a str>,
    language: &'a str,
    #[serde(flatten)]
    standing: Standing<'a>,
}

/// A passage that was found.
#[derive(Debug, Serialize)]
struct Found<'a> {
    #[serde(flatten)]
    passage: &'a Passage,
    #[serde(flatten)]
    standing: Option<Standing<'a>>,
}

/// What became of a removal or a way back.
#[derive(Debug, Serialize)]
struct Made {
    version: Option<i64>,
}

/// `zapis knowledge …`
pub(super) async fn knowledge(loaded: &Loaded, command: KnowledgeCommand) -> Result<(), Failure> {
    let store = super::store(loaded).await?;
    let desk = Desk {
        business: super::business(loaded, &store).await?,
        folder: &loaded.folder,
        store,
    };
    let result = desk.does(command).await;
    desk.store.close().await;
    result
}

/// All that the bot knows.
pub(super) async fn known(store: &Store, folder: &Path, firm: &Business) -> Result<Known, Failure> {
    let known = import::known(store, &folder.join("knowledge"), firm).await;
    known.map_err(failure)
}

/// What all of these commands need.
struct Desk<'a> {
    business: Business,
    folder: &'a Path,
    store: Store,
}

impl Desk<'_> {
    async fn does(&self, command: KnowledgeCommand) -> Result<(), Failure> {
        match command {
            KnowledgeCommand::Import(asked) => self.import(&asked).await,
            KnowledgeCommand::List { json } => list(&self.known().await?.knowledge(), json),
            KnowledgeCommand::Search { words, limit, json } => {
                self.search(&words.join(" "), limit, json).await
            }
            KnowledgeCommand::Gaps { days, limit, json } => {
                let known = self.known().await?.knowledge();
                let files = Files::now(self.folder, &self.store).await;
                let files = files.context("reading the settings in the store")?;
                gaps::gaps(&self.store, &files, known, days, limit, json).await
            }
            KnowledgeCommand::Versions { limit, json } => self.versions(limit, json).await,
            KnowledgeCommand::Rollback { version, json } => {
                let made = import::roll_back(&self.store, version, &done()).await;
                tell_version(made.map_err(failure)?, json)
            }
            KnowledgeCommand::Remove { sources, json } => {
                let removed = import::remove(&self.store, &sources, &done()).await;
                match removed.map_err(failure)? {
                    Ok(version) => tell_version(Some(version), json),
                    Err(missing) => {
                        for name in missing {
                            output::complain(format!("error: nothing was imported as {name}"));
                        }
                        Err(Failure::Told)
                    }
                }
            }
        }
    }

    async fn known(&self) -> Result<Known, Failure> {
        known(&self.store, self.folder, &self.business).await
    }

    async fn import(&self, asked: &KnowledgeImport) -> Result<(), Failure> {
        keep_readers_quiet();
        let rules = SiteRules {
            depth: asked.depth,
            pages: asked.pages,
            ..SiteRules::default()
        };
        let signature = Signature {
            verified_by: asked.verified_by.clone(),
            valid_until: asked.valid_until,
        };
        let mut incoming = Vec::new();
        let mut broken = Vec::new();
        for given in &asked.sources {
            match Incoming::of(given, &rules, &signature).await {
                Ok(one) => incoming.push(one),
                Err(problems) => broken.push(unread(given, problems)),
            }
        }
        let folder = self.folder.join("knowledge");
        let (version, mut plan) = if asked.dry_run || !broken.is_empty() {
            let known = self.known().await?;
            let today = Clock::system()
                .now()
                .with_timezone(&self.business.time_zone);
            (None, Plan::of(&incoming, &known, today.date_naive()))
        } else {
            let written =
                import::write(&self.store, &folder, &self.business, &incoming, &done()).await;
            let written = written.map_err(failure)?;
            (written.version, written.plan)
        };
        plan.reports.extend(broken);
        let (fine, mut reports) = (plan.can_be_done(), plan.reports);
        for report in &mut reports {
            report.version = version;
        }
        let asked_only = asked.dry_run || !fine;
        if asked.json {
            output::json(&reports)?;
        } else {
            for report in &reports {
                tell(report, asked_only);
            }
        }
        for problem in reports.iter().flat_map(|report| &report.problems) {
            output::complain(problem);
        }
        if !fine {
            output::complain("Nothing was brought in.");
            return Err(Failure::ProblemsTold);
        }
        Ok(())
    }

    async fn search(&self, text: &str, limit: usize, json: bool) -> Result<(), Failure> {
        let intents = self.folder.join("intents.yaml");
        let understander = Understander::load(&intents).map_err(Failure::Problems)?;
        let synonyms = Synonyms::load(&self.folder.join("synonyms.txt"));
        let synonyms = Arc::new(synonyms.map_err(Failure::Problems)?);
        let understander = understander.with_synonyms(Arc::clone(&synonyms));
        let known = self.known().await?.knowledge().with_synonyms(synonyms);
        let now = Clock::system().now();
        let understood = understander.understand(text);
        let topics = topics(&understood.intents);
        let passages = known.search(
            &Asked {
                text,
                language: None,
                topics: &topics,
                today: now.with_timezone(&self.business.time_zone).date_naive(),
                meaning: None,
            },
            limit,
        );
        let found: Vec<Found<'_>> = passages
            .iter()
            .map(|passage| Found {
                passage,
                standing: known.entry(&passage.id, passage.language).map(Standing::of),
            })
            .collect();
        if json {
            return Ok(output::json(&found)?);
        }
        if found.is_empty() {
            output::line("Nothing fits: the bot would ask a person.");
            return Ok(());
        }
        let mut table = Table::new(&[
            "score", "id", "where", "version", "verified", "until", "answer",
        ]);
        for Found { passage, standing } in found {
            let [version, verified, until] = columns(standing.as_ref());
            table.row([
                format!("{:.2}", passage.score),
                passage.id.clone(),
                passage.source.to_string(),
                version,
                verified,
                until,
                short(&passage.answer),
            ]);
        }
        table.print();
        Ok(())
    }

    async fn versions(&self, limit: u32, json: bool) -> Result<(), Failure> {
        let versions = self.store.versions(Shelf::Knowledge, limit).await;
        let versions = versions.context("reading the versions")?;
        if json {
            return Ok(output::json(&versions)?);
        }
        if versions.is_empty() {
            output::line("Nothing was brought in yet.");
            return Ok(());
        }
        let mut table = Table::new(&["version", "at", "who", "what"]);
        for one in versions {
            let at = one.at.with_timezone(&self.business.time_zone);
            let at = at.format("%Y-%m-%d %H:%M").to_string();
            table.row([one.version.to_string(), at, one.who, one.what]);
        }
        table.print();
        Ok(())
    }
}

/// Who uses this terminal, now.
fn done() -> Done {
    Done {
        who: super::operator(),
        at: Clock::system().now(),
    }
}

fn failure(error: ImportError) -> Failure {
    match error {
        ImportError::Wrong(problems) => Failure::Problems(problems),
        error => Failure::Failed(anyhow::Error::new(error).context("changing the knowledge")),
    }
}

/// Readers of documents may panic, which is caught and told as a problem of the document.
fn keep_readers_quiet() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panicked| {
        if std::thread::current().name() != Some(READER) {
            before(panicked);
        }
    }));
}

fn unread(given: &str, problems: Vec<Problem>) -> Report {
    Report {
        from: given.to_owned(),
        to: given.to_owned(),
        version: None,
        entries: 0,
        changes: Vec::new(),
        problems,
    }
}

fn tell(report: &Report, asked_only: bool) {
    let what = match (asked_only, report.version) {
        (true, _) => "would be brought in".to_owned(),
        (false, Some(version)) => format!("is brought in with version {version}"),
        (false, None) => "says nothing new".to_owned(),
    };
    let entries = report.entries;
    output::line(format!(
        "{} {what} as {} ({entries} entries)",
        report.from, report.to
    ));
    for change in &report.changes {
        output::line(match change {
            Change::New { id, question } => format!("  new          {id}: {}", short(question)),
            Change::Changed { id, question, .. } => {
                format!("  changed      {id}: {}", short(question))
            }
            Change::Gone { id, question } => format!("  gone         {id}: {}", short(question)),
            Change::Contradicts {
                id,
                says,
                fact,
                fact_says,
                place,
            } => format!(
                "  contradicts  {id}: «{}», but {fact} says «{}» ({place})",
                short(says),
                short(fact_says)
            ),
            Change::Duplicates { id, of, place } => {
                format!("  duplicates   {id}: the same as {of} ({place})")
            }
            Change::Stale {
                id, valid_until, ..
            } => format!("  stale        {id}: was right until {valid_until}"),
        });
    }
}

fn tell_version(version: Option<i64>, json: bool) -> Result<(), Failure> {
    if json {
        return Ok(output::json(&Made { version })?);
    }
    output::line(match version {
        Some(version) => {
            format!("This is version {version}. Running workers know in a few seconds.")
        }
        None => "Nothing changes: that is what holds.".to_owned(),
    });
    Ok(())
}

fn list(known: &Knowledge, json: bool) -> Result<(), Failure> {
    let listed: Vec<_> = known
        .entries()
        .iter()
        .map(|entry| Listed {
            id: &entry.id,
            question: entry.question(),
            answer: &entry.answer,
            file: &entry.source.file,
            line: entry.source.line,
            part: entry.source.part.as_deref(),
            language: entry.language.code(),
            standing: Standing::of(entry),
        })
        .collect();
    if json {
        return Ok(output::json(&listed)?);
    }
    let mut table = Table::new(&["id", "where", "version", "verified", "until", "question"]);
    for (one, entry) in listed.iter().zip(known.entries()) {
        let [version, verified, until] = columns(Some(&one.standing));
        table.row([
            one.id.to_owned(),
            entry.source.to_string(),
            version,
            verified,
            until,
            short(one.question),
        ]);
    }
    table.print();
    Ok(())
}

fn columns(standing: Option<&Standing<'_>>) -> [String; 3] {
    let Some(standing) = standing else {
        return Default::default();
    };
    let version = standing.version.map(|version| version.to_string());
    let until = standing.valid_until.map(|day| day.to_string());
    let verified = standing.verified_by.map(str::to_owned);
    [version, verified, until].map(Option::unwrap_or_default)
}

fn short(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    let start: String = text.chars().take(SHOWN - 1).collect();
    format!("{start}…")
}
