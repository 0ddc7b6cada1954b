//! How long something takes, and ways from now.

use super::super::expr::{Date, Expr, Run, Shift, Time, Which};
use super::super::pattern::Rule;
use super::super::said::{Length, Reach, Unit};
use super::super::symbol::{Case, Role, Sym};
use super::said;

pub(super) const POINTS: &[Rule] = &[
    ("num unit ~.?", |m| length(m.num(0)?, m.num(0)?, m.unit(1)?)),
    ("num -|or|until num unit ~.?", |m| {
        length(m.num(0)?, m.num(2)?, m.unit(3)?)
    }),
    ("num ~.|~, ~num unit", |m| {
        fraction(m.num(0)?, m.num(2)?, m.unit(3)?)
    }),
    ("1.5 unit", |m| halves(1, m.unit(1)?)),
    ("num from half unit", |m| halves(m.num(0)?, m.unit(3)?)),
    ("num and a|letter-a? en-half unit", |m| {
        halves(m.num(0)?, m.unit(4)?)
    }),
    ("a|letter-a? num of unit", |m| {
        length(m.num(1)?, m.num(1)?, m.unit(3)?)
    }),
    ("a|letter-a unit < from|ago", |m| length(1, 1, m.unit(1)?)),
    ("half unit", |m| halves(0, m.unit(1)?)),
    ("half-unit", |m| halves(0, m.unit(0)?)),
    ("en-half a|letter-a? unit", |m| halves(0, m.unit(2)?)),
    ("quarter of? a|letter-a|the? hour", |_| {
        length(15, 15, Unit::Minute)
    }),
    ("a|letter-a unit and a|letter-a? en-half", |m| {
        halves(1, m.unit(1)?)
    }),
    ("num hour ~.? and? num minute ~.?", |m| {
        let minutes = m.num(0)?.checked_mul(60)?.checked_add(m.num(4)?)?;
        length(minutes, minutes, Unit::Minute)
    }),
    ("hour -|or 1.5 hour?", |_| length(60, 90, Unit::Minute)),
    ("half-unit - unit", |m| {
        (m.unit(0)? == Unit::Hour)
            .then(|| length(30, 60, Unit::Minute))
            .flatten()
    }),
    ("num ~.|~, ~num -|until num unit", |m| {
        let least = half_hours(m.num(0)?, m.num(2)?, m.unit(5)?)?;
        length(least, m.num(4)?.checked_mul(60)?, Unit::Minute)
    }),
    ("num -|until num ~.|~, ~num unit", |m| {
        let most = half_hours(m.num(2)?, m.num(4)?, m.unit(5)?)?;
        length(m.num(0)?.checked_mul(60)?, most, Unit::Minute)
    }),
    // часа три, минут двадцать, часа на два, час двадцать
    ("minute|hour|week|day on num < !month", |m| {
        length(m.num(2)?, m.num(2)?, m.unit(0)?)
    }),
    ("hour num minute? < !things|~:", |m| {
        let minutes = 60 + m.num(1).filter(|minutes| *minutes < 60)?;
        let one = m.case(0)? == Case::Telling;
        one.then(|| length(minutes, minutes, Unit::Minute))
            .flatten()
    }),
    (
        "minute|hour|week num < !month|unit|~:|things|part|~.",
        |m| length(m.num(1)?, m.num(1)?, m.unit(0)?),
    ),
    // на час, за неделю, in an hour
    (
        "on|within|about|for|course|inside > a|letter-a? unit",
        |m| {
            let other = m.case(1)? == Case::Many || m.unit(1)? == Unit::Year;
            (!other).then(|| length(1, 1, m.unit(1)?)).flatten()
        },
    ),
    // через неделю, недели через две
    ("ahead > unit", |m| length(1, 1, m.unit(0)?)),
    ("unit ahead num", |m| {
        ahead(
            &[Length {
                least: m.num(2)?,
                most: m.num(2)?,
                unit: m.unit(0)?,
            }],
            1,
            true,
        )
    }),
    ("unit ago", |m| {
        ahead(
            &[Length {
                least: 1,
                most: 1,
                unit: m.unit(0)?,
            }],
            -1,
            false,
        )
    }),
];

