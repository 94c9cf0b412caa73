//! What `djankiserv check` asks about the rows of one collection, and how it mends them.
//!
//! Each question is one statement whose rows are streamed, so that memory does not grow with the collection. All of it works inside a
//! transaction: a snapshot to look, or the one that holds the lock to mend. A stream has to be read to its end, or dropped, before the
//! transaction is used for something else.

mod keyed;
mod objects;
mod references;
mod usns;

pub use references::{REFERENCES, Reference};
pub use usns::USN_TABLES;

use super::Collection;
use super::tables::{ALL, NOTES};
use crate::engine::{Row, Value};
use crate::error::Result;
use crate::params;
use anki::model::Note;
use futures_util::{Stream, StreamExt};
use std::collections::HashSet;

impl Collection<'_> {
    /// The tables that should be there and are not.
    pub async fn missing_tables(&self) -> Result<Vec<&'static str>> {
        // The function makes plain text of what PostgreSQL calls a name.
        let sql = "SELECT LOWER(table_name) FROM information_schema.tables WHERE table_schema = ?";
        let rows = self.query(sql, params![self.schema]).await?;
        let found = rows.iter().map(|row| row.text(0)).collect::<Result<HashSet<_>>>()?;
        Ok(ALL.iter().map(|ddl| ddl.table.name).filter(|name| !found.contains(*name)).collect())
    }

    /// The notes from this id on, in the order of their ids.
    pub async fn notes_from(&self, first: i64) -> Result<impl Stream<Item = Result<Note>> + Send + use<>> {
        let sql = format!("SELECT {} FROM {{c}}.notes WHERE id >= ? ORDER BY id", NOTES.column_list());
        Ok(self.rows(&sql, params![first]).await?.map(|row| super::notes::from_row(&row?)))
    }

    /// How many reviews belong to cards that are gone. Anki keeps them, for its statistics.
    pub async fn reviews_without_card(&self) -> Result<i64> {
        let sql = "SELECT COUNT(*) FROM {c}.revlog r LEFT JOIN {c}.cards c ON c.id = r.cid WHERE c.id IS NULL";
        self.query(sql, vec![]).await?.first().map_or(Ok(0), |row| row.int(0))
    }

    async fn rows(&self, sql: &str, params: Vec<Value>) -> Result<impl Stream<Item = Result<Row>> + Send + use<>> {
        self.tx()?.stream(&sql.replace("{c}", self.schema), params).await
    }
}
