//! Update sequence numbers that cannot be: −1, with which a client marks what it has not sent, or one that is still to come.

use super::Collection;
use crate::error::Result;
use crate::params;
use anki::model::Usn;
use futures_util::{Stream, StreamExt};

/// Tables with a usn, and their key. Those of objects, whose JSON repeats the usn, are not among them.
pub const USN_TABLES: [(&str, &str); 6] =
    [("notes", "id"), ("cards", "id"), ("revlog", "id"), ("graves", "oid"), ("tags", "name_key"), ("config", "name_key")];

impl Collection<'_> {
    /// Key and usn of the rows with a usn below 0 or above `highest`. The table is one of [`USN_TABLES`].
    pub async fn odd_usns(
        &self,
        (table, key): (&str, &str),
        highest: Usn,
    ) -> Result<impl Stream<Item = Result<(i64, i64)>> + Send + use<>> {
        let sql = format!("SELECT {key}, usn FROM {{c}}.{table} WHERE usn < 0 OR usn > ? ORDER BY {key}");
        Ok(self.rows(&sql, params![highest]).await?.map(|row| row.and_then(|row| Ok((row.int(0)?, row.int(1)?)))))
    }

    /// Gives those rows the usn `highest`, and answers how many they were.
    pub async fn mend_usns(&self, table: &str, highest: Usn) -> Result<u64> {
        let sql = format!("UPDATE {{c}}.{table} SET usn = ? WHERE usn < 0 OR usn > ?");
        self.execute(&sql, params![highest, highest]).await
    }
}
