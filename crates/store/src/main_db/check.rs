//! What `djankiserv check` asks about the main database.

use super::MainDb;
use crate::error::Result;

impl MainDb {
    /// The ids of all accounts, also of those whose deletion is under way.
    pub async fn account_ids(&self) -> Result<Vec<i64>> {
        self.db.query("SELECT id FROM {s}.accounts ORDER BY id", vec![]).await?.iter().map(|row| row.int(0)).collect()
    }

    /// Accounts that are not there but have rows in one of the [tables of keys](super::KEY_TABLES), and how many.
    pub async fn keys_without_account(&self, table: &str) -> Result<Vec<(i64, i64)>> {
        let sql = format!(
            "SELECT k.account, COUNT(*) FROM {{s}}.{table} k LEFT JOIN {{s}}.accounts a ON a.id = k.account \
             WHERE k.account IS NOT NULL AND a.id IS NULL \
             GROUP BY k.account ORDER BY k.account"
        );
        self.db.query(&sql, vec![]).await?.iter().map(|row| Ok((row.int(0)?, row.int(1)?))).collect()
    }

    /// Removes those rows and answers how many they were.
    pub async fn remove_keys_without_account(&self, table: &str) -> Result<u64> {
        // Invitations are for nobody yet.
        let sql = format!(
            "DELETE FROM {{s}}.{table} WHERE account IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {{s}}.accounts a WHERE a.id = {table}.account)"
        );
        self.db.execute(&sql, vec![]).await
    }
}
