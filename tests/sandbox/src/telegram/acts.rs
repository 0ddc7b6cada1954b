//! Lets customers act: their messages, presses and memberships become updates.

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::ApiError;
use super::entities::commands;
use super::media::NewFile;
use super::people::{BusinessText, FileKind, TelegramAction, TelegramRequest};
use super::state::{CALLBACK_LIFE, Chat, Desk, Standing, Update, content};
use crate::samples;
use crate::sandbox::ControlError;

/// Who writes in staff chats when nobody is named.
pub(crate) const STAFF: i64 = 7_000_000_009;

impl From<ApiError> for ControlError {
    fn from(error: ApiError) -> Self {
        Self::Impossible(error.description)
    }
}

pub(crate) fn unknown(what: &str) -> ControlError {
    ControlError::Impossible(format!("there is no such {what}"))
}

impl Desk<'_> {
    /// Lets it happen; returns the ids it produced.
    pub(crate) fn act(&mut self, request: TelegramRequest) -> Result<Value, ControlError> {
        let (name, username) = (request.name, request.username);
        match request.action {
            TelegramAction::Exists { chat } => {
                self.person(chat, name, username);
                Ok(json!({}))
            }
            TelegramAction::Writes {
                chat,
                text,
                reply_to,
                at,
            } => {
                self.person(chat, name, username);
                let mut message = written(&text);
                if let Some(at) = at {
                    message.insert("date".to_owned(), json!(at));
                }
                self.customer_says(chat, message, reply_to)
            }
            TelegramAction::Presses {
                chat,
                button,
                message_id,
                forged,
                inaccessible,
            } => {
                self.person(chat.abs(), name, username);
                self.press(chat, &button, message_id, forged, inaccessible)
            }
            TelegramAction::Edits {
                chat,
                message_id,
                text,
            } => self.edited(chat, message_id, &text),
            TelegramAction::Blocks { chat } => self.membership(chat, Standing::Blocked),
            TelegramAction::Unblocks { chat } => self.membership(chat, Standing::Fine),
            TelegramAction::Business(message) => {
                self.person(message.chat, name, username);
                self.business(&message)
            }
            TelegramAction::Raw { update } => self.raw(update),
            other => {
                if let Some(fields) = self.send_thing(&other, name.clone(), username) {
                    return fields;
                }
                self.act_as_staff(other, name)
            }
        }
    }

    /// Sends something other than text; nothing if the action is no sending.
    fn send_thing(
        &mut self,
        action: &TelegramAction,
        name: Option<String>,
        username: Option<String>,
    ) -> Option<Result<Value, ControlError>> {
        let (chat, message) = match action {
            TelegramAction::SharesContact {
                chat,
                phone,
                foreign,
            } => {
                let person = self.person(*chat, name, username);
                let mut card = json!({"phone_number": phone, "first_name": person["first_name"]});
                if *foreign {
                    card["first_name"] = json!("Пётр");
                } else {
                    card["user_id"] = json!(chat);
                }
                (*chat, content(json!({ "contact": card })))
            }
            TelegramAction::SendsLocation {
                chat,
                latitude,
                longitude,
            } => {
                self.person(*chat, name, username);
                let place = json!({"latitude": latitude, "longitude": longitude});
                (*chat, content(json!({ "location": place })))
            }
            TelegramAction::Sends {
                chat,
                kind,
                caption,
                file_name,
                content,
                size,
            } => {
                self.person(*chat, name, username);
                let usual = || samples::of(kind.field().0);
                let bytes = content.clone().map_or_else(usual, Bytes::from);
                let mut message = self.file(*kind, file_name.as_deref(), bytes, *size);
                if let Some(caption) = caption {
                    message.insert("caption".to_owned(), json!(caption));
                }
                (*chat, message)
            }
            TelegramAction::SendsAlbum {
                chat,
                count,
                caption,
            } => {
                self.person(*chat, name, username);
                return Some(self.album(*chat, *count, caption.as_deref()));
            }
            _ => return None,
        };
        Some(self.customer_says(chat, message, None))
    }

    /// The person, who exists from now on.
    pub(crate) fn person(
        &mut self,
        id: i64,
        name: Option<String>,
        username: Option<String>,
    ) -> Value {
        let person = self.telegram.people.entry(id).or_insert_with(
            || json!({"id": id, "is_bot": false, "first_name": "Анна", "language_code": "ru"}),
        );
        if let Some(name) = name {
            person["first_name"] = json!(name);
        }
        if let Some(username) = username {
            person["username"] = json!(username);
        }
        person.clone()
    }

    /// The private chat of a person, opened if need be.
    fn private(&mut self, id: i64) -> Value {
        let person = self.person(id, None, None);
        let mut object = json!({"id": id, "first_name": person["first_name"], "type": "private"});
        if person["username"].is_string() {
            object["username"] = person["username"].clone();
        }
        let chats = &mut self.bot().chats;
        let chat = chats.entry(id).or_insert_with(|| Chat::new(Value::Null));
        chat.object = object;
        person
    }

    fn customer_says(
        &mut self,
        chat: i64,
        mut message: Map<String, Value>,
        reply_to: Option<i64>,
    ) -> Result<Value, ControlError> {
        if chat <= 0 {
            return Err(unknown("customer"));
        }
        let from = self.private(chat);
        if self.chat(chat)?.standing == Standing::Blocked {
            self.membership(chat, Standing::Fine)?;
        }
        if let Some(id) = reply_to {
            let original = self.chat(chat)?.messages.get(&id).cloned();
            message.insert(
                "reply_to_message".to_owned(),
                original.ok_or_else(|| unknown("message"))?,
            );
        }
        let message = self.post(chat, from, message)?;
        Ok(self.announce_message(chat, &message))
    }

    pub(crate) fn announce_message(&mut self, chat: i64, message: &Value) -> Value {
        let id = message["message_id"].clone();
        let update = self.push("message", format!("chat:{chat}"), message);
        json!({"message_id": id, "update_id": update})
    }

    fn file(
        &mut self,
        kind: FileKind,
        name: Option<&str>,
        bytes: Bytes,
        size: Option<u64>,
    ) -> Map<String, Value> {
        let (kind, usual_name, mime_type) = kind.field();
        self.keep(NewFile {
            kind,
            name: Some(name.unwrap_or(usual_name)),
            mime_type: Some(mime_type),
            bytes,
            size,
        })
    }

    fn album(
        &mut self,
        chat: i64,
        count: u8,
        caption: Option<&str>,
    ) -> Result<Value, ControlError> {
        let group = format!("135{}{}", self.now, self.telegram.files.len());
        let mut sent = Vec::new();
        for index in 0..count {
            let mut message = self.file(FileKind::Photo, None, samples::picture(), None);
            message.insert("media_group_id".to_owned(), json!(group));
            if let (0, Some(caption)) = (index, caption) {
                message.insert("caption".to_owned(), json!(caption));
            }
            sent.push(self.customer_says(chat, message, None)?);
        }
        Ok(json!(sent))
    }

    fn edited(&mut self, chat: i64, id: i64, text: &str) -> Result<Value, ControlError> {
        let (now, bot) = (self.now, self.bot().username.clone());
        let messages = &mut self.chat(chat)?.messages;
        let message = messages.get_mut(&id).ok_or_else(|| unknown("message"))?;
        message["text"] = json!(text);
        message["edit_date"] = json!(now);
        let message = message.clone();
        self.world
            .show(json!({"type": "telegram.edit", "bot": bot, "message": message}));
        let update = self.push("edited_message", format!("chat:{chat}"), &message);
        Ok(json!({ "update_id": update }))
    }

    fn press(
        &mut self,
        chat_id: i64,
        button: &str,
        message_id: Option<i64>,
        forged: bool,
        inaccessible: bool,
    ) -> Result<Value, ControlError> {
        let now = self.now;
        let messages = &self.chat(chat_id)?.messages;
        let found = messages
            .iter()
            .rev()
            .filter(|(id, _)| message_id.is_none_or(|wanted| wanted == **id))
            .find_map(|(_, message)| Some((message.clone(), data_of(message, button)?)))
            .or_else(|| {
                let (_, last) = messages.iter().next_back().filter(|_| forged)?;
                Some((last.clone(), button.to_owned()))
            });
        let (mut message, data) = found.ok_or_else(|| unknown("button"))?;
        if inaccessible {
            message =
                json!({"chat": message["chat"], "message_id": message["message_id"], "date": 0});
        }
        let from = self.person(if chat_id > 0 { chat_id } else { STAFF }, None, None);
        let id = format!("{}{:09}", from["id"], self.bot().next_update);
        let query = json!({
            "id": id, "from": from, "message": message,
            "chat_instance": format!("{}", chat_id.wrapping_mul(7_919)), "data": data
        });
        self.bot().callbacks.insert(id.clone(), now + CALLBACK_LIFE);
        let update = self.push("callback_query", format!("callback:{}", from["id"]), &query);
        Ok(json!({"callback_query_id": id, "update_id": update}))
    }

    pub(crate) fn membership(&mut self, chat: i64, to: Standing) -> Result<Value, ControlError> {
        let me = self.me();
        let now = self.now;
        let from = self.person(if chat > 0 { chat } else { STAFF }, None, None);
        let chat_object = self.chat(chat)?;
        let before = chat_object.standing;
        chat_object.standing = to;
        let member = |standing: Standing| match standing {
            Standing::Fine => json!({"user": me, "status": "member"}),
            _ => json!({"user": me, "status": "kicked", "until_date": 0}),
        };
        let change = json!({
            "chat": chat_object.object, "from": from, "date": now,
            "old_chat_member": member(before), "new_chat_member": member(to)
        });
        let update = self.push("my_chat_member", format!("chat:{chat}"), &change);
        Ok(json!({ "update_id": update }))
    }

    fn business(&mut self, said: &BusinessText) -> Result<Value, ControlError> {
        let owner = json!({"id": 7_000_000_005_i64, "is_bot": false, "first_name": "Владелец", "is_premium": true});
        if !self.bot().business.contains_key(&said.connection) {
            let connection = json!({
                "id": said.connection, "user": owner, "user_chat_id": owner["id"], "date": self.now,
                "rights": {"can_reply": true, "can_read_messages": true}, "is_enabled": true
            });
            self.bot()
                .business
                .insert(said.connection.clone(), connection.clone());
            self.push(
                "business_connection",
                format!("business:{}", said.connection),
                &connection,
            );
        }
        let customer = self.private(said.chat);
        let mut message = written(&said.text);
        message.insert("business_connection_id".to_owned(), json!(said.connection));
        let from = if said.from_owner { owner } else { customer };
        let message = self.post(said.chat, from, message)?;
        let id = message["message_id"].clone();
        let update = self.push("business_message", format!("chat:{}", said.chat), &message);
        Ok(json!({"message_id": id, "update_id": update}))
    }

    fn raw(&mut self, update: Value) -> Result<Value, ControlError> {
        let mut body = content(update);
        if body.is_empty() {
            return Err(unknown("update"));
        }
        let bot = self.bot();
        let id = body
            .get("update_id")
            .and_then(Value::as_i64)
            .unwrap_or(bot.next_update);
        bot.next_update = bot.next_update.max(id.saturating_add(1));
        body.insert("update_id".to_owned(), json!(id));
        let expires = self.now + 24 * 3600;
        self.bot().updates.push_back(Update {
            id,
            lane: format!("raw:{id}"),
            expires,
            body: Value::Object(body),
        });
        Ok(json!({ "update_id": id }))
    }
}

/// A text as a client sends it.
pub(crate) fn written(text: &str) -> Map<String, Value> {
    let mut message = content(json!({ "text": text }));
    let entities = commands(text);
    if !entities.is_empty() {
        message.insert("entities".to_owned(), json!(entities));
    }
    message
}

/// The data of a message's button with this data or title.
fn data_of(message: &Value, button: &str) -> Option<String> {
    let rows = message["reply_markup"]["inline_keyboard"].as_array()?;
    let mut buttons = rows.iter().filter_map(Value::as_array).flatten();
    let found = buttons
        .find(|candidate| candidate["callback_data"] == button || candidate["text"] == button)?;
    found["callback_data"].as_str().map(str::to_owned)
}
