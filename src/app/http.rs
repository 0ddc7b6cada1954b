//! The HTTP server: what the program tells about its health, beside the channels' own routes.

use std::net::SocketAddr;

use anyhow::Context;
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use zapis_core::causes;

use super::Engines;

#[derive(Debug, Clone)]
struct Health {
    engines: Engines,
    stop: CancellationToken,
}

/// Whether this process can take messages, and if not, what is in the way.
#[derive(Debug, Serialize)]
struct Ready {
    ready: bool,
    queue: Option<String>,
    sessions: Option<String>,
    store: Option<String>,
    stopping: bool,
}

/// `/health/live`, `/health/ready`, `/metrics`.
pub(super) fn router(
    engines: Engines,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> Router {
    let numbers = async move || {
        metrics.run_upkeep();
        let kind = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
        (kind, metrics.render())
    };
    Router::new()
        .route("/health/live", get(async || "alive\n"))
        .route("/health/ready", get(ready))
        .with_state(Health { engines, stop })
        .route("/metrics", get(numbers))
}

/// Serves until told to stop, then finishes the requests in hand.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
        .context("serving HTTP")
}

/// 200 when a message would be taken now, 503 otherwise: a balancer sends it elsewhere.
async fn ready(State(health): State<Health>) -> impl IntoResponse {
    let Health { engines, stop } = health;
    let queue = engines.broker.check().await.err();
    let sessions = engines.sessions.check().await.err();
    let store = engines.store.check().await.err();
    let stopping = stop.is_cancelled();
    let ready = queue.is_none() && sessions.is_none() && store.is_none() && !stopping;
    let told = Ready {
        ready,
        queue: queue.map(|error| causes(&error).to_string()),
        sessions: sessions.map(|error| causes(&error).to_string()),
        store: store.map(|error| causes(&error).to_string()),
        stopping,
    };
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(told))
}
