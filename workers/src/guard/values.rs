//! What a text claims: amounts, times, dates, durations, phones, links, as values that can be compared
//! however they are written.

use std::ops::Range;

use super::lexer::{DASHES, Token, What, tokens};
use super::units::{Unit, month, relative, unit, weekdays};

/// A value that a text states.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claim {
    pub(super) span: Range<usize>,
    /// What it may mean; one of these has to be known.
    pub(super) meanings: Vec<Value>,
    pub(super) bound: Bound,
    /// Whether it is one end of a range whose both ends are told.
    pub(super) paired: bool,
    /// How many minutes its unit has, if it is a duration.
    minutes: i64,
    /// The stem of what an amount is taken for: "a nail", "an hour".
    pub(super) each: Option<String>,
}

impl Claim {
    /// Tells what its bare number counts.
    fn counts(&mut self, value: Value) {
        self.meanings
            .retain(|meant| !matches!(meant, Value::Number(_)));
        self.meanings.insert(0, value);
    }

    /// How many weeks or hours it counts, in thousandths, if it is a duration.
    pub(super) fn counted(&self) -> Option<i64> {
        match self.meanings.first()? {
            Value::Duration(total) if self.minutes > 60 => {
                total.checked_mul(1000)?.checked_div(self.minutes)
            }
            _ => None,
        }
    }
}

/// How a number is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// So much.
    Exactly,
    /// So much, and it is said that not more and not less.
    Just,
    /// So much or more.
    From,
    /// So much or less.
    UpTo,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// In thousandths of a rouble.
    Money(i64),
    /// In thousandths of a percent.
    Percent(i64),
    /// Minutes after midnight.
    Clock(u32),
    /// Minutes.
    Duration(i64),
    /// In thousandths, of something: the stem of its unit.
    Counted(i64, &'static str),
    /// In thousandths, of nobody knows what.
    Number(i64),
    /// The third, the fifth.
    Ordinal(u32),
    /// A number with a letter, of a house.
    House(String),
    /// A figure that is no plain digit: ½, ５.
    Figure(char),
    /// Day and month.
    Date(u32, u32),
    /// A day of the week, from 0 for Monday.
    Weekday(u32),
    /// A day told from today.
    Relative(&'static str),
    /// Digits of a phone or card.
    Phone(String),
    /// A link, an address of mail, a name with `@`.
    Link(String),
}

/// Everything that a text states as a value, in order.
pub(super) fn claims(text: &str) -> Vec<Claim> {
    let mut reader = Reader {
        text,
        tokens: tokens(text),
        claims: Vec::new(),
    };
    let mut at = 0;
    while at < reader.tokens.len() {
        at = reader.step(at);
    }
    reader.share_units();
    reader.claims
}

/// Reads the values of a text.
pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    pub(super) tokens: Vec<Token>,
    claims: Vec<Claim>,
}

