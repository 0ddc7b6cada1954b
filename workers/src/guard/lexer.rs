//! A text as words, numbers and signs, each with its place. Numbers in words are numbers too.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use crate::words::folded;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) span: Range<usize>,
    pub(super) what: What,
    /// Whether something other than a letter or digit stood before it.
    pub(super) apart: bool,
}

/// What a piece of a text is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// A word, folded.
    Word(String),
    /// A number, in thousandths, and whether it was written with digits.
    Number { milli: i64, digits: bool },
    /// `10:30`, `18-00`: minutes after midnight.
    Clock(u32),
    /// `15.02`, `15.02.2027`: day, month. `10.05` may be a time as well.
    Date(u32, u32),
    /// Any other sign.
    Sign(char),
}

impl Token {
    pub(super) fn word(&self) -> Option<&str> {
        match &self.what {
            What::Word(word) => Some(word),
            _ => None,
        }
    }

    pub(super) fn is_sign(&self, signs: &[char]) -> bool {
        matches!(self.what, What::Sign(sign) if signs.contains(&sign))
    }
}

/// Dashes of all lengths.
pub(super) const DASHES: [char; 4] = ['-', '–', '—', '−'];
const SPACES: [char; 4] = [' ', '\u{a0}', '\u{202f}', '\u{2009}'];

/// The pieces of a text.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    let mut at = 0;
    let mut apart = true;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            apart = true;
            continue;
        }
        let (length, what) = if c.is_ascii_digit() {
            digits(&text[at..])
        } else if c.is_alphabetic() {
            let length = text[at..]
                .find(|c: char| !c.is_alphabetic() && !matches!(c, '\u{301}'))
                .unwrap_or(text.len() - at);
            (length, What::Word(folded(&text[at..at + length])))
        } else {
            (c.len_utf8(), What::Sign(c))
        };
        out.push(Token {
            span: at..at + length,
            what,
            apart,
        });
        at += length;
        apart = false;
    }
    in_words(out)
}

/// A clock time, a date or a number at the beginning of a text, and its length.
fn digits(text: &str) -> (usize, What) {
    let run = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let number = |range: Range<usize>| text[range].parse::<u32>().unwrap_or(u32::MAX);
    let first = run(0);
    let mark = text[first..].chars().next().unwrap_or(' ');
    let second = if matches!(mark, ':' | '.' | '-' | ',' | '/') {
        run(first + mark.len_utf8())
    } else {
        0
    };
    let (from, to) = (first + 1, first + 1 + second);
    if (1..=2).contains(&first) && second == 2 && matches!(mark, ':' | '-' | '.') {
        let (hour, minute) = (number(0..first), number(from..to));
        let year = text[to..].starts_with('.') && run(to + 1) >= 2;
        if mark == '.' && (1..=31).contains(&hour) && (1..=12).contains(&minute) {
            let length = if year { to + 1 + run(to + 1) } else { to };
            return (length, What::Date(hour, minute));
        }
        // "10-20 минут" is a range; "18-00" and "18-30" are times.
        let time = hour <= 24
            && minute < 60
            && (mark != '-' || minute % 30 == 0 && !follows_unit(&text[to..]));
        if time {
            return (to, What::Clock(hour * 60 + minute));
        }
    }
    if matches!(mark, '.' | ',') && (1..=2).contains(&second) && first <= 4 {
        let whole = i64::from(number(0..first));
        let part = i64::from(number(from..to)) * if second == 1 { 100 } else { 10 };
        return (
            to,
            What::Number {
                milli: whole * 1000 + part,
                digits: true,
            },
        );
    }
    // 2 500, 12 000: groups of three after a short first group.
    let mut end = first;
    if first <= 3 {
        while let Some(space) = text[end..]
            .chars()
            .next()
            .filter(|c| SPACES.contains(c) || matches!(c, '\'' | ','))
        {
            let next = end + space.len_utf8();
            if run(next) != 3 || text.starts_with('0') {
                break;
            }
            end = next + 3;
        }
    }
    let plain: String = text[..end].chars().filter(char::is_ascii_digit).collect();
    let milli = plain
        .parse::<i64>()
        .ok()
        .and_then(|number| number.checked_mul(1000))
        .unwrap_or(i64::MAX);
    (
        end,
        What::Number {
            milli,
            digits: true,
        },
    )
}

