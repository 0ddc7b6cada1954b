//! One bot: its access to Telegram, its way into the queue, and where its staff is.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tokio::sync::RwLock;
use tracing::{info, warn};
use zapis_core::causes;
use zapis_core::intake::Intake;
use zapis_core::store::StoreError;

use super::address::Address;
use super::api::{Api, CallError};
use super::config::TelegramConfig;

/// How long it is believed that the staff's group has topics, or has none.
const FORUM_KNOWN: TimeDelta = TimeDelta::minutes(10);

/// One bot.
pub(super) struct Account {
    pub(super) config: TelegramConfig,
    pub(super) api: Api,
    /// How long the bot keeps silent after a word of the staff.
    pub(super) takeover: TimeDelta,
    pub(super) intake: Intake,
    /// Where the staff's group moved to, once that is known.
    moved_to: Mutex<Option<i64>>,
    /// Whether the group has topics, and since when that is known.
    forum: Mutex<Option<(bool, DateTime<Utc>)>>,
    /// Held in common while the staff is asked for words and it is not yet noted by which message.
    pub(super) asking: RwLock<()>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({})", self.config.account)
    }
}

impl Account {
    pub(super) fn new(
        config: TelegramConfig,
        takeover: TimeDelta,
        intake: Intake,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            api: Api::new(&config)?,
            config,
            takeover,
            intake,
            moved_to: Mutex::default(),
            forum: Mutex::default(),
            asking: RwLock::default(),
        })
    }

    /// Tells how what comes in from Telegram does: nothing where it works.
    pub(super) fn tell(&self, trouble: Option<&str>) {
        let name = format!("in {}:{}", super::NAME, self.config.account);
        let (store, now) = (self.intake.store(), self.intake.clock().now());
        match trouble {
            Some(trouble) => store.fails(&name, trouble, now),
            None => store.mends(&name, now),
        }
    }

    /// The id that a chat has now: the staff's group may have become a supergroup.
    pub(super) async fn current(&self, chat: i64) -> Result<i64, StoreError> {
        if self.config.staff_chat != Some(chat) {
            return Ok(chat);
        }
        if let Some(moved_to) = *lock(&self.moved_to) {
            return Ok(moved_to);
        }
        let Some(desk) = Address::chat(chat).conversation(&self.config.account) else {
            return Ok(chat);
        };
        let moved_to = self.intake.store().desk_moved_to(&desk).await?;
        let moved_to = moved_to.and_then(|desk| Address::parse(desk.peer()));
        if let Some(moved_to) = &moved_to {
            *lock(&self.moved_to) = Some(moved_to.chat);
        }
        Ok(moved_to.map_or(chat, |moved_to| moved_to.chat))
    }

    /// Whether it is the staff's group, by the id that it has now.
    pub(super) async fn is_staff_chat(&self, chat: i64) -> Result<bool, StoreError> {
        match self.config.staff_chat {
            Some(staff) => Ok(self.current(staff).await? == chat),
            None => Ok(false),
        }
    }

    /// A group has a new id. Only the staff's group matters.
    pub(super) async fn moved(&self, from: i64, to: i64) -> Result<(), StoreError> {
        if from == to || !self.is_staff_chat(from).await? {
            return Ok(());
        }
        let account = &self.config.account;
        let desks = (
            Address::chat(from).conversation(account),
            Address::chat(to).conversation(account),
        );
        if let (Some(from), Some(to)) = desks {
            self.intake.store().move_desk(&from, &to).await?;
            info!(
                account,
                "The staff's group has a new id: put it into staff_chat"
            );
        }
        *lock(&self.moved_to) = Some(to);
        *lock(&self.forum) = None;
        Ok(())
    }

    /// Whether a chat has topics.
    pub(super) async fn has_topics(&self, chat: i64) -> Result<bool, CallError> {
        #[derive(serde::Deserialize)]
        struct Chat {
            #[serde(default)]
            is_forum: bool,
        }
        let now = self.intake.clock().now();
        if let Some((is_forum, since)) = *lock(&self.forum)
            && now - since < FORUM_KNOWN
        {
            return Ok(is_forum);
        }
        let chat: Chat = self
            .api
            .call("getChat", &json!({ "chat_id": chat }))
            .await?;
        *lock(&self.forum) = Some((chat.is_forum, now));
        Ok(chat.is_forum)
    }

    /// Topics cannot be made: the group has none, or we may not. Cards hang in the group meanwhile.
    pub(super) fn without_topics(&self, error: &CallError) {
        warn!(
            account = self.config.account,
            error = %causes(error),
            "Cannot make topics in the staff's group: make the bot an administrator that may manage topics"
        );
        *lock(&self.forum) = Some((false, self.intake.clock().now()));
    }
}

/// Locks; what a panicking thread left behind is whole, because values are only replaced.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
