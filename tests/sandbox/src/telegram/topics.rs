//! Topics of a forum.

use serde_json::{Map, Value, json};

use super::ApiError;
use super::params::Params;
use super::state::{Desk, Topic, content};

/// The colours a topic may have; the first is the default.
const COLOURS: [i64; 6] = [
    7_322_096, 16_766_590, 13_338_331, 9_367_192, 16_749_490, 16_478_047,
];
/// The longest name.
const NAME: usize = 128;

impl Desk<'_> {
    pub(crate) fn create_topic(&mut self, params: &Params) -> Result<Value, ApiError> {
        let chat = self.forum(params)?;
        let name = name(params)?.ok_or_else(|| ApiError::bad("TOPIC_TITLE_EMPTY"))?;
        let icon_color = params.int("icon_color").unwrap_or(COLOURS[0]);
        if !COLOURS.contains(&icon_color) {
            return Err(ApiError::bad("TOPIC_ICON_COLOR_INVALID"));
        }
        let from = self.me();
        let thread = self.open_topic(chat, from, name.clone(), icon_color)?;
        Ok(json!({"message_thread_id": thread, "name": name, "icon_color": icon_color}))
    }

    /// Opens a topic; its id is the id of the message that announces it.
    pub(crate) fn open_topic(
        &mut self,
        chat: i64,
        from: Value,
        name: String,
        icon_color: i64,
    ) -> Result<i64, ApiError> {
        let created = json!({"name": name, "icon_color": icon_color});
        let thread = self.chat(chat)?.last_message + 1;
        let service = json!({
            "message_thread_id": thread, "is_topic_message": true, "forum_topic_created": created
        });
        self.post(chat, from, content(service))?;
        let topic = Topic {
            name,
            icon_color,
            closed: false,
        };
        self.chat(chat)?.topics.insert(thread, topic);
        Ok(thread)
    }

    pub(crate) fn edit_topic(&mut self, params: &Params) -> Result<Value, ApiError> {
        let chat = self.forum(params)?;
        let new_name = name(params)?;
        let topic = self.topic(chat, params)?;
        match new_name {
            Some(name) if name != topic.name => topic.name = name,
            _ => return Err(ApiError::bad("TOPIC_NOT_MODIFIED")),
        }
        let edited =
            json!({"forum_topic_edited": {"name": topic.name, "icon_color": topic.icon_color}});
        self.announce(chat, params, edited)
    }

    pub(crate) fn close_topic(&mut self, params: &Params, close: bool) -> Result<Value, ApiError> {
        let chat = self.forum(params)?;
        let topic = self.topic(chat, params)?;
        if topic.closed == close {
            return Err(ApiError::bad("TOPIC_NOT_MODIFIED"));
        }
        topic.closed = close;
        let what = if close {
            "forum_topic_closed"
        } else {
            "forum_topic_reopened"
        };
        self.announce(chat, params, json!({ what: {} }))
    }

    pub(crate) fn delete_topic(&mut self, params: &Params) -> Result<Value, ApiError> {
        let chat = self.forum(params)?;
        self.topic(chat, params)?;
        let thread = params.int("message_thread_id").unwrap_or_default();
        self.drop_topic(chat, thread)?;
        Ok(json!(true))
    }

    /// Removes a topic with its messages.
    pub(crate) fn drop_topic(&mut self, chat: i64, thread: i64) -> Result<(), ApiError> {
        let chat = self.chat(chat)?;
        chat.topics.remove(&thread);
        chat.messages
            .retain(|_, message| message["message_thread_id"] != thread);
        Ok(())
    }

    /// What a message in a topic carries; refuses topics that are not there.
    pub(crate) fn topic_fields(
        &mut self,
        chat: i64,
        thread: i64,
    ) -> Result<Map<String, Value>, ApiError> {
        let chat = self.chat(chat)?;
        match chat.topics.get(&thread) {
            None => return Err(ApiError::bad("message thread not found")),
            Some(topic) if topic.closed => return Err(ApiError::bad("TOPIC_CLOSED")),
            Some(_) => {}
        }
        let mut fields = content(json!({"message_thread_id": thread, "is_topic_message": true}));
        // The message that opened the topic is what everything in it replies to.
        if let Some(first) = chat.messages.get(&thread) {
            fields.insert("reply_to_message".to_owned(), first.clone());
        }
        Ok(fields)
    }

    fn forum(&mut self, params: &Params) -> Result<i64, ApiError> {
        let id = self.target(params, "chat_id")?;
        let chat = self.chat(id)?;
        if !chat.is_forum() {
            return Err(ApiError::bad("the chat is not a forum"));
        }
        if !chat.may_manage_topics {
            return Err(ApiError::bad("not enough rights to create a topic"));
        }
        Ok(id)
    }

    fn topic(&mut self, chat: i64, params: &Params) -> Result<&mut Topic, ApiError> {
        let thread = params.int("message_thread_id").unwrap_or_default();
        let topic = self.chat(chat)?.topics.get_mut(&thread);
        topic.ok_or_else(|| ApiError::bad("TOPIC_ID_INVALID"))
    }

    fn announce(&mut self, chat: i64, params: &Params, what: Value) -> Result<Value, ApiError> {
        let thread = params.int("message_thread_id").unwrap_or_default();
        let mut service = content(json!({"message_thread_id": thread, "is_topic_message": true}));
        service.extend(content(what));
        let from = self.me();
        self.post(chat, from, service)?;
        Ok(json!(true))
    }
}

fn name(params: &Params) -> Result<Option<String>, ApiError> {
    let name = params
        .text("name")
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty());
    if name
        .as_ref()
        .is_some_and(|name| name.chars().count() > NAME)
    {
        return Err(ApiError::bad("TOPIC_TITLE_TOO_LONG"));
    }
    Ok(name)
}
