use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rusqlite::OptionalExtension;

use super::{FileError, Limits, Repairs, Schema, cells::Cells, connection::ReadConnection, inspect};
use crate::model::{Stamps, Usn};

/// A collection file opened for reading.
///
/// Each method works on a database connection of its own, so several threads can read several tables of one file at a time.
#[derive(Debug)]
pub struct CollectionFile {
    path: PathBuf,
    bytes: u64,
    limits: Limits,
    schema: Schema,
    version: i64,
    stamps: Stamps,
    repairs: Mutex<Repairs>,
}

/// Numbers of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub cards: u64,
    pub notes: u64,
    pub reviews: u64,
    pub graves: u64,
}

impl CollectionFile {
    /// Opens a file that somebody else made, and refuses what is damaged, not a collection, or could make SQLite run code.
    ///
    /// The file must be a private copy: the journal mode in its header is set to one that needs no second file.
    ///
    /// # Errors
    /// A refusal says what is wrong in words for the owner of the file, see [`FileError`].
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, FileError> {
        let file = Self::open_unchecked(path, limits)?;
        file.check()?;
        Ok(file)
    }

    /// Opens a file as [`CollectionFile::open`] does, but leaves [`CollectionFile::check`] to the caller, who can read it meanwhile.
    /// What was read must not be used before the file has been found good.
    ///
    /// # Errors
    /// As [`CollectionFile::open`].
    pub fn open_unchecked(path: &Path, limits: &Limits) -> Result<Self, FileError> {
        let bytes = inspect::header(path, limits)?;
        let connection = ReadConnection::open(path, bytes, limits)?;
        inspect::objects(&connection)?;
        inspect::require_tables(&connection, ["col"].into_iter())?;
        let mut repairs = Repairs::default();
        let (version, stamps) = read_col(&connection, &mut repairs)?;
        if !stamps.are_possible() {
            return Err(FileError::Damaged { detail: format!("impossible stamps in table \"col\": {stamps:?}") });
        }
        let schema = match version {
            11 => Schema::V11,
            // Clients finish such a file, but the community's server left them like this; see the readers for what differs.
            15..=18 => Schema::V18,
            ..11 => return Err(FileError::TooOld { version }),
            14 => return Err(FileError::Unfinished { version }),
            _ => return Err(FileError::TooNew { version }),
        };
        inspect::require_tables(&connection, inspect::tables(schema))?;
        Ok(Self { path: path.to_owned(), bytes, limits: limits.clone(), schema, version, stamps, repairs: Mutex::new(repairs) })
    }

    /// Looks for damage in all tables that are read.
    ///
    /// # Errors
    /// When there is any.
    pub fn check(&self) -> Result<(), FileError> {
        inspect::quick_check(&self.connect()?, self.schema)
    }

    /// The layout that the file has.
    pub fn schema(&self) -> Schema {
        self.schema
    }

    /// The number that the file itself gives for its layout.
    pub(super) fn version(&self) -> i64 {
        self.version
    }

    /// The stamps of the `col` row.
    pub fn stamps(&self) -> Stamps {
        self.stamps
    }

    /// Counts rows without reading them. Rows that the readers leave out are counted too.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn counts(&self) -> Result<Counts, FileError> {
        let connection = self.connect()?;
        let count = |table: &str| {
            // An index may be damaged without anybody noticing, so the table itself is counted.
            let query = format!("SELECT count(*) FROM {table} NOT INDEXED");
            let rows = connection.run(|sqlite| sqlite.query_row(&query, [], |row| row.get::<_, i64>(0)))?;
            Ok::<_, FileError>(rows.unsigned_abs())
        };
        Ok(Counts { cards: count("cards")?, notes: count("notes")?, reviews: count("revlog")?, graves: count("graves")? })
    }

    /// What was put right by all methods that were called so far.
    pub fn repairs(&self) -> Repairs {
        *self.repairs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn connect(&self) -> Result<ReadConnection, FileError> {
        ReadConnection::open(&self.path, self.bytes, &self.limits)
    }

    pub(super) fn report(&self, repairs: &Repairs) {
        self.repairs.lock().unwrap_or_else(PoisonError::into_inner).add(repairs);
    }
}

fn read_col(connection: &ReadConnection, repairs: &mut Repairs) -> Result<(i64, Stamps), FileError> {
    let row = connection.run(|sqlite| {
        let mut query = sqlite.prepare("SELECT col.ver, col.crt, col.mod, col.scm, col.usn, col.ls FROM col ORDER BY rowid LIMIT 1")?;
        query
            .query_row([], |row| {
                let mut cells = Cells { row, repairs, usn: 0 };
                let stamps = Stamps {
                    created: cells.integer(1)?,
                    modified: cells.integer(2)?,
                    schema_modified: cells.integer(3)?,
                    usn: cells.usn(4)?,
                    last_sync: cells.integer(5)?,
                };
                Ok((cells.integer(0)?, stamps))
            })
            .optional()
    })?;
    row.ok_or_else(|| FileError::NotACollection { missing: "its one row of table \"col\"".to_owned() })
}

impl CollectionFile {
    /// The usn of the collection.
    pub(super) fn usn(&self) -> Usn {
        self.stamps.usn
    }
}
