//! Generations: a whole collection is replaced by loading a new schema beside the old one and switching to it under the lock.
//!
//! A generation is a row before it is a schema, and for as long as somebody may still be making that schema, so that nothing is ever left
//! that no row names. States go
//! `loading` → `current` → `kept` → `dropping`, or `loading` → `dropping`; a restored one goes from `kept` back to `current`. One that
//! takes longer to load than a client waits becomes the current one while it is `importing`, once its file is safe.

use super::{ACCOUNT_TABLES, CollectionState, Counts, Current, Locked, UserDb, media, state};
use crate::engine::Row;
use crate::error::{Result, StoreError};
use crate::params;
use crate::repeat::repeat;
use anki::model::Stamps;

/// What a generation is good for at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenerationState {
    /// Being filled; nobody reads it.
    Loading,
    /// The one in use, although its rows are still being loaded from a file that is kept until they are.
    Importing,
    /// The one in use.
    Current,
    /// Replaced, and kept for a while so that a replacement can be undone.
    Kept,
    /// Given up; its schema is being removed.
    Dropping,
}

impl GenerationState {
    /// The word that the table holds.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Importing => "importing",
            Self::Current => "current",
            Self::Kept => "kept",
            Self::Dropping => "dropping",
        }
    }

    pub(super) fn from_name(name: &str) -> Result<Self> {
        [Self::Loading, Self::Importing, Self::Current, Self::Kept, Self::Dropping]
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| StoreError::Internal(format!("unknown generation state {name:?}")))
    }
}

/// A row of the table of generations.
#[derive(Debug, Clone)]
pub struct Generation {
    pub account: i64,
    pub number: i32,
    pub schema: String,
    pub state: GenerationState,
    /// Milliseconds since the epoch at which its loading began, the last time if it had to begin anew.
    pub created: i64,
    /// Milliseconds since the epoch at which another generation took its place, or 0.
    pub replaced: i64,
    /// Where it came from: `upload`, `restore`, …
    pub origin: String,
    pub stamps: Stamps,
    pub counts: Counts,
    /// `stamps.modified` at the moment it was loaded: while they are equal, no client has changed it.
    pub loaded_modified: i64,
}

/// A generation that this process is filling.
#[derive(Debug, Clone)]
pub struct NewGeneration {
    pub account: i64,
    pub number: i32,
    pub schema: String,
    /// When this process began to load it. Tells it from one that took the import over.
    created: i64,
    /// Generation, modification stamp and usn that were current when the load began.
    base: Option<(i32, i64, i32)>,
}

/// The outcome of [`UserDb::switch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switched {
    /// The new generation is in use.
    Done,
    /// The collection was changed while the new generation was being loaded; nothing was replaced.
    ChangedMeanwhile,
    /// The lease ran out and housekeeping took the generation away; nothing was replaced.
    LeaseLost,
}

const COLUMNS: &str = "account, number, schema_name, state, created, replaced, origin, crt, modified, schema_modified, usn, last_sync, \
     notes, cards, revlog, notetypes, decks, presets, loaded_modified";

/// Whether somebody is loading a new generation of a collection. One that is older than the current one does not count: it can never take
/// its place, and is what a killed process has left.
pub(super) const LOADING: &str = "SELECT g.number FROM {s}.generations g JOIN {s}.collections c ON c.account = g.account WHERE g.account = ? \
     AND g.state = 'loading' AND g.lease_until > ? AND g.number > c.generation LIMIT 1";

impl UserDb {
    /// Registers a new generation and creates its empty schema.
    pub async fn begin_generation(&self, account: i64, origin: &str, now_ms: i64, lease_until: i64) -> Result<NewGeneration> {
        let register = || self.register_generation(account, origin, now_ms, lease_until);
        let new = repeat("registering a generation", register).await?;
        self.db.create_schema(&new.schema).await?;
        Ok(new)
    }

    async fn register_generation(&self, account: i64, origin: &str, now_ms: i64, lease_until: i64) -> Result<NewGeneration> {
        let locked = self.lock(account).await?;
        let row = locked.tx.query_opt("SELECT next_generation FROM {s}.collections WHERE account = ?", params![account]).await?;
        let number = row.ok_or_else(|| StoreError::Gone("collection row".into()))?.int32(0)?;
        let schema = format!("{}_{account:x}_{number}", self.schema_prefix);
        let tx = &locked.tx;
        tx.execute("UPDATE {s}.collections SET next_generation = ? WHERE account = ?", params![number + 1, account]).await?;
        tx.execute(
            "INSERT INTO {s}.generations (account, number, schema_name, state, lease_until, created, replaced, origin, loaded_modified, \
             schema_version, crt, modified, schema_modified, usn, last_sync, scheduler_version, creation_offset, notes, cards, revlog, \
             notetypes, decks, presets) VALUES (?, ?, ?, 'loading', ?, ?, 0, ?, 0, ?, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)",
            params![account, number, schema.as_str(), lease_until, now_ms, origin, crate::collection::SCHEMA_VERSION],
        )
        .await?;
        let base = locked.state.current.as_ref().map(base_of);
        locked.tx.commit().await?;
        Ok(NewGeneration { account, number, schema, created: now_ms, base })
    }

