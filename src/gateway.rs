//! The HTTP server: the channels' routes, health and metrics.

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
use zapis_core::sessions::Sessions;
use zapis_core::store::Store;
use zapis_core::{Clock, causes};

use crate::telemetry;

/// How often gauges are measured.
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
    /// The time.
    pub clock: Clock,
    /// What `/metrics` shows.
    pub metrics: PrometheusHandle,
}

impl Vitals {
    async fn check_broker(&self) -> Result<(), String> {
        let checked = self.broker.check().await;
        checked.map_err(|error| causes(&error).to_string())
    }

    async fn check_sessions(&self) -> Result<(), String> {
        let checked = self.sessions.check().await;
        checked
            .map(drop)
            .map_err(|error| causes(&error).to_string())
    }

    async fn check_store(&self) -> Result<(), String> {
        let checked = self.store.check().await;
        checked.map_err(|error| causes(&error).to_string())
    }
}

/// Every route of the program: the channels', what else it shows, health and metrics.
pub fn router(channels: &[Arc<dyn Channel>], shown: Router, vitals: Vitals) -> Router {
    let own = Router::new()
        .route("/health/live", get(async || "ok"))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(vitals);
    channels
        .iter()
        .fold(own, |router, channel| router.merge(channel.routes()))
        .merge(shown)
        .layer(CatchPanicLayer::new())
}

/// 200 when a message could be taken and answered now, otherwise 503 and what is missing.
async fn ready(State(vitals): State<Vitals>) -> Response {
    let (broker, sessions, store) = tokio::join!(
        within(vitals.check_broker()),
        within(vitals.check_sessions()),
        within(vitals.check_store()),
    );
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

async fn within<T>(probe: impl Future<Output = Result<T, String>>) -> Result<T, String> {
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

/// Keeps the gauges fresh, until asked to stop.
pub async fn measure(vitals: Vitals, topics: Vec<Topic>, stop: CancellationToken) {
    loop {
        let round = async {
            tokio::join!(
                measure_engines(&vitals),
                measure_queues(vitals.broker.as_ref(), &topics),
                measure_store(&vitals, &topics),
            );
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = round => {}
        }
        metrics::gauge!("zapis_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
        telemetry::measure_process();
        vitals.metrics.run_upkeep();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(MEASURE_EVERY) => {}
        }
    }
}

async fn measure_engines(vitals: &Vitals) {
    let (broker, sessions, store) = tokio::join!(
        within(vitals.check_broker()),
        within(vitals.check_sessions()),
        within(vitals.check_store()),
    );
    for (engine, result) in [("broker", broker), ("sessions", sessions), ("store", store)] {
        let up = u8::from(result.is_ok());
        metrics::gauge!("zapis_engine_up", "engine" => engine).set(up);
    }
}

async fn measure_queues(broker: &dyn Broker, topics: &[Topic]) {
    for topic in topics {
        let name = topic.as_str().to_owned();
        let Ok(Ok(depth)) = tokio::time::timeout(PROBE, broker.depth(topic)).await else {
            continue;
        };
        let gauge = |state: &'static str, messages: u64| {
            metrics::gauge!("zapis_queue_messages", "topic" => name.clone(), "state" => state)
                .set(shown(messages));
        };
        gauge("waiting", depth.waiting);
        // What an engine cannot tell is not shown: a 0 would be believed.
        if let Some(messages) = depth.in_hand {
            gauge("in_hand", messages);
        }
        let age = Duration::from_millis(depth.oldest_ms.unwrap_or_default());
        metrics::gauge!("zapis_queue_oldest_seconds", "topic" => name).set(age.as_secs_f64());
    }
}

async fn measure_store(vitals: &Vitals, topics: &[Topic]) {
    let Ok(Ok(figures)) =
        tokio::time::timeout(PROBE, vitals.store.figures(vitals.clock.now())).await
    else {
        return;
    };
    metrics::gauge!("zapis_dead_letters").set(shown(figures.dead));
    metrics::gauge!("zapis_conversations_owned").set(shown(figures.owned));
    metrics::gauge!("zapis_calls_open").set(shown(figures.calls));
    for topic in topics.iter().map(Topic::as_str) {
        let parked = figures.parked.get(topic).copied().unwrap_or_default();
        metrics::gauge!("zapis_parked_lanes", "topic" => topic.to_owned()).set(shown(parked));
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nothing that is counted here reaches 2^52"
)]
fn shown(count: u64) -> f64 {
    count as f64
}
