//! A stored collection as a file: for downloads, exports and backups.

use anki::file::{FileError, FileWriter, Schema};
use anki::model::{Card, Note, Review, Stamps};
use anki::schema11::stock;
use futures_util::{Stream, StreamExt};
use std::path::Path;
use store::StoreError;
use store::collection::Collection;
use store::engine::Tx;
use store::user_db::Current;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;

/// Rows are handed over to the writer in lots of this many, or of about so many bytes: a note's text can be of any length.
const LOT: usize = 2_000;
const LOT_BYTES: usize = 1 << 20;
/// Worth its time: level 3 is what clients use themselves.
const LEVEL: i32 = 3;
const THREADS: u32 = 2;
/// Bytes that a thread takes at a time. It holds several such in memory; by itself it would take four times as much.
const JOB: u32 = 2 << 20;

/// Writes what a fresh client would have to a new file at `path`. Blocks.
///
/// # Errors
/// When writing fails.
pub fn write_empty(path: &Path, schema: Schema, stamps: &Stamps, now_ms: i64) -> Result<(), FileError> {
    let mut writer = FileWriter::create(path, schema, &Stamps { created: now_ms / 1000, ..*stamps })?;
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
    writer.finish()
}

/// Why a collection could not be written to a file.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the writer stopped")]
    Stopped,
}

/// Writes one collection, as the snapshot `tx` sees it, to a new file at `path`.
///
/// The snapshot ends with the last row that is read. Making indexes, packing and sending the file may take minutes, and databases cut off
/// transactions in which nothing happens for one.
///
/// Rows go from the database's stream through a channel to the thread that writes the file, so memory does not grow with the collection.
///
/// # Errors
/// When reading or writing fails. What was written is of no use then.
pub async fn write(tx: Tx, current: &Current, schema: Schema, path: &Path) -> Result<(), WriteError> {
    let stored = Collection::within(&tx, &current.schema);
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
        hand_over(&sender, Collection::stream_notes(&tx, &current.schema).await?, |note| note.fields.len(), Lot::Notes).await?;
        hand_over(&sender, Collection::stream_cards(&tx, &current.schema).await?, |card| card.data.len(), Lot::Cards).await?;
        hand_over(&sender, Collection::stream_reviews(&tx, &current.schema).await?, |_| 0, Lot::Reviews).await?;
        sender.send(Lot::End).await.map_err(|_| WriteError::Stopped)
    };
    let read = read.await;
    drop(sender);
    end_snapshot(tx).await;
    let written = writer.await.map_err(|_| WriteError::Stopped)?;
    match read {
        // The writer's own error says more than that it stopped.
        Err(WriteError::Stopped) | Ok(()) => written,
        Err(e) => Err(e),
    }
}

/// Ends a transaction that has only read, and whose rows are all here: that it could not be ended properly takes nothing from them.
pub async fn end_snapshot(tx: Tx) {
    if let Err(error) = tx.rollback().await {
        tracing::debug!(%error, "a snapshot was cut off after its last row");
    }
}

/// Rows on their way to the writer.
pub(super) enum Lot {
    Notes(Vec<Note>),
    Cards(Vec<Card>),
    Reviews(Vec<Review>),
    End,
}

/// Collects rows into lots.
pub(super) async fn hand_over<R>(
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

/// Copies a file to `target`, as one zstd frame if `compress`. Answers its size before compression. Blocks.
///
/// # Errors
/// When the disk fails.
pub fn pack(path: &Path, mut target: NamedTempFile, compress: bool) -> std::io::Result<(NamedTempFile, u64)> {
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
