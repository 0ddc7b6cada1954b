//! The people of the firm by their names, full and short, in every case.

use std::collections::HashMap;

use super::super::given::{Gender, declined, given, is_common_word, is_surname, related};
use super::super::words::{Word, gap};
use super::super::{Entity, Meaning};
use crate::business::Employee;
use crate::words::{Lexicon, folded, is_light, tokens};

/// Words after which a name is a person's, however it is spelt.
const BEFORE: &str = "к ко у мастер мастеру мастера мастером with to by";
/// What is taken off for a typo.
const TYPO: f32 = 0.2;

/// The names of the people of a firm.
#[derive(Debug)]
pub(super) struct Roster {
    ids: Vec<String>,
    /// Who has a form as a given name.
    given: HashMap<String, Vec<usize>>,
    /// Who has a form as a surname.
    surnames: HashMap<String, Vec<usize>>,
    /// The forms of given names, for typos.
    lexicon: Lexicon,
    forms: Vec<String>,
}

impl Roster {
    pub(super) fn of(staff: &[Employee]) -> Self {
        let mut roster = Self {
            ids: staff.iter().map(|person| person.id.clone()).collect(),
            given: HashMap::new(),
            surnames: HashMap::new(),
            lexicon: Lexicon::default(),
            forms: Vec::new(),
        };
        for (number, person) in staff.iter().enumerate() {
            roster.add(number, person);
        }
        roster
    }

    fn add(&mut self, number: usize, person: &Employee) {
        let full = folded(&person.name.ru);
        let mut parts = tokens(&full);
        let first = parts.next().unwrap_or_default();
        let related_to_first = related(first);
        let gender = if related_to_first
            .iter()
            .any(|(name, gender)| name == first && *gender == Gender::Man)
        {
            Gender::Man
        } else {
            Gender::Woman
        };
        let same = related_to_first
            .into_iter()
            .filter(|(_, other)| *other == gender);
        let mut names: Vec<String> = same.map(|(name, _)| name).collect();
        names.extend(person.also.iter().map(|name| folded(name)));
        for form in names.iter().flat_map(|name| declined(name, gender)) {
            self.add_given(number, form);
        }
        for surname in parts {
            for form in surname_forms(surname, gender) {
                insert(&mut self.surnames, form, number);
            }
        }
        let english = person.name.en.as_deref().map(folded).unwrap_or_default();
        let mut parts = tokens(&english);
        if let Some(first) = parts.next() {
            self.add_given(number, first.to_owned());
        }
        for surname in parts {
            insert(&mut self.surnames, surname.to_owned(), number);
        }
    }

    fn add_given(&mut self, number: usize, form: String) {
        let next = self.lexicon.len();
        if self.lexicon.add(&form) as usize == next {
            self.forms.push(form.clone());
        }
        insert(&mut self.given, form, number);
    }

    /// The people that words name.
    #[expect(clippy::cast_precision_loss, reason = "a firm has few people")]
    pub(super) fn staff(&self, text: &str, words: &[Word<'_>]) -> Vec<Entity> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < words.len() {
            let Some((people, last, worth)) = self.people_at(text, words, at) else {
                at += 1;
                continue;
            };
            let span = words[at].start..words[last].end;
            let share = worth / people.len() as f32;
            found.extend(people.iter().map(|person| {
                let meaning = Meaning::Staff(self.ids[*person].clone());
                Entity::new(text, span.clone(), meaning, Some(share))
            }));
            at = last + 1;
        }
        found
    }

