//! Sending one message. What Telegram refuses for its form goes out in a plainer form.

use chrono::TimeDelta;
use serde::Serialize;
use serde_json::json;
use teloxide::types::InlineKeyboardMarkup;
use tracing::{debug, warn};
use zapis_core::causes;
use zapis_core::message::{Button, Content, Outbound, ProviderError};
use zapis_core::store::StoreError;

use super::account::Account;
use super::address::Address;
use super::api::{CallError, Refusal};
use super::{keyboard, text};
use crate::{SendError, Sent};

/// How long "typing…" makes sense. Telegram shows it for 5 s.
const TYPING: TimeDelta = TimeDelta::seconds(6);

/// A message as `sendMessage` takes it, and what is left of it when Telegram refuses its form.
pub(super) struct Letter<'a> {
    /// Where to.
    pub(super) address: Address,
    /// With `**…**` around bold words.
    pub(super) text: String,
    /// The message that it replies to.
    pub(super) reply_to: Option<i64>,
    /// Under it.
    pub(super) keyboard: Option<InlineKeyboardMarkup>,
    /// The same buttons, for when they cannot be shown.
    pub(super) buttons: &'a [Button],
    /// Without bold words, because Telegram could not read them.
    pub(super) plain: bool,
}

#[derive(Serialize)]
struct SendMessage<'a> {
    chat_id: i64,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parse_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_thread_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    business_connection_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_parameters: Option<ReplyTo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_markup: Option<&'a InlineKeyboardMarkup>,
}

#[derive(Serialize)]
struct ReplyTo {
    message_id: i64,
    allow_sending_without_reply: bool,
}

impl Letter<'_> {
    /// Plain words to a place.
    pub(super) fn new(address: Address, text: String) -> Self {
        Self {
            address,
            text,
            reply_to: None,
            keyboard: None,
            buttons: &[],
            plain: false,
        }
    }

    fn parameters(&self) -> SendMessage<'_> {
        SendMessage {
            chat_id: self.address.chat,
            text: if self.plain {
                text::to_plain(&self.text)
            } else {
                text::to_html(&self.text)
            },
            parse_mode: (!self.plain).then_some("HTML"),
            message_thread_id: self.address.topic,
            business_connection_id: self.address.business.as_deref(),
            reply_parameters: self.reply_to.map(|message_id| ReplyTo {
                message_id,
                allow_sending_without_reply: true,
            }),
            reply_markup: self.keyboard.as_ref(),
        }
    }

    /// Takes away what was refused; `false` when the form is not the trouble.
    fn made_plainer(&mut self, refusal: &Refusal) -> bool {
        let about_buttons = ["button", "reply markup", "keyboard"];
        if refusal.code != 400 {
            return false;
        }
        if !self.plain && refusal.says("can't parse entities") {
            self.plain = true;
            return true;
        }
        if self.keyboard.is_some() && about_buttons.iter().any(|words| refusal.says(words)) {
            self.keyboard = None;
            self.text.push_str(&keyboard::as_lines(self.buttons));
            return true;
        }
        // A topic of a private chat; topics of the staff are made anew instead.
        if self.address.chat > 0 && self.address.topic.is_some() && refusal.topic_gone() {
            self.address.topic = None;
            return true;
        }
        false
    }
}

impl Account {
    /// Makes the provider call for an outbound message.
    pub(super) async fn send(&self, outbound: &Outbound) -> Result<Sent, SendError> {
        let Some(address) = Address::parse(outbound.conversation.peer()) else {
            return Err(SendError::Refused(ProviderError {
                code: "address".to_owned(),
                text: "not a conversation of Telegram".to_owned(),
            }));
        };
        let bucket = super::bucket(&self.config.account, &address);
        let mut result = self.attempt(outbound, &address).await;
        if let Err(CallError::Refused(refusal)) = &result
            && let Some(to) = refusal.migrate_to
        {
            let from = self.current(address.chat).await.map_err(not_sent);
            let moved = match from {
                Ok(from) => self.moved(from, to).await.map_err(not_sent),
                Err(error) => Err(error),
            };
            result = match moved {
                Ok(()) => self.attempt(outbound, &address).await,
                Err(error) => Err(error),
            };
        }
        result.map_err(|error| error.into_send_error(&bucket))
    }

    async fn attempt(&self, outbound: &Outbound, address: &Address) -> Result<Sent, CallError> {
        match &outbound.content {
            Content::Message { text, buttons, .. } => {
                let address = Address {
                    chat: self.current(address.chat).await.map_err(not_sent)?,
                    ..address.clone()
                };
                self.message(outbound, address, text, buttons).await
            }
            Content::Typing { .. } => Ok(self.typing(outbound, address).await),
            Content::Card(card) => self.card(address.chat, card).await,
            Content::Draft(card) => self.draft(address.chat, card).await,
            Content::Lesson(card) => self.lesson(address.chat, card).await,
            Content::Board(board) => self.board(address.chat, board).await,
            Content::Relay {
                about,
                name,
                from,
                text,
            } => self.relay(address.chat, about, name, *from, text).await,
        }
    }

    async fn message(
        &self,
        outbound: &Outbound,
        address: Address,
        text: &str,
        buttons: &[Button],
    ) -> Result<Sent, CallError> {
        let keyboard = keyboard::keyboard(buttons);
        let mut letter = Letter {
            buttons,
            ..Letter::new(address, text.to_owned())
        };
        if let Some(keyboard) = keyboard {
            if !keyboard.stored.is_empty() {
                let store = self.intake.store();
                store
                    .put_buttons(&outbound.conversation, &keyboard.stored)
                    .await
                    .map_err(not_sent)?;
            }
            letter.keyboard = Some(keyboard.markup);
        }
        let id = self.deliver(letter).await?;
        Ok(Sent {
            provider_id: Some(id.to_string()),
        })
    }

    /// Sends a letter, plainer where Telegram insists; returns the message's id.
    pub(super) async fn deliver(&self, mut letter: Letter<'_>) -> Result<i64, CallError> {
        #[derive(serde::Deserialize)]
        struct Message {
            message_id: i64,
        }
        loop {
            let answer = self
                .api
                .call::<Message>("sendMessage", &letter.parameters())
                .await;
            match answer {
                Ok(message) => return Ok(message.message_id),
                Err(CallError::Refused(refusal)) if letter.made_plainer(&refusal) => {
                    // Telegram quotes what it cannot read.
                    warn!(
                        account = self.config.account,
                        code = refusal.code,
                        "A message goes out in a plainer form"
                    );
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Shows "typing…". It is never worth a second try.
    async fn typing(&self, outbound: &Outbound, address: &Address) -> Sent {
        if self.intake.clock().now() - outbound.at <= TYPING {
            let mut parameters = json!({ "chat_id": address.chat, "action": "typing" });
            if let Some(topic) = address.topic {
                parameters["message_thread_id"] = topic.into();
            }
            if let Some(business) = &address.business {
                parameters["business_connection_id"] = business.clone().into();
            }
            if let Err(error) = self.api.tell("sendChatAction", &parameters).await {
                debug!(account = self.config.account, error = %causes(&error), "Could not show that the bot is typing");
            }
        }
        Sent { provider_id: None }
    }
}

/// The store is needed before the call and is not there.
pub(super) fn not_sent(error: StoreError) -> CallError {
    CallError::NotSent(Box::new(error))
}
