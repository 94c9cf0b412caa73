use super::Usn;

/// The stamps of a collection: the numbers of the `col` row that sync decisions rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamps {
    /// Seconds since the epoch: start of the day on which the collection was made. Day 0 of review due dates.
    pub created: i64,
    /// Milliseconds since the epoch of the last change. Equal on both sides means "in sync".
    pub modified: i64,
    /// Milliseconds since the epoch of the last change that needs a one-way sync.
    pub schema_modified: i64,
    pub usn: Usn,
    /// Milliseconds since the epoch of the last sync.
    pub last_sync: i64,
}
