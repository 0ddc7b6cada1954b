//! Text as Telegram takes it: HTML with bold, and parts of at most 4096 UTF-16 units.

use unicode_segmentation::UnicodeSegmentation;

/// The most UTF-16 units of one message.
pub(super) const MESSAGE_UNITS: usize = 4096;

/// What marks bold words in our own texts.
const BOLD: &str = "**";

/// A piece of text.
#[derive(Debug, PartialEq, Eq)]
enum Span<'a> {
    Plain(&'a str),
    /// Without its markers.
    Bold(&'a str),
}

/// The length as Telegram counts it.
pub(super) fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Escapes what HTML would read.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// As Telegram's HTML, with `**…**` as bold.
pub(super) fn to_html(text: &str) -> String {
    spans(text)
        .into_iter()
        .map(|(_, span)| match span {
            Span::Plain(text) => escape(text),
            Span::Bold(text) => format!("<b>{}</b>", escape(text)),
        })
        .collect()
}

/// Without the markers of bold words.
pub(super) fn to_plain(text: &str) -> String {
    spans(text)
        .into_iter()
        .map(|(_, span)| match span {
            Span::Plain(text) | Span::Bold(text) => text,
        })
        .collect()
}

/// The first `limit` units at most, with `…` where something was left out.
pub(super) fn clip(text: &str, limit: usize) -> String {
    if units(text) <= limit {
        return text.to_owned();
    }
    let end = last_grapheme_end(text, limit.saturating_sub(1));
    format!("{}…", text[..end].trim_end())
}

/// Cuts text into parts of at most `limit` units, at the end of a paragraph, line, sentence or word
/// where possible, and never inside a character or between the markers of bold words (a longer bold
/// stretch is bold in both parts).
pub(super) fn split(text: &str, limit: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text.to_owned();
    while units(&rest) > limit {
        let cut = best_cut(&rest, limit);
        let (head, tail) = match cut {
            Cut::At(at) => (rest[..at].to_owned(), rest[at..].trim_start().to_owned()),
            Cut::InBold(at) => (
                format!("{}{BOLD}", rest[..at].trim_end()),
                format!("{BOLD}{}", rest[at..].trim_start()),
            ),
        };
        parts.push(head.trim_end().to_owned());
        rest = tail;
    }
    parts.push(rest);
    parts.retain(|part| !part.trim().is_empty());
    if parts.is_empty() {
        parts.push(String::new());
    }
    parts
}

enum Cut {
    At(usize),
    InBold(usize),
}

fn best_cut(text: &str, limit: usize) -> Cut {
    let end = prefix(text, limit);
    let window = &text[..end];
    let bold: Vec<(usize, usize)> = spans(text)
        .into_iter()
        .filter_map(|(start, span)| match span {
            Span::Bold(inner) => Some((start, start + inner.len() + 2 * BOLD.len())),
            Span::Plain(_) => None,
        })
        .collect();
    let outside = |at: usize| !bold.iter().any(|&(from, to)| from < at && at < to);
    let paragraphs = window.match_indices("\n\n").map(|(at, _)| at).collect();
    let lines = window.match_indices('\n').map(|(at, _)| at).collect();
    let classes: [Vec<usize>; 4] = [paragraphs, lines, sentence_ends(window), spaces(window)];
    for class in classes {
        // An end too near the beginning would make many tiny messages.
        let found = class
            .into_iter()
            .rev()
            .find(|&at| at > end / 3 && outside(at));
        if let Some(at) = found {
            return Cut::At(at);
        }
    }
    let graphemes = text
        .grapheme_indices(true)
        .map(|(at, _)| at)
        .take_while(|&at| at <= end)
        .filter(|&at| at > 0 && outside(at));
    if let Some(at) = graphemes.last() {
        return Cut::At(at);
    }
    match bold.first() {
        Some(&(0, to)) if to > end => {
            let room = last_grapheme_end(text, limit.saturating_sub(BOLD.len()));
            let first = text[BOLD.len()..].chars().next().map_or(0, char::len_utf8);
            Cut::InBold(room.max(BOLD.len() + first))
        }
        _ => Cut::At(end),
    }
}

fn sentence_ends(text: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut after_stop = false;
    for (at, c) in text.char_indices() {
        if after_stop && c.is_whitespace() {
            ends.push(at);
        }
        after_stop = matches!(c, '.' | '!' | '?' | '…');
    }
    ends
}

fn spaces(text: &str) -> Vec<usize> {
    text.char_indices()
        .filter(|(_, c)| c.is_whitespace())
        .map(|(at, _)| at)
        .collect()
}

/// The bytes of the longest beginning of at most `limit` units; at least one character.
fn prefix(text: &str, limit: usize) -> usize {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.len_utf16();
        if used > limit && at > 0 {
            return at;
        }
    }
    text.len()
}

