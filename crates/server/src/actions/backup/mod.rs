//! Backups of everything that cannot be made again, in a form that no database engine is needed to read.
//!
//! ```text
//! FOLDER/format                            the version of this layout
//! FOLDER/contents/ab/ab12…                 contents of media files by SHA-256, written once and shared by all runs
//! FOLDER/runs/2026-01-31T04-00-00Z/        a run; it counts once `complete` is there
//!     accounts.jsonl                       accounts with password hashes and host keys (as hashes)
//!     ACCOUNT.anki2.zst                    the collection, as Anki keeps it (schema 18)
//!     ACCOUNT.media.jsonl                  the media index
//!     complete                             numbers, for comparison
//! ```
//!
//! Each account is read from one snapshot, so what belongs together is of one moment; no lock is held, and syncs go on meanwhile.

mod restore;
mod retention;
mod write;

pub use restore::{Restored, restore};
pub use retention::retain;
pub use write::{Written, backup};

use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

const FORMAT: &str = "djankiserv backup 1\n";
const COMPLETE: &str = "complete";

/// A line of `accounts.jsonl`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct AccountLine {
    id: i64,
    username: String,
    email: String,
    password_hash: String,
    is_active: bool,
    is_staff: bool,
    is_superuser: bool,
    created: i64,
    /// Whether there is a collection file.
    has_collection: bool,
    media_usn: i32,
    devices: Vec<DeviceLine>,
}

/// A host key.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct DeviceLine {
    digest: String,
    client_name: String,
    client_version: String,
    client_platform: String,
    last_address: String,
}

/// A line of `….media.jsonl`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct MediaLine {
    name: String,
    sha1: String,
    /// SHA-256 of the content, by which it is found; empty for a deleted file.
    content: String,
    size: i64,
    usn: i32,
}

/// The folder of a backup.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// Uses a folder for backups; an empty or missing one becomes one.
    ///
    /// # Errors
    /// When it holds something else.
    pub fn create(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        if !path.join("format").exists() {
            if std::fs::read_dir(path)?.next().is_some() {
                return Err(io::Error::other(format!("{} holds something else than backups of djankiserv", path.display())));
            }
            std::fs::write(path.join("format"), FORMAT)?;
        }
        Self::open(path)
    }

    /// Uses a folder that holds backups.
    ///
    /// # Errors
    /// When it does not.
    pub fn open(path: &Path) -> io::Result<Self> {
        match std::fs::read_to_string(path.join("format")) {
            Ok(format) if format == FORMAT => {
                for part in ["contents", "runs"] {
                    std::fs::create_dir_all(path.join(part))?;
                }
                Ok(Self(path.to_owned()))
            }
            Ok(_) => Err(io::Error::other(format!("{} holds backups of another version", path.display()))),
            Err(_) => Err(io::Error::other(format!("there is no backup of djankiserv in {}", path.display()))),
        }
    }

    /// Names of the complete runs, oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn runs(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for run in std::fs::read_dir(self.0.join("runs"))? {
            let run = run?;
            if run.path().join(COMPLETE).is_file() {
                names.extend(run.file_name().into_string());
            }
        }
        names.sort();
        Ok(names)
    }

    fn run(&self, name: &str) -> PathBuf {
        self.0.join("runs").join(name)
    }

    /// Where content lies. `sha256` must be 64 hexadecimal digits.
    fn content(&self, sha256: &str) -> io::Result<PathBuf> {
        match sha256.get(..2) {
            Some(start) if sha256.len() == 64 && sha256.bytes().all(|c| c.is_ascii_hexdigit()) => {
                Ok(self.0.join("contents").join(start).join(sha256))
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the backup's list of media is damaged")),
        }
    }
}

fn read_lines<T: for<'a> Deserialize<'a>>(path: &Path) -> io::Result<Vec<T>> {
    let text = std::fs::read_to_string(path)?;
    let damaged = |e| io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged: {e}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).map_err(damaged)).collect()
}

fn collection_name(account: i64) -> String {
    format!("{account}.anki2.zst")
}

fn media_name(account: i64) -> String {
    format!("{account}.media.jsonl")
}
