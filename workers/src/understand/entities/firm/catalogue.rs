//! Services by their names and synonyms.
//!
//! Every name is a phrase of stems. A message names a service when all stems of a phrase stand
//! near each other in it, or when it says the head of the phrase («массаж» for «массаж лица»).
//! The longest phrase takes its words; what fits several services is told for each of them.

use std::collections::BTreeSet;

use super::super::words::{Word, gap};
use super::super::{Entity, Meaning};
use crate::business::Service;
use crate::words::{Lexicon, folded, is_frame, is_light, stem, tokens};

/// What the head of a phrase alone is worth beside the whole phrase.
const HEAD_ALONE: f32 = 0.8;
/// What is taken off for a word with a typo.
const TYPO: f32 = 0.1;
/// Shortest stem in which a typo is forgiven: among shorter ones every other is a word.
const SHORTEST_TYPO: usize = 6;
/// So many words more than the phrase has may stand between its words.
const LOOSE: usize = 2;
/// Words that part what is named.
const JOINTS: &str = "и а или либо плюс потом затем еще также and or plus then";

/// A name of a service, as stems.
#[derive(Debug)]
struct Phrase {
    service: usize,
    stems: Vec<u32>,
    /// The word that can stand for the whole.
    head: Option<u32>,
    /// Whether the name itself holds an «и».
    joined: bool,
}

/// The services of a firm by the words of their names.
#[derive(Debug)]
pub(super) struct Catalogue {
    ids: Vec<String>,
    phrases: Vec<Phrase>,
    /// The phrases that hold a stem, by its number.
    holders: Vec<Vec<usize>>,
    lexicon: Lexicon,
}

/// A service that words name.
#[derive(Debug, Clone, PartialEq)]
struct Match {
    service: usize,
    /// The numbers of its words, in order.
    words: Vec<usize>,
    /// The word it shares with a service named before: «ламинирование бровей и ресниц».
    shared: Option<usize>,
    worth: f32,
}

/// A word of a message that is in the name of a service.
#[derive(Debug, Clone, Copy)]
struct Known {
    stem: u32,
    worth: f32,
}

impl Catalogue {
    pub(super) fn of(services: &[Service]) -> Self {
        let mut catalogue = Self {
            ids: services.iter().map(|service| service.id.clone()).collect(),
            phrases: Vec::new(),
            holders: Vec::new(),
            lexicon: Lexicon::default(),
        };
        for (number, service) in services.iter().enumerate() {
            let names = std::iter::once(&service.name.ru)
                .chain(&service.name.en)
                .chain(&service.synonyms);
            let variants: BTreeSet<String> = names.flat_map(|name| variants(name)).collect();
            for name in variants {
                catalogue.add(number, &name);
            }
        }
        catalogue
    }

    fn add(&mut self, service: usize, name: &str) {
        let words: Vec<&str> = tokens(name).collect();
        let content: Vec<&str> = words
            .iter()
            .copied()
            .filter(|word| !is_light(word))
            .collect();
        let mut stems: Vec<u32> = content
            .iter()
            .map(|word| self.lexicon.add(&stem(word)))
            .collect();
        let head = head(&words).map(|word| self.lexicon.add(&stem(word)));
        stems.sort_unstable();
        stems.dedup();
        if stems.is_empty() {
            return;
        }
        self.holders.resize_with(self.lexicon.len(), Vec::new);
        for stem in &stems {
            self.holders[*stem as usize].push(self.phrases.len());
        }
        self.phrases.push(Phrase {
            service,
            stems,
            head,
            joined: words.iter().any(|word| is_joint(word)),
        });
    }

    pub(super) fn knows(&self, stem: &str) -> bool {
        self.lexicon.number(stem).is_some()
    }

