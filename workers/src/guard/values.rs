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
}

/// How a number is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// Just so much.
    Exactly,
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
        for rule in [Self::link, Self::phone, Self::day, Self::number] {
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
        self.claims.push(Claim {
            span,
            meanings,
            bound,
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
        }) && host.is_ascii();
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
        let (meanings, next) = self.with_unit(at, milli, unit_at);
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
        if token.is_some_and(|token| token.is_sign(&['₽', '$', '€'])) {
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
            Some(Unit::Minute) => (vec![Value::Duration(whole)], next),
            Some(Unit::Hour) => {
                let lasts = std::iter::once(Value::Duration(milli * 60 / 1000));
                let meant: Vec<Value> = lasts
                    .chain(clocks(whole).filter(|_| milli % 1000 == 0))
                    .collect();
                (meant, next)
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
        let at = if self.word(at).is_some_and(|word| word.starts_with("час")) {
            at + 1
        } else {
            at
        };
        let later = match self.word(at)? {
            "утра" | "ночи" | "am" | "a" if self.word(at) != Some("a") => false,
            "вечера" | "дня" | "pm" => true,
            _ => return None,
        };
        Some((later, at + 1))
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
            Some("от" | "минимум" | "from" | "over" | "больше" | "более" | "starting") => {
                Bound::From
            }
            Some("до" | "максимум" | "to" | "maximum" | "меньше" | "менее" | "under") => {
                Bound::UpTo
            }
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
            let up_to = matches!(between, "до" | "to" | "по" | "и");
            if !(dash || up_to) {
                continue;
            }
            let unit = after.meanings.first().cloned();
            let (before, after) = self.claims.split_at_mut(n);
            let (before, after) = (&mut before[n - 1], &mut after[0]);
            let bare = match (before.meanings.first(), unit) {
                (Some(Value::Number(milli)), Some(unit)) => with_number(&unit, *milli),
                _ => None,
            };
            let shared = bare.is_some();
            if let Some(value) = bare {
                before.meanings.insert(0, value);
            }
            let kind = |claim: &Claim| claim.meanings.first().map(std::mem::discriminant);
            let alike = kind(before) == kind(after)
                && !matches!(after.meanings.first(), Some(Value::Weekday(_)));
            if between != "и" && (shared || alike) {
                before.bound = Bound::From;
                after.bound = Bound::UpTo;
            }
        }
    }
}

/// The same number with the unit of another value.
fn with_number(unit: &Value, milli: i64) -> Option<Value> {
    Some(match unit {
        Value::Money(_) => Value::Money(milli),
        Value::Percent(_) => Value::Percent(milli),
        Value::Duration(other) => {
            // "2–3 часа" counts hours, "90–120 минут" minutes.
            let hours = *other % 60 == 0 && milli < 24_000 && *other / 60 * 1000 >= milli;
            Value::Duration(if hours {
                milli * 60 / 1000
            } else {
                milli / 1000
            })
        }
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
    Minute,
    Hour,
    Other(&'static str),
}

fn unit(word: &str) -> Option<Unit> {
    Some(match word {
        "р" | "руб" | "рубль" | "рубля" | "рублей" | "рублям" | "рублями" | "рублях" | "rub"
        | "rubles" | "roubles" | "ruble" | "rouble" => Unit::Money,
        "процент" | "процента" | "процентов" | "процентам" | "percent" => {
            Unit::Percent
        }
        "мин" | "минута" | "минуты" | "минуту" | "минут" | "минутах" | "min" | "mins"
        | "minute" | "minutes" => Unit::Minute,
        "ч" | "час" | "часа" | "часов" | "часам" | "часах" | "часу" | "h" | "hour" | "hours" => {
            Unit::Hour
        }
        "день" | "дня" | "дней" | "дням" | "сутки" | "суток" | "day" | "days" => {
            Unit::Other("day")
        }
        "неделя" | "недели" | "неделю" | "недель" | "week" | "weeks" => {
            Unit::Other("week")
        }
        "месяц" | "месяца" | "месяцев" | "month" | "months" => {
            Unit::Other("month")
        }
        "год" | "года" | "лет" | "году" | "year" | "years" => Unit::Other("year"),
        "раз" | "раза" | "times" => Unit::Other("time"),
        "человек" | "человека" | "людей" | "people" | "persons" => {
            Unit::Other("person")
        }
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
        Clock, Counted, Date, Duration, Link, Money, Number, Percent, Phone, Relative, Weekday,
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
