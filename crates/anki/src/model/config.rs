use super::Usn;

/// One key of the collection's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    pub key: String,
    pub usn: Usn,
    /// Seconds since the epoch.
    pub mtime: i64,
    /// The value as JSON text, verbatim.
    pub json: String,
}

/// A registered tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    pub name: String,
    pub usn: Usn,
    /// Whether the tag's subtree is folded in the browser.
    pub collapsed: bool,
}