    /// The services that words name, each word counted once.
    pub(super) fn services(&self, text: &str, words: &[Word<'_>]) -> Vec<Entity> {
        let known: Vec<Option<Known>> = words.iter().map(|word| self.known(word)).collect();
        let mut matches: Vec<Match> = (0..words.len())
            .flat_map(|at| self.matches_at(text, words, &known, at))
            .collect();
        // Whole phrases of several words, then those that lend a word, then single words.
        let rank = |found: &Match| (found.words.len(), found.shared.is_some());
        matches.sort_by(|a, b| {
            rank(b)
                .cmp(&rank(a))
                .then(b.worth.total_cmp(&a.worth))
                .then(a.words.cmp(&b.words))
        });
        let mut takers: Vec<Option<usize>> = vec![None; words.len()];
        let mut groups: Vec<Vec<Match>> = Vec::new();
        for found in matches {
            let taken: BTreeSet<Option<usize>> =
                found.words.iter().map(|word| takers[*word]).collect();
            let group = groups.len();
            match taken.first() {
                // The same words for another service.
                Some(Some(other)) if taken.len() == 1 => {
                    let others = &mut groups[*other];
                    if others[0].words == found.words
                        && found.worth >= others[0].worth
                        && others.iter().all(|known| known.service != found.service)
                    {
                        others.push(found);
                    }
                }
                Some(None) if taken.len() == 1 && may_share(&found, &takers) => {
                    for word in &found.words {
                        takers[*word] = Some(group);
                    }
                    groups.push(vec![found]);
                }
                _ => {}
            }
        }
        groups
            .iter()
            .flat_map(|group| {
                group
                    .iter()
                    .map(|found| self.entity(text, words, found, group.len()))
            })
            .collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "a firm has few services")]
    fn entity(&self, text: &str, words: &[Word<'_>], found: &Match, rivals: usize) -> Entity {
        let (first, last) = (found.words[0], found.words[found.words.len() - 1]);
        Entity::new(
            text,
            words[first].start..words[last].end,
            Meaning::Service(self.ids[found.service].clone()),
            Some(found.worth / rivals as f32),
        )
    }

    /// What a word is in the names of services.
    fn known(&self, word: &Word<'_>) -> Option<Known> {
        if is_light(&word.folded) {
            return None;
        }
        let stem = stem(&word.folded);
        if let Some(stem) = self.lexicon.number(&stem) {
            return Some(Known { stem, worth: 1.0 });
        }
        // «маникюрчик», «стрижечка».
        for ending in ["чик", "ик", "ечк", "очк", "ушк", "к"] {
            let shorter = stem.strip_suffix(ending).unwrap_or_default();
            if shorter.chars().count() >= 4 {
                let found = self.lexicon.number(shorter).or_else(|| {
                    ["к", "ш", "ч"].iter().find_map(|end| {
                        let back = shorter.strip_suffix(['ж', 'ш', 'ч']).unwrap_or(shorter);
                        self.lexicon.number(&format!("{back}{end}"))
                    })
                });
                if let Some(stem) = found {
                    return Some(Known { stem, worth: 1.0 });
                }
            }
        }
        if stem.chars().count() < SHORTEST_TYPO || is_frame(&stem) {
            return None;
        }
        let (number, typos) = *self.lexicon.nearest(&stem).first()?;
        #[expect(clippy::cast_precision_loss, reason = "one typo or two")]
        let worth = 1.0 - TYPO * typos as f32;
        Some(Known {
            stem: number,
            worth,
        })
    }

    /// The phrases that begin with a word.
    fn matches_at(
        &self,
        text: &str,
        words: &[Word<'_>],
        known: &[Option<Known>],
        at: usize,
    ) -> Vec<Match> {
        let Some(first) = known[at] else {
            return Vec::new();
        };
        let mut matches: Vec<Match> = Vec::new();
        for phrase in &self.holders[first.stem as usize] {
            let phrase = &self.phrases[*phrase];
            let whole = whole(text, words, known, at, phrase);
            let head = || {
                (phrase.head == Some(first.stem)).then(|| Match {
                    service: phrase.service,
                    words: vec![at],
                    shared: None,
                    worth: first.worth * HEAD_ALONE,
                })
            };
            matches.extend(whole.into_iter().chain(head()));
        }
        matches
    }
}

/// A phrase of which all words are near a word, its first in the message.
fn whole(
    text: &str,
    words: &[Word<'_>],
    known: &[Option<Known>],
    at: usize,
    phrase: &Phrase,
) -> Option<Match> {
    let first = known[at]?;
    let mut missing: Vec<u32> = phrase
        .stems
        .iter()
        .copied()
        .filter(|stem| *stem != first.stem)
        .collect();
    let mut found = vec![at];
    let mut worth = first.worth;
    let mut room = phrase.stems.len() - 1 + LOOSE;
    let mut next = at + 1;
    while !missing.is_empty() && next < words.len() && room > 0 {
        let joint = is_joint(&words[next].folded);
        let parted = gap(text, words, next - 1).contains(|c: char| ".;!?\n".contains(c));
        let listed = gap(text, words, next - 1).contains([',', '+', '/', '&']);
        if parted {
            return None;
        }
        if (joint || listed) && !phrase.joined {
            // «ламинирование бровей и ресниц»: the second needs the first word of the first.
            let after = if joint { next + 1 } else { next };
            let only = missing.len() == 1 && phrase.head == Some(first.stem);
            let lends = only && known.get(after).copied().flatten()?.stem == missing[0];
            return lends.then(|| Match {
                service: phrase.service,
                words: vec![after],
                shared: Some(at),
                worth: worth * 0.9,
            });
        }
        if let Some(word) = known[next]
            && let Some(place) = missing.iter().position(|stem| *stem == word.stem)
        {
            missing.swap_remove(place);
            found.push(next);
            worth = worth.min(word.worth);
        } else if !is_light(&words[next].folded) {
            room -= 1;
        }
        next += 1;
    }
    missing.is_empty().then_some(Match {
        service: phrase.service,
        words: found,
        shared: None,
        worth,
    })
}

/// A word can only be shared with a service that was named with it.
fn may_share(found: &Match, takers: &[Option<usize>]) -> bool {
    found.shared.is_none_or(|shared| takers[shared].is_some())
}

fn is_joint(word: &str) -> bool {
    JOINTS.split_whitespace().any(|joint| joint == word)
}

/// The phrases a name stands for: without what is in brackets, and each item of a list after a
/// colon by itself.
fn variants(name: &str) -> Vec<String> {
    let name = folded(name);
    let bare: String = match (name.find('('), name.rfind(')')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", &name[..open], &name[close + 1..])
        }
        _ => name,
    };
    match bare.split_once(':') {
        Some((before, list)) => std::iter::once(before)
            .chain(list.split(','))
            .map(|part| part.trim().to_owned())
            .collect(),
        None => vec![bare],
    }
}

/// The word of a name that can stand for it: in Russian the first noun, in English the last one
/// before "of" or "for".
fn head<'w>(words: &[&'w str]) -> Option<&'w str> {
    const ADJECTIVES: [&str; 12] = [
        "ая", "яя", "ый", "ий", "ой", "ое", "ее", "ые", "ие", "ую", "ного", "ных",
    ];
    let fits =
        |word: &&&str| !is_light(word) && !is_frame(&stem(word)) && word.chars().count() >= 3;
    let latin = words.iter().all(|word| word.is_ascii());
    if latin {
        let end = words
            .iter()
            .position(|word| matches!(*word, "of" | "for" | "with" | "without"))
            .unwrap_or(words.len());
        return words[..end].iter().rev().find(fits).copied();
    }
    words
        .iter()
        .filter(fits)
        .find(|word| {
            // «окрашивание» ends like an adjective in the plural.
            word.ends_with("ние") || !ADJECTIVES.iter().any(|end| word.ends_with(end))
        })
        .copied()
}

