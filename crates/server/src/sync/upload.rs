//! `upload`: the client's whole collection takes the place of ours. It is loaded beside it, checked, and only then switched to.

use super::context::Context;
use super::error::{SyncError, SyncResult};
use super::incoming::Incoming;
use super::reply;
use super::spool::Spooled;
use crate::app::App;
use crate::http::peer::Peer;
use anki::file::{CollectionFile, FileError, Limits};
use axum::body::Body;
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use futures_util::Stream;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};
use store::StoreError;
use store::collection::{Load, LoadRows};
use store::user_db::generations::{NewGeneration, Switched};
use store::user_db::{Counts, Current, GenerationState};
use tokio::sync::mpsc;

/// Rows are handed to the database in blocks of about this size, in bytes.
const BLOCK: usize = 256 << 10;
/// A load that shows no sign of life for so long is given up by the janitor.
const LEASE: Duration = Duration::from_secs(120);
const HEARTBEAT: Duration = Duration::from_secs(20);
/// How long to wait for other uploads and downloads to end, before answering "try later".
const PATIENCE: Duration = Duration::from_secs(20);

pub async fn upload(app: &Arc<App>, mut incoming: Incoming, peer: Peer, mut known: impl FnMut(&Context)) -> SyncResult<Response<Body>> {
    let (limit, folder) = (app.config.limits.max_upload, app.temporary.clone());
    let version = incoming.envelope.version;
    let (cx, spooled) = if incoming.envelope.host_key.is_empty() {
        // A multipart body whose key comes last: it must be read to know whose it is.
        let spooled = incoming.payload_file(limit, &folder).await;
        (Context::identify(app, &incoming.envelope, peer).await?, spooled)
    } else {
        let cx = Context::identify(app, &incoming.envelope, peer).await?;
        known(&cx);
        let spooled = incoming.payload_file(limit, &folder).await;
        (cx, spooled)
    };
    known(&cx);
    let outcome = match spooled {
        Ok(spooled) => replace(&cx, spooled).await,
        Err(e) if e.status == StatusCode::PAYLOAD_TOO_LARGE => Err(Refusal::Tell(e.reason)),
        Err(e) => Err(Refusal::Status(e)),
    };
    match outcome {
        Ok(()) => reply::bytes(version, b"OK".to_vec()).await,
        // Any text other than OK is shown to the user, which a status is not.
        Err(Refusal::Tell(text)) => {
            tracing::warn!(account = %cx.username, client = %cx.client.text, reason = text, "upload refused");
            reply::bytes(version, text.into_bytes()).await
        }
        Err(Refusal::Status(e)) => Err(e),
    }
}

/// Why an upload did not take place: something the user can be told, or a fault that has a status.
enum Refusal {
    Tell(String),
    Status(SyncError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Status(error.into())
    }
}

impl From<SyncError> for Refusal {
    fn from(error: SyncError) -> Self {
        Self::Status(error)
    }
}

impl From<FileError> for Refusal {
    fn from(error: FileError) -> Self {
        if error.is_refusal() { Self::Tell(error.to_string()) } else { Self::Status(SyncError::unavailable(error.to_string())) }
    }
}

impl From<tokio::task::JoinError> for Refusal {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Status(error.into())
    }
}

async fn replace(cx: &Context, spooled: Spooled) -> Result<(), Refusal> {
    let started = Instant::now();
    let app = &cx.app;
    let permit = tokio::time::timeout(PATIENCE, app.transfers.acquire()).await;
    let _permit = match permit {
        Ok(Ok(permit)) => permit,
        _ => return Err(SyncError::unavailable("too many uploads and downloads at the same time").into()),
    };
    let limits = Limits { max_bytes: app.config.limits.max_upload, ..Limits::default() };
    let (file, spooled) = tokio::task::spawn_blocking(move || Ok::<_, FileError>((CollectionFile::open(spooled.file.path(), &limits)?, spooled))).await??;
    let file = Arc::new(file);
    let checked = started.elapsed();
    let now = cx.now_ms();
    let new = app.user.begin_generation(cx.account, "upload", now, now + LEASE.as_millis() as i64).await?;
    let loaded = tokio::select! {
        loaded = load(cx, &file, &new) => loaded,
        lost = keep_lease(cx, &new) => Err(lost),
    };
    let current = match loaded {
        Ok(current) => current,
        Err(e) => {
            give_up(cx, &new).await;
            return Err(e);
        }
    };
    let repairs = file.repairs();
    if repairs != anki::file::Repairs::default() {
        tracing::info!(account = %cx.username, ?repairs, "put right while reading an uploaded collection");
    }
    let switched = app.user.switch(&new, &current, cx.now_ms()).await;
    match switched {
        Ok(Switched::Done) => {
            tracing::info!(
                account = %cx.username, client = %cx.client.text, bytes = spooled.size, counts = ?current.counts,
                check_ms = checked.as_millis(), ms = started.elapsed().as_millis(), "collection replaced by an upload"
            );
            Ok(())
        }
        Ok(Switched::ChangedMeanwhile) => {
            give_up(cx, &new).await;
            Err(Refusal::Tell("Your collection was changed by another device during this upload, so it was not replaced. Please sync again.".into()))
        }
        Ok(Switched::LeaseLost) => Err(SyncError::unavailable("the upload took too long and was given up").into()),
        // A COMMIT whose outcome is unknown: what is right will show at the next meta, and the janitor clears what was left.
        Err(e) => Err(e.into()),
    }
}

