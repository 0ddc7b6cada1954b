//! What the staff decides by a button or a reply: whether a draft goes to the customer, whether the bot
//! may remember an answer.

use serde_json::json;
use uuid::Uuid;
use zapis_core::board::Mark;
use zapis_core::intake::Arrival;
use zapis_core::message::{Button, ConversationId, DraftCard, LessonCard, Verdict, What};
use zapis_core::store::{DraftFate, Proposal, StoreError};

use super::account::Account;
use super::address::Address;
use super::api::CallError;
use super::arrivals::{Effect, Post, Taken};
use super::desk::{Note, one_line, shown_name};
use super::text::{MESSAGE_UNITS, clip, to_html};
use super::{keyboard, words};
use crate::Sent;

/// The most of a draft that a card shows.
const SHOWN: usize = 3000;

/// What buttons begin with that belong to an order of the staff.
const ORDER: &str = "desk:";

/// What a button of ours in the staff chat stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Send,
    Edit,
    /// Asks why.
    Reject,
    /// Says why.
    Because(&'static str),
    Remember,
    Forget,
}

impl Choice {
    const ALL: [Self; 9] = [
        Self::Send,
        Self::Edit,
        Self::Reject,
        Self::Because("fact"),
        Self::Because("tone"),
        Self::Because("person"),
        Self::Because("other"),
        Self::Remember,
        Self::Forget,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Send => "draft:send",
            Self::Edit => "draft:edit",
            Self::Reject => "draft:reject",
            Self::Because("fact") => "draft:fact",
            Self::Because("tone") => "draft:tone",
            Self::Because("person") => "draft:person",
            Self::Because(_) => "draft:other",
            Self::Remember => "lesson:yes",
            Self::Forget => "lesson:no",
        }
    }

    fn button(self, title: &str, id: Uuid) -> Button {
        Button {
            title: title.to_owned(),
            payload: format!("{}:{id}", self.name()),
        }
    }

    /// Reads a button back; whatever else is pressed in the group is none of ours.
    fn read(payload: &str) -> Option<(Self, Uuid)> {
        let (name, id) = payload.rsplit_once(':')?;
        let choice = Self::ALL.into_iter().find(|choice| choice.name() == name)?;
        Some((choice, id.parse().ok()?))
    }
}

/// Buttons under a draft.
fn ways(id: Uuid) -> Vec<Button> {
    vec![
        Choice::Send.button(words::SEND, id),
        Choice::Edit.button(words::EDIT, id),
        Choice::Reject.button(words::REJECT, id),
    ]
}

