//! A gateway and its workers without servers: what arrives by HTTP is taken in by the real routes, and
//! everything that leads to stays here to be looked at.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use tokio::runtime::Runtime;
use tower::ServiceExt;
use zapis_channels::Channel;
use zapis_channels::telegram::{Telegram, TelegramConfig};
use zapis_channels::webchat::{WebChat, WebChatConfig};
use zapis_channels::whatsapp::{WhatsApp, WhatsAppConfig};
use zapis_core::Clock;
use zapis_core::broker::{
    Broker, BrokerError, Delivery, Depth, Incoming, LARGEST_BODY, Publish, Subscription, Topic,
};
use zapis_core::config::Secret;
use zapis_core::intake::Intake;
use zapis_core::lanes::{Message, Worker};
use zapis_core::message::{ConversationId, DeliveryReport, Inbound, Outbound};
use zapis_core::sessions::{Rate, Saved, Sessions, SessionsError};
use zapis_core::store::{StaffThread, Store};
use zapis_workers::answer::{Answer, PublishedTurns, TurnRules};
use zapis_workers::autonomy::Autonomy;
use zapis_workers::content::Content;
use zapis_workers::desk::Desks;
use zapis_workers::dialogue::Receptionist;

/// Now, in seconds since 1970.
pub(super) const NOW: i64 = 1_795_000_000;

/// The staff's group.
pub(super) const STAFF: i64 = -1_001_000_000_001;

/// What Telegram proves itself with, and what Meta signs with.
pub(super) const SECRET: &str = "secret";

/// The shipped content: what it is trained on takes a while.
static CONTENT: LazyLock<Arc<Content>> = LazyLock::new(|| {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/config");
    Arc::new(Content::load(config.as_ref()).unwrap())
});

/// Everything.
pub(super) struct Ground {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) engines: Arc<Engines>,
    pub(super) channels: Vec<Arc<dyn Channel>>,
    pub(super) answer: Answer,
    router: Router,
    recorder: PrometheusRecorder,
    runtime: Runtime,
}

/// What one request led to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    pub(super) published: Vec<Publish>,
    /// How many items were set aside.
    pub(super) dead: u64,
    /// How many were left alone by a rule.
    pub(super) ignored: u64,
    /// How many were known to be in the queue already.
    pub(super) repeats: u64,
}

impl Outcome {
    /// How many items there were, as far as each counts somewhere.
    pub(super) fn items(&self) -> u64 {
        self.published.len() as u64 + self.dead + self.ignored + self.repeats
    }
}

impl Ground {
    /// On a database in memory.
    pub(super) fn new() -> Self {
        Self::on("sqlite::memory:")
    }

    pub(super) fn on(store: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let store = runtime.block_on(Store::open(store)).unwrap();
        let clock = Clock::fixed(now());
        let engines = Arc::new(Engines::default());
        let broker: Arc<dyn Broker> = Arc::<Engines>::clone(&engines);
        let intake = Intake::new(Arc::clone(&broker), store.clone(), clock.clone());
        let channels = channels(&intake);
        let router = channels.iter().fold(Router::new(), |router, channel| {
            router.merge(channel.routes())
        });
        let desk = ConversationId::new("telegram", "main", &STAFF.to_string()).unwrap();
        let topic = StaffThread {
            desk: desk.clone(),
            thread: 77,
            topic: true,
        };
        let about = "whatsapp:main:79000000001".parse().unwrap();
        let put = store.put_staff_thread(&about, &topic);
        runtime.block_on(put).unwrap();
        Self {
            answer: Answer {
                mind: Arc::new(Receptionist {
                    content: Arc::clone(&CONTENT).into(),
                    generator: None,
                    autonomy: Autonomy::default(),
                    desk: None,
                    interpreter: None,
                    vectors: None,
                    observes: false,
                }),
                sessions: Arc::<Engines>::clone(&engines),
                store: store.clone(),
                broker,
                desks: Desks::new([desk]),
                rules: TurnRules {
                    coalesce: Duration::ZERO,
                    coalesce_max: Duration::ZERO,
                    stale_after: TimeDelta::minutes(30),
                    remind_after: TimeDelta::minutes(5),
                    typing: false,
                    medical: false,
                    observes: false,
                },
                enquiries: None,
                clock: clock.clone(),
                published: PublishedTurns::default(),
            },
            router,
            channels,
            engines,
            store,
            clock,
            recorder: PrometheusBuilder::new().build_recorder(),
            runtime,
        }
    }

