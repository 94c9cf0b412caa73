//! How many rows there are, counted.

use super::Collection;
use crate::error::{Result, StoreError};
use crate::user_db::Counts;

impl Collection<'_> {
    /// Counts the rows. Slow on a large collection; the counters of [`crate::user_db::Current`] are what is used.
    pub async fn count(&self) -> Result<Counts> {
        let sql = "SELECT (SELECT COUNT(*) FROM {c}.notes), (SELECT COUNT(*) FROM {c}.cards), (SELECT COUNT(*) FROM {c}.revlog), \
                   (SELECT COUNT(*) FROM {c}.notetypes), (SELECT COUNT(*) FROM {c}.decks), (SELECT COUNT(*) FROM {c}.deck_config)";
        let rows = self.query(sql, vec![]).await?;
        let row = rows.first().ok_or_else(|| StoreError::Internal("no counts".into()))?;
        Ok(Counts {
            notes: row.int(0)?,
            cards: row.int(1)?,
            revlog: row.int(2)?,
            notetypes: row.int(3)?,
            decks: row.int(4)?,
            presets: row.int(5)?,
        })
    }
}
