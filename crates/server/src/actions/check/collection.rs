//! One account's collection: its row, its generations, and the rows of the current one.

use super::finding::{Found, Remedy};
use crate::app::App;
use std::collections::HashSet;
use store::collection::Collection;
use store::main_db::Account;
use store::user_db::{Current, Generation, GenerationState, Locked};

/// A new account's rows are made one after the other, in two databases.
const BEING_MADE_MS: i64 = 60_000;
/// Clocks of devices may be wrong, but not by more.
const AHEAD_MS: i64 = 24 * 60 * 60 * 1000;

pub(super) const BRING_BACK: Remedy = Remedy::ByHand(
    "Bring an earlier version back (`djankiserv collection list` and `restore`), or restore the database from a dump; or let a device \
     that has everything make a one-way upload.",
);
pub(super) const NO_ROW: Remedy = Remedy::ByHand(
    "No row names this schema, so nothing uses it. It is not removed, as it may be all that is left of a collection; if you are sure, drop it by hand.",
);
const BUSY: Remedy = Remedy::ByHand("Check again when the upload has been loaded.");

pub(super) async fn check(app: &App, account: &Account, found: &mut Found<'_>) -> anyhow::Result<()> {
    found.step("collection");
    let has_rows = app.user.state(account.id).await?.is_some() && app.user.media_state(account.id).await?.is_some();
    if !has_rows && app.clock.now_ms() - account.created < BEING_MADE_MS {
        return Ok(());
    }
    if !has_rows {
        found.damage("collections", account.id, "the account has no row here, or none in media_state, and cannot sync", Remedy::Repair);
        if !found.repair {
            return Ok(());
        }
        app.user.remake_rows(account.id, app.clock.now_ms()).await?;
        found.repaired();
    }
    generations(app, account.id, found).await?;
    current(app, account.id, found).await
}

/// Whether rows and schemas of all generations are there.
async fn generations(app: &App, account: i64, found: &mut Found<'_>) -> anyhow::Result<()> {
    // In this order: a generation is a row before it is a schema, and a row for longer than a schema.
    let schemas = app.user.schemas_of(account).await?;
    let rows = app.user.generations(account).await?;
    let after: HashSet<String> = app.user.schemas_of(account).await?.into_iter().collect();
    let named: HashSet<&String> = rows.iter().map(|row| &row.schema).collect();
    for schema in schemas.iter().filter(|schema| !named.contains(schema) && after.contains(*schema)) {
        found.damage("generations", schema, "there is such a schema, but no row for it", NO_ROW);
    }
    let mut pointer = app.user.pointer(account).await?.unwrap_or(0);
    let in_use: Vec<i64> = rows.iter().filter(|row| is_in_use(row)).map(|row| row.number.into()).collect();
    if !rows.iter().any(|row| i64::from(row.number) == pointer) && (pointer != 0 || !in_use.is_empty()) {
        // A switch that takes place at this moment changes both.
        if app.user.pointer(account).await? == Some(pointer) {
            let remedy = if in_use.len() == 1 { Remedy::Repair } else { BRING_BACK };
            let what = format!("it points to version {pointer}, which does not exist, so that the collection seems empty");
            found.damage("collections", account, what, remedy);
            if found.repair && remedy == Remedy::Repair && app.user.mend_pointer(account, pointer).await? {
                found.repaired();
            }
        }
        pointer = in_use.first().copied().unwrap_or(0);
    }
    for row in &rows {
        if is_in_use(row) && i64::from(row.number) != pointer && app.user.pointer(account).await? == Some(pointer) {
            let what = format!("its state is {}, but the collection's row points to version {pointer}", row.state.name());
            found.damage("generations", row.number, what, BRING_BACK);
        }
        if !after.contains(&row.schema) && row.state == GenerationState::Kept {
            found.damage("generations", row.number, "its schema is gone, so it cannot be restored", Remedy::Repair);
            if found.repair {
                app.user.remove_generation(row).await?;
                found.repaired();
            }
        } else if !after.contains(&row.schema) && row.state == GenerationState::Current {
            found.damage("generations", row.number, "its schema is gone, with all rows of the collection", BRING_BACK);
        }
    }
    Ok(())
}

fn is_in_use(row: &Generation) -> bool {
    matches!(row.state, GenerationState::Current | GenerationState::Importing)
}

