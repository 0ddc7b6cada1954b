//! `zapis export`: what is written out of the store.

use std::path::Path;

use anyhow::{Context, anyhow};
use zapis_core::Clock;
use zapis_core::message::ConversationId;
use zapis_core::seal::verify;

use super::{Failure, load, operator, privacy, store};
use crate::cli::ExportArgs;
use crate::config::Loaded;
use crate::output;
use crate::warehouse::{self, Wish};

/// `zapis export`
pub(super) async fn export(config: &Path, args: ExportArgs) -> Result<(), Failure> {
    if let Some(file) = &args.verify {
        return check(config, file, args.key).await;
    }
    let loaded = load(config)?;
    let text = if let Some(person) = &args.person {
        privacy::told_of(&loaded, person).await?
    } else if let Some(conversation) = &args.conversation {
        record(&loaded, conversation).await?
    } else if let Some(target) = args.to {
        let wish = Wish {
            target,
            format: args.format,
            from: args.from,
            before: args.before,
            with_persons: args.with_persons,
            who: operator(),
        };
        return to_warehouse(&loaded, &wish).await;
    } else {
        public_key(&loaded).await? + "\n"
    };
    match &args.out {
        Some(file) => {
            std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
        }
        None => output::line(text.trim_end()),
    }
    Ok(())
}

async fn record(loaded: &Loaded, asked: &ConversationId) -> Result<String, Failure> {
    let store = store(loaded).await?;
    let record = async {
        let conversation = store.named(asked).await?;
        let now = Clock::system().now();
        store.record_of(&conversation, &operator(), now).await
    };
    let record = record.await;
    store.close().await;
    let record = record.context("reading the journal")?;
    Ok(record.ok_or_else(|| anyhow!("the journal holds nothing of this conversation"))?)
}

async fn public_key(loaded: &Loaded) -> Result<String, Failure> {
    let store = store(loaded).await?;
    let key = store.record_key().await;
    store.close().await;
    Ok(key.context("reading the key")?)
}

/// Whether a record is as it was made.
async fn check(config: &Path, file: &Path, key: Option<String>) -> Result<(), Failure> {
    let record = std::fs::read_to_string(file);
    let record = record.with_context(|| format!("reading {}", file.display()))?;
    let key = match key {
        Some(key) => key,
        None => public_key(&load(config)?).await?,
    };
    let lines = verify(&record, &key).with_context(|| file.display().to_string())?;
    output::line(format!(
        "Untouched: {lines} events, signed by the holder of the key {key}"
    ));
    Ok(())
}

async fn to_warehouse(loaded: &Loaded, wish: &Wish) -> Result<(), Failure> {
    let store = store(loaded).await?;
    let written = warehouse::export(&store, wish, Clock::system().now()).await;
    store.close().await;
    let written = written?;
    output::line(format!(
        "{} events in {} new files, up to position {}",
        written.rows, written.files, written.position
    ));
    Ok(())
}
