//! Media files of an import: into the store, then into the index.

use super::ImportError;
use crate::app::App;
use anki::media::check_name;
use anki::text::normalize_nfc;
use sha1::{Digest, Sha1};
use sha2::Sha256;
use std::collections::HashMap;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use store::main_db::Account;
use store::user_db::media::{MediaFile, MediaWrite, StoredContent};

/// A batch ends at so many files or bytes.
const BATCH_FILES: usize = 200;
const BATCH_BYTES: u64 = 32 << 20;
/// A file larger than this goes through the disk once more.
const IN_MEMORY: usize = 2 << 20;
const BLOCK: usize = 128 << 10;

/// Where files come from.
pub trait Source: Send + 'static {
    /// Hands a reader of the content to `take`.
    ///
    /// # Errors
    /// What `take` answers; `NotFound` when there is no such content.
    fn read(&mut self, entry: &Entry, take: &mut dyn FnMut(&mut dyn Read) -> io::Result<()>) -> io::Result<()>;
}

/// A file that a source has, or had.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// How the source calls it.
    pub member: String,
    pub name: String,
    /// Lower-case hexadecimal SHA-1, if the source tells.
    pub sha1: Option<String>,
    /// The usn that it shall have, where usns are kept.
    pub usn: i32,
    pub deleted: bool,
}

/// How files come into the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// As a device would bring them: new and changed ones take the next usns.
    Merge,
    /// With the usns that they have, up to this one, so that devices go on where they were. Only into an empty index.
    Keep(i32),
}

/// What became of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    pub stored: u64,
    /// There already, with the same content.
    pub known: u64,
    /// Names of files that were left out, and why.
    pub skipped: Vec<(String, String)>,
}

struct Stored {
    entry: Entry,
    content: Option<StoredContent>,
}

/// Brings files into an account. `progress` is told how many are done.
///
/// # Errors
/// When a database or the disk fails. What was stored until then stays, and is known the next time.
pub async fn import(
    app: &Arc<App>,
    account: &Account,
    source: impl Source,
    entries: Vec<Entry>,
    index: Index,
    mut progress: impl FnMut(u64),
) -> Result<Outcome, ImportError> {
    let mut outcome = Outcome::default();
    let id = account.id;
    let mut last_usn = match index {
        Index::Keep(usn) => usn,
        Index::Merge => 0,
    };
    let (mut source, mut entries) = (source, entries.into_iter().peekable());
    let mut done = 0;
    while entries.peek().is_some() {
        let batch: Vec<Entry> = entries.by_ref().take(BATCH_FILES).collect();
        let mut names: Vec<String> = batch.iter().map(|entry| normalize_nfc(&entry.name).into_owned()).collect();
        names.sort();
        names.dedup();
        let known: HashMap<String, MediaFile> =
            app.user.media_files(id, &names).await?.into_iter().map(|file| (file.name.clone(), file)).collect();
        let mut rest = batch.into_iter();
        loop {
            let work = {
                let app = app.clone();
                let known = known.clone();
                move || {
                    let taken = store(&app, id, &mut source, &mut rest, &known)?;
                    Ok::<_, io::Error>((source, rest, taken))
                }
            };
            let taken;
            (source, rest, taken) = tokio::task::spawn_blocking(work).await??;
            let (stored, skipped) = taken;
            if stored.is_empty() && skipped.is_empty() {
                break;
            }
            done += (stored.len() + skipped.len()) as u64;
            outcome.skipped.extend(skipped);
            for file in &stored {
                match &file.content {
                    Some(StoredContent { content_key: Some(_), .. }) => outcome.stored += 1,
                    Some(_) => outcome.known += 1,
                    None => {}
                }
            }
            put(app, id, stored, &known, index, &mut last_usn).await?;
            progress(done);
        }
    }
    if index != Index::Merge {
        app.user.end_placing_media(id, last_usn).await?;
    }
    Ok(outcome)
}

