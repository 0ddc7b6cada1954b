//! Calls to a portal.
//!
//! What may be repeated is decided by a short list of what was certainly not carried out, never by a list of
//! what should not be repeated: the portal runs a request for up to 60 s, also when nobody waits for it any
//! more, and knows no key that would recognise its repeat. Source: the provider's "How to call REST API" and
//! "System errors".

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;
use zapis_core::Clock;
use zapis_core::config::Secret;
use zapis_core::sessions::Sessions;
use zapis_core::store::{CrmTokens, Store};

use super::Bitrix24Config;
use super::batch::{self, BATCH};
use super::event::{Installation, WANTED};
use super::items::is;
use super::limits::Limits;
use super::oauth::{Keeper, RENEWING};
use super::outcome::{Class, Failure, judge, unreadable};
use super::row::Row;
use super::standing::Standing;
use super::transport::Transport;
use super::wire::Envelope;
use crate::crm::{Health, Trouble, Verdict};

/// How often a read is tried whose outcome nobody knows.
const READS: u32 = 3;
/// How often a request is sent again that found the portal's bucket full.
const KNOCKS: u32 = 5;

/// What a portal answered.
#[derive(Clone, PartialEq)]
pub struct Answer {
    /// `result`.
    pub result: Value,
    /// How many there are in all, where the method counts.
    pub total: Option<u64>,
    /// Where the next page begins.
    pub next: Option<u64>,
}

impl fmt::Debug for Answer {
    /// Without the result, which is about customers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer(total {:?}, next {:?})", self.total, self.next)
    }
}

impl From<Envelope> for Answer {
    fn from(envelope: Envelope) -> Self {
        Self {
            result: envelope.result.unwrap_or_default(),
            total: envelope.total,
            next: envelope.next,
        }
    }
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For the answer to a read.
    pub(super) read: Duration,
    /// For the answer to a write: longer than the portal works on one.
    pub(super) write: Duration,
    /// For a place under the limits.
    pub(super) place: Duration,
    /// Before a second try; longer before each further one.
    pub(super) pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            read: Duration::from_secs(30),
            write: Duration::from_secs(70),
            place: Duration::from_mins(1),
            pause: Duration::from_secs(1),
        }
    }
}

/// Calls to a portal, under its limits.
#[derive(Debug)]
pub struct Client {
    door: Door,
    transport: Arc<Transport>,
    limits: Limits,
    standing: Standing,
    patience: Patience,
}

/// What opens the portal.
#[derive(Debug)]
enum Door {
    /// The address is the key.
    Webhook(Secret),
    App(Arc<Keeper>),
}

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Read,
    Write,
}

impl Client {
    /// Prepares the client of the configured portal. Fails on an unusable proxy.
    pub fn new(
        config: &Bitrix24Config,
        store: &Store,
        sessions: &Arc<dyn Sessions>,
        clock: &Clock,
    ) -> Result<Self, reqwest::Error> {
        Self::with(config, store, sessions, clock, Patience::default())
    }

    pub(super) fn with(
        config: &Bitrix24Config,
        store: &Store,
        sessions: &Arc<dyn Sessions>,
        clock: &Clock,
        patience: Patience,
    ) -> Result<Self, reqwest::Error> {
        let transport = Arc::new(Transport::new(&config.proxy)?);
        let door = if config.webhook_url.is_empty() {
            let keeper = Keeper::new(config, store, clock, &transport, patience);
            Door::App(Arc::new(keeper))
        } else {
            Door::Webhook(config.webhook_url.clone())
        };
        let standing = Standing::default();
        standing.show();
        Ok(Self {
            door,
            transport,
            limits: Limits::new(config, sessions, clock, patience.place),
            standing,
            patience,
        })
    }

    /// Asks for something; may be repeated as often as needed.
    pub async fn read(&self, method: &str, params: Value) -> Result<Answer, Trouble> {
        Ok(self.call(method, params, &[], Way::Read).await?.into())
    }

    /// Changes something; sent once, unless it was certainly not carried out.
    pub async fn write(&self, method: &str, params: Value) -> Result<Answer, Trouble> {
        Ok(self.call(method, params, &[], Way::Write).await?.into())
    }

    /// Asks for several things in one request, by name: method and parameters. Never for texts of customers:
    /// the portal looks in each for references to other results. What holds a `$` is refused here.
    pub async fn batch(
        &self,
        reads: &[(&str, &str, Value)],
    ) -> Result<BTreeMap<String, Result<Value, Trouble>>, Trouble> {
        let mut results = BTreeMap::new();
        for part in reads.chunks(batch::MOST) {
            let (cmd, methods) = batch::commands(part, &mut results);
            if methods.is_empty() {
                continue;
            }
            let params = json!({ "halt": 0, "cmd": cmd });
            let answer = self.call(BATCH, params, &methods, Way::Read).await?;
            for (method, time) in batch::times(part, &answer) {
                self.limits.learn(method, time);
            }
            batch::sort(part, answer, &mut results);
            for (name, method, _) in part {
                if let Some(Err(trouble)) = results.get_mut(*name)
                    && trouble.health == Health::Parked
                {
                    trouble.after = Some(self.limits.park(method));
                }
            }
        }
        Ok(results)
    }