fn follows_unit(rest: &str) -> bool {
    let rest = folded(rest.trim_start());
    ["мин", "руб", "₽", "дн", "%", "лет", "min"]
        .iter()
        .any(|unit| rest.starts_with(unit))
}

/// Joins number words: "две тысячи пятьсот", "2 тыс. 500", "two hundred".
fn in_words(tokens: Vec<Token>) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut open: Option<Open> = None;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        // «две с половиной»
        let half = tokens.peek().and_then(Token::word) == Some("половиной");
        if let (Some("с"), true, Some(known)) = (token.word(), half, open) {
            let joined = Open {
                part: known.part.saturating_add(500),
                room: 0,
                ..known
            };
            if let Some(half) = tokens.next() {
                extend(&mut out, &half, joined.total());
            }
            open = Some(joined);
            continue;
        }
        let value = match &token.what {
            What::Word(word) => NUMBERS.get(word.as_str()).copied(),
            What::Number { milli, .. } => Some(*milli),
            _ => None,
        };
        let digits = matches!(token.what, What::Number { .. });
        if let Some(value) = value {
            let fits = open.filter(|open| value < open.room && token.apart && value > 0);
            let joined = fits.map(|open| Open {
                part: open.part.saturating_add(value),
                room: room_after(value),
                ..open
            });
            if let Some(joined) = joined {
                extend(&mut out, &token, joined.total());
                open = Some(joined);
            } else {
                // Two numbers in digits are two numbers; only words and thousands go on.
                let room = if digits { 0 } else { room_after(value) };
                push(&mut out, token, value, digits);
                open = Some(Open {
                    whole: 0,
                    part: value,
                    room,
                });
            }
        } else if let Some(scale) = scale(&token) {
            let known = open.unwrap_or(Open {
                whole: 0,
                part: 1000,
                room: 0,
            });
            let whole = if known.part == 0 {
                known.whole.saturating_mul(scale)
            } else {
                known.whole.saturating_add(known.part.saturating_mul(scale))
            };
            if open.is_some() {
                extend(&mut out, &token, whole);
            } else {
                push(&mut out, token, whole, false);
            }
            open = Some(Open {
                whole,
                part: 0,
                room: scale.saturating_mul(1000),
            });
        } else {
            // «тыс.» keeps its number open, any other sign or word ends it.
            if token.is_sign(&['.']) && open.is_some_and(|open| open.part == 0) {
                continue;
            }
            open = None;
            out.push(token);
        }
    }
    out
}

/// A number that may go on.
#[derive(Clone, Copy)]
struct Open {
    /// What thousands and hundreds have made.
    whole: i64,
    /// What came after them.
    part: i64,
    /// What goes on with it is smaller than this.
    room: i64,
}

impl Open {
    fn total(self) -> i64 {
        self.whole.saturating_add(self.part)
    }
}

/// What may follow a number word inside the same number is smaller than this.
fn room_after(milli: i64) -> i64 {
    match milli {
        100_000.. => 100_000,
        20_000.. => 10_000,
        _ => 0,
    }
}

fn push(out: &mut Vec<Token>, mut token: Token, milli: i64, digits: bool) {
    token.what = What::Number { milli, digits };
    out.push(token);
}

fn extend(out: &mut [Token], by: &Token, milli: i64) {
    if let Some(last) = out.last_mut() {
        last.span.end = by.span.end;
        if let What::Number { milli: known, .. } = &mut last.what {
            *known = milli;
        }
    }
}

/// What a word multiplies the number before it by.
fn scale(token: &Token) -> Option<i64> {
    Some(match token.word()? {
        "тыс" | "тысяча" | "тысячи" | "тысяч" | "тысячу" | "тысячей" | "тысячам" | "тысячами"
        | "thousand" => 1_000,
        // A preposition, unless it hangs on a number.
        "к" | "k" if !token.apart => 1_000,
        "млн" | "миллион" | "миллиона" | "миллионов" | "million" => {
            1_000_000
        }
        "hundred" => 100,
        _ => return None,
    })
}

/// Number words in thousandths, in all their forms.
static NUMBERS: LazyLock<HashMap<&'static str, i64>> = LazyLock::new(|| {
    let mut numbers = HashMap::new();
    for (milli, forms) in FORMS {
        for form in forms.split(' ') {
            numbers.insert(form, milli);
        }
    }
    numbers
});

