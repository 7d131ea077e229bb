//! A body of JSON as CEL takes it in, bounded in what it may become. No I/O, no clock.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use cel::Value;
use cel::objects::{Key, Map};
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, de};

/// So much memory may the values of a body take, about: few bytes of JSON make many of values.
const MOST_BYTES: u64 = 64 << 20;
/// What one value takes, a map beside that, and each of its entries.
const VALUE: u64 = 64;
const MAP: u64 = 128;
const ENTRY: u64 = 128;

/// A body of JSON.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) value: Value,
    /// The most elements of one list or map.
    pub(super) longest: u64,
    pub(super) bytes: u64,
}

impl Body {
    /// Reads a whole body; the error says why it is no JSON.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (used, longest) = (Cell::new(0), Cell::new(0));
        let seed = Seed { used: &used, longest: &longest };
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let value = seed.deserialize(&mut json).and_then(|value| json.end().map(|()| value));
        let value = value.map_err(|error| error.to_string())?;
        Ok(Self { value, longest: longest.get(), bytes: bytes.len() as u64 })
    }
}

/// Reads a value, and counts it.
#[derive(Clone, Copy)]
struct Seed<'a> {
    used: &'a Cell<u64>,
    longest: &'a Cell<u64>,
}

impl Seed<'_> {
    fn take<E: de::Error>(self, bytes: u64) -> Result<(), E> {
        self.used.set(self.used.get() + bytes);
        if self.used.get() > MOST_BYTES {
            return Err(E::custom("it has too many values"));
        }
        Ok(())
    }

    fn saw(self, elements: usize) {
        self.longest.set(self.longest.get().max(elements as u64));
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        self.take(VALUE)?;
        json.deserialize_any(self)
    }
}

/// As the peer takes JSON in: each number is a floating one.
#[expect(clippy::cast_precision_loss, reason = "the peer loses it, too")]
impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, is: bool) -> Result<Value, E> {
        Ok(Value::Bool(is))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Float(number as f64))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Float(number as f64))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.take(text.len() as u64)?;
        Ok(Value::String(Arc::new(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element_seed(self)? {
            items.push(item);
        }
        self.saw(items.len());
        Ok(Value::List(Arc::new(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        self.take(MAP)?;
        let mut items = HashMap::new();
        while let Some(key) = from.next_key::<String>()? {
            self.take(ENTRY + key.len() as u64)?;
            items.insert(Key::String(Arc::new(key)), from.next_value_seed(self)?);
        }
        self.saw(items.len());
        Ok(Value::Map(Map { map: Arc::new(items) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_taken_in_whole_or_not_at_all() {
        let body = Body::parse(br#" {"a": [1, -2, 2.5, "x", null, true], "b": {}} "#).unwrap();
        assert_eq!((body.longest, body.bytes), (6, 47));
        for bad in ["", "<html>", "{} {}", "[1,]", "{\"a\": 1"] {
            assert!(Body::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let nested = "[".repeat(100_000);
        assert!(Body::parse(nested.as_bytes()).is_err(), "and it has an end in depth");
    }

    #[test]
    fn few_bytes_of_it_do_not_become_many() {
        let maps = format!("[{}]", vec![r#"{"":0}"#; 500_000].join(","));
        assert!(Body::parse(maps.as_bytes()).unwrap_err().contains("too many values"));
        let numbers = format!("[{}]", vec!["1234567"; 500_000].join(","));
        assert!(Body::parse(numbers.as_bytes()).is_ok());
    }
}
