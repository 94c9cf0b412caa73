//! PostgreSQL: all that is particular to it.

mod connect;
pub(super) mod examine;

use super::table::{Index, Kind, Table};
use super::usage::{PoolUse, Takes};
use super::value::{escape_text, unescape_text};
use super::{ConnectTo, Value};
use crate::error::{Result, StoreError};
use bytes::{Bytes, BytesMut};
use connect::{Way, connecting};
use deadpool_postgres::{Hook, HookError, ManagerConfig, Object, QueueMode, RecyclingMethod, Runtime};
use futures_util::future::join_all;
use futures_util::{SinkExt, Stream, StreamExt, pin_mut};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Statement;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// The schema of the tables that are not a collection's.
const SHARED_SCHEMA: &str = "djankiserv";

/// A backend keeps memory for each schema that it has touched, so connections are replaced after some use and some time.
const MOST_USES: usize = 2_000;
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 60);
/// How long to wait for a free connection, or for a new one.
const PATIENCE: Duration = Duration::from_secs(5);
/// What each connection is told first: how long to wait for a lock, that an abandoned transaction ends by itself, and that a look at some
/// thousand rows is enough for statistics: everything is asked for by a key, and an upload waits for them.
const SESSION_SETTINGS: &str = "SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning; SET bytea_output = hex; SET jit = off; SET default_statistics_target = 20";
/// The oldest version that its makers still mended when this was written, and that we use nothing newer than.
const OLDEST: i32 = 13;
/// Rows and bytes that go into one INSERT.
const BATCH_ROWS: usize = 5_000;
const BATCH_BYTES: usize = 8 << 20;

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

#[derive(Clone)]
pub(super) struct Pool {
    inner: deadpool_postgres::Pool,
    takes: Arc<Takes>,
}

pub(super) struct Connection {
    client: Object,
}

pub(super) struct Tx {
    /// None once the transaction has ended.
    client: Option<Object>,
}

pub(super) struct Row(tokio_postgres::Row);

