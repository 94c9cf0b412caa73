//! Backups of everything that cannot be made again, in a form that no database engine is needed to read.
//!
//! ```text
//! format                                   the version of this layout
//! contents/ab/ab12…                        contents of media files by SHA-256, written once and shared by all runs
//! runs/2026-01-31T04-00-00Z/               a run; it counts once `complete` is there
//!     accounts.jsonl                       accounts with password hashes, host keys and API tokens (as hashes), quotas
//!     audit.jsonl                          the audit log, unless the run is of one user
//!     ACCOUNT.anki2.zst                    the collection, as Anki keeps it (schema 18)
//!     ACCOUNT.media.jsonl                  the media index
//!     complete                             numbers, for comparison, and whose data there is
//! ```
//!
//! Each account is read from one snapshot, so what belongs together is of one moment; no lock is held, and syncs go on meanwhile.

mod restore;
mod retention;
mod runs;
pub mod schedule;
mod target;
mod write;

pub use restore::{Restored, restore};
pub use retention::retain;
pub use runs::{Holds, Run};
pub use target::Target;
pub use write::{Failed, Written, backup};

use serde::{Deserialize, Serialize};
use std::io;

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
    #[serde(default)]
    quota_collection_bytes: Option<i64>,
    #[serde(default)]
    quota_media_bytes: Option<i64>,
    #[serde(default)]
    tokens: Vec<TokenLine>,
    #[serde(default)]
    identities: Vec<IdentityLine>,
}

/// Whom a provider of logins knows somebody as.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct IdentityLine {
    digest: String,
    issuer: String,
    subject: String,
    label: String,
    created: i64,
    last_used: i64,
}

/// An API token.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct TokenLine {
    digest: String,
    name: String,
    scopes: String,
    created: i64,
    expires: Option<i64>,
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

/// A line of `audit.jsonl`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct AuditLine {
    id: i64,
    at: i64,
    actor: String,
    address: String,
    account: Option<i64>,
    action: String,
    detail: String,
}

/// The name of content. `sha256` must be 64 hexadecimal digits.
fn content_name(sha256: &str) -> io::Result<String> {
    match sha256.get(..2) {
        Some(start) if sha256.len() == 64 && sha256.bytes().all(|c| c.is_ascii_hexdigit()) => Ok(format!("contents/{start}/{sha256}")),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the backup's list of media is damaged")),
    }
}

fn file_of(run: &str, name: &str) -> String {
    format!("runs/{run}/{name}")
}

fn collection_name(account: i64) -> String {
    format!("{account}.anki2.zst")
}

fn media_name(account: i64) -> String {
    format!("{account}.media.jsonl")
}
