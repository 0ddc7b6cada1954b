//! Ranges, open ends, and what is ruled out.

use super::super::expr::{Expr, Time};
use super::super::pattern::{Match, Rule};
use super::super::said::{DayPart, Reach};
use super::super::symbol::Sym;
use super::said;

pub(super) const BOUNDS: &[Rule] = &[
    // prepositions that change nothing
    ("in|inside|on|for|of? in|inside|on|for? the? expr", |m| {
        (m.has(0) || m.has(1) || m.has(2))
            .then(|| said(*m.expr(3)?))
            .flatten()
    }),
    ("portion of|the? of|the? expr", |m| {
        let mut expr = *m.expr(3)?;
        let Some(Reach::At(date)) = &mut expr.date else {
            return None;
        };
        (!date.is_named_day()).then_some(())?;
        date.portion = m.portion(0);
        said(expr)
    }),
    // ranges
    (
        "from|in|on|inside? the? expr -|until|up|to in|on? the? expr",
        |m| range(m, 2, 6),
    ),
    ("between expr and expr", |m| range(m, 1, 3)),
    ("from|between expr", |m| {
        let expr = m.expr(1)?;
        let range = matches!(expr.date, Some(Reach::Between { .. }))
            || matches!(expr.time, Some(Reach::Between { .. }));
        range.then(|| said(*expr)).flatten()
    }),
    // «перенесите с пятницы на субботу»
    ("from the? expr < on expr", |m| ruled_out(m, 2)),
    // open ends
    ("from|after from? the? expr", |m| {
        let after = m.is(0, super::super::symbol::Role::After) && !m.has(1);
        let expr = m.expr(3)?;
        if after {
            expr.reaching(Reach::After, Reach::After)
        } else {
            expr.reaching(Reach::From, Reach::From)
        }
        .and_then(said)
    }),
    ("until|before than? the? expr", |m| {
        m.expr(3)?
            .reaching(Reach::Before, Reach::Before)
            .and_then(said)
    }),
    ("about? by|to the? expr", |m| {
        let expr = m.expr(3)?;
        // «ближе к вечеру»
        if m.has(0) {
            return near(expr);
        }
        expr.reaching(Reach::By, Reach::By).and_then(said)
    }),
    ("not before than? in|on? expr", |m| {
        m.expr(4)?.reaching(Reach::From, Reach::From).and_then(said)
    }),
    ("not after than? in|on? expr", |m| {
        m.expr(4)?.reaching(Reach::By, Reach::By).and_then(said)
    }),
    // not exact
    ("in? about in|inside|on? the? expr", |m| near(m.expr(4)?)),
];

pub(super) const EXCEPTIONS: &[Rule] = &[
    ("except|not expr", |m| ruled_out(m, 1)),
    ("ruled and|or > expr", |m| ruled_out(m, 0)),
    ("not verb|cannot verb|cannot? expr", |m| {
        (m.is(1, super::super::symbol::Role::Cannot))
            .then(|| ruled_out(m, 3))
            .flatten()
    }),
    ("unable verb|cannot|work? expr", |m| ruled_out(m, 2)),
    ("expr unable", |m| ruled_out(m, 0)),
    ("busy expr", |m| ruled_out(m, 1)),
    ("expr busy", |m| ruled_out(m, 0)),
    ("expr not cannot|work", |m| ruled_out(m, 0)),
];

fn ruled_out(m: &Match<'_>, slot: usize) -> Option<Sym> {
    let mut expr = *m.expr(slot)?;
    expr.except = true;
    said(expr)
}

fn near(expr: &Expr) -> Option<Sym> {
    let mut expr = *expr;
    let about = Time {
        about: true,
        ..Time::default()
    };
    expr.time = Expr {
        time: expr.time,
        ..Expr::default()
    }
    .join(&Expr::time(about))?
    .time;
    said(expr)
}

/// From one point to another of the same kind; what only one of them says holds for both.
fn range(m: &Match<'_>, first: usize, last: usize) -> Option<Sym> {
    let (a, b) = (m.expr(first)?, m.expr(last)?);
    match (a.date, a.time, b.date, b.time) {
        (Some(Reach::At(from)), None, Some(Reach::At(until)), None) => {
            let (from, until) = (from.completed(until), until.completed(from));
            said(Expr {
                date: Some(Reach::Between { from, until }),
                ..Expr::default()
            })
        }
        (None, Some(Reach::At(from)), None, Some(Reach::At(until))) => {
            let from = Time {
                part: from.part.or(until.part.filter(|_| shares(from, until))),
                ..from
            };
            said(Expr {
                time: Some(Reach::Between { from, until }),
                ..Expr::default()
            })
        }
        _ => None,
    }
}

/// "с 5 до 7 вечера": the part of the day is meant for both.
fn shares(from: Time, until: Time) -> bool {
    let hour = |time: Time| time.clock.map(|clock| clock.hour % 12);
    until.part != Some(DayPart::Morning) && hour(from) < hour(until)
}
