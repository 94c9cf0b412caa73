//! Changes that no sync makes: by the API, the web pages, an administrator.

use super::generations::LOADING;
use super::{Locked, UserDb};
use crate::error::Result;
use crate::params;

/// Who is in the way of a change from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupied {
    No,
    /// A device is in the middle of a sync. A change now would either not reach it or break its sync.
    Syncing,
    /// An upload is about to replace the collection, and would be refused if we changed it.
    Uploading,
    /// The rows of the last upload are still being loaded.
    Importing,
}

impl UserDb {
    /// Takes the collection's lock, as [`UserDb::lock`], and says whether somebody is at work. A sync counts while its last request was
    /// made at or after `active_since`.
    pub async fn lock_for_edit(&self, account: i64, active_since: i64, now_ms: i64) -> Result<(Locked, Occupied)> {
        let session = "SELECT account FROM {s}.sync_sessions WHERE account = ? AND last_seen >= ?";
        let statements = vec![(session, params![account, active_since]), (LOADING, params![account, now_ms])];
        let (locked, answers) = self.lock_and_read(account, statements).await?;
        let any = |index: usize| answers.get(index).is_some_and(|rows| !rows.is_empty());
        let importing = locked.state.current.as_ref().is_some_and(|current| !current.has_all_rows());
        let occupied = match () {
            () if importing => Occupied::Importing,
            () if any(0) => Occupied::Syncing,
            () if any(1) => Occupied::Uploading,
            () => Occupied::No,
        };
        Ok((locked, occupied))
    }
}