/// «Один» is mostly no number, and «семью» a family: they are left out.
const FORMS: [(i64, &str); 38] = [
    (0, "ноль нуля zero"),
    (500, "полчаса получаса"),
    (1_500, "полтора полторы полутора"),
    (2_000, "два две двух двум двумя двое двоих two"),
    (3_000, "три трех трем тремя трое троих three"),
    (4_000, "четыре четырех четырем четырьмя четверо four"),
    (5_000, "пять пяти пятью пятеро five"),
    (6_000, "шесть шести шестью six"),
    (7_000, "семь семи seven"),
    (8_000, "восемь восьми восемью eight"),
    (9_000, "девять девяти девятью nine"),
    (10_000, "десять десяти десятью ten"),
    (11_000, "одиннадцать одиннадцати eleven"),
    (12_000, "двенадцать двенадцати twelve"),
    (13_000, "тринадцать тринадцати thirteen"),
    (14_000, "четырнадцать четырнадцати fourteen"),
    (15_000, "пятнадцать пятнадцати fifteen"),
    (16_000, "шестнадцать шестнадцати sixteen"),
    (17_000, "семнадцать семнадцати seventeen"),
    (18_000, "восемнадцать восемнадцати eighteen"),
    (19_000, "девятнадцать девятнадцати nineteen"),
    (20_000, "двадцать двадцати двадцатью twenty"),
    (30_000, "тридцать тридцати тридцатью thirty"),
    (40_000, "сорок сорока forty"),
    (50_000, "пятьдесят пятидесяти fifty"),
    (60_000, "шестьдесят шестидесяти sixty"),
    (70_000, "семьдесят семидесяти seventy"),
    (80_000, "восемьдесят восьмидесяти eighty"),
    (90_000, "девяносто девяноста ninety"),
    (100_000, "сто ста сотня сотню"),
    (200_000, "двести двухсот двумстам"),
    (300_000, "триста трехсот тремстам"),
    (400_000, "четыреста четырехсот"),
    (500_000, "пятьсот пятисот полтысячи"),
    (600_000, "шестьсот шестисот"),
    (700_000, "семьсот семисот"),
    (800_000, "восемьсот восьмисот"),
    (900_000, "девятьсот девятисот"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Vec<i64> {
        let milli = |token: &Token| match token.what {
            What::Number { milli, .. } => Some(milli / 10),
            _ => None,
        };
        tokens(text).iter().filter_map(milli).collect()
    }

    #[test]
    fn numbers_are_read_in_digits_and_in_words() {
        for (text, hundredths) in [
            ("2 500 ₽", vec![250_000]),
            ("2500р", vec![250_000]),
            ("1,5 часа", vec![150]),
            ("две тысячи пятьсот рублей", vec![250_000]),
            ("полторы тысячи", vec![150_000]),
            ("2 тыс. руб.", vec![200_000]),
            ("2,5 тысячи", vec![250_000]),
            ("2 тыс. 500 руб.", vec![250_000]),
            ("3к", vec![300_000]),
            ("две с половиной тысячи", vec![250_000]),
            ("two hundred thousand", vec![20_000_000]),
            ("тысяча двести", vec![120_000]),
            ("двадцать пять минут", vec![2_500]),
            ("от двух до трёх часов", vec![200, 300]),
            ("two thousand five hundred", vec![250_000]),
            ("90–120 минут", vec![9_000, 12_000]),
            ("с 10 до 21", vec![1_000, 2_100]),
            ("сорок пять", vec![4_500]),
            ("пять шесть дней", vec![500, 600]),
        ] {
            assert_eq!(numbers(text), hundredths, "{text}");
        }
    }

    #[test]
    fn times_and_dates_are_no_numbers() {
        let what = |text: &str| tokens(text)[0].what.clone();
        assert_eq!(what("10:30"), What::Clock(630));
        assert_eq!(what("18-00"), What::Clock(1_080));
        assert_eq!(what("18.30"), What::Clock(1_110));
        assert_eq!(what("15.02.2027"), What::Date(15, 2));
        assert_eq!(what("31.12"), What::Date(31, 12));
        assert_eq!(numbers("10-30 минут"), [1_000, 3_000]);
    }
}
