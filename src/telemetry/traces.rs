//! Traces over OTLP (HTTP with protobuf), by the HTTP client that the program has anyway.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::level_filters::LevelFilter;
use tracing::{info, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use zapis_channels::http;
use zapis_core::trace::TARGET;

use super::{AnyLayer, CALL};
use crate::config::ObservabilityConfig;

/// Exports the spans of [`TARGET`] and nothing else.
pub(super) fn start(
    config: &ObservabilityConfig,
    role: &str,
) -> anyhow::Result<(AnyLayer, SdkTracerProvider)> {
    let client = Client {
        http: http::client("", CALL).context("making the HTTP client")?,
        runtime: Handle::current(),
        fails: AtomicBool::new(false),
    };
    let endpoint = config.otlp_endpoint.trim_end_matches('/');
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{endpoint}/v1/traces"))
        .with_timeout(CALL)
        .build()
        .context("making the exporter")?;
    let resource = Resource::builder_empty()
        .with_service_name("zapis")
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", std::process::id().to_string()),
            KeyValue::new("zapis.role", role.to_owned()),
        ])
        .build();
    // Whoever accepts a message decides; everybody after that keeps to it.
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.trace_ratio)));
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
        .with_resource(resource)
        .build();
    let steps = filter_fn(|metadata| metadata.is_span() && metadata.target() == TARGET);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("zapis"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(steps.with_max_level_hint(LevelFilter::DEBUG));
    Ok((layer.boxed(), provider))
}

/// The exporter calls from a thread of its own, where no runtime is.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
    fails: AtomicBool,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let call = self.runtime.spawn(async move {
            let answer = http.execute(request.try_into()?).await?;
            let status = answer.status();
            Ok::<_, reqwest::Error>((status, answer.bytes().await?))
        });
        let called = call.await?.map_err(reqwest::Error::without_url);
        let fails = !matches!(&called, Ok((status, _)) if status.is_success());
        // Once per outage: a collector that is away must not fill the log.
        match (self.fails.swap(fails, Ordering::Relaxed), fails) {
            (false, true) => warn!("The collector does not take the traces; some are lost"),
            (true, false) => info!("The collector takes the traces again"),
            _ => {}
        }
        let (status, body) = called?;
        Ok(Response::builder().status(status).body(body)?)
    }
}
