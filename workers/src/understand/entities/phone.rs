//! Phone numbers, as customers write them, in the form `+79161234567`.
//!
//! A run of digits and separators is cut into numbers by what is left over: a card or a receipt
//! has digits that belong to no phone. Words before it («ИНН», «заказ», «паспорт») decide where
//! digits alone cannot.

use std::ops::Range;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};
use unicode_normalization::UnicodeNormalization;

use super::words::Word;
use super::{Entity, Meaning};

/// Longest separator between two groups of digits, in characters.
const WIDEST_GAP: usize = 3;
/// Most digits of a number.
const MOST_DIGITS: usize = 15;
/// So many digits may follow a mobile number in the same run: a time, a number of people.
const SPARE_DIGITS: usize = 4;
/// So many words before a number tell what it is.
const CUE_DISTANCE: usize = 4;

/// Beginnings of words that announce a phone.
const PHONE_CUES: &str = "тел моб сот мой моему ватс вотс вацап вайбер телег звон позвон перезвон набер набир связ контакт \
    сбп whatsapp watsapp viber telegram phone tel mob cell call contact my";
/// Beginnings of words that announce another number.
const OTHER_CUES: &str = "инн огрн кпп снилс паспорт серия серии карт счет заказ договор чек чеке чека артикул накладн трек полис код \
    inn order account card invoice passport tracking receipt vin";
/// Words after a number that make it a sum.
const MONEY: &str = "руб р рублей тыс rub usd eur";

/// Some digits in a row.
struct Group {
    digits: String,
    span: Range<usize>,
    /// Whether a dot stands between this and the group before it.
    after_dot: bool,
}

/// Groups of digits with nothing but separators between them.
#[derive(Default)]
struct Run {
    /// Where the plus or the bracket before the first digit stands.
    opens: Option<usize>,
    plus: bool,
    groups: Vec<Group>,
}

/// The phone numbers of a message, in order.
pub(super) fn phones(text: &str, words: &[Word<'_>]) -> Vec<Entity> {
    let mut found = Vec::new();
    for run in runs(text) {
        let mut at = 0;
        while at < run.groups.len() {
            match number_at(&run, at, text, words) {
                Some((last, entity)) => {
                    found.push(entity);
                    at = last + 1;
                }
                None => at += 1,
            }
        }
    }
    found
}

/// The decimal digit that a character stands for, full-width ones included.
fn digit(c: char) -> Option<char> {
    if c.is_ascii() {
        return c.is_ascii_digit().then_some(c);
    }
    let mut plain = std::iter::once(c).nfkc();
    match (plain.next(), plain.next()) {
        (Some(digit), None) if digit.is_ascii_digit() => Some(digit),
        _ => None,
    }
}

fn is_separator(c: char) -> bool {
    (c.is_whitespace() && c != '\n')
        || matches!(
            c,
            '-' | '.' | '(' | ')' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff08}' | '\u{ff09}'
        )
}

fn runs(text: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut run = Run::default();
    let mut gap = String::new();
    for (at, c) in text.char_indices() {
        if let Some(digit) = digit(c) {
            match run.groups.last_mut() {
                Some(last) if gap.is_empty() => {
                    last.digits.push(digit);
                    last.span.end = at + c.len_utf8();
                }
                _ => run.groups.push(Group {
                    digits: digit.to_string(),
                    span: at..at + c.len_utf8(),
                    after_dot: gap.contains('.'),
                }),
            }
            gap.clear();
        } else if is_separator(c) && gap.chars().count() < WIDEST_GAP {
            if run.groups.is_empty() {
                if matches!(c, '(' | '\u{ff08}') {
                    run.opens.get_or_insert(at);
                } else if !run.plus {
                    run.opens = None;
                }
            }
            gap.push(c);
        } else {
            let opens = matches!(c, '+' | '\u{ff0b}').then_some(at);
            let next = Run {
                opens,
                plus: opens.is_some(),
                groups: Vec::new(),
            };
            runs.push(std::mem::replace(&mut run, next));
            gap.clear();
        }
    }
    runs.push(run);
    runs.retain(|run| !run.groups.is_empty());
    runs
}

