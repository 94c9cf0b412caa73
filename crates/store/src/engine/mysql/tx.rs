//! A transaction, and what can be done in it.

use super::error::error;
use super::pool::{Dialect, Held};
use super::row::Row;
use super::sql::{self, Statement, translate};
use super::{execute, query, script};
use crate::engine::Value;
use crate::error::Result;
use futures_util::{Stream, StreamExt, stream};
use mysql_async::prelude::{Protocol, Queryable};
use mysql_async::{Conn, QueryResult};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Mutex, mpsc};

/// Rows that were read ahead of whoever streams them.
const READ_AHEAD: usize = 512;

/// Statements wait for each other: the connection knows only one at a time.
pub struct Tx {
    pub(super) held: Arc<Mutex<Held>>,
    pub(super) dialect: Arc<Dialect>,
    /// Whether the connection has a limit on the time of statements, which does not end with the transaction.
    is_limited: AtomicBool,
}

impl Tx {
    /// Begins, and runs the first statements. Those without texts go along in the same packet.
    pub(super) async fn begin(
        mut held: Held,
        dialect: Arc<Dialect>,
        how: &str,
        statements: Vec<Statement>,
    ) -> Result<(Self, Vec<Vec<Row>>)> {
        let mut answers = Vec::with_capacity(statements.len());
        let mut packet = how.to_owned();
        let mut statements = statements.into_iter().peekable();
        while let Some(statement) = statements.next_if(|statement| statement.params.is_empty()) {
            packet.push_str("; ");
            packet.push_str(&statement.sql);
            answers.push(Vec::new());
        }
        let mut result = held.conn()?.query_iter(packet).await.map_err(error)?;
        for _ in how.split(';') {
            result.collect::<mysql_async::Row>().await.map_err(error)?;
        }
        for answer in &mut answers {
            let rows: Vec<mysql_async::Row> = result.collect().await.map_err(error)?;
            answer.extend(rows.into_iter().map(Row));
        }
        result.drop_result().await.map_err(error)?;
        for statement in statements {
            answers.push(query(held.conn()?, statement, &dialect).await?);
        }
        Ok((Self { held: Arc::new(Mutex::new(held)), dialect, is_limited: AtomicBool::new(false) }, answers))
    }

    pub async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        let statement = translate(sql, params, &self.dialect.shared)?;
        query(self.held.lock().await.conn()?, statement, &self.dialect).await
    }

    pub async fn execute(&self, sql: &str, params: Vec<Value>) -> Result<u64> {
        let statement = translate(sql, params, &self.dialect.shared)?;
        execute(self.held.lock().await.conn()?, statement, &self.dialect).await
    }

    pub async fn limit_time(&self, ms: u32) -> Result<()> {
        self.is_limited.store(true, Ordering::Relaxed);
        let sql =
            self.dialect.time_limit(&if self.dialect.is_mariadb { format!("{}.{:03}", ms / 1000, ms % 1000) } else { ms.to_string() });
        self.held.lock().await.conn()?.query_drop(sql).await.map_err(error)
    }

    pub async fn script(&self, sql: &str) -> Result<()> {
        let statements = sql::script(sql, &self.dialect.shared, self.dialect.text_collation);
        script(self.held.lock().await.conn()?, statements).await
    }

    /// A task reads the rows, and holds the connection until it has read all or nobody wants more of them.
    pub async fn stream(&self, sql: &str, params: Vec<Value>) -> Result<impl Stream<Item = Result<Row>> + Send + use<>> {
        let statement = translate(sql, params, &self.dialect.shared)?;
        statement.check_size(self.dialect.max_packet)?;
        let mut held = self.held.clone().lock_owned().await;
        held.conn()?;
        let (sender, receiver) = mpsc::channel(READ_AHEAD);
        tokio::spawn(async move {
            if let Ok(conn) = held.conn()
                && let Err(e) = forward(conn, statement, &sender).await
            {
                let _ = sender.send(Err(error(e))).await;
            }
        });
        Ok(stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|row| (row, receiver)) }))
    }

    pub async fn commit_with(self, statements: Vec<(&str, Vec<Value>)>) -> Result<Vec<u64>> {
        let mut changed = Vec::with_capacity(statements.len());
        for (sql, params) in statements {
            changed.push(self.execute(sql, params).await?);
        }
        self.end("COMMIT").await?;
        Ok(changed)
    }

    pub async fn end(self, how: &str) -> Result<()> {
        let mut held = self.held.lock().await;
        held.conn()?.query_drop(how).await.map_err(error)?;
        if self.is_limited.load(Ordering::Relaxed) {
            held.conn()?.query_drop(self.dialect.time_limit("DEFAULT")).await.map_err(error)?;
        }
        // Only now may the connection go back to the pool.
        held.release();
        Ok(())
    }
}

async fn forward(conn: &mut Conn, statement: Statement, to: &mpsc::Sender<Result<Row>>) -> mysql_async::Result<()> {
    if statement.params.is_empty() {
        forward_rows(conn.query_iter(statement.sql).await?, to).await
    } else {
        forward_rows(conn.exec_iter(statement.sql, statement.params).await?, to).await
    }
}

async fn forward_rows<P: Protocol + Unpin>(mut from: QueryResult<'_, '_, P>, to: &mpsc::Sender<Result<Row>>) -> mysql_async::Result<()> {
    let Some(mut rows) = from.stream::<mysql_async::Row>().await? else { return Ok(()) };
    while let Some(row) = rows.next().await {
        if to.send(Ok(Row(row?))).await.is_err() {
            break;
        }
    }
    Ok(())
}
