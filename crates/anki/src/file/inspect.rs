//! What a file must look like before anything in it is read.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
};

use rusqlite::Connection;

use super::{FileError, Limits, Schema, connection::ReadConnection};

/// The tables that are read, in both schemas.
const TABLES: &[&str] = &["col", "notes", "cards", "revlog", "graves"];

/// The tables that schema 18 has in addition.
const TABLES_18: &[&str] = &["config", "deck_config", "decks", "fields", "notetypes", "tags", "templates"];

/// How many tables and indexes a file may have. Clients make 31, add-ons perhaps a few more.
const MAX_OBJECTS: usize = 1000;

/// The tables that a file of this schema must have.
pub(super) fn tables(schema: Schema) -> impl Iterator<Item = &'static str> {
    let more = match schema {
        Schema::V11 => &[],
        Schema::V18 => TABLES_18,
    };
    TABLES.iter().chain(more).copied()
}

/// Checks size and header, and makes the header ask for no write-ahead log. Returns the size in bytes.
pub(super) fn header(path: &Path, limits: &Limits) -> Result<u64, FileError> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    if size == 0 {
        return Err(FileError::Empty);
    }
    if size > limits.max_bytes {
        return Err(FileError::TooLarge { size, limit: limits.max_bytes });
    }
    let mut header = [0; 100];
    if size < header.len() as u64 {
        return Err(FileError::NotSqlite);
    }
    file.read_exact(&mut header)?;
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(FileError::NotSqlite);
    }
    // Clients of sync version 11 upload files in WAL mode, written out completely. Bytes 18 and 19 say so, and would make
    // SQLite look for a log beside the file.
    if header[18..20].contains(&2) {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.seek(SeekFrom::Start(18))?;
        file.write_all(&[1, 1])?;
    }
    Ok(size)
}

/// Refuses whatever in a schema could run code or hide a table's rows. Only the tables we read are held to more.
pub(super) fn objects(connection: &ReadConnection) -> Result<(), FileError> {
    let objects = connection.run(|sqlite| {
        let mut query =
            sqlite.prepare(&format!("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master LIMIT {}", MAX_OBJECTS + 1))?;
        let rows = query.query_map([], |row| {
            let text = |index| row.get::<_, Option<String>>(index).map(Option::unwrap_or_default);
            Ok((text(0)?, text(1)?, text(2)?, row.get::<_, Option<i64>>(3)?.unwrap_or(0), text(4)?))
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    })?;
    if objects.len() > MAX_OBJECTS {
        return Err(FileError::TooMuchWork);
    }
    for (sort, name, table, root_page, sql) in &objects {
        let forbidden = |what: &str| Err(FileError::Forbidden { what: format!("{what} named {name:?}") });
        let ours = TABLES.iter().chain(TABLES_18).any(|known| known.eq_ignore_ascii_case(table));
        match sort.as_str() {
            "table" if *root_page == 0 => return forbidden("a virtual table"),
            "table" if ours && has_word(sql, "CHECK") => return forbidden("a table with constraints"),
            "table" if ours && connection.run(|sqlite| has_hidden_columns(sqlite, name))? => {
                return forbidden("a table with computed columns");
            }
            "index" if ours && connection.run(|sqlite| is_on_expression(sqlite, name))? => return forbidden("an index on an expression"),
            "table" | "index" => {}
            "trigger" => return forbidden("a trigger"),
            "view" => return forbidden("a view"),
            _ => return forbidden("something"),
        }
    }
    Ok(())
}

/// Whether a table is there, under its name in any case.
pub(super) fn require_tables(connection: &ReadConnection, tables: impl Iterator<Item = &'static str>) -> Result<(), FileError> {
    for table in tables {
        let found = connection.run(|sqlite| {
            sqlite.query_row("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND lower(name) = ?1", [table], |row| {
                row.get::<_, i64>(0)
            })
        })?;
        if found == 0 {
            return Err(FileError::NotACollection { missing: format!("the table {table:?}") });
        }
    }
    Ok(())
}

/// Lets SQLite check the pages and rows of the tables that we read.
pub(super) fn quick_check(connection: &ReadConnection, schema: Schema) -> Result<(), FileError> {
    for table in tables(schema) {
        // The names come from the lists above, so they need no quoting.
        let found: String = connection.run(|sqlite| sqlite.query_row(&format!("PRAGMA quick_check({table})"), [], |row| row.get(0)))?;
        if found != "ok" {
            return Err(FileError::Damaged { detail: format!("table {table}: {}", found.lines().next().unwrap_or_default()) });
        }
    }
    Ok(())
}

fn has_word(sql: &str, word: &str) -> bool {
    sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|part| part.eq_ignore_ascii_case(word))
}

fn has_hidden_columns(sqlite: &Connection, table: &str) -> rusqlite::Result<bool> {
    let mut query = sqlite.prepare("SELECT count(*) FROM pragma_table_xinfo(?1) WHERE hidden != 0")?;
    query.query_row([table], |row| row.get::<_, i64>(0)).map(|count| count != 0)
}

fn is_on_expression(sqlite: &Connection, index: &str) -> rusqlite::Result<bool> {
    // Column -1 is the rowid, -2 an expression.
    let mut query = sqlite.prepare("SELECT count(*) FROM pragma_index_xinfo(?1) WHERE cid = -2")?;
    query.query_row([index], |row| row.get::<_, i64>(0)).map(|count| count != 0)
}
