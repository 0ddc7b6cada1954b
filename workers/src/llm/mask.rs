//! Personal data leaves for a model under other names, and comes back under its own.

use std::ops::Range;

/// So many digits in a row, whatever stands between them, are a number that belongs to somebody.
const DIGITS: usize = 7;

/// Other names for the personal data of one conversation, the same in all its texts.
#[derive(Debug, Clone, Default)]
pub struct Mask {
    /// What stands for what; the place in the list is the number in the other name.
    hidden: Vec<(Kind, String)>,
    /// Names that are known, to be hidden wherever they stand as words of their own.
    names: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Mail,
    Name,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Number => "NUMBER",
            Self::Mail => "EMAIL",
            Self::Name => "NAME",
        }
    }
}

impl Mask {
    /// Hides these names of the customer (each word of them), besides what looks personal.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let words = names.into_iter().flat_map(str::split_whitespace);
        // An initial or a smile is no name, and hiding it would tear words apart.
        let words = words.filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() >= 2);
        Self {
            hidden: Vec::new(),
            names: words.map(str::to_owned).collect(),
        }
    }

    /// A text without personal data.
    pub fn hide(&mut self, text: &str) -> String {
        let mails = mails(text).map(|span| (span, Kind::Mail));
        let numbers = numbers(text).into_iter().map(|span| (span, Kind::Number));
        let names = self.names.iter().flat_map(|name| words(text, name));
        let names = names.map(|span| (span, Kind::Name));
        let mut found: Vec<(Range<usize>, Kind)> = Vec::new();
        for (span, kind) in mails.chain(numbers).chain(names) {
            if !found
                .iter()
                .any(|(taken, _)| taken.start < span.end && span.start < taken.end)
            {
                found.push((span, kind));
            }
        }
        found.sort_by_key(|(span, _)| span.start);
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for (span, kind) in found {
            out.push_str(&text[from..span.start]);
            out.push_str(&self.other_name(kind, &text[span.clone()]));
            from = span.end;
        }
        out.push_str(&text[from..]);
        out
    }

    /// A text with the personal data back. A name that stands for nothing stays as it is: what uses
    /// the text refuses it.
    pub fn restore(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for (n, (kind, value)) in self.hidden.iter().enumerate() {
            out = out.replace(&written(*kind, n), value);
        }
        out
    }

    /// Whether a text has another name that stands for nothing, or half of one.
    pub fn is_left_in(text: &str) -> bool {
        [Kind::Number, Kind::Mail, Kind::Name]
            .iter()
            .any(|kind| text.contains(&format!("[{}_", kind.name())))
    }

    fn other_name(&mut self, kind: Kind, value: &str) -> String {
        let known = self
            .hidden
            .iter()
            .position(|(other, hidden)| *other == kind && hidden == value);
        let n = known.unwrap_or_else(|| {
            self.hidden.push((kind, value.to_owned()));
            self.hidden.len() - 1
        });
        written(kind, n)
    }
}

fn written(kind: Kind, n: usize) -> String {
    format!("[{}_{}]", kind.name(), n + 1)
}

/// A text with "…" for every number that belongs to somebody: for people, whom other names only puzzle.
pub(crate) fn without_numbers(text: &str) -> String {
    let mut out = text.to_owned();
    for span in numbers(text).into_iter().rev() {
        out.replace_range(span, "…");
    }
    out
}

/// Runs of digits with at most two marks of a phone or card number between two of them.
fn numbers(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut run: Option<(Range<usize>, usize)> = None;
    let mut gap = 0;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        if c.is_numeric() {
            let (span, digits) = run.get_or_insert((at..end, 0));
            span.end = end;
            *digits += 1;
            gap = 0;
            continue;
        }
        gap += 1;
        if gap > 2 || !matches!(c, ' ' | '-' | '–' | '(' | ')' | '+' | '\u{a0}') {
            found.extend(run.take().filter(|(_, digits)| *digits >= DIGITS));
        }
    }
    found.extend(run.filter(|(_, digits)| *digits >= DIGITS));
    found.into_iter().map(|(span, _)| span).collect()
}

/// What stands around an `@`.
fn mails(text: &str) -> impl Iterator<Item = Range<usize>> {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    text.match_indices('@').filter_map(move |(at, _)| {
        let (before, after) = (&text[..at], &text[at + 1..]);
        let start = before.trim_end_matches(part).len();
        let host = &after[..after.len() - after.trim_start_matches(part).len()];
        let host = host.trim_end_matches(|c: char| !c.is_alphanumeric());
        (start < at && !host.is_empty()).then_some(start..at + 1 + host.len())
    })
}

/// Where a word stands by itself, in any case of its letters.
fn words<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
    let same = |part: &str| part.to_lowercase() == word.to_lowercase();
    let mut from = 0;
    text.split(|c: char| !c.is_alphanumeric())
        .filter_map(move |part| {
            let start = from;
            from += part.len();
            from += text[from..].chars().next().map_or(0, char::len_utf8);
            (!part.is_empty() && same(part)).then_some(start..start + part.len())
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn phones_mails_and_known_names_do_not_leave() {
        let mut mask = Mask::new(["Мария Ёлкина"]);

        let out = mask.hide("Я Мария, мой +7 (921) 555-01-42, почта m.elkina@mail.example. МАРИЯ");

        assert_eq!(
            out,
            "Я [NAME_1], мой +[NUMBER_2], почта [EMAIL_3]. [NAME_4]"
        );
        assert_eq!(mask.restore("Спасибо, [NAME_1]!"), "Спасибо, Мария!");
    }

    #[test]
    fn prices_times_and_dates_stay() {
        let text = "Маникюр 2 500 ₽, завтра в 18:30, 15.02.2027, с 10 до 21";
        assert_eq!(Mask::default().hide(text), text);
    }

    #[test]
    fn what_a_model_made_up_is_seen() {
        let mask = Mask::default();
        assert!(Mask::is_left_in(&mask.restore("Звоните: [NUMBER_9]")));
        assert!(!Mask::is_left_in("Звоните: [номер]"));
    }

    proptest! {
        #[test]
        fn hiding_and_restoring_changes_nothing(text in "[а-яА-Яa-z0-9@ +().,:-]{0,80}", name in "[а-яёА-Я]{2,8}") {
            let mut mask = Mask::new([name.as_str()]);
            let hidden = mask.hide(&text);
            prop_assert_eq!(mask.restore(&hidden), text);
        }
    }
}
