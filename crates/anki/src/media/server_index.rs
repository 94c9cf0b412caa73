//! The `media.db` in which Anki's own sync server keeps which media files a user has, as found in a folder of the one that ships with
//! 26.09.3: `media (fname, csum, size, usn, mtime)` with the SHA-1 as 20 bytes and size 0 for a deleted file, and one row
//! `meta (last_usn, …)`.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// A file in that index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedFile {
    pub name: String,
    /// Lower-case hexadecimal.
    pub sha1: String,
    pub usn: i32,
    pub deleted: bool,
}

/// Reads such an index: its usn, and its files by usn.
///
/// # Errors
/// When the file is none.
pub fn read_server_index(path: &Path) -> Result<(i32, Vec<IndexedFile>), String> {
    read(path).map_err(|e| e.to_string())
}

fn read(path: &Path) -> rusqlite::Result<(i32, Vec<IndexedFile>)> {
    let sqlite = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    let usn = sqlite.query_row("SELECT last_usn FROM meta", [], |row| row.get(0))?;
    let mut query = sqlite.prepare("SELECT fname, csum, size, usn FROM media ORDER BY usn, fname")?;
    let files = query.query_map([], |row| {
        let sha1: Vec<u8> = row.get(1)?;
        let size: i64 = row.get(2)?;
        let sha1 = sha1.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(IndexedFile { name: row.get(0)?, sha1, usn: row.get(3)?, deleted: size == 0 })
    })?;
    Ok((usn, files.collect::<rusqlite::Result<_>>()?))
}
