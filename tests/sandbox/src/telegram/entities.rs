//! Turns HTML and Markdown into text with entities, with Telegram's own complaints.

use serde_json::{Map, Value, json};

/// Text without markup, and its entities.
pub(crate) type Formatted = (String, Vec<Value>);

/// Applies `parse_mode`; the error is the text after "Bad Request: ".
pub(crate) fn parse(text: &str, mode: Option<&str>) -> Result<Formatted, String> {
    let parsed = match mode.map(str::to_ascii_lowercase).as_deref() {
        None | Some("") => return Ok((text.trim_end().to_owned(), Vec::new())),
        Some("html") => html(text),
        Some("markdownv2") => super::markdown::version_two(text),
        Some("markdown") => super::markdown::legacy(text),
        Some(_) => return Err("unsupported parse_mode".to_owned()),
    };
    let (text, entities) = parsed.map_err(|why| format!("can't parse entities: {why}"))?;
    Ok(trimmed(&text, entities))
}

/// Length as Telegram counts it.
pub(crate) fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The commands a client marks in a text it sends.
pub(crate) fn commands(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut offset = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let name = bare.strip_prefix('/').unwrap_or_default();
        let is_command = name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '@');
        if is_command {
            found.push(json!({"type": "bot_command", "offset": offset, "length": utf16(bare)}));
        }
        offset += utf16(word);
    }
    found
}

/// Telegram drops white space at the end, and what entities lose by it.
fn trimmed(text: &str, entities: Vec<Value>) -> Formatted {
    let text = text.trim_end().to_owned();
    let length = utf16(&text);
    let entities = entities
        .into_iter()
        .filter_map(|mut entity| {
            let start = usize::try_from(entity["offset"].as_u64()?).ok()?;
            let span = usize::try_from(entity["length"].as_u64()?).ok()?;
            let end = (start + span).min(length);
            if end <= start {
                return None;
            }
            entity["length"] = json!(end - start);
            Some(entity)
        })
        .collect();
    (text, entities)
}

/// A tag that waits for its end.
struct Open {
    name: String,
    kind: &'static str,
    extra: Map<String, Value>,
    start: usize,
}

fn html(input: &str) -> Result<Formatted, String> {
    let mut text = String::with_capacity(input.len());
    let mut at_utf16 = 0;
    let mut open: Vec<Open> = Vec::new();
    let mut entities = Vec::new();
    let mut rest = input;
    while let Some(next) = rest.chars().next() {
        let offset = input.len() - rest.len();
        match next {
            '&' => {
                let (decoded, used) = character(rest);
                text.push(decoded);
                at_utf16 += decoded.len_utf16();
                rest = &rest[used..];
            }
            '<' if rest.starts_with("</") => {
                let end = rest.find('>').ok_or("Unclosed end tag")?;
                let name = rest[2..end].trim().to_ascii_lowercase();
                rest = &rest[end + 1..];
                let Some(tag) = open.pop() else {
                    return Err(format!("Unexpected end tag at byte offset {offset}"));
                };
                if !name.is_empty() && name != tag.name {
                    return Err(format!(
                        "Unmatched end tag at byte offset {offset}, expected \"</{}>\", found \"</{name}>\"",
                        tag.name
                    ));
                }
                close(tag, at_utf16, &mut entities);
            }
            '<' => {
                let (tag, used) = start_tag(rest, offset, at_utf16)?;
                open.push(tag);
                rest = &rest[used..];
            }
            other => {
                text.push(other);
                at_utf16 += other.len_utf16();
                rest = &rest[other.len_utf8()..];
            }
        }
    }
    if let Some(tag) = open.pop() {
        return Err(format!(
            "Can't find end tag corresponding to start tag \"{}\"",
            tag.name
        ));
    }
    entities.sort_by_key(|entity| {
        (
            entity["offset"].as_u64(),
            std::cmp::Reverse(entity["length"].as_u64()),
        )
    });
    Ok((text, entities))
}

fn close(tag: Open, end: usize, entities: &mut Vec<Value>) {
    if end == tag.start || tag.kind.is_empty() {
        return;
    }
    let mut entity = tag.extra;
    entity.insert("type".to_owned(), json!(tag.kind));
    entity.insert("offset".to_owned(), json!(tag.start));
    entity.insert("length".to_owned(), json!(end - tag.start));
    entities.push(Value::Object(entity));
}

