//! The SQLite files of the community's servers: `ankisyncd` (Python) and `anki-sync-server-rs`.
//!
//! As the Python server of January 2021, which was run for this, writes them:
//! - `auth.db`: `auth (username, hash)`. The hash is 64 hexadecimal digits of SHA-256 over name, password and salt, then the salt's 16.
//! - `session.db`: `session (hkey, skey, username, path)`. Until 2020 the name's column was called `user` in both.
//! - beside a collection `collection.media.server.db`: `media (fname, usn, csum)`, the checksum NULL for a deleted file; the index's usn
//!   is the highest in it.
//!
//! Before that it was a client's index, `collection.media.db2`: `media (fname, csum, mtime, dirty)` and `meta (dirMod, lastUsn)`.

use crate::media::IndexedFile;
use rusqlite::{Connection, OpenFlags, Row};
use std::path::Path;

/// A row of `auth`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub hash: String,
}

/// A device that is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub host_key: String,
    pub user: String,
}

/// Reads `auth.db`.
///
/// # Errors
/// When the file is none.
pub fn read_users(path: &Path) -> Result<Vec<User>, String> {
    rows(path, "auth", &["username|user", "hash"], |row| Ok(User { name: row.get(0)?, hash: row.get(1)? }))
}

/// Reads `session.db`.
///
/// # Errors
/// When the file is none.
pub fn read_sessions(path: &Path) -> Result<Vec<Session>, String> {
    rows(path, "session", &["hkey", "username|user"], |row| Ok(Session { host_key: row.get(0)?, user: row.get(1)? }))
}

/// Reads an index of media in any of its shapes: its usn, and its files by usn, of which no two have the same.
///
/// # Errors
/// When the file is none.
pub fn read_media_index(path: &Path) -> Result<(i32, Vec<IndexedFile>), String> {
    let last: Vec<i64> = rows(path, "meta", &["lastUsn"], |row| row.get(0)).unwrap_or_default();
    let last = last.first().copied().unwrap_or(0);
    let file = |row: &Row<'_>, usn: i64| {
        let sha1: Option<String> = row.get(1)?;
        let sha1 = sha1.unwrap_or_default().to_ascii_lowercase();
        Ok((usn, IndexedFile { name: row.get(0)?, deleted: sha1.is_empty(), sha1, usn: 0 }))
    };
    let with_usns = rows(path, "media", &["fname", "csum", "usn"], |row| file(row, row.get(2)?));
    let found = with_usns.or_else(|_| rows(path, "media", &["fname", "csum"], |row| file(row, last)));
    let mut files = found?;
    files.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| x.name.cmp(&y.name)));
    // A client's index has one number for all. Devices ask for what has a higher one than they know, a thousand at a time.
    let mut usn = 0_i32;
    for (wanted, file) in &mut files {
        usn = i32::try_from(*wanted).unwrap_or(i32::MAX - 1).max(usn.saturating_add(1));
        file.usn = usn;
    }
    let usn = usn.max(i32::try_from(last).unwrap_or_default());
    Ok((usn, files.into_iter().map(|(_, file)| file).collect()))
}

/// Reads columns of a table. Of names in one string the first that exists counts.
fn rows<T>(path: &Path, table: &str, columns: &[&str], read: impl Fn(&Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>, String> {
    let read_all = || -> rusqlite::Result<Result<Vec<T>, String>> {
        let sqlite = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        let mut query = sqlite.prepare("SELECT name FROM pragma_table_info(?1)")?;
        let known: Vec<String> = query.query_map([table], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let mut chosen = Vec::new();
        for names in columns {
            match names.split('|').find(|name| known.iter().any(|known| known.eq_ignore_ascii_case(name))) {
                Some(name) => chosen.push(format!("\"{name}\"")),
                None => return Ok(Err(format!("it has no table {table} with a column {}", names.replace('|', " or ")))),
            }
        }
        let mut query = sqlite.prepare(&format!("SELECT {} FROM {table}", chosen.join(", ")))?;
        query.query_map([], read)?.collect::<rusqlite::Result<_>>().map(Ok)
    };
    read_all().map_err(|e| e.to_string())?
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn database(sql: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        Connection::open(file.path()).unwrap().execute_batch(sql).unwrap();
        file
    }

    fn file(name: &str, sha1: &str, usn: i32) -> IndexedFile {
        IndexedFile { name: name.into(), sha1: sha1.into(), usn, deleted: sha1.is_empty() }
    }

    #[test]
    fn indexes_of_every_shape() {
        for (sql, want) in [
            (
                "CREATE TABLE media (fname TEXT PRIMARY KEY, usn INT NOT NULL, csum TEXT); \
                 INSERT INTO media VALUES ('b', 3, 'BB'), ('a', 1, 'aa'), ('gone', 7, NULL)",
                (7, vec![file("a", "aa", 1), file("b", "bb", 3), file("gone", "", 7)]),
            ),
            (
                "CREATE TABLE media (fname TEXT PRIMARY KEY, csum TEXT, mtime INT, dirty INT); CREATE TABLE meta (dirMod INT, lastUsn INT); \
                 INSERT INTO media VALUES ('b', 'bb', 5, 0), ('a', 'aa', 5, 0); INSERT INTO meta VALUES (1, 9)",
                (10, vec![file("a", "aa", 9), file("b", "bb", 10)]),
            ),
            (
                "CREATE TABLE media (fname TEXT, usn INT, csum TEXT, mtime INT); CREATE TABLE meta (dirMod INT, lastUsn INT); \
                 INSERT INTO media VALUES ('a', 0, 'aa', 1); INSERT INTO meta VALUES (1, 4)",
                (4, vec![file("a", "aa", 1)]),
            ),
            ("CREATE TABLE media (fname TEXT PRIMARY KEY, usn INT NOT NULL, csum TEXT)", (0, vec![])),
        ] {
            assert_eq!(read_media_index(database(sql).path()), Ok(want), "{sql}");
        }
        assert!(read_media_index(database("CREATE TABLE other (x)").path()).is_err());
    }

    #[test]
    fn users_and_sessions_of_both_ages() {
        let ann = User { name: "ann".into(), hash: "00ff".into() };
        let device = Session { host_key: "key".into(), user: "ann".into() };
        for column in ["username", "user"] {
            let auth = database(&format!(
                "CREATE TABLE auth ({column} VARCHAR PRIMARY KEY, hash VARCHAR); INSERT INTO auth VALUES ('ann', '00ff')"
            ));
            assert_eq!(read_users(auth.path()), Ok(vec![ann.clone()]));
            let sessions = database(&format!(
                "CREATE TABLE session (hkey VARCHAR PRIMARY KEY, skey VARCHAR, {column} VARCHAR, path VARCHAR); \
                 INSERT INTO session VALUES ('key', 'skey', 'ann', '/x')"
            ));
            assert_eq!(read_sessions(sessions.path()), Ok(vec![device.clone()]));
            assert_eq!(read_users(sessions.path()), Err("it has no table auth with a column username or user".into()));
        }
        let junk = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(junk.path(), "junk".repeat(500)).unwrap();
        assert!(read_users(junk.path()).is_err());
    }
}
