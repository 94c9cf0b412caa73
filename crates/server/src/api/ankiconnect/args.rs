//! The parameters of an action. The add-on is Python, which complains about missing and unknown ones in its own words.

use super::actions::Spec;
use super::failed::{Failed, Result, said};
use serde_json::{Map, Value};

/// Ids in one request.
const MOST_IDS: usize = 100_000;

/// Parameters that the action knows, and all that it needs.
pub struct Args<'a> {
    pub spec: &'static Spec,
    values: &'a Map<String, Value>,
}

impl<'a> Args<'a> {
    /// # Errors
    /// When there are others than the action has, or too few.
    pub fn check(spec: &'static Spec, values: &'a Map<String, Value>) -> Result<Self> {
        let name = spec.name;
        if let Some(unknown) = values.keys().find(|key| !spec.required.contains(&key.as_str()) && !spec.optional.contains(&key.as_str())) {
            return Err(said(format!("AnkiConnect.{name}() got an unexpected keyword argument '{unknown:.100}'")));
        }
        let missing: Vec<String> =
            spec.required.iter().filter(|param| !values.contains_key(**param)).map(|param| format!("'{param}'")).collect();
        let (count, all) = (missing.len(), listed(&missing));
        match count {
            0 => Ok(Self { spec, values }),
            1 => Err(said(format!("AnkiConnect.{name}() missing 1 required positional argument: {all}"))),
            _ => Err(said(format!("AnkiConnect.{name}() missing {count} required positional arguments: {all}"))),
        }
    }

    /// Null where it is missing.
    pub fn value(&self, name: &str) -> &'a Value {
        self.values.get(name).unwrap_or(&Value::Null)
    }

    pub fn text(&self, name: &str) -> Result<&'a str> {
        self.value(name).as_str().ok_or_else(|| wrong(name, "a text"))
    }

    /// None for a missing one, and for null.
    pub fn opt_text(&self, name: &str) -> Result<Option<&'a str>> {
        match self.value(name) {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            _ => Err(wrong(name, "a text")),
        }
    }

    pub fn flag(&self, name: &str, default: bool) -> Result<bool> {
        match self.value(name) {
            Value::Null => Ok(default),
            value => truth(value).ok_or_else(|| wrong(name, "true or false")),
        }
    }

    pub fn int(&self, name: &str) -> Result<i64> {
        int(self.value(name)).ok_or_else(|| wrong(name, "a whole number"))
    }

    pub fn list(&self, name: &str) -> Result<&'a [Value]> {
        list(self.value(name)).ok_or_else(|| wrong(name, "a list"))
    }

    pub fn object(&self, name: &str) -> Result<&'a Map<String, Value>> {
        self.value(name).as_object().ok_or_else(|| wrong(name, "an object"))
    }

    pub fn ids(&self, name: &str) -> Result<Vec<i64>> {
        let list = self.list(name)?;
        if list.len() > MOST_IDS {
            return Err(said(format!("`{name}` can have at most {MOST_IDS} ids in one request")));
        }
        list.iter().map(int).collect::<Option<_>>().ok_or_else(|| wrong(name, "a list of ids"))
    }

    pub fn texts(&self, name: &str) -> Result<Vec<String>> {
        texts(self.value(name)).ok_or_else(|| wrong(name, "a list of texts"))
    }
}

/// A property of an object that a parameter holds.
///
/// # Errors
/// When it is missing or no text.
pub fn text_of<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a str> {
    match object.get(name) {
        None => Err(said(format!("'{name}' is missing"))),
        Some(value) => value.as_str().ok_or_else(|| wrong(name, "a text")),
    }
}

/// Lua, in which players of videos are scripted, cannot tell an empty list from an empty object.
pub fn list(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(list) => Some(list),
        Value::Object(object) if object.is_empty() => Some(&[]),
        _ => None,
    }
}

pub fn texts(value: &Value) -> Option<Vec<String>> {
    list(value)?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

/// Ids come as numbers, from some tools as texts.
pub fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => {
            number.as_i64().or_else(|| number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15).map(|f| f as i64))
        }
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn truth(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_i64().map(|number| number != 0))
}

pub fn wrong(name: &str, wanted: &str) -> Failed {
    said(format!("`{name}` has to be {wanted}"))
}

/// As Python lists names: `'a', 'b', and 'c'`.
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [rest @ .., last] => format!("{}, and {last}", rest.join(", ")),
    }
}
