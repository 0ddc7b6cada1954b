//! Texts as WhatsApp shows them: its own markup, and pieces that fit.
//!
//! Lengths are counted in UTF-16 units. Meta says "characters"; this is never less.

use std::fmt::Write as _;

use unicode_segmentation::UnicodeSegmentation;
use zapis_core::message::Button;

/// The length of a text.
pub(super) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The text with the titles of buttons that cannot be shown as such.
pub(super) fn with_titles(text: &str, buttons: &[Button]) -> String {
    let mut all = text.trim_end().to_owned();
    for (at, button) in buttons.iter().enumerate() {
        let gap = if at == 0 { "\n\n" } else { "\n" };
        // Writing to a `String` cannot fail.
        write!(all, "{gap}{}. {}", at + 1, button.title.trim()).ok();
    }
    all.trim_start().to_owned()
}

/// Cuts a text into pieces of at most `limit`, where possible at the end of a paragraph, of a
/// sentence, of a line or of a word, and never inside a character as people see it.
pub(super) fn pieces(text: &str, limit: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while length(rest) > limit {
        let fits = fitting(rest, limit);
        let cut = best_cut(&rest[..fits], &rest[fits..]);
        let (piece, tail) = rest.split_at(cut);
        pieces.push(piece.trim_end());
        rest = tail.trim_start();
    }
    pieces.push(rest);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// How many bytes of a text fit.
fn fitting(text: &str, limit: usize) -> usize {
    let mut units = 0;
    let mut end = 0;
    for grapheme in text.graphemes(true) {
        units += length(grapheme);
        if units > limit {
            break;
        }
        end += grapheme.len();
    }
    if end > 0 {
        return end;
    }
    // One "character" of hundreds of combining marks: between code points then.
    let mut units = 0;
    text.char_indices()
        .find(|(_, c)| {
            units += c.len_utf16();
            units > limit
        })
        .map_or(
            text.len(),
            |(at, c)| if at == 0 { c.len_utf8() } else { at },
        )
}

/// Where to cut what fits; `after` is what follows it.
fn best_cut(fits: &str, after: &str) -> usize {
    let half = fits.len() / 2;
    let last = |ends: &dyn Fn(&str, char) -> bool| {
        fits.char_indices()
            .rev()
            .map(|(at, c)| at + c.len_utf8())
            .take_while(|end| *end > half)
            .find(|end| {
                let next = fits[*end..].chars().chain(after.chars()).next();
                ends(&fits[..*end], next.unwrap_or('\n'))
            })
    };
    let sentence =
        |before: &str, next: char| next.is_whitespace() && before.ends_with(['.', '!', '?', '…']);
    last(&|before, _| before.ends_with("\n\n"))
        .or_else(|| last(&sentence))
        .or_else(|| last(&|before, _| before.ends_with('\n')))
        .or_else(|| last(&|_, next| next.is_whitespace()))
        .unwrap_or(fits.len())
}

/// Our markup (`**bold**`) as WhatsApp's (`*bold*`). What would be taken for markup by chance is
/// shown by characters that look the same.
pub(super) fn render(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(line).collect();
    lines.join("\n")
}

fn line(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, inner, after)) = next_bold(rest) {
        plain(before, &mut out);
        let apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        // Inside a word WhatsApp would show the stars themselves.
        let shown = apart(out.chars().last()) && apart(after.chars().next());
        let star = if shown { "*" } else { "" };
        out.push_str(star);
        plain(inner, &mut out);
        out.push_str(star);
        rest = after;
    }
    plain(rest, &mut out);
    out
}

/// The next `**…**` of a line: what is before, inside and after.
fn next_bold(line: &str) -> Option<(&str, &str, &str)> {
    let (before, opened) = line.split_once("**")?;
    let (inner, after) = opened.split_once("**")?;
    let words = !inner.is_empty() && inner.trim() == inner;
    words.then_some((before, inner, after))
}

/// Adds text without markup. Addresses stay as they are.
fn plain(text: &str, out: &mut String) {
    let chars: Vec<char> = text.chars().collect();
    let outside = |c: Option<&char>| c.is_none_or(|c| !c.is_alphanumeric());
    let space = |c: Option<&char>| c.is_none_or(|c| c.is_whitespace());
    for (at, c) in chars.iter().enumerate() {
        let (previous, next) = (
            at.checked_sub(1).and_then(|at| chars.get(at)),
            chars.get(at + 1),
        );
        let alike = match c {
            '*' => '∗',
            '_' => '＿',
            '~' => '∼',
            '`' => 'ˋ',
            c => *c,
        };
        let opens = outside(previous) && !space(next);
        let closes = !space(previous) && outside(next);
        let markup = alike != *c && (opens || closes) && !in_address(&chars, at);
        out.push(if markup { alike } else { *c });
    }
}

