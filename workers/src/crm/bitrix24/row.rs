//! A record as the portal shows it.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Flag, LooseId};

/// A way to reach somebody: an entry of `fm`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Reach {
    /// `PHONE`, `EMAIL`, `IM`.
    pub(super) kind: String,
    /// `MOBILE`, `HOME`, `TELEGRAM`.
    pub(super) label: String,
    /// The number, address or name.
    pub(super) value: String,
}

impl Reach {
    /// What two spellings of the same have in common.
    pub(super) fn key(&self) -> (String, String) {
        let value = match self.kind.as_str() {
            "PHONE" => national(&self.value),
            _ => self.value.trim().trim_start_matches('@').to_lowercase(),
        };
        (self.kind.clone(), value)
    }
}

/// The digits of a phone, Russian ones without what they begin with.
fn national(phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix(['7', '8']) {
        Some(rest) if rest.len() == 10 => rest.to_owned(),
        _ => digits,
    }
}

/// A record, its fields called as `crm.item.*` calls them. Old methods tell numbers and ids as strings, newer
/// ones as numbers; nothing is `null`, `""`, `0` or `"0"`.
#[derive(Clone, Default)]
pub(super) struct Row(pub(super) Map<String, Value>);

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({})", self.id("id").unwrap_or_default())
    }
}

impl Row {
    /// Of an answer that should hold an object.
    pub(super) fn of(value: Value) -> Self {
        match value {
            Value::Object(map) => Self(map),
            _ => Self::default(),
        }
    }

    /// All of an answer that should hold a list.
    pub(super) fn all(value: Value) -> Vec<Self> {
        match value {
            Value::Array(rows) => rows.into_iter().map(Self::of).collect(),
            // PHP shows a list with a gap as an object.
            Value::Object(rows) => rows.into_iter().map(|(_, row)| Self::of(row)).collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn value(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.value(name).as_str().filter(|text| !text.is_empty())
    }

    pub(super) fn id(&self, name: &str) -> Option<String> {
        id(self.value(name))
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        Flag::deserialize(self.value(name)).is_ok_and(|flag| flag.0)
    }

    pub(super) fn time(&self, name: &str) -> Option<DateTime<Utc>> {
        let time = DateTime::parse_from_rfc3339(self.text(name)?).ok()?;
        Some(time.to_utc())
    }

    /// Whether it has, in every way that the portal shows nothing.
    pub(super) fn is_empty(&self, name: &str) -> bool {
        is_empty(self.value(name))
    }

    /// How the person can be reached.
    pub(super) fn reach(&self) -> Vec<Reach> {
        let entry = |row: Self| {
            Some(Reach {
                kind: row.text("typeId")?.to_owned(),
                label: row.text("valueType").unwrap_or_default().to_owned(),
                value: row.text("value")?.to_owned(),
            })
        };
        let rows = Self::all(self.value("fm").clone());
        rows.into_iter().filter_map(entry).collect()
    }
}

/// An id: a number or a string, and not zero.
pub(super) fn id(value: &Value) -> Option<String> {
    let LooseId(id) = LooseId::deserialize(value).ok()?;
    id.map(|id| id.to_string())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().all(is_empty),
        _ => {
            number(value) == Some(0.0) || value.as_str().is_some_and(|text| text.trim().is_empty())
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Whether two values say the same: `1500`, `"1500.00"`; `[ "x" ]`, `"x"`.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Array(one), other) | (other, Value::Array(one)) if one.len() == 1 => {
            one.first().is_some_and(|one| same(one, other))
        }
        (Value::String(a), Value::String(b)) if a.trim() == b.trim() => true,
        _ => match (number(a), number(b)) {
            (Some(a), Some(b)) => (a - b).abs() < 0.005,
            _ => a == b,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_phone_in_every_spelling_is_one() {
        let key = |value: &str| {
            let reach = Reach {
                kind: "PHONE".to_owned(),
                label: "WORK".to_owned(),
                value: value.to_owned(),
            };
            reach.key()
        };
        for other in ["79991234567", "8 (999) 123-45-67", "9991234567"] {
            assert_eq!(key("+79991234567"), key(other), "{other}");
        }
        assert_ne!(key("+79991234567"), key("+49991234567"));
    }

    #[test]
    fn what_the_portal_tells_in_two_ways_is_the_same() {
        assert!(same(&json!("1500.00"), &json!(1500)));
        assert!(same(&json!(["x"]), &json!("x")));
        assert!(!same(&json!("1500.00"), &json!(1600)));
        assert!(!same(&json!("Анна"), &json!("Анна П.")));
        assert!(same(&Value::Null, &Value::Null));
    }

    #[test]
    fn nothing_is_nothing_in_every_way_that_the_portal_says_it() {
        let row = Row::of(json!({"a": null, "b": "", "c": 0, "d": "0.00", "e": [], "f": "7"}));
        for name in ["a", "b", "c", "d", "e", "missing"] {
            assert!(row.is_empty(name), "{name}");
        }
        assert!(!row.is_empty("f"));
        assert_eq!((row.id("c"), row.id("f")), (None, Some("7".to_owned())));
    }
}
