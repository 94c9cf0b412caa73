//! Loads a collection file into a new generation: for uploads and for imports.

use crate::app::App;
use anki::file::{CollectionFile, FileError};
use bytes::Bytes;
use futures_util::Stream;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;
use store::StoreError;
use store::collection::{Load, LoadRows};
use store::user_db::generations::NewGeneration;
use store::user_db::{Counts, Current, GenerationState};
use tokio::sync::mpsc;

/// Rows are handed to the database in blocks of about this size, in bytes.
const BLOCK: usize = 256 << 10;
/// A load that shows no sign of life for so long is given up, or taken over.
pub const LEASE: Duration = Duration::from_secs(120);
const HEARTBEAT: Duration = Duration::from_secs(20);

/// Why a file was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Incomplete(String),
    #[error("loading was given up")]
    GivenUp,
    #[error("the upload took too long and was given up")]
    LeaseLost,
    #[error("a background task failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Prolongs the lease until it is lost.
pub async fn keep_lease(app: &App, new: &NewGeneration) -> LoadError {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        match app.user.extend_lease(new, app.clock.now_ms() + LEASE.as_millis() as i64).await {
            Ok(true) => {}
            Ok(false) => return LoadError::LeaseLost,
            Err(error) => tracing::warn!(account = new.account, %error, "could not prolong the lease of an upload"),
        }
    }
}

/// Loads a file while it is looked through for damage. Damage ends the loading, and is what is told whatever else went wrong.
///
/// # Errors
/// When the file is refused, or the database fails.
pub async fn check_and_load(app: &App, file: &Arc<CollectionFile>, new: &NewGeneration) -> Result<Current, LoadError> {
    let check = {
        let file = file.clone();
        tokio::task::spawn_blocking(move || file.check())
    };
    let check = async { Ok::<_, LoadError>(check.await??) };
    let ((), loaded) = tokio::try_join!(check, async { Ok(load(app, file, new).await) })?;
    loaded
}

/// Loads all tables, the three large ones and the small ones side by side.
///
/// # Errors
/// When the file is refused, or the database fails.
pub async fn load(app: &App, file: &Arc<CollectionFile>, new: &NewGeneration) -> Result<Current, LoadError> {
    let load = Load::new(app.user.db(), &new.schema);
    let facts = {
        let file = file.clone();
        tokio::task::spawn_blocking(move || Ok::<_, FileError>((file.scheduler()?, file.counts()?)))
    };
    let ((notetypes, decks, presets), revlog, notes, cards) = tokio::try_join!(
        load_objects(&load, file),
        load.reviews(rows(file, |file, out| file.for_each_review(|review| out.row(|rows| rows.review(review))))),
        load.notes(rows(file, |file, out| file.for_each_note(|note| out.row(|rows| rows.note(note))))),
        load.cards(rows(file, |file, out| file.for_each_card(|card| out.row(|rows| rows.card(card))))),
    )?;
    let (scheduler, counts) = facts.await??;
    if (counts.reviews, counts.notes, counts.cards) != (revlog, notes, cards) {
        return Err(LoadError::Incomplete(format!("of {counts:?} only {notes} notes, {cards} cards and {revlog} reviews were loaded")));
    }
    let count = u64::cast_signed;
    Ok(Current {
        number: new.number,
        schema: new.schema.clone(),
        state: GenerationState::Current,
        stamps: file.stamps(),
        scheduler_version: scheduler.version,
        creation_offset: scheduler.has_creation_offset,
        counts: Counts {
            notes: count(notes),
            cards: count(cards),
            revlog: count(revlog),
            notetypes: count(notetypes),
            decks: count(decks),
            presets: count(presets),
        },
    })
}

/// Loads the small tables, one after the other. Answers how many notetypes, decks and presets there are.
async fn load_objects(load: &Load<'_>, file: &Arc<CollectionFile>) -> Result<(u64, u64, u64), LoadError> {
    load.graves(rows(file, |file, out| file.graves()?.iter().try_for_each(|grave| out.row(|rows| rows.grave(grave))))).await?;
    let notetypes =
        load.notetypes(rows(file, |file, out| file.notetypes()?.iter().try_for_each(|o| out.row(|rows| rows.notetype(o))))).await?;
    let decks = load.decks(rows(file, |file, out| file.decks()?.iter().try_for_each(|o| out.row(|rows| rows.deck(o))))).await?;
    let presets = load.presets(rows(file, |file, out| file.presets()?.iter().try_for_each(|o| out.row(|rows| rows.preset(o))))).await?;
    load.tags(rows(file, |file, out| file.tags()?.iter().try_for_each(|o| out.row(|rows| rows.tag(o))))).await?;
    load.config(rows(file, |file, out| file.config()?.iter().try_for_each(|o| out.row(|rows| rows.config(o))))).await?;
    Ok((notetypes, decks, presets))
}

/// Reads one table of the file on a thread of its own and hands its rows over in blocks.
fn rows(
    file: &Arc<CollectionFile>,
    read: impl FnOnce(&CollectionFile, &mut Out) -> Result<(), LoadError> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, LoadError>> {
    let file = file.clone();
    let (sender, mut receiver) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let mut out = Out { rows: LoadRows::new(), sender };
        let ended = read(&file, &mut out).and_then(|()| out.send());
        // The other side is gone when loading has failed; its own error says why.
        let _ = out.sender.blocking_send(ended.map(|()| None));
    });
    let mut ended = false;
    futures_util::stream::poll_fn(move |task| {
        if ended {
            return Poll::Ready(None);
        }
        let block = ready!(receiver.poll_recv(task));
        ended = !matches!(block, Some(Ok(Some(_))));
        Poll::Ready(match block {
            Some(block) => block.transpose(),
            // Without the end mark the reader has died, and what we have is not all.
            None => Some(Err(LoadError::Incomplete("the reader of the file died".into()))),
        })
    })
}

struct Out {
    rows: LoadRows,
    sender: mpsc::Sender<Result<Option<Bytes>, LoadError>>,
}

impl Out {
    fn row(&mut self, add: impl FnOnce(&mut LoadRows)) -> Result<(), LoadError> {
        add(&mut self.rows);
        if self.rows.size() >= BLOCK { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<(), LoadError> {
        if self.rows.size() == 0 {
            return Ok(());
        }
        let block = self.rows.take();
        self.sender.blocking_send(Ok(Some(block))).map_err(|_| LoadError::GivenUp)
    }
}
