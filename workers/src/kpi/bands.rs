//! Whether something is out of its band: not as it usually is, by more than chance and enough to matter.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use zapis_core::store::Store;

use super::figures::{Counted, Entry, Unit};
use super::follow::FollowError;
use super::targets::Difference;

/// What is compared: the last day …
const LATELY: TimeDelta = TimeDelta::hours(24);
/// … with so much before it.
const USUALLY: TimeDelta = TimeDelta::days(28);
/// An enquiry that is younger may still be answered.
const PATIENCE: TimeDelta = TimeDelta::minutes(30);
/// Of fewer enquiries in the last day nothing is said …
const FEW: usize = 20;
/// … nor of fewer before.
const FEW_BEFORE: usize = 100;
/// So many weeks tell how many usually come in these hours.
const WEEKS: i32 = 4;
/// Where so many usually come and none did, that is no chance: it happens once in 150 times (Poisson).
const EXPECTED: f64 = 5.0;
/// A silence is looked at for so long at most.
const LONGEST: TimeDelta = TimeDelta::days(6);

/// Shares and means that are watched: which way is bad, and how much is worth a word.
const WATCHED: [(&str, bool, f64); 5] = [
    ("answered", false, 0.05),
    ("escalated", true, 0.10),
    ("negative", true, 0.05),
    ("automated", false, 0.10),
    ("confidence", false, 0.05),
];

/// Something that is not as it usually is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutOfBand {
    /// `answered`, `escalated`, `negative`, `automated`, `confidence`: the figure; `no_bookings`, `no_enquiries`.
    pub id: &'static str,
    /// How it was in the last 24 hours; nothing of a silence.
    pub now: Option<f64>,
    /// How it was in the 28 days before; of a silence, how many usually come in this time.
    pub usual: f64,
    /// What both are numbers of.
    pub unit: Unit,
    /// Since when none came, of a silence.
    pub since: Option<DateTime<Utc>>,
}

