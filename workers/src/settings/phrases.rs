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
        if !into.is_empty() && !line.is_empty() {
            into.push('\n');
        }
        into.push_str(line);
    }
    Some(wording)
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
    // One phrase, as it was meant: nothing of what was typed is taken for something else.
    let read = FluentResource::try_new(said.clone()).ok()?;
    if read.entries().count() != 1 || get(&said, key)? != tidied(wording) {
        return None;
    }
    Some(format!("{}{said}{}", &file[..start], &file[end..]))
}

fn tidied(wording: &Wording) -> Wording {
    let lines = |text: &String| {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join("\n")
    };
    Wording {
        text: lines(&wording.text),
        informal: lines(&wording.informal),
        emoji: lines(&wording.emoji),
    }
}

/// One line beside the name, several below it.
fn indented(text: &str, by: usize) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let lines: Vec<&&str> = lines.iter().filter(|line| !line.is_empty()).collect();
    let margin = match lines[..] {
        [_] => " ".to_owned(),
        _ => format!("\n{}", " ".repeat(by)),
    };
    lines
        .iter()
        .flat_map(|line| [margin.as_str(), line])
        .collect()
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
