//! Asking Telegram whether a bot is ready, for `zapis check --connect`.

use serde_json::json;
use teloxide::types::WebhookInfo;

use super::account::Account;
use super::api::CallError;
use super::config::Mode;
use crate::Probe;

#[derive(serde::Deserialize)]
struct Me {
    id: i64,
    username: Option<String>,
}

#[derive(serde::Deserialize)]
struct Chat {
    title: Option<String>,
    #[serde(default)]
    is_forum: bool,
}

#[derive(serde::Deserialize)]
struct Member {
    status: String,
    #[serde(default)]
    can_manage_topics: bool,
}

impl Account {
    /// Asks about the token, the way updates come, and the staff's group.
    pub(super) async fn probe(&self) -> Vec<Probe> {
        let name = |part: &str| format!("telegram {}{part}", self.config.account);
        let me = match self.api.call::<Me>("getMe", &json!({})).await {
            Ok(me) => me,
            Err(error) => {
                return vec![Probe {
                    what: name(""),
                    result: Err(explained(&error)),
                }];
            }
        };
        let shown = me.username.as_deref().unwrap_or("no user name");
        let mut probes = vec![
            Probe {
                what: name(""),
                result: Ok(format!("@{shown}")),
            },
            Probe {
                what: name(" updates"),
                result: self.probe_updates().await,
            },
        ];
        if let Some(chat) = self.config.staff_chat {
            probes.push(Probe {
                what: name(" staff chat"),
                result: self.probe_staff(chat, me.id).await,
            });
        }
        probes
    }

    async fn probe_updates(&self) -> Result<String, String> {
        let info: WebhookInfo = self
            .api
            .call("getWebhookInfo", &json!({}))
            .await
            .map_err(|error| explained(&error))?;
        let waiting = info.pending_update_count;
        match (self.config.mode, info.url, info.last_error_message) {
            (Mode::Polling, None, _) => Ok(format!("polling, {waiting} waiting")),
            (Mode::Polling, Some(_), _) => Ok(format!(
                "a webhook is set, polling will remove it, {waiting} waiting"
            )),
            (Mode::Webhook, None, _) => Ok("the webhook will be set at the start".to_owned()),
            (Mode::Webhook, Some(_), None) => Ok(format!("webhook, {waiting} waiting")),
            (Mode::Webhook, Some(_), Some(error)) => Ok(format!(
                "webhook, {waiting} waiting; Telegram's last error: {error}"
            )),
        }
    }

    async fn probe_staff(&self, chat: i64, me: i64) -> Result<String, String> {
        let chat = self
            .current(chat)
            .await
            .map_err(|error| error.to_string())?;
        let found: Chat = self
            .api
            .call("getChat", &json!({ "chat_id": chat }))
            .await
            .map_err(|error| format!("{}; add the bot to the group", explained(&error)))?;
        let parameters = json!({ "chat_id": chat, "user_id": me });
        let member: Member = self
            .api
            .call("getChatMember", &parameters)
            .await
            .map_err(|error| explained(&error))?;
        let title = found.title.unwrap_or_default();
        let administrator = matches!(member.status.as_str(), "administrator" | "creator");
        match (found.is_forum, administrator, member.can_manage_topics) {
            (_, false, _) => Err(format!(
                "{title}: the bot is no administrator, so it sees only replies to itself; make it one"
            )),
            (true, true, false) if member.status == "administrator" => Err(format!(
                "{title}: the bot may not manage topics; allow it in the administrator's rights"
            )),
            (true, true, _) => Ok(format!("{title}: a topic per conversation")),
            (false, true, _) => Ok(format!("{title}: a thread of replies per conversation")),
        }
    }
}

fn explained(error: &CallError) -> String {
    match error.refusal().map(|refusal| refusal.code) {
        Some(401 | 404) => "Telegram does not know this token".to_owned(),
        _ => zapis_core::causes(error).to_string(),
    }
}
