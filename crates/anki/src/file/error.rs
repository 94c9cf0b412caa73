use crate::schema11::SchemaError;

/// Why a collection file was refused, or could not be written.
///
/// The texts of the refusals are meant for the person whose file it is: what is wrong, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("the collection file is empty; nothing was changed. Check that the collection opens in Anki, then try again")]
    Empty,
    #[error("the collection file has {size} bytes, and this server takes at most {limit}")]
    TooLarge { size: u64, limit: u64 },
    #[error("this is not a collection file (it is no SQLite database). Export or upload the collection from Anki itself")]
    NotSqlite,
    #[error("this database is not an Anki collection: {missing} is missing. Export or upload the collection from Anki itself")]
    NotACollection { missing: String },
    #[error("the collection file has version {version}, which is too old. Open it in a current Anki once, then try again")]
    TooOld { version: i64 },
    #[error("the collection file has version {version}, which is newer than this server knows. Update the server, or use an older Anki")]
    TooNew { version: i64 },
    #[error("the collection file was left in the middle of an upgrade (version {version}). Open it in Anki once, then try again")]
    Unfinished { version: i64 },
    #[error(
        "the collection file contains something that Anki collections never do ({what}). Use Tools > Check Database in Anki, and remove add-ons that change the database"
    )]
    Forbidden { what: String },
    #[error("the collection file is damaged ({detail}). Use Tools > Check Database in Anki, or restore a backup, then try again")]
    Damaged { detail: String },
    #[error("the collection file holds a {what} that cannot be read: {source}. Use Tools > Check Database in Anki, then try again")]
    Object {
        /// Which object: its sort and, where known, its id.
        what: String,
        source: SchemaError,
    },
    #[error("the collection file is too intricate to be read within the limits of this server")]
    TooMuchWork,
    #[error("reading the collection file was stopped")]
    Stopped,
    #[error("the collection file cannot be accessed: {0}")]
    Io(#[from] std::io::Error),
    #[error("the collection file cannot be written: {0}")]
    Write(rusqlite::Error),
}

impl FileError {
    /// Whether the fault lies with the file, as opposed to our disk or a request to stop.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Stopped | Self::Io(_) | Self::Write(_))
    }
}
