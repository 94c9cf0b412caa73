//! What can go wrong with a database, sorted by what a caller can do about it.

/// A failed database operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away, starting, stopping, out of connections or out of disk. Worth trying again later.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// A pooled connection was not to be had in time. Worth trying again later.
    #[error("database busy: {0}")]
    Busy(String),
    /// A lock was not to be had in time. Worth trying again, from the beginning of the transaction.
    #[error("lock not to be had: {0}")]
    LockWait(String),
    /// The database chose this transaction as the victim of a deadlock. The whole transaction may be repeated at once.
    #[error("transaction must be repeated: {0}")]
    Repeat(String),
    /// A row with that key exists already.
    #[error("already exists: {0}")]
    AlreadyExists(String),
    /// A schema or table is gone, as happens to readers of a generation that has been dropped meanwhile.
    #[error("gone: {0}")]
    Gone(String),
    /// The database server does not let us in, or not do what we have to: name, password, database or rights are wrong. So it stays until
    /// somebody changes that.
    #[error("{0}")]
    Denied(String),
    /// The database is there, but is none that we can work with. The text says what to do.
    #[error("{0}")]
    Unsuitable(String),
    /// The stored data or the SQL is not what the code expects. Never the caller's fault.
    #[error("internal: {0}")]
    Internal(String),
}

impl StoreError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Busy(_) | Self::LockWait(_) | Self::Repeat(_) | Self::Gone(_))
    }
}

/// The result of a database operation.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
