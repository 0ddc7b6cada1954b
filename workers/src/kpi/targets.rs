//! Figures beside what they were before the bot, and what they are to become by a day.

use std::ops::Range;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use zapis_core::config::Findings;
use zapis_core::store::Store;

use super::figures::{Counted, Figure, Unit};
use super::follow::{FollowError, observed};
use crate::book::open_of;
use crate::source_text::nearest;
use crate::statistics::apart;
use crate::words::Language;

/// So many days are looked at for how it is now.
pub const DAYS: i64 = 28;

/// Figures that can have a target, and whether more is better.
const GOALS: [(&str, bool); 27] = [
    ("enquiries", true),
    ("customers", true),
    ("answered", true),
    ("bot_first_answer_median", false),
    ("bot_first_answer_p90", false),
    ("staff_first_answer_median", false),
    ("staff_first_answer_p90", false),
    ("automated", true),
    ("automated_confirmed", true),
    ("automated_reopened", false),
    ("escalated", false),
    ("qualified", true),
    ("booked", true),
    ("bookings", true),
    ("confirmed", true),
    ("cancelled", false),
    ("came", true),
    ("no_show", false),
    ("csat", true),
    ("negative", false),
    ("confidence", true),
    ("drafts_unchanged", true),
    ("drafts_rejected", false),
    ("reviewed_right", true),
    ("cost_per_enquiry", false),
    ("cost_per_booking", false),
    ("tokens_per_enquiry", false),
];

/// The `[kpi]` section: what figures are measured against.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KpiConfig {
    /// The first day of how it was before the bot, as `2026-11-01`; empty: the days in which it only observed.
    pub baseline_from: String,
    /// The last one.
    pub baseline_to: String,
    /// `[[kpi.targets]]`
    pub targets: Vec<TargetConfig>,
}

/// What a figure is to become.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TargetConfig {
    /// Its name in `docs/kpi.md`.
    pub figure: String,
    /// Shares as 0 to 1, times in seconds, counts in 28 days.
    pub value: f64,
    /// By which day, as `2027-03-31`.
    pub by: String,
    /// Of this messenger only; empty: of all.
    pub channel: String,
}

impl KpiConfig {
    /// Notes what is no day and no figure.
    pub fn check(&self, findings: &mut Findings) {
        let ends = [&self.baseline_from, &self.baseline_to];
        for (name, text) in ["kpi.baseline_from", "kpi.baseline_to"].iter().zip(ends) {
            let ok = text.is_empty() || day(text).is_some();
            findings.check(ok, name, "is no day", "write it as 2026-11-01");
        }
        let whole = self.baseline_from.is_empty() == self.baseline_to.is_empty();
        let ordered = day(&self.baseline_from) <= day(&self.baseline_to);
        findings.check(
            whole && ordered,
            "kpi.baseline_from",
            "does not go together with kpi.baseline_to",
            "write the first day and the last day of the time before, or neither",
        );
        for (n, target) in self.targets.iter().enumerate() {
            let key = |name: &str| format!("kpi.targets.{n}.{name}");
            findings.check(
                more_is_better(&target.figure).is_some(),
                &key("figure"),
                "is no figure that can have a target",
                &nearest(&target.figure, GOALS.iter().map(|(id, _)| *id)),
            );
            findings.check(
                target.value.is_finite() && target.value >= 0.0,
                &key("value"),
                "is out of range",
                "shares are 0.0 to 1.0, times are seconds",
            );
            findings.check(
                day(&target.by).is_some(),
                &key("by"),
                "is no day",
                "write it as 2027-03-31",
            );
        }
    }

    /// When it was before the bot, if that is known.
    async fn baseline(
        &self,
        store: &Store,
        zone: Tz,
    ) -> Result<Option<Range<DateTime<Utc>>>, FollowError> {
        let ends = day(&self.baseline_from).zip(day(&self.baseline_to));
        let Some((first, last)) = ends else {
            return Ok(observed(store).await?);
        };
        let next = last.checked_add_days(Days::new(1)).unwrap_or(last);
        Ok(Some(open_of(zone, first, 0)..open_of(zone, next, 0)))
    }
}

fn day(text: &str) -> Option<NaiveDate> {
    text.parse().ok()
}

/// Whether more of a figure is better; nothing where it can have no target.
pub fn more_is_better(figure: &str) -> Option<bool> {
    let goal = GOALS.iter().find(|(id, _)| *id == figure);
    goal.map(|(_, more)| *more)
}

