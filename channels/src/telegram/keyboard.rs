//! Buttons under a message. Telegram gives a button 64 bytes; a longer payload stays in the store
//! under a short id that is made of the payload, so that a repeat has the same.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use teloxide::types::{InlineKeyboardButton, InlineKeyboardMarkup};
use zapis_core::message::Button;

/// The most bytes that a button carries.
const PAYLOAD: usize = 64;

/// The most buttons under one message.
const BUTTONS: usize = 100;

/// What a short id begins with. A payload that begins so is always stored.
const SHORT: char = '~';

/// Whether a pressed button carries a short id.
pub(super) fn is_short(payload: &str) -> bool {
    payload.starts_with(SHORT)
}

/// A keyboard, and what to store before it is sent.
pub(super) struct Keyboard {
    /// As Telegram takes it.
    pub(super) markup: InlineKeyboardMarkup,
    /// Short ids and what they stand for.
    pub(super) stored: Vec<(String, String)>,
}

/// Lays out buttons; nothing where there are none.
pub(super) fn keyboard(buttons: &[Button]) -> Option<Keyboard> {
    let mut stored = Vec::new();
    let mut rows: Vec<Vec<InlineKeyboardButton>> = Vec::new();
    let mut room = 0;
    for button in buttons.iter().take(BUTTONS) {
        if button.title.trim().is_empty() {
            continue;
        }
        let data = if button.payload.is_empty()
            || button.payload.len() > PAYLOAD
            || is_short(&button.payload)
        {
            let short = short(&button.payload);
            stored.push((short.clone(), button.payload.clone()));
            short
        } else {
            button.payload.clone()
        };
        // Short titles share a row: up to three, as wide as a phone.
        let width = match button.title.chars().count() {
            0..=9 => 2,
            10..=16 => 3,
            _ => 6,
        };
        let key = InlineKeyboardButton::callback(button.title.clone(), data);
        match rows.last_mut() {
            Some(row) if room >= width => row.push(key),
            _ => {
                rows.push(vec![key]);
                room = 6;
            }
        }
        room -= width;
    }
    (!rows.is_empty()).then(|| Keyboard {
        markup: InlineKeyboardMarkup::new(rows),
        stored,
    })
}

/// The buttons as lines of text, where they cannot be shown.
pub(super) fn as_lines(buttons: &[Button]) -> String {
    let mut lines = String::new();
    for button in buttons {
        lines.push_str("\n• ");
        lines.push_str(&button.title);
    }
    lines
}

fn short(payload: &str) -> String {
    let hash = Sha256::digest(payload.as_bytes());
    format!("{SHORT}{}", URL_SAFE_NO_PAD.encode(&hash[..15]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn button(title: &str, payload: &str) -> Button {
        Button {
            title: title.into(),
            payload: payload.into(),
        }
    }

    #[test]
    fn a_payload_over_64_bytes_becomes_a_short_id_that_stays_the_same() {
        let long = "слот:2026-11-28T11:00:наращивание-ресниц-3D-плюс";
        assert!(long.len() > 64);

        let first = keyboard(&[button("11:00", long), button("Да", "yes")]).unwrap();
        let second = keyboard(&[button("11:00", long)]).unwrap();

        assert_eq!(first.stored, second.stored);
        assert_eq!(first.stored[0].1, long);
        assert!(is_short(&first.stored[0].0) && first.stored[0].0.len() <= 64);
        assert_eq!(first.stored.len(), 1);
    }

    #[test]
    fn short_titles_share_a_row() {
        let row = |titles: &[&str]| {
            let buttons: Vec<Button> = titles.iter().map(|title| button(title, "x")).collect();
            let markup = keyboard(&buttons).unwrap().markup;
            markup
                .inline_keyboard
                .iter()
                .map(Vec::len)
                .collect::<Vec<_>>()
        };

        assert_eq!(row(&["10:00", "11:00", "12:00", "13:00"]), [3, 1]);
        assert_eq!(row(&["Записаться на приём", "Цены"]), [1, 1]);
        assert!(keyboard(&[button(" ", "x")]).is_none());
    }

    #[test]
    fn nobody_can_forge_a_stored_payload_by_its_prefix() {
        let forged = keyboard(&[button("x", "~abc")]).unwrap();
        assert_ne!(forged.stored[0].0, "~abc");
    }
}