    /// The versions of the tables of current and kept collections, with the number of collections of each.
    pub async fn table_versions(&self) -> Result<Vec<(i64, i64)>> {
        let sql = "SELECT schema_version, COUNT(*) FROM {s}.generations WHERE state <> 'dropping' GROUP BY schema_version ORDER BY schema_version";
        let rows = self.db.query(sql, vec![]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, row.int(1)?))).collect()
    }

    /// Prolongs the lease of a generation that is still being loaded. False when it is not ours any more.
    pub async fn extend_lease(&self, new: &NewGeneration, lease_until: i64) -> Result<bool> {
        let changed = self
            .db
            .execute(
                "UPDATE {s}.generations SET lease_until = ? WHERE account = ? AND number = ? AND created = ? AND state IN ('loading', 'importing')",
                params![lease_until, new.account, new.number, new.created],
            )
            .await?;
        Ok(changed == 1)
    }

    /// Puts a loaded generation in the place of the current one, which becomes `kept`, and ends the account's running sync.
    ///
    /// `loaded` says what was loaded. Nothing happens when the collection was changed since the load began.
    pub async fn switch(&self, new: &NewGeneration, loaded: &Current, now_ms: i64) -> Result<Switched> {
        self.replace(new, loaded, GenerationState::Current, now_ms).await
    }

    /// The same for one whose rows are not loaded yet, but lie safely in a file. `announced` says what they will be.
    pub async fn switch_importing(&self, new: &NewGeneration, announced: &Current, now_ms: i64) -> Result<Switched> {
        self.replace(new, announced, GenerationState::Importing, now_ms).await
    }

    async fn replace(&self, new: &NewGeneration, loaded: &Current, state: GenerationState, now_ms: i64) -> Result<Switched> {
        repeat("switching generations", || async {
            let locked = self.lock(new.account).await?;
            // One whose rows are still on their way must not be put away half filled: it could never be completed.
            if locked.state.current.as_ref().map(base_of) != new.base || locked.state.is_import_running() {
                locked.tx.rollback().await?;
                return Ok(Switched::ChangedMeanwhile);
            }
            let taken = locked
                .tx
                .execute(
                    "UPDATE {s}.generations SET state = ?, loaded_modified = ? WHERE account = ? AND number = ? AND state = 'loading'",
                    params![state.name(), loaded.stamps.modified, new.account, new.number],
                )
                .await?;
            if taken != 1 {
                locked.tx.rollback().await?;
                return Ok(Switched::LeaseLost);
            }
            locked.put_current(loaded).await?;
            locked.replace_current(new.number, now_ms).await?;
            locked.tx.commit().await?;
            Ok(Switched::Done)
        })
        .await
    }

    /// Ends the import of a generation that is in use already: its rows are there now. False when it is not ours any more.
    pub async fn end_import(&self, new: &NewGeneration, loaded: &Current) -> Result<bool> {
        repeat("ending an import", || async {
            let locked = self.lock(new.account).await?;
            let ended = locked
                .tx
                .execute(
                    "UPDATE {s}.generations SET state = 'current' WHERE account = ? AND number = ? AND created = ? AND state = 'importing'",
                    params![new.account, new.number, new.created],
                )
                .await?;
            if ended != 1 {
                locked.tx.rollback().await?;
                return Ok(false);
            }
            locked.put_current(loaded).await?;
            locked.tx.commit().await?;
            Ok(true)
        })
        .await
    }

    /// Says that an import cannot go on, as its file is lost or damaged. From now on an upload or a kept generation may take its place,
    /// and its stamps are new, so that devices ask for a one-way sync. [`UserDb::take_over_import`] tries it again from time to time.
    pub async fn import_is_stuck(&self, new: &NewGeneration, now_ms: i64) -> Result<()> {
        let sql = "UPDATE {s}.generations SET lease_until = 0, modified = CASE WHEN modified < ? THEN ? ELSE modified + 1 END, \
                   schema_modified = CASE WHEN schema_modified < ? THEN ? ELSE schema_modified + 1 END \
                   WHERE account = ? AND number = ? AND created = ? AND state = 'importing'";
        self.db.execute(sql, params![now_ms, now_ms, now_ms, now_ms, new.account, new.number, new.created]).await.map(drop)
    }

    /// Takes over an import whose process has died, with an empty schema to begin anew; or one that is stuck and was not tried after
    /// `stuck_since`. None when there is none.
    pub async fn take_over_import(&self, now_ms: i64, lease_until: i64, stuck_since: i64) -> Result<Option<NewGeneration>> {
        let sql = "SELECT account, number, schema_name FROM {s}.generations WHERE state = 'importing' AND lease_until < ? \
                   AND (lease_until > 0 OR created < ?) LIMIT 1";
        let Some(row) = self.db.query_opt(sql, params![now_ms, stuck_since]).await? else { return Ok(None) };
        let new = NewGeneration { account: row.int(0)?, number: row.int32(1)?, schema: row.text(2)?, created: now_ms, base: None };
        let sql = "UPDATE {s}.generations SET lease_until = ?, created = ? WHERE account = ? AND number = ? AND state = 'importing' AND lease_until < ?";
        if self.db.execute(sql, params![lease_until, now_ms, new.account, new.number, now_ms]).await? != 1 {
            return Ok(None);
        }
        self.db.drop_schema(&new.schema).await?;
        self.db.create_schema(&new.schema).await?;
        Ok(Some(new))
    }

    /// Gives the collections in use new stamps, after the database was put back to an earlier moment: devices may know what is not here any
    /// more, under usns that are given out anew. Each is asked for one one-way sync. Those that no device has yet stay as they are. Ends all
    /// running syncs. Answers how many collections.
    pub async fn renew_stamps(&self, now_ms: i64) -> Result<u64> {
        let renew = "UPDATE {s}.generations SET schema_modified = CASE WHEN modified < ? AND schema_modified < ? THEN ? \
                     WHEN modified < schema_modified THEN schema_modified + 1 ELSE modified + 1 END \
                     WHERE state IN ('current', 'importing') AND NOT (origin = ? AND usn = 0)";
        let agree = "UPDATE {s}.generations SET modified = schema_modified WHERE state IN ('current', 'importing') AND NOT (origin = ? AND usn = 0)";
        let tx = self.db.begin().await?;
        let renewed = tx.execute(renew, params![now_ms, now_ms, now_ms, super::MADE_HERE]).await?;
        tx.execute(agree, params![super::MADE_HERE]).await?;
        for table in ["sync_staged", "sync_sessions", "sync_finished"] {
            tx.execute(&format!("DELETE FROM {{s}}.{table}"), vec![]).await?;
        }
        tx.commit().await?;
        Ok(renewed)
    }

    /// Gives up a generation that was being loaded.
    pub async fn abandon(&self, new: &NewGeneration) -> Result<()> {
        if self.give_up(new.account, new.number, GenerationState::Loading).await? {
            self.remove_dropping(new.account, new.number, &new.schema).await?;
        }
        Ok(())
    }

    /// Whether somebody is loading a new generation of this collection at the moment.
    pub async fn is_loading(&self, account: i64, now_ms: i64) -> Result<bool> {
        Ok(self.db.query_opt(LOADING, params![account, now_ms]).await?.is_some())
    }

    /// Whether a generation is loading or importing.
    pub async fn is_being_filled(&self, account: i64, number: i32) -> Result<bool> {
        let sql = "SELECT number FROM {s}.generations WHERE account = ? AND number = ? AND state IN ('loading', 'importing')";
        Ok(self.db.query_opt(sql, params![account, number]).await?.is_some())
    }

    /// All generations of an account, newest first.
    pub async fn generations(&self, account: i64) -> Result<Vec<Generation>> {
        let sql = format!("SELECT {COLUMNS} FROM {{s}}.generations WHERE account = ? ORDER BY number DESC");
        self.db.query(&sql, params![account]).await?.iter().map(from_row).collect()
    }

    /// Puts a kept generation back in use. The one that is current now becomes `kept` in turn.
    ///
    /// The modification stamp is always new, so that every client notices. The schema stamp and usn stay when nobody has changed the
    /// collection since the replacement that is undone: then only the device that made it is asked what to do. Otherwise the schema
    /// stamp is new too, and every device makes one one-way sync.
    ///
    /// # Errors
    /// [`StoreError::Gone`] when there is no such kept generation.
    pub async fn restore(&self, account: i64, number: i32, now_ms: i64) -> Result<Stamps> {
        repeat("restoring a generation", || async {
            let locked = self.lock(account).await?;
            if locked.state.is_import_running() {
                locked.tx.rollback().await?;
                return Err(StoreError::Busy("the last upload is still being loaded; try again later".into()));
            }
            let sql = format!("SELECT {COLUMNS} FROM {{s}}.generations WHERE account = ? AND state IN ('kept', 'current') ORDER BY number");
            let all: Vec<Generation> = locked.tx.query(&sql, params![account]).await?.iter().map(from_row).collect::<Result<_>>()?;
            let found = all.iter().find(|g| g.number == number && g.state == GenerationState::Kept);
            let Some(wanted) = found else {
                locked.tx.rollback().await?;
                return Err(StoreError::Gone(format!("there is no kept generation {number}")));
            };
            let newest = all.iter().map(|g| g.stamps.modified.max(g.stamps.schema_modified)).max().unwrap_or(0);
            let mut stamps = wanted.stamps;
            stamps.modified = now_ms.max(newest + 1);
            if !is_plain_undo(&all, wanted) {
                stamps.schema_modified = stamps.modified;
            }
            locked
                .tx
                .execute(
                    "UPDATE {s}.generations SET state = 'current', replaced = 0, origin = 'restore', loaded_modified = ?, modified = ?, \
                     schema_modified = ? WHERE account = ? AND number = ?",
                    params![stamps.modified, stamps.modified, stamps.schema_modified, account, number],
                )
                .await?;
            locked.replace_current(number, now_ms).await?;
            locked.tx.commit().await?;
            Ok(stamps)
        })
        .await
    }

    /// Generations of all accounts that have to go: loads whose lease ran out, removals that were interrupted, or have to wait for a
    /// lease, and kept ones that are older than `kept_since` or more than `kept_count` per account; but none while the current one is importing,
    /// as its import may fail.
    pub async fn outdated_generations(&self, now_ms: i64, kept_since: i64, kept_count: i64) -> Result<Vec<Generation>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM {{s}}.generations g WHERE (state IN ('dropping', 'loading') AND lease_until < ?) \
             OR (state = 'kept' AND (replaced < ? OR (SELECT COUNT(*) FROM {{s}}.generations o WHERE o.account = g.account \
             AND o.state = 'kept' AND o.replaced > g.replaced) >= ?) AND NOT EXISTS (SELECT 1 FROM {{s}}.generations i \
             WHERE i.account = g.account AND i.state = 'importing')) LIMIT 1000"
        );
        self.db.query(&sql, params![now_ms, kept_since, kept_count]).await?.iter().map(from_row).collect()
    }

    /// Removes a generation for good: first out of use under the lock, then its schema, then its row. Never the current one.
    pub async fn remove_generation(&self, generation: &Generation) -> Result<()> {
        let Generation { account, number, schema, state, .. } = generation;
        if *state == GenerationState::Dropping || self.give_up(*account, *number, *state).await? {
            self.remove_dropping(*account, *number, schema).await?;
        }
        Ok(())
    }

    /// Removes everything that is stored of an account: rows, schemas, media index. May be repeated.
    ///
    /// Whoever is beginning an upload at this moment may make its schema after we have removed it. So the row of a generation that is
    /// being filled stays until its lease has run out; [`UserDb::outdated_generations`] then names it.
    pub async fn delete_collection(&self, account: i64, now_ms: i64) -> Result<()> {
        repeat("deleting a collection", || self.delete_rows(account)).await?;
        let sql = "SELECT number, schema_name, lease_until FROM {s}.generations WHERE account = ?";
        for row in self.db.query(sql, params![account]).await? {
            let (number, schema, lease_until) = (row.int32(0)?, row.text(1)?, row.int(2)?);
            if lease_until < now_ms {
                self.remove_dropping(account, number, &schema).await?;
            } else {
                self.db.drop_schema(&schema).await?;
            }
        }
        Ok(())
    }

    async fn delete_rows(&self, account: i64) -> Result<()> {
        // In the order in which syncs take them, so that neither waits for the other for ever; and who comes later finds nothing.
        let locks = vec![(state::LOCK, params![account]), (media::LOCK, params![account])];
        let (tx, _) = self.db.begin_with(locks).await?;
        // The lease first: MySQL would already see the new state.
        let sql = "UPDATE {s}.generations SET lease_until = CASE WHEN state IN ('loading', 'importing', 'dropping') THEN lease_until ELSE 0 END, \
                   state = 'dropping' WHERE account = ?";
        tx.execute(sql, params![account]).await?;
        // The rows of the generations stay until their schemas are gone.
        for table in ACCOUNT_TABLES.into_iter().filter(|table| *table != "generations") {
            tx.execute(&format!("DELETE FROM {{s}}.{table} WHERE account = ?"), params![account]).await?;
        }
        tx.commit().await
    }

    async fn give_up(&self, account: i64, number: i32, from: GenerationState) -> Result<bool> {
        repeat("giving up a generation", || async {
            let locked = self.lock(account).await?;
            let changed = locked
                .tx
                .execute(
                    "UPDATE {s}.generations SET state = 'dropping', lease_until = 0 WHERE account = ? AND number = ? AND state = ?",
                    params![account, number, from.name()],
                )
                .await?;
            locked.tx.commit().await?;
            Ok(changed == 1)
        })
        .await
    }

    async fn remove_dropping(&self, account: i64, number: i32, schema: &str) -> Result<()> {
        self.db.drop_schema(schema).await?;
        let sql = "DELETE FROM {s}.generations WHERE account = ? AND number = ? AND state = 'dropping'";
        self.db.execute(sql, params![account, number]).await.map(drop)
    }
}

