//! The `[crm.bitrix24]` section.

use std::collections::BTreeMap;

use serde::Deserialize;
use url::{Host, Url};
use zapis_core::config::{Findings, Secret};

/// The `[crm.bitrix24]` section.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bitrix24Config {
    /// `https://{portal}/rest/{user}/{code}/`, of an incoming webhook; empty: none.
    pub webhook_url: Secret,
    /// What events of the portal are recognised by: each outgoing webhook, and the app, has one.
    pub application_tokens: Vec<Secret>,
    /// `https://{portal}`, where a local app is used instead of an incoming webhook.
    pub portal: String,
    /// Of the local app; empty: none.
    pub client_id: String,
    /// Of the local app.
    pub client_secret: Secret,
    /// How many requests the portal takes at once: 50, or 250 on the Enterprise plan. 0: no limit (own server).
    pub burst: u32,
    /// How many a second it forgets: 2, or 5.
    pub per_second: u32,
    /// `socks5://…` or `http://…`; empty for none.
    pub proxy: String,
    /// Whether to use `crm.lead.*` in place of `crm.item.*`, on servers that do not know the latter.
    pub old_methods: bool,
    /// The pipeline of deals, where the portal has no leads.
    pub pipeline: u32,
    /// Our milestone (`qualified`, `booked`, `came`, `lost`) = the portal's stage.
    pub stages: BTreeMap<String, String>,
    /// Channel = the portal's source.
    pub sources: BTreeMap<String, String>,
    /// What we know (`temperature`, `score`, `service`, `time`, `price`, `link`, `reasons`) = the portal's field.
    pub fields: BTreeMap<String, String>,
    /// The portal's yes/no field with which staff switches the bot off for a customer; empty: none.
    pub no_bot_field: String,
}

impl Default for Bitrix24Config {
    fn default() -> Self {
        Self {
            webhook_url: Secret::default(),
            application_tokens: Vec::new(),
            portal: String::new(),
            client_id: String::new(),
            client_secret: Secret::default(),
            burst: 50,
            per_second: 2,
            proxy: String::new(),
            old_methods: false,
            pipeline: 0,
            stages: BTreeMap::new(),
            sources: BTreeMap::new(),
            fields: BTreeMap::new(),
            no_bot_field: String::new(),
        }
    }
}

/// The milestones that can have a stage.
const MILESTONES: [&str; 4] = ["qualified", "booked", "came", "lost"];

/// What can have a field of the portal.
const KNOWN: [&str; 7] = [
    "temperature",
    "score",
    "service",
    "time",
    "price",
    "link",
    "reasons",
];

impl Bitrix24Config {
    /// Whether there is a portal.
    pub fn is_used(&self) -> bool {
        !self.webhook_url.is_empty() || !self.portal.is_empty()
    }

    /// The portal's host and port, in small letters; what it is named by where its key must not show.
    pub(super) fn host(&self) -> String {
        let address = if self.webhook_url.is_empty() {
            &self.portal
        } else {
            self.webhook_url.expose()
        };
        Url::parse(address)
            .map(|url| host(&url))
            .unwrap_or_default()
    }

    /// Notes what is missing or cannot work.
    pub fn check(&self, findings: &mut Findings) {
        if *self == Self::default() {
            return;
        }
        findings.check(
            self.is_used(),
            "crm.bitrix24.webhook_url",
            "no portal is named",
            "write webhook_url = \"env:BITRIX24_WEBHOOK_URL\", or portal, client_id and client_secret of a local app",
        );
        findings.check(
            self.webhook_url.is_empty() || self.portal.is_empty(),
            "crm.bitrix24.webhook_url",
            "there is a webhook and an app",
            "leave out webhook_url, or portal, client_id and client_secret",
        );
        if !self.webhook_url.is_empty() {
            self.check_webhook(findings);
        } else if !self.portal.is_empty() {
            self.check_app(findings);
        }
        self.check_limits(findings);
        self.check_names(findings);
    }

