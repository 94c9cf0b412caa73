//! Media files of an account by name: for whoever stores, reads or deletes single ones. Devices hear of it at their next media sync.

use crate::app::App;
use anki::media::{check_name, name_with_hash, usable_name};
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
    #[error("`{0}` cannot be the name of a media file")]
    Name(String),
    #[error("an empty file cannot be stored: devices would not sync it")]
    Empty,
    #[error("the file has more than 100 MiB")]
    TooLarge,
    #[error("the media of this account may take {} MB at most", .0 / 1_000_000)]
    Full(i64),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Disk or bucket fail.
    #[error("the media store fails: {0}")]
    Io(#[from] io::Error),
}

/// Stores a file and answers the name that it got: the wanted one without what devices cannot have in a name. If another file has that
/// name, it is replaced, or the new one gets its hash into the name.
///
/// # Errors
/// [`MediaFailed`].
pub async fn put(app: &Arc<App>, owner: &Account, wanted: &str, content: Vec<u8>, replace: bool) -> Result<String, MediaFailed> {
    let account = owner.id;
    let mut name = usable_name(wanted).ok_or_else(|| MediaFailed::Name(wanted.chars().take(100).collect()))?;
    if content.is_empty() {
        return Err(MediaFailed::Empty);
    }
    if content.len() > LARGEST {
        return Err(MediaFailed::TooLarge);
    }
    let sha1 = hex::encode(Sha1::digest(&content));
    let mut known = find(app, account, &name).await?;
    if !replace && known.as_ref().is_some_and(|file| file.sha1 != sha1) {
        name = name_with_hash(&name, &sha1);
        known = find(app, account, &name).await?;
    }
    let size = i64::try_from(content.len()).unwrap_or(i64::MAX);
    if let Some(quota) = owner.quota_media_bytes {
        let used = app.user.media_state(account).await?.unwrap_or_default().bytes;
        let added = size - known.as_ref().map_or(0, |file| file.size);
        if added > 0 && used.saturating_add(added) > quota {
            return Err(MediaFailed::Full(quota));
        }
    }
    let content_key = {
        let (app, sha1) = (app.clone(), sha1.clone());
        tokio::task::spawn_blocking(move || store_content(&app, account, &sha1, known, &content)).await.map_err(io::Error::other)??
    };
    let write = MediaWrite { name: name.clone(), content: Some(StoredContent { sha1, content_key, size }) };
    apply(app, account, &[write]).await?;
    Ok(name)
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

/// Deletes files. Those that do not exist are passed over.
///
/// # Errors
/// Those of the database.
pub async fn delete(app: &App, account: i64, names: &[String]) -> Result<(), StoreError> {
    let writes: Vec<MediaWrite> = names.iter().map(|name| MediaWrite { name: name.clone(), content: None }).collect();
    apply(app, account, &writes).await
}

async fn find(app: &App, account: i64, name: &str) -> Result<Option<MediaFile>, StoreError> {
    if check_name(name).is_err() {
        return Ok(None);
    }
    Ok(app.user.media_files(account, &[name.to_owned()]).await?.into_iter().next())
}

/// Writes content, unless it is there already, and answers its key.
fn store_content(app: &App, account: i64, sha1: &str, known: Option<MediaFile>, content: &[u8]) -> io::Result<Option<String>> {
    let is_there = known
        .is_some_and(|file| file.sha1 == sha1 && app.media.size(account, &file.content_key).is_ok_and(|size| size == content.len() as u64));
    if is_there {
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
