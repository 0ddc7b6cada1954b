//! The real workers, the real way in and the real store, with watched seams between them. Many runs
//! share it, each with a conversation of its own.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tower::ServiceExt;
use zapis_channels::Channel;
use zapis_channels::sender::Sender;
use zapis_channels::telegram::{Telegram, TelegramConfig};
use zapis_channels::whatsapp::{Flavour, WhatsApp, WhatsAppConfig};
use zapis_core::broker::{Broker, BrokerError, Depth, Publish, Subscription, Topic};
use zapis_core::config::Secret;
use zapis_core::intake::{Arrival, Intake};
use zapis_core::lanes::{Failure, Worker};
use zapis_core::message::{Content, ConversationId, Fence, Inbound, Outbound};
use zapis_core::store::{StaffThread, Store};
use zapis_core::trace::TraceParent;
use zapis_core::{Clock, ids};
use zapis_workers::answer::{Answer, PublishedTurns, TurnRules};
use zapis_workers::desk::Desks;

use super::rules::Entry;
use super::run::{Happening, Pace, Place, Plan, Run, Scene, Start};
use super::seams::Seams;

/// The staff's group.
const STAFF: i64 = -1_001_000_000_001;

/// What the providers prove themselves with.
const SECRET: &str = "secret";

/// Now, in seconds since 1970.
const NOW: i64 = 1_795_000_000;

/// How long a person who wrote keeps the conversation.
const TAKEOVER: TimeDelta = TimeDelta::minutes(60);

/// Everything that runs share.
pub(super) struct World {
    pub(super) store: Store,
    pub(super) queue: Arc<Queue>,
    intake: Intake,
    webhooks: Router,
    answer: Answer,
    sender: Sender,
    runs: Mutex<HashMap<ConversationId, Arc<Run>>>,
    /// Numbers runs, updates and messages.
    numbers: AtomicI64,
}

