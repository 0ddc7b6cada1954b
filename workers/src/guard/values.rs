//! What a text claims: amounts, times, dates, durations, phones, links, as values that can be compared
//! however they are written.

use std::ops::Range;

use super::lexer::{DASHES, Token, What, tokens};

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

struct Reader<'t> {
    text: &'t str,
    tokens: Vec<Token>,
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

    fn word(&self, at: usize) -> Option<&str> {
        self.tokens.get(at)?.word()
    }

    fn previous(&self, at: usize) -> Option<&str> {
        self.word(at.checked_sub(1)?)
    }

    fn claim(&mut self, from: usize, next: usize, meanings: Vec<Value>, bound: Bound) {
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

    /// "a nail", "за ноготь", "в час" after an amount: the stem of what it is taken for.
    fn each(&self, at: usize) -> Option<String> {
        let word = self.word(at)?;
        let noun = match (word, self.word(at + 1)?) {
            (
                "за" | "per" | "for",
                "один" | "одну" | "одно" | "каждый" | "каждую" | "каждое" | "все" | "всю" | "весь"
                | "each" | "one",
            ) => self.word(at + 2)?,
            ("в", noun) if unit(noun).is_some() => noun,
            ("за" | "per" | "a" | "an", noun) => noun,
            _ => return None,
        };
        (!crate::words::is_light(noun)).then(|| crate::words::stem(noun).into_owned())
    }

    /// "17б": a number that a letter hangs on.
    fn house(&mut self, at: usize) -> Option<usize> {
        let What::Number {
            digits: true,
            milli,
        } = self.tokens[at].what
        else {
            return None;
        };
        let letter = self.tokens.get(at + 1).filter(|token| !token.apart)?;
        let letter = letter.word().filter(|word| word.chars().count() == 1)?;
        if unit(letter).is_some() || matches!(letter, "x" | "х") {
            return None;
        }
        let house = format!("{}{letter}", milli / 1000);
        self.claim(at, at + 2, vec![Value::House(house)], Bound::Exactly);
        Some(at + 2)
    }

    /// «час», «за неделю», "an hour", «полдень»: a unit alone is one of it.
    fn lone_unit(&mut self, at: usize) -> Option<usize> {
        if let What::Sign(sign) = self.tokens[at].what {
            if !sign.is_numeric() {
                return None;
            }
            self.claim(at, at + 1, vec![Value::Figure(sign)], Bound::Exactly);
            return Some(at + 1);
        }
        let word = self.word(at)?.to_owned();
        let article = matches!(
            self.previous(at),
            Some(
                "a" | "an"
                    | "one"
                    | "один"
                    | "одна"
                    | "одну"
                    | "одного"
                    | "одной"
                    | "одни"
                    | "half"
            )
        );
        let half = self.previous(at) == Some("half")
            || self.previous(at) == Some("an") && self.previous(at - 1) == Some("half");
        let meaning = match word.as_str() {
            "полдень" | "полудня" | "noon" => Value::Clock(720),
            "полночь" | "полуночи" | "midnight" => Value::Clock(1440),
            "полгода" | "полугода" => Value::Counted(6_000, "month"),
            "час" | "часа" | "сутки" | "суток" | "неделя" | "неделю" | "недели" =>
            {
                let Unit::Lasting(minutes) = unit(&word)? else {
                    return None;
                };
                return Some(self.lasting(at, at + 1, minutes));
            }
            "месяц" | "месяца" => Value::Counted(1_000, "month"),
            "год" | "года" => Value::Counted(1_000, "year"),
            _ if article => match unit(&word)? {
                Unit::Lasting(minutes) => {
                    let minutes = if half { minutes / 2 } else { minutes };
                    return Some(self.lasting(at, at + 1, minutes));
                }
                Unit::Other(unit) => Value::Counted(1_000, unit),
                _ => return None,
            },
            _ => return None,
        };
        self.claim(at, at + 1, vec![meaning], self.bound(at));
        Some(at + 1)
    }

    /// A duration of whole hours or days that minutes may follow: «час пятнадцать», "2 ч 30 мин", «час с четвертью».
    fn lasting(&mut self, at: usize, next: usize, minutes: i64) -> usize {
        let hours = minutes % 60 == 0 && minutes < 1440;
        let and = usize::from(matches!(self.word(next), Some("и" | "and" | "с")));
        let number = match self.tokens.get(next + and).map(|token| &token.what) {
            Some(What::Number { milli, .. }) if (5_000..60_000).contains(milli) => milli / 1000,
            Some(What::Word(word)) if and == 1 && word == "четвертью" => 15,
            _ => 0,
        };
        let after = next + and + 1;
        let unit_follows = self
            .word(after)
            .is_some_and(|word| matches!(unit(word), Some(Unit::Lasting(1))));
        let alone = self.word(after).is_none() && and == 0 || number == 15 && and == 1;
        let joins = hours && number > 0 && (unit_follows || alone);
        let (total, next) = match joins {
            true => (minutes + number, after + usize::from(unit_follows)),
            false => (minutes, next),
        };
        self.claim(at, next, vec![Value::Duration(total)], self.bound(at));
        next
    }

    /// «третий», «на втором», «5-го»: the place in a row.
    fn ordinal(&mut self, at: usize) -> Option<usize> {
        let ordinal = ordinal(self.word(at)?)?;
        if self.previous(at) == Some("во") || self.word(at + 1) == Some("очередь") {
            return None;
        }
        // «первые двое суток», «первый час»
        let lasts = matches!(
            self.tokens.get(at + 1).map(|token| &token.what),
            Some(What::Number { .. })
        ) || self.word(at + 1).and_then(unit).is_some();
        if ordinal == 1 && lasts {
            return None;
        }
        self.claim(at, at + 1, vec![Value::Ordinal(ordinal)], Bound::Exactly);
        Some(at + 1)
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

    /// A number with what it counts.
    fn number(&mut self, at: usize) -> Option<usize> {
        let bound = self.bound(at);
        if let What::Clock(minutes) = self.tokens[at].what {
            let next = self.half_of_day(at + 1).map_or(at + 1, |(_, next)| next);
            let shift = self
                .half_of_day(at + 1)
                .is_some_and(|(later, _)| later && minutes < 720);
            let minutes = if shift { minutes + 720 } else { minutes };
            self.claim(at, next, vec![Value::Clock(minutes)], bound);
            return Some(next);
        }
        if let Some(next) = self.half_hour(at) {
            return Some(next);
        }
        let What::Number { milli, .. } = self.tokens[at].what else {
            return None;
        };
        let text = &self.text[self.tokens[at].span.clone()];
        if crate::words::folded(text).ends_with("часа")
            && text.chars().next().is_some_and(|c| matches!(c, 'п' | 'П'))
        {
            // «полчаса», «получаса»
            self.claim(at, at + 1, vec![Value::Duration(30)], bound);
            return Some(at + 1);
        }
        let mut unit_at = at + 1;
        while self
            .tokens
            .get(unit_at)
            .is_some_and(|token| token.is_sign(&DASHES))
            && self.word(unit_at + 1).is_some_and(|word| {
                matches!(
                    word,
                    "ти" | "и" | "х" | "ми" | "минутный" | "минутная" | "летний"
                )
            })
        {
            unit_at += 2;
        }
        if let Some((later, next)) = self.half_of_day(unit_at) {
            let hour = u32::try_from(milli / 1000)
                .ok()
                .filter(|hour| *hour <= 24)?;
            let hour = if later && hour < 12 { hour + 12 } else { hour };
            self.claim(at, next, vec![Value::Clock(hour * 60)], bound);
            return Some(next);
        }
        let (mut meanings, next) = self.with_unit(at, milli, unit_at);
        let minutes_follow =
            matches!(
                self.tokens.get(next).map(|token| &token.what),
                Some(What::Number { .. })
            ) && matches!(self.word(next + 1).and_then(unit), Some(Unit::Lasting(1)));
        if let (true, Some(Unit::Lasting(60)), [Value::Duration(minutes), ..]) = (
            minutes_follow,
            self.previous(next).and_then(unit),
            &meanings[..],
        ) {
            let minutes = *minutes;
            return Some(self.lasting(at, next, minutes));
        }
        // «минут двадцать»
        if let (Some(Value::Number(_)), Some(Unit::Lasting(per))) =
            (meanings.first(), self.previous(at).and_then(unit))
        {
            if matches!(
                self.previous(at),
                Some("минут" | "часов" | "часа" | "дней" | "недели")
            ) {
                meanings.insert(0, Value::Duration(milli * per / 1000));
            }
        }
        self.claim(at, next, meanings, bound);
        Some(next)
    }

    fn with_unit(&self, at: usize, milli: i64, unit_at: usize) -> (Vec<Value>, usize) {
        let whole = milli / 1000;
        let clocks = |hour: i64| {
            let hour = u32::try_from(hour).ok().filter(|hour| *hour <= 24);
            let later = hour.filter(|hour| *hour < 12).map(|hour| hour + 12);
            hour.into_iter()
                .chain(later)
                .map(|hour| Value::Clock(hour * 60))
        };
        let next = unit_at + 1;
        let token = self.tokens.get(unit_at);
        let foreign = |token: &Token| matches!(token.what, What::Sign(sign) if is_foreign(sign));
        let sign_before = at > 0 && foreign(&self.tokens[at - 1]);
        if sign_before || token.is_some_and(foreign) {
            let next = if sign_before { at + 1 } else { next };
            return (vec![Value::Counted(milli, "currency")], next);
        }
        if token.is_some_and(|token| token.is_sign(&['₽'])) {
            return (vec![Value::Money(milli)], next);
        }
        if token.is_some_and(|token| token.is_sign(&['%'])) {
            return (vec![Value::Percent(milli)], next);
        }
        let Some(word) = token.and_then(Token::word) else {
            let bare = std::iter::once(Value::Number(milli));
            return (
                bare.chain(clocks(whole).filter(|_| milli % 1000 == 0 && self.about_clock(at)))
                    .collect(),
                at + 1,
            );
        };
        match unit(word) {
            Some(Unit::Money) => (vec![Value::Money(milli)], next),
            Some(Unit::Percent) => (vec![Value::Percent(milli)], next),
            Some(Unit::Lasting(60)) => {
                let lasts = std::iter::once(Value::Duration(milli.saturating_mul(60) / 1000));
                let meant: Vec<Value> = lasts
                    .chain(clocks(whole).filter(|_| milli % 1000 == 0))
                    .collect();
                (meant, next)
            }
            Some(Unit::Lasting(minutes)) => {
                let lasts = milli.saturating_mul(minutes) / 1000;
                (vec![Value::Duration(lasts)], next)
            }
            Some(Unit::Other(unit)) => (vec![Value::Counted(milli, unit)], next),
            None => {
                let bare = std::iter::once(Value::Number(milli));
                (
                    bare.chain(clocks(whole).filter(|_| milli % 1000 == 0 && self.about_clock(at)))
                        .collect(),
                    at + 1,
                )
            }
        }
    }

    /// Whether a bare number may be a time of day: "с 10", "до 21", "к 18".
    fn about_clock(&self, at: usize) -> bool {
        self.previous(at).is_some_and(|word| {
            matches!(
                word,
                "с" | "со"
                    | "до"
                    | "в"
                    | "к"
                    | "после"
                    | "около"
                    | "from"
                    | "to"
                    | "till"
                    | "until"
                    | "at"
                    | "by"
            )
        }) || at > 0 && self.tokens[at - 1].is_sign(&DASHES)
    }

    /// "утра", "вечера", "pm": whether it is the later half of the day, and where it ends. A word for hours may stand
    /// before it.
    fn half_of_day(&self, at: usize) -> Option<(bool, usize)> {
        let hours = self.word(at).is_some_and(|word| word.starts_with("час"));
        let end = if hours { at + 1 } else { at };
        let later = match self.word(end)? {
            "утра" | "ночи" | "am" => false,
            "вечера" | "pm" => true,
            // «за три дня» lasts, «до трех дня» is a time.
            "дня" if hours || at > 0 && self.about_clock(at - 1) => true,
            _ => return None,
        };
        Some((later, end + 1))
    }

    /// "полвосьмого", "в половине восьмого", "half past seven", "без четверти семь".
    fn half_hour(&mut self, at: usize) -> Option<usize> {
        let word = self.word(at)?.to_owned();
        let (hour, minutes, next) =
            if let Some(hour) = word.strip_prefix("пол").and_then(ordinal_hour) {
                (hour - 1, 30, at + 1)
            } else if matches!(word.as_str(), "половина" | "половине" | "половину")
            {
                (self.word(at + 1).and_then(ordinal_hour)? - 1, 30, at + 2)
            } else if word == "четверть" {
                (self.word(at + 1).and_then(ordinal_hour)? - 1, 15, at + 2)
            } else if word == "без" {
                let less = match self.tokens.get(at + 1)?.what {
                    What::Number { milli, .. } => milli / 1000,
                    _ if self.word(at + 1) == Some("четверти") => 15,
                    _ => return None,
                };
                let What::Number { milli, .. } = self.tokens.get(at + 2)?.what else {
                    return None;
                };
                let hour = u32::try_from(milli / 1000)
                    .ok()
                    .filter(|hour| (1..=24).contains(hour))?;
                (
                    hour - 1,
                    60 - u32::try_from(less)
                        .ok()
                        .filter(|less| (1..60).contains(less))?,
                    at + 3,
                )
            } else if word == "half" && self.word(at + 1) == Some("past") {
                let What::Number { milli, .. } = self.tokens.get(at + 2)?.what else {
                    return None;
                };
                (u32::try_from(milli / 1000).ok()?, 30, at + 3)
            } else {
                return None;
            };
        let morning = hour * 60 + minutes;
        let evening = morning + 720;
        let meanings = match self.half_of_day(next) {
            Some((later, _)) => vec![Value::Clock(if later && hour < 12 {
                evening
            } else {
                morning
            })],
            None => vec![Value::Clock(morning), Value::Clock(evening % 1440)],
        };
        let next = self.half_of_day(next).map_or(next, |(_, next)| next);
        self.claim(at, next, meanings, Bound::Exactly);
        Some(next)
    }

    fn bound(&self, at: usize) -> Bound {
        match self.previous(at) {
            Some("с" | "со") if self.about_clock(at) => Bound::From,
            Some(
                "от" | "минимум" | "from" | "over" | "больше" | "более" | "дольше" | "старше"
                | "после" | "after" | "starting",
            ) => Bound::From,
            Some("ровно" | "точно" | "exactly") => Bound::Just,
            Some(
                "до" | "максимум" | "to" | "maximum" | "меньше" | "менее" | "младше" | "under"
                | "before",
            ) => Bound::UpTo,
            Some("with" | "at") if self.word(at.saturating_sub(2)) == Some("starts") => Bound::From,
            _ => Bound::Exactly,
        }
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
                before.meanings.insert(0, value);
            }
            if let Some(value) = follows {
                after.minutes = before.minutes;
                after.meanings.insert(0, value);
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

enum Unit {
    Money,
    Percent,
    /// So many minutes.
    Lasting(i64),
    Other(&'static str),
}

/// The sign of any currency but the firm's.
fn is_foreign(sign: char) -> bool {
    matches!(sign, '$' | '£' | '¥' | '\u{20a0}'..='\u{20cf}') && sign != '₽'
}

fn unit(word: &str) -> Option<Unit> {
    Some(match word {
        "р" | "руб" | "рубль" | "рубля" | "рублей" | "рублям" | "рублями" | "рублях" | "rub"
        | "rubles" | "roubles" | "ruble" | "rouble" => Unit::Money,
        "процент" | "процента" | "процентов" | "процентам" | "percent" => {
            Unit::Percent
        }
        "мин" | "минута" | "минуты" | "минуту" | "минут" | "минутах" | "min" | "mins"
        | "minute" | "minutes" => Unit::Lasting(1),
        "ч" | "час" | "часа" | "часов" | "часам" | "часах" | "часу" | "h" | "hour" | "hours" => {
            Unit::Lasting(60)
        }
        "день" | "дня" | "дней" | "дням" | "сутки" | "суток" | "day" | "days" => {
            Unit::Lasting(1440)
        }
        "неделя" | "недели" | "неделю" | "недель" | "неделями" | "week" | "weeks" => {
            Unit::Lasting(10_080)
        }
        "месяц" | "месяца" | "месяцев" | "month" | "months" => {
            Unit::Other("month")
        }
        "год" | "года" | "лет" | "году" | "year" | "years" => Unit::Other("year"),
        "раз" | "раза" | "times" => Unit::Other("time"),
        "человек" | "человека" | "людей" | "people" | "persons" => {
            Unit::Other("person")
        }
        "доллар" | "доллара" | "долларов" | "евро" | "тенге" | "гривен" | "юаней" | "копеек"
        | "копейки" | "usd" | "eur" | "dollar" | "dollars" | "euro" | "euros" | "pounds" => {
            Unit::Other("currency")
        }
        "мм" | "миллиметр" | "миллиметра" | "миллиметров" | "mm" => {
            Unit::Other("mm")
        }
        "см" | "сантиметр" | "сантиметра" | "сантиметров" | "cm" => {
            Unit::Other("cm")
        }
        "секунд" | "секунды" | "секунду" | "seconds" => Unit::Other("second"),
        "процедур" | "процедуры" | "сеансов" | "сеанса" | "sessions" => {
            Unit::Other("session")
        }
        _ => return None,
    })
}

/// Whether a word is a weekday or a month, and so no word of what a text is about.
pub(super) fn names_day(word: &str) -> bool {
    weekdays(word).is_some() || month(word).is_some()
}

fn weekdays(word: &str) -> Option<&'static [u32]> {
    const DAYS: [[u32; 1]; 7] = [[0], [1], [2], [3], [4], [5], [6]];
    const WORK: [u32; 5] = [0, 1, 2, 3, 4];
    const REST: [u32; 2] = [5, 6];
    const EVERY: [u32; 7] = [0, 1, 2, 3, 4, 5, 6];
    let one = |n: usize| Some(&DAYS[n][..]);
    match word {
        "пн" | "понедельник" | "понедельника" | "понедельникам" | "monday" | "mon" | "mondays" => {
            one(0)
        }
        "вт" | "вторник" | "вторника" | "вторникам" | "tuesday" | "tue" | "tuesdays" => {
            one(1)
        }
        "ср" | "среда" | "среду" | "среды" | "средам" | "wednesday" | "wed" | "wednesdays" => {
            one(2)
        }
        "чт" | "четверг" | "четверга" | "четвергам" | "thursday" | "thu" | "thursdays" => {
            one(3)
        }
        "пт" | "пятница" | "пятницу" | "пятницы" | "пятницам" | "friday" | "fri" | "fridays" => {
            one(4)
        }
        "сб" | "суббота" | "субботу" | "субботы" | "субботам" | "saturday" | "sat"
        | "saturdays" => one(5),
        "вс" | "воскресенье" | "воскресенья" | "воскресеньям" | "sunday" | "sun" | "sundays" => {
            one(6)
        }
        "будни" | "будням" | "будние" | "будний" | "weekdays" => Some(&WORK),
        "выходные" | "выходным" | "выходных" | "weekend" | "weekends" => {
            Some(&REST)
        }
        "ежедневно" | "daily" => Some(&EVERY),
        _ => None,
    }
}

fn relative(word: &str) -> Option<&'static str> {
    Some(match word {
        "сегодня" | "сегодняшний" | "today" => "today",
        "завтра" | "tomorrow" => "tomorrow",
        "послезавтра" => "day after tomorrow",
        "вчера" | "yesterday" => "yesterday",
        _ => return None,
    })
}

fn month(word: &str) -> Option<u32> {
    const MONTHS: [(&str, &str); 12] = [
        ("январ", "янв jan january"),
        ("феврал", "фев февр feb february"),
        ("март", "мар mar march"),
        ("апрел", "апр apr april"),
        ("май", "мая маю мае маем may"),
        ("июн", "jun june"),
        ("июл", "jul july"),
        ("август", "авг aug august"),
        ("сентябр", "сен сент sep sept september"),
        ("октябр", "окт oct october"),
        ("ноябр", "ноя нояб nov november"),
        ("декабр", "дек dec december"),
    ];
    let named = |(begin, forms): &(&str, &str)| {
        word.starts_with(begin) && word.chars().count() <= begin.chars().count() + 3
            || forms.split(' ').any(|form| form == word)
    };
    u32::try_from(MONTHS.iter().position(named)?)
        .ok()
        .map(|at| at + 1)
}

/// The place in a row that a word tells: «третий», «пятого».
fn ordinal(word: &str) -> Option<u32> {
    const ROOTS: [&str; 10] = [
        "перв",
        "втор",
        "трет",
        "четверт",
        "пят",
        "шест",
        "седьм",
        "восьм",
        "девят",
        "десят",
    ];
    const ENDINGS: &str =
        "ый ой ий ого его ьего ому ему ьему ом ем ьем ым им ьим ая ья ую ью ое ье ые ьи ых ьих ыми";
    const ENGLISH: &str = "first second third fourth fifth sixth seventh eighth ninth tenth";
    let place = |at: usize| u32::try_from(at).ok().map(|at| at + 1);
    if let Some(at) = ENGLISH.split(' ').position(|known| known == word) {
        return place(at);
    }
    let at = ROOTS.iter().position(|root| {
        word.strip_prefix(root)
            .is_some_and(|ending| ENDINGS.split(' ').any(|known| known == ending))
    })?;
    // «четвертью» and «пятью» count.
    (!matches!(
        word,
        "четвертью" | "четвертой" | "пятью" | "шестью" | "девятью" | "десятью"
    ))
    .then(|| place(at))
    .flatten()
}

/// The hour that a clock goes towards: «восьмого».
fn ordinal_hour(word: &str) -> Option<u32> {
    const HOURS: [&str; 12] = [
        "первого",
        "второго",
        "третьего",
        "четвертого",
        "пятого",
        "шестого",
        "седьмого",
        "восьмого",
        "девятого",
        "десятого",
        "одиннадцатого",
        "двенадцатого",
    ];
    let at = HOURS.iter().position(|hour| *hour == word)?;
    Some(u32::try_from(at).ok()? + 1)
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
