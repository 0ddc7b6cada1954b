//! Two workers take the same messages at the same time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tempfile::TempDir;
use zapis_core::broker::{self, Broker, Incoming, Topic};
use zapis_core::config::{EnginesConfig, Secret};
use zapis_core::lanes::Worker;
use zapis_core::message::{DraftDecided, Fence, Inbound, Outbound, Profile, What};
use zapis_core::sessions::{self, Sessions};
use zapis_core::store::{ClaimRequest, Store, StoreError};
use zapis_core::trace::TraceParent;
use zapis_core::{Clock, ids};
use zapis_workers::answer::{Answer, Heard, Mind, PublishedTurns, Reply, Thought, TurnRules};
use zapis_workers::desk::Desks;

/// Says back how many messages it heard.
#[derive(Debug)]
struct Echo;

#[async_trait]
impl Mind for Echo {
    async fn think(&self, heard: &Heard<'_>) -> Result<Thought, StoreError> {
        let said: Vec<&str> = heard
            .inbound
            .iter()
            .map(|inbound| inbound.id.as_str())
            .collect();
        Ok(Thought {
            replies: vec![Reply {
                text: said.join(" "),
                buttons: Vec::new(),
            }],
            state: Value::Null,
            language: "ru".into(),
            ..Thought::default()
        })
    }

    fn refused(&self, _: &DraftDecided, _: &Value, _: DateTime<Utc>) -> Thought {
        unreachable!("it proposes no drafts")
    }
}

struct Ground {
    _folder: TempDir,
    broker: Arc<dyn Broker>,
    sessions: Arc<dyn Sessions>,
    store: Store,
    clock: Clock,
}

impl Ground {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let config = EnginesConfig {
            store: Secret::new(format!(
                "sqlite:{}",
                folder.path().join("zapis.db").display()
            )),
            data_dir: folder.path().to_owned(),
            ..EnginesConfig::default()
        };
        let clock = Clock::fixed(now());
        Self {
            broker: broker::open(&config, "a test").await.unwrap(),
            sessions: sessions::open(&config, &clock, "a test").unwrap(),
            store: Store::open(config.store.expose()).await.unwrap(),
            _folder: folder,
            clock,
        }
    }

    /// A worker as another process would have it: it shares nothing but the engines.
    fn worker(&self) -> Answer {
        Answer {
            mind: Arc::new(Echo),
            sessions: Arc::clone(&self.sessions),
            store: self.store.clone(),
            broker: Arc::clone(&self.broker),
            desks: Desks::default(),
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
            clock: self.clock.clone(),
            published: PublishedTurns::default(),
        }
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn wrote(n: usize) -> Arc<Inbound> {
    Arc::new(Inbound {
        id: n.to_string(),
        conversation: "telegram:main:7".parse().unwrap(),
        at: now(),
        received_at: now(),
        profile: Profile::default(),
        what: What::Text {
            text: format!("сообщение {n}"),
        },
        raw: None,
        trace: TraceParent::start(),
    })
}

#[tokio::test]
async fn two_workers_with_the_same_messages_answer_each_of_them_once() {
    let ground = Ground::new().await;
    let (one, two) = (ground.worker(), ground.worker());

    for n in 0..40 {
        let tasks = [wrote(n)];
        let lane = tasks[0].conversation.as_str();
        let (first, second) = tokio::join!(one.handle(lane, &tasks), two.handle(lane, &tasks));
        first.unwrap();
        second.unwrap();
    }

    let waiting = ground
        .broker
        .depth(&Topic::outbound("telegram"))
        .await
        .unwrap()
        .waiting;
    let mut subscription = ground
        .broker
        .subscribe(&Topic::outbound("telegram"), 1_000)
        .await
        .unwrap();
    let mut order = Vec::new();
    let mut ids = BTreeSet::new();
    for _ in 0..waiting {
        let Some(Incoming::Message(delivery)) = subscription.incoming.recv().await else {
            panic!("the queue ended")
        };
        let replies: Vec<Outbound> = serde_json::from_slice(&delivery.body).unwrap();
        for reply in replies {
            // The same turn may be published by both; the ledger sends an id once.
            if ids.insert(reply.id) {
                order.extend(reply.answers);
            }
        }
    }
    let wanted: Vec<String> = (0..40).map(|n: usize| n.to_string()).collect();
    assert_eq!(order, wanted);
}

#[tokio::test]
async fn a_repeat_after_the_sessions_were_lost_does_not_cost_what_follows_its_answer() {
    let ground = Ground::new().await;
    let first = wrote(1);
    let lane = first.conversation.as_str();
    ground
        .worker()
        .handle(lane, std::slice::from_ref(&first))
        .await
        .unwrap();
    let turn = ids::turn(&first.conversation, &first.id);
    let sent = ClaimRequest {
        id: ids::of(turn, "reply", 0),
        conversation: first.conversation.clone(),
        turn: Some(turn),
        answers: vec![first.id.clone()],
        fence: Fence::Reply { epoch: 0 },
        trace: TraceParent::start(),
    };
    ground.store.claim(&[sent], now()).await.unwrap();

    let elsewhere = TempDir::new().unwrap();
    let empty = EnginesConfig {
        data_dir: elsewhere.path().to_owned(),
        ..EnginesConfig::default()
    };
    let after = Answer {
        sessions: sessions::open(&empty, &ground.clock, "a test").unwrap(),
        ..ground.worker()
    };
    after.handle(lane, &[wrote(1), wrote(2)]).await.unwrap();

    let topic = Topic::outbound("telegram");
    let mut subscription = ground.broker.subscribe(&topic, 1_000).await.unwrap();
    let mut answers = Vec::new();
    while answers.len() < 2 {
        let Some(Incoming::Message(delivery)) = subscription.incoming.recv().await else {
            panic!("the queue ended")
        };
        let replies: Vec<Outbound> = serde_json::from_slice(&delivery.body).unwrap();
        answers.extend(replies.into_iter().map(|reply| reply.answers));
    }
    assert_eq!(answers, [["1"], ["2"]]);
}

#[tokio::test]
async fn a_clock_that_is_put_back_inside_a_turn_does_not_turn_messages_around() {
    let ground = Ground::new().await;
    let mut earlier = (*wrote(1)).clone();
    earlier.at += TimeDelta::hours(1);
    earlier.received_at = earlier.at;
    let burst = [Arc::new(earlier), wrote(2)];

    ground
        .worker()
        .handle("telegram:main:7", &burst)
        .await
        .unwrap();

    let topic = Topic::outbound("telegram");
    let mut subscription = ground.broker.subscribe(&topic, 1_000).await.unwrap();
    let Some(Incoming::Message(delivery)) = subscription.incoming.recv().await else {
        panic!("the queue ended")
    };
    let replies: Vec<Outbound> = serde_json::from_slice(&delivery.body).unwrap();
    assert_eq!(replies[0].answers, ["1", "2"]);
}
