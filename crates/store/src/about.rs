//! What there is to know about a database itself.

use crate::engine::Db;
use crate::error::Result;
use crate::params;

/// A database, for the page about the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// What the database server calls itself.
    pub version: String,
    /// The last migration that was applied, and the last that this version knows.
    pub migration: i64,
    pub newest_migration: i64,
    /// Connections of this process.
    pub connections: crate::engine::PoolUse,
}

/// Asks `db`, whose tables are those of `part`.
pub(crate) async fn about(db: &Db, part: &str, newest_migration: usize) -> Result<About> {
    let (version, migration) = futures_util::future::try_join(
        db.query_opt("SELECT version()", vec![]),
        db.query_opt("SELECT MAX(number) FROM {s}.migrations WHERE part = ?", params![part]),
    )
    .await?;
    Ok(About {
        version: version.map(|row| row.text(0)).transpose()?.unwrap_or_default(),
        migration: migration.map(|row| row.opt_int(0)).transpose()?.flatten().unwrap_or(0),
        newest_migration: newest_migration as i64,
        connections: db.pool_use(),
    })
}
