//! Notetypes, decks and presets as the JSON objects of schema 11, the form in which every client syncs them.
//!
//! [`notetype`], [`deck`] and [`preset`] check one object that came from outside and turn it into model types. They refuse what
//! Anki's own parser refuses and put right what that parser puts right, in place: unknown keys, the order of keys and the digits
//! of numbers stay as they came.

mod error;
mod restamp;

pub use error::SchemaError;
pub use restamp::{Restamp, Restampable, restamp};

use serde_json::{Map, Value};

use crate::model::{Deck, Notetype, Preset};

/// Checks a notetype object.
///
/// # Errors
/// When Anki's own parser would refuse the object, or its id is 0.
pub fn notetype(_object: Map<String, Value>) -> Result<Notetype, SchemaError> {
    Err(SchemaError::new("", "not written yet"))
}

/// Checks a deck object. Its name is brought into Anki's form, see [`crate::names::normalize_deck_name`].
///
/// # Errors
/// When Anki's own parser would refuse the object, or its id is 0.
pub fn deck(_object: Map<String, Value>) -> Result<Deck, SchemaError> {
    Err(SchemaError::new("", "not written yet"))
}

/// Checks a preset object.
///
/// # Errors
/// When Anki's own parser would refuse the object, or its id is 0.
pub fn preset(_object: Map<String, Value>) -> Result<Preset, SchemaError> {
    Err(SchemaError::new("", "not written yet"))
}
