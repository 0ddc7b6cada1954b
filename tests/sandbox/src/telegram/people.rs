//! What customers and staff do in their Telegram apps.

use axum::body::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::ApiError;
use super::entities::commands;
use super::media::NewFile;
use super::state::{CALLBACK_LIFE, Chat, Desk, Standing, content};
use crate::sandbox::ControlError;

/// The account through which administrators write anonymously.
const ANONYMOUS: i64 = 1_087_968_824;
/// Who writes in staff chats when nobody is named.
const STAFF: i64 = 7_000_000_009;

/// What kind of file a customer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A picture.
    Photo,
    /// A voice note.
    Voice,
    /// Music.
    Audio,
    /// A film.
    Video,
    /// A round film.
    VideoNote,
    /// A moving picture.
    Animation,
    /// Any file.
    Document,
    /// A sticker.
    Sticker,
}

impl FileKind {
    fn field(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Photo => ("photo", "photo.jpg", "image/jpeg"),
            Self::Voice => ("voice", "voice.oga", "audio/ogg"),
            Self::Audio => ("audio", "audio.mp3", "audio/mpeg"),
            Self::Video => ("video", "video.mp4", "video/mp4"),
            Self::VideoNote => ("video_note", "note.mp4", "video/mp4"),
            Self::Animation => ("animation", "animation.mp4", "video/mp4"),
            Self::Document => ("document", "document.pdf", "application/pdf"),
            Self::Sticker => ("sticker", "sticker.webp", "image/webp"),
        }
    }
}

/// A message over a business account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BusinessText {
    /// The connection's id; it is made when it is new.
    pub connection: String,
    /// The customer.
    pub chat: i64,
    /// What is written.
    pub text: String,
    /// Whether the owner of the account wrote it, not the customer.
    #[serde(default)]
    pub from_owner: bool,
}

/// One thing somebody does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum TelegramAction {
    /// Somebody exists who has not started the bot.
    Exists {
        /// The person.
        chat: i64,
    },
    /// A customer writes; `/start` and other commands are marked as such.
    Writes {
        /// The customer.
        chat: i64,
        /// What.
        text: String,
        /// The message it replies to.
        #[serde(default)]
        reply_to: Option<i64>,
        /// When, if not now (seconds since 1970).
        #[serde(default)]
        at: Option<i64>,
    },
    /// A customer presses an inline button.
    Presses {
        /// The customer, or the group.
        chat: i64,
        /// The data of the button, or its title.
        button: String,
        /// The message; without it, the last one that has the button.
        #[serde(default)]
        message_id: Option<i64>,
        /// Sends data no message offers, as a modified app can.
        #[serde(default)]
        forged: bool,
        /// The message is too old for the bot to see.
        #[serde(default)]
        inaccessible: bool,
    },
    /// A customer shares a phone number.
    SharesContact {
        /// The customer.
        chat: i64,
        /// The number, with or without `+`.
        phone: String,
        /// Whether it is somebody else's card.
        #[serde(default)]
        foreign: bool,
    },
    /// A customer sends a file.
    Sends {
        /// The customer.
        chat: i64,
        /// What kind.
        kind: FileKind,
        /// A text with it.
        #[serde(default)]
        caption: Option<String>,
        /// The name of the file.
        #[serde(default)]
        file_name: Option<String>,
        /// What is in it.
        #[serde(default)]
        content: Option<String>,
        /// A pretended size.
        #[serde(default)]
        size: Option<u64>,
    },
    /// A customer sends several pictures at once.
    SendsAlbum {
        /// The customer.
        chat: i64,
        /// How many.
        count: u8,
        /// A text with the first.
        #[serde(default)]
        caption: Option<String>,
    },
    /// A customer sends a place.
    SendsLocation {
        /// The customer.
        chat: i64,
        /// North.
        latitude: f64,
        /// East.
        longitude: f64,
    },
    /// Somebody edits an own message.
    Edits {
        /// The chat.
        chat: i64,
        /// The message.
        message_id: i64,
        /// The new text.
        text: String,
    },
    /// A customer blocks the bot.
    Blocks {
        /// The customer.
        chat: i64,
    },
    /// A customer unblocks the bot.
    Unblocks {
        /// The customer.
        chat: i64,
    },
    /// A customer deletes the account.
    Leaves {
        /// The customer.
        chat: i64,
    },
    /// Somebody of the staff writes.
    StaffWrites {
        /// The staff chat.
        chat: i64,
        /// What.
        text: String,
        /// The topic; without it, General.
        #[serde(default)]
        thread: Option<i64>,
        /// The message it replies to.
        #[serde(default)]
        reply_to: Option<i64>,
        /// Who, if not the usual person.
        #[serde(default)]
        from: Option<i64>,
        /// Whether as an anonymous administrator.
        #[serde(default)]
        anonymous: bool,
    },
    /// The staff opens, closes, reopens or deletes a topic.
    StaffTopic {
        /// The staff chat.
        chat: i64,
        /// `open`, `close`, `reopen` or `delete`.
        change: String,
        /// The topic, unless it is opened.
        #[serde(default)]
        thread: Option<i64>,
        /// Its name, when it is opened.
        #[serde(default)]
        name: Option<String>,
    },
    /// A group becomes a supergroup with another id.
    Migrates {
        /// The old id.
        chat: i64,
        /// The new id.
        to: i64,
    },
    /// The bot is thrown out of a group.
    Kicks {
        /// The group.
        chat: i64,
    },
    /// The bot may or may not manage topics.
    LetsManageTopics {
        /// The group.
        chat: i64,
        /// Whether.
        allowed: bool,
    },
    /// A message over a business account.
    Business(BusinessText),
    /// An update as it is; an `update_id` is added where it is missing.
    Raw {
        /// The update.
        update: Value,
    },
}

