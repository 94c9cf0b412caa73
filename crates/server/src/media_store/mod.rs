//! The bytes of media files, by account and content: in a folder, or in a bucket that speaks S3's protocol.
//!
//! Every write gets a key of its own, and is durable before a row names it; deleting a file only changes its row. So a crash leaves at
//! worst content that no row names, and removing such content cannot hit one that a row is about to name. Names that users give to
//! files are no part of any key.
//!
//! All of it blocks, except [`MediaStore::ping`] and [`MediaStore::remove_account`], and belongs on a thread that may.

mod bucket;
mod folder;
mod location;

pub use bucket::Bucket;
pub use location::MediaLocation;

use crate::config::Config;
use bucket::{NewObjects, ObjectReader};
use folder::{Folder, NewFiles};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::user_db::media::MediaFile;

/// How long content stays after the last row that named it: as long as the daily dumps of the database, so that one that is restored finds
/// its files. Backups and exports that run meanwhile find them too.
pub const KEPT_UNNAMED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Below this name are uploads whose rows are being loaded, for all machines: `account-number` and more.
pub const SHARED_IMPORTS: &str = "imports";

/// A client waits while such a file is packed.
const SHARED_LEVEL: i32 = 1;

/// The file, beside the folders of the accounts, that says which installation they belong to.
const OWNER: &str = "installation";

/// Where the contents of all accounts' media are.
#[derive(Debug, Clone)]
pub struct MediaStore(Place);

#[derive(Debug, Clone)]
enum Place {
    Folder(Folder),
    Bucket(Bucket),
}

impl MediaStore {
    /// What the configuration says. Must be called on a thread of the runtime.
    ///
    /// # Errors
    /// When the folder cannot be made, or the bucket's description cannot be right.
    pub fn of(config: &Config) -> io::Result<Self> {
        match &config.media {
            None => Self::open(config.data_root.media()),
            Some(location) => Self::connect(location),
        }
    }

