//! How many people want to come: «нас двое», «я и дочка», "a table for two" without the table.

use super::words::{Word, gap};
use super::{Entity, Meaning};

/// More people than this are no visit to a salon.
const MOST: u32 = 30;

/// Number words in the forms that stand before or without a noun.
const NUMBERS: &[(u32, &str)] = &[
    (1, "один одна одного одну одной одному one"),
    (
        2,
        "два две двух двое двоих двум двоим двумя двоими пара пару two couple",
    ),
    (3, "три трех трое троих трем троим тремя троими three"),
    (
        4,
        "четыре четырех четверо четверых четырем четверым четырьмя four",
    ),
    (5, "пять пяти пятеро пятерых пятью five"),
    (6, "шесть шести шестеро шестерых six"),
    (7, "семь семи семеро семерых seven"),
    (8, "восемь восьми восьмеро восьмерых eight"),
];
/// Number words that are only said of people.
const COLLECTIVE: &str = "двое двоих двоим двоими трое троих троим троими четверо четверых четверым пятеро пятерых шестеро шестерых семеро восьмеро";
/// "The two of us".
const TOGETHER: &[(u32, &str)] = &[
    (2, "вдвоем"),
    (3, "втроем"),
    (4, "вчетвером"),
    (5, "впятером"),
    (6, "вшестером"),
];

/// Beginnings of words for the people one comes with.
const COMPANIONS: &str = "подруг подружк друг друз муж жен мам мать матер пап дочк доч дочер сын сестр брат ребен дет детьм коллег парн девушк бабушк тет \
    свекров тещ сосед приятел знаком родител племянни крестни внучк \
    friend husband wife mother mom mum dad father daughter son sister brother kid child boyfriend girlfriend colleague partner";
/// Beginnings of words that begin like a companion and are none.
const NO_COMPANIONS: &str = "мужск мужчин женск женщин женя жене женю детск детал тетрад папк \
    другой другое другую другая другого другим другие";
const CHILDREN: [&str; 4] = ["ребен", "дет", "kid", "child"];
/// Words for people who are counted.
const HEADS: &str =
    "человек человека чел персон персоны people persons person guests adults girls ladies";
const ME: &str = "я меня мне мною мной me i myself";

/// The number of people in a message.
pub(super) fn party(text: &str, words: &[Word<'_>]) -> Option<Entity> {
    (0..words.len()).find_map(|at| {
        let (count, last) = told(words, at)
            .or_else(|| listed(text, words, at))
            .or_else(|| accompanied(words, at))?;
        let span = words[at].start..words[last].end;
        let sure = if count.1 { 0.95 } else { 0.7 };
        (1..=MOST)
            .contains(&count.0)
            .then(|| Entity::new(text, span, Meaning::People(count.0), Some(sure)))
    })
}

/// A number of people and whether it is said outright.
type Count = (u32, bool);

fn has(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|known| known == word)
}

fn number(word: &str) -> Option<u32> {
    let digits = word.trim_end_matches(['х', 'x', 'е', 'м']);
    if let Ok(number) = digits.parse() {
        return (word.len() - digits.len() <= 2).then_some(number);
    }
    NUMBERS
        .iter()
        .find(|(_, forms)| has(forms, word))
        .map(|(number, _)| *number)
}

fn is_companion(word: &str) -> bool {
    COMPANIONS.split_whitespace().any(|start| {
        word.strip_prefix(start)
            .is_some_and(|end| end.chars().count() <= 4)
    }) && !NO_COMPANIONS
        .split_whitespace()
        .any(|start| word.starts_with(start))
}

