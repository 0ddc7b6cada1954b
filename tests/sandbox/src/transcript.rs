//! What a customer sees, in one form for all messengers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A message as it stands on the customer's screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The messenger's id of the message.
    pub id: String,
    /// `customer`, `bot` or `staff`.
    pub from: String,
    /// The text or caption; empty where there is none.
    pub text: String,
    /// Its buttons.
    pub buttons: Vec<Button>,
    /// Seconds since 1970.
    pub at: i64,
    /// How far it came: `sent`, `delivered`, `read` or `failed`; WhatsApp only.
    pub status: Option<String>,
    /// The message in the messenger's own format.
    pub raw: Value,
}

/// A button under a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// What it says.
    pub title: String,
    /// What it sends.
    pub payload: String,
}

/// A message of Telegram as a line; `bot` is the bot's own user id.
pub(crate) fn telegram_line(message: &Value, bot: i64) -> Line {
    let author = &message["from"];
    let is_private = message["chat"]["type"] == "private";
    let from = if author["id"] == bot {
        "bot"
    } else if is_private && author["id"] == message["chat"]["id"] {
        "customer"
    } else {
        "staff"
    };
    let rows = message["reply_markup"]["inline_keyboard"].as_array();
    let buttons = rows
        .into_iter()
        .flatten()
        .filter_map(Value::as_array)
        .flatten();
    Line {
        id: message["message_id"].to_string(),
        from: from.to_owned(),
        text: text_of(message),
        buttons: buttons
            .map(|button| Button {
                title: words(&button["text"]),
                payload: words(&button["callback_data"]),
            })
            .collect(),
        at: message["date"].as_i64().unwrap_or_default(),
        status: None,
        raw: message.clone(),
    }
}

fn text_of(message: &Value) -> String {
    let text = message["text"]
        .as_str()
        .or_else(|| message["caption"].as_str());
    text.unwrap_or_default().to_owned()
}

/// A string of a message, or nothing.
pub(crate) fn words(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
