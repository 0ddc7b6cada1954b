//! `[[channels.…]]`: the doors, any number of accounts each.

use std::collections::BTreeSet;

use serde::Deserialize;
use zapis_channels::webchat::WebchatConfig;
use zapis_channels::whatsapp::WhatsAppConfig;
use zapis_core::config::{Findings, Secret};

/// The `[[channels.…]]` sections.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelsConfig {
    /// Telegram bots.
    pub telegram: Vec<TelegramConfig>,
    /// WhatsApp numbers.
    pub whatsapp: Vec<WhatsAppConfig>,
    /// Chats on web pages.
    pub webchat: Vec<WebchatConfig>,
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
        let called = |bot: &TelegramConfig| bot.staff_chat.or(bot.owner_chat).is_some();
        self.telegram.iter().any(|bot| bot.enabled && called(bot))
    }

    /// Whether a customer can come in at all.
    pub fn any_enabled(&self) -> bool {
        self.telegram.iter().any(|account| account.enabled)
            || self.whatsapp.iter().any(|account| account.enabled)
            || self.webchat.iter().any(|account| account.enabled)
    }
}

fn named(account: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    !account.is_empty() && account.bytes().all(letter)
}

/// A Telegram bot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelegramConfig {
    /// Our name of it.
    pub account: String,
    /// From @BotFather.
    pub token: Secret,
    /// How updates come.
    pub mode: TelegramMode,
    /// What Telegram proves itself with when it calls us.
    pub webhook_secret: Secret,
    /// The Bot API.
    pub api_url: String,
    /// The staff group.
    pub staff_chat: Option<i64>,
    /// Who is called when staff does not answer.
    pub owner_chat: Option<i64>,
    /// How long the bot keeps silent after a word of the staff.
    pub takeover_minutes: u32,
    /// `socks5://…` or `http://…`; empty: none.
    pub proxy: String,
    /// Whether it is used.
    pub enabled: bool,
}

/// How Telegram updates come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TelegramMode {
    /// We ask.
    #[default]
    Polling,
    /// Telegram calls us.
    Webhook,
}

impl Default for TelegramConfig {
    fn default() -> Self {
        Self {
            account: String::new(),
            token: Secret::default(),
            mode: TelegramMode::Polling,
            webhook_secret: Secret::default(),
            api_url: "https://api.telegram.org".to_owned(),
            staff_chat: None,
            owner_chat: None,
            takeover_minutes: 120,
            proxy: String::new(),
            enabled: true,
        }
    }
}

impl TelegramConfig {
    /// Notes what is missing; `path` is the section's place.
    pub fn check(&self, path: &str, findings: &mut Findings) {
        findings.check(
            named(&self.account),
            &format!("{path}.account"),
            "no name",
            "use latin letters, digits, - and _",
        );
        if !self.enabled {
            return;
        }
        findings.check(
            !self.token.is_empty(),
            &format!("{path}.token"),
            "missing",
            "get one from @BotFather",
        );
        findings.check(
            self.mode == TelegramMode::Polling || !self.webhook_secret.is_empty(),
            &format!("{path}.webhook_secret"),
            "missing: without it anybody could write in a customer's name",
            "use 16 to 256 random latin letters and digits",
        );
    }
}
