//! Days, weeks and months, counted and named.

use chrono::{Datelike, Days, Months, NaiveDate, TimeDelta, Weekday};

use super::expr::{Counted, Date, Shift, Which};
use super::said::{Doubt, Unit};
use super::symbol::Portion;

/// The first and the last day of what was named.
#[derive(Debug, Clone, Copy)]
pub(super) struct Period {
    pub(super) first: NaiveDate,
    pub(super) last: NaiveDate,
}

impl Period {
    fn day(day: NaiveDate) -> Self {
        Self {
            first: day,
            last: day,
        }
    }
}

/// A day so far from another.
pub(super) fn shifted(day: NaiveDate, shift: Shift) -> Option<NaiveDate> {
    let months = Months::new(shift.months.unsigned_abs());
    let day = if shift.months < 0 {
        day.checked_sub_months(months)
    } else {
        day.checked_add_months(months)
    }?;
    add(day, shift.days)
}

fn add(day: NaiveDate, days: i32) -> Option<NaiveDate> {
    day.checked_add_signed(TimeDelta::try_days(i64::from(days))?)
}

/// The days that are named, seen from a day.
pub(super) fn period(date: Date, today: NaiveDate, doubts: &mut Vec<Doubt>) -> Option<Period> {
    if let Some(run) = date.run {
        return run_of(run.count, run.unit, run.past, today);
    }
    if let Some(day) = date.day {
        return day_of(date, day, today).map(Period::day);
    }
    if let Some(month) = date.month {
        return in_month(date, month, today);
    }
    if let Some(month) = date.season {
        return season(month, date.year, today);
    }
    if let Some(shift) = date.shift {
        let base = shifted(today, shift)?;
        let in_weeks = shift.days % 7 == 0 && shift.days != 0;
        return Some(Period::day(match date.weekday {
            Some(weekday) if in_weeks => of_week(base, weekday)?,
            _ => base,
        }));
    }
    if let Some(week) = date.week {
        let monday = add(of_week(today, Weekday::Mon)?, week.checked_mul(7)?)?;
        return in_week(date, monday);
    }
    if date.weekend {
        return weekend(date.which.unwrap_or(Which::This), today);
    }
    if let Some(weekday) = date.weekday {
        return weekday_of(weekday, date.which, today, doubts).map(Period::day);
    }
    let year = year_of(date.year?, today);
    let whole = Period {
        first: NaiveDate::from_ymd_opt(year, 1, 1)?,
        last: NaiveDate::from_ymd_opt(year, 12, 31)?,
    };
    Some(match date.portion {
        Some(Portion::Begin) => Period {
            last: NaiveDate::from_ymd_opt(year, 3, 31)?,
            ..whole
        },
        Some(Portion::Middle) => Period {
            first: NaiveDate::from_ymd_opt(year, 5, 1)?,
            last: NaiveDate::from_ymd_opt(year, 8, 31)?,
        },
        Some(Portion::End) => Period {
            first: NaiveDate::from_ymd_opt(year, 10, 1)?,
            ..whole
        },
        None => whole,
    })
}

fn year_of(year: Counted<i32>, today: NaiveDate) -> i32 {
    match year {
        Counted::Named(year) => year,
        Counted::FromNow(count) => today.year().saturating_add(count),
    }
}

/// The day of a day's week with this name.
fn of_week(day: NaiveDate, weekday: Weekday) -> Option<NaiveDate> {
    let back = i32::try_from(day.weekday().num_days_from_monday()).ok()?;
    let ahead = i32::try_from(weekday.num_days_from_monday()).ok()?;
    add(day, ahead - back)
}

/// The first day with this name, from a day on.
fn on_or_after(day: NaiveDate, weekday: Weekday) -> Option<NaiveDate> {
    let ahead = weekday.days_since(day.weekday());
    day.checked_add_days(Days::new(u64::from(ahead)))
}

/// Days, weeks or months in a row: from tomorrow on, or until yesterday.
fn run_of(count: u32, unit: Unit, past: bool, today: NaiveDate) -> Option<Period> {
    let count = i32::try_from(count)
        .ok()
        .filter(|count| (1..1000).contains(count))?;
    let from = if past { -count } else { 1 };
    match unit {
        Unit::Week => {
            let monday = of_week(today, Weekday::Mon)?;
            let first = add(monday, from * 7)?;
            Some(Period {
                first,
                last: add(first, count * 7 - 1)?,
            })
        }
        Unit::Month | Unit::Year => {
            let months = if unit == Unit::Year { 12 } else { 1 };
            let first = shifted(
                today.with_day(1)?,
                Shift {
                    months: from * months,
                    ..Shift::default()
                },
            )?;
            let end = shifted(
                first,
                Shift {
                    months: count * months,
                    ..Shift::default()
                },
            )?;
            Some(Period {
                first,
                last: end.pred_opt()?,
            })
        }
        Unit::Day => {
            let first = add(today, from)?;
            Some(Period {
                first,
                last: add(first, count - 1)?,
            })
        }
        _ => None,
    }
}

