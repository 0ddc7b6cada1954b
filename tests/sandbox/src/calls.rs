//! The record of every call the providers received.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most calls that are kept; the oldest go first.
const KEPT: usize = 100_000;

/// Whose API was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// The Telegram Bot API.
    Telegram,
    /// The WhatsApp Cloud API.
    Whatsapp,
    /// The SMS gateway.
    Sms,
    /// The portal of Bitrix24.
    Bitrix24,
    /// The language model.
    Llm,
}

/// One call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Call {
    /// Its place in the order of arrival.
    pub number: u64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Whose API.
    pub provider: Provider,
    /// The bot's name or the number's id.
    pub account: String,
    /// For example `sendMessage` or `messages`.
    pub method: String,
    /// The chat, phone or user id it was for.
    pub recipient: Option<String>,
    /// The arguments.
    pub body: Value,
    /// What it was answered with; nothing while it runs or when no answer went out.
    pub status: Option<u16>,
    /// Whether it took effect, whatever was answered.
    pub accepted: bool,
    /// The fault that befell it.
    pub fault: Option<String>,
}

/// Which calls to show; what is left out does not matter.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CallFilter {
    /// Of this provider.
    pub provider: Option<Provider>,
    /// Of this method.
    pub method: Option<String>,
    /// For this recipient.
    pub recipient: Option<String>,
    /// With a higher number.
    pub after: Option<u64>,
}

impl CallFilter {
    fn shows(&self, call: &Call) -> bool {
        self.provider
            .is_none_or(|provider| provider == call.provider)
            && self
                .method
                .as_ref()
                .is_none_or(|method| method.eq_ignore_ascii_case(&call.method))
            && (self.recipient.is_none() || self.recipient == call.recipient)
            && self.after.is_none_or(|after| call.number > after)
    }
}

/// The calls, oldest first.
#[derive(Default)]
pub(crate) struct Calls {
    kept: std::collections::VecDeque<Call>,
    next: u64,
}

impl Calls {
    /// Writes a call down and numbers it.
    pub(crate) fn begin(&mut self, mut call: Call) -> u64 {
        self.next += 1;
        call.number = self.next;
        self.kept.push_back(call);
        if self.kept.len() > KEPT {
            self.kept.pop_front();
        }
        self.next
    }

    /// Notes how a call ended.
    pub(crate) fn end(&mut self, number: u64, status: Option<u16>, accepted: bool) {
        let from_the_end = usize::try_from(self.next - number).unwrap_or(usize::MAX);
        let index = self.kept.len().checked_sub(from_the_end + 1);
        if let Some(call) = index.and_then(|index| self.kept.get_mut(index)) {
            call.status = status;
            call.accepted = accepted;
        }
    }

    /// The calls of a filter.
    pub(crate) fn list(&self, filter: &CallFilter) -> Vec<Call> {
        self.kept
            .iter()
            .filter(|call| filter.shows(call))
            .cloned()
            .collect()
    }

    /// Forgets them.
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
    }
}
