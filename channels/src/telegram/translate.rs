//! From Telegram's updates to what happened. Pure; what needs the store is decided in `arrivals`.
//!
//! Updates are read field by field and the parts as teloxide's types, not as teloxide's `Update`:
//! that one refuses a whole update for one strange field (an `update_id` above 32 bits, a user
//! without `is_bot`, `deleted_business_messages`), and panics on a reaction without an actor.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use teloxide::types::ReactionType;
use zapis_core::message::{Profile, What};

use super::address::Address;
use super::content::content;
use super::fields::{clean, flag, int, object, parse, part, text};

/// Who speaks for a group's anonymous administrators.
const ANONYMOUS_ADMIN: i64 = 1_087_968_824;

/// Telegram's own account: service notices and posts of linked channels.
const TELEGRAM: i64 = 777_000;

/// Telegram's ids of presses have some twenty digits; what is longer fits into no index.
const LONGEST_ID: usize = 300;

/// Telegram keeps updates for a day; a time older than this is no time of a message.
const OLDEST: TimeDelta = TimeDelta::days(7);

/// How far a clock may be ahead of ours.
const AHEAD: TimeDelta = TimeDelta::minutes(5);

/// Update kinds that are none of our business.
const FOREIGN: [&str; 17] = [
    "channel_post",
    "edited_channel_post",
    "business_connection",
    "guest_message",
    "message_reaction_count",
    "inline_query",
    "chosen_inline_result",
    "shipping_query",
    "pre_checkout_query",
    "purchased_paid_media",
    "poll",
    "poll_answer",
    "chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
    "managed_bot",
];

/// An update, understood.
pub(super) struct Translated {
    /// The callback query in it, which must be answered whatever it is.
    pub(super) query: Option<String>,
    /// The update as it is kept.
    pub(super) raw: Box<RawValue>,
    /// What happened.
    pub(super) news: News,
}

/// What happened.
pub(super) enum News {
    /// A customer, or the owner of a business account, did something in a private chat.
    Private(Box<Item>),
    /// Somebody wrote or pressed a button in a group.
    Group(Box<Item>),
    /// A group has a new id.
    Moved {
        /// The old one.
        from: i64,
        /// The new one.
        to: i64,
    },
    /// Our place in a group changed.
    Membership {
        /// The group.
        chat: i64,
        /// `member`, `administrator`, `left`, `kicked`, …
        status: String,
    },
    /// Nothing for us; why.
    Ignored(&'static str),
    /// It cannot be used; why.
    Dead(String),
}

/// Something that somebody did.
pub(super) struct Item {
    /// The native id, unique on the account.
    pub(super) id: String,
    /// Where.
    pub(super) address: Address,
    /// When, as Telegram says; when it arrived, where that is unbelievable.
    pub(super) at: DateTime<Utc>,
    /// When it arrived.
    pub(super) received_at: DateTime<Utc>,
    /// Who.
    pub(super) profile: Profile,
    /// What.
    pub(super) what: What,
    /// Whether the owner of a business account wrote it, in person.
    pub(super) by_owner: bool,
    /// The message's id in its chat, where it is a message.
    pub(super) message: Option<i64>,
    /// The message that it replies to.
    pub(super) reply_to: Option<i64>,
    /// The forum topic, in a group.
    pub(super) topic: Option<i64>,
    /// The bot whose message it replies to, by its id.
    pub(super) to_bot: Option<i64>,
}

/// The bot whose message a message replies to. What is written in a topic and replies to nobody "replies" to the
/// message that tells of the topic's opening.
fn answered_bot(message: &Value) -> Option<i64> {
    let from = object(object(message, "reply_to_message")?, "from")?;
    int(from, "id").filter(|_| flag(from, "is_bot"))
}

/// Understands one update.
pub(super) fn translate(raw: &str, received_at: DateTime<Utc>) -> Result<Translated, String> {
    let (kept, update) = parse(raw).map_err(|error| format!("no JSON: {error}"))?;
    if !update.is_object() {
        return Err("no update: not an object".to_owned());
    }
    let raw = RawValue::from_string(kept.into_owned()).map_err(|error| error.to_string())?;
    let query = object(&update, "callback_query").and_then(|query| text(query, "id"));
    let reader = Reader {
        update: int(&update, "update_id"),
        received_at,
    };
    Ok(Translated {
        query,
        raw,
        news: reader.news(&update),
    })
}

struct Reader {
    update: Option<i64>,
    received_at: DateTime<Utc>,
}

impl Reader {
    fn news(&self, update: &Value) -> News {
        if let Some(message) = object(update, "message") {
            return self.message(message);
        }
        if let Some(message) = object(update, "edited_message") {
            return self.edited(message, None);
        }
        for (key, edited) in [
            ("business_message", false),
            ("edited_business_message", true),
        ] {
            if let Some(message) = object(update, key) {
                return self.business(message, edited);
            }
        }
        if let Some(deleted) = object(update, "deleted_business_messages") {
            return self.deleted(deleted);
        }
        if let Some(query) = object(update, "callback_query") {
            return self.press(query);
        }
        if let Some(member) = object(update, "my_chat_member") {
            return self.membership(member);
        }
        if let Some(reaction) = object(update, "message_reaction") {
            return self.reaction(reaction);
        }
        if FOREIGN.iter().any(|kind| update.get(kind).is_some()) {
            return News::Ignored("foreign");
        }
        let kind = update
            .as_object()
            .and_then(|fields| fields.keys().find(|key| *key != "update_id"));
        News::Dead(match kind {
            Some(kind) => format!("cannot read an update of kind {kind:.64}"),
            None => "an update without content".to_owned(),
        })
    }

