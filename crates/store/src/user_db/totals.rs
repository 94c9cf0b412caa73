//! Sums over the whole installation, for the operator.

use super::UserDb;
use crate::engine::PoolUse;
use crate::error::{Result, StoreError};

/// What there is and goes on, over all accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    pub collections: i64,
    /// Syncs that have begun and not ended.
    pub syncs: i64,
    /// Uploads that have taken place and whose rows are still being loaded.
    pub importing: i64,
    pub media_files: i64,
    pub media_bytes: i64,
}

impl UserDb {
    /// Asks for all sums.
    pub async fn totals(&self) -> Result<Totals> {
        let sql = "SELECT (SELECT COUNT(*) FROM {s}.collections), (SELECT COUNT(*) FROM {s}.sync_sessions), \
                   (SELECT COUNT(*) FROM {s}.generations WHERE state = 'importing'), \
                   CAST(COALESCE(SUM(files), 0) AS {int}), CAST(COALESCE(SUM(bytes), 0) AS {int}) FROM {s}.media_state";
        let row = self.db.query_opt(sql, vec![]).await?.ok_or_else(|| StoreError::Internal("the sums are missing".into()))?;
        Ok(Totals {
            collections: row.int(0)?,
            syncs: row.int(1)?,
            importing: row.int(2)?,
            media_files: row.int(3)?,
            media_bytes: row.int(4)?,
        })
    }

    /// How busy the connections are.
    pub fn pool_use(&self) -> PoolUse {
        self.db.pool_use()
    }
}
