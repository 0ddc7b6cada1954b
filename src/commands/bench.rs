//! `zapis bench`: how fast an engine of this configuration is on this machine.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::broker::{Incoming, Publish, Topic};
use zapis_core::config::EnginesConfig;
use zapis_core::message::ConversationId;
use zapis_core::trace::TraceParent;

use super::Failure;
use crate::app::{open_queue, open_sessions, open_store};
use crate::cli::BenchTarget;
use crate::config::Loaded;
use crate::output;
use crate::scratch::Scratch;

/// Operations under way at once, as in a busy process.
const AT_ONCE: usize = 64;

/// The size of a message, as a short one of a customer with its envelope.
const SIZE: usize = 1024;

/// What was measured.
#[derive(Debug, Serialize)]
struct Measured {
    what: &'static str,
    operations: u32,
    seconds: f64,
    per_second: f64,
}

/// `zapis bench …`
pub(super) async fn bench(
    loaded: &Loaded,
    what: BenchTarget,
    count: u32,
    json: bool,
) -> Result<(), Failure> {
    let engines = Scratch::beside(&loaded.config.engines, "bench")?;
    let results = match what {
        BenchTarget::Queue => queue(&engines.config, count).await,
        BenchTarget::Sessions => sessions(&engines.config, count).await,
        BenchTarget::Store => store(&engines.config, count).await,
    };
    let results = results?;
    if json {
        return Ok(output::json(&results)?);
    }
    for one in results {
        output::line(format!(
            "{}: {} in {:.2} s, {:.0} per second",
            one.what, one.operations, one.seconds, one.per_second
        ));
    }
    Ok(())
}

fn measured(what: &'static str, operations: u32, time: Duration) -> Measured {
    let seconds = time.as_secs_f64();
    Measured {
        what,
        operations,
        seconds,
        per_second: f64::from(operations) / seconds.max(f64::EPSILON),
    }
}

async fn queue(config: &EnginesConfig, count: u32) -> anyhow::Result<Vec<Measured>> {
    let broker = open_queue(config).await?;
    let topic = Topic::named("bench");
    let mut subscription = broker.subscribe(&topic, 256).await?;
    let run = Uuid::new_v4();
    let body = Bytes::from(vec![b'x'; SIZE]);
    let begin = Instant::now();
    let publishing = stream::iter(0..count)
        .map(|n| {
            broker.publish(vec![Publish {
                topic: topic.clone(),
                key: format!("bench:{}", n % 1000),
                id: format!("{run}:{n}"),
                body: body.clone(),
                trace: TraceParent::start(),
            }])
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>();
    let taking = async {
        let mut left = count;
        while left > 0 {
            match subscription.incoming.recv().await {
                Some(Incoming::Message(delivery)) => {
                    // What an earlier bench left behind is thrown away and not counted.
                    left -= u32::from(delivery.id.starts_with(&run.to_string()));
                    delivery.ack();
                }
                Some(Incoming::Release { finished, .. }) => {
                    finished.send(()).ok();
                }
                None => anyhow::bail!("the queue was closed"),
            }
        }
        Ok(begin.elapsed())
    };
    let publishing = async {
        publishing.await?;
        anyhow::Ok(begin.elapsed())
    };
    let (published, taken) = tokio::try_join!(publishing, taking)?;
    drop(subscription);
    broker.close().await;
    Ok(vec![
        measured("published, each durable", count, published),
        measured("published and taken", count, taken),
    ])
}

async fn sessions(config: &EnginesConfig, count: u32) -> anyhow::Result<Vec<Measured>> {
    let sessions = open_sessions(config, &Clock::system()).await?;
    let run = Uuid::new_v4();
    let body = Bytes::from(vec![b'x'; SIZE]);
    let conversations = (0..count)
        .map(|n| ConversationId::new("bench", "bench", &format!("{run}-{n}")))
        .collect::<Result<Vec<_>, _>>()?;
    let begin = Instant::now();
    stream::iter(&conversations)
        .map(|conversation| sessions.commit(conversation, 0, body.clone()))
        .buffer_unordered(AT_ONCE)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    let committed = begin.elapsed();
    let begin = Instant::now();
    stream::iter(&conversations)
        .map(|conversation| sessions.load(conversation))
        .buffer_unordered(AT_ONCE)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    let loaded = begin.elapsed();
    stream::iter(&conversations)
        .map(|conversation| sessions.forget(conversation))
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    sessions.close().await;
    Ok(vec![
        measured("sessions committed", count, committed),
        measured("sessions loaded", count, loaded),
    ])
}

async fn store(config: &EnginesConfig, count: u32) -> anyhow::Result<Vec<Measured>> {
    let store = open_store(config).await?;
    let begin = Instant::now();
    stream::iter(0..count)
        .map(|n| {
            let store = &store;
            async move { store.set_value("bench", &n.to_string()).await }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    let written = begin.elapsed();
    let begin = Instant::now();
    stream::iter(0..count)
        .map(|_| store.value("bench"))
        .buffer_unordered(AT_ONCE)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    let read = begin.elapsed();
    store.close().await;
    Ok(vec![
        measured("small values written", count, written),
        measured("small values read", count, read),
    ])
}