/// By how much a figure is another one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// The later minus the earlier.
    pub value: f64,
    /// In which it lies in 95 of 100 such pairs of periods, where that can be told.
    pub interval: Option<(f64, f64)>,
}

impl Difference {
    /// Of two figures of two periods.
    pub fn of(now: &Figure, before: &Figure) -> Option<Self> {
        let (late, early) = (now.value?, before.value?);
        let intervals = before.interval.zip(now.interval);
        Some(Self {
            value: late - early,
            interval: intervals.map(|(before, now)| apart((early, before), (late, now))),
        })
    }

    /// In words, with its interval: `6.0 % (3.1 % … 11.0 %)`.
    pub fn told(&self, unit: Unit, language: Language) -> String {
        let told = |value| unit.told(value, language);
        let interval = self.interval;
        let interval = interval.map(|(low, high)| format!(" ({} … {})", told(low), told(high)));
        told(self.value) + &interval.unwrap_or_default()
    }

    /// Whether it is surely more (`Some(true)`), surely less, or neither.
    pub fn is_more(&self) -> Option<bool> {
        let (low, high) = self.interval?;
        match (low > 0.0, high < 0.0) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}

/// How far a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// There is nothing to count yet.
    Unknown,
    /// It is reached, and not by chance: the whole interval lies beyond it.
    Reached,
    /// It is reached, perhaps by chance.
    Perhaps,
    /// Not yet, and no later than a straight way from the beginning would be.
    OnTheWay,
    /// Later than that.
    Behind,
    /// Its day is over.
    Missed,
}

impl State {
    /// Its name in JSON and texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Reached => "reached",
            Self::Perhaps => "perhaps",
            Self::OnTheWay => "on_the_way",
            Self::Behind => "behind",
            Self::Missed => "missed",
        }
    }
}

/// A target and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    /// What is wanted.
    pub target: TargetConfig,
    /// What it is a number of.
    pub unit: Unit,
    /// How it was before the bot; counts as in 28 days.
    pub before: Option<Figure>,
    /// How it was in the last 28 days.
    pub now: Figure,
    /// The difference of the two.
    pub difference: Option<Difference>,
    /// How far it is.
    pub state: State,
}

impl Progress {
    fn new(
        target: &TargetConfig,
        before: Option<(Figure, DateTime<Utc>)>,
        now: Figure,
        at: DateTime<Utc>,
        zone: Tz,
    ) -> Option<Self> {
        let more = more_is_better(&target.figure)?;
        let last = day(&target.by)?;
        let end = open_of(zone, last.checked_add_days(Days::new(1))?, 0);
        let beyond = |value: f64| value.total_cmp(&target.value) != worse(more);
        let state = match now.value {
            None => State::Unknown,
            Some(value) if beyond(value) => {
                let near = |(low, high): (f64, f64)| if more { low } else { high };
                match now.interval {
                    Some(interval) if !beyond(near(interval)) => State::Perhaps,
                    _ => State::Reached,
                }
            }
            Some(_) if at >= end => State::Missed,
            Some(value) => match &before {
                Some((figure, begun)) if is_late(figure, *begun, value, target.value, end, at) => {
                    State::Behind
                }
                _ => State::OnTheWay,
            },
        };
        let before = before.map(|(figure, _)| figure);
        Some(Self {
            target: target.clone(),
            unit: now.unit,
            difference: before
                .as_ref()
                .and_then(|before| Difference::of(&now, before)),
            before,
            now,
            state,
        })
    }
}

/// How a value compares to a target that it has not reached.
fn worse(more: bool) -> std::cmp::Ordering {
    if more {
        std::cmp::Ordering::Less
    } else {
        std::cmp::Ordering::Greater
    }
}

/// Whether less of the way is gone than of the time.
fn is_late(
    before: &Figure,
    begun: DateTime<Utc>,
    now: f64,
    target: f64,
    end: DateTime<Utc>,
    at: DateTime<Utc>,
) -> bool {
    let Some(start) = before.value else {
        return false;
    };
    let way = (now - start) / (target - start);
    let time = (at - begun).as_seconds_f64() / (end - begun).as_seconds_f64();
    way.is_finite() && way < time
}