async fn give_up(cx: &Context, new: &NewGeneration) {
    if let Err(error) = cx.app.user.abandon(new).await {
        tracing::warn!(account = %cx.username, %error, "could not remove a given-up upload at once; the janitor will");
    }
}

/// Prolongs the lease until it is lost.
async fn keep_lease(cx: &Context, new: &NewGeneration) -> Refusal {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        match cx.app.user.extend_lease(new, cx.now_ms() + LEASE.as_millis() as i64).await {
            Ok(true) => {}
            Ok(false) => return SyncError::unavailable("the upload took too long and was given up").into(),
            Err(error) => tracing::warn!(account = %cx.username, %error, "could not prolong the lease of an upload"),
        }
    }
}

/// Loads all tables, the three large ones side by side.
async fn load(cx: &Context, file: &Arc<CollectionFile>, new: &NewGeneration) -> Result<Current, Refusal> {
    let db = cx.app.user.db();
    let load = Load::new(db, &new.schema);
    let small = async {
        let graves = rows(file, |file, out| file.graves()?.iter().try_for_each(|grave| out.row(|rows| rows.grave(grave))));
        load.graves(graves).await?;
        let notetypes = load.notetypes(rows(file, |file, out| file.notetypes()?.iter().try_for_each(|o| out.row(|rows| rows.notetype(o))))).await?;
        let decks = load.decks(rows(file, |file, out| file.decks()?.iter().try_for_each(|o| out.row(|rows| rows.deck(o))))).await?;
        let presets = load.presets(rows(file, |file, out| file.presets()?.iter().try_for_each(|o| out.row(|rows| rows.preset(o))))).await?;
        load.tags(rows(file, |file, out| file.tags()?.iter().try_for_each(|o| out.row(|rows| rows.tag(o))))).await?;
        load.config(rows(file, |file, out| file.config()?.iter().try_for_each(|o| out.row(|rows| rows.config(o))))).await?;
        Ok::<_, Refusal>((notetypes, decks, presets))
    };
    let large = async {
        tokio::try_join!(
            load.reviews(rows(file, |file, out| file.for_each_review(|review| out.row(|rows| rows.review(review))))),
            load.notes(rows(file, |file, out| file.for_each_note(|note| out.row(|rows| rows.note(note))))),
            load.cards(rows(file, |file, out| file.for_each_card(|card| out.row(|rows| rows.card(card))))),
        )
    };
    let (revlog, notes, cards) = large.await?;
    let (notetypes, decks, presets) = small.await?;
    let scheduler = {
        let file = file.clone();
        tokio::task::spawn_blocking(move || file.scheduler()).await??
    };
    let counts = file.counts()?;
    if (counts.reviews, counts.notes, counts.cards) != (revlog, notes, cards) {
        return Err(SyncError::internal(format!("of {counts:?} only {notes} notes, {cards} cards and {revlog} reviews were loaded")).into());
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

/// Reads one table of the file on a thread of its own and hands its rows over in blocks.
fn rows(
    file: &Arc<CollectionFile>,
    read: impl FnOnce(&CollectionFile, &mut Out) -> Result<(), Refusal> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, Refusal>> {
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
            None => Some(Err(SyncError::internal("the reader of the uploaded file died").into())),
        })
    })
}

struct Out {
    rows: LoadRows,
    sender: mpsc::Sender<Result<Option<Bytes>, Refusal>>,
}

impl Out {
    fn row(&mut self, add: impl FnOnce(&mut LoadRows)) -> Result<(), Refusal> {
        add(&mut self.rows);
        if self.rows.size() >= BLOCK { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<(), Refusal> {
        if self.rows.size() == 0 {
            return Ok(());
        }
        let block = self.rows.take();
        self.sender.blocking_send(Ok(Some(block))).map_err(|_| SyncError::unavailable("loading was given up").into())
    }
}
