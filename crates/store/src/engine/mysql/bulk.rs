//! Writing many rows with few statements.

use super::error::error;
use super::query;
use super::sql::{Statement, translate};
use super::tx::Tx;
use crate::engine::table::{Kind, Table};
use crate::engine::{Row as AnyRow, Value};
use crate::error::{Result, StoreError};
use mysql_async::prelude::Queryable;
use std::collections::HashSet;

/// Rows and bytes that go into one INSERT. It has at most 65,535 placeholders, and no table has more than eight columns of text.
const BATCH_ROWS: usize = 5_000;
const BATCH_BYTES: usize = 4 << 20;

impl Tx {
    /// Writes rows, replacing those with the same key.
    pub async fn upsert(&self, schema: &str, table: &Table, rows: Vec<Vec<Value>>) -> Result<()> {
        let others = table.columns.iter().map(|(name, _)| *name).filter(|name| !table.key.contains(name));
        // MySQL 8 has a newer word for it, which MariaDB does not know.
        let sets: Vec<String> = others.map(|name| format!("{name} = VALUES({name})")).collect();
        self.insert(schema, table, rows, &format!(" ON DUPLICATE KEY UPDATE {}", sets.join(", "))).await.map(drop)
    }

    /// Writes rows whose key does not exist yet. `INSERT IGNORE` would also let pass what does not fit, so the keys are asked for first;
    /// a row that appears in between is an error.
    pub async fn insert_new(&self, schema: &str, table: &Table, mut rows: Vec<Vec<Value>>) -> Result<u64> {
        let mut existing = HashSet::new();
        for part in rows.chunks(BATCH_ROWS) {
            let keys = part.iter().map(|row| key_of(table, row)).collect::<Result<Vec<_>>>()?;
            let columns = table.key.join(", ");
            let mut statement =
                translate(&format!("SELECT {columns} FROM {schema}.{} WHERE ({columns}) IN (", table.name), vec![], &self.dialect.shared)?;
            for (i, key) in keys.into_iter().enumerate() {
                statement.sql.push_str(if i == 0 { "(" } else { ",(" });
                for (j, number) in key.into_iter().enumerate() {
                    if j > 0 {
                        statement.sql.push(',');
                    }
                    statement.number(number);
                }
                statement.sql.push(')');
            }
            statement.sql.push(')');
            for row in query(self.held.lock().await.conn()?, statement, &self.dialect).await? {
                let row = AnyRow::from(row);
                existing.insert((0..table.key.len()).map(|column| row.int(column)).collect::<Result<Vec<_>>>()?);
            }
        }
        if !existing.is_empty() {
            rows.retain(|row| key_of(table, row).is_ok_and(|key| !existing.contains(&key)));
        }
        self.insert(schema, table, rows, "").await
    }

    /// Writes rows in as few statements as fit, and answers how many there were.
    pub(super) async fn insert(&self, schema: &str, table: &Table, rows: Vec<Vec<Value>>, ending: &str) -> Result<u64> {
        let head = format!("INSERT INTO {schema}.{} ({}) VALUES ", table.name, table.column_list());
        let head = translate(&head, vec![], &self.dialect.shared)?.sql;
        let most_bytes = BATCH_BYTES.min(self.dialect.max_packet / 4);
        let fresh = || Statement { sql: head.clone(), params: Vec::new() };
        let total = rows.len() as u64;
        let mut statement = fresh();
        let (mut count, mut bytes) = (0, 0);
        for row in rows {
            if !fits(table, &row) {
                return Err(StoreError::Internal("a row's value does not fit its column".into()));
            }
            statement.sql.push_str(if count == 0 { "(" } else { ",(" });
            for (i, value) in row.into_iter().enumerate() {
                if i > 0 {
                    statement.sql.push(',');
                }
                bytes += size(&value);
                statement.value(value);
            }
            statement.sql.push(')');
            count += 1;
            if count == BATCH_ROWS || bytes >= most_bytes {
                self.send(std::mem::replace(&mut statement, fresh()), ending).await?;
                (count, bytes) = (0, 0);
            }
        }
        if count > 0 {
            self.send(statement, ending).await?;
        }
        Ok(total)
    }

    async fn send(&self, mut statement: Statement, ending: &str) -> Result<()> {
        statement.sql.push_str(ending);
        statement.check_size(self.dialect.max_packet)?;
        let mut held = self.held.lock().await;
        let conn = held.conn()?;
        if statement.params.is_empty() {
            return conn.query_drop(statement.sql).await.map_err(error);
        }
        // It will never be wanted again, so it must not push others out of those that stay prepared.
        let prepared = conn.prep(statement.sql).await.map_err(error)?;
        conn.exec_drop(&prepared, statement.params).await.map_err(error)?;
        conn.close(prepared).await.map_err(error)
    }
}

fn key_of(table: &Table, row: &[Value]) -> Result<Vec<i64>> {
    let number = |name: &&str| {
        let column = table.columns.iter().position(|(column, _)| column == name);
        match column.and_then(|column| row.get(column)) {
            Some(Value::Int(number)) => Ok(*number),
            _ => Err(StoreError::Internal(format!("the key of {} is not made of whole numbers", table.name))),
        }
    };
    table.key.iter().map(number).collect()
}

fn fits(table: &Table, row: &[Value]) -> bool {
    let fits = |((_, kind), value): (&(&str, Kind), &Value)| {
        matches!(
            (kind, value),
            (Kind::Int, Value::Int(_) | Value::NullInt)
                | (Kind::Text, Value::Text(_) | Value::NullText)
                | (Kind::Bytes, Value::Bytes(_) | Value::NullBytes)
        )
    };
    row.len() == table.columns.len() && table.columns.iter().zip(row).all(fits)
}

/// About how many bytes a value takes in a statement.
fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len() + 8,
        Value::Bytes(bytes) => bytes.len() + 8,
        _ => 12,
    }
}