    fn message(&self, message: &Value) -> News {
        let Some(chat) = chat_id(message) else {
            return News::Dead("a message without a chat".to_owned());
        };
        if let Some(to) = int(message, "migrate_to_chat_id") {
            return News::Moved { from: chat, to };
        }
        if let Some(from) = int(message, "migrate_from_chat_id") {
            return News::Moved { from, to: chat };
        }
        if foreign_sender(message) {
            return News::Ignored("bot");
        }
        let kind = chat_kind(message);
        let topic = topic(message);
        let address = Address {
            topic: topic.filter(|_| kind == "private"),
            ..Address::chat(chat)
        };
        let Some(what) = content(message) else {
            return News::Ignored("service");
        };
        let Some(id) = self.message_id(&address, message) else {
            return News::Dead("a message without an id".to_owned());
        };
        let mut item = self.item(id, address, message, what);
        match kind {
            "private" => News::Private(Box::new(item)),
            "group" | "supergroup" => {
                item.topic = topic;
                News::Group(Box::new(item))
            }
            _ => News::Ignored("chat"),
        }
    }

    fn edited(&self, message: &Value, business: Option<String>) -> News {
        let Some(chat) = chat_id(message) else {
            return News::Dead("an edited message without a chat".to_owned());
        };
        if chat_kind(message) != "private" {
            return News::Ignored("chat");
        }
        if foreign_sender(message) {
            return News::Ignored("bot");
        }
        let new = text(message, "text").or_else(|| text(message, "caption"));
        if new.is_none() && message.get("location").is_some() {
            return News::Ignored("live location");
        }
        let address = Address {
            chat,
            topic: topic(message).filter(|_| business.is_none()),
            business,
        };
        let (Some(original), Some(number)) = (
            self.message_id(&address, message),
            int(message, "message_id"),
        ) else {
            return News::Dead("an edited message without an id".to_owned());
        };
        let id = match int(message, "edit_date") {
            Some(date) => format!("e{address}:{number}:{date}"),
            None => format!("e{address}:{number}:u{}", self.update.unwrap_or_default()),
        };
        let mut item = self.item(
            id,
            address,
            message,
            What::Edited {
                original,
                text: new,
            },
        );
        if let Some(date) = int(message, "edit_date") {
            item.at = self.believable(Some(date));
        }
        News::Private(Box::new(item))
    }

