//! The few things in which database engines differ, behind one face.
//!
//! SQL is written once, as text, for all engines. A statement may use
//! - `?` for a parameter, and `IN ??` / `NOT IN ??` for a set ([`Value::Ints`], [`Value::Texts`]);
//! - `{s}` for the schema (PostgreSQL: `djankiserv`) or database (MySQL: the one in the settings) of the shared tables;
//! - `LOWER(text {ascii})` for text in which at least A to Z are in lower case (MySQL: all letters, PostgreSQL: only those);
//! - `CAST(… AS {int})` for a whole number of 64 bits, which a sum is not by itself;
//! - `{div}` for the division of whole numbers, which cuts towards zero;
//! - in DDL `KEY_T` (binary-compared text that can be a key), `TEXT_T` (text of any length), `BLOB_T` (bytes).
//!
//! A collection's own schema is written into the statement by [`crate::collection`]; its name is made by us and never contains
//! anything that a user typed. A transaction that is dropped without `commit` or `rollback` closes its connection, so nothing of it remains.

mod connect_to;
mod decode;
pub mod examine;
mod kind;
mod mysql;
mod postgres;
mod table;
mod tls;
mod usage;
mod value;

pub use connect_to::{ConnectTo, Host};
pub use kind::Engine;
pub use table::{Index, Kind, Table};
pub use tls::{Encryption, TlsMode, read_roots};
pub use usage::PoolUse;
pub use value::{RowEncoder, Value, escape_text, unescape_text};

use crate::error::{Result, StoreError};
use crate::repeat::repeat;
use bytes::Bytes;
use futures_util::future::Either;
use futures_util::{Stream, StreamExt};
use std::collections::HashMap;

/// A pool of connections to one database.
#[derive(Clone)]
pub struct Db {
    pool: Pool,
}

#[derive(Clone)]
enum Pool {
    Postgres(postgres::Pool),
    Mysql(mysql::Pool),
}

/// An open transaction, READ COMMITTED unless it is a [`Db::snapshot`].
pub struct Tx {
    inner: TxOf,
    /// See [`Tx::holding`].
    _held: Option<Box<dyn Send + Sync>>,
}

#[expect(clippy::large_enum_variant, reason = "moved once or twice in the life of a transaction, which takes far longer")]
enum TxOf {
    Postgres(postgres::Tx),
    Mysql(mysql::Tx),
}

/// One row of an answer. Columns are asked for by position and wanted type.
pub struct Row {
    inner: RowOf,
}

enum RowOf {
    Postgres(postgres::Row),
    Mysql(mysql::Row),
}

/// Hands a call on to the engine.
macro_rules! engine {
    ($of:ident, $on:expr, $inner:ident => $call:expr) => {
        match $on {
            $of::Postgres($inner) => $call,
            $of::Mysql($inner) => $call,
        }
    };
}

impl Db {
    /// Opens the pool and one connection, to prove that the settings are right.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server cannot be reached or refuses us, [`StoreError::Unsuitable`] when it is
    /// too old or set up in a way that does not suit us.
    pub async fn connect(to: &ConnectTo) -> Result<Self> {
        let pool = match to.engine {
            Engine::Postgres => Pool::Postgres(postgres::Pool::connect(to).await?),
            Engine::Mysql => Pool::Mysql(mysql::Pool::connect(to).await?),
        };
        Ok(Self { pool })
    }

    /// Makes the schema that `{s}` stands for, where it is not the database itself. Repeatable.
    pub async fn make_shared_schema(&self) -> Result<()> {
        match &self.pool {
            Pool::Postgres(pool) => pool.make_shared_schema().await,
            Pool::Mysql(_) => Ok(()),
        }
    }

