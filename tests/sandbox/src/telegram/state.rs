//! Bots, chats, topics, messages and pending updates.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::ApiError;
use super::flood::Flood;
use super::params::Params;
use super::updates::Webhook;
use crate::config::SandboxConfig;
use crate::world::World;

/// The first update id of a fresh bot.
const FIRST_UPDATE: i64 = 730_000_001;
/// How long a button press can be answered and is kept, in seconds.
pub(crate) const CALLBACK_LIFE: i64 = 150;
/// How long other updates are kept, in seconds.
const UPDATE_LIFE: i64 = 24 * 3600;
/// What is only sent when asked for by name.
const NOT_BY_DEFAULT: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];

/// All of Telegram.
pub(crate) struct Telegram {
    pub(crate) bots: Vec<Bot>,
    pub(crate) groups: BTreeMap<i64, Chat>,
    pub(crate) files: BTreeMap<String, File>,
    /// Who exists, whether or not a bot has met them.
    pub(crate) people: BTreeMap<i64, Value>,
}

/// One bot.
pub(crate) struct Bot {
    pub(crate) token: String,
    pub(crate) id: i64,
    pub(crate) username: String,
    pub(crate) chats: BTreeMap<i64, Chat>,
    pub(crate) updates: VecDeque<Update>,
    pub(crate) next_update: i64,
    pub(crate) allowed: Option<Vec<String>>,
    pub(crate) webhook: Option<Webhook>,
    /// Counts getUpdates calls, so that an older one notices a newer one.
    pub(crate) polls: u64,
    pub(crate) last_conflict_ms: i64,
    /// Button presses that can be answered, and until when.
    pub(crate) callbacks: HashMap<String, i64>,
    pub(crate) commands: Value,
    pub(crate) business: BTreeMap<String, Value>,
    pub(crate) flood: Flood,
}

/// An update that waits for the bot.
pub(crate) struct Update {
    pub(crate) id: i64,
    /// Updates of a lane are delivered to a webhook one after the other.
    pub(crate) lane: String,
    pub(crate) expires: i64,
    pub(crate) body: Value,
}

/// How a chat receives a bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Fine,
    Blocked,
    Deactivated,
    Kicked,
}

/// A private chat or a group.
pub(crate) struct Chat {
    pub(crate) object: Value,
    pub(crate) messages: BTreeMap<i64, Value>,
    pub(crate) last_message: i64,
    pub(crate) topics: BTreeMap<i64, Topic>,
    pub(crate) migrated_to: Option<i64>,
    pub(crate) standing: Standing,
    pub(crate) may_manage_topics: bool,
}

impl Chat {
    pub(crate) fn new(object: Value) -> Self {
        Self {
            object,
            messages: BTreeMap::new(),
            last_message: 0,
            topics: BTreeMap::new(),
            migrated_to: None,
            standing: Standing::Fine,
            may_manage_topics: true,
        }
    }

    pub(crate) fn is_private(&self) -> bool {
        self.object["type"] == "private"
    }

    pub(crate) fn is_forum(&self) -> bool {
        self.object["is_forum"] == true
    }
}

/// A topic of a forum.
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) icon_color: i64,
    pub(crate) closed: bool,
}

/// A file Telegram keeps.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) bytes: Bytes,
}

impl Telegram {
    pub(crate) fn new(config: &SandboxConfig) -> Self {
        let bots = config
            .telegram
            .iter()
            .map(|bot| Bot {
                token: bot.token.clone(),
                id: bot
                    .token
                    .split(':')
                    .next()
                    .and_then(|id| id.parse().ok())
                    .unwrap_or_default(),
                username: bot.username.clone(),
                chats: BTreeMap::new(),
                updates: VecDeque::new(),
                next_update: FIRST_UPDATE,
                allowed: None,
                webhook: None,
                polls: 0,
                last_conflict_ms: 0,
                callbacks: HashMap::new(),
                commands: json!([]),
                business: BTreeMap::new(),
                flood: Flood::default(),
            })
            .collect();
        let groups = config
            .staff_chats
            .iter()
            .map(|chat| {
                let is_supergroup = chat.chat_id.to_string().starts_with("-100");
                let kind = if is_supergroup { "supergroup" } else { "group" };
                let mut object = json!({"id": chat.chat_id, "title": chat.title, "type": kind});
                if chat.is_forum && is_supergroup {
                    object["is_forum"] = json!(true);
                }
                (chat.chat_id, Chat::new(object))
            })
            .collect();
        Self {
            bots,
            groups,
            files: BTreeMap::new(),
            people: BTreeMap::new(),
        }
    }

    /// Stops the webhooks.
    pub(crate) fn close(&self) {
        for webhook in self.bots.iter().filter_map(|bot| bot.webhook.as_ref()) {
            webhook.stop.cancel();
        }
    }

    /// The update id each bot would give next.
    pub(crate) fn next_ids(&self) -> Vec<i64> {
        self.bots.iter().map(|bot| bot.next_update).collect()
    }

