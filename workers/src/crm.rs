//! The firm's CRM: every enquiry becomes one record there, complete, with the right manager, and what
//! becomes of it comes back.
//!
//! [`Crm`] is the seam: what differs from CRM to CRM is behind it. What is to be done, in which order, and
//! what was done is in the store's ledger, which is ours.

pub mod bitrix24;
mod config;
mod deliver;
mod enquiry;
mod history;
mod intake;
mod notes;
mod nudge;
pub mod route;
pub mod score;
pub(crate) mod signals;
pub(crate) mod source;
mod told;
mod wish;
mod words;
mod worker;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use config::CrmConfig;
pub use enquiry::State as EnquiryState;
pub use signals::is_enquiry as opens_enquiry;
pub use told::{Called, Told, TurnTold, told};
pub use wish::Wish;
pub use worker::{CrmWorker, HEALTH, POLLED, Pace, Standing};

/// What a CRM calls an enquiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// Somebody who may become a customer.
    Lead,
    /// A sale to somebody known; what an enquiry is where the CRM has no leads.
    Deal,
}

/// An enquiry as the CRM has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Record {
    /// What it is.
    pub kind: RecordKind,
    /// Its id there.
    pub id: String,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            RecordKind::Lead => "lead",
            RecordKind::Deal => "deal",
        };
        write!(f, "{kind}:{}", self.id)
    }
}

/// Not the name of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a record: expected lead:ID or deal:ID")]
pub struct BadRecord;

impl FromStr for Record {
    type Err = BadRecord;

    fn from_str(text: &str) -> Result<Self, BadRecord> {
        let (kind, id) = text.split_once(':').ok_or(BadRecord)?;
        let kind = match kind {
            "lead" => RecordKind::Lead,
            "deal" => RecordKind::Deal,
            _ => return Err(BadRecord),
        };
        if id.is_empty() {
            return Err(BadRecord);
        }
        Ok(Self {
            kind,
            id: id.to_owned(),
        })
    }
}

/// How likely an enquiry is to become a visit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Temperature {
    /// Only asked.
    #[default]
    Cold,
    /// Wants something.
    Warm,
    /// A person should act now.
    Hot,
}

/// What a manager is to see of an enquiry: what the CRM's record should say.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Card {
    /// One line: who and what.
    pub title: String,
    /// The customer's name.
    pub name: Option<String>,
    /// E.164, the newest first.
    pub phones: Vec<String>,
    /// The newest first.
    pub emails: Vec<String>,
    /// The channel's name: `telegram`, `whatsapp`, `webchat`.
    pub channel: String,
    /// The public name in the messenger, without `@`.
    pub username: Option<String>,
    /// Where it came in, in words: the bot, the number, the site.
    pub source: String,
    /// `source`, `medium`, `campaign`, `content`, `term`.
    pub utm: BTreeMap<String, String>,
    /// The advertisement or link that led here, in words.
    pub referral: Option<String>,
    /// The service that is wanted.
    pub service: Option<String>,
    /// The time of the visit, or the wish for one, in words.
    pub time: Option<String>,
    /// The price of what is wanted, in whole units of the currency.
    pub price: Option<u32>,
    /// Whether it may be more.
    pub price_from: bool,
    /// ISO 4217.
    pub currency: String,
    /// How hot it is.
    pub temperature: Temperature,
    /// 0 to 100.
    pub score: u32,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// What it is about, in a few lines.
    pub summary: String,
    /// Where the conversation can be read.
    pub link: Option<String>,
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Card({:?}, {})", self.temperature, self.score)
    }
}

/// What a CRM knows of the person of a card.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// The contact there.
    pub contact: Option<String>,
    /// An enquiry of this person that is still open: it is gone on with, there is no second one.
    pub open: Option<Record>,
    /// Who looks after this person, if that one still works here.
    pub responsible: Option<String>,
}

/// A record that was made, or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The record.
    pub record: Record,
    /// Whom it was given to.
    pub responsible: Option<String>,
}

/// A task for a person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Todo {
    /// One line.
    pub title: String,
    /// What about.
    pub text: String,
    /// By when.
    pub deadline: DateTime<Utc>,
    /// Who; the one responsible for the record where nobody is named.
    pub responsible: Option<String>,
}

impl fmt::Debug for Todo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Todo(by {})", self.deadline)
    }
}