async fn put(
    app: &App,
    account: i64,
    stored: Vec<Stored>,
    known: &HashMap<String, MediaFile>,
    index: Index,
    last_usn: &mut i32,
) -> Result<(), ImportError> {
    let now = app.clock.now_ms();
    if index == Index::Merge {
        let write = |file: Stored| MediaWrite { name: file.entry.name, content: file.content };
        app.user.apply_media(account, &stored.into_iter().map(write).collect::<Vec<_>>(), now).await?;
        return Ok(());
    }
    let mut rows = Vec::with_capacity(stored.len());
    for Stored { entry, content } in stored {
        // Files that the index of the source does not know come after all that it does.
        let usn = if entry.usn > 0 {
            entry.usn
        } else {
            *last_usn += 1;
            *last_usn
        };
        rows.push(match content {
            None => MediaFile { name: entry.name, sha1: String::new(), content_key: String::new(), size: 0, usn },
            Some(content) => {
                let before = known.get(&entry.name);
                let content_key = content.content_key.or_else(|| before.map(|file| file.content_key.clone())).unwrap_or_default();
                MediaFile { name: entry.name, sha1: content.sha1, content_key, size: content.size, usn }
            }
        });
    }
    app.user.place_media(account, rows, now).await?;
    Ok(())
}

type Taken = (Vec<Stored>, Vec<(String, String)>);

/// Stores files until the batch is full. Blocks.
fn store(
    app: &App,
    account: i64,
    source: &mut impl Source,
    entries: &mut impl Iterator<Item = Entry>,
    known: &HashMap<String, MediaFile>,
) -> io::Result<Taken> {
    let (mut stored, mut skipped, mut bytes) = (Vec::new(), Vec::new(), 0);
    let mut new = app.media.begin(account)?;
    let largest = app.config.limits.max_media_batch;
    while bytes < BATCH_BYTES
        && let Some(mut entry) = entries.next()
    {
        entry.name = normalize_nfc(&entry.name).into_owned();
        if let Err(reason) = check_name(&entry.name) {
            skipped.push((entry.name, format!("no possible name: {reason}")));
            continue;
        }
        if entry.deleted {
            stored.push(Stored { entry, content: None });
            continue;
        }
        let mut spool = Spool::new(&app.temporary);
        match source.read(&entry, &mut |content| copy(content, &mut spool, largest)) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                skipped.push((entry.name, "its content is not there".into()));
                continue;
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::InvalidData | io::ErrorKind::FileTooLarge) => {
                skipped.push((entry.name, e.to_string()));
                continue;
            }
            Err(e) => return Err(e),
        }
        let (sha1, sha256, size, mut content) = spool.finish()?;
        if size == 0 {
            skipped.push((entry.name, "it is empty, and clients do not sync empty files".into()));
            continue;
        }
        if entry.sha1.as_ref().is_some_and(|wanted| *wanted != sha1) {
            skipped.push((entry.name, "its content is damaged: it is not what the list of files says".into()));
            continue;
        }
        let is_there = known.get(&entry.name).is_some_and(|file| app.media.has(account, file, &sha1, size));
        let content_key = if is_there { None } else { Some(new.add(&sha256, &mut content)?) };
        bytes += size;
        stored.push(Stored { entry, content: Some(StoredContent { sha1, content_key, size: size.cast_signed() }) });
    }
    new.finish()?;
    Ok((stored, skipped))
}

/// A file's content on its way to the store, which needs to know its hash first.
pub(super) struct Spool {
    out: tempfile::SpooledTempFile,
    sha1: Sha1,
    sha256: Sha256,
    size: u64,
}

impl Spool {
    pub(super) fn new(temporary: &Path) -> Self {
        let out = tempfile::spooled_tempfile_in(IN_MEMORY, temporary);
        Self { out, sha1: Sha1::new(), sha256: Sha256::new(), size: 0 }
    }

    /// Both hashes, the number of bytes, and the content from its beginning.
    pub(super) fn finish(mut self) -> io::Result<(String, [u8; 32], u64, tempfile::SpooledTempFile)> {
        self.out.rewind()?;
        Ok((hex::encode(self.sha1.finalize()), self.sha256.finalize().into(), self.size, self.out))
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

pub(super) fn copy(content: &mut dyn Read, spool: &mut Spool, largest: u64) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    loop {
        let count = match content.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let read = block.get(..count).unwrap_or_default();
        spool.size += count as u64;
        if spool.size > largest {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {largest} bytes")));
        }
        spool.sha1.update(read);
        spool.sha256.update(read);
        spool.out.write_all(read)?;
    }
}