/// A day of a month: the next one, unless month or year are named.
fn day_of(date: Date, day: u32, today: NaiveDate) -> Option<NaiveDate> {
    let fits = |at: &NaiveDate| date.weekday.is_none_or(|weekday| at.weekday() == weekday);
    match (date.month, date.year) {
        (Some(Counted::FromNow(count)), _) => {
            let first = shifted(
                today.with_day(1)?,
                Shift {
                    months: count,
                    ..Shift::default()
                },
            )?;
            first.with_day(day)
        }
        (Some(Counted::Named(month)), Some(year)) => {
            NaiveDate::from_ymd_opt(year_of(year, today), month, day)
        }
        (Some(Counted::Named(month)), None) => {
            let of =
                |year: i32| NaiveDate::from_ymd_opt(today.year().saturating_add(year), month, day);
            let next = (0..=8).filter_map(of).find(|at| *at >= today)?;
            // A date of the past is meant where only its weekday is right: "воскресенье, 10 фев."
            let last = (-1..=0).filter_map(of).rfind(|at| *at < today);
            if fits(&next) {
                Some(next)
            } else {
                last.filter(fits).or(Some(next))
            }
        }
        (None, _) => {
            let first = today.with_day(1)?;
            let of = |count: i32| {
                shifted(
                    first,
                    Shift {
                        months: count,
                        ..Shift::default()
                    },
                )?
                .with_day(day)
            };
            let next = || (0..=12).filter_map(of).filter(|at| *at >= today);
            next().find(fits).or_else(|| next().next())
        }
    }
}

/// A season: the one that is not over yet, unless the year is named.
fn season(month: u32, year: Option<Counted<i32>>, today: NaiveDate) -> Option<Period> {
    let of = |year: i32| {
        let first = NaiveDate::from_ymd_opt(year, month, 1)?;
        let end = shifted(
            first,
            Shift {
                months: 3,
                ..Shift::default()
            },
        )?;
        Some(Period {
            first,
            last: end.pred_opt()?,
        })
    };
    if let Some(year) = year {
        return of(year_of(year, today));
    }
    (-1..=1)
        .filter_map(|count| of(today.year().saturating_add(count)))
        .find(|season| season.last >= today)
}

/// A month, or a weekday in it.
fn in_month(date: Date, month: Counted<u32>, today: NaiveDate) -> Option<Period> {
    let first = match (month, date.year) {
        (Counted::FromNow(count), _) => shifted(
            today.with_day(1)?,
            Shift {
                months: count,
                ..Shift::default()
            },
        )?,
        (Counted::Named(month), Some(year)) => {
            NaiveDate::from_ymd_opt(year_of(year, today), month, 1)?
        }
        (Counted::Named(month), None) => {
            let this = NaiveDate::from_ymd_opt(today.year(), month, 1)?;
            if month < today.month() {
                this.with_year(today.year() + 1)?
            } else {
                this
            }
        }
    };
    let last = shifted(
        first,
        Shift {
            months: 1,
            ..Shift::default()
        },
    )?
    .pred_opt()?;
    if let Some(nth) = date.nth {
        return nth_of(nth, date.weekday, Period { first, last }).map(Period::day);
    }
    if let Some(weekday) = date.weekday {
        return on_or_after(first.max(today), weekday).map(Period::day);
    }
    Some(match date.portion {
        Some(Portion::Begin) => Period {
            first,
            last: first.with_day(10)?,
        },
        Some(Portion::Middle) => Period {
            first: first.with_day(11)?,
            last: first.with_day(20)?,
        },
        Some(Portion::End) => Period {
            first: first.with_day(21)?,
            last,
        },
        None => Period { first, last },
    })
}

/// One of the days of a month, or of those with a name, counted from either end.
fn nth_of(nth: i32, weekday: Option<Weekday>, month: Period) -> Option<NaiveDate> {
    let day = match (weekday, nth) {
        (None, -1) => month.last,
        (None, nth) => add(month.first, nth - 1)?,
        (Some(weekday), -1) => on_or_after(add(month.last, -6)?, weekday)?,
        (Some(weekday), nth) => add(on_or_after(month.first, weekday)?, (nth - 1) * 7)?,
    };
    (month.first..=month.last).contains(&day).then_some(day)
}

/// A week, or a part of it.
fn in_week(date: Date, monday: NaiveDate) -> Option<Period> {
    let days = |first: i32, last: i32| {
        Some(Period {
            first: add(monday, first)?,
            last: add(monday, last)?,
        })
    };
    if let Some(weekday) = date.weekday {
        return of_week(monday, weekday).map(Period::day);
    }
    match (date.weekend, date.workdays, date.portion) {
        (true, ..) => days(5, 6),
        (_, true, _) => days(0, 4),
        (_, _, Some(Portion::Begin)) => days(0, 1),
        (_, _, Some(Portion::Middle)) => days(2, 3),
        (_, _, Some(Portion::End)) => days(4, 6),
        _ => days(0, 6),
    }
}

fn weekend(which: Which, today: NaiveDate) -> Option<Period> {
    let weeks = match which {
        Which::This | Which::Coming => 0,
        Which::Next => 7,
        Which::Last => -7,
    };
    let saturday = add(of_week(today, Weekday::Sat)?, weeks)?;
    Some(Period {
        first: saturday,
        last: saturday.succ_opt()?,
    })
}

/// A day of the week. A bare one is the next; on the day itself that is in doubt.
fn weekday_of(
    weekday: Weekday,
    which: Option<Which>,
    today: NaiveDate,
    doubts: &mut Vec<Doubt>,
) -> Option<NaiveDate> {
    let today_or_later = on_or_after(today, weekday)?;
    let later = on_or_after(today.succ_opt()?, weekday)?;
    let week_after = add(later, 7)?;
    let (day, other) = match which {
        None | Some(Which::Coming) => (later, (today_or_later == today).then_some(today)),
        Some(Which::This) => (today_or_later, (today_or_later == today).then_some(later)),
        Some(Which::Next) => {
            let this_week = later.iso_week() == today.iso_week();
            (later, this_week.then_some(week_after))
        }
        Some(Which::Last) => (add(today_or_later, -7)?, None),
    };
    doubts.extend(other.map(Doubt::Day));
    Some(day)
}