impl Reader<'_> {
    /// Reads what begins at a token; returns where to go on.
    fn step(&mut self, at: usize) -> usize {
        for rule in [
            Self::link,
            Self::phone,
            Self::day,
            Self::house,
            Self::number,
            Self::lone_unit,
            Self::ordinal,
        ] {
            if let Some(next) = rule(self, at) {
                return next;
            }
        }
        at + 1
    }

    pub(super) fn word(&self, at: usize) -> Option<&str> {
        self.tokens.get(at)?.word()
    }

    pub(super) fn previous(&self, at: usize) -> Option<&str> {
        self.word(at.checked_sub(1)?)
    }

    pub(super) fn claim(&mut self, from: usize, next: usize, meanings: Vec<Value>, bound: Bound) {
        let span = self.tokens[from].span.start..self.tokens[next - 1].span.end;
        let minutes = self.tokens[from..next]
            .iter()
            .filter_map(Token::word)
            .find_map(|word| match unit(word)? {
                Unit::Lasting(minutes) => Some(minutes),
                _ => None,
            });
        let money = meanings
            .iter()
            .any(|value| matches!(value, Value::Money(_)));
        self.claims.push(Claim {
            span,
            meanings,
            bound,
            paired: false,
            minutes: minutes.unwrap_or(1),
            each: money.then(|| self.each(next)).flatten(),
        });
    }

    /// A run without spaces that has an `@`, `://`, `www.`, or ends like the name of a site.
    fn link(&mut self, at: usize) -> Option<usize> {
        let start = self.tokens[at].span.start;
        if !self.tokens[at].apart
            && at > 0
            && !self.tokens[at - 1].is_sign(&['(', '«', '"', '[', '<'])
        {
            return None;
        }
        let run = self.text[start..]
            .split(|c: char| c.is_whitespace())
            .next()?;
        let run = run.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '/');
        let bare = run
            .trim_start_matches("https://")
            .trim_start_matches("http://");
        let host = bare.split('/').next()?;
        let ending = host.rsplit_once('.').map(|(_, ending)| ending);
        let like_site = ending.is_some_and(|ending| {
            ending.chars().count() >= 2
                && ending.chars().all(char::is_alphabetic)
                && (ending.is_ascii() || ending == "рф")
                && host.chars().next().is_some_and(char::is_alphanumeric)
        }) && (host.is_ascii() || ending == Some("рф"));
        if !(run.contains('@') && run.len() > 1 || bare.len() < run.len() || like_site) {
            return None;
        }
        let end = start + run.len();
        let next = (at..self.tokens.len())
            .find(|n| self.tokens[*n].span.start >= end)
            .unwrap_or(self.tokens.len());
        let link = bare
            .trim_start_matches("www.")
            .trim_end_matches('/')
            .to_lowercase();
        self.claim(
            at,
            next.max(at + 1),
            vec![Value::Link(link)],
            Bound::Exactly,
        );
        Some(next.max(at + 1))
    }

    /// Seven digits or more with nothing but the marks of a phone between them.
    fn phone(&mut self, at: usize) -> Option<usize> {
        let start = self.tokens[at].span.start;
        let begins =
            self.text[start..].starts_with(|c: char| c.is_ascii_digit() || c == '+' || c == '(');
        if !begins {
            return None;
        }
        let mut digits = String::new();
        let (mut end, mut gap) = (start, 0);
        for (offset, c) in self.text[start..].char_indices() {
            if c.is_ascii_digit() {
                digits.push(c);
                end = start + offset + 1;
                gap = 0;
            } else if gap < 2 && matches!(c, ' ' | '-' | '–' | '(' | ')' | '+' | '\u{a0}') {
                gap += 1;
            } else {
                break;
            }
        }
        // Thousands are written with spaces too, but nothing costs ten million.
        let amount = self.text[start..end]
            .chars()
            .all(|c| c.is_ascii_digit() || c == ' ' || c == '\u{a0}');
        if digits.len() < if amount { 9 } else { 7 }
            || digits.len() > 20
            || is_range(&self.text[start..end])
        {
            return None;
        }
        let next = (at..self.tokens.len())
            .find(|n| self.tokens[*n].span.start >= end)
            .unwrap_or(self.tokens.len());
        let abroad = self.text[start..].starts_with('+') && !digits.starts_with('7');
        let number = if abroad {
            format!("+{digits}")
        } else {
            national(&digits)
        };
        self.claim(
            at,
            next.max(at + 1),
            vec![Value::Phone(number)],
            Bound::Exactly,
        );
        Some(next.max(at + 1))
    }

    /// A weekday, a day told from today, a day with its month.
    fn day(&mut self, at: usize) -> Option<usize> {
        if let Some(word) = self.word(at) {
            let word = word.to_owned();
            let every = match word.as_str() {
                "каждый" | "любой" => self.word(at + 1) == Some("день"),
                "every" | "any" => self.word(at + 1) == Some("day"),
                "без" => matches!(self.word(at + 1), Some("выходных")),
                _ => false,
            };
            if every {
                for day in 0..7 {
                    self.claim(at, at + 2, vec![Value::Weekday(day)], Bound::Exactly);
                }
                return Some(at + 2);
            }
            if let Some(days) = weekdays(&word) {
                return Some(self.weekday(at, days));
            }
            let relative = relative(&word)?;
            self.claim(at, at + 1, vec![Value::Relative(relative)], Bound::Exactly);
            return Some(at + 1);
        }
        if let What::Date(day, month) = self.tokens[at].what {
            let mut meanings = vec![Value::Date(day, month)];
            if day < 24 && month < 60 {
                meanings.push(Value::Clock(day * 60 + month));
            }
            self.claim(at, at + 1, meanings, Bound::Exactly);
            return Some(at + 1);
        }
        // "15 мая", "15-го мая"
        let What::Number { milli, .. } = self.tokens[at].what else {
            return None;
        };
        let day = u32::try_from(milli / 1000)
            .ok()
            .filter(|day| (1..=31).contains(day))?;
        let mut next = at + 1;
        while self
            .tokens
            .get(next)
            .is_some_and(|token| token.is_sign(&DASHES))
            || self.word(next).is_some_and(|word| {
                matches!(word, "го" | "е" | "ое" | "ого" | "th" | "st" | "nd" | "rd")
            })
        {
            next += 1;
        }
        let month = self.word(next).and_then(month)?;
        self.claim(at, next + 1, vec![Value::Date(day, month)], Bound::Exactly);
        Some(next + 1)
    }

    /// One weekday, or a range of them: "пн–пт".
    fn weekday(&mut self, at: usize, days: &'static [u32]) -> usize {
        let mut next = at + 1;
        while self
            .tokens
            .get(next)
            .is_some_and(|token| token.is_sign(&['.']))
        {
            next += 1;
        }
        let joined = self
            .tokens
            .get(next)
            .is_some_and(|token| token.is_sign(&DASHES) || token.word() == Some("по"));
        let last = self.word(next + 1).and_then(weekdays);
        if let (true, [first], Some([last])) = (joined, days, last) {
            let (first, last) = (*first, *last);
            let mut day = first;
            loop {
                self.claim(at, next + 2, vec![Value::Weekday(day)], Bound::Exactly);
                if day == last {
                    break;
                }
                day = (day + 1) % 7;
            }
            return next + 2;
        }
        for day in days {
            self.claim(at, at + 1, vec![Value::Weekday(*day)], Bound::Exactly);
        }
        at + 1
    }

    /// "2400–3600 ₽", "от 90 до 120 минут": the first number has the unit of the second, and both are bounds.
    fn share_units(&mut self) {
        for n in 1..self.claims.len() {
            let (before, after) = (&self.claims[n - 1], &self.claims[n]);
            let Some(between) = self.text.get(before.span.end..after.span.start) else {
                continue;
            };
            let between = between.trim();
            let dash = between.chars().count() == 1 && between.starts_with(DASHES);
            let up_to = matches!(between, "до" | "to" | "по" | "и" | "или");
            if !(dash || up_to) {
                continue;
            }
            let unit = after.meanings.first().cloned();
            let (before, after) = self.claims.split_at_mut(n);
            let (before, after) = (&mut before[n - 1], &mut after[0]);
            let bare = match (before.meanings.first(), unit) {
                (Some(Value::Number(milli)), Some(unit)) => {
                    with_number(&unit, *milli, after.minutes)
                }
                _ => None,
            };
            // «час-полтора», «от часа до двух»
            let follows = match (before.meanings.first(), after.meanings.first()) {
                (Some(unit @ Value::Duration(_)), Some(Value::Number(milli))) => {
                    with_number(unit, *milli, before.minutes)
                }
                _ => None,
            };
            let shared = bare.is_some() || follows.is_some();
            if let Some(value) = bare {
                before.minutes = after.minutes;
                before.counts(value);
            }
            if let Some(value) = follows {
                after.minutes = before.minutes;
                after.counts(value);
            }
            let kind = |claim: &Claim| claim.meanings.first().map(std::mem::discriminant);
            let alike = kind(before) == kind(after)
                && !matches!(after.meanings.first(), Some(Value::Weekday(_)));
            if between != "и" && (shared || alike) {
                before.bound = Bound::From;
                after.bound = Bound::UpTo;
            }
            if shared || alike {
                before.paired = true;
                after.paired = true;
            }
        }
    }
}

