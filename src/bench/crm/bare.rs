//! A client that sends a portal what the worker would, and knows nothing of why.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use futures::stream::{self, StreamExt, TryStreamExt};
use reqwest::Client;
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;
use zapis_sandbox::{Call, Sandbox};

use super::{AT_ONCE, digits, ratio};

/// Parameters that name the record.
const RECORD: [&str; 4] = ["id", "ownerid", "entityid", "entity_id"];

/// The calls of one enquiry, and what in them is its own.
pub(super) struct Sample {
    pub(super) calls: Vec<Call>,
    /// Of the phone.
    pub(super) digits: String,
    /// Our name of the enquiry.
    pub(super) origin: String,
    /// The portal's id of the lead.
    pub(super) lead: String,
}

impl Sample {
    /// The same parameters, of another enquiry.
    fn of(&self, params: &Value, other: &Other) -> Value {
        match params {
            Value::Object(fields) => {
                let named = |name: &str, value: &Value| match &other.lead {
                    Some(lead) if self.names_lead(name, value) => lead.clone(),
                    _ => self.of(value, other),
                };
                let fields = fields.iter();
                let fields = fields.map(|(name, value)| (name.clone(), named(name, value)));
                Value::Object(fields.collect())
            }
            Value::Array(values) => values.iter().map(|value| self.of(value, other)).collect(),
            Value::String(text) => {
                let text = text.replace(&self.digits, &other.digits);
                text.replace(&self.origin, &other.origin).into()
            }
            rest => rest.clone(),
        }
    }

    fn names_lead(&self, name: &str, value: &Value) -> bool {
        let value = match value {
            Value::String(text) => text.clone(),
            number => number.to_string(),
        };
        value == self.lead && RECORD.iter().any(|one| name.eq_ignore_ascii_case(one))
    }
}

/// What is an enquiry's own.
struct Other {
    digits: String,
    origin: String,
    /// Once it is there.
    lead: Option<Value>,
}

/// The client, and its portal.
pub(super) struct Bare {
    sample: Sample,
    portal: Sandbox,
    http: Client,
    calls: AtomicUsize,
}

impl Bare {
    pub(super) fn open(sample: Sample, portal: Sandbox) -> anyhow::Result<Self> {
        Ok(Self {
            sample,
            portal,
            http: Client::builder().no_proxy().build()?,
            calls: AtomicUsize::default(),
        })
    }

    /// How many enquiries a second it brings, and in how many calls.
    pub(super) async fn run(&self, count: usize) -> anyhow::Result<(f64, usize)> {
        let began = Instant::now();
        let bringing = stream::iter(0..count).map(|n| self.bring(n));
        let brought = bringing.buffer_unordered(AT_ONCE);
        brought.try_collect::<()>().await?;
        let took = began.elapsed().as_secs_f64();
        Ok((ratio(count, 1) / took, self.calls.load(Ordering::Relaxed)))
    }

    /// The calls of one enquiry, one after the other.
    async fn bring(&self, n: usize) -> anyhow::Result<()> {
        let mut other = Other {
            digits: digits(n),
            origin: Uuid::new_v4().to_string(),
            lead: None,
        };
        for call in &self.sample.calls {
            let params = self.sample.of(&call.body, &other);
            let answer = self.call(&call.method, &params).await;
            let answer = answer.with_context(|| format!("calling {}", call.method))?;
            if call.method == "crm.item.add" {
                other.lead = answer.pointer("/result/item/id").cloned();
            }
        }
        Ok(())
    }

    async fn call(&self, method: &str, params: &Value) -> reqwest::Result<Value> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let url = format!("{}/{method}", self.portal.bitrix24_url());
        let request = self.http.post(url).json(params);
        let answered = async { request.send().await?.error_for_status()?.json().await };
        answered.await.map_err(reqwest::Error::without_url)
    }

    pub(super) async fn close(self) {
        self.portal.stop().await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_an_enquirys_own_becomes_anothers_and_nothing_else() {
        let sample = Sample {
            calls: Vec::new(),
            digits: "9120000001".to_owned(),
            origin: "one".to_owned(),
            lead: "2".to_owned(),
        };
        let other = Other {
            digits: "9120000007".to_owned(),
            origin: "another".to_owned(),
            lead: Some(json!(31)),
        };
        let params = json!({
            "entityTypeId": 2,
            "fields": { "originId": "one", "fm": [{ "value": "+79120000001" }] },
            "ownerId": "2",
            "id": 2,
        });

        let expected = json!({
            "entityTypeId": 2,
            "fields": { "originId": "another", "fm": [{ "value": "+79120000007" }] },
            "ownerId": 31,
            "id": 31,
        });
        assert_eq!(sample.of(&params, &other), expected);
    }
}
