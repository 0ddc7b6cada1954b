//! How the bot speaks with the customers of a firm.

/// The `[tone]` of a firm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tone {
    /// How customers are addressed.
    pub address: Address,
    /// Whether the bot's own words may have emoji.
    pub emoji: bool,
}

/// How customers are addressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Address {
    /// «Вы».
    #[default]
    Formal,
    /// «Ты».
    Informal,
}

impl Address {
    /// Every form.
    pub const ALL: [Self; 2] = [Self::Formal, Self::Informal];

    /// Its name in `business.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Formal => "formal",
            Self::Informal => "informal",
        }
    }
}

impl Tone {
    /// A text of a language model as this tone wants it.
    pub fn applied(self, text: &str) -> String {
        if self.emoji {
            text.to_owned()
        } else {
            without_emoji(text)
        }
    }
}

/// Makes the letter or sign before it an emoji.
const AS_EMOJI: char = '\u{fe0f}';

/// A text without emoji, and without the gaps that they leave.
fn without_emoji(text: &str) -> String {
    if !text.chars().any(|c| is_emoji(c) || c == AS_EMOJI) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        let shown_as_emoji = letters.peek() == Some(&AS_EMOJI) && !c.is_alphanumeric();
        if is_emoji(c) || c == AS_EMOJI || shown_as_emoji {
            gap = true;
            continue;
        }
        if gap {
            let ends = c.is_whitespace() || matches!(c, '.' | ',' | '!' | '?' | ';' | ':' | '…');
            if ends {
                out.truncate(out.trim_end_matches(' ').len());
            }
            if c == ' ' && (out.is_empty() || out.ends_with('\n')) {
                continue;
            }
            gap = false;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out
}

/// Pictures, and what joins, colours and frames them; no signs that a text may need, such as ₽ or →.
fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b05}'..='\u{2b55}' | '\u{231a}' | '\u{231b}'
        | '\u{23e9}'..='\u{23fa}' | '\u{200d}' | '\u{20e3}' | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_go_with_their_gaps_and_everything_else_stays() {
        for (text, expected) in [
            ("Ждём вас 🌷!", "Ждём вас!"),
            ("🌸 Маникюр — 2 500 ₽", "Маникюр — 2 500 ₽"),
            ("Да 👍🏽, можно ❤️ с 10 до 21", "Да, можно с 10 до 21"),
            ("Цены:\n✨ стрижка\n✨ укладка", "Цены:\nстрижка\nукладка"),
            ("Звоните ☎️ 1️⃣1️⃣2️⃣", "Звоните 112"),
            ("Семья 👨‍👩‍👧 и флаг 🇷🇺", "Семья и флаг"),
            ("Метро → налево, №5, «Роза»…", "Метро → налево, №5, «Роза»…"),
            ("😊", ""),
        ] {
            assert_eq!(Tone::default().applied(text), expected);
            let with = Tone {
                emoji: true,
                ..Tone::default()
            };
            assert_eq!(with.applied(text), text);
        }
    }
}
