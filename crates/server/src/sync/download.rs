//! `download`: our collection as a file. It is made from one consistent snapshot, and kept for the next device that asks for the same.

use super::context::Context;
use super::download_cache::{Key, Made};
use super::error::{SyncError, SyncResult};
use super::reply;
use crate::app::App;
use crate::metrics::STAGES;
use anki::file::{FileError, FileWriter, Schema, versions};
use anki::model::{Card, Note, Review, Stamps};
use anki::schema11::stock;
use anki::wire::version::SyncVersion;
use axum::body::Body;
use axum::http::Response;
use futures_util::{Stream, StreamExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::StoreError;
use store::collection::Collection;
use store::engine::Tx;
use store::user_db::Current;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

/// A client gives up after 30 seconds without an answer. Making the file goes on, so that its next attempt finds it.
const PATIENCE: Duration = Duration::from_secs(25);
/// Rows are handed over to the writer in lots of this many, or of about so many bytes: a note's text can be of any length.
const LOT: usize = 2_000;
const LOT_BYTES: usize = 1 << 20;
/// Worth its time: level 3 is what clients use themselves.
const LEVEL: i32 = 3;
const THREADS: u32 = 2;
/// Bytes that a thread takes at a time. It holds several such in memory; by itself it would take four times as much.
const JOB: u32 = 2 << 20;
/// Bytes sent at a time.
const PIECE: usize = 128 << 10;

pub async fn download(cx: &Context) -> SyncResult<Response<Body>> {
    let app = &cx.app;
    cx.wait_for_import().await?;
    let (tx, state) = app.user.snapshot(cx.account).await?;
    let state = state.ok_or_else(|| SyncError::unavailable("the account has no collection row yet; logging in again makes it"))?;
    let Some(current) = state.current.clone() else {
        tx.rollback().await?;
        return empty_collection(cx, &state.stamps()).await;
    };
    let schema = choose_schema(cx, Collection::within(&tx, &current.schema)).await?;
    tx.rollback().await?;
    let key = Key {
        account: cx.account,
        generation: current.number,
        usn: current.stamps.usn,
        modified: current.stamps.modified,
        schema,
        compressed: cx.version.is_zstd(),
    };
    let made = {
        let app = app.clone();
        let account = cx.account;
        app.clone().downloads.get_or_make(key, move |target| make(app, account, key, target))
    };
    match tokio::time::timeout(PATIENCE, made).await {
        Ok(Ok(made)) => send(cx, &made).await,
        Ok(Err(reason)) => Err(SyncError::unavailable(format!("making the file failed: {reason}"))),
        Err(_) => Err(SyncError::unavailable(
            "making the file takes longer than the client waits; it goes on, and will be ready for the next attempt",
        )),
    }
}

/// Clients of protocol 11 get schema 18, which restores most, with two exceptions. A client so old that it would drop fields which the
/// collection uses gets schema 11, whose JSON passes keys that a client does not know through it unharmed. So does a client newer than
/// we know, for keys that came with a sync and that only it can place, unless what we hold for it came from a schema-18 file.
async fn choose_schema(cx: &Context, stored: Collection<'_>) -> SyncResult<Schema> {
    if cx.version.collection_schema() == Schema::V11 {
        return Ok(Schema::V11);
    }
    let (notetypes, decks, presets) = tokio::join!(stored.notetypes(), stored.decks(), stored.presets());
    let (notetypes, decks, presets) = (notetypes?, decks?, presets?);
    let needed = versions::newest_field_version(&notetypes, &decks, &presets).map_err(|e| SyncError::internal(e.to_string()))?;
    let has_extra =
        notetypes.iter().any(|o| o.extra.is_some()) || decks.iter().any(|o| o.extra.is_some()) || presets.iter().any(|o| o.extra.is_some());
    let client = cx.client.anki.map(|version| (version.major, version.minor, version.patch));
    Ok(match client {
        Some(client) if client < needed => Schema::V11,
        Some(client) if client > versions::NEWEST_KNOWN && !has_extra => Schema::V11,
        _ => Schema::V18,
    })
}

async fn send(cx: &Context, made: &Made) -> SyncResult<Response<Body>> {
    stream(cx.version, tokio::fs::File::open(&made.path).await?, made.original_size)
}

/// Streams a file that is packed as the framing wants it, of `size` bytes before that.
pub(super) fn stream(version: SyncVersion, file: tokio::fs::File, size: u64) -> SyncResult<Response<Body>> {
    let body = Body::from_stream(ReaderStream::with_capacity(file, PIECE));
    Ok(if version.is_zstd() { reply::compressed_body(body, size) } else { reply::plain(body) })
}

/// What a fresh client would have, for an account without data.
async fn empty_collection(cx: &Context, stamps: &Stamps) -> SyncResult<Response<Body>> {
    let (stamps, now_ms, folder, schema) = (*stamps, cx.now_ms(), cx.app.temporary.clone(), cx.version.collection_schema());
    let bytes = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir_in(folder)?;
        let path = folder.path().join("collection");
        let mut writer = FileWriter::create(&path, schema, &Stamps { created: now_ms / 1000, ..stamps })?;
        // The ids of fields and templates only have to differ from each other.
        let mut part = now_ms;
        let mut part_id = || {
            part += 1;
            part
        };
        let notetypes = stock::notetypes(now_ms, &mut part_id);
        writer.put_config(&stock::config(notetypes.first().map_or(0, |n| n.id), 0))?;
        writer.put_notetypes(&notetypes)?;
        writer.put_decks(&[stock::default_deck()])?;
        writer.put_presets(&[stock::default_preset()])?;
        writer.finish()?;
        Ok::<_, FileError>(std::fs::read(&path)?)
    });
    let bytes = bytes.await?.map_err(|e| SyncError::internal(e.to_string()))?;
    reply::bytes(cx.version, bytes).await
}

