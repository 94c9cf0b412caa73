//! The media index of each account: which file names there are, with which content, and since which usn.
//!
//! Rows and the usn counter change together, under a lock of their own: the account's row in `media_state`. Collection syncs and media
//! syncs do not wait for each other. A deleted file keeps its row, with size 0.

use super::UserDb;
use crate::engine::{Kind, Row, Table, Tx, Value};
use crate::error::{Result, StoreError};
use crate::params;
use crate::repeat::repeat;
use std::collections::{HashMap, HashSet};

/// One name of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaFile {
    pub name: String,
    /// Lower-case hexadecimal SHA-1 of the content; empty for a deleted file.
    pub sha1: String,
    /// Where the media store has the content; empty for a deleted file.
    pub content_key: String,
    /// Bytes; 0 for a deleted file.
    pub size: i64,
    pub usn: i32,
}

/// The totals of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MediaState {
    pub usn: i32,
    /// Files that are not deleted.
    pub files: i64,
    /// Their bytes.
    pub bytes: i64,
}

/// A change that a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaWrite {
    pub name: String,
    /// None deletes the file.
    pub content: Option<StoredContent>,
}

/// Content that lies in the media store already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredContent {
    /// Lower-case hexadecimal SHA-1.
    pub sha1: String,
    /// None when the name has this content already.
    pub content_key: Option<String>,
    /// Bytes, at least 1.
    pub size: i64,
}

pub(super) const COLUMNS: &str = "name, sha1, content_key, size, usn";

/// The lock of an account's media: its totals.
pub(super) const LOCK: &str = "SELECT usn, files, bytes FROM {s}.media_state WHERE account = ? FOR UPDATE";

/// Names in one statement.
const SET_SIZE: usize = 5_000;

const TABLE: Table = Table {
    name: "media",
    columns: &[
        ("account", Kind::Int),
        ("name", Kind::Text),
        ("sha1", Kind::Text),
        ("content_key", Kind::Text),
        ("size", Kind::Int),
        ("usn", Kind::Int),
        ("modified", Kind::Int),
    ],
    key: &["account", "name"],
};

impl UserDb {
    /// The account's totals. None when it has no row, which login makes.
    pub async fn media_state(&self, account: i64) -> Result<Option<MediaState>> {
        let sql = "SELECT usn, files, bytes FROM {s}.media_state WHERE account = ?";
        self.db.query_opt(sql, params![account]).await?.as_ref().map(state).transpose()
    }

    /// The same, seen by a transaction.
    pub async fn media_state_in(&self, tx: &Tx, account: i64) -> Result<Option<MediaState>> {
        let sql = "SELECT usn, files, bytes FROM {s}.media_state WHERE account = ?";
        tx.query_opt(sql, params![account]).await?.as_ref().map(state).transpose()
    }

    /// Names with a usn above `after`, in the order of their usns, at most `limit`.
    pub async fn media_changes(&self, account: i64, after: i32, limit: usize) -> Result<Vec<MediaFile>> {
        let sql = format!("SELECT {COLUMNS} FROM {{s}}.media WHERE account = ? AND usn > ? ORDER BY usn LIMIT ?");
        self.db.query(&sql, params![account, after, limit as i64]).await?.iter().map(file).collect()
    }

    /// Those of `names` that exist and are not deleted.
    pub async fn media_files(&self, account: i64, names: &[String]) -> Result<Vec<MediaFile>> {
        let sql = format!("SELECT {COLUMNS} FROM {{s}}.media WHERE account = ? AND size > 0 AND name IN ??");
        self.db.query(&sql, params![account, names.to_vec()]).await?.iter().map(file).collect()
    }

    /// Applies changes one after the other, in one transaction, and answers the usn that results.
    ///
    /// Each new, changed or deleted file takes the next usn. Content that is there already, and deleting what is not there, change nothing;
    /// but content that was stored anew takes the place of the old, which may have been lost.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the account has no row, or its index is being filled by [`UserDb::place_media`]; [`StoreError::Busy`] when content without a key is not there any more.
    pub async fn apply_media(&self, account: i64, writes: &[MediaWrite], now_ms: i64) -> Result<i32> {
        let _place = self.media.enter(account).await?;
        repeat("changing media", || async {
            let names: HashSet<&str> = writes.iter().map(|write| write.name.as_str()).collect();
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            let existing = format!("SELECT {COLUMNS} FROM {{s}}.media WHERE account = ? AND name IN ??");
            let (tx, answers) = self.db.begin_with(vec![(LOCK, params![account]), (&existing, params![account, names.clone()])]).await?;
            let state = answers.first().and_then(|rows| rows.first());
            match change(&tx, account, writes, state, answers.get(1).map_or(&[][..], Vec::as_slice), now_ms).await {
                Ok((usn, true)) => tx.commit().await.map(|()| usn),
                Ok((usn, false)) => tx.rollback().await.map(|()| usn),
                Err(error) => {
                    tx.rollback().await?;
                    Err(error)
                }
            }
        })
        .await
    }