    fn check_webhook(&self, findings: &mut Findings) {
        let key = "crm.bitrix24.webhook_url";
        let advice = "copy the address of the incoming webhook from the portal, such as \
             \"https://salon.bitrix24.ru/rest/1/abc123/\", up to and with the code";
        let Ok(url) = Url::parse(self.webhook_url.expose()) else {
            findings.check(false, key, "not an address", advice);
            return;
        };
        check_scheme(&url, key, findings);
        let parts = url.path_segments().into_iter().flatten();
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        let rest = parts.iter().position(|part| *part == "rest");
        let after = rest.map(|rest| &parts[rest + 1..]);
        let number = |user: &str| user.bytes().all(|byte| byte.is_ascii_digit());
        let wrong = match after {
            None => "has no /rest/: it is no address of a webhook",
            Some([user, _]) if number(user) && url.query().is_none() => return,
            Some([user]) if number(user) => "has no code after the number of the employee",
            Some([user, _, ..]) if number(user) => "has a method or parameters after the code",
            Some(_) => "has no number of an employee after /rest/",
        };
        findings.check(false, key, wrong, advice);
    }

    fn check_app(&self, findings: &mut Findings) {
        let key = "crm.bitrix24.portal";
        let advice = "write the portal's address, such as \"https://salon.bitrix24.ru\"";
        match Url::parse(&self.portal) {
            Ok(url) if url.has_host() => {
                check_scheme(&url, key, findings);
                let bare = url.path() == "/" && url.query().is_none();
                findings.check(bare, key, "has more than the host", advice);
            }
            _ => findings.check(false, key, "not an address", advice),
        }
        findings.check(
            !self.client_id.is_empty(),
            "crm.bitrix24.client_id",
            "missing",
            "write the one that the portal shows for the local app, such as \"local.abc123.456\"",
        );
        findings.check(
            !self.client_secret.is_empty(),
            "crm.bitrix24.client_secret",
            "missing: without it no token can be renewed",
            "write client_secret = \"env:BITRIX24_CLIENT_SECRET\", with the key that the portal shows for the local app",
        );
    }

    fn check_limits(&self, findings: &mut Findings) {
        let key = "crm.bitrix24.burst";
        findings.check(
            self.burst <= 1_000,
            key,
            "out of range",
            "use 50, 250 on the Enterprise plan, 0 on a server of your own",
        );
        let own = Url::parse(self.webhook_url.expose())
            .or(Url::parse(&self.portal))
            .is_ok_and(|url| !is_cloud(&url));
        findings.check(
            self.burst > 0 || own || !self.is_used(),
            key,
            "the portal is in the cloud and has a limit",
            "use 50, or 250 on the Enterprise plan",
        );
        findings.check(
            (1..=100).contains(&self.per_second),
            "crm.bitrix24.per_second",
            "out of range",
            "use 2, or 5 on the Enterprise plan",
        );
        findings.check(
            self.proxy.is_empty() || reqwest::Proxy::all(&self.proxy).is_ok(),
            "crm.bitrix24.proxy",
            "not a proxy",
            "use \"socks5://host:1080\" or \"http://host:3128\"",
        );
        let mut tokens = self.application_tokens.iter();
        findings.check(
            !tokens.any(Secret::is_empty),
            "crm.bitrix24.application_tokens",
            "one of them is empty",
            "write those that the portal shows for its outgoing webhooks, or leave the list empty",
        );
    }

    fn check_names(&self, findings: &mut Findings) {
        let lists = [
            ("stages", &self.stages, &MILESTONES[..]),
            ("fields", &self.fields, &KNOWN[..]),
        ];
        for (list, names, known) in lists {
            for name in names.keys().filter(|name| !known.contains(&name.as_str())) {
                findings.check(
                    false,
                    &format!("crm.bitrix24.{list}.{name}"),
                    "there is no such thing",
                    &format!("the names are {}", known.join(", ")),
                );
            }
        }
        let lists = [
            ("stages", &self.stages),
            ("sources", &self.sources),
            ("fields", &self.fields),
        ];
        for (list, names) in lists {
            for (name, value) in names {
                findings.check(
                    !value.trim().is_empty(),
                    &format!("crm.bitrix24.{list}.{name}"),
                    "empty",
                    "write the id that the portal has for it, or leave the line out",
                );
            }
        }
    }
}

/// Host and port, in small letters.
pub(super) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().to_lowercase();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

/// In the open only to this machine and, with a warning, to a server of one's own.
fn check_scheme(url: &Url, key: &str, findings: &mut Findings) {
    let advice = "write https: the key travels with each request";
    match url.scheme() {
        "https" => {}
        "http" if is_cloud(url) => findings.check(false, key, "not https", advice),
        "http" => findings.warn(is_here(url), key, "not https", advice),
        _ => findings.check(false, key, "neither https nor http", advice),
    }
}

