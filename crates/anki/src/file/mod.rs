//! The collection file: the SQLite database that clients upload and download as a whole.
//!
//! [`CollectionFile`] reads one, [`FileWriter`] makes one, both in schema 11 and in schema 18. The objects that schema 18 keeps
//! as protobuf are handed out, and taken, as the schema-11 JSON of the sync protocol.
//!
//! A file that somebody uploads is not trusted: [`CollectionFile::open`] refuses what is damaged or could make SQLite run code,
//! and the readers put odd values right, counting them in [`Repairs`]. What protobuf says and JSON cannot (fields of a later
//! Anki, half a percent) travels in the `extra` bytes of an object, byte for byte, into the next schema-18 file. Whoever changes
//! an object's JSON in another way than [`crate::schema11::restamp`] says what becomes of it by [`Edited`]; a sync drops it. [`versions`] tells which clients may be given schema 18.

mod blobs;
mod bulk;
mod carry;
mod cells;
mod connection;
mod error;
mod extra;
#[cfg(fuzzing)]
pub mod fuzzing;
mod inspect;
mod large;
mod limits;
mod objects;
mod open;
mod repairs;
mod rows;
mod settle;
mod small;
mod tables;
pub mod versions;
mod write;

pub use carry::Edited;
pub use error::FileError;
pub use limits::Limits;
pub use open::{CollectionFile, Counts};
pub use repairs::Repairs;
pub use settle::settle;
pub use small::Scheduler;
pub use write::FileWriter;

/// The layout of a collection file. The versions between the two exist only in the middle of an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Schema {
    /// Notetypes, decks, presets, tags and config as JSON in the one row of `col`. Every client reads it.
    V11,
    /// The same in tables of their own, as protobuf. Clients of sync version 11 (2.1.57 and later) read and write it.
    V18,
}
