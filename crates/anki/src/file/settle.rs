use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::FileError;

/// Folds what a write-ahead log beside a copied database holds into it, so that the one file is all there is. For copies of what a
/// server or client has left, not for files that somebody sent: those come alone.
///
/// # Errors
/// When it is no database, or cannot be written.
pub fn settle(path: &Path) -> Result<(), FileError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|_| FileError::NotSqlite)?;
    let settled = connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0));
    match settled {
        Ok(mode) if mode == "delete" => Ok(()),
        Ok(mode) => Err(FileError::Damaged { detail: format!("its journal mode stays {mode}") }),
        Err(error) => Err(FileError::Damaged { detail: error.to_string() }),
    }
}
