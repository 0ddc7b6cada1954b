//! What an update leads to: messages for the queue, changes of ownership, and small answers that
//! may be made once the update is safe.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::timeout;
use tracing::{debug, error, warn};
use uuid::Uuid;
use zapis_core::board::is_order;
use zapis_core::intake::{Arrival, IntakeError};
use zapis_core::message::{Button, ConversationId, Inbound, Outbound, Verdict, What};
use zapis_core::store::{NewOwner, OwnershipChange, StoreError};
use zapis_core::trace::TraceParent;
use zapis_core::{causes, ids};

use super::account::Account;
use super::address::Address;
use super::keyboard;
use super::translate::{Item, News, translate};
use super::words;

/// The topic of dead letters that never became a message.
const DEAD: &str = "webhook.telegram";

/// The longest that an answer waits until what it answers is noted.
const ASKING: Duration = Duration::from_secs(5);

/// What updates lead to.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) arrivals: Vec<Arrival>,
    pub(super) effects: Vec<Effect>,
    /// What the pressed button says besides, for a moment.
    answer: Option<String>,
}

impl Taken {
    /// Says something on the pressed button.
    pub(super) fn answer(&mut self, words: String) {
        self.answer = Some(words);
    }
}

/// Done after acceptance, off the way of the update, at most once.
pub(super) enum Effect {
    /// Stops the spinner on a pressed button.
    Answer { query: String, text: Option<String> },
    /// Puts other words and buttons into a message of ours.
    Rewrite {
        chat: i64,
        message: i64,
        text: String,
        buttons: Vec<Button>,
    },
    /// Asks the staff for other words than those of a draft.
    AskForWords {
        chat: i64,
        /// The message that shows the draft, and its topic.
        card: (i64, Option<i64>),
        about: ConversationId,
        draft: Uuid,
    },
    /// Tells the staff something, as a reply to what they wrote.
    Say {
        chat: i64,
        reply_to: Option<i64>,
        text: &'static str,
    },
    /// The staff is done with a topic.
    CloseTopic { chat: i64, topic: i64 },
}

/// What somebody of the staff did.
pub(super) struct Post {
    pub(super) who: String,
    pub(super) item: Item,
    raw: Box<RawValue>,
}

impl Post {
    fn new(mut item: Item, raw: Box<RawValue>) -> Self {
        // The profile is that of the person of the firm, not of the customer.
        let profile = std::mem::take(&mut item.profile);
        let who = profile.name.or(profile.username);
        Self {
            who: who.unwrap_or_else(|| words::STAFF.to_owned()),
            item,
            raw,
        }
    }

    /// It as something that a person of the firm asks of the bot in the staff chat.
    pub(super) fn order(mut self, desk: ConversationId, what: What) -> Arrival {
        self.item.profile.name = Some(self.who.clone());
        self.inbound(desk, what)
    }

    /// It as something that happened in a conversation.
    pub(super) fn inbound(self, about: ConversationId, what: What) -> Arrival {
        Account::inbound(about, &self.item, what, None, self.raw)
    }
}

impl Account {
    /// Takes updates, all or none. After `Ok` Telegram may forget them.
    pub(super) async fn accept(self: &Arc<Self>, updates: &[&str]) -> Result<(), IntakeError> {
        let mut taken = Taken::default();
        for update in updates {
            self.take(update, &mut taken).await?;
        }
        self.intake.accept(taken.arrivals).await?;
        for effect in taken.effects {
            let account = Arc::clone(self);
            tokio::spawn(async move { account.perform(effect).await });
        }
        Ok(())
    }

    /// Keeps a body that is authentic and no text.
    pub(super) async fn accept_unreadable(&self, body: Bytes) -> Result<(), IntakeError> {
        let reason = "not UTF-8".to_owned();
        let topic = DEAD.to_owned();
        self.intake
            .accept(vec![Arrival::Dead {
                topic,
                body,
                reason,
            }])
            .await
    }

