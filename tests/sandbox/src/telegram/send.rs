//! Sending: the checks every new message goes through.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::ApiError;
use super::entities::{self, Formatted};
use super::markup::{self, Place};
use super::params::Params;
use super::state::{Desk, content};

/// The longest text, in UTF-16 units.
const TEXT: usize = 4096;
/// The longest caption, in UTF-16 units.
const CAPTION: usize = 1024;
const ACTIONS: [&str; 11] = [
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
];

impl Desk<'_> {
    pub(crate) fn send_message(&mut self, params: &Params) -> Result<Value, ApiError> {
        let chat = self.target(params, "chat_id")?;
        let text = params.text("text").unwrap_or_default();
        let (text, entities) = formatted(params, &text, "entities")?;
        let text = checked_text(text)?;
        let mut message = content(json!({ "text": text }));
        if !entities.is_empty() {
            message.insert("entities".to_owned(), json!(entities));
        }
        self.deliver(chat, params, message)
    }

    pub(crate) fn send_location(&mut self, params: &Params) -> Result<Value, ApiError> {
        let chat = self.target(params, "chat_id")?;
        let number = |name: &str, most: f64| {
            let value: Option<f64> = params.text(name).and_then(|text| text.parse().ok());
            value.filter(|value| value.abs() <= most)
        };
        match (number("latitude", 90.0), number("longitude", 180.0)) {
            (Some(latitude), Some(longitude)) => {
                let place = json!({"latitude": latitude, "longitude": longitude});
                self.deliver(chat, params, content(json!({ "location": place })))
            }
            _ => Err(ApiError::bad("latitude is empty")),
        }
    }

    pub(crate) fn send_contact(&mut self, params: &Params) -> Result<Value, ApiError> {
        let chat = self.target(params, "chat_id")?;
        let filled = |name: &str| params.text(name).filter(|text| !text.is_empty());
        let phone = filled("phone_number").ok_or_else(|| ApiError::bad("phone number is empty"))?;
        let name = filled("first_name").ok_or_else(|| ApiError::bad("first name is empty"))?;
        let card = json!({"phone_number": phone, "first_name": name});
        self.deliver(chat, params, content(json!({ "contact": card })))
    }

    /// The shared end of every send.
    pub(crate) fn deliver(
        &mut self,
        chat_id: i64,
        params: &Params,
        mut message: Map<String, Value>,
    ) -> Result<Value, ApiError> {
        if let Some(connection) = params.text("business_connection_id") {
            if !self.bot().business.contains_key(&connection) {
                return Err(ApiError::bad("business connection not found"));
            }
            message.insert("business_connection_id".to_owned(), json!(connection));
        }
        if let Some(thread) = params
            .int("message_thread_id")
            .filter(|thread| *thread != 0)
        {
            message.extend(self.topic_fields(chat_id, thread)?);
        }
        if let Some(reply) = self.replied(chat_id, params)? {
            message.insert("reply_to_message".to_owned(), reply);
        }
        let private = self.chat(chat_id)?.is_private();
        if let Some(keyboard) = markup::check(params.json("reply_markup")?, Place::New, private)? {
            message.insert("reply_markup".to_owned(), keyboard);
        } else if let Some(keyboard) = params.json("reply_markup")? {
            // Telegram does not return reply keyboards; the customer's app shows them.
            let bot = self.bot().username.clone();
            let event = json!({"type": "telegram.keyboard", "bot": bot, "chat": chat_id, "keyboard": keyboard});
            self.world.show(event);
        }
        if self.world.limits() {
            let taken = self.bot().flood.take(chat_id, Instant::now());
            taken.map_err(ApiError::flood)?;
        }
        let from = self.me();
        self.post(chat_id, from, message)
    }

    fn replied(&mut self, chat_id: i64, params: &Params) -> Result<Option<Value>, ApiError> {
        let given = params.json("reply_parameters")?;
        let id = given
            .as_ref()
            .and_then(|given| given["message_id"].as_i64())
            .or_else(|| params.int("reply_to_message_id"));
        let lenient = given.is_some_and(|given| given["allow_sending_without_reply"] == true)
            || params.flag("allow_sending_without_reply");
        let Some(id) = id.filter(|id| *id != 0) else {
            return Ok(None);
        };
        match self.chat(chat_id)?.messages.get(&id) {
            Some(message) => {
                let mut message = content(message.clone());
                message.remove("reply_to_message");
                Ok(Some(Value::Object(message)))
            }
            None if lenient => Ok(None),
            None => Err(ApiError::bad("message to be replied not found")),
        }
    }

    pub(crate) fn chat_action(&mut self, params: &Params) -> Result<Value, ApiError> {
        let chat = self.target(params, "chat_id")?;
        let action = params.text("action").unwrap_or_default();
        if !ACTIONS.contains(&action.as_str()) {
            return Err(ApiError::bad("wrong parameter action in request"));
        }
        if let Some(thread) = params
            .int("message_thread_id")
            .filter(|thread| *thread != 0)
        {
            self.topic_fields(chat, thread)?;
        }
        let thread = params.int("message_thread_id");
        let bot = self.bot().username.clone();
        let event = json!({"type": "telegram.action", "bot": bot, "chat": chat, "thread": thread, "action": action});
        self.world.show(event);
        Ok(json!(true))
    }
}

/// Text and entities of a call, from markup or from a list of entities.
pub(crate) fn formatted(params: &Params, text: &str, list: &str) -> Result<Formatted, ApiError> {
    if text.contains('\0') {
        return Err(ApiError::bad("strings must be encoded in UTF-8"));
    }
    let mode = params.text("parse_mode");
    if mode.as_deref().unwrap_or_default().is_empty()
        && let Some(Value::Array(entities)) = params.json(list)?
    {
        let length = entities::utf16(text);
        let fits = |entity: &Value| {
            let start = entity["offset"].as_u64().unwrap_or(u64::MAX);
            let span = entity["length"].as_u64().unwrap_or(u64::MAX);
            usize::try_from(start.saturating_add(span)).is_ok_and(|end| end <= length)
        };
        let kept = entities.into_iter().filter(fits).collect();
        return Ok((text.trim_end().to_owned(), kept));
    }
    entities::parse(text, mode.as_deref()).map_err(ApiError::bad)
}

/// A text that may be sent.
pub(crate) fn checked_text(text: String) -> Result<String, ApiError> {
    if text.trim().is_empty() {
        return Err(ApiError::bad("message text is empty"));
    }
    if entities::utf16(&text) > TEXT {
        return Err(ApiError::bad("message is too long"));
    }
    Ok(text)
}

/// The caption of a call, as the fields of a message.
pub(crate) fn caption(params: &Params) -> Result<Map<String, Value>, ApiError> {
    let mut fields = Map::new();
    let given = params.text("caption").unwrap_or_default();
    let (text, entities) = formatted(params, &given, "caption_entities")?;
    if entities::utf16(&text) > CAPTION {
        return Err(ApiError::bad("message caption is too long"));
    }
    if !text.is_empty() {
        fields.insert("caption".to_owned(), json!(text));
    }
    if !entities.is_empty() {
        fields.insert("caption_entities".to_owned(), json!(entities));
    }
    Ok(fields)
}
