//! A text as clauses, and what each is about.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

use super::statements::{Said, statements, words as word_spans};
use super::units::names_day;
use super::values::{Value, claims};
use crate::words::{folded, is_frame, is_light, stem, tokens};

/// Words that say neither of what nor what: they are in answers of every kind.
const GENERIC: &str = "визит процедура процедуры процедуру услуга услуги сумма сумму итого составит составляет составляют \
    обойдется обойдутся выйдет получится примерно около обычно зависит клиент клиенты гость гости момент данный наш наша \
    наши нашем нашего длится длительность продолжительность занимает займет время времени выходной выходная закрыто закрыт график visit total usually about approximately depends service closed off";

/// Whether two stems are of one word, in another form of it.
pub(super) fn alike(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() < other.len() {
        (one, other)
    } else {
        (other, one)
    };
    one == other || long.starts_with(short) && short.chars().count() >= 4
}

/// Whether a clause says that nobody works: «выходной», «закрыто», «не работаем», "closed".
pub(super) fn says_closed(clause: &str) -> bool {
    let folded = folded(clause);
    let words: Vec<&str> = tokens(&folded).collect();
    let off = |word: &str| {
        matches!(word, "выходной" | "выходная" | "closed") || word.starts_with("закрыт")
    };
    words.iter().any(|word| off(word))
        || words.windows(2).any(|pair| {
            matches!(pair[0], "не" | "not" | "doesn" | "don")
                && ["работа", "принима", "откр", "work", "open"]
                    .iter()
                    .any(|begin| pair[1].starts_with(begin))
        })
}

/// What begins the mark of a day among words.
pub(super) const DAY: &str = "day ";

pub(super) fn is_day(word: &str) -> bool {
    word.starts_with(DAY)
}

/// A clause and what it is about.
pub(super) struct Subject {
    pub(super) span: Range<usize>,
    pub(super) words: BTreeSet<String>,
    pub(super) people: BTreeSet<String>,
}

/// The clauses of a text and what each is about: its own words and those of the clauses right before it in its line
/// that state nothing; or else what the clause before it is about ("Mon 10–18, Tue–Fri 10–20"). A line that has named
/// people goes on about them.
pub(super) fn subjects(text: &str, known_people: &HashSet<String>) -> Vec<Subject> {
    let mut out: Vec<Subject> = Vec::new();
    let mut pending = BTreeSet::new();
    for span in clauses(text) {
        let before = out.last().map_or(0, |last| last.span.end);
        let new_line = text[before..span.start].contains(['\n', '•']);
        if new_line {
            pending.clear();
        }
        let last = out.last().filter(|_| !new_line);
        let clause = &text[span.clone()];
        let mut about = words(clause);
        if claims(clause).is_empty() {
            pending.extend(about.iter().cloned());
        } else {
            about.append(&mut pending);
            if let (true, Some(last)) = (about.iter().all(|word| is_day(word)), last) {
                about.extend(last.words.iter().filter(|word| !is_day(word)).cloned());
            }
        }
        let mut people: BTreeSet<String> = people(clause, known_people).collect();
        if let (true, Some(last)) = (people.is_empty(), last) {
            people.clone_from(&last.people);
        }
        out.push(Subject {
            span,
            words: about,
            people,
        });
    }
    out
}

/// Stems of the first names in a text.
fn people(text: &str, known: &HashSet<String>) -> impl Iterator<Item = String> {
    statements(text, known)
        .into_iter()
        .filter_map(|statement| match statement.said {
            Said::Person(name) => Some(name),
            _ => None,
        })
}

