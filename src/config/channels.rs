//! `[[channels.…]]`: the doors, any number of accounts each.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
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

    /// Whether an enabled Telegram bot sits in a staff group.
    pub fn has_staff_chat(&self) -> bool {
        let mut bots = self.telegram.iter();
        bots.any(|bot| bot.enabled && bot.staff_chat.is_some())
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

/// A WhatsApp number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WhatsAppConfig {
    /// Our name of it.
    pub account: String,
    /// Meta's id of the number.
    pub phone_number_id: String,
    /// Of the system user.
    pub access_token: Secret,
    /// Signs the webhooks.
    pub app_secret: Secret,
    /// For the handshake.
    pub verify_token: Secret,
    /// Ends with the version.
    pub api_url: String,
    /// Whose API it is.
    pub flavour: Flavour,
    /// 360dialog: replaces the signature.
    pub webhook_secret: Secret,
    /// Purpose = approved template.
    pub templates: BTreeMap<String, Template>,
    /// `socks5://…` or `http://…`; empty: none.
    pub proxy: String,
    /// Whether it is used.
    pub enabled: bool,
}

/// Whose WhatsApp API it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Flavour {
    /// Meta's own.
    #[default]
    #[serde(rename = "cloud")]
    Cloud,
    /// 360dialog's.
    #[serde(rename = "360dialog")]
    Dialog360,
}

/// An approved template.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// As approved.
    pub name: String,
    /// As approved.
    pub language: String,
}

impl Default for WhatsAppConfig {
    fn default() -> Self {
        Self {
            account: String::new(),
            phone_number_id: String::new(),
            access_token: Secret::default(),
            app_secret: Secret::default(),
            verify_token: Secret::default(),
            api_url: "https://graph.facebook.com/v26.0".to_owned(),
            flavour: Flavour::Cloud,
            webhook_secret: Secret::default(),
            templates: BTreeMap::new(),
            proxy: String::new(),
            enabled: true,
        }
    }
}

impl WhatsAppConfig {
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
        for (value, key) in [
            (self.phone_number_id.as_str(), "phone_number_id"),
            (self.access_token.expose(), "access_token"),
        ] {
            let key = format!("{path}.{key}");
            findings.check(
                !value.is_empty(),
                &key,
                "missing",
                "see the page of your app at Meta",
            );
        }
    }
}

/// A chat on web pages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebChatConfig {
    /// Our name of it.
    pub account: String,
    /// Pages that may hold it.
    pub allowed_origins: Vec<String>,
    /// `socks5://…` or `http://…`; empty: none.
    pub proxy: String,
    /// Whether it is used.
    pub enabled: bool,
}

impl Default for WebChatConfig {
    fn default() -> Self {
        Self {
            account: String::new(),
            allowed_origins: Vec::new(),
            proxy: String::new(),
            enabled: true,
        }
    }
}

impl WebChatConfig {
    /// Notes what is missing; `path` is the section's place.
    pub fn check(&self, path: &str, findings: &mut Findings) {
        findings.check(
            named(&self.account),
            &format!("{path}.account"),
            "no name",
            "use latin letters, digits, - and _",
        );
        findings.check(
            !self.enabled || !self.allowed_origins.is_empty(),
            &format!("{path}.allowed_origins"),
            "empty: no page could use the chat",
            "name your site, e.g. [\"https://salon.example\"]",
        );
    }
}
