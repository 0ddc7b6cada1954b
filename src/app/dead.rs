//! Publishes dead letters again that an operator marked.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use zapis_core::broker::{Publish, Topic};
use zapis_core::crash;
use zapis_core::lanes::attempt_key;
use zapis_core::trace::{TraceParent, step};

use super::Engines;
use crate::control::Wake;

/// How often it is looked for letters that could not be published the first time.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// At the start and whenever a command says so, until told to stop.
pub(super) async fn retry_when_woken(
    engines: Engines,
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
        tokio::select! {
            wake = woken.recv() => match wake {
                Some(Wake::Dead) => {}
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