/// Makes the file for `key` at `target` and answers its size before compression.
async fn make(app: Arc<App>, account: i64, key: Key, target: NamedTempFile) -> Result<(NamedTempFile, u64), String> {
    let started = Instant::now();
    let permit = app.transfers.acquire().await.map_err(|e| e.to_string())?;
    let (tx, state) = app.user.snapshot(account).await.map_err(|e| e.to_string())?;
    let current = state.and_then(|state| state.current).filter(|c| (c.number, c.stamps.modified) == (key.generation, key.modified));
    let Some(current) = current else { return Err("the collection was changed in the same moment".into()) };
    let folder = tempfile::tempdir_in(&app.temporary).map_err(|e| e.to_string())?;
    let path = folder.path().join("collection");
    write(&tx, &current, key.schema, &path).await.map_err(|e| e.to_string())?;
    tx.rollback().await.map_err(|e| e.to_string())?;
    let written = started.elapsed();
    let packed = tokio::task::spawn_blocking(move || pack(&path, target, key.compressed)).await.map_err(|e| e.to_string())?;
    let (target, size) = packed.map_err(|e| e.to_string())?;
    drop((folder, permit));
    STAGES.took(["build"], started.elapsed());
    tracing::info!(
        account,
        bytes = size,
        write_ms = written.as_millis(),
        ms = started.elapsed().as_millis(),
        "made a collection file for download"
    );
    Ok((target, size))
}

/// Copies a file to `target`, as one zstd frame if `compress`. Answers its size before compression. Blocks.
pub(super) fn pack(path: &Path, mut target: NamedTempFile, compress: bool) -> std::io::Result<(NamedTempFile, u64)> {
    let mut source = std::fs::File::open(path)?;
    let size = source.metadata()?.len();
    if compress {
        let mut encoder = zstd::Encoder::new(target.as_file_mut(), LEVEL)?;
        encoder.multithread(THREADS)?;
        encoder.set_parameter(zstd::stream::raw::CParameter::JobSize(JOB))?;
        encoder.set_pledged_src_size(Some(size))?;
        let mut block = vec![0; 1 << 20];
        loop {
            let n = std::io::Read::read(&mut source, &mut block)?;
            if n == 0 {
                break;
            }
            std::io::Write::write_all(&mut encoder, &block[..n])?;
        }
        encoder.finish()?;
    } else {
        std::io::copy(&mut source, target.as_file_mut())?;
    }
    Ok((target, size))
}

