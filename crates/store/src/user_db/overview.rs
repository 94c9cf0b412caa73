//! What lists of accounts show of collections: several at a time, from the shared tables alone.

use super::{Counts, UserDb};
use crate::error::Result;
use crate::params;
use std::collections::HashMap;

/// A collection and its media in a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overview {
    /// The schema of the current generation; empty while nothing is stored.
    pub schema: String,
    pub counts: Counts,
    /// When a device synced last, or uploaded everything: milliseconds since the epoch, or 0.
    pub last_sync: i64,
    pub media_files: i64,
    pub media_bytes: i64,
}

/// A sync that is going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningSync {
    pub account: i64,
    /// The client's description of itself.
    pub client: String,
    pub started: i64,
    pub last_seen: i64,
    pub staged_bytes: i64,
}

impl UserDb {
    /// Those of these accounts that have a collection's row.
    pub async fn overviews(&self, accounts: &[i64]) -> Result<HashMap<i64, Overview>> {
        let sql = "SELECT c.account, g.schema_name, COALESCE(g.notes, 0), COALESCE(g.cards, 0), COALESCE(g.revlog, 0), \
                   COALESCE(GREATEST(g.last_sync, CASE WHEN g.origin = 'upload' THEN g.created ELSE 0 END), 0), COALESCE(m.files, 0), COALESCE(m.bytes, 0) FROM {s}.collections c \
                   LEFT JOIN {s}.generations g ON g.account = c.account AND g.number = c.generation \
                   LEFT JOIN {s}.media_state m ON m.account = c.account WHERE c.account IN ??";
        let rows = self.db.query(sql, params![accounts]).await?;
        let overview = |row: &crate::engine::Row| {
            let counts = Counts { notes: row.int(2)?, cards: row.int(3)?, revlog: row.int(4)?, ..Counts::default() };
            let overview = Overview {
                schema: row.opt_text(1)?.unwrap_or_default(),
                counts,
                last_sync: row.int(5)?,
                media_files: row.int(6)?,
                media_bytes: row.int(7)?,
            };
            Ok((row.int(0)?, overview))
        };
        rows.iter().map(overview).collect()
    }

    /// The bytes that schemas take in the database, tables and indexes. Those that do not exist are left out.
    pub async fn schema_sizes(&self, schemas: &[String]) -> Result<HashMap<String, i64>> {
        if schemas.is_empty() { Ok(HashMap::new()) } else { self.db.schema_sizes(schemas).await }
    }

    /// The bytes that one schema takes.
    pub async fn schema_size(&self, schema: &str) -> Result<i64> {
        let sizes = self.schema_sizes(&[schema.to_owned()]).await?;
        Ok(sizes.get(schema).copied().unwrap_or(0))
    }

    /// The syncs that are going on, the latest first.
    pub async fn running_syncs(&self, limit: i64) -> Result<Vec<RunningSync>> {
        let sql = "SELECT account, client, started, last_seen, staged_bytes FROM {s}.sync_sessions ORDER BY started DESC, account LIMIT ?";
        let rows = self.db.query(sql, params![limit]).await?;
        let running = |row: &crate::engine::Row| {
            Ok(RunningSync {
                account: row.int(0)?,
                client: row.text(1)?,
                started: row.int(2)?,
                last_seen: row.int(3)?,
                staged_bytes: row.int(4)?,
            })
        };
        rows.iter().map(running).collect()
    }
}
