//! Calls of the Graph API: one number, one HTTP client.

use std::time::Duration;

use base64::prelude::*;
use bytes::Bytes;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;
use zapis_core::files::FileError;

use super::config::{Flavour, WhatsAppConfig};
use super::errors::Refusal;
use super::json::{id, text};
use crate::SendError;
use crate::files::download;
use crate::http::{client, read, send_error};

/// How long a call may take before its outcome counts as unknown.
const PATIENCE: Duration = Duration::from_secs(20);

/// The way to one number.
#[derive(Debug)]
pub(super) struct Graph {
    http: Client,
}

/// How a call failed.
#[derive(Debug)]
pub(super) enum CallError {
    /// The provider said no.
    Refused(Refusal),
    /// No usable answer.
    Lost(SendError),
}

impl Graph {
    /// Prepares the client with the number's proxy.
    pub(super) fn new(config: &WhatsAppConfig) -> Result<Self, reqwest::Error> {
        let http = client(&config.proxy, PATIENCE)?;
        Ok(Self { http })
    }

    /// Posts to `/messages`; returns the provider's id of the message, where it gives one.
    pub(super) async fn post(
        &self,
        config: &WhatsAppConfig,
        body: &Value,
    ) -> Result<Value, CallError> {
        let url = format!("{}/messages", config.number_url());
        self.call(config, self.http.post(url).json(body)).await
    }

    /// Asks how the number is, in words for an operator.
    pub(super) async fn health(&self, config: &WhatsAppConfig) -> Result<String, CallError> {
        let url = config.number_url();
        match config.flavour {
            Flavour::Cloud => {
                let fields = "display_phone_number,verified_name,quality_rating,throughput,status";
                let request = self.http.get(url).query(&[("fields", fields)]);
                let answer = self.call(config, request).await?;
                let word = |path| text(&answer, path).unwrap_or_else(|| "?".to_owned());
                Ok(format!(
                    "{} ({}), quality {}, throughput {}, status {}",
                    word("/display_phone_number"),
                    word("/verified_name"),
                    word("/quality_rating"),
                    word("/throughput/level"),
                    word("/status"),
                ))
            }
            Flavour::Dialog360 => {
                let request = self.http.get(format!("{url}/message_templates"));
                let answer = self
                    .call(config, request.query(&[("limit", "100")]))
                    .await?;
                let templates = answer.get("waba_templates").or_else(|| answer.get("data"));
                let count = templates.and_then(Value::as_array).map_or(0, Vec::len);
                Ok(format!("360dialog answers, {count} templates"))
            }
        }
    }

    /// The bytes of a file that a customer sent: seven days long there are any.
    pub(super) async fn file(&self, config: &WhatsAppConfig, id: &str) -> Result<Bytes, FileError> {
        if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(FileError::Gone);
        }
        let request = self.http.get(format!("{}/{id}", config.base_url()));
        let found = self
            .call(config, request)
            .await
            .map_err(|error| match error {
                CallError::Lost(error) => FileError::NotNow(Box::new(error)),
                CallError::Refused(refusal) => match refusal.into_error() {
                    // Of an object that is not there Meta says that the parameter is wrong.
                    error if matches!(&*error.code, "100" | "404") => FileError::Gone,
                    error => FileError::NotNow(format!("{} {}", error.code, error.text).into()),
                },
            })?;
        let told = text(&found, "/url").ok_or(FileError::Gone)?;
        let address = address(config, &told)
            .ok_or_else(|| FileError::NotNow("the address of the file cannot be used".into()))?;
        let bytes = download(authorised(config, self.http.get(address))).await?;
        match text(&found, "/sha256") {
            Some(hash) if !is_hash_of(&hash, &bytes) => Err(FileError::NotNow(
                "the file is not the one that was told of".into(),
            )),
            _ => Ok(bytes),
        }
    }

    async fn call(
        &self,
        config: &WhatsAppConfig,
        request: RequestBuilder,
    ) -> Result<Value, CallError> {
        let answer = authorised(config, request)
            .send()
            .await
            .map_err(|error| CallError::Lost(send_error(error)))?;
        let status = answer.status().as_u16();
        let retry_after = answer
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let body = read(answer).await;
        let json: Option<Value> = body
            .as_ref()
            .ok()
            .and_then(|body| serde_json::from_slice(body).ok());
        let said = json.as_ref().unwrap_or(&Value::Null);
        if let Some(refusal) = Refusal::of(status, said, retry_after) {
            return Err(CallError::Refused(refusal));
        }
        match (body, json) {
            (_, Some(json)) => Ok(json),
            // Taken, as it seems; a status with our id will prove it.
            (Ok(_), None) => Err(CallError::Lost(SendError::Unknown(
                "the answer is no JSON".into(),
            ))),
            (Err(error), None) => Err(CallError::Lost(SendError::Unknown(Box::new(
                error.without_url(),
            )))),
        }
    }
}

fn authorised(config: &WhatsAppConfig, request: RequestBuilder) -> RequestBuilder {
    let token = config.access_token.expose();
    match config.flavour {
        Flavour::Cloud => request.bearer_auth(token),
        Flavour::Dialog360 => request.header("D360-API-KEY", token),
    }
}

/// Where a file is, from what Meta told. The token goes nowhere in the clear but to the server that is configured.
fn address(config: &WhatsAppConfig, told: &str) -> Option<Url> {
    let told = Url::parse(told).ok()?;
    let base = Url::parse(config.base_url()).ok()?;
    match config.flavour {
        Flavour::Cloud => {
            let is_safe = told.scheme() == "https" || told.origin() == base.origin();
            is_safe.then_some(told)
        }
        // Meta's host takes no keys of the reseller, whose own host has the same paths.
        Flavour::Dialog360 => {
            let (base, query) = (config.base_url(), told.query().unwrap_or_default());
            Url::parse(&format!("{base}{}?{query}", told.path())).ok()
        }
    }
}

/// Whether a hash, in hexadecimal or Base64, is that of the bytes.
fn is_hash_of(hash: &str, bytes: &[u8]) -> bool {
    let digest = Sha256::digest(bytes);
    hash.eq_ignore_ascii_case(&hex::encode(digest)) || hash == BASE64_STANDARD.encode(digest)
}

/// The provider's id of a message that it took.
pub(super) fn message_id(answer: &Value) -> Option<String> {
    id(answer, "/messages/0/id")
}
