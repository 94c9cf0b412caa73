//! `uploadChanges`: a zip of new and changed files, and the names of deleted ones. All of it is checked before any of it is applied.

use crate::app::App;
use crate::sync::context::Context;
use crate::sync::error::{SyncError, SyncResult};
use crate::sync::incoming::Incoming;
use crate::sync::quota;
use anki::media::{UploadBatch, UploadChange, UploadLimits};
use anki::wire::media;
use std::fs::File;
use std::io::BufReader;
use store::user_db::media::{MediaFile, MediaWrite, StoredContent};

pub(super) async fn upload(cx: &Context, mut incoming: Incoming) -> SyncResult<Vec<u8>> {
    let app = cx.app.clone();
    let limit = app.config.limits.max_media_batch;
    let spooled = incoming.payload_file(limit, &app.temporary).await?;
    let account = cx.account;
    let batch = tokio::task::spawn_blocking(move || {
        let limits = UploadLimits { max_total_bytes: limit, ..UploadLimits::default() };
        let file = BufReader::new(File::open(spooled.file.path())?);
        UploadBatch::read(file, &limits).map_err(|e| match e {
            e if e.is_refusal() => SyncError::bad_request(e.to_string()),
            // The disk: a passing fault, as far as the client is concerned.
            e => SyncError::unavailable(e.to_string()),
        })
    })
    .await??;
    let entries = batch.entries();
    let names: Vec<String> = batch.changes().iter().map(|change| change.name.clone()).collect();
    let known = app.user.media_files(account, &names).await?;
    let size_now = |name: &str| known.iter().find(|file| file.name == name).map_or(0, |file| file.size);
    let size_then = |change: &UploadChange| change.content.as_ref().map_or(0, |content| content.size.cast_signed());
    quota::check_media(cx, batch.changes().iter().map(|change| size_then(change) - size_now(&change.name)).sum()).await?;
    let writes = tokio::task::spawn_blocking(move || store_contents(&app, account, batch, &known)).await??;
    match cx.app.user.apply_media(account, &writes, cx.now_ms()).await {
        Ok(usn) => Ok(media::upload_answer(entries, usn)),
        // What was stored stays until housekeeping finds that no row names it: the outcome of a commit can be unknown.
        Err(e) => Err(e.into()),
    }
}

/// Writes the files of a batch to the media store, but for those that it has already. All of them or, when something fails, none: a full
/// disk would otherwise fill up with each attempt of the client.
fn store_contents(app: &App, account: i64, mut batch: UploadBatch<BufReader<File>>, known: &[MediaFile]) -> SyncResult<Vec<MediaWrite>> {
    let changes = batch.changes().to_vec();
    let mut writes = Vec::with_capacity(changes.len());
    let mut new = app.media.begin(account)?;
    for change in &changes {
        let content = match &change.content {
            None => None,
            Some(content) => {
                let sha1 = hex::encode(content.sha1);
                let is_there = known.iter().any(|file| file.name == change.name && app.media.has(account, file, &sha1, content.size));
                let is_alone = changes.iter().filter(|other| other.name == change.name).count() == 1;
                let content_key = match is_there && is_alone {
                    true => None,
                    false => Some(new.add(&content.sha256, &mut batch.open(content)?)?),
                };
                Some(StoredContent { sha1, content_key, size: content.size.cast_signed() })
            }
        };
        writes.push(MediaWrite { name: change.name.clone(), content });
    }
    new.finish()?;
    Ok(writes)
}
