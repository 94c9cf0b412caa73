//! Connections, and how each of them is set up.

use super::connect::connect;
use super::error::{connecting, error};
use super::row::Row;
use super::sql::{self, quoted, translate};
use super::tx::Tx;
use super::{execute, query, script};
use crate::engine::usage::{PoolUse, Takes};
use crate::engine::{ConnectTo, Value};
use crate::error::{Result, StoreError};
use deadpool::Runtime;
use deadpool::managed::{self, Metrics, QueueMode, RecycleError, RecycleResult};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder};
use std::sync::Arc;
use std::time::Duration;

/// As on PostgreSQL, connections are replaced after some use and some time.
const MOST_USES: usize = 2_000;
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 60);
/// How long to wait for a free connection, or for a new one.
const PATIENCE: Duration = Duration::from_secs(5);
/// A connection that was used this short a time ago is not asked whether it still lives. Asking costs a round trip.
const SURELY_ALIVE: Duration = Duration::from_millis(10);
/// What each connection is told first. Strict, so that nothing is cut off or clamped; READ COMMITTED, so that a statement after the one
/// that took a lock sees what the lock waited for. MySQL alone would wait for a table's lock for a year.
pub(super) const SESSION_SETTINGS: &str = "SET NAMES utf8mb4; SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
     SESSION default_storage_engine = InnoDB, SESSION innodb_lock_wait_timeout = 10, SESSION lock_wait_timeout = 10, \
     SESSION wait_timeout = 3600; SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
/// MariaDB ends abandoned transactions by itself; MySQL has to rely on the connection being closed.
pub(super) const MARIADB_SETTINGS: &str = "; SET SESSION idle_transaction_timeout = 60";
/// MySQL alone remembers the sizes of tables for a day.
const MYSQL_SETTINGS: &str = "; SET SESSION information_schema_stats_expiry = 0";
/// Below this limit on packets, notes of some megabytes do not fit.
pub(super) const SMALL_PACKET: usize = 32 << 20;

#[derive(Clone)]
pub struct Pool {
    inner: managed::Pool<Manager>,
    takes: Arc<Takes>,
    dialect: Arc<Dialect>,
}

/// What statements need to know of the database.
pub(super) struct Dialect {
    /// The shared database, quoted.
    pub shared: String,
    /// Compares bytes, and blanks at the end count. The name differs.
    pub text_collation: &'static str,
    pub is_mariadb: bool,
    /// The most bytes of one statement.
    pub max_packet: usize,
}

impl Dialect {
    /// Sets the most time of a statement: seconds on MariaDB, milliseconds on MySQL.
    pub(super) fn time_limit(&self, value: &str) -> String {
        format!("SET SESSION {} = {value}", if self.is_mariadb { "max_statement_time" } else { "max_execution_time" })
    }
}

/// A connection of the pool.
pub(super) type Object = managed::Object<Manager>;

pub(super) struct Manager {
    opts: Opts,
}

impl managed::Manager for Manager {
    type Type = Conn;
    type Error = mysql_async::Error;

    async fn create(&self) -> Result<Conn, mysql_async::Error> {
        Conn::new(self.opts.clone()).await
    }

    async fn recycle(&self, conn: &mut Conn, metrics: &Metrics) -> RecycleResult<mysql_async::Error> {
        if metrics.recycle_count > MOST_USES || metrics.created.elapsed() > LONGEST_LIFE || conn.is_disconnected() {
            return Err(RecycleError::message("connection replaced"));
        }
        if metrics.last_used() > SURELY_ALIVE {
            conn.ping().await?;
        }
        Ok(())
    }
}

