//! Who writes, or whom the visit is for: «меня зовут…», «запишите на Иванову Анну», "my name is …".

use super::given::{self, Gender, given, is_patronymic, is_surname};
use super::words::{Word, gap};
use super::{Entity, Meaning};
use crate::words::{is_frame, is_light, stem};

/// Most words of a name.
const LONGEST: usize = 3;

/// What may follow a cue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    /// A name, known or not, in the nominative.
    Any,
    /// A given name that is known.
    Known,
    /// A name in the accusative: a known one, or a surname with a capital.
    Accusative,
    /// A name of which only the capital tells.
    Capital,
}

/// What is said before a name.
const CUES: [(&str, Follows); 31] = [
    ("меня зовут", Follows::Any),
    ("зовут меня", Follows::Any),
    ("меня звать", Follows::Any),
    ("мое имя", Follows::Any),
    ("имя клиента", Follows::Any),
    ("имя", Follows::Known),
    ("фио", Follows::Any),
    ("фамилия", Follows::Capital),
    ("моя фамилия", Follows::Any),
    ("фамилия моя", Follows::Any),
    ("на фамилию", Follows::Any),
    ("с вами", Follows::Known),
    ("пишет вам", Follows::Known),
    ("пишет", Follows::Known),
    ("беспокоит", Follows::Known),
    ("я", Follows::Known),
    ("это", Follows::Known),
    ("на имя", Follows::Accusative),
    ("запишите на", Follows::Accusative),
    ("запиши на", Follows::Accusative),
    ("записать на", Follows::Accusative),
    ("запись на", Follows::Accusative),
    ("записаны на", Follows::Accusative),
    ("оформите на", Follows::Accusative),
    ("бронь на", Follows::Accusative),
    ("запишите пожалуйста на", Follows::Accusative),
    ("запишите", Follows::Accusative),
    ("my name is", Follows::Any),
    ("my name s", Follows::Any),
    ("under the name", Follows::Any),
    ("name is", Follows::Any),
];
/// The same in English, where "I am tired" begins like "I am Anna".
const ENGLISH_CUES: [&str; 6] = [
    "i am",
    "i m",
    "im",
    "this is",
    "call me",
    "under the name of",
];

/// Words that follow «меня зовут» and are no name.
const NO_NAMES: &str = "просто обычно так же все как никак зовут сегодня завтра послезавтра понедельник вторник среду четверг пятницу субботу воскресенье \
    утро вечер день время ребенка мужа маму дочку сына подругу друга человека двоих троих here not just the a an very so calling writing from looking interested";

/// The names in a message; `found` are its phones and addresses.
pub(super) fn names(text: &str, words: &[Word<'_>], found: &[Entity]) -> Vec<Entity> {
    let mut names: Vec<Entity> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match announced(text, words, at) {
            Some((last, entity)) => {
                names.push(entity);
                at = last + 1;
            }
            None => at += 1,
        }
    }
    if names.is_empty() {
        names.extend(signed(text, words, found));
    }
    names
}