    /// Goes on from these ids.
    pub(crate) fn continue_ids(&mut self, ids: &[i64]) {
        for (bot, id) in self.bots.iter_mut().zip(ids) {
            bot.next_update = *id;
        }
    }

    /// The chat as one bot sees it.
    pub(crate) fn chat(&mut self, bot: usize, id: i64) -> Option<&mut Chat> {
        if id < 0 {
            self.groups.get_mut(&id)
        } else {
            self.bots.get_mut(bot)?.chats.get_mut(&id)
        }
    }
}

/// One bot at work, with everything locked.
pub(crate) struct Desk<'a> {
    pub(crate) world: &'a Arc<World>,
    pub(crate) telegram: &'a mut Telegram,
    pub(crate) bot: usize,
    pub(crate) now: i64,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(world: &'a Arc<World>, telegram: &'a mut Telegram, bot: usize) -> Self {
        let now = world.now();
        Self {
            world,
            telegram,
            bot,
            now,
        }
    }

    /// The bot whose call this is. Its index comes from a search in the same list.
    pub(crate) fn bot(&mut self) -> &mut Bot {
        &mut self.telegram.bots[self.bot]
    }

    /// The bot as a user.
    pub(crate) fn me(&mut self) -> Value {
        let bot = self.bot();
        json!({"id": bot.id, "is_bot": true, "first_name": bot.username, "username": bot.username})
    }

    /// The chat a call is about, if the bot can reach it.
    pub(crate) fn target(&mut self, params: &Params, name: &str) -> Result<i64, ApiError> {
        let given = params.text(name).filter(|text| !text.is_empty());
        let given = given.ok_or_else(|| ApiError::bad(format!("{name} is empty")))?;
        let id: i64 = given.parse().map_err(|_| ApiError::bad("chat not found"))?;
        let is_known_person = self.telegram.people.contains_key(&id);
        let Some(chat) = self.telegram.chat(self.bot, id) else {
            return Err(if is_known_person {
                ApiError::new(
                    403,
                    "Forbidden: bot can't initiate conversation with a user",
                )
            } else {
                ApiError::bad("chat not found")
            });
        };
        if let Some(to) = chat.migrated_to {
            return Err(ApiError::migrated(to));
        }
        match chat.standing {
            Standing::Fine => Ok(id),
            Standing::Blocked => Err(ApiError::new(403, "Forbidden: bot was blocked by the user")),
            Standing::Deactivated => Err(ApiError::new(403, "Forbidden: user is deactivated")),
            Standing::Kicked if chat.object["type"] == "group" => Err(ApiError::new(
                403,
                "Forbidden: bot was kicked from the group chat",
            )),
            Standing::Kicked => Err(ApiError::new(
                403,
                "Forbidden: bot was kicked from the supergroup chat",
            )),
        }
    }

    /// A chat that `target` has found.
    pub(crate) fn chat(&mut self, id: i64) -> Result<&mut Chat, ApiError> {
        self.telegram
            .chat(self.bot, id)
            .ok_or_else(|| ApiError::bad("chat not found"))
    }

    /// Puts a message into a chat, tells the page, and returns it.
    pub(crate) fn post(
        &mut self,
        chat: i64,
        from: Value,
        content: Map<String, Value>,
    ) -> Result<Value, ApiError> {
        let date = self.now;
        let world = self.world;
        let bot = self.bot().username.clone();
        let chat = self.chat(chat)?;
        chat.last_message += 1;
        let mut message = Map::new();
        message.insert("message_id".to_owned(), json!(chat.last_message));
        message.insert("from".to_owned(), from);
        message.insert("chat".to_owned(), chat.object.clone());
        message.insert("date".to_owned(), json!(date));
        message.extend(content);
        let message = Value::Object(message);
        chat.messages.insert(chat.last_message, message.clone());
        world.show(json!({"type": "telegram.message", "bot": bot, "message": message}));
        Ok(message)
    }

    /// Queues an update, unless the bot did not ask for its kind; returns its id.
    pub(crate) fn push(&mut self, kind: &str, lane: String, body: &Value) -> Option<i64> {
        let now = self.now;
        let bot = self.bot();
        let wanted = match &bot.allowed {
            Some(kinds) => kinds.iter().any(|allowed| allowed == kind),
            None => !NOT_BY_DEFAULT.contains(&kind),
        };
        if !wanted {
            return None;
        }
        let id = bot.next_update;
        bot.next_update += 1;
        let life = if kind == "callback_query" {
            CALLBACK_LIFE
        } else {
            UPDATE_LIFE
        };
        let date = body["edit_date"]
            .as_i64()
            .or(body["date"].as_i64())
            .unwrap_or(now);
        bot.updates.push_back(Update {
            id,
            lane,
            // An old date must not make an update vanish before it was offered once.
            expires: date.max(now) + life,
            body: json!({"update_id": id, kind: body}),
        });
        Some(id)
    }
}

/// A message as an object that can be added to.
pub(crate) fn content(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
