//! Dates and times in what people write, Russian and English.
//!
//! A text goes through layers, each readable alone: words and marks with their places (`lex`,
//! `vocabulary`), four tables of rules of which the longest match wins (`pattern`, `rules`), features
//! that join in any order (`expr`, `join`), and the calendar (`resolve`, `clock`). [`read`] gives
//! both what is said where ([`Mention`]) and what the message wishes as a whole ([`Wish`]).
//!
//! Conventions, where people differ:
//!
//! * The future is meant unless the words say otherwise. A bare weekday, day of a month, date or
//!   time is the next one. A weekday named on that weekday is the one in a week, with a [`Doubt`].
//! * «Следующая среда» is the next Wednesday to come; when it comes this week, the doubt holds the
//!   one after. «На следующей неделе» runs from Monday to Sunday.
//! * An hour up to 12 without am, pm or part of the day is the one in which visits begin (8 to
//!   20 o'clock), with a doubt. "9:00" and "09:30" mean what they show.
//! * "15.02" is a date and "в 15.02" a time; "10-12" is a range and "18-00" a time. Days come before
//!   months: 03/04 is the third of April.
//! * "До пятницы" includes Friday. «К пяти» is five at the latest.
//! * What is no possible date spoils the time that stands at it: "15.13.2027 15:00" says nothing.

mod calendar;
mod clock;
mod expr;
mod forms;
mod join;
mod lex;
mod pattern;
mod resolve;
mod rules;
mod said;
mod symbol;
#[cfg(test)]
mod tests;
mod vocabulary;

use chrono::NaiveDateTime;
use serde::Serialize;

pub use said::{DayPart, Doubt, Length, Mention, Reach, Said, Unit, When, Wish};

use symbol::Sym;

/// What a text says about time.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Heard {
    /// Phrase by phrase, in the order of the text.
    pub mentions: Vec<Mention>,
    /// As a whole.
    pub wish: Wish,
}

/// Reads what a text says about time, seen from a moment of the firm's clock.
pub fn read(text: &str, now: NaiveDateTime) -> Heard {
    let pieces = lex::pieces(text);
    let pieces = rules::NUMBERS.reduce(&pieces);
    let pieces = rules::POINTS.reduce(&pieces);
    let pieces = rules::ATTACHED.reduce(&pieces);
    let pieces = rules::BOUNDS.reduce(&pieces);
    let pieces = join::neighbours(pieces);
    let pieces = rules::EXCEPTIONS.reduce(&pieces);
    let mentions: Vec<Mention> = pieces
        .iter()
        .filter_map(|piece| {
            let said = match &piece.sym {
                Sym::Expr(expr) if expr.is_now() => Said::Now,
                Sym::Expr(expr) if expr.except => Said::Except(resolve::when(expr, now)?),
                Sym::Expr(expr) => Said::When(resolve::when(expr, now)?),
                // Years are ages and experience.
                Sym::Length(length) if length.unit != Unit::Year => Said::Length(*length),
                _ => return None,
            };
            // A full stop belongs to the sentence, also after «мин.».
            let end = piece.start + text[piece.start..piece.end].trim_end_matches('.').len();
            Some(Mention {
                span: piece.start..end,
                said,
            })
        })
        .collect();
    let (wanted, except) = join::message(&join::phrases(&pieces));
    let all = |exprs: &[expr::Expr]| {
        exprs
            .iter()
            .filter_map(|expr| resolve::when(expr, now))
            .collect()
    };
    let length = mentions.iter().find_map(|mention| match mention.said {
        Said::Length(length) => Some(length),
        _ => None,
    });
    let wish = Wish {
        any_of: all(&wanted),
        except: all(&except),
        length,
    };
    Heard { mentions, wish }
}

/// The phrases of a text that speak of time.
pub fn mentions(text: &str, now: NaiveDateTime) -> Vec<Mention> {
    read(text, now).mentions
}
