//! Phrases of a file of texts, one by one: what they say, and how another wording is put in their place.

use fluent_bundle::FluentResource;

use crate::texts::{EMOJI, INFORMAL};

/// A phrase as the file has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wording {
    /// What is said.
    pub text: String,
    /// How it sounds to whom one says «ты», where it sounds otherwise.
    pub informal: String,
    /// What may stand at its end.
    pub emoji: String,
}

/// What a phrase says in the text of a file.
pub fn get(file: &str, key: &str) -> Option<Wording> {
    let (start, end) = place(file, key)?;
    let (_, said) = file[start..end].split_once('=')?;
    let mut wording = Wording::default();
    let mut into = &mut wording.text;
    for line in said.lines() {
        let mut line = line.trim();
        let attribute = line.strip_prefix('.').and_then(|rest| rest.split_once('='));
        if let Some((name, rest)) = attribute {
            line = rest.trim();
            into = match name.trim() {
                INFORMAL => &mut wording.informal,
                EMOJI => &mut wording.emoji,
                _ => return None,
            };
        }
        if !into.is_empty() {
            into.push('\n');
        }
        into.push_str(line);
    }
    Some(tidied(&wording))
}

/// The file with another wording of a phrase; nothing where the file has no such phrase, or the wording is none.
pub fn set(file: &str, key: &str, wording: &Wording) -> Option<String> {
    let (start, end) = place(file, key)?;
    let mut said = format!("{key} ={}\n", indented(&wording.text, 4));
    for (name, text) in [(INFORMAL, &wording.informal), (EMOJI, &wording.emoji)] {
        if !text.trim().is_empty() {
            said.extend(["    .", name, " =", &indented(text, 8), "\n"]);
        }
    }
    let texts = [&wording.text, &wording.informal, &wording.emoji];
    if !texts.into_iter().all(|text| has_only_insertions(text)) {
        return None;
    }
    // One phrase, as it was meant: nothing of what was typed is taken for something else.
    let read = FluentResource::try_new(said.clone()).ok()?;
    if read.entries().count() != 1 || get(&said, key)? != tidied(wording) {
        return None;
    }
    Some(format!("{}{said}{}", &file[..start], &file[end..]))
}

/// Without spaces around its lines and empty lines around it.
fn tidied(wording: &Wording) -> Wording {
    let lines = |text: &String| {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        lines.join("\n").trim().to_owned()
    };
    Wording {
        text: lines(&wording.text),
        informal: lines(&wording.informal),
        emoji: lines(&wording.emoji),
    }
}

/// Whether braces stand around variables only, and variables in braces only: anything else would be read to customers
/// as it is.
fn has_only_insertions(text: &str) -> bool {
    let mut parts = text.split('{');
    let is_plain = |text: &str| !text.contains(['}', '$']);
    parts.next().is_none_or(is_plain)
        && parts.all(|part| {
            let Some((inside, after)) = part.split_once('}') else {
                return false;
            };
            let name = inside.trim().strip_prefix('$');
            let is_name =
                |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
            name.is_some_and(is_name) && is_plain(after)
        })
}

/// One line beside the name, several below it.
fn indented(text: &str, by: usize) -> String {
    let lines: Vec<&str> = text.trim().lines().map(str::trim).collect();
    let margin = match lines[..] {
        [_] => " ".to_owned(),
        _ => format!("\n{}", " ".repeat(by)),
    };
    let line = |line: &&str| {
        if line.is_empty() {
            "\n".to_owned()
        } else {
            format!("{margin}{line}")
        }
    };
    lines.iter().map(line).collect::<Vec<_>>().concat()
}

/// Where a phrase stands: from its name to the end of its last line.
fn place(file: &str, key: &str) -> Option<(usize, usize)> {
    let mut at = 0;
    let mut found: Option<(usize, usize)> = None;
    for line in file.split_inclusive('\n') {
        let (start, end) = (at, at + line.len());
        at = end;
        let goes_on = line.starts_with([' ', '\t', '}']);
        match &mut found {
            Some(place) if goes_on => place.1 = end,
            // Empty lines inside a phrase belong to it, those after it do not.
            Some(_) if line.trim().is_empty() => {}
            Some(_) => break,
            None => {
                let name = line.strip_prefix(key).map(str::trim_start);
                if name.is_some_and(|rest| rest.starts_with('=')) {
                    found = Some((start, end));
                }
            }
        }
    }
    found
}
