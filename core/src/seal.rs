//! A record that shows when it was tampered with: JSON lines, each with the hash of the one before, and at the
//! end a signature over the last hash.
//!
//! A line is hashed as it stands, up to its own hash: whoever has a program for SHA-256 and Ed25519 can check a
//! record without this one. See `docs/journal.md`.

use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// What the hash before the first line is.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// What is signed begins so, so that no signature of ours means anything else.
const SIGNED: &str = "zapis record ";
/// What stands before the hash of a line, and after it.
const HASH: (&str, &str) = (",\"hash\":\"", "\"}");

/// A key that signs records.
pub struct SealKey(Ed25519KeyPair);

impl SealKey {
    /// From 32 secret bytes in hexadecimal; nothing where they are none.
    pub fn read(secret: &str) -> Option<Self> {
        let seed = hex::decode(secret).ok()?;
        Ed25519KeyPair::from_seed_unchecked(&seed).ok().map(Self)
    }

    /// What its signatures are checked with, in hexadecimal.
    pub fn public(&self) -> String {
        hex::encode(self.0.public_key())
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", self.public())
    }
}

/// Makes a record of JSON objects: what it is, and its lines in order.
pub fn seal(header: &str, lines: impl IntoIterator<Item = String>, key: &SealKey) -> String {
    let mut chain = Chain::default();
    chain.add("header", header);
    for line in lines {
        chain.add("record", &line);
    }
    let signature = key.0.sign(signed(&chain.head).as_bytes());
    chain.add("signature", &format!("\"{}\"", hex::encode(signature)));
    chain.text
}

fn signed(head: &str) -> String {
    format!("{SIGNED}{head}")
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// A line up to its own hash.
fn line(number: usize, name: &str, json: &str, before: &str) -> String {
    format!("{{\"line\":{number},\"{name}\":{json},\"prev\":\"{before}\"")
}

fn last_line(number: usize, signature: &str, before: &str) -> String {
    line(number, "signature", &format!("\"{signature}\""), before)
}

/// A record under construction.
struct Chain {
    text: String,
    head: String,
    lines: usize,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            text: String::new(),
            head: NOTHING.to_owned(),
            lines: 0,
        }
    }
}

impl Chain {
    fn add(&mut self, name: &str, json: &str) {
        self.lines += 1;
        let line = line(self.lines, name, json, &self.head);
        self.head = hash(&line);
        let (begin, end) = HASH;
        for part in [&line, begin, &self.head, end, "\n"] {
            self.text.push_str(part);
        }
    }
}

/// Where a record is not as it was made, and how that shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Tampered {
    /// The first line that is wrong, from 1.
    pub line: usize,
    /// What is wrong.
    pub why: Why,
}

/// What can be wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// No line of ours.
    #[error("this is no line of a record")]
    Foreign,
    /// The words are others.
    #[error("this line was changed")]
    Changed,
    /// It does not follow the line before.
    #[error("this line does not follow the one before: lines were removed, inserted or moved")]
    Moved,
    /// It ends without a signature.
    #[error("the record ends before its signature: it was cut off")]
    Cut,
    /// The signature is another key's, or of another record.
    #[error("the signature is not of this key and this record")]
    Forged,
}

/// A line, as far as checking needs it.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "line")]
    number: usize,
    prev: String,
    signature: Option<String>,
}

/// Checks a record with a public key in hexadecimal; how many lines stand between its header and its signature.
pub fn verify(record: &str, public_key: &str) -> Result<usize, Tampered> {
    let (mut head, mut last, mut is_signed) = (NOTHING.to_owned(), 0, false);
    for (text, number) in record.split_terminator('\n').zip(1..) {
        let wrong = |why| Tampered { line: number, why };
        if is_signed {
            return Err(wrong(Why::Moved));
        }
        let (begin, end) = HASH;
        let parts = text.rsplit_once(begin);
        let parts = parts.and_then(|(words, rest)| Some((words, rest.strip_suffix(end)?)));
        let (words, told) = parts.ok_or_else(|| wrong(Why::Foreign))?;
        if hash(words) != told {
            return Err(wrong(Why::Changed));
        }
        let line: Line = serde_json::from_str(text).map_err(|_| wrong(Why::Foreign))?;
        if (line.number, line.prev.as_str()) != (number, head.as_str()) {
            return Err(wrong(Why::Moved));
        }
        if let Some(signature) = line.signature {
            // What is signed is the line before: nothing else may stand in this one.
            let is_bare = words == last_line(number, &signature, &head);
            let is_ours = is_bare && is_by(public_key, &signature, &head);
            is_signed = is_ours.then_some(true).ok_or_else(|| wrong(Why::Forged))?;
        }
        (last, head) = (number, told.to_owned());
    }
    if !is_signed {
        let (line, why) = (last + 1, Why::Cut);
        return Err(Tampered { line, why });
    }
    Ok(last.saturating_sub(2))
}

