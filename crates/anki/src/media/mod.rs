//! Media files: their names, and the zips in which they travel.

mod download;
mod name;
mod server_index;
mod upload;
mod zip;

pub use download::DownloadZip;
pub use name::{BadName, MAX_KEPT_NAME_BYTES, MAX_NAME_BYTES, check_name, name_with_hash, usable_name};
pub use server_index::{IndexedFile, read_server_index};
pub use upload::{Content, UploadBatch, UploadChange, UploadError, UploadLimits};
pub use zip::MemberReader;

/// The largest number of files in a zip, in either direction.
pub const MAX_FILES: usize = 25;

/// No further file is put into a zip once those in it have more bytes than this, 2.5 MiB. Clients do the same.
pub const TARGET_BYTES: u64 = 2_621_440;

/// The name of the zip member that says which file is which.
const META: &str = "_meta";
