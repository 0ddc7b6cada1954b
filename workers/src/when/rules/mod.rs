//! The grammar: four tables of rules, each over what the one before has made.

mod bounds;
mod clocks;
mod dates;
mod lengths;
mod numbers;

use std::sync::LazyLock;

use chrono::Weekday;

use super::expr::{Expr, Which};
#[cfg(test)]
use super::pattern::Rule;
use super::pattern::{Grammar, Match};
use super::said::{DayPart, Length, Unit};
use super::symbol::{Case, Portion, Role, Sym, Word};

/// Composed numbers, ordinals, and amounts of other things.
pub(super) static NUMBERS: LazyLock<Grammar> = LazyLock::new(|| Grammar::new([numbers::RULES]));
/// Dates, clock times, parts of the day, lengths.
pub(super) static POINTS: LazyLock<Grammar> =
    LazyLock::new(|| Grammar::new([clocks::POINTS, dates::POINTS, lengths::POINTS]));
/// What hangs on a point: "вечера", "назад", "ago".
pub(super) static ATTACHED: LazyLock<Grammar> =
    LazyLock::new(|| Grammar::new([clocks::ATTACHED, lengths::ATTACHED]));
/// Ranges and open ends.
pub(super) static BOUNDS: LazyLock<Grammar> = LazyLock::new(|| Grammar::new([bounds::BOUNDS]));
/// What is ruled out.
pub(super) static EXCEPTIONS: LazyLock<Grammar> =
    LazyLock::new(|| Grammar::new([bounds::EXCEPTIONS]));

/// Every rule there is.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    [
        numbers::RULES,
        clocks::POINTS,
        dates::POINTS,
        lengths::POINTS,
        clocks::ATTACHED,
        lengths::ATTACHED,
        bounds::BOUNDS,
        bounds::EXCEPTIONS,
    ]
    .into_iter()
    .flatten()
}

impl Match<'_> {
    fn word(&self, slot: usize) -> Option<Word> {
        match self.get(slot)? {
            Sym::Word(word) => Some(*word),
            _ => None,
        }
    }

    fn has(&self, slot: usize) -> bool {
        self.get(slot).is_some()
    }

    fn is(&self, slot: usize, role: Role) -> bool {
        self.get(slot).is_some_and(|sym| sym.roles().has(role))
    }

    /// The value of a number or an ordinal.
    fn num(&self, slot: usize) -> Option<u32> {
        match self.word(slot)? {
            Word::Num { value, .. } | Word::Ord { value, .. } => Some(value),
            _ => None,
        }
    }

    fn weekday(&self, slot: usize) -> Option<Weekday> {
        match self.word(slot)? {
            Word::Weekday(day, _) => Some(day),
            _ => None,
        }
    }

    fn month(&self, slot: usize) -> Option<u32> {
        match self.word(slot)? {
            Word::Month(month, _) => Some(month),
            _ => None,
        }
    }

    fn unit(&self, slot: usize) -> Option<Unit> {
        match self.word(slot)? {
            Word::Unit(unit, _) | Word::HalfUnit(unit) => Some(unit),
            _ => None,
        }
    }

    fn case(&self, slot: usize) -> Option<Case> {
        match self.word(slot)? {
            Word::Unit(_, case) => Some(case),
            _ => None,
        }
    }

    fn part(&self, slot: usize) -> Option<DayPart> {
        match self.word(slot)? {
            Word::Part(part) => Some(part),
            Word::Unit(Unit::Day, Case::Telling) => Some(DayPart::Afternoon),
            _ => None,
        }
    }

    fn portion(&self, slot: usize) -> Option<Portion> {
        match self.word(slot)? {
            Word::Portion(portion) => Some(portion),
            _ => None,
        }
    }

    /// Which one, and how many from this one.
    fn which(&self, slot: usize) -> Option<(Which, i32)> {
        match self.word(slot)? {
            Word::Which(Role::This, count) => Some((Which::This, count)),
            Word::Which(Role::Coming, count) => Some((Which::Coming, count)),
            Word::Which(Role::Last, count) => Some((Which::Last, count)),
            Word::Which(_, count) => Some((Which::Next, count)),
            _ => None,
        }
    }

    fn expr(&self, slot: usize) -> Option<&Expr> {
        match self.get(slot)? {
            Sym::Expr(expr) => Some(expr),
            _ => None,
        }
    }

    fn length(&self, slot: usize) -> Option<Length> {
        match self.get(slot)? {
            Sym::Length(length) => Some(*length),
            _ => None,
        }
    }
}

/// What a rule makes of a phrase that was read.
fn said(expr: impl Into<Option<Expr>>) -> Option<Sym> {
    expr.into().map(|expr| Sym::Expr(Box::new(expr)))
}