/// The same number with the unit of another value; `minutes` are in its unit, if it is a duration.
fn with_number(unit: &Value, milli: i64, minutes: i64) -> Option<Value> {
    Some(match unit {
        Value::Money(_) => Value::Money(milli),
        Value::Percent(_) => Value::Percent(milli),
        Value::Duration(_) => Value::Duration(milli.saturating_mul(minutes) / 1000),
        Value::Counted(_, unit) => Value::Counted(milli, unit),
        Value::Date(_, month) => Value::Date(u32::try_from(milli / 1000).ok()?, *month),
        Value::Clock(_) => Value::Clock(
            u32::try_from(milli / 1000)
                .ok()
                .filter(|hour| *hour <= 24)?
                * 60,
        ),
        _ => return None,
    })
}

fn is_range(text: &str) -> bool {
    let halves: Vec<&str> = text.split(['–', '—']).collect();
    halves.len() == 2
        && halves
            .iter()
            .all(|half| half.chars().filter(char::is_ascii_digit).count() <= 6)
}

/// Without the prefix of the country, which is written in three ways or left out.
fn national(digits: &str) -> String {
    let rest = digits
        .strip_prefix(['7', '8'])
        .filter(|rest| rest.len() == 10);
    rest.unwrap_or(digits).to_owned()
}