/// Reads `<name attributes>`.
fn start_tag(rest: &str, offset: usize, start: usize) -> Result<(Open, usize), String> {
    let end = rest
        .find('>')
        .ok_or_else(|| format!("Unclosed start tag at byte offset {offset}"))?;
    let inside = &rest[1..end];
    let split = inside.find(char::is_whitespace).unwrap_or(inside.len());
    let name = inside[..split].to_ascii_lowercase();
    let attributes = inside[split..].trim();
    let mut extra = Map::new();
    let kind = match name.as_str() {
        "b" | "strong" => "bold",
        "i" | "em" => "italic",
        "u" | "ins" => "underline",
        "s" | "strike" | "del" => "strikethrough",
        "tg-spoiler" => "spoiler",
        "code" => "code",
        "pre" => "pre",
        "blockquote" if attributes.contains("expandable") => "expandable_blockquote",
        "blockquote" => "blockquote",
        "span" if attribute(attributes, "class").as_deref() == Some("tg-spoiler") => "spoiler",
        "span" => {
            return Err(format!(
                "Tag \"span\" must have class \"tg-spoiler\" at byte offset {offset}"
            ));
        }
        // A link without a proper address stays plain text.
        "a" => match attribute(attributes, "href") {
            Some(url)
                if url.contains("://") || url.starts_with("mailto:") || url.starts_with("tel:") =>
            {
                extra.insert("url".to_owned(), json!(url));
                "text_link"
            }
            _ => "",
        },
        "tg-emoji" => {
            let id = attribute(attributes, "emoji-id")
                .filter(|id| id.parse::<u64>().is_ok())
                .ok_or("Invalid custom emoji identifier specified")?;
            extra.insert("custom_emoji_id".to_owned(), json!(id));
            "custom_emoji"
        }
        _ => {
            return Err(format!(
                "Unsupported start tag \"{name}\" at byte offset {offset}"
            ));
        }
    };
    let tag = Open {
        name,
        kind,
        extra,
        start,
    };
    Ok((tag, end + 1))
}

fn attribute(attributes: &str, name: &str) -> Option<String> {
    let after = attributes.split_once(name)?.1.trim_start();
    let value = after.strip_prefix('=')?.trim_start();
    let quote = value.chars().next()?;
    let raw = match quote {
        '"' | '\'' => value[1..].split(quote).next()?,
        _ => value.split_whitespace().next()?,
    };
    let mut decoded = String::new();
    let mut rest = raw;
    while let Some(next) = rest.chars().next() {
        let (character, used) = if next == '&' {
            character(rest)
        } else {
            (next, next.len_utf8())
        };
        decoded.push(character);
        rest = &rest[used..];
    }
    Some(decoded)
}

/// Decodes the reference at the start of `rest`; Telegram knows four names and numbers.
fn character(rest: &str) -> (char, usize) {
    for (name, meaning) in [
        ("&lt;", '<'),
        ("&gt;", '>'),
        ("&amp;", '&'),
        ("&quot;", '"'),
    ] {
        if rest.starts_with(name) {
            return (meaning, name.len());
        }
    }
    if let Some(number) = rest.strip_prefix("&#")
        && let Some(end) = number.find(';')
    {
        let code = match number[..end].strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number[..end].parse(),
        };
        if let Some(meaning) = code.ok().and_then(char::from_u32).filter(|c| *c != '\0') {
            return (meaning, end + 3);
        }
    }
    ('&', 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_count_utf16_units() {
        let (text, entities) = parse("💅 <b>Маникюр</b> &amp; <i>спа</i>", Some("HTML")).unwrap();

        assert_eq!(text, "💅 Маникюр & спа");
        assert_eq!(
            entities,
            [
                json!({"type": "bold", "offset": 3, "length": 7}),
                json!({"type": "italic", "offset": 13, "length": 3})
            ]
        );
    }

    #[test]
    fn broken_html_is_refused_in_telegrams_words() {
        for (input, complaint) in [
            ("5 <6", "Unclosed start tag at byte offset 2"),
            ("a <br> b", "Unsupported start tag \"br\" at byte offset 2"),
            (
                "<b>a",
                "Can't find end tag corresponding to start tag \"b\"",
            ),
            ("a</b>", "Unexpected end tag at byte offset 1"),
            (
                "<b>a</i>",
                "Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\"",
            ),
        ] {
            assert_eq!(
                parse(input, Some("HTML")).unwrap_err(),
                format!("can't parse entities: {complaint}")
            );
        }
    }

    #[test]
    fn a_command_is_marked_with_its_bot_name() {
        assert_eq!(
            commands("/close@salon_bot сейчас"),
            [json!({"type": "bot_command", "offset": 0, "length": 16})]
        );
        assert!(commands("1/2 часа").is_empty());
    }
}