#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the writer stopped")]
    Stopped,
}

enum Lot {
    Notes(Vec<Note>),
    Cards(Vec<Card>),
    Reviews(Vec<Review>),
    End,
}

/// Rows go from the database's stream through a channel to the thread that writes the file, so memory does not grow with the collection.
async fn write(tx: &Tx, current: &Current, schema: Schema, path: &Path) -> Result<(), WriteError> {
    let stored = Collection::within(tx, &current.schema);
    let notetypes = stored.notetypes().await?;
    let decks = stored.decks().await?;
    let presets = stored.presets().await?;
    let tags = stored.tags().await?;
    let config = stored.config().await?;
    let graves = stored.graves_since(i32::MIN).await?;
    let stamps = current.stamps;
    let path = path.to_owned();
    let (sender, mut lots) = mpsc::channel::<Lot>(4);
    let writer = tokio::task::spawn_blocking(move || {
        let mut writer = FileWriter::create(&path, schema, &stamps)?;
        writer.put_notetypes(&notetypes)?;
        writer.put_decks(&decks)?;
        writer.put_presets(&presets)?;
        writer.put_tags(&tags)?;
        writer.put_config(&config)?;
        writer.put_graves(&graves)?;
        loop {
            match lots.blocking_recv() {
                Some(Lot::Notes(notes)) => notes.iter().try_for_each(|note| writer.add_note(note))?,
                Some(Lot::Cards(cards)) => cards.iter().try_for_each(|card| writer.add_card(card))?,
                Some(Lot::Reviews(reviews)) => reviews.iter().try_for_each(|review| writer.add_review(review))?,
                Some(Lot::End) => return Ok(writer.finish()?),
                // Without the end mark the reader has failed, and what we have is not all.
                None => return Err(WriteError::Stopped),
            }
        }
    });
    let read = async {
        hand_over(&sender, Collection::stream_notes(tx, &current.schema).await?, |note| note.fields.len(), Lot::Notes).await?;
        hand_over(&sender, Collection::stream_cards(tx, &current.schema).await?, |card| card.data.len(), Lot::Cards).await?;
        hand_over(&sender, Collection::stream_reviews(tx, &current.schema).await?, |_| 0, Lot::Reviews).await?;
        sender.send(Lot::End).await.map_err(|_| WriteError::Stopped)
    };
    let read = read.await;
    drop(sender);
    let written = writer.await.map_err(|_| WriteError::Stopped)?;
    match read {
        // The writer's own error says more than that it stopped.
        Err(WriteError::Stopped) | Ok(()) => written,
        Err(e) => Err(e),
    }
}

async fn hand_over<R>(
    sender: &mpsc::Sender<Lot>,
    rows: impl Stream<Item = store::Result<R>>,
    bytes: impl Fn(&R) -> usize,
    lot: impl Fn(Vec<R>) -> Lot,
) -> Result<(), WriteError> {
    let mut rows = std::pin::pin!(rows);
    let mut collected = Vec::with_capacity(LOT);
    let mut size = 0;
    while let Some(row) = rows.next().await {
        let row = row?;
        size += bytes(&row);
        collected.push(row);
        if collected.len() == LOT || size >= LOT_BYTES {
            size = 0;
            let full = std::mem::replace(&mut collected, Vec::with_capacity(LOT));
            sender.send(lot(full)).await.map_err(|_| WriteError::Stopped)?;
        }
    }
    if collected.is_empty() { Ok(()) } else { sender.send(lot(collected)).await.map_err(|_| WriteError::Stopped) }
}
