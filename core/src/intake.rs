//! How a channel hands over what arrived. Everything a provider delivered goes through here, and
//! only after [`Intake::accept`] returned `Ok` may the provider be told so.
//!
//! The order protects the guarantees: what changes ownership takes effect in the store first (so
//! that no reply is claimed after it), then what cannot be used is kept in `dead`, then the rest is
//! published with one confirm. All of it may be repeated without a second effect.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tracing::Span;
use tracing::field::debug;
use uuid::Uuid;

use crate::broker::{Broker, BrokerError, Depth, Publish, Topic};
use crate::clock::Clock;
use crate::crash;
use crate::ids;
use crate::measure::{CHANNELS, Stage};
use crate::message::{ConversationId, DeliveryReport, Inbound, Outbound};
use crate::store::{DeadLetter, NewOwner, OwnershipChange, Store, StoreError};
use crate::trace::{TraceParent, step};

/// How many peers are remembered between requests.
const PEERS_REMEMBERED: usize = 100_000;

/// How many messages are remembered as taken, at least.
const TAKEN_REMEMBERED: usize = 50_000;

/// Something that arrived.
#[derive(Debug)]
pub enum Arrival {
    /// A customer did something, or staff did something in a customer's conversation.
    Inbound {
        /// What. Boxed, because it is large.
        inbound: Box<Inbound>,
        /// Whether it changes who may speak; what [`crate::message::What::is_stop`] tells is added here.
        ownership: Option<OwnershipChange>,
    },
    /// A provider tells how far a message of ours got.
    Delivery(Box<DeliveryReport>),
    /// A person's words to a customer, to be sent.
    Outbound(Box<Outbound>),
    /// Something accepted that cannot be used.
    Dead {
        /// `webhook.telegram`, `webhook.whatsapp`, …
        topic: String,
        /// As it came.
        body: Bytes,
        /// Why.
        reason: String,
    },
}

impl Arrival {
    /// What a repeat of it has in common with it; nothing where each is kept.
    fn identity(&self) -> Option<Uuid> {
        match self {
            Self::Inbound { inbound, .. } => Some(ids::derive(&[
                "taken",
                inbound.conversation.as_str(),
                &inbound.id,
            ])),
            Self::Delivery(report) => Some(delivery_id(report)),
            Self::Outbound(outbound) => Some(outbound.id),
            Self::Dead { .. } => None,
        }
    }
}

/// Why nothing of it may be acknowledged. The provider repeats it.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The queue did not take it.
    #[error("the message was not taken")]
    Broker(#[from] BrokerError),
    /// The store did not take it.
    #[error("the message was not taken")]
    Store(#[from] StoreError),
}

/// The gateway's way into the queue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    broker: Arc<dyn Broker>,
    store: Store,
    clock: Clock,
    peers: Arc<Mutex<HashMap<String, String>>>,
    taken: Arc<Mutex<Taken>>,
    holder: Arc<str>,
}

/// What this process has in the queue for certain, or had: a provider that repeats it need not wait
/// for the queue again. Forgetting costs a repeat that the worker recognises.
#[derive(Debug, Default)]
struct Taken {
    newer: HashSet<Uuid>,
    older: HashSet<Uuid>,
}

impl Taken {
    fn holds(&self, id: &Uuid) -> bool {
        self.newer.contains(id) || self.older.contains(id)
    }

    fn note(&mut self, ids: impl IntoIterator<Item = Uuid>) {
        self.newer.extend(ids);
        if self.newer.len() >= TAKEN_REMEMBERED {
            self.older = std::mem::take(&mut self.newer);
        }
    }
}

impl Intake {
    /// Joins the engines.
    pub fn new(broker: Arc<dyn Broker>, store: Store, clock: Clock) -> Self {
        Self {
            broker,
            store,
            clock,
            peers: Arc::default(),
            taken: Arc::default(),
            holder: Uuid::new_v4().to_string().into(),
        }
    }

