//! From phrases to what a message says as a whole.
//!
//! Phrases that stand side by side are one mention. Over the whole message, a day and a time that stand
//! apart belong together, "или" and commas make alternatives, and what one alternative leaves open
//! another one fills: "в пятницу или в субботу после шести".

use super::expr::Expr;
use super::said::Reach;
use super::symbol::{Piece, Role, Sym};

/// A phrase with its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phrase {
    pub(super) expr: Expr,
    /// How it follows the phrase before.
    link: Link,
}

/// What stands between two phrases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// Only "или", "и" or a comma.
    List,
    /// Words that take back what was said: "нет", "точнее".
    Change,
    /// Other words.
    Far,
}

/// The pieces, with neighbours joined that say something about one time, and without those that
/// stand at something impossible ("15.13.2027 15:00").
pub(super) fn neighbours(pieces: Vec<Piece>) -> Vec<Piece> {
    // What stands closer binds first: "10:00–21:00, 31 декабря 10:00–16:00".
    joined(joined(pieces, false), true)
}

fn joined(pieces: Vec<Piece>, over_marks: bool) -> Vec<Piece> {
    let is_mark = |piece: &Piece| piece.roles.has(Role::Comma) || piece.roles.has(Role::Open);
    let mut out: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let mark = over_marks && out.last().is_some_and(is_mark);
        let before = out.len().checked_sub(if mark { 2 } else { 1 });
        let Some(last) = before.map(|at| &mut out[at]) else {
            out.push(piece);
            continue;
        };
        let Some(sym) = one(last, &piece) else {
            out.push(piece);
            continue;
        };
        last.roles = sym.roles();
        last.sym = sym;
        last.end = piece.end;
        if mark {
            out.pop();
        }
    }
    out
}

/// Two neighbours as one, if they are.
fn one(before: &Piece, after: &Piece) -> Option<Sym> {
    let broken = |piece: &Piece| piece.roles.has(Role::Broken);
    match (&before.sym, &after.sym) {
        (Sym::Expr(first), Sym::Expr(second)) => {
            side_by_side(first, second).map(|joined| Sym::Expr(Box::new(joined)))
        }
        (Sym::Expr(_), _) if broken(after) => Some(after.sym.clone()),
        (_, Sym::Expr(_)) if broken(before) => Some(before.sym.clone()),
        _ => None,
    }
}

fn side_by_side(a: &Expr, b: &Expr) -> Option<Expr> {
    (!a.except && !b.except).then(|| a.join(b)).flatten()
}

/// The phrases of a message in their order.
pub(super) fn phrases(pieces: &[Piece]) -> Vec<Phrase> {
    let mut out = Vec::new();
    let mut link = Link::Far;
    let mut between = 0;
    for piece in pieces {
        if let Sym::Expr(expr) = &piece.sym
            && !expr.is_now()
        {
            out.push(Phrase {
                expr: **expr,
                link: if between == 0 && link == Link::Far {
                    Link::List
                } else {
                    link
                },
            });
            link = Link::List;
            between = 0;
            continue;
        }
        between += 1;
        let list = [
            Role::Or,
            Role::And,
            Role::Comma,
            Role::In,
            Role::On,
            Role::Slash,
        ];
        if piece.roles.has(Role::Change) {
            link = Link::Change;
        } else if link == Link::List && !list.iter().any(|role| piece.roles.has(*role)) {
            link = Link::Far;
        }
    }
    out
}