impl Locked {
    /// Points the collection at generation `number`, keeps the one before, and ends the running sync, which was based on it.
    async fn replace_current(&self, number: i32, now_ms: i64) -> Result<()> {
        let account = self.state.account;
        if let Some(old) = &self.state.current {
            // There is nothing to keep of one that could not be loaded.
            let state = if self.state.is_stuck { GenerationState::Dropping } else { GenerationState::Kept };
            self.tx
                .execute(
                    "UPDATE {s}.generations SET state = ?, replaced = ? WHERE account = ? AND number = ?",
                    params![state.name(), now_ms, account, old.number],
                )
                .await?;
        }
        self.tx.execute("UPDATE {s}.collections SET generation = ? WHERE account = ?", params![number, account]).await?;
        self.end_session().await
    }
}

/// Whether restoring `wanted` only undoes the last upload, with nothing synced since: then the devices that have not seen that upload go
/// on as if it had never been. `all` are the generations of the account.
pub fn is_plain_undo(all: &[Generation], wanted: &Generation) -> bool {
    let current = all.iter().find(|g| g.state == GenerationState::Current);
    let untouched = current.is_some_and(|g| g.stamps.modified == g.loaded_modified && g.origin == "upload");
    let later = |other: &Generation| other.state == GenerationState::Kept && other.replaced > wanted.replaced;
    untouched && current.is_some_and(|g| g.created <= wanted.replaced) && !all.iter().any(later)
}

