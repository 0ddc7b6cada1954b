//! Reading Telegram's JSON field by field, so that one strange field costs only itself.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A whole number.
pub(super) fn int(object: &Value, key: &str) -> Option<i64> {
    object.get(key)?.as_i64()
}

/// A text that is not empty, without the null characters that databases refuse.
pub(super) fn text(object: &Value, key: &str) -> Option<String> {
    let text = clean(object.get(key)?.as_str()?);
    Some(text).filter(|text| !text.is_empty())
}

/// A text without null characters.
pub(super) fn clean(text: &str) -> String {
    text.replace('\0', "")
}

/// A flag; one that is missing is not set.
pub(super) fn flag(object: &Value, key: &str) -> bool {
    object.get(key).and_then(Value::as_bool).unwrap_or_default()
}

/// An object.
pub(super) fn object<'a>(object: &'a Value, key: &str) -> Option<&'a Value> {
    object.get(key).filter(|value| value.is_object())
}

/// A part that has a type, where it fits the type.
pub(super) fn part<T: DeserializeOwned>(object: &Value, key: &str) -> Option<T> {
    T::deserialize(object.get(key)?).ok()
}

/// Reads JSON, if need be with `\ufffd` in place of halves of surrogate pairs, which are no
/// characters.
pub(super) fn parse(json: &str) -> Result<(Cow<'_, str>, Value), serde_json::Error> {
    match serde_json::from_str(json) {
        Ok(value) => Ok((Cow::Borrowed(json), value)),
        Err(error) => {
            let Some(mended) = without_lone_surrogates(json) else {
                return Err(error);
            };
            let value = serde_json::from_str(&mended)?;
            Ok((Cow::Owned(mended), value))
        }
    }
}

fn without_lone_surrogates(json: &str) -> Option<String> {
    let mut mended = String::with_capacity(json.len());
    let mut changed = false;
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                mended.push_str("\\ufffd");
                rest = &rest[6..];
                changed = true;
                continue;
            }
            // An escape of two characters; what follows is looked at afresh.
            _ => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        mended.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    mended.push_str(rest);
    changed.then_some(mended)
}

/// The UTF-16 unit of a `\u` escape at the beginning.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_surrogate_pairs_are_replaced_and_whole_pairs_kept() {
        let (_, value) =
            parse(r#"{"a":"x\ud83dy","b":"\ud83d\udc4b","c":"\\ud83d","d":"\udc4b"}"#).unwrap();

        assert_eq!(text(&value, "a").unwrap(), "x\u{fffd}y");
        assert_eq!(text(&value, "b").unwrap(), "👋");
        assert_eq!(text(&value, "c").unwrap(), "\\ud83d");
        assert_eq!(text(&value, "d").unwrap(), "\u{fffd}");
        assert!(parse(r#"{"a":"#).is_err());
    }

    #[test]
    fn null_characters_are_left_out() {
        let value = serde_json::json!({"a": "x\0y", "b": "\0"});

        assert_eq!(text(&value, "a").unwrap(), "xy");
        assert_eq!(text(&value, "b"), None);
    }
}
