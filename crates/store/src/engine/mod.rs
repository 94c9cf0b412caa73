//! The few things in which database engines differ, behind one face.
//!
//! SQL is written once, as text, for all engines. A statement may use
//! - `?` for a parameter, and `IN ??` / `NOT IN ??` for a set ([`Value::Ints`], [`Value::Texts`]);
//! - `{s}` for the schema (PostgreSQL) or database (MySQL) of the shared tables;
//! - in DDL `KEY_T` (binary-compared text that can be a key), `TEXT_T` (text of any length), `BLOB_T` (bytes).
//!
//! A collection's own schema is written into the statement by [`crate::collection`]; its name is made by us and never contains
//! anything that a user typed. A transaction that is dropped without `commit` or `rollback` closes its connection, so nothing of it remains.

mod connect_to;
mod postgres;
mod table;
mod value;

pub use connect_to::{ConnectTo, Host};
pub use table::{Kind, Table};
pub use value::{RowEncoder, Value, escape_text, unescape_text};

use crate::error::{Result, StoreError};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

/// A pool of connections to one database.
#[derive(Clone)]
pub struct Db {
    pool: postgres::Pool,
}

/// An open transaction, READ COMMITTED unless it is a [`Db::snapshot`].
pub struct Tx {
    inner: postgres::Tx,
}

/// One row of an answer. Columns are asked for by position and wanted type.
pub struct Row {
    inner: postgres::Row,
}

impl Db {
    /// Opens the pool and one connection, to prove that the settings are right.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server cannot be reached or refuses us.
    pub async fn connect(to: &ConnectTo) -> Result<Self> {
        Ok(Self { pool: postgres::Pool::connect(to).await? })
    }

    /// Runs one statement that returns rows, in a transaction of its own.
    pub async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        let rows = self.pool.get().await?.query(sql, params).await?;
        Ok(rows.into_iter().map(|inner| Row { inner }).collect())
    }

    /// Runs one statement that returns at most one row.
    pub async fn query_opt(&self, sql: &str, params: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Runs one statement and answers how many rows it changed.
    pub async fn execute(&self, sql: &str, params: Vec<Value>) -> Result<u64> {
        self.pool.get().await?.execute(sql, params).await
    }

    /// Runs several statements without parameters, such as DDL.
    pub async fn script(&self, sql: &str) -> Result<()> {
        self.pool.get().await?.script(sql).await
    }

    /// Begins a transaction.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(Tx { inner: self.pool.begin("BEGIN ISOLATION LEVEL READ COMMITTED").await? })
    }

    /// Begins a transaction and runs its first statements, all in one round trip. Each statement sees what was committed when it
    /// runs, so one that follows a lock sees the state under that lock.
    pub async fn begin_with(&self, statements: Vec<(&str, Vec<Value>)>) -> Result<(Tx, Vec<Vec<Row>>)> {
        let (inner, answers) = self.pool.begin_with(statements).await?;
        let wrap = |rows: Vec<postgres::Row>| rows.into_iter().map(|inner| Row { inner }).collect();
        Ok((Tx { inner }, answers.into_iter().map(wrap).collect()))
    }

    /// Runs statements as one transaction, in one round trip, and answers how many rows each changed. Each sees what the ones before
    /// it did. After an error of the last step the outcome is unknown, as with [`Tx::commit`].
    pub async fn together(&self, statements: Vec<(&str, Vec<Value>)>) -> Result<Vec<u64>> {
        self.pool.together(statements).await
    }

    /// Begins a read-only transaction that sees one moment throughout.
    pub async fn snapshot(&self) -> Result<Tx> {
        Ok(Tx { inner: self.pool.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await? })
    }

    /// Creates a schema (PostgreSQL) or database (MySQL) for a collection.
    pub async fn create_schema(&self, name: &str) -> Result<()> {
        self.script(&format!("CREATE SCHEMA {name}")).await
    }

    /// Drops a collection's schema with all that is in it. That it does not exist is no error.
    pub async fn drop_schema(&self, name: &str) -> Result<()> {
        self.script(&format!("DROP SCHEMA IF EXISTS {name} CASCADE")).await
    }

    /// Names of the existing schemas that begin with `prefix`.
    pub async fn schemas(&self, prefix: &str) -> Result<Vec<String>> {
        let sql = "SELECT CAST(schema_name AS TEXT) FROM information_schema.schemata WHERE schema_name LIKE ? ORDER BY 1";
        let pattern = format!("{}%", prefix.replace('_', "\\_"));
        self.query(sql, crate::params![pattern]).await?.iter().map(|row| row.text(0)).collect()
    }

    /// Brings the planner's statistics up to date after a bulk load. Best done before a schema is used.
    pub async fn analyze(&self, schema: &str, table: &str) -> Result<()> {
        self.script(&format!("ANALYZE {schema}.{table}")).await
    }

    /// Connections in use and the most there may be.
    pub fn pool_use(&self) -> (usize, usize) {
        self.pool.usage()
    }
}