/// Whether the word around a place is a link or an e-mail address.
fn in_address(chars: &[char], at: usize) -> bool {
    let start = chars[..at]
        .iter()
        .rposition(|c| c.is_whitespace())
        .map_or(0, |space| space + 1);
    let end = chars[at..]
        .iter()
        .position(|c| c.is_whitespace())
        .map_or(chars.len(), |space| at + space);
    let word: String = chars[start..end].iter().collect();
    word.contains("://") || word.contains('@') || word.starts_with("www.")
}

/// A parameter of a template: one line without tabs and runs of spaces, and never empty.
pub(super) fn parameter(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let joined = words.join(" ");
    let cut = joined[..fitting(&joined, 1_000)].trim_end();
    if cut.is_empty() {
        "—".to_owned()
    } else {
        cut.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bold_words_become_whatsapp_s() {
        assert_eq!(
            render("Цена **от 1500 ₽**, **точнее** скажет мастер"),
            "Цена *от 1500 ₽*, *точнее* скажет мастер"
        );
        assert_eq!(render("**a**\n**b**"), "*a*\n*b*");
        assert_eq!(render("пере**писк**а"), "переписка");
    }

    #[test]
    fn stars_and_lines_by_chance_do_not_become_markup() {
        assert_eq!(
            render("*скидка* и _Анна_ ~100~ `x`"),
            "∗скидка∗ и ＿Анна＿ ∼100∼ ˋxˋ"
        );
        assert_eq!(
            render("5 * 3, 2*3*4, snake_case"),
            "5 * 3, 2*3*4, snake_case"
        );
        assert_eq!(render("**Важно"), "∗∗Важно");
    }

    #[test]
    fn links_and_addresses_stay_as_they_are() {
        for text in [
            "https://salon.example/_a_/~b~?x=*1*",
            "_anna_@salon.example",
            "www.a.b/_c_",
        ] {
            assert_eq!(render(text), text);
        }
    }

    #[test]
    fn long_texts_are_cut_after_sentences() {
        let text = "Первое предложение. Второе предложение! Третье?";
        assert_eq!(
            pieces(text, 40),
            ["Первое предложение. Второе предложение!", "Третье?"]
        );
        assert_eq!(pieces("aaa\n\nbbb ccc", 9), ["aaa", "bbb ccc"]);
        assert_eq!(pieces("3.5 и 4.5", 7), ["3.5 и", "4.5"]);
        assert_eq!(pieces(" x ", 10), ["x"]);
        assert!(pieces("  ", 10).is_empty());
    }

    #[test]
    fn titles_are_listed_where_buttons_cannot_be_shown() {
        let button = |title: &str| Button {
            title: title.into(),
            payload: "p".into(),
        };
        assert_eq!(
            with_titles("Куда?", &[button("Сюда"), button("Туда")]),
            "Куда?\n\n1. Сюда\n2. Туда"
        );
        assert_eq!(with_titles("", &[button("Сюда")]), "1. Сюда");
        assert_eq!(with_titles("Куда?", &[]), "Куда?");
    }

    #[test]
    fn parameters_are_one_line_and_never_empty() {
        assert_eq!(parameter("Анна\n\tв     11:00 "), "Анна в 11:00");
        assert_eq!(parameter(" \n"), "—");
        assert!(length(&parameter(&"а".repeat(5_000))) <= 1_000);
    }

    proptest! {
        #[test]
        fn pieces_fit_and_lose_nothing_but_spaces(text in "[а-яA-Z .!?\n👩‍👩‍👧é\u{301}]{0,400}", limit in 1_usize..60) {
            let pieces = pieces(&text, limit);
            let squeeze = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(squeeze(&pieces.concat()), squeeze(&text));
            for piece in pieces {
                // One code point may be two units.
                prop_assert!(length(piece) <= limit.max(2));
            }
        }

        #[test]
        fn markup_never_makes_a_text_longer(text in "[a*_~` \n👩]{0,60}") {
            prop_assert!(length(&render(&text)) <= length(&text));
        }
    }
}
