//! One account's media: rows against files, and the totals.

use super::finding::{Found, Remedy};
use crate::actions::unnamed_media;
use crate::app::App;
use crate::media_store::MediaStore;
use futures_util::TryStreamExt;
use sha1::{Digest, Sha1};
use std::io::{self, Read};
use std::sync::Arc;
use store::main_db::Account;
use store::user_db::UserDb;
use store::user_db::media::{MediaFile, MediaState};

/// Files that are looked at in one go.
const BATCH: usize = 200;
/// Bytes read at a time.
const BLOCK: usize = 128 << 10;

const PUT_BACK: Remedy = Remedy::ByHand(
    "Put the file back from a backup of the media folder. Or remove it there and run this again with --repair: then a device that still has \
     it sends it again.",
);
const MOUNT: Remedy = Remedy::ByHand("Is the right disk mounted as media folder? If the files are lost, put them back from a backup.");
const WRONG_ROW: Remedy = Remedy::ByHand("Change or replace the file on a device, so that it is sent again.");

/// What is wrong with a row or its file.
enum Problem {
    Row,
    Lost,
    Content(&'static str),
}

/// Checks rows against files, and the totals against rows.
pub(super) async fn check(app: &Arc<App>, account: &Account, deep: bool, found: &mut Found<'_>) -> anyhow::Result<()> {
    found.step("media");
    let id = account.id;
    let (tx, _) = app.user.snapshot(id).await?;
    let state = app.user.media_state_in(&tx, id).await?;
    let mut rows = Box::pin(UserDb::stream_media(&tx, id).await?);
    let (mut totals, mut wrong_usn, mut batch, mut lost) = (MediaState::default(), false, Vec::new(), Vec::new());
    loop {
        let row = rows.try_next().await?;
        let ended = row.is_none();
        if let Some(file) = row {
            if file.usn <= totals.usn {
                let what = if file.usn <= 0 { "its usn is not above 0" } else { "it has the usn of another file" };
                found.damage("media", &file.name, what, Remedy::Repair);
                wrong_usn = true;
            }
            totals.usn = totals.usn.max(file.usn);
            totals.files += i64::from(file.size > 0);
            totals.bytes += file.size;
            batch.push(file);
        }
        if ended || batch.len() >= BATCH {
            let (store, files) = (app.media.clone(), std::mem::take(&mut batch));
            for (file, problem) in tokio::task::spawn_blocking(move || look(&store, id, files, deep)).await?? {
                match problem {
                    Problem::Row => found.damage("media", &file.name, "hash, size or place of its content cannot be right", WRONG_ROW),
                    Problem::Content(what) => found.damage("media", &file.name, what, PUT_BACK),
                    // As when a device asks for it: it sends it again if it has it. But not if all are gone with their disk.
                    Problem::Lost if has_account(app, id).await? => {
                        found.damage("media", &file.name, "its content is not in the media folder", Remedy::Repair);
                        lost.push(file);
                    }
                    Problem::Lost => found.damage("media", &file.name, "its content is not there, and neither is the folder", MOUNT),
                }
            }
        }
        if ended {
            break;
        }
    }
    drop(rows);
    tx.rollback().await?;
    let state = state.unwrap_or_default();
    let miscounted = (state.files, state.bytes) != (totals.files, totals.bytes) || state.usn < totals.usn;
    if miscounted {
        let what = format!(
            "it says {} files of {} bytes up to usn {}, but there are {} of {} up to {}",
            state.files, state.bytes, state.usn, totals.files, totals.bytes, totals.usn
        );
        found.damage("media_state", id, what, Remedy::Repair);
    }
    if found.repair {
        for file in &lost {
            app.user.forget_media(id, file).await?;
        }
        if miscounted || wrong_usn {
            app.user.recount_media(id).await?;
        }
        found.repaired();
    }
    unnamed(app, id, found).await
}

/// Compares rows with their files. Blocks.
fn look(store: &MediaStore, account: i64, files: Vec<MediaFile>, deep: bool) -> io::Result<Vec<(MediaFile, Problem)>> {
    let mut problems = Vec::new();
    for file in files {
        if let Some(problem) = problem(store, account, &file, deep)? {
            problems.push((file, problem));
        }
    }
    Ok(problems)
}

fn problem(store: &MediaStore, account: i64, file: &MediaFile, deep: bool) -> io::Result<Option<Problem>> {
    if file.size == 0 {
        let clean = file.sha1.is_empty() && file.content_key.is_empty();
        return Ok((!clean).then_some(Problem::Row));
    }
    let mut sha1 = [0; 20];
    if file.size < 0 || file.content_key.is_empty() || hex::decode_to_slice(&file.sha1, &mut sha1).is_err() {
        return Ok(Some(Problem::Row));
    }
    let size = match store.size(account, &file.content_key) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Some(Problem::Lost)),
        size => size?,
    };
    if size != file.size.unsigned_abs() {
        return Ok(Some(Problem::Content("the file in the media folder has another size")));
    }
    if deep && hash(store.get(account, &file.content_key)?)? != sha1 {
        return Ok(Some(Problem::Content("the file in the media folder has another content")));
    }
    Ok(None)
}

/// Whether there are any contents of an account.
pub(super) async fn has_account(app: &App, account: i64) -> anyhow::Result<bool> {
    let store = app.media.clone();
    Ok(tokio::task::spawn_blocking(move || store.has_account(account)).await?)
}

fn hash(mut content: impl Read) -> io::Result<[u8; 20]> {
    let (mut hash, mut block) = (Sha1::new(), vec![0; BLOCK]);
    loop {
        match content.read(&mut block) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(n) => hash.update(&block[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// Contents that no row names, though the time in which they may still be needed is over.
async fn unnamed(app: &Arc<App>, account: i64, found: &mut Found<'_>) -> anyhow::Result<()> {
    if !has_account(app, account).await? {
        return Ok(());
    }
    // Of what belongs to another installation, the check of ours tells.
    if unnamed_media::foreign_owner(app).await?.is_some() {
        return Ok(());
    }
    let outdated = unnamed_media::outdated(app, account).await?;
    for key in &outdated {
        found.oddity("media", key, "no file has this content any more; housekeeping removes it too", Remedy::Repair);
    }
    if found.repair {
        unnamed_media::remove(app, account, outdated).await?;
    }
    found.repaired();
    Ok(())
}
