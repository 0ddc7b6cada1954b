//! Texts as the portal takes them: cut to what fits, and without effect where it reads BB-code.

use uuid::Uuid;

/// Invisible, and no place to break a line: <https://www.unicode.org/charts/PDF/U2000.pdf>.
const WORD_JOINER: char = '\u{2060}';

/// A text that stays what it looks like where the portal reads BB-code (`comments` of a record, its timeline,
/// its to-dos).
///
/// A tag is a `[` with a name, `/` or `*` right after it. What comes between them here is invisible, so the
/// text reads as the customer wrote it and no `[url]`, `[img]` or `[user]` in it does anything. An entity in
/// place of the bracket would not do: the portal escapes `&`, and the reader would see the entity.
pub(super) fn inert(text: &str) -> String {
    text.replace('[', &format!("[{WORD_JOINER}"))
}

/// At most so many characters, the last one an ellipsis where something is missing.
pub(super) fn cut(text: &str, most: usize) -> String {
    let text = text.trim();
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(most.saturating_sub(1)).collect();
    kept.push('…');
    kept
}

/// At most so many bytes of UTF-8, no character torn.
fn cut_bytes(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let kept = &text[..text.floor_char_boundary(most.saturating_sub('…'.len_utf8()))];
    format!("{kept}…")
}

/// What a text of ours can be found again by: the timeline knows no ids of ours, and must not be written into
/// twice. Twelve digits are plenty among the entries of one record.
pub(super) fn short(mark: Uuid) -> String {
    let digits = mark.simple().to_string();
    format!("zapis:{}", digits.get(..12).unwrap_or(&digits))
}

/// A text without effect, of at most so many bytes, that ends with its mark.
pub(super) fn marked(text: &str, mark: Uuid, most: usize) -> String {
    let end = format!("\n\n{}", short(mark));
    let text = cut_bytes(inert(text).trim(), most.saturating_sub(end.len()));
    format!("{text}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_a_customer_writes_is_no_tag_and_looks_the_same() {
        let text = inert("[b]Жирно[/b] [url=https://x.example]сюда[/url] $result[me][ID] [*]");
        let tag = |c: char| c.is_alphanumeric() || c == '/' || c == '*';
        assert!(!text.split('[').skip(1).any(|after| after.starts_with(tag)));
        assert_eq!(
            text.replace(WORD_JOINER, ""),
            "[b]Жирно[/b] [url=https://x.example]сюда[/url] $result[me][ID] [*]"
        );
    }

    #[test]
    fn a_long_name_is_cut_by_characters_and_an_emoji_stays_whole() {
        assert_eq!(cut(&"😀".repeat(300), 50), format!("{}…", "😀".repeat(49)));
        assert_eq!(cut("  Анна 😀 ", 50), "Анна 😀");
    }

    #[test]
    fn a_long_text_keeps_its_mark_and_its_last_character() {
        let mark = Uuid::from_u128(0x1234_5678_9abc_def0_1122_3344_5566_7788);
        let text = marked(&"Привет 😀 ".repeat(2_000), mark, 10_000);
        assert!(text.len() <= 10_000 && text.len() > 9_990, "{}", text.len());
        assert!(text.ends_with("…\n\nzapis:123456789abc"), "{text}");
    }
}
