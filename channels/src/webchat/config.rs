//! A `[[channels.webchat]]` section.

use serde::Deserialize;
use url::Url;
use zapis_core::config::Findings;
use zapis_core::message::ConversationId;

/// One site's web chat.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebChatConfig {
    /// The name in addresses and conversation ids.
    pub account: String,
    /// Whether it is served.
    pub enabled: bool,
    /// Taken by every channel; the web chat calls nobody and has no use for it.
    pub proxy: String,
    /// The pages that may show the widget: scheme, host and port.
    pub allowed_origins: Vec<String>,
    /// The consent that must come before the first message; empty: none is demanded.
    pub consent_version: String,
    /// How many messages a minute all visitors of one address may write together.
    pub messages_per_address: u32,
}

impl Default for WebChatConfig {
    fn default() -> Self {
        Self {
            account: String::new(),
            enabled: true,
            proxy: String::new(),
            allowed_origins: Vec::new(),
            consent_version: String::new(),
            messages_per_address: 120,
        }
    }
}

impl WebChatConfig {
    /// Notes what is wrong; `key` is the section's path, e.g. `channels.webchat.0`.
    pub fn check(&self, key: &str, findings: &mut Findings) {
        findings.check(
            ConversationId::new(super::NAME, &self.account, "peer").is_ok(),
            &format!("{key}.account"),
            "no usable name",
            "use letters, digits, `-` and `_`, e.g. \"site\"",
        );
        findings.check(
            !self.enabled || !self.allowed_origins.is_empty(),
            &format!("{key}.allowed_origins"),
            "no page may show the widget",
            "add the site's address, e.g. \"https://salon.example\"",
        );
        for (n, origin) in self.allowed_origins.iter().enumerate() {
            findings.check(
                canonical_origin(origin).is_some(),
                &format!("{key}.allowed_origins.{n}"),
                "this is no origin",
                "use scheme, host and port without a path, e.g. \"https://salon.example\"",
            );
        }
        findings.check(
            self.messages_per_address > 0,
            &format!("{key}.messages_per_address"),
            "nobody could write",
            "use 1 or more; 120 suits nearly everybody",
        );
    }
}

/// An origin as browsers write it: lower case, no default port, international names encoded.
/// Nothing for what is no `http` or `https` origin, such as `null` or an address with a path.
pub(super) fn canonical_origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let bare = matches!(url.scheme(), "http" | "https")
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    bare.then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_compared_as_browsers_write_it() {
        for (written, canonical) in [
            ("https://Salon.Example/", "https://salon.example"),
            ("https://salon.example:443", "https://salon.example"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("https://салон.рф", "https://xn--80awgdm.xn--p1ai"),
        ] {
            assert_eq!(
                canonical_origin(written).as_deref(),
                Some(canonical),
                "{written}"
            );
        }
    }

    #[test]
    fn what_is_no_origin_is_named_with_its_place() {
        let config = WebChatConfig {
            account: "si te".into(),
            allowed_origins: vec![
                "https://ok.example".into(),
                "null".into(),
                "https://a.example/p".into(),
            ],
            ..WebChatConfig::default()
        };
        let mut findings = Findings::default();

        config.check("channels.webchat.0", &mut findings);

        let keys: Vec<&str> = findings.0.iter().map(|found| found.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "channels.webchat.0.account",
                "channels.webchat.0.allowed_origins.1",
                "channels.webchat.0.allowed_origins.2"
            ]
        );
    }
}
