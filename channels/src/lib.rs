#![doc = include_str!("../README.md")]

pub mod files;
pub mod http;
pub mod sender;
pub mod sms;
pub mod telegram;
pub mod webchat;
pub mod whatsapp;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use zapis_core::files::FileError;
use zapis_core::message::{Outbound, ProviderError};
use zapis_core::sessions::Rate;

/// A messenger, with all its accounts.
#[async_trait]
pub trait Channel: Send + Sync + fmt::Debug {
    /// `telegram`, `whatsapp`, `webchat`, `sms`, …: the first part of its conversation ids.
    fn name(&self) -> &'static str;

    /// Its HTTP routes, with absolute paths.
    fn routes(&self) -> axum::Router;

    /// Fetches what is not pushed to us, until asked to stop; returns at once where everything is pushed.
    async fn listen(&self, stop: CancellationToken);

    /// Cuts a message into what fits into one provider call each. The first part keeps the id, the
    /// others get `ids::of(id, "part", n)`, so that a repeat goes on at the part that failed.
    fn split(&self, outbound: Outbound) -> Vec<Outbound> {
        vec![outbound]
    }

    /// The buckets that a message must find a place in, and their rates; the account's own comes last
    /// (it is the one that rests while the account cannot send).
    fn limits(&self, outbound: &Outbound) -> Vec<(String, Rate)>;

    /// Makes one provider call. The claim is recorded; the clock is read here for messaging windows.
    async fn send(&self, outbound: &Outbound) -> Result<Sent, SendError>;

    /// How long after its claim a send with unknown outcome is tried once more: longer than any call
    /// takes, so that nobody can still be in the middle of it, and long enough for news of the provider.
    /// Zero where a repeat is harmless.
    fn doubt(&self) -> Duration;

    /// The bytes of a file that a customer sent to an account, by the provider's id of it. Where files cannot
    /// be sent there are none.
    async fn fetch(&self, _account: &str, _file: &str) -> Result<Bytes, FileError> {
        Err(FileError::Gone)
    }

    /// Asks the provider about each account, for `zapis check --connect`.
    async fn probe(&self) -> Vec<Probe>;
}

/// What a provider answered to a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What was probed, e.g. `telegram main`.
    pub what: String,
    /// What it is (`@salon_bot`, quality rating), or why it failed and how to mend it.
    pub result: Result<String, String>,
}

/// A message was handed to the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The provider's id of it.
    pub provider_id: Option<String>,
}

/// Why a message was not handed over. There is a variant for each thing that the sender can do
/// about it, and no other. As text, for the log, it is the provider's code: its words may quote the
/// message, and belong into the ledger and the journal.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// We are too fast. Nothing is wrong with the message; it was not sent.
    #[error("the messenger asks to wait {} s", after.as_secs())]
    TooFast {
        /// How long it asks to wait.
        after: Duration,
        /// Which bucket to close meanwhile (one of [`Channel::limits`]).
        bucket: String,
    },
    /// The customer cannot be reached on this channel any more.
    #[error("the customer cannot be reached: {}", .0.code)]
    Unreachable(ProviderError),
    /// This message will be refused every time.
    #[error("the messenger refused the message: {}", .0.code)]
    Refused(ProviderError),
    /// The messaging window is closed and no template is configured: a person must act.
    #[error("the messaging window is closed and no template fits")]
    WindowClosed,
    /// The account cannot send anything: wrong token, locked, unpaid. Keep the queue, call the operator.
    #[error("the account cannot send: {}", .0.code)]
    Stopped(ProviderError),
    /// It was certainly not sent. Try again.
    #[error("the messenger did not take the message")]
    NotSent(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nobody knows whether it was sent: the answer was lost.
    #[error("the messenger's answer was lost")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl SendError {
    /// What is wrong with the account or the way to the provider, as a code; nothing where it is the message.
    fn trouble(&self) -> Option<&str> {
        match self {
            Self::Stopped(refusal) => Some(&refusal.code),
            Self::NotSent(_) | Self::Unknown(_) => Some("unreachable"),
            Self::TooFast { .. } | Self::Unreachable(_) | Self::Refused(_) | Self::WindowClosed => {
                None
            }
        }
    }
}
