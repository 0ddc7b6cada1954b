//! The conversations that went worst, to be read by a person.

use chrono::{DateTime, TimeDelta, Utc};

use super::Dialogue;
use super::figures::{Counted, Entry};

/// A person who came so late came too late, and so did an answer.
const LATE: TimeDelta = TimeDelta::minutes(30);

/// What went wrong in a conversation, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Nobody answered.
    Unanswered,
    /// It was rated 1 or 2.
    Rating,
    /// The customer was angry or sad.
    Negative,
    /// A person was called and none came, or not for half an hour.
    Late,
    /// The staff refused what the bot wanted to say.
    Rejected,
    /// The customer came back with it within 72 hours.
    Reopened,
}

impl Fault {
    /// Its name in texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unanswered => "unanswered",
            Self::Rating => "rating",
            Self::Negative => "negative",
            Self::Late => "late",
            Self::Rejected => "rejected",
            Self::Reopened => "reopened",
        }
    }

    /// What is wrong with a dialogue.
    pub fn all_of(one: &Dialogue, now: DateTime<Utc>) -> Vec<Self> {
        let waits = |since: DateTime<Utc>| now - since > LATE;
        let late = one.handoff_at.is_some_and(|called| {
            let waited = one.staff_after();
            waited.map_or_else(|| waits(called), |waited| waited > LATE)
        });
        let faults = [
            (
                Self::Unanswered,
                !one.is_answered() && waits(one.started_at),
            ),
            (Self::Rating, one.stars.is_some_and(|stars| stars <= 2)),
            (Self::Negative, one.negative),
            (Self::Late, late),
            (Self::Rejected, one.drafts.rejected > 0),
            (Self::Reopened, one.reopened && one.is_automated()),
        ];
        let faults = faults.into_iter();
        faults
            .filter_map(|(fault, is)| is.then_some(fault))
            .collect()
    }

    const fn weight(self) -> u32 {
        match self {
            Self::Unanswered | Self::Rating => 4,
            Self::Negative => 3,
            Self::Late => 2,
            Self::Rejected | Self::Reopened => 1,
        }
    }
}

/// The enquiries with the gravest faults, the gravest and then the newest first.
pub fn worst(counted: &Counted, most: usize, now: DateTime<Utc>) -> Vec<(&Entry, Vec<Fault>)> {
    let enquiries = counted.dialogues.iter().rev();
    let enquiries = enquiries.filter(|entry| entry.dialogue.is_enquiry());
    let mut all: Vec<_> = enquiries
        .map(|entry| (entry, Fault::all_of(&entry.dialogue, now)))
        .filter(|(_, faults)| !faults.is_empty())
        .collect();
    let weight = |faults: &[Fault]| faults.iter().map(|fault| fault.weight()).sum::<u32>();
    all.sort_by_key(|(_, faults)| std::cmp::Reverse(weight(faults)));
    all.truncate(most);
    all
}
