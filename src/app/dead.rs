//! What commands leave to the running program: dead letters to publish again, erasures to finish.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use zapis_core::broker::{Publish, Topic};
use zapis_core::erasure::Eraser;
use zapis_core::lanes::attempt_key;
use zapis_core::message::ConversationId;
use zapis_core::trace::{TraceParent, step};
use zapis_core::{causes, crash};

use super::Engines;
use crate::control::Wake;

/// How often it is looked for what could not be done the first time.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// At the start and whenever a command says so, until told to stop.
pub(super) async fn act_when_woken(
    engines: Engines,
    desks: Vec<ConversationId>,
    mut woken: mpsc::Receiver<Wake>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        match retry_marked(&engines).await {
            Ok(0) => {}
            Ok(count) => info!(count, "Published dead letters again"),
            Err(error) => warn!(
                error = format!("{error:#}"),
                "Could not publish dead letters again; they stay marked"
            ),
        }
        match eraser(&engines, &desks).finish().await {
            Ok(0) => {}
            Ok(count) => info!(count, "Erased persons"),
            Err(error) => warn!(
                error = %causes(&error),
                "Could not finish an erasure; it is tried again"
            ),
        }
        tokio::select! {
            wake = woken.recv() => match wake {
                // Both are looked at, whichever it was: a second wake-up may have found no room.
                Some(Wake::Dead | Wake::Erasure) => {}
                None => {
                    stop.cancelled().await;
                    return Ok(());
                }
            },
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
}

fn eraser<'a>(engines: &'a Engines, desks: &'a [ConversationId]) -> Eraser<'a> {
    Eraser {
        store: &engines.store,
        sessions: &*engines.sessions,
        queue: Some(&*engines.broker),
        desks,
        clock: &engines.clock,
    }
}

/// Publishes, then drops: a crash between the two repeats a message, and repeats are recognised.
async fn retry_marked(engines: &Engines) -> anyhow::Result<usize> {
    let letters = engines
        .store
        .dead_to_retry()
        .await
        .context("reading what to retry")?;
    let count = letters.len();
    for letter in letters {
        let attempts = attempt_key(&letter.key, &letter.message_id);
        let step = step("retry", "producer", None);
        let message = Publish {
            topic: Topic::named(&letter.topic),
            key: letter.key,
            id: letter.message_id.clone(),
            body: Bytes::from(letter.body),
            trace: TraceParent::start().begun_by(&step),
        };
        // Five attempts are counted against it: it starts anew.
        engines
            .store
            .forget_attempts(&letter.topic, &[attempts])
            .await
            .context("forgetting its attempts")?;
        engines
            .broker
            .publish(vec![message])
            .await
            .context("publishing")?;
        crash::point("dead.republished");
        // Only if it is still marked: it may have failed again already.
        engines
            .store
            .drop_retried(letter.id)
            .await
            .context("dropping the letter")?;
    }
    Ok(count)
}