    /// Asks the portal of an app to tell this address what changes; how many kinds of events are new to it.
    pub async fn listen(&self, handler: &str) -> Result<usize, Trouble> {
        let bound = self.read("event.get", json!({})).await?;
        let bound = Row::all(bound.result);
        let is_bound = |event: &str| {
            let has = |row: &Row, name, value| row.text(name) == Some(value);
            let mut bound = bound.iter();
            bound.any(|row| has(row, "event", event) && has(row, "handler", handler))
        };
        let mut new = 0;
        for event in WANTED.into_iter().filter(|event| !is_bound(event)) {
            let params = json!({ "event": event, "handler": handler });
            match self.write("event.bind", params).await {
                Ok(_) => new += 1,
                // Another gateway was quicker.
                Err(trouble) if is(&trouble, "ERROR_HANDLER_ALREADY_EXIST") => {}
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(new)
    }

    /// How the portal is, from the last calls.
    pub fn health(&self) -> Health {
        match self.standing.health() {
            Health::Ok if self.limits.is_any_closed() => Health::Parked,
            health => health,
        }
    }

    /// Takes the tokens of an app that was installed, after proof that they are ours. Where a webhook is used,
    /// there is no app, and nothing is done.
    pub async fn install(&self, installation: &Installation) -> Result<(), Trouble> {
        let Door::App(keeper) = &self.door else {
            return Ok(());
        };
        let started = Instant::now();
        let result = keeper.install(installation).await;
        // Anybody can post one: what a stranger gets wrong says nothing of how the portal is.
        if result.is_ok() {
            self.standing.note(RENEWING, started.elapsed(), &result);
        }
        result
    }

    /// What events of the installed app are recognised by, beside the configured tokens.
    pub async fn application_token(&self) -> Option<Secret> {
        match &self.door {
            Door::App(keeper) => Some(keeper.tokens().await.ok()?.application),
            Door::Webhook(_) => None,
        }
    }

    /// One call with all its tries, counted as one.
    async fn call(
        &self,
        method: &str,
        params: Value,
        inner: &[&str],
        way: Way,
    ) -> Result<Envelope, Trouble> {
        let started = Instant::now();
        let result = self.tried(method, &params, inner, way).await;
        self.standing.note(method, started.elapsed(), &result);
        result
    }

    async fn tried(
        &self,
        method: &str,
        params: &Value,
        inner: &[&str],
        way: Way,
    ) -> Result<Envelope, Trouble> {
        let methods = [inner, &[method]].concat();
        let (mut knocks, mut lost, mut renewed) = (0, 0, false);
        loop {
            self.limits.enter(&methods).await?;
            let (body, url, tokens) = self.addressed(method, params).await?;
            let failure = match self.once(method, url, &body, way).await {
                Ok(answer) => {
                    self.limits.learn(method, answer.time);
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            match (failure.class, tokens, &self.door) {
                (Class::Token, Some(stale), Door::App(keeper)) if !renewed => {
                    renewed = true;
                    keeper.renewed(stale).await?;
                }
                (Class::Busy, ..) if knocks < KNOCKS => {
                    self.limits
                        .close(self.patience.pause * 2_u32.pow(knocks))
                        .await;
                    knocks += 1;
                }
                (Class::Lost | Class::Unreached, ..) if way == Way::Read && lost + 1 < READS => {
                    lost += 1;
                    tokio::time::sleep(self.patience.pause * lost).await;
                }
                (Class::Parked, ..) => {
                    let after = Some(self.limits.park(method));
                    return Err(Trouble {
                        after,
                        ..failure.trouble
                    });
                }
                _ => return Err(given_up(failure.trouble, way)),
            }
        }
    }

    /// One request.
    async fn once(
        &self,
        method: &str,
        url: Url,
        body: &Value,
        way: Way,
    ) -> Result<Envelope, Failure> {
        let within = match way {
            Way::Read => self.patience.read,
            Way::Write => self.patience.write,
        };
        let reply = self.transport.post(url, body, within).await;
        let reply = reply.map_err(|class| class.failure(method))?;
        match reply.envelope {
            Some(answer) if answer.problem.is_none() => match reply.status {
                200..=299 if answer.result.is_some() => Ok(answer),
                status => Err(unreadable(method, status)),
            },
            Some(answer) => {
                let problem = answer.problem.unwrap_or_default();
                Err(judge(method, reply.status, &problem))
            }
            None => Err(unreadable(method, reply.status)),
        }
    }

    /// The body and the address of a request, and the tokens in it.
    async fn addressed(
        &self,
        method: &str,
        params: &Value,
    ) -> Result<(Value, Url, Option<CrmTokens>), Trouble> {
        // PHP has one kind of map: no parameters are an empty one.
        let mut body = match params {
            Value::Object(_) => params.clone(),
            _ => json!({}),
        };
        let (base, tokens) = match &self.door {
            Door::Webhook(url) => (url.expose().to_owned(), None),
            Door::App(keeper) => {
                let tokens = keeper.tokens().await?;
                body["auth"] = tokens.access.expose().into();
                (tokens.endpoint.clone(), Some(tokens))
            }
        };
        let url = Url::parse(&format!("{}/{method}", base.trim_end_matches('/')));
        let url = url.map_err(|_| Class::Key.failure(method).trouble)?;
        Ok((body, url, tokens))
    }
}

/// A read changes nothing, so there is never a doubt about it.
fn given_up(trouble: Trouble, way: Way) -> Trouble {
    match (way, trouble.verdict) {
        (Way::Read, Verdict::Unknown) => Trouble {
            verdict: Verdict::Later,
            ..trouble
        },
        _ => trouble,
    }
}
