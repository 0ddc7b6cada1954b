//! What customers have asked, asked once more: of the bot as it is and of the bot as it would be.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::Serialize;
use zapis_core::event::{Event, Kind};
use zapis_core::message::{ConversationId, Profile};
use zapis_core::store::StoreError;

use crate::answer::Thought;
use crate::content::Content;
use crate::dialogue::Tryout;
use crate::report::Privacy;

/// Whether a customer has written something, and not pressed or sent anything else.
pub fn is_words(event: &Event) -> bool {
    let written = event.kind == Kind::Inbound && event.outcome.as_deref() == Some("text");
    let text = event.customer_text.as_deref().unwrap_or_default();
    written && !text.trim().is_empty()
}

/// Words of customers, each once, without personal data.
#[derive(Debug)]
pub struct Questions<'a> {
    privacy: Privacy<'a>,
    known: HashSet<String>,
    list: Vec<String>,
}

impl<'a> Questions<'a> {
    /// None yet; names are found as this content finds them.
    pub fn new(content: &'a Content) -> Self {
        Self {
            privacy: Privacy::new(&content.understander),
            known: HashSet::new(),
            list: Vec::new(),
        }
    }

    /// Takes what an event says, if a customer wrote it; how many there are now.
    pub fn take(&mut self, event: &Event) -> usize {
        if is_words(event) {
            let text = event.customer_text.as_deref().unwrap_or_default();
            let name = event.client.as_ref().and_then(|client| client.name.clone());
            let text = self.privacy.hide(text, name.as_deref());
            if self.known.insert(text.clone()) {
                self.list.push(text);
            }
        }
        self.list.len()
    }

    /// All of them, in the order in which they were taken.
    pub fn list(self) -> Vec<String> {
        self.list
    }
}

/// What the bot makes of some words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// What was understood.
    pub intent: Option<String>,
    /// What it does: `answers`, `drafts` (a person approves), `calls` (a person).
    pub does: &'static str,
    /// What it says.
    pub says: String,
}

impl Told {
    /// What a thought comes to.
    pub fn of(thought: &Thought) -> Self {
        let draft = thought.draft.iter().map(|draft| draft.reply.text.as_str());
        let replies = thought.replies.iter().map(|reply| reply.text.as_str());
        let says: Vec<&str> = replies.chain(draft).collect();
        let does = if thought.draft.is_some() {
            "drafts"
        } else if thought.handover.is_some() {
            "calls"
        } else {
            "answers"
        };
        Self {
            intent: thought.facts.intent.clone(),
            does,
            says: says.join("\n"),
        }
    }
}

/// The same words under two contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// The words.
    pub question: String,
    /// What the bot makes of them now.
    pub before: Told,
    /// What it would make of them.
    pub after: Told,
}

impl Compared {
    /// Whether anything would be another.
    pub fn differs(&self) -> bool {
        self.before != self.after
    }
}

/// The bot as it is, and as it would be.
#[derive(Debug)]
pub struct Rehearsal {
    /// As it is.
    pub now: Tryout,
    /// As it would be.
    pub then: Tryout,
    /// The time that both are told.
    pub at: DateTime<Utc>,
}

impl Rehearsal {
    /// Asks both. Nothing is booked or sent.
    pub async fn ask(&self, question: &str) -> Result<Compared, StoreError> {
        Ok(Compared {
            question: question.to_owned(),
            before: asked(&self.now, question, self.at).await?,
            after: asked(&self.then, question, self.at).await?,
        })
    }
}

async fn asked(bot: &Tryout, question: &str, at: DateTime<Utc>) -> Result<Told, StoreError> {
    let (nobody, profile) = (nobodys()?, Profile::default());
    let thought = bot.hears(&nobody, &profile, question, &[], at);
    Ok(Told::of(&thought.await?))
}

/// A conversation that nobody has.
pub fn nobodys() -> Result<ConversationId, StoreError> {
    let nobody = ConversationId::new("webchat", "tryout", "tryout");
    nobody.map_err(|_| StoreError::Refused("the conversation of nobody has no name".into()))
}
