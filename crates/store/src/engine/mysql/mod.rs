//! MySQL and MariaDB: all that is particular to them. Where the two differ, the server's version decides.

mod bulk;
mod connect;
mod error;
pub(super) mod examine;
mod load;
mod pool;
mod row;
mod sql;
mod tx;

pub(super) use pool::Pool;
pub(super) use row::Row;
pub(super) use tx::Tx;

use crate::error::Result;
use error::error;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use pool::Dialect;
use sql::Statement;

async fn query(conn: &mut Conn, statement: Statement, dialect: &Dialect) -> Result<Vec<Row>> {
    statement.check_size(dialect.max_packet)?;
    let rows: Vec<mysql_async::Row> =
        if statement.params.is_empty() { conn.query(statement.sql).await } else { conn.exec(statement.sql, statement.params).await }
            .map_err(error)?;
    Ok(rows.into_iter().map(Row).collect())
}

async fn execute(conn: &mut Conn, statement: Statement, dialect: &Dialect) -> Result<u64> {
    statement.check_size(dialect.max_packet)?;
    if statement.params.is_empty() { conn.query_drop(statement.sql).await } else { conn.exec_drop(statement.sql, statement.params).await }
        .map_err(error)?;
    Ok(conn.affected_rows())
}

/// Runs DDL, one statement after the other.
async fn script(conn: &mut Conn, statements: Vec<sql::Ddl>) -> Result<()> {
    for statement in statements {
        match conn.query_drop(statement.sql).await {
            Err(mysql_async::Error::Server(e)) if statement.may_exist && error::ALREADY_THERE.contains(&e.code) => {}
            outcome => outcome.map_err(error)?,
        }
    }
    Ok(())
}
