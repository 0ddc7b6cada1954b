//! Clock times and parts of the day.

use super::super::expr::{Clock, Date, Expr, Half, Shift, Time};
use super::super::pattern::{Match, Rule};
use super::super::said::{DayPart, Reach};
use super::super::symbol::{Case, Portion, Role, Sym, Word};
use super::said;

pub(super) const POINTS: &[Rule] = &[
    // 18:30, 18:30:15; what looks like one and is none spoils its surroundings
    ("num ~: ~num", |m| match (m.num(0)?, m.num(2)?) {
        (hour, minute) if m.is(2, Role::Two) => {
            clock(hour, minute, m.is(0, Role::Padded)).or_else(|| Some(Sym::role(Role::Broken)))
        }
        _ => Some(Sym::role(Role::Amount)),
    }),
    ("h ~: ~mm ~: ~mm", |m| {
        let mut clock = Clock::new(m.num(0)?, m.num(2)?)?;
        clock.second = m.num(4)?;
        said(Expr::clock(clock))
    }),
    // 18.30 and 18-30: only where it cannot be a date or a range, or where a word says so
    ("in > h ~.|~- ~mm hour? < !~.", |m| {
        let (hour, minute) = (m.num(0)?, m.num(2)?);
        let range = m.is(1, Role::Dash) && minute > hour && minute < 24 && minute % 5 != 0;
        (!range).then(|| padded(m, 0, 2)).flatten()
    }),
    (
        "by|after|until|from|before|about|on|or|and|- > h ~.|~- ~mm < !~.|month|things",
        |m| no_other(m, 2).then(|| padded(m, 0, 2)).flatten(),
    ),
    ("date > ,? h ~.|~- ~mm < !~.|month|things", |m| {
        (m.is(2, Role::Dot) || no_other(m, 3))
            .then(|| padded(m, 1, 3))
            .flatten()
    }),
    ("h ~.|~- ~mm < part|ampm|hour|oclock", |m| padded(m, 0, 2)),
    ("00 ~.|~- ~mm < !~.|~-|~num|month|things|unit|amount", |m| {
        let quarter = m.num(2)? % 15 == 0 && no_other(m, 2);
        (quarter && m.num(0)? >= 7)
            .then(|| padded(m, 0, 2))
            .flatten()
    }),
    // "06 30", "0630", "16 0 0"
    (
        "in|by|on|from|until|after > 00 mm hour? < !unit|month|things|-",
        |m| padded(m, 0, 1),
    ),
    ("in > h mm ampm", |m| padded(m, 0, 1)),
    ("h mm < ampm", |m| padded(m, 0, 1)),
    ("end|stop|expr > 00 mm < end|rel|weekday|stop|.", |m| {
        (m.num(1)? % 15 == 0).then(|| padded(m, 0, 1)).flatten()
    }),
    ("in > h small small < !unit|month|things", |m| {
        let mut clock = Clock::new(m.num(0)?, m.num(1)?)?;
        clock.second = m.num(2).filter(|second| *second < 60)?;
        clock.half = Half::Sure;
        said(Expr::clock(clock))
    }),
    (
        "in|by|on|after|until > hhmm hour? < !year|things|month|unit|amount",
        |m| {
            let number = m.num(0)?;
            let year = (1900..=2100).contains(&number) && number % 100 != 30;
            (!year)
                .then(|| clock(number / 100, number % 100, number < 1000))
                .flatten()
        },
    ),
    ("hhmm < ampm", |m| {
        clock(m.num(0)? / 100, m.num(0)? % 100, false)
    }),
    ("h < ampm", bare),
    ("num < ampm", |m| {
        let number = m.num(0).filter(|number| *number >= 100)?;
        clock(number / 100, number % 100, false)
    }),
    // шесть тридцать, ten fifteen, девятнадцать ноль-ноль
    (
        "in|by|on|from|until|after|about|for > spelled spelled < !unit|things|month|spelled",
        spelled,
    ),
    ("spelled spelled < part|ampm|oclock", spelled),
    (
        "in|by|on|from|until|after|about > spelled spelled ~-? spelled",
        |m| {
            let zero = m.num(1)? == 0 && m.num(3)? == 0;
            zero.then(|| bare(m)).flatten()
        },
    ),
    // 17ч10, 18 часов 30 минут
    ("h hour ~.? mm < !month|unit", |m| {
        (m.num(0)? >= 8).then(|| padded(m, 0, 3)).flatten()
    }),
    ("h hour ~.? num minute ~.?", |m| {
        (m.num(0)? >= 13)
            .then(|| clock(m.num(0)?, m.num(3)?, false))
            .flatten()
    }),
    ("in|by|from|until|after > h hour ~.? num minute ~.?", |m| {
        clock(m.num(0)?, m.num(3)?, false)
    }),
    // в 17 часов, 15 часов, 8 часов вечера, в час, час дня, в 2 дня
    ("in|by|from|until|after|before > h hour ~.?", |m| {
        clock(m.num(0)?, 0, false)
    }),
    ("h hour ~.? < part", |m| clock(m.num(0)?, 0, false)),
    (
        "end|stop|expr|,|on > h hour ~.? < end|stop|d|weekday|rel|in|on|,|month",
        |m| {
            let late = m.num(0)? > 12 || m.case(1)? == Case::Many && m.num(0)? >= 8;
            late.then(|| clock(m.num(0)?, 0, false)).flatten()
        },
    ),
    ("expr > h hour ~.?", |m| {
        let many = m.case(1)? == Case::Many || m.num(0)? > 12;
        many.then(|| clock(m.num(0)?, 0, false)).flatten()
    }),
    ("in|by|until|after > hour < !other|~-|1.5|num", |_| {
        clock(1, 0, false)
    }),
    ("hour < part", |m| {
        (m.case(0)? != Case::Many)
            .then(|| clock(1, 0, false))
            .flatten()
    }),
    ("in|by|from|until|after > h day", |m| {
        let part = m.part(1)?;
        let clock = Clock::new(m.num(0)?, 0)?;
        said(Expr::time(Time {
            clock: Some(clock),
            part: Some(part),
            ..Time::default()
        }))
    }),
    // часов в пять, часиков до шести
    ("hour in|by h < !unit|things|month", |m| {
        about(m, 2, Reach::At)
    }),
    ("hour in|by h - h < !unit|things|month", |m| {
        let (from, until) = (about_time(m, 2)?, about_time(m, 4)?);
        said(Expr {
            time: Some(Reach::Between { from, until }),
            ..Expr::default()
        })
    }),
    ("hour until h < !unit|things|month", |m| {
        about(m, 2, Reach::Before)
    }),
    ("hour after h < !unit|things|month", |m| {
        about(m, 2, Reach::After)
    }),
    ("hour from h < until|-", |m| about(m, 2, Reach::At)),
    // полвосьмого, четверть шестого, без четверти пять, half past 11, quarter to 5
    ("half-to", |m| match m.word(0)? {
        Word::HalfTo(hour) => before_hour(hour, 30),
        _ => None,
    }),
    ("quarter ord", |m| before_hour(m.num(1)?, 45)),
    ("num minute ord", |m| {
        before_hour(m.num(2)?, 60_u32.checked_sub(m.num(0)?)?)
    }),
    ("without quarter h", |m| before_hour(m.num(2)?, 15)),
    ("without num minute? h", |m| {
        before_hour(m.num(3)?, m.num(1)?)
    }),
    ("en-half after? h < !unit|things", |m| {
        clock(m.num(2)?, 30, false)
    }),
    ("a|letter-a? quarter after h", |m| {
        clock(m.num(3)?, 15, false)
    }),
    ("a|letter-a? quarter to|until|before h", |m| {
        before_hour(m.num(3)?, 15)
    }),
    ("num minute? after h < !things|unit", |m| {
        clock(m.num(3)?, m.num(0)?, false)
    }),
    ("num minute to|until|before h", |m| {
        before_hour(m.num(3)?, m.num(0)?)
    }),
    ("!from|between|- > spelled to h", |m| {
        let minutes = m.num(0).filter(|minutes| [10, 20, 25].contains(minutes))?;
        before_hour(m.num(2)?, minutes)
    }),
    ("in > spelled to h", |m| before_hour(m.num(2)?, m.num(0)?)),
    // bare hours, where a preposition or a neighbour tells
    (
        "in|after|before|by > h < !things|amount|unit|month|~other|~-|of|№",
        bare,
    ),
    (
        "until > h < !things|amount|unit|month|~other|~-|№|ord",
        bare,
    ),
    ("until|by|before|about > h < part|ampm", bare),
    ("about > h < end|stop|.|,|part|ampm|in|on|verb|oclock", bare),
    (
        "from > h < end|stop|.|,|until|part|ampm|verb|cannot|and|or|in|weekday|rel|-|oclock|to",
        bare,
    ),
    (
        "on > h < end|stop|.|,|weekday|rel|part|verb|oclock|ampm|in|or",
        bare,
    ),
    (
        "clock or|and > h < !things|amount|unit|month|~other|~:",
        bare,
    ),
    ("dp > h < !things|amount|unit|month|~other|~:|~-", bare),
    ("clock or|and > h ~. ~mm", |m| padded(m, 0, 2)),
    ("dp > h ~. ~mm", |m| padded(m, 0, 2)),
    ("h < inside the part", bare),
    ("h < in|on part", bare),
    ("h < part", |m| {
        (!m.is(1, Role::DayUnit)).then(|| bare(m)).flatten()
    }),
    ("h < oclock", bare),
    // ranges of bare hours
    (
        "from|in > h until|-|to h hour? < !things|month|unit|amount|~other|~.|~:|ord",
        hours,
    ),
    (
        "by|about > h - h hour? < !things|month|unit|amount|~other|~.|~:|ord",
        hours,
    ),
    (
        "between > h and h hour? < !things|month|unit|amount|~other|~.|~:|ord",
        hours,
    ),
    (
        "date|dp > h -|until h hour? < !things|month|unit|amount|~other|~.|~:|ord",
        hours,
    ),
    ("h -|to|until h hour? < part|ampm|oclock", hours),
    ("h - h hour < !ago|ahead", |m| {
        (m.num(0)? >= 13 || m.num(2)? >= 13)
            .then(|| hours(m))
            .flatten()
    }),
    // parts of the day
    ("!from > part", |m| {
        (!m.is(0, Role::DayUnit))
            .then(|| part(m.part(0)?))
            .flatten()
    }),
    ("clock > day", |m| part(m.part(0)?)),
    ("from > part < until|up|-", |m| part(m.part(0)?)),
    // «с утра», but «с днём рождения»
    ("from part < !until|up|-", |m| {
        let part_of_day = m.part(1)?;
        (part_of_day != DayPart::Afternoon)
            .then(|| part(part_of_day))
            .flatten()
    }),
    ("after part", |m| {
        (m.part(1)? == DayPart::Lunch)
            .then(|| part(DayPart::Afternoon))
            .flatten()
    }),
    ("after work", |_| part(DayPart::Evening)),
    ("this|next|last part", |m| {
        let (_, days) = m.which(0)?;
        let shift = Some(Shift {
            days: days.signum(),
            ..Shift::default()
        });
        let mut expr = Expr::part(m.part(1).filter(|_| !m.is(1, Role::DayUnit))?);
        expr.date = Expr::date(Date {
            shift,
            ..Date::default()
        })
        .date;
        said(expr)
    }),
    ("ord half day", |m| match m.num(0)? {
        1 => part(DayPart::Morning),
        2 => part(DayPart::Afternoon),
        _ => None,
    }),
    ("portion of? day", |m| match m.portion(0)? {
        Portion::Begin => part(DayPart::Morning),
        Portion::Middle => part(DayPart::Lunch),
        Portion::End => part(DayPart::Evening),
    }),
    ("noon", |_| sure(12)),
    ("midnight", |_| sure(0)),
];

