//! Contents of media that no row names, and since when that is known. They are not removed by their age: a file may be years old when its
//! owner deletes it, and a dump of the day before still names it.

use super::{UserDb, media};
use crate::engine::{Kind, Table, Value};
use crate::error::Result;
use crate::params;
use crate::repeat::repeat;
use std::collections::{HashMap, HashSet};

/// Keys in one statement.
const SET_SIZE: usize = 1_000;

const TABLE: Table = Table {
    name: "media_unnamed",
    columns: &[("account", Kind::Int), ("content_key", Kind::Text), ("since", Kind::Int)],
    key: &["account", "content_key"],
};

impl UserDb {
    /// The keys of all contents that rows of the account name.
    pub async fn named_contents(&self, account: i64) -> Result<HashSet<String>> {
        let sql = "SELECT content_key FROM {s}.media WHERE account = ?";
        self.db.query(sql, params![account]).await?.iter().map(|row| row.text(0)).collect()
    }

    /// Keys that were noted as named by no row, and since when.
    pub async fn unnamed_contents(&self, account: i64) -> Result<HashMap<String, i64>> {
        let sql = "SELECT content_key, since FROM {s}.media_unnamed WHERE account = ?";
        self.db.query(sql, params![account]).await?.iter().map(|row| Ok((row.text(0)?, row.int(1)?))).collect()
    }

    /// Notes that from now on no row names these. Nothing happens when the account is gone.
    pub async fn note_unnamed(&self, account: i64, keys: &[String], now_ms: i64) -> Result<()> {
        for part in keys.chunks(SET_SIZE) {
            let rows: Vec<Vec<Value>> = part.iter().map(|key| params![account, key.as_str(), now_ms]).collect();
            repeat("noting unnamed media", || async {
                // Under this lock an account is deleted, too.
                let (tx, answers) = self.db.begin_with(vec![(media::LOCK, params![account])]).await?;
                if answers.first().is_none_or(Vec::is_empty) {
                    return tx.rollback().await;
                }
                tx.upsert("{s}", &TABLE, rows.clone()).await?;
                tx.commit().await
            })
            .await?;
        }
        Ok(())
    }

    /// Forgets what was noted of these: they are named again, or gone.
    pub async fn forget_unnamed(&self, account: i64, keys: &[String]) -> Result<()> {
        for part in keys.chunks(SET_SIZE) {
            let sql = "DELETE FROM {s}.media_unnamed WHERE account = ? AND content_key IN ??";
            self.db.execute(sql, params![account, part.to_vec()]).await?;
        }
        Ok(())
    }
}
