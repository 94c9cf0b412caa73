//! What an edit leaves of the fields that JSON cannot say.

use serde_json::Value;

use super::{
    blobs::{self, Blob},
    extra::Extra,
};
use crate::{
    model::{Deck, Notetype, Preset},
    schema11::SchemaError,
};

/// An object whose JSON was edited.
pub trait Edited {
    /// Takes over `extra` of the object before the edit, but for what it says about fields that the edit has changed: otherwise a
    /// schema-18 file would undo the edit. Extra fields follow the fields and templates of a notetype to their new places.
    ///
    /// # Errors
    /// When the JSON of one of the two is not that of such an object, which what is stored always is.
    fn keep_extra_of(&mut self, before: &Self) -> Result<(), SchemaError>;
}

macro_rules! edited {
    ($object:ty, $blobs:path) => {
        impl Edited for $object {
            fn keep_extra_of(&mut self, before: &Self) -> Result<(), SchemaError> {
                self.extra = match &before.extra {
                    Some(extra) if self.json != before.json => kept(extra, &$blobs(before)?, &$blobs(self)?, Some),
                    extra => extra.clone(),
                };
                Ok(())
            }
        }
    };
}

edited!(Deck, blobs::of_deck);
edited!(Preset, blobs::of_preset);

impl Edited for Notetype {
    fn keep_extra_of(&mut self, before: &Self) -> Result<(), SchemaError> {
        self.extra = match &before.extra {
            Some(extra) if self.json != before.json => {
                let fields = places(before, self, "flds")?;
                let templates = places(before, self, "tmpls")?;
                let moved = |number| blobs::moved_part(number, &fields, &templates);
                kept(extra, &blobs::of_notetype(before)?, &blobs::of_notetype(self)?, moved)
            }
            extra => extra.clone(),
        };
        Ok(())
    }
}

/// `moved` tells the number that a blob has after the edit.
fn kept(extra: &[u8], before: &[Blob], after: &[Blob], moved: impl Fn(u32) -> Option<u32>) -> Option<Vec<u8>> {
    let mut extra = Extra::load(Some(extra));
    extra.renumber(&moved);
    let mut changed = Extra::default();
    for blob in before {
        let Some(now) = moved(blob.number).and_then(|number| after.iter().find(|after| after.number == number)) else { continue };
        changed.compare(now.number, &blob.bytes, &now.bytes, blob.shape);
    }
    extra.yield_to(&changed);
    extra.store()
}

/// Where each field or template has gone: by its id, or where it has none, by name, or by its place when their number is the same.
fn places(before: &Notetype, after: &Notetype, list: &str) -> Result<Vec<Option<u32>>, SchemaError> {
    let parts = |notetype: &Notetype| -> Result<Vec<Value>, SchemaError> {
        Ok(blobs::parse(&notetype.json)?.remove(list).and_then(|list| list.as_array().cloned()).unwrap_or_default())
    };
    let (before, after) = (parts(before)?, parts(after)?);
    let place_of = |(ord, part): (usize, &Value)| {
        let same = |key: &str| after.iter().position(|other| !part[key].is_null() && other[key] == part[key]);
        let place = if part["id"].is_null() { same("name") } else { same("id") };
        let place = place.or_else(|| (part["id"].is_null() && before.len() == after.len()).then_some(ord));
        place.and_then(|place| u32::try_from(place).ok())
    };
    Ok(before.iter().enumerate().map(place_of).collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
#[path = "carry_tests.rs"]
mod tests;
