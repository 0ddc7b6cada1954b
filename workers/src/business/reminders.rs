//! What is written to a customer about a visit, and when.

use std::collections::BTreeMap;
use std::fmt;

/// The longest distance from a visit, in minutes.
const FARTHEST: i64 = 30 * 24 * 60;
const DAY: i64 = 24 * 60;

/// A message about a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// At once: it is booked, or was moved.
    Booked,
    /// At once: the firm cancelled it.
    Cancelled,
    /// The day before, with the question whether the customer comes.
    DayBefore,
    /// In the morning of the day.
    Morning,
    /// Shortly before.
    Soon,
    /// After it: thanks, and how it was.
    Thanks,
    /// After one that the customer missed.
    Missed,
    /// When it is time to come again.
    Return,
}

impl Step {
    /// All, in the order of time.
    pub const ALL: [Self; 8] = [
        Self::Booked,
        Self::Cancelled,
        Self::DayBefore,
        Self::Morning,
        Self::Soon,
        Self::Thanks,
        Self::Missed,
        Self::Return,
    ];

    /// Its name in files, in the store and in the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Cancelled => "cancelled",
            Self::DayBefore => "day_before",
            Self::Morning => "morning",
            Self::Soon => "soon",
            Self::Thanks => "thanks",
            Self::Missed => "missed",
            Self::Return => "return",
        }
    }

    /// The step of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    /// Whether it helps only before the visit.
    pub const fn is_before(self) -> bool {
        matches!(
            self,
            Self::Booked | Self::Cancelled | Self::DayBefore | Self::Morning | Self::Soon
        )
    }

    /// Whether it is worth an SMS to whom no messenger reaches.
    pub const fn is_essential(self) -> bool {
        self.is_before()
    }

    /// When it is sent unless the file says otherwise.
    fn standard(self) -> When {
        match self {
            Self::Booked | Self::Cancelled => When::Shift(0),
            Self::DayBefore => When::Shift(-DAY),
            Self::Soon => When::Shift(-120),
            Self::Thanks => When::Shift(120),
            Self::Morning => When::Clock(0, 9 * 60 + 30),
            Self::Missed => When::Clock(1, 11 * 60),
            Self::Return => When::Clock(0, 11 * 60),
        }
    }

    /// Whether it can be sent then.
    pub(super) fn allows(self, when: When) -> bool {
        match (self, when) {
            (Self::Booked | Self::Cancelled, _) | (Self::Return, When::Shift(_)) => false,
            (Self::Return, When::Clock(days, _)) => days == 0,
            (Self::Thanks | Self::Missed, When::Shift(minutes)) => minutes >= 0,
            (Self::Thanks | Self::Missed, When::Clock(days, _)) => days > 0,
            (_, When::Shift(minutes)) => minutes < 0,
            (_, When::Clock(days, _)) => days <= 0,
        }
    }

    /// Examples of what `at` may be.
    pub(super) const fn examples(self) -> &'static str {
        match self {
            Self::Booked | Self::Cancelled => "it is sent at once: write only true or false",
            Self::Return => {
                "a time of the day on which the service's return_days are over: \"11:00\""
            }
            Self::Thanks | Self::Missed => {
                "\"+2h\" after the visit, or \"+1d 11:00\" on the next day"
            }
            _ => {
                "\"-24h\" or \"-90m\" before the visit, \"09:30\" on the day, or \"-1d 18:00\" on the day before"
            }
        }
    }
}

/// A moment that a visit fixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// So many minutes from it: from its beginning when below zero, else from its end.
    Shift(i64),
    /// So many days from the day of the visit, at that minute of the firm's day.
    Clock(i64, u32),
}

impl When {
    /// Reads "-24h", "+2h", "-90m", "-2d", "09:30", "-1d 18:00".
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let (first, second) = (words.next()?, words.next());
        if words.next().is_some() {
            return None;
        }
        let when = match (clock(first), second) {
            (Some(minute), None) => Self::Clock(0, minute),
            (Some(_), Some(_)) => return None,
            (None, None) => Self::Shift(shift(first)?),
            (None, Some(second)) => {
                let days = first.strip_suffix('d').and_then(|_| shift(first))? / DAY;
                Self::Clock(days, clock(second)?)
            }
        };
        Some(when)
    }
}

impl fmt::Display for When {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shift(minutes) if minutes % 60 == 0 => write!(out, "{:+}h", minutes / 60),
            Self::Shift(minutes) => write!(out, "{minutes:+}m"),
            Self::Clock(days, minute) => {
                if *days != 0 {
                    write!(out, "{days:+}d ")?;
                }
                write!(out, "{:02}:{:02}", minute / 60, minute % 60)
            }
        }
    }
}

fn clock(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| {
        (text.len() == 2)
            .then(|| text.parse::<u32>().ok())
            .flatten()
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

fn shift(text: &str) -> Option<i64> {
    let unit = match text.chars().last()? {
        'm' => 1,
        'h' => 60,
        'd' => DAY,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    if !number.starts_with(['-', '+']) {
        return None;
    }
    let minutes = number.parse::<i64>().ok()?.checked_mul(unit)?;
    (minutes.abs() <= FARTHEST).then_some(minutes)
}

/// The messages about a visit. A step that is missing is switched off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReminderPlan {
    /// When each is sent.
    pub steps: BTreeMap<Step, When>,
}

impl Default for ReminderPlan {
    fn default() -> Self {
        Self {
            steps: Step::ALL.map(|step| (step, step.standard())).into(),
        }
    }
}

/// How customers are reminded of their visits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminders {
    /// For services that say nothing else.
    pub plan: ReminderPlan,
    /// A visit that is moved by no more minutes is not told anew.
    pub small_move_minutes: u32,
    /// Who has not got a message for so many minutes gets it another way.
    pub wait_minutes: u32,
}

impl Default for Reminders {
    fn default() -> Self {
        Self {
            plan: ReminderPlan::default(),
            small_move_minutes: 15,
            wait_minutes: 20,
        }
    }
}