impl Tx {
    /// Runs a statement that returns rows. Statements of one transaction may be sent without waiting for each other.
    pub async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        let rows = self.inner.query(sql, params).await?;
        Ok(rows.into_iter().map(|inner| Row { inner }).collect())
    }

    /// Runs a statement that returns at most one row.
    pub async fn query_opt(&self, sql: &str, params: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Runs a statement and answers how many rows it changed.
    pub async fn execute(&self, sql: &str, params: Vec<Value>) -> Result<u64> {
        self.inner.execute(sql, params).await
    }

    /// Writes rows, replacing those with the same key. No key may occur twice in `rows`.
    pub async fn upsert(&self, schema: &str, table: &Table, rows: Vec<Vec<Value>>) -> Result<()> {
        self.inner.insert(schema, table, rows, true).await.map(drop)
    }

    /// Writes rows whose key does not exist yet and answers how many those were. No key may occur twice in `rows`.
    pub async fn insert_new(&self, schema: &str, table: &Table, rows: Vec<Vec<Value>>) -> Result<u64> {
        self.inner.insert(schema, table, rows, false).await
    }

    /// Runs several statements without parameters, such as DDL. Engines whose DDL commits by itself do so here too.
    pub async fn script(&self, sql: &str) -> Result<()> {
        self.inner.script(sql).await
    }

    /// Loads rows made by [`RowEncoder`] into `schema.table`, as fast as the engine can. Answers the number of rows loaded. `is_new` says
    /// that this transaction has made the table.
    ///
    /// When the stream ends with an error, that error is returned and the transaction can only be rolled back.
    pub async fn load<E: From<StoreError>>(
        &self,
        schema: &str,
        table: &Table,
        rows: impl Stream<Item = Result<Bytes, E>>,
        is_new: bool,
    ) -> Result<u64, E> {
        self.inner.load(schema, table, rows, is_new).await
    }

    /// Streams the rows of a query without collecting them.
    pub async fn stream(&self, sql: &str, params: Vec<Value>) -> Result<impl Stream<Item = Result<Row>> + Send + use<>> {
        Ok(self.inner.stream(sql, params).await?.map(|row| row.map(|inner| Row { inner })))
    }

    /// Makes the changes durable and visible. After an error the outcome is unknown.
    pub async fn commit(self) -> Result<()> {
        self.inner.end("COMMIT").await
    }

    /// Runs the last statements and commits, all in one round trip. Answers how many rows each statement changed; when one fails,
    /// everything is undone.
    pub async fn commit_with(self, statements: Vec<(&str, Vec<Value>)>) -> Result<Vec<u64>> {
        self.inner.commit_with(statements).await
    }

    /// Undoes the changes and gives the connection back.
    pub async fn rollback(self) -> Result<()> {
        self.inner.end("ROLLBACK").await
    }
}

impl Row {
    /// A whole number.
    ///
    /// # Errors
    /// [`StoreError::Internal`] when the column holds something else or NULL.
    pub fn int(&self, column: usize) -> Result<i64> {
        self.opt_int(column)?.ok_or_else(|| unexpected_null(column))
    }

    /// A whole number that fits 32 bits, such as a usn.
    pub fn int32(&self, column: usize) -> Result<i32> {
        let value = self.int(column)?;
        i32::try_from(value).map_err(|_| StoreError::Internal(format!("column {column} holds {value}, which is no 32-bit number")))
    }

    /// Zero is false, everything else true.
    pub fn bool(&self, column: usize) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    /// Text.
    pub fn text(&self, column: usize) -> Result<String> {
        self.opt_text(column)?.ok_or_else(|| unexpected_null(column))
    }

    /// Bytes.
    pub fn bytes(&self, column: usize) -> Result<Vec<u8>> {
        self.opt_bytes(column)?.ok_or_else(|| unexpected_null(column))
    }

    /// A whole number or NULL.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        self.inner.opt_int(column)
    }

    /// Text or NULL.
    pub fn opt_text(&self, column: usize) -> Result<Option<String>> {
        self.inner.opt_text(column)
    }

    /// Bytes or NULL.
    pub fn opt_bytes(&self, column: usize) -> Result<Option<Vec<u8>>> {
        self.inner.opt_bytes(column)
    }
}

fn unexpected_null(column: usize) -> StoreError {
    StoreError::Internal(format!("column {column} is NULL"))
}