impl Pool {
    pub(super) async fn connect(to: &ConnectTo) -> Result<Self> {
        let manager = Way::to(to).await?.manager(ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let inner = deadpool_postgres::Pool::builder(manager)
            .max_size(to.max_connections)
            // The one used last: its backend has in memory what the next request is likely to need.
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .recycle_timeout(Some(PATIENCE))
            .runtime(Runtime::Tokio1)
            .post_create(Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
                Box::pin(async move { client.batch_execute(SESSION_SETTINGS).await.map_err(HookError::Backend) })
            }))
            .pre_recycle(Hook::sync_fn(|_, metrics| {
                if metrics.recycle_count > MOST_USES || metrics.created.elapsed() > LONGEST_LIFE {
                    return Err(HookError::message("connection replaced after long use"));
                }
                Ok(())
            }))
            .build()
            .map_err(|e| StoreError::Internal(format!("connection pool: {e}")))?;
        let pool = Self { inner, takes: Arc::default() };
        let first = pool.object().await.map_err(|e| match e {
            deadpool_postgres::PoolError::Backend(e) => connecting(&e, to),
            e => pool_error(e),
        })?;
        let first = Connection { client: first };
        first.need_suitable_server().await?;
        Ok(pool)
    }

    pub(super) async fn make_shared_schema(&self) -> Result<()> {
        match self.script(&format!("CREATE SCHEMA IF NOT EXISTS {SHARED_SCHEMA}")).await {
            // IF NOT EXISTS fails all the same for the slower one of two processes that do this at the same time.
            Err(StoreError::AlreadyExists(_)) => Ok(()),
            made => made,
        }
    }

    pub(super) async fn get(&self) -> Result<Connection> {
        Ok(Connection { client: self.object().await.map_err(pool_error)? })
    }

    async fn object(&self) -> std::result::Result<Object, deadpool_postgres::PoolError> {
        self.takes.count(self.inner.get()).await
    }

    pub(super) async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        self.get().await?.query(sql, params).await
    }

    pub(super) async fn execute(&self, sql: &str, params: Vec<Value>) -> Result<u64> {
        self.get().await?.execute(sql, params).await
    }

    pub(super) async fn script(&self, sql: &str) -> Result<()> {
        self.get().await?.script(sql).await
    }

    pub(super) async fn create_schema(&self, name: &str) -> Result<()> {
        self.script(&format!("CREATE SCHEMA {name}")).await
    }

    pub(super) async fn drop_schema(&self, name: &str) -> Result<()> {
        self.script(&format!("DROP SCHEMA IF EXISTS {name} CASCADE")).await
    }

    pub(super) async fn schemas(&self, prefix: &str) -> Result<Vec<String>> {
        let sql =
            "SELECT CAST(schema_name AS TEXT) FROM information_schema.schemata WHERE LEFT(schema_name, CAST(? AS INTEGER)) = ? ORDER BY 1";
        let rows = self.query(sql, crate::params![prefix.len() as i64, prefix]).await?;
        rows.iter().map(|row| row.opt_text(0).map(Option::unwrap_or_default)).collect()
    }

    pub(super) async fn schema_sizes(&self, names: &[String]) -> Result<Vec<Row>> {
        let sql = "SELECT CAST(n.nspname AS TEXT), CAST(SUM(pg_total_relation_size(c.oid)) AS BIGINT) FROM pg_class c \
                   JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ?? AND c.relkind = 'r' GROUP BY n.nspname";
        self.query(sql, crate::params![names.to_vec()]).await
    }

    pub(super) async fn analyze(&self, schema: &str, table: &str) -> Result<()> {
        self.script(&format!("ANALYZE {schema}.{table}")).await
    }

    pub(super) async fn begin(&self) -> Result<Tx> {
        self.begin_as("BEGIN ISOLATION LEVEL READ COMMITTED").await
    }

    pub(super) async fn snapshot(&self) -> Result<Tx> {
        self.begin_as("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    async fn begin_as(&self, how: &str) -> Result<Tx> {
        let tx = Tx { client: Some(self.get().await?.client) };
        tx.client()?.batch_execute(how).await.map_err(error)?;
        Ok(tx)
    }

    pub(super) async fn begin_with(&self, statements: Vec<(&str, Vec<Value>)>) -> Result<(Tx, Vec<Vec<Row>>)> {
        let tx = Tx { client: Some(self.get().await?.client) };
        let client = tx.client()?;
        let ready = ready(client, statements).await?;
        // Sent together: the connection pipelines them in this order.
        let (begun, answers) = futures_util::join!(client.batch_execute(BEGIN), join_all(ready.iter().map(|one| one.query(client))));
        begun.map_err(error)?;
        let answers = answers.into_iter().collect::<Result<_>>()?;
        Ok((tx, answers))
    }

    pub(super) async fn together(&self, statements: Vec<(&str, Vec<Value>)>) -> Result<Vec<u64>> {
        let mut tx = Tx { client: Some(self.get().await?.client) };
        let client = tx.client()?;
        let ready = ready(client, statements).await?;
        let (begun, changed, committed) = futures_util::join!(
            client.batch_execute(BEGIN),
            join_all(ready.iter().map(|one| one.execute(client))),
            client.batch_execute("COMMIT")
        );
        begun.map_err(error)?;
        tx.ended(changed, committed)
    }

    pub(super) fn usage(&self) -> PoolUse {
        self.takes.with(&self.inner.status())
    }
}

/// While the server runs, also a password that has become wrong may be right again later.
fn pool_error(error: deadpool_postgres::PoolError) -> StoreError {
    match error {
        deadpool_postgres::PoolError::Timeout(_) => StoreError::Busy("no database connection became free in time".into()),
        deadpool_postgres::PoolError::Backend(e) => StoreError::Unavailable(describe(&e)),
        e => StoreError::Unavailable(e.to_string()),
    }
}