impl World {
    pub(super) fn new(store: Store) -> Arc<Self> {
        Arc::new_cyclic(|world: &Weak<Self>| {
            let clock = Clock::fixed(now());
            let queue = Arc::new(Queue(Weak::clone(world)));
            let broker: Arc<dyn Broker> = Arc::<Queue>::clone(&queue);
            let intake = Intake::new(broker, store.clone(), clock.clone());
            let seams = Arc::new(Seams::new(Weak::clone(world)));
            let desk = ConversationId::new("telegram", "main", &STAFF.to_string()).unwrap();
            Self {
                answer: Answer {
                    mind: Arc::<Seams>::clone(&seams),
                    sessions: Arc::<Seams>::clone(&seams),
                    store: store.clone(),
                    broker: Arc::<Seams>::clone(&seams),
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
                sender: Sender::new(
                    Arc::<Seams>::clone(&seams),
                    store.clone(),
                    Arc::<Seams>::clone(&seams),
                    Arc::<Seams>::clone(&seams),
                    seams,
                    clock,
                ),
                webhooks: webhooks(&intake),
                intake,
                queue,
                store,
                runs: Mutex::default(),
                numbers: AtomicI64::new(1),
            }
        })
    }

    pub(super) fn run(&self, conversation: &ConversationId) -> Option<Arc<Run>> {
        self.runs.lock().unwrap().get(conversation).cloned()
    }

    /// Plays a plan to its end, until everything is answered and sent.
    pub(super) async fn play(&self, scene: Scene, plan: &Plan) -> Arc<Run> {
        let run = self.enter(scene).await;
        run.begin(plan);
        self.happens(&run, Happening::WritesAgain).await;
        loop {
            if run.pace == Pace::SendsFirst && self.sends(&run).await {
                continue;
            }
            if self.answers(&run).await || self.sends(&run).await {
                continue;
            }
            // What was planned for later than there are steps.
            match run.due(usize::MAX) {
                Some(happening) => self.happens(&run, happening).await,
                None => break,
            }
        }
        self.runs.lock().unwrap().remove(&run.about);
        run
    }

    /// A new conversation.
    async fn enter(&self, scene: Scene) -> Arc<Run> {
        let n = self.number();
        let about = match scene.start {
            Start::Telegram => format!("telegram:main:{}", chat(n)),
            Start::WhatsApp | Start::Lapsed => format!("whatsapp:main:{}", phone(n)),
        };
        let about: ConversationId = about.parse().unwrap();
        let run = Arc::new(Run::new(about.clone(), n, scene));
        self.runs
            .lock()
            .unwrap()
            .insert(about.clone(), Arc::clone(&run));
        let topic = StaffThread {
            desk: ConversationId::new("telegram", "main", &STAFF.to_string()).unwrap(),
            thread: n,
            topic: true,
        };
        self.store.put_staff_thread(&about, &topic).await.unwrap();
        if scene.start == Start::Lapsed {
            self.echo(&run, NOW - 61 * 60).await;
            self.answers(&run).await;
        }
        run
    }

    /// A step of a run: what is planned for it happens now.
    pub(super) async fn reach(&self, run: &Run, place: Place) {
        if let Some(step) = run.step(place) {
            while let Some(happening) = run.due(step) {
                self.happens(run, happening).await;
            }
        }
        if run.pace == Pace::AnswersFirst && !run.answering.load(Ordering::SeqCst) {
            self.answers(run).await;
        }
    }

    /// The answer worker takes what waits, one message after the other.
    async fn answers(&self, run: &Run) -> bool {
        let mut any = false;
        loop {
            let next = run.inbound.lock().unwrap().pop_front();
            let Some(inbound) = next else {
                return any;
            };
            any = true;
            let expected = inbound.what.expects_answer();
            let taken = expected.then(|| inbound.id.clone());
            *run.taken.lock().unwrap() = taken.into_iter().collect();
            run.answering.store(true, Ordering::SeqCst);
            let lane = run.about.as_str();
            self.answer
                .handle(lane, &[Arc::new(inbound)])
                .await
                .unwrap();
            run.answering.store(false, Ordering::SeqCst);
        }
    }

    /// The sender takes the first message that waits, as often as it must.
    async fn sends(&self, run: &Run) -> bool {
        let next = run.outbound.lock().unwrap().pop_front();
        let Some(batch) = next else {
            return false;
        };
        let batch = [Arc::new(batch)];
        while let Err(failure) = self.sender.handle(run.about.as_str(), &batch).await {
            assert!(matches!(failure, Failure::Wait { .. }), "{failure:?}");
        }
        true
    }

    /// Lets it happen, by the way that it comes in production.
    async fn happens(&self, run: &Run, happening: Happening) {
        match happening {
            Happening::TakesOver => self.staff(run, "Здравствуйте, я Анна").await,
            Happening::GivesBack => self.staff(run, "/bot").await,
            Happening::Echo => self.echo(run, NOW).await,
            Happening::LateEcho => self.echo(run, NOW - 2 * 60).await,
            Happening::WritesAgain => self.writes(run).await,
            Happening::OptsOut => self.opts_out(run).await,
            Happening::Blocks => self.blocks(run).await,
        }
        run.note(Entry::Happened(happening));
        if happening == Happening::TakesOver {
            self.notice(run).await;
        }
    }

    async fn staff(&self, run: &Run, text: &str) {
        self.telegram(json!({ "message": {
            "message_id": self.number(), "date": NOW,
            "chat": { "id": STAFF, "type": "supergroup", "is_forum": true },
            "from": { "id": 5, "is_bot": false, "first_name": "Anna" },
            "message_thread_id": run.n, "is_topic_message": true, "text": text,
        } }))
        .await;
    }

    async fn writes(&self, run: &Run) {
        if run.start == Start::Telegram {
            return self
                .telegram(json!({ "message": {
                    "message_id": self.number(), "date": NOW,
                    "chat": { "id": chat(run.n), "type": "private" },
                    "from": { "id": chat(run.n), "is_bot": false, "first_name": "Вера" },
                    "text": "Сколько стоит стрижка?",
                } }))
                .await;
        }
        self.whatsapp(json!({ "messages": [{
            "from": phone(run.n), "id": format!("wamid.{}", self.number()),
            "timestamp": NOW, "type": "text", "text": { "body": "Сколько стоит стрижка?" },
        }] }))
        .await;
    }

    async fn echo(&self, run: &Run, at: i64) {
        self.whatsapp(json!({ "message_echoes": [{
            "from": "78120000000", "to": phone(run.n), "id": format!("wamid.{}", self.number()),
            "timestamp": at, "type": "text", "text": { "body": "Ждём вас" },
        }] }))
        .await;
    }

    async fn opts_out(&self, run: &Run) {
        if run.start == Start::Telegram {
            let (text, entities) = if run.n % 2 == 0 {
                let command = json!([{ "type": "bot_command", "offset": 0, "length": 5 }]);
                ("/stop", command)
            } else {
                ("Стоп!", json!([]))
            };
            return self
                .telegram(json!({ "message": {
                    "message_id": self.number(), "date": NOW,
                    "chat": { "id": chat(run.n), "type": "private" },
                    "from": { "id": chat(run.n), "is_bot": false, "first_name": "Вера" },
                    "text": text, "entities": entities,
                } }))
                .await;
        }
        self.whatsapp(json!({ "user_preferences": [
            { "wa_id": phone(run.n), "value": "stop", "timestamp": NOW },
        ] }))
        .await;
    }

    async fn blocks(&self, run: &Run) {
        self.telegram(json!({ "my_chat_member": {
            "date": NOW, "chat": { "id": chat(run.n), "type": "private" },
            "from": { "id": chat(run.n), "is_bot": false, "first_name": "Вера" },
            "new_chat_member": { "status": "kicked" },
        } }))
        .await;
    }

    /// A takeover may tell the customer so: a message that obeys the epoch that it made.
    async fn notice(&self, run: &Run) {
        let ownership = self.store.ownership(&run.about, now()).await.unwrap();
        let id = ids::derive(&["notice", run.about.as_str(), &ownership.epoch.to_string()]);
        let notice = Outbound {
            id,
            conversation: run.about.clone(),
            turn: None,
            answers: Vec::new(),
            fence: Fence::Notice {
                epoch: ownership.epoch,
            },
            content: Content::Message {
                text: "Вам ответит Анна".into(),
                buttons: Vec::new(),
                staff: None,
            },
            language: "ru".into(),
            purpose: None,
            customer_wrote_at: None,
            at: now(),
            trace: TraceParent::start(),
        };
        let arrival = Arrival::Outbound(Box::new(notice));
        self.intake.accept(vec![arrival]).await.unwrap();
        run.note(Entry::Notice(id));
    }

    async fn telegram(&self, mut update: Value) {
        update["update_id"] = self.number().into();
        let secret = ("x-telegram-bot-api-secret-token", SECRET);
        self.post("/webhooks/telegram/main", secret, &update).await;
    }

    async fn whatsapp(&self, value: Value) {
        let body = json!({
            "object": "whatsapp_business_account",
            "entry": [{ "id": "1", "changes": [{ "value": value }] }],
        });
        let secret = ("x-zapis-secret", SECRET);
        self.post("/webhooks/whatsapp/main", secret, &body).await;
    }

    async fn post(&self, path: &str, secret: (&str, &str), body: &Value) {
        let request = Request::post(path).header(secret.0, secret.1);
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = self.webhooks.clone().oneshot(request).await.unwrap();
        assert!(response.status().is_success(), "{body}");
    }

    fn number(&self) -> i64 {
        self.numbers.fetch_add(1, Ordering::SeqCst)
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).unwrap()
}

fn phone(n: i64) -> String {
    (79_000_000_000 + n).to_string()
}

fn chat(n: i64) -> i64 {
    7_000_000_000 + n
}

/// The ways in of both messengers. Nothing answers behind them.
fn webhooks(intake: &Intake) -> Router {
    let nobody = "http://127.0.0.1:1";
    let telegram = TelegramConfig {
        account: "main".into(),
        token: Secret::new("110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"),
        webhook_secret: Secret::new(SECRET),
        api_url: nobody.into(),
        staff_chat: Some(STAFF),
        ..TelegramConfig::default()
    };
    let telegram = Telegram::new(vec![telegram], nobody, TAKEOVER, intake).unwrap();
    let whatsapp = WhatsAppConfig {
        flavour: Flavour::Dialog360,
        webhook_secret: Secret::new(SECRET),
        api_url: nobody.into(),
        ..WhatsAppConfig::default()
    };
    let whatsapp = WhatsApp::new([whatsapp], TAKEOVER, intake.clone()).unwrap();
    telegram.routes().merge(whatsapp.routes())
}

/// A queue that gives each run what belongs to its conversation.
pub(super) struct Queue(Weak<World>);

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Queue")
    }
}

#[async_trait]
impl Broker for Queue {
    async fn publish(&self, messages: Vec<Publish>) -> Result<(), BrokerError> {
        let world = self.0.upgrade().unwrap();
        for message in messages {
            let conversation = message.key.parse::<ConversationId>();
            let Some(run) = conversation.ok().and_then(|about| world.run(&about)) else {
                // For the staff's desk.
                continue;
            };
            if message.topic == Topic::inbound() {
                let inbound: Inbound = serde_json::from_slice(&message.body).unwrap();
                run.inbound.lock().unwrap().push_back(inbound);
            } else {
                let batch: Vec<Outbound> = serde_json::from_slice(&message.body).unwrap();
                run.outbound.lock().unwrap().push_back(batch);
            }
        }
        Ok(())
    }

    async fn subscribe(&self, _topic: &Topic, _prefetch: u16) -> Result<Subscription, BrokerError> {
        Err(BrokerError::Refused("the world hands messages out".into()))
    }

    async fn depth(&self, _topic: &Topic) -> Result<Depth, BrokerError> {
        Ok(Depth::default())
    }

    async fn check(&self) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn close(&self) {}
}
