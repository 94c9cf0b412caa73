//! Rows that name a row which is not there.

use super::Collection;
use crate::error::Result;
use futures_util::{Stream, StreamExt};

/// A column that names a row of another table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    pub table: &'static str,
    pub column: &'static str,
    pub to: &'static str,
    /// Whether 0 stands for none.
    pub optional: bool,
}

/// All of them. Reviews of cards that are gone are nothing odd; decks name their presets in their JSON.
pub const REFERENCES: [Reference; 4] = [
    Reference { table: "notes", column: "mid", to: "notetypes", optional: false },
    Reference { table: "cards", column: "nid", to: "notes", optional: false },
    Reference { table: "cards", column: "did", to: "decks", optional: false },
    Reference { table: "cards", column: "odid", to: "decks", optional: true },
];

impl Collection<'_> {
    /// The id of each row whose reference leads nowhere, and the id that it names.
    pub async fn broken_references(&self, reference: Reference) -> Result<impl Stream<Item = Result<(i64, i64)>> + Send + use<>> {
        let Reference { table, column, to, optional } = reference;
        let some = if optional { format!(" AND r.{column} <> 0") } else { String::new() };
        let sql = format!(
            "SELECT r.id, r.{column} FROM {{c}}.{table} r LEFT JOIN {{c}}.{to} t ON t.id = r.{column} WHERE t.id IS NULL{some} ORDER BY r.id"
        );
        Ok(self.rows(&sql, vec![]).await?.map(|row| row.and_then(|row| Ok((row.int(0)?, row.int(1)?)))))
    }
}
