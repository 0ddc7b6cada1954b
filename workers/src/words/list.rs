//! Lists of words and of beginnings of words, written as one text.

use std::collections::HashMap;

/// Words and beginnings of words.
#[derive(Debug)]
pub(crate) struct WordList {
    /// By the first letter: the words and whether they are whole.
    by_letter: HashMap<char, Vec<(&'static str, bool)>>,
}

impl WordList {
    /// A list in which a dot ends a whole word.
    pub(crate) fn of(text: &'static str) -> Self {
        Self::from(
            text.split_whitespace()
                .map(|word| match word.strip_suffix('.') {
                    Some(whole) => (whole, true),
                    None => (word, false),
                }),
        )
    }

    /// A list of whole words only.
    pub(crate) fn whole(text: &'static str) -> Self {
        Self::from(text.split_whitespace().map(|word| (word, true)))
    }

    fn from(words: impl Iterator<Item = (&'static str, bool)>) -> Self {
        let mut by_letter: HashMap<char, Vec<(&'static str, bool)>> = HashMap::new();
        for (word, whole) in words {
            if let Some(first) = word.chars().next() {
                by_letter.entry(first).or_default().push((word, whole));
            }
        }
        Self { by_letter }
    }

    /// Whether a folded word is in the list.
    pub(crate) fn holds(&self, word: &str) -> bool {
        let first = word.chars().next();
        let same_letter = first.and_then(|first| self.by_letter.get(&first));
        same_letter.is_some_and(|words| {
            words.iter().any(|(known, whole)| {
                if *whole {
                    word == *known
                } else {
                    word.starts_with(known)
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_ends_a_word() {
        let list = WordList::of("админ оператор.");
        assert!(list.holds("администратор") && list.holds("оператор"));
        assert!(!list.holds("оператора") && !list.holds("ад") && !list.holds(""));
    }
}