impl Connection {
    /// Text comes in all scripts.
    async fn need_suitable_server(&self) -> Result<()> {
        let sql = "SELECT current_setting('server_encoding'), current_setting('server_version'), \
                   CAST(current_setting('server_version_num') AS INTEGER) / 10000";
        let row = self.client.query_one(sql, &[]).await.map_err(error)?;
        let read = || Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
        let (encoding, version, major): (String, String, i32) = read().map_err(error)?;
        if major < OLDEST {
            return Err(StoreError::Unsuitable(format!("the server is PostgreSQL {version}; {OLDEST} or later is needed")));
        }
        if encoding == "UTF8" {
            return Ok(());
        }
        Err(StoreError::Unsuitable(format!(
            "the database is in {encoding}, which cannot hold every note: make a new one with ENCODING 'UTF8' TEMPLATE template0 \
             (docs/databases.md)"
        )))
    }

    pub(super) async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        query(&self.client, sql, params).await
    }

    pub(super) async fn execute(&self, sql: &str, params: Vec<Value>) -> Result<u64> {
        execute(&self.client, sql, params).await
    }

    pub(super) async fn script(&self, sql: &str) -> Result<()> {
        self.client.batch_execute(&ddl(sql)).await.map_err(error)
    }
}

impl Tx {
    fn client(&self) -> Result<&Object> {
        self.client.as_ref().ok_or_else(|| StoreError::Internal("transaction has ended".into()))
    }