    /// Runs one statement that returns rows, in a transaction of its own.
    pub async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        // It is a transaction of its own, so it can be repeated.
        let query = || async { engine!(Pool, &self.pool, pool => Ok(rows(pool.query(sql, params.clone()).await?))) };
        repeat("a statement", query).await
    }

    /// Runs one statement that returns at most one row.
    pub async fn query_opt(&self, sql: &str, params: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Runs one statement and answers how many rows it changed; an UPDATE counts all that it finds.
    pub async fn execute(&self, sql: &str, params: Vec<Value>) -> Result<u64> {
        let execute = || async { engine!(Pool, &self.pool, pool => pool.execute(sql, params.clone()).await) };
        repeat("a statement", execute).await
    }

    /// Runs several statements without parameters, such as DDL.
    pub async fn script(&self, sql: &str) -> Result<()> {
        engine!(Pool, &self.pool, pool => pool.script(sql).await)
    }

    /// Begins a transaction.
    pub async fn begin(&self) -> Result<Tx> {
        engine!(Pool, &self.pool, pool => Ok(pool.begin().await?.into()))
    }

    /// Begins a transaction and runs its first statements, in one round trip if the engine can. Each statement sees what was committed
    /// when it runs, so one that follows a lock sees the state under that lock.
    pub async fn begin_with(&self, statements: Vec<(&str, Vec<Value>)>) -> Result<(Tx, Vec<Vec<Row>>)> {
        engine!(Pool, &self.pool, pool => {
            let (tx, answers) = pool.begin_with(statements).await?;
            Ok((tx.into(), answers.into_iter().map(rows).collect()))
        })
    }

    /// Runs statements as one transaction, on PostgreSQL in one round trip, and answers how many rows each changed. Each sees what the ones before
    /// it did. After an error of the last step the outcome is unknown, as with [`Tx::commit`].
    pub async fn together(&self, statements: Vec<(&str, Vec<Value>)>) -> Result<Vec<u64>> {
        let together = || async { engine!(Pool, &self.pool, pool => pool.together(statements.clone()).await) };
        repeat("statements", together).await
    }

    /// Begins a read-only transaction that sees one moment throughout.
    pub async fn snapshot(&self) -> Result<Tx> {
        engine!(Pool, &self.pool, pool => Ok(pool.snapshot().await?.into()))
    }

    /// Creates a schema (PostgreSQL) or database (MySQL) for a collection.
    pub async fn create_schema(&self, name: &str) -> Result<()> {
        engine!(Pool, &self.pool, pool => pool.create_schema(name).await)
    }

    /// Drops a collection's schema with all that is in it. That it does not exist is no error.
    pub async fn drop_schema(&self, name: &str) -> Result<()> {
        engine!(Pool, &self.pool, pool => pool.drop_schema(name).await)
    }

    /// Names of the existing schemas that begin with `prefix`, of those that we may see.
    pub async fn schemas(&self, prefix: &str) -> Result<Vec<String>> {
        engine!(Pool, &self.pool, pool => pool.schemas(prefix).await)
    }

    /// The bytes that schemas take, with all that is in them. Those that do not exist are left out.
    pub async fn schema_sizes(&self, names: &[String]) -> Result<HashMap<String, i64>> {
        let rows = engine!(Pool, &self.pool, pool => rows(pool.schema_sizes(names).await?));
        rows.iter().map(|row| Ok((row.text(0)?, row.int(1)?))).collect()
    }

    /// Brings the planner's statistics up to date after a bulk load. Best done before a schema is used.
    pub async fn analyze(&self, schema: &str, table: &str) -> Result<()> {
        engine!(Pool, &self.pool, pool => pool.analyze(schema, table).await)
    }

    /// How busy the connections are.
    pub fn pool_use(&self) -> PoolUse {
        engine!(Pool, &self.pool, pool => pool.usage())
    }
}

impl Tx {
    /// The same transaction, which drops `what` when it has ended.
    pub(crate) fn holding(self, what: impl Send + Sync + 'static) -> Self {
        Self { _held: Some(Box::new(what)), ..self }
    }

