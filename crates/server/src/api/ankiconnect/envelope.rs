//! What is around each action: `{"action", "version", "params", "key"}`, and `{"result", "error"}` back.

use super::failed::{Result, said};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};
use std::fmt;

/// The version of the API that we speak. Older ones differ in the envelope only.
pub const VERSION: i64 = 6;
/// The last version in which a result stands alone. It also holds where a request names none.
const BARE_RESULTS: i64 = 4;
/// What probes look for.
pub const BANNER: &str = "AnkiConnect v.6";

/// One action as it was asked for.
#[derive(Debug, PartialEq)]
pub struct Asked {
    pub action: String,
    pub version: i64,
    pub params: Map<String, Value>,
    pub key: Option<String>,
}

/// What has to be known before it is known who asks. Nothing else of a request takes memory.
#[derive(Debug, Default, PartialEq)]
pub struct Outside {
    pub action: String,
    pub key: Option<String>,
}

/// Reads only that of a request.
///
/// # Errors
/// When it is no JSON or not of the right shape.
pub fn outside(body: &[u8]) -> Result<Outside> {
    let outside = serde_json::from_slice(body).map_err(|e| said(format!("the request is not JSON: {e}")))?;
    let Seen::Object { action, key } = outside else { return Err(said("a request has to be an object with a property `action`")) };
    let action = match action.map(|action| *action) {
        Some(Seen::Text(action)) if !action.is_empty() => action,
        Some(_) => return Err(said("`action` has to be a text")),
        None => return Err(said("'action' is a required property")),
    };
    let key = match key.map(|key| *key) {
        Some(Seen::Text(key)) if !key.is_empty() => Some(key),
        _ => None,
    };
    Ok(Outside { action, key })
}

/// JSON of which only texts are kept, and of objects two properties.
enum Seen {
    Object { action: Option<Box<Seen>>, key: Option<Box<Seen>> },
    Text(String),
    Other,
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Look { is_outermost: true })
    }
}

/// Below the outermost object nothing is kept of objects.
struct Look {
    is_outermost: bool,
}

impl<'de> serde::de::DeserializeSeed<'de> for Look {
    type Value = Seen;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Seen, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    // Numbers come as objects, too.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Seen, A::Error> {
        if !self.is_outermost {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Seen::Other);
        }
        let inner = || Look { is_outermost: false };
        let (mut action, mut key) = (None, None);
        while let Some(name) = map.next_key_seed(inner())? {
            match name {
                Seen::Text(name) if name == "action" => action = Some(Box::new(map.next_value_seed(inner())?)),
                Seen::Text(name) if name == "key" => key = Some(Box::new(map.next_value_seed(inner())?)),
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(Seen::Object { action, key })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Seen, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Seen::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Seen, E> {
        Ok(Seen::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Seen, E> {
        Ok(Seen::Other)
    }
}

/// Reads a request, whatever its content type says.
///
/// # Errors
/// When it is no JSON or not of the right shape.
pub fn parse(body: &[u8]) -> Result<Asked> {
    let value = serde_json::from_slice(body).map_err(|e| said(format!("the request is not JSON: {e}")))?;
    asked(value)
}

/// The same for a part of `multi`.
///
/// # Errors
/// When it is not of the right shape.
pub fn asked(value: Value) -> Result<Asked> {
    let Value::Object(mut object) = value else { return Err(said("a request has to be an object with a property `action`")) };
    let action = match object.remove("action") {
        Some(Value::String(action)) if !action.is_empty() => action,
        Some(_) => return Err(said("`action` has to be a text")),
        None => return Err(said("'action' is a required property")),
    };
    let version = match object.remove("version") {
        None => BARE_RESULTS,
        Some(version) => version
            .as_i64()
            .or_else(|| version.as_f64().filter(|v| v.fract() == 0.0).map(|v| v as i64))
            .ok_or_else(|| said("`version` has to be a whole number"))?,
    };
    let params = match object.remove("params") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return Err(said("`params` has to be an object")),
    };
    let key = match object.remove("key") {
        Some(Value::String(key)) if !key.is_empty() => Some(key),
        _ => None,
    };
    Ok(Asked { action, version, params, key })
}

/// An answer in the form of a version.
pub fn reply(version: i64, outcome: Result<Value>) -> Value {
    match outcome {
        Ok(result) if version <= BARE_RESULTS => result,
        Ok(result) => json!({"result": result, "error": null}),
        Err(failed) => json!({"result": null, "error": failed.0}),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let full = parse(br#"{"key":"k","action":"a","version":6.0,"params":{"x":1},"more":1}"#).unwrap();
        assert_eq!((full.action.as_str(), full.version, full.key.as_deref()), ("a", 6, Some("k")));
        let least = parse(br#"{"action":"a","key":null}"#).unwrap();
        assert_eq!(least, Asked { action: "a".into(), version: 4, params: Map::new(), key: None });
        let few = |action: &str, key: Option<&str>| Outside { action: action.into(), key: key.map(str::to_owned) };
        assert_eq!(outside(br#"{"params":{"key":"x","action":[1.5]},"action":"a","version":[6],"key":"k"}"#).unwrap(), few("a", Some("k")));
        assert_eq!(outside(br#"{"action":"a","action":"b","key":{"a":[null,true,1]}}"#).unwrap(), few("b", None));
        for key in ["null", "true", "7", "-1.5e9", "[[]]", "\"\""] {
            assert_eq!(outside(format!(r#"{{"key":{key},"action":"a"}}"#).as_bytes()).unwrap(), few("a", None));
        }
        for bad in
            ["", "{", "[]", "[{}]", "null", "7", "true", r#""a""#, "{}", r#"{"action":""}"#, r#"{"action":1}"#, r#"{"action":"a"} x"#]
        {
            assert!(outside(bad.as_bytes()).is_err(), "{bad}");
        }
        for bad in [
            "",
            "{",
            "[]",
            "null",
            "{}",
            r#"{"action":""}"#,
            r#"{"action":1}"#,
            r#"{"action":"a","version":"6"}"#,
            r#"{"action":"a","params":[]}"#,
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn answers() {
        assert_eq!(reply(4, Ok(json!([1]))), json!([1]));
        assert_eq!(reply(5, Ok(Value::Null)), json!({"result": null, "error": null}));
        assert_eq!(reply(4, Err(said("no"))), json!({"result": null, "error": "no"}));
    }
}
