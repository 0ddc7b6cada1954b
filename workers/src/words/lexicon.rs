//! The stems a text collection knows, found also through a typo.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Shortest stem in which a typo is looked for: below it everything is near everything.
const SHORTEST_FUZZY: usize = 4;

/// Shortest stem in which two typos are forgiven.
const SHORTEST_TWO_TYPOS: usize = 9;

/// The known stems, numbered.
///
/// Near stems are found by what is left of a stem when letters are taken out: two stems one
/// edit apart always share such a rest.
#[derive(Debug, Default)]
pub struct Lexicon {
    numbers: HashMap<Box<str>, u32>,
    stems: Vec<Box<str>>,
    rests: HashMap<u64, Vec<u32>>,
}

impl Lexicon {
    /// The number of a stem, which is added when it is new.
    pub fn add(&mut self, stem: &str) -> u32 {
        if let Some(number) = self.numbers.get(stem) {
            return *number;
        }
        let number = u32::try_from(self.stems.len()).unwrap_or(u32::MAX);
        self.numbers.insert(stem.into(), number);
        self.stems.push(stem.into());
        for rest in rests(stem) {
            self.rests.entry(rest).or_default().push(number);
        }
        number
    }

    /// The number of a stem.
    pub fn number(&self, stem: &str) -> Option<u32> {
        self.numbers.get(stem).copied()
    }

    /// How many stems there are.
    pub fn len(&self) -> usize {
        self.stems.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.stems.is_empty()
    }

    /// The known stems nearest to one that is not known, with the number of typos between.
    pub fn nearest(&self, stem: &str) -> Vec<(u32, usize)> {
        let length = stem.chars().count();
        if self.is_empty() || length < SHORTEST_FUZZY || stem.chars().any(char::is_numeric) {
            return Vec::new();
        }
        let mut found: Vec<(u32, usize)> = Vec::new();
        for rest in rests(stem) {
            for number in self.rests.get(&rest).into_iter().flatten() {
                if found.iter().any(|(known, _)| known == number) {
                    continue;
                }
                let candidate = &self.stems[*number as usize];
                let distance = strsim::osa_distance(stem, candidate);
                let shorter = length.min(candidate.chars().count());
                if distance <= 1 || (distance == 2 && shorter >= SHORTEST_TWO_TYPOS) {
                    found.push((*number, distance));
                }
            }
        }
        let least = found.iter().map(|(_, distance)| *distance).min();
        found.retain(|(_, distance)| Some(*distance) == least);
        found
    }
}

/// Hashes of a stem with up to one letter out, or two for a long one.
fn rests(stem: &str) -> Vec<u64> {
    let letters: Vec<char> = stem.chars().collect();
    if letters.len() < SHORTEST_FUZZY - 1 {
        return Vec::new();
    }
    let mut out = vec![hash(&letters, None, None)];
    for first in 0..letters.len() {
        out.push(hash(&letters, Some(first), None));
        if letters.len() >= SHORTEST_TWO_TYPOS - 1 {
            out.extend(
                (first + 1..letters.len()).map(|second| hash(&letters, Some(first), Some(second))),
            );
        }
    }
    out.sort_unstable();
    out.dedup();
    out
}

fn hash(letters: &[char], without: Option<usize>, and: Option<usize>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (at, letter) in letters.iter().enumerate() {
        if Some(at) != without && Some(at) != and {
            letter.hash(&mut hasher);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lexicon() -> Lexicon {
        let mut lexicon = Lexicon::default();
        for stem in ["маникюр", "педикюр", "стрижк", "стерилизац"] {
            lexicon.add(stem);
        }
        lexicon
    }

    #[test]
    fn a_typo_leads_to_the_word_that_was_meant() {
        let lexicon = lexicon();
        for typo in ["маникюрр", "маинкюр", "мнаикюр", "маникур"] {
            assert_eq!(lexicon.nearest(typo), vec![(0, 1)], "{typo}");
        }
        assert_eq!(lexicon.nearest("стирелизац"), vec![(3, 2)]);
    }

    #[test]
    fn another_word_is_not_a_typo() {
        assert_eq!(lexicon().nearest("парковк"), vec![]);
        assert_eq!(lexicon().nearest("стр"), vec![]);
    }
}
