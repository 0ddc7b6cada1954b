//! Days, weeks, months and years.

use chrono::NaiveDate;

use super::super::expr::{Counted, Date, Expr, Shift, Which};
use super::super::pattern::{Match, Rule};
use super::super::said::{DayPart, Reach, Unit};
use super::super::symbol::{Case, Role, Sym, Word};
use super::said;

pub(super) const POINTS: &[Rule] = &[
    // сегодня, послезавтра, tonight
    ("rel", |m| rel(m, 0, 0)),
    ("after rel", |m| {
        (rel_days(m, 1)? == 1).then(|| rel(m, 1, 1)).flatten()
    }),
    ("the? day after rel", |m| rel(m, 3, 1)),
    ("the? day before rel", |m| rel(m, 3, -1)),
    ("now", |_| {
        let time = super::super::expr::Time {
            now: true,
            ..Default::default()
        };
        said(Expr::time(time))
    }),
    // weekdays
    ("weekday ~.?", |m| {
        (!m.is(0, Role::Unsure))
            .then(|| weekday(m, 0, None))
            .flatten()
    }),
    ("in|on|by|after|until|-|or|and|from|expr > unsure", |m| {
        weekday(m, 0, None)
    }),
    ("!the > unsure < end|stop|,|.|part|num|in|or|and|-", |m| {
        weekday(m, 0, None)
    }),
    ("this|next|last|coming|that ~.? coming? weekday ~.?", |m| {
        let which = if m.has(2) {
            Which::Coming
        } else {
            m.which(0)?.0
        };
        weekday(m, 3, Some(which))
    }),
    ("any weekday", |m| weekday(m, 1, None)),
    ("weekday this|next|last|that week", |m| {
        let mut date = Date {
            weekday: m.weekday(0),
            ..Date::default()
        };
        date.week = Some(m.which(1)?.1);
        said(Expr::date(date))
    }),
    // weeks, weekends, working days
    ("this|next|last|that|coming ~.? week", |m| week(m.which(0)?)),
    ("on week", |m| {
        (m.case(1)? == Case::Telling)
            .then(|| week((Which::This, 0)))
            .flatten()
    }),
    ("this|next|last|that|coming? ~.? weekend", |m| {
        let which = m.which(0).map(|(which, _)| which);
        said(Expr::date(Date {
            weekend: true,
            which,
            ..Date::default()
        }))
    }),
    ("workdays day?", |_| {
        said(Expr::date(Date {
            workdays: true,
            ..Date::default()
        }))
    }),
    ("any day", |_| {
        said(Expr::date(Date {
            any: true,
            ..Date::default()
        }))
    }),
    // day and month
    ("d|ord ~.? ~-|of|the? month ~.?", |m| {
        day_month(m, 0, 3, None)
    }),
    ("d|ord ~.? ~-|of|the? month ~.|~-|,? yyyy year? ~.?", |m| {
        day_month(m, 0, 3, m.num(5))
    }),
    ("d|ord ~.? ~-|of|the? month ~.|~-|,? 00 year? ~.?", |m| {
        let sure = m.has(6) || m.num(5)? > 31;
        let year = i32::try_from(m.num(5)?).ok().map(full_year);
        sure.then(|| day_month(m, 0, 3, year.and_then(|year| u32::try_from(year).ok())))
            .flatten()
    }),
    ("num month ~.? yyyy? year?", |m| {
        let broken = day_month(m, 0, 1, None)? == Sym::role(Role::Broken);
        broken.then(|| Sym::role(Role::Broken))
    }),
    (
        "month ~.? the? d|ord < !~:|~.|~-|unit|things|month|ampm|amount|part",
        |m| day_month(m, 3, 0, None),
    ),
    (
        "month the? d|ord < end|stop|.|in|on|by|from|after|until|weekday|rel|part",
        |m| day_month(m, 2, 0, None),
    ),
    ("month the? d|ord ,? yyyy", |m| day_month(m, 2, 0, m.num(4))),
    ("d|ord < ,|and|or d|ord month", |m| day_month(m, 0, 3, None)),
    ("d|ord < , d|ord ,|and|or d|ord month", |m| {
        day_month(m, 0, 5, None)
    }),
    ("d|ord < and|or|, d|ord date-word", |m| day(m.num(0)?)),
    // a day of a month that is counted
    ("d|ord date-word? of? this|next|last|that months", |m| {
        month_from_now(m.which(3)?.1, m.num(0))
    }),
    ("this|next|last|that|coming ~.? months", |m| {
        month_from_now(m.which(0)?.1, None)
    }),
    ("this|next|last|coming month", |m| {
        let month = m.month(1).map(Counted::Named);
        said(Expr::date(Date {
            month,
            ..Date::default()
        }))
    }),
    // a month alone
    ("month ~.? ~-? yyyy year? ~.?", |m| month(m, m.num(3))),
    ("month", |m| {
        (!m.is(0, Role::Unsure)).then(|| month(m, None)).flatten()
    }),
    ("in|inside|until|after|portion|of|- > month < !num", |m| {
        month(m, None)
    }),
    // the last Monday of a month, the last day of a month
    ("ord|last weekday|day of? the? month yyyy? year?", |m| {
        let mut date = nth(m)?;
        date.month = m.month(4).map(Counted::Named);
        date.year = named_year(m.num(5));
        said(Expr::date(date))
    }),
    (
        "ord|last weekday|day of? this|next|last|that? months",
        |m| {
            let mut date = nth(m)?;
            let count = m.which(3).map_or(0, |(_, count)| count);
            date.month = Some(Counted::FromNow(count));
            said(Expr::date(date))
        },
    ),
    // a day alone
    ("the? 1st < !things|unit|№|half|other", |m| day(m.num(1)?)),
    ("the 1st", |m| day(m.num(1)?)),
    ("1st date-word?", |m| {
        (m.has(1)).then(|| day(m.num(0)?)).flatten()
    }),
    (
        "in|on|by|from|after|until|or|and|not|expr|end > 1st < !things|unit|№|half",
        |m| day(m.num(0)?),
    ),
    (
        "nth < end|stop|,|.|in|on|by|from|after|until|or|and|verb|cannot|part|num|date-word|up|-|for|not|only|weekday|that",
        |m| day(m.num(0)?),
    ),
    (
        "on the ord < end|stop|,|.|in|by|from|after|or|and|inside|verb",
        |m| day(m.num(2)?),
    ),
    ("d|ord date-word", |m| day(m.num(0)?)),
    ("date-word d|ord -|up d|ord", |m| days(m, 1, 3, None, None)),
    ("date-word d|1st < !~:", |m| day(m.num(1)?)),
    // ranges of days of one month: с 10 по 15 августа, 14.-15.10.
    ("d|ord ~.? -|up|until|to d|ord ~.? of|the? month ~.?", |m| {
        days(m, 0, 3, m.month(6), None)
    }),
    (
        "d|ord ~.? -|up|until|to d|ord ~.? of|the? month ~.? yyyy year? ~.?",
        |m| days(m, 0, 3, m.month(6), m.num(8)),
    ),
    ("month d|ord -|to d|ord < !~:", |m| {
        days(m, 1, 3, m.month(0), None)
    }),
    ("d ~.? -|/ d ~. ~00 ~.?", |m| days(m, 0, 3, m.num(5), None)),
    ("d ~.? -|/ d ~. ~00 ~. ~yyyy|00 year? ~.?", |m| {
        let year = i32::try_from(m.num(7)?).ok().map(full_year)?;
        days(m, 0, 3, m.num(5), u32::try_from(year).ok())
    }),
    ("d|ord -|up|until|to d|ord date-word", |m| {
        days(m, 0, 2, None, None)
    }),
    ("from > d up d < !things|unit|month|~.|~:", |m| {
        days(m, 0, 2, None, None)
    }),
    // numeric dates
    ("num ~. ~num ~. ~yyyy year? ~.?", |m| {
        numeric(m, 0, 2, Some(4))
    }),
    ("d ~. ~00 ~. ~00 year? ~.?", |m| numeric(m, 0, 2, Some(4))),
    ("d ~. ~00 ~.? < !~num|things|unit|amount|~:", |m| {
        numeric(m, 0, 2, None)
    }),
    (
        "by|until|from|after|on|weekday|date > d ~. ~m ~.? < !~num|things|unit|amount|~:",
        |m| numeric(m, 0, 2, None),
    ),
    ("num ~/ ~num ~/ ~yyyy", |m| numeric(m, 0, 2, Some(4))),
    ("00 ~/ ~00 < !~/|things", |m| {
        (m.num(0)? != m.num(2)?)
            .then(|| numeric(m, 0, 2, None))
            .flatten()
    }),
    ("m ~/ ~d < !~/|things", |m| {
        (m.num(2)? > 12).then(|| numeric(m, 2, 0, None)).flatten()
    }),
    ("m ~/ ~d ~/ ~yyyy", |m| {
        (m.num(2)? > 12)
            .then(|| numeric(m, 2, 0, Some(4)))
            .flatten()
    }),
    ("num ~- ~num ~- ~yyyy", |m| numeric(m, 0, 2, Some(4))),
    ("yyyy ~-|~. ~num ~-|~. ~num", |m| numeric(m, 4, 2, Some(0))),
    // holidays and years
    ("new year", |_| day_of(1, 1)),
    ("new year ~'? ~other?", |_| day_of(1, 1)),
    ("holiday", |m| match m.word(0)? {
        Word::Holiday(month, day) => day_of(day, month),
        _ => None,
    }),
    ("season yyyy? year?", |m| {
        let Word::Season(month) = m.word(0)? else {
            return None;
        };
        let year = named_year(m.num(1));
        said(Expr::date(Date {
            season: Some(month),
            year,
            ..Date::default()
        }))
    }),
    ("yyyy year", |m| {
        let year = i32::try_from(m.num(0)?).ok().map(Counted::Named);
        said(Expr::date(Date {
            year,
            ..Date::default()
        }))
    }),
    ("this|next|last year", |m| {
        let year = Some(Counted::FromNow(m.which(0)?.1));
        said(Expr::date(Date {
            year,
            ..Date::default()
        }))
    }),
    // the beginning, the middle, the end of a period
    ("portion of? the? week|months|year", |m| {
        let mut date = Date {
            portion: m.portion(0),
            ..Date::default()
        };
        match m.unit(3)? {
            Unit::Week => date.week = Some(0),
            Unit::Month => date.month = Some(Counted::FromNow(0)),
            _ => date.year = Some(Counted::FromNow(0)),
        }
        said(Expr::date(date))
    }),
];

