//! What a message names: phones, e-mails, people, services, each with its place in the text.

mod email;
mod firm;
mod given;
mod name;
mod party;
mod phone;
mod words;

pub(crate) use given::is_given_name;

use std::ops::Range;

use serde::Serialize;

pub(super) use firm::Firm;

/// Where phone numbers stand in a text, in bytes.
pub(crate) fn phones(text: &str) -> Vec<Range<usize>> {
    let found = phone::phones(text, &words::words(text)).into_iter();
    found.map(|phone| phone.start..phone.end).collect()
}

/// The first phone number of a text, in E.164.
pub fn phone_number(text: &str) -> Option<String> {
    let found = phone::phones(text, &words::words(text)).into_iter();
    let mut numbers = found.filter_map(|entity| match entity.meaning {
        Meaning::Phone(number) => Some(number),
        _ => None,
    });
    numbers.next()
}

/// What is known to be a phone, in E.164: with or without its plus, `8` before a Russian number too.
pub fn e164(phone: &str) -> Option<String> {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    phone::number(&digits, true)
}

/// The one e-mail address that a text is, in lower case.
pub fn email_address(text: &str) -> Option<String> {
    let text = text.trim();
    match email::emails(text).pop()?.meaning {
        Meaning::Email(email) if email.chars().count() == text.chars().count() => Some(email),
        _ => None,
    }
}

/// What is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Meaning {
    /// A phone number, `+79161234567`.
    Phone(String),
    /// An e-mail address in lower case.
    Email(String),
    /// The customer's name, or whom the visit is for, in the nominative, the given name first.
    Name(String),
    /// How many people want to come.
    People(u32),
    /// A service of the firm, by id.
    Service(String),
    /// Somebody who works there, by id.
    Staff(String),
}

/// Something that a message names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entity {
    /// What it means.
    #[serde(flatten)]
    pub meaning: Meaning,
    /// The words that name it.
    pub text: String,
    /// Their first byte in the message.
    pub start: usize,
    /// The byte after their last.
    pub end: usize,
    /// How sure it is, from 0 to 1, where there can be doubt. Words that fit several services or
    /// people are told once for each of them, and share the confidence.
    pub confidence: Option<f32>,
}

impl Entity {
    fn new(text: &str, span: Range<usize>, meaning: Meaning, confidence: Option<f32>) -> Self {
        Self {
            meaning,
            text: text.get(span.clone()).unwrap_or_default().to_owned(),
            start: span.start,
            end: span.end,
            confidence,
        }
    }

    fn covers(&self, span: &Range<usize>) -> bool {
        self.start < span.end && span.start < self.end
    }
}

/// Everything a message names, in the order of the text; `meant` is the message with its keyboard
/// layout repaired, where it was.
pub(super) fn entities(text: &str, meant: Option<&str>, firm: Option<&Firm>) -> Vec<Entity> {
    let mut found = named(text, firm);
    if let Some(meant) = meant {
        let places = Places::of(text, meant);
        let more = named(meant, firm).into_iter().filter_map(|entity| {
            let number = matches!(entity.meaning, Meaning::Phone(_) | Meaning::Email(_));
            let span = places.in_original(entity.start..entity.end)?;
            let known = found.iter().any(|known| known.covers(&span));
            (!number && !known).then(|| Entity::new(text, span, entity.meaning, entity.confidence))
        });
        let more: Vec<Entity> = more.collect();
        found.extend(more);
    }
    found.sort_by(|a, b| {
        let sure = |entity: &Entity| entity.confidence.unwrap_or(1.0);
        (a.start, a.end)
            .cmp(&(b.start, b.end))
            .then(sure(b).total_cmp(&sure(a)))
    });
    found
}

fn named(text: &str, firm: Option<&Firm>) -> Vec<Entity> {
    let mut words = words::words(text);
    let mut found = email::emails(text);
    let mut phones = phone::phones(text, &words);
    phones.retain(|phone| !covered(&found, phone.start..phone.end));
    found.extend(phones);
    // What is part of a number or an address is no word of the sentence.
    words.retain(|word| !covered(&found, word.start..word.end));
    let names = name::names(text, &words, &found);
    if let Some(firm) = firm {
        let mut free = words.clone();
        free.retain(|word| !covered(&names, word.start..word.end));
        found.extend(firm.services(text, &free));
        found.extend(firm.staff(text, &free));
    }
    found.extend(names);
    found.extend(party::party(text, &words));
    found
}

