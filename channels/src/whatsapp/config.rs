//! One `[[channels.whatsapp]]` section.

use std::collections::BTreeMap;

use serde::Deserialize;
use zapis_core::config::{Findings, Secret};

/// Meta's own address, with the version.
const GRAPH: &str = "https://graph.facebook.com/v26.0";

/// The address of 360dialog, whose paths have no version.
const DIALOG_360: &str = "https://waba-v2.360dialog.io";

/// One `[[channels.whatsapp]]` section: a number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WhatsAppConfig {
    /// The name of the account; part of its webhook path and its conversation ids.
    pub account: String,
    /// Whether it is used.
    pub enabled: bool,
    /// The number's id at Meta. With 360dialog it may stay empty: the path names the account then.
    pub phone_number_id: String,
    /// A system user's token; with 360dialog its API key.
    pub access_token: Secret,
    /// What Meta signs webhooks with. Unsigned webhooks are refused.
    pub app_secret: Secret,
    /// What Meta repeats when it checks the address of the webhook.
    pub verify_token: Secret,
    /// Where calls go; ends with the version.
    pub api_url: String,
    /// Who runs the API.
    pub flavour: Flavour,
    /// 360dialog does not sign: it sends this value in the header `X-Zapis-Secret`.
    pub webhook_secret: Secret,
    /// Purpose = approved template, for messages outside the 24-hour window.
    pub templates: BTreeMap<String, Template>,
    /// `socks5://…` or `http://…`; empty for none.
    pub proxy: String,
    /// What the number may send: 80, or 20 where the number is also used on a phone.
    pub messages_per_second: u32,
}

/// Who runs the API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Flavour {
    /// Meta.
    #[default]
    #[serde(rename = "cloud")]
    Cloud,
    /// The reseller.
    #[serde(rename = "360dialog")]
    Dialog360,
}

/// An approved message template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Template {
    /// As approved.
    pub name: String,
    /// As approved, e.g. `ru` or `en_US`.
    pub language: String,
}

impl Default for WhatsAppConfig {
    fn default() -> Self {
        Self {
            account: "main".to_owned(),
            enabled: true,
            phone_number_id: String::new(),
            access_token: Secret::default(),
            app_secret: Secret::default(),
            verify_token: Secret::default(),
            api_url: GRAPH.to_owned(),
            flavour: Flavour::Cloud,
            webhook_secret: Secret::default(),
            templates: BTreeMap::new(),
            proxy: String::new(),
            messages_per_second: 80,
        }
    }
}