/// As [`prefix`], but not inside a grapheme, unless the first one is longer than that.
fn last_grapheme_end(text: &str, limit: usize) -> usize {
    let end = prefix(text, limit);
    if end == text.len() {
        return end;
    }
    text.grapheme_indices(true)
        .map(|(at, _)| at)
        .take_while(|&at| at <= end)
        .last()
        .filter(|&at| at > 0)
        .unwrap_or(end)
}

/// The pieces of a text and where each starts. Bold stays on one line and does not begin or end
/// with a space; other markers are plain text.
fn spans(text: &str) -> Vec<(usize, Span<'_>)> {
    let mut spans = Vec::new();
    let mut plain_from = 0;
    let mut search_from = 0;
    while let Some(open) = text[search_from..].find(BOLD).map(|at| at + search_from) {
        let inner_from = open + BOLD.len();
        let inner = text[inner_from..]
            .find(BOLD)
            .map(|length| &text[inner_from..inner_from + length])
            .filter(|inner| !inner.is_empty() && inner.trim() == *inner && !inner.contains('\n'));
        let Some(inner) = inner else {
            search_from = inner_from;
            continue;
        };
        if plain_from < open {
            spans.push((plain_from, Span::Plain(&text[plain_from..open])));
        }
        spans.push((open, Span::Bold(inner)));
        plain_from = inner_from + inner.len() + BOLD.len();
        search_from = plain_from;
    }
    if plain_from < text.len() {
        spans.push((plain_from, Span::Plain(&text[plain_from..])));
    }
    spans
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_whole_bold_stretches_become_bold_and_everything_is_escaped() {
        assert_eq!(
            to_html("**Стрижка** <от> 1500 & **"),
            "<b>Стрижка</b> &lt;от&gt; 1500 &amp; **"
        );
        assert_eq!(to_html("2 ** 3 ** 4"), "2 ** 3 ** 4");
        assert_eq!(to_html("**a\nb**"), "**a\nb**");
        assert_eq!(to_plain("**Маникюр** 2000"), "Маникюр 2000");
    }

    #[test]
    fn a_long_text_is_cut_at_paragraphs_then_sentences_then_words() {
        assert_eq!(split("Один два.\n\nТри", 12), ["Один два.", "Три"]);
        assert_eq!(
            split("Один два. Три четыре", 14),
            ["Один два.", "Три четыре"]
        );
        assert_eq!(split("Один два три", 9), ["Один два", "три"]);
        assert_eq!(split("абвгд", 2), ["аб", "вг", "д"]);
        assert_eq!(split("коротко", 4096), ["коротко"]);
    }

    #[test]
    fn an_emoji_of_several_code_points_stays_whole() {
        let family = "👩‍👩‍👧";
        let parts = split(&family.repeat(3), 9);
        assert_eq!(parts, [family, family, family]);
    }

    #[test]
    fn bold_words_stay_together_and_a_long_bold_stretch_is_bold_in_both_parts() {
        assert_eq!(split("абв **гд еж**", 11), ["абв", "**гд еж**"]);
        assert_eq!(split("**абвгдежз**", 8), ["**абвг**", "**дежз**"]);
    }

    #[test]
    fn a_clipped_text_says_so() {
        assert_eq!(clip("Привет", 6), "Привет");
        assert_eq!(clip("Приветик", 6), "Приве…");
    }

    proptest! {
        #[test]
        fn no_part_is_too_long_and_no_letter_is_lost(text in r"(\PC|\n|\*\*|👋|[а-я. ]){0,400}", limit in 16_usize..80) {
            let parts = split(&text, limit);
            for part in &parts {
                prop_assert!(units(part) <= limit, "{} units in {part:?}", units(part));
            }
            let letters = |text: &str| -> String {
                text.chars().filter(|c| !c.is_whitespace() && *c != '*').collect()
            };
            prop_assert_eq!(letters(&parts.concat()), letters(&text));
        }
    }
}
