//! The feeling in a message, told by words, signs and punctuation, without any training.

mod lexicon;
mod obscene;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::words::{WordList, folded, tokens};
use lexicon::{
    DISPLEASED, DISTRESSED, INSULTS, OFF_TO, PLEASED, SEND_OFF, SIGNS, STRONGER, TURNING, US,
    WEAKER,
};

/// From this sentiment on down, a customer is unhappy.
pub const UNHAPPY: f32 = -0.35;
/// From this sentiment on up, a customer is happy.
pub const HAPPY: f32 = 0.35;

/// So many words before a word can turn it around.
const REACH: usize = 2;
/// What a turned word keeps of its feeling, on the other side: "not bad" is not yet good.
const TURNED_GOOD: f32 = -0.9;
const TURNED_BAD: f32 = -0.3;
/// How much stronger and weaker the words before make a word.
const STRONGER_BY: f32 = 1.4;
const WEAKER_BY: f32 = 0.6;
/// What capitals add to a word, and exclamation marks to all.
const CAPITALS: f32 = 1.3;
const EXCLAIMED: f32 = 1.15;
/// What counts after a «но», and what counts before it.
const AFTER_BUT: f32 = 1.3;
const BEFORE_BUT: f32 = 0.6;
/// A single bracket at the end of a phrase is a smile; more of them are more of it.
const SMILE: f32 = 0.8;
const MOST_SMILES: usize = 4;
/// Unprintable words without a feeling of their own are displeasure more often than joy.
const SWEARING: f32 = -1.2;
const MILD_SWEARING: f32 = -1.0;
/// Feelings whose sum is this make half of the way to the end of the scale, and more.
const HALF: f32 = 8.0;

/// The feeling in a message.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Feeling {
    /// From −1, as bad as can be, to 1.
    pub(super) sentiment: f32,
    /// The same without sadness, fear and pain, which are not about us.
    pub(super) pleasure: f32,
    /// Insults or obscenities aimed at us.
    pub(super) abusive: bool,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    weight: f32,
    about_us: bool,
}

struct Lexicon {
    whole: HashMap<&'static str, Entry>,
    beginnings: HashMap<&'static str, Entry>,
    longest: usize,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let mut lexicon = Lexicon {
        whole: HashMap::new(),
        beginnings: HashMap::new(),
        longest: 0,
    };
    let lists = [(DISTRESSED, false), (DISPLEASED, true), (PLEASED, true)];
    for (list, about_us) in lists {
        for (weight, words) in list {
            for word in words.split_whitespace() {
                let entry = Entry {
                    weight: *weight,
                    about_us,
                };
                match word.strip_suffix('.') {
                    Some(whole) => lexicon.whole.entry(whole).or_insert(entry),
                    None => lexicon.beginnings.entry(word).or_insert(entry),
                };
                lexicon.longest = lexicon.longest.max(word.chars().count());
            }
        }
    }
    lexicon
});

impl Lexicon {
    /// The feeling of a folded word: of the whole word, or of its longest known beginning.
    fn feeling(&self, word: &str) -> Option<Entry> {
        if let Some(entry) = self.whole.get(word) {
            return Some(*entry);
        }
        let ends: Vec<usize> = word
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .take(self.longest)
            .collect();
        let mut beginnings = ends.iter().rev().map(|end| &word[..*end]);
        beginnings.find_map(|beginning| self.beginnings.get(beginning).copied())
    }
}

static STRONGER_WORDS: LazyLock<WordList> = LazyLock::new(|| WordList::whole(STRONGER));
static WEAKER_WORDS: LazyLock<WordList> = LazyLock::new(|| WordList::whole(WEAKER));
static TURNING_WORDS: LazyLock<WordList> = LazyLock::new(|| WordList::whole(TURNING));
static INSULT_WORDS: LazyLock<WordList> = LazyLock::new(|| WordList::of(INSULTS));
static WORDS_FOR_US: LazyLock<WordList> = LazyLock::new(|| WordList::whole(US));
static PLACES_TO_GO: LazyLock<WordList> = LazyLock::new(|| WordList::of(OFF_TO));

