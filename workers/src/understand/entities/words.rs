//! The words of a message with their places in it.

use crate::words::folded;

/// A word and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word<'t> {
    /// As it was written.
    pub(super) text: &'t str,
    /// In one spelling, see [`folded`].
    pub(super) folded: String,
    /// Its first byte in the message.
    pub(super) start: usize,
    /// The byte after its last.
    pub(super) end: usize,
}

impl Word<'_> {
    /// Whether it begins with a capital and does not go on in capitals.
    pub(super) fn is_capitalised(&self) -> bool {
        let mut letters = self.text.chars();
        letters.next().is_some_and(char::is_uppercase)
            && letters.next().is_none_or(|second| !second.is_uppercase())
    }
}

/// The words of a message, in order.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start = None;
    let ends = text.char_indices().chain([(text.len(), ' ')]);
    for (at, c) in ends {
        // A mark that is put over the letter before it, as in a decomposed «й».
        let over = matches!(c, '\u{300}'..='\u{36f}');
        match start {
            None if c.is_alphanumeric() => start = Some(at),
            Some(from) if !c.is_alphanumeric() && !over => {
                let text = &text[from..at];
                words.push(Word {
                    text,
                    folded: folded(text),
                    start: from,
                    end: at,
                });
                start = None;
            }
            _ => {}
        }
    }
    words
}

/// What stands between a word and the next.
pub(super) fn gap<'t>(text: &'t str, words: &[Word<'_>], at: usize) -> &'t str {
    match (words.get(at), words.get(at + 1)) {
        (Some(word), Some(next)) => &text[word.end..next.start],
        (Some(word), None) => &text[word.end..],
        (None, _) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_know_their_places_however_their_letters_are_composed() {
        let text = "Ёлка, «май\u{306}» 2х";
        let found = words(text);
        let folded: Vec<&str> = found.iter().map(|word| word.folded.as_str()).collect();
        assert_eq!(folded.len(), 3);
        assert_eq!(folded[0], "елка");
        for word in &found {
            assert_eq!(&text[word.start..word.end], word.text);
        }
        assert_eq!(gap(text, &found, 0), ", «");
    }
}
