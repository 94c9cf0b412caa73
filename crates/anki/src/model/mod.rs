//! The things a collection is made of, one type per file, in the units that Anki uses for them.

mod card;
mod config;
mod grave;
mod note;
mod objects;
mod revlog;
mod stamps;

pub use card::Card;
pub use config::{ConfigEntry, Tag};
pub use grave::{Grave, GraveKind};
pub use note::Note;
pub use objects::{Deck, Notetype, Preset};
pub use revlog::Review;
pub use stamps::{Stamps, is_possible_creation};

/// An update sequence number: the count of finished syncs at the time of a change.
///
/// Anki stores it in 32 bits. Clients mark their own unsent changes with -1; a server never stores that.
pub type Usn = i32;