/// Reads the feeling of a message.
pub(super) fn feeling(text: &str) -> Feeling {
    let folded = folded(text);
    let words: Vec<&str> = tokens(&folded).collect();
    let capitals = capitals(text, words.len());
    let (mut all, mut about_us) = (0.0, 0.0);
    let but = words
        .iter()
        .rposition(|word| matches!(*word, "но" | "but" | "однако"));
    for at in 0..words.len() {
        let Some((mut weight, ours)) = weight(&words, at) else {
            continue;
        };
        if capitals.get(at) == Some(&true) {
            weight *= CAPITALS;
        }
        weight *= match but {
            Some(but) if at < but => BEFORE_BUT,
            Some(_) => AFTER_BUT,
            None => 1.0,
        };
        all += weight;
        if ours {
            about_us += weight;
        }
    }
    let masked = obscene::masked(text);
    let swearing = if masked > 0 { SWEARING } else { 0.0 };
    let signs = signs(text) + smiles(text);
    let exclaimed = text.chars().filter(|c| *c == '!').take(3).count();
    let loud = EXCLAIMED.powi(i32::try_from(exclaimed).unwrap_or_default());
    Feeling {
        sentiment: scaled((all + swearing + signs) * loud),
        pleasure: scaled((about_us + swearing + signs.min(0.0) / 2.0 + signs.max(0.0)) * loud),
        abusive: abusive(&words, masked > 0),
    }
}

/// From any sum to the scale from −1 to 1.
fn scaled(sum: f32) -> f32 {
    sum / (sum * sum + HALF).sqrt()
}

/// The feeling of a word among those before it, and whether it can be about us.
fn weight(words: &[&str], at: usize) -> Option<(f32, bool)> {
    let word = words[at];
    let entry = LEXICON.feeling(word).or_else(|| {
        obscene::is_obscene(word).map(|unprintable| Entry {
            weight: if unprintable { SWEARING } else { MILD_SWEARING },
            about_us: true,
        })
    })?;
    // «ужасно красиво»: the first word only makes the second stronger.
    let leads = STRONGER_WORDS.holds(word)
        && words
            .get(at + 1)
            .and_then(|next| LEXICON.feeling(next))
            .is_some_and(|next| next.weight > 0.0);
    if leads || TURNING_WORDS.holds(word) {
        return None;
    }
    let mut weight = entry.weight;
    let mut turned = false;
    for before in words[..at].iter().rev().take(REACH) {
        if TURNING_WORDS.holds(before) {
            turned = true;
            break;
        }
        if STRONGER_WORDS.holds(before) {
            weight *= STRONGER_BY;
        } else if WEAKER_WORDS.holds(before) {
            weight *= WEAKER_BY;
        }
    }
    if turned {
        weight *= if weight > 0.0 {
            TURNED_GOOD
        } else {
            TURNED_BAD
        };
    }
    Some((weight, entry.about_us))
}

/// Which words are in capitals, in a text that is not all in capitals.
fn capitals(text: &str, count: usize) -> Vec<bool> {
    let shouted = |word: &str| {
        word.chars().count() >= 3 && word.chars().all(|c| !c.is_alphabetic() || c.is_uppercase())
    };
    let marks: Vec<bool> = tokens(text).map(shouted).collect();
    // Folding may split words in another way; then no word can be matched with its capitals.
    if marks.len() == count {
        marks
    } else {
        Vec::new()
    }
}

fn signs(text: &str) -> f32 {
    let sum: f32 = text
        .chars()
        .filter(|c| !c.is_ascii())
        .filter_map(|c| SIGNS.iter().find(|(_, signs)| signs.contains(c)))
        .map(|(weight, _)| *weight)
        .take(3)
        .sum();
    sum * 0.8
}