/// Everything that is out of its band now.
pub async fn out_of_band(
    store: &Store,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<Vec<OutOfBand>, FollowError> {
    let begun = now - LATELY - USUALLY;
    let counted = Counted::of(store, &(begun..now)).await?;
    let (lately, before) = parted(&counted, now);
    let mut out = figures_out(&lately, &before, zone, now);
    let enquiries = counted.dialogues.iter().map(|entry| &entry.dialogue);
    let enquiries = enquiries.filter(|one| one.is_enquiry());
    let enquiries: Vec<_> = enquiries.map(|one| one.started_at).collect();
    let visits = counted.visits.values().map(|visit| visit.made_at).collect();
    for (id, times) in [("no_enquiries", enquiries), ("no_bookings", visits)] {
        out.extend(silence(id, &times, now));
    }
    Ok(out)
}

/// What began in the last day, as far as it can be judged, and what began before.
fn parted(counted: &Counted, now: DateTime<Utc>) -> (Counted, Counted) {
    let began = |entry: &Entry| entry.dialogue.started_at;
    let day = now - LATELY;
    let lately = counted.only(|entry| began(entry) > day && began(entry) <= now - PATIENCE);
    (lately, counted.only(|entry| began(entry) <= day))
}

fn figures_out(lately: &Counted, before: &Counted, zone: Tz, now: DateTime<Utc>) -> Vec<OutOfBand> {
    let [lately, before] = [lately, before].map(|counted| counted.figures(None, zone, now));
    let (Some(lately), Some(before)) = (lately.first(), before.first()) else {
        return Vec::new();
    };
    let out = |&(id, up_is_bad, least): &(&'static str, bool, f64)| {
        let (figure, usual) = (lately.figure(id)?, before.figure(id)?);
        let enough = figure.of >= FEW && usual.of >= FEW_BEFORE;
        let difference = Difference::of(figure, usual).filter(|_| enough)?;
        let surely_bad = difference.is_more() == Some(up_is_bad);
        (surely_bad && difference.value.abs() >= least).then(|| OutOfBand {
            id,
            now: figure.value,
            usual: usual.value.unwrap_or_default(),
            unit: figure.unit,
            since: None,
        })
    };
    WATCHED.iter().filter_map(out).collect()
}

/// Whether none came for a time in which some usually come: in the same hours of the weeks before.
fn silence(id: &'static str, times: &[DateTime<Utc>], now: DateTime<Utc>) -> Option<OutOfBand> {
    let last = times.iter().max()?;
    let since = (*last).max(now - LONGEST);
    let expected = (1..=WEEKS).map(|week| {
        let back = TimeDelta::weeks(week.into());
        let then = |at: &&DateTime<Utc>| **at > since - back && **at <= now - back;
        times.iter().filter(then).map(|_| 1.0).sum::<f64>()
    });
    let usual = expected.sum::<f64>() / f64::from(WEEKS);
    (usual >= EXPECTED).then_some(OutOfBand {
        id,
        now: None,
        usual,
        unit: Unit::Count,
        since: Some(*last),
    })
}

/// Which figure an alert leads to.
pub fn figure_behind(id: &str) -> &str {
    match id {
        "no_bookings" => "booked",
        "no_enquiries" => "enquiries",
        id => id,
    }
}

impl OutOfBand {
    /// A share of something that is used up.
    pub fn of_share(id: &'static str, share: f64, bound: f64) -> Self {
        Self {
            id,
            now: Some(share),
            usual: bound,
            unit: Unit::Share,
            since: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kpi::Dialogue;

    const ZONE: Tz = chrono_tz::Europe::Moscow;

    fn now() -> DateTime<Utc> {
        "2026-11-26T12:00:00Z".parse().unwrap()
    }

    /// Dialogues of so many hours ago, of which some went to a person.
    fn dialogues(hours: std::ops::Range<i64>, every: i64, escalated: i64) -> Vec<Entry> {
        let of = |hour: i64| {
            let at = now() - TimeDelta::hours(hour) - TimeDelta::minutes(40);
            let mut dialogue = Dialogue::opened(at);
            (dialogue.messages, dialogue.typed) = (1, 1);
            dialogue.bot_at = Some(at);
            dialogue.handoff_at = (hour % escalated == 0).then_some(at);
            Entry {
                id: hour.to_string(),
                conversation: format!("telegram:main:{hour}").parse().unwrap(),
                dialogue,
            }
        };
        let hours = hours.filter(|hour| hour % every == 0);
        hours.map(of).collect()
    }

    fn out(dialogues: Vec<Entry>) -> Vec<&'static str> {
        let counted = Counted {
            dialogues,
            ..Counted::default()
        };
        let (lately, before) = parted(&counted, now());
        let out = figures_out(&lately, &before, ZONE, now());
        out.into_iter().map(|one| one.id).collect()
    }

    #[test]
    fn more_calls_than_usual_are_told_and_chance_is_not() {
        let usual = dialogues(24..29 * 24, 1, 10);
        let day = |every| dialogues(0..24, 1, every);
        let with = |more: Vec<Entry>| usual.iter().cloned().chain(more).collect::<Vec<_>>();
        assert_eq!(out(with(day(2))), ["escalated", "automated"]);
        assert!(out(with(day(9))).is_empty());
        // What is better than usual is no alert.
        let worse = dialogues(24..29 * 24, 1, 2).into_iter().chain(day(1_000));
        assert!(out(worse.collect()).is_empty());
        // Of few nothing is said.
        assert!(out(with(dialogues(0..24, 3, 1))).is_empty());
        assert!(out(dialogues(0..30, 1, 1)).is_empty());
    }

    #[test]
    fn a_silence_is_told_where_some_usually_come() {
        // One an hour, by day only.
        let times = |from: i64| {
            let hours = (from..29 * 24).filter(|hour| (hour + 12) % 24 < 12);
            hours
                .map(|hour| now() - TimeDelta::hours(hour))
                .collect::<Vec<_>>()
        };
        let told = |from| silence("no_bookings", &times(from), now()).map(|one| one.usual);
        assert_eq!(told(0), None);
        // By night nobody comes, and by now it is noon … the hours before it are empty as always.
        assert_eq!(told(13), None);
        let silent = told(40).unwrap();
        assert!((5.0..20.0).contains(&silent), "{silent}");
        assert_eq!(silence("no_bookings", &[], now()), None);
    }
}
