//! The bytes of media files, by account and content, on the local disk.
//!
//! Every write gets a key of its own, and is on disk before a row names it; deleting a file only changes its row. So a crash leaves at
//! worst a file that no row names, and removing such files cannot hit one that a row is about to name. Names that users give to files
//! are no part of any path.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::NamedTempFile;

/// A folder with a folder for each account.
#[derive(Debug, Clone)]
pub struct MediaStore {
    folder: PathBuf,
}

/// How long content stays that no row names: as long as the daily dumps of the database, so that one that is restored finds its files.
/// Younger content may also belong to a request that has not committed yet.
pub const KEPT_UNNAMED: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Bytes copied at a time.
const BLOCK: usize = 128 << 10;

impl MediaStore {
    /// Uses a folder, which is made if it is missing.
    ///
    /// # Errors
    /// When that fails.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Stores content durably and answers its key. Blocks.
    ///
    /// # Errors
    /// When reading or the disk fails; nothing is left then.
    pub fn put(&self, account: i64, sha256: &[u8; 32], content: &mut impl Read) -> io::Result<String> {
        let hash = hex::encode(sha256);
        let (start, _) = hash.split_at(2);
        let folder = self.account(account).join(start);
        fs::create_dir_all(&folder)?;
        let mut file = NamedTempFile::new_in(&folder)?;
        let mut block = vec![0; BLOCK];
        loop {
            match content.read(&mut block) {
                Ok(0) => break,
                Ok(n) => file.write_all(&block[..n])?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        file.as_file().sync_all()?;
        let key = format!("{start}/{hash}-{}", hex::encode(crate::random::bytes::<8>()?));
        file.persist_noclobber(self.path(account, &key)).map_err(|e| e.error)?;
        // The name must be as durable as the content, and so must the folders above it.
        for folder in [&folder, &self.account(account), &self.folder] {
            File::open(folder)?.sync_all()?;
        }
        Ok(key)
    }

    /// Opens content for reading.
    ///
    /// # Errors
    /// When it is not there, or the disk fails.
    pub fn get(&self, account: i64, key: &str) -> io::Result<File> {
        File::open(self.path(account, key))
    }

    /// Bytes of stored content.
    ///
    /// # Errors
    /// When it is not there, or the disk fails.
    pub fn size(&self, account: i64, key: &str) -> io::Result<u64> {
        fs::metadata(self.path(account, key)).map(|m| m.len())
    }

    /// Whether anything of an account is there at all. If not, the disk is missing rather than a file.
    pub fn has_account(&self, account: i64) -> bool {
        self.account(account).is_dir()
    }

    /// Removes content. That it is not there is no error.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn delete(&self, account: i64, key: &str) -> io::Result<()> {
        match fs::remove_file(self.path(account, key)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    /// The accounts that have a folder. Blocks.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn accounts(&self) -> io::Result<Vec<i64>> {
        let mut accounts = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            accounts.extend(entry?.file_name().to_str().and_then(|name| name.parse::<i64>().ok()));
        }
        Ok(accounts)
    }

    /// Keys of an account's contents that were written more than `age` ago. What cannot be dated is left alone. Blocks.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn keys_older_than(&self, account: i64, age: Duration) -> io::Result<Vec<String>> {
        let mut keys = Vec::new();
        for folder in fs::read_dir(self.account(account))? {
            let folder = folder?;
            let Ok(files) = fs::read_dir(folder.path()) else { continue };
            for file in files {
                let file = file?;
                let written = file.metadata().and_then(|m| m.modified());
                if written.is_ok_and(|written| written.elapsed().is_ok_and(|since| since > age))
                    && let (Some(start), Some(name)) = (folder.file_name().to_str(), file.file_name().to_str())
                {
                    keys.push(format!("{start}/{name}"));
                }
            }
        }
        Ok(keys)
    }

    fn account(&self, account: i64) -> PathBuf {
        self.folder.join(account.to_string())
    }

    /// Keys are ours, but come back from a database: only what a key can be made of may become a path.
    fn path(&self, account: i64, key: &str) -> PathBuf {
        let safe: String = key.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '.')).collect();
        let safe = safe.replace("..", "");
        self.account(account).join(Path::new(safe.trim_start_matches('/')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_comes_back_and_goes() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let store = MediaStore::open(folder.path().join("media"))?;
        let content = vec![7; 300_000];
        let first = store.put(5, &[1; 32], &mut content.as_slice())?;
        let second = store.put(5, &[1; 32], &mut content.as_slice())?;
        assert_ne!(first, second, "each write has a key of its own");
        let mut read = Vec::new();
        store.get(5, &first)?.read_to_end(&mut read)?;
        assert_eq!(read, content);
        assert!(store.get(6, &first).is_err(), "another account's");
        assert_eq!(store.accounts()?, [5]);
        assert_eq!(store.keys_older_than(5, Duration::from_secs(3600))?, Vec::<String>::new());
        assert_eq!(store.keys_older_than(5, Duration::ZERO)?.len(), 2);
        store.delete(5, &first)?;
        store.delete(5, &first)?;
        assert_eq!(store.keys_older_than(5, Duration::ZERO)?, [second]);
        Ok(())
    }

    #[test]
    fn an_unfinished_write_is_found_and_removed() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let store = MediaStore::open(folder.path().to_owned())?;
        let key = store.put(5, &[1; 32], &mut &b"x"[..])?;
        // As a crash in the middle of `put` leaves it.
        NamedTempFile::new_in(folder.path().join("5/01"))?.keep().map_err(|e| e.error)?;
        for old in store.keys_older_than(5, Duration::ZERO)?.iter().filter(|found| **found != key) {
            store.delete(5, old)?;
        }
        assert_eq!(store.keys_older_than(5, Duration::ZERO)?, [key]);
        Ok(())
    }

    #[test]
    fn keys_lead_nowhere_else() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let store = MediaStore::open(folder.path().to_owned())?;
        for key in ["../../etc/passwd", "/etc/passwd", "a/../../b"] {
            assert!(store.path(5, key).starts_with(folder.path().join("5")), "{key}");
            assert!(!store.path(5, key).to_string_lossy().contains(".."), "{key}");
        }
        Ok(())
    }
}
