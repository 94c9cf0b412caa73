//! `applyChanges`: everything that is not sent in chunks, as whole objects and in one message for each direction.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{WireError, from_json};
use crate::model::{Deck, Notetype, Preset, is_possible_creation};
use crate::schema11::{self, SchemaError};

/// What changed apart from notes, cards and reviews.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    pub notetypes: Vec<Notetype>,
    pub decks: Vec<Deck>,
    pub presets: Vec<Preset>,
    pub tags: Vec<String>,
    /// The whole configuration, as keys and JSON texts. Only the side that is newer sends it.
    pub config: Option<Vec<(String, String)>>,
    /// The collection's creation stamp in seconds, sent together with the configuration.
    pub created: Option<i64>,
}

impl Changes {
    /// Reads the body of `applyChanges`.
    ///
    /// # Errors
    /// When the message lacks `models`, `decks` or `tags`, or an object in it is one that Anki's own parser refuses.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        #[derive(Deserialize)]
        struct Request {
            changes: Message,
        }
        #[derive(Deserialize)]
        struct Message {
            models: Vec<Object>,
            decks: DecksAndPresets,
            tags: Vec<String>,
            conf: Option<Config>,
            crt: Option<i64>,
        }
        let message = from_json::<Request>("applyChanges", body)?.changes;
        if message.crt.is_some_and(|created| !is_possible_creation(created)) {
            return Err(WireError::message("applyChanges", "crt is no possible moment"));
        }
        Ok(Self {
            notetypes: convert("notetype", message.models, schema11::notetype)?,
            decks: convert("deck", message.decks.decks, schema11::deck)?,
            presets: convert("preset", message.decks.presets, schema11::preset)?,
            tags: message.tags,
            config: message.conf.map(|config| config.0),
            created: message.crt,
        })
    }

    /// Writes the answer of `applyChanges`. The JSON of objects and of configuration values is passed on as it is.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = b"{\"models\":".to_vec();
        write_list(&mut out, self.notetypes.iter().map(|notetype| notetype.json.as_str()));
        out.extend_from_slice(b",\"decks\":[");
        write_list(&mut out, self.decks.iter().map(|deck| deck.json.as_str()));
        out.push(b',');
        write_list(&mut out, self.presets.iter().map(|preset| preset.json.as_str()));
        out.extend_from_slice(b"],\"tags\":");
        out.extend(super::to_json(&self.tags));
        if let Some(config) = &self.config {
            out.extend_from_slice(b",\"conf\":{");
            for (index, (key, json)) in config.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                out.extend(super::to_json(key));
                out.push(b':');
                out.extend_from_slice(json.as_bytes());
            }
            out.push(b'}');
        }
        if let Some(created) = self.created {
            out.extend_from_slice(format!(",\"crt\":{created}").as_bytes());
        }
        out.push(b'}');
        out
    }
}

type Object = Map<String, Value>;

fn convert<T>(kind: &'static str, objects: Vec<Object>, convert: fn(Object) -> Result<T, SchemaError>) -> Result<Vec<T>, WireError> {
    let numbered = objects.into_iter().enumerate();
    numbered.map(|(index, object)| convert(object).map_err(|problem| WireError::Object { kind, index, problem })).collect()
}

fn write_list<'a>(out: &mut Vec<u8>, texts: impl Iterator<Item = &'a str>) {
    out.push(b'[');
    for (index, text) in texts.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b']');
}

/// Decks and presets travel as a list of two lists. An object with these keys is understood too: what is derived here takes both.
#[derive(Deserialize)]
struct DecksAndPresets {
    decks: Vec<Object>,
    #[serde(rename = "config")]
    presets: Vec<Object>,
}

/// The configuration: values verbatim, of a repeated key the last one.
struct Config(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ConfigVisitor)
    }
}

struct ConfigVisitor;

