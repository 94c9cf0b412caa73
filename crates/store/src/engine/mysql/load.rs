//! `LOAD DATA LOCAL`: a stream of rows into an empty table, and what to do where the server forbids it.

use super::error::{DUPLICATE_KEY, error, is_local_forbidden};
use super::sql::translate;
use super::tx::Tx;
use crate::engine::decode::decode;
use crate::engine::table::{Index, Kind, Table};
use crate::error::{Result, StoreError};
use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::{Stream, StreamExt, stream};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use std::pin::{Pin, pin};
use tokio::sync::{mpsc, oneshot};

/// A packet of rows on its way to the server.
const PIECE: usize = 1 << 20;
/// Pieces that may wait for the server.
const WAITING: usize = 4;

/// What became of a `LOAD DATA`.
enum Outcome<E> {
    /// Rows sent; and rows loaded and warnings, according to the server.
    Loaded { sent: u64, loaded: u64, warnings: u16 },
    /// Nothing was sent: the server does not want any.
    Forbidden,
    /// The rows broke off.
    BrokenOff(E),
}

impl Tx {
    /// With its primary key, by which InnoDB stores a table: adding it later would write everything a second time.
    pub async fn create_table(&self, schema: &str, table: &Table, columns: &str) -> Result<()> {
        let sql = format!("CREATE TABLE {schema}.{} ({columns}, PRIMARY KEY ({}))", table.name, table.key.join(", "));
        // DDL has ended the transaction, and what is loaded next must be undone with one.
        self.script(&format!("{sql}; START TRANSACTION")).await
    }

    /// All secondary indexes in one go, so that the rows are read once.
    pub async fn finish_table(&self, schema: &str, table: &Table, indexes: &[Index]) -> Result<()> {
        let on = format!("{schema}.{}", table.name);
        let adds: Vec<String> = indexes.iter().map(|(name, columns)| format!("ADD INDEX {name} ({columns})")).collect();
        if !adds.is_empty() {
            self.script(&format!("ALTER TABLE {on} {}", adds.join(", "))).await?;
        }
        self.script(&format!("ANALYZE TABLE {on}")).await
    }

    pub async fn load<E: From<StoreError>>(
        &self,
        schema: &str,
        table: &Table,
        rows: impl Stream<Item = Result<Bytes, E>>,
        _is_new: bool,
    ) -> Result<u64, E> {
        let mut rows = pin!(rows);
        let sql = translate(&load_sql(schema, table), vec![], &self.dialect.shared)?.sql;
        let mut held = self.held.lock().await;
        let conn = held.conn()?;
        match load_data(conn, sql, rows.as_mut()).await? {
            // LOCAL makes the server go on where it would stop otherwise, with a mere warning: duplicates are left out, text is cut,
            // numbers are clamped.
            Outcome::Loaded { sent, loaded, warnings: 0 } if sent == loaded => Ok(loaded),
            Outcome::Loaded { sent, loaded, warnings } => Err(changed(conn, table, sent, loaded, warnings).await?.into()),
            Outcome::BrokenOff(e) => Err(e),
            Outcome::Forbidden => {
                drop(held);
                self.load_by_inserts(schema, table, rows).await
            }
        }
    }

    async fn load_by_inserts<E: From<StoreError>>(
        &self,
        schema: &str,
        table: &Table,
        mut rows: Pin<&mut impl Stream<Item = Result<Bytes, E>>>,
    ) -> Result<u64, E> {
        let mut count = 0;
        while let Some(block) = rows.next().await {
            count += self.insert(schema, table, decode(table, &block?)?, "").await?;
        }
        Ok(count)
    }
}