    pub(super) async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        query(self.client()?, sql, params).await
    }

    pub(super) async fn execute(&self, sql: &str, params: Vec<Value>) -> Result<u64> {
        execute(self.client()?, sql, params).await
    }

    pub(super) async fn stream(&self, sql: &str, params: Vec<Value>) -> Result<impl Stream<Item = Result<Row>> + Send + use<>> {
        let typed = params.into_iter().map(|value| {
            let ty = value_type(&value);
            (value, ty)
        });
        let rows = self.client()?.query_typed_raw(&translate(sql), typed).await.map_err(error)?;
        Ok(rows.map(|row| row.map(Row).map_err(error)))
    }

    pub(super) async fn limit_time(&self, ms: u32) -> Result<()> {
        self.client()?.batch_execute(&format!("SET LOCAL statement_timeout = {ms}")).await.map_err(error)
    }

    pub(super) async fn upsert(&self, schema: &str, table: &Table, rows: Vec<Vec<Value>>) -> Result<()> {
        self.insert(schema, table, rows, true).await.map(drop)
    }

    pub(super) async fn insert_new(&self, schema: &str, table: &Table, rows: Vec<Vec<Value>>) -> Result<u64> {
        self.insert(schema, table, rows, false).await
    }

    /// One INSERT … SELECT FROM UNNEST per batch: one round trip and one plan for thousands of rows.
    async fn insert(&self, schema: &str, table: &Table, rows: Vec<Vec<Value>>, replace: bool) -> Result<u64> {
        if rows.is_empty() {
            return Ok(0);
        }
        let sql = translate(&insert_sql(schema, table, replace));
        let mut changed = 0;
        let mut columns: Vec<ColumnValues> = ColumnValues::for_table(table);
        let (mut count, mut bytes) = (0, 0);
        for row in rows {
            for (column, value) in columns.iter_mut().zip(row) {
                bytes += column.push(value)?;
            }
            count += 1;
            if count >= BATCH_ROWS || bytes >= BATCH_BYTES {
                let batch = std::mem::replace(&mut columns, ColumnValues::for_table(table));
                changed += self.insert_batch(&sql, &batch).await?;
                (count, bytes) = (0, 0);
            }
        }
        if count > 0 {
            changed += self.insert_batch(&sql, &columns).await?;
        }
        Ok(changed)
    }

    async fn insert_batch(&self, sql: &str, columns: &[ColumnValues]) -> Result<u64> {
        let params: Vec<(&(dyn ToSql + Sync), Type)> = columns.iter().map(ColumnValues::param).collect();
        // `query_typed` has no sibling that only counts, so the count comes back as a row.
        let rows = self.client()?.query_typed(sql, &params).await.map_err(error)?;
        let count = rows.first().map_or(Ok(0), |row| row.try_get::<_, i64>(0)).map_err(error)?;
        Ok(count.unsigned_abs())
    }

    pub(super) async fn script(&self, sql: &str) -> Result<()> {
        self.client()?.batch_execute(&ddl(sql)).await.map_err(error)
    }

    /// Without keys and indexes: making them after loading is several times faster.
    pub(super) async fn create_table(&self, schema: &str, table: &Table, columns: &str) -> Result<()> {
        self.script(&format!("CREATE TABLE {schema}.{} ({columns})", table.name)).await
    }

    pub(super) async fn finish_table(&self, schema: &str, table: &Table, indexes: &[Index]) -> Result<()> {
        let on = format!("{schema}.{}", table.name);
        let mut sql = format!("ALTER TABLE {on} ADD PRIMARY KEY ({})", table.key.join(", "));
        for (name, columns) in indexes {
            let _ = write!(sql, "; CREATE INDEX {name} ON {on} ({columns})");
        }
        self.script(&format!("{sql}; ANALYZE {on}")).await
    }

    pub(super) async fn load<E: From<StoreError>>(
        &self,
        schema: &str,
        table: &Table,
        rows: impl Stream<Item = Result<Bytes, E>>,
        is_new: bool,
    ) -> Result<u64, E> {
        // Rows that are frozen from the start do not have to be written again when they are first read, and later by a vacuum.
        let how = if is_new { " (FREEZE)" } else { "" };
        let sql = translate(&format!("COPY {schema}.{} ({}) FROM STDIN{how}", table.name, table.column_list()));
        let sink = self.client()?.copy_in::<_, Bytes>(&sql).await.map_err(error)?;
        pin_mut!(sink, rows);
        while let Some(chunk) = rows.next().await {
            // Dropping the sink unfinished makes the server discard what it has got.
            sink.send(chunk?).await.map_err(error)?;
        }
        Ok(sink.finish().await.map_err(error)?)
    }

    pub(super) async fn commit_with(mut self, statements: Vec<(&str, Vec<Value>)>) -> Result<Vec<u64>> {
        let client = self.client()?;
        let ready = ready(client, statements).await?;
        let (changed, committed) =
            futures_util::join!(join_all(ready.iter().map(|one| one.execute(client))), client.batch_execute("COMMIT"));
        self.ended(changed, committed)
    }

    /// What came of statements that were sent together with their COMMIT. After one that failed, it has rolled back, without an error.
    fn ended(&mut self, changed: Vec<Result<u64>>, committed: Result<(), tokio_postgres::Error>) -> Result<Vec<u64>> {
        let changed = changed.into_iter().collect::<Result<_>>()?;
        committed.map_err(error)?;
        drop(self.client.take());
        Ok(changed)
    }

    pub(super) async fn end(mut self, how: &str) -> Result<()> {
        self.client()?.batch_execute(how).await.map_err(error)?;
        // Only now may the connection go back to the pool; see `drop`.
        drop(self.client.take());
        Ok(())
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        // A transaction that nobody ended: closing the connection is the one way to undo it without waiting.
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

async fn query(client: &Object, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
    Ready::new(client, sql, params).await?.query(client).await
}

async fn execute(client: &Object, sql: &str, params: Vec<Value>) -> Result<u64> {
    Ready::new(client, sql, params).await?.execute(client).await
}

/// Makes statements ready one after the other. Only ready ones can be sent in a fixed order.
async fn ready(client: &Object, statements: Vec<(&str, Vec<Value>)>) -> Result<Vec<Ready>> {
    let mut ready = Vec::with_capacity(statements.len());
    for (sql, params) in statements {
        ready.push(Ready::new(client, sql, params).await?);
    }
    Ok(ready)
}

/// A statement that can be sent at once.
struct Ready {
    how: How,
    params: Vec<Value>,
}

enum How {
    Planned(Statement),
    Text(String),
}

impl Ready {
    /// Statements about shared tables only are few and come with every request, so each connection keeps them planned. Those of
    /// collections would grow with the number of users.
    async fn new(client: &Object, sql: &str, params: Vec<Value>) -> Result<Self> {
        let text = translate(sql);
        let how = if is_shared(sql) {
            let types: Vec<Type> = params.iter().map(value_type).collect();
            How::Planned(client.prepare_typed_cached(&text, &types).await.map_err(error)?)
        } else {
            How::Text(text)
        };
        Ok(Self { how, params })
    }

    async fn query(&self, client: &Object) -> Result<Vec<Row>> {
        let rows = match &self.how {
            How::Planned(statement) => client.query(statement, &self.values()).await,
            How::Text(sql) => client.query_typed(sql, &self.typed()).await,
        };
        Ok(rows.map_err(error)?.into_iter().map(Row).collect())
    }

    async fn execute(&self, client: &Object) -> Result<u64> {
        match &self.how {
            How::Planned(statement) => client.execute(statement, &self.values()).await.map_err(error),
            How::Text(sql) => client.execute_typed(sql, &self.typed()).await.map_err(error),
        }
    }

    fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.params.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
    }

    fn typed(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.params.iter().map(|value| (value as &(dyn ToSql + Sync), value_type(value))).collect()
    }
}