/// The number that begins with a group, and its last group.
fn number_at(run: &Run, first: usize, text: &str, words: &[Word<'_>]) -> Option<(usize, Entity)> {
    let plus = run.plus && first == 0;
    let mut digits = String::new();
    let mut best = None;
    for (last, group) in run.groups.iter().enumerate().skip(first) {
        digits.push_str(&group.digits);
        if digits.len() > MOST_DIGITS {
            break;
        }
        if let Some(value) = number(&digits, plus)
            && (plus || stands_alone(run, first, last, &digits))
        {
            best = Some((last, value));
        }
    }
    let (last, value) = best?;
    let start = match run.opens {
        Some(opens) if first == 0 => opens,
        _ => run.groups[first].span.start,
    };
    let span = start..run.groups[last].span.end;
    (plus || is_announced(text, &span, words))
        .then(|| (last, Entity::new(text, span, Meaning::Phone(value), None)))
}

/// The number that digits make.
pub(super) fn number(digits: &str, plus: bool) -> Option<String> {
    if plus && let Some(number) = valid(&format!("+{digits}"), None) {
        return Some(number);
    }
    match (digits.len(), digits.as_bytes().first()) {
        (11, Some(b'7' | b'8')) => valid(&format!("+7{}", &digits[1..]), None),
        (12, _) if plus && digits.starts_with("789") => valid(&format!("+7{}", &digits[2..]), None),
        (10, _) => valid(&format!("+7{digits}"), Some(Region::RU)),
        _ => None,
    }
}

fn valid(number: &str, region: Option<Region>) -> Option<String> {
    let parsed = PHONE_NUMBER_UTIL.parse(number, None).ok()?;
    let fine = match region {
        Some(region) => PHONE_NUMBER_UTIL.is_valid_number_for_region(&parsed, region),
        None => PHONE_NUMBER_UTIL.is_valid_number(&parsed),
    };
    fine.then(|| {
        PHONE_NUMBER_UTIL
            .format(&parsed, PhoneNumberFormat::E164)
            .into_owned()
    })
}

/// Whether digits without a plus are a number by themselves and not a part of something longer.
fn stands_alone(run: &Run, first: usize, last: usize, digits: &str) -> bool {
    let groups = &run.groups[first..=last];
    if groups.len() == 1 {
        return true;
    }
    let lengths: Vec<usize> = groups.iter().map(|group| group.digits.len()).collect();
    let is_year = |group: &Group| group.digits.starts_with("19") || group.digits.starts_with("20");
    let date = groups.windows(3).any(|three| {
        three[0].digits.len() <= 2
            && three[1].digits.len() <= 2
            && three[1].after_dot
            && three[2].after_dot
            && three[2].digits.len() == 4
            && is_year(&three[2])
    });
    // A passport: series and number.
    if date || lengths == [4, 6] {
        return false;
    }
    let mobile = digits.len() == 11 && digits[1..].starts_with('9') || digits.starts_with('9');
    let spare: usize = run.groups[last + 1..]
        .iter()
        .map(|group| group.digits.len())
        .sum();
    if digits.len() == 11 && mobile {
        return spare <= SPARE_DIGITS || spare >= 10;
    }
    first == 0 && (spare == 0 || spare >= 10 || (mobile && spare <= SPARE_DIGITS))
}

/// Whether the words around digits let them be a phone.
fn is_announced(text: &str, span: &Range<usize>, words: &[Word<'_>]) -> bool {
    let begins = |word: &Word<'_>, cues: &str| {
        cues.split_whitespace()
            .any(|cue| word.folded.starts_with(cue))
    };
    let before = words.partition_point(|word| word.end <= span.start);
    let cue = words[..before]
        .iter()
        .rev()
        .take(CUE_DISTANCE)
        .find_map(|word| {
            if begins(word, OTHER_CUES) {
                Some(false)
            } else if begins(word, PHONE_CUES) {
                Some(true)
            } else {
                None
            }
        });
    if let Some(cue) = cue {
        return cue;
    }
    let previous = text[..span.start].chars().next_back();
    let next = text[span.end..].chars().next();
    let glued = previous.is_some_and(|c| c.is_alphabetic() || matches!(c, '№' | '#' | '_'))
        || next.is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let in_link = previous == Some('/') && !text[..span.start].ends_with("wa.me/");
    let after = words.iter().find(|word| word.start >= span.end);
    let sum = text[span.end..]
        .trim_start()
        .starts_with(['₽', '$', '€', '%'])
        || after.is_some_and(|word| {
            text[span.end..word.start].trim().is_empty()
                && MONEY.split_whitespace().any(|money| word.folded == money)
        });
    let numbered = text[..span.start].trim_end().ends_with(['№', '#']);
    !(glued || in_link || sum || numbered)
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let numbers = phones(text, &words(text)).into_iter();
        numbers
            .map(|entity| {
                assert_eq!(&text[entity.start..entity.end], entity.text);
                match entity.meaning {
                    Meaning::Phone(number) => number,
                    other => panic!("{other:?}"),
                }
            })
            .collect()
    }

    #[test]
    fn a_phone_is_found_however_it_is_written() {
        for text in [
            "+79215550142",
            "8 921 555 01 42",
            "мой номер 8(921)555-01-42, Ира",
            "тел.89215550142",
            "921 555-01-42",
            "7 921 5550142",
            "+7 (921) 555\u{2011}01\u{2011}42.",
            "8 9 2 1 5 5 5 0 1 4 2",
            "８９２１５５５０１４２",
            "＋７ ９２１ ５５５ ０１ ４２",
            "8921 555 01 42 завтра в 15",
            "завтра в 15 8 921 555 01 42",
            "+8 921 555 01 42",
            "+7 8 921 555 01 42",
            "https://wa.me/79215550142",
            "перевод на карту по моему номеру 89215550142",
            "89215550142Ирина",
        ] {
            assert_eq!(found(text), ["+79215550142"], "{text}");
        }
    }

    #[test]
    fn several_phones_come_apart() {
        for text in [
            "89215550142 89115550143",
            "8 921 555 01 42 8 911 555 01 43",
            "921-555-01-42 / 911-555-01-43",
            "+7 921 555-01-42, или +7 911 555-01-43",
            "8 (921) 555-01-42\n8 (911) 555-01-43",
        ] {
            assert_eq!(found(text), ["+79215550142", "+79115550143"], "{text}");
        }
    }

    #[test]
    fn foreign_phones_need_their_plus() {
        assert_eq!(found("+44 20 7946 0958"), ["+442079460958"]);
        assert_eq!(found("+375 29 123-45-67 мой"), ["+375291234567"]);
        assert_eq!(found("44 20 7946 0958"), Vec::<String>::new());
    }

    #[test]
    fn other_numbers_are_no_phones() {
        for text in [
            "маникюр 1500-2600",
            "8.12.2026-9.12.2026",
            "2026-11-20 11:30",
            "20.11.2026 в 10.00",
            "карта 4276 8921 5550 1420",
            "номер карты 2202200112345678",
            "заказ №9215550142",
            "номер заказа 9215550142",
            "паспорт 4005 123456",
            "4005 123456",
            "ИНН 9215550142",
            "СНИЛС 849-512-345 67",
            "сумма 9215550142 руб",
            "id_89215550142",
            "https://shop.example/item/89215550142",
            "112",
            "",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }
}