#[cfg(test)]
mod tests {
    use super::super::super::words::words;
    use super::*;
    use crate::testing::business;

    fn found(text: &str) -> Vec<String> {
        let catalogue = Catalogue::of(&business().services);
        let mut services: Vec<(usize, String)> = catalogue
            .services(text, &words(text))
            .into_iter()
            .map(|entity| {
                assert_eq!(&text[entity.start..entity.end], entity.text);
                match entity.meaning {
                    Meaning::Service(id) => (entity.start, id),
                    other => panic!("{other:?}"),
                }
            })
            .collect();
        services.sort();
        services.into_iter().map(|(_, id)| id).collect()
    }

    #[test]
    fn services_are_found_in_any_form_and_with_typos() {
        for (text, expected) in [
            ("хочу педикюр с покрытием", "pedicure-gel"),
            ("запишите на педекюр с гель лаком", "pedicure-gel"),
            ("сколько стоит женская стрижка?", "women-cut"),
            ("стрижку мужскую", "men-cut"),
            ("подстричь ребёнка", "kids-cut"),
            ("на укладку", "styling"),
            ("покраситься хочу", "color-one"),
            ("массаж", "face-massage"),
            ("сделать балаяж на длинные", "airtouch"),
            ("gel manicure please", "manicure-gel"),
            ("do you do lash extensions", "lash-extension"),
            ("чистка лица", "face-cleaning"),
            ("наращиванию ресниц", "lash-extension"),
            ("глубокое бикини", "sugaring-bikini"),
        ] {
            assert_eq!(found(text), [expected], "{text}");
        }
    }

    #[test]
    fn several_services_of_a_message_come_apart() {
        for (text, expected) in [
            (
                "маникюр с покрытием и педикюр с покрытием",
                vec!["manicure-gel", "pedicure-gel"],
            ),
            (
                "ламинирование бровей и ресниц",
                vec!["brows-lamination", "lash-lamination"],
            ),
            (
                "мужская стрижка, укладка и пилинг",
                vec!["men-cut", "styling", "peeling"],
            ),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn what_fits_several_services_is_told_for_each() {
        assert_eq!(
            found("стрижка"),
            ["bang-cut", "kids-cut", "men-cut", "women-cut"]
        );
        assert_eq!(found("маникюрчик"), ["manicure", "manicure-gel"]);
        let catalogue = Catalogue::of(&business().services);
        let text = "стрижка";
        for entity in catalogue.services(text, &words(text)) {
            assert!(entity.confidence.unwrap() < 0.3);
        }
    }

    #[test]
    fn other_words_are_no_services() {
        for text in [
            "где вы находитесь",
            "до скольки работаете",
            "спасибо большое",
            "мне не понравилось лицо администратора",
            "",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }
}
