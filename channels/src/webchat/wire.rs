//! The frames of the web chat, both ways. What a client sends is not to be trusted.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use uuid::Uuid;
use zapis_core::message::Button;
use zapis_core::store::ChatEntry;

/// How many bytes a frame or a body may have.
pub(super) const FRAME_LIMIT: usize = 64 * 1024;

/// How many characters a message may have.
pub(super) const TEXT_LIMIT: usize = 4_000;

/// How many characters the payload of a button, or a consent's version, may have.
const SHORT_LIMIT: usize = 200;

/// `from` of a consent in the log: an event with a `seq`, but nothing to show.
pub(super) const CONSENT: &str = "consent";

/// What a client sends.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) enum ClientFrame {
    /// Something to keep, to publish and to acknowledge.
    Deed(Deed),
    /// The visitor is writing.
    Typing,
    /// Everything up to there was seen.
    Read { seq: i64 },
}

/// What a visitor did.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) struct Deed {
    /// The client's uuid: a repeat has the same.
    pub(super) id: String,
    pub(super) kind: DeedKind,
}

/// What kind of thing a visitor did.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) enum DeedKind {
    /// Wrote.
    Message { text: String },
    /// Pressed a quick reply.
    Press { payload: String },
    /// Agreed to the processing of personal data.
    Consent { version: String },
}

/// What the server sends.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerFrame {
    /// Always first.
    Hello {
        token: String,
        conversation: String,
        seq: i64,
        resumed: bool,
        history: Vec<ServerFrame>,
    },
    /// A deed is durable.
    Ack { id: String, seq: i64 },
    /// An event of the conversation.
    Message {
        seq: i64,
        id: String,
        from: String,
        name: String,
        text: String,
        buttons: Vec<Button>,
        #[serde(serialize_with = "rfc3339")]
        at: DateTime<Utc>,
    },
    /// Somebody writes.
    Typing { from: &'static str },
    /// A frame was not taken.
    Error(Refusal),
}

impl ServerFrame {
    /// As it goes over the wire.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// An event of the log; nothing where there is nothing to show.
    pub(super) fn of(entry: ChatEntry) -> Option<Self> {
        (entry.from != CONSENT).then(|| Self::Message {
            seq: entry.seq,
            id: entry.id,
            from: entry.from,
            name: entry.name.unwrap_or_default(),
            text: entry.text,
            buttons: entry.buttons,
            at: entry.at,
        })
    }
}

fn rfc3339<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// Why a frame was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub(super) struct Refusal {
    /// The client's id, where the frame had a readable one.
    pub(super) id: Option<String>,
    pub(super) code: Code,
    pub(super) message: &'static str,
}

/// What the client can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Code {
    /// Write less at once.
    TooLong,
    /// Try again in a minute.
    RateLimited,
    /// Mend the frame.
    BadFrame,
    /// Mend the `type`.
    UnknownType,
    /// Try again soon.
    Unavailable,
    /// Send a consent first.
    ConsentRequired,
}

impl Refusal {
    pub(super) fn new(id: Option<&str>, code: Code, message: &'static str) -> Self {
        Self {
            id: id.map(str::to_owned),
            code,
            message,
        }
    }
}

/// Reads a client's frame.
pub(super) fn parse(bytes: &[u8]) -> Result<ClientFrame, Refusal> {
    if bytes.len() > FRAME_LIMIT {
        let message = "a frame has at most 64 KiB";
        return Err(Refusal::new(None, Code::TooLong, message));
    }
    // Bounds the depth, and refuses lone surrogates and broken UTF-8.
    let Ok(Value::Object(frame)) = serde_json::from_slice(bytes) else {
        let message = "a frame is a JSON object";
        return Err(Refusal::new(None, Code::BadFrame, message));
    };
    let id = id_of(&frame);
    let refuse = |code, message| Refusal::new(id, code, message);
    let bad = |message| refuse(Code::BadFrame, message);
    let Some(kind) = frame.get("type").and_then(Value::as_str) else {
        return Err(bad("`type` is missing or no text"));
    };
    let kind = match kind {
        "typing" => return Ok(ClientFrame::Typing),
        "read" => {
            return match frame.get("seq").and_then(Value::as_i64) {
                Some(seq) if seq >= 0 => Ok(ClientFrame::Read { seq }),
                _ => Err(bad("`seq` is missing or no number")),
            };
        }
        "message" => match text_of(&frame, "text", TEXT_LIMIT) {
            Text::Fine(text) => DeedKind::Message { text },
            Text::TooLong => {
                let message = "a message has at most 4000 characters";
                return Err(refuse(Code::TooLong, message));
            }
            Text::Missing => return Err(bad("`text` is missing, empty or no text")),
        },
        "press" => match text_of(&frame, "payload", SHORT_LIMIT) {
            Text::Fine(payload) => DeedKind::Press { payload },
            _ => return Err(bad("`payload` is missing, too long or no text")),
        },
        "consent" => match text_of(&frame, "version", SHORT_LIMIT) {
            Text::Fine(version) => DeedKind::Consent { version },
            _ => return Err(bad("`version` is missing, too long or no text")),
        },
        _ => return Err(refuse(Code::UnknownType, "no such `type`")),
    };
    match id {
        Some(id) => Ok(ClientFrame::Deed(Deed {
            id: id.to_owned(),
            kind,
        })),
        None => Err(bad("`id` is missing or no uuid")),
    }
}

