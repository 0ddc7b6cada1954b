//! Obscene roots, also behind stars, look-alike letters and digits.

use std::sync::LazyLock;

use super::lexicon::OBSCENE;
use crate::words::WordList;

/// Beginnings of decent words that begin like an obscene root.
const DECENT: [&str; 18] = [
    "хулиган",
    "худ",
    "ебол",
    "блям",
    "бляш",
    "бляха",
    "хую",
    "мандар",
    "мандат",
    "мандал",
    "пижам",
    "сукно",
    "сучок",
    "хере",
    "херсон",
    "муданьц",
    "уебе",
    "жопар",
];
/// Prefixes of Russian words that may stand before a root.
const PREFIXES: [&str; 13] = [
    "за", "на", "по", "про", "вы", "до", "от", "о", "у", "при", "пере", "рас", "недо",
];

/// The roots of one kind.
struct Roots {
    unprintable: bool,
    any: WordList,
    /// Only the roots that are long enough to be found after a prefix: short ones are inside of
    /// too many decent words.
    long: Vec<&'static str>,
}

static ROOTS: LazyLock<Vec<Roots>> = LazyLock::new(|| {
    let lists = OBSCENE.iter();
    lists
        .map(|(unprintable, roots)| Roots {
            unprintable: *unprintable,
            any: WordList::of(roots),
            long: roots
                .split_whitespace()
                .filter(|root| root.chars().count() >= 4 && !root.ends_with('.'))
                .collect(),
        })
        .collect()
});

/// Whether a folded word has an obscene root, and whether that is unprintable.
pub(super) fn is_obscene(word: &str) -> Option<bool> {
    if DECENT.iter().any(|decent| word.starts_with(decent)) {
        return None;
    }
    let fits = |roots: &&Roots| {
        roots.any.holds(word)
            || PREFIXES.iter().any(|prefix| {
                word.strip_prefix(prefix)
                    .is_some_and(|rest| roots.long.iter().any(|root| rest.starts_with(root)))
            })
    };
    ROOTS.iter().find(fits).map(|roots| roots.unprintable)
}

fn roots() -> impl Iterator<Item = &'static str> {
    OBSCENE
        .iter()
        .flat_map(|(_, roots)| roots.split_whitespace())
}

/// How many words of a message are obscene behind a mask: «х*рня», «бл@», «п###ц».
pub(super) fn masked(text: &str) -> usize {
    text.split_whitespace()
        .filter(|chunk| is_masked(chunk))
        .count()
}

fn is_masked(chunk: &str) -> bool {
    let chunk = chunk.trim_matches(|c: char| c.is_ascii_punctuation() && !is_mask(c));
    let letters: Vec<char> = chunk
        .chars()
        .flat_map(char::to_lowercase)
        .map(plain)
        .collect();
    let masks = letters.iter().filter(|c| is_mask(**c)).count();
    let seen = letters.iter().filter(|c| c.is_alphabetic()).count();
    let begins = letters.first().is_some_and(|c| c.is_alphabetic());
    if masks == 0
        || !begins
        || letters.len() > 20
        || masks + seen < letters.len()
        || letters.len() < 3
    {
        return false;
    }
    let cyrillic = letters.iter().any(|c| ('а'..='я').contains(c));
    cyrillic
        && seen >= 2.min(letters.len() - masks)
        && roots().any(|root| covers(&letters, root.trim_end_matches('.')))
}

fn is_mask(c: char) -> bool {
    matches!(c, '*' | '#' | '@' | '$' | '%' | '_')
}

/// A letter for what looks like it.
fn plain(c: char) -> char {
    match c {
        'a' => 'а',
        'ё' | 'e' => 'е',
        'o' | '0' => 'о',
        'p' => 'р',
        'c' => 'с',
        'x' => 'х',
        'y' => 'у',
        'k' => 'к',
        other => other,
    }
}

/// Whether masked letters can begin with a root; at least half of the root must be seen.
fn covers(letters: &[char], root: &str) -> bool {
    let root: Vec<char> = root.chars().collect();
    // The end of a root may be cut off by the mask: «бл*», «пи**».
    let length = root.len().min(letters.len());
    if letters.len() + 1 < root.len() || length < 3 {
        return false;
    }
    let seen = letters[..length]
        .iter()
        .zip(&root)
        .filter(|(letter, root)| letter == root)
        .count();
    let fits = letters[..length]
        .iter()
        .zip(&root)
        .all(|(letter, root)| letter == root || is_mask(*letter));
    fits && seen * 2 >= length.min(4) && seen < length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_seen_through_masks() {
        for text in [
            "х*рня",
            "бл@",
            "п*здец",
            "с*ка",
            "х#йня полная",
            "е*ать",
            "пи**ец",
        ] {
            assert_eq!(masked(text), 1, "{text}");
        }
        for text in [
            "2*3",
            "*звездочка*",
            "почта@mail.ru",
            "#маникюр",
            "скидка 10%",
            "от_а_до_я",
            "5**",
        ] {
            assert_eq!(masked(text), 0, "{text}");
        }
    }

    #[test]
    fn decent_words_are_not_obscene() {
        for word in [
            "хулиган",
            "мандарин",
            "сукно",
            "употреблять",
            "небо",
            "худеть",
            "себя",
        ] {
            assert_eq!(is_obscene(word), None, "{word}");
        }
        assert_eq!(is_obscene("нахуй"), Some(true));
        assert_eq!(is_obscene("хреново"), Some(false));
    }
}
