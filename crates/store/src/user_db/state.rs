//! What is known of a collection without looking into it, and its lock.

use super::{GenerationState, UserDb};
use crate::engine::{Row, Tx, Value};
use crate::error::{Result, StoreError};
use crate::params;
use crate::repeat::repeat;
use anki::model::Stamps;

/// How many rows a collection has. Kept up to date with every change, so that nobody has to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub notes: i64,
    pub cards: i64,
    pub revlog: i64,
    pub notetypes: i64,
    pub decks: i64,
    pub presets: i64,
}

/// The generation of a collection that is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    pub number: i32,
    /// The schema that holds its rows.
    pub schema: String,
    pub state: GenerationState,
    pub stamps: Stamps,
    /// 1 or 2; scheduler 3 calls itself 2 as well.
    pub scheduler_version: i32,
    /// Whether the collection uses the newer time zone handling, which clients below protocol 10 do not know.
    pub creation_offset: bool,
    pub counts: Counts,
}

impl Current {
    /// Whether its rows can be read: they are not while they are still being loaded, or cannot be.
    pub fn has_all_rows(&self) -> bool {
        self.state != GenerationState::Importing
    }
}

/// The state of one account's collection at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionState {
    pub account: i64,
    /// None as long as nothing was ever stored.
    pub current: Option<Current>,
    /// The schema stamp to announce while nothing is stored.
    pub empty_schema_modified: i64,
    /// The schema stamp under which a client was seen to be ahead of us, or 0.
    pub ahead_schema_modified: i64,
    pub media_usn: i32,
    /// No device has synced with what is stored: it was all made from elsewhere, to be joined by the first one.
    pub awaits_first_device: bool,
    /// The current generation is importing, but the file that holds its rows is lost or damaged: see [`UserDb::import_is_stuck`].
    pub is_stuck: bool,
}

/// A locked collection. The lock is held until the transaction ends.
pub struct Locked {
    pub tx: Tx,
    pub state: CollectionState,
}

/// The origin of a generation that was not made by a client.
pub const MADE_HERE: &str = "made here";

/// Joined as `c`, `g`, `m`: see [`UserDb::state`].
const COLUMNS: &str = "c.empty_schema_modified, c.ahead_schema_modified, m.usn, g.number, g.schema_name, g.state, g.crt, g.modified, \
     g.schema_modified, g.usn, g.last_sync, g.scheduler_version, g.creation_offset, g.notes, g.cards, g.revlog, g.notetypes, g.decks, g.presets, g.origin, \
     g.lease_until";
const FROM: &str = "FROM {s}.collections c LEFT JOIN {s}.generations g ON g.account = c.account AND g.number = c.generation \
     LEFT JOIN {s}.media_state m ON m.account = c.account WHERE c.account = ?";

/// The lock of a collection.
pub(super) const LOCK: &str = "SELECT account FROM {s}.collections WHERE account = ? FOR UPDATE";

impl UserDb {
    /// Makes the row of a new account's collection. Made before, it stays as it is.
    pub async fn create_collection(&self, account: i64, now_ms: i64) -> Result<()> {
        repeat("making a collection", || async {
            let tx = self.db.begin().await?;
            tx.execute(
                "INSERT INTO {s}.collections (account, generation, next_generation, empty_schema_modified, ahead_schema_modified, created) \
                 SELECT ?, 0, 1, ?, 0, ? FROM (SELECT 1 AS one) r WHERE NOT EXISTS (SELECT 1 FROM {s}.collections WHERE account = ?)",
                params![account, now_ms, now_ms, account],
            )
            .await?;
            tx.execute(
                "INSERT INTO {s}.media_state (account, usn, files, bytes) \
                 SELECT ?, 0, 0, 0 FROM (SELECT 1 AS one) r WHERE NOT EXISTS (SELECT 1 FROM {s}.media_state WHERE account = ?)",
                params![account, account],
            )
            .await?;
            tx.commit().await
        })
        .await
    }

    /// The committed state, without waiting for anybody. None when the account has no collection row.
    pub async fn state(&self, account: i64) -> Result<Option<CollectionState>> {
        let row = self.db.query_opt(&format!("SELECT {COLUMNS} {FROM}"), params![account]).await?;
        row.map(|row| from_row(account, &row)).transpose()
    }

    /// A read-only transaction that sees one moment, and the state at that moment.
    pub async fn snapshot(&self, account: i64) -> Result<(Tx, Option<CollectionState>)> {
        let tx = self.db.snapshot().await?;
        let row = tx.query_opt(&format!("SELECT {COLUMNS} {FROM}"), params![account]).await?;
        Ok((tx, row.map(|row| from_row(account, &row)).transpose()?))
    }

