//! The config, by key.

use super::Collection;
use super::tables::CONFIG;
use crate::engine::{Row, RowEncoder};
use crate::error::Result;
use crate::params;
use anki::model::ConfigEntry;
use sha2::{Digest, Sha256};

impl Collection<'_> {
    /// All keys.
    pub async fn config(&self) -> Result<Vec<ConfigEntry>> {
        let rows = self.query("SELECT name, usn, modified, json FROM {c}.config ORDER BY name", vec![]).await?;
        rows.iter().map(from_row).collect()
    }

    /// The value of one key, as JSON text.
    pub async fn config_value(&self, key: &str) -> Result<Option<String>> {
        let rows = self.query("SELECT json FROM {c}.config WHERE name_key = ?", params![key_of(key)]).await?;
        rows.first().map(|row| row.text(0)).transpose()
    }

    /// Writes keys, replacing those that exist. None may occur twice.
    pub async fn put_config(&self, entries: Vec<ConfigEntry>) -> Result<()> {
        let rows = entries.into_iter().map(|e| params![key_of(&e.key), e.key, e.usn, e.mtime, e.json]).collect();
        self.tx()?.upsert(self.schema, &CONFIG, rows).await
    }

    /// Removes keys.
    pub async fn delete_config(&self, keys: &[String]) -> Result<u64> {
        let keys: Vec<i64> = keys.iter().map(|key| key_of(key)).collect();
        self.execute("DELETE FROM {c}.config WHERE name_key IN ??", params![keys]).await
    }
}

pub(super) fn encode(rows: &mut RowEncoder, entry: &ConfigEntry) {
    rows.int(key_of(&entry.key)).text(&entry.key).int(entry.usn.into()).int(entry.mtime).text(&entry.json).end_row();
}

/// Config keys can be of any length, which an index cannot, so the key column is a hash. Unlike names, they differ by case.
pub(super) fn key_of(key: &str) -> i64 {
    let hash = Sha256::digest(key.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    i64::from_be_bytes(first)
}

pub(super) fn from_row(row: &Row) -> Result<ConfigEntry> {
    Ok(ConfigEntry { key: row.text(0)?, usn: row.int32(1)?, mtime: row.int(2)?, json: row.text(3)? })
}
