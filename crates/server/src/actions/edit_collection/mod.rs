//! The one way in which anything but a sync writes to a collection.
//!
//! A [`Change`] runs under the collection's lock, in one transaction. What it writes carries the collection's usn, so every device hears
//! of it at its next sync, which stays a normal one. The modification stamp grows by one only: a device with newer changes of its own
//! stays the newer side, and its configuration is not overwritten. A change to the configuration, or one that needs a one-way sync, takes
//! the time of now instead.

pub mod adopt;
pub mod answers;
pub mod cards;
pub mod config;
pub mod decks;
mod error;
mod fresh;
mod index;
pub mod merge;
pub mod notes;
pub mod notetypes;
mod once;
pub mod presets;
pub mod reviews;
pub mod tags;

pub use error::{EditError, Problem, Result};
pub use index::{DeckRef, NotetypeRef};
pub use once::{Once, OnceDone};

use super::quota::{Owner, Room};
use crate::app::App;
use std::time::Duration;
use store::collection::Collection;
use store::repeat::repeat;
use store::user_db::{Current, GenerationState, Locked, Occupied};
use tokio::time::Instant;

/// A sync without a request for so long is not waited for.
const SESSION_LIVE_MS: i64 = 60_000;
/// How long to wait until nobody is at work on the collection.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(200);

/// Something to do to a collection. May be run several times, of which one is committed.
pub trait Change: Sync {
    /// What the caller wants to know afterwards.
    type Done: Send;

    /// Does it. An error undoes everything.
    fn make(&self, edit: &mut Edit) -> impl Future<Output = Result<Self::Done>> + Send;
}

/// A collection while it is being changed.
pub struct Edit {
    locked: Locked,
    /// Stamps and counters as they will be.
    current: Current,
    now_ms: i64,
    changed: bool,
    config_changed: bool,
    needs_one_way: bool,
    /// Bytes that are added, about.
    added: usize,
}

impl Edit {
    /// The stored rows.
    pub fn stored(&self) -> Collection<'_> {
        Collection::within(&self.locked.tx, &self.current.schema)
    }

    /// What all written rows carry.
    pub fn usn(&self) -> i32 {
        self.current.stamps.usn
    }

    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    pub fn now_secs(&self) -> i64 {
        self.now_ms.div_euclid(1000)
    }

    /// The modification stamp of a deck, preset or notetype that is changed now and had the stamp `stored`, in seconds. Clients ignore an
    /// object that is older than theirs, and theirs may come from a device whose clock is ahead.
    pub fn stamp_after(&self, stored: i64) -> i64 {
        self.now_secs().max(stored)
    }

    /// Counts what a quota is held against: rows that are new, and texts that became longer.
    pub(in crate::actions) fn adds(&mut self, bytes: usize) {
        self.added = self.added.saturating_add(bytes);
    }

    /// When the collection was begun, in seconds.
    pub fn created(&self) -> i64 {
        self.current.stamps.created
    }
}

/// Makes a change to an account's collection, in one transaction.
///
/// # Errors
/// [`EditError::InProgress`] when a device is syncing for longer than is waited; [`EditError::Full`] when there is no room for what it
/// adds; what the change itself refuses.
pub async fn edit<C: Change>(app: &App, owner: impl Into<Owner>, change: &C) -> Result<C::Done> {
    let owner = owner.into();
    let (account, room) = (owner.account, Room::of(app, owner).await?);
    let until = Instant::now() + PATIENCE;
    loop {
        match repeat("changing a collection", || attempt(app, account, room, change)).await? {
            Attempt::Done(done) => return Ok(done),
            Attempt::NoCollection => fresh::make(app, account).await?,
            Attempt::Occupied(occupied) if Instant::now() >= until => return Err(EditError::InProgress(occupied)),
            Attempt::Occupied(_) => tokio::time::sleep(POLL).await,
        }
    }
}

/// The collection of an account, to be read. One without data gets what a fresh client has, so that there are a deck and notetypes to
/// add notes with; until something is added, devices take such an account for empty.
///
/// # Errors
/// [`EditError::InProgress`] when the rows of an upload are being loaded for longer than is waited.
pub async fn open(app: &App, account: i64) -> Result<Current> {
    let until = Instant::now() + PATIENCE;
    loop {
        match app.user.state(account).await?.and_then(|state| state.current) {
            None => fresh::make(app, account).await?,
            Some(current) if current.state == GenerationState::Current => return Ok(current),
            Some(_) if Instant::now() >= until => return Err(EditError::InProgress(Occupied::Importing)),
            Some(_) => tokio::time::sleep(POLL).await,
        }
    }
}

enum Attempt<T> {
    Done(T),
    NoCollection,
    Occupied(Occupied),
}

async fn attempt<C: Change>(app: &App, account: i64, room: Room, change: &C) -> Result<Attempt<C::Done>> {
    let now_ms = app.clock.now_ms();
    let (locked, occupied) = app.user.lock_for_edit(account, now_ms - SESSION_LIVE_MS, now_ms).await?;
    if occupied != Occupied::No {
        locked.tx.rollback().await?;
        return Ok(Attempt::Occupied(occupied));
    }
    let Some(current) = locked.state.current.clone() else {
        locked.tx.rollback().await?;
        return Ok(Attempt::NoCollection);
    };
    let mut edit = Edit { locked, current, now_ms, changed: false, config_changed: false, needs_one_way: false, added: 0 };
    let made = match change.make(&mut edit).await {
        Ok(done) => room.check(edit.added).map(|()| done).map_err(EditError::from),
        Err(error) => Err(error),
    };
    let done = match made {
        Ok(done) => done,
        Err(error) => {
            edit.locked.tx.rollback().await?;
            return Err(error);
        }
    };
    if !edit.changed {
        edit.locked.tx.rollback().await?;
        return Ok(Attempt::Done(done));
    }
    let stamps = &mut edit.current.stamps;
    // What is no config must not make the server's config win over that of a device.
    let at = if edit.config_changed || edit.needs_one_way { now_ms } else { now_ms.min(stamps.modified + 1) };
    stamps.modified = stamps.modified_at(at);
    if edit.needs_one_way {
        stamps.schema_modified = now_ms.max(stamps.schema_modified + 1);
    }
    edit.locked.put_current(&edit.current).await?;
    edit.locked.tx.commit().await?;
    Ok(Attempt::Done(done))
}