    async fn take(&self, update: &str, taken: &mut Taken) -> Result<(), StoreError> {
        let dead = |reason: String| Arrival::Dead {
            topic: DEAD.to_owned(),
            body: Bytes::copy_from_slice(update.as_bytes()),
            reason,
        };
        let translated = match translate(update, self.intake.clock().now()) {
            Ok(translated) => translated,
            Err(reason) => {
                taken.arrivals.push(dead(reason));
                return Ok(());
            }
        };
        let raw = translated.raw;
        match translated.news {
            News::Dead(reason) => taken.arrivals.push(dead(reason)),
            News::Ignored(why) => {
                metrics::counter!("zapis_ignored_total", "channel" => super::NAME, "why" => why)
                    .increment(1);
            }
            News::Moved { from, to } => self.moved(from, to).await?,
            News::Membership { chat, status } => self.membership(chat, &status).await?,
            News::Group(item) => {
                if self.is_staff_chat(item.address.chat).await? {
                    if let What::Press { payload, .. } = &item.what {
                        let payload = payload.clone();
                        let post = Post::new(*item, raw);
                        self.pressed(&payload, post, taken).await?;
                    } else {
                        if self.answers_us(&item) {
                            // The answer may be faster than our note of what was asked.
                            let asked = timeout(ASKING, self.asking.write());
                            drop(asked.await);
                        }
                        match self.about(&item).await? {
                            Some(about) => self.staff(about, Post::new(*item, raw), taken).await?,
                            None => taken.arrivals.extend(self.about_nobody(*item, raw).await?),
                        }
                    }
                }
            }
            News::Private(item) => {
                if self.config.owner_chat == Some(item.address.chat)
                    && let Some(about) = self.about(&item).await?
                {
                    self.staff(about, Post::new(*item, raw), taken).await?;
                } else {
                    let arrival = self.private(*item, raw).await?;
                    taken.arrivals.push(arrival.unwrap_or_else(dead));
                }
            }
        }
        if let Some(query) = translated.query {
            let text = taken.answer.take();
            taken.effects.push(Effect::Answer { query, text });
        }
        Ok(())
    }

    /// A customer's doing, or that of the owner of a business account.
    async fn private(
        &self,
        mut item: Item,
        raw: Box<RawValue>,
    ) -> Result<Result<Arrival, String>, StoreError> {
        let Some(conversation) = item.address.conversation(&self.config.account) else {
            return Ok(Err("an unusable business connection".to_owned()));
        };
        if let What::Press { payload, .. } = &mut item.what
            && keyboard::is_short(payload)
        {
            match self.intake.store().button(&conversation, payload).await? {
                Some(long) => *payload = long,
                None => {
                    item.what = What::Unreadable {
                        kind: "forgotten_button".to_owned(),
                    };
                }
            }
        }
        let to = match &item.what {
            What::Staff { who, .. } if item.by_owner => Some(self.staff_owner(who.clone())),
            // What stops the bot is told from `what` by the intake.
            _ => None,
        };
        Ok(Ok(Self::inbound(
            conversation,
            &item,
            item.what.clone(),
            to,
            raw,
        )))
    }

    fn inbound(
        conversation: ConversationId,
        item: &Item,
        what: What,
        to: Option<NewOwner>,
        raw: Box<RawValue>,
    ) -> Arrival {
        let ownership = to.map(|to| OwnershipChange {
            cause: item.id.clone(),
            at: item.at,
            to,
        });
        let inbound = Inbound {
            id: item.id.clone(),
            conversation,
            at: item.at,
            received_at: item.received_at,
            profile: item.profile.clone(),
            what,
            raw: Some(raw),
            trace: TraceParent::start(),
        };
        Arrival::Inbound {
            inbound: Box::new(inbound),
            ownership,
        }
    }

    fn staff_owner(&self, who: String) -> NewOwner {
        NewOwner::Staff {
            who,
            until: self.intake.clock().now() + self.takeover,
        }
    }

    /// Whose conversation a message in a staff chat is about: that of its topic, or of the message
    /// that it replies to. Anything else is talk among the staff.
    async fn about(&self, item: &Item) -> Result<Option<ConversationId>, StoreError> {
        let Some(desk) = Address::chat(item.address.chat).conversation(&self.config.account) else {
            return Ok(None);
        };
        let store = self.intake.store();
        if let Some(topic) = item.topic
            && let Some(about) = store.conversation_of_thread(&desk, topic).await?
        {
            return Ok(Some(about));
        }
        let Some(reply_to) = item.reply_to else {
            return Ok(None);
        };
        match store.conversation_of_staff_message(&desk, reply_to).await? {
            Some(about) => Ok(Some(about)),
            None => store.conversation_of_thread(&desk, reply_to).await,
        }
    }

