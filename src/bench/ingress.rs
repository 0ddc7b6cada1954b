//! Signed webhooks of WhatsApp through the program's own HTTP routes until they are durable in the
//! queue; next to a bare server that checks the signature and leaves the body in the same kind of
//! queue.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use chrono::TimeDelta;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use zapis_channels::Channel;
use zapis_channels::whatsapp::WhatsApp;
use zapis_core::intake::Intake;

use super::bare::{self, BareEngines, BareQueue, Note, Stage};
use super::ground::Ground;
use super::http::Pool;
use super::load::{Marks, Outcome, Pace, Subject, drive};
use super::report::{Goal, Report};
use super::webhook;
use crate::cli::Bench;
use crate::client;
use crate::config::Loaded;
use crate::gateway::{self, Vitals};
use crate::telemetry;

/// How many connections Meta keeps open, and how many webhooks are under way at once.
const CONNECTIONS: usize = 64;

/// `zapis bench ingress`
pub(super) async fn ingress(loaded: &Loaded, bench: &Bench) -> anyhow::Result<Report> {
    let embedded = loaded.config.engines.embedded_broker();
    let ground = Ground::open(&loaded.config.engines).await?;
    let (ours, ours_calm) = measure(routes(&ground, loaded)?, bench).await?;
    let (bare, bare_calm) = measure(bare_routes(&ground).await?, bench).await?;
    bare::remove(&ground).await?;
    ground.close().await?;

    let mut report = Report::default();
    let goal = if embedded {
        Goal::AtLeast(8_000.0)
    } else {
        Goal::RatioAtLeast(0.6)
    };
    report.beside(
        "webhooks made durable, as many as go",
        "1/s",
        ours.per_second,
        bare.per_second,
        Some(goal),
    );
    report.beside(
        "processor time of a webhook, client included",
        "µs",
        ours.cpu_us,
        bare.cpu_us,
        None,
    );
    let goals = [5.0, 15.0];
    for (((rate, ours), (_, bare)), goal) in ours_calm.iter().zip(&bare_calm).zip(goals) {
        for percent in [50.0, 99.0] {
            report.beside(
                &format!("until the 200 at {rate:.0} a second, p{percent:.0}"),
                "ms",
                ours.percentile_ms(percent),
                bare.percentile_ms(percent),
                (embedded && percent > 50.0).then_some(Goal::AtMost(goal)),
            );
        }
    }
    Ok(report)
}

/// The routes of the program, with one WhatsApp account.
fn routes(ground: &Ground, loaded: &Loaded) -> anyhow::Result<Router> {
    let engines = &ground.engines;
    let intake = Intake::new(
        Arc::clone(&engines.broker),
        engines.store.clone(),
        engines.clock.clone(),
    );
    let account = webhook::account("http://127.0.0.1:9".to_owned());
    let whatsapp = WhatsApp::new([account], TimeDelta::hours(1), intake)?;
    let vitals = Vitals {
        broker: Arc::clone(&engines.broker),
        sessions: Arc::clone(&engines.sessions),
        store: engines.store.clone(),
        clock: engines.clock.clone(),
        metrics: telemetry::start_metrics()?,
    };
    let doors: [Arc<dyn Channel>; 1] = [Arc::new(whatsapp)];
    let router = gateway::router(&doors, Router::new(), vitals);
    Ok(client::settle(router, &loaded.config.server))
}

async fn bare_routes(ground: &Ground) -> anyhow::Result<Router> {
    let bare = Bare {
        queue: BareEngines::open(ground).await?.queue,
        partitions: ground.config.partitions,
    };
    Ok(Router::new()
        .route(webhook::PATH, post(take))
        .with_state(Arc::new(bare)))
}

struct Bare {
    queue: Arc<dyn BareQueue>,
    partitions: u16,
}

/// Checks the signature and leaves the body in the queue.
async fn take(State(bare): State<Arc<Bare>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let told = headers
        .get("x-hub-signature-256")
        .and_then(|value| value.to_str().ok()?.strip_prefix("sha256="))
        .and_then(|told| hex::decode(told).ok());
    let signature = webhook::sign(&body);
    if told.as_deref() != Some(&signature) {
        return StatusCode::UNAUTHORIZED;
    }
    let note = Note {
        stage: Stage::Inbound,
        partition: u16::from(signature[0]) % bare.partitions,
        body,
    };
    match bare.queue.publish(vec![note]).await {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// As fast as it goes, and at 500 and 2,000 a second.
async fn measure(router: Router, bench: &Bench) -> anyhow::Result<(Outcome, Vec<(f64, Outcome)>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let stop = CancellationToken::new();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving =
        axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let serving = tokio::spawn(async move { serving.await });

    let meta = Arc::new(Meta {
        pool: Pool::open(&address, CONNECTIONS).await?,
        address,
        conversations: bench.conversations,
        marks: ArcSwap::default(),
        requests: ArcSwap::default(),
    });
    let count = bench.messages;
    meta.run(0, count, Pace::UnderWay(CONNECTIONS)).await?;
    let most = meta.run(count, count, Pace::UnderWay(CONNECTIONS)).await?;
    let mut calm = Vec::new();
    let mut first = 2 * count;
    for (rate, messages) in [(500.0, count.min(2_500)), (2_000.0, count.min(10_000))] {
        calm.push((rate, meta.run(first, messages, Pace::Rate(rate)).await?));
        first += messages;
    }
    drop(meta);
    stop.cancel();
    serving.await.context("the server broke")??;
    Ok((most, calm))
}

/// Who sends the webhooks.
struct Meta {
    pool: Pool,
    address: String,
    conversations: usize,
    marks: ArcSwap<Marks>,
    /// The first message's number, and the requests from there on: made before the clock runs.
    requests: ArcSwap<(usize, Vec<Bytes>)>,
}

impl Meta {
    async fn run(
        self: &Arc<Self>,
        first: usize,
        count: usize,
        pace: Pace,
    ) -> anyhow::Result<Outcome> {
        let requests = (first..first + count)
            .map(|n| {
                webhook::request(
                    n,
                    n % self.conversations,
                    "Сколько стоит мужская стрижка?",
                    &self.address,
                )
            })
            .collect();
        self.requests.store(Arc::new((first, requests)));
        let marks = Arc::new(Marks::new(first, count));
        self.marks.store(Arc::clone(&marks));
        let subject = Arc::clone(self) as Arc<dyn Subject>;
        drive(&subject, &marks, pace).await
    }
}

#[async_trait]
impl Subject for Meta {
    async fn accept(&self, n: usize) -> anyhow::Result<()> {
        let requests = self.requests.load_full();
        let (first, requests) = requests.as_ref();
        self.pool.post(&requests[n - first]).await?;
        self.marks.load().finish(n);
        Ok(())
    }
}
