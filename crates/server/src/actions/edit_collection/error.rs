use crate::actions::quota::Full;
use store::StoreError;
use store::repeat::{Repeatable, Repetition};
use store::user_db::Occupied;

/// Why a collection was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// A device syncs or uploads. Passes by itself.
    #[error("{}", in_progress(*.0))]
    InProgress(Occupied),
    /// The account has no room for it.
    #[error(transparent)]
    Full(#[from] Full),
    /// What was asked for cannot be done.
    #[error(transparent)]
    Problem(#[from] Problem),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored is not what it should be, or the system has no randomness.
    #[error("{0}")]
    Internal(String),
}

/// What is wrong with a request, and with which part of it: `notes[3].fields`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("{field}: {reason}")]
    Invalid { field: String, reason: String },
    #[error("there is no {what} {which}")]
    NotFound { what: &'static str, which: String },
    /// The first field is that of another note.
    #[error("{field}: a note with this first field exists already")]
    Duplicate { field: String, note: Option<i64> },
    /// Nothing is in the first field.
    #[error("{field}: the first field is empty")]
    Empty { field: String },
    /// A name that is another's.
    #[error("{field}: the name `{name}` is taken")]
    NameTaken { field: String, name: String },
    /// It was changed since the caller has read it.
    #[error("{what} {which} was changed meanwhile")]
    Changed { what: &'static str, which: String },
}

/// The result of a change.
pub type Result<T, E = EditError> = std::result::Result<T, E>;

impl Problem {
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into() }
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers hand over what they have, numbers and texts")]
    pub fn not_found(what: &'static str, which: impl ToString) -> Self {
        Self::NotFound { what, which: which.to_string() }
    }
}

impl From<anki::schema11::SchemaError> for EditError {
    fn from(error: anki::schema11::SchemaError) -> Self {
        Self::Internal(format!("stored object: {error}"))
    }
}

impl From<std::io::Error> for EditError {
    fn from(error: std::io::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

impl Repeatable for EditError {
    fn repetition(&self) -> Repetition {
        match self {
            Self::Store(error) => error.repetition(),
            _ => Repetition::Never,
        }
    }
}

fn in_progress(occupied: Occupied) -> &'static str {
    match occupied {
        Occupied::Syncing | Occupied::No => "a device is syncing this collection; try again in a moment",
        Occupied::Uploading => "a device is uploading this collection; try again in a moment",
        Occupied::Importing => "the last upload is still being loaded; try again in a moment",
    }
}