fn is_shared(sql: &str) -> bool {
    sql.contains("{s}.") && !sql.contains("djs_")
}

impl Row {
    pub(super) fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        let wrong = |e: tokio_postgres::Error| StoreError::Internal(describe(&e));
        match self.0.columns().get(column).map(|c| c.type_()) {
            Some(&Type::INT8) => self.0.try_get::<_, Option<i64>>(column).map_err(wrong),
            Some(&Type::INT4) => Ok(self.0.try_get::<_, Option<i32>>(column).map_err(wrong)?.map(i64::from)),
            Some(&Type::INT2) => Ok(self.0.try_get::<_, Option<i16>>(column).map_err(wrong)?.map(i64::from)),
            Some(&Type::BOOL) => Ok(self.0.try_get::<_, Option<bool>>(column).map_err(wrong)?.map(i64::from)),
            other => Err(StoreError::Internal(format!("column {column} is {other:?}, not a whole number"))),
        }
    }

    pub(super) fn opt_text(&self, column: usize) -> Result<Option<String>> {
        let text = self.0.try_get::<_, Option<String>>(column).map_err(|e| StoreError::Internal(describe(&e)))?;
        Ok(text.map(unescape_text))
    }

    pub(super) fn opt_bytes(&self, column: usize) -> Result<Option<Vec<u8>>> {
        let raw = self.0.try_get::<_, Option<RawBytes>>(column).map_err(|e| StoreError::Internal(describe(&e)))?;
        Ok(raw.map(|bytes| bytes.0))
    }
}

struct RawBytes(Vec<u8>);

impl<'a> FromSql<'a> for RawBytes {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::BYTEA
    }
}

