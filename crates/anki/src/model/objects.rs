//! Decks, presets and notetypes: identity and stamps in columns, everything else as the schema-11 JSON of the sync protocol.
//!
//! The JSON text is complete and authoritative: its `id`, `name`, `mod` and `usn` agree with the columns, unknown keys and 64-bit
//! numbers are kept as they came. `extra` carries what a schema-18 file held and JSON cannot: protobuf fields that we do not
//! know. Its bytes are made and read by [`crate::file`] alone; an object replaced by a sync loses it.

use super::Usn;

/// A deck, normal or filtered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deck {
    pub id: i64,
    /// Levels joined by `::`.
    pub name: String,
    /// Seconds since the epoch.
    pub mtime: i64,
    pub usn: Usn,
    pub json: String,
    pub extra: Option<Vec<u8>>,
}

/// A preset ("deck options").
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preset {
    pub id: i64,
    pub name: String,
    /// Seconds since the epoch.
    pub mtime: i64,
    pub usn: Usn,
    pub json: String,
    pub extra: Option<Vec<u8>>,
}

/// A notetype with its fields and templates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notetype {
    pub id: i64,
    pub name: String,
    /// Seconds since the epoch.
    pub mtime: i64,
    pub usn: Usn,
    pub json: String,
    pub extra: Option<Vec<u8>>,
    /// Number of fields, the length of `flds`.
    pub field_count: i32,
    /// Number of card templates, the length of `tmpls`.
    pub template_count: i32,
    /// Index of the field that notes are sorted by, `sortf`; may be out of range in odd collections.
    pub sort_field: i32,
}
