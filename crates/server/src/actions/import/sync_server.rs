//! The folders of other sync servers: one for each user, with `collection.anki2` and media. Anki's own has `media.db` and the folder
//! `media` beside it, and so has the later `anki-sync-server-rs`, which contains it. The community's others have the folder
//! `collection.media` and its index `collection.media.server.db`, or at first `collection.media.db2`.

use super::ImportError;
use super::folder::MediaFolder;
use super::media::{Entry, Source};
use anki::ankisyncd;
use anki::file::{FileError, settle};
use anki::media::{IndexedFile, read_server_index};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use tempfile::{NamedTempFile, TempDir};

/// A user's folder. Nothing in it is changed, and the server that it belongs to should not be running.
pub struct UserFolder {
    folder: PathBuf,
}

/// The users in the base folder of a server, by name.
///
/// # Errors
/// When there are none, or the folder cannot be read.
pub fn users(base: &Path) -> Result<Vec<String>, ImportError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(base)? {
        let entry = entry?;
        if entry.path().join("collection.anki2").is_file() {
            names.push(entry.file_name().into_string().map_err(|name| {
                ImportError::Refused(format!("the name of the folder {} is not UTF-8 text", Path::new(&name).display()))
            })?);
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(ImportError::Refused(format!(
            "there is no user's folder with a collection.anki2 in {}; give the folder in which the users' folders are",
            base.display()
        )));
    }
    Ok(names)
}

impl UserFolder {
    pub fn new(base: &Path, user: &str) -> Self {
        Self { folder: base.join(user) }
    }

    /// A private copy of the collection. Blocks.
    ///
    /// # Errors
    /// When it cannot be copied, or is no database.
    pub fn collection(&self, temporary: &Path) -> Result<NamedTempFile, ImportError> {
        let (folder, copy) = copy_database(&self.folder.join("collection.anki2"), temporary)?;
        let target = NamedTempFile::new_in(temporary)?;
        fs::rename(copy, target.path())?;
        drop(folder);
        Ok(target)
    }

    /// Whether it is laid out as by Anki's own server.
    pub fn is_of_anki(&self) -> bool {
        self.folder.join("media.db").is_file()
    }

    /// Whether there is a collection. A user who never synced has none.
    pub fn has_collection(&self) -> bool {
        self.folder.join("collection.anki2").is_file()
    }

    /// The usn of the media index and all files: those of the index, and those that only lie in the folder. Blocks.
    ///
    /// # Errors
    /// When the index or the folder cannot be read.
    pub fn media(&self, temporary: &Path) -> Result<(i32, Vec<Entry>), ImportError> {
        type Reader = fn(&Path) -> Result<(i32, Vec<IndexedFile>), String>;
        let indexes: [(&str, Reader); 3] = [
            ("media.db", read_server_index),
            ("collection.media.server.db", ankisyncd::read_media_index),
            ("collection.media.db2", ankisyncd::read_media_index),
        ];
        let found = indexes.iter().map(|(name, read)| (self.folder.join(name), read)).find(|(index, _)| index.is_file());
        let (usn, entries) = match found {
            Some((index, read)) => {
                let (folder, copy) = copy_database(&index, temporary)?;
                let (usn, files) = read(&copy).map_err(|e| ImportError::Refused(format!("{} cannot be read: {e}", index.display())))?;
                drop(folder);
                let entries = files.into_iter().map(|file| Entry {
                    member: file.name.clone(),
                    name: file.name,
                    sha1: (!file.deleted).then_some(file.sha1),
                    usn: file.usn,
                    deleted: file.deleted,
                });
                (usn, entries.collect::<Vec<_>>())
            }
            None => (0, Vec::new()),
        };
        Ok((usn, self.media_folder().with_files(entries)?))
    }

    fn media_folder(&self) -> MediaFolder {
        let of_anki = self.folder.join("media");
        MediaFolder(if of_anki.is_dir() { of_anki } else { self.folder.join("collection.media") })
    }
}

impl Source for UserFolder {
    fn read(&mut self, entry: &Entry, take: &mut dyn FnMut(&mut dyn Read) -> io::Result<()>) -> io::Result<()> {
        self.media_folder().read(entry, take)
    }
}

/// Copies a database with its write-ahead log, and folds the log in. Blocks.
///
/// # Errors
/// When it cannot be copied, or is no database.
pub fn copy_database(source: &Path, temporary: &Path) -> Result<(TempDir, PathBuf), ImportError> {
    let folder = tempfile::tempdir_in(temporary)?;
    let target = folder.path().join("copy");
    fs::copy(source, &target)?;
    let log = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push("-wal");
        PathBuf::from(name)
    };
    if log(source).is_file() {
        fs::copy(log(source), log(&target))?;
    }
    // The words of the usual errors are for those who upload a collection.
    settle(&target).map_err(|e| match e {
        FileError::Damaged { detail } => ImportError::Refused(format!("{} is damaged: {detail}", source.display())),
        other => other.into(),
    })?;
    Ok((folder, target))
}
