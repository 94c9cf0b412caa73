//! Loads an uploaded file into a new generation and switches to it.
//!
//! A client gives up when it hears nothing for 30 seconds. An import that may take longer is made safe first: the file goes to a folder
//! where it survives a crash (and to the bucket, if media is in one, as other machines may not see that folder), and the generation becomes the current one while its rows are still on their way. From that moment the
//! upload has taken place; whatever needs the rows waits, and any process takes the import over if this one dies.

use super::error::SyncError;
use super::upload::Refusal;
use crate::actions::edit_collection::adopt;
use crate::actions::load_collection::{LEASE, LoadError, check_and_load, keep_lease, load};
use crate::actions::quota::{Full, exceeds};
use crate::app::App;
use crate::media_store::SHARED_IMPORTS as SHARED;
use crate::metrics::{IMPORTS, STAGES};
use anki::file::{CollectionFile, FileError, Limits, Repairs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::user_db::generations::{NewGeneration, Switched};
use store::user_db::{Counts, Current, GenerationState, MADE_HERE};
use tempfile::NamedTempFile;

/// How long to leave an import alone whose file is lost or damaged. It may come back.
const STUCK_AGAIN: Duration = Duration::from_secs(600);

/// An uploaded file that has been found to be a collection. Whether it is damaged has not been looked at.
pub struct Upload {
    pub account: i64,
    pub username: String,
    pub client: String,
    pub file: Arc<CollectionFile>,
    /// Where it lies; removed in the end.
    pub spooled: NamedTempFile,
    pub received: Instant,
    /// The most that it may take in the database, in bytes.
    pub quota: Option<i64>,
}

/// Imports `upload`. `answered` is called once, when the collection has been replaced for good or will not be.
pub async fn import(app: Arc<App>, upload: Upload, answered: impl FnOnce(Result<(), Refusal>)) {
    let mut answered = Some(answered);
    let outcome = replace(&app, &upload, || {
        if let Some(answered) = answered.take() {
            answered(Ok(()));
        }
    })
    .await;
    IMPORTS.count([match &outcome {
        Ok(()) => "done",
        Err(Refusal::Tell(_)) => "refused",
        Err(_) => "failed",
    }]);
    match answered {
        Some(answered) => answered(outcome),
        None => {
            if let Err(refusal) = outcome {
                // The file is kept, and the import is tried again when the lease has run out.
                tracing::error!(account = %upload.username, reason = %refusal.reason(), "an import that had been answered did not end well");
            }
        }
    }
}

/// Takes over imports whose process has died. Answers whether there was one.
///
/// # Errors
/// When it fails again; it is tried again later.
pub async fn resume_one(app: &Arc<App>) -> Result<bool, String> {
    let now = app.clock.now_ms();
    let stuck_since = now - STUCK_AGAIN.as_millis() as i64;
    let taken = app.user.take_over_import(now, now + LEASE.as_millis() as i64, stuck_since).await.map_err(|e| e.to_string())?;
    let Some(new) = taken else { return Ok(false) };
    let path = kept_file(app, &new);
    tracing::warn!(account = new.account, number = new.number, "taking over an import that was cut off");
    let limits = Limits { max_bytes: u64::MAX, ..Limits::default() };
    let (media, name) = (app.media.clone(), shared_name(&new));
    let opened = tokio::task::spawn_blocking(move || {
        if !path.exists() && !media.fetch_shared(&name, &path)? {
            return Err(FileError::Io(std::io::Error::new(
                std::io::ErrorKind::NotFound,
                format!("there is no {}, and it is not in a bucket: several machines have to share the data folder", path.display()),
            )));
        }
        CollectionFile::open(&path, &limits)
    });
    let loaded = match opened.await.map_err(|e| e.to_string())? {
        Ok(file) => {
            let file = Arc::new(file);
            tokio::select! {
                loaded = load(app, &file, &new) => loaded,
                lost = keep_lease(app, &new) => Err(lost),
            }
        }
        Err(error) => Err(error.into()),
    };
    let current = match loaded {
        Err(LoadError::File(error)) if error.is_refusal() || is_not_found(&error) => {
            app.user.import_is_stuck(&new, app.clock.now_ms()).await.map_err(|e| e.to_string())?;
            tracing::error!(
                account = new.account, number = new.number, %error,
                "a large upload cannot be loaded, as its file is lost or damaged: its devices are asked to upload again; \
                 `djankiserv collection restore` puts an earlier version back; it is tried again in ten minutes"
            );
            return Ok(true);
        }
        loaded => loaded.map_err(|e| e.to_string())?,
    };
    let made_here = replaced(app, new.account).await?;
    let current = merged(app, new.account, made_here.as_ref(), current).await.map_err(|e| e.reason())?;
    if app.user.end_import(&new, &current).await.map_err(|e| e.to_string())? {
        forget(app, &new).await;
        tracing::info!(account = new.account, number = new.number, counts = ?current.counts, "import finished");
    }
    Ok(true)
}

fn is_not_found(error: &FileError) -> bool {
    matches!(error, FileError::Io(error) if error.kind() == std::io::ErrorKind::NotFound)
}

/// Removes kept files that no import needs any more.
///
/// # Errors
/// When the folder or the database cannot be read.
pub async fn sweep(app: &App) -> anyhow::Result<()> {
    let mut files = tokio::fs::read_dir(&app.imports).await?;
    while let Some(entry) = files.next_entry().await? {
        let name = entry.file_name();
        let ids = name.to_str().and_then(|name| name.strip_suffix(".anki2")).and_then(|name| name.split_once('-'));
        let Some((Ok(account), Ok(number))) = ids.map(|(account, number)| (account.parse(), number.parse())) else { continue };
        if is_over(app, account, number).await? {
            remove(&entry.path());
        }
    }
    let media = app.media.clone();
    for name in tokio::task::spawn_blocking(move || media.shared(SHARED)).await?? {
        let ids = name.strip_prefix(SHARED).and_then(|name| name.strip_prefix('/')?.strip_suffix(SHARED_END)?.split_once('-'));
        let Some((Ok(account), Ok(number))) = ids.map(|(account, number)| (account.parse(), number.parse())) else { continue };
        if is_over(app, account, number).await? {
            let media = app.media.clone();
            tokio::task::spawn_blocking(move || media.unshare(&name)).await??;
        }
    }
    Ok(())
}

/// Whether an import needs its file no more. That of an account which this database does not know, another database may need.
async fn is_over(app: &App, account: i64, number: i32) -> anyhow::Result<bool> {
    Ok(app.main.account_by_id(account).await?.is_some() && !app.user.is_being_filled(account, number).await?)
}

async fn replace(app: &Arc<App>, upload: &Upload, mut answer: impl FnMut()) -> Result<(), Refusal> {
    let now = app.clock.now_ms();
    let new = app.user.begin_generation(upload.account, "upload", now, now + LEASE.as_millis() as i64).await?;
    // Nobody writes to it any more while we load, and if somebody has just done, the switch is refused.
    let made_here = adopt::waiting(app.user.state(upload.account).await?.as_ref());
    let mut loading = std::pin::pin!(async { check_and_load(app, &upload.file, &new).await.map_err(Refusal::from) });
    let mut lease = std::pin::pin!(async { Refusal::from(keep_lease(app, &new).await) });
    let deadline = tokio::time::sleep_until((upload.received + app.answer_import_after).into());
    let early = tokio::select! {
        loaded = &mut loading => Some(loaded),
        lost = &mut lease => Some(Err(lost)),
        () = deadline => None,
    };
    let outcome = match early {
        Some(loaded) => finish_quickly(app, upload, &new, loaded, made_here.as_ref()).await,
        None => {
            // Made safe while the load goes on.
            let safe = async {
                let safe = make_safe(app, upload, &new).await;
                if safe.is_ok() {
                    answer();
                }
                safe
            };
            let both = async { tokio::try_join!(safe, async { Ok((&mut loading).await) }) };
            tokio::select! {
                both = both => match both {
                    Ok(((), loaded)) => finish_import(app, upload, &new, loaded, made_here.as_ref()).await,
                    Err(e) => Err(e),
                },
                lost = &mut lease => Err(lost),
            }
        }
    };
    let still_loading = matches!(&outcome, Err(refusal) if !refusal.outcome_is_unknown());
    if still_loading && let Err(error) = app.user.abandon(&new).await {
        tracing::warn!(account = %upload.username, %error, "could not remove a given-up upload at once; housekeeping will");
    }
    outcome
}

/// The usual end: everything is loaded before the client has to be answered.
async fn finish_quickly(
    app: &App,
    upload: &Upload,
    new: &NewGeneration,
    loaded: Result<Current, Refusal>,
    made_here: Option<&Current>,
) -> Result<(), Refusal> {
    let current = merged(app, upload.account, made_here, loaded?).await?;
    if let Some(quota) = upload.quota
        && exceeds(0, app.user.schema_size(&current.schema).await?.unsigned_abs(), quota)
    {
        return Err(Refusal::Tell(Full::Collection(quota).for_user()));
    }
    done(app.user.switch(new, &current, app.clock.now_ms()).await)?;
    log_end(upload, &current);
    Ok(())
}

/// The end of an import that was answered before it was over.
async fn finish_import(
    app: &App,
    upload: &Upload,
    new: &NewGeneration,
    loaded: Result<Current, Refusal>,
    made_here: Option<&Current>,
) -> Result<(), Refusal> {
    let current = merged(app, upload.account, made_here, loaded?).await?;
    if app.user.end_import(new, &current).await? {
        forget(app, new).await;
    }
    log_end(upload, &current);
    Ok(())
}

/// The first device of an account joins what was made there before.
async fn merged(app: &App, account: i64, made_here: Option<&Current>, uploaded: Current) -> Result<Current, Refusal> {
    let Some(made_here) = made_here else { return Ok(uploaded) };
    let joined = adopt::adopt(app, account, made_here, uploaded).await;
    joined.map_err(|e| SyncError::unavailable(format!("joining what was made before the first device: {e}")).into())
}

/// What an import that is taken over has replaced, if that was made here.
async fn replaced(app: &App, account: i64) -> Result<Option<Current>, String> {
    let generations = app.user.generations(account).await.map_err(|e| e.to_string())?;
    let last = generations.into_iter().filter(|g| g.state == GenerationState::Kept).max_by_key(|g| g.replaced);
    let last = last.filter(|g| g.origin == MADE_HERE && g.stamps.usn == 0 && g.stamps.modified != g.stamps.schema_modified);
    Ok(last.map(|g| Current {
        number: g.number,
        schema: g.schema,
        state: g.state,
        stamps: g.stamps,
        scheduler_version: 2,
        creation_offset: true,
        counts: g.counts,
    }))
}

fn log_end(upload: &Upload, current: &Current) {
    let repairs = upload.file.repairs();
    if repairs != Repairs::default() {
        tracing::info!(account = %upload.username, ?repairs, "put right while reading an uploaded collection");
    }
    let ms = upload.received.elapsed().as_millis();
    STAGES.took(["import"], upload.received.elapsed());
    tracing::info!(account = %upload.username, client = %upload.client, counts = ?current.counts, ms, "collection replaced by an upload");
}

fn done(switched: store::Result<Switched>) -> Result<(), Refusal> {
    match switched {
        Ok(Switched::Done) => Ok(()),
        Ok(Switched::ChangedMeanwhile) => Err(Refusal::Tell(
            "Your collection was changed by another device during this upload, so it was not replaced. Please sync again.".into(),
        )),
        Ok(Switched::LeaseLost) => Err(SyncError::unavailable("the upload took too long and was given up").into()),
        // A COMMIT whose outcome is unknown: what is right will show at the next meta, and housekeeping clears what was left.
        Err(e) => Err(Refusal::Unknown(e.into())),
    }
}

/// Checks every row, puts the file where it survives, and makes the generation the current one.
async fn make_safe(app: &Arc<App>, upload: &Upload, new: &NewGeneration) -> Result<(), Refusal> {
    let file = upload.file.clone();
    let (source, target) = (upload.spooled.path().to_owned(), kept_file(app, new));
    let (media, shared) = (app.media.clone(), shared_name(new));
    let (counts, scheduler) = tokio::task::spawn_blocking(move || {
        // The load does this too, but may not have come to its end.
        file.check()?;
        let mut counts = file.counts().map(|counts| Counts {
            notes: counts.notes.cast_signed(),
            cards: counts.cards.cast_signed(),
            revlog: counts.reviews.cast_signed(),
            ..Counts::default()
        })?;
        counts.notetypes = file.notetypes()?.len() as i64;
        counts.decks = file.decks()?.len() as i64;
        counts.presets = file.presets()?.len() as i64;
        file.tags()?;
        file.config()?;
        file.graves()?;
        file.for_each_note(|_| Ok::<_, FileError>(()))?;
        file.for_each_card(|_| Ok::<_, FileError>(()))?;
        file.for_each_review(|_| Ok::<_, FileError>(()))?;
        let scheduler = file.scheduler()?;
        keep(&source, &target)?;
        media.share(&shared, &target)?;
        Ok::<_, Refusal>((counts, scheduler))
    })
    .await??;
    let announced = Current {
        number: new.number,
        schema: new.schema.clone(),
        state: GenerationState::Importing,
        stamps: upload.file.stamps(),
        scheduler_version: scheduler.version,
        creation_offset: scheduler.has_creation_offset,
        counts,
    };
    let switched = done(app.user.switch_importing(new, &announced, app.clock.now_ms()).await);
    match &switched {
        Ok(()) => tracing::info!(account = %upload.username, ?counts, "a large upload has taken place; its rows are still being loaded"),
        Err(Refusal::Unknown(_)) => {}
        Err(_) => forget(app, new).await,
    }
    switched
}

/// How their names in the bucket end.
const SHARED_END: &str = ".anki2.zst";

fn shared_name(new: &NewGeneration) -> String {
    format!("{SHARED}/{}-{}{SHARED_END}", new.account, new.number)
}

/// Removes the file of an import that is over. What cannot be removed now is found by the sweep.
async fn forget(app: &App, new: &NewGeneration) {
    let path = kept_file(app, new);
    if path.exists() {
        remove(&path);
    }
    let (media, name) = (app.media.clone(), shared_name(new));
    let gone = tokio::task::spawn_blocking(move || media.unshare(&name)).await.map_err(std::io::Error::other).flatten();
    if let Err(error) = gone {
        tracing::warn!(%error, account = new.account, "cannot remove an imported file from the bucket now");
    }
}

fn kept_file(app: &App, new: &NewGeneration) -> PathBuf {
    app.imports.join(format!("{}-{}.anki2", new.account, new.number))
}

/// The file under a second name, safely on disk.
fn keep(source: &Path, target: &Path) -> std::io::Result<()> {
    if std::fs::hard_link(source, target).is_err() {
        std::fs::copy(source, target)?;
    }
    std::fs::File::open(target)?.sync_all()?;
    match target.parent() {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!(%error, path = %path.display(), "cannot remove an imported file");
    }
}
