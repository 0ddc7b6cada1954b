//! What a phrase says before it is put on the calendar: features that join in any order.
//!
//! "вторник" and "на следующей неделе" say two things about one day, as "в 7" and "вечером" do about
//! one time. Two phrases join when no feature contradicts.

use chrono::Weekday;

use super::said::{DayPart, Reach, Unit};
use super::symbol::{Portion, Role, Roles};

/// What is said about a time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Expr {
    pub(super) date: Option<Reach<Date>>,
    pub(super) time: Option<Reach<Time>>,
    /// It is ruled out.
    pub(super) except: bool,
}

/// What is said about a day.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Date {
    /// So far from now.
    pub(super) shift: Option<Shift>,
    /// So many units in a row: "следующие три дня".
    pub(super) run: Option<Run>,
    /// Weeks from this one.
    pub(super) week: Option<i32>,
    pub(super) weekday: Option<Weekday>,
    /// Which one of the weekdays, or of the weekends.
    pub(super) which: Option<Which>,
    /// Which one of the month's days, or of its days with that name; -1 is the last.
    pub(super) nth: Option<i32>,
    pub(super) weekend: bool,
    pub(super) workdays: bool,
    pub(super) any: bool,
    pub(super) day: Option<u32>,
    pub(super) month: Option<Counted<u32>>,
    pub(super) year: Option<Counted<i32>>,
    /// By its first month.
    pub(super) season: Option<u32>,
    pub(super) portion: Option<Portion>,
}

/// Something named, or counted from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted<T> {
    Named(T),
    FromNow(i32),
}

/// Which of the days that have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    This,
    Coming,
    Next,
    Last,
}

/// A way from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Shift {
    pub(super) months: i32,
    pub(super) days: i32,
    /// Set when it is counted to the minute.
    pub(super) seconds: Option<i64>,
}

/// Units in a row, from now on or until now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) count: u32,
    pub(super) unit: Unit,
    pub(super) past: bool,
}

/// What is said about a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Time {
    pub(super) clock: Option<Clock>,
    pub(super) part: Option<DayPart>,
    pub(super) about: bool,
    /// This very moment.
    pub(super) now: bool,
}

/// What a clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    pub(super) half: Half,
}

/// Which half of the day an hour belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    /// Written as on a clock of 24 hours.
    Sure,
    /// Not told.
    Unsure,
    /// am or pm.
    Pm(bool),
}

impl Clock {
    /// A clock time; the half of the day is told by the hour alone.
    pub(super) fn new(hour: u32, minute: u32) -> Option<Self> {
        let half = if (1..=12).contains(&hour) {
            Half::Unsure
        } else {
            Half::Sure
        };
        let valid = hour < 24 && minute < 60 || (hour, minute) == (24, 0);
        valid.then_some(Self {
            hour: hour % 24,
            minute,
            second: 0,
            half,
        })
    }
}

impl Expr {
    pub(super) fn date(date: Date) -> Self {
        Self {
            date: Some(Reach::At(date)),
            ..Self::default()
        }
    }

    pub(super) fn time(time: Time) -> Self {
        Self {
            time: Some(Reach::At(time)),
            ..Self::default()
        }
    }

    pub(super) fn clock(clock: Clock) -> Self {
        Self::time(Time {
            clock: Some(clock),
            ..Time::default()
        })
    }

    pub(super) fn part(part: DayPart) -> Self {
        Self::time(Time {
            part: Some(part),
            ..Time::default()
        })
    }

    /// Whether it is this very moment and nothing else.
    pub(super) fn is_now(&self) -> bool {
        self.date.is_none() && matches!(self.time, Some(Reach::At(time)) if time.now)
    }

    /// The roles it can play in the grammar.
    pub(super) fn roles(&self) -> Roles {
        if self.except {
            return Roles::of(&[Role::Ruled]);
        }
        let mut roles = Roles::of(&[Role::Expr]);
        match (self.date, self.time) {
            (Some(_), None) => roles.add(Role::Date),
            (None, Some(Reach::At(time))) if time.now => {}
            (None, Some(Reach::At(time))) => {
                roles.add(Role::Time);
                roles.add(if time.clock.is_some() {
                    Role::Clock
                } else {
                    Role::DayPart
                });
            }
            (None, Some(Reach::Between { .. })) => roles.add(Role::Clock),
            _ => {}
        }
        roles
    }

    /// Both together, if they do not contradict.
    pub(super) fn join(&self, other: &Self) -> Option<Self> {
        Some(Self {
            date: join_reach(self.date, other.date, Date::join)?,
            time: join_reach(self.time, other.time, Time::join)?,
            except: self.except || other.except,
        })
    }

    /// The same with another reach, of whatever it speaks of.
    pub(super) fn reaching(
        &self,
        day: fn(Date) -> Reach<Date>,
        time: fn(Time) -> Reach<Time>,
    ) -> Option<Self> {
        match (self.date, self.time) {
            (date, Some(Reach::At(at))) => Some(Self {
                date,
                time: Some(time(at)),
                ..*self
            }),
            (Some(Reach::At(at)), None) => Some(Self {
                date: Some(day(at)),
                ..*self
            }),
            _ => None,
        }
    }
}