fn rel_days(m: &Match<'_>, slot: usize) -> Option<i32> {
    match m.word(slot)? {
        Word::Rel(days) => i32::try_from(days).ok(),
        Word::Tonight => Some(0),
        _ => None,
    }
}

fn rel(m: &Match<'_>, slot: usize, more: i32) -> Option<Sym> {
    let shift = Shift {
        days: rel_days(m, slot)? + more,
        ..Shift::default()
    };
    let mut expr = Expr::date(Date {
        shift: Some(shift),
        ..Date::default()
    });
    if m.word(slot)? == Word::Tonight {
        expr.time = Expr::part(DayPart::Evening).time;
    }
    said(expr)
}

/// Which of the days of a month, or of those with a name.
fn nth(m: &Match<'_>) -> Option<Date> {
    let nth = match m.num(0) {
        Some(count) if count <= 31 => i32::try_from(count).ok(),
        Some(_) => None,
        None => Some(-1),
    };
    Some(Date {
        nth: Some(nth?),
        weekday: m.weekday(1),
        ..Date::default()
    })
}

fn weekday(m: &Match<'_>, slot: usize, which: Option<Which>) -> Option<Sym> {
    let weekday = Some(m.weekday(slot)?);
    said(Expr::date(Date {
        weekday,
        which,
        ..Date::default()
    }))
}

