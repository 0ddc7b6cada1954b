//! What the CRM is to hear of, on its way through the queue.

use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use zapis_core::broker::{Publish, Topic};
use zapis_core::ids;
use zapis_core::message::{ConversationId, Line};
use zapis_core::trace::TraceParent;

use super::{Record, Wish};

/// Something that the CRM's worker must know.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Told {
    /// A turn of a conversation.
    Turn(Box<TurnTold>),
    /// Something happened to a record at the CRM: it is to be read again.
    Changed {
        /// Which.
        record: Record,
    },
}

/// A turn of a conversation.
#[derive(Clone, Serialize, Deserialize)]
pub struct TurnTold {
    /// Which.
    pub turn: Uuid,
    /// Whose.
    pub conversation: ConversationId,
    /// When.
    pub at: DateTime<Utc>,
    /// The customer's name, as the messenger shows it.
    pub name: Option<String>,
    /// The public name in the messenger.
    pub username: Option<String>,
    /// A phone that the channel vouches for, in E.164.
    pub phone: Option<String>,
    /// Where the customer came from, as the channel tells it.
    pub source: Option<Value>,
    /// `ru` or `en`.
    pub language: String,
    /// What was said in it, by whom ever.
    pub lines: Vec<Line>,
    /// What was said before, where this is the wish that an enquiry begins with.
    pub history: Vec<Line>,
    /// Whether the customer wants something of the firm.
    pub enquires: bool,
    /// What the bot understood, where it listened.
    pub wish: Option<Wish>,
    /// A person was called.
    pub called: Option<Called>,
    /// Whether the customer did something.
    pub wrote: bool,
    /// Who of the firm spoke.
    pub staff: Option<String>,
    /// Whether the customer wants to hear nothing more.
    pub stopped: bool,
}

impl fmt::Debug for TurnTold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TurnTold({}, {:?})", self.turn, self.conversation)
    }
}

/// A call for a person.
#[derive(Clone, Serialize, Deserialize)]
pub struct Called {
    /// Why, in words.
    pub reason: String,
    /// When somebody should be there.
    pub expected_at: DateTime<Utc>,
}

impl TurnTold {
    /// Whether there is anything in it.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && !self.stopped && self.staff.is_none() && self.called.is_none()
    }
}

/// As the queue takes it: turns in order by conversation, and news of records.
pub fn told(what: &Told, trace: TraceParent) -> Publish {
    let (key, id) = match what {
        Told::Turn(turn) => (
            turn.conversation.as_str().to_owned(),
            ids::of(turn.turn, "crm", 0).to_string(),
        ),
        // In one lane, where those that wait are read together.
        Told::Changed { .. } => ("news".to_owned(), Uuid::new_v4().to_string()),
    };
    Publish {
        topic: Topic::crm(),
        key,
        id,
        // Made of strings, numbers and lists only, so it is JSON.
        body: Bytes::from(serde_json::to_vec(what).unwrap_or_default()),
        trace,
    }
}