fn covered(by: &[Entity], span: Range<usize>) -> bool {
    by.iter().any(|entity| entity.covers(&span))
}

/// Where the pieces between blanks stand in a message and in its repaired form.
struct Places {
    pairs: Vec<(Range<usize>, Range<usize>)>,
}

impl Places {
    fn of(text: &str, meant: &str) -> Self {
        let (original, repaired) = (pieces(text), pieces(meant));
        // Folding can turn a character into several with a blank among them; then nothing fits.
        let pairs = if original.len() == repaired.len() {
            original.into_iter().zip(repaired).collect()
        } else {
            Vec::new()
        };
        Self { pairs }
    }

    fn in_original(&self, span: Range<usize>) -> Option<Range<usize>> {
        let mut touched = self
            .pairs
            .iter()
            .filter(|(_, meant)| meant.start < span.end && span.start < meant.end)
            .map(|(original, _)| original);
        let first = touched.next()?;
        let last = touched.next_back().unwrap_or(first);
        Some(first.start..last.end)
    }
}

fn pieces(text: &str) -> Vec<Range<usize>> {
    let start = text.as_ptr() as usize;
    text.split_whitespace()
        .map(|piece| {
            let at = piece.as_ptr() as usize - start;
            at..at + piece.len()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::business;

    static FIRM: LazyLock<Firm> = LazyLock::new(|| Firm::of(&business()));

    fn told(text: &str, meant: Option<&str>) -> Vec<(Meaning, String)> {
        entities(text, meant, Some(&FIRM))
            .into_iter()
            .map(|entity| (entity.meaning, entity.text))
            .collect()
    }

    #[test]
    fn everything_in_a_message_is_named_once() {
        let text = "Здравствуйте, это Ирина. Запишите нас двоих к Ане на педикюр с покрытием, 8 921 555-01-42";
        assert_eq!(
            told(text, None),
            [
                (Meaning::Name("Ирина".to_owned()), "Ирина".to_owned()),
                (Meaning::People(2), "нас двоих".to_owned()),
                (Meaning::Staff("anna".to_owned()), "Ане".to_owned()),
                (
                    Meaning::Service("pedicure-gel".to_owned()),
                    "педикюр с покрытием".to_owned()
                ),
                (
                    Meaning::Phone("+79215550142".to_owned()),
                    "8 921 555-01-42".to_owned()
                ),
            ]
        );
    }

    #[test]
    fn places_of_a_repaired_message_are_those_of_the_original() {
        assert_eq!(
            told(
                "pfgbibnt yf  gtlbr.h ivan@mail.ru",
                Some("запишите на педикюр ivan@mail.ru")
            )
            .into_iter()
            .map(|(_, text)| text)
            .collect::<Vec<_>>(),
            ["gtlbr.h", "gtlbr.h", "ivan@mail.ru"]
        );
    }

    #[test]
    fn an_entity_is_a_flat_object() {
        let entity = Entity::new("на 2", 3..5, Meaning::People(2), None);
        assert_eq!(
            serde_json::to_value(entity).unwrap(),
            serde_json::json!({"kind": "people", "value": 2, "text": "", "start": 3, "end": 5, "confidence": null})
        );
    }

    /// Words that mean something to the readers, to be put together at random.
    const PIECES: [&str; 24] = [
        "меня",
        " зовут ",
        "на",
        " ",
        "Иванову",
        " к ",
        "Ане",
        "маникюр",
        " и ",
        "с покрытием",
        "+7",
        " 921 ",
        "(555)",
        "8",
        "0142",
        "двое",
        "\n",
        "@",
        "mail.ru",
        "ё",
        "и\u{306}",
        "🙂",
        ", ",
        "нас",
    ];

    proptest! {
        #[test]
        fn spans_are_inside_any_text(text in "\\PC{0,60}") {
            for entity in entities(&text, None, Some(&FIRM)) {
                prop_assert_eq!(&text[entity.start..entity.end], entity.text.as_str());
            }
        }

        #[test]
        fn spans_are_inside_texts_of_our_words(parts in proptest::collection::vec(0..PIECES.len(), 0..24)) {
            let text: String = parts.into_iter().map(|part| PIECES[part]).collect();
            let meant = text.to_uppercase();
            for entity in entities(&text, Some(&meant), Some(&FIRM)) {
                prop_assert_eq!(&text[entity.start..entity.end], entity.text.as_str());
                prop_assert!(entity.start < entity.end);
            }
        }
    }
}