    /// Those of `names` that exist and are not deleted, as they stay until the transaction ends.
    pub async fn lock_media_in(&self, tx: &Tx, account: i64, names: &[String]) -> Result<Vec<MediaFile>> {
        tx.query(LOCK, params![account]).await?;
        let sql = format!("SELECT {COLUMNS} FROM {{s}}.media WHERE account = ? AND size > 0 AND name IN ??");
        let mut files = Vec::new();
        for part in names.chunks(SET_SIZE) {
            for row in tx.query(&sql, params![account, part.to_vec()]).await? {
                files.push(file(&row)?);
            }
        }
        Ok(files)
    }

    /// [`UserDb::apply_media`] as part of a transaction, which holds the collection's lock.
    ///
    /// # Errors
    /// As there. The transaction is of no use then.
    pub async fn apply_media_in(&self, tx: &Tx, account: i64, writes: &[MediaWrite], now_ms: i64) -> Result<i32> {
        let mut usn = 0;
        for part in writes.chunks(SET_SIZE) {
            let names: HashSet<&str> = part.iter().map(|write| write.name.as_str()).collect();
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            let state = tx.query(LOCK, params![account]).await?;
            let existing = format!("SELECT {COLUMNS} FROM {{s}}.media WHERE account = ? AND name IN ??");
            let rows = tx.query(&existing, params![account, names]).await?;
            (usn, _) = change(tx, account, part, state.first(), &rows, now_ms).await?;
        }
        Ok(usn)
    }

    /// Writes rows with the usns that they bring, for an account whose index is being filled from elsewhere. Its usn stays 0 until
    /// [`UserDb::end_placing_media`], so that this can be begun anew.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] when devices have synced media meanwhile or before.
    pub async fn place_media(&self, account: i64, files: Vec<MediaFile>, now_ms: i64) -> Result<()> {
        let rows: Vec<Vec<Value>> =
            files.into_iter().map(|file| params![account, file.name, file.sha1, file.content_key, file.size, file.usn, now_ms]).collect();
        repeat("placing media", || async {
            let tx = self.lock_empty_media(account).await?;
            tx.upsert("{s}", &TABLE, rows.clone()).await?;
            tx.commit().await
        })
        .await
    }

    /// Ends the filling of an index: totals are those of its rows, its usn is the one given or the highest of them.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] when devices have synced media meanwhile.
    pub async fn end_placing_media(&self, account: i64, usn: i32) -> Result<()> {
        repeat("ending to place media", || async {
            let tx = self.lock_empty_media(account).await?;
            let row = tx.query_opt("SELECT MAX(usn) FROM {s}.media WHERE account = ?", params![account]).await?;
            let highest = row.map_or(Ok(None), |row| row.opt_int(0))?.unwrap_or(0);
            let sql = "UPDATE {s}.media_state SET usn = ?, \
                       files = (SELECT COUNT(*) FROM {s}.media WHERE account = ? AND size > 0), \
                       bytes = (SELECT COALESCE(SUM(size), 0) FROM {s}.media WHERE account = ?) WHERE account = ?";
            tx.execute(sql, params![highest.max(usn.into()), account, account, account]).await?;
            tx.commit().await
        })
        .await
    }

    async fn lock_empty_media(&self, account: i64) -> Result<Tx> {
        let lock = (LOCK, params![account]);
        let (tx, answers) = self.db.begin_with(vec![lock]).await?;
        let Some(row) = answers.first().and_then(|rows| rows.first()) else {
            tx.rollback().await?;
            return Err(StoreError::Unavailable("the account has no media row yet; logging in again makes it".into()));
        };
        if row.int32(0)? != 0 {
            tx.rollback().await?;
            return Err(StoreError::AlreadyExists("media of this account".into()));
        }
        Ok(tx)
    }

