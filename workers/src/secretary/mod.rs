//! What the staff asks of the book in its own chat, in words: a visit by phone, a move, a cancellation,
//! time to keep free, a day's visits. It is read back with buttons and done under the name of who
//! presses; one question does one thing, however often it is pressed.

mod act;
mod days;
mod order;
mod words;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use zapis_core::board::Board;
use zapis_core::ids;
use zapis_core::message::{Button, Content, ConversationId, Fence, Outbound, What};
use zapis_core::store::{Store, StoreError, Visit};
use zapis_core::trace::TraceParent;

use crate::book::Calendar;
use crate::content::Content as Firm;
use crate::when;
use words::{HELP, NOT_UNDERSTOOD, OUTDATED};

/// The most questions that wait for a button.
const OPEN: usize = 30;
/// What its buttons carry.
const PRESS: &str = "desk";

/// Something that somebody of the staff wrote or pressed.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The same for a repeat of it.
    pub id: Uuid,
    /// The staff chat.
    pub desk: &'a ConversationId,
    /// What.
    pub what: &'a What,
    /// Who.
    pub who: &'a str,
    /// Now.
    pub now: DateTime<Utc>,
}

/// Serves the staff.
pub(crate) struct Secretary<'a> {
    pub(crate) firm: &'a Firm,
    pub(crate) calendar: &'a dyn Calendar,
    pub(crate) store: &'a Store,
    pub(crate) asked: &'a Asked<'a>,
}

/// Questions that wait for a button, the newest last.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    open: Vec<Open>,
}

/// A question that waits for a button.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Open {
    id: Uuid,
    /// Grows with each answer: a button of an earlier wording does nothing.
    wording: u32,
    text: String,
    picks: Vec<(String, Pick)>,
}

/// What is known of a visit that is to be booked or moved.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Draft {
    services: Vec<(String, Option<String>)>,
    when: when::Wish,
    name: String,
    phone: Option<String>,
    walk_in: bool,
    /// The booking that it moves, as it was seen.
    moving: Option<(Uuid, i64)>,
}

/// Time of a person that is to be kept free.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Closed {
    person: String,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

/// What a button stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Pick {
    /// This service, by this person if one was named.
    Service(Draft, String, Option<String>),
    /// This time.
    Time(Draft, Visit),
    /// Book or move it.
    Do(Draft, Visit),
    /// Move this booking.
    Move(Uuid, when::Wish, Option<String>),
    /// Cancel this booking?
    AskCancel(Uuid),
    /// Cancel it as it was seen; by the customer or not.
    Cancel(Uuid, i64, bool),
    /// Keep time free.
    Close(Vec<Closed>, String),
    /// Offer the customer of this booking another time.
    Apologise(Uuid),
    /// Nothing.
    Drop,
}

/// What is said, with what can be pressed under it.
#[derive(Debug, Default)]
struct Reply {
    text: String,
    picks: Vec<(String, Pick)>,
    /// Messages to customers.
    besides: Vec<Outbound>,
}

impl Reply {
    fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

impl Secretary<'_> {
    /// Answers what was asked, if it is meant for the bot; changes the state of the chat.
    pub(crate) async fn serve(&self, state: &mut Value) -> Result<Vec<Outbound>, StoreError> {
        let mut known = State::deserialize(&*state).unwrap_or_default();
        let (id, reply) = match self.asked.what {
            What::Text { text } => (self.asked.id, self.ordered(text, false).await?),
            What::Command { name, args } => (self.asked.id, self.command(name, args).await?),
            What::Press { payload, .. } => match self.pressed(payload, &known).await? {
                Some((id, reply)) => (id, Some(reply)),
                None => return Ok(Vec::new()),
            },
            _ => return Ok(Vec::new()),
        };
        let Some(mut reply) = reply else {
            return Ok(Vec::new());
        };
        let mut messages = std::mem::take(&mut reply.besides);
        messages.push(self.show(&mut known, id, reply));
        *state = serde_json::to_value(&known).unwrap_or_default();
        Ok(messages)
    }

    async fn command(&self, name: &str, args: &str) -> Result<Option<Reply>, StoreError> {
        Ok(match name {
            "today" => Some(self.day(args).await?),
            "book" if !args.trim().is_empty() => {
                let understood = self.ordered(args, true).await?;
                Some(understood.unwrap_or_else(|| Reply::plain(NOT_UNDERSTOOD)))
            }
            "book" | "help" => Some(Reply::plain(HELP)),
            _ => None,
        })
    }

    /// A pressed button; nothing for one that is not ours or was answered meanwhile.
    async fn pressed(
        &self,
        payload: &str,
        known: &State,
    ) -> Result<Option<(Uuid, Reply)>, StoreError> {
        let mut parts = payload.split(':');
        let (Some(PRESS), Some(id), Some(wording), Some(pick), None) = (
            parts.next(),
            parts.next().and_then(|id| id.parse::<Uuid>().ok()),
            parts.next().and_then(|n| n.parse::<u32>().ok()),
            parts.next().and_then(|n| n.parse::<usize>().ok()),
            parts.next(),
        ) else {
            return Ok(None);
        };
        let Some(open) = known.open.iter().find(|open| open.id == id) else {
            return Ok(Some((id, Reply::plain(OUTDATED))));
        };
        let Some((_, pick)) = open.picks.get(pick).filter(|_| open.wording == wording) else {
            return Ok(None);
        };
        Ok(Some((id, self.act(open, pick).await?)))
    }

    /// Shows a reply in the message of its question.
    fn show(&self, known: &mut State, id: Uuid, reply: Reply) -> Outbound {
        let before = known.open.iter().position(|open| open.id == id);
        let wording = before.map_or(0, |at| known.open.remove(at).wording + 1);
        let button = |(n, (title, _)): (usize, &(String, Pick))| Button {
            title: title.clone(),
            payload: format!("{PRESS}:{id}:{wording}:{n}"),
        };
        let board = Board {
            key: key(id),
            text: reply.text.clone(),
            buttons: reply.picks.iter().enumerate().map(button).collect(),
            only_rewrites: false,
        };
        if !reply.picks.is_empty() {
            known.open.push(Open {
                id,
                wording,
                text: reply.text,
                picks: reply.picks,
            });
            let surplus = known.open.len().saturating_sub(OPEN);
            known.open.drain(..surplus);
        }
        let cause = ids::of(self.asked.id, "desk", 0);
        self.message(
            cause,
            self.asked.desk,
            Fence::Staff,
            Content::Board(Box::new(board)),
        )
    }

    fn message(&self, id: Uuid, to: &ConversationId, fence: Fence, content: Content) -> Outbound {
        Outbound {
            id,
            conversation: to.clone(),
            turn: None,
            answers: Vec::new(),
            fence,
            content,
            language: self.firm.business.language.code().to_owned(),
            purpose: None,
            customer_wrote_at: None,
            at: self.asked.now,
            trace: TraceParent::start(),
        }
    }
}

/// The board of a question. What is done by it in the book has the question's id as its cause.
pub(crate) fn key(question: Uuid) -> String {
    format!("ask:{question}")
}
