//! E-mail addresses.

use super::{Entity, Meaning};

/// Longest address that is looked at, in bytes.
const LONGEST: usize = 254;

/// The e-mail addresses of a message.
pub(super) fn emails(text: &str) -> Vec<Entity> {
    let signs = text
        .char_indices()
        .filter(|(_, c)| matches!(c, '@' | '\u{ff20}'));
    signs
        .filter_map(|(at, sign)| email(text, at, at + sign.len_utf8()))
        .collect()
}

/// The address around the sign that stands from `at` to `after`.
fn email(text: &str, at: usize, after: usize) -> Option<Entity> {
    let local = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '%');
    let start = text[..at]
        .char_indices()
        .rev()
        .take(LONGEST)
        .take_while(|(_, c)| local(*c))
        .last()
        .map(|(start, _)| start)?;
    let start = start + leading_dots(&text[start..at]);
    let domain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
    let end = text[after..]
        .char_indices()
        .take(LONGEST)
        .find(|(_, c)| !domain(*c))
        .map_or(text.len(), |(end, _)| after + end);
    // A message that was cut by the limit ends inside; then its last letters are no domain.
    let host = text.get(after..end)?.trim_end_matches(['.', '-']);
    let (name, top) = host.rsplit_once('.')?;
    let fine = start < at
        && host.len() <= LONGEST
        && top.chars().count() >= 2
        && top.chars().all(char::is_alphabetic)
        && name.split('.').all(|label| !label.is_empty());
    fine.then(|| {
        let end = after + host.len();
        let value = format!("{}@{host}", &text[start..at]).to_lowercase();
        Entity::new(text, start..end, Meaning::Email(value), None)
    })
}

fn leading_dots(local: &str) -> usize {
    local.len() - local.trim_start_matches(['.', '-']).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_and_handles_are_not() {
        for (text, expected) in [
            (
                "пишите на Anna.Petrova+salon@Mail.ru.",
                "anna.petrova+salon@mail.ru",
            ),
            ("почта:ivan@пример.рф, жду", "ivan@пример.рф"),
            ("(a@b.co.uk)", "a@b.co.uk"),
        ] {
            let found = emails(text);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(found[0].meaning, Meaning::Email(expected.to_owned()));
            assert_eq!(&text[found[0].start..found[0].end], found[0].text);
        }
        for text in ["@marina_spb", "ну бл@", "5 @ 100", "a@b", "@", "a@.ru"] {
            assert_eq!(emails(text), vec![], "{text}");
        }
    }
}
