//! Media files of an account by name: for whoever stores, reads or deletes single ones. Devices hear of it at their next media sync.

use super::quota::{Full, exceeds};
use crate::app::App;
use anki::media::{MAX_KEPT_NAME_BYTES, check_name, name_with_hash, usable_name};
use anki::text::normalize_nfc;
use bytes::Bytes;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::sync::Arc;
use store::StoreError;
use store::main_db::Account;
use store::user_db::media::{MediaFile, MediaWrite, StoredContent};

/// What devices can sync.
pub const LARGEST: usize = 100 << 20;
/// Names asked for at a time.
const PAGE: usize = 5_000;

/// Why nothing was done with a file.
#[derive(Debug, thiserror::Error)]
pub enum MediaFailed {
    #[error("`{0}` cannot be the name of a media file{1}")]
    Name(String, String),
    #[error("an empty file cannot be stored: devices would not sync it")]
    Empty,
    #[error("the file has more than 100 MiB")]
    TooLarge,
    #[error(transparent)]
    Full(#[from] Full),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Disk or bucket fail.
    #[error("the media store fails: {0}")]
    Io(#[from] io::Error),
}

/// Under which name a file is to be stored.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// Exactly this one, in place of the file that has it.
    Exactly(&'a str),
    /// This one without what devices cannot have in a name. If another file has it, that one is replaced, or the new one gets its hash
    /// into the name.
    Like { name: &'a str, replace: bool },
}

/// A name that devices take as it is, without renaming the file on arrival.
///
/// # Errors
/// [`MediaFailed::Name`].
pub fn checked_name(name: &str) -> Result<String, MediaFailed> {
    let name = normalize_nfc(name).into_owned();
    let wrong = |reason: &str| Err(MediaFailed::Name(short(&name), format!(": {reason}")));
    if let Err(reason) = check_name(&name) {
        return wrong(&reason.to_string());
    }
    if name.len() > MAX_KEPT_NAME_BYTES {
        return wrong(&format!("clients take at most {MAX_KEPT_NAME_BYTES} bytes"));
    }
    if name.contains(['[', ']', '<', '>', ':', '"', '?', '*', '^', '|']) || name.ends_with(' ') || name.ends_with('.') {
        return wrong("clients would rename it");
    }
    Ok(name)
}

/// Stores a file, and answers it as the index has it, with the name that it got.
///
/// # Errors
/// [`MediaFailed`].
pub async fn put(app: &Arc<App>, owner: &Account, wanted: Wanted<'_>, content: Bytes) -> Result<MediaFile, MediaFailed> {
    let account = owner.id;
    let mut name = match wanted {
        Wanted::Exactly(name) => checked_name(name)?,
        Wanted::Like { name, .. } => usable_name(name).ok_or_else(|| MediaFailed::Name(short(name), String::new()))?,
    };
    if content.is_empty() {
        return Err(MediaFailed::Empty);
    }
    if content.len() > LARGEST {
        return Err(MediaFailed::TooLarge);
    }
    let sha1 = hex::encode(Sha1::digest(&content));
    let mut known = find(app, account, &name).await?;
    if matches!(wanted, Wanted::Like { replace: false, .. }) && known.as_ref().is_some_and(|file| file.sha1 != sha1) {
        name = name_with_hash(&name, &sha1);
        known = find(app, account, &name).await?;
    }
    let size = i64::try_from(content.len()).unwrap_or(i64::MAX);
    if let Some(quota) = owner.quota_media_bytes {
        let used = app.user.media_state(account).await?.unwrap_or_default().bytes;
        let added = size.saturating_sub(known.as_ref().map_or(0, |file| file.size));
        if exceeds(used, u64::try_from(added).unwrap_or(0), quota) {
            return Err(Full::Media(quota).into());
        }
    }
    let content_key = {
        let (app, sha1) = (app.clone(), sha1.clone());
        tokio::task::spawn_blocking(move || store_content(&app, account, &sha1, known, &content)).await.map_err(io::Error::other)??
    };
    let write = MediaWrite { name: name.clone(), content: Some(StoredContent { sha1, content_key, size }) };
    apply(app, account, &[write]).await?;
    let file = find(app, account, &name).await?;
    file.ok_or_else(|| StoreError::Busy("the file was deleted at the same moment".into()).into())
}

/// A file of this name. None if there is none.
///
/// # Errors
/// Those of the database.
pub async fn find(app: &App, account: i64, name: &str) -> Result<Option<MediaFile>, StoreError> {
    let name = normalize_nfc(name).into_owned();
    if check_name(&name).is_err() {
        return Ok(None);
    }
    Ok(app.user.media_files(account, &[name]).await?.into_iter().next())
}

/// The content of a file. None if there is none of that name.
///
/// # Errors
/// [`MediaFailed`].
pub async fn get(app: &Arc<App>, account: i64, name: &str) -> Result<Option<Vec<u8>>, MediaFailed> {
    let Some(file) = find(app, account, name).await? else { return Ok(None) };
    let app = app.clone();
    let read = move || {
        let mut content = Vec::new();
        app.media.get(account, &file.content_key)?.take(LARGEST as u64).read_to_end(&mut content)?;
        Ok::<_, io::Error>(Some(content))
    };
    Ok(tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??)
}

/// All files, by name.
///
/// # Errors
/// Those of the database.
pub async fn list(app: &App, account: i64) -> Result<Vec<MediaFile>, StoreError> {
    let mut files = Vec::new();
    let mut after = -1;
    loop {
        let page = app.user.media_changes(account, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.usn;
        files.extend(page.into_iter().filter(|file| file.size > 0));
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    // A file that was changed while we read turns up twice.
    files.dedup_by(|a, b| a.name == b.name);
    Ok(files)
}

/// Deletes files, and answers how many of them there were.
///
/// # Errors
/// Those of the database.
pub async fn delete(app: &App, account: i64, names: &[String]) -> Result<usize, StoreError> {
    let names: Vec<String> = names.iter().map(|name| normalize_nfc(name).into_owned()).collect();
    let found = app.user.media_files(account, &names).await?;
    let writes: Vec<MediaWrite> = found.into_iter().map(|file| MediaWrite { name: file.name, content: None }).collect();
    if !writes.is_empty() {
        apply(app, account, &writes).await?;
    }
    Ok(writes.len())
}

/// Writes content, unless it is there already, and answers its key.
fn store_content(app: &App, account: i64, sha1: &str, known: Option<MediaFile>, content: &[u8]) -> io::Result<Option<String>> {
    if known.is_some_and(|file| app.media.has(account, &file, sha1, content.len() as u64)) {
        return Ok(None);
    }
    let mut new = app.media.begin(account)?;
    let key = new.add(&Sha256::digest(content).into(), &mut &content[..])?;
    new.finish()?;
    Ok(Some(key))
}

async fn apply(app: &App, account: i64, writes: &[MediaWrite]) -> Result<(), StoreError> {
    let now = app.clock.now_ms();
    match app.user.apply_media(account, writes, now).await {
        // An account that no device has logged in to yet has no rows.
        Err(StoreError::Unavailable(_)) => {
            app.user.create_collection(account, now).await?;
            app.user.apply_media(account, writes, now).await?;
        }
        outcome => drop(outcome?),
    }
    Ok(())
}

fn short(name: &str) -> String {
    name.chars().take(100).collect()
}