/// The stems of what a text is about, and its days. The words of a value are no such words.
pub(super) fn words(text: &str) -> BTreeSet<String> {
    let claims = claims(text);
    let valued = |word: &Range<usize>| {
        let next = claims.partition_point(|claim| claim.span.end <= word.start);
        claims
            .get(next)
            .is_some_and(|claim| claim.span.start <= word.start)
    };
    let mut words: BTreeSet<String> = word_spans(text)
        .into_iter()
        .filter(|word| !valued(word))
        .map(|word| folded(&text[word]))
        .filter(|word| {
            !is_light(word) && !names_day(word) && !word.starts_with(|c: char| c.is_ascii_digit())
        })
        .map(|word| stem(&word).into_owned())
        .filter(|stem| !is_frame(stem) && !GENERIC_STEMS.contains(stem))
        .collect();
    for value in claims.into_iter().flat_map(|claim| claim.meanings) {
        match value {
            Value::Weekday(day) => drop(words.insert(format!("{DAY}{day}"))),
            Value::Date(day, month) => drop(words.insert(format!("{DAY}{day}.{month}"))),
            _ => {}
        }
    }
    words
}

pub(super) static GENERIC_STEMS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let words = GENERIC.split_whitespace();
    words.map(|word| stem(word).into_owned()).collect()
});

/// Stems of all words.
pub(super) fn stems(text: &str) -> impl Iterator<Item = String> {
    let folded = folded(text);
    let stems: Vec<String> = tokens(&folded)
        .map(|word| stem(word).into_owned())
        .collect();
    stems.into_iter()
}

/// Words without what stands between them.
pub(super) fn plain(text: &str) -> String {
    let folded = folded(text);
    tokens(&folded).collect::<Vec<_>>().join(" ")
}

/// Whether a comma stands at a polite word in the midst of a clause.
fn aside(before: &str, rest: &str) -> bool {
    const ASIDES: [&str; 5] = [
        "к сожалению",
        "пожалуйста",
        "увы",
        "unfortunately",
        "please",
    ];
    let midst = before.contains(' ') || ASIDES.iter().all(|aside| !folded(before).contains(aside));
    let next = rest.trim_start();
    midst
        && ASIDES
            .iter()
            .any(|aside| before.ends_with(aside) || next.starts_with(aside))
}

/// Whether «и в субботу» begins after hours of other days.
fn other_day(before: &str, rest: &str) -> bool {
    let Some(rest) = [" и ", " а ", " and "]
        .iter()
        .find_map(|and| rest.strip_prefix(and))
    else {
        return false;
    };
    let mut words = rest
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    let first = words.next().unwrap_or_default();
    let led = matches!(
        first,
        "в" | "во" | "по" | "с" | "со" | "from" | "on" | "at" | "также"
    );
    let next = if led {
        words.next().unwrap_or_default()
    } else {
        first
    };
    let day = names_day(&folded(next));
    let number = led && next.starts_with(|c: char| c.is_ascii_digit());
    if !(day || number) {
        return false;
    }
    let known = claims(before);
    let has = |like: fn(&Value) -> bool| known.iter().any(|claim| claim.meanings.iter().any(like));
    has(|value| matches!(value, Value::Clock(_)))
        && (day || has(|value| matches!(value, Value::Weekday(_))))
}

/// The parts of a text that say one thing each: between full stops, line breaks, semicolons, commas, and «а», «но»
/// before something else.
pub(super) fn clauses(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        let apart = next.is_none_or(char::is_whitespace);
        let ends = match c {
            '\n' | ';' | '•' => true,
            ' ' => other_day(&text[start..at], &text[at..]),
            ',' => apart && !aside(&text[start..at], &text[at + 1..]),
            '.' | '!' | '?' | '…' => apart,
            _ => false,
        };
        // «тыс. руб.» goes on.
        let shortened = c == '.'
            && ["тыс", "руб", "мин", "ул", "пр", "д", "г", "р", "ч"]
                .iter()
                .any(|short| {
                    text[start..at].ends_with(short)
                        && !text[start..at - short.len()].ends_with(char::is_alphabetic)
                })
            && letters
                .clone()
                .find(|(_, c)| !c.is_whitespace())
                .is_some_and(|(_, c)| !c.is_uppercase());
        if ends && !shortened {
            out.push(start..at);
            start = at + c.len_utf8();
        }
    }
    out.push(start..text.len());
    out.retain(|span| text[span.clone()].chars().any(char::is_alphanumeric));
    out
}