    /// Forgets a file whose content is lost, as if it had never been: a device that still has it finds that the numbers differ, begins
    /// anew and sends it, and others are not told that it was deleted. Nothing happens when the name has other content by now.
    pub async fn forget_media(&self, account: i64, lost: &MediaFile) -> Result<()> {
        repeat("forgetting a media file", || async {
            let lock = (LOCK, params![account]);
            let (tx, _) = self.db.begin_with(vec![lock]).await?;
            let sql = "DELETE FROM {s}.media WHERE account = ? AND name = ? AND content_key = ?";
            let gone = tx.execute(sql, params![account, lost.name.as_str(), lost.content_key.as_str()]).await?;
            if gone == 1 {
                let sql = "UPDATE {s}.media_state SET files = files - 1, bytes = bytes - ? WHERE account = ?";
                tx.execute(sql, params![lost.size, account]).await?;
            }
            tx.commit().await
        })
        .await
    }
}

/// Applies changes to the rows that exist of their names. Answers the usn that results, and whether anything was written.
async fn change(tx: &Tx, account: i64, writes: &[MediaWrite], total: Option<&Row>, existing: &[Row], now_ms: i64) -> Result<(i32, bool)> {
    let Some(row) = total else {
        return Err(StoreError::Unavailable("the account has no media row yet; logging in again makes it".into()));
    };
    let mut total = state(row)?;
    let mut files: HashMap<String, MediaFile> = HashMap::new();
    for row in existing {
        let file = file(row)?;
        files.insert(file.name.clone(), file);
    }
    let mut changed = HashSet::new();
    for write in writes {
        let old = files.get(&write.name).filter(|file| file.size > 0);
        let new = match (&write.content, old) {
            (None, None) => continue,
            (Some(content), Some(old)) if old.sha1 == content.sha1 => {
                if let Some(key) = &content.content_key {
                    let again = MediaFile { content_key: key.clone(), ..old.clone() };
                    files.insert(write.name.clone(), again);
                    changed.insert(write.name.clone());
                }
                continue;
            }
            (content, _) => content.as_ref(),
        };
        let content_key = match new.map(|content| content.content_key.clone()) {
            None => String::new(),
            Some(Some(key)) => key,
            Some(None) => return Err(StoreError::Busy("another device changed the same media file at the same time".into())),
        };
        total.usn += 1;
        total.files += i64::from(new.is_some()) - i64::from(old.is_some());
        total.bytes += new.map_or(0, |content| content.size) - old.map_or(0, |old| old.size);
        let file = MediaFile {
            name: write.name.clone(),
            sha1: new.map_or_else(String::new, |content| content.sha1.clone()),
            content_key,
            size: new.map_or(0, |content| content.size),
            usn: total.usn,
        };
        files.insert(write.name.clone(), file);
        changed.insert(write.name.clone());
    }
    if changed.is_empty() {
        return Ok((total.usn, false));
    }
    if state(row)?.usn == 0 && tx.query_opt("SELECT 1 FROM {s}.media WHERE account = ? LIMIT 1", params![account]).await?.is_some() {
        // Counting from 0 would give usns that rows have already, and the rest could not be placed any more.
        return Err(StoreError::Unavailable("the account's media are being brought in from elsewhere".into()));
    }
    let rows: Vec<Vec<Value>> = changed
        .into_iter()
        .filter_map(|name| files.remove(&name))
        .map(|file| params![account, file.name, file.sha1, file.content_key, file.size, file.usn, now_ms])
        .collect();
    tx.upsert("{s}", &TABLE, rows).await?;
    let sql = "UPDATE {s}.media_state SET usn = ?, files = ?, bytes = ? WHERE account = ?";
    tx.execute(sql, params![total.usn, total.files, total.bytes, account]).await?;
    Ok((total.usn, true))
}

fn state(row: &Row) -> Result<MediaState> {
    Ok(MediaState { usn: row.int32(0)?, files: row.int(1)?, bytes: row.int(2)? })
}

pub(super) fn file(row: &Row) -> Result<MediaFile> {
    Ok(MediaFile { name: row.text(0)?, sha1: row.text(1)?, content_key: row.text(2)?, size: row.int(3)?, usn: row.int32(4)? })
}