/// The rows that are in use.
async fn current(app: &App, account: i64, found: &mut Found<'_>) -> anyhow::Result<()> {
    let view = if found.repair {
        app.user.lock(account).await?
    } else {
        let (tx, state) = app.user.snapshot(account).await?;
        let Some(state) = state else { return Ok(tx.rollback().await?) };
        Locked { tx, state }
    };
    let Some(current) = view.state.current.clone() else { return Ok(view.tx.rollback().await?) };
    if current.state != GenerationState::Current {
        found.oddity("generations", current.number, "its rows are still being loaded and cannot be checked yet", BUSY);
        return Ok(view.tx.rollback().await?);
    }
    let mut work = Work {
        stored: Collection::within(&view.tx, &current.schema),
        usn: current.stamps.usn,
        now_ms: app.clock.now_ms(),
        changed: false,
        stamped: false,
        found,
    };
    let mended = work.all(&current).await?;
    if !work.changed {
        return Ok(view.tx.rollback().await?);
    }
    view.put_current(&mended).await?;
    view.tx.commit().await?;
    found.repaired();
    Ok(())
}

/// The check of one collection, inside its transaction.
pub(super) struct Work<'a, 'r> {
    pub(super) stored: Collection<'a>,
    /// The collection's usn, which mended rows are stamped with.
    pub(super) usn: i32,
    pub(super) now_ms: i64,
    /// Something was mended.
    pub(super) changed: bool,
    /// Something was mended that clients have to hear of.
    pub(super) stamped: bool,
    pub(super) found: &'a mut Found<'r>,
}

impl Work<'_, '_> {
    /// Checks everything. Answers what the generation's row shall be if something was mended.
    async fn all(&mut self, current: &Current) -> anyhow::Result<Current> {
        let missing = self.stored.missing_tables().await?;
        for table in &missing {
            self.found.damage("generations", current.number, format!("its table {table} is missing"), BRING_BACK);
        }
        if !missing.is_empty() {
            return Ok(current.clone());
        }
        let shapes = self.objects().await?;
        self.notes(&shapes).await?;
        self.references().await?;
        self.usns().await?;
        self.tags().await?;
        self.config().await?;
        self.generation_row(current).await
    }

    async fn generation_row(&mut self, current: &Current) -> anyhow::Result<Current> {
        self.found.step("counters");
        let mut mended = current.clone();
        let (said, real) = (current.counts, self.stored.count().await?);
        for (what, said, real) in [
            ("notes", said.notes, real.notes),
            ("cards", said.cards, real.cards),
            ("reviews", said.revlog, real.revlog),
            ("notetypes", said.notetypes, real.notetypes),
            ("decks", said.decks, real.decks),
            ("presets", said.presets, real.presets),
        ] {
            if said != real {
                self.found.damage("generations", current.number, format!("it counts {said} {what}, but there are {real}"), Remedy::Repair);
                self.mended(false);
            }
        }
        self.stamps(current);
        mended.counts = real;
        mended.stamps.usn = mended.stamps.usn.max(0) + i32::from(self.stamped);
        mended.stamps.modified = self.now_ms.max(mended.stamps.modified + 1);
        Ok(mended)
    }

    fn stamps(&mut self, current: &Current) {
        let stamps = &current.stamps;
        for (what, ms) in [("modification", stamps.modified), ("schema", stamps.schema_modified)] {
            if ms <= 0 {
                let next = "Let a device make a one-way upload, which sets new stamps.";
                self.found.damage("generations", current.number, format!("its {what} stamp is {ms}"), Remedy::ByHand(next));
            } else if ms > self.now_ms + AHEAD_MS {
                let next = "Nothing needs to be done: it comes from a device whose clock is wrong, and new stamps are later ones.";
                self.found.oddity("generations", current.number, format!("its {what} stamp lies in the future"), Remedy::ByHand(next));
            }
        }
        if stamps.usn < 0 {
            self.found.damage("generations", current.number, format!("its usn is {}", stamps.usn), Remedy::Repair);
            self.mended(false);
        }
    }

    /// Notes that something was mended, if that is what we are here for. `stamped` says that clients have to hear of it.
    pub(super) fn mended(&mut self, stamped: bool) {
        self.changed |= self.found.repair;
        self.stamped |= self.found.repair && stamped;
    }
}
