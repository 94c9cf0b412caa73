//! Which of two versions of an object wins when a client sends its changes.
//!
//! All of it is pure: the caller brings the stamps of what is stored, after the client's graves have been applied, and stores
//! what won. Rows are looked at one by one in the order in which they arrived, because that is what Anki does, and because a
//! message may name an id more than once.

mod fold;
mod name_table;

pub use fold::{Edits, Notetypes, Objects, ShapeChanged, new_reviews, winners};
pub use name_table::{Claimed, NameTable};

use crate::model::Usn;

/// What decides about a stored note or card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub usn: Usn,
    /// Seconds since the epoch.
    pub mtime: i64,
}

/// What a client must not change in an ordinary sync: adding or removing fields or templates takes a one-way sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub fields: i32,
    pub templates: i32,
}

/// Whether an incoming note or card replaces the stored one.
///
/// It does unless the stored one was changed since the client's last sync (its usn is not below `min_usn`) and is at least as
/// new. On a tie each side keeps its own.
pub fn takes_edit(stored: Option<Stamp>, incoming_mtime: i64, min_usn: Usn) -> bool {
    match stored {
        Some(stored) => stored.usn < min_usn || stored.mtime < incoming_mtime,
        None => true,
    }
}

/// Whether an incoming notetype, deck or preset replaces the stored one: yes, unless the stored one is newer. Usns do not count.
pub fn takes_object(stored_mtime: Option<i64>, incoming_mtime: i64) -> bool {
    stored_mtime.is_none_or(|stored| stored <= incoming_mtime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits() {
        let min_usn = 10;
        for (stored, incoming_mtime, wanted) in [
            (None, 0, true),
            (Some((9, 100)), 50, true),
            (Some((9, 100)), 100, true),
            (Some((10, 100)), 99, false),
            (Some((10, 100)), 100, false),
            (Some((10, 100)), 101, true),
            (Some((11, 100)), 100, false),
        ] {
            let stored = stored.map(|(usn, mtime)| Stamp { usn, mtime });
            assert_eq!(takes_edit(stored, incoming_mtime, min_usn), wanted, "{stored:?} {incoming_mtime}");
        }
    }

    #[test]
    fn objects() {
        for (stored, incoming, wanted) in [(None, 0, true), (Some(5), 4, false), (Some(5), 5, true), (Some(5), 6, true)] {
            assert_eq!(takes_object(stored, incoming), wanted, "{stored:?} {incoming}");
        }
    }
}
