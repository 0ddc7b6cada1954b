//! A bot on the embedded engines, with an emulated Telegram around it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zapis_core::Clock;
use zapis_core::broker::{self, Broker, Incoming, Subscription, Topic};
use zapis_core::config::{EnginesConfig, Secret};
use zapis_core::intake::Intake;
use zapis_core::message::{Content, ConversationId, Fence, Inbound, Outbound};
use zapis_core::store::Store;
use zapis_core::trace::TraceParent;
use zapis_sandbox::{CallFilter, Sandbox, SandboxConfig, StaffChat, TelegramBot};

use crate::Channel;
use crate::telegram::{Telegram, TelegramConfig};

/// A moment, in seconds since 1970.
pub(super) const NOW: i64 = 1_795_000_600;

/// The staff's group with topics.
pub(super) const FORUM: i64 = -1_001_000_000_001;

/// The staff's group without topics.
pub(super) const GROUP: i64 = -1_001_000_000_002;

/// A customer.
pub(super) const ANNA: i64 = 7_000_000_001;

pub(super) const SECRET: &str = "webhook-secret";

const TOKEN: &str = "6100000001:AAH-canary_token";

/// Long enough for a busy machine; only a failing test waits for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

/// A bot and everything around it.
pub(super) struct Desk {
    pub(super) sandbox: Sandbox,
    pub(super) telegram: Arc<Telegram>,
    pub(super) store: Store,
    pub(super) broker: Arc<dyn Broker>,
    pub(super) stop: CancellationToken,
    inbound: Subscription,
    outbound: Subscription,
    data: TempDir,
    config: TelegramConfig,
}

impl Desk {
    /// With a group with topics.
    pub(super) async fn open() -> Self {
        Self::with(TelegramConfig {
            staff_chat: Some(FORUM),
            ..TelegramConfig::default()
        })
        .await
    }

    pub(super) async fn with(config: TelegramConfig) -> Self {
        let group = |chat_id, is_forum| StaffChat {
            chat_id,
            is_forum,
            title: "Салон".into(),
        };
        let sandbox = zapis_sandbox::start(SandboxConfig {
            telegram: vec![TelegramBot {
                token: TOKEN.into(),
                username: "salon_bot".into(),
            }],
            staff_chats: vec![group(FORUM, true), group(GROUP, false)],
            limits: false,
            ..SandboxConfig::default()
        })
        .await
        .unwrap();
        let config = TelegramConfig {
            account: "main".into(),
            token: Secret::new(TOKEN),
            webhook_secret: Secret::new(SECRET),
            api_url: sandbox.telegram_api_url(),
            ..config
        };
        let data = TempDir::new().unwrap();
        Self::start(sandbox, data, config).await
    }

    async fn start(sandbox: Sandbox, data: TempDir, config: TelegramConfig) -> Self {
        let engines = EnginesConfig {
            data_dir: data.path().to_owned(),
            partitions: 1,
            ..EnginesConfig::default()
        };
        let broker = broker::open(&engines, "test").await.unwrap();
        let inbound = broker.subscribe(&Topic::inbound(), 1_000).await.unwrap();
        let telegram = Topic::outbound("telegram");
        let outbound = broker.subscribe(&telegram, 1_000).await.unwrap();
        let path = data.path().join("zapis.db");
        let store = Store::open(&format!("sqlite:{}", path.display()))
            .await
            .unwrap();
        let intake = Intake::new(broker.clone(), store.clone(), Clock::system());
        let telegram = Telegram::new(
            vec![config.clone()],
            "http://127.0.0.1:1",
            chrono::TimeDelta::hours(1),
            &intake,
        )
        .unwrap();
        Self {
            sandbox,
            telegram: Arc::new(telegram),
            store,
            broker,
            stop: CancellationToken::new(),
            inbound,
            outbound,
            data,
            config,
        }
    }

    /// Ends the process and starts the next one on the same data.
    pub(super) async fn restarted(self) -> Self {
        self.stop.cancel();
        self.broker.close().await;
        self.store.close().await;
        drop((self.inbound, self.outbound, self.telegram, self.broker));
        Self::start(self.sandbox, self.data, self.config).await
    }

    /// Starts to poll.
    pub(super) fn listen(&self) {
        let (telegram, stop) = (Arc::clone(&self.telegram), self.stop.clone());
        tokio::spawn(async move { telegram.listen(stop).await });
    }

    /// What the workers get next.
    pub(super) async fn inbound(&mut self) -> Inbound {
        serde_json::from_slice(&next(&mut self.inbound).await).unwrap()
    }

    /// What the sender gets next.
    pub(super) async fn outbound(&mut self) -> Outbound {
        let batch: Vec<Outbound> = serde_json::from_slice(&next(&mut self.outbound).await).unwrap();
        batch.into_iter().next().unwrap()
    }

    /// Sends what the sender would, part by part.
    pub(super) async fn sends(&self, outbound: Outbound) {
        for part in self.telegram.split(outbound) {
            self.telegram.send(&part).await.unwrap();
        }
    }

    /// The bodies of the calls of a method, once there are so many.
    pub(super) async fn calls(&self, method: &str, count: usize) -> Vec<Value> {
        let filter = CallFilter {
            method: Some(method.into()),
            ..CallFilter::default()
        };
        let enough = |calls: &[zapis_sandbox::Call]| calls.len() >= count;
        let calls = self.sandbox.calls_until(&filter, PATIENCE, enough).await;
        assert!(calls.len() >= count, "{} calls of {method}", calls.len());
        calls.into_iter().map(|call| call.body).collect()
    }
}

async fn next(subscription: &mut Subscription) -> bytes::Bytes {
    let incoming = timeout(PATIENCE, subscription.incoming.recv()).await;
    match incoming.expect("nothing came").unwrap() {
        Incoming::Message(delivery) => {
            let body = delivery.body.clone();
            delivery.ack();
            body
        }
        Incoming::Release { .. } => panic!("nobody else wants this partition"),
    }
}

pub(super) fn conversation(peer: &str) -> ConversationId {
    ConversationId::new("telegram", "main", peer).unwrap()
}

/// Something to send to a peer.
pub(super) fn outbound(peer: &str, content: Content) -> Outbound {
    Outbound {
        id: Uuid::new_v4(),
        conversation: conversation(peer),
        turn: None,
        answers: Vec::new(),
        fence: Fence::Staff,
        content,
        language: "ru".into(),
        purpose: None,
        customer_wrote_at: None,
        at: Clock::system().now(),
        trace: TraceParent::start(),
    }
}

/// Words to a peer.
pub(super) fn words(peer: &str, text: &str) -> Outbound {
    let content = Content::Message {
        text: text.into(),
        buttons: Vec::new(),
        staff: None,
    };
    outbound(peer, content)
}