async fn load_data<E>(conn: &mut Conn, sql: String, mut rows: Pin<&mut impl Stream<Item = Result<Bytes, E>>>) -> Result<Outcome<E>> {
    let (begin, begun) = oneshot::channel();
    let (sender, receiver) = mpsc::channel::<Bytes>(WAITING);
    conn.set_infile_handler(async move {
        let _ = begin.send(());
        Ok(stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|piece| (Ok(piece), receiver)) }).boxed())
    });
    let mut sent = 0;
    let mut broken_off = None;
    let loaded = {
        let mut loading = pin!(conn.query_drop(sql));
        match select(loading.as_mut(), begun).await {
            Either::Left((refused, _)) => refused,
            Either::Right(_) => {
                let send = async {
                    while let Some(block) = rows.next().await {
                        match block {
                            Ok(block) => {
                                sent += memchr::memchr_iter(b'\n', &block).count() as u64;
                                for piece in pieces(block) {
                                    if sender.send(piece).await.is_err() {
                                        break;
                                    }
                                }
                            }
                            // Ends the file; the caller has to undo what was loaded.
                            Err(e) => {
                                broken_off = Some(e);
                                break;
                            }
                        }
                    }
                    drop(sender);
                };
                futures_util::join!(loading, send).0
            }
        }
    };
    match (loaded, broken_off) {
        (_, Some(e)) => Ok(Outcome::BrokenOff(e)),
        (Ok(()), None) => Ok(Outcome::Loaded { sent, loaded: conn.affected_rows(), warnings: conn.get_warnings() }),
        (Err(e), None) if is_local_forbidden(&e) => Ok(Outcome::Forbidden),
        (Err(e), None) => Err(error(e)),
    }
}

fn pieces(mut block: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || (!block.is_empty()).then(|| block.split_to(block.len().min(PIECE))))
}

/// Why what was loaded is not what was sent.
async fn changed(conn: &mut Conn, table: &Table, sent: u64, loaded: u64, warnings: u16) -> Result<StoreError> {
    let first: Option<(String, u16, String)> = conn.query_first("SHOW WARNINGS LIMIT 1").await.map_err(error)?;
    let code = first.map_or(0, |(_, code, _)| code);
    // The warning's text is left out, as it can quote what was sent.
    let text = format!("{loaded} of {sent} rows of {} were loaded, with {warnings} warnings (the first is {code})", table.name);
    Ok(if code == DUPLICATE_KEY { StoreError::AlreadyExists(text) } else { StoreError::Internal(text) })
}

/// The format is that of [`crate::engine::RowEncoder`]: bytes are `\x` and hexadecimal digits, as PostgreSQL reads them.
fn load_sql(schema: &str, table: &Table) -> String {
    let columns = table.columns.iter().map(|(name, kind)| if *kind == Kind::Bytes { format!("@{name}") } else { (*name).to_owned() });
    let bytes = table.columns.iter().filter(|(_, kind)| *kind == Kind::Bytes);
    let sets: Vec<String> = bytes.map(|(name, _)| format!("{name} = UNHEX(SUBSTR(@{name}, 3))")).collect();
    let set = if sets.is_empty() { String::new() } else { format!(" SET {}", sets.join(", ")) };
    format!(
        "LOAD DATA LOCAL INFILE 'rows' INTO TABLE {schema}.{} CHARACTER SET utf8mb4 FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' \
         LINES TERMINATED BY '\\n' ({}){set}",
        table.name,
        columns.collect::<Vec<_>>().join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_loaded_through_a_variable() {
        let table = Table { name: "t", columns: &[("id", Kind::Int), ("data", Kind::Bytes)], key: &["id"] };
        assert_eq!(
            load_sql("c", &table),
            "LOAD DATA LOCAL INFILE 'rows' INTO TABLE c.t CHARACTER SET utf8mb4 FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' \
             LINES TERMINATED BY '\\n' (id, @data) SET data = UNHEX(SUBSTR(@data, 3))"
        );
    }

    #[test]
    fn blocks_are_cut_into_pieces() {
        let sizes = |len: usize| pieces(Bytes::from(vec![0; len])).map(|piece| piece.len()).collect::<Vec<_>>();
        assert_eq!(sizes(0), [0; 0]);
        assert_eq!(sizes(2 * PIECE + 1), [PIECE, PIECE, 1]);
    }
}
