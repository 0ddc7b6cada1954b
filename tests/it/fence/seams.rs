//! The seams of the workers, watched: each call into one of them is a step between which something
//! may happen. Behind the watch stand plain engines in memory, so that a run is quick and its steps
//! are always the same.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use zapis_channels::sender::Alarm;
use zapis_channels::{Channel, Probe, SendError, Sent};
use zapis_core::broker::{Broker, BrokerError, Depth, Publish, Subscription, Topic};
use zapis_core::ids;
use zapis_core::message::{Content, ConversationId, DraftDecided, Outbound};
use zapis_core::sessions::{Rate, Saved, Sessions, SessionsError};
use zapis_core::store::StoreError;
use zapis_workers::answer::{Heard, Mind, Reply, Thought};

use super::rules::Entry;
use super::run::{Flaw, Place, Run};
use super::world::World;

/// All seams of the workers.
pub(super) struct Seams {
    pub(super) world: Weak<World>,
    saved: Mutex<HashMap<ConversationId, Saved>>,
}

impl fmt::Debug for Seams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seams")
    }
}

impl Seams {
    pub(super) fn new(world: Weak<World>) -> Self {
        Self {
            world,
            saved: Mutex::default(),
        }
    }

    fn world(&self) -> Arc<World> {
        self.world.upgrade().unwrap()
    }

    fn run(&self, conversation: &ConversationId) -> Arc<Run> {
        self.world().run(conversation).unwrap()
    }

    /// One step of the run of a conversation.
    async fn reach(&self, conversation: &ConversationId, place: Place) -> Arc<Run> {
        let world = self.world();
        let run = self.run(conversation);
        world.reach(&run, place).await;
        run
    }
}

/// Answers everything with one message.
#[async_trait]
impl Mind for Seams {
    async fn think(&self, heard: &Heard<'_>) -> Result<Thought, StoreError> {
        let run = self.run(heard.conversation);
        let ids = heard.inbound.iter().map(|inbound| inbound.id.clone());
        run.note(Entry::Thought(ids.collect()));
        self.reach(heard.conversation, Place::Generate).await;
        Ok(Thought {
            replies: vec![Reply {
                text: "Первая часть|Вторая часть".into(),
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

#[async_trait]
impl Sessions for Seams {
    async fn load(&self, conversation: &ConversationId) -> Result<Option<Saved>, SessionsError> {
        let run = self.reach(conversation, Place::Load).await;
        run.reads();
        Ok(self.saved.lock().unwrap().get(conversation).cloned())
    }

    async fn commit(
        &self,
        conversation: &ConversationId,
        expected: u64,
        body: Bytes,
    ) -> Result<u64, SessionsError> {
        self.reach(conversation, Place::Commit).await;
        let version = {
            let mut saved = self.saved.lock().unwrap();
            let before = saved.get(conversation).map_or(0, |saved| saved.version);
            if before != expected {
                return Err(SessionsError::Conflict);
            }
            let version = expected + 1;
            saved.insert(conversation.clone(), Saved { version, body });
            version
        };
        self.reach(conversation, Place::Committed).await;
        Ok(version)
    }

    async fn forget(&self, conversation: &ConversationId) -> Result<(), SessionsError> {
        self.saved.lock().unwrap().remove(conversation);
        Ok(())
    }

    /// The last thing that the sender does before it claims. The bucket names the message.
    async fn reserve(&self, bucket: &str, _rate: Rate) -> Result<Duration, SessionsError> {
        let (id, conversation) = bucket.split_once(' ').unwrap();
        let run = self
            .reach(&conversation.parse().unwrap(), Place::Claim)
            .await;
        run.note(Entry::Asked(id.parse().unwrap()));
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

#[async_trait]
impl Broker for Seams {
    async fn publish(&self, messages: Vec<Publish>) -> Result<(), BrokerError> {
        let key = messages.first().map(|message| message.key.parse());
        let Some(Ok(conversation)) = key else {
            return Ok(());
        };
        let world = self.world();
        let run = world.run(&conversation);
        if let Some(run) = &run {
            world.reach(run, Place::Publish).await;
        }
        world.queue.publish(messages).await?;
        if let Some(run) = &run {
            world.reach(run, Place::Published).await;
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

/// The messenger of the customer.
#[async_trait]
impl Channel for Seams {
    fn name(&self) -> &'static str {
        "messenger"
    }

    fn routes(&self) -> axum::Router {
        axum::Router::new()
    }

    async fn listen(&self, _stop: CancellationToken) {}

    /// Each reply takes two calls, each with a claim of its own.
    fn split(&self, outbound: Outbound) -> Vec<Outbound> {
        let Content::Message {
            text,
            buttons,
            staff,
        } = outbound.content.clone()
        else {
            return vec![outbound];
        };
        let part = |(n, text): (usize, &str)| Outbound {
            id: if n == 0 {
                outbound.id
            } else {
                ids::of(outbound.id, "part", n)
            },
            content: Content::Message {
                text: text.to_owned(),
                buttons: buttons.clone(),
                staff: staff.clone(),
            },
            ..outbound.clone()
        };
        text.split('|').enumerate().map(part).collect()
    }

    fn limits(&self, outbound: &Outbound) -> Vec<(String, Rate)> {
        self.run(&outbound.conversation).meets(outbound);
        let bucket = format!("{} {}", outbound.id, outbound.conversation.as_str());
        let rate = Rate {
            burst: 1,
            every: Duration::ZERO,
        };
        vec![(bucket, rate)]
    }

    async fn send(&self, outbound: &Outbound) -> Result<Sent, SendError> {
        let run = self.run(&outbound.conversation);
        let first = run.note_call(outbound.id);
        self.reach(&outbound.conversation, Place::Send).await;
        self.reach(&outbound.conversation, Place::Sent).await;
        match run.flaw {
            Flaw::AnswerLost if first => Err(SendError::Unknown("the line was cut".into())),
            Flaw::Down if first => Err(SendError::NotSent("nobody is there".into())),
            _ => Ok(Sent {
                provider_id: Some(outbound.id.to_string()),
            }),
        }
    }

    fn doubt(&self) -> Duration {
        Duration::ZERO
    }

    async fn probe(&self) -> Vec<Probe> {
        Vec::new()
    }
}

impl Alarm for Seams {
    fn undelivered(
        &self,
        outbound: &Outbound,
        reason: &str,
        _now: DateTime<Utc>,
    ) -> Option<Outbound> {
        panic!("{outbound:?} was given up: {reason}")
    }
}
