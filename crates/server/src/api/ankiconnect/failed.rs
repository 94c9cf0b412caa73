use super::super::auth::AuthError;
use crate::actions::edit_collection::{EditError, Problem};
use crate::actions::media_files::MediaFailed;
use crate::actions::search::SearchFailed;
use store::StoreError;

/// Why an action was not done, in the words that the client gets.
#[derive(Debug)]
pub struct Failed(pub String);

impl Failed {
    /// The same, for another.
    pub fn again(&self) -> Self {
        Self(self.0.clone())
    }
}

pub type Result<T, E = Failed> = std::result::Result<T, E>;

/// What clients compare with.
pub const NO_KEY: &str = "valid api key must be provided";
pub const UNSUPPORTED: &str = "unsupported action";

/// For `map_err` and `ok_or_else`.
pub fn said(text: impl Into<String>) -> Failed {
    Failed(text.into())
}

impl From<EditError> for Failed {
    fn from(error: EditError) -> Self {
        match error {
            EditError::InProgress(_) | EditError::Full(_) => Self(error.to_string()),
            EditError::Problem(problem) => problem.into(),
            EditError::Store(error) => error.into(),
            EditError::Internal(reason) => internal(&reason),
        }
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        match &problem {
            Problem::NotFound { what: "deck", which } => Self(format!("deck was not found: {}", bare(which))),
            Problem::NotFound { what: "notetype", which } => Self(format!("model was not found: {}", bare(which))),
            Problem::NotFound { what: "note", which } => Self(format!("Note was not found: {which}")),
            Problem::NotFound { what: "card", which } => Self(format!("Card was not found: {which}")),
            _ => Self(problem.to_string()),
        }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        if error.is_passing() {
            tracing::warn!(%error, "an AnkiConnect request has to be repeated");
            return Self("the database cannot answer at the moment; try again".into());
        }
        internal(&error.to_string())
    }
}

impl From<SearchFailed> for Failed {
    fn from(error: SearchFailed) -> Self {
        match error {
            SearchFailed::Store(error) => error.into(),
            other => Self(other.to_string()),
        }
    }
}

impl From<MediaFailed> for Failed {
    fn from(error: MediaFailed) -> Self {
        match error {
            MediaFailed::Store(error) => error.into(),
            MediaFailed::Io(error) => internal(&error.to_string()),
            refused => Self(refused.to_string()),
        }
    }
}

impl From<AuthError> for Failed {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Store(error) => error.into(),
            AuthError::TryLater(_) | AuthError::Busy(_) => Self(error.to_string()),
            // The same whatever is wrong with it.
            _ => Self(NO_KEY.into()),
        }
    }
}

pub fn internal(reason: &str) -> Failed {
    tracing::error!(reason, "an AnkiConnect request failed");
    Failed("the server has failed; its log says why".into())
}

fn bare(name: &str) -> &str {
    name.trim_matches('`')
}