#[cfg(test)]
mod tests {
    use super::Value::{
        Clock, Counted, Date, Duration, House, Link, Money, Number, Ordinal, Percent, Phone,
        Relative, Weekday,
    };
    use super::*;

    fn firsts(text: &str) -> Vec<Value> {
        let claims = claims(text);
        claims
            .into_iter()
            .filter_map(|claim| claim.meanings.into_iter().next())
            .collect()
    }

    #[test]
    fn amounts_are_values_however_they_are_written() {
        for (text, values) in [
            ("2 500 ₽", vec![Money(2_500_000)]),
            ("две с половиной", vec![Number(2_500)]),
            (
                "от 2400 до 3600 рублей",
                vec![Money(2_400_000), Money(3_600_000)],
            ),
            ("2400–3600 ₽", vec![Money(2_400_000), Money(3_600_000)]),
            ("скидка 15 %", vec![Percent(15_000)]),
            ("десять процентов", vec![Percent(10_000)]),
            ("час пятнадцать", vec![Duration(75)]),
            ("1 ч 30 мин", vec![Duration(90)]),
            ("час-полтора", vec![Duration(60), Duration(90)]),
            ("минут двадцать", vec![Duration(20)]),
            ("неделя", vec![Duration(10_080)]),
            ("двое суток", vec![Duration(2_880)]),
            ("1900 евро", vec![Counted(1_900_000, "currency")]),
            ("на втором этаже", vec![Ordinal(2)]),
            ("дом 17б", vec![House("17б".into())]),
            ("90–120 мин", vec![Duration(90), Duration(120)]),
            ("полтора часа", vec![Duration(90)]),
            ("2–3 часа", vec![Duration(120), Duration(180)]),
            ("полчаса", vec![Duration(30)]),
            ("с 12 лет", vec![Counted(12_000, "year")]),
            ("три мастера", vec![Number(3_000)]),
        ] {
            assert_eq!(firsts(text), values, "{text}");
        }
    }

    #[test]
    fn times_and_days_are_values() {
        for (text, values) in [
            ("10:00–21:00", vec![Clock(600), Clock(1_260)]),
            ("в 7 вечера", vec![Clock(1_140)]),
            ("в семь часов вечера", vec![Clock(1_140)]),
            ("полвосьмого вечера", vec![Clock(1_170)]),
            ("7 pm", vec![Clock(1_140)]),
            ("пн–ср", vec![Weekday(0), Weekday(1), Weekday(2)]),
            ("в субботу", vec![Weekday(5)]),
            ("по выходным", vec![Weekday(5), Weekday(6)]),
            ("завтра", vec![Relative("tomorrow")]),
            ("15 мая", vec![Date(15, 5)]),
            ("1–8 января", vec![Date(1, 1), Date(8, 1)]),
            ("31.12", vec![Date(31, 12)]),
        ] {
            assert_eq!(firsts(text), values, "{text}");
        }
    }

    #[test]
    fn phones_and_links_are_values() {
        for text in ["+7 (812) 555-01-42", "8 812 555 01 42", "812 555-01-42"] {
            assert_eq!(firsts(text), [Phone("8125550142".into())], "{text}");
        }
        for text in [
            "https://www.salon.example/price/",
            "salon.example/price",
            "Пишите: salon.example/price.",
        ] {
            assert_eq!(firsts(text), [Link("salon.example/price".into())], "{text}");
        }
        assert_eq!(
            firsts("почта a.b@salon.example"),
            [Link("a.b@salon.example".into())]
        );
        assert_eq!(firsts("маникюр и т.д. Да."), []);
    }
}
