//! Notetypes, decks and presets as the JSON objects of schema 11, the form in which every client syncs them.
//!
//! [`notetype`], [`deck`] and [`preset`] check one object that came from outside and turn it into model types. They refuse what
//! Anki's own parser refuses and put right what that parser puts right, in place: unknown keys, the order of keys and the digits
//! of numbers stay as they came.
//!
//! The check is the conversion into the typed form that schema 18 stores (`messages`); what converts is valid.

pub(crate) mod deck;
mod error;
mod fields;
mod inner_names;
pub(crate) mod messages;
pub(crate) mod notetype;
pub(crate) mod preset;
mod restamp;
pub mod stock;

pub use error::SchemaError;
pub(crate) use inner_names::make_inner_names_unique;
pub use inner_names::resolve_inner_names;
pub use restamp::{Parts, Restamp, Restampable, restamp};

use serde_json::{Map, Value};

use crate::model::{Deck, Notetype, Preset};

/// Checks a notetype object.
///
/// # Errors
/// When Anki's own parser would refuse the object, or its id is 0.
pub fn notetype(object: Map<String, Value>) -> Result<Notetype, SchemaError> {
    any_notetype(object).and_then(|notetype| with_id(notetype.id, notetype))
}

/// Checks a deck object. Its name is brought into Anki's form, see [`crate::names::normalize_deck_name`].
///
/// # Errors
/// When Anki's own parser would refuse the object, or its id is 0.
pub fn deck(object: Map<String, Value>) -> Result<Deck, SchemaError> {
    any_deck(object).and_then(|deck| with_id(deck.id, deck))
}

/// Whether a deck is a filtered one, by the value of its key `dyn`: 1 or `true`, as [`deck`] reads it.
pub fn is_filtered(value: &Value) -> bool {
    *value == 1 || *value == true
}

/// Checks a preset object.
///
/// # Errors
/// When Anki's own parser would refuse the object, or its id is 0.
pub fn preset(object: Map<String, Value>) -> Result<Preset, SchemaError> {
    any_preset(object).and_then(|preset| with_id(preset.id, preset))
}

/// Like [`notetype`], with any id.
pub(crate) fn any_notetype(mut object: Map<String, Value>) -> Result<Notetype, SchemaError> {
    fields::check_readable(&object)?;
    let typed = notetype::read(&mut object)?;
    let count = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
    Ok(Notetype {
        id: typed.id,
        mtime: typed.mtime,
        usn: typed.usn,
        json: text(&object),
        extra: None,
        field_count: count(typed.fields.len()),
        template_count: count(typed.templates.len()),
        sort_field: i32::try_from(typed.config.sort_field_idx).unwrap_or(i32::MAX),
        name: typed.name,
    })
}

/// Like [`deck`], with any id.
pub(crate) fn any_deck(mut object: Map<String, Value>) -> Result<Deck, SchemaError> {
    fields::check_readable(&object)?;
    let typed = deck::read(&mut object)?;
    Ok(Deck { id: typed.id, name: typed.name, mtime: typed.mtime, usn: typed.usn, json: text(&object), extra: None })
}

/// Like [`preset`], with any id.
pub(crate) fn any_preset(mut object: Map<String, Value>) -> Result<Preset, SchemaError> {
    fields::check_readable(&object)?;
    let typed = preset::read(&mut object)?;
    Ok(Preset { id: typed.id, name: typed.name, mtime: typed.mtime, usn: typed.usn, json: text(&object), extra: None })
}

/// Whether every client can parse a value as part of a larger message.
pub(crate) fn is_readable(value: &Value) -> bool {
    fields::check_value(value, 1).is_ok()
}

fn with_id<T>(id: i64, object: T) -> Result<T, SchemaError> {
    if id == 0 { Err(SchemaError::new("id", "must not be 0")) } else { Ok(object) }
}

/// The text of an object. Writing it cannot fail: its keys are strings, its numbers were read from text.
pub(crate) fn text(object: &Map<String, Value>) -> String {
    serde_json::to_string(object).unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
