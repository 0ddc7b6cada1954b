//! Numbers of several words, ordinals in digits, and what is counted that is no time.

use super::super::pattern::{Match, Rule};
use super::super::symbol::{Form, Role, Sym, Word};

pub(super) const RULES: &[Rule] = &[
    // greetings and wishes speak of no time of day
    ("good other|verb? part|day", |_| {
        Some(Sym::role(Role::Other))
    }),
    // «двадцать пять», «двадцать пятого», "twenty-first"
    ("!without > spelled ~-? spelled", |m| {
        sum(m).map(|value| Sym::Word(Word::Num { value, digits: 0 }))
    }),
    ("spelled ~-? ord", |m| {
        let Word::Ord { form, .. } = m.word(2)? else {
            return None;
        };
        sum(m).map(|value| Sym::Word(Word::Ord { value, form }))
    }),
    // "5-го", "24го", "3rd"; "5-й" is hardly a date
    ("d ~-? ~th", |m| digit_ordinal(m, Form::Digits)),
    // "5-ти", "2-х"
    ("num ~-? ~cardinal", |m| m.get(0).cloned()),
    ("d ~-? ~ending", |m| digit_ordinal(m, Form::Plain)),
    // "5 го"
    ("d th < month|end|.|,|stop|in|on", |m| {
        digit_ordinal(m, Form::Digits)
    }),
    ("letter-a|letter-p ~.? letter-m ~.?", |m| {
        let pm = m.is(0, Role::LetterP);
        Some(Sym::Word(Word::Pm(pm)))
    }),
    // «половина восьмого», «пол-восьмого», «пол 8»
    ("half ~-? ord", half_to),
    ("half ~-? ~h", half_to),
    ("half h < !:|.|things|unit", half_to),
    // amounts: "5 человек", "1 500 ₽", "2-3 сеанса", "25%", "17б", "18+", "5к", "дом 5"
    ("num things", AMOUNT),
    ("num num things", AMOUNT),
    ("num ~.|~, ~num things", AMOUNT),
    ("from? num -|until|to|or|up num things", AMOUNT),
    ("num ~-? ~other", AMOUNT),
    ("num ~+", AMOUNT),
    ("num ~by", AMOUNT),
    ("things ~num < !month", AMOUNT),
    ("№ num < !month|~:", AMOUNT),
    ("num ~, ~num < !unit|month|~:|-", AMOUNT),
];

/// Something is counted that is no time.
const AMOUNT: fn(&Match<'_>) -> Option<Sym> = |_| Some(Sym::role(Role::Amount));

/// Twenty and five.
fn sum(m: &Match<'_>) -> Option<u32> {
    let (tens, ones) = (m.num(0)?, m.num(2)?);
    (tens % 10 == 0 && (20..100).contains(&tens) && (1..10).contains(&ones)).then_some(tens + ones)
}

fn digit_ordinal(m: &Match<'_>, form: Form) -> Option<Sym> {
    let value = m.num(0)?;
    Some(Sym::Word(Word::Ord { value, form }))
}

fn half_to(m: &Match<'_>) -> Option<Sym> {
    let last = if m.has(2) { 2 } else { 1 };
    let hour = m.num(last).filter(|hour| (1..=12).contains(hour))?;
    Some(Sym::Word(Word::HalfTo(hour)))
}
