//! What `djankiserv check` asks about the shared tables.

use super::media::{self, MediaFile};
use super::{Generation, GenerationState, UserDb};
use crate::engine::Tx;
use crate::error::{Result, StoreError};
use crate::params;
use futures_util::{Stream, StreamExt, TryStreamExt};
use std::collections::HashSet;

impl UserDb {
    /// The schemas of an account's generations that exist.
    pub async fn schemas_of(&self, account: i64) -> Result<Vec<String>> {
        self.db.schemas(&format!("{}_{account:x}_", self.schema_prefix)).await
    }

    /// The schemas that rows name.
    pub async fn named_schemas(&self) -> Result<HashSet<String>> {
        self.db.query("SELECT schema_name FROM {s}.generations", vec![]).await?.iter().map(|row| row.text(0)).collect()
    }

    /// The number of the generation that the collection's row points to, or 0. None when there is no such row.
    pub async fn pointer(&self, account: i64) -> Result<Option<i64>> {
        let row = self.db.query_opt("SELECT generation FROM {s}.collections WHERE account = ?", params![account]).await?;
        row.map(|row| row.int(0)).transpose()
    }

    /// Points the collection's row to the one generation that says that it is in use. Only if it points to none that exists.
    /// Answers whether it did.
    pub async fn mend_pointer(&self, account: i64, wrong: i64) -> Result<bool> {
        let (tx, answers) = self
            .db
            .begin_with(vec![
                ("SELECT generation FROM {s}.collections WHERE account = ? AND generation = ? FOR UPDATE", params![account, wrong]),
                ("SELECT number FROM {s}.generations WHERE account = ? AND state IN ('current', 'importing')", params![account]),
                ("SELECT number FROM {s}.generations WHERE account = ? AND number = ?", params![account, wrong]),
            ])
            .await?;
        let [locked, in_use, there] = answers.as_slice() else { return Err(StoreError::Internal("answers are missing".into())) };
        let mended = match in_use.as_slice() {
            [only] if locked.len() == 1 && there.is_empty() => {
                let sql = "UPDATE {s}.collections SET generation = ? WHERE account = ?";
                tx.execute(sql, params![only.int(0)?, account]).await?;
                true
            }
            _ => false,
        };
        tx.commit().await?;
        Ok(mended)
    }

    /// Makes the shared rows of an account that it has lost: the collection's from its generations, the media totals from the files.
    pub async fn remake_rows(&self, account: i64, now_ms: i64) -> Result<()> {
        let generations = self.generations(account).await?;
        let newest = generations.iter().map(|g| g.number).max().unwrap_or(0);
        let in_use = |g: &&Generation| matches!(g.state, GenerationState::Current | GenerationState::Importing);
        let current = generations.iter().find(in_use).map_or(0, |g| g.number);
        self.db
            .execute(
                "INSERT INTO {s}.collections (account, generation, next_generation, empty_schema_modified, ahead_schema_modified, created) \
                 SELECT ?, ?, ?, ?, 0, ? WHERE NOT EXISTS (SELECT 1 FROM {s}.collections WHERE account = ?)",
                params![account, current, newest + 1, now_ms, now_ms, account],
            )
            .await?;
        self.create_collection(account, now_ms).await?;
        self.recount_media(account).await
    }

    /// The accounts that have rows in one of the [tables of accounts](super::ACCOUNT_TABLES).
    pub async fn accounts_in(&self, table: &str) -> Result<Vec<i64>> {
        let rows = self.db.query(&format!("SELECT DISTINCT account FROM {{s}}.{table}"), vec![]).await?;
        rows.iter().map(|row| row.int(0)).collect()
    }

    /// Whether an account has rows in one of the [tables of accounts](super::ACCOUNT_TABLES).
    pub async fn has_rows_in(&self, table: &str, account: i64) -> Result<bool> {
        let sql = format!("SELECT 1 FROM {{s}}.{table} WHERE account = ? LIMIT 1");
        Ok(self.db.query_opt(&sql, params![account]).await?.is_some())
    }

    /// Accounts with staged pieces that belong to no running sync, and how many pieces.
    pub async fn stray_pieces(&self) -> Result<Vec<(i64, i64)>> {
        let sql = "SELECT g.account, COUNT(*) FROM {s}.sync_staged g LEFT JOIN {s}.sync_sessions s ON s.account = g.account \
                   WHERE s.account IS NULL GROUP BY g.account ORDER BY g.account";
        self.db.query(sql, vec![]).await?.iter().map(|row| Ok((row.int(0)?, row.int(1)?))).collect()
    }

    /// The account's media, also deleted files, in the order of their usns.
    pub async fn stream_media(tx: &Tx, account: i64) -> Result<impl Stream<Item = Result<MediaFile>> + Send + use<>> {
        let sql = format!("SELECT {} FROM {{s}}.media WHERE account = ? ORDER BY usn, name", media::COLUMNS);
        Ok(tx.stream(&sql, params![account]).await?.map(|row| media::file(&row?)))
    }

    /// Works out the account's media totals from its rows, and gives rows whose usn is not above 0, or that of another row, a new one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the account has no row for its totals.
    pub async fn recount_media(&self, account: i64) -> Result<()> {
        let (tx, answers) = self.db.begin_with(vec![(media::LOCK, params![account])]).await?;
        let Some(row) = answers.first().and_then(|rows| rows.first()) else {
            tx.rollback().await?;
            return Err(StoreError::Unavailable("the account has no media row".into()));
        };
        let (mut usn, mut before, mut files, mut bytes) = (row.int32(0)?.max(0), 0, 0, 0);
        let mut wrong = Vec::new();
        {
            let mut rows = std::pin::pin!(Self::stream_media(&tx, account).await?);
            while let Some(file) = rows.try_next().await? {
                if file.usn <= before {
                    wrong.push(file.name);
                }
                before = before.max(file.usn);
                files += i64::from(file.size > 0);
                bytes += file.size;
            }
        }
        usn = usn.max(before);
        for name in wrong {
            usn += 1;
            tx.execute("UPDATE {s}.media SET usn = ? WHERE account = ? AND name = ?", params![usn, account, name]).await?;
        }
        let sql = "UPDATE {s}.media_state SET usn = ?, files = ?, bytes = ? WHERE account = ?";
        tx.execute(sql, params![usn, files, bytes, account]).await?;
        tx.commit().await
    }
}
