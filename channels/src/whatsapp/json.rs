//! Looking into JSON of which nothing is certain.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

/// How far the provider's clock may be ahead of ours.
const AHEAD: TimeDelta = TimeDelta::minutes(5);

/// Webhooks are repeated for a week; what claims to be much older has a wrong time.
const OLDEST: TimeDelta = TimeDelta::days(30);

/// The text at a path such as `/text/body`, unless it is empty. Null characters are dropped: no
/// database takes them.
pub(super) fn text(value: &Value, path: &str) -> Option<String> {
    let text = value.pointer(path)?.as_str()?;
    let text = text.replace('\0', "");
    (!text.is_empty()).then_some(text)
}

/// The id at a path: a text, or a number where somebody forgot the quotes.
pub(super) fn id(value: &Value, path: &str) -> Option<String> {
    match value.pointer(path)? {
        Value::String(id) => {
            let usable = (1..=300).contains(&id.len()) && !id.chars().any(char::is_control);
            usable.then(|| id.clone())
        }
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// The number at a path, which may be written as a text.
pub(super) fn number(value: &Value, path: &str) -> Option<f64> {
    match value.pointer(path)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
        _ => None,
    }
}

/// The time at a path, in seconds (or milliseconds) since 1970; now, where there is none or it is
/// unbelievable.
pub(super) fn time(value: &Value, path: &str, now: DateTime<Utc>) -> DateTime<Utc> {
    let seconds = match value.pointer(path) {
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let at = seconds.and_then(|n: i64| {
        if n > 100_000_000_000 {
            DateTime::from_timestamp_millis(n)
        } else {
            DateTime::from_timestamp(n, 0)
        }
    });
    at.filter(|at| (now - OLDEST..=now + AHEAD).contains(at))
        .unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn believable_times_are_kept_and_others_are_the_time_of_arrival() {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let cases = [
            (json!("1794999990"), 1_794_999_990),
            (json!(1_794_999_990), 1_794_999_990),
            (json!(" 1794999990 "), 1_794_999_990),
            (json!(1_794_999_990_000_i64), 1_794_999_990),
            (json!("1794400000"), 1_794_400_000),
            (json!("1795000200"), 1_795_000_200),
            (json!("1795009999"), 1_795_000_000),
            (json!("1479000000"), 1_795_000_000),
            (json!(-1), 1_795_000_000),
            (json!(i64::MAX), 1_795_000_000),
            (json!(1e300), 1_795_000_000),
            (json!("yesterday"), 1_795_000_000),
            (json!([1]), 1_795_000_000),
            (Value::Null, 1_795_000_000),
        ];
        for (value, expected) in cases {
            let item = json!({ "timestamp": value });
            assert_eq!(
                time(&item, "/timestamp", now).timestamp(),
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn null_characters_are_dropped_and_emptiness_is_nothing() {
        let value = json!({"a": "x\0y", "b": "\0", "c": 5});
        assert_eq!(text(&value, "/a").as_deref(), Some("xy"));
        assert_eq!(text(&value, "/b"), None);
        assert_eq!(text(&value, "/c"), None);
        assert_eq!(id(&value, "/c").as_deref(), Some("5"));
        assert_eq!(id(&value, "/a"), None);
    }
}
