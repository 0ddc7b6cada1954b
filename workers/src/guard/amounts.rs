//! Amounts, times of day and lengths of time.

use super::lexer::{DASHES, Token, What};
use super::units::{Unit, is_foreign, ordinal, ordinal_hour, unit};
use super::values::{Bound, Reader, Value};

impl Reader<'_> {
    /// A number with what it counts.
    pub(super) fn number(&mut self, at: usize) -> Option<usize> {
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
        let before = self
            .previous(at)
            .filter(|word| matches!(*word, "минут" | "часов" | "часа" | "дней" | "недели"));
        if let (Some(Value::Number(_)), Some(Unit::Lasting(per))) =
            (meanings.first(), before.and_then(unit))
        {
            meanings.insert(0, Value::Duration(milli.saturating_mul(per) / 1000));
        }
        self.claim(at, next, meanings, bound);
        Some(next)
    }

    pub(super) fn with_unit(&self, at: usize, milli: i64, unit_at: usize) -> (Vec<Value>, usize) {
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
    pub(super) fn about_clock(&self, at: usize) -> bool {
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
    pub(super) fn half_of_day(&self, at: usize) -> Option<(bool, usize)> {
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
    pub(super) fn half_hour(&mut self, at: usize) -> Option<usize> {
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

    pub(super) fn bound(&self, at: usize) -> Bound {
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

    /// "a nail", "за ноготь", "в час" after an amount: the stem of what it is taken for.
    pub(super) fn each(&self, at: usize) -> Option<String> {
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
    pub(super) fn house(&mut self, at: usize) -> Option<usize> {
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
    pub(super) fn lone_unit(&mut self, at: usize) -> Option<usize> {
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
    pub(super) fn lasting(&mut self, at: usize, next: usize, minutes: i64) -> usize {
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
        let (total, next) = if joins {
            (minutes + number, after + usize::from(unit_follows))
        } else {
            (minutes, next)
        };
        self.claim(at, next, vec![Value::Duration(total)], self.bound(at));
        next
    }

    /// «третий», «на втором», «5-го»: the place in a row.
    pub(super) fn ordinal(&mut self, at: usize) -> Option<usize> {
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
}