/// Buttons after "reject".
fn reasons(id: Uuid) -> Vec<Button> {
    let reason = |(code, title): (&'static str, &str)| Choice::Because(code).button(title, id);
    words::WHY_REJECTED.into_iter().map(reason).collect()
}

impl Account {
    /// Asks the staff whether a reply may be sent.
    pub(super) async fn draft(&self, chat: i64, card: &DraftCard) -> Result<Sent, CallError> {
        let buttons = ways(card.id);
        let note = Note {
            buttons: &buttons,
            draft: Some(card.id),
            ..Note::about(&card.about, &card.name)
        };
        self.put(chat, &note, |_| draft_text(card, words::HOW_TO_DECIDE))
            .await
    }

    /// Asks the staff whether the bot may remember an answer.
    pub(super) async fn lesson(&self, chat: i64, card: &LessonCard) -> Result<Sent, CallError> {
        let buttons = [
            Choice::Remember.button(words::REMEMBER, card.id),
            Choice::Forget.button(words::FORGET, card.id),
        ];
        let note = Note {
            buttons: &buttons,
            ..Note::about(&card.about, &card.name)
        };
        self.put(chat, &note, |_| lesson_text(card)).await
    }

    /// Somebody of the staff pressed a button.
    pub(super) async fn pressed(
        &self,
        payload: &str,
        post: Post,
        taken: &mut Taken,
    ) -> Result<(), StoreError> {
        if let Some((mark, booking)) = Mark::read(payload) {
            return self.mark(mark, booking, post, taken).await;
        }
        if let (true, Some(desk)) = (payload.starts_with(ORDER), self.config.desk()) {
            let what = post.item.what.clone();
            taken.arrivals.push(post.order(desk, what));
            return Ok(());
        }
        let Some((choice, id)) = Choice::read(payload) else {
            return Ok(());
        };
        let store = self.intake.store();
        match choice {
            Choice::Send => {
                self.decide(id, Verdict::Sent, None, None, post, taken)
                    .await?;
                Ok(())
            }
            Choice::Because(code) => {
                self.decide(id, Verdict::Rejected, None, Some(code), post, taken)
                    .await?;
                Ok(())
            }
            Choice::Edit | Choice::Reject => {
                match store.proposal(id).await? {
                    Some(open) if open.state == "proposed" => {
                        let effect = if choice == Choice::Edit {
                            post.ask_for_words(&open)
                        } else {
                            post.ask_why(&open)
                        };
                        taken.effects.extend(effect);
                    }
                    other => taken.answer(already(other.as_ref())),
                }
                Ok(())
            }
            Choice::Remember | Choice::Forget => self.learn(id, choice, post, taken).await,
        }
    }

    /// Decides on a draft, in the words of the person if there are some. What was done comes back where
    /// something else was decided before.
    pub(super) async fn decide(
        &self,
        id: Uuid,
        verdict: Verdict,
        text: Option<&str>,
        reason: Option<&'static str>,
        post: Post,
        taken: &mut Taken,
    ) -> Result<Option<Post>, StoreError> {
        let store = self.intake.store();
        let cause = &post.item.id;
        let fate = store
            .decide_draft(id, verdict, Some(&post.who), text, cause)
            .await?;
        let proposal = match fate {
            DraftFate::Decided(proposal) => proposal,
            DraftFate::Other(proposal) => {
                taken.answer(already(Some(&proposal)));
                return Ok(Some(post));
            }
            DraftFate::Unknown => {
                taken.answer(already(None));
                return Ok(Some(post));
            }
        };
        let card = &proposal.card;
        if matches!(verdict, Verdict::Sent | Verdict::Edited) {
            let reply = card.approved(self.intake.clock().now());
            taken.arrivals.push(Arrival::Outbound(Box::new(reply)));
        }
        let desk = Address::chat(post.item.address.chat).conversation(&self.config.account);
        let shown = match &desk {
            Some(desk) => store.message_of_draft(desk, id).await?,
            None => None,
        };
        // Whoever presses at once may be faster than the note of which message it is.
        let pressed = post.item.message.filter(|_| verdict == Verdict::Sent);
        if let Some(message) = shown.or(pressed) {
            taken.effects.push(Effect::Rewrite {
                chat: post.item.address.chat,
                message,
                text: draft_text(card, &words::decided(verdict, &post.who, reason)),
                buttons: Vec::new(),
            });
        }
        let why = reason.map(words::why_rejected);
        let decided = card.decided(verdict, Some(&post.who), why);
        let about = card.about.clone();
        taken
            .arrivals
            .push(post.inbound(about, What::Draft(Box::new(decided))));
        Ok(None)
    }

    async fn learn(
        &self,
        id: Uuid,
        choice: Choice,
        post: Post,
        taken: &mut Taken,
    ) -> Result<(), StoreError> {
        let accepted = choice == Choice::Remember;
        let store = self.intake.store();
        let Some(about) = store.decide_lesson(id, accepted, &post.item.id).await? else {
            taken.answer(words::DECIDED_BEFORE.to_owned());
            return Ok(());
        };
        if let (Some(card), Some(message)) = (store.lesson(id).await?, post.item.message) {
            let line = words::learnt(accepted, &post.who);
            taken.effects.push(Effect::Rewrite {
                chat: post.item.address.chat,
                message,
                text: format!("{}\n\n{line}", lesson_text(&card)),
                buttons: Vec::new(),
            });
        }
        let who = post.who.clone();
        let what = What::Lesson { id, accepted, who };
        taken.arrivals.push(post.inbound(about, what));
        Ok(())
    }

    /// Asks for other words by a message that the app answers at once.
    pub(super) async fn ask_for_words(
        &self,
        chat: i64,
        card: (i64, Option<i64>),
        about: &ConversationId,
        draft: Uuid,
    ) -> Result<(), CallError> {
        #[derive(serde::Deserialize)]
        struct Message {
            message_id: i64,
        }
        let (card, topic) = card;
        let mut parameters = json!({
            "chat_id": chat,
            "text": words::WRITE_OTHER_WORDS,
            "reply_parameters": { "message_id": card, "allow_sending_without_reply": true },
            "reply_markup": { "force_reply": true, "selective": true },
        });
        if let Some(topic) = topic {
            parameters["message_thread_id"] = topic.into();
        }
        let _asking = self.asking.read().await;
        let sent: Message = self.api.call("sendMessage", &parameters).await?;
        if let Some(desk) = Address::chat(chat).conversation(&self.config.account) {
            let store = self.intake.store();
            let noted = store.put_draft_message(&desk, sent.message_id, about, draft);
            noted.await.map_err(super::send::not_sent)?;
        }
        Ok(())
    }

    /// Shows what was decided in the place of what was asked.
    pub(super) async fn rewrite(
        &self,
        chat: i64,
        message: i64,
        text: &str,
        buttons: &[Button],
    ) -> Result<(), CallError> {
        let mut parameters = json!({
            "chat_id": chat,
            "message_id": message,
            "text": to_html(text),
            "parse_mode": "HTML",
        });
        if let Some(keyboard) = keyboard::keyboard(buttons) {
            parameters["reply_markup"] = serde_json::to_value(keyboard.markup).unwrap_or_default();
        }
        self.api.tell("editMessageText", &parameters).await
    }
}

impl Post {
    fn ask_for_words(&self, open: &Proposal) -> Option<Effect> {
        Some(Effect::AskForWords {
            chat: self.item.address.chat,
            card: (self.item.message?, self.item.address.topic),
            about: open.card.about.clone(),
            draft: open.card.id,
        })
    }

    fn ask_why(&self, open: &Proposal) -> Option<Effect> {
        Some(Effect::Rewrite {
            chat: self.item.address.chat,
            message: self.item.message?,
            text: draft_text(&open.card, words::WHY),
            buttons: reasons(open.card.id),
        })
    }
}

/// Why a button does nothing any more.
fn already(proposal: Option<&Proposal>) -> String {
    match proposal {
        Some(Proposal {
            who: Some(who),
            state,
            ..
        }) => words::decided_by(state, who),
        _ => words::DECIDED_BEFORE.to_owned(),
    }
}

fn draft_text(card: &DraftCard, foot: &str) -> String {
    let mut lines = vec![
        format!("**{}**", words::DRAFT),
        format!(
            "{} · {}",
            shown_name(&card.name),
            words::channel(card.about.channel())
        ),
        format!("👤 {}", one_line(&card.question)),
        String::new(),
        clip(&card.text, SHOWN),
    ];
    let titles: Vec<&str> = card.buttons.iter().map(|b| b.title.as_str()).collect();
    if !titles.is_empty() {
        lines.push(format!("[{}]", one_line(&titles.join("] ["))));
    }
    lines.push(String::new());
    if let Some(confidence) = card.confidence {
        lines.push(words::confidence(confidence));
    }
    if !card.sources.is_empty() {
        lines.push(words::sources(&one_line(&card.sources.join("; "))));
    }
    lines.push(words::waits(card.minutes));
    lines.push(foot.to_owned());
    clip(&lines.join("\n"), MESSAGE_UNITS)
}

fn lesson_text(card: &LessonCard) -> String {
    let text = format!(
        "**{}**\n❓ {}\n💬 {}",
        words::LESSON,
        one_line(&card.question),
        card.answer
    );
    clip(&text, MESSAGE_UNITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_is_read_back_and_a_foreign_one_is_not() {
        let id = Uuid::from_u128(7);
        for choice in Choice::ALL {
            let button = choice.button("x", id);
            assert!(button.payload.len() <= 64, "{button:?}");
            assert_eq!(Choice::read(&button.payload), Some((choice, id)));
        }
        for payload in [
            "",
            "draft:send",
            "draft:send:7",
            "show:wifi",
            "draft:burn:00000000-0000-0000-0000-000000000007",
        ] {
            assert_eq!(Choice::read(payload), None, "{payload}");
        }
    }
}
