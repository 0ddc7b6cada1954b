//! Codes that an app shows (RFC 6238): six digits that change every thirty seconds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zapis_core::config::Secret;

/// How long one code is shown.
const STEP: i64 = 30;
/// How many recovery codes somebody gets.
const RECOVERY: usize = 10;

/// A new secret, in the letters in which apps take it: 160 bits.
pub(crate) fn secret() -> Secret {
    Secret::new(BASE32_NOPAD.encode(&rand::random::<[u8; 20]>()))
}

/// Codes for who loses the app, of 80 bits each: nobody guesses one, also not from its hash.
pub(crate) fn recovery_codes() -> Vec<Secret> {
    let one = || Secret::new(BASE32_NOPAD.encode(&rand::random::<[u8; 10]>()));
    std::iter::repeat_with(one).take(RECOVERY).collect()
}

/// In groups of four, as they are read from a screen.
pub(crate) fn grouped(letters: &str) -> String {
    let mut grouped = String::with_capacity(letters.len() * 5 / 4);
    for (n, letter) in letters.chars().enumerate() {
        if n > 0 && n % 4 == 0 {
            grouped.push(' ');
        }
        grouped.push(letter);
    }
    grouped
}

/// What was typed, as codes and secrets are kept.
pub(crate) fn tidy(typed: &str) -> String {
    let kept = typed.chars().filter(char::is_ascii_alphanumeric);
    kept.take(64).collect::<String>().to_ascii_uppercase()
}

/// The step whose code was typed: the present one or a neighbour, for clocks that differ a little. `None` also
/// where the secret is none.
pub(crate) fn step_of(secret: &Secret, typed: &str, now: DateTime<Utc>) -> Option<i64> {
    let key = BASE32_NOPAD.decode(secret.expose().as_bytes()).ok();
    let key = key.filter(|key| key.len() >= 16)?;
    let present = now.timestamp() / STEP;
    let fits = |step: &i64| {
        let code = code(&key, *step);
        code.is_some_and(|code| bool::from(code.as_bytes().ct_eq(typed.as_bytes())))
    };
    (present - 1..=present + 1).find(fits)
}

/// The code of a step (RFC 4226 §5.3).
fn code(key: &[u8], step: i64) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).ok()?;
    mac.update(&step.to_be_bytes());
    let mac = mac.finalize().into_bytes();
    let offset = usize::from(mac.last()? & 0xf);
    let word: [u8; 4] = mac.get(offset..offset + 4)?.try_into().ok()?;
    let number = (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000;
    Some(format!("{number:06}"))
}

/// The picture that an app reads, as an address of data.
pub(crate) fn picture(firm: &str, login: &str, secret: &Secret) -> Option<String> {
    let part = |text: &str| -> String {
        let encoded = url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        encoded.replace('+', "%20")
    };
    let address = format!(
        "otpauth://totp/{}?secret={}&issuer={}",
        part(login),
        secret.expose(),
        part(firm),
    );
    // Few squares are read more easily, and a screen has no stains.
    let code = QrCode::with_error_correction_level(address, EcLevel::L).ok()?;
    let drawn = code
        .render::<svg::Color<'_>>()
        .min_dimensions(240, 240)
        .build();
    let encoded = STANDARD.encode(drawn);
    Some(format!("data:image/svg+xml;base64,{encoded}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, the last six digits.
        let key = b"12345678901234567890";
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(key, seconds / STEP).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_code_is_taken_for_its_step_and_its_neighbours() {
        let secret = Secret::new(BASE32_NOPAD.encode(b"12345678901234567890"));
        let step = |seconds| step_of(&secret, "081804", at(seconds));
        let then = 1_111_111_109;
        let own = Some(then / STEP);
        assert_eq!([step(then), step(then - 30), step(then + 30)], [own; 3]);
        assert_eq!([step(then - 60), step(then + 60)], [None; 2]);
        assert_eq!(step_of(&secret, "", at(then)), None);
        let short = Secret::new("ABCD");
        assert_eq!(step_of(&short, "081804", at(then)), None);
    }

    #[test]
    fn what_is_typed_is_what_was_shown() {
        let shown = grouped(secret().expose());
        assert_eq!(shown.len(), 32 + 7);
        assert_eq!(grouped(&tidy(&shown.to_lowercase())), shown);
        assert_eq!(tidy(" 123 456 "), "123456");
    }
}
