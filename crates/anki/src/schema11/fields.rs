//! Typed access to the keys of a JSON object, with the degrees of tolerance that Anki's parser has.

use std::fmt::Display;

use serde_json::{Map, Number, Value};

use super::SchemaError;

/// How deep lists and objects may nest within one object.
///
/// Clients parse with a limit of 127 levels, of which a sync message takes up to four around a deck.
const MAX_DEPTH: usize = 123;

/// A JSON object that is read key by key, and put right in place where Anki's parser would put it right.
pub(super) struct Fields<'a> {
    map: &'a mut Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(map: &'a mut Map<String, Value>) -> Self {
        Self { map }
    }

    /// The object in `value`, which stands at `path`.
    pub(super) fn of(value: &'a mut Value, path: &str) -> Result<Self, SchemaError> {
        match value {
            Value::Object(map) => Ok(Self { map }),
            other => Err(SchemaError::new(path, format!("expected an object, found {}", sort_of(other)))),
        }
    }

    /// A value that must be there and must be of its type.
    pub(super) fn required<T: FromJson>(&self, key: &str) -> Result<T, SchemaError> {
        let value = self.map.get(key).ok_or_else(|| missing(key))?;
        T::from_json(value).ok_or_else(|| wrong::<T>(key, value))
    }

    /// A value that may be missing, but must be of its type if it is there.
    pub(super) fn optional<T: FromJson>(&self, key: &str, default: T) -> Result<T, SchemaError> {
        match self.map.get(key) {
            None => Ok(default),
            Some(value) => T::from_json(value).ok_or_else(|| wrong::<T>(key, value)),
        }
    }

    /// A value that may be missing; one of another type is replaced by the default.
    pub(super) fn lenient<T: FromJson>(&mut self, key: &str, default: T) -> T {
        match self.map.get_mut(key) {
            None => default,
            Some(value) => T::from_json(value).unwrap_or_else(|| {
                *value = default.to_json();
                default
            }),
        }
    }

    /// A value that must be there; one of another type is replaced by the default.
    pub(super) fn present<T: FromJson>(&mut self, key: &str, default: T) -> Result<T, SchemaError> {
        if self.map.contains_key(key) { Ok(self.lenient(key, default)) } else { Err(missing(key)) }
    }

    /// An integer that must be there, perhaps as decimal digits in a string, which become a number.
    pub(super) fn number_or_digits(&mut self, key: &str) -> Result<i64, SchemaError> {
        let value = self.map.get_mut(key).ok_or_else(|| missing(key))?;
        let number = match &*value {
            Value::String(digits) => digits.parse().ok(),
            other => i64::from_json(other),
        };
        let number = number.ok_or_else(|| wrong::<i64>(key, value))?;
        if !value.is_number() {
            *value = number.into();
        }
        Ok(number)
    }

    /// A truth value that must be there, perhaps as a number or a word, which becomes `true` or `false`.
    pub(super) fn truth(&mut self, key: &str) -> Result<bool, SchemaError> {
        let value = self.map.get_mut(key).ok_or_else(|| missing(key))?;
        let truth = match &*value {
            Value::Bool(truth) => return Ok(*truth),
            Value::Number(number) => number.as_f64().map(|number| number != 0.0),
            Value::String(word) => match word.as_str() {
                "true" | "1" => Some(true),
                "false" | "0" | "" => Some(false),
                _ => None,
            },
            _ => None,
        };
        let truth = truth.ok_or_else(|| wrong::<bool>(key, value))?;
        *value = truth.into();
        Ok(truth)
    }

    /// The raw value of a key that must be there.
    pub(super) fn value(&mut self, key: &str) -> Result<&mut Value, SchemaError> {
        self.map.get_mut(key).ok_or_else(|| missing(key))
    }

    /// The list under a key that must be there.
    pub(super) fn list(&mut self, key: &str) -> Result<&mut Vec<Value>, SchemaError> {
        match self.value(key)? {
            Value::Array(list) => Ok(list),
            other => Err(SchemaError::new(key, format!("expected a list, found {}", sort_of(other)))),
        }
    }

    pub(super) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.map.insert(key.to_owned(), value.into());
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.map.shift_remove(key);
    }

    /// The keys that are not in `known`, as one JSON object; nothing if there are none.
    pub(super) fn unknown(&self, known: &[&str]) -> Map<String, Value> {
        let keys = self.map.iter().filter(|(key, _)| !known.contains(&key.as_str()));
        keys.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

/// The bytes of an `other` field with these keys; empty without any.
pub(super) fn other_bytes(unknown: &Map<String, Value>) -> Vec<u8> {
    // A map of strings to values always has a JSON form.
    if unknown.is_empty() { Vec::new() } else { serde_json::to_vec(unknown).unwrap_or_default() }
}

/// The keys kept in an `other` field. Bytes that are no JSON object hold none, as clients see it.
pub(super) fn other_keys(bytes: &[u8]) -> Map<String, Value> {
    if bytes.is_empty() { Map::new() } else { serde_json::from_slice(bytes).unwrap_or_default() }
}

/// Adds the keys of an `other` field to an object, except those that have a field of their own.
pub(super) fn add_other(object: &mut Map<String, Value>, other: Map<String, Value>, reserved: &[&str]) {
    object.extend(other.into_iter().filter(|(key, value)| !reserved.contains(&key.as_str()) && check_value(value, 1).is_ok()));
}

/// Refuses what a client's JSON parser refuses although ours takes it: numbers beyond a double, and too deep a nesting.
pub(super) fn check_readable(object: &Map<String, Value>) -> Result<(), SchemaError> {
    object.iter().try_for_each(|(key, value)| check_value(value, 1).map_err(|error| error.inside(key)))
}

pub(super) fn check_value(value: &Value, depth: usize) -> Result<(), SchemaError> {
    match value {
        Value::Number(number) if number.as_i64().is_none() && number.as_f64().is_none_or(|number| !number.is_finite()) => {
            Err(SchemaError::new("", format!("the number {number} is out of range")))
        }
        Value::Array(_) | Value::Object(_) if depth >= MAX_DEPTH => Err(SchemaError::new("", "nested too deeply")),
        Value::Array(list) => list.iter().try_for_each(|value| check_value(value, depth + 1)),
        Value::Object(map) => map.values().try_for_each(|value| check_value(value, depth + 1)),
        _ => Ok(()),
    }
}

/// The position of an element in an error's path.
pub(super) fn position(list: &str, index: impl Display) -> String {
    format!("{list}[{index}]")
}

fn missing(key: &str) -> SchemaError {
    SchemaError::new(key, "missing")
}

fn wrong<T: FromJson>(key: &str, value: &Value) -> SchemaError {
    SchemaError::new(key, format!("expected {}, found {}", T::EXPECTED, sort_of(value)))
}

/// A value's JSON type, for errors. The value itself may be long or private, so it stays out.
fn sort_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(number) if number.as_i64().is_some() => "an integer out of range",
        Value::Number(_) => "a fraction or a huge number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A type that keys of schema-11 objects have.
pub(super) trait FromJson: Sized {
    const EXPECTED: &'static str;

    fn from_json(value: &Value) -> Option<Self>;

    fn to_json(&self) -> Value;
}

macro_rules! integers {
    ($($integer:ty: $expected:literal),*) => {$(
        impl FromJson for $integer {
            const EXPECTED: &'static str = $expected;

            fn from_json(value: &Value) -> Option<Self> {
                value.as_i64()?.try_into().ok()
            }

            fn to_json(&self) -> Value {
                (*self).into()
            }
        }
    )*};
}

integers!(
    u8: "an integer from 0 to 255",
    u16: "an integer from 0 to 65535",
    u32: "an integer from 0 to 4294967295",
    i32: "a 32-bit integer",
    i64: "an integer"
);

impl FromJson for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_json(value: &Value) -> Option<Self> {
        value.as_bool()
    }

    fn to_json(&self) -> Value {
        (*self).into()
    }
}

