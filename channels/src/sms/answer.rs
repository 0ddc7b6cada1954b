//! What a gateway's answer means for a message.

use std::time::Duration;

use serde_json::Value;
use zapis_core::message::ProviderError;

use super::{BUCKET, SmsConfig};
use crate::http::clean;
use crate::{SendError, Sent};

/// How long to wait when the gateway asks to, and does not say how long.
const PAUSE: u64 = 10;

/// An answer, read as the configuration says.
pub(super) struct Answer {
    /// Whether it says that the message is taken; nothing where it cannot be read.
    accepted: Option<bool>,
    /// Why not, in the gateway's words.
    reason: Option<String>,
    provider_id: Option<String>,
}

impl Answer {
    pub(super) fn of(
        config: &SmsConfig,
        phone: &str,
        body: Result<Vec<u8>, reqwest::Error>,
    ) -> Self {
        let json = body
            .ok()
            .and_then(|body| serde_json::from_slice::<Value>(&body).ok());
        let at = |pointer: &str| {
            let value = json.as_ref()?.pointer(&pointer.replace("{phone}", phone))?;
            text(value)
        };
        // "No error" is written in many ways.
        let says = |words: &String| !matches!(words.as_str(), "" | "0" | "false");
        let mut reasons = config.error.iter().filter_map(|pointer| at(pointer));
        let reason = reasons.find(says);
        let wanted = &config.accepted;
        let accepted = if !wanted.path.is_empty() {
            json.as_ref()
                .map(|_| at(&wanted.path).as_deref() == Some(&wanted.value))
        } else if config.error.is_empty() {
            Some(true)
        } else {
            json.as_ref().map(|_| reason.is_none())
        };
        Self {
            accepted,
            reason: reason.map(|words| clean(&words)),
            // An empty pointer would lead to the whole answer.
            provider_id: at(&config.id).filter(|_| !config.id.is_empty()),
        }
    }

    pub(super) fn judge(self, status: u16, retry_after: Option<u64>) -> Result<Sent, SendError> {
        let answered = || format!("the gateway answered {status}").into();
        match (status, self.accepted) {
            (200..=299, Some(true)) => Ok(Sent {
                provider_id: self.provider_id,
            }),
            (200..=299, Some(false)) => Err(SendError::Refused(self.error("refused".to_owned()))),
            (200..=299, None) => Err(SendError::Unknown("the gateway's answer is no JSON".into())),
            (429, _) => Err(SendError::TooFast {
                // An hour at most: a wrong header must not close the gateway for long.
                after: Duration::from_secs(retry_after.unwrap_or(PAUSE).clamp(1, 3_600)),
                bucket: BUCKET.to_owned(),
            }),
            // The request did not get in whole. A 503 may come from a balancer whose gateway has taken it.
            (408, _) => Err(SendError::NotSent(answered())),
            // It is about the address or the access, not about this message.
            (300..=399 | 401..=405, _) => Err(SendError::Stopped(self.error(status.to_string()))),
            (400..=499, _) => Err(SendError::Refused(self.error(status.to_string()))),
            // Whatever failed may have failed after the message was taken.
            _ => Err(SendError::Unknown(answered())),
        }
    }

    fn error(self, code: String) -> ProviderError {
        let silent = || "SMS-шлюз не принял сообщение и не сказал почему".to_owned();
        ProviderError {
            text: self.reason.unwrap_or_else(silent),
            code,
        }
    }
}

/// A value of the answer, whatever its type.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        // "No error" again.
        Value::Array(all) if all.is_empty() => None,
        Value::Object(all) if all.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
