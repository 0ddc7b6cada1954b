//! `zapis understand` and `zapis eval`: what the bot makes of a text, of many texts.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zapis_core::Clock;
use zapis_workers::business::Business;
use zapis_workers::content::Files;
use zapis_workers::eval::{self, DateLine, Labelled, LabelledLine, TextLine};
use zapis_workers::understand::{Meaning, Understander, Understanding};
use zapis_workers::when;
use zapis_workers::words::Synonyms;

use super::Failure;
use crate::cli::EvalTarget;
use crate::config::Loaded;
use crate::output::{self, Table};

/// What `zapis understand --json` prints.
#[derive(Serialize)]
struct Understood {
    #[serde(flatten)]
    understood: Understanding,
    times: when::Heard,
}

/// `zapis understand …`
pub(super) fn understand(loaded: &Loaded, text: &str, json: bool) -> Result<(), Failure> {
    let business = Business::load(&Files::of_folder(&loaded.folder));
    let business = business.map_err(Failure::Problems)?;
    let now = business.local(Clock::system().now()).naive_local();
    let understood = shipped(loaded)?.understand(text);
    let times = when::read(text, now);
    if json {
        output::json(&Understood { understood, times })?;
        return Ok(());
    }
    let mut table = Table::new(&["part", "intent", "confidence"]);
    for part in &understood.parts {
        for guess in part.guesses.iter().take(3) {
            let confidence = format!("{:.2}", guess.confidence);
            table.row([part.text.clone(), guess.intent.id().to_owned(), confidence]);
        }
    }
    table.print();
    if !understood.entities.is_empty() {
        let mut table = Table::new(&["named", "means", "place", "confidence"]);
        for entity in &understood.entities {
            let place = format!("{}–{}", entity.start, entity.end);
            let confidence = entity
                .confidence
                .map_or_else(String::new, |sure| format!("{sure:.2}"));
            table.row([
                entity.text.clone(),
                meaning(&entity.meaning),
                place,
                confidence,
            ]);
        }
        table.print();
    }
    if !times.mentions.is_empty() {
        let mut table = Table::new(&["time", "means", "place"]);
        for mention in &times.mentions {
            let place = format!("{}–{}", mention.span.start, mention.span.end);
            let means = serde_json::to_string(&mention.said).context("writing a time")?;
            table.row([text[mention.span.clone()].to_owned(), means, place]);
        }
        table.print();
    }
    output::line(format!("sentiment {:+.2}", understood.sentiment));
    let signals = [
        (understood.asks_human, "asks for a person"),
        (understood.negative, "is unhappy"),
        (understood.abusive, "is abusive"),
        (understood.urgent, "has urgent health trouble"),
        (understood.own_visit, "asks about the own visit"),
        (understood.opt_out, "wants no advertising"),
        (
            understood.injection,
            "tries to turn the bot into something else",
        ),
        (understood.out_of_scope, "none of the known intents"),
    ];
    for (_, signal) in signals.iter().filter(|(heard, _)| *heard) {
        output::line(signal);
    }
    Ok(())
}

fn meaning(meaning: &Meaning) -> String {
    match meaning {
        Meaning::Phone(value) => format!("phone {value}"),
        Meaning::Email(value) => format!("e-mail {value}"),
        Meaning::Name(value) => format!("name {value}"),
        Meaning::People(count) => format!("people {count}"),
        Meaning::Service(id) => format!("service {id}"),
        Meaning::Staff(id) => format!("staff {id}"),
    }
}

/// `zapis eval …`: one prediction a line.
pub(super) fn evaluate(
    loaded: &Loaded,
    what: EvalTarget,
    data: &Path,
    train: Option<&Path>,
    out: &Path,
) -> Result<(), Failure> {
    match what {
        EvalTarget::Retrieval => {
            let corpus: Vec<eval::CorpusLine> = read(&data.join("corpus.jsonl"))?;
            let queries: Vec<eval::QueryLine> = read(&data.join("queries.jsonl"))?;
            write(out, &eval::retrieval(&corpus, &queries))
        }
        EvalTarget::Intents => {
            let test: Vec<LabelledLine> = read(data)?;
            let predictions = if let Some(train) = train {
                eval::intents(&read::<LabelledLine>(train)?, &test)
            } else {
                let shipped = shipped(loaded)?;
                test.iter().map(|line| label(&shipped, line)).collect()
            };
            write(out, &predictions)
        }
        EvalTarget::Dates => {
            let mut lines: Vec<DateLine> = Vec::new();
            for file in data.to_string_lossy().split(',') {
                lines.append(&mut read(Path::new(file))?);
            }
            write(out, &eval::dates(&lines))
        }
        EvalTarget::Phones => each(loaded, data, out, eval::phones),
        EvalTarget::Handoff => each(loaded, data, out, eval::handoff),
        EvalTarget::Sentiment => each(loaded, data, out, eval::sentiment),
    }
}

/// Judges every text of a file by how the shipped understanding takes it.
fn each<T: Serialize>(
    loaded: &Loaded,
    data: &Path,
    out: &Path,
    judge: fn(&Understanding, &TextLine) -> T,
) -> Result<(), Failure> {
    let shipped = shipped(loaded)?;
    let lines: Vec<TextLine> = read(data)?;
    let judged: Vec<T> = lines
        .iter()
        .map(|line| judge(&shipped.understand(&line.text), line))
        .collect();
    write(out, &judged)
}

fn shipped(loaded: &Loaded) -> Result<Understander, Failure> {
    let business = Business::load(&Files::of_folder(&loaded.folder));
    let understander = Understander::load(&loaded.folder.join("intents.yaml"));
    let synonyms = Synonyms::load(&loaded.folder.join("synonyms.txt"));
    match (business, understander, synonyms) {
        (Ok(business), Ok(understander), Ok(synonyms)) => {
            let understander = understander.with_firm(&business);
            Ok(understander.with_synonyms(Arc::new(synonyms)))
        }
        (business, understander, synonyms) => {
            let problems = [business.err(), understander.err(), synonyms.err()];
            Err(Failure::Problems(
                problems.into_iter().flatten().flatten().collect(),
            ))
        }
    }
}

fn label(shipped: &Understander, line: &LabelledLine) -> Labelled {
    let understood = shipped.understand(&line.text);
    let best = understood.intents.first();
    let forced = best.map_or("__oos__", |guess| guess.intent.id()).to_owned();
    Labelled {
        id: line.id.clone(),
        label: (!understood.out_of_scope).then(|| forced.clone()),
        label_forced: forced,
        confidence: best.map_or(0.0, |guess| guess.confidence),
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Failure> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let filled = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    let lines = filled.map(|(n, line)| {
        serde_json::from_str(line).with_context(|| format!("{}:{}", path.display(), n + 1))
    });
    Ok(lines.collect::<anyhow::Result<Vec<T>>>()?)
}

fn write<T: Serialize>(path: &Path, predictions: &[T]) -> Result<(), Failure> {
    let mut text = String::new();
    for prediction in predictions {
        text.push_str(&serde_json::to_string(prediction).context("writing a prediction")?);
        text.push('\n');
    }
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    output::line(format!(
        "{} predictions in {}",
        predictions.len(),
        path.display()
    ));
    Ok(())
}
