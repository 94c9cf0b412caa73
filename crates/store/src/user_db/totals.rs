//! Sums over the whole installation, for the operator.

use super::UserDb;
use crate::engine::PoolUse;
use crate::error::Result;

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
    /// Asks for all sums. Reads one small row per account.
    pub async fn totals(&self) -> Result<Totals> {
        // COUNT is a whole number on all engines, a sum of such numbers is not; so those are added up here.
        let sql = "SELECT (SELECT COUNT(*) FROM {s}.collections), (SELECT COUNT(*) FROM {s}.sync_sessions), \
                   (SELECT COUNT(*) FROM {s}.generations WHERE state = 'importing')";
        let row = self.db.query_opt(sql, vec![]).await?;
        let counts = row.map_or(Ok((0, 0, 0)), |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?)))?;
        let mut totals = Totals { collections: counts.0, syncs: counts.1, importing: counts.2, media_files: 0, media_bytes: 0 };
        for row in self.db.query("SELECT files, bytes FROM {s}.media_state", vec![]).await? {
            totals.media_files += row.int(0)?;
            totals.media_bytes += row.int(1)?;
        }
        Ok(totals)
    }

    /// How busy the connections are.
    pub fn pool_use(&self) -> PoolUse {
        self.db.pool_use()
    }
}