fn is_by(public_key: &str, signature: &str, head: &str) -> bool {
    let (Ok(key), Ok(signature)) = (hex::decode(public_key), hex::decode(signature)) else {
        return false;
    };
    let key = UnparsedPublicKey::new(&ED25519, key);
    key.verify(signed(head).as_bytes(), &signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(digit: &str) -> SealKey {
        SealKey::read(&digit.repeat(64)).unwrap()
    }

    fn record() -> Vec<String> {
        let lines = ["{\"a\":1}", "{\"a\":2}", "{\"a\":\",\\\"hash\\\":\\\"\"}"];
        let text = seal("{\"b\":0}", lines.map(str::to_owned), &key("1"));
        text.split_inclusive('\n').map(str::to_owned).collect()
    }

    fn checked(lines: &[String]) -> Result<usize, (usize, Why)> {
        let checked = verify(&lines.concat(), &key("1").public());
        checked.map_err(|wrong| (wrong.line, wrong.why))
    }

    #[test]
    fn what_was_not_touched_is_right_and_only_under_its_key() {
        let lines = record();
        assert_eq!(checked(&lines), Ok(3));
        let wrong = verify(&lines.concat(), &key("2").public()).unwrap_err();
        assert_eq!((wrong.line, wrong.why), (5, Why::Forged));
    }

    #[test]
    fn each_way_of_tampering_shows_in_the_line_where_it_was_done() {
        for at in 0..5 {
            let mut changed = record();
            let digit = changed[at].find(':').unwrap() + 1;
            changed[at].replace_range(digit..=digit, "7");
            assert_eq!(checked(&changed), Err((at + 1, Why::Changed)), "{at}");
            let mut removed = record();
            removed.remove(at);
            let why = if at == 4 { Why::Cut } else { Why::Moved };
            assert_eq!(checked(&removed), Err((at + 1, why)), "{at}");
            let mut inserted = record();
            inserted.insert(at + 1, inserted[at].clone());
            assert_eq!(checked(&inserted), Err((at + 2, Why::Moved)), "{at}");
        }
        let mut moved = record();
        moved.swap(1, 2);
        assert_eq!(checked(&moved), Err((2, Why::Moved)));
        assert_eq!(checked(&record()[..2]), Err((3, Why::Cut)));
        assert_eq!(checked(&[]), Err((1, Why::Cut)));
        assert_eq!(checked(&["{}\n".to_owned()]), Err((1, Why::Foreign)));
    }

    #[test]
    fn who_makes_the_chain_anew_still_lacks_the_key() {
        let honest = record();
        let lines = ["{\"a\":1}", "{\"a\":9}", "{\"a\":3}"];
        let forged = seal("{\"b\":0}", lines.map(str::to_owned), &key("3"));
        assert_eq!(
            verify(&forged, &key("1").public()).unwrap_err().why,
            Why::Forged
        );
        // With the true signature under it, too.
        let mut lines: Vec<String> = forged.split_inclusive('\n').map(str::to_owned).collect();
        lines[4].clone_from(&honest[4]);
        assert_eq!(checked(&lines), Err((5, Why::Moved)));
    }

    #[test]
    fn nothing_can_be_slipped_in_beside_the_signature() {
        let mut lines = record();
        let (words, _) = lines[4].rsplit_once(HASH.0).unwrap();
        let words = words.replacen('{', "{\"record\":{\"a\":4},", 1);
        lines[4] = format!("{words}{}{}{}\n", HASH.0, hash(&words), HASH.1);
        assert_eq!(checked(&lines), Err((5, Why::Forged)));
    }
}
