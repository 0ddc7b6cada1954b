//! The words of the console, from `texts/{ru,en}.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use zapis_workers::words::Language;

type Texts = BTreeMap<String, String>;

static RUSSIAN: LazyLock<Texts> = LazyLock::new(|| read(include_str!("../texts/ru.toml")));
static ENGLISH: LazyLock<Texts> = LazyLock::new(|| read(include_str!("../texts/en.toml")));

fn read(text: &str) -> Texts {
    // Both are read in a test, so neither is broken.
    toml::from_str(text).unwrap_or_default()
}

fn of(language: Language) -> &'static Texts {
    match language {
        Language::Ru => &RUSSIAN,
        Language::En => &ENGLISH,
    }
}

/// The words of a key.
pub(crate) fn text(language: Language, key: &str) -> Option<&'static str> {
    of(language).get(key).map(String::as_str)
}

/// The words of a key that is there; the key itself where it is not.
pub(crate) fn say(language: Language, key: &'static str) -> &'static str {
    text(language, key).unwrap_or(key)
}

/// Words with what they tell in its places: `{name}`.
pub(crate) fn fill(language: Language, key: &str, told: &[(&str, &str)]) -> Option<String> {
    let mut words = text(language, key)?.to_owned();
    for (name, value) in told {
        words = words.replace(&format!("{{{name}}}"), value);
    }
    Some(words)
}

/// Every key.
#[cfg(test)]
pub(crate) fn keys(language: Language) -> impl Iterator<Item = &'static String> {
    let texts = of(language);
    assert!(!texts.is_empty());
    texts.keys()
}
