//! Lets the staff act: in topics, by reply, and on the group itself.

use serde_json::{Value, json};

use super::acts::{STAFF, unknown, written};
use super::people::TelegramAction;
use super::state::{Chat, Desk, Standing, content};
use crate::sandbox::ControlError;

/// The account through which administrators write anonymously.
const ANONYMOUS: i64 = 1_087_968_824;

impl Desk<'_> {
    pub(crate) fn act_as_staff(
        &mut self,
        action: TelegramAction,
        name: Option<String>,
    ) -> Result<Value, ControlError> {
        match action {
            TelegramAction::Leaves { chat } => self.chat(chat)?.standing = Standing::Deactivated,
            TelegramAction::LetsManageTopics { chat, allowed } => {
                self.chat(chat)?.may_manage_topics = allowed;
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
        Ok(self.announce_message(chat_id, &message))
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
        Ok(self.announce_message(chat, &message))
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
        let first = self.announce_message(from, &notice);
        let welcome = self.post(to, person, content(json!({ "migrate_from_chat_id": from })))?;
        Ok(json!([first, self.announce_message(to, &welcome)]))
    }
}
