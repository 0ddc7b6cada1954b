//! One bot: a `[[channels.telegram]]` section.

use serde::Deserialize;
use zapis_core::config::{Findings, Secret};
use zapis_core::message::ConversationId;

use super::NAME;
use super::address::Address;

/// One `[[channels.telegram]]` account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelegramConfig {
    /// Names the bot in conversation ids and in the webhook's path.
    pub account: String,
    /// As `@BotFather` gives it.
    pub token: Secret,
    /// How updates come to us.
    pub mode: Mode,
    /// What Telegram proves itself with at the webhook: 1 to 256 of `A-Za-z0-9_-`.
    pub webhook_secret: Secret,
    /// The Bot API server.
    pub api_url: String,
    /// The staff's group.
    pub staff_chat: Option<i64>,
    /// The owner's private chat with the bot, for calls that nobody answered.
    pub owner_chat: Option<i64>,
    /// `socks5://…`, `socks5h://…` or `http://…`; empty: none.
    pub proxy: String,
    /// Whether it is used at all.
    pub enabled: bool,
}

/// How updates come to us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// We ask.
    #[default]
    Polling,
    /// Telegram calls.
    Webhook,
}

impl Default for TelegramConfig {
    fn default() -> Self {
        Self {
            account: String::new(),
            token: Secret::default(),
            mode: Mode::Polling,
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
    /// The conversation with the staff, where calls for a person go: the group, or else the owner.
    pub fn desk(&self) -> Option<ConversationId> {
        let chat = self.staff_chat.or(self.owner_chat)?;
        Address::chat(chat).conversation(&self.account)
    }

    /// The owner's own chat with the bot, if it is known.
    pub fn owner(&self) -> Option<ConversationId> {
        Address::chat(self.owner_chat?).conversation(&self.account)
    }

    /// Notes what is out of range. `key` is the section's path, e.g. `channels.telegram.0`.
    pub fn check(&self, key: &str, findings: &mut Findings) {
        let key = |name: &str| format!("{key}.{name}");
        findings.check(
            ConversationId::new(NAME, &self.account, "1").is_ok(),
            &key("account"),
            "not a usable name",
            "use letters, digits, - and _",
        );
        if !self.enabled {
            return;
        }
        findings.check(
            bot_id(self.token.expose()).is_some(),
            &key("token"),
            "not a bot's token",
            "copy it from @BotFather: 123456789:AAE…; env:TELEGRAM_TOKEN keeps it out of the file",
        );
        let secret = self.webhook_secret.expose();
        findings.check(
            secret.len() <= 256 && secret.bytes().all(in_secret),
            &key("webhook_secret"),
            "Telegram does not take this secret",
            "use 1 to 256 of A-Z, a-z, 0-9, _ and -",
        );
        findings.check(
            self.mode == Mode::Polling || !secret.is_empty(),
            &key("webhook_secret"),
            "a webhook needs a secret, or anybody could write to it",
            "set it, e.g. to the output of: openssl rand -hex 32",
        );
        let url = url::Url::parse(&self.api_url);
        findings.check(
            url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()),
            &key("api_url"),
            "not an address",
            "use \"https://api.telegram.org\" or your own Bot API server",
        );
        findings.check(
            self.proxy.is_empty() || reqwest::Proxy::all(&self.proxy).is_ok(),
            &key("proxy"),
            "not a proxy",
            "use \"socks5://host:1080\" or \"http://host:3128\"",
        );
        findings.check(
            self.staff_chat.is_none_or(|chat| chat < 0),
            &key("staff_chat"),
            "not a group: ids of groups are negative",
            "add the bot to the group and copy the group's id, e.g. -1001234567890",
        );
        findings.check(
            self.owner_chat.is_none_or(|chat| chat > 0),
            &key("owner_chat"),
            "not a private chat: ids of persons are positive",
            "let the owner write /start to the bot and copy the owner's id",
        );
    }
}

/// The bot's id, the public first part of a token.
pub(super) fn bot_id(token: &str) -> Option<&str> {
    let (id, rest) = token.split_once(':')?;
    let fine = !id.is_empty()
        && id.bytes().all(|b| b.is_ascii_digit())
        && !rest.is_empty()
        && rest.bytes().all(in_secret);
    fine.then_some(id)
}

fn in_secret(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(config: &TelegramConfig) -> Vec<String> {
        let mut findings = Findings::default();
        config.check("channels.telegram.0", &mut findings);
        findings.0.into_iter().map(|finding| finding.key).collect()
    }

    #[test]
    fn a_complete_account_has_no_findings() {
        let config = TelegramConfig {
            account: "main".into(),
            token: Secret::new("123456:AAE-x_y"),
            staff_chat: Some(-100_123),
            owner_chat: Some(5),
            ..TelegramConfig::default()
        };

        assert_eq!(keys(&config), Vec::<String>::new());
        assert_eq!(config.desk().unwrap().as_str(), "telegram:main:-100123");
    }

    #[test]
    fn every_wrong_setting_is_named() {
        let config = TelegramConfig {
            account: "a b".into(),
            token: Secret::new("nonsense"),
            mode: Mode::Webhook,
            api_url: "telegram".into(),
            staff_chat: Some(5),
            owner_chat: Some(-5),
            proxy: "::".into(),
            ..TelegramConfig::default()
        };

        let names = "account token webhook_secret api_url proxy staff_chat owner_chat";
        let expected: Vec<String> = names
            .split(' ')
            .map(|name| format!("channels.telegram.0.{name}"))
            .collect();
        assert_eq!(keys(&config), expected);
    }
}
