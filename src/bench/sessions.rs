//! Sessions loaded and saved, as a turn does.

use std::time::Instant;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use zapis_core::message::ConversationId;

use super::bare::BareEngines;
use super::ground::Ground;
use super::path::CHANNEL;
use super::report::Report;
use crate::cli::Bench;
use crate::config::Loaded;

/// How many turns are under way at once.
const AT_ONCE: usize = 64;

/// A session of some turns.
const SIZE: usize = 4_096;

/// `zapis bench sessions`
pub(super) async fn sessions(loaded: &Loaded, bench: &Bench) -> anyhow::Result<Report> {
    let ground = Ground::open(&loaded.config.engines).await?;
    let body = Bytes::from(vec![b'x'; SIZE]);
    let rounds = |from: usize| from..from + bench.messages;

    let ours = ground.engines.sessions.as_ref();
    // Those of one conversation must not meet.
    let conversations = bench.conversations.max(2 * AT_ONCE);
    let mine =
        |n: usize| ConversationId::new(CHANNEL, &ground.prefix, &(n % conversations).to_string());
    let turn = |n: usize| {
        let body = body.clone();
        async move {
            let conversation = mine(n)?;
            let saved = ours.load(&conversation).await?;
            let version = saved.map_or(0, |saved| saved.version);
            ours.commit(&conversation, version, body).await?;
            anyhow::Ok(())
        }
    };
    let our_rate = rate(rounds(0), turn).await?;
    for n in 0..conversations {
        ours.forget(&mine(n)?).await?;
    }

    let bare = BareEngines::open(&ground).await?.sessions;
    let bare = bare.as_ref();
    let turn = |n: usize| {
        let body = body.clone();
        async move {
            let conversation = (n % conversations) as u64;
            bare.load(conversation).await?;
            bare.save(conversation, body).await
        }
    };
    let bare_rate = rate(rounds(0), turn).await?;
    super::bare::remove(&ground).await?;
    ground.close().await?;
    let mut report = Report::default();
    report.beside(
        "sessions loaded and saved",
        "1/s",
        our_rate,
        bare_rate,
        None,
    );
    Ok(report)
}

/// How many a second; those of one conversation do not meet, because they are far apart.
async fn rate<F>(rounds: std::ops::Range<usize>, turn: impl Fn(usize) -> F) -> anyhow::Result<f64>
where
    F: Future<Output = anyhow::Result<()>>,
{
    #[expect(clippy::cast_precision_loss, reason = "a number of rounds")]
    let count = rounds.len() as f64;
    let began = Instant::now();
    stream::iter(rounds)
        .map(turn)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    Ok(count / began.elapsed().as_secs_f64())
}
