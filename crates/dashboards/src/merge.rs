//! One piece of JSON laid over another. No I/O, no clock.

use serde_json::{Map, Value};

/// Lays `over` on `base` as RFC 7396 does: objects are merged key by key, `null` removes a key,
/// anything else replaces what was there.
pub(crate) fn lay(base: &mut Value, over: Value) {
    let Value::Object(over) = over else {
        *base = over;
        return;
    };
    if !base.is_object() {
        *base = Value::Object(Map::new());
    }
    let Value::Object(base) = base else { return };
    for (key, value) in over {
        if value.is_null() {
            base.remove(&key);
        } else {
            lay(base.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// The same value with the keys of each object in alphabetical order, whichever order the JSON
/// library keeps.
pub(crate) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<(String, Value)> = map.into_iter().collect();
            pairs.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(pairs.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn laid(mut base: Value, over: Value) -> Value {
        lay(&mut base, over);
        base
    }

    #[test]
    fn objects_are_merged_and_everything_else_is_replaced() {
        let base = json!({"a": {"b": 1, "c": [1, 2]}, "d": 3});
        let over = json!({"a": {"c": [9]}, "e": 4});
        assert_eq!(laid(base, over), json!({"a": {"b": 1, "c": [9]}, "d": 3, "e": 4}));
    }

    #[test]
    fn null_removes() {
        assert_eq!(
            laid(json!({"a": {"min": 0, "max": 1}}), json!({"a": {"min": null}})),
            json!({"a": {"max": 1}})
        );
    }
}