fn id_of(frame: &Map<String, Value>) -> Option<&str> {
    let id = frame.get("id")?.as_str()?;
    Uuid::try_parse(id).is_ok().then_some(id)
}

enum Text {
    Fine(String),
    TooLong,
    Missing,
}

fn text_of(frame: &Map<String, Value>, key: &str, limit: usize) -> Text {
    let Some(text) = frame.get(key).and_then(Value::as_str) else {
        return Text::Missing;
    };
    // PostgreSQL cannot keep a null character, and nobody can see one.
    let text = text.replace('\0', "");
    if text.trim().is_empty() {
        Text::Missing
    } else if text.chars().count() > limit {
        Text::TooLong
    } else {
        Text::Fine(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "0192f0c1-2222-7333-8444-555555555555";

    fn code(frame: &str) -> Code {
        parse(frame.as_bytes()).unwrap_err().code
    }

    #[test]
    fn a_message_keeps_its_words_and_loses_null_characters() {
        let frame =
            format!(r#"{{"type":"message","id":"{ID}","text":"\u0000При\u0000вет 👋 שלום"}}"#);

        assert_eq!(
            parse(frame.as_bytes()).unwrap(),
            ClientFrame::Deed(Deed {
                id: ID.into(),
                kind: DeedKind::Message {
                    text: "Привет 👋 שלום".into()
                }
            })
        );
    }

    #[test]
    fn a_text_may_have_4000_characters_whatever_their_bytes() {
        let frame = |n| {
            format!(
                r#"{{"type":"message","id":"{ID}","text":"{}"}}"#,
                "ё".repeat(n)
            )
        };

        assert!(parse(frame(4_000).as_bytes()).is_ok());
        let refusal = parse(frame(4_001).as_bytes()).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.id.as_deref()),
            (Code::TooLong, Some(ID))
        );
        assert_eq!(code(&frame(100_000)), Code::TooLong);
    }

    #[test]
    fn what_is_no_frame_is_refused_with_the_right_code() {
        let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
        let nested = format!(r#"{{"type":"message","id":"{ID}","text":{deep}}}"#);
        for bad in [
            "",
            "null",
            "[]",
            "{",
            "{}",
            r#"{"type":1}"#,
            r#"{"type":"read"}"#,
            r#"{"type":"read","seq":"1"}"#,
            r#"{"type":"read","seq":-1}"#,
            r#"{"type":"read","seq":1e400}"#,
            r#"{"type":"message","text":"no id"}"#,
            r#"{"type":"message","id":"7","text":"no uuid"}"#,
            r#"{"type":"message","id":["7"],"text":"no uuid"}"#,
            r#"{"type":"message","id":"0192f0c1-2222-7333-8444-555555555555"}"#,
            r#"{"type":"message","id":"0192f0c1-2222-7333-8444-555555555555","text":["a"]}"#,
            r#"{"type":"message","id":"0192f0c1-2222-7333-8444-555555555555","text":" \u0000\n"}"#,
            r#"{"type":"message","id":"0192f0c1-2222-7333-8444-555555555555","text":"\ud83d"}"#,
            r#"{"type":"press","id":"0192f0c1-2222-7333-8444-555555555555","payload":null}"#,
            r#"{"type":"consent","id":"0192f0c1-2222-7333-8444-555555555555","version":3}"#,
            &deep,
            &nested,
        ] {
            let shown: String = bad.chars().take(80).collect();
            assert_eq!(code(bad), Code::BadFrame, "{shown}");
        }
        assert_eq!(code(r#"{"type":"MESSAGE"}"#), Code::UnknownType);
        assert_eq!(
            parse(b"{\"type\":\"\xff\"}").unwrap_err().code,
            Code::BadFrame
        );
    }

    #[test]
    fn an_error_names_the_frame_it_is_about() {
        let refusal = parse(format!(r#"{{"type":"dance","id":"{ID}"}}"#).as_bytes()).unwrap_err();

        let json: Value = serde_json::from_str(&ServerFrame::Error(refusal).json()).unwrap();

        assert_eq!(json["type"], "error");
        assert_eq!(json["id"], ID);
        assert_eq!(json["code"], "unknown_type");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            drop(parse(&bytes));
        }

        #[test]
        fn what_a_client_writes_arrives_as_written(text in "[^\\x00]{1,200}") {
            prop_assume!(!text.trim().is_empty());
            let frame = serde_json::json!({"type": "message", "id": ID, "text": text}).to_string();
            let kind = DeedKind::Message { text };
            prop_assert_eq!(parse(frame.as_bytes()), Ok(ClientFrame::Deed(Deed { id: ID.into(), kind })));
        }
    }
}
