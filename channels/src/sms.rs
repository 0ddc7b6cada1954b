//! SMS through the HTTP gateway that the firm has: one request a message, whose answer says whether the
//! gateway takes it. Nothing comes in, and nothing is heard of a message later.

mod answer;
mod config;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, RequestBuilder};
use tokio_util::sync::CancellationToken;
use zapis_core::causes;
use zapis_core::config::Secret;
use zapis_core::message::{Content, Outbound, ProviderError};
use zapis_core::sessions::Rate;

use crate::http::{client, read, send_error};
use crate::{Channel, Probe, SendError, Sent};
use answer::Answer;
pub use config::{Accepted, Format, SmsConfig};

/// The first part of its conversation ids. The peer is the phone: digits of E.164, without the plus.
const NAME: &str = "sms";

/// The one account, which its limit is named by.
const BUCKET: &str = "sms:main";

/// How long a call may take before its outcome counts as unknown.
const PATIENCE: Duration = Duration::from_secs(20);

/// The channel, with its one gateway.
pub struct Sms {
    config: SmsConfig,
    http: Client,
}

impl fmt::Debug for Sms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sms")
    }
}

impl Sms {
    /// Prepares the gateway; nothing where none is configured. Fails on an unusable proxy.
    pub fn new(config: &SmsConfig) -> Result<Option<Self>, reqwest::Error> {
        if !config.is_used() {
            return Ok(None);
        }
        Ok(Some(Self {
            config: config.clone(),
            http: client(&config.proxy, PATIENCE)?,
        }))
    }

    fn request(&self, phone: &str, text: &str) -> RequestBuilder {
        let fields: BTreeMap<&str, String> = self
            .config
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), filled(value.expose(), phone, text)))
            .collect();
        let url = self.config.url.expose();
        let request = match self.config.format {
            Format::Form => self.http.post(url).form(&fields),
            Format::Json => self.http.post(url).json(&fields),
            Format::Query => self.http.get(url).query(&fields),
        };
        // In place of what the body has set, not beside it.
        request.headers(self.headers())
    }

    /// Headers that were checked before.
    fn headers(&self) -> HeaderMap {
        let header = |(name, value): (&String, &Secret)| {
            let name = HeaderName::try_from(name).ok()?;
            let mut value = HeaderValue::try_from(value.expose()).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        };
        self.config.headers.iter().filter_map(header).collect()
    }

    /// Asks the host for its first page: any answer will do, and no message is sent.
    async fn reach(&self) -> Result<String, String> {
        let advice = |why: String| format!("{why}: check [sms] url and proxy");
        let url = url::Url::parse(self.config.url.expose()).and_then(|url| url.join("/"));
        let url = url.map_err(|error| advice(error.to_string()))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        match self.http.get(url).send().await {
            Ok(_) => Ok(format!(
                "{host} answers; whether it takes messages shows only when one is sent"
            )),
            Err(error) => Err(advice(causes(&error.without_url()).to_string())),
        }
    }
}

/// A value of the configuration with the message in its places. The text comes last: it may hold what
/// looks like a place.
fn filled(value: &str, phone: &str, text: &str) -> String {
    value
        .replace("{+phone}", &format!("+{phone}"))
        .replace("{phone}", phone)
        .replace("{text}", text)
}

fn refused(reason: &str) -> SendError {
    SendError::Refused(ProviderError {
        code: "zapis".to_owned(),
        text: reason.to_owned(),
    })
}

#[async_trait]
impl Channel for Sms {
    fn name(&self) -> &'static str {
        NAME
    }

    fn routes(&self) -> axum::Router {
        axum::Router::new()
    }

    async fn listen(&self, _stop: CancellationToken) {}

    fn limits(&self, _outbound: &Outbound) -> Vec<(String, Rate)> {
        let rate = Rate {
            burst: self.config.per_second,
            every: Duration::from_secs(1) / self.config.per_second.max(1),
        };
        vec![(BUCKET.to_owned(), rate)]
    }

    async fn send(&self, outbound: &Outbound) -> Result<Sent, SendError> {
        let Content::Message { text, .. } = &outbound.content else {
            return Err(refused("an SMS holds nothing but words"));
        };
        let phone = outbound.conversation.peer();
        if !phone.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused("not the phone of a customer"));
        }
        let mut allowed = self.config.countries.iter();
        if !self.config.countries.is_empty()
            && !allowed.any(|code| phone.starts_with(code.as_str()))
        {
            return Err(refused(
                "a number of another country than [sms] countries has",
            ));
        }
        let answer = self.request(phone, text).send().await.map_err(send_error)?;
        let (status, retry_after) = (answer.status().as_u16(), retry_after(&answer));
        let body = read(answer).await;
        Answer::of(&self.config, phone, body).judge(status, retry_after)
    }

    fn doubt(&self) -> Duration {
        Duration::from_secs(25)
    }

    async fn probe(&self) -> Vec<Probe> {
        vec![Probe {
            what: NAME.to_owned(),
            result: self.reach().await,
        }]
    }
}

fn retry_after(answer: &reqwest::Response) -> Option<u64> {
    let header = answer.headers().get("retry-after")?;
    header.to_str().ok()?.trim().parse().ok()
}
