//! The web chat: the widget, its socket, and the events + messages fallback.
//!
//! An event of a conversation lives in the store's web-chat log before anything else happens to it.
//! A customer's message is appended, then published, then marked as published, then acknowledged;
//! a repeat finds its first `seq`, and is published again while the mark is missing. Our own
//! messages are appended under their outbound id, so sending twice writes once. Whoever shows a
//! conversation reads the log from the last `seq` it has shown: a hint only says that it is worth
//! looking, so any gateway serves any conversation.

mod accept;
mod config;
mod events;
mod feed;
mod hub;
mod limiter;
mod origin;
mod routes;
mod socket;
mod visitor;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use zapis_core::intake::Intake;
use zapis_core::message::{Content, Outbound, ProviderError};
use zapis_core::sessions::Rate;
use zapis_core::store::ChatEntry;

use crate::{Channel, Probe, SendError, Sent};

use accept::Site;
use hub::{Hint, Hub};

pub use config::WebChatConfig;

/// The first part of this channel's conversation ids.
const NAME: &str = "webchat";

/// All web chats of this installation. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WebChat {
    sites: Arc<HashMap<String, Arc<Site>>>,
    intake: Intake,
    hub: Hub,
}

impl WebChat {
    /// Joins the enabled accounts to the way into the queue.
    pub fn new(accounts: &[WebChatConfig], intake: Intake) -> Self {
        let hub = Hub::default();
        let sites = accounts
            .iter()
            .filter(|config| config.enabled)
            .map(|config| {
                let site = Site::new(config.clone(), intake.clone(), hub.clone());
                (config.account.clone(), Arc::new(site))
            })
            .collect();
        Self {
            sites: Arc::new(sites),
            intake,
            hub,
        }
    }

    fn site(&self, account: &str) -> Option<Arc<Site>> {
        self.sites.get(account).cloned()
    }
}

#[async_trait]
impl Channel for WebChat {
    fn name(&self) -> &'static str {
        NAME
    }

    fn routes(&self) -> axum::Router {
        routes::routes(self.clone())
    }

    /// Looks for what other processes wrote, then sends the visitors away.
    async fn listen(&self, stop: CancellationToken) {
        self.hub.watch(self.intake.store(), &stop).await;
        self.hub.close();
    }

    fn limits(&self, _outbound: &Outbound) -> Vec<(String, Rate)> {
        Vec::new()
    }

    async fn send(&self, outbound: &Outbound) -> Result<Sent, SendError> {
        let conversation = &outbound.conversation;
        let (text, buttons, staff) = match &outbound.content {
            Content::Message {
                text,
                buttons,
                staff,
            } => (text, buttons, staff),
            Content::Typing { inbound } => {
                let from = if inbound.is_some() { "bot" } else { "staff" };
                self.hub.hint(conversation, Hint::Typing(from));
                return Ok(Sent { provider_id: None });
            }
            Content::Card(_)
            | Content::Relay { .. }
            | Content::Draft(_)
            | Content::Lesson(_)
            | Content::Board(_) => {
                return Err(SendError::Refused(ProviderError {
                    code: "unsupported".into(),
                    text: "the staff has no desk in the web chat".into(),
                }));
            }
        };
        let entry = ChatEntry {
            seq: 0,
            id: outbound.id.to_string(),
            from: if staff.is_some() { "staff" } else { "bot" }.to_owned(),
            name: staff.clone(),
            text: without_marks(text),
            buttons: buttons.clone(),
            at: self.intake.clock().now(),
        };
        let appended = self
            .intake
            .store()
            .chat_append(conversation, &entry, true)
            .await
            // Appending twice writes once, so a lost answer is no doubt.
            .map_err(|error| SendError::NotSent(Box::new(error)))?;
        self.hub.hint(conversation, Hint::Grown(appended.seq));
        Ok(Sent {
            provider_id: Some(appended.seq.to_string()),
        })
    }

    fn doubt(&self) -> Duration {
        Duration::ZERO
    }

    async fn probe(&self) -> Vec<Probe> {
        let mut probes: Vec<Probe> = self.sites.values().map(|site| site.probe()).collect();
        probes.sort_by(|a, b| a.what.cmp(&b.what));
        probes
    }
}

/// The text without the marks for bold words: the widget shows plain text.
fn without_marks(text: &str) -> String {
    let parts: Vec<&str> = text.split("**").collect();
    // A mark without a partner was meant as two asterisks.
    if parts.len() % 2 == 1 {
        return parts.concat();
    }
    let (last, paired) = parts.split_last().unwrap_or((&"", &[]));
    format!("{}**{last}", paired.concat())
}
