//! What a document says about its entries: who verified them, until when they hold.

use chrono::NaiveDate;

use super::super::entry::Entry;
use crate::source_text::nearest;
use crate::words::Language;

/// What the header of a file, or a row of a table, says about entries.
#[derive(Debug, Clone, Default)]
pub(super) struct Header {
    pub(super) verified_by: Option<String>,
    pub(super) valid_until: Option<NaiveDate>,
    pub(super) language: Option<Language>,
    pub(super) topics: Vec<String>,
}

const KEYS: [&str; 4] = ["verified_by", "valid_until", "language", "topic"];

impl Header {
    /// Takes one setting; says what is wrong with it.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), (&'static str, String)> {
        match key {
            "verified_by" => self.verified_by = Some(value.to_owned()),
            "valid_until" | "until" => {
                let day = day(value).ok_or(("is not a day", "write 2027-01-31".to_owned()))?;
                self.valid_until = Some(day);
            }
            "language" => {
                let known = Language::from_code(value);
                self.language =
                    Some(known.ok_or(("is not a language of the bot", "use ru or en".to_owned()))?);
            }
            "topic" => {
                self.topics = value
                    .split([',', ' ', '|'])
                    .filter(|t| !t.is_empty())
                    .map(str::to_owned)
                    .collect();
            }
            _ => return Err(("is not a known key", nearest(key, KEYS))),
        }
        Ok(())
    }

    /// Says it of an entry.
    pub(super) fn sign(self, entry: &mut Entry) {
        entry.verified_by = self.verified_by.or(entry.verified_by.take());
        entry.valid_until = self.valid_until.or(entry.valid_until);
        entry.language = self.language.unwrap_or(entry.language);
        if !self.topics.is_empty() {
            entry.topics = self.topics;
        }
    }
}

/// A day as people write it: `2027-01-31` or `31.01.2027`.
pub(super) fn day(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    text.parse()
        .or_else(|_| NaiveDate::parse_from_str(text, "%d.%m.%Y"))
        .ok()
}