impl FromJson for String {
    const EXPECTED: &'static str = "a string";

    fn from_json(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }

    fn to_json(&self) -> Value {
        self.as_str().into()
    }
}

impl FromJson for f32 {
    const EXPECTED: &'static str = "a number";

    fn from_json(value: &Value) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "clients read these numbers with single precision")]
        value.as_f64().map(|number| (number as f32).clamp(f32::MIN, f32::MAX))
    }

    /// The shortest digits that give the same number in single precision: 0.87, not 0.8700000047683716.
    fn to_json(&self) -> Value {
        let finite = if self.is_finite() { *self } else { 0.0 };
        // Rust's debug form is the shortest, with an exponent for very large and small numbers, as JSON has it.
        format!("{finite:?}").parse::<Number>().map_or(Value::Null, Value::Number)
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    const EXPECTED: &'static str = "a list of numbers";

    fn from_json(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(T::from_json).collect()
    }

    fn to_json(&self) -> Value {
        self.iter().map(T::to_json).collect()
    }
}

impl<T: FromJson> FromJson for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_json(value: &Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::from_json(value).map(Some) }
    }

    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_json)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn floats_are_written_short() {
        let cases = [(0.87, "0.87"), (2.5, "2.5"), (1.0, "1.0"), (0.1, "0.1"), (1e-9, "1e-9"), (3e38, "3e+38"), (f32::NAN, "0.0")];
        for (number, text) in cases {
            assert_eq!(number.to_json().to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn floats_survive(number in any::<f32>().prop_filter("JSON has none of these", |number| number.is_finite())) {
            let text = number.to_json().to_string();
            let back: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(f32::from_json(&back), Some(number));
        }
    }

    #[test]
    fn unreadable_values_are_refused() {
        let deep = |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        let cases = [
            (r#"{"a":{"b":[1e308]}}"#.to_owned(), true),
            (r#"{"a":{"b":[1e309]}}"#.to_owned(), false),
            (r#"{"a":123456789012345678901234567890}"#.to_owned(), true),
            (deep(MAX_DEPTH - 1), true),
            (deep(MAX_DEPTH), false),
        ];
        for (text, fine) in cases {
            let object: Map<String, Value> = serde_json::from_str(&text).unwrap();
            assert_eq!(check_readable(&object).is_ok(), fine, "{text}");
        }
    }
}