/// Two things said about a day or a time, as one; `Some(None)` when nothing was said.
#[expect(
    clippy::option_option,
    reason = "nothing said and a contradiction are different answers"
)]
fn join_reach<T: Copy>(
    a: Option<Reach<T>>,
    b: Option<Reach<T>>,
    join: impl Fn(T, T) -> Option<T>,
) -> Option<Option<Reach<T>>> {
    let (Some(a), Some(b)) = (a, b) else {
        return Some(a.or(b));
    };
    let joined = match (a, b) {
        (Reach::At(a), Reach::At(b)) => Reach::At(join(a, b)?),
        (Reach::At(at), Reach::Between { from, until })
        | (Reach::Between { from, until }, Reach::At(at)) => Reach::Between {
            from: join(from, at)?,
            until: join(until, at)?,
        },
        (Reach::At(at), Reach::From(point)) | (Reach::From(point), Reach::At(at)) => {
            Reach::From(join(point, at)?)
        }
        (Reach::At(at), Reach::After(point)) | (Reach::After(point), Reach::At(at)) => {
            Reach::After(join(point, at)?)
        }
        (Reach::At(at), Reach::Before(point)) | (Reach::Before(point), Reach::At(at)) => {
            Reach::Before(join(point, at)?)
        }
        (Reach::At(at), Reach::By(point)) | (Reach::By(point), Reach::At(at)) => {
            Reach::By(join(point, at)?)
        }
        (Reach::From(from) | Reach::After(from), Reach::Before(until) | Reach::By(until))
        | (Reach::Before(until) | Reach::By(until), Reach::From(from) | Reach::After(from)) => {
            Reach::Between { from, until }
        }
        _ => return None,
    };
    Some(Some(joined))
}

/// One of two features, or both when they are the same.
#[expect(
    clippy::option_option,
    reason = "nothing said and a contradiction are different answers"
)]
fn either<T: PartialEq>(a: Option<T>, b: Option<T>) -> Option<Option<T>> {
    match (a, b) {
        (Some(a), Some(b)) => (a == b).then_some(Some(a)),
        (a, b) => Some(a.or(b)),
    }
}

impl Date {
    pub(super) fn join(self, other: Self) -> Option<Self> {
        let joined = Self {
            shift: either(self.shift, other.shift)?,
            run: either(self.run, other.run)?,
            week: either(self.week, other.week)?,
            weekday: either(self.weekday, other.weekday)?,
            which: either(self.which, other.which)?,
            nth: either(self.nth, other.nth)?,
            weekend: self.weekend || other.weekend,
            workdays: self.workdays || other.workdays,
            any: self.any || other.any,
            day: either(self.day, other.day)?,
            month: either(self.month, other.month)?,
            year: either(self.year, other.year)?,
            season: either(self.season, other.season)?,
            portion: either(self.portion, other.portion)?,
        };
        let named = joined.weekday.is_some() || joined.day.is_some();
        let alone = joined.run.is_some() || joined.weekend || joined.workdays;
        let opposite = joined.weekend && joined.workdays;
        (!(named && alone || opposite)).then_some(joined)
    }

    /// Whether it is a period in which a named day can be looked for: "на следующей неделе".
    pub(super) fn is_frame(self) -> bool {
        let period = self.week.is_some()
            || self.month.is_some()
            || self
                .shift
                .is_some_and(|shift| shift.days % 7 == 0 && shift.days != 0);
        period && self.day.is_none() && self.weekday.is_none()
    }

    /// Whether it names a day that a period can hold.
    pub(super) fn is_named_day(self) -> bool {
        (self.weekday.is_some() || self.day.is_some())
            && self.week.is_none()
            && self.shift.is_none()
            && self.month.is_none()
    }

    /// The missing part of a date, from a neighbour in a range or list: "с 10 по 15 августа".
    pub(super) fn completed(self, other: Self) -> Self {
        let mut out = self;
        if out.day.is_some() && out.month.is_none() {
            out.month = other.month;
        }
        if out.day.is_some() && out.year.is_none() {
            out.year = other.year;
        }
        if out.weekday.is_some() && out.week.is_none() && out.which.is_none() && out.day.is_none() {
            out.week = other.week;
            out.which = other.which;
            out.shift = out.shift.or(other.shift.filter(|shift| {
                shift.days % 7 == 0 && shift.seconds.is_none() && other.weekday.is_some()
            }));
        }
        out
    }
}

impl Time {
    pub(super) fn join(self, other: Self) -> Option<Self> {
        Some(Self {
            clock: either(self.clock, other.clock)?,
            part: either(self.part, other.part)?,
            about: self.about || other.about,
            now: self.now || other.now,
        })
    }
}
