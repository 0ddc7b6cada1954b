//! The bot's own data, chats and members.

use serde_json::{Value, json};

use super::ApiError;
use super::params::Params;
use super::state::{Desk, Standing};

impl Desk<'_> {
    pub(crate) fn get_me(&mut self) -> Value {
        let mut me = self.me();
        for (name, value) in [
            ("can_join_groups", true),
            ("can_read_all_group_messages", false),
            ("supports_inline_queries", false),
            ("can_connect_to_business", true),
            ("has_main_web_app", false),
        ] {
            me[name] = json!(value);
        }
        me
    }

    pub(crate) fn get_chat(&mut self, params: &Params) -> Result<Value, ApiError> {
        let id = self.target(params, "chat_id")?;
        let chat = self.chat(id)?;
        let mut info = chat.object.clone();
        info["accent_color_id"] = json!(0);
        info["max_reaction_count"] = json!(11);
        info["accepted_gift_types"] = json!({
            "unlimited_gifts": false, "limited_gifts": false, "unique_gifts": false,
            "premium_subscription": false, "gifts_from_channels": false
        });
        if !chat.is_private() {
            info["permissions"] = json!({"can_send_messages": true, "can_manage_topics": false});
        }
        Ok(info)
    }

    pub(crate) fn get_member(&mut self, params: &Params) -> Result<Value, ApiError> {
        let chat = self.target(params, "chat_id")?;
        let user = params
            .int("user_id")
            .ok_or_else(|| ApiError::bad("invalid user_id specified"))?;
        if user == self.bot().id {
            return self.administrator(chat);
        }
        let person = self.telegram.people.get(&user).cloned();
        let person = person.ok_or_else(|| ApiError::bad("PARTICIPANT_ID_INVALID"))?;
        Ok(json!({"user": person, "status": "member"}))
    }

    pub(crate) fn get_administrators(&mut self, params: &Params) -> Result<Value, ApiError> {
        let chat = self.target(params, "chat_id")?;
        if self.chat(chat)?.is_private() {
            return Err(ApiError::bad(
                "there are no administrators in the private chat",
            ));
        }
        Ok(json!([self.administrator(chat)?]))
    }

    /// The bot as a member of a chat.
    fn administrator(&mut self, chat: i64) -> Result<Value, ApiError> {
        let me = self.me();
        let chat = self.chat(chat)?;
        if chat.is_private() {
            return Ok(json!({"user": me, "status": "member"}));
        }
        Ok(json!({
            "user": me, "status": "administrator", "can_be_edited": false, "is_anonymous": false,
            "can_manage_chat": true, "can_delete_messages": true, "can_manage_video_chats": false,
            "can_restrict_members": false, "can_promote_members": false, "can_change_info": false,
            "can_invite_users": true, "can_post_stories": false, "can_edit_stories": false,
            "can_delete_stories": false, "can_pin_messages": true,
            "can_post_messages": false, "can_edit_messages": false, "can_manage_tags": false,
            "can_manage_direct_messages": false, "can_send_welcome_messages": false,
            "can_manage_topics": chat.may_manage_topics
        }))
    }

    pub(crate) fn member_count(&mut self, params: &Params) -> Result<Value, ApiError> {
        let chat = self.target(params, "chat_id")?;
        Ok(json!(if self.chat(chat)?.is_private() { 2 } else { 3 }))
    }

    pub(crate) fn leave_chat(&mut self, params: &Params) -> Result<Value, ApiError> {
        let chat = self.target(params, "chat_id")?;
        let chat = self.chat(chat)?;
        if chat.is_private() {
            return Err(ApiError::bad(
                "chat member status can't be changed in private chats",
            ));
        }
        chat.standing = Standing::Kicked;
        Ok(json!(true))
    }

    pub(crate) fn set_commands(&mut self, params: &Params) -> Result<Value, ApiError> {
        let commands = params.json("commands")?;
        let commands = commands.filter(Value::is_array);
        let commands = commands.ok_or_else(|| ApiError::bad("can't parse commands JSON object"))?;
        let valid = |command: &Value| {
            let name = command["command"].as_str().unwrap_or_default();
            let about = command["description"]
                .as_str()
                .unwrap_or_default()
                .chars()
                .count();
            let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            (1..=32).contains(&name.len())
                && name.chars().all(letters)
                && (1..=256).contains(&about)
        };
        if !commands
            .as_array()
            .is_some_and(|list| list.len() <= 100 && list.iter().all(valid))
        {
            return Err(ApiError::bad("BOT_COMMAND_INVALID"));
        }
        self.bot().commands = commands;
        Ok(json!(true))
    }

    pub(crate) fn get_commands(&mut self) -> Value {
        self.bot().commands.clone()
    }

    pub(crate) fn delete_commands(&mut self) -> Value {
        self.bot().commands = json!([]);
        json!(true)
    }

    pub(crate) fn get_business(&mut self, params: &Params) -> Result<Value, ApiError> {
        let id = params.text("business_connection_id").unwrap_or_default();
        let connection = self.bot().business.get(&id).cloned();
        connection.ok_or_else(|| ApiError::bad("business connection not found"))
    }
}