    /// Takes the collection's lock, waiting for at most ten seconds.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when somebody else holds it for longer; [`StoreError::Unavailable`] when there is no such row.
    pub async fn lock(&self, account: i64) -> Result<Locked> {
        Ok(self.lock_and_read(account, vec![]).await?.0)
    }

    /// Takes the lock and runs statements under it, in one round trip.
    pub(super) async fn lock_and_read(&self, account: i64, statements: Vec<(&str, Vec<Value>)>) -> Result<(Locked, Vec<Vec<Row>>)> {
        let place = self.collections.enter(account).await?;
        // The second statement sees what was committed by whoever held the lock before.
        let state = format!("SELECT {COLUMNS} {FROM}");
        let mut all = vec![(LOCK, params![account]), (state.as_str(), params![account])];
        all.extend(statements);
        let (tx, mut answers) = self.db.begin_with(all).await?;
        let Some(row) = answers.get(1).and_then(|rows| rows.first()) else {
            tx.rollback().await?;
            return Err(StoreError::Unavailable("the account has no collection row yet; logging in again makes it".into()));
        };
        let state = from_row(account, row)?;
        Ok((Locked { tx: tx.holding(place), state }, answers.split_off(2)))
    }
}

impl Locked {
    /// The generation in use.
    ///
    /// # Errors
    /// [`StoreError::Gone`] when the account has no data.
    pub fn current(&self) -> Result<&Current> {
        self.state.current.as_ref().ok_or_else(|| StoreError::Gone("the collection has no data".into()))
    }

    /// Writes the stamps, counters and scheduler facts of the current generation.
    pub async fn put_current(&self, current: &Current) -> Result<()> {
        let (sql, params) = put_current(self.state.account, current);
        self.tx.execute(sql, params).await.map(drop)
    }

    /// Remembers under which schema stamp a client was ahead of us.
    pub async fn put_ahead(&self, schema_modified: i64) -> Result<()> {
        self.tx
            .execute("UPDATE {s}.collections SET ahead_schema_modified = ? WHERE account = ?", params![schema_modified, self.state.account])
            .await
            .map(drop)
    }
}

/// The statement that writes the stamps, counters and scheduler facts of a generation.
pub(super) fn put_current(account: i64, current: &Current) -> (&'static str, Vec<Value>) {
    let Current { stamps, counts, .. } = current;
    let sql = "UPDATE {s}.generations SET crt = ?, modified = ?, schema_modified = ?, usn = ?, last_sync = ?, scheduler_version = ?, \
               creation_offset = ?, notes = ?, cards = ?, revlog = ?, notetypes = ?, decks = ?, presets = ? WHERE account = ? AND number = ?";
    let params = params![
        stamps.created,
        stamps.modified,
        stamps.schema_modified,
        stamps.usn,
        stamps.last_sync,
        current.scheduler_version,
        current.creation_offset,
        counts.notes,
        counts.cards,
        counts.revlog,
        counts.notetypes,
        counts.decks,
        counts.presets,
        account,
        current.number
    ];
    (sql, params)
}

fn from_row(account: i64, row: &Row) -> Result<CollectionState> {
    let current = match row.opt_int(3)? {
        None => None,
        Some(number) => Some(Current {
            number: i32::try_from(number).map_err(|_| StoreError::Internal("generation number out of range".into()))?,
            schema: row.text(4)?,
            state: GenerationState::from_name(&row.text(5)?)?,
            stamps: Stamps {
                created: row.int(6)?,
                modified: row.int(7)?,
                schema_modified: row.int(8)?,
                usn: row.int32(9)?,
                last_sync: row.int(10)?,
            },
            scheduler_version: row.int32(11)?,
            creation_offset: row.bool(12)?,
            counts: Counts {
                notes: row.int(13)?,
                cards: row.int(14)?,
                revlog: row.int(15)?,
                notetypes: row.int(16)?,
                decks: row.int(17)?,
                presets: row.int(18)?,
            },
        }),
    };
    let is_stuck = !current.as_ref().is_none_or(Current::has_all_rows) && row.opt_int(20)? == Some(0);
    let awaits_first_device = row.opt_text(19)?.as_deref() == Some(MADE_HERE) && current.as_ref().is_some_and(|c| c.stamps.usn == 0);
    Ok(CollectionState {
        account,
        current,
        awaits_first_device,
        is_stuck,
        empty_schema_modified: row.int(0)?,
        ahead_schema_modified: row.int(1)?,
        media_usn: row.opt_int(2)?.map_or(Ok(0), i32::try_from).map_err(|_| StoreError::Internal("media usn out of range".into()))?,
    })
}
