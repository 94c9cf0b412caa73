/// A search that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at character {position} of the search)")]
pub struct SearchError {
    /// The character at which the part that is wrong begins, counted from 0.
    pub position: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// The same with a position in bytes, before it is known how many characters those are.
#[derive(Debug)]
pub(super) struct Fault {
    pub at: usize,
    pub message: String,
}

impl Fault {
    pub(super) fn new<T>(at: usize, message: impl Into<String>) -> Result<T, Self> {
        Err(Self { at, message: message.into() })
    }

    pub(super) fn in_text(self, text: &str) -> SearchError {
        let position = text.char_indices().take_while(|(at, _)| *at < self.at).count();
        SearchError { position, message: self.message }
    }
}
