//! What is known of a visit that a customer is booking, moving or cancelling.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zapis_core::store::Visit;

use crate::when;

/// Whoever comes back later begins anew.
const LASTS: TimeDelta = TimeDelta::hours(3);

/// What a customer does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Books a visit.
    #[default]
    Book,
    /// Moves one.
    Move,
    /// Cancels one.
    Cancel,
}

/// What the bot asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// Which service.
    Service,
    /// Which of the times that the words could mean.
    Doubt,
    /// Which of the times that are shown.
    Time,
    /// Whether data may be processed.
    Consent,
    /// How the customer is called.
    Name,
    /// The phone.
    Phone,
    /// Whether all of it is right.
    Confirm,
    /// Which booking.
    Booking,
}

/// A service that is wished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wished {
    /// Its id.
    pub service: String,
    /// By whom; anybody when it is not said.
    pub person: Option<String>,
}

/// A time that is kept free for the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The hold's id.
    pub hold: Uuid,
    /// The visit.
    pub visit: Visit,
}

/// The booking that is moved or cancelled, as the customer saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its id.
    pub booking: Uuid,
    /// The version that was seen.
    pub version: i64,
    /// The visit.
    pub visit: Visit,
}

/// What is known so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Form {
    /// What is done.
    pub task: Task,
    /// The booking that it is done to.
    pub target: Option<Target>,
    /// The services.
    pub items: Vec<Wished>,
    /// Services that the customer's words could mean; one is to be chosen.
    pub options: Vec<String>,
    /// Whether several people come at the same time.
    pub together: bool,
    /// When.
    pub when: when::Wish,
    /// When, in the customer's words.
    pub when_said: String,
    /// Whether the customer waits for a time to become free.
    pub waits: bool,
    /// Until when the chosen time was promised, where that is longer than usual.
    pub promised: Option<DateTime<Utc>>,
    /// Times that were offered and are kept free.
    pub shown: Vec<Offer>,
    /// The one that was chosen.
    pub chosen: Option<Offer>,
    /// For whom, when not for the customer herself.
    pub for_whom: Option<String>,
    /// The customer's name.
    pub name: Option<String>,
    /// The customer's phone, in E.164.
    pub phone: Option<String>,
    /// What the bot asked last.
    pub asked: Option<Asked>,
    /// When the customer last did something about it.
    pub at: DateTime<Utc>,
    /// How often in a row the customer was not understood in it.
    pub lost: u32,
}

impl Form {
    /// A new one.
    pub fn new(task: Task, now: DateTime<Utc>) -> Self {
        Self {
            task,
            at: now,
            ..Self::default()
        }
    }

    /// Whether it is still filled in.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        now - self.at < LASTS
    }

    /// Nothing of the time is settled any more.
    pub fn reopen_time(&mut self) {
        self.shown.clear();
        self.chosen = None;
        self.promised = None;
    }

    /// The offer of a hold.
    pub fn offer(&self, hold: Uuid) -> Option<&Offer> {
        let all = self.shown.iter().chain(&self.chosen);
        all.into_iter().find(|offer| offer.hold == hold)
    }
}
