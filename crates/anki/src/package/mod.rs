//! Packages: the `.colpkg` and `.apkg` files that clients import and export.
//!
//! A package is a zip. Its forms, found by looking at what the clients 2.1.49, 2.1.56 and 26.09.3 export:
//!
//! | form | collection | media | list of media | `meta` |
//! |---|---|---|---|---|
//! | oldest | `collection.anki2` | members `0`, `1`, … | JSON object: number to name | none |
//! | [`Form::Legacy`] | `collection.anki21`, schema 11 | the same | the same | `08 02` |
//! | [`Form::Current`] | `collection.anki21b`, one zstd frame | the same, each one zstd frame | protobuf in a zstd frame, in the order of the numbers | `08 03` |
//!
//! The two later forms also have a `collection.anki2`, which holds one note that asks the user of a client too old to know better to
//! update it.

mod zip_layout;

pub use zip_layout::{Packing, ZipLayout, ZipMember};

use crate::file::{FileError, FileWriter, Schema};
use crate::model::{Card, Note, Stamps};
use crate::schema11::stock;
use crate::text;
use prost::Message;
use std::path::Path;

/// A member that says which form the package has. Missing in the oldest.
pub const META: &str = "meta";
/// The list of media files.
pub const MEDIA: &str = "media";
/// The collection of the oldest form; in later ones, a note that asks for an update.
pub const OLDEST_COLLECTION: &str = "collection.anki2";

/// The forms that are written today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// For clients since 2.1.50.
    Current,
    /// For all clients since 2.1.
    Legacy,
}

impl Form {
    /// The member that holds the collection.
    pub fn collection(self) -> &'static str {
        match self {
            Self::Current => "collection.anki21b",
            Self::Legacy => "collection.anki21",
        }
    }

    /// The layout of that collection.
    pub fn schema(self) -> Schema {
        match self {
            Self::Current => Schema::V18,
            Self::Legacy => Schema::V11,
        }
    }

    /// Whether the collection, the media files and their list are zstd frames.
    pub fn is_zstd(self) -> bool {
        self == Self::Current
    }

    /// The content of [`META`].
    pub fn meta(self) -> Vec<u8> {
        let version = match self {
            Self::Current => 3,
            Self::Legacy => 2,
        };
        Meta { version }.encode_to_vec()
    }
}

/// The list of media files of [`Form::Current`].
#[derive(Clone, PartialEq, Message)]
pub struct MediaEntries {
    /// The first is member `0`.
    #[prost(message, repeated, tag = "1")]
    pub entries: Vec<MediaEntry>,
}

/// A media file in that list.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct MediaEntry {
    #[prost(string, tag = "1")]
    pub name: String,
    /// Bytes before compression.
    #[prost(uint32, tag = "2")]
    pub size: u32,
    #[prost(bytes = "vec", tag = "3")]
    pub sha1: Vec<u8>,
    /// The number of the member, where a list with gaps was written.
    #[prost(uint32, optional, tag = "255")]
    pub legacy_zip_filename: Option<u32>,
}

/// The list of media files under construction, in either form.
#[derive(Debug)]
pub struct MediaList {
    form: Form,
    entries: MediaEntries,
}

impl MediaList {
    pub fn new(form: Form) -> Self {
        Self { form, entries: MediaEntries::default() }
    }

    /// How many files there are, which is the number of the next one's member.
    pub fn len(&self) -> usize {
        self.entries.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the file of the next number.
    pub fn add(&mut self, name: String, size: u64, sha1: &[u8; 20]) {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        self.entries.entries.push(MediaEntry { name, size, sha1: sha1.to_vec(), legacy_zip_filename: None });
    }

    /// The content of [`MEDIA`], before compression.
    pub fn into_bytes(self) -> Vec<u8> {
        match self.form {
            Form::Current => self.entries.encode_to_vec(),
            Form::Legacy => {
                let names = self.entries.entries.into_iter().enumerate();
                let names: serde_json::Map<String, serde_json::Value> =
                    names.map(|(number, entry)| (number.to_string(), entry.name.into())).collect();
                serde_json::Value::Object(names).to_string().into_bytes()
            }
        }
    }
}

#[derive(Clone, PartialEq, Message)]
struct Meta {
    #[prost(int32, tag = "1")]
    version: i32,
}

/// The number that a [`META`] holds. None when it is damaged.
pub fn version(meta: &[u8]) -> Option<i32> {
    Meta::decode(meta).ok().map(|meta| meta.version)
}

/// Makes the [`OLDEST_COLLECTION`] of the later forms.
///
/// # Errors
/// When the file cannot be written.
pub fn write_placeholder(path: &Path, now_ms: i64) -> Result<(), FileError> {
    let stamps = Stamps { created: now_ms / 1000, modified: now_ms, schema_modified: now_ms, usn: 0, last_sync: 0 };
    let mut writer = FileWriter::create(path, Schema::V11, &stamps)?;
    let mut part = now_ms;
    let notetypes = stock::notetypes(now_ms, &mut || {
        part += 1;
        part
    });
    let basic = notetypes.first().map_or(0, |notetype| notetype.id);
    writer.put_config(&stock::config(basic, 0))?;
    writer.put_notetypes(notetypes.get(..1).unwrap_or_default())?;
    writer.put_decks(&[stock::default_deck()])?;
    writer.put_presets(&[stock::default_preset()])?;
    let mut note = Note {
        id: now_ms,
        guid: format!("update{now_ms}"),
        notetype_id: basic,
        mtime: now_ms / 1000,
        fields: "This package needs a newer Anki. Please update, and import it again.\u{1f}".to_owned(),
        ..Note::default()
    };
    text::fill_derived(&mut note, 0);
    writer.add_note(&note)?;
    writer.add_card(&Card { id: now_ms, note_id: now_ms, deck_id: stock::DEFAULT_ID, mtime: now_ms / 1000, due: 1, ..Card::default() })?;
    writer.finish()
}