/// `?` → `$n`, `IN ??` → `= ANY($n)`, `NOT IN ??` → `<> ALL($n)`, `{s}` → the shared schema. Statements contain no `?` in literals.
fn translate(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 32);
    let mut number = 0;
    let mut rest = sql;
    while let Some(at) = rest.find(['?', '{']) {
        let (before, from) = rest.split_at(at);
        if let Some(after) = from.strip_prefix("{s}") {
            out.push_str(before);
            out.push_str(SHARED_SCHEMA);
            rest = after;
        } else if let Some(after) = from.strip_prefix("{ascii}") {
            out.push_str(before);
            out.push_str("COLLATE \"C\"");
            rest = after;
        } else if let Some(after) = from.strip_prefix("{int}") {
            out.push_str(before);
            out.push_str("BIGINT");
            rest = after;
        } else if let Some(after) = from.strip_prefix("{div}") {
            out.push_str(before);
            out.push('/');
            rest = after;
        } else if let Some(after) = from.strip_prefix("??") {
            number += 1;
            let trimmed = before.trim_end();
            let _ = if let Some(head) = trimmed.strip_suffix("NOT IN") {
                out.push_str(head);
                write!(out, "<> ALL(${number})")
            } else {
                out.push_str(trimmed.strip_suffix("IN").unwrap_or(trimmed));
                write!(out, "= ANY(${number})")
            };
            rest = after;
        } else if let Some(after) = from.strip_prefix('?') {
            number += 1;
            out.push_str(before);
            let _ = write!(out, "${number}");
            rest = after;
        } else {
            out.push_str(before);
            out.push('{');
            rest = &from[1..];
        }
    }
    out.push_str(rest);
    out
}

fn ddl(sql: &str) -> String {
    sql.replace("{s}", SHARED_SCHEMA).replace("KEY_T", "TEXT COLLATE \"C\"").replace("TEXT_T", "TEXT").replace("BLOB_T", "BYTEA")
}

fn insert_sql(schema: &str, table: &Table, replace: bool) -> String {
    let mut sql = format!("WITH written AS (INSERT INTO {schema}.{} ({}) SELECT * FROM UNNEST(", table.name, table.column_list());
    for (i, (_, kind)) in table.columns.iter().enumerate() {
        let ty = match kind {
            Kind::Int => "int8",
            Kind::Text => "text",
            Kind::Bytes => "bytea",
        };
        let _ = write!(sql, "{}${}::{ty}[]", if i == 0 { "" } else { ", " }, i + 1);
    }
    let _ = write!(sql, ") ON CONFLICT ({}) DO ", table.key.join(", "));
    let sets: Vec<String> =
        table.columns.iter().filter(|(name, _)| !table.key.contains(name)).map(|(name, _)| format!("{name} = EXCLUDED.{name}")).collect();
    if replace && !sets.is_empty() {
        let _ = write!(sql, "UPDATE SET {}", sets.join(", "));
    } else {
        sql.push_str("NOTHING");
    }
    sql.push_str(" RETURNING 1) SELECT count(*) FROM written");
    sql
}

/// The values of one column of a batch.
enum ColumnValues {
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl ColumnValues {
    fn for_table(table: &Table) -> Vec<Self> {
        let empty = |kind: &Kind| match kind {
            Kind::Int => Self::Int(Vec::new()),
            Kind::Text => Self::Text(Vec::new()),
            Kind::Bytes => Self::Bytes(Vec::new()),
        };
        table.columns.iter().map(|(_, kind)| empty(kind)).collect()
    }

    /// Appends a value and answers its size in bytes.
    fn push(&mut self, value: Value) -> Result<usize> {
        match (self, value) {
            (Self::Int(column), Value::Int(v)) => column.push(Some(v)),
            (Self::Int(column), Value::NullInt) => column.push(None),
            (Self::Text(column), Value::Text(v)) => {
                let size = v.len();
                column.push(Some(match escape_text(&v) {
                    std::borrow::Cow::Owned(escaped) => escaped,
                    std::borrow::Cow::Borrowed(_) => v,
                }));
                return Ok(size);
            }
            (Self::Text(column), Value::NullText) => column.push(None),
            (Self::Bytes(column), Value::Bytes(v)) => {
                let size = v.len();
                column.push(Some(v));
                return Ok(size);
            }
            (Self::Bytes(column), Value::NullBytes) => column.push(None),
            _ => return Err(StoreError::Internal("a row's value does not fit its column".into())),
        }
        Ok(8)
    }

    fn param(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Self::Int(v) => (v, Type::INT8_ARRAY),
            Self::Text(v) => (v, Type::TEXT_ARRAY),
            Self::Bytes(v) => (v, Type::BYTEA_ARRAY),
        }
    }
}

