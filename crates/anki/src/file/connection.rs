//! Database connections to a file that is not to be trusted.

use std::{
    panic::AssertUnwindSafe,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig, limits::Limit};

use super::{FileError, Limits};
use crate::names;

/// Virtual machine steps of SQLite between two looks at the budget.
const STEPS_PER_LOOK: u32 = 10_000;

/// Steps that a connection may take: some for any file, and more for each byte. Checking and reading an ordinary file takes
/// about two steps per byte.
const STEPS: u64 = 20_000_000;
const STEPS_PER_BYTE: u64 = 50;

/// A read-only connection that a hostile file can neither trick into writing nor keep busy for ever.
#[derive(Debug)]
pub(super) struct ReadConnection {
    sqlite: Connection,
    stopped: Arc<AtomicBool>,
}

impl ReadConnection {
    pub(super) fn open(path: &Path, bytes: u64, limits: &Limits) -> Result<Self, FileError> {
        let mut sqlite = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| refuse(error, false))?;
        let stopped = Arc::new(AtomicBool::new(false));
        harden(&mut sqlite, limits, bytes, &stopped).map_err(|error| refuse(error, false))?;
        Ok(Self { sqlite, stopped })
    }

    /// Runs `work` on the connection and makes its error one about the file.
    pub(super) fn run<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, FileError> {
        work(&self.sqlite).map_err(|error| self.refuse(error))
    }

    /// The connection, for readers that mix its errors with those of others.
    pub(super) fn sqlite(&self) -> &Connection {
        &self.sqlite
    }

    pub(super) fn refuse(&self, error: rusqlite::Error) -> FileError {
        refuse(error, self.stopped.load(Ordering::Relaxed))
    }
}

fn harden(sqlite: &mut Connection, limits: &Limits, bytes: u64, stopped: &Arc<AtomicBool>) -> rusqlite::Result<()> {
    // Nothing that a schema could make run or reach.
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    // A misspelt column would otherwise be read as a text.
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    let max_value = i32::try_from(limits.max_value_bytes).unwrap_or(i32::MAX);
    sqlite.set_limit(Limit::SQLITE_LIMIT_LENGTH, max_value)?;
    sqlite.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, 100_000)?;
    sqlite.set_limit(Limit::SQLITE_LIMIT_EXPR_DEPTH, 50)?;
    sqlite.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    sqlite.create_collation("unicase", names::compare)?;

    let stop = AssertUnwindSafe((limits.stop.clone(), stopped.clone()));
    let mut looks = (STEPS + bytes.saturating_mul(STEPS_PER_BYTE)) / u64::from(STEPS_PER_LOOK);
    sqlite.progress_handler(
        i32::try_from(STEPS_PER_LOOK).unwrap_or(i32::MAX),
        Some(move || {
            let (asked, stopped) = &*stop;
            if asked.as_ref().is_some_and(|asked| asked()) {
                stopped.store(true, Ordering::Relaxed);
                return true;
            }
            looks = looks.saturating_sub(1);
            looks == 0
        }),
    )?;
    sqlite.execute_batch("PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA cache_size = -2048; PRAGMA query_only = ON;")
}

/// What a failure of SQLite says about the file.
fn refuse(error: rusqlite::Error, stopped: bool) -> FileError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => FileError::NotSqlite,
        Some(ErrorCode::OperationInterrupted) if stopped => FileError::Stopped,
        Some(ErrorCode::OperationInterrupted) => FileError::TooMuchWork,
        Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure | ErrorCode::DiskFull | ErrorCode::PermissionDenied) => {
            FileError::Io(std::io::Error::other(error))
        }
        _ => FileError::Damaged { detail: error.to_string() },
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn connection(limits: &Limits) -> (tempfile::TempDir, ReadConnection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1);").unwrap();
        let connection = ReadConnection::open(&path, 1, limits).unwrap();
        (folder, connection)
    }

    const ENDLESS: &str = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";

    #[test]
    fn endless_work_ends() {
        let (_folder, connection) = connection(&Limits::default());
        let result = connection.run(|sqlite| sqlite.query_row(ENDLESS, [], |row| row.get::<_, i64>(0)));
        assert!(matches!(result, Err(FileError::TooMuchWork)), "{result:?}");
    }

    #[test]
    fn work_can_be_stopped() {
        let asked = Arc::new(AtomicBool::new(false));
        let stop = asked.clone();
        let stop = move || stop.swap(true, Ordering::Relaxed);
        let (_folder, connection) = connection(&Limits { stop: Some(Arc::new(stop)), ..Limits::default() });
        let result = connection.run(|sqlite| sqlite.query_row(ENDLESS, [], |row| row.get::<_, i64>(0)));
        assert!(matches!(result, Err(FileError::Stopped)), "{result:?}");
        assert!(asked.load(Ordering::Relaxed));
    }

    #[test]
    fn nothing_can_be_written_or_attached() {
        let (folder, connection) = connection(&Limits::default());
        let other = folder.path().join("other").display().to_string();
        for statement in ["INSERT INTO t VALUES (2)".to_owned(), "CREATE TEMP TABLE u (x)".to_owned(), format!("ATTACH '{other}' AS o")] {
            assert!(connection.run(|sqlite| sqlite.execute_batch(&statement)).is_err(), "{statement}");
        }
    }

    #[test]
    fn values_beyond_the_limit_are_damage() {
        let (_folder, connection) = connection(&Limits { max_value_bytes: 1000, ..Limits::default() });
        let read = |bytes: i64| connection.run(|sqlite| sqlite.query_row("SELECT zeroblob(?1)", [bytes], |row| row.get::<_, Vec<u8>>(0)));
        assert_eq!(read(1000).unwrap().len(), 1000);
        assert!(matches!(read(1001), Err(FileError::Damaged { .. })));
    }
}
