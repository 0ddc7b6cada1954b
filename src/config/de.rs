//! From the tree to the sections: serde, with the path of what did not fit, and never its value.

use std::collections::btree_map;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::tree::{Item, Value, join};

/// What did not fit, and where. It never repeats the value: that could be a secret.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) path: String,
    pub(super) message: String,
    /// The words that would fit.
    pub(super) choices: &'static [&'static str],
}

impl Misfit {
    fn new(message: String) -> Self {
        Self {
            path: String::new(),
            message,
            choices: &[],
        }
    }

    fn under(mut self, step: &str) -> Self {
        self.path = if self.path.is_empty() {
            step.to_owned()
        } else {
            join(step, &self.path)
        };
        self
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("out of range, expected {expected}"))
    }

    fn unknown_variant(_: &str, choices: &'static [&'static str]) -> Self {
        Self {
            choices,
            ..Self::new("not one of the possible values".to_owned())
        }
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::new("unknown setting".to_owned()).under(field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("missing".to_owned()).under(field)
    }
}

impl<'de> Deserializer<'de> for &'de Item {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match &self.value {
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(flag) => visitor.visit_bool(*flag),
            Value::Date => Err(Misfit::new("a date does not fit here".to_owned())),
            Value::List(items) => visitor.visit_seq(Items(items.iter().enumerate())),
            Value::Table(items) => visitor.visit_map(Entries {
                entries: items.iter(),
                current: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match &self.value {
            Value::Text(text) => {
                let word: StrDeserializer<'_, Misfit> = text.as_str().into_deserializer();
                visitor.visit_enum(word)
            }
            _ => Err(Misfit::new("expected a text in quotes".to_owned())),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Items<'de>(std::iter::Enumerate<std::slice::Iter<'de, Item>>);

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Misfit> {
        let Some((n, item)) = self.0.next() else {
            return Ok(None);
        };
        let value = seed.deserialize(item);
        value
            .map(Some)
            .map_err(|misfit| misfit.under(&n.to_string()))
    }
}

struct Entries<'de> {
    entries: btree_map::Iter<'de, String, Item>,
    current: Option<(&'de str, &'de Item)>,
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misfit> {
        let Some((key, item)) = self.entries.next() else {
            return Ok(None);
        };
        self.current = Some((key, item));
        let key: StrDeserializer<'_, Misfit> = key.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let Some((key, item)) = self.current.take() else {
            return Err(Misfit::new("a value without a key".to_owned()));
        };
        seed.deserialize(item).map_err(|misfit| misfit.under(key))
    }
}
