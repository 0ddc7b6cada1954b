//! Bytes as text, whatever program saved them.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// How much of a text says what encoding it has.
const PROBED: usize = 256 * 1024;
/// How much of a text may be control characters.
const CONTROLS_IN: usize = 50;

/// The text in some bytes: by its mark, as UTF-8, as the server said, or by what it looks like. None when it
/// is no text in any of them. Lines end with `\n` alone.
pub(super) fn decoded(bytes: &[u8], said: Option<&str>) -> Option<String> {
    let text = match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => encoding.decode_without_bom_handling(&bytes[mark..]).0,
        None => {
            encoding_of(bytes, said)
                .decode_without_bom_handling(bytes)
                .0
        }
    };
    let controls = text
        .chars()
        .filter(|c| *c == char::REPLACEMENT_CHARACTER || (c.is_control() && !c.is_whitespace()))
        .count();
    if controls > text.len() / CONTROLS_IN {
        return None;
    }
    Some(text.replace("\r\n", "\n").replace('\r', "\n"))
}

fn encoding_of(bytes: &[u8], said: Option<&str>) -> &'static Encoding {
    if std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0) {
        return UTF_8;
    }
    if let Some(encoding) = wide(bytes) {
        return encoding;
    }
    if let Some(encoding) = said.and_then(|label| Encoding::for_label(label.trim().as_bytes()))
        && !encoding.decode_without_bom_handling(bytes).1
    {
        return encoding;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(&bytes[..bytes.len().min(PROBED)], true);
    // Firms whose customers write Russian: where two encodings fit, it is the Cyrillic one.
    detector.guess(Some(b"ru"), Utf8Detection::Deny)
}

/// UTF-16 without a mark: one of the two bytes of nearly every letter is the number of its block, 0 for Latin
/// letters and spaces, 4 for Cyrillic ones.
fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    let probed = &bytes[..bytes.len().min(PROBED)];
    let pairs = probed.len() / 2;
    let blocks = |at: usize| {
        let numbers = probed.iter().skip(at).step_by(2);
        numbers.filter(|byte| matches!(byte, 0 | 4)).count()
    };
    if pairs < 2 || !bytes.len().is_multiple_of(2) {
        return None;
    }
    let (big, little) = (blocks(0), blocks(1));
    match (big * 10 >= pairs * 8, little * 10 >= pairs * 8) {
        (false, true) => Some(UTF_16LE),
        (true, false) => Some(UTF_16BE),
        _ => None,
    }
}

/// A text in one line, without what is not seen.
pub(super) fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => {}
            c if c.is_whitespace() || c.is_control() => {
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            c => out.push(c),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "вопрос;ответ\nМожно картой?;Да, «Мир» и наличные — как удобно\n";

    #[test]
    fn russian_is_read_in_every_encoding_that_programs_save() {
        let utf_16 = |bytes: fn(u16) -> [u8; 2]| TEXT.encode_utf16().flat_map(bytes).collect();
        let cp1251 = encoding_rs::WINDOWS_1251.encode(TEXT).0.into_owned();
        let plain = TEXT.replace(['«', '»', '—'], "-");
        let koi8 = encoding_rs::KOI8_R.encode(&plain).0.into_owned();
        let marked: Vec<u8> = [b"\xff\xfe".to_vec(), utf_16(u16::to_le_bytes)].concat();
        for (bytes, text) in [
            (TEXT.as_bytes().to_vec(), TEXT),
            ([b"\xef\xbb\xbf", TEXT.as_bytes()].concat(), TEXT),
            (cp1251, TEXT),
            (koi8, &plain),
            (marked, TEXT),
            (utf_16(u16::to_le_bytes), TEXT),
            (utf_16(u16::to_be_bytes), TEXT),
        ] {
            assert_eq!(decoded(&bytes, None).unwrap(), text, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_none() {
        let bytes: Vec<u8> = (0..4_000_u32).map(|n| (n * n % 251) as u8).collect();
        assert_eq!(decoded(&bytes, None), None);
    }

    #[test]
    fn a_server_that_names_the_wrong_encoding_is_not_believed() {
        assert_eq!(
            decoded(TEXT.as_bytes(), Some("windows-1251")).unwrap(),
            TEXT
        );
    }

    #[test]
    fn what_is_not_seen_goes() {
        assert_eq!(tidy("  а\u{ad}б\n\n в\u{a0}г "), "аб в г");
    }
}