/// What follows a clock time and tells more about it.
pub(super) const ATTACHED: &[Rule] = &[
    ("clock ~hour|hour ~.?", |m| said(*m.expr(0)?)),
    ("clock oclock", |m| said(*m.expr(0)?)),
    ("clock ~hour|hour ~.? dp", |m| {
        said(m.expr(0)?.join(m.expr(3)?)?)
    }),
    ("clock oclock? in|inside|on? the? dp", |m| {
        said(m.expr(0)?.join(m.expr(4)?)?)
    }),
    ("clock oclock? ampm ~.?", |m| {
        let Word::Pm(pm) = m.word(2)? else {
            return None;
        };
        let half = |mut time: Time| {
            if let Some(clock) = &mut time.clock
                && (1..=12).contains(&clock.hour)
            {
                clock.half = Half::Pm(pm);
            }
            time
        };
        let mut expr = *m.expr(0)?;
        expr.time = match expr.time? {
            Reach::At(at) => Some(Reach::At(half(at))),
            Reach::Between { from, until } => Some(Reach::Between {
                from: shared(from, pm),
                until: half(until),
            }),
            other => Some(other),
        };
        said(expr)
    }),
];

/// "11-2 pm": the first hour may belong to the other half.
fn shared(mut from: Time, pm: bool) -> Time {
    if let Some(clock) = &mut from.clock
        && clock.half == Half::Unsure
        && pm
        && clock.hour <= 7
    {
        clock.half = Half::Pm(true);
    }
    from
}

