//! An `.apkg`: a part of somebody's collection, merged into an account's.
//!
//! The package is read outside of any transaction, and the contents of its media go to the store first, where nobody sees them before a
//! row names them. Then one transaction brings notes, cards and media, or nothing.

use super::ImportError;
use super::media::{Entry, Source as _, Spool, copy};
use super::package::Package;
use crate::actions::edit_collection::edit;
use crate::actions::edit_collection::merge::{MergeOptions, MergePackage, Merged, PackedMedia, Source, SourceError, is_static, safe_name};
use crate::actions::media_files::LARGEST;
use crate::actions::quota::Owner;
use crate::app::App;
use anki::file::{CollectionFile, Limits};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use store::main_db::Account;
use store::user_db::media::MediaFile;

/// Who gives a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Giver {
    /// Owns the disk, and decides about quotas.
    Operator,
    /// Is held to quotas. What a package unpacks to may not be more than an upload.
    User,
}

/// Contents are made durable after so many bytes.
const BATCH_BYTES: u64 = 32 << 20;
/// Names asked for at a time.
const PAGE: usize = 5_000;

impl From<SourceError> for ImportError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::File(e) => e.into(),
            SourceError::Damaged(_) => Self::Refused(error.to_string()),
        }
    }
}

/// Merges a package into an account's collection and media.
///
/// # Errors
/// When the package is refused, a device is syncing for longer than is waited, or a database or the disk fails. Nothing is changed then.
pub async fn import(app: &Arc<App>, account: &Account, path: PathBuf, options: MergeOptions, giver: Giver) -> Result<Merged, ImportError> {
    let (temporary, max_bytes) = (app.temporary.clone(), app.config.limits.max_upload);
    let opened = tokio::task::spawn_blocking(move || {
        let mut package = Package::open(&path)?;
        let collection = package.collection(&temporary, max_bytes)?;
        let media = package.media()?;
        let file = CollectionFile::open(collection.path(), &Limits { max_bytes, ..Limits::default() })?;
        // The file is read until the end, so it has to stay.
        Ok::<_, ImportError>((package, Source::new(file, options)?, collection, wanted_media(media)?))
    });
    let (package, source, collection, media) = opened.await??;
    let names: HashSet<String> = source.references.iter().filter_map(|name| safe_name(name)).collect();
    let media: Vec<Entry> = media.into_iter().filter(|entry| is_static(&entry.name) || names.contains(&entry.name)).collect();
    let most = if giver == Giver::User { max_bytes } else { u64::MAX };
    let media = store_media(app, account.id, package, media, options.dry_run, most).await?;
    let media_quota = account.quota_media_bytes.filter(|_| giver == Giver::User);
    let change = MergePackage { source: Arc::new(source), media, media_quota, options, user: app.user.clone() };
    let owner = if giver == Giver::User { Owner::from(account) } else { Owner::from(account.id) };
    let merged = edit(app, owner, &change).await?;
    drop(collection);
    if merged.is_something() && !options.dry_run {
        tracing::info!(account = %account.username, ?merged, "a package was merged into a collection");
    }
    Ok(merged)
}

/// The files of a package under the names that clients give them.
fn wanted_media(entries: Vec<Entry>) -> Result<Vec<Entry>, ImportError> {
    let mut seen = HashSet::new();
    let mut wanted = Vec::with_capacity(entries.len());
    for mut entry in entries {
        let Some(name) = safe_name(&entry.name) else {
            let shown: String = entry.name.chars().take(100).map(|c| if c.is_control() { '?' } else { c }).collect();
            return Err(ImportError::Refused(format!("the package has a media file that cannot be called so: {shown}")));
        };
        entry.name = name;
        if seen.insert(entry.name.clone()) {
            wanted.push(entry);
        }
    }
    Ok(wanted)
}

/// Stores the contents that the account does not have under their names.
async fn store_media(
    app: &Arc<App>,
    account: i64,
    mut package: Package,
    entries: Vec<Entry>,
    dry_run: bool,
    most: u64,
) -> Result<Vec<PackedMedia>, ImportError> {
    let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    let mut known: HashMap<String, MediaFile> = HashMap::new();
    for part in names.chunks(PAGE) {
        known.extend(app.user.media_files(account, part).await?.into_iter().map(|file| (file.name.clone(), file)));
    }
    let app = app.clone();
    let stored = tokio::task::spawn_blocking(move || {
        let mut stored = Vec::with_capacity(entries.len());
        let (mut total, mut batch) = (0, 0);
        let mut new = app.media.begin(account)?;
        for entry in entries {
            let mut spool = Spool::new(&app.temporary);
            let largest = app.config.limits.max_media_batch.min(LARGEST as u64).min(most.saturating_sub(total));
            package.read(&entry, &mut |content| copy(content, &mut spool, largest)).map_err(|e| unreadable(&entry.name, e))?;
            total += spool.size();
            let (sha1, sha256, size, mut content) = spool.finish()?;
            if size == 0 {
                // Clients do not sync empty files.
                continue;
            }
            if entry.sha1.as_ref().is_some_and(|wanted| *wanted != sha1) {
                return Err(ImportError::Refused(format!("the package is damaged: {} is not what its list of files says", entry.name)));
            }
            let is_here = known.get(&entry.name).is_some_and(|file| app.media.has(account, file, &sha1, size));
            let content_key = if is_here || dry_run { None } else { Some(new.add(&sha256, &mut content)?) };
            batch += size;
            if batch >= BATCH_BYTES {
                new.finish()?;
                new = app.media.begin(account)?;
                batch = 0;
            }
            stored.push(PackedMedia { name: entry.name, sha1, content_key, size: size.cast_signed() });
        }
        new.finish()?;
        Ok::<_, ImportError>(stored)
    });
    stored.await?
}

fn unreadable(name: &str, error: io::Error) -> ImportError {
    match error.kind() {
        io::ErrorKind::NotFound => ImportError::Refused(format!("the package is damaged: the content of {name} is not there")),
        io::ErrorKind::InvalidData => ImportError::Refused(format!("the package is damaged: {name}: {error}")),
        io::ErrorKind::FileTooLarge => ImportError::Refused(format!("the package cannot be imported: {name}: {error}")),
        _ => error.into(),
    }
}