/// «нас двое», «на троих», «3 человека», «вдвоем», "for two", "party of four".
fn told(words: &[Word<'_>], at: usize) -> Option<(Count, usize)> {
    let word = |at: usize| words.get(at).map_or("", |word| word.folded.as_str());
    if let Some((count, _)) = TOGETHER.iter().find(|(_, form)| *form == word(at)) {
        return Some(((*count, true), at));
    }
    // «сколько человек у вас работает» has no number before the people.
    if let Some(count) = number(word(at)) {
        // «на 2-х человек»: the ending is a word of its own.
        let head = if matches!(word(at + 1), "х" | "x") {
            at + 2
        } else {
            at + 1
        };
        if has(HEADS, word(head)) {
            return Some(((count, true), head));
        }
        if word(at + 1) == "of" && word(at + 2) == "us" {
            return Some(((count, true), at + 2));
        }
    }
    match word(at) {
        "нас" => {
            let next = if matches!(word(at + 1), "будет" | "всего") {
                at + 2
            } else {
                at + 1
            };
            let count = number(word(next))?;
            let counted = has(COLLECTIVE, word(next))
                || next + 1 == words.len()
                || has(HEADS, word(next + 1));
            counted.then_some(((count, true), next))
        }
        "на" | "для" | "запишите" | "примете" | "сразу" if has(COLLECTIVE, word(at + 1)) => {
            Some(((number(word(at + 1))?, true), at + 1))
        }
        "на" | "для" if matches!(word(at + 1), "одного" | "одну") && at + 2 == words.len() => {
            Some(((1, true), at + 1))
        }
        "я" | "буду" | "приду" if matches!(word(at + 1), "один" | "одна") => {
            Some(((1, true), at + 1))
        }
        "only" | "just" if word(at + 1) == "me" => Some(((1, true), at + 1)),
        "party" | "group" if word(at + 1) == "of" => Some(((number(word(at + 2))?, true), at + 2)),
        "for" if has("two three four five six", word(at + 1)) => {
            // "for two hours" is about time.
            let timed = has(
                "hours hour days day weeks week months minutes times",
                word(at + 2),
            );
            (!timed).then_some(((number(word(at + 1))?, true), at + 1))
        }
        _ => None,
    }
}

/// «я и дочка», «меня, мужа и двух детей», «мы с мужем», "me and my friend".
fn listed(text: &str, words: &[Word<'_>], at: usize) -> Option<(Count, usize)> {
    let word = |at: usize| words.get(at).map_or("", |word| word.folded.as_str());
    let english_self = word(at) == "my"
        && is_companion(word(at + 1))
        && word(at + 2) == "and"
        && word(at + 3) == "i";
    if english_self {
        return Some(((2, true), at + 3));
    }
    if word(at) == "мы" && matches!(word(at + 1), "с" | "со") {
        let (with, last) = companions(words, at + 2)?;
        return Some(((1 + with, true), last));
    }
    if !has(ME, word(at)) {
        return None;
    }
    let (mut count, mut last) = (1, at);
    loop {
        let between = gap(text, words, last);
        let joined = matches!(word(last + 1), "и" | "and" | "плюс" | "with");
        let listed = between.trim() == ",";
        let next = if joined {
            last + 2
        } else if listed || between.contains('+') {
            last + 1
        } else {
            break;
        };
        let Some((with, end)) = companions(words, next) else {
            break;
        };
        count += with;
        last = end;
    }
    (count > 1).then_some(((count, true), last))
}

/// «с подругой», «с двумя детьми», "with two friends".
fn accompanied(words: &[Word<'_>], at: usize) -> Option<(Count, usize)> {
    if !matches!(words[at].folded.as_str(), "с" | "со" | "with") {
        return None;
    }
    let (with, last) = companions(words, at + 1)?;
    let company = &words[last].folded;
    // Coming «с ребенком» is as often bringing a child along as having it served.
    let child = CHILDREN.iter().any(|child| company.starts_with(child));
    let counted = with > 1;
    (!child || counted).then_some(((1 + with, counted), last))
}

/// How many companions begin at a word, and the last word of them.
fn companions(words: &[Word<'_>], at: usize) -> Option<(u32, usize)> {
    let mut next = at;
    let mut count = 1;
    let word = |at: usize| words.get(at).map_or("", |word| word.folded.as_str());
    if let Some(number) = number(word(next)) {
        count = number;
        next += 1;
    }
    let own = "мой моя мою моей моим моего мои моих моими еще свой свою своей своим my our a the more other его ее";
    while next < at + 3 && has(own, word(next)) {
        next += 1;
        if let Some(number) = number(word(next)) {
            count = number;
            next += 1;
        }
    }
    is_companion(word(next)).then_some((count.min(MOST), next))
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    fn count(text: &str) -> Option<u32> {
        party(text, &words(text)).map(|entity| {
            assert_eq!(&text[entity.start..entity.end], entity.text);
            match entity.meaning {
                Meaning::People(count) => count,
                other => panic!("{other:?}"),
            }
        })
    }

    #[test]
    fn people_are_counted() {
        for (text, expected) in [
            ("нас двое", 2),
            ("нас будет 3", 3),
            ("хотим на маникюр на 3 человек", 3),
            ("на 2-х человек", 2),
            ("запишите двоих", 2),
            ("запишите на двоих в субботу", 2),
            ("мы вдвоём", 2),
            ("я и дочка", 2),
            ("меня, мужа и двух детей запишите", 4),
            ("мы с мужем", 2),
            ("хочу с подругой на маникюр", 2),
            ("я и две подруги", 3),
            ("буду одна", 1),
            ("a manicure for two", 2),
            ("I'd like to come with two friends", 3),
            ("me and my husband", 2),
            ("my daughter and I", 2),
            ("party of 4 people", 4),
        ] {
            assert_eq!(count(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_numbers_count_nobody() {
        for text in [
            "сколько человек у вас работает",
            "запишите на два часа",
            "на двух руках",
            "можно прийти с ребенком",
            "с другой стороны",
            "маникюр с мужским мастером",
            "у вас за двоих берут",
            "for two hours",
            "меня зовут Анна",
            "запишите меня",
            "в 2",
            "",
        ] {
            assert_eq!(count(text), None, "{text}");
        }
    }
}
