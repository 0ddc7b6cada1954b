//! What the staff sees: one forum topic per conversation where the group has topics, otherwise a
//! card whose replies belong to the conversation.

use serde_json::json;
use tracing::warn;
use uuid::Uuid;
use zapis_core::causes;
use zapis_core::message::{Author, Button, ConversationId, StaffCard, Urgency};
use zapis_core::store::StaffThread;

use super::account::Account;
use super::address::Address;
use super::api::CallError;
use super::send::{Letter, not_sent};
use super::text::{MESSAGE_UNITS, clip, units};
use super::{keyboard, words};
use crate::Sent;

/// The longest name of a topic.
const TOPIC_NAME: usize = 128;

/// The longest name of a customer that is shown.
const NAME: usize = 60;

/// The longest line of a transcript, hint or reason.
const LINE: usize = 300;

/// The most hints.
const HINTS: usize = 5;

/// The most of what was said that fits into one message besides the name.
pub(super) const RELAYED_UNITS: usize = MESSAGE_UNITS - NAME - 20;

/// How often a topic is opened or made anew for one message.
const ATTEMPTS: usize = 3;

/// A message about a conversation.
pub(super) struct Note<'a> {
    pub(super) about: &'a ConversationId,
    pub(super) name: &'a str,
    /// Whether replies belong to this message from now on, where there are no topics.
    pub(super) heads_thread: bool,
    /// Under it.
    pub(super) buttons: &'a [Button],
    /// The draft that it shows.
    pub(super) draft: Option<Uuid>,
}

impl<'a> Note<'a> {
    /// One among others.
    pub(super) fn about(about: &'a ConversationId, name: &'a str) -> Self {
        Self {
            about,
            name,
            heads_thread: false,
            buttons: &[],
            draft: None,
        }
    }
}

impl Account {
    /// Calls a person.
    pub(super) async fn card(&self, chat: i64, card: &StaffCard) -> Result<Sent, CallError> {
        let note = Note {
            heads_thread: true,
            ..Note::about(&card.about, &card.name)
        };
        self.put(chat, &note, |in_topic| card_text(card, in_topic))
            .await
    }

    /// Shows what was said.
    pub(super) async fn relay(
        &self,
        chat: i64,
        about: &ConversationId,
        name: &str,
        from: Author,
        text: &str,
    ) -> Result<Sent, CallError> {
        let note = Note::about(about, name);
        let who = match from {
            Author::Customer => format!(" **{}**", shown_name(name)),
            Author::Bot | Author::Staff => String::new(),
        };
        let text = format!("{}{who}\n{text}", words::author(from));
        self.put(chat, &note, |_| text.clone()).await
    }

    pub(super) async fn put(
        &self,
        chat: i64,
        note: &Note<'_>,
        text: impl Fn(bool) -> String,
    ) -> Result<Sent, CallError> {
        let store = self.intake.store();
        let main = self.config.desk().is_some_and(|desk| {
            Address::parse(desk.peer()).is_some_and(|address| address.chat == chat)
        });
        let chat = self.current(chat).await.map_err(not_sent)?;
        let Some(desk) = Address::chat(chat).conversation(&self.config.account) else {
            return Err(CallError::NotSent("no such staff chat".into()));
        };
        let mut attempt = 0;
        loop {
            attempt += 1;
            // The owner's chat shows cards, but the thread of a conversation is with the staff.
            let thread = if main {
                self.thread(&desk, chat, note).await?
            } else {
                None
            };
            let topic = thread.as_ref().filter(|thread| thread.topic);
            let mut letter = Letter::new(
                Address {
                    topic: topic.map(|topic| topic.thread),
                    ..Address::chat(chat)
                },
                text(topic.is_some()),
            );
            letter.buttons = note.buttons;
            letter.keyboard = keyboard::keyboard(note.buttons).map(|keyboard| keyboard.markup);
            if topic.is_none() && !note.heads_thread {
                letter.reply_to = thread.as_ref().map(|thread| thread.thread);
            }
            let error = match self.deliver(letter).await {
                Ok(id) => {
                    let heads = main && topic.is_none() && (note.heads_thread || thread.is_none());
                    self.remember(&desk, id, note, heads).await;
                    return Ok(Sent {
                        provider_id: Some(id.to_string()),
                    });
                }
                Err(error) => error,
            };
            let Some((topic, refusal)) = topic.zip(error.refusal()).filter(|_| attempt < ATTEMPTS)
            else {
                return Err(error);
            };
            if refusal.topic_closed() {
                let parameters = json!({ "chat_id": chat, "message_thread_id": topic.thread });
                self.api.tell("reopenForumTopic", &parameters).await?;
            } else if refusal.topic_gone() {
                store
                    .forget_staff_thread(note.about)
                    .await
                    .map_err(not_sent)?;
            } else {
                return Err(error);
            }
        }
    }

