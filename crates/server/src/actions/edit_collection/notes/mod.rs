//! Notes: adding, changing, deleting, and the cards that come and go with them.

mod add;
mod delete;
mod duplicates;
mod fields;
mod new_cards;
mod note_tags;
mod retype;
mod update;

pub(super) use add::normalizes;
pub(super) use delete::delete_notes;
pub(super) use fields::clean;
pub(super) use note_tags::{Tags, register_tags};
pub(super) use update::add_missing_cards;

pub use add::{AddNotes, AddedNote, NewNote};
pub use delete::{DeleteNotes, DeletedNotes, WhichNotes};
pub use duplicates::{DuplicateScope, Duplicates};
pub use fields::Fields;
pub use note_tags::TagChange;
pub use retype::RetypeNote;
pub use update::{NoteUpdate, UpdateNotes};

use anki::model::Note;
use sha2::{Digest, Sha256};

/// What tells one state of a note from another, for callers that must not overwrite what they have not seen.
pub fn version(note: &Note) -> String {
    let mut hash = Sha256::new();
    for text in [&note.fields, &note.tags, &note.guid, &note.mtime.to_string(), &note.notetype_id.to_string()] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hex::encode(&hash.finalize()[..12])
}