    /// For an installation that can have one process only: after a crash it takes its own leases
    /// back at once, and does not wait until they run out.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.holder = "the only process".into();
        self
    }

    /// Names this process as the holder of leases.
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// The store, for what a channel keeps of its own.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The queue, for what has nothing to hand over.
    pub fn queue(&self) -> &dyn Broker {
        &*self.broker
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Whether the queue takes messages.
    pub async fn check(&self) -> Result<(), BrokerError> {
        self.broker.check().await
    }

    /// How much of a topic waits.
    pub async fn depth(&self, topic: &Topic) -> Result<Depth, BrokerError> {
        self.broker.depth(topic).await
    }

    /// The conversation of a peer that is known by any of `ids`, the preferred id first.
    /// `Ok(None)` when none of them can be part of a conversation id.
    pub async fn conversation(
        &self,
        channel: &str,
        account: &str,
        ids: &[String],
    ) -> Result<Option<ConversationId>, StoreError> {
        let usable: Vec<String> = ids
            .iter()
            .filter(|id| ConversationId::new(channel, account, id).is_ok())
            .cloned()
            .collect();
        if usable.is_empty() {
            return Ok(None);
        }
        // All ids of the payload are in the cache key, so that a new one is noticed and stored.
        let key = format!("{channel}:{account}:{}", usable.join("\n"));
        let known = self
            .peers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        let peer = if let Some(peer) = known {
            peer
        } else {
            let peer = self.store.resolve_peer(channel, account, &usable).await?;
            let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
            if peers.len() >= PEERS_REMEMBERED {
                peers.clear();
            }
            peers.insert(key, peer.clone());
            peer
        };
        Ok(ConversationId::new(channel, account, &peer).ok())
    }

    /// Takes everything of one request, or nothing that may be acknowledged.
    pub async fn accept(&self, arrivals: Vec<Arrival>) -> Result<(), IntakeError> {
        let _stage = Stage::begin("accept");
        let mut messages = Vec::with_capacity(arrivals.len());
        let mut taken = Vec::new();
        let mut dead = Vec::new();
        let mut doors = BTreeSet::new();
        // Each message begins a trace of its own; its first step ends when all are durable.
        let mut steps = Vec::new();
        for arrival in arrivals {
            if let Some(id) = arrival.identity() {
                if self.taken().holds(&id) {
                    metrics::counter!("zapis_inbound_repeated_total").increment(1);
                    continue;
                }
                taken.push(id);
            }
            match arrival {
                Arrival::Inbound {
                    mut inbound,
                    ownership,
                } => {
                    let step = accepted(&inbound.conversation, inbound.what.name());
                    inbound.trace = inbound.trace.begun_by(&step);
                    steps.push(step);
                    let stopped = || OwnershipChange {
                        cause: inbound.id.clone(),
                        at: inbound.at,
                        to: NewOwner::Same,
                    };
                    if let Some(change) = ownership.or_else(|| inbound.what.is_stop().then(stopped))
                    {
                        self.store
                            .change_ownership(&inbound.conversation, &change)
                            .await?;
                        crash::point("intake.owned");
                    }
                    let channel = CHANNELS.of(inbound.conversation.channel());
                    metrics::counter!("zapis_inbound_total", "channel" => channel, "kind" => inbound.what.name()).increment(1);
                    if inbound.what.expects_answer() {
                        doors.insert(inbound.conversation.door());
                    }
                    messages.push(inbound_message(&inbound));
                }
                Arrival::Delivery(report) => messages.push(delivery_message(&report)),
                Arrival::Outbound(mut outbound) => {
                    let step = accepted(&outbound.conversation, "staff");
                    outbound.trace = outbound.trace.begun_by(&step);
                    steps.push(step);
                    messages.push(outbound_message(&[*outbound]));
                }
                Arrival::Dead {
                    topic,
                    body,
                    reason,
                } => dead.push(self.letter(topic, &body, reason)),
            }
        }
        if !dead.is_empty() {
            metrics::counter!("zapis_dead_total", "stage" => "gateway")
                .increment(dead.len() as u64);
            self.store.bury(&dead).await?;
            crash::point("intake.buried");
        }
        if !messages.is_empty() {
            self.broker.publish(messages).await?;
            crash::point("intake.published");
            for door in doors {
                self.store.works(&format!("in {door}"), self.clock.now());
            }
        }
        self.taken().note(taken);
        Ok(())
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn letter(&self, topic: String, body: &Bytes, reason: String) -> DeadLetter {
        let text = String::from_utf8_lossy(body);
        DeadLetter {
            id: ids::derive(&["dead", &topic, &text]),
            key: String::new(),
            message_id: String::new(),
            topic,
            reason,
            body: body.to_vec(),
            at: self.clock.now(),
        }
    }
}

/// The first step of a trace.
fn accepted(conversation: &ConversationId, what: &'static str) -> Span {
    let step = step("accept", "producer", None);
    step.record("channel", conversation.channel());
    step.record("conversation", debug(conversation));
    step.record("what", what);
    step
}

/// An inbound as the queue takes it.
pub fn inbound_message(inbound: &Inbound) -> Publish {
    Publish {
        topic: Topic::inbound(),
        key: inbound.conversation.as_str().to_owned(),
        id: inbound.id.clone(),
        body: json(inbound),
        trace: inbound.trace.clone(),
    }
}

/// Outbound messages of one conversation as the queue takes them: one message, so that their order
/// holds. The slice must not be empty.
pub fn outbound_message(batch: &[Outbound]) -> Publish {
    let (topic, key, id, trace) = match batch.first() {
        Some(first) => (
            Topic::outbound(first.conversation.channel()),
            first.conversation.as_str().to_owned(),
            first.id.to_string(),
            first.trace.clone(),
        ),
        None => (
            Topic::outbound("none"),
            String::new(),
            String::new(),
            TraceParent::start(),
        ),
    };
    Publish {
        topic,
        key,
        id,
        body: json(&batch),
        trace,
    }
}

fn delivery_id(report: &DeliveryReport) -> Uuid {
    let status = format!("{:?}", report.status);
    ids::derive(&["delivery", &report.account, &report.provider_id, &status])
}

/// A report as the queue takes it: for the journal, and all reports of a message in their order.
fn delivery_message(report: &DeliveryReport) -> Publish {
    Publish {
        topic: Topic::journal(),
        key: format!("{}:{}", report.account, report.provider_id),
        id: delivery_id(report).to_string(),
        body: json(report),
        trace: TraceParent::start(),
    }
}

/// JSON of our own types, which cannot fail: their maps have string keys and their numbers are finite.
fn json<T: serde::Serialize + ?Sized>(value: &T) -> Bytes {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .unwrap_or_default()
}
