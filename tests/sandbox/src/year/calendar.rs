//! When customers begin to write: a week has its rhythm, the year its season, and the salon grows.

use std::f64::consts::TAU;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use rand::Rng;
use rand::rngs::SmallRng;

use super::local;

/// Monday to Sunday.
const WEEK: [f64; 7] = [1.2, 1.1, 1.0, 1.05, 1.3, 0.9, 0.6];
/// How much more is written at the height of the season, before New Year, than on average.
const SEASON: f64 = 0.25;
/// How much more is written at the end of the year than at its beginning.
const TREND: f64 = 0.30;
/// Hour by hour: few at night, most before noon and in the evening.
const HOURS: [u32; 24] = [
    2, 1, 1, 1, 1, 1, 2, 4, 8, 14, 16, 14, 12, 10, 10, 10, 11, 13, 14, 14, 12, 9, 6, 4,
];

/// Moments at which stories begin, the first first.
#[derive(Debug)]
pub(super) struct Calendar {
    begins: DateTime<Utc>,
    /// How many begin on each day that is left, the last first.
    days: Vec<(u32, u32)>,
    /// Those of the day that is on, the last first.
    today: Vec<DateTime<Utc>>,
}

impl Calendar {
    pub(super) fn new(stories: u32, begins: DateTime<Utc>) -> Self {
        let weights: Vec<f64> = (0..365).map(|day| weight(begins, day)).collect();
        let all: f64 = weights.iter().sum();
        let (mut sum, mut before) = (0.0, 0);
        let mut days = Vec::new();
        for (day, weight) in (0..).zip(&weights) {
            sum += weight;
            let until = whole(f64::from(stories) * sum / all);
            days.push((day, until - before));
            before = until;
        }
        days.reverse();
        Self {
            begins,
            days,
            today: Vec::new(),
        }
    }

    /// When the next story begins.
    pub(super) fn peek(&mut self, rng: &mut SmallRng) -> Option<DateTime<Utc>> {
        while self.today.is_empty() {
            let (day, count) = self.days.pop()?;
            let midnight = self.begins + TimeDelta::days(day.into());
            let moment = |_| midnight + TimeDelta::milliseconds(time_of_day(rng));
            self.today = (0..count).map(moment).collect();
            self.today.sort_unstable_by(|a, b| b.cmp(a));
        }
        self.today.last().copied()
    }

    /// Goes on to the one after it.
    pub(super) fn pass(&mut self) {
        self.today.pop();
    }
}

fn weight(begins: DateTime<Utc>, day: u32) -> f64 {
    let weekday = local(begins + TimeDelta::days(day.into())).weekday();
    let part = f64::from(day) / 365.0;
    let season = 1.0 + SEASON * (TAU * (part - 0.71)).sin();
    WEEK[weekday.num_days_from_monday() as usize] * season * (1.0 + TREND * part)
}

fn time_of_day(rng: &mut SmallRng) -> i64 {
    let mut at = rng.random_range(0..HOURS.iter().sum::<u32>());
    let mut hour = 0;
    for (n, weight) in (0..).zip(HOURS) {
        hour = n;
        if at < weight {
            break;
        }
        at -= weight;
    }
    hour * 3_600_000 + rng.random_range(0..3_600_000)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to a number of stories"
)]
fn whole(number: f64) -> u32 {
    number.round() as u32
}
