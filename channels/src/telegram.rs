//! Telegram: bots by long polling or webhook, and the staff's group.
//!
//! Conversations are `telegram:{account}:{chat}`; see `address` for topics of private chats and
//! for business accounts. The staff's group is the conversation that [`TelegramConfig::desk`] names.

mod account;
mod address;
mod api;
mod arrivals;
mod board;
mod config;
mod content;
mod desk;
mod fields;
mod keyboard;
mod poll;
mod probe;
mod send;
#[cfg(test)]
mod tests;
mod text;
mod translate;
mod verdicts;
mod webhook;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use futures::FutureExt;
use futures::future::join_all;
use tokio_util::sync::CancellationToken;
use zapis_core::files::FileError;
use zapis_core::ids;
use zapis_core::intake::Intake;
use zapis_core::message::{Content, Outbound, ProviderError};
use zapis_core::sessions::Rate;

pub use self::config::{Mode, TelegramConfig};

use self::account::Account;
use self::address::Address;
use crate::files::not_configured;
use crate::{Channel, Probe, SendError, Sent};

/// The first part of conversation ids.
const NAME: &str = "telegram";

/// 30 messages a second for a bot.
const PER_BOT: Rate = Rate {
    burst: 3,
    every: Duration::from_millis(37),
};

/// One message a second in a private chat, with short bursts.
const PER_CHAT: Rate = Rate {
    burst: 3,
    every: Duration::from_secs(1),
};

/// 20 messages a minute in a group, all its topics together.
const PER_GROUP: Rate = Rate {
    burst: 4,
    every: Duration::from_millis(3_750),
};

/// Longer than any call: whoever claimed a message so long ago is not in the middle of sending it.
const LONGEST_CALL: Duration = Duration::from_secs(25);

/// All bots.
pub struct Telegram {
    accounts: Arc<BTreeMap<String, Arc<Account>>>,
    public_url: String,
}

/// Why a bot cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("telegram {account}: no usable connection")]
pub struct SetUpError {
    /// Which one.
    pub account: String,
    /// Mostly a proxy that is none.
    #[source]
    pub source: reqwest::Error,
}

impl fmt::Debug for Telegram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Telegram")
            .field(&self.accounts.keys())
            .finish()
    }
}

impl Telegram {
    /// Sets the enabled bots up. `public_url` is where Telegram reaches us (`[server] public_url`);
    /// `takeover` is how long the bot keeps silent after a word of the staff (`[staff]`).
    pub fn new(
        accounts: Vec<TelegramConfig>,
        public_url: &str,
        takeover: TimeDelta,
        intake: &Intake,
    ) -> Result<Self, SetUpError> {
        let mut bots = BTreeMap::new();
        for config in accounts.into_iter().filter(|config| config.enabled) {
            let name = config.account.clone();
            let bot =
                Account::new(config, takeover, intake.clone()).map_err(|source| SetUpError {
                    account: name.clone(),
                    source: source.without_url(),
                })?;
            bots.insert(name, Arc::new(bot));
        }
        Ok(Self {
            accounts: Arc::new(bots),
            public_url: public_url.to_owned(),
        })
    }

    fn account(&self, outbound: &Outbound) -> Option<&Arc<Account>> {
        self.accounts.get(outbound.conversation.account())
    }

    /// The call to the owner. It goes first and keeps the id: where the staff's group is lost, the
    /// owner still has to learn of it.
    fn for_owner(&self, outbound: &Outbound) -> Option<Outbound> {
        let Content::Card(card) = &outbound.content else {
            return None;
        };
        let owner = self.account(outbound)?.config.owner()?;
        let wanted = desk::calls_owner(card) && owner != outbound.conversation;
        wanted.then(|| Outbound {
            conversation: owner,
            ..outbound.clone()
        })
    }
}

#[async_trait]
impl Channel for Telegram {
    fn name(&self) -> &'static str {
        NAME
    }

    fn routes(&self) -> axum::Router {
        webhook::routes(Arc::clone(&self.accounts))
    }

    async fn listen(&self, stop: CancellationToken) {
        let bots = self.accounts.values().map(|account| {
            let (account, stop) = (Arc::clone(account), stop.clone());
            match account.config.mode {
                Mode::Polling => poll::poll(account, stop).boxed(),
                Mode::Webhook => webhook::register(account, self.public_url.clone(), stop).boxed(),
            }
        });
        join_all(bots).await;
    }

    fn split(&self, outbound: Outbound) -> Vec<Outbound> {
        let contents = match &outbound.content {
            Content::Message {
                text,
                buttons,
                staff,
            } => {
                let parts = text::split(text, text::MESSAGE_UNITS);
                let last = parts.len() - 1;
                let part = |(n, text)| Content::Message {
                    text,
                    buttons: if n == last {
                        buttons.clone()
                    } else {
                        Vec::new()
                    },
                    staff: staff.clone(),
                };
                parts.into_iter().enumerate().map(part).collect()
            }
            Content::Relay {
                about,
                name,
                from,
                text,
            } => {
                let part = |text| Content::Relay {
                    about: about.clone(),
                    name: name.clone(),
                    from: *from,
                    text,
                };
                let parts = text::split(text, desk::RELAYED_UNITS);
                parts.into_iter().map(part).collect()
            }
            Content::Card(_) => {
                let Some(call) = self.for_owner(&outbound) else {
                    return vec![outbound];
                };
                let id = ids::of(outbound.id, "part", 1);
                return vec![call, Outbound { id, ..outbound }];
            }
            Content::Typing { .. } | Content::Draft(_) | Content::Lesson(_) | Content::Board(_) => {
                return vec![outbound];
            }
        };
        parts_of(&outbound, contents)
    }

    fn limits(&self, outbound: &Outbound) -> Vec<(String, Rate)> {
        let account = outbound.conversation.account();
        let mut limits = Vec::new();
        let typing = matches!(outbound.content, Content::Typing { .. });
        if let Some(address) = Address::parse(outbound.conversation.peer())
            && !typing
        {
            let rate = if address.chat < 0 {
                PER_GROUP
            } else {
                PER_CHAT
            };
            limits.push((bucket(account, &address), rate));
        }
        limits.push((format!("{NAME}:{account}"), PER_BOT));
        limits
    }

    async fn send(&self, outbound: &Outbound) -> Result<Sent, SendError> {
        match self.account(outbound) {
            Some(account) => account.send(outbound).await,
            None => Err(SendError::Refused(ProviderError {
                code: "account".to_owned(),
                text: "the account is not configured any more".to_owned(),
            })),
        }
    }

    fn doubt(&self) -> Duration {
        LONGEST_CALL
    }

    async fn fetch(&self, account: &str, file: &str) -> Result<Bytes, FileError> {
        match self.accounts.get(account) {
            Some(account) => account.api.file(file).await,
            None => Err(not_configured()),
        }
    }

    async fn probe(&self) -> Vec<Probe> {
        let probes = self.accounts.values().map(|account| account.probe());
        join_all(probes).await.into_iter().flatten().collect()
    }
}

/// The bucket of a chat.
fn bucket(account: &str, address: &Address) -> String {
    format!("{NAME}:{account}:{}", address.chat)
}

/// The parts of a message, each with its own id.
fn parts_of(outbound: &Outbound, contents: Vec<Content>) -> Vec<Outbound> {
    contents
        .into_iter()
        .enumerate()
        .map(|(n, content)| Outbound {
            id: match n {
                0 => outbound.id,
                n => ids::of(outbound.id, "part", n),
            },
            content,
            ..outbound.clone()
        })
        .collect()
}