/// Brackets that close nothing are smiles, those that open nothing the contrary.
fn smiles(text: &str) -> f32 {
    let (mut open, mut smiles, mut frowns) = (0_usize, 0_usize, 0_usize);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '(' => {
                // «((» and a bracket before a blank or the end open nothing.
                let opens = chars.peek().is_some_and(|next| next.is_alphanumeric());
                if opens { open += 1 } else { frowns += 1 }
            }
            ')' if open > 0 => open -= 1,
            ')' => smiles += 1,
            _ => {}
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a few smiles")]
    let count = |count: usize| count.min(MOST_SMILES) as f32;
    let tail = |count: f32| {
        if count > 0.0 {
            SMILE + 0.3 * (count - 1.0)
        } else {
            0.0
        }
    };
    tail(count(smiles)) - 2.0 * tail(count(frowns))
}

/// Insults and obscenities aimed at us.
fn abusive(words: &[&str], masked: bool) -> bool {
    let joined = words.join(" ");
    let sent_off = SEND_OFF.iter().any(|way| {
        joined.match_indices(way).any(|(at, way)| {
            let starts = at == 0 || joined[..at].ends_with(' ');
            let rest = joined[at + way.len()..].trim_start();
            let to = rest.split(' ').next().unwrap_or_default();
            let open = way.ends_with(" на") || way.ends_with(" в");
            starts && (!open || PLACES_TO_GO.holds(to) || obscene::is_obscene(to).is_some())
        })
    });
    let swears = masked
        || words
            .iter()
            .any(|word| obscene::is_obscene(word) == Some(true));
    let insults = words.iter().any(|word| INSULT_WORDS.holds(word));
    let aimed = words.iter().any(|word| WORDS_FOR_US.holds(word));
    // «я дура, забыла» is not about us; a message that is nothing but an insult is.
    let own = words.iter().any(|word| matches!(*word, "я" | "i" | "im"));
    sent_off || (!own && (insults && (aimed || words.len() <= 3) || swears && aimed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentiment(text: &str) -> f32 {
        feeling(text).sentiment
    }

    #[test]
    fn feelings_are_told_apart() {
        for text in [
            "ужасный сервис",
            "мне не понравилось",
            "испортили волосы",
            "я очень разочарована",
            "совсем не довольна",
            "хуже некуда",
            "это п*здец",
            "грустно и больно(((",
            "the worst haircut ever",
            "👎",
            "маникюр красивый, но мастер нагрубила",
        ] {
            assert!(sentiment(text) <= UNHAPPY, "{text}: {}", sentiment(text));
        }
        for text in [
            "всё отлично, спасибо",
            "ужасно красиво получилось",
            "мне очень понравилось!",
            "вы лучшие ❤",
            "I love it",
            "сначала было страшно, но получилось шикарно",
        ] {
            assert!(sentiment(text) >= HAPPY, "{text}: {}", sentiment(text));
        }
        for text in [
            "сколько стоит маникюр",
            "запишите на завтра (если можно)",
            "не ужасно",
            "где вы находитесь?",
            "",
        ] {
            let found = sentiment(text);
            assert!(UNHAPPY < found && found < HAPPY, "{text}: {found}");
        }
    }

    #[test]
    fn more_of_a_feeling_is_stronger() {
        for (weaker, stronger) in [
            ("немного разочарована", "разочарована"),
            ("разочарована", "очень разочарована"),
            ("плохо", "ПЛОХО!!!"),
            ("безобразие", "безобразие 😡"),
            ("не ужасно", "ужасно"),
        ] {
            assert!(
                sentiment(stronger).abs() > sentiment(weaker).abs(),
                "{weaker} {stronger}"
            );
        }
    }

    #[test]
    fn distress_is_not_displeasure_with_us() {
        let found = feeling("боюсь, что будет больно");
        assert!(found.sentiment <= UNHAPPY && found.pleasure > UNHAPPY);
    }

    #[test]
    fn abuse_is_aimed_at_somebody() {
        for text in [
            "вы идиоты",
            "тупой бот",
            "пошли вы на х*й",
            "идите в жопу",
            "дебилы!",
            "ты охуел",
            "fuck you",
        ] {
            assert!(feeling(text).abusive, "{text}");
        }
        for text in [
            "я дура, забыла про запись",
            "мне испортили волосы, верните деньги",
            "бл*, опять опоздала",
            "пошли на маникюр вместе",
            "идите на сайт",
            "сколько стоит маникюр",
        ] {
            assert!(!feeling(text).abusive, "{text}");
        }
    }
}
