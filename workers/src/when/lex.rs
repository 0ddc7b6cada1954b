//! From a text to pieces: words, numbers and marks, each with its place.

use super::symbol::{Piece, Role, Sym, Word};
use super::vocabulary;
use crate::words::folded;

/// The words, numbers and marks of a text.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::with_capacity(text.len() / 4);
    let mut chars = text.char_indices().peekable();
    let mut end_before = usize::MAX;
    while let Some((start, first)) = chars.next() {
        if first.is_whitespace() && first != '\n' {
            continue;
        }
        let kind = Kind::of(first);
        let mut end = start + first.len_utf8();
        while let Some((at, next)) = chars.peek().copied() {
            if !kind.goes_on(next, &text[at + next.len_utf8()..]) {
                break;
            }
            end = at + next.len_utf8();
            chars.next();
        }
        let word = match kind {
            Kind::Digits => number(&text[start..end]),
            Kind::Letters => vocabulary::word(&folded(&text[start..end])),
            Kind::Mark => Word::Role(mark(first)),
        };
        let sym = Sym::Word(word);
        out.push(Piece {
            start,
            end,
            glued: end_before == start,
            roles: sym.roles(),
            sym,
        });
        end_before = end;
    }
    hide_phones(&mut out);
    out
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Digits,
    Letters,
    Mark,
}

impl Kind {
    fn of(c: char) -> Self {
        if c.is_ascii_digit() {
            Self::Digits
        } else if c.is_alphanumeric() {
            Self::Letters
        } else {
            Self::Mark
        }
    }

    fn goes_on(self, next: char, rest: &str) -> bool {
        match self {
            Self::Digits => next.is_ascii_digit(),
            Self::Letters => {
                let letter = |c: char| c.is_alphabetic() || ('\u{300}'..'\u{370}').contains(&c);
                // "o'clock", in all the ways it is typed.
                letter(next) || (is_apostrophe(next) && rest.starts_with(letter))
            }
            Self::Mark => false,
        }
    }
}

const fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '`' | '´' | '"')
}

fn number(digits: &str) -> Word {
    match digits.parse() {
        Ok(value) => Word::Num {
            value,
            digits: u8::try_from(digits.len()).unwrap_or(u8::MAX),
        },
        Err(_) => Word::Role(Role::Amount),
    }
}

fn mark(c: char) -> Role {
    match c {
        '.' => Role::Dot,
        ',' => Role::Comma,
        ':' => Role::Colon,
        '-' | '–' | '—' | '−' | '‑' | '‒' | '~' => Role::Dash,
        '/' => Role::Slash,
        '+' => Role::Plus,
        '%' | '₽' | '$' | '€' | '£' | '°' => Role::Quantity,
        '№' | '#' => Role::Number,
        '(' | ')' => Role::Open,
        '\'' | '"' | '«' | '»' | '“' | '”' | '’' => Role::Quote,
        '!' | '?' | ';' | '\n' | '…' => Role::Stop,
        _ => Role::Other,
    }
}

/// The groups of digits of a phone number without its country: "921 123-45-67", "123-45-67".
const PHONES: [&[u8]; 4] = [&[3, 3, 2, 2], &[3, 3, 4], &[3, 7], &[3, 2, 2]];

/// Takes phone numbers out, so that nothing reads "12-34" in them.
fn hide_phones(pieces: &mut [Piece]) {
    let mut at = 0;
    while at < pieces.len() {
        match phone(&pieces[at..]) {
            Some(length) => {
                for piece in &mut pieces[at..at + length] {
                    piece.sym = Sym::role(Role::Amount);
                    piece.roles = piece.sym.roles();
                }
                at += length;
            }
            None => at += 1,
        }
    }
}

/// How many of these pieces are a phone number that begins here.
fn phone(pieces: &[Piece]) -> Option<usize> {
    let plus = pieces.first()?.roles.has(Role::Plus);
    let mut groups: Vec<u8> = Vec::new();
    let mut total = 0;
    let mut dashes = 0;
    let mut country = false;
    for (index, piece) in pieces.iter().enumerate().skip(usize::from(plus)) {
        match piece.sym {
            Sym::Word(Word::Num { value, digits }) => {
                if groups.is_empty() {
                    country = digits == 1 && matches!(value, 7 | 8);
                }
                groups.push(digits);
                total += u32::from(digits);
            }
            Sym::Word(Word::Role(Role::Dash)) if !groups.is_empty() => {
                dashes += 1;
                continue;
            }
            Sym::Word(Word::Role(Role::Open)) => continue,
            _ => return None,
        }
        let whole = if plus || country {
            total >= 11
        } else {
            PHONES.contains(&&groups[..]) && (total > 7 || dashes == 2)
        };
        if whole {
            return Some(index + 1);
        }
        if total > 11 {
            return None;
        }
    }
    None
}
