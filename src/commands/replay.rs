//! `zapis replay`: what customers would read if the content were another.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Context;
use serde_json::json;
use zapis_core::Clock;
use zapis_core::event::{Event, Kind};
use zapis_core::store::{Shelf, Store};
use zapis_workers::autonomy::Autonomy;
use zapis_workers::content::{Content, Files};
use zapis_workers::dialogue::{Generator, Tryout};
use zapis_workers::llm::Llm;
use zapis_workers::rehearsal::{Compared, Questions, Rehearsal, Told, is_words};
use zapis_workers::report;

use super::{Failure, files, past, store};
use crate::cli::ReplayArgs;
use crate::config::Loaded;
use crate::output::{self, plain};

/// `zapis replay`
pub(super) async fn replay(loaded: &Loaded, args: &ReplayArgs) -> Result<(), Failure> {
    let store = store(loaded).await?;
    let compared = compare(loaded, &store, args).await;
    store.close().await;
    let compared = compared?;
    let different: Vec<&Compared> = compared.iter().filter(|one| one.differs()).collect();
    if args.json {
        let told = json!({ "asked": compared.len(), "different": different });
        return Ok(output::json(&told)?);
    }
    for one in &different {
        output::line(format!("«{}»", plain(&one.question)));
        show("now ", &one.before);
        show("then", &one.after);
    }
    output::line(format!(
        "{} of {} questions would be answered differently.",
        different.len(),
        compared.len()
    ));
    Ok(())
}

fn show(when: &str, told: &Told) {
    let intent = told.intent.as_deref().unwrap_or("no intent");
    output::line(format!(
        "  {when}  {}, {intent}: {}",
        told.does,
        plain(&told.says)
    ));
}

async fn compare(
    loaded: &Loaded,
    store: &Store,
    args: &ReplayArgs,
) -> Result<Vec<Compared>, Failure> {
    let newest = store.newest_version(Shelf::Knowledge).await;
    let newest = newest.context("asking for the version of the knowledge")?;
    let held = files(loaded, store).await?;
    let now = content(&held, store, newest).await?;
    let files = match (&args.with, args.settings) {
        (Some(folder), _) => Files::of_folder(folder),
        (None, Some(version)) => {
            let files = held.at(store, version).await;
            files.context("reading the settings in the store")?
        }
        (None, None) => held,
    };
    let then = content(&files, store, args.knowledge.unwrap_or(newest)).await?;
    let questions = questions(store, &now, args).await?;
    let generator = generator(loaded, store, args)?;
    let bot = |content| {
        // Adjustments of single intents are the running program's own.
        let autonomy = Autonomy {
            config: loaded.config.autonomy.clone(),
            ..Autonomy::default()
        };
        Tryout::new(Arc::new(content), autonomy).with_model(generator.clone())
    };
    let rehearsal = Rehearsal {
        now: bot(now),
        then: bot(then),
        at: Clock::system().now(),
    };
    let mut compared = Vec::with_capacity(questions.len());
    for question in &questions {
        let asked = rehearsal.ask(question).await;
        compared.push(asked.context("asking the bot")?);
    }
    Ok(compared)
}

async fn content(files: &Files, store: &Store, version: i64) -> Result<Content, Failure> {
    let content = Content::with_imports(files, store, version).await;
    Ok(content.context("reading the content")?)
}

/// What was asked in the newest conversations, the newest first, without personal data.
async fn questions(
    store: &Store,
    content: &Content,
    args: &ReplayArgs,
) -> Result<Vec<String>, Failure> {
    let mut asked: Vec<Event> = Vec::new();
    let span = past(args.days);
    let read = report::read(store, &[Kind::Inbound], &span, |event| {
        if is_words(event) {
            asked.push(event.clone());
        }
    });
    read.await.context("reading the journal")?;
    let (mut questions, mut conversations) = (Questions::new(content), HashSet::new());
    for event in asked.iter().rev() {
        let is_new = !conversations.contains(&event.conversation_id);
        if is_new && conversations.len() == args.conversations {
            continue;
        }
        conversations.insert(event.conversation_id.clone());
        questions.take(event);
    }
    Ok(questions.list())
}

fn generator(
    loaded: &Loaded,
    store: &Store,
    args: &ReplayArgs,
) -> Result<Option<Generator>, Failure> {
    if !args.with_model {
        return Ok(None);
    }
    let config = &loaded.config.llm;
    let llm = Llm::new(config, store, &Clock::system());
    let llm = llm.context("setting the language models up ([llm])")?;
    let llm = llm.ok_or_else(|| {
        Failure::Usage("--with-model: no language model is configured ([[llm.endpoints]])".into())
    })?;
    let prompts = config.answer_prompts.clone();
    Ok(Some(Generator { llm, prompts }))
}