    /// The thread of a conversation; a new topic where there is none and the group has topics.
    async fn thread(
        &self,
        desk: &ConversationId,
        chat: i64,
        note: &Note<'_>,
    ) -> Result<Option<StaffThread>, CallError> {
        #[derive(serde::Deserialize)]
        struct Topic {
            message_thread_id: i64,
        }
        let store = self.intake.store();
        let known = store.staff_thread(note.about).await.map_err(not_sent)?;
        let known = known.filter(|thread| thread.desk == *desk);
        if known.as_ref().is_some_and(|thread| thread.topic) {
            return Ok(known);
        }
        if chat > 0 || !self.has_topics(chat).await? {
            return Ok(known);
        }
        let name = format!(
            "{} · {}",
            shown_name(note.name),
            words::channel(note.about.channel())
        );
        let parameters = json!({ "chat_id": chat, "name": clip(&name, TOPIC_NAME) });
        let topic: Topic = match self.api.call("createForumTopic", &parameters).await {
            Ok(topic) => topic,
            Err(error)
                if error
                    .refusal()
                    .is_some_and(|refusal| refusal.code == 400 && refusal.migrate_to.is_none()) =>
            {
                self.without_topics(&error);
                return Ok(known);
            }
            Err(error) => return Err(error),
        };
        let thread = StaffThread {
            desk: desk.clone(),
            thread: topic.message_thread_id,
            topic: true,
        };
        store
            .put_staff_thread(note.about, &thread)
            .await
            .map_err(not_sent)?;
        Ok(Some(thread))
    }

    /// Notes whose message it is, so that a reply finds the way. The message is out, so trouble
    /// here must not send it again.
    async fn remember(&self, desk: &ConversationId, id: i64, note: &Note<'_>, heads: bool) {
        let store = self.intake.store();
        let mut result = match note.draft {
            Some(draft) => store.put_draft_message(desk, id, note.about, draft).await,
            None => store.put_staff_message(desk, id, note.about).await,
        };
        if heads && result.is_ok() {
            let thread = StaffThread {
                desk: desk.clone(),
                thread: id,
                topic: false,
            };
            result = store.put_staff_thread(note.about, &thread).await;
        }
        if let Err(error) = result {
            warn!(conversation = ?note.about, error = %causes(&error), "Replies to a staff message will not find the customer");
        }
    }
}

pub(super) fn shown_name(name: &str) -> String {
    match name.trim() {
        "" => "Клиент".to_owned(),
        name => clip(name, NAME),
    }
}

/// A card in at most one message: of the transcript the newest lines that fit.
fn card_text(card: &StaffCard, in_topic: bool) -> String {
    let mut who = vec![
        shown_name(&card.name),
        words::channel(card.about.channel()).to_owned(),
    ];
    who.extend(card.phone.as_deref().map(|phone| clip(phone, NAME)));
    let head = [
        format!("**{}**", words::urgency(card.urgency)),
        who.join(" · "),
        format!("{}: {}", words::REASON, one_line(&card.reason)),
    ];
    let mut foot = Vec::new();
    if !card.hints.is_empty() {
        foot.extend([String::new(), format!("**{}**", words::HINTS)]);
        let hints = card.hints.iter().take(HINTS);
        foot.extend(hints.map(|hint| format!("• {}", one_line(hint))));
    }
    let how = if in_topic {
        words::HOW_TO_ANSWER
    } else {
        words::HOW_TO_REPLY
    };
    foot.extend([String::new(), how.to_owned()]);

    let title = [String::new(), format!("**{}**", words::TRANSCRIPT)];
    // Every line costs its line break too.
    let cost = |line: &String| units(line) + 1;
    let around: usize = head.iter().chain(&foot).chain(&title).map(cost).sum();
    let mut room = MESSAGE_UNITS.saturating_sub(around);
    let mut lines = Vec::new();
    for line in card.transcript.iter().rev() {
        let line = format!("{} {}", words::author(line.from), one_line(&line.text));
        let Some(left) = room.checked_sub(cost(&line)) else {
            break;
        };
        room = left;
        lines.push(line);
    }
    lines.reverse();
    let title: &[String] = if lines.is_empty() { &[] } else { &title };
    [&head, title, &lines, &foot].concat().join("\n")
}

pub(super) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    clip(&words.join(" "), LINE)
}

/// Whether a card also goes to the owner.
pub(super) fn calls_owner(card: &StaffCard) -> bool {
    card.urgency == Urgency::Owner
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use zapis_core::message::Line;

    use super::super::text::to_html;
    use super::*;

    fn card(lines: usize) -> StaffCard {
        StaffCard {
            about: "whatsapp:main:RU.1".parse().unwrap(),
            name: "Анна <Примерова>".into(),
            phone: Some("+79000000001".into()),
            reason: "просит позвать\nчеловека".into(),
            transcript: (0..lines)
                .map(|n| Line {
                    from: Author::Customer,
                    text: format!("строка {n} {}", "x".repeat(400)),
                    at: DateTime::default(),
                })
                .collect(),
            hints: vec!["Стрижка — 1500 ₽ (prices.md)".into()],
            urgency: Urgency::First,
        }
    }

    #[test]
    fn a_card_says_who_why_and_how_to_answer() {
        let html = to_html(&card_text(&card(2), true));

        for words in [
            "<b>🔔 Нужен человек</b>",
            "Анна &lt;Примерова&gt; · WhatsApp · +79000000001",
            "Причина: просит позвать человека",
            "👤 строка 0",
            "👤 строка 1",
            "• Стрижка — 1500 ₽ (prices.md)",
            "/bot",
        ] {
            assert!(html.contains(words), "{words} is not in {html}");
        }
    }

    #[test]
    fn a_long_conversation_is_shown_from_its_end() {
        let text = card_text(&card(40), false);

        assert!(units(&text) <= MESSAGE_UNITS);
        assert!(text.contains("строка 39") && !text.contains("строка 0 "));
        assert!(text.ends_with(words::HOW_TO_REPLY));
    }
}