    fn business(&self, message: &Value, edited: bool) -> News {
        let (Some(chat), Some(connection)) =
            (chat_id(message), text(message, "business_connection_id"))
        else {
            return News::Dead("a business message without its chat or connection".to_owned());
        };
        if foreign_sender(message) || message.get("sender_business_bot").is_some() {
            return News::Ignored("bot");
        }
        // A private chat has the id of the person on the other side.
        let by_owner = object(message, "from").is_some_and(|from| int(from, "id") != Some(chat));
        if edited {
            if by_owner {
                return News::Ignored("edited by the owner");
            }
            return self.edited(message, Some(connection));
        }
        let Some(what) = content(message) else {
            return News::Ignored("service");
        };
        let address = Address {
            chat,
            topic: None,
            business: Some(connection),
        };
        let Some(id) = self.message_id(&address, message) else {
            return News::Dead("a business message without an id".to_owned());
        };
        let mut item = self.item(id, address, message, what);
        if !by_owner {
            return News::Private(Box::new(item));
        }
        let who = item.profile.name.take().unwrap_or_default();
        item.profile = Profile::default();
        let words = text(message, "text").or_else(|| text(message, "caption"));
        // A greeting or a scheduled message goes out by itself: nobody has taken over.
        item.by_owner = !flag(message, "is_from_offline");
        item.what = if item.by_owner {
            What::Staff {
                who,
                text: words,
                delivered: true,
            }
        } else {
            What::Notice {
                kind: "automatic_message".to_owned(),
                text: words,
            }
        };
        News::Private(Box::new(item))
    }

    fn deleted(&self, deleted: &Value) -> News {
        let (Some(chat), Some(connection), Some(update)) = (
            chat_id(deleted),
            text(deleted, "business_connection_id"),
            self.update,
        ) else {
            return News::Dead("deleted messages without their chat or connection".to_owned());
        };
        let address = Address {
            chat,
            topic: None,
            business: Some(connection),
        };
        let originals = deleted
            .get("message_ids")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_i64)
            .map(|number| format!("m{address}:{number}"))
            .collect();
        let what = What::Deleted { originals };
        News::Private(Box::new(self.item(
            format!("u{update}"),
            address,
            deleted,
            what,
        )))
    }

    fn press(&self, query: &Value) -> News {
        let Some(id) = text(query, "id").filter(|id| id.len() <= LONGEST_ID) else {
            return News::Dead("a callback query without a usable id".to_owned());
        };
        let Some(payload) = text(query, "data") else {
            return News::Ignored("game");
        };
        if foreign_sender(query) {
            return News::Ignored("bot");
        }
        let (message, sender) = (object(query, "message"), object(query, "from"));
        let in_group = match message.map(chat_kind) {
            Some("private") | None => false,
            Some("group" | "supergroup") => true,
            Some(_) => return News::Ignored("chat"),
        };
        let chat = match message {
            Some(message) => chat_id(message),
            None => sender.and_then(|from| int(from, "id")),
        };
        let Some(chat) = chat else {
            return News::Dead("a callback query without a chat".to_owned());
        };
        let business = message.and_then(|message| text(message, "business_connection_id"));
        let address = Address {
            chat,
            topic: message.and_then(topic).filter(|_| business.is_none()),
            business,
        };
        let title = message.and_then(|message| title(message, &payload));
        let mut item = self.item(
            format!("c{id}"),
            address,
            query,
            What::Press { payload, title },
        );
        // The date of the message is not that of the press, and a press is never old.
        item.at = self.received_at;
        item.message = message.and_then(|message| int(message, "message_id"));
        if in_group {
            return News::Group(Box::new(item));
        }
        News::Private(Box::new(item))
    }

    fn membership(&self, member: &Value) -> News {
        let (Some(chat), Some(status)) = (
            chat_id(member),
            object(member, "new_chat_member").and_then(|new| text(new, "status")),
        ) else {
            return News::Dead("a membership without a chat or a status".to_owned());
        };
        if chat_kind(member) != "private" {
            return News::Membership { chat, status };
        }
        let what = match status.as_str() {
            "kicked" => What::Blocked,
            "member" => What::Unblocked,
            _ => return News::Ignored("membership"),
        };
        let Some(update) = self.update else {
            return News::Dead("a membership without an update id".to_owned());
        };
        News::Private(Box::new(self.item(
            format!("u{update}"),
            Address::chat(chat),
            member,
            what,
        )))
    }