fn base_of(current: &Current) -> (i32, i64, i32) {
    (current.number, current.stamps.modified, current.stamps.usn)
}

fn from_row(row: &Row) -> Result<Generation> {
    Ok(Generation {
        account: row.int(0)?,
        number: row.int32(1)?,
        schema: row.text(2)?,
        state: GenerationState::from_name(&row.text(3)?)?,
        created: row.int(4)?,
        replaced: row.int(5)?,
        origin: row.text(6)?,
        stamps: Stamps {
            created: row.int(7)?,
            modified: row.int(8)?,
            schema_modified: row.int(9)?,
            usn: row.int32(10)?,
            last_sync: row.int(11)?,
        },
        counts: Counts {
            notes: row.int(12)?,
            cards: row.int(13)?,
            revlog: row.int(14)?,
            notetypes: row.int(15)?,
            decks: row.int(16)?,
            presets: row.int(17)?,
        },
        loaded_modified: row.int(18)?,
    })
}

impl CollectionState {
    /// Whether the rows of the current generation are still being loaded, with a prospect of success.
    pub fn is_import_running(&self) -> bool {
        !self.is_stuck && self.current.as_ref().is_some_and(|current| !current.has_all_rows())
    }

    /// Whether there is nothing but what a fresh client has, made here, and no device has it.
    pub fn is_untouched(&self) -> bool {
        let untouched = |current: &Current| current.stamps.modified == current.stamps.schema_modified;
        self.awaits_first_device && self.current.as_ref().is_some_and(untouched)
    }

    /// The stamps to announce: those of the current generation, or those of an account without data.
    pub fn stamps(&self) -> Stamps {
        match &self.current {
            Some(current) if !self.is_untouched() => current.stamps,
            _ => Stamps { schema_modified: self.empty_schema_modified, ..Stamps::default() },
        }
    }
}
