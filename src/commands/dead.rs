//! `zapis dead`: messages that were set aside.

use anyhow::Context;
use serde::Serialize;
use uuid::Uuid;
use zapis_core::message::{masked, tail};
use zapis_core::store::{DeadLetter, Store};

use super::{Failure, store};
use crate::cli::{DeadCommand, Selection};
use crate::config::Loaded;
use crate::control::{self, Wake};
use crate::output::{self, Table};

/// The most dead letters that `--all` means.
const ALL: u32 = 1_000_000;

/// Begins the topics of items that a channel refused; no queue has them.
const REFUSED: &str = "webhook.";

/// What is said of them.
const NEVER: &str = "cannot be retried: it never became a message";

/// One in a list: nothing of what the customer wrote.
#[derive(Debug, Serialize)]
struct Listed {
    id: Uuid,
    at: String,
    topic: String,
    key: String,
    message_id: String,
    reason: String,
    bytes: usize,
}

impl Listed {
    fn of(letter: &DeadLetter) -> Self {
        // Keys and ids of messengers may hold a phone number; ours are UUIDs.
        let ours = letter.message_id.parse::<Uuid>().is_ok();
        let message_id = if ours {
            letter.message_id.clone()
        } else {
            tail(&letter.message_id)
        };
        Self {
            id: letter.id,
            at: letter.at.to_rfc3339(),
            topic: letter.topic.clone(),
            key: masked(&letter.key),
            message_id,
            reason: letter.reason.clone(),
            bytes: letter.body.len(),
        }
    }
}

/// One of them, whole.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    id: Uuid,
    at: String,
    topic: &'a str,
    key: &'a str,
    message_id: &'a str,
    reason: &'a str,
    body: std::borrow::Cow<'a, str>,
}

/// What was done with one.
#[derive(Debug, Serialize)]
struct Outcome {
    id: Uuid,
    done: bool,
    why: Option<&'static str>,
}

impl Outcome {
    /// Outcome, unless there is a reason why not.
    fn of(id: Uuid, why: Option<&'static str>) -> Self {
        Self {
            id,
            done: why.is_none(),
            why,
        }
    }
}

/// `zapis dead …`
pub(super) async fn dead(loaded: &Loaded, command: DeadCommand) -> Result<(), Failure> {
    let store = store(loaded).await?;
    let result = match command {
        DeadCommand::List { limit, json } => list(&store, limit, json).await,
        DeadCommand::Show { id, json } => show(&store, id, json).await,
        DeadCommand::Retry(selection) => retry(&store, loaded, &selection).await,
        DeadCommand::Drop(selection) => drop_some(&store, &selection).await,
    };
    store.close().await;
    result
}

async fn list(store: &Store, limit: u32, json: bool) -> Result<(), Failure> {
    let letters = store
        .dead(limit)
        .await
        .context("reading the dead letters")?;
    let listed: Vec<_> = letters.iter().map(Listed::of).collect();
    if json {
        return Ok(output::json(&listed)?);
    }
    if listed.is_empty() {
        output::line("Nothing was set aside.");
        return Ok(());
    }
    let mut table = Table::new(&["id", "at", "topic", "key", "reason"]);
    for one in listed {
        table.row([one.id.to_string(), one.at, one.topic, one.key, one.reason]);
    }
    table.print();
    Ok(())
}

async fn show(store: &Store, id: Uuid, json: bool) -> Result<(), Failure> {
    let letter = store
        .dead_letter(id)
        .await
        .context("reading the dead letter")?;
    let Some(letter) = letter else {
        return Err(anyhow::anyhow!("there is no dead letter {id}").into());
    };
    let shown = Shown {
        id: letter.id,
        at: letter.at.to_rfc3339(),
        topic: &letter.topic,
        key: &letter.key,
        message_id: &letter.message_id,
        reason: &letter.reason,
        body: String::from_utf8_lossy(&letter.body),
    };
    if json {
        return Ok(output::json(&shown)?);
    }
    output::line(format!("id       {}", shown.id));
    output::line(format!("at       {}", shown.at));
    output::line(format!("topic    {}", shown.topic));
    output::line(format!("key      {}", shown.key));
    output::line(format!("message  {}", shown.message_id));
    output::line(format!("reason   {}", shown.reason));
    output::line("");
    // JSON is easier to read in lines; control characters stay escaped in it.
    match serde_json::from_str::<serde_json::Value>(&shown.body) {
        Ok(body) => output::json(&body)?,
        Err(_) => output::line(shown.body.escape_debug()),
    }
    Ok(())
}

async fn retry(store: &Store, loaded: &Loaded, selection: &Selection) -> Result<(), Failure> {
    let mut done = Vec::new();
    for id in selected(store, selection).await? {
        let letter = store.dead_letter(id).await.context("reading it")?;
        let why = match letter {
            None => Some("not found"),
            Some(letter) if letter.topic.starts_with(REFUSED) => Some(NEVER),
            Some(_) => (!store.retry_dead(id).await.context("marking it")?).then_some("not found"),
        };
        done.push(Outcome::of(id, why));
    }
    let socket = control::socket(&loaded.config.engines.data_dir);
    let woken = control::wake(&socket, Wake::Dead).await.unwrap_or(false);
    report(&done, "marked to be retried", selection.json)?;
    if !selection.json && done.iter().any(|one| one.done) {
        output::line(if woken {
            "The running program publishes them now."
        } else {
            "No running program on this machine answered: they will be published at the next start."
        });
    }
    missing(&done)
}

async fn drop_some(store: &Store, selection: &Selection) -> Result<(), Failure> {
    let mut done = Vec::new();
    for id in selected(store, selection).await? {
        let found = store.drop_dead(id).await.context("dropping it")?;
        done.push(Outcome::of(id, (!found).then_some("not found")));
    }
    report(&done, "dropped", selection.json)?;
    missing(&done)
}

async fn selected(store: &Store, selection: &Selection) -> Result<Vec<Uuid>, Failure> {
    if !selection.all {
        return Ok(selection.ids.clone());
    }
    let letters = store.dead(ALL).await.context("reading the dead letters")?;
    Ok(letters.iter().map(|letter| letter.id).collect())
}

fn report(done: &[Outcome], what: &str, json: bool) -> Result<(), Failure> {
    if json {
        return Ok(output::json(&done)?);
    }
    for one in done {
        let what = one.why.unwrap_or(what);
        output::line(format!("{}  {what}", one.id));
    }
    if done.is_empty() {
        output::line("Nothing was set aside.");
    }
    Ok(())
}

fn missing(done: &[Outcome]) -> Result<(), Failure> {
    if done.iter().all(|one| one.done) {
        Ok(())
    } else {
        Err(Failure::Told)
    }
}