fn week((which, count): (Which, i32)) -> Option<Sym> {
    let week = Some(if which == Which::Coming { 0 } else { count });
    said(Expr::date(Date {
        week,
        ..Date::default()
    }))
}

fn month(m: &Match<'_>, year: Option<u32>) -> Option<Sym> {
    let month = Some(Counted::Named(m.month(0)?));
    said(Expr::date(Date {
        month,
        year: named_year(year),
        ..Date::default()
    }))
}

fn month_from_now(count: i32, day: Option<u32>) -> Option<Sym> {
    let month = Some(Counted::FromNow(count));
    said(Expr::date(Date {
        day,
        month,
        ..Date::default()
    }))
}

fn named_year(year: Option<u32>) -> Option<Counted<i32>> {
    year.and_then(|year| i32::try_from(year).ok())
        .map(Counted::Named)
}

fn day(day: u32) -> Option<Sym> {
    let date = Date {
        day: Some(day),
        ..Date::default()
    };
    (1..=31)
        .contains(&day)
        .then(|| said(Expr::date(date)))
        .flatten()
}

fn day_of(day: u32, month: u32) -> Option<Sym> {
    dated(day, month, None)
}

/// A day of a month, or what spoils its surroundings because there is no such day.
fn dated(day: u32, month: u32, year: Option<u32>) -> Option<Sym> {
    let date = of(day, month, year);
    date.map_or_else(
        || Some(Sym::role(Role::Broken)),
        |date| said(Expr::date(date)),
    )
}

fn of(day: u32, month: u32, year: Option<u32>) -> Option<Date> {
    // Without a year, the 29th of February has to be possible.
    let some_year = year
        .and_then(|year| i32::try_from(year).ok())
        .unwrap_or(2028);
    NaiveDate::from_ymd_opt(some_year, month, day).map(|_| Date {
        day: Some(day),
        month: Some(Counted::Named(month)),
        year: named_year(year),
        ..Date::default()
    })
}

fn day_month(m: &Match<'_>, day: usize, month: usize, year: Option<u32>) -> Option<Sym> {
    dated(m.num(day)?, m.month(month)?, year)
}

fn days(
    m: &Match<'_>,
    first: usize,
    last: usize,
    month: Option<u32>,
    year: Option<u32>,
) -> Option<Sym> {
    let point = |slot: usize| match month {
        Some(month) => of(m.num(slot)?, month, year),
        None => Some(Date {
            day: m.num(slot),
            ..Date::default()
        }),
    };
    let (from, until) = (point(first)?, point(last)?);
    (from.day < until.day)
        .then(|| {
            said(Expr {
                date: Some(Reach::Between { from, until }),
                ..Expr::default()
            })
        })
        .flatten()
}

fn full_year(year: i32) -> i32 {
    match year {
        0..=49 => 2000 + year,
        50..=99 => 1900 + year,
        _ => year,
    }
}

fn numeric(m: &Match<'_>, day: usize, month: usize, year: Option<usize>) -> Option<Sym> {
    let (day, month) = (m.num(day)?, m.num(month)?);
    let Some(year) = year else {
        // Two numbers that are no date are something else: a price, a size.
        return of(day, month, None).and_then(|date| said(Expr::date(date)));
    };
    let year = u32::try_from(full_year(i32::try_from(m.num(year)?).ok()?)).ok();
    dated(day, month, year)
}
