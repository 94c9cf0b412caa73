//! Collection files that were made for a download, kept for other devices that ask for the same state.
//!
//! Several requests for one file wait for one making of it, which goes on when they give up waiting.

use anki::file::Schema;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tempfile::NamedTempFile;
use tracing::Instrument;

/// What a file was made from, and in which form. Any change of the collection changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    pub account: i64,
    pub generation: i32,
    pub usn: i32,
    /// Milliseconds since the epoch.
    pub modified: i64,
    pub schema: Schema,
    /// Whether the file is one zstd frame.
    pub compressed: bool,
}

/// A finished file.
#[derive(Debug, Clone)]
pub struct Made {
    pub path: PathBuf,
    /// Bytes before compression.
    pub original_size: u64,
}

/// To be raised when the same rows give another file than before, so that files of older versions are not sent.
const WRITER: u32 = 1;

/// A file that is there or will be; clones wait for the same one.
pub type Making = Shared<BoxFuture<'static, Result<Made, String>>>;

/// The folder of finished files, and those that are being made.
pub struct DownloadCache {
    folder: PathBuf,
    making: Arc<Mutex<HashMap<Key, Making>>>,
}

impl DownloadCache {
    /// Uses a folder, which is made if it is missing.
    ///
    /// # Errors
    /// When that fails.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, making: Arc::default() })
    }

    /// The file for `key`: kept from before, being made, or made now by `make`, which fills the temporary file that it is given and
    /// answers the size before compression.
    pub fn get_or_make<F>(&self, key: Key, make: impl FnOnce(NamedTempFile) -> F) -> Making
    where
        F: Future<Output = Result<(NamedTempFile, u64), String>> + Send + 'static,
    {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = making.get(&key) {
            return running.clone();
        }
        if let Some(made) = self.find(&key) {
            return futures_util::future::ready(Ok(made)).boxed().shared();
        }
        let folder = self.folder.clone();
        let made = NamedTempFile::new_in(&folder).map(make).map_err(|e| e.to_string());
        let all = self.making.clone();
        let task = async move {
            let outcome = match made {
                Ok(made) => made.await.and_then(|(file, size)| keep(&folder, &key, file, size).map_err(|e| e.to_string())),
                Err(e) => Err(e),
            };
            all.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            outcome
        };
        let task = tokio::spawn(task.in_current_span());
        let running = async move { task.await.unwrap_or_else(|e| Err(e.to_string())) }.boxed().shared();
        making.insert(key, running.clone());
        running
    }

    /// Removes files that were not used since `before`, and further ones, the longest unused first, until at most `most` bytes are left.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn sweep(&self, unused_for: Duration, most: u64) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Ok(metadata) = entry.metadata() else { continue };
            files.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), entry.path()));
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (used, size, path) in files {
            let old = used.elapsed().is_ok_and(|age| age > unused_for);
            if !old && total <= most {
                break;
            }
            // Somebody who is reading it keeps it open, and another process may have removed it.
            let _ = fs::remove_file(path);
            total -= size;
        }
        Ok(())
    }

    fn find(&self, key: &Key) -> Option<Made> {
        let start = stem(key);
        let entries = fs::read_dir(&self.folder).ok()?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(size) = name.to_str().and_then(|name| name.strip_prefix(&start)).and_then(|size| size.parse().ok()) else { continue };
            // The time of last use decides what is removed first.
            #[expect(clippy::disallowed_methods, reason = "files are dated by the system's clock, as those that it makes are")]
            let _ = fs::File::open(entry.path()).and_then(|file| file.set_modified(SystemTime::now()));
            return Some(Made { path: entry.path(), original_size: size });
        }
        None
    }
}

fn keep(folder: &Path, key: &Key, file: NamedTempFile, original_size: u64) -> io::Result<Made> {
    // Older states of the same account in the same form will not be asked for again.
    let form = form(key);
    for entry in fs::read_dir(folder)?.flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(&format!("{:x}-", key.account)) && name.contains(&form)) {
            let _ = fs::remove_file(entry.path());
        }
    }
    // After a power cut, a name could otherwise lead to a file without its content, which an old client would take for an empty collection.
    file.as_file().sync_all()?;
    let path = folder.join(format!("{}{original_size}", stem(key)));
    file.persist(&path).map_err(|e| e.error)?;
    Ok(Made { path, original_size })
}

fn form(key: &Key) -> String {
    let schema = match key.schema {
        Schema::V11 => 11,
        Schema::V18 => 18,
    };
    format!("-s{schema}{}-w{WRITER}-", if key.compressed { "z" } else { "" })
}

fn stem(key: &Key) -> String {
    format!("{:x}-{}-{}-{}{}", key.account, key.generation, key.usn, key.modified, form(key))
}
