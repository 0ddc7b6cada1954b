//! WhatsApp Cloud API: webhooks in, Graph API out; Meta's own or through 360dialog.

mod body;
mod config;
mod envelope;
mod errors;
mod graph;
mod items;
mod json;
mod people;
mod signature;
#[cfg(test)]
mod tests;
mod text;
mod translate;
mod webhook;
mod window;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::debug;
use zapis_core::files::FileError;
use zapis_core::ids;
use zapis_core::intake::Intake;
use zapis_core::message::{Button, Content, ConversationId, Outbound, ProviderError};
use zapis_core::sessions::Rate;
use zapis_core::store::StoreError;

use crate::files::not_configured;
use crate::{Channel, Probe, SendError, Sent};
pub use config::{Flavour, Template, WhatsAppConfig};
use errors::Refusal;
use graph::{CallError, Graph};

/// The first part of its conversation ids.
const NAME: &str = "whatsapp";

/// What one customer may get: a burst, then one message every six seconds.
const PAIR: Rate = Rate {
    burst: 10,
    every: Duration::from_secs(6),
};

/// "typing…" that is older than this is not worth a call.
const TYPING_WORTH: TimeDelta = TimeDelta::seconds(20);

/// How many customers are remembered as written to too fast.
const PAIRS_REMEMBERED: usize = 10_000;

/// The channel, with all its numbers. Cheap to clone.
#[derive(Clone)]
pub struct WhatsApp(Arc<Inner>);

struct Inner {
    accounts: BTreeMap<String, Account>,
    takeover: TimeDelta,
    intake: Intake,
    /// How often in a row Meta found us too fast for a customer.
    too_fast: Mutex<HashMap<ConversationId, u32>>,
}

struct Account {
    config: WhatsAppConfig,
    graph: Graph,
}

impl fmt::Debug for WhatsApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WhatsApp({:?})", self.0.accounts.keys())
    }
}

impl WhatsApp {
    /// Prepares the enabled numbers; `takeover` is how long the bot keeps silent after a person has
    /// answered from the phone (`[staff]`). Fails on an unusable proxy.
    pub fn new(
        accounts: impl IntoIterator<Item = WhatsAppConfig>,
        takeover: TimeDelta,
        intake: Intake,
    ) -> Result<Self, reqwest::Error> {
        let mut ready = BTreeMap::new();
        for config in accounts.into_iter().filter(|config| config.enabled) {
            let graph = Graph::new(&config)?;
            ready.insert(config.account.clone(), Account { config, graph });
        }
        Ok(Self(Arc::new(Inner {
            accounts: ready,
            takeover,
            intake,
            too_fast: Mutex::default(),
        })))
    }

    fn account(&self, name: &str) -> Option<&Account> {
        self.0.accounts.get(name)
    }

    fn configs(&self) -> impl Iterator<Item = &WhatsAppConfig> {
        self.0.accounts.values().map(|account| &account.config)
    }

    fn intake(&self) -> &Intake {
        &self.0.intake
    }

    /// Sends a message: free within the window, a template after it.
    async fn send_message(
        &self,
        account: &Account,
        outbound: &Outbound,
        message: Message<'_>,
    ) -> Result<Sent, SendError> {
        let conversation = &outbound.conversation;
        let store = self.intake().store();
        let known = store.known(conversation).await.map_err(not_now)?;
        let aliases = store
            .aliases(NAME, &account.config.account, conversation.peer())
            .await
            .map_err(not_now)?;
        let newest_id = store
            .value(&newest_id(conversation))
            .await
            .map_err(not_now)?;
        let newest = (known.phone.as_deref(), newest_id.as_deref());
        let named_by = [conversation.peer().to_owned()];
        let to = body::address(&aliases, newest)
            .or_else(|| body::address(&named_by, newest))
            .ok_or_else(|| refused("the customer has no address"))?;
        let wrote_at = outbound.customer_wrote_at.max(known.wrote_at);
        let content = if window::is_open(wrote_at, self.intake().clock().now()) {
            self.free(outbound, message).await?
        } else {
            template(account, outbound).ok_or(SendError::WindowClosed)?
        };
        let body = body::addressed(content, to, outbound.id);
        match account.graph.post(&account.config, &body).await {
            Ok(answer) => {
                self.forget_pace(conversation);
                Ok(Sent {
                    provider_id: graph::message_id(&answer),
                })
            }
            Err(CallError::Lost(error)) => Err(error),
            Err(CallError::Refused(refusal)) => Err(self.judge(outbound, refusal)),
        }
    }

    async fn free(&self, outbound: &Outbound, message: Message<'_>) -> Result<Value, SendError> {
        let Message {
            text,
            buttons,
            staff,
        } = message;
        if text.trim().is_empty() && buttons.is_empty() {
            return Err(refused("the message is empty"));
        }
        let shown = body::button_ids(buttons);
        let kept: Vec<(String, String)> = shown
            .iter()
            .zip(buttons)
            .filter(|((_, keep), _)| *keep)
            .map(|((id, _), button)| (id.clone(), button.payload.clone()))
            .collect();
        if !kept.is_empty() {
            let store = self.intake().store();
            store
                .put_buttons(&outbound.conversation, &kept)
                .await
                .map_err(not_now)?;
        }
        let ids: Vec<String> = shown.into_iter().map(|(id, _)| id).collect();
        let language = &outbound.language;
        Ok(body::message(text, buttons, &ids, staff, language))
    }

