//! `downloadFiles`: a zip of the files that the client names, or of the first of them when they are large.

use crate::app::App;
use crate::sync::context::Context;
use crate::sync::download;
use crate::sync::error::{SyncError, SyncResult};
use crate::sync::reply;
use anki::media::DownloadZip;
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
    let mut files = Vec::with_capacity(names.len());
    for name in names {
        match found.remove(&name) {
            Some(file) => files.push(file),
            // Never less than was asked for without a word: the client would ask for ever.
            None => return Err(SyncError::conflict(format!("there is no media file {name:?}; the client has to ask for changes first"))),
        }
    }
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
        let (target, size) = download::pack(zip.path(), target, version.is_zstd())?;
        Ok::<_, SyncError>((target.reopen()?, size))
    })
    .await??;
    download::stream(version, tokio::fs::File::from_std(file), size)
}

fn write<W: Write + Seek>(app: &App, account: i64, files: &[MediaFile], out: W) -> SyncResult<W> {
    let mut zip = DownloadZip::new(out);
    let mut block = vec![0; BLOCK];
    for file in files {
        if zip.is_full() {
            break;
        }
        let mut content = app.media.get(account, &file.content_key).map_err(|e| missing(file, &e))?;
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

/// The index names content that the disk does not have: an operator's fault, not a passing one, and not the client's.
fn missing(file: &MediaFile, error: &io::Error) -> SyncError {
    SyncError::internal(format!("the content of the media file {:?} cannot be read: {error}", file.name))
}