impl Pool {
    pub async fn connect(to: &ConnectTo) -> Result<Self> {
        let first = tokio::time::timeout(PATIENCE, connect(to)).await;
        let (mut first, opts) = first.map_err(|_| StoreError::Unavailable("the server does not answer".into()))??;
        let server = Server::ask(&mut first).await?;
        // The others will be like it; that it ends badly harms nobody.
        let _ = first.disconnect().await;
        let more = if server.is_mariadb { MARIADB_SETTINGS } else { MYSQL_SETTINGS };
        let settings = format!("{SESSION_SETTINGS}{more}");
        let manager = Manager { opts: OptsBuilder::from_opts(opts).setup(vec![settings]).into() };
        let inner = managed::Pool::builder(manager)
            .max_size(to.max_connections)
            // The one used last, which need not be asked whether it still lives.
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .recycle_timeout(Some(PATIENCE))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|e| StoreError::Internal(format!("connection pool: {e}")))?;
        let dialect = Dialect {
            shared: quoted(&to.database),
            is_mariadb: server.is_mariadb,
            text_collation: if server.is_mariadb { "utf8mb4_nopad_bin" } else { "utf8mb4_0900_bin" },
            max_packet: server.max_packet,
        };
        let pool = Self { inner, takes: Arc::default(), dialect: Arc::new(dialect) };
        // Proves that the settings of connections are understood.
        pool.held().await?.release();
        Ok(pool)
    }

    pub async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        let statement = translate(sql, params, &self.dialect.shared)?;
        let mut held = self.held().await?;
        let rows = query(held.conn()?, statement, &self.dialect).await;
        held.release();
        rows
    }

    pub async fn execute(&self, sql: &str, params: Vec<Value>) -> Result<u64> {
        let statement = translate(sql, params, &self.dialect.shared)?;
        let mut held = self.held().await?;
        let count = execute(held.conn()?, statement, &self.dialect).await;
        held.release();
        count
    }

    pub async fn script(&self, sql: &str) -> Result<()> {
        let statements = sql::script(sql, &self.dialect.shared, self.dialect.text_collation);
        let mut held = self.held().await?;
        let outcome = script(held.conn()?, statements).await;
        held.release();
        outcome
    }

    pub async fn begin(&self) -> Result<Tx> {
        Ok(self.begin_with(Vec::new()).await?.0)
    }

    pub async fn begin_with(&self, statements: Vec<(&str, Vec<Value>)>) -> Result<(Tx, Vec<Vec<Row>>)> {
        let statements = statements.into_iter().map(|(sql, params)| translate(sql, params, &self.dialect.shared));
        Tx::begin(self.held().await?, self.dialect.clone(), "START TRANSACTION", statements.collect::<Result<_>>()?).await
    }

    pub async fn together(&self, statements: Vec<(&str, Vec<Value>)>) -> Result<Vec<u64>> {
        self.begin().await?.commit_with(statements).await
    }

    pub async fn snapshot(&self) -> Result<Tx> {
        let how = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
        Ok(Tx::begin(self.held().await?, self.dialect.clone(), how, Vec::new()).await?.0)
    }

    pub async fn create_schema(&self, name: &str) -> Result<()> {
        let sql = format!("CREATE DATABASE {} CHARACTER SET utf8mb4 COLLATE {}", quoted(name), self.dialect.text_collation);
        self.script(&sql).await
    }

    pub async fn drop_schema(&self, name: &str) -> Result<()> {
        self.script(&format!("DROP DATABASE IF EXISTS {}", quoted(name))).await
    }

    pub async fn schemas(&self, prefix: &str) -> Result<Vec<String>> {
        let sql = "SELECT schema_name FROM information_schema.schemata WHERE LEFT(schema_name, ?) = ? ORDER BY 1";
        let rows = self.query(sql, crate::params![prefix.len() as i64, prefix]).await?;
        rows.iter().map(|row| row.opt_text(0).map(Option::unwrap_or_default)).collect()
    }

    pub async fn schema_sizes(&self, names: &[String]) -> Result<Vec<Row>> {
        let sql = "SELECT table_schema, CAST(SUM(data_length + index_length) AS SIGNED) FROM information_schema.tables \
                   WHERE table_schema IN ?? GROUP BY table_schema";
        self.query(sql, crate::params![names.to_vec()]).await
    }

    pub async fn analyze(&self, schema: &str, table: &str) -> Result<()> {
        self.script(&format!("ANALYZE TABLE {schema}.{table}")).await
    }

    pub fn usage(&self) -> PoolUse {
        self.takes.with(&self.inner.status())
    }

    async fn held(&self) -> Result<Held> {
        let object = self.takes.count(self.inner.get()).await.map_err(|e| match e {
            managed::PoolError::Timeout(_) => StoreError::Busy("no database connection became free in time".into()),
            managed::PoolError::Backend(e) => connecting(e),
            e => StoreError::Unavailable(e.to_string()),
        })?;
        Ok(Held(Some(object)))
    }
}

