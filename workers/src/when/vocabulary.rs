//! Which word of time a word is, also when a letter is wrong.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::forms;
use super::symbol::{Form, Role, Word};

/// Shortest form in which a typo is looked for.
const SHORTEST_FUZZY: usize = 6;
/// Shortest form in which two typos are forgiven.
const SHORTEST_TWO_TYPOS: usize = 9;

struct Vocabulary {
    words: HashMap<Box<str>, Word>,
    /// Long forms by their first letter: the ones a typo can lead to.
    fuzzy: HashMap<char, Vec<(Vec<char>, Word)>>,
}

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(Vocabulary::new);

/// What a folded word is to the grammar.
pub(super) fn word(folded: &str) -> Word {
    let vocabulary = &*VOCABULARY;
    if let Some(word) = vocabulary.words.get(folded) {
        return *word;
    }
    if folded.contains(['\'', '’', '`', '´', '"']) {
        let bare: String = folded.chars().filter(|c| c.is_alphanumeric()).collect();
        return vocabulary.words.get(&*bare).copied().unwrap_or(OTHER);
    }
    let begins = |word: &&(Word, &str)| word.1.split(' ').any(|begin| folded.starts_with(begin));
    if let Some((word, _)) = forms::BEGINNINGS.iter().find(begins) {
        return *word;
    }
    vocabulary.meant(folded).unwrap_or(OTHER)
}

const OTHER: Word = Word::Role(Role::Other);

impl Vocabulary {
    fn new() -> Self {
        let mut words: HashMap<Box<str>, Word> = HashMap::new();
        let mut fuzzy: HashMap<char, Vec<(Vec<char>, Word)>> = HashMap::new();
        for (role, list) in forms::ROLES {
            for form in list.split_whitespace() {
                words.insert(form.into(), Word::Role(*role));
            }
        }
        for form in forms::LOOKALIKES.split_whitespace() {
            words.insert(form.into(), OTHER);
        }
        for (form, word) in ordinals() {
            words.insert(form.into(), word);
        }
        for (word, list) in forms::NAMES {
            for form in list.split_whitespace() {
                words.insert(form.into(), *word);
                let letters: Vec<char> = form.chars().collect();
                let typed = matches!(
                    word,
                    Word::Weekday(..) | Word::Month(..) | Word::Part(_) | Word::Rel(_)
                );
                if typed && letters.len() >= SHORTEST_FUZZY {
                    fuzzy.entry(letters[0]).or_default().push((letters, *word));
                }
            }
        }
        Self { words, fuzzy }
    }

    /// The word of time that was meant by one with a typo.
    fn meant(&self, folded: &str) -> Option<Word> {
        let near = self.fuzzy.get(&folded.chars().next()?)?;
        let letters: Vec<char> = folded.chars().collect();
        if letters.len() + 1 < SHORTEST_FUZZY {
            return None;
        }
        let once = near.iter().find(|(form, _)| one_typo(&letters, form));
        let twice = || {
            near.iter().find(|(form, _)| {
                form.len() >= SHORTEST_TWO_TYPOS
                    && letters.len().abs_diff(form.len()) <= 1
                    && letters[..2] == form[..2]
                    && strsim::generic_damerau_levenshtein(&letters, form) <= 2
            })
        };
        once.or_else(twice).map(|(_, word)| *word)
    }
}

/// Whether two words differ in one letter, or in two neighbours changed round.
fn one_typo(typed: &[char], meant: &[char]) -> bool {
    if typed.len().abs_diff(meant.len()) > 1 {
        return false;
    }
    let begin = typed.iter().zip(meant).take_while(|(t, m)| t == m).count();
    let (typed, meant) = (&typed[begin..], &meant[begin..]);
    let back = typed.iter().rev().zip(meant.iter().rev());
    let end = back.take_while(|(t, m)| t == m).count();
    match (&typed[..typed.len() - end], &meant[..meant.len() - end]) {
        ([t1, t2], [m1, m2]) => t1 == m2 && t2 == m1,
        (typed, meant) => typed.len().max(meant.len()) <= 1,
    }
}

/// Russian ordinals in all forms, «полвосьмого» and English ordinals.
fn ordinals() -> Vec<(String, Word)> {
    let mut out = Vec::new();
    for (value, stems) in forms::ORDINALS {
        for stem in stems.split(' ') {
            let mut add = |endings: &str, form| {
                for ending in endings.split(' ') {
                    out.push((
                        format!("{stem}{ending}"),
                        Word::Ord {
                            value: *value,
                            form,
                        },
                    ));
                }
            };
            add(forms::DATE_ENDINGS, Form::Date);
            add(forms::OTHER_ENDINGS, Form::Plain);
            if *value <= 12 {
                for ending in ["ого", "ьего"] {
                    out.push((format!("пол{stem}{ending}"), Word::HalfTo(*value)));
                }
            }
        }
    }
    for (value, form) in forms::ORDINALS_EN {
        let word = Word::Ord {
            value: *value,
            form: Form::Plain,
        };
        out.push(((*form).to_owned(), word));
    }
    // «третий» softens: «трети», «третья» are in the endings, «третий» is not.
    for (form, kind) in [("третий", Form::Plain), ("третьей", Form::Plain)] {
        out.push((
            form.to_owned(),
            Word::Ord {
                value: 3,
                form: kind,
            },
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use chrono::Weekday;

    use super::super::symbol::Sure;
    use super::*;

    #[test]
    fn a_typo_leads_to_the_day_that_was_meant() {
        for (typed, day) in [
            ("панедельник", Weekday::Mon),
            ("понидельник", Weekday::Mon),
            ("втроник", Weekday::Tue),
            ("пятнцу", Weekday::Fri),
            ("суботу", Weekday::Sat),
            ("субботуу", Weekday::Sat),
            ("васкресенье", Weekday::Sun),
            ("wendesday", Weekday::Wed),
        ] {
            assert_eq!(word(typed), Word::Weekday(day, Sure::Yes), "{typed}");
        }
    }

    #[test]
    fn a_word_that_only_looks_like_one_is_another() {
        for other in [
            "завтрак",
            "четверо",
            "юля",
            "юле",
            "среди",
            "карта",
            "sundae",
            "парта",
            "вечеринка",
        ] {
            assert_eq!(word(other), OTHER, "{other}");
        }
    }
}
