//! `[[channels.…]]`: the doors, any number of accounts each.

use std::collections::BTreeSet;

use serde::Deserialize;
use zapis_channels::telegram::TelegramConfig;
use zapis_channels::webchat::WebChatConfig;
use zapis_channels::whatsapp::WhatsAppConfig;
use zapis_core::config::Findings;
use zapis_core::message::ConversationId;

/// The `[[channels.…]]` sections.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelsConfig {
    /// Telegram bots.
    pub telegram: Vec<TelegramConfig>,
    /// WhatsApp numbers.
    pub whatsapp: Vec<WhatsAppConfig>,
    /// Chats on web pages.
    pub webchat: Vec<WebChatConfig>,
}

impl ChannelsConfig {
    /// Notes what is out of range, and accounts that cannot be told apart.
    pub fn check(&self, findings: &mut Findings) {
        let accounts = |channel: &str, names: Vec<&str>, findings: &mut Findings| {
            let mut known = BTreeSet::new();
            for (n, name) in names.into_iter().enumerate() {
                findings.check(
                    known.insert(name.to_owned()),
                    &format!("channels.{channel}.{n}.account"),
                    "another account of this channel has this name",
                    "give each account its own name",
                );
            }
        };
        let telegram = self.telegram.iter().map(|one| one.account.as_str());
        accounts("telegram", telegram.collect(), findings);
        let whatsapp = self.whatsapp.iter().map(|one| one.account.as_str());
        accounts("whatsapp", whatsapp.collect(), findings);
        let webchat = self.webchat.iter().map(|one| one.account.as_str());
        accounts("webchat", webchat.collect(), findings);
        for (n, account) in self.telegram.iter().enumerate() {
            account.check(&format!("channels.telegram.{n}"), findings);
        }
        for (n, account) in self.whatsapp.iter().enumerate() {
            account.check(&format!("channels.whatsapp.{n}"), findings);
        }
        for (n, account) in self.webchat.iter().enumerate() {
            account.check(&format!("channels.webchat.{n}"), findings);
        }
    }

    /// Whether an enabled Telegram bot sits in a staff group, or at least knows the owner.
    pub fn has_desk(&self) -> bool {
        let mut bots = self.telegram.iter();
        bots.any(|bot| bot.enabled && bot.desk().is_some())
    }

    /// The owner's own chat with the first enabled Telegram bot that knows it.
    pub fn owner(&self) -> Option<ConversationId> {
        let mut bots = self.telegram.iter().filter(|bot| bot.enabled);
        bots.find_map(TelegramConfig::owner)
    }

    /// Whether a customer can come in at all.
    pub fn any_enabled(&self) -> bool {
        self.telegram.iter().any(|account| account.enabled)
            || self.whatsapp.iter().any(|account| account.enabled)
            || self.webchat.iter().any(|account| account.enabled)
    }
}
