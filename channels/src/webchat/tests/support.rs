//! A web chat on a free port with the embedded engines, and visitors who talk to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use chrono::DateTime;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message, http};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::broker::{
    self, Broker, BrokerError, Depth, Incoming, Publish, Subscription, Topic,
};
use zapis_core::config::EnginesConfig;
use zapis_core::intake::Intake;
use zapis_core::message::{Button, Content, ConversationId, Fence, Inbound, Outbound};
use zapis_core::store::Store;
use zapis_core::trace::TraceParent;

use crate::Channel;
use crate::webchat::{WebChat, WebChatConfig};

pub(super) const ORIGIN: &str = "https://salon.example";

/// Long enough for a busy machine; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A queue that can be shut.
#[derive(Debug)]
pub(super) struct Gate {
    broker: Arc<dyn Broker>,
    pub(super) shut: AtomicBool,
}

#[async_trait]
impl Broker for Gate {
    async fn publish(&self, messages: Vec<Publish>) -> Result<(), BrokerError> {
        if self.shut.load(Ordering::SeqCst) {
            return Err(BrokerError::Unavailable("shut".into()));
        }
        self.broker.publish(messages).await
    }

    async fn subscribe(&self, topic: &Topic, prefetch: u16) -> Result<Subscription, BrokerError> {
        self.broker.subscribe(topic, prefetch).await
    }

    async fn depth(&self, topic: &Topic) -> Result<Depth, BrokerError> {
        self.broker.depth(topic).await
    }

    async fn check(&self) -> Result<(), BrokerError> {
        self.broker.check().await
    }

    async fn close(&self) {
        self.broker.close().await;
    }
}

/// A gateway with a site `site`.
pub(super) struct Desk {
    pub(super) webchat: WebChat,
    pub(super) clock: Clock,
    pub(super) gate: Arc<Gate>,
    pub(super) store: Store,
    pub(super) address: SocketAddr,
    pub(super) stop: CancellationToken,
    inbound: Subscription,
    _data: TempDir,
}

impl Desk {
    pub(super) async fn open() -> Self {
        Self::with(WebChatConfig::default()).await
    }

