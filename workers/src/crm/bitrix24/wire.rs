//! What travels to and from a portal, as loosely as it travels.
//!
//! The portal is PHP: an empty map arrives as `[]`, a map with the keys 0, 1, 2 as a list, ids are strings
//! in the older methods and numbers in `crm.item.*`, and a flag is `Y`, `true`, `1` or `"1"`. Source: the
//! provider's REST documentation, "Data types" and "Batch".

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use url::form_urlencoded::Serializer;

/// An id, whether it came as a number or as a string; `0`, `"0"`, `""` and `null` are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LooseId(pub Option<u64>);

impl<'de> Deserialize<'de> for LooseId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self(None)),
            Value::String(text) if text.is_empty() => Ok(Self(None)),
            value => match count(&value) {
                Some(id) => Ok(Self(Some(id).filter(|id| *id > 0))),
                None => Err(D::Error::custom("an id is a number")),
            },
        }
    }
}

/// A map, also where it came as `[]` or as a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LooseMap<T>(pub BTreeMap<String, T>);

impl<T> Default for LooseMap<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for LooseMap<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs: Vec<(String, Value)> = match Value::deserialize(deserializer)? {
            Value::Null => Vec::new(),
            Value::Object(map) => map.into_iter().collect(),
            Value::Array(list) => {
                let numbered = list.into_iter().enumerate();
                numbered.map(|(n, value)| (n.to_string(), value)).collect()
            }
            _ => return Err(D::Error::custom("neither a map nor a list")),
        };
        let read = |(key, value)| Ok((key, T::deserialize(value).map_err(D::Error::custom)?));
        Ok(Self(pairs.into_iter().map(read).collect::<Result<_, _>>()?))
    }
}

/// A yes or no, however it is spelled; nothing is a no.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let yes = match Value::deserialize(deserializer)? {
            Value::Bool(yes) => Some(yes),
            Value::Null => Some(false),
            Value::Number(number) => match number.as_u64() {
                Some(1) => Some(true),
                Some(0) => Some(false),
                _ => None,
            },
            Value::String(text) => match text.as_str() {
                "Y" | "y" | "1" | "true" => Some(true),
                "N" | "n" | "0" | "false" | "" => Some(false),
                _ => None,
            },
            _ => None,
        };
        yes.map(Self).ok_or(D::Error::custom("neither yes nor no"))
    }
}

/// A number that is never negative, also as a string.
pub(super) fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// What every answer looks like.
#[derive(Default)]
pub(super) struct Envelope {
    /// What was asked for; `null` is an answer, too.
    pub(super) result: Option<Value>,
    /// What went wrong.
    pub(super) problem: Option<Problem>,
    pub(super) total: Option<u64>,
    pub(super) next: Option<u64>,
    pub(super) time: Time,
    /// Everything beside: what the server of tokens answers has no `result`.
    pub(super) rest: Map<String, Value>,
}

/// What the portal says went wrong: its code, and its words, which may hold what a customer wrote.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) code: String,
    pub(super) text: String,
}

impl std::fmt::Debug for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Problem(…)")
    }
}

/// What a call cost the portal. Own servers and switched-off limits tell nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Time {
    /// Seconds of work of this method within the last ten minutes.
    pub(super) operating: Option<f64>,
    /// When some of them are forgiven, in seconds since 1970.
    pub(super) reset_at: Option<i64>,
    /// How long this call took.
    pub(super) duration: Option<f64>,
}

impl Time {
    pub(super) fn of(value: &Value) -> Self {
        Self {
            operating: value["operating"].as_f64(),
            reset_at: value["operating_reset_at"].as_i64(),
            duration: value["duration"].as_f64(),
        }
    }
}

impl Envelope {
    /// Reads an answer; nothing where it is not one, such as a page of a proxy.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut map: Map<String, Value> = serde_json::from_slice(body).ok()?;
        let problem = match map.remove("error") {
            None | Some(Value::Null) => None,
            Some(error) => Some(Problem::of(&error, map.get("error_description"))),
        };
        let at = |name: &str| map.get(name).and_then(count);
        Some(Self {
            problem,
            total: at("total"),
            next: at("next"),
            time: map.get("time").map(Time::of).unwrap_or_default(),
            result: map.remove("result"),
            rest: map,
        })
    }
}