    fn reaction(&self, reaction: &Value) -> News {
        if chat_kind(reaction) != "private" {
            return News::Ignored("chat");
        }
        let (Some(chat), Some(number), Some(update)) =
            (chat_id(reaction), int(reaction, "message_id"), self.update)
        else {
            return News::Dead("a reaction without its message".to_owned());
        };
        let address = Address::chat(chat);
        let emoji = part::<Vec<ReactionType>>(reaction, "new_reaction").and_then(|reactions| {
            reactions
                .first()
                .and_then(ReactionType::emoji)
                .map(|emoji| clean(emoji))
        });
        let what = What::Reaction {
            target: format!("m{address}:{number}"),
            emoji,
        };
        News::Private(Box::new(self.item(
            format!("u{update}"),
            address,
            reaction,
            what,
        )))
    }

    fn item(&self, id: String, address: Address, event: &Value, what: What) -> Item {
        let mut profile = profile(event);
        match &what {
            What::Command { name, args } if name == "start" && !args.is_empty() => {
                profile.source = Some(json!({ "deep_link": args }));
            }
            What::Contact {
                phone: Some(phone),
                own: true,
                ..
            } => {
                profile.phone = Some(format!("+{}", phone.trim_start_matches('+')));
            }
            _ => {}
        }
        Item {
            id,
            address,
            at: self.believable(int(event, "date")),
            received_at: self.received_at,
            profile,
            what,
            by_owner: false,
            message: int(event, "message_id"),
            reply_to: object(event, "reply_to_message").and_then(|reply| int(reply, "message_id")),
            topic: None,
            to_bot: answered_bot(event),
        }
    }

    /// The native id of a message. Messages that only one member sees have no number of their own.
    fn message_id(&self, address: &Address, message: &Value) -> Option<String> {
        match int(message, "message_id") {
            Some(0) | None => Some(format!("u{}", self.update?)),
            Some(number) => Some(format!("m{address}:{number}")),
        }
    }

    fn believable(&self, date: Option<i64>) -> DateTime<Utc> {
        date.and_then(|date| DateTime::from_timestamp(date, 0))
            .filter(|at| self.received_at - OLDEST <= *at && *at <= self.received_at + AHEAD)
            .unwrap_or(self.received_at)
    }
}

fn chat_id(event: &Value) -> Option<i64> {
    int(object(event, "chat")?, "id")
}

fn chat_kind(event: &Value) -> &str {
    event
        .get("chat")
        .and_then(|chat| chat.get("type"))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// `message_thread_id` alone also names ordinary chains of replies, which cannot be written to.
fn topic(message: &Value) -> Option<i64> {
    int(message, "message_thread_id").filter(|_| flag(message, "is_topic_message"))
}

/// Whether it was not written by a person: a bot, words by way of a bot, Telegram itself.
fn foreign_sender(event: &Value) -> bool {
    let Some(from) = object(event, "from") else {
        return event.get("via_bot").is_some();
    };
    let id = int(from, "id");
    let anonymous_admin = id == Some(ANONYMOUS_ADMIN)
        && object(event, "sender_chat").and_then(|chat| int(chat, "id")) == chat_id(event);
    !anonymous_admin
        && (flag(from, "is_bot") || id == Some(TELEGRAM) || event.get("via_bot").is_some())
}

fn profile(event: &Value) -> Profile {
    let anonymous = object(event, "sender_chat");
    let person = object(event, "from")
        .or_else(|| object(event, "user"))
        .or_else(|| object(event, "chat"));
    let Some(person) = person else {
        return Profile::default();
    };
    let name = if let Some(chat) = anonymous {
        text(event, "author_signature").or_else(|| text(chat, "title"))
    } else {
        let names = [text(person, "first_name"), text(person, "last_name")];
        let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
        Some(name.trim().to_owned()).filter(|name| !name.is_empty())
    };
    Profile {
        name,
        username: text(person, "username").filter(|_| anonymous.is_none()),
        language: text(person, "language_code"),
        phone: None,
        source: None,
    }
}

/// What the pressed button says.
fn title(message: &Value, payload: &str) -> Option<String> {
    let rows = message.get("reply_markup")?.get("inline_keyboard")?;
    rows.as_array()?
        .iter()
        .filter_map(Value::as_array)
        .flatten()
        .find(|button| button.get("callback_data").and_then(Value::as_str) == Some(payload))
        .and_then(|button| text(button, "text"))
}
