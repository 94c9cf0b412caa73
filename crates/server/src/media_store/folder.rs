//! Media on a disk: a folder, with a folder for each account.

use super::{OWNER, new_key};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::NamedTempFile;

/// The folder.
#[derive(Debug, Clone)]
pub struct Folder {
    folder: PathBuf,
}

/// Bytes copied at a time.
const BLOCK: usize = 128 << 10;
/// Files that are made durable side by side.
const SYNCS_AT_ONCE: usize = 4;

impl Folder {
    /// Uses a folder, which is made if it is missing.
    ///
    /// # Errors
    /// When that fails.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Begins to store the contents of one request.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn begin(&self, account: i64) -> io::Result<NewFiles> {
        // All in one folder, whichever it is: it has to be made durable too, and one is quicker than many.
        let start = hex::encode(crate::random::bytes::<1>()?);
        let folder = self.account(account).join(&start);
        fs::create_dir_all(&folder)?;
        Ok(NewFiles { store: self.clone(), account, start, files: Vec::new(), block: vec![0; BLOCK] })
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

    /// What [`Folder::claim`] has written.
    pub fn owner(&self) -> io::Result<File> {
        File::open(self.folder.join(OWNER))
    }

    /// Writes down whose folder it is. Another process may do so at the same time: the first one counts.
    pub fn claim(&self, installation: &str) -> io::Result<()> {
        let mut file = NamedTempFile::new_in(&self.folder)?;
        writeln!(file, "{installation}")?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(self.folder.join(OWNER)) {
            Err(e) if e.error.kind() != io::ErrorKind::AlreadyExists => Err(e.error),
            _ => File::open(&self.folder)?.sync_all(),
        }
    }

    pub async fn ping(&self) -> io::Result<()> {
        tokio::fs::metadata(&self.folder).await.map(drop)
    }

    /// Removes the folder of an account.
    pub async fn remove_account(&self, account: i64) -> io::Result<()> {
        match tokio::fs::remove_dir_all(self.account(account)).await {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
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

/// Contents on their way to the disk. Dropped before they are durable, they are removed again.
#[derive(Debug)]
pub struct NewFiles {
    store: Folder,
    account: i64,
    /// The first part of their keys, which is the name of their folder.
    start: String,
    files: Vec<(PathBuf, File)>,
    block: Vec<u8>,
}

impl NewFiles {
    /// Writes content and answers its key. Blocks.
    ///
    /// # Errors
    /// When reading or the disk fails.
    pub fn add(&mut self, sha256: &[u8; 32], content: &mut impl Read) -> io::Result<String> {
        let key = new_key(&self.start, sha256)?;
        let path = self.store.path(self.account, &key);
        let file = File::create_new(&path)?;
        self.files.push((path, file.try_clone()?));
        let mut file = file;
        loop {
            match content.read(&mut self.block) {
                Ok(0) => return Ok(key),
                Ok(n) => file.write_all(self.block.get(..n).unwrap_or_default())?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Makes everything durable: only then may a row name it. Blocks.
    ///
    /// # Errors
    /// When the disk fails; nothing is left then.
    pub fn finish(mut self) -> io::Result<()> {
        if self.files.is_empty() {
            return Ok(());
        }
        // The disk does several at once in the time of one.
        let share = self.files.len().div_ceil(SYNCS_AT_ONCE);
        std::thread::scope(|scope| {
            let sync = |files: &[(PathBuf, File)]| files.iter().try_for_each(|(_, file)| file.sync_all());
            let (first, others) = self.files.split_at(share);
            let others: Vec<_> = others.chunks(share).map(|files| scope.spawn(move || sync(files))).collect();
            let synced = sync(first);
            others
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread died"))))
                .fold(synced, Result::and)
        })?;
        // The names must be as durable as the contents, and so must the folders above them.
        let account = self.store.account(self.account);
        for folder in [&account.join(&self.start), &account, &self.store.folder] {
            File::open(folder)?.sync_all()?;
        }
        self.files.clear();
        Ok(())
    }
}

impl Drop for NewFiles {
    fn drop(&mut self) {
        for (path, _) in &self.files {
            // What cannot be removed now is found by the sweep.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::MediaStore;
    use super::*;

    #[test]
    fn content_comes_back_and_goes() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let store = Folder::open(folder.path().join("media"))?;
        let content = vec![7; 300_000];
        let mut new = store.begin(5)?;
        let (first, second) = (new.add(&[1; 32], &mut content.as_slice())?, new.add(&[1; 32], &mut content.as_slice())?);
        let more: Vec<String> = (0..9).map(|n| new.add(&[n; 32], &mut [n].as_slice())).collect::<io::Result<_>>()?;
        new.finish()?;
        assert_ne!(first, second, "each write has a key of its own");
        let mut read = Vec::new();
        store.get(5, &first)?.read_to_end(&mut read)?;
        assert_eq!(read, content);
        assert!(store.get(6, &first).is_err(), "another account's");
        assert_eq!(store.accounts()?, [5]);
        assert_eq!(store.keys_older_than(5, Duration::from_secs(3600))?, Vec::<String>::new());
        assert_eq!(store.keys_older_than(5, Duration::ZERO)?.len(), 11);
        more.iter().try_for_each(|key| store.delete(5, key))?;
        store.delete(5, &first)?;
        store.delete(5, &first)?;
        assert_eq!(store.keys_older_than(5, Duration::ZERO)?, [second]);
        Ok(())
    }

    #[test]
    fn what_is_not_finished_is_removed() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let store = Folder::open(folder.path().to_owned())?;
        let mut new = store.begin(5)?;
        let key = new.add(&[1; 32], &mut &b"x"[..])?;
        new.finish()?;
        let mut given_up = store.begin(5)?;
        given_up.add(&[2; 32], &mut &b"y"[..])?;
        assert_eq!(store.keys_older_than(5, Duration::ZERO)?.len(), 2, "after a crash, the sweep would find it");
        drop(given_up);
        assert_eq!(store.keys_older_than(5, Duration::ZERO)?, [key]);
        Ok(())
    }

    #[test]
    fn the_first_who_claims_it_owns_it() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let store = MediaStore::open(folder.path().to_owned())?;
        assert_eq!(store.owner()?, None);
        store.claim("first")?;
        store.claim("second")?;
        Folder::open(folder.path().to_owned())?.claim("third, at the same time")?;
        assert_eq!(store.owner()?.as_deref(), Some("first"));
        assert_eq!(fs::read_dir(folder.path())?.count(), 1, "and nothing else is left");
        assert_eq!(store.accounts()?, [0; 0]);
        Ok(())
    }

    #[test]
    fn keys_lead_nowhere_else() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let store = Folder::open(folder.path().to_owned())?;
        for key in ["../../etc/passwd", "/etc/passwd", "a/../../b"] {
            assert!(store.path(5, key).starts_with(folder.path().join("5")), "{key}");
            assert!(!store.path(5, key).to_string_lossy().contains(".."), "{key}");
        }
        Ok(())
    }
}
