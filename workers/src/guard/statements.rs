//! What a text says besides values: that something is done, promises, names.

use std::collections::HashSet;
use std::ops::Range;

use super::Kind;
use super::subjects::clauses;
use super::units::names_day;
use crate::understand::is_given_name;
use crate::words::{folded, stem};

/// Something that a text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
    pub(super) said: Said,
    /// Whether a "no" stands in the same clause.
    pub(super) negated: bool,
    /// Its word, folded.
    pub(super) word: String,
    /// The sentence it stands in.
    pub(super) sentence: String,
}

impl Statement {
    /// Whether its sentence limits what it says.
    pub(super) fn limited(&self) -> bool {
        let plain = folded(&self.sentence);
        crate::words::tokens(&plain).any(|word| matches!(word, "только" | "only"))
    }

    /// The stem of a first name, if it is one.
    pub(super) fn into_person(self) -> Option<String> {
        match self.said {
            Said::Person(name) => Some(name),
            Said::Name(_) | Said::Done(_) | Said::Promise(_) => None,
        }
    }
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// Something is done, or will be.
    Done(&'static str),
    /// A word that binds the firm.
    Promise(&'static str),
    /// The stem of a name of anything.
    Name(String),
    /// The stem of a first name.
    Person(String),
}

/// Words that bind the firm, by how they begin.
const PROMISES: [(&str, &str); 30] = [
    ("free", "бесплатн даром безвозмездн free= complimentary"),
    ("discount", "скидк скидочн discount"),
    ("gift", "подарок подарк подарочн gift present="),
    ("guarantee", "гарант guarant warrant"),
    ("always open", "круглосуточн всегда always="),
    (
        "safe",
        "безопасн безвредн безболезнен гипоаллерген safe painless hypoallergenic harmless",
    ),
    ("certified", "сертифицир лицензи certified licen"),
    ("sterile", "стерил sterili"),
    (
        "prepayment",
        "предоплат аванс залог депозит prepay deposit advance=",
    ),
    (
        "transfer",
        "переведите перевести переводом реквизит transfer=",
    ),
    ("sale", "акци распродаж sale="),
    ("bonus", "бонус кешбэк кэшбэк кешбек cashback bonus"),
    ("instalments", "рассрочк кредит instalment installment"),
    ("certificate", "сертификат certificate voucher"),
    ("closed", "закрыт выходной= closed="),
    (
        "free time",
        "свободн окошк окошеч мест= места= available= slot= slots=",
    ),
    (
        "binding",
        "обязательн обязан обязуем пожизнен бессрочн навсегда навечно lifetime mandatory",
    ),
    ("refund", "возвра невозвра refund"),
    (
        "cheaper",
        "дешевл дешев выгод вдвое= втрое= полцены половина= уступ cheap",
    ),
    ("only", "только= лишь= исключительно= only="),
    ("best", "лучш самый самая best= №1"),
    ("colourist", "колорист colourist colorist"),
    ("stylist", "стилист stylist"),
    ("hairdresser", "парикмахер барбер hairdresser barber"),
    (
        "doctor",
        "врач доктор дерматолог трихолог doctor dermatolog",
    ),
    (
        "aesthetician",
        "косметолог эстетист cosmetolog aesthetician beautician",
    ),
    ("make-up artist", "визажист гример"),
    ("brow artist", "бровист лешмейкер"),
    ("masseur", "массажист masseu"),
    ("top", "топ="),
];

/// Things that are done, or will be, by us: by how the word begins.
const DEEDS: [(&str, &str); 6] = [
    (
        "booked",
        "записал= записала= записали= записан= записана= записаны= запишу= запишем= забронир зарезервир оформил \
        подтвердил подтвержден записываю= бронирую= оформлен= оформлена= оформлено= внес= внесл добавил закреплен \
        закрепил поставил= поставила= принята= scheduled= arranged= booked= reserved= confirmed=",
    ),
    (
        "moved",
        "перенес перенесл перенесен переношу= перенесу= rescheduled= moved=",
    ),
    (
        "cancelled",
        "отменил отменен отменяю= отменю= удален= удалена= удалено= удалил снял= сняла= cancelled= canceled=",
    ),
    (
        "told",
        "передал= передала= передали= передам= передано= сообщил сообщу= уточню= уточним= свяжусь= свяжемся= свяжется= перезвон \
        напомню= напишу= позвоню= отправил отправлю= передаю= уточняю= спросил спрошу= узнал узнаю= \
        выслал вышлю= прислал предупредил предупрежу= ответит= ответят= передан= forwarded= notified=",
    ),
    (
        "refunded",
        "вернул= вернули= верну= вернем= возвращен возместим= начислил начислим= начислен refunded=",
    ),
    (
        "paid",
        "оплачено= оплачен= списал= списали= прошла= прошел= получен= получена=",
    ),
];

/// English first names; the Russian ones are those that customers are understood by.
const ENGLISH_NAMES: &str =
    "anna maria elena olga irina marina natalia julia kate john michael david sarah emma";

/// Whether a capital letter at the beginning of a sentence may be that of a first name.
fn is_first_name(folded: &str) -> bool {
    is_given_name(folded) || ENGLISH_NAMES.split(' ').any(|name| name == folded)
}

/// Everything of that kind in a text.
pub(super) fn statements(text: &str, people: &HashSet<String>) -> Vec<Statement> {
    let mut out = Vec::new();
    for sentence in sentences(text) {
        let whole = &text[sentence.clone()];
        for word in words(whole) {
            let place = sentence.start + word.start..sentence.start + word.end;
            let folded = folded(&whole[word.clone()]);
            let said = deed(&folded)
                .map(|deed| (Kind::Done, Said::Done(deed)))
                .or_else(|| {
                    let promise = promise(&folded)?;
                    // «только напишите заранее» limits nothing.
                    let asks = promise == "only" && asks_for(&whole[word.end..]);
                    // «лучше записаться» advises, «лучше других» boasts.
                    let advises = folded == "лучше" && !compares(&whole[word.end..]);
                    (!asks && !advises).then_some((Kind::Promise, Said::Promise(promise)))
                })
                .or_else(|| name(whole, &word, &folded, people).map(|name| (Kind::Name, name)));
            if let Some((kind, said)) = said {
                out.push(Statement {
                    span: place,
                    kind,
                    said,
                    negated: negated(whole, &word),
                    word: folded,
                    sentence: whole.to_owned(),
                });
            }
        }
    }
    out
}

/// Whether a text begins with a request.
fn asks_for(text: &str) -> bool {
    let next = text.split_whitespace().next().unwrap_or_default();
    next.trim_end_matches(|c: char| !c.is_alphabetic())
        .ends_with("те")
}

/// Whether a text begins with whom something is compared with.
fn compares(text: &str) -> bool {
    let next = text.split_whitespace().next().unwrap_or_default();
    matches!(next, "чем" | "всех" | "других") || next.starts_with(char::is_uppercase)
}

fn deed(word: &str) -> Option<&'static str> {
    among(&DEEDS, word)
}

fn promise(word: &str) -> Option<&'static str> {
    among(&PROMISES, word)
}

