//! Parameters as PHP sees them: scalars and ordered arrays, whatever form they came in.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use url::form_urlencoded;

/// A value of PHP. JSON objects lose their order in [`Value`]; the commands of a batch must not.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Php {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    Array(Vec<(String, Php)>),
}

static NULL: Php = Php::Null;

impl Php {
    /// Reads a query or a form, brackets in names and all.
    pub(crate) fn query(text: &str) -> Self {
        let mut whole = Self::Array(Vec::new());
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            whole.put(&keys(&name), Self::Text(value.into_owned()));
        }
        whole
    }

    /// What stands under this key; nothing where it is not an array.
    pub(crate) fn get(&self, key: &str) -> &Self {
        let found = self.entries().iter().find(|(known, _)| known == key);
        found.map_or(&NULL, |(_, value)| value)
    }

    /// The same, as the old methods look it up: `ID`, `id` or `Id`.
    pub(crate) fn any_case(&self, key: &str) -> &Self {
        let same = |(known, _): &&(String, Self)| known.eq_ignore_ascii_case(key);
        let found = self.entries().iter().find(same);
        found.map_or(&NULL, |(_, value)| value)
    }

    /// The elements of an array.
    pub(crate) fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Array(entries) => entries,
            _ => &[],
        }
    }

    /// The elements without their keys.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Self> {
        self.entries().iter().map(|(_, value)| value)
    }

    pub(crate) fn is_array(&self) -> bool {
        matches!(self, Self::Array(_))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Cast to a string.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Null | Self::Bool(false) => String::new(),
            Self::Bool(true) => "1".to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::Array(_) => "Array".to_owned(),
        }
    }

    /// Cast to an integer: the digits at the beginning, or 0.
    pub(crate) fn int(&self) -> i64 {
        let text = self.text();
        let text = text.trim();
        let digits = |(at, c): &(usize, char)| !(c.is_ascii_digit() || (*at == 0 && *c == '-'));
        let end = text.char_indices().find(digits);
        let end = end.map_or(text.len(), |(at, _)| at);
        text.get(..end)
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_default()
    }

    /// The elements of `other` too; they win.
    pub(crate) fn merge(&mut self, other: Self) {
        if let Self::Array(entries) = other {
            for (key, value) in entries {
                self.put(&[key.as_str()], value);
            }
        }
    }

    /// Takes an element out.
    pub(crate) fn remove(&mut self, key: &str) {
        if let Self::Array(entries) = self {
            entries.retain(|(known, _)| known != key);
        }
    }

    fn put(&mut self, path: &[&str], value: Self) {
        let [key, rest @ ..] = path else {
            *self = value;
            return;
        };
        if !self.is_array() {
            *self = Self::Array(Vec::new());
        }
        let Self::Array(entries) = self else { return };
        let key = if key.is_empty() {
            next_index(entries)
        } else {
            (*key).to_owned()
        };
        if let Some((_, known)) = entries.iter_mut().find(|(known, _)| *known == key) {
            return known.put(rest, value);
        }
        let mut fresh = Self::Null;
        fresh.put(rest, value);
        entries.push((key, fresh));
    }
}

/// `a[b][]` as `a`, `b` and an empty key; what is not closed is part of the name.
fn keys(name: &str) -> Vec<&str> {
    let Some((first, rest)) = name.split_once('[').filter(|_| name.ends_with(']')) else {
        return vec![name];
    };
    let rest = rest.strip_suffix(']').unwrap_or(rest);
    std::iter::once(first).chain(rest.split("][")).collect()
}

fn next_index(entries: &[(String, Php)]) -> String {
    let numbers = entries
        .iter()
        .filter_map(|(key, _)| key.parse::<i64>().ok());
    numbers.max().map_or(0, |last| last + 1).to_string()
}

/// An array of PHP as JSON: a list where the keys are 0, 1, 2 …, and also where there are none.
pub(crate) fn array(entries: Vec<(String, Value)>) -> Value {
    let is_list = entries
        .iter()
        .enumerate()
        .all(|(place, (key, _))| *key == place.to_string());
    if is_list {
        return entries.into_iter().map(|(_, value)| value).collect();
    }
    Value::Object(entries.into_iter().collect::<Map<_, _>>())
}

impl From<&Php> for Value {
    fn from(php: &Php) -> Self {
        match php {
            Php::Null => Self::Null,
            Php::Bool(yes) => Self::Bool(*yes),
            Php::Number(number) => Self::Number(number.clone()),
            Php::Text(text) => Self::String(text.clone()),
            Php::Array(entries) => array(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), value.into()))
                    .collect(),
            ),
        }
    }
}

impl From<&Value> for Php {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(yes) => Self::Bool(*yes),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(values) => {
                let indexed = values.iter().enumerate();
                Self::Array(
                    indexed
                        .map(|(place, value)| (place.to_string(), value.into()))
                        .collect(),
                )
            }
            Value::Object(entries) => Self::Array(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), value.into()))
                    .collect(),
            ),
        }
    }
}

impl<'de> Deserialize<'de> for Php {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Json)
    }
}

struct Json;

impl<'de> Visitor<'de> for Json {
    type Value = Php;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Php, E> {
        Ok(Php::Bool(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Php, E> {
        Ok(Php::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Php, E> {
        Ok(Php::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Php, E> {
        Ok(Number::from_f64(number).map_or(Php::Null, Php::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Php, E> {
        Ok(Php::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Php, E> {
        Ok(Php::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Php, A::Error> {
        let mut entries = Vec::new();
        while let Some(value) = values.next_element()? {
            entries.push((entries.len().to_string(), value));
        }
        Ok(Php::Array(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Php, A::Error> {
        let mut whole = Php::Array(Vec::new());
        while let Some((key, value)) = values.next_entry::<String, Php>()? {
            whole.put(&[key.as_str()], value);
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn brackets_in_names_make_arrays_in_the_order_in_which_they_came() {
        let query = "cmd[z]=a%3Fb%3D1&cmd[a]=c&ids[]=5&ids[]=6&f[PHONE][0][VALUE]=%2B7&odd[=x&";
        let php = Php::query(query);

        assert_eq!(php.get("cmd").entries()[0].0, "z");
        assert_eq!(Value::from(php.get("ids")), json!(["5", "6"]));
        assert_eq!(
            Value::from(php.get("f")),
            json!({"PHONE": [{"VALUE": "+7"}]})
        );
        assert_eq!(php.get("odd[").text(), "x");
    }

    #[test]
    fn an_empty_object_is_a_list_on_the_way_out_and_order_survives_json() {
        let php: Php = serde_json::from_str(r#"{"b": 1, "a": {}}"#).unwrap();
        assert_eq!(php.entries()[0].0, "b");
        assert_eq!(Value::from(&php), json!({"a": [], "b": 1}));
    }

    #[test]
    fn a_cast_to_a_number_takes_the_digits_in_front() {
        for (text, number) in [("12abc", 12), ("-3", -3), ("abc", 0), ("", 0), ("7.9", 7)] {
            assert_eq!(Php::Text(text.to_owned()).int(), number, "{text}");
        }
    }
}