/// What is counted from now.
pub(super) const ATTACHED: &[Rule] = &[
    // «через 10 дней после процедуры» is not counted from now
    ("ahead length < after other|things", |m| {
        m.length(1).map(Sym::Length)
    }),
    ("ahead length", |m| ahead(&[m.length(1)?], 1, false)),
    ("ahead length and? length", |m| {
        ahead(&[m.length(1)?, m.length(3)?], 1, false)
    }),
    ("inside about? length", |m| ahead(&[m.length(2)?], 1, false)),
    ("+ length", |m| ahead(&[m.length(1)?], 1, false)),
    ("+ length length", |m| {
        ahead(&[m.length(1)?, m.length(2)?], 1, false)
    }),
    ("end > - ~length", |m| ahead(&[m.length(1)?], -1, false)),
    ("end > - ~length length", |m| {
        ahead(&[m.length(1)?, m.length(2)?], -1, false)
    }),
    ("length ahead", |m| ahead(&[m.length(0)?], 1, false)),
    ("length ago", |m| ahead(&[m.length(0)?], -1, false)),
    ("length length length ago", |m| {
        ahead(&[m.length(0)?, m.length(1)?, m.length(2)?], -1, false)
    }),
    ("length and? length ago", |m| {
        ahead(&[m.length(0)?, m.length(2)?], -1, false)
    }),
    ("ahead|inside? length from expr", |m| {
        let (length, base) = (m.length(1)?, m.expr(3)?);
        let whole_days = !matches!(length.unit, Unit::Second | Unit::Minute | Unit::Hour);
        let now = matches!(base.time, Some(Reach::At(time)) if time.now);
        if let Some(Reach::At(date)) = base.date
            && length.unit == Unit::Week
            && date.weekday.is_some()
            && m.has(0)
        {
            let shift = Some(shift(&[length], 1)?);
            return said(Expr::date(Date {
                shift,
                weekday: date.weekday,
                ..Date::default()
            }));
        }
        let from = match base.date {
            _ if now => Shift::default(),
            Some(Reach::At(date)) if whole_days => date.shift?,
            _ => return None,
        };
        let mut shift = shift(&[length], 1)?;
        shift.days = shift.days.checked_add(from.days)?;
        shift.months = shift.months.checked_add(from.months)?;
        shifted(shift, false)
    }),
    ("in course length", |m| Some(Sym::Length(m.length(2)?))),
    // следующие три дня, последние 2 недели
    ("this|next|last|coming length", |m| {
        let (which, _) = m.which(0)?;
        let length = m.length(1)?;
        let run = Some(Run {
            count: length.most,
            unit: length.unit,
            past: which == Which::Last,
        });
        said(Expr::date(Date {
            run,
            ..Date::default()
        }))
    }),
];

fn length(least: u32, most: u32, unit: Unit) -> Option<Sym> {
    let valid = least <= most && most <= 10_000;
    valid.then_some(Sym::Length(Length { least, most, unit }))
}

/// So many units and a half, in whole smaller ones.
fn halves(whole: u32, unit: Unit) -> Option<Sym> {
    let (half, unit) = match unit {
        Unit::Second | Unit::Minute => (30, Unit::Second),
        Unit::Hour => (30, Unit::Minute),
        Unit::Day => (12, Unit::Hour),
        Unit::Week => (4, Unit::Day),
        Unit::Month => (15, Unit::Day),
        Unit::Year => (6, Unit::Month),
    };
    let per_unit = if unit == Unit::Day && half == 4 {
        7
    } else {
        half * 2
    };
    let count = whole.checked_mul(per_unit)?.checked_add(half)?;
    length(count, count, unit)
}

/// "1,5" hours in minutes.
fn half_hours(whole: u32, part: u32, unit: Unit) -> Option<u32> {
    let half = unit == Unit::Hour && part == 5;
    half.then(|| whole.checked_mul(60)?.checked_add(30))
        .flatten()
}

/// "1,5 часа".
fn fraction(whole: u32, part: u32, unit: Unit) -> Option<Sym> {
    match part {
        0 => length(whole, whole, unit),
        5 => halves(whole, unit),
        25 | 75 if unit == Unit::Hour => {
            let minutes = whole.checked_mul(60)? + part * 60 / 100;
            length(minutes, minutes, Unit::Minute)
        }
        _ => Some(Sym::role(Role::Amount)),
    }
}

/// Lengths added up, from now on or back.
fn shift(lengths: &[Length], sign: i32) -> Option<Shift> {
    let mut out = Shift::default();
    for length in lengths {
        let count = sign.checked_mul(i32::try_from(length.most).ok()?)?;
        let seconds = match length.unit {
            Unit::Second => 1,
            Unit::Minute => 60,
            Unit::Hour => 3600,
            Unit::Day => {
                out.days = out.days.checked_add(count)?;
                continue;
            }
            Unit::Week => {
                out.days = out.days.checked_add(count.checked_mul(7)?)?;
                continue;
            }
            Unit::Month => {
                out.months = out.months.checked_add(count)?;
                continue;
            }
            Unit::Year => {
                out.months = out.months.checked_add(count.checked_mul(12)?)?;
                continue;
            }
        };
        let more = i64::from(count).checked_mul(seconds)?;
        out.seconds = Some(out.seconds.unwrap_or(0).checked_add(more)?);
    }
    Some(out)
}

fn ahead(lengths: &[Length], sign: i32, about: bool) -> Option<Sym> {
    if let [length] = lengths
        && length.least < length.most
        && sign > 0
    {
        let point = |count| {
            let length = Length {
                least: count,
                most: count,
                ..*length
            };
            shift(&[length], 1).map(|shift| Date {
                shift: Some(shift),
                ..Date::default()
            })
        };
        let (from, until) = (point(length.least)?, point(length.most)?);
        return said(Expr {
            date: Some(Reach::Between { from, until }),
            ..Expr::default()
        });
    }
    shifted(shift(lengths, sign)?, about)
}

fn shifted(shift: Shift, about: bool) -> Option<Sym> {
    let mut expr = Expr::date(Date {
        shift: Some(shift),
        ..Date::default()
    });
    if about {
        expr.time = Some(Reach::At(Time {
            about,
            ..Time::default()
        }));
    }
    said(expr)
}
