//! The `[sms]` section.

use std::collections::BTreeMap;

use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use zapis_core::config::{Findings, Secret};

/// The `[sms]` section: how a request to the gateway is made and how its answer is read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmsConfig {
    /// Where requests go; empty: no SMS.
    pub url: Secret,
    /// How the fields travel.
    pub format: Format,
    /// Name = value, with `{phone}`, `{+phone}` and `{text}` where the message belongs.
    pub fields: BTreeMap<String, Secret>,
    /// Name = value.
    pub headers: BTreeMap<String, Secret>,
    /// What an answer must hold; without it, one without an error is fine.
    pub accepted: Accepted,
    /// JSON pointers to the reason of a refusal: the first that leads to something tells it.
    pub error: Vec<String>,
    /// JSON pointer to the gateway's id of the message; empty: none.
    pub id: String,
    /// How the numbers begin that are written to (E.164, without the plus); empty: all. A phone is what somebody
    /// typed, and a message to the other end of the world has its price.
    pub countries: Vec<String>,
    /// How many messages the gateway takes.
    pub per_second: u32,
    /// `socks5://…` or `http://…`; empty for none.
    pub proxy: String,
    /// Whether it is used.
    pub enabled: bool,
}

/// How the fields of a request travel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// In the body of a POST, as of a form on a page.
    #[default]
    Form,
    /// In the body of a POST, as one JSON object.
    Json,
    /// In the address of a GET.
    Query,
}

/// What an answer must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accepted {
    /// JSON pointer; `{phone}` in it is the phone. Empty: nothing.
    pub path: String,
    /// What stands there when the message is taken.
    pub value: String,
}

impl Default for SmsConfig {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            format: Format::Form,
            fields: BTreeMap::new(),
            headers: BTreeMap::new(),
            accepted: Accepted::default(),
            error: Vec::new(),
            id: String::new(),
            countries: vec!["7".to_owned()],
            per_second: 5,
            proxy: String::new(),
            enabled: true,
        }
    }
}

impl SmsConfig {
    /// Whether there is a gateway to send through.
    pub fn is_used(&self) -> bool {
        self.enabled && !self.url.is_empty()
    }

    /// Notes what is missing or cannot work.
    pub fn check(&self, findings: &mut Findings) {
        if !self.enabled || *self == Self::default() {
            return;
        }
        findings.check(
            url::Url::parse(self.url.expose()).is_ok_and(|url| is_private(&url)),
            "sms.url",
            "missing, or not an https address: key and phones travel with it",
            "write where the gateway takes messages, such as \"https://sms.ru/sms/send\"; enabled = false switches SMS off",
        );
        let holds = |place: &str| {
            let mut values = self.fields.values();
            values.any(|value| value.expose().contains(place))
        };
        findings.check(
            holds("{phone}") || holds("{+phone}"),
            "sms.fields",
            "no field holds the phone",
            "write phones = \"{phone}\" (digits) or To = \"{+phone}\", with the name that the gateway has for it",
        );
        findings.check(
            holds("{text}"),
            "sms.fields",
            "no field holds the text",
            "write mes = \"{text}\", with the name that the gateway has for it",
        );
        for (name, value) in &self.fields {
            let rest = super::filled(value.expose(), "", "");
            findings.check(
                !(rest.contains('{') && rest.contains('}')),
                &format!("sms.fields.{name}"),
                "has a place that nothing belongs into",
                "the places are {phone}, {+phone} and {text}",
            );
        }
        let digits = |country: &String| {
            (1..=6).contains(&country.len()) && country.bytes().all(|byte| byte.is_ascii_digit())
        };
        findings.check(
            self.countries.iter().all(digits),
            "sms.countries",
            "not the beginning of a number",
            "write countries = [\"7\", \"375\"]; an empty list allows every country",
        );
        self.check_headers(findings);
        self.check_answer(findings);
        findings.check(
            (1..=1_000).contains(&self.per_second),
            "sms.per_second",
            "out of range",
            "use 5, or what the gateway allows",
        );
        findings.check(
            self.proxy.is_empty() || reqwest::Proxy::all(&self.proxy).is_ok(),
            "sms.proxy",
            "not a proxy",
            "use \"socks5://host:1080\" or \"http://host:3128\"",
        );
    }

    fn check_headers(&self, findings: &mut Findings) {
        for (name, value) in &self.headers {
            findings.check(
                HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value.expose()).is_ok(),
                &format!("sms.headers.{name}"),
                "not a header",
                "write Authorization = \"env:SMS_AUTHORIZATION\"; a value is one line",
            );
        }
    }

    fn check_answer(&self, findings: &mut Findings) {
        let Accepted { path, value } = &self.accepted;
        let points = |pointer: &str| pointer.is_empty() || pointer.starts_with('/');
        let advice = "write the way to the value in the gateway's JSON, such as \"/status\" or \"/sms/{phone}/status\"";
        let not_a_way = "not a JSON pointer";
        findings.check(
            !path.is_empty() || !self.error.is_empty(),
            "sms.error",
            "nothing tells a refusal from a success",
            "write error = [\"/error\"], or accepted = { path = \"/status\", value = \"OK\" }, as the gateway's answer has it",
        );
        findings.check(points(path), "sms.accepted.path", not_a_way, advice);
        findings.check(points(&self.id), "sms.id", not_a_way, advice);
        for (n, pointer) in self.error.iter().enumerate() {
            let key = format!("sms.error.{n}");
            findings.check(
                !pointer.is_empty() && points(pointer),
                &key,
                not_a_way,
                advice,
            );
        }
        findings.check(
            path.is_empty() == value.is_empty(),
            "sms.accepted",
            "path and value belong together",
            "write accepted = { path = \"/status\", value = \"OK\" }, or leave it out",
        );
    }
}

/// Nobody on the way can read it.
fn is_private(url: &url::Url) -> bool {
    let here = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => return false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && here)
}
