//! One collection's rows: a schema (PostgreSQL) or database (MySQL) per generation.
//!
//! [`Collection`] runs statements on one such schema, inside a transaction or outside of one. Column names follow the original
//! djankiserv where SQL's own words are in the way: `modified` for Anki's mod, `remaining` for left, `rtime` for time.

mod by_id;
mod cards;
pub mod check;
mod config;
mod counts;
mod graves;
mod load;
mod notes;
mod objects;
mod part;
mod revlog;
mod revlog_read;
pub mod search;
pub mod statistics;
pub mod tables;
mod tags;

pub use by_id::{FreeId, NoteIdentity};
pub(crate) use cards::from_row as card_from_row;
pub use load::{Load, LoadRows};
pub use objects::ObjectRow;
pub(crate) use revlog::from_row as review_from_row;

use crate::engine::{Db, Row, Tx, Value};
use crate::error::Result;
use std::collections::HashMap;

/// The version of the tables that this program makes; see [`tables`].
pub const SCHEMA_VERSION: i32 = 1;

/// A collection's schema, and the connection or transaction to reach it by.
#[derive(Clone, Copy)]
pub struct Collection<'a> {
    on: On<'a>,
    schema: &'a str,
}

#[derive(Clone, Copy)]
enum On<'a> {
    Db(&'a Db),
    Tx(&'a Tx),
}

/// What merging needs to know of a stored row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredStamp {
    pub usn: i32,
    /// Seconds since the epoch.
    pub modified: i64,
}

impl<'a> Collection<'a> {
    /// Reads outside of a transaction, one moment per statement.
    pub fn new(db: &'a Db, schema: &'a str) -> Self {
        Self { on: On::Db(db), schema }
    }

    /// Reads and writes inside `tx`.
    pub fn within(tx: &'a Tx, schema: &'a str) -> Self {
        Self { on: On::Tx(tx), schema }
    }

    /// Runs a query in which `{c}` stands for the schema.
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        let sql = sql.replace("{c}", self.schema);
        match self.on {
            On::Db(db) => db.query(&sql, params).await,
            On::Tx(tx) => tx.query(&sql, params).await,
        }
    }

    async fn execute(&self, sql: &str, params: Vec<Value>) -> Result<u64> {
        let sql = sql.replace("{c}", self.schema);
        match self.on {
            On::Db(db) => db.execute(&sql, params).await,
            On::Tx(tx) => tx.execute(&sql, params).await,
        }
    }

    /// Bulk writes are only for transactions: half of one would be a half-written collection.
    fn tx(&self) -> Result<&'a Tx> {
        match self.on {
            On::Tx(tx) => Ok(tx),
            On::Db(_) => Err(crate::StoreError::Internal("bulk write outside of a transaction".into())),
        }
    }

    /// Usn and modification time of those of `ids` that exist in `table`, which has `id`, `usn` and `modified`.
    async fn stamps(&self, table: &str, ids: &[i64]) -> Result<HashMap<i64, StoredStamp>> {
        let mut stamps = HashMap::with_capacity(ids.len());
        for part in ids.chunks(SET_SIZE) {
            let sql = format!("SELECT id, usn, modified FROM {{c}}.{table} WHERE id IN ??");
            for row in self.query(&sql, vec![part.into()]).await? {
                stamps.insert(row.int(0)?, StoredStamp { usn: row.int32(1)?, modified: row.int(2)? });
            }
        }
        Ok(stamps)
    }

    /// Those of `ids` that exist in `table`.
    async fn existing(&self, table: &str, ids: &[i64]) -> Result<Vec<i64>> {
        let mut found = Vec::with_capacity(ids.len());
        for part in ids.chunks(SET_SIZE) {
            let sql = format!("SELECT id FROM {{c}}.{table} WHERE id IN ??");
            for row in self.query(&sql, vec![part.into()]).await? {
                found.push(row.int(0)?);
            }
        }
        Ok(found)
    }

    /// Deletes rows by id and answers how many there were.
    async fn delete(&self, table: &str, ids: &[i64]) -> Result<u64> {
        let mut deleted = 0;
        for part in ids.chunks(SET_SIZE) {
            deleted += self.execute(&format!("DELETE FROM {{c}}.{table} WHERE id IN ??"), vec![part.into()]).await?;
        }
        Ok(deleted)
    }
}

/// Ids in one statement.
const SET_SIZE: usize = 20_000;