    /// Does it while metrics are counted here.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        metrics::with_local_recorder(&self.recorder, || self.runtime.block_on(future))
    }

    /// One request to the gateway.
    pub(super) fn ask(&self, request: Request<Body>) -> Outcome {
        let before = self.counts();
        self.engines.published.lock().unwrap().clear();
        let (status, body) = self.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status();
            (
                status,
                to_bytes(response.into_body(), 1 << 20).await.unwrap(),
            )
        });
        let after = self.counts();
        Outcome {
            status,
            body,
            published: std::mem::take(&mut self.engines.published.lock().unwrap()),
            dead: after.0 - before.0,
            ignored: after.1 - before.1,
            repeats: after.2 - before.2,
        }
    }

    /// The status of a request whose answer never ends.
    pub(super) fn status(&self, request: Request<Body>) -> StatusCode {
        self.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            response.status()
        })
    }

    /// How many items were set aside, left alone by a rule, known as repeats.
    fn counts(&self) -> (u64, u64, u64) {
        let shown = self.recorder.handle().render();
        let counted = |name: &str| -> u64 {
            let lines = shown.lines().filter(|line| line.starts_with(name));
            lines
                .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
                .sum()
        };
        let ignored = counted("zapis_ignored_total")
            + counted("zapis_whatsapp_ignored_total")
            + counted("zapis_whatsapp_account_events_total");
        let (dead, repeats) = (
            counted("zapis_dead_total"),
            counted("zapis_inbound_repeated_total"),
        );
        (dead, ignored, repeats)
    }

    /// What must hold of messages that the gateway left for the workers: they can be read, fit into
    /// every queue and database, and are no larger than what came by much. Then the workers take
    /// them.
    pub(super) fn take(&self, published: &[Publish], came: usize) {
        let size: usize = published.iter().map(|message| message.body.len()).sum();
        assert!(size <= 20 * came + 20_000, "{came} bytes became {size}");
        for message in published {
            assert!(message.body.len() <= LARGEST_BODY);
            assert!(
                !message.id.is_empty() && message.id.len() <= 1_000,
                "{:?}",
                message.id
            );
            for name in [&message.key, &message.id] {
                assert!(!name.contains('\0'), "{name:?}");
            }
            match message.topic.as_str() {
                "inbound" => self.answer_to(message),
                "journal" => {
                    serde_json::from_slice::<DeliveryReport>(&message.body).unwrap();
                }
                _ => self.cut(message),
            }
        }
    }

    fn answer_to(&self, message: &Publish) {
        let inbound = self.answer.read(&as_message(message)).unwrap();
        assert_eq!(message.key, inbound.conversation.as_str());
        assert_eq!(message.id, inbound.id);
        let age = self.clock.now() - inbound.at;
        assert!(
            age <= TimeDelta::days(30) && age >= TimeDelta::minutes(-10),
            "{age}"
        );
        let kept = serde_json::to_string(&(&inbound.what, &inbound.profile)).unwrap();
        assert!(!kept.contains(r"\u0000"), "no database keeps {kept}");
        self.turn(inbound);
    }

    /// The whole turn, and the cutting of what it says.
    pub(super) fn turn(&self, inbound: Inbound) {
        self.engines.published.lock().unwrap().clear();
        let lane = inbound.conversation.as_str().to_owned();
        let tasks = [Arc::new(inbound)];
        self.block_on(self.answer.handle(&lane, &tasks)).unwrap();
        let said = std::mem::take(&mut *self.engines.published.lock().unwrap());
        for message in &said {
            if message.topic.as_str().starts_with("outbound.") {
                self.cut(message);
            }
        }
    }

    /// Cuts what is to be sent into parts, as its sender would.
    fn cut(&self, message: &Publish) {
        let batch: Vec<Outbound> = serde_json::from_slice(&message.body).unwrap();
        for outbound in batch {
            self.split(outbound);
        }
    }

    /// Cuts a message for its channel: each part has an id of its own, the first keeps the message's.
    pub(super) fn split(&self, outbound: Outbound) {
        let name = outbound.conversation.channel().to_owned();
        let Some(channel) = self.channels.iter().find(|channel| channel.name() == name) else {
            return;
        };
        let id = outbound.id;
        let parts = channel.split(outbound);
        assert_eq!(parts.first().map(|part| part.id), Some(id));
        let ids: std::collections::BTreeSet<_> = parts.iter().map(|part| part.id).collect();
        assert_eq!(ids.len(), parts.len());
        for part in &parts {
            assert!(!channel.limits(part).is_empty() || name == "webchat");
        }
    }
}