/// The class of a word: by how it begins, or the whole word where the list ends it with `=`.
fn among(classes: &[(&'static str, &'static str)], word: &str) -> Option<&'static str> {
    let first = word.chars().next()?;
    let begins = |begin: &str| match begin.strip_suffix('=') {
        Some(whole) => word == whole,
        None => word.starts_with(begin),
    };
    let holds = |list: &str| {
        list.split(' ')
            .any(|begin| begin.starts_with(first) && begins(begin))
    };
    let found = classes.iter().find(|(_, list)| holds(list));
    found.map(|(class, _)| *class)
}

/// A capital letter inside a sentence, or a first name anywhere.
fn name(
    sentence: &str,
    word: &Range<usize>,
    folded: &str,
    people: &HashSet<String>,
) -> Option<Said> {
    let written = &sentence[word.clone()];
    let before = sentence[..word.start].trim_end();
    let begins = !before.contains(char::is_alphanumeric) || before.ends_with(':');
    let mut letters = written.chars();
    let capital = letters.next().is_some_and(char::is_uppercase);
    let rest_small = letters.clone().any(char::is_lowercase);
    let stemmed = stem(folded).into_owned();
    let person = is_first_name(folded) || people.contains(&stemmed);
    let polite = matches!(
        folded,
        "вы" | "вас"
            | "вам"
            | "вами"
            | "ваш"
            | "ваша"
            | "ваше"
            | "ваши"
            | "вашей"
            | "вашего"
            | "вашу"
            | "i"
    );
    if !capital || !rest_small || polite || names_day(folded) {
        return None;
    }
    // «Невский проспект» at the beginning
    let after = sentence[word.end..].trim_start();
    let street = [
        "улиц",
        "проспект",
        "переул",
        "набереж",
        "площад",
        "шоссе",
        "бульвар",
    ]
    .iter()
    .any(|kind| after.starts_with(kind));
    match (person, begins && !street) {
        (true, _) => Some(Said::Person(stemmed)),
        (false, false) => Some(Said::Name(stemmed)),
        (false, true) => None,
    }
}

/// Whether a "no" stands in the clause of a word.
fn negated(sentence: &str, word: &Range<usize>) -> bool {
    let around = clauses(sentence);
    let around = around
        .into_iter()
        .find(|clause| clause.contains(&word.start));
    let clause = folded(&sentence[around.unwrap_or(word.clone())]);
    let own = folded(&sentence[word.clone()]);
    let words: Vec<&str> = crate::words::tokens(&clause).collect();
    let whole = words.iter().any(|word| {
        matches!(
            *word,
            "нет" | "без" | "ни" | "no" | "not" | "without" | "never" | "don" | "isn"
        )
    });
    // «Не» denies the word after it, and the whole clause with a word of being.
    let denies = |word: &str| word == own || BEING.iter().any(|begin| word.starts_with(begin));
    whole
        || words
            .windows(2)
            .any(|pair| pair[0] == "не" && denies(pair[1]))
}

/// How words begin that say that there is something.
const BEING: [&str; 13] = [
    "нужн",
    "требу",
    "бер",
    "надо",
    "предусмотр",
    "предлага",
    "быва",
    "име",
    "дела",
    "прода",
    "прос",
    "принима",
    "действ",
];

fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let apart = letters.peek().is_none_or(|(_, next)| next.is_whitespace());
        if matches!(c, '\n' | '•') || matches!(c, '.' | '!' | '?' | '…') && apart {
            out.push(start..at);
            start = at + c.len_utf8();
        }
    }
    out.push(start..text.len());
    out.retain(|span| text[span.clone()].chars().any(char::is_alphanumeric));
    out
}

/// Where the words of a text are.
pub(super) fn words(text: &str) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    for (at, c) in text.char_indices() {
        if !(c.is_alphanumeric() || c == '№') {
            continue;
        }
        match out.last_mut() {
            Some(last) if last.end == at => last.end = at + c.len_utf8(),
            _ => out.push(at..at + c.len_utf8()),
        }
    }
    out
}
