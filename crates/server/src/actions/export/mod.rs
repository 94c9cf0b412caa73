//! A collection with its media as one `.colpkg` file, which every client can open, or a part of it as an [`apkg`].
//!
//! The collection is written to a file from one snapshot, in which the list of media is read too. From then on no connection is held,
//! and the package is made as fast as somebody takes its pieces, a media file at a time.

pub mod apkg;
mod pieces;

use super::collection_file;
use crate::actions::search::SearchFailed;
use crate::app::App;
use anki::file::FileError;
use anki::model::Stamps;
use anki::package::{self, Form};
use bytes::Bytes;
use futures_util::TryStreamExt;
use pieces::{Content, Sender};
use std::sync::Arc;
use store::StoreError;
use store::main_db::Account;
use store::user_db::UserDb;
use store::user_db::media::MediaFile;
use tempfile::{NamedTempFile, TempDir};
use tokio::sync::{mpsc, oneshot};

/// Why an export could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("the last upload of this account is large and still being loaded; try again in a minute")]
    Importing,
    #[error("too many whole collections at the same time")]
    Busy,
    #[error("there are no such notes, so there is nothing to export")]
    Nothing,
    #[error("there is no deck of that name")]
    NoDeck,
    /// What clients would refuse.
    #[error("the collection is damaged, so no client could import this: {0}; `Check Database` in Anki mends it")]
    Damaged(String),
    #[error(transparent)]
    Search(#[from] SearchFailed),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Write(#[from] collection_file::WriteError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A package that is ready to be made.
pub struct Export {
    app: Arc<App>,
    account: i64,
    form: Form,
    file_name: String,
    collection: Content,
    placeholder: Content,
    media: Vec<MediaFile>,
}

/// What became of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// Media files in the package.
    pub media: u64,
    /// Names of media files that are not in it, because their content is not in the data folder, or is damaged there.
    pub lost: Vec<String>,
}

/// The name of the collection while the package is made.
const COLLECTION: &str = "collection";
/// Pieces held between the making and the taking.
const AHEAD: usize = 4;

/// Prepares an export of an account's collection as it is at this moment.
///
/// # Errors
/// When the collection is still being loaded, or a database or the disk fails.
pub async fn prepare(app: &Arc<App>, account: &Account, form: Form) -> Result<Export, ExportError> {
    let permit = app.transfers.acquire().await.map_err(std::io::Error::other)?;
    let folder = tempfile::tempdir_in(&app.temporary)?;
    let (path, now_ms, schema) = (folder.path().join(COLLECTION), app.clock.now_ms(), form.schema());
    let (tx, state) = app.user.snapshot(account.id).await?;
    let current = state.as_ref().and_then(|state| state.current.as_ref());
    if current.is_some_and(|current| !current.has_all_rows()) {
        tx.rollback().await?;
        return Err(ExportError::Importing);
    }
    let media: Vec<MediaFile> =
        UserDb::stream_media(&tx, account.id).await?.try_filter(|file| std::future::ready(file.size > 0)).try_collect().await?;
    match current {
        Some(current) => collection_file::write(tx, current, schema, &path).await?,
        None => {
            collection_file::end_snapshot(tx).await;
            let stamps = state.map_or(Stamps { schema_modified: now_ms, ..Stamps::default() }, |state| state.stamps());
            let path = path.clone();
            blocking(move || Ok(collection_file::write_empty(&path, schema, &stamps, now_ms)?)).await?;
        }
    }
    let export = assemble(app, account.id, form, folder, media, file_name(&account.username, now_ms, "colpkg"), now_ms).await?;
    drop(permit);
    Ok(export)
}

/// Packs the collection that lies in `folder`.
async fn assemble(
    app: &Arc<App>,
    account: i64,
    form: Form,
    folder: TempDir,
    media: Vec<MediaFile>,
    file_name: String,
    now_ms: i64,
) -> Result<Export, ExportError> {
    let target = NamedTempFile::new_in(&app.temporary)?;
    let (collection, placeholder) = blocking(move || {
        let placeholder = folder.path().join("placeholder");
        package::write_placeholder(&placeholder, now_ms)?;
        let placeholder = Content::memory(std::fs::read(placeholder)?.into());
        let path = folder.path().join(COLLECTION);
        let collection = if form.is_zstd() {
            Content::file(collection_file::pack(&path, target, true)?.0.into_file())?
        } else {
            Content::deflated(&path, target.into_file())?
        };
        Ok((collection, placeholder))
    })
    .await?;
    Ok(Export { app: app.clone(), account, form, file_name, collection, placeholder, media })
}