    /// Uses a folder, which is made if it is missing.
    ///
    /// # Errors
    /// When that fails.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        Ok(Self(Place::Folder(Folder::open(folder)?)))
    }

    /// Uses a bucket. Must be called on a thread of the runtime.
    ///
    /// # Errors
    /// When its description cannot be right. Whether it can be reached shows with the first request.
    pub fn connect(location: &MediaLocation) -> io::Result<Self> {
        Ok(Self(Place::Bucket(Bucket::connect(location)?)))
    }

    /// Keeps a file, which is no media, where the processes of other machines find it: packed, in the bucket. With a folder, machines share
    /// the disk that it is on already.
    ///
    /// # Errors
    /// When reading or the network fails.
    pub fn share(&self, name: &str, file: &Path) -> io::Result<()> {
        match &self.0 {
            Place::Folder(_) => Ok(()),
            Place::Bucket(bucket) => bucket.put_named(name, &mut zstd::stream::read::Encoder::new(File::open(file)?, SHARED_LEVEL)?),
        }
    }

    /// Fetches such a file to `target`, and answers whether there is one.
    ///
    /// # Errors
    /// When writing or the network fails.
    pub fn fetch_shared(&self, name: &str, target: &Path) -> io::Result<bool> {
        let Place::Bucket(bucket) = &self.0 else { return Ok(false) };
        let packed = match bucket.get_named(name) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            packed => packed?,
        };
        let folder = target.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        zstd::stream::copy_decode(packed, file.as_file_mut())?;
        file.as_file().sync_all()?;
        file.persist(target)?;
        Ok(true)
    }

    /// Names of such files below one.
    ///
    /// # Errors
    /// When the network fails.
    pub fn shared(&self, below: &str) -> io::Result<Vec<String>> {
        match &self.0 {
            Place::Folder(_) => Ok(Vec::new()),
            Place::Bucket(bucket) => Ok(bucket.list_named(below)?.into_iter().map(|(name, _)| name).collect()),
        }
    }

    /// Removes such a file. That it is not there is no error.
    ///
    /// # Errors
    /// When the network fails.
    pub fn unshare(&self, name: &str) -> io::Result<()> {
        match &self.0 {
            Place::Folder(_) => Ok(()),
            Place::Bucket(bucket) => bucket.delete_named(name),
        }
    }

    /// Begins to store the contents of one request.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn begin(&self, account: i64) -> io::Result<NewContents> {
        Ok(NewContents(match &self.0 {
            Place::Folder(folder) => New::Files(folder.begin(account)?),
            Place::Bucket(bucket) => New::Objects(bucket.begin(account)?),
        }))
    }

    /// Opens content for reading.
    ///
    /// # Errors
    /// `NotFound` when it is not there; others when disk or network fail.
    pub fn get(&self, account: i64, key: &str) -> io::Result<Content> {
        Ok(match &self.0 {
            Place::Folder(folder) => Content::File(folder.get(account, key)?),
            Place::Bucket(bucket) => Content::Object(Box::new(bucket.get(account, key)?)),
        })
    }

    /// Whether the content that the index names for a file is this one, and is there.
    pub fn has(&self, account: i64, file: &MediaFile, sha1: &str, size: u64) -> bool {
        file.sha1 == sha1 && self.size(account, &file.content_key).is_ok_and(|here| here == size)
    }

    /// Bytes of stored content.
    ///
    /// # Errors
    /// `NotFound` when it is not there; others when disk or network fail.
    pub fn size(&self, account: i64, key: &str) -> io::Result<u64> {
        match &self.0 {
            Place::Folder(folder) => folder.size(account, key),
            Place::Bucket(bucket) => bucket.size(account, key),
        }
    }

    /// Whether anything of an account is there at all. If not, the disk is missing, or the bucket a wrong one, rather than a file.
    pub fn has_account(&self, account: i64) -> bool {
        match &self.0 {
            Place::Folder(folder) => folder.has_account(account),
            Place::Bucket(bucket) => bucket.has_account(account),
        }
    }

    /// Removes content. That it is not there is no error.
    ///
    /// # Errors
    /// When disk or network fail.
    pub fn delete(&self, account: i64, key: &str) -> io::Result<()> {
        match &self.0 {
            Place::Folder(folder) => folder.delete(account, key),
            Place::Bucket(bucket) => bucket.delete(account, key),
        }
    }

    /// The accounts of which there is anything.
    ///
    /// # Errors
    /// When disk or network fail.
    pub fn accounts(&self) -> io::Result<Vec<i64>> {
        match &self.0 {
            Place::Folder(folder) => folder.accounts(),
            Place::Bucket(bucket) => bucket.accounts(),
        }
    }

    /// Keys of an account's contents that were written more than `age` ago. What cannot be dated is left alone.
    ///
    /// # Errors
    /// When disk or network fail.
    pub fn keys_older_than(&self, account: i64, age: Duration) -> io::Result<Vec<String>> {
        match &self.0 {
            Place::Folder(folder) => folder.keys_older_than(account, age),
            Place::Bucket(bucket) => bucket.keys_older_than(account, age),
        }
    }

    /// The id of the installation that the contents belong to. None when nobody has said so yet.
    ///
    /// # Errors
    /// When disk or network fail.
    pub fn owner(&self) -> io::Result<Option<String>> {
        let mut owner = String::new();
        let read = match &self.0 {
            Place::Folder(folder) => folder.owner().and_then(|mut file| file.read_to_string(&mut owner)),
            Place::Bucket(bucket) => bucket.get_named(OWNER).and_then(|mut object| object.read_to_string(&mut owner)),
        };
        match read {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(|_| Some(owner.trim().to_owned())),
        }
    }

    /// Says that the contents belong to an installation, unless they belong to one already.
    ///
    /// # Errors
    /// When disk or network fail.
    pub fn claim(&self, installation: &str) -> io::Result<()> {
        if self.owner()?.is_some() {
            return Ok(());
        }
        match &self.0 {
            Place::Folder(folder) => folder.claim(installation),
            Place::Bucket(bucket) => bucket.put_named(OWNER, &mut installation.as_bytes()),
        }
    }

    /// Answers when the place can be reached. Does not block.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn ping(&self) -> io::Result<()> {
        match &self.0 {
            Place::Folder(folder) => folder.ping().await,
            Place::Bucket(bucket) => bucket.ping().await,
        }
    }

    /// Removes all contents of an account. Does not block.
    ///
    /// # Errors
    /// When disk or network fail; done again, it goes on where it stopped.
    pub async fn remove_account(&self, account: i64) -> io::Result<()> {
        match &self.0 {
            Place::Folder(folder) => folder.remove_account(account).await,
            Place::Bucket(bucket) => bucket.remove_account(account).await,
        }
    }
}

/// Stored content, as it is read.
#[derive(Debug)]
pub enum Content {
    File(File),
    Object(Box<ObjectReader>),
}

impl Read for Content {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(block),
            Self::Object(object) => object.read(block),
        }
    }
}

/// Contents on their way in. Dropped before they are durable, they are removed again.
#[derive(Debug)]
pub struct NewContents(New);

#[derive(Debug)]
enum New {
    Files(NewFiles),
    Objects(NewObjects),
}

impl NewContents {
    /// Writes content and answers its key.
    ///
    /// # Errors
    /// When reading, disk or network fail.
    pub fn add(&mut self, sha256: &[u8; 32], content: &mut impl Read) -> io::Result<String> {
        match &mut self.0 {
            New::Files(files) => files.add(sha256, content),
            New::Objects(objects) => objects.add(sha256, content),
        }
    }

    /// Makes everything durable: only then may a row name it.
    ///
    /// # Errors
    /// When disk or network fail; nothing is left then.
    pub fn finish(self) -> io::Result<()> {
        match self.0 {
            New::Files(files) => files.finish(),
            New::Objects(objects) => objects.finish(),
        }
    }
}

/// A key that nobody has used before.
fn new_key(start: &str, sha256: &[u8; 32]) -> io::Result<String> {
    Ok(format!("{start}/{}-{}", hex::encode(sha256), hex::encode(crate::random::bytes::<8>()?)))
}
