//! A portal that plays what it is told and notes what it is asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::DateTime;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use zapis_core::Clock;
use zapis_core::config::Secret;
use zapis_core::sessions::Sessions;
use zapis_core::store::Store;

use crate::crm::bitrix24::client::Patience;
use crate::crm::bitrix24::{Bitrix24Config, Client};
use crate::testing::doubles::Forgetful;

/// In the address of the webhook; nobody may see it.
pub(super) const CODE: &str = "code-canary-5f1d";

/// What a portal does with a request.
#[derive(Clone)]
pub(super) enum Play {
    Json(u16, Value),
    Html(u16),
    /// To this address.
    Moved(String),
    /// It does it, and closes the connection without a word.
    Close,
    /// It says nothing until the caller has had enough.
    Silence,
}

/// A request as it came.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) path: String,
    /// With the request line, in small letters.
    pub(super) head: String,
    pub(super) text: String,
}

impl Call {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

/// The portal.
pub(super) struct Portal {
    /// Without a path.
    pub(super) address: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Portal {
    /// Does one after the other; the last one again and again.
    pub(super) async fn playing(plays: impl IntoIterator<Item = Play>) -> Self {
        let plays: Vec<Play> = plays.into_iter().collect();
        Self::deciding(move |_, n| plays[n.min(plays.len() - 1)].clone()).await
    }

    /// Decides by the request and by how many came before.
    pub(super) async fn deciding(
        decide: impl Fn(&Call, usize) -> Play + Send + Sync + 'static,
    ) -> Self {
        // One TLS stack for every client; without a provider they fail at their first call.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (notes, decide) = (Arc::clone(&calls), Arc::new(decide));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (notes, decide) = (Arc::clone(&notes), Arc::clone(&decide));
                tokio::spawn(serve(stream, notes, decide));
            }
        });
        Self { address, calls }
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// The webhook into this portal.
    pub(super) fn config(&self) -> Bitrix24Config {
        webhook(&self.address)
    }

    pub(super) async fn client(&self) -> Client {
        client(&self.config()).await
    }
}

type Decide = dyn Fn(&Call, usize) -> Play + Send + Sync;

async fn serve(mut stream: TcpStream, notes: Arc<Mutex<Vec<Call>>>, decide: Arc<Decide>) {
    let Some(call) = receive(&mut stream).await else {
        return;
    };
    let before = {
        let mut notes = notes.lock().unwrap();
        notes.push(call.clone());
        notes.len() - 1
    };
    let (status, kind, body) = match decide(&call, before) {
        Play::Json(status, body) => (status, "content-type: application/json", body.to_string()),
        Play::Html(status) => (status, "content-type: text/html", "<html>".to_owned()),
        Play::Moved(to) => (302, &*format!("location: {to}"), String::new()),
        Play::Close => return,
        Play::Silence => {
            stream.read_exact(&mut [0]).await.ok();
            return;
        }
    };
    let answer = format!(
        "HTTP/1.1 {status} Told\r\n{kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await.ok();
}

async fn receive(stream: &mut TcpStream) -> Option<Call> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = head.split("content-length: ").nth(1);
            let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                let path = text.split(' ').nth(1)?.to_owned();
                let body = body.to_owned();
                return Some(Call {
                    path,
                    head,
                    text: body,
                });
            }
        }
        let mut buffer = [0; 4_096];
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
    }
}

pub(super) fn webhook(address: &str) -> Bitrix24Config {
    Bitrix24Config {
        webhook_url: Secret::new(format!("{address}/rest/1/{CODE}/")),
        ..Bitrix24Config::default()
    }
}

/// Waits for nothing but answers.
pub(super) fn hasty() -> Patience {
    Patience {
        pause: Duration::from_millis(1),
        place: Duration::ZERO,
        ..Patience::default()
    }
}

pub(super) fn clock() -> Clock {
    Clock::fixed(DateTime::from_timestamp(1_795_000_000, 0).unwrap())
}

pub(super) async fn client(config: &Bitrix24Config) -> Client {
    let store = Store::open("sqlite::memory:").await.unwrap();
    with(config, &store, hasty())
}

pub(super) fn with(config: &Bitrix24Config, store: &Store, patience: Patience) -> Client {
    let sessions: Arc<dyn Sessions> = Arc::new(Forgetful);
    Client::with(config, store, &sessions, &clock(), patience).unwrap()
}

pub(super) fn done(result: impl Into<Value>) -> Play {
    Play::Json(
        200,
        json!({ "result": result.into(), "time": { "duration": 0.1 } }),
    )
}

pub(super) fn problem(status: u16, code: &str, text: &str) -> Play {
    Play::Json(status, json!({ "error": code, "error_description": text }))
}
