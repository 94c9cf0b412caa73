//! `downloadFiles`: a zip of the files that the client names, or of the first of them when they are large.

use crate::actions::collection_file;
use crate::app::App;
use crate::sync::context::Context;
use crate::sync::download;
use crate::sync::error::{SyncError, SyncResult};
use crate::sync::reply;
use anki::media::{DownloadZip, MAX_FILES, TARGET_BYTES};
use anki::wire::media;
use axum::body::Body;
use axum::http::Response;
use std::collections::HashMap;
use std::io::{self, Cursor, Read, Seek, Write};
use store::user_db::media::MediaFile;
use tempfile::NamedTempFile;

/// Up to this many bytes a zip is made in memory. It is larger only when its last file is.
const IN_MEMORY: i64 = 8 << 20;
const BLOCK: usize = 128 << 10;

pub(super) async fn download(cx: &Context, body: &[u8]) -> SyncResult<Response<Body>> {
    let names = media::parse_download(body).map_err(|e| SyncError::bad_request(e.to_string()))?;
    let found = cx.app.user.media_files(cx.account, &names).await?;
    let mut found: HashMap<String, MediaFile> = found.into_iter().map(|file| (file.name.clone(), file)).collect();
    let mut files: Vec<MediaFile> = Vec::with_capacity(names.len());
    for name in names {
        // The client asks again for what does not fit, and may know better by then.
        if files.len() >= MAX_FILES || files.iter().map(|file| file.size).sum::<i64>() > TARGET_BYTES.cast_signed() {
            break;
        }
        if files.iter().any(|file| file.name == name) {
            continue;
        }
        match found.remove(&name) {
            Some(file) => files.push(file),
            // Never less than was asked for without a word: the client would ask for ever.
            None => return Err(SyncError::conflict(format!("there is no media file {name:?}; the client has to ask for changes first"))),
        }
    }
    forget_lost(cx, &files).await?;
    let (app, account, version) = (cx.app.clone(), cx.account, cx.version);
    if files.iter().map(|file| file.size).sum::<i64>() <= IN_MEMORY {
        let zip = tokio::task::spawn_blocking(move || write(&app, account, &files, Cursor::new(Vec::new()))).await??;
        return reply::bytes(version, zip.into_inner()).await;
    }
    let (file, size) = tokio::task::spawn_blocking(move || {
        let mut zip = NamedTempFile::new_in(&app.temporary)?;
        write(&app, account, &files, zip.as_file_mut())?;
        let target = NamedTempFile::new_in(&app.temporary)?;
        // The size has to be told before the body, and media hardly shrinks, so the compressed form takes the same way over the disk.
        let (target, size) = collection_file::pack(zip.path(), target, version.is_zstd())?;
        Ok::<_, SyncError>((target.reopen()?, size))
    })
    .await??;
    download::stream(version, tokio::fs::File::from_std(file), size)
}

/// Content that the disk has lost is forgotten, so that the client goes on, and a device that has the file sends it again.
///
/// # Errors
/// 409 when something was forgotten; 503 when it is the disk that is missing.
async fn forget_lost(cx: &Context, files: &[MediaFile]) -> SyncResult<()> {
    let (app, account, wanted) = (cx.app.clone(), cx.account, files.to_vec());
    let lost = tokio::task::spawn_blocking(move || {
        let is_lost = |file: &MediaFile| {
            let size = app.media.size(account, &file.content_key);
            size.map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |bytes| bytes != file.size.unsigned_abs())
        };
        let lost: Vec<MediaFile> = wanted.into_iter().filter(is_lost).collect();
        if !lost.is_empty() && !app.media.has_account(account) {
            return Err(SyncError::unavailable("the folder of the account's media is not there: is the disk mounted?"));
        }
        Ok(lost)
    })
    .await??;
    for file in &lost {
        tracing::error!(account = %cx.username, name = file.name, key = file.content_key, "the content of a media file is lost; the file is forgotten until a device sends it again");
        cx.app.user.forget_media(cx.account, file).await?;
    }
    match lost.first() {
        None => Ok(()),
        Some(file) => Err(SyncError::conflict(format!("the content of {:?} is lost; the client has to ask for changes first", file.name))),
    }
}

fn write<W: Write + Seek>(app: &App, account: i64, files: &[MediaFile], out: W) -> SyncResult<W> {
    let mut zip = DownloadZip::new(out);
    let mut block = vec![0; BLOCK];
    for file in files {
        if zip.is_full() {
            break;
        }
        let mut content = app.media.get(account, &file.content_key)?;
        zip.start_file(&file.name)?;
        loop {
            let n = content.read(&mut block)?;
            if n == 0 {
                break;
            }
            zip.write(&block[..n])?;
        }
    }
    Ok(zip.finish()?)
}