/// Whether the portal is the provider's: `salon.bitrix24.ru`, `.com`, `.kz`, …
fn is_cloud(url: &Url) -> bool {
    url.host_str()
        .is_some_and(|host| host.contains(".bitrix24."))
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(url: &str) -> Bitrix24Config {
        Bitrix24Config {
            webhook_url: Secret::new(url),
            ..Bitrix24Config::default()
        }
    }

    fn app() -> Bitrix24Config {
        Bitrix24Config {
            portal: "https://salon.bitrix24.ru".into(),
            client_id: "local.1".into(),
            client_secret: Secret::new("canary"),
            ..Bitrix24Config::default()
        }
    }

    /// What is found, one a line: the key without its section, and the message.
    fn found(config: &Bitrix24Config) -> String {
        let mut findings = Findings::default();
        config.check(&mut findings);
        let told = findings.0.iter().map(|finding| {
            let key = finding.key.strip_prefix("crm.bitrix24.").unwrap();
            let warning = if finding.warning { "warning: " } else { "" };
            format!("{warning}{key}: {}", finding.message)
        });
        told.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_portal_that_can_work_has_nothing_to_be_found() {
        for config in [
            Bitrix24Config::default(),
            webhook("https://salon.bitrix24.ru/rest/1/abc123/"),
            webhook("https://salon.bitrix24.ru/rest/1/abc123"),
            webhook("https://crm.salon.example/crm/rest/17/abc123/"),
            webhook("http://127.0.0.1:8090/rest/1/abc123/"),
            app(),
        ] {
            assert_eq!(found(&config), "", "{config:?}");
        }
    }

    #[test]
    fn a_wrong_address_of_a_webhook_is_told_without_its_code() {
        for (url, message) in [
            ("salon.bitrix24.ru", "not an address"),
            (
                "https://salon.bitrix24.ru/",
                "has no /rest/: it is no address of a webhook",
            ),
            (
                "https://salon.bitrix24.ru/rest/",
                "has no number of an employee after /rest/",
            ),
            (
                "https://salon.bitrix24.ru/rest/canary/",
                "has no number of an employee after /rest/",
            ),
            (
                "https://salon.bitrix24.ru/rest/1/",
                "has no code after the number of the employee",
            ),
            (
                "https://salon.bitrix24.ru/rest/1/canary/profile.json",
                "has a method or parameters after the code",
            ),
            ("http://salon.bitrix24.ru/rest/1/canary/", "not https"),
            (
                "ftp://salon.bitrix24.ru/rest/1/canary/",
                "neither https nor http",
            ),
        ] {
            let config = webhook(url);
            assert_eq!(found(&config), format!("webhook_url: {message}"));
            assert!(!format!("{config:?}").contains("canary"));
        }
        let open = webhook("http://crm.salon.example/rest/1/abc123/");
        assert_eq!(found(&open), "warning: webhook_url: not https");
    }

    #[test]
    fn an_app_needs_a_portal_an_id_and_a_secret_and_no_webhook() {
        let bare = Bitrix24Config {
            client_id: String::new(),
            client_secret: Secret::default(),
            portal: "https://salon.bitrix24.ru/crm/".into(),
            ..app()
        };
        assert_eq!(
            found(&bare),
            "portal: has more than the host\nclient_id: missing\n\
             client_secret: missing: without it no token can be renewed"
        );
        let both = Bitrix24Config {
            webhook_url: Secret::new("https://salon.bitrix24.ru/rest/1/abc123/"),
            ..app()
        };
        assert_eq!(found(&both), "webhook_url: there is a webhook and an app");
        let none = Bitrix24Config {
            portal: String::new(),
            ..app()
        };
        assert_eq!(found(&none), "webhook_url: no portal is named");
    }

    #[test]
    fn limits_and_names_that_cannot_work_are_found() {
        let map = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let config = Bitrix24Config {
            burst: 0,
            per_second: 0,
            proxy: "::".into(),
            application_tokens: vec![Secret::default()],
            stages: map("done", "WON"),
            sources: map("telegram", ""),
            fields: map("colour", "UF_CRM_1"),
            ..app()
        };
        assert_eq!(
            found(&config),
            "burst: the portal is in the cloud and has a limit\n\
             per_second: out of range\n\
             proxy: not a proxy\n\
             application_tokens: one of them is empty\n\
             stages.done: there is no such thing\n\
             fields.colour: there is no such thing\n\
             sources.telegram: empty"
        );
        let own = Bitrix24Config {
            burst: 0,
            ..webhook("https://crm.salon.example/rest/1/abc123/")
        };
        assert_eq!(found(&own), "");
    }
}
