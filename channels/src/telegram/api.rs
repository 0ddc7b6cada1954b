//! Calls of the Bot API: one place for addresses (they hold the token), and for what a refusal means.
//!
//! Refusals are told apart by code and a part of the text, because Telegram's texts change and its
//! codes are few.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::json;
use serde_json::value::RawValue;
use zapis_core::files::FileError;
use zapis_core::message::ProviderError;

use super::config::TelegramConfig;
use super::text::clip;
use crate::files::download;
use crate::{SendError, http};

/// How long a call may take. Fetching updates waits longer, by its own choice.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How long to wait when Telegram says "too many" without saying how long.
const PAUSE: Duration = Duration::from_secs(5);

/// The most of Telegram's own words that is kept.
const WORDS: usize = 300;

/// A bot's access to the Bot API.
pub(super) struct Api {
    client: reqwest::Client,
    /// Ends with the token and a slash. Never shown.
    base: String,
    /// The same for files.
    files: String,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api(…)")
    }
}

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// Telegram refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It certainly did not arrive.
    #[error("Telegram was not reached")]
    NotSent(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer was lost.
    #[error("Telegram's answer was lost")]
    Lost(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What Telegram answered instead of a result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} {text}")]
pub(super) struct Refusal {
    /// Like an HTTP status.
    pub(super) code: i64,
    /// In words.
    pub(super) text: String,
    /// How long to wait.
    pub(super) retry_after: Option<Duration>,
    /// The id that the group has now.
    pub(super) migrate_to: Option<i64>,
}

impl Refusal {
    /// Whether the words contain these, whatever their case.
    pub(super) fn says(&self, words: &str) -> bool {
        self.text.to_lowercase().contains(words)
    }

    /// Whether the topic is closed.
    pub(super) fn topic_closed(&self) -> bool {
        self.code == 400 && self.says("topic_closed")
    }

    /// Whether the topic is gone.
    pub(super) fn topic_gone(&self) -> bool {
        let gone = ["thread not found", "topic_deleted", "topic_id_invalid"];
        self.code == 400 && gone.iter().any(|words| self.says(words))
    }

    /// What it means for a message to the chat whose bucket is `bucket`.
    pub(super) fn into_send_error(self, bucket: &str) -> SendError {
        /// Parts of texts after which a customer cannot be reached any more.
        const GONE: [&str; 9] = [
            "chat not found",
            "user not found",
            "peer_id_invalid",
            "bot was blocked",
            "user is deactivated",
            "can't initiate conversation",
            "bot was kicked",
            "is not a member",
            "business_peer_invalid",
        ];
        let error = ProviderError {
            code: self.code.to_string(),
            text: clip(&self.text, WORDS),
        };
        match self.code {
            429 => SendError::TooFast {
                after: self.retry_after.unwrap_or(PAUSE),
                bucket: bucket.to_owned(),
            },
            401 | 404 => SendError::Stopped(error),
            400 | 403 if GONE.iter().any(|words| self.says(words)) => SendError::Unreachable(error),
            // 409 is about fetching updates and passes; from 500 on Telegram did not do it.
            409 | 500.. => SendError::NotSent(format!("Telegram answered {}", self.code).into()),
            _ => SendError::Refused(error),
        }
    }
}

impl CallError {
    /// As the sender takes it.
    pub(super) fn into_send_error(self, bucket: &str) -> SendError {
        match self {
            Self::Refused(refusal) => refusal.into_send_error(bucket),
            Self::NotSent(source) => SendError::NotSent(source),
            Self::Lost(source) => SendError::Unknown(source),
        }
    }

    /// The refusal, if it is one.
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::NotSent(_) | Self::Lost(_) => None,
        }
    }
}

#[derive(serde::Deserialize)]
struct Reply {
    ok: bool,
    result: Option<Box<RawValue>>,
    error_code: Option<i64>,
    description: Option<String>,
    parameters: Option<Parameters>,
}

#[derive(Default, serde::Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

impl Api {
    /// Access for one account.
    pub(super) fn new(config: &TelegramConfig) -> Result<Self, reqwest::Error> {
        let base = config.api_url.trim_end_matches('/');
        Ok(Self {
            client: http::client(&config.proxy, TIMEOUT)?,
            base: format!("{base}/bot{}/", config.token.expose()),
            files: format!("{base}/file/bot{}/", config.token.expose()),
        })
    }

    /// Calls a method.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        parameters: &(impl Serialize + Sync),
    ) -> Result<T, CallError> {
        self.call_within(TIMEOUT, method, parameters).await
    }

    /// Calls a method that may take as long as that.
    pub(super) async fn call_within<T: DeserializeOwned>(
        &self,
        timeout: Duration,
        method: &str,
        parameters: &(impl Serialize + Sync),
    ) -> Result<T, CallError> {
        let request = self
            .client
            .post(format!("{}{method}", self.base))
            .timeout(timeout)
            .json(parameters);
        let response = request.send().await.map_err(lost)?;
        let status = response.status();
        let body = response.bytes().await.map_err(lost)?;
        read(status.as_u16(), &body)
    }

    /// Calls a method whose result does not matter.
    pub(super) async fn tell(
        &self,
        method: &str,
        parameters: &(impl Serialize + Sync),
    ) -> Result<(), CallError> {
        self.call::<IgnoredAny>(method, parameters).await.map(drop)
    }

    /// The bytes of a file.
    pub(super) async fn file(&self, id: &str) -> Result<Bytes, FileError> {
        #[derive(serde::Deserialize)]
        struct Found {
            file_path: Option<String>,
        }
        let found = self.call("getFile", &json!({ "file_id": id })).await;
        let found: Found = found.map_err(|error| match error.refusal() {
            Some(refusal) if refusal.code == 400 && refusal.says("too big") => FileError::TooLarge,
            Some(refusal) if refusal.code == 400 => FileError::Gone,
            _ => FileError::NotNow(Box::new(error)),
        })?;
        let path = found.file_path.ok_or(FileError::Gone)?;
        download(self.client.get(format!("{}{path}", self.files))).await
    }
}

