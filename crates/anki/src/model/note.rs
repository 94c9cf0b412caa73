use super::Usn;

/// A row of `notes`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Note {
    /// Milliseconds since the epoch at creation; unique in the collection.
    pub id: i64,
    /// Identity across collections; imports match on it.
    pub guid: String,
    pub notetype_id: i64,
    /// Seconds since the epoch of the last change.
    pub mtime: i64,
    pub usn: Usn,
    /// Space-separated with a space at both ends, or empty.
    pub tags: String,
    /// Fields joined by U+001F.
    pub fields: String,
    /// Stripped text of the sort field; derived, see [`crate::text`].
    pub sort_field: String,
    /// First 32 bits of the SHA-1 of the stripped first field; derived, see [`crate::text`].
    pub checksum: i64,
    pub flags: i64,
    pub data: String,
}
