//! The HTTP server: the channels' routes, the journal feed, health and metrics.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::warn;
use zapis_channels::Channel;
use zapis_core::broker::{Broker, Topic};
use zapis_core::causes;
use zapis_core::config::Secret;
use zapis_core::sessions::Sessions;
use zapis_core::store::Store;

use crate::feed;

/// How often queue depths are measured.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// How long a part may take to prove that it works.
const PROBE: Duration = Duration::from_secs(3);

/// What health and metrics look at.
#[derive(Clone)]
pub struct Vitals {
    /// The queue.
    pub broker: Arc<dyn Broker>,
    /// The sessions.
    pub sessions: Arc<dyn Sessions>,
    /// The store.
    pub store: Store,
    /// What `/metrics` shows.
    pub metrics: PrometheusHandle,
}

/// Every route of the program.
pub fn router(channels: &[Arc<dyn Channel>], vitals: Vitals, journal_token: Secret) -> Router {
    let own = Router::new()
        .route("/health/live", get(async || "ok"))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(vitals.clone());
    channels
        .iter()
        .fold(own, |router, channel| router.merge(channel.routes()))
        .merge(feed::routes(vitals.store, journal_token))
        .layer(CatchPanicLayer::new())
}

/// 200 when a message could be taken and answered now, otherwise 503 and what is missing.
async fn ready(State(vitals): State<Vitals>) -> Response {
    let broker = within(async {
        vitals
            .broker
            .check()
            .await
            .map_err(|error| causes(&error).to_string())
    });
    let sessions = within(async {
        vitals
            .sessions
            .check()
            .await
            .map(|_| ())
            .map_err(|error| causes(&error).to_string())
    });
    let store = within(async {
        vitals
            .store
            .check()
            .await
            .map_err(|error| causes(&error).to_string())
    });
    let (broker, sessions, store) = tokio::join!(broker, sessions, store);
    let fine = broker.is_ok() && sessions.is_ok() && store.is_ok();
    for (part, result) in [
        ("broker", &broker),
        ("sessions", &sessions),
        ("store", &store),
    ] {
        if let Err(error) = result {
            // The reason is for the operator's log; outside it could tell an address.
            warn!(part, error, "Not ready");
        }
    }
    let word = |result: &Result<(), String>| if result.is_ok() { "ok" } else { "failed" };
    let body = json!({
        "ready": fine,
        "broker": word(&broker),
        "sessions": word(&sessions),
        "store": word(&store),
    });
    let status = if fine {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(body)).into_response()
}

async fn within(probe: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    match tokio::time::timeout(PROBE, probe).await {
        Ok(result) => result,
        Err(_) => Err(format!("no answer within {} s", PROBE.as_secs())),
    }
}

async fn metrics(State(vitals): State<Vitals>) -> Response {
    let text = vitals.metrics.render();
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
        .into_response()
}

/// Keeps the gauges of queues and dead letters fresh, until asked to stop.
pub async fn measure(vitals: Vitals, topics: Vec<Topic>, stop: CancellationToken) {
    loop {
        for topic in &topics {
            let name = topic.as_str().to_owned();
            if let Ok(depth) = vitals.broker.depth(topic).await {
                let gauge = |state: &'static str, count: u64| {
                    #[expect(clippy::cast_precision_loss, reason = "a queue of 2^52 messages does not fit any disk")]
                    metrics::gauge!("zapis_queue_messages", "topic" => name.clone(), "state" => state).set(count as f64);
                };
                gauge("waiting", depth.waiting);
                // What an engine cannot tell is not shown: a 0 would be believed.
                if let Some(count) = depth.in_hand {
                    gauge("in_hand", count);
                }
                if let Some(age) = depth.oldest_ms {
                    let age = Duration::from_millis(age);
                    metrics::gauge!("zapis_queue_oldest_seconds", "topic" => name)
                        .set(age.as_secs_f64());
                }
            }
        }
        if let Ok(count) = vitals.store.dead_count().await {
            #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 dead letters")]
            metrics::gauge!("zapis_dead_letters").set(count as f64);
        }
        vitals.metrics.run_upkeep();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(MEASURE_EVERY) => {}
        }
    }
}
