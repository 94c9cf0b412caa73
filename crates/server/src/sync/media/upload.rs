//! `uploadChanges`: a zip of new and changed files, and the names of deleted ones. All of it is checked before any of it is applied.

use crate::app::App;
use crate::sync::context::Context;
use crate::sync::error::{SyncError, SyncResult};
use crate::sync::incoming::Incoming;
use anki::media::{UploadBatch, UploadError, UploadLimits};
use anki::wire::media;
use std::fs::File;
use std::io::BufReader;
use store::user_db::media::{MediaWrite, StoredContent};

pub(super) async fn upload(cx: &Context, mut incoming: Incoming) -> SyncResult<Vec<u8>> {
    let app = cx.app.clone();
    let limit = app.config.limits.max_media_batch;
    let spooled = incoming.payload_file(limit, &app.temporary).await?;
    let account = cx.account;
    let (entries, writes) = tokio::task::spawn_blocking(move || {
        let file = BufReader::new(File::open(spooled.file.path())?);
        store_contents(&app, account, file, limit)
    })
    .await??;
    match cx.app.user.apply_media(account, &writes, cx.now_ms()).await {
        Ok(usn) => Ok(media::upload_answer(entries, usn)),
        // What was stored stays until housekeeping finds that no row names it: the outcome of a commit can be unknown.
        Err(e) => Err(e.into()),
    }
}

/// Checks the zip and writes its files to the media store.
fn store_contents(app: &App, account: i64, file: BufReader<File>, limit: u64) -> SyncResult<(usize, Vec<MediaWrite>)> {
    let limits = UploadLimits { max_total_bytes: limit, ..UploadLimits::default() };
    let mut batch = UploadBatch::read(file, &limits).map_err(|e| match e {
        UploadError::Read(e) => SyncError::from(e),
        e => SyncError::bad_request(e.to_string()),
    })?;
    let changes = batch.changes().to_vec();
    let mut writes = Vec::with_capacity(changes.len());
    for change in changes {
        let content = match &change.content {
            None => None,
            Some(content) => {
                let content_key = app.media.put(account, &content.sha256, &mut batch.open(content)?)?;
                Some(StoredContent { sha1: hex::encode(content.sha1), content_key, size: content.size.cast_signed() })
            }
        };
        writes.push(MediaWrite { name: change.name, content });
    }
    Ok((batch.entries(), writes))
}