    /// Runs a statement that returns rows. Statements of one transaction may be sent without waiting for each other.
    pub async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        engine!(TxOf, &self.inner, tx => Ok(rows(tx.query(sql, params).await?)))
    }

    /// Runs a statement that returns at most one row.
    pub async fn query_opt(&self, sql: &str, params: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Runs a statement and answers how many rows it changed; an UPDATE counts all that it finds.
    pub async fn execute(&self, sql: &str, params: Vec<Value>) -> Result<u64> {
        engine!(TxOf, &self.inner, tx => tx.execute(sql, params).await)
    }

    /// Ends each of the following statements with [`StoreError::Busy`] when it takes longer than so many milliseconds.
    pub async fn limit_time(&self, ms: u32) -> Result<()> {
        engine!(TxOf, &self.inner, tx => tx.limit_time(ms).await)
    }

    /// Writes rows, replacing those with the same key. No key may occur twice in `rows`.
    pub async fn upsert(&self, schema: &str, table: &Table, rows: Vec<Vec<Value>>) -> Result<()> {
        engine!(TxOf, &self.inner, tx => tx.upsert(schema, table, rows).await)
    }

    /// Writes rows whose key, which is made of whole numbers, does not exist yet, and answers how many those were. No key may occur
    /// twice in `rows`.
    pub async fn insert_new(&self, schema: &str, table: &Table, rows: Vec<Vec<Value>>) -> Result<u64> {
        engine!(TxOf, &self.inner, tx => tx.insert_new(schema, table, rows).await)
    }

    /// Runs several statements without parameters, such as DDL. Engines whose DDL commits by itself do so here too.
    pub async fn script(&self, sql: &str) -> Result<()> {
        engine!(TxOf, &self.inner, tx => tx.script(sql).await)
    }

    /// Makes an empty table, ready for [`Tx::load`]: with those keys and indexes that the engine had better have before. `columns` is
    /// DDL. Engines whose DDL commits by itself do so, and begin anew.
    pub async fn create_table(&self, schema: &str, table: &Table, columns: &str) -> Result<()> {
        engine!(TxOf, &self.inner, tx => tx.create_table(schema, table, columns).await)
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
        engine!(TxOf, &self.inner, tx => tx.load(schema, table, rows, is_new).await)
    }

    /// Adds the keys and indexes that a loaded table does not have yet, and the planner's statistics. Commits where DDL does.
    pub async fn finish_table(&self, schema: &str, table: &Table, indexes: &[Index]) -> Result<()> {
        engine!(TxOf, &self.inner, tx => tx.finish_table(schema, table, indexes).await)
    }

    /// Streams the rows of a query without collecting them. The transaction can be used again when they have been read.
    pub async fn stream(&self, sql: &str, params: Vec<Value>) -> Result<impl Stream<Item = Result<Row>> + Send + use<>> {
        Ok(match &self.inner {
            TxOf::Postgres(tx) => Either::Left(tx.stream(sql, params).await?.map(|row| row.map(Row::from))),
            TxOf::Mysql(tx) => Either::Right(tx.stream(sql, params).await?.map(|row| row.map(Row::from))),
        })
    }

    /// Makes the changes durable and visible. After an error the outcome is unknown.
    pub async fn commit(self) -> Result<()> {
        engine!(TxOf, self.inner, tx => tx.end("COMMIT").await)
    }

    /// Runs the last statements and commits, all in one round trip. Answers how many rows each statement changed; when one fails,
    /// everything is undone.
    pub async fn commit_with(self, statements: Vec<(&str, Vec<Value>)>) -> Result<Vec<u64>> {
        engine!(TxOf, self.inner, tx => tx.commit_with(statements).await)
    }

    /// Undoes the changes and gives the connection back.
    pub async fn rollback(self) -> Result<()> {
        engine!(TxOf, self.inner, tx => tx.end("ROLLBACK").await)
    }
}

fn rows<R: Into<Row>>(rows: Vec<R>) -> Vec<Row> {
    rows.into_iter().map(Into::into).collect()
}

impl From<postgres::Tx> for Tx {
    fn from(tx: postgres::Tx) -> Self {
        Self { inner: TxOf::Postgres(tx), _held: None }
    }
}

impl From<mysql::Tx> for Tx {
    fn from(tx: mysql::Tx) -> Self {
        Self { inner: TxOf::Mysql(tx), _held: None }
    }
}

impl From<postgres::Row> for Row {
    fn from(row: postgres::Row) -> Self {
        Self { inner: RowOf::Postgres(row) }
    }
}

impl From<mysql::Row> for Row {
    fn from(row: mysql::Row) -> Self {
        Self { inner: RowOf::Mysql(row) }
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
        engine!(RowOf, &self.inner, row => row.opt_int(column))
    }

    /// Text or NULL.
    pub fn opt_text(&self, column: usize) -> Result<Option<String>> {
        engine!(RowOf, &self.inner, row => row.opt_text(column))
    }

    /// Bytes or NULL.
    pub fn opt_bytes(&self, column: usize) -> Result<Option<Vec<u8>>> {
        engine!(RowOf, &self.inner, row => row.opt_bytes(column))
    }
}

fn unexpected_null(column: usize) -> StoreError {
    StoreError::Internal(format!("column {column} is NULL"))
}
