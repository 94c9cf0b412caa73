//! What is around each action: `{"action", "version", "params", "key"}`, and `{"result", "error"}` back.

use super::failed::{Result, said};
use serde_json::{Map, Value, json};

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