    pub(super) async fn with(config: WebChatConfig) -> Self {
        let data = TempDir::new().unwrap();
        let engines = EnginesConfig {
            data_dir: data.path().to_owned(),
            partitions: 1,
            ..EnginesConfig::default()
        };
        let broker = broker::open(&engines, "test").await.unwrap();
        let inbound = broker.subscribe(&Topic::inbound(), 1_000).await.unwrap();
        let gate = Arc::new(Gate {
            broker,
            shut: AtomicBool::new(false),
        });
        let path = data.path().join("zapis.db");
        let store = Store::open(&format!("sqlite:{}", path.display()))
            .await
            .unwrap();
        let clock = Clock::fixed(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let webchat = gateway(config, gate.clone(), &store, &clock);
        let address = serve(webchat.routes()).await;
        let stop = CancellationToken::new();
        let (listening, stopping) = (webchat.clone(), stop.clone());
        tokio::spawn(async move { listening.listen(stopping).await });
        Self {
            webchat,
            clock,
            gate,
            store,
            address,
            stop,
            inbound,
            _data: data,
        }
    }

    /// Another process on the same store.
    pub(super) fn neighbour(&self) -> WebChat {
        gateway(
            WebChatConfig::default(),
            self.gate.clone(),
            &self.store,
            &self.clock,
        )
    }

    pub(super) fn url(&self, rest: &str) -> String {
        format!("http://{}/webchat/site/{rest}", self.address)
    }

    /// What the workers get next.
    pub(super) async fn published(&mut self) -> Inbound {
        match patient(self.inbound.incoming.recv()).await.unwrap() {
            Incoming::Message(delivery) => {
                let inbound = serde_json::from_slice(&delivery.body).unwrap();
                delivery.ack();
                inbound
            }
            Incoming::Release { .. } => panic!("nobody else wants this partition"),
        }
    }

    /// Connects as a page of [`ORIGIN`]; `query` such as `token=…&after=3`.
    pub(super) async fn visit(&self, query: &str) -> Visit {
        Visit::open(self.address, query).await
    }
}

fn gateway(config: WebChatConfig, broker: Arc<Gate>, store: &Store, clock: &Clock) -> WebChat {
    let config = WebChatConfig {
        account: "site".into(),
        allowed_origins: vec![ORIGIN.into()],
        ..config
    };
    WebChat::new(&[config], Intake::new(broker, store.clone(), clock.clone()))
}

async fn serve(routes: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// A socket of a visitor.
pub(super) struct Visit {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(super) hello: Value,
}

impl Visit {
    async fn open(address: SocketAddr, query: &str) -> Self {
        let mut socket = connect(address, "site", query, Some(ORIGIN)).await.unwrap();
        let hello = next(&mut socket).await;
        assert_eq!(hello["type"], "hello");
        Self { socket, hello }
    }

    pub(super) fn token(&self) -> &str {
        self.hello["token"].as_str().unwrap()
    }

    pub(super) fn conversation(&self) -> ConversationId {
        self.hello["conversation"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// The texts of the history, with their places.
    pub(super) fn history(&self) -> Vec<(i64, String)> {
        let events = self.hello["history"].as_array().unwrap();
        events
            .iter()
            .map(|event| {
                (
                    event["seq"].as_i64().unwrap(),
                    event["text"].as_str().unwrap().to_owned(),
                )
            })
            .collect()
    }

    pub(super) async fn send(&mut self, frame: Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    pub(super) async fn send_raw(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Writes a message and returns its id.
    pub(super) async fn writes(&mut self, text: &str) -> String {
        let id = Uuid::new_v4().to_string();
        self.send(json!({"type": "message", "id": id, "text": text}))
            .await;
        id
    }

    pub(super) async fn gets(&mut self) -> Value {
        next(&mut self.socket).await
    }

    /// The close code that the server says goodbye with.
    pub(super) async fn closed_with(&mut self) -> u16 {
        loop {
            match patient(self.socket.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(_)) => {}
                other => panic!("no goodbye: {other:?}"),
            }
        }
    }
}

async fn next(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Value {
    loop {
        match patient(socket.next()).await {
            Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
            Some(Ok(Message::Ping(_))) => {}
            other => panic!("no frame: {other:?}"),
        }
    }
}

/// Tries to connect; the error holds the server's answer.
pub(super) async fn connect(
    address: SocketAddr,
    account: &str,
    query: &str,
    origin: Option<&str>,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, tungstenite::Error> {
    let mut request = format!("ws://{address}/webchat/{account}/socket?{query}")
        .into_client_request()
        .unwrap();
    if let Some(origin) = origin {
        request
            .headers_mut()
            .insert(http::header::ORIGIN, origin.parse().unwrap());
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

pub(super) async fn patient<F: Future>(what: F) -> F::Output {
    timeout(PATIENCE, what).await.expect("in good time")
}

/// What the sender hands over.
pub(super) fn reply(
    conversation: &ConversationId,
    text: &str,
    buttons: &[(&str, &str)],
) -> Outbound {
    let content = Content::Message {
        text: text.into(),
        buttons: buttons
            .iter()
            .map(|(title, payload)| Button {
                title: (*title).into(),
                payload: (*payload).into(),
            })
            .collect(),
        staff: None,
    };
    outbound(conversation, content)
}

pub(super) fn outbound(conversation: &ConversationId, content: Content) -> Outbound {
    Outbound {
        id: Uuid::new_v4(),
        conversation: conversation.clone(),
        turn: None,
        answers: Vec::new(),
        fence: Fence::Staff,
        content,
        language: "ru".into(),
        purpose: None,
        customer_wrote_at: None,
        at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        trace: TraceParent::start(),
    }
}

/// The events of an SSE stream.
pub(super) struct Events {
    response: reqwest::Response,
    buffer: String,
}

impl Events {
    pub(super) async fn open(desk: &Desk, query: &str, last: Option<&str>) -> Self {
        let mut request = client()
            .get(desk.url(&format!("events?{query}")))
            .header("origin", ORIGIN);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = patient(request.send()).await.unwrap();
        assert_eq!(response.status(), 200);
        Self {
            response,
            buffer: String::new(),
        }
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.response.headers()[name].to_str().unwrap()
    }

    /// The next event's id and data; nothing at the end of the stream.
    pub(super) async fn next(&mut self) -> Option<(Option<String>, Value)> {
        loop {
            if let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let field = |name: &str| {
                    event
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(|value| value.trim().to_owned())
                };
                let (id, data) = (field("id:"), field("data:"));
                self.buffer = rest.to_owned();
                if let Some(data) = data {
                    return Some((id, serde_json::from_str(&data).unwrap()));
                }
            } else {
                let chunk = patient(self.response.chunk()).await.unwrap()?;
                self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        }
    }
}

pub(super) fn client() -> reqwest::Client {
    crate::http::client("", PATIENCE).unwrap()
}