pub(super) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).unwrap()
}

pub(super) fn as_message(published: &Publish) -> Message {
    Message {
        key: published.key.clone(),
        id: published.id.clone(),
        body: published.body.clone(),
        trace: published.trace.clone(),
    }
}

fn channels(intake: &Intake) -> Vec<Arc<dyn Channel>> {
    let nobody = "http://127.0.0.1:1";
    let takeover = TimeDelta::hours(1);
    let telegram = TelegramConfig {
        account: "main".into(),
        token: Secret::new("110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"),
        webhook_secret: Secret::new(SECRET),
        api_url: nobody.into(),
        staff_chat: Some(STAFF),
        ..TelegramConfig::default()
    };
    let whatsapp = WhatsAppConfig {
        phone_number_id: "105500000000001".into(),
        app_secret: Secret::new(SECRET),
        verify_token: Secret::new(SECRET),
        api_url: nobody.into(),
        ..WhatsAppConfig::default()
    };
    let webchat = WebChatConfig {
        account: "site".into(),
        allowed_origins: vec!["http://shop.example".into()],
        ..WebChatConfig::default()
    };
    vec![
        Arc::new(Telegram::new(vec![telegram], nobody, takeover, intake).unwrap()),
        Arc::new(WhatsApp::new([whatsapp], takeover, intake.clone()).unwrap()),
        Arc::new(WebChat::new(&[webchat], intake.clone())),
    ]
}

/// A queue that keeps what is published, hands out what it is given, and sessions.
#[derive(Default)]
pub(super) struct Engines {
    pub(super) published: Mutex<Vec<Publish>>,
    /// What a subscription hands out: body and id.
    pub(super) waiting: Mutex<VecDeque<Publish>>,
    pub(super) sessions: Mutex<HashMap<ConversationId, Saved>>,
}

impl fmt::Debug for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engines")
    }
}

#[async_trait]
impl Broker for Engines {
    async fn publish(&self, messages: Vec<Publish>) -> Result<(), BrokerError> {
        self.published.lock().unwrap().extend(messages);
        Ok(())
    }

    async fn subscribe(&self, _topic: &Topic, _prefetch: u16) -> Result<Subscription, BrokerError> {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap());
        let (feed, incoming) = tokio::sync::mpsc::channel(waiting.len().max(1));
        for message in waiting {
            let delivery = Delivery {
                key: message.key,
                id: message.id,
                body: message.body,
                trace: message.trace,
                partition: 0,
                redelivered: false,
                revoked: Arc::default(),
                acknowledge: Box::new(|| {}),
            };
            feed.try_send(Incoming::Message(delivery)).unwrap();
        }
        let (guard, _) = tokio::sync::oneshot::channel();
        Ok(Subscription { incoming, guard })
    }

    async fn depth(&self, _topic: &Topic) -> Result<Depth, BrokerError> {
        Ok(Depth::default())
    }

    async fn check(&self) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn close(&self) {}
}

#[async_trait]
impl Sessions for Engines {
    async fn load(&self, conversation: &ConversationId) -> Result<Option<Saved>, SessionsError> {
        Ok(self.sessions.lock().unwrap().get(conversation).cloned())
    }

    async fn commit(
        &self,
        conversation: &ConversationId,
        expected: u64,
        body: Bytes,
    ) -> Result<u64, SessionsError> {
        let version = expected + 1;
        let saved = Saved { version, body };
        self.sessions
            .lock()
            .unwrap()
            .insert(conversation.clone(), saved);
        Ok(version)
    }

    async fn forget(&self, conversation: &ConversationId) -> Result<(), SessionsError> {
        self.sessions.lock().unwrap().remove(conversation);
        Ok(())
    }

    async fn reserve(&self, _bucket: &str, _rate: Rate) -> Result<Duration, SessionsError> {
        Ok(Duration::ZERO)
    }

    async fn block(&self, _bucket: &str, _pause: Duration) -> Result<(), SessionsError> {
        Ok(())
    }

    async fn pin(&self, _: &str, _: &str, _: Duration) -> Result<(), SessionsError> {
        Ok(())
    }

    async fn pinned(&self, _: &str) -> Result<Vec<String>, SessionsError> {
        Ok(Vec::new())
    }

    async fn check(&self) -> Result<Vec<String>, SessionsError> {
        Ok(Vec::new())
    }
}
