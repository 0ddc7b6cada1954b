//! Russian typed with the English layout on, or in Latin letters, made Russian again.

use super::{folded, is_light, stem, tokens};

/// What each key of the English layout types in the Russian one.
const LAYOUT: [(char, char); 34] = [
    ('q', 'й'),
    ('w', 'ц'),
    ('e', 'у'),
    ('r', 'к'),
    ('t', 'е'),
    ('y', 'н'),
    ('u', 'г'),
    ('i', 'ш'),
    ('o', 'щ'),
    ('p', 'з'),
    ('[', 'х'),
    (']', 'ъ'),
    ('a', 'ф'),
    ('s', 'ы'),
    ('d', 'в'),
    ('f', 'а'),
    ('g', 'п'),
    ('h', 'р'),
    ('j', 'о'),
    ('k', 'л'),
    ('l', 'д'),
    (';', 'ж'),
    ('\'', 'э'),
    ('z', 'я'),
    ('x', 'ч'),
    ('c', 'с'),
    ('v', 'м'),
    ('b', 'и'),
    ('n', 'т'),
    ('m', 'ь'),
    (',', 'б'),
    ('.', 'ю'),
    ('`', 'е'),
    ('&', '?'),
];

/// Latin spellings of Russian letters, the longest first.
const TRANSLIT: [(&str, &str); 41] = [
    ("tsya", "тся"),
    ("shch", "щ"),
    ("sch", "щ"),
    ("sh", "ш"),
    ("ch", "ч"),
    ("zh", "ж"),
    ("kh", "х"),
    ("ts", "ц"),
    ("tz", "ц"),
    ("yu", "ю"),
    ("ju", "ю"),
    ("iu", "ю"),
    ("ya", "я"),
    ("ja", "я"),
    ("ia", "ия"),
    ("yo", "е"),
    ("jo", "е"),
    ("ye", "е"),
    ("a", "а"),
    ("b", "б"),
    ("c", "ц"),
    ("d", "д"),
    ("e", "е"),
    ("f", "ф"),
    ("g", "г"),
    ("h", "х"),
    ("i", "и"),
    ("j", "ж"),
    ("k", "к"),
    ("l", "л"),
    ("m", "м"),
    ("n", "н"),
    ("o", "о"),
    ("p", "п"),
    ("r", "р"),
    ("s", "с"),
    ("t", "т"),
    ("u", "у"),
    ("v", "в"),
    ("w", "в"),
    ("z", "з"),
];

/// The text as it was meant, when its Latin words are Russian ones in disguise, judged by
/// `known`, which tells whether a stem belongs to a word we know.
pub(crate) fn repaired(text: &str, known: impl Fn(&str) -> bool) -> Option<String> {
    let folded = folded(text);
    if !folded.chars().any(|c| c.is_ascii_alphabetic()) {
        return None;
    }
    // Two English particles are a sentence in English, however foreign its other words look.
    let english =
        tokens(&folded).filter(|word| word.is_ascii() && word.len() > 1 && is_light(word));
    if english.count() >= 2 {
        return None;
    }
    let known = |word: &str| is_light(word) || known(&stem(word));
    let as_typed = score(&folded, &known);
    [from_layout(&folded, &known), from_translit(&folded, &known)]
        .into_iter()
        .map(|candidate| (score(&candidate, &known), candidate))
        .filter(|(score, candidate)| {
            // What was changed must have become more sense than nonsense.
            let changed = cyrillic(candidate).saturating_sub(cyrillic(&folded));
            *score > as_typed && (*score - as_typed) * 2 >= changed
        })
        .max_by_key(|(score, _)| *score)
        .map(|(_, candidate)| candidate)
}

fn cyrillic(text: &str) -> usize {
    text.chars().filter(|c| super::is_cyrillic(*c)).count()
}

/// How many of the letters belong to words we know.
fn score(text: &str, known: &impl Fn(&str) -> bool) -> usize {
    tokens(text)
        .filter(|word| known(word))
        .map(|word| word.chars().count())
        .sum()
}

fn by_chunk(text: &str, convert: impl Fn(&str) -> String) -> String {
    let latin = |chunk: &str| chunk.chars().any(|c| c.is_ascii_alphabetic()) && chunk.is_ascii();
    let chunks = text.split_whitespace();
    chunks
        .map(|chunk| {
            if latin(chunk) {
                convert(chunk)
            } else {
                chunk.to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

fn from_layout(text: &str, known: &impl Fn(&str) -> bool) -> String {
    by_chunk(text, |chunk| {
        if tokens(chunk).any(known) {
            return chunk.to_owned();
        }
        // A mark at the end is a letter («б», «ю») or just a mark: what we know decides.
        let whole = typed_in_russian(chunk);
        let bare = typed_in_russian(chunk.trim_end_matches([',', '.', ';', '?', '!']));
        if known(&whole) { whole } else { bare }
    })
}

fn typed_in_russian(chunk: &str) -> String {
    chunk
        .chars()
        .map(|c| {
            LAYOUT
                .iter()
                .find(|(key, _)| *key == c)
                .map_or(c, |(_, letter)| *letter)
        })
        .collect()
}

fn from_translit(text: &str, known: &impl Fn(&str) -> bool) -> String {
    by_chunk(text, |chunk| {
        if tokens(chunk).any(known) {
            return chunk.to_owned();
        }
        let hard = from_latin(chunk, "ы");
        // Hardly anybody writes a soft sign in Latin letters.
        let soft_end = format!("{hard}ь");
        if let Some(found) = [&hard, &soft_end]
            .into_iter()
            .find(|word| tokens(word).any(known))
        {
            return found.clone();
        }
        from_latin(chunk, "й")
    })
}

fn from_latin(chunk: &str, y: &str) -> String {
    let mut out = String::new();
    let mut rest = chunk;
    while let Some(first) = rest.chars().next() {
        if let Some((latin, letter)) = TRANSLIT.iter().find(|(latin, _)| rest.starts_with(latin)) {
            out.push_str(letter);
            rest = &rest[latin.len()..];
            continue;
        }
        match first {
            'y' => out.push_str(if out.ends_with(['а', 'е', 'и', 'о', 'у']) {
                "й"
            } else {
                y
            }),
            'x' => out.push_str("кс"),
            'q' => out.push('к'),
            '\'' => out.push('ь'),
            other => out.push(other),
        }
        rest = &rest[first.len_utf8()..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(word: &str) -> bool {
        ["записа", "маникюр", "парковк", "botox"].contains(&word)
    }

    #[test]
    fn a_forgotten_layout_is_repaired() {
        assert_eq!(
            repaired("pfgbcfnmcz yf vfybr.h", known).as_deref(),
            Some("записаться на маникюр")
        );
        assert_eq!(
            repaired("gfhrjdrf tcnm?", known).as_deref(),
            Some("парковка есть")
        );
    }

    #[test]
    fn latin_letters_are_read_as_russian() {
        assert_eq!(
            repaired("zapisatsya na manikyur", known).as_deref(),
            Some("записатся на маникюр")
        );
    }

    #[test]
    fn what_is_well_typed_stays() {
        assert_eq!(repaired("botox", known), None);
        assert_eq!(repaired("запись на botox", known), None);
        assert_eq!(repaired("how are you", known), None);
        assert_eq!(repaired("do you take manikyur", known), None);
        assert_eq!(repaired("manikyur masters available please", known), None);
    }
}