/// How far an enquiry has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Milestone {
    /// Somebody asks.
    Enquiry,
    /// A person looks after it.
    Qualified,
    /// A visit is agreed.
    Booked,
    /// The customer came: won.
    Came,
    /// Nothing came of it.
    Lost,
}

/// What became of a record, as the CRM tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// Which.
    pub record: Record,
    /// Our name of the enquiry, where the record has one.
    pub origin: Option<Uuid>,
    /// How far it is.
    pub milestone: Milestone,
    /// The stage's id there.
    pub stage: String,
    /// The stage as managers call it.
    pub stage_name: String,
    /// Who is responsible.
    pub responsible: Option<String>,
    /// Whether a person switched the bot off for this customer.
    pub no_bot: bool,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

/// Somebody who can be responsible.
#[derive(Clone, PartialEq, Eq)]
pub struct Manager {
    /// The id in the CRM.
    pub id: String,
    /// As colleagues know them.
    pub name: String,
    /// Not dismissed.
    pub active: bool,
    /// Whether the working day is open; nothing where the CRM does not know.
    pub at_work: Option<bool>,
    /// On holiday, ill, out of the house.
    pub absent: bool,
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Manager({})", self.id)
    }
}

/// How the CRM is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It works.
    #[default]
    Ok,
    /// It takes less than we have.
    Throttled,
    /// One method is refused for a while.
    Parked,
    /// Our key is refused: a person must give another.
    AuthBroken,
    /// The firm's plan does not let programs in any more.
    PlanExpired,
    /// It does not answer.
    Down,
}

/// What follows from a call that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was certainly not carried out; it will be later.
    Later,
    /// It may have been carried out: look before it is tried again.
    Unknown,
    /// What it is about is not there any more.
    Gone,
    /// It is refused as it is, and will be the next time: a person must look.
    Refused,
    /// Nothing will be carried out until a person acts: the key, the plan, the rights.
    Stopped,
}

/// A call that did not succeed. Holds no secret and nothing of a customer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {words}")]
pub struct Trouble {
    /// What follows.
    pub verdict: Verdict,
    /// How the CRM is, seen from this call.
    pub health: Health,
    /// The CRM's code, or ours, short and of a bounded set: a metric's label.
    pub code: String,
    /// What happened and what to do, for a person.
    pub words: String,
    /// Not before this time from now.
    pub after: Option<Duration>,
}

/// A CRM.
///
/// Comments and tasks take `again`: an earlier try of the same may have been carried out without our
/// knowing, so it is looked for before anything is added.
#[async_trait]
pub trait Crm: Send + Sync + fmt::Debug + 'static {
    /// Who the person of this card is there.
    async fn who(&self, card: &Card) -> Result<Person, Trouble>;

    /// The record of an enquiry, where an earlier try made one without our knowing.
    async fn find(&self, origin: Uuid) -> Result<Option<Opened>, Trouble>;

    /// Makes the record of an enquiry, which `origin` names for ever. Whoever may have tried before
    /// looks for it first.
    async fn open(
        &self,
        origin: Uuid,
        card: &Card,
        person: &Person,
        responsible: Option<&str>,
    ) -> Result<Opened, Trouble>;

    /// Brings a record up to the card: what is new is added, what a person has written stays.
    async fn update(&self, record: &Record, card: &Card, before: &Card) -> Result<(), Trouble>;

    /// Adds to the record's history; `mark` names the entry. Returns its id.
    async fn comment(
        &self,
        record: &Record,
        mark: Uuid,
        text: &str,
        again: bool,
    ) -> Result<String, Trouble>;

    /// Gives a person something to do; `mark` names it. Returns its id.
    async fn todo(
        &self,
        record: &Record,
        mark: Uuid,
        todo: &Todo,
        again: bool,
    ) -> Result<String, Trouble>;

    /// Moves a record forward to what was reached. Never back, and never what a person has closed.
    async fn advance(&self, record: &Record, to: Milestone) -> Result<(), Trouble>;

    /// What became of records, each beside the name it was asked by: nothing where it is not there any more.
    /// Those that cannot be read are left out.
    async fn fates(&self, records: &[Record]) -> Result<Vec<(Record, Option<Fate>)>, Trouble>;

    /// What became of all records that changed since then, oldest change first.
    async fn changed_since(&self, since: DateTime<Utc>) -> Result<Vec<Fate>, Trouble>;

    /// Who can be responsible, now.
    async fn managers(&self) -> Result<Vec<Manager>, Trouble>;

    /// How it is, from the last calls.
    fn health(&self) -> Health;
}
