//! Collections and media that come as files of the operator's, not by a sync: packages, and the folders of other servers.
//!
//! Files are trusted as little as uploads are. A collection goes into a new generation, and the one that it replaces is kept, so that
//! `collection restore` undoes an import. Media goes first: what no note names yet does no harm, so an import that was cut off is begun
//! anew, and files that are there already are not stored twice.

pub mod apkg;
pub mod django;
pub mod folder;
pub mod media;
pub mod package;
pub mod sync_server;

use super::edit_collection::EditError;
use super::load_collection::{LEASE, LoadError, check_and_load, keep_lease};
use crate::app::App;
use anki::file::{CollectionFile, FileError, Limits, Repairs};
use std::sync::Arc;
use store::StoreError;
use store::main_db::Account;
use store::user_db::Counts;
use store::user_db::generations::Switched;
use tempfile::NamedTempFile;

/// Why something was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{0}")]
    Refused(String),
    #[error("the collection was changed by a device during the import, so it was not replaced; run the import again")]
    ChangedMeanwhile,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error("{0}")]
    Failed(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("a background task failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl From<LoadError> for ImportError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::File(e) => e.into(),
            LoadError::Store(e) => e.into(),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// Which stamps an imported collection gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamping {
    /// Those of the file: devices that were in sync with where it comes from go on with a normal sync.
    Keep,
    /// New ones: every device is asked for a one-way sync, as after an upload.
    Renew,
}

/// A collection file that was imported, or looked at for a dry run.
#[derive(Debug, Clone, Copy)]
pub struct Imported {
    pub counts: Counts,
    /// What was put right while it was read.
    pub repairs: Repairs,
    /// It was imported before and is still unchanged, or is what devices have made of it since: nothing was done.
    pub already_there: bool,
}

/// A collection file, opened.
pub struct Opened {
    file: Arc<CollectionFile>,
    spooled: NamedTempFile,
}

/// Opens a private copy of a collection file.
///
/// # Errors
/// When it is larger than the limit of the server, or refused as an upload would be.
pub async fn open(app: &App, spooled: NamedTempFile) -> Result<Opened, ImportError> {
    let limits = Limits { max_bytes: app.config.limits.max_upload, ..Limits::default() };
    let opened = tokio::task::spawn_blocking(move || {
        let file = CollectionFile::open_unchecked(spooled.path(), &limits)?;
        Ok::<_, FileError>(Opened { file: Arc::new(file), spooled })
    });
    Ok(opened.await??)
}

/// What of an account is larger than its quota now, in words. Commands that import and restore are given by whoever decides about quotas too,
/// so they are not refused.
///
/// # Errors
/// When a database fails.
pub async fn over_quota(app: &App, account: &Account) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    let mut compare = |what: &str, used: i64, quota: Option<i64>| {
        if let Some(quota) = quota.filter(|quota| used > *quota) {
            found.push(format!("the {what} takes {used} bytes, and its quota is {quota}: devices can add nothing to it"));
        }
    };
    if account.quota_media_bytes.is_some() {
        compare("media", app.user.media_state(account.id).await?.map_or(0, |state| state.bytes), account.quota_media_bytes);
    }
    if account.quota_collection_bytes.is_some()
        && let Some(current) = app.user.state(account.id).await?.and_then(|state| state.current)
    {
        compare("collection", app.user.schema_size(&current.schema).await?, account.quota_collection_bytes);
    }
    Ok(found)
}

/// Reads a collection file to its end, as an import would, and changes nothing.
///
/// # Errors
/// What an import would refuse.
pub async fn look(opened: &Opened) -> Result<Imported, ImportError> {
    let file = opened.file.clone();
    let looked = tokio::task::spawn_blocking(move || {
        file.check()?;
        let counts = file.counts()?;
        let counts = Counts {
            notes: counts.notes.cast_signed(),
            cards: counts.cards.cast_signed(),
            revlog: counts.reviews.cast_signed(),
            notetypes: file.notetypes()?.len() as i64,
            decks: file.decks()?.len() as i64,
            presets: file.presets()?.len() as i64,
        };
        file.for_each_note(|_| Ok::<_, FileError>(()))?;
        file.for_each_card(|_| Ok::<_, FileError>(()))?;
        file.for_each_review(|_| Ok::<_, FileError>(()))?;
        Ok::<_, FileError>(Imported { counts, repairs: file.repairs(), already_there: false })
    });
    Ok(looked.await??)
}

/// Puts a collection file in the place of an account's collection.
///
/// # Errors
/// When the file is refused, a device changes the collection meanwhile, or, with [`Stamping::Keep`], there is another collection already.
pub async fn replace(app: &App, account: &Account, opened: Opened, stamping: Stamping) -> Result<Imported, ImportError> {
    let Opened { file, spooled } = opened;
    let stamps = file.stamps();
    let generations = app.user.generations(account.id).await?;
    let state = app.user.state(account.id).await?;
    if stamping == Stamping::Keep
        && let Some(current) = state.and_then(|state| state.current)
    {
        if current.stamps.schema_modified == stamps.schema_modified && current.stamps.modified >= stamps.modified {
            return Ok(Imported { counts: current.counts, repairs: Repairs::default(), already_there: true });
        }
        return Err(ImportError::Refused(format!(
            "{} has another collection here already, which is not replaced; `djankiserv user delete` removes it",
            account.username
        )));
    }
    let now = app.clock.now_ms();
    let permit = app.transfers.acquire().await.map_err(|e| ImportError::Failed(e.to_string()))?;
    let new = app.user.begin_generation(account.id, "import", now, now + LEASE.as_millis() as i64).await?;
    let loaded = tokio::select! {
        loaded = check_and_load(app, &file, &new) => loaded,
        lost = keep_lease(app, &new) => Err(lost),
    };
    let switched = match loaded {
        Ok(mut current) => {
            if stamping == Stamping::Renew {
                let newest = generations.iter().map(|g| g.stamps.modified.max(g.stamps.schema_modified)).max().unwrap_or(0);
                current.stamps.modified = app.clock.now_ms().max(newest + 1);
                current.stamps.schema_modified = current.stamps.modified;
            }
            match app.user.switch(&new, &current, app.clock.now_ms()).await {
                Ok(Switched::Done) => Ok(current.counts),
                Ok(Switched::ChangedMeanwhile) => Err(ImportError::ChangedMeanwhile),
                Ok(Switched::LeaseLost) => Err(LoadError::LeaseLost.into()),
                // Whether it took place is not known; housekeeping clears what is left.
                Err(e) => return Err(e.into()),
            }
        }
        Err(e) => Err(e.into()),
    };
    drop((permit, spooled));
    match switched {
        Ok(counts) => {
            tracing::info!(account = %account.username, ?counts, "collection replaced by an import");
            Ok(Imported { counts, repairs: file.repairs(), already_there: false })
        }
        Err(e) => {
            if let Err(error) = app.user.abandon(&new).await {
                tracing::warn!(account = %account.username, %error, "could not remove a given-up import at once; housekeeping will");
            }
            Err(e)
        }
    }
}