/// The name after the longest cue that begins with a word, and its last word.
fn announced(text: &str, words: &[Word<'_>], at: usize) -> Option<(usize, Entity)> {
    let english = ENGLISH_CUES.iter().map(|cue| (*cue, Follows::Capital));
    let (count, follows) = CUES
        .iter()
        .copied()
        .chain(english)
        .filter_map(|(cue, follows)| {
            let count = cue.split(' ').count();
            let said = words.get(at..at + count)?;
            let fits = said
                .iter()
                .zip(cue.split(' '))
                .all(|(word, cue)| word.folded == cue);
            fits.then_some((count, follows))
        })
        .max_by_key(|(count, _)| *count)?;
    let first = at + count;
    if !close(gap(text, words, first - 1), true) {
        return None;
    }
    let taken = taken(text, words, first, follows);
    if taken == 0 {
        // «Марина меня зовут».
        let before = at.checked_sub(1)?;
        let backwards = words[at].folded == "меня" && given::is_nominative(&words[before].folded);
        return (backwards && close(gap(text, words, before), true))
            .then(|| (first - 1, entity(text, &words[before..at], Follows::Any)));
    }
    let last = first + taken - 1;
    Some((last, entity(text, &words[first..=last], follows)))
}

/// How many words from `first` on are a name.
fn taken(text: &str, words: &[Word<'_>], first: usize, follows: Follows) -> usize {
    let mut taken = 0;
    while taken < LONGEST {
        let at = first + taken;
        let Some(word) = words.get(at) else { break };
        if taken > 0 && !close(gap(text, words, at - 1), false) {
            break;
        }
        let fits = if taken == 0 {
            begins(word, words.get(at + 1), follows)
        } else {
            goes_on(word, follows)
        };
        if !fits {
            break;
        }
        taken += 1;
    }
    taken
}

fn is_wordlike(word: &Word<'_>) -> bool {
    let letters = word.folded.chars().count() >= 2 && word.folded.chars().all(char::is_alphabetic);
    letters
        && !is_light(&word.folded)
        && !is_frame(&stem(&word.folded))
        && !NO_NAMES.split_whitespace().any(|no| no == word.folded)
}

/// A given name, with a capital where it is also a word.
fn is_given(word: &Word<'_>, nominative: bool) -> bool {
    let known = if nominative {
        given::is_nominative(&word.folded)
    } else {
        !given(&word.folded).is_empty()
    };
    known && (word.is_capitalised() || !given::is_common_word(&word.folded))
}

fn begins(word: &Word<'_>, next: Option<&Word<'_>>, follows: Follows) -> bool {
    let next_is_given = next.is_some_and(|next| is_given(next, false));
    match follows {
        Follows::Any => is_wordlike(word),
        Follows::Known => is_given(word, true),
        Follows::Capital => is_wordlike(word) && word.is_capitalised(),
        // A name in the nominative after «запишите на» is a name nobody declines.
        Follows::Accusative => {
            is_given(word, false)
                || (is_surname(&word.folded) && next_is_given)
                || (word.is_capitalised()
                    && is_wordlike(word)
                    && is_accusative_surname(&word.folded))
        }
    }
}

fn is_accusative_surname(word: &str) -> bool {
    is_surname(word)
        && [
            "ову",
            "еву",
            "ину",
            "ыну",
            "ова",
            "ева",
            "ина",
            "ского",
            "цкого",
            "ко",
            "ян",
            "швили",
            "дзе",
        ]
        .iter()
        .any(|end| word.ends_with(end))
}

fn goes_on(word: &Word<'_>, follows: Follows) -> bool {
    let named = is_given(word, follows != Follows::Accusative)
        || is_patronymic(&word.folded)
        || (word.is_capitalised() && is_wordlike(word));
    named
        || (is_surname(&word.folded)
            && is_wordlike(word)
            && follows == Follows::Any
            && ends_like_surname(&word.folded))
}

/// The ends that hardly any other word has.
fn ends_like_surname(word: &str) -> bool {
    [
        "ова",
        "ева",
        "ов",
        "ев",
        "ская",
        "ский",
        "енко",
        "швили",
        "ян",
    ]
    .iter()
    .any(|end| word.ends_with(end))
}

/// Whether nothing that ends a phrase stands between two words of a name, or a cue and its name.
fn close(gap: &str, after_cue: bool) -> bool {
    gap.chars().all(|c| {
        c == ' ' || c == '-' || (after_cue && matches!(c, ':' | '—' | '–' | '«' | '"' | ','))
    })
}

/// A signature: a part of the message that is nothing but a name. It counts where the whole
/// message is that, and beside a phone.
fn signed(text: &str, words: &[Word<'_>], found: &[Entity]) -> Option<Entity> {
    let apart = |at: usize| {
        let between = gap(text, words, at);
        between
            .chars()
            .any(|c| matches!(c, ',' | '.' | ';' | '\n' | '!' | '?' | ':' | '(' | ')'))
            || words.get(at + 1).is_none_or(|next| {
                found
                    .iter()
                    .any(|entity| words[at].end <= entity.start && entity.end <= next.start)
            })
    };
    let has_phone = found
        .iter()
        .any(|entity| matches!(entity.meaning, Meaning::Phone(_)));
    let mut start = 0;
    for at in 0..words.len() {
        if !apart(at) {
            continue;
        }
        let part = &words[start..=at];
        let whole = part.len() == words.len();
        start = at + 1;
        if !(whole || has_phone) || part.len() > LONGEST {
            continue;
        }
        let given = part.iter().any(|word| is_given(word, true));
        let rest = part.iter().all(|word| {
            is_given(word, true)
                || is_patronymic(&word.folded)
                || is_surname(&word.folded)
                || (word.is_capitalised() && is_wordlike(word))
        });
        if given && rest {
            let mut entity = entity(text, part, Follows::Known);
            entity.confidence = Some(0.7);
            return Some(entity);
        }
    }
    None
}

/// The name that words make, its given part first.
fn entity(text: &str, words: &[Word<'_>], follows: Follows) -> Entity {
    let oblique = follows == Follows::Accusative;
    let known = words.iter().position(|word| {
        is_given(word, !oblique)
            && !(is_surname(&word.folded) && words.len() > 1 && !word.is_capitalised())
    });
    let mut gender = None;
    let mut name = Vec::new();
    if let Some(at) = known {
        let folded = &words[at].folded;
        let forms = given(folded);
        let form = forms
            .iter()
            .find(|form| form.nominative == *folded)
            .or(forms.first());
        gender = form.map(|form| form.gender).filter(|gender| {
            // «Саша» does not tell; the surname beside it may.
            let other = if *gender == Gender::Man {
                Gender::Woman
            } else {
                Gender::Man
            };
            !forms.iter().any(|form| form.gender == other)
        });
        name.push(match form {
            Some(form) if oblique => spelt_like(&form.nominative, words[at].text),
            _ => titled(words[at].text),
        });
    }
    for patronymic in [true, false] {
        for (at, word) in words.iter().enumerate() {
            if Some(at) == known || is_patronymic(&word.folded) != patronymic {
                continue;
            }
            name.push(if oblique {
                spelt_like(&given::nominative(&word.folded, gender), word.text)
            } else {
                titled(word.text)
            });
        }
    }
    let span = words[0].start..words[words.len() - 1].end;
    let confidence = if known.is_some() { 0.95 } else { 0.8 };
    Entity::new(text, span, Meaning::Name(name.join(" ")), Some(confidence))
}

/// A folded form with the capital, and with the «ё» of the word it was made from.
fn spelt_like(form: &str, written: &str) -> String {
    let mut written = written.chars();
    let restored: String = form
        .chars()
        .map(|c| match written.next() {
            Some('ё' | 'Ё') if c == 'е' => 'ё',
            _ => c,
        })
        .collect();
    titled(&restored)
}

fn titled(word: &str) -> String {
    let mut letters = word.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    first
        .to_uppercase()
        .chain(letters.as_str().to_lowercase().chars())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::entities;
    use super::*;

    fn name(text: &str) -> Option<String> {
        let mut found = entities(text, None, None).into_iter().filter_map(|entity| {
            assert_eq!(&text[entity.start..entity.end], entity.text);
            match entity.meaning {
                Meaning::Name(name) => Some(name),
                _ => None,
            }
        });
        let first = found.next();
        assert_eq!(found.next(), None, "{text}");
        first
    }

    #[test]
    fn people_say_who_they_are() {
        for (text, expected) in [
            ("Здравствуйте, меня зовут Марина, хочу на стрижку", "Марина"),
            ("меня зовут камилла хочу записаться", "Камилла"),
            ("зовут меня Пётр Ильич Сомов", "Пётр Ильич Сомов"),
            ("Добрый день! Это Марина", "Марина"),
            ("я Оля, была у вас вчера", "Оля"),
            ("Марина меня зовут", "Марина"),
            ("моя фамилия Шевченко", "Шевченко"),
            ("запишите на Иванову Анну", "Анна Иванова"),
            ("запишите на Петрова Сергея на пятницу", "Сергей Петров"),
            ("запись на Семёнову", "Семёнова"),
            ("на имя Ольги Вишневской", "Ольга Вишневской"),
            ("запишите Машу на завтра", "Маша"),
            ("Анна Королёва", "Анна Королёва"),
            ("марина", "Марина"),
            ("Ирина, 8 921 555 01 42, маникюр", "Ирина"),
            (
                "89215550142 Иванова Мария Сергеевна",
                "Мария Сергеевна Иванова",
            ),
            ("Hi, my name is Kate Brown", "Kate Brown"),
            ("I'm John and I need a haircut", "John"),
            ("ФИО: Лебедева Ольга Петровна", "Ольга Петровна Лебедева"),
        ] {
            assert_eq!(name(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_words_are_no_names() {
        for text in [
            "как вас зовут?",
            "запишите на маникюр",
            "запишите на субботу",
            "это возможно?",
            "я хочу записаться",
            "я Вас не поняла",
            "запишите на Стрижку",
            "это вера в лучшее",
            "меня зовут",
            "меня зовут не важно как",
            "I'm late",
            "I am interested in a haircut",
            "Здравствуйте, Марина! Сколько стоит стрижка",
            "нет",
            "",
        ] {
            assert_eq!(name(text), None, "{text}");
        }
    }
}