/// A connection that is in use. Dropped without [`Held::release`], it is closed: whatever it was doing is undone by the server, and
/// nobody else gets to see the rest of its answers.
pub(super) struct Held(Option<Object>);

impl Held {
    pub(super) fn conn(&mut self) -> Result<&mut Conn> {
        match &mut self.0 {
            Some(object) => Ok(object),
            None => Err(StoreError::Internal("transaction has ended".into())),
        }
    }

    /// Gives the connection back to the pool, which looks whether it is broken before it uses it again.
    pub(super) fn release(&mut self) {
        drop(self.0.take());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            let conn = Object::take(object);
            // Says goodbye without reading what is still to come. Outside of a runtime the socket is simply closed.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(conn.disconnect());
            }
        }
    }
}

/// The oldest version that we work with.
pub(super) fn oldest(is_mariadb: bool) -> (u16, u16, u16) {
    if is_mariadb { (10, 6, 0) } else { (8, 0, 17) }
}

/// What the server says of itself.
struct Server {
    is_mariadb: bool,
    max_packet: usize,
}

impl Server {
    async fn ask(conn: &mut Conn) -> Result<Self> {
        let sql =
            "SELECT VERSION(), CAST(@@max_allowed_packet AS CHAR), CAST(@@log_bin AS CHAR), CAST(@@innodb_flush_log_at_trx_commit AS CHAR)";
        let row: Option<(String, String, String, String)> = conn.query_first(sql).await.map_err(error)?;
        let (version, packet, has_binlog, flush) = row.ok_or_else(|| StoreError::Internal("the server tells nothing of itself".into()))?;
        let is_mariadb = version.contains("MariaDB");
        let oldest = oldest(is_mariadb);
        if conn.server_version() < oldest {
            let (name, (major, minor, patch)) = (if is_mariadb { "MariaDB" } else { "MySQL" }, oldest);
            return Err(StoreError::Unsuitable(format!("the server is {name} {version}; {major}.{minor}.{patch} or later is needed")));
        }
        let format: Option<(String, String)> = conn.query_first("SHOW VARIABLES LIKE 'binlog_format'").await.map_err(error)?;
        if has_binlog != "0" && format.is_some_and(|(_, format)| format.eq_ignore_ascii_case("STATEMENT")) {
            return Err(StoreError::Unsuitable(
                "the server logs statements (binlog_format = STATEMENT), which does not go together with READ COMMITTED: set it to ROW"
                    .into(),
            ));
        }
        if flush != "1" {
            tracing::warn!(
                innodb_flush_log_at_trx_commit = flush,
                "the database server does not wait for the disk when it commits: a crash of the machine can lose syncs that clients believe to be done"
            );
        }
        let max_packet = packet.parse().unwrap_or(1 << 20);
        if max_packet < SMALL_PACKET {
            tracing::warn!(
                max_allowed_packet = max_packet,
                "the database server takes only small packets: notes of several megabytes will be refused; set max_allowed_packet = 1G"
            );
        }
        Ok(Self { is_mariadb, max_packet })
    }
}