impl WhatsAppConfig {
    /// Notes what is missing or out of range. `prefix` is the path of the section, e.g.
    /// `channels.whatsapp.0`.
    pub fn check(&self, prefix: &str, findings: &mut Findings) {
        let key = |name: &str| format!("{prefix}.{name}");
        findings.check(
            is_name(&self.account),
            &key("account"),
            "no usable name",
            "use letters, digits, - and _",
        );
        if !self.enabled {
            return;
        }
        let token = self.access_token.expose();
        findings.check(
            !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()),
            &key("access_token"),
            "missing, or not a token",
            "put the token of a system user in a variable and write \"env:WHATSAPP_TOKEN\"",
        );
        match self.flavour {
            Flavour::Cloud => self.check_cloud(&key, findings),
            Flavour::Dialog360 => findings.check(
                !self.webhook_secret.is_empty(),
                &key("webhook_secret"),
                "missing: anyone could post messages in a customer's name",
                "choose a long random value and let 360dialog send it in the header X-Zapis-Secret",
            ),
        }
        findings.check(
            self.phone_number_id
                .bytes()
                .all(|byte| byte.is_ascii_digit()),
            &key("phone_number_id"),
            "not an id",
            "use the number's id, digits only, and not the phone number itself",
        );
        self.check_address(&key, findings);
        self.check_templates(&key, findings);
        findings.check(
            (1..=1_000).contains(&self.messages_per_second),
            &key("messages_per_second"),
            "out of range",
            "use 80, or 20 where the number is also used in the app on a phone",
        );
    }

    fn check_cloud(&self, key: &dyn Fn(&str) -> String, findings: &mut Findings) {
        findings.check(
            !self.app_secret.is_empty(),
            &key("app_secret"),
            "missing: anyone could post messages in a customer's name",
            "copy the app secret of the Meta app and write \"env:WHATSAPP_APP_SECRET\"",
        );
        findings.check(
            !self.verify_token.is_empty(),
            &key("verify_token"),
            "missing: Meta cannot check the address of the webhook",
            "choose a value and enter the same one in the Meta app",
        );
        findings.check(
            !self.phone_number_id.is_empty(),
            &key("phone_number_id"),
            "missing",
            "copy the phone number ID of the WhatsApp section of the Meta app",
        );
        findings.check(
            ends_with_version(&self.api_url),
            &key("api_url"),
            "does not end with the version",
            "use https://graph.facebook.com/v26.0",
        );
    }

    fn check_address(&self, key: &dyn Fn(&str) -> String, findings: &mut Findings) {
        findings.check(
            url::Url::parse(&self.api_url)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()),
            &key("api_url"),
            "not an address",
            "use https://graph.facebook.com/v26.0",
        );
        findings.check(
            self.proxy.is_empty()
                || url::Url::parse(&self.proxy).is_ok_and(|url| {
                    url.has_host()
                        && matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h")
                }),
            &key("proxy"),
            "not the address of a proxy",
            "use socks5://host:1080 or http://host:3128",
        );
    }

    fn check_templates(&self, key: &dyn Fn(&str) -> String, findings: &mut Findings) {
        for (purpose, template) in &self.templates {
            let name = &template.name;
            findings.check(
                (1..=512).contains(&name.len())
                    && name
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                &key(&format!("templates.{purpose}.name")),
                "not the name of a template",
                "use the approved name: lower-case letters, digits and _",
            );
            findings.check(
                is_language(&template.language),
                &key(&format!("templates.{purpose}.language")),
                "not a language code",
                "use the approved language, such as ru or en_US",
            );
        }
    }

    /// Where the number's calls go, without a slash at the end.
    pub(super) fn number_url(&self) -> String {
        let base = self.base_url();
        match self.flavour {
            Flavour::Cloud => format!("{base}/{}", self.phone_number_id),
            Flavour::Dialog360 => base.to_owned(),
        }
    }

    /// Where all calls go, without a slash at the end.
    pub(super) fn base_url(&self) -> &str {
        let url = self.api_url.trim_end_matches('/');
        if self.flavour == Flavour::Dialog360 && url == GRAPH {
            return DIALOG_360;
        }
        url
    }

    /// Whether webhooks of both accounts are proved by the same secret.
    pub(super) fn same_app(&self, other: &Self) -> bool {
        self.flavour == other.flavour
            && match self.flavour {
                Flavour::Cloud => self.app_secret == other.app_secret,
                Flavour::Dialog360 => self.webhook_secret == other.webhook_secret,
            }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn ends_with_version(url: &str) -> bool {
    let last = url.trim_end_matches('/').rsplit('/').next();
    let Some(version) = last.and_then(|part| part.strip_prefix('v')) else {
        return false;
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    version
        .split_once('.')
        .is_some_and(|(major, minor)| digits(major) && digits(minor))
}

fn is_language(code: &str) -> bool {
    let (language, region) = code.split_once('_').unwrap_or((code, "XX"));
    (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_lowercase())
        && (2..=3).contains(&region.len())
        && region.bytes().all(|b| b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(config: &WhatsAppConfig) -> Vec<String> {
        let mut findings = Findings::default();
        config.check("channels.whatsapp.0", &mut findings);
        findings.0.into_iter().map(|finding| finding.key).collect()
    }

    fn usable() -> WhatsAppConfig {
        WhatsAppConfig {
            phone_number_id: "100".into(),
            access_token: Secret::new("t"),
            app_secret: Secret::new("s"),
            verify_token: Secret::new("v"),
            ..WhatsAppConfig::default()
        }
    }

    #[test]
    fn a_number_without_an_app_secret_is_an_error() {
        assert_eq!(wrong(&usable()), Vec::<String>::new());
        let open = WhatsAppConfig {
            app_secret: Secret::default(),
            ..usable()
        };
        assert_eq!(wrong(&open), ["channels.whatsapp.0.app_secret"]);
    }

    #[test]
    fn all_problems_of_a_section_are_reported_at_once() {
        let broken: WhatsAppConfig = toml_like(
            r#"{"account": "a b", "flavour": "360dialog", "api_url": "nowhere", "proxy": "host",
                "messages_per_second": 0,
                "templates": {"reminder": {"name": "Visit!", "language": "russian"}}}"#,
        );
        assert_eq!(
            wrong(&broken),
            [
                "account",
                "access_token",
                "webhook_secret",
                "api_url",
                "proxy",
                "templates.reminder.name",
                "templates.reminder.language",
                "messages_per_second",
            ]
            .map(|key| format!("channels.whatsapp.0.{key}"))
        );
    }

    #[test]
    fn an_address_without_a_version_is_an_error() {
        for (url, fine) in [
            ("https://graph.facebook.com/v26.0", true),
            ("http://127.0.0.1:9/v26.0/", true),
            ("https://graph.facebook.com", false),
            ("https://graph.facebook.com/v26", false),
        ] {
            let config = WhatsAppConfig {
                api_url: url.into(),
                ..usable()
            };
            assert_eq!(wrong(&config).is_empty(), fine, "{url}");
        }
    }

    #[test]
    fn the_reseller_has_paths_without_version_and_number() {
        let mut config = usable();
        assert_eq!(config.number_url(), "https://graph.facebook.com/v26.0/100");

        config.flavour = Flavour::Dialog360;

        assert_eq!(config.number_url(), "https://waba-v2.360dialog.io");
    }

    fn toml_like(json: &str) -> WhatsAppConfig {
        serde_json::from_str(json).unwrap()
    }
}