fn clock(hour: u32, minute: u32, padded: bool) -> Option<Sym> {
    let mut clock = Clock::new(hour, minute)?;
    if padded {
        clock.half = Half::Sure;
    }
    said(Expr::clock(clock))
}

fn sure(hour: u32) -> Option<Sym> {
    clock(hour, 0, true)
}

/// The hour and the minute in two slots.
fn padded(m: &Match<'_>, hour: usize, minute: usize) -> Option<Sym> {
    clock(m.num(hour)?, m.num(minute)?, m.is(hour, Role::Padded))
}

/// Whether the minutes can be neither a month nor the end of a range of hours.
fn no_other(m: &Match<'_>, minute: usize) -> bool {
    m.num(minute)
        .is_some_and(|minute| minute == 0 || minute > 24 || minute % 15 == 0)
}

fn bare(m: &Match<'_>) -> Option<Sym> {
    clock(m.num(0)?, 0, m.is(0, Role::Padded))
}

/// An hour and its minutes in words.
fn spelled(m: &Match<'_>) -> Option<Sym> {
    let (hour, minute) = (m.num(0)?, m.num(1)?);
    let usual = minute >= 10 && minute % 5 == 0;
    usual.then(|| clock(hour, minute, false)).flatten()
}

/// So many minutes before an hour.
fn before_hour(hour: u32, minutes: u32) -> Option<Sym> {
    let valid = (1..=24).contains(&hour) && (1..60).contains(&minutes);
    let earlier = if hour == 1 { 12 } else { hour.checked_sub(1)? };
    valid.then(|| clock(earlier, 60 - minutes, false)).flatten()
}

fn hours(m: &Match<'_>) -> Option<Sym> {
    (m.num(2)? > 0).then_some(())?;
    let time = |slot: usize| {
        let mut clock = Clock::new(m.num(slot)?, 0)?;
        if m.is(slot, Role::Padded) {
            clock.half = Half::Sure;
        }
        Some(Time {
            clock: Some(clock),
            ..Time::default()
        })
    };
    said(Expr {
        time: Some(Reach::Between {
            from: time(0)?,
            until: time(2)?,
        }),
        ..Expr::default()
    })
}

fn about(m: &Match<'_>, slot: usize, reach: fn(Time) -> Reach<Time>) -> Option<Sym> {
    said(Expr {
        time: Some(reach(about_time(m, slot)?)),
        ..Expr::default()
    })
}

fn about_time(m: &Match<'_>, slot: usize) -> Option<Time> {
    Some(Time {
        clock: Some(Clock::new(m.num(slot)?, 0)?),
        about: true,
        ..Time::default()
    })
}

fn part(part: DayPart) -> Option<Sym> {
    said(Expr::part(part))
}