/// An action, with the bot and the person it is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TelegramRequest {
    /// The bot's name; without it, the first bot.
    #[serde(default)]
    pub bot: Option<String>,
    /// The first name of the person, if it is to differ.
    #[serde(default)]
    pub name: Option<String>,
    /// The user name of the person.
    #[serde(default)]
    pub username: Option<String>,
    /// What happens.
    #[serde(flatten)]
    pub action: TelegramAction,
}

impl From<TelegramAction> for TelegramRequest {
    fn from(action: TelegramAction) -> Self {
        Self {
            bot: None,
            name: None,
            username: None,
            action,
        }
    }
}

impl From<ApiError> for ControlError {
    fn from(error: ApiError) -> Self {
        Self::Impossible(error.description)
    }
}

fn unknown(what: &str) -> ControlError {
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
            TelegramAction::SharesContact {
                chat,
                phone,
                foreign,
            } => {
                let person = self.person(chat, name, username);
                let mut card = json!({"phone_number": phone, "first_name": person["first_name"]});
                if foreign {
                    card["first_name"] = json!("Пётр");
                } else {
                    card["user_id"] = json!(chat);
                }
                self.customer_says(chat, content(json!({ "contact": card })), None)
            }
            TelegramAction::SendsLocation {
                chat,
                latitude,
                longitude,
            } => {
                self.person(chat, name, username);
                let place = json!({"latitude": latitude, "longitude": longitude});
                self.customer_says(chat, content(json!({ "location": place })), None)
            }
            TelegramAction::Sends {
                chat,
                kind,
                caption,
                file_name,
                content,
                size,
            } => {
                self.person(chat, name, username);
                let bytes = content.map_or(Bytes::from_static(b"a file"), Bytes::from);
                let mut message = self.file(kind, file_name.as_deref(), bytes, size);
                if let Some(caption) = caption {
                    message.insert("caption".to_owned(), json!(caption));
                }
                self.customer_says(chat, message, None)
            }
            TelegramAction::SendsAlbum {
                chat,
                count,
                caption,
            } => {
                self.person(chat, name, username);
                self.album(chat, count, caption)
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
            staff => self.act_as_staff(staff, name),
        }
    }

    fn act_as_staff(
        &mut self,
        action: TelegramAction,
        name: Option<String>,
    ) -> Result<Value, ControlError> {
        match action {
            TelegramAction::Leaves { chat } => self.chat(chat)?.standing = Standing::Deactivated,
            TelegramAction::LetsManageTopics { chat, allowed } => {
                self.chat(chat)?.may_manage_topics = allowed
            }
            TelegramAction::Kicks { chat } => return self.membership(chat, Standing::Kicked),
            TelegramAction::StaffWrites {
                chat,
                text,
                thread,
                reply_to,
                from,
                anonymous,
            } => {
                let name = name.unwrap_or_else(|| "Мария".to_owned());
                let from = if anonymous {
                    json!({"id": ANONYMOUS, "is_bot": true, "first_name": "Group", "username": "GroupAnonymousBot"})
                } else {
                    self.person(from.unwrap_or(STAFF), Some(name), None)
                };
                return self.staff_says(chat, from, &text, thread, reply_to);
            }
            TelegramAction::StaffTopic {
                chat,
                change,
                thread,
                name,
            } => {
                return self.change_topic(chat, &change, thread, name);
            }
            TelegramAction::Migrates { chat, to } => return self.migrate(chat, to),
            _ => return Err(unknown("action")),
        }
        Ok(json!({}))
    }

    /// The person, who exists from now on.
    fn person(&mut self, id: i64, name: Option<String>, username: Option<String>) -> Value {
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
        Ok(self.announce_message(chat, message))
    }

    fn announce_message(&mut self, chat: i64, message: Value) -> Value {
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
        caption: Option<String>,
    ) -> Result<Value, ControlError> {
        let group = format!("135{}{}", self.now, self.telegram.files.len());
        let mut sent = Vec::new();
        for index in 0..count {
            let mut message = self.file(
                FileKind::Photo,
                None,
                Bytes::from_static(b"a picture"),
                None,
            );
            message.insert("media_group_id".to_owned(), json!(group));
            if let (0, Some(caption)) = (index, &caption) {
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
        let update = self.push("edited_message", format!("chat:{chat}"), message);
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
        let update = self.push("callback_query", format!("callback:{}", from["id"]), query);
        Ok(json!({"callback_query_id": id, "update_id": update}))
    }

    fn membership(&mut self, chat: i64, to: Standing) -> Result<Value, ControlError> {
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
        let update = self.push("my_chat_member", format!("chat:{chat}"), change);
        Ok(json!({ "update_id": update }))
    }

    fn staff_says(
        &mut self,
        chat_id: i64,
        from: Value,
        text: &str,
        thread: Option<i64>,
        reply_to: Option<i64>,
    ) -> Result<Value, ControlError> {
        let mut message = written(text);
        let chat = self.chat(chat_id)?;
        if from["id"] == ANONYMOUS {
            message.insert("sender_chat".to_owned(), chat.object.clone());
            message.insert("author_signature".to_owned(), json!("администратор"));
        }
        if let Some(thread) = thread {
            if !chat.topics.contains_key(&thread) {
                return Err(unknown("topic"));
            }
            message.insert("message_thread_id".to_owned(), json!(thread));
            message.insert("is_topic_message".to_owned(), json!(true));
            if let Some(first) = chat.messages.get(&thread) {
                message.insert("reply_to_message".to_owned(), first.clone());
            }
        }
        if let Some(id) = reply_to {
            let original = chat
                .messages
                .get(&id)
                .cloned()
                .ok_or_else(|| unknown("message"))?;
            if thread.is_none() && chat.object["type"] == "supergroup" {
                // Reply chains of plain supergroups carry a thread id too, without being topics.
                let root = original["message_thread_id"].as_i64().unwrap_or(id);
                message.insert("message_thread_id".to_owned(), json!(root));
            }
            let mut original = content(original);
            original.remove("reply_to_message");
            message.insert("reply_to_message".to_owned(), Value::Object(original));
        }
        let message = self.post(chat_id, from, message)?;
        Ok(self.announce_message(chat_id, message))
    }

    fn change_topic(
        &mut self,
        chat: i64,
        change: &str,
        thread: Option<i64>,
        name: Option<String>,
    ) -> Result<Value, ControlError> {
        let from = self.person(STAFF, Some("Мария".to_owned()), None);
        if change == "open" {
            let thread = self.open_topic(chat, from, name.unwrap_or_default(), 7_322_096)?;
            return Ok(json!({ "message_thread_id": thread }));
        }
        let thread = thread.ok_or_else(|| unknown("topic"))?;
        if change == "delete" {
            self.drop_topic(chat, thread)?;
            return Ok(json!({}));
        }
        let topic = self
            .chat(chat)?
            .topics
            .get_mut(&thread)
            .ok_or_else(|| unknown("topic"))?;
        topic.closed = change == "close";
        let what = if topic.closed {
            "forum_topic_closed"
        } else {
            "forum_topic_reopened"
        };
        let service = json!({"message_thread_id": thread, "is_topic_message": true, what: {}});
        let message = self.post(chat, from, content(service))?;
        Ok(self.announce_message(chat, message))
    }

    fn migrate(&mut self, from: i64, to: i64) -> Result<Value, ControlError> {
        let person = self.person(STAFF, None, None);
        let notice = self.post(
            from,
            person.clone(),
            content(json!({ "migrate_to_chat_id": to })),
        )?;
        let old = self.chat(from)?;
        old.migrated_to = Some(to);
        let mut object = old.object.clone();
        object["id"] = json!(to);
        object["type"] = json!("supergroup");
        self.telegram.groups.insert(to, Chat::new(object));
        let first = self.announce_message(from, notice);
        let welcome = self.post(to, person, content(json!({ "migrate_from_chat_id": from })))?;
        Ok(json!([first, self.announce_message(to, welcome)]))
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
                connection,
            );
        }
        let customer = self.private(said.chat);
        let mut message = written(&said.text);
        message.insert("business_connection_id".to_owned(), json!(said.connection));
        let from = if said.from_owner { owner } else { customer };
        let message = self.post(said.chat, from, message)?;
        let id = message["message_id"].clone();
        let update = self.push("business_message", format!("chat:{}", said.chat), message);
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
        self.bot().updates.push_back(super::state::Update {
            id,
            lane: format!("raw:{id}"),
            expires,
            body: Value::Object(body),
        });
        Ok(json!({ "update_id": id }))
    }
}

/// A text as a client sends it.
fn written(text: &str) -> Map<String, Value> {
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
