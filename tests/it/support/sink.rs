//! What receives traces and reports of errors in a test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::Uri;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::firm::PATIENCE;

/// Takes everything that is posted to it, for as long as the test runs.
pub(crate) struct Sink {
    pub(crate) url: String,
    taken: Arc<Taken>,
}

#[derive(Default)]
struct Taken {
    posts: Mutex<Vec<(String, Bytes)>>,
    more: Notify,
}

/// A span as it was received.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty for the first of a trace.
    pub(crate) parent: String,
    pub(crate) name: String,
    /// What the process that made it does.
    pub(crate) role: String,
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Sink {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taken = Arc::new(Taken::default());
        let routes = Router::new()
            .fallback(
                async |State(taken): State<Arc<Taken>>, uri: Uri, body: Bytes| {
                    let post = (uri.path().to_owned(), body);
                    taken.posts.lock().unwrap().push(post);
                    taken.more.notify_one();
                },
            )
            .with_state(Arc::clone(&taken));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, taken }
    }

    /// Everything received, as text where it is text.
    pub(crate) fn text(&self) -> String {
        let posts = self.taken.posts.lock().unwrap();
        let text =
            |(path, body): &(String, Bytes)| format!("{path}\n{}\n", String::from_utf8_lossy(body));
        posts.iter().map(text).collect()
    }

    /// Waits for a text.
    pub(crate) async fn until(&self, part: &str) {
        self.wait(|| self.text().contains(part).then_some(())).await;
    }

    /// The spans received so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let posts = self.taken.posts.lock().unwrap();
        let traces = posts.iter().filter(|(path, _)| path == "/v1/traces");
        traces.flat_map(|(_, body)| spans(body)).collect()
    }

    /// Waits for a span and returns it with all others that came.
    pub(crate) async fn span(&self, wanted: impl Fn(&Span) -> bool) -> (Span, Vec<Span>) {
        self.wait(|| {
            let spans = self.spans();
            let found = spans.iter().find(|span| wanted(span)).cloned();
            found.map(|span| (span, spans))
        })
        .await
    }

    async fn wait<T>(&self, look: impl Fn() -> Option<T>) -> T {
        let found = async {
            loop {
                let more = self.taken.more.notified();
                if let Some(found) = look() {
                    return found;
                }
                more.await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.unwrap_or_else(|_| panic!("never received; only {:#?}", self.spans()))
    }
}

fn spans(body: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let mut found = Vec::new();
    for resource in request.resource_spans {
        let process = attributes(&resource.resource.unwrap().attributes);
        assert_eq!(process["service.name"], "zapis");
        assert_eq!(process["service.version"], env!("CARGO_PKG_VERSION"));
        for span in resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans)
        {
            found.push(Span {
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                name: span.name,
                role: process["zapis.role"].clone(),
                attributes: attributes(&span.attributes),
            });
        }
    }
    found
}

fn attributes(list: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |one: &KeyValue| match one.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        other => Some(format!("{other:?}")),
    };
    list.iter()
        .map(|one| (one.key.clone(), text(one).unwrap_or_default()))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