    /// "typing…": worth an attempt and never an error.
    async fn send_typing(&self, account: &Account, outbound: &Outbound, inbound: &str) -> Sent {
        let age = self.intake().clock().now() - outbound.at;
        if age < TYPING_WORTH {
            let body = body::typing(inbound);
            if let Err(error) = account.graph.post(&account.config, &body).await {
                let error = match error {
                    CallError::Refused(refusal) => refusal.into_error().code,
                    CallError::Lost(error) => zapis_core::causes(&error).to_string(),
                };
                debug!(?outbound, error, "Did not show that somebody types");
            }
        }
        Sent { provider_id: None }
    }

    fn judge(&self, outbound: &Outbound, refusal: Refusal) -> SendError {
        let pause = if refusal.is_pair_rate() {
            self.pace(&outbound.conversation)
        } else {
            Duration::ZERO
        };
        let conversation = &outbound.conversation;
        let buckets = (number_bucket(conversation), pair_bucket(conversation));
        refusal.into_send_error(buckets.0, buckets.1, pause)
    }

    /// How long to leave a customer in peace: 1, 4, 16, … seconds, at most an hour.
    fn pace(&self, conversation: &ConversationId) -> Duration {
        let mut too_fast = self.lock_pace();
        if too_fast.len() >= PAIRS_REMEMBERED {
            too_fast.clear();
        }
        let times = too_fast.entry(conversation.clone()).or_default();
        let pause = 4_u64.saturating_pow(*times).min(3_600);
        *times = times.saturating_add(1);
        Duration::from_secs(pause)
    }

    fn forget_pace(&self, conversation: &ConversationId) {
        self.lock_pace().remove(conversation);
    }

    fn lock_pace(&self) -> std::sync::MutexGuard<'_, HashMap<ConversationId, u32>> {
        self.0
            .too_fast
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The parts of [`Content::Message`].
#[derive(Clone, Copy)]
struct Message<'a> {
    text: &'a str,
    buttons: &'a [Button],
    staff: Option<&'a str>,
}

/// The template that the message's purpose has, if it has one.
fn template(account: &Account, outbound: &Outbound) -> Option<Value> {
    let purpose = outbound.purpose.as_ref()?;
    let template = account.config.templates.get(&purpose.name)?;
    Some(body::template(template, purpose))
}

fn number_bucket(conversation: &ConversationId) -> String {
    format!("{NAME}:{}", conversation.account())
}

/// Named by a hash: the name of a bucket may be logged, a customer's phone may not.
fn pair_bucket(conversation: &ConversationId) -> String {
    let customer = ids::derive(&["pair", conversation.as_str()]);
    format!("{NAME}:{}:{customer}", conversation.account())
}

/// Where the store keeps the customer's newest id of the business's scope.
fn newest_id(conversation: &ConversationId) -> String {
    let customer = ids::derive(&["newest id", conversation.as_str()]);
    format!("{NAME}:newest-id:{customer}")
}

fn not_now(error: StoreError) -> SendError {
    SendError::NotSent(Box::new(error))
}

fn refused(reason: &str) -> SendError {
    SendError::Refused(ProviderError {
        code: "zapis".to_owned(),
        text: reason.to_owned(),
    })
}

#[async_trait]
impl Channel for WhatsApp {
    fn name(&self) -> &'static str {
        NAME
    }

    fn routes(&self) -> axum::Router {
        webhook::routes(self.clone())
    }

    async fn listen(&self, _stop: CancellationToken) {}

    fn split(&self, outbound: Outbound) -> Vec<Outbound> {
        body::split(outbound)
    }

    fn limits(&self, outbound: &Outbound) -> Vec<(String, Rate)> {
        let conversation = &outbound.conversation;
        let per_second = self
            .account(conversation.account())
            .map_or(80, |account| account.config.messages_per_second.max(1));
        let number = Rate {
            burst: per_second,
            every: Duration::from_secs(1) / per_second,
        };
        let mut limits = vec![(number_bucket(conversation), number)];
        if !matches!(outbound.content, Content::Typing { .. }) {
            limits.push((pair_bucket(conversation), PAIR));
        }
        limits
    }

    async fn send(&self, outbound: &Outbound) -> Result<Sent, SendError> {
        let account = self
            .account(outbound.conversation.account())
            .ok_or_else(|| refused("the account is not configured"))?;
        match &outbound.content {
            Content::Message {
                text,
                buttons,
                staff,
            } => {
                let staff = staff.as_deref();
                let message = Message {
                    text,
                    buttons,
                    staff,
                };
                self.send_message(account, outbound, message).await
            }
            Content::Typing {
                inbound: Some(inbound),
            } => Ok(self.send_typing(account, outbound, inbound).await),
            // It can be shown under a message of the customer only.
            Content::Typing { inbound: None } => Ok(Sent { provider_id: None }),
            Content::Card(_)
            | Content::Relay { .. }
            | Content::Draft(_)
            | Content::Lesson(_)
            | Content::Board(_) => Err(refused(
                "WhatsApp has no staff chat: configure one in Telegram",
            )),
        }
    }

    fn doubt(&self) -> Duration {
        Duration::from_secs(25)
    }

    async fn fetch(&self, account: &str, file: &str) -> Result<Bytes, FileError> {
        match self.account(account) {
            Some(account) => account.graph.file(&account.config, file).await,
            None => Err(not_configured()),
        }
    }

    async fn probe(&self) -> Vec<Probe> {
        let mut probes = Vec::new();
        for (name, account) in &self.0.accounts {
            let result = account.graph.health(&account.config).await;
            probes.push(Probe {
                what: format!("{NAME} {name}"),
                result: result.map_err(|error| match error {
                    CallError::Lost(error) => zapis_core::causes(&error).to_string(),
                    CallError::Refused(refusal) => {
                        let ProviderError { code, text } = refusal.into_error();
                        format!("{code} {text}: check access_token, phone_number_id and api_url")
                    }
                }),
            });
        }
        probes
    }
}