fn lost(error: reqwest::Error) -> CallError {
    match http::send_error(error) {
        SendError::NotSent(source) => CallError::NotSent(source),
        SendError::Unknown(source) => CallError::Lost(source),
        other => CallError::Lost(Box::new(other)),
    }
}

/// Reads an answer, which can also come from a proxy on the way.
fn read<T: DeserializeOwned>(status: u16, body: &[u8]) -> Result<T, CallError> {
    let reply = match serde_json::from_slice::<Reply>(body) {
        Ok(reply) => reply,
        // Somebody on the way gave up waiting, or the result is cut: it may have been done.
        Err(error) if status == 504 || status < 300 => return Err(CallError::Lost(error.into())),
        Err(_) => {
            return Err(CallError::Refused(Refusal {
                code: status.into(),
                text: "an answer that is not Telegram's".to_owned(),
                retry_after: None,
                migrate_to: None,
            }));
        }
    };
    if reply.ok {
        let result = reply.result.as_deref().map_or("null", RawValue::get);
        return serde_json::from_str(result).map_err(|error| CallError::Lost(error.into()));
    }
    let parameters = reply.parameters.unwrap_or_default();
    Err(CallError::Refused(Refusal {
        code: reply.error_code.unwrap_or(status.into()),
        text: reply.description.unwrap_or_default(),
        retry_after: parameters.retry_after.map(Duration::from_secs),
        migrate_to: parameters.migrate_to_chat_id,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn meaning(status: u16, body: &str) -> String {
        let error = read::<Value>(status, body.as_bytes()).unwrap_err();
        match error.into_send_error("chat") {
            SendError::TooFast { after, bucket } => format!("wait {} {bucket}", after.as_secs()),
            SendError::Unreachable(_) => "unreachable".into(),
            SendError::Refused(_) => "refused".into(),
            SendError::WindowClosed => "window".into(),
            SendError::Stopped(_) => "stopped".into(),
            SendError::NotSent(_) => "not sent".into(),
            SendError::Unknown(_) => "unknown".into(),
        }
    }

    fn refusal(code: i64, text: &str) -> String {
        let body = serde_json::json!({"ok": false, "error_code": code, "description": text});
        meaning(u16::try_from(code).unwrap(), &body.to_string())
    }

    #[test]
    fn each_refusal_means_what_the_sender_must_do() {
        for (code, text, expected) in [
            (400, "Bad Request: chat not found", "unreachable"),
            (403, "Forbidden: bot was blocked by the user", "unreachable"),
            (403, "Forbidden: user is deactivated", "unreachable"),
            (
                403,
                "Forbidden: bot can't initiate conversation with a user",
                "unreachable",
            ),
            (
                403,
                "Forbidden: bot was kicked from the supergroup chat",
                "unreachable",
            ),
            (400, "Bad Request: message is too long", "refused"),
            (400, "Bad Request: BUTTON_DATA_INVALID", "refused"),
            (413, "Request Entity Too Large", "refused"),
            (401, "Unauthorized: invalid token specified", "stopped"),
            (404, "Not Found", "stopped"),
            (500, "Internal Server Error: restart", "not sent"),
            (
                409,
                "Conflict: terminated by other getUpdates request",
                "not sent",
            ),
            (429, "Too Many Requests", "wait 5 chat"),
        ] {
            assert_eq!(refusal(code, text), expected, "{code} {text}");
        }
        let flood =
            r#"{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":14}}"#;
        assert_eq!(meaning(429, flood), "wait 14 chat");
    }

    #[test]
    fn what_a_proxy_answers_is_no_proof_that_nothing_was_sent_after_it_waited() {
        assert_eq!(meaning(502, "<html>Bad Gateway</html>"), "not sent");
        assert_eq!(meaning(504, "<html>Gateway Time-out</html>"), "unknown");
        assert_eq!(meaning(200, r#"{"ok":true,"result":{"mess"#), "unknown");
        assert_eq!(meaning(404, "<html>nothing here</html>"), "stopped");
    }

    #[test]
    fn topics_and_migration_are_recognised() {
        let says = |text: &str| Refusal {
            code: 400,
            text: text.into(),
            retry_after: None,
            migrate_to: None,
        };
        assert!(says("Bad Request: message thread not found").topic_gone());
        assert!(says("Bad Request: TOPIC_DELETED").topic_gone());
        assert!(says("Bad Request: TOPIC_CLOSED").topic_closed());
        let body = r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1001}}"#;
        let error = read::<Value>(400, body.as_bytes()).unwrap_err();
        assert_eq!(error.refusal().unwrap().migrate_to, Some(-1001));
    }

    #[tokio::test]
    async fn an_address_that_cannot_be_reached_does_not_give_the_token_away() {
        let config = TelegramConfig {
            token: zapis_core::config::Secret::new("123:SECRET"),
            api_url: "http://127.0.0.1:1".into(),
            ..TelegramConfig::default()
        };

        let error = Api::new(&config)
            .unwrap()
            .tell("getMe", &serde_json::json!({}))
            .await
            .unwrap_err();

        assert!(matches!(error, CallError::NotSent(_)));
        let shown = format!("{error:?} {}", zapis_core::causes(&error));
        assert!(!shown.contains("SECRET"), "{shown}");
    }
}
