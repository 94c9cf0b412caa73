//! Media files that no sync brings: stored and deleted as a device would, so that every device gets them at its next media sync.

use crate::app::App;
use anki::media::check_name;
use anki::text::normalize_nfc;
use bytes::Bytes;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use store::StoreError;
use store::user_db::media::{MediaFile, MediaWrite, StoredContent};

/// The most bytes of a file: what clients can take.
pub const LARGEST: usize = 100 << 20;

/// Why a file was not stored.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    #[error("`{0}` cannot be the name of a media file: {1}")]
    Name(String, String),
    #[error("a media file has 1 byte to 100 MiB")]
    Size,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// A name as clients accept it, without renaming the file on arrival.
///
/// # Errors
/// [`MediaError::Name`].
pub fn checked_name(name: &str) -> Result<String, MediaError> {
    let name = normalize_nfc(name).into_owned();
    let wrong = |reason: &str| Err(MediaError::Name(name.clone(), reason.to_owned()));
    if let Err(reason) = check_name(&name) {
        return wrong(&reason.to_string());
    }
    if name.len() > 120 {
        return wrong("clients take at most 120 bytes");
    }
    if name.contains(['[', ']', '<', '>', ':', '"', '?', '*', '^', '|']) || name.ends_with(' ') || name.ends_with('.') {
        return wrong("clients would rename it");
    }
    Ok(name)
}

/// Stores a file, in place of the one of that name. Answers it as the index has it.
///
/// # Errors
/// [`MediaError`].
pub async fn put(app: &Arc<App>, account: i64, name: &str, content: Bytes) -> Result<MediaFile, MediaError> {
    let name = checked_name(name)?;
    if content.is_empty() || content.len() > LARGEST {
        return Err(MediaError::Size);
    }
    let size = content.len() as i64;
    let store = app.clone();
    let (sha1, key) = tokio::task::spawn_blocking(move || {
        let sha1 = hex::encode(Sha1::digest(&content));
        let sha256: [u8; 32] = Sha256::digest(&content).into();
        let mut new = store.media.begin(account)?;
        let key = new.add(&sha256, &mut &content[..])?;
        new.finish()?;
        Ok::<_, std::io::Error>((sha1, key))
    })
    .await
    .map_err(std::io::Error::other)??;
    let write = MediaWrite { name: name.clone(), content: Some(StoredContent { sha1, content_key: Some(key), size }) };
    app.user.apply_media(account, &[write], app.clock.now_ms()).await?;
    let file = app.user.media_files(account, &[name]).await?.pop();
    file.ok_or_else(|| StoreError::Busy("the file was deleted at the same moment".into()).into())
}

/// Deletes files, and answers how many of them there were.
///
/// # Errors
/// When the database fails.
pub async fn delete(app: &App, account: i64, names: &[String]) -> Result<usize, MediaError> {
    let names: Vec<String> = names.iter().map(|name| normalize_nfc(name).into_owned()).collect();
    let found = app.user.media_files(account, &names).await?;
    let writes: Vec<MediaWrite> = found.into_iter().map(|file| MediaWrite { name: file.name, content: None }).collect();
    if !writes.is_empty() {
        app.user.apply_media(account, &writes, app.clock.now_ms()).await?;
    }
    Ok(writes.len())
}
