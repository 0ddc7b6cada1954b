//! `zapis knowledge`: the documents that the bot answers from.

use std::path::{Path, PathBuf};

use serde::Serialize;
use zapis_core::Clock;
use zapis_core::config::Problem;
use zapis_workers::business::Business;
use zapis_workers::knowledge::{
    Asked, Change, Import, ImportError, Knowledge, import, plan_import,
};
use zapis_workers::understand::Understander;

use super::Failure;
use crate::cli::KnowledgeCommand;
use crate::config::Loaded;
use crate::output::{self, Table};

/// How much of a text a table shows.
const SHOWN: usize = 60;

/// An entry in a list.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    id: &'a str,
    question: &'a str,
    answer: &'a str,
    file: &'a str,
    line: usize,
}

/// `zapis knowledge …`
pub(super) fn knowledge(loaded: &Loaded, command: KnowledgeCommand) -> Result<(), Failure> {
    let business =
        Business::load(&loaded.folder.join("business.toml")).map_err(Failure::Problems)?;
    let folder = loaded.folder.join("knowledge");
    let known = Knowledge::load(&folder, &business).map_err(Failure::Problems)?;
    match command {
        KnowledgeCommand::Import {
            files,
            dry_run,
            json,
        } => take_in(&files, &folder, &known, dry_run, json),
        KnowledgeCommand::List { json } => list(&known, json),
        KnowledgeCommand::Search { words, limit, json } => {
            let intents = loaded.folder.join("intents.yaml");
            let understander = Understander::load(&intents).map_err(Failure::Problems)?;
            search(
                &known,
                &understander,
                &business,
                &words.join(" "),
                limit,
                json,
            )
        }
    }
}

fn take_in(
    files: &[PathBuf],
    folder: &Path,
    known: &Knowledge,
    dry_run: bool,
    json: bool,
) -> Result<(), Failure> {
    let read = if dry_run { plan_import } else { import };
    let mut imports = Vec::new();
    let mut problems: Vec<Problem> = Vec::new();
    for file in files {
        match read(file, folder, known) {
            Ok(import) => imports.push(import),
            Err(ImportError::Wrong(found)) => problems.extend(found),
            Err(error @ ImportError::Failed(_)) => {
                let taking = format!("taking in {}", file.display());
                return Err(anyhow::Error::new(error).context(taking).into());
            }
        }
    }
    if json {
        output::json(&imports)?;
    } else {
        for import in &imports {
            tell(import, dry_run);
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    for problem in &problems {
        output::complain(problem);
    }
    Err(Failure::Told)
}

fn tell(import: &Import, dry_run: bool) {
    let done = if dry_run { "would become" } else { "is now" };
    output::line(format!(
        "{} {done} {} ({} entries, {} changes)",
        import.from.display(),
        import.to.display(),
        import.entries,
        import.changes.len()
    ));
    for change in &import.changes {
        output::line(match change {
            Change::New { id, question } => format!("  new          {id}: {question}"),
            Change::Changed { id, question, .. } => format!("  changed      {id}: {question}"),
            Change::Gone { id, question } => format!("  gone         {id}: {question}"),
            Change::Contradicts { id, fact, .. } => format!("  contradicts  {id}: see {fact}"),
        });
    }
}

fn list(known: &Knowledge, json: bool) -> Result<(), Failure> {
    let listed: Vec<_> = known
        .entries()
        .iter()
        .map(|entry| Listed {
            id: &entry.id,
            question: entry.questions.first().map_or("", String::as_str),
            answer: &entry.answer,
            file: &entry.source.file,
            line: entry.source.line,
        })
        .collect();
    if json {
        return Ok(output::json(&listed)?);
    }
    let mut table = Table::new(&["id", "where", "question"]);
    for one in listed {
        let place = format!("{}:{}", one.file, one.line);
        table.row([one.id.to_owned(), place, short(one.question)]);
    }
    table.print();
    Ok(())
}

fn search(
    known: &Knowledge,
    understander: &Understander,
    business: &Business,
    text: &str,
    limit: usize,
    json: bool,
) -> Result<(), Failure> {
    let now = Clock::system().now();
    let understood = understander.understand(text);
    let topics: Vec<_> = understood
        .intents
        .iter()
        .map(|guess| (guess.intent.id().to_owned(), guess.confidence))
        .collect();
    let passages = known.search(
        &Asked {
            text,
            language: None,
            topics: &topics,
            today: now.with_timezone(&business.time_zone).date_naive(),
        },
        limit,
    );
    if json {
        return Ok(output::json(&passages)?);
    }
    if passages.is_empty() {
        output::line("Nothing fits: the bot would ask a person.");
        return Ok(());
    }
    let mut table = Table::new(&["score", "id", "where", "answer"]);
    for one in passages {
        let place = format!("{}:{}", one.source.file, one.source.line);
        table.row([
            format!("{:.2}", one.score),
            one.id,
            place,
            short(&one.answer),
        ]);
    }
    table.print();
    Ok(())
}

fn short(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    let start: String = text.chars().take(SHOWN - 1).collect();
    format!("{start}…")
}
