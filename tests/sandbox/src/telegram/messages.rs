//! What can be done with messages that exist: copy, edit, delete, react, answer a press.

use serde_json::{Map, Value, json};

use super::ApiError;
use super::markup::{self, Place};
use super::params::Params;
use super::send::{caption, checked_text, formatted};
use super::state::{Desk, content};

/// The longest answer to a button press.
const ANSWER: usize = 200;
/// What a message consists of besides its envelope.
const PARTS: [&str; 16] = [
    "text",
    "entities",
    "caption",
    "caption_entities",
    "photo",
    "document",
    "voice",
    "audio",
    "video",
    "animation",
    "sticker",
    "video_note",
    "location",
    "venue",
    "contact",
    "poll",
];
const REACTIONS: &str = "❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡";

impl Desk<'_> {
    pub(crate) fn copy_message(&mut self, params: &Params) -> Result<Value, ApiError> {
        let chat = self.target(params, "chat_id")?;
        let source = self.source(params, "message to copy not found")?;
        let mut parts = parts(&source);
        if parts.is_empty() {
            return Err(ApiError::bad("message can't be copied"));
        }
        if params.text("caption").is_some() {
            parts.extend(caption(params)?);
        }
        let sent = self.deliver(chat, params, parts)?;
        Ok(json!({ "message_id": sent["message_id"] }))
    }

    pub(crate) fn forward_message(&mut self, params: &Params) -> Result<Value, ApiError> {
        let chat = self.target(params, "chat_id")?;
        let source = self.source(params, "message to forward not found")?;
        let mut parts = parts(&source);
        let origin = json!({"type": "user", "sender_user": source["from"], "date": source["date"]});
        parts.insert("forward_origin".to_owned(), origin);
        self.deliver(chat, params, parts)
    }

    fn source(&mut self, params: &Params, missing: &str) -> Result<Value, ApiError> {
        let chat = self.target(params, "from_chat_id")?;
        let id = message_id(params)?;
        let found = self.chat(chat)?.messages.get(&id).cloned();
        found.ok_or_else(|| ApiError::bad(missing))
    }

    pub(crate) fn edit_text(&mut self, params: &Params) -> Result<Value, ApiError> {
        let (text, entities) =
            formatted(params, &params.text("text").unwrap_or_default(), "entities")?;
        let mut fields = content(json!({ "text": checked_text(text)? }));
        if !entities.is_empty() {
            fields.insert("entities".to_owned(), json!(entities));
        }
        self.edit(params, Some((fields, &["text", "entities"])))
    }

    pub(crate) fn edit_caption(&mut self, params: &Params) -> Result<Value, ApiError> {
        let fields = caption(params)?;
        self.edit(params, Some((fields, &["caption", "caption_entities"])))
    }

    pub(crate) fn edit_markup(&mut self, params: &Params) -> Result<Value, ApiError> {
        self.edit(params, None)
    }

    /// Replaces some fields of a message, and its keyboard.
    fn edit(
        &mut self,
        params: &Params,
        change: Option<(Map<String, Value>, &[&str])>,
    ) -> Result<Value, ApiError> {
        if params.text("inline_message_id").is_some() {
            return Err(ApiError::bad("MESSAGE_ID_INVALID"));
        }
        let chat_id = self.target(params, "chat_id")?;
        let id = message_id(params)?;
        let me = self.bot().id;
        let now = self.now;
        let bot = self.bot().username.clone();
        let world = self.world;
        let chat = self.chat(chat_id)?;
        let keyboard = markup::check(params.json("reply_markup")?, Place::Edit, chat.is_private())?;
        let before = chat.messages.get(&id).cloned();
        let before = before.ok_or_else(|| ApiError::bad("message to edit not found"))?;
        if before["from"]["id"] != me {
            return Err(ApiError::bad("message can't be edited"));
        }
        let mut after = content(before.clone());
        if let Some((fields, replaced)) = change {
            let first = replaced.first().copied().unwrap_or_default();
            if first == "text" && !after.contains_key("text") {
                return Err(ApiError::bad("there is no text in the message to edit"));
            }
            after.retain(|name, _| !replaced.contains(&name.as_str()));
            after.extend(fields);
        }
        after.remove("reply_markup");
        if let Some(keyboard) = keyboard {
            after.insert("reply_markup".to_owned(), keyboard);
        }
        if content(before) == after {
            return Err(ApiError::bad(
                "message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message",
            ));
        }
        after.insert("edit_date".to_owned(), json!(now));
        let after = Value::Object(after);
        chat.messages.insert(id, after.clone());
        world.show(json!({"type": "telegram.edit", "bot": bot, "message": after}));
        Ok(after)
    }

    pub(crate) fn delete_message(&mut self, params: &Params) -> Result<Value, ApiError> {
        let chat = self.target(params, "chat_id")?;
        let id = message_id(params)?;
        if !self.remove(chat, id)? {
            return Err(ApiError::bad("message to delete not found"));
        }
        Ok(json!(true))
    }

    pub(crate) fn delete_messages(&mut self, params: &Params) -> Result<Value, ApiError> {
        let chat = self.target(params, "chat_id")?;
        let ids = params.json("message_ids")?;
        let ids: Vec<_> = ids
            .iter()
            .filter_map(Value::as_array)
            .flatten()
            .filter_map(Value::as_i64)
            .collect();
        if ids.is_empty() {
            return Err(ApiError::bad("message identifiers are not specified"));
        }
        for id in ids {
            self.remove(chat, id)?;
        }
        Ok(json!(true))
    }

    fn remove(&mut self, chat: i64, id: i64) -> Result<bool, ApiError> {
        let bot = self.bot().username.clone();
        let removed = self.chat(chat)?.messages.remove(&id).is_some();
        if removed {
            let event =
                json!({"type": "telegram.delete", "bot": bot, "chat": chat, "message_id": id});
            self.world.show(event);
        }
        Ok(removed)
    }

    pub(crate) fn react(&mut self, params: &Params) -> Result<Value, ApiError> {
        let chat = self.target(params, "chat_id")?;
        let id = message_id(params)?;
        let reaction = params.json("reaction")?.unwrap_or_else(|| json!([]));
        let list = reaction
            .as_array()
            .ok_or_else(|| ApiError::bad("expected an Array of reactions"))?;
        let known = |reaction: &Value| {
            let emoji = reaction["emoji"]
                .as_str()
                .unwrap_or_default()
                .trim_end_matches('\u{fe0f}');
            reaction["type"] == "emoji" && REACTIONS.split(' ').any(|known| known == emoji)
        };
        if !list.iter().all(known) || list.len() > 1 {
            return Err(ApiError::bad("REACTION_INVALID"));
        }
        if !self.chat(chat)?.messages.contains_key(&id) {
            return Err(ApiError::bad("message to react not found"));
        }
        let bot = self.bot().username.clone();
        let event = json!({"type": "telegram.reaction", "bot": bot, "chat": chat, "message_id": id, "reaction": reaction});
        self.world.show(event);
        Ok(json!(true))
    }

    pub(crate) fn answer_callback(&mut self, params: &Params) -> Result<Value, ApiError> {
        let id = params.text("callback_query_id").unwrap_or_default();
        let text = params.text("text").unwrap_or_default();
        if text.chars().count() > ANSWER {
            return Err(ApiError::bad("MESSAGE_TOO_LONG"));
        }
        let now = self.now;
        if self
            .bot()
            .callbacks
            .remove(&id)
            .is_none_or(|until| until < now)
        {
            return Err(ApiError::bad(
                "query is too old and response timeout expired or query ID is invalid",
            ));
        }
        let bot = self.bot().username.clone();
        let alert = params.flag("show_alert");
        let event =
            json!({"type": "telegram.answer", "bot": bot, "id": id, "text": text, "alert": alert});
        self.world.show(event);
        Ok(json!(true))
    }
}

fn message_id(params: &Params) -> Result<i64, ApiError> {
    let id = params.int("message_id").filter(|id| *id > 0);
    id.ok_or_else(|| ApiError::bad("message identifier is not specified"))
}

fn parts(message: &Value) -> Map<String, Value> {
    let mut parts = content(message.clone());
    parts.retain(|name, _| PARTS.contains(&name.as_str()));
    parts
}
