//! Puts what was said on the calendar.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta, Timelike, Weekday};

use super::calendar::{Period, period, shifted};
use super::clock;
use super::expr::{Date, Expr, Run, Shift, Time};
use super::said::{Reach, Unit, When};
use super::symbol::Portion;

/// When a phrase means, seen from a moment; nothing when the calendar has no such day.
pub(super) fn when(expr: &Expr, now: NaiveDateTime) -> Option<When> {
    let mut out = When::default();
    match expr.date {
        Some(Reach::At(date)) => day(date, expr.except, now, &mut out)?,
        Some(reach) => days(reach, now, &mut out)?,
        None => {}
    }
    if let Some(time) = expr.time {
        clock::times(time, &mut out);
        if matches!(time, Reach::At(Time { now: true, .. })) {
            moments(now, now, &mut out);
        }
    }
    Some(out)
}

/// A day, or a period as one.
fn day(date: Date, except: bool, now: NaiveDateTime, out: &mut When) -> Option<()> {
    if let Some(run) = date.run.filter(|run| run.unit < Unit::Day) {
        return times_of(run, now, out);
    }
    if let Some(shift) = counted(date) {
        let at = moment(now, shift)?;
        moments(at, at, out);
        return Some(());
    }
    if date.workdays {
        out.weekdays = vec![
            Weekday::Mon,
            Weekday::Tue,
            Weekday::Wed,
            Weekday::Thu,
            Weekday::Fri,
        ];
    }
    let open = Date {
        any: false,
        workdays: false,
        ..date
    };
    if open == Date::default() {
        return Some(());
    }
    // «не в понедельник» holds for all of them.
    let bare_weekday = Date {
        weekday: date.weekday,
        ..Date::default()
    };
    if except && open == bare_weekday {
        out.weekdays.extend(date.weekday);
        return Some(());
    }
    let Period { first, last } = period(open, now.date(), &mut out.doubts)?;
    out.days = Some(if first == last {
        Reach::At(first)
    } else {
        Reach::Between {
            from: first,
            until: last,
        }
    });
    Some(())
}

/// Days with an end that is open, or with two ends.
fn days(reach: Reach<Date>, now: NaiveDateTime, out: &mut When) -> Option<()> {
    let today = now.date();
    if let Reach::Between { from, until } = reach
        && let (Some(from), Some(until)) = (counted(from), counted(until))
    {
        moments(moment(now, from)?, moment(now, until)?, out);
        return Some(());
    }
    let mut find = |date: Date| period(date, today, &mut out.doubts);
    out.days = Some(match reach {
        Reach::Between { from, until } => {
            let start = find(from)?.first;
            // The end is looked for from the beginning on: "с пятницы по вторник".
            let floating = until.shift.is_none() && until.week.is_none() && until.which.is_none();
            let base = if floating { start.pred_opt()? } else { today };
            let end = period(until, base, &mut Vec::new())?.last;
            (start <= end).then_some(Reach::Between {
                from: start,
                until: end,
            })?
        }
        Reach::At(date) => Reach::At(find(date)?.first),
        Reach::From(date) => Reach::From(find(date)?.first),
        Reach::After(date) => Reach::After(find(date)?.last),
        Reach::Before(date) => Reach::Before(edge(date, find(date)?)),
        Reach::By(date) => Reach::By(edge(date, find(date)?)),
    });
    Some(())
}

/// "до марта" ends where March begins, "до конца недели" where the week ends.
fn edge(date: Date, period: Period) -> NaiveDate {
    if date.portion == Some(Portion::End) {
        period.last
    } else {
        period.first
    }
}

/// A way from now that is counted to the minute.
fn counted(date: Date) -> Option<Shift> {
    date.shift.filter(|shift| shift.seconds.is_some())
}

fn moment(now: NaiveDateTime, shift: Shift) -> Option<NaiveDateTime> {
    let day = shifted(now.date(), shift)?;
    let seconds = TimeDelta::try_seconds(shift.seconds.unwrap_or(0))?;
    day.and_time(now.time()).checked_add_signed(seconds)
}

/// Sets a moment, or the time between two.
fn moments(from: NaiveDateTime, until: NaiveDateTime, out: &mut When) {
    out.days = Some(if from.date() == until.date() {
        Reach::At(from.date())
    } else {
        Reach::Between {
            from: from.date(),
            until: until.date(),
        }
    });
    out.time = Some(if from == until {
        Reach::At(from.time())
    } else {
        Reach::Between {
            from: from.time(),
            until: until.time(),
        }
    });
}

/// Hours or minutes in a row: from the next full one on, or until the last full one.
fn times_of(run: Run, now: NaiveDateTime, out: &mut When) -> Option<()> {
    let size = match run.unit {
        Unit::Hour => 3600,
        Unit::Minute => 60,
        _ => 1,
    };
    let count = i64::from(run.count);
    let since_full = i64::from(now.num_seconds_from_midnight()) % size;
    let (from, until) = if run.past { (-count, -1) } else { (1, count) };
    let at = |full: i64| {
        now.checked_add_signed(TimeDelta::try_seconds(
            full.checked_mul(size)? - since_full,
        )?)
    };
    moments(at(from)?, at(until)?, out);
    Some(())
}