/// How far each target is; those that name no figure are left out (the check of the configuration tells of them).
pub async fn progress(
    config: &KpiConfig,
    store: &Store,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<Vec<Progress>, FollowError> {
    if config.targets.is_empty() {
        return Ok(Vec::new());
    }
    let lately = Counted::of(store, &(now - TimeDelta::days(DAYS)..now)).await?;
    let baseline = config.baseline(store, zone).await?;
    let earlier = match &baseline {
        Some(span) => Some((Counted::of(store, span).await?, span)),
        None => None,
    };
    let figure = |counted: &Counted, target: &TargetConfig| {
        let (channel, any) = (&target.channel, target.channel.is_empty());
        let counted = counted.only(|entry| any || entry.conversation.channel() == channel);
        let figures = counted.figures(None, zone, now);
        figures.first()?.figure(&target.figure).cloned()
    };
    let targets = config.targets.iter().filter_map(|target| {
        let before = earlier.as_ref().and_then(|(counted, span)| {
            let mut figure = figure(counted, target)?;
            if figure.unit == Unit::Count {
                let days = (span.end - span.start).as_seconds_f64() / 86_400.0;
                let whole = TimeDelta::days(DAYS).as_seconds_f64() / 86_400.0;
                figure.value = figure.value.map(|value| value * whole / days);
            }
            Some((figure, span.end))
        });
        Progress::new(target, before, figure(&lately, target)?, now, zone)
    });
    Ok(targets.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::wilson;

    fn share(yes: f64, of: u32) -> Figure {
        Figure {
            id: "booked",
            value: Some(yes / f64::from(of)),
            unit: Unit::Share,
            of: of as usize,
            interval: wilson(yes, f64::from(of)),
        }
    }

    #[test]
    fn a_difference_has_newcombes_interval() {
        // Newcombe 1998, table II, example (a): 56/70 and 48/80.
        let difference = Difference::of(&share(56.0, 70), &share(48.0, 80)).unwrap();
        let (low, high) = difference.interval.unwrap();
        assert!((difference.value - 0.2).abs() < 1e-9);
        assert!((low - 0.0524).abs() < 5e-5 && (high - 0.3339).abs() < 5e-5);
        assert_eq!(difference.is_more(), Some(true));
        let same = Difference::of(&share(5.0, 10), &share(4.0, 10)).unwrap();
        assert_eq!(same.is_more(), None);
    }

    #[test]
    fn a_target_is_reached_on_the_way_behind_or_missed() {
        let zone = chrono_tz::Europe::Moscow;
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let begun = at("2026-10-01T00:00:00Z");
        let target = TargetConfig {
            figure: "booked".into(),
            value: 0.5,
            by: "2026-12-01".into(),
            channel: String::new(),
        };
        let state = |now: Figure, moment: &str| {
            let before = Some((share(20.0, 100), begun));
            let progress = Progress::new(&target, before, now, at(moment), zone);
            progress.unwrap().state
        };
        let middle = "2026-11-01T00:00:00Z";
        assert_eq!(state(share(700.0, 1_000), middle), State::Reached);
        assert_eq!(state(share(11.0, 20), middle), State::Perhaps);
        assert_eq!(state(share(400.0, 1_000), middle), State::OnTheWay);
        assert_eq!(state(share(250.0, 1_000), middle), State::Behind);
        // The last day still counts, by the firm's clock.
        assert_eq!(
            state(share(49.0, 100), "2026-12-01T20:59:00Z"),
            State::Behind
        );
        assert_eq!(
            state(share(49.0, 100), "2026-12-01T21:00:00Z"),
            State::Missed
        );
        let nothing = Figure {
            value: None,
            interval: None,
            ..share(1.0, 1)
        };
        assert_eq!(state(nothing, middle), State::Unknown);
        // Less is better of some.
        let target = TargetConfig {
            figure: "no_show".into(),
            value: 0.05,
            ..target
        };
        let progress = Progress::new(&target, None, share(1.0, 100), at(middle), zone).unwrap();
        assert_eq!(progress.state, State::Perhaps);
    }

    #[test]
    fn what_is_no_figure_or_no_day_is_found() {
        let config = KpiConfig {
            baseline_from: "2026-13-01".into(),
            baseline_to: String::new(),
            targets: vec![TargetConfig {
                figure: "answerd".into(),
                value: f64::NAN,
                by: "soon".into(),
                channel: String::new(),
            }],
        };
        let mut findings = Findings::default();
        config.check(&mut findings);
        let told: Vec<&str> = findings.0.iter().map(|one| one.key.as_str()).collect();
        assert_eq!(
            told,
            [
                "kpi.baseline_from",
                "kpi.baseline_from",
                "kpi.targets.0.figure",
                "kpi.targets.0.value",
                "kpi.targets.0.by"
            ]
        );
        assert!(findings.0[2].hint.contains("answered"), "{findings:?}");
    }
}
