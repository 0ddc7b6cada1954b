//! A year of a salon, as its processes would have written it down, and what is true about it.
//!
//! [`Year`] hands out the lines of the journal in the order in which they would have been written, of conversations that
//! overlap, and keeps what it has planted as [`Planted`]: what every dialogue came to is said by the scenario, not read
//! from the lines. [`truth`] counts from that, so whatever counts from the lines can be compared with it.

mod calendar;
mod pen;
mod scenarios;
pub mod truth;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use zapis_core::event::Event;
use zapis_core::store::{Store, StoreError};

use calendar::Calendar;
use pen::Pen;
pub use truth::{Ending, Planted, PlantedVerdict, PlantedVisit};

/// The staff's own group, in which nobody is a customer.
pub const GROUP: &str = "telegram:main:-100500";
/// Who does what the salon offers, and in which of its two places.
pub const MASTERS: [(&str, &str, &str); 4] = [
    ("anna", "manicure", "kolokolnaya"),
    ("olga", "airtouch", "kolokolnaya"),
    ("ilya", "men-cut", "petrogradka"),
    ("ksenia", "peeling", "petrogradka"),
];
/// The arms of the experiment that goes on all year, as the journal names them.
pub const ARMS: [&str; 2] = ["leading:a", "leading:b"];
/// The same as `experiments.toml` has it.
pub const EXPERIMENT: &str = r#"
[[experiments]]
id = "leading"
about = "Два времени на выбор вместо трёх"
goal = "booked"
smallest = 15
expected = 30
arms = [{ id = "a" }, { id = "b", scenario = { times = 2 } }]
"#;
/// How many of the customers of each arm book: 42 of 100 and not 30.
pub const LIFT: (f64, f64) = (0.30, 0.42);
/// How many of those who did not confirm stay away, and how many of those who did.
pub const NO_SHOWS: (f64, f64) = (0.25, 0.05);

/// How many lines are written at once.
const AT_ONCE: usize = 5_000;

/// The lines of a year, one after another.
#[derive(Debug)]
pub struct Year {
    calendar: Calendar,
    rng: SmallRng,
    /// Lines that are not due yet, by when they would be written.
    waiting: BTreeMap<(DateTime<Utc>, u64), Event>,
    /// Of how many lines there have been so far.
    count: u64,
    story: u32,
    planted: Vec<Planted>,
}

impl Year {
    /// A year that begins at a moment, with so many customers' stories; the same seed gives the same year.
    pub fn new(seed: u64, stories: u32, begins: DateTime<Utc>) -> Self {
        Self {
            calendar: Calendar::new(stories, begins),
            rng: SmallRng::seed_from_u64(seed),
            waiting: BTreeMap::new(),
            count: 0,
            story: 0,
            planted: Vec::new(),
        }
    }

    /// Takes what was planted since this was asked last; all of it once there are no lines left.
    pub fn take_planted(&mut self) -> Vec<Planted> {
        std::mem::take(&mut self.planted)
    }

    /// Writes down what has happened by a moment; gives how many lines that are.
    pub async fn write(&mut self, store: &Store, by: DateTime<Utc>) -> Result<usize, StoreError> {
        let mut count = 0;
        loop {
            let happened = self.by_ref().filter(|line| line.timestamp <= by);
            let lines: Vec<Event> = happened.take(AT_ONCE).collect();
            if lines.is_empty() {
                return Ok(count);
            }
            count += lines.len();
            store.journal(&lines, &[]).await?;
        }
    }

    fn plant(&mut self, at: DateTime<Utc>) {
        self.story += 1;
        let Some(pen) = Pen::new(self.story, &mut self.rng) else {
            return;
        };
        let (lines, told) = scenarios::story(pen, at);
        self.planted.extend(told);
        for (written, event) in lines {
            self.count += 1;
            self.waiting.insert((written, self.count), event);
        }
    }
}

impl Iterator for Year {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        while let Some(next) = self.calendar.peek(&mut self.rng) {
            if (self.waiting.keys().next()).is_some_and(|(first, _)| *first <= next) {
                break;
            }
            self.calendar.pass();
            self.plant(next);
        }
        self.waiting.pop_first().map(|(_, event)| event)
    }
}

/// The salon's time, all year round.
fn local(at: DateTime<Utc>) -> NaiveDateTime {
    at.naive_utc() + TimeDelta::hours(3)
}