    /// Whether a message replies to one of ours.
    fn answers_us(&self, item: &Item) -> bool {
        item.to_bot.is_some() && item.to_bot == self.bot_id()
    }

    /// What belongs to no customer: an order for the book, talk among the staff, or words for a customer whom a process
    /// forgot that died between showing something and noting whose it is.
    async fn about_nobody(
        &self,
        item: Item,
        raw: Box<RawValue>,
    ) -> Result<Option<Arrival>, StoreError> {
        let answers_us = self.answers_us(&item);
        if answers_us && item.topic.is_some() && item.reply_to == item.topic {
            return Ok(self.nobodys(&item, words::NOBODYS_TOPIC));
        }
        let told = answers_us.then(|| self.nobodys(&item, words::NOBODYS_WORDS));
        Ok(self.order(item, raw).await?.or(told.flatten()))
    }

    /// What somebody of the staff wants of the book, with the bot meant by a mention, by a reply to what
    /// it shows of the book, by a command or by the first word. Anything else is talk among the staff.
    async fn order(&self, item: Item, raw: Box<RawValue>) -> Result<Option<Arrival>, StoreError> {
        let here = Address::chat(item.address.chat).conversation(&self.config.account);
        let (Some(desk), Some(here)) = (self.config.desk(), here) else {
            return Ok(None);
        };
        let what = match &item.what {
            What::Command { name, .. } if matches!(name.as_str(), "today" | "book" | "help") => {
                item.what.clone()
            }
            What::Text { text } => {
                let is_bot =
                    |word: &&str| word.starts_with('@') && word.to_lowercase().ends_with("bot");
                let mentioned = text.split_whitespace().any(|word| is_bot(&word));
                let words = text.split_whitespace().filter(|word| !is_bot(word));
                let words = words.collect::<Vec<_>>().join(" ");
                let replies = match item.reply_to {
                    Some(message) => self.intake.store().is_board(&here, message).await?,
                    None => false,
                };
                if mentioned || replies {
                    let (name, args) = ("book".to_owned(), words);
                    What::Command { name, args }
                } else if is_order(text) {
                    item.what.clone()
                } else {
                    return Ok(None);
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(Post::new(item, raw).order(desk, what)))
    }

    /// The draft that a message of the staff is another wording of.
    async fn reworded(&self, item: &Item) -> Result<Option<Uuid>, StoreError> {
        let desk = Address::chat(item.address.chat).conversation(&self.config.account);
        let (Some(desk), Some(reply_to)) = (desk, item.reply_to) else {
            return Ok(None);
        };
        self.intake.store().draft_of_message(&desk, reply_to).await
    }

    /// A person of the firm wrote in a conversation's topic or under its card.
    async fn staff(
        &self,
        about: ConversationId,
        post: Post,
        taken: &mut Taken,
    ) -> Result<(), StoreError> {
        let words = match &post.item.what {
            What::Text { text } if !is_note(text) => Some(text.clone()),
            _ => None,
        };
        let draft = self.reworded(&post.item).await?;
        let left = match draft.zip(words) {
            // Where something else was decided before, the customer still gets these words.
            Some((draft, words)) => {
                self.decide(draft, Verdict::Edited, Some(&words), None, post, taken)
                    .await?
            }
            None => Some(post),
        };
        if let Some(post) = left {
            self.said(about, post, taken);
        }
        Ok(())
    }

    fn said(&self, about: ConversationId, post: Post, taken: &mut Taken) {
        let Post { who, item, raw } = post;
        let (chat, topic) = (item.address.chat, item.topic);
        let mut say = |text| {
            taken.effects.push(Effect::Say {
                chat,
                reply_to: item.message,
                text,
            });
        };
        let handback = What::Handback { who: who.clone() };
        let silence = |text, delivered| What::Staff {
            who: who.clone(),
            text,
            delivered,
        };
        let owner = self.staff_owner(who.clone());
        match &item.what {
            What::Text { text } if is_note(text) => {
                let text = text.trim_start().trim_start_matches('/').trim().to_owned();
                let what = What::Note { who, text };
                taken
                    .arrivals
                    .push(Self::inbound(about, &item, what, None, raw));
            }
            What::Text { text } => {
                let words = self.relayed(&about, &who, &item, text);
                let what = silence(Some(text.clone()), false);
                let takeover = Self::inbound(about, &item, what, Some(owner), raw);
                taken.arrivals.extend([takeover, words]);
            }
            What::Command { name, args } => match name.as_str() {
                "note" => {
                    say(words::NOTED);
                    let text = args.clone();
                    let what = What::Note { who, text };
                    taken
                        .arrivals
                        .push(Self::inbound(about, &item, what, None, raw));
                }
                "take" => {
                    say(words::TAKEN);
                    let what = silence(None, true);
                    let arrival = Self::inbound(about, &item, what, Some(owner), raw);
                    taken.arrivals.push(arrival);
                }
                "bot" | "close" => {
                    say(words::GIVEN_BACK);
                    if let ("close", Some(topic)) = (name.as_str(), topic) {
                        taken.effects.push(Effect::CloseTopic { chat, topic });
                    }
                    let arrival = Self::inbound(about, &item, handback, Some(NewOwner::Bot), raw);
                    taken.arrivals.push(arrival);
                }
                _ => say(words::UNKNOWN_COMMAND),
            },
            What::Media { .. }
            | What::Contact { .. }
            | What::Location { .. }
            | What::Unreadable { .. } => {
                say(words::NO_FILES);
            }
            _ => {}
        }
    }

    /// The words of the staff, on their way to the customer.
    fn relayed(&self, about: &ConversationId, who: &str, item: &Item, text: &str) -> Arrival {
        let id = ids::derive(&["staff", &self.config.account, &item.id]);
        self.outbound(id, about.clone(), text, Some(who))
    }

    /// Our own id, which a token begins with.
    fn bot_id(&self) -> Option<i64> {
        let (id, _) = self.config.token.expose().split_once(':')?;
        id.parse().ok()
    }

    /// Tells who wrote what belongs to no customer that nobody heard it.
    fn nobodys(&self, item: &Item, text: &str) -> Option<Arrival> {
        let id = ids::derive(&["nobody's", &self.config.account, &item.id]);
        let here = Address {
            topic: item.topic,
            ..Address::chat(item.address.chat)
        };
        let here = here.conversation(&self.config.account)?;
        Some(self.outbound(id, here, text, None))
    }

    fn outbound(&self, id: Uuid, to: ConversationId, text: &str, staff: Option<&str>) -> Arrival {
        let now = self.intake.clock().now();
        Arrival::Outbound(Box::new(Outbound::by_staff(id, to, text, staff, now)))
    }

    async fn membership(&self, chat: i64, status: &str) -> Result<(), StoreError> {
        if matches!(status, "left" | "kicked") && self.is_staff_chat(chat).await? {
            error!(
                account = self.config.account,
                status,
                "The bot was removed from the staff chat: add it again, or calls for a person go nowhere"
            );
        }
        Ok(())
    }

    async fn perform(&self, effect: Effect) {
        let result = match &effect {
            Effect::Answer { query, text } => {
                let mut parameters = json!({ "callback_query_id": query });
                if let Some(text) = text {
                    parameters["text"] = text.clone().into();
                }
                self.api.tell("answerCallbackQuery", &parameters).await
            }
            Effect::Rewrite {
                chat,
                message,
                text,
                buttons,
            } => self.rewrite(*chat, *message, text, buttons).await,
            Effect::AskForWords {
                chat,
                card,
                about,
                draft,
            } => self.ask_for_words(*chat, *card, about, *draft).await,
            Effect::Say {
                chat,
                reply_to,
                text,
            } => {
                // A reply stays in the topic of what it replies to.
                let parameters = json!({
                    "chat_id": chat,
                    "text": text,
                    "reply_parameters": { "message_id": reply_to, "allow_sending_without_reply": true },
                });
                self.api.tell("sendMessage", &parameters).await
            }
            Effect::CloseTopic { chat, topic } => {
                let parameters = json!({ "chat_id": chat, "message_thread_id": topic });
                self.api.tell("closeForumTopic", &parameters).await
            }
        };
        match result {
            Ok(()) => {}
            // The press is old or was answered already.
            Err(error) if error.refusal().is_some_and(|refusal| refusal.says("query")) => {
                debug!(error = %causes(&error), "A press was answered too late");
            }
            Err(error) => {
                warn!(account = self.config.account, error = %causes(&error), "Telegram did not take a small answer");
            }
        }
    }
}

/// Whether a message of the staff is for the firm only.
fn is_note(text: &str) -> bool {
    text.trim_start().starts_with("//")
}