/// The alternatives and what is ruled out.
pub(super) fn message(phrases: &[Phrase]) -> (Vec<Expr>, Vec<Expr>) {
    let mut wanted: Vec<Expr> = Vec::new();
    let mut except: Vec<Expr> = Vec::new();
    // Where the list begins to which the last alternative belongs.
    let mut list = 0;
    for phrase in phrases {
        let expr = phrase.expr;
        if expr.except {
            except.push(in_frame(&expr, &wanted));
            continue;
        }
        let Some(before) = wanted.last().copied() else {
            wanted.push(expr);
            continue;
        };
        let same = is_same_kind(&before, &expr);
        if phrase.link == Link::Change && same {
            if let Some(last) = wanted.last_mut() {
                *last = Expr {
                    date: expr.date.or(last.date),
                    time: expr.time.or(last.time),
                    except: false,
                };
            }
            continue;
        }
        if phrase.link == Link::List && same {
            // «в среду или четверг, утром или вечером»: every day with every time.
            let days = wanted[list..]
                .iter()
                .filter(|one| expr.date.is_none() && one.time == before.time);
            let others: Vec<Expr> = days.map(|one| beside(&expr, one)).collect();
            if others.len() > 1 {
                wanted.extend(others);
            } else {
                wanted.push(beside(&expr, &before));
                complete(&mut wanted[list..]);
            }
            continue;
        }
        // A day and a time, or a day and its week, said apart.
        let joined: Option<Vec<Expr>> =
            wanted[list..].iter().map(|one| apart(one, &expr)).collect();
        if let Some(joined) = joined {
            wanted.truncate(list);
            wanted.extend(joined);
            continue;
        }
        list = wanted.len();
        wanted.push(beside(&expr, &before));
    }
    (wanted, except)
}

/// Whether two phrases speak of the same thing, so that both are alternatives.
fn is_same_kind(a: &Expr, b: &Expr) -> bool {
    (a.date.is_some() && b.date.is_some() || a.time.is_some() && b.time.is_some())
        && apart(a, b).is_none()
}

/// Two phrases of a message as one, if they complete each other.
fn apart(a: &Expr, b: &Expr) -> Option<Expr> {
    let frame = match (a.date, b.date) {
        (Some(Reach::At(a)), Some(b)) if a.is_frame() => named(b),
        (Some(a), Some(Reach::At(b))) if b.is_frame() => named(a),
        (Some(_), Some(_)) => false,
        _ => true,
    };
    let times = match (a.time, b.time) {
        (Some(Reach::At(a)), Some(Reach::At(b))) => (a.clock.is_none()) != (b.clock.is_none()),
        (Some(Reach::At(part)), Some(Reach::Between { .. }))
        | (Some(Reach::Between { .. }), Some(Reach::At(part))) => part.clock.is_none(),
        (Some(Reach::From(_) | Reach::After(_)), Some(Reach::Before(_) | Reach::By(_))) => true,
        (Some(_), Some(_)) => false,
        _ => true,
    };
    (frame && times).then(|| a.join(b)).flatten()
}

fn named(reach: Reach<super::expr::Date>) -> bool {
    let ends = [reach.start(), reach.end()];
    ends.into_iter()
        .flatten()
        .all(super::expr::Date::is_named_day)
}

/// An alternative beside another: a bare time is on the same day.
fn beside(expr: &Expr, last: &Expr) -> Expr {
    let mut out = *expr;
    match (&mut out.date, last.date) {
        (None, date) => out.date = date,
        (Some(Reach::At(date)), Some(Reach::At(before))) => *date = date.completed(before),
        _ => {}
    }
    out
}

/// Alternatives of one list, completed by the last of them: "15-го или 16-го марта после шести".
fn complete(alternatives: &mut [Expr]) {
    let Some((last, others)) = alternatives.split_last_mut() else {
        return;
    };
    for one in others.iter_mut() {
        if let (Some(Reach::At(date)), Some(Reach::At(after))) = (&mut one.date, last.date) {
            *date = date.completed(after);
        }
        if one.date.is_some() && one.time.is_none() {
            one.time = last.time;
        }
        // «в 9 или в 10 вечера»
        if let (Some(Reach::At(time)), Some(Reach::At(after))) = (&mut one.time, last.time)
            && time.clock.is_some()
            && time.part.is_none()
        {
            time.part = after.part;
        }
    }
    if let Some(first) = others.first() {
        last.time = last.time.or(first.time);
    }
}

/// What is ruled out belongs to the period that was asked for: "на следующей неделе, кроме среды".
fn in_frame(expr: &Expr, wanted: &[Expr]) -> Expr {
    let mut frames = wanted
        .iter()
        .rev()
        .filter_map(|one| match (one.date, expr.date) {
            (Some(Reach::At(frame)), Some(Reach::At(date)))
                if frame.is_frame() && date.is_named_day() =>
            {
                date.join(super::expr::Date {
                    portion: None,
                    ..frame
                })
            }
            _ => None,
        });
    match frames.next() {
        Some(date) => Expr {
            date: Some(Reach::At(date)),
            ..*expr
        },
        None => *expr,
    }
}