fn value_type(value: &Value) -> Type {
    match value {
        Value::Int(_) | Value::NullInt => Type::INT8,
        Value::Text(_) | Value::NullText => Type::TEXT,
        Value::Bytes(_) | Value::NullBytes => Type::BYTEA,
        Value::Ints(_) => Type::INT8_ARRAY,
        Value::Texts(_) => Type::TEXT_ARRAY,
    }
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Int(v) => v.to_sql(ty, out),
            Self::Text(v) => escape_text(v).as_ref().to_sql(ty, out),
            Self::Bytes(v) => v.to_sql(ty, out),
            Self::NullInt | Self::NullText | Self::NullBytes => Ok(IsNull::Yes),
            Self::Ints(v) => v.to_sql(ty, out),
            Self::Texts(v) => {
                let escaped: Vec<_> = v.iter().map(|text| escape_text(text)).collect();
                let borrowed: Vec<&str> = escaped.iter().map(AsRef::as_ref).collect();
                borrowed.to_sql(ty, out)
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        // The detail can hold row values, so only the message goes into logs.
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(error);
            while let Some(cause) = source {
                let _ = write!(text, ": {cause}");
                source = cause.source();
            }
            text
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
fn error(error: tokio_postgres::Error) -> StoreError {
    let text = describe(&error);
    let Some(code) = error.code() else {
        return if error.is_closed() || std::error::Error::source(&error).is_some_and(|s| s.is::<std::io::Error>()) {
            StoreError::Unavailable(text)
        } else {
            StoreError::Internal(text)
        };
    };
    match *code {
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => StoreError::Repeat(text),
        SqlState::LOCK_NOT_AVAILABLE => StoreError::LockWait(text),
        SqlState::QUERY_CANCELED => StoreError::Busy(text),
        SqlState::UNIQUE_VIOLATION | SqlState::DUPLICATE_SCHEMA | SqlState::DUPLICATE_TABLE | SqlState::DUPLICATE_OBJECT => {
            StoreError::AlreadyExists(text)
        }
        SqlState::UNDEFINED_TABLE | SqlState::INVALID_SCHEMA_NAME => StoreError::Gone(text),
        SqlState::INSUFFICIENT_PRIVILEGE => StoreError::Denied(text),
        // Classes: 08 connection, 53 resources such as connections and disk, 57 operator intervention, 58 system (I/O),
        // 25006 read-only server during a fail-over.
        ref code if ["08", "53", "57", "58"].contains(&&code.code()[..2]) || *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
            StoreError::Unavailable(text)
        }
        _ => StoreError::Internal(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_become_numbers() {
        assert_eq!(
            translate("SELECT a FROM {s}.t WHERE b = ? AND c IN ?? AND d NOT IN ?? AND e = ?"),
            "SELECT a FROM djankiserv.t WHERE b = $1 AND c = ANY($2) AND d <> ALL($3) AND e = $4"
        );
    }

    #[test]
    fn only_statements_without_a_collection_are_kept() {
        assert!(is_shared("SELECT 1 FROM {s}.generations WHERE account = ?"));
        assert!(!is_shared("SELECT 1 FROM djs_5_1.cards"));
        assert!(!is_shared("SELECT 1 FROM {s}.generations JOIN djs_5_1.cards ON true"));
        assert!(!is_shared("SELECT 1"));
    }

    #[test]
    fn bulk_statements_name_each_column() {
        let table = Table { name: "t", columns: &[("id", Kind::Int), ("name", Kind::Text)], key: &["id"] };
        assert_eq!(
            insert_sql("c", &table, true),
            "WITH written AS (INSERT INTO c.t (id, name) SELECT * FROM UNNEST($1::int8[], $2::text[]) \
             ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name RETURNING 1) SELECT count(*) FROM written"
        );
    }
}
