//! What Anki defines: bytes in, values out.
//!
//! No async, no HTTP, no server database, no clock and no randomness of its own: callers hand those in.

pub mod ankisyncd;
pub mod cards;
pub mod file;
pub mod media;
pub mod merge;
pub mod model;
pub mod names;
pub mod package;
pub mod scheduling;
pub mod schema11;
pub mod search;
pub mod text;
pub mod wire;