    /// Who is named from a word on, up to which word, and how surely.
    fn people_at(
        &self,
        text: &str,
        words: &[Word<'_>],
        at: usize,
    ) -> Option<(Vec<usize>, usize, f32)> {
        let word = &words[at];
        let close = |at: usize| gap(text, words, at).chars().all(|c| c == ' ');
        let next = words.get(at + 1).filter(|_| close(at));
        let surname = self.surnames.get(&word.folded);
        if let Some((people, worth)) = self.by_given(text, words, at) {
            if let Some(next) = next {
                if let Some(named) = self.surnames.get(&next.folded) {
                    let both: Vec<usize> = people
                        .iter()
                        .copied()
                        .filter(|person| named.contains(person))
                        .collect();
                    if !both.is_empty() {
                        return Some((both, at + 1, worth));
                    }
                }
                // Somebody else with the same given name.
                if next.is_capitalised() && ends_like_surname(&next.folded) {
                    return None;
                }
            }
            return Some((people.clone(), at, worth));
        }
        // «к Соколовой», «Соколова Анна».
        let people = surname.filter(|_| word.is_capitalised() || after_cue(words, at))?;
        let both = next
            .and_then(|next| self.given.get(&next.folded))
            .map(|named| {
                people
                    .iter()
                    .copied()
                    .filter(|person| named.contains(person))
                    .collect::<Vec<usize>>()
            });
        match both {
            Some(both) if !both.is_empty() => Some((both, at + 1, 1.0)),
            _ => Some((people.clone(), at, 1.0)),
        }
    }

    fn by_given(&self, text: &str, words: &[Word<'_>], at: usize) -> Option<(&Vec<usize>, f32)> {
        let word = &words[at];
        let cued = after_cue(words, at);
        // At the beginning of a sentence a capital tells nothing.
        let begins = text[..word.start]
            .trim_end()
            .chars()
            .next_back()
            .is_none_or(|c| matches!(c, '.' | '!' | '?' | '\n'));
        let named = cued || (word.is_capitalised() && !begins);
        if let Some(people) = self.given.get(&word.folded) {
            let fits = named || !is_common_word(&word.folded);
            return fits.then_some((people, 1.0));
        }
        let unknown = cued && given(&word.folded).is_empty() && !is_light(&word.folded);
        if !unknown || word.folded.chars().count() < 5 {
            return None;
        }
        let (number, typos) = *self.lexicon.nearest(&word.folded).first()?;
        let form = self.forms.get(number as usize)?;
        let same_start = form.chars().next() == word.folded.chars().next();
        (typos == 1 && same_start)
            .then(|| self.given.get(form).map(|people| (people, 1.0 - TYPO)))?
    }
}

/// Whether a word looks like a surname in any case.
fn ends_like_surname(word: &str) -> bool {
    const OBLIQUE: [&str; 10] = [
        "овой",
        "евой",
        "иной",
        "ской",
        "цкой",
        "ского",
        "скому",
        "овым",
        "евым",
        "иным",
    ];
    is_surname(word) || OBLIQUE.iter().any(|end| word.ends_with(end))
}

fn after_cue(words: &[Word<'_>], at: usize) -> bool {
    at.checked_sub(1).is_some_and(|before| {
        BEFORE
            .split_whitespace()
            .any(|cue| cue == words[before].folded)
    })
}

fn insert(map: &mut HashMap<String, Vec<usize>>, form: String, number: usize) {
    let people = map.entry(form).or_default();
    if !people.contains(&number) {
        people.push(number);
    }
}

/// A surname in all its cases.
fn surname_forms(surname: &str, gender: Gender) -> Vec<String> {
    let with = |base: &str, endings: &[&str]| {
        std::iter::once(surname.to_owned())
            .chain(endings.iter().map(|end| format!("{base}{end}")))
            .collect()
    };
    if gender == Gender::Woman {
        if let Some(base) = surname.strip_suffix("ая") {
            return with(base, &["ой", "ую"]);
        }
        if surname.ends_with("ова") || surname.ends_with("ева") || surname.ends_with("ина")
        {
            return with(surname.strip_suffix('а').unwrap_or(surname), &["ой", "у"]);
        }
        return declined(surname, gender);
    }
    if let Some(base) = surname.strip_suffix("ий").or(surname.strip_suffix("ый")) {
        return with(base, &["ого", "ому", "им", "ым", "ом"]);
    }
    if surname.ends_with(['в', 'н']) {
        return with(surname, &["а", "у", "ым", "е"]);
    }
    declined(surname, gender)
}

#[cfg(test)]
mod tests {
    use super::super::super::words::words;
    use super::*;
    use crate::testing::business;

    fn found(text: &str) -> Vec<String> {
        Roster::of(&business().staff)
            .staff(text, &words(text))
            .into_iter()
            .map(|entity| {
                assert_eq!(&text[entity.start..entity.end], entity.text);
                match entity.meaning {
                    Meaning::Staff(id) => id,
                    other => panic!("{other:?}"),
                }
            })
            .collect()
    }

    #[test]
    fn people_are_found_by_any_name_in_any_case() {
        for (text, expected) in [
            ("можно к Ане?", "anna"),
            ("хочу к ане на маникюр", "anna"),
            ("запись к Анне Соколовой", "anna"),
            ("а Илюша когда работает", "ilya"),
            ("к Соколовой", "anna"),
            ("у Веры есть время", "vera"),
            ("к вере можно", "vera"),
            ("Ксюшенька работает?", "ksenia"),
            ("к мастеру Дарье", "daria"),
            ("к Ксении Рудиной", "ksenia"),
            ("с Ольгой Ветровой", "olga"),
            ("is Anna free", "anna"),
            ("к Ольгге", "olga"),
        ] {
            assert_eq!(found(text), [expected], "{text}");
        }
    }

    #[test]
    fn others_are_not_taken_for_them() {
        for text in [
            "к Марине",
            "к Анне Петровой",
            "вера в лучшее",
            "к мастеру",
            "анализ",
            "",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }
}
