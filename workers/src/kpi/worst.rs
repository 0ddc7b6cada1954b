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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::figures::Counted;

    #[test]
    fn the_gravest_come_first_and_who_just_began_to_wait_is_none() {
        let now: DateTime<Utc> = "2026-11-26T12:00:00Z".parse().unwrap();
        let of = |n: i64, minutes: i64, fill: fn(&mut Dialogue, DateTime<Utc>)| {
            let at = now - TimeDelta::minutes(minutes);
            let mut dialogue = Dialogue::opened(at);
            (dialogue.messages, dialogue.typed) = (1, 1);
            fill(&mut dialogue, at);
            Entry {
                id: n.to_string(),
                conversation: format!("telegram:main:{n}").parse().unwrap(),
                dialogue,
            }
        };
        let answered = |one: &mut Dialogue, at| one.bot_at = Some(at);
        let called = |one: &mut Dialogue, at| {
            (one.bot_at, one.handoff_at) = (Some(at), Some(at));
        };
        let counted = Counted {
            dialogues: vec![
                of(1, 90, |_, _| {}),
                of(2, 90, called),
                of(3, 90, answered),
                of(4, 5, |_, _| {}),
                of(5, 5, called),
                of(6, 90, |one, at| {
                    (one.bot_at, one.stars, one.negative) = (Some(at), Some(1), true);
                }),
            ],
            ..Counted::default()
        };
        let told = worst(&counted, 9, now);
        let told = told
            .iter()
            .map(|(entry, faults)| (entry.id.as_str(), faults[0]));
        let faults = [
            ("6", Fault::Rating),
            ("1", Fault::Unanswered),
            ("2", Fault::Late),
        ];
        assert_eq!(told.collect::<Vec<_>>(), faults);
    }
}
