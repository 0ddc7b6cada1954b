//! The two Markdown dialects of Telegram.

use serde_json::{Map, Value, json};

use super::entities::{Formatted, utf16};

/// What has to be escaped in the second version.
const RESERVED: &str = "_*[]()~`>#+-=|{}.!";

struct Open {
    mark: &'static str,
    kind: &'static str,
    start: usize,
    offset: usize,
}

/// `MarkdownV2`: everything reserved is either markup or escaped.
pub(crate) fn version_two(input: &str) -> Result<Formatted, String> {
    let mut text = String::new();
    let mut entities = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut rest = input;
    while let Some(next) = rest.chars().next() {
        let offset = input.len() - rest.len();
        if let Some(escaped) = rest.strip_prefix('\\') {
            let literal = escaped.chars().next().filter(char::is_ascii);
            text.push(literal.unwrap_or('\\'));
            rest = &rest[1 + literal.map_or(0, char::len_utf8)..];
        } else if next == '`' {
            rest = verbatim(rest, offset, &mut text, &mut entities)?;
        } else if next == '>' && (text.is_empty() || text.ends_with('\n')) {
            rest = &rest[1..];
        } else if let Some(link) = rest.strip_prefix("](").filter(|_| is_link(&open)) {
            let end = link
                .find(')')
                .ok_or_else(|| format!("Can't find end of a URL at byte offset {offset}"))?;
            let url = link[..end].replace('\\', "");
            rest = &link[end + 1..];
            finish(&mut open, &text, &mut entities, Some(url));
        } else if next == ']' && is_link(&open) {
            // Brackets without an address are plain text.
            open.pop();
            rest = &rest[1..];
        } else if let Some((mark, kind)) = mark(rest) {
            rest = &rest[mark.len()..];
            if open.last().is_some_and(|last| last.mark == mark) {
                finish(&mut open, &text, &mut entities, None);
            } else {
                let start = utf16(&text);
                open.push(Open {
                    mark,
                    kind,
                    start,
                    offset,
                });
            }
        } else if RESERVED.contains(next) {
            return Err(format!(
                "Character '{next}' is reserved and must be escaped with the preceding '\\'"
            ));
        } else {
            text.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    match open.pop() {
        Some(tag) => Err(format!(
            "Can't find end of {} entity at byte offset {}",
            tag.kind, tag.offset
        )),
        None => Ok((text, entities)),
    }
}

/// The first `Markdown`: no nesting, an unpaired mark is an error.
pub(crate) fn legacy(input: &str) -> Result<Formatted, String> {
    let mut text = String::new();
    let mut entities = Vec::new();
    let mut rest = input;
    while let Some(next) = rest.chars().next() {
        let offset = input.len() - rest.len();
        let lost = || format!("Can't find end of the entity starting at byte offset {offset}");
        if next == '\\' && rest[1..].starts_with(['_', '*', '`', '[']) {
            text.push_str(&rest[1..2]);
            rest = &rest[2..];
        } else if let Some((mark, kind)) = [
            ("```", "pre"),
            ("`", "code"),
            ("*", "bold"),
            ("_", "italic"),
        ]
        .into_iter()
        .find(|(mark, _)| rest.starts_with(mark))
        {
            let inside = &rest[mark.len()..];
            let end = inside.find(mark).ok_or_else(lost)?;
            push(
                &mut entities,
                kind,
                utf16(&text),
                utf16(&inside[..end]),
                None,
            );
            text.push_str(&inside[..end]);
            rest = &inside[end + mark.len()..];
        } else if next == '[' {
            let end = rest.find(']').ok_or_else(lost)?;
            let label = &rest[1..end];
            let after = &rest[end + 1..];
            let start = utf16(&text);
            text.push_str(label);
            rest = after;
            if let Some(target) = after.strip_prefix('(') {
                let close = target.find(')').ok_or_else(lost)?;
                push(
                    &mut entities,
                    "text_link",
                    start,
                    utf16(label),
                    Some(target[..close].to_owned()),
                );
                rest = &target[close + 1..];
            }
        } else {
            text.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    Ok((text, entities))
}

fn mark(rest: &str) -> Option<(&'static str, &'static str)> {
    [
        ("||", "spoiler"),
        ("__", "underline"),
        ("_", "italic"),
        ("*", "bold"),
        ("~", "strikethrough"),
        ("[", "text_link"),
    ]
    .into_iter()
    .find(|(mark, _)| rest.starts_with(mark))
}

fn is_link(open: &[Open]) -> bool {
    open.last().is_some_and(|last| last.mark == "[")
}

fn finish(open: &mut Vec<Open>, text: &str, entities: &mut Vec<Value>, url: Option<String>) {
    if let Some(tag) = open.pop() {
        let length = utf16(text).saturating_sub(tag.start);
        push(entities, tag.kind, tag.start, length, url);
    }
}

fn push(entities: &mut Vec<Value>, kind: &str, start: usize, length: usize, url: Option<String>) {
    if length == 0 {
        return;
    }
    let mut entity = Map::new();
    entity.insert("type".to_owned(), json!(kind));
    entity.insert("offset".to_owned(), json!(start));
    entity.insert("length".to_owned(), json!(length));
    if let Some(url) = url {
        entity.insert("url".to_owned(), json!(url));
    }
    entities.push(Value::Object(entity));
}

/// Code, where only the closing mark means anything.
fn verbatim<'a>(
    rest: &'a str,
    offset: usize,
    text: &mut String,
    entities: &mut Vec<Value>,
) -> Result<&'a str, String> {
    let (mark, kind) = if rest.starts_with("```") {
        ("```", "pre")
    } else {
        ("`", "code")
    };
    let inside = &rest[mark.len()..];
    let end = inside
        .find(mark)
        .ok_or_else(|| format!("Can't find end of {kind} entity at byte offset {offset}"))?;
    push(entities, kind, utf16(text), utf16(&inside[..end]), None);
    text.push_str(&inside[..end]);
    Ok(&inside[end + mark.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unescaped_full_stop_is_refused() {
        assert_eq!(
            version_two("Ждём вас.").unwrap_err(),
            "Character '.' is reserved and must be escaped with the preceding '\\'"
        );
    }

    #[test]
    fn marks_become_entities_and_escapes_disappear() {
        let (text, entities) = version_two("*Цена* 1\\.5 [тут](https://salon.example)").unwrap();

        assert_eq!(text, "Цена 1.5 тут");
        assert_eq!(
            entities[0],
            json!({"type": "bold", "offset": 0, "length": 4})
        );
        assert_eq!(entities[1]["url"], "https://salon.example");
    }

    #[test]
    fn an_unpaired_mark_is_refused_in_both() {
        assert_eq!(
            legacy("snake_case").unwrap_err(),
            "Can't find end of the entity starting at byte offset 5"
        );
        assert!(
            version_two("*a")
                .unwrap_err()
                .starts_with("Can't find end of bold entity")
        );
    }
}