impl Export {
    /// What to call the file.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// About how many bytes it will have.
    pub fn estimate(&self) -> u64 {
        let media = self.media.iter().map(|file| file.size.unsigned_abs() + 200).sum::<u64>();
        self.collection.packed_size() + self.placeholder.packed_size() + media
    }

    /// Begins to make the package. Whoever takes its pieces sets the pace; dropping the receiver ends it. An error is the last piece, and
    /// what came before is of no use then. At the end, the other receiver tells what became of it.
    pub fn start(self) -> (mpsc::Receiver<std::io::Result<Bytes>>, oneshot::Receiver<Exported>) {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let (done, outcome) = oneshot::channel();
        // A task, not a thread: it costs nothing while a slow receiver takes its time.
        tokio::spawn(async move {
            match self.make(&mut Sender::new(sender.clone())).await {
                Ok(exported) => drop(done.send(exported)),
                // Nobody listens if this is because the receiver is gone.
                Err(e) => drop(sender.send(Err(e)).await),
            }
        });
        (receiver, outcome)
    }

    async fn make(self, out: &mut Sender) -> std::io::Result<Exported> {
        let Self { app, account, form, collection, placeholder, media, .. } = self;
        let mut exported = Exported::default();
        out.member(package::META, Content::memory(form.meta().into())).await?;
        out.member(form.collection(), collection).await?;
        out.member(package::OLDEST_COLLECTION, placeholder).await?;
        let mut list = package::MediaList::new(form);
        for file in media {
            let (app, wanted) = (app.clone(), file.clone());
            let read = tokio::task::spawn_blocking(move || {
                let content = app.media.get(account, &wanted.content_key)?;
                Content::media(content, form.is_zstd(), &app.temporary)
            });
            match read.await? {
                Ok((content, sha1, size)) if hex::encode(sha1) == file.sha1 => {
                    out.member(&list.len().to_string(), content).await?;
                    list.add(file.name, size, &sha1);
                }
                Ok(_) => exported.lost.push(file.name),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => exported.lost.push(file.name),
                Err(e) => return Err(e),
            }
        }
        exported.media = list.len() as u64;
        let list = list.into_bytes();
        let list = if form.is_zstd() { zstd::encode_all(list.as_slice(), 0)? } else { list };
        out.member(package::MEDIA, Content::memory(list.into())).await?;
        out.end().await?;
        if !exported.lost.is_empty() {
            tracing::warn!(account, count = exported.lost.len(), "media files could not be exported, as their content is lost or damaged");
        }
        Ok(exported)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, ExportError> + Send + 'static) -> Result<T, ExportError> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::from)?
}

/// `ann-2026-01-31.colpkg`. What could mean something to a shell, a file system or a header is left out.
fn file_name(title: &str, now_ms: i64, ending: &str) -> String {
    let safe: String = title
        .chars()
        .take(LONGEST_TITLE)
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@') { c } else { '_' })
        .collect();
    let day: String = crate::clock::readable_time(now_ms).chars().take(10).collect();
    format!("{}-{day}.{ending}", safe.trim_start_matches(['-', '.']))
}

/// Names of decks can be of any length, those of files cannot.
const LONGEST_TITLE: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_harmless() {
        for (name, want) in
            [("ann", "ann-2026-09-21.colpkg"), ("-rf ../日", "rf_..__-2026-09-21.colpkg"), ("a@b.c", "a@b.c-2026-09-21.colpkg")]
        {
            assert_eq!(file_name(name, 1_790_000_000_000, "colpkg"), want);
        }
        assert_eq!(file_name(&"日".repeat(5000), 1_790_000_000_000, "apkg").len(), 200 + "-2026-09-21.apkg".len());
    }
}