impl<'de> Visitor<'de> for ConfigVisitor {
    type Value = Config;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a configuration object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Config, A::Error> {
        let mut entries: Vec<(String, String)> = Vec::new();
        let mut places = HashMap::new();
        while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
            let json = String::from(Box::<str>::from(value));
            // Raw values are passed over without a look, but the devices that get them will look.
            if !serde_json::from_str(&json).is_ok_and(|value| schema11::is_readable(&value)) {
                return Err(A::Error::custom("a configuration value has a number out of range, or is nested too deeply"));
            }
            match places.get(&key).and_then(|place: &usize| entries.get_mut(*place)) {
                Some(entry) => entry.1 = json,
                None => {
                    places.insert(key.clone(), entries.len());
                    entries.push((key, json));
                }
            }
        }
        Ok(Config(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(changes: &str) -> Result<Changes, WireError> {
        Changes::parse(format!(r#"{{"changes":{changes}}}"#).as_bytes())
    }

    #[test]
    fn empty_changes_in_both_shapes() {
        for changes in [
            r#"{"models":[],"decks":[[],[]],"tags":[]}"#,
            r#"{"models":[],"decks":{"decks":[],"config":[]},"tags":[],"conf":null,"crt":null,"more":1}"#,
        ] {
            assert_eq!(parse(changes), Ok(Changes::default()), "{changes}");
        }
    }

    #[test]
    fn configuration_is_verbatim_and_the_last_of_a_key_counts() {
        let conf = r#"{"a":1.50,"b":[ 1, 12345678901234567890123 ],"a":"\u00e9","c":null}"#;
        let changes = parse(&format!(r#"{{"models":[],"decks":[[],[]],"tags":["x"],"conf":{conf},"crt":1795320000}}"#)).expect("valid");
        let wanted = [("a", r#""\u00e9""#), ("b", "[ 1, 12345678901234567890123 ]"), ("c", "null")];
        let got = changes.config.as_deref().unwrap_or_default();
        assert_eq!(got.iter().map(|(key, json)| (key.as_str(), json.as_str())).collect::<Vec<_>>(), wanted);
        assert_eq!(changes.created, Some(1_795_320_000));
        assert_eq!(changes.tags, ["x"]);
    }

    #[test]
    fn what_clients_could_not_parse_is_refused() {
        let conf = |value: &str| parse(&format!(r#"{{"models":[],"decks":[[],[]],"tags":[],"conf":{{"a":{value}}}}}"#));
        let nested = |levels: usize| conf(&format!("{}1{}", "[".repeat(levels), "]".repeat(levels)));
        let accepted = (1..130).take_while(|levels| nested(*levels).is_ok()).count();
        assert!(accepted > 100, "{accepted}");
        serde_json::from_slice::<Value>(&nested(accepted).expect("accepted").to_json()).expect("clients can parse the answer");
        assert!(nested(100_000).is_err());
        assert!(conf("[1e999]").is_err());
    }

    #[test]
    fn refused_messages() {
        for (changes, problem) in [
            (r#"{"decks":[[],[]],"tags":[]}"#, "missing field `models`"),
            (r#"{"models":[],"decks":[[]],"tags":[]}"#, "invalid length 1"),
            (r#"{"models":[],"decks":[[],[],[]],"tags":[]}"#, "trailing characters"),
            (r#"{"models":[],"decks":[[],[]]}"#, "missing field `tags`"),
            (r#"{"models":[],"decks":[[],[]],"tags":[],"crt":1.5}"#, "expected i64"),
            (r#"{"models":[],"decks":[[],[]],"tags":[],"crt":9007199254740993}"#, "crt is no possible moment"),
            (r#"{"models":[],"decks":[[],[]],"tags":[],"conf":[]}"#, "expected a configuration object"),
            (r#"{"models":[{}],"decks":[[],[]],"tags":[]}"#, "applyChanges: notetype 0: "),
            (r#"{"models":[],"decks":[[{}],[]],"tags":[]}"#, "applyChanges: deck 0: "),
            (r#"{"models":[],"decks":[[],[{}]],"tags":[]}"#, "applyChanges: preset 0: "),
            (r#"{"models":[5],"decks":[[],[]],"tags":[]}"#, "expected a map"),
        ] {
            let error = parse(changes).expect_err(changes).to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn answers_pass_json_on() {
        let deck = |json: &str| Deck { json: json.to_owned(), ..Deck::default() };
        let changes = Changes {
            notetypes: vec![Notetype { json: r#"{"id":1}"#.to_owned(), ..Notetype::default() }],
            decks: vec![deck(r#"{"id":2,"x":1.0}"#), deck(r#"{"id":3}"#)],
            presets: vec![Preset { json: r#"{"id":4}"#.to_owned(), ..Preset::default() }],
            tags: vec!["a\"b".to_owned()],
            config: Some(vec![("k\"".to_owned(), "[1]".to_owned()), ("l".to_owned(), "1e3".to_owned())]),
            created: Some(-5),
        };
        let wanted = concat!(
            r#"{"models":[{"id":1}],"decks":[[{"id":2,"x":1.0},{"id":3}],[{"id":4}]],"tags":["a\"b"],"#,
            r#""conf":{"k\"":[1],"l":1e3},"crt":-5}"#
        );
        assert_eq!(String::from_utf8_lossy(&changes.to_json()), wanted);
        assert_eq!(Changes::default().to_json(), br#"{"models":[],"decks":[[],[]],"tags":[]}"#);
    }
}
