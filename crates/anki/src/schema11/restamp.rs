use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::SchemaError;
use crate::model::{Deck, Notetype, Preset, Usn};

/// New values for the keys that are both columns and part of the JSON text. `None` leaves one alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restamp<'a> {
    pub id: Option<i64>,
    pub name: Option<&'a str>,
    /// Seconds since the epoch.
    pub mtime: Option<i64>,
    pub usn: Option<Usn>,
}

/// Decks, notetypes and presets: what [`restamp`] can change.
pub trait Restampable {
    /// The columns and the text to keep in agreement.
    fn parts(&mut self) -> Parts<'_>;

    fn id_and_usn(&self) -> (i64, Usn);
}

/// The columns of an object that repeat keys of its JSON text, and the text.
#[derive(Debug)]
pub struct Parts<'a> {
    id: &'a mut i64,
    name: &'a mut String,
    mtime: &'a mut i64,
    usn: &'a mut Usn,
    json: &'a mut String,
}

macro_rules! restampable {
    ($($object:ty),*) => {$(
        impl Restampable for $object {
            fn parts(&mut self) -> Parts<'_> {
                Parts {
                    id: &mut self.id,
                    name: &mut self.name,
                    mtime: &mut self.mtime,
                    usn: &mut self.usn,
                    json: &mut self.json,
                }
            }

            fn id_and_usn(&self) -> (i64, Usn) {
                (self.id, self.usn)
            }
        }
    )*};
}

restampable!(Deck, Notetype, Preset);

/// Changes name, id or stamps of an object in its columns and in its JSON text alike, leaving the rest of the text as it is.
///
/// Values that are there already cost nothing; otherwise the text is scanned once, without building a tree.
///
/// # Errors
/// When the text is no JSON object. Those made by this crate always are one.
pub fn restamp(object: &mut impl Restampable, change: &Restamp<'_>) -> Result<(), SchemaError> {
    let parts = object.parts();
    let mut edits = Vec::new();
    if let Some(id) = change.id.filter(|id| id != parts.id) {
        *parts.id = id;
        edits.push(("id", id.to_string()));
    }
    if let Some(name) = change.name.filter(|name| name != parts.name) {
        name.clone_into(parts.name);
        edits.push(("name", serde_json::Value::from(name).to_string()));
    }
    if let Some(mtime) = change.mtime.filter(|mtime| mtime != parts.mtime) {
        *parts.mtime = mtime;
        edits.push(("mod", mtime.to_string()));
    }
    if let Some(usn) = change.usn.filter(|usn| usn != parts.usn) {
        *parts.usn = usn;
        edits.push(("usn", usn.to_string()));
    }
    if !edits.is_empty() {
        *parts.json = replace_values(parts.json, &edits)?;
    }
    Ok(())
}

/// Replaces the values of some top-level keys of a JSON object; keys that are missing are added at the end.
fn replace_values(json: &str, edits: &[(&str, String)]) -> Result<String, SchemaError> {
    let invalid = |error: serde_json::Error| SchemaError::new("", format!("not a JSON object: {error}"));
    let mut reader = serde_json::Deserializer::from_str(json);
    let mut found = TopLevel { json, edits }.deserialize(&mut reader).map_err(invalid)?;
    reader.end().map_err(invalid)?;
    found.sort_unstable_by_key(|place| place.start);

    let mut result = String::with_capacity(json.len() + 64);
    let mut copied = 0;
    for place in &found {
        result.push_str(json.get(copied..place.start).unwrap_or_default());
        result.push_str(&edits[place.edit].1);
        copied = place.end;
    }
    let rest = json.get(copied..).unwrap_or_default();
    let missing = (0..edits.len()).filter(|edit| found.iter().all(|place| place.edit != *edit));
    let missing: Vec<_> = missing.collect();
    match rest.rfind('}').filter(|_| !missing.is_empty()) {
        None => result.push_str(rest),
        Some(end) => {
            result.push_str(&rest[..end]);
            let mut empty = result.trim_end().ends_with('{');
            for edit in missing {
                let (key, value) = &edits[edit];
                let comma = if std::mem::take(&mut empty) { "" } else { "," };
                result.push_str(&format!("{comma}\"{key}\":{value}"));
            }
            result.push_str(&rest[end..]);
        }
    }
    Ok(result)
}

/// Where in the text the value of a key stands.
struct Place {
    start: usize,
    end: usize,
    edit: usize,
}

struct TopLevel<'a> {
    json: &'a str,
    edits: &'a [(&'a str, String)],
}

impl<'de> DeserializeSeed<'de> for TopLevel<'de> {
    type Value = Vec<Place>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Place>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TopLevel<'de> {
    type Value = Vec<Place>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Place>, A::Error> {
        let mut places = Vec::with_capacity(self.edits.len());
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            let value: &RawValue = map.next_value()?;
            if let Some(edit) = self.edits.iter().position(|(wanted, _)| *wanted == key) {
                // The value is a slice of the text, so the distance of their addresses is its place.
                let start = value.get().as_ptr() as usize - self.json.as_ptr() as usize;
                places.push(Place { start, end: start + value.get().len(), edit });
            }
        }
        Ok(places)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn deck(json: &str) -> Deck {
        Deck { id: 1, name: "Default".into(), mtime: 5, usn: -1, json: json.into(), extra: None }
    }

    #[test]
    fn text_and_columns_change_together() {
        let cases = [
            // Values of the same name further down, and in strings, stay.
            (
                r#"{"id":1,"x":{"usn":3},"mod":5,"name":"Default","usn":-1,"desc":"\"usn\":-1"}"#,
                r#"{"id":1,"x":{"usn":3},"mod":9,"name":"Ä\"b","usn":7,"desc":"\"usn\":-1"}"#,
            ),
            // Numbers that no float holds stay as they are.
            (
                r#"{ "usn" : -1 , "id":1, "big":12345678901234567890123, "f":1.10,"mod":5,"name":"Default"}"#,
                r#"{ "usn" : 7 , "id":1, "big":12345678901234567890123, "f":1.10,"mod":9,"name":"Ä\"b"}"#,
            ),
            // An escaped key is the same key; what is missing is added.
            (r#"{"us\u006e":-1,"id":1}"#, r#"{"us\u006e":7,"id":1,"name":"Ä\"b","mod":9}"#),
            (r#"{ }"#, r#"{ "name":"Ä\"b","mod":9,"usn":7}"#),
        ];
        for (before, after) in cases {
            let mut object = deck(before);
            restamp(&mut object, &Restamp { id: None, name: Some("Ä\"b"), mtime: Some(9), usn: Some(7) }).unwrap();
            assert_eq!(object.json, after);
            assert_eq!((object.name.as_str(), object.mtime, object.usn), ("Ä\"b", 9, 7));
        }
    }

    #[test]
    fn nothing_to_change_touches_nothing() {
        let mut object = deck("not even JSON");
        restamp(&mut object, &Restamp { usn: Some(-1), mtime: Some(5), ..Restamp::default() }).unwrap();
        assert_eq!(object.json, "not even JSON");
        assert!(restamp(&mut object, &Restamp { usn: Some(1), ..Restamp::default() }).is_err());
    }
}
