//! Keeps the gauges of queues and dead letters fresh.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use zapis_core::broker::Topic;

use super::Engines;

/// How often they are measured.
const EVERY: Duration = Duration::from_secs(5);

/// Measures until told to stop.
pub(super) async fn measure(
    engines: Engines,
    topics: Vec<Topic>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        for topic in &topics {
            queue(&engines, topic).await;
        }
        if let Ok(count) = engines.store.dead_count().await {
            metrics::gauge!("zapis_dead_letters").set(as_gauge(count));
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// A queue that cannot be asked keeps its last figures; `/health/ready` tells that it is gone.
async fn queue(engines: &Engines, topic: &Topic) {
    let Ok(depth) = engines.broker.depth(topic).await else {
        return;
    };
    let name = topic.as_str().to_owned();
    for (state, count) in [("waiting", depth.waiting), ("in_hand", depth.in_hand)] {
        metrics::gauge!("zapis_queue_messages", "topic" => name.clone(), "state" => state)
            .set(as_gauge(count));
    }
    let age = Duration::from_millis(depth.oldest_ms.unwrap_or_default());
    metrics::gauge!("zapis_queue_oldest_seconds", "topic" => name).set(age.as_secs_f64());
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no disk holds 2^52 messages"
)]
fn as_gauge(count: u64) -> f64 {
    count as f64
}