impl Problem {
    /// From `error` and `error_description`. The code is a word, a number, a sentence or empty; in the
    /// third version of the API `error` holds both.
    pub(super) fn of(error: &Value, description: Option<&Value>) -> Self {
        let (code, text) = match error {
            Value::Object(both) => (both.get("code"), both.get("message")),
            code => (Some(code), description),
        };
        let text_of = |value: Option<&Value>| match value {
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        Self {
            code: text_of(code),
            text: text_of(text),
        }
    }
}

/// Parameters as PHP reads them from an address: `filter[ID]=7&select[0]=ID`, percent-encoded. What is
/// `null` is left out, and so are empty lists and maps, which have no form there.
pub(super) fn query(params: &Value) -> String {
    let mut pairs = Serializer::new(String::new());
    put(&mut pairs, "", params);
    pairs.finish()
}

fn put(pairs: &mut Serializer<'_, String>, name: &str, value: &Value) {
    let inner = |key: &str| match name {
        "" => key.to_owned(),
        _ => format!("{name}[{key}]"),
    };
    match value {
        Value::Null => {}
        Value::Bool(yes) => {
            pairs.append_pair(name, if *yes { "1" } else { "0" });
        }
        Value::Number(number) => {
            pairs.append_pair(name, &number.to_string());
        }
        Value::String(text) => {
            pairs.append_pair(name, text);
        }
        Value::Array(list) => {
            for (n, value) in list.iter().enumerate() {
                put(pairs, &inner(&n.to_string()), value);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                put(pairs, &inner(key), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_are_read_as_numbers_and_as_strings_and_zero_is_none() {
        for (value, id) in [
            (json!(7), Some(7)),
            (json!("7"), Some(7)),
            (json!(0), None),
            (json!("0"), None),
            (json!(""), None),
            (json!(null), None),
        ] {
            let read: LooseId = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(read.0, id, "{value}");
        }
        assert!(serde_json::from_value::<LooseId>(json!("seven")).is_err());
        assert!(serde_json::from_value::<LooseId>(json!([7])).is_err());
    }

    #[test]
    fn a_map_is_a_map_also_where_php_made_a_list_of_it() {
        let read = |value| serde_json::from_value::<LooseMap<u64>>(value).unwrap().0;
        assert_eq!(read(json!([])), BTreeMap::new());
        assert_eq!(read(json!(null)), BTreeMap::new());
        let listed = [("0".to_owned(), 5), ("1".to_owned(), 6)];
        assert_eq!(read(json!([5, 6])), listed.into());
        assert_eq!(read(json!({ "LEAD": 5 })), [("LEAD".to_owned(), 5)].into());
    }

    #[test]
    fn flags_are_read_however_they_are_spelled() {
        for yes in [json!("Y"), json!(true), json!(1), json!("1"), json!("true")] {
            assert_eq!(serde_json::from_value::<Flag>(yes).unwrap(), Flag(true));
        }
        for no in [json!("N"), json!(false), json!(0), json!(""), json!(null)] {
            assert_eq!(serde_json::from_value::<Flag>(no).unwrap(), Flag(false));
        }
        assert!(serde_json::from_value::<Flag>(json!("perhaps")).is_err());
    }

    #[test]
    fn parameters_are_written_as_php_reads_them() {
        let params = json!({
            "FILTER": { "ACTIVE": true, "!=NAME": "a b&c" },
            "select": ["ID", "NAME"],
            "nothing": null,
            "start": -1,
        });
        assert_eq!(
            query(&params),
            "FILTER%5B%21%3DNAME%5D=a+b%26c&FILTER%5BACTIVE%5D=1\
             &select%5B0%5D=ID&select%5B1%5D=NAME&start=-1"
        );
    }
}
