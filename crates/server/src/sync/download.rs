//! `download`: our collection as a file. It is made from one consistent snapshot, and kept for the next device that asks for the same.

use super::context::Context;
use super::download_cache::{Key, Made};
use super::error::{SyncError, SyncResult};
use super::reply;
use crate::actions::collection_file;
use crate::app::App;
use crate::metrics::STAGES;
use anki::file::{FileError, Schema, versions};
use anki::model::Stamps;
use anki::wire::version::SyncVersion;
use axum::body::Body;
use axum::http::Response;
use std::sync::Arc;
use std::time::Instant;
use store::collection::Collection;
use store::user_db::GenerationState;
use tempfile::NamedTempFile;
use tokio_util::io::ReaderStream;

/// Bytes sent at a time.
const PIECE: usize = 128 << 10;

pub async fn download(cx: &Context) -> SyncResult<Response<Body>> {
    let app = &cx.app;
    cx.wait_for_import().await?;
    let (tx, state) = app.user.snapshot(cx.account).await?;
    let state = state.ok_or_else(|| SyncError::unavailable("the account has no collection row yet; logging in again makes it"))?;
    let Some(current) = state.current.clone().filter(|_| !state.is_untouched()) else {
        tx.rollback().await?;
        return empty_collection(cx, state.stamps()).await;
    };
    if !current.has_all_rows() {
        // An upload took place after we have looked; its tables may not be filled yet.
        tx.rollback().await?;
        return Err(still_importing());
    }
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
    // Making the file goes on, so that the next attempt finds it.
    match tokio::time::timeout(cx.patience(), made).await {
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

fn still_importing() -> SyncError {
    SyncError::unavailable("the last upload is large and still being loaded")
}

/// What a fresh client would have, for an account without data. Its schema stamp is not the one that `meta` announces: we have nothing
/// that a normal sync could build on, so once the client has changed something, it shall upload.
async fn empty_collection(cx: &Context, mut stamps: Stamps) -> SyncResult<Response<Body>> {
    stamps.schema_modified += 1;
    let (now_ms, folder, schema) = (cx.now_ms(), cx.app.temporary.clone(), cx.version.collection_schema());
    let bytes = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir_in(folder)?;
        let path = folder.path().join("collection");
        collection_file::write_empty(&path, schema, &stamps, now_ms)?;
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
    let current = state
        .and_then(|state| state.current)
        .filter(|c| (c.number, c.stamps.modified) == (key.generation, key.modified) && c.state == GenerationState::Current);
    let Some(current) = current else { return Err("the collection was changed in the same moment".into()) };
    let folder = tempfile::tempdir_in(&app.temporary).map_err(|e| e.to_string())?;
    let path = folder.path().join("collection");
    collection_file::write(tx, &current, key.schema, &path).await.map_err(|e| e.to_string())?;
    let written = started.elapsed();
    let packed =
        tokio::task::spawn_blocking(move || collection_file::pack(&path, target, key.compressed)).await.map_err(|e| e.to_string())?;
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
