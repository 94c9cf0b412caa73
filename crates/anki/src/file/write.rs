use std::{
    collections::HashSet,
    fs::OpenOptions,
    io, mem,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, params};
use serde_json::Value;

use super::{
    FileError, Schema, blobs,
    large::{LargeTables, Roots},
    objects::object_error,
    tables,
};
use crate::{
    model::{Card, ConfigEntry, Deck, Grave, Note, Notetype, Preset, Review, Stamps, Tag},
    names::{self, unique},
    schema11,
};

/// Makes a collection file that every client of its schema accepts.
///
/// First come the objects, in any order and number of calls. Then come notes, cards and reviews, those of one table best in the order of
/// their ids: SQLite makes the file and writes what is small, the pages of the large tables are written by [`super::bulk`]. From the first
/// row on that comes too late for that, rows are left to SQLite, which takes several times as long. Clients expect deck 1,
/// preset 1 and a notetype in a collection, see [`crate::schema11::stock`].
///
/// Numbers of cards and reviews that clients cannot read are brought into the ranges of their types: an ease beyond 65535
/// becomes 65535. One number out of range would make a client refuse to work with the collection.
#[derive(Debug)]
pub struct FileWriter {
    path: PathBuf,
    part: Part,
    schema: Schema,
    stamps: Stamps,
    /// The JSON columns of `col` in schema 11.
    columns: Columns,
    /// Folded names of decks and of notetypes, which schema 18 holds unique.
    deck_names: HashSet<String>,
    notetype_names: HashSet<String>,
}

/// What is being written. SQLite does not have the file open while pages are written to it.
#[derive(Debug)]
enum Part {
    Objects(Connection),
    Rows(Box<LargeTables>),
    /// A row came that was not behind the others.
    LateRows(Connection),
    /// After a failure between the two.
    Broken,
}

/// Objects under construction, without their closing brackets.
#[derive(Debug)]
struct Columns {
    conf: String,
    models: String,
    decks: String,
    dconf: String,
    tags: String,
}

impl FileWriter {
    /// Makes a new file.
    ///
    /// # Errors
    /// When there is a file already, or the folder cannot be written to.
    pub fn create(path: &Path, schema: Schema, stamps: &Stamps) -> Result<Self, FileError> {
        OpenOptions::new().write(true).create_new(true).open(path)?;
        let sqlite = connect(path).map_err(FileError::Write)?;
        tables::tables(schema).into_iter().try_for_each(|statements| sqlite.execute_batch(statements)).map_err(FileError::Write)?;
        let open = || "{".to_owned();
        let columns = Columns { conf: open(), models: open(), decks: open(), dconf: open(), tags: open() };
        let part = Part::Objects(sqlite);
        Ok(Self {
            path: path.to_owned(),
            part,
            schema,
            stamps: *stamps,
            columns,
            deck_names: HashSet::new(),
            notetype_names: HashSet::new(),
        })
    }

    /// Adds notetypes.
    ///
    /// # Errors
    /// When an object's JSON is not that of a notetype, or on a failure to write.
    pub fn put_notetypes(&mut self, notetypes: &[Notetype]) -> Result<(), FileError> {
        for notetype in notetypes {
            match self.schema {
                Schema::V11 => append(&mut self.columns.models, &notetype.id.to_string(), &notetype.json),
                Schema::V18 => {
                    let row = blobs::write_notetype(notetype).map_err(object_error("notetype", notetype.id))?;
                    let name = unique::claim(&mut self.notetype_names, &row.name, "_");
                    self.insert(
                        "INSERT INTO notetypes (id, name, mtime_secs, usn, config) VALUES (?, ?, ?, ?, ?)",
                        params![row.id, name, row.mtime, row.usn, row.blobs.config],
                    )?;
                    let mut names = HashSet::new();
                    for (ord, (name, config)) in (0_i64..).zip(&row.blobs.fields) {
                        self.insert(
                            "INSERT INTO fields (ntid, ord, name, config) VALUES (?, ?, ?, ?)",
                            params![row.id, ord, unique::claim(&mut names, name, "+"), config],
                        )?;
                    }
                    names.clear();
                    for (ord, (name, config)) in (0_i64..).zip(&row.blobs.templates) {
                        self.insert(
                            "INSERT INTO templates (ntid, ord, name, mtime_secs, usn, config) VALUES (?, ?, ?, 0, 0, ?)",
                            params![row.id, ord, unique::claim(&mut names, name, "+"), config],
                        )?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds decks.
    ///
    /// # Errors
    /// When an object's JSON is not that of a deck, or on a failure to write.
    pub fn put_decks(&mut self, decks: &[Deck]) -> Result<(), FileError> {
        for deck in decks {
            match self.schema {
                Schema::V11 => append(&mut self.columns.decks, &deck.id.to_string(), &deck.json),
                Schema::V18 => {
                    let row = blobs::write_deck(deck).map_err(object_error("deck", deck.id))?;
                    let name = unique::claim(&mut self.deck_names, &row.name, "_");
                    self.insert(
                        "INSERT INTO decks (id, name, mtime_secs, usn, common, kind) VALUES (?, ?, ?, ?, ?, ?)",
                        params![row.id, name, row.mtime, row.usn, row.blobs.common, row.blobs.kind],
                    )?;
                }
            }
        }
        Ok(())
    }

    /// Adds presets.
    ///
    /// # Errors
    /// When an object's JSON is not that of a preset, or on a failure to write.
    pub fn put_presets(&mut self, presets: &[Preset]) -> Result<(), FileError> {
        for preset in presets {
            match self.schema {
                Schema::V11 => append(&mut self.columns.dconf, &preset.id.to_string(), &preset.json),
                Schema::V18 => {
                    let row = blobs::write_preset(preset).map_err(object_error("preset", preset.id))?;
                    self.insert(
                        "INSERT INTO deck_config (id, name, mtime_secs, usn, config) VALUES (?, ?, ?, ?, ?)",
                        params![row.id, row.name, row.mtime, row.usn, row.blobs],
                    )?;
                }
            }
        }
        Ok(())
    }

    /// Adds registered tags. Of tags that differ only in case, the first stays.
    ///
    /// # Errors
    /// On a failure to write.
    pub fn put_tags(&mut self, tags: &[Tag]) -> Result<(), FileError> {
        for tag in tags {
            match self.schema {
                Schema::V11 => append(&mut self.columns.tags, &tag.name, &tag.usn.to_string()),
                Schema::V18 => self.insert(
                    "INSERT OR IGNORE INTO tags (tag, usn, collapsed) VALUES (?, ?, ?)",
                    params![tag.name, tag.usn, tag.collapsed],
                )?,
            }
        }
        Ok(())
    }

    /// Adds configuration. Values that clients could not parse are left out: one of them would make the file unreadable.
    ///
    /// # Errors
    /// On a failure to write.
    pub fn put_config(&mut self, entries: &[ConfigEntry]) -> Result<(), FileError> {
        let readable = |entry: &&ConfigEntry| serde_json::from_str::<Value>(&entry.json).is_ok_and(|value| schema11::is_readable(&value));
        for entry in entries.iter().filter(readable) {
            match self.schema {
                Schema::V11 => append(&mut self.columns.conf, &entry.key, &entry.json),
                Schema::V18 => self.insert(
                    "INSERT OR REPLACE INTO config (KEY, usn, mtime_secs, val) VALUES (?, ?, ?, ?)",
                    params![entry.key, entry.usn, entry.mtime, entry.json.as_bytes()],
                )?,
            }
        }
        Ok(())
    }

    /// Adds graves.
    ///
    /// # Errors
    /// On a failure to write.
    pub fn put_graves(&mut self, graves: &[Grave]) -> Result<(), FileError> {
        let statement = match self.schema {
            Schema::V11 => "INSERT INTO graves (oid, type, usn) VALUES (?, ?, ?)",
            Schema::V18 => "INSERT OR IGNORE INTO graves (oid, type, usn) VALUES (?, ?, ?)",
        };
        graves.iter().try_for_each(|grave| self.insert(statement, params![grave.id, grave.kind.number(), grave.usn]))
    }

    /// Adds a note. Sort text and checksum are taken from it.
    ///
    /// # Errors
    /// On a failure to write, also of an id that is there already.
    pub fn add_note(&mut self, note: &Note) -> Result<(), FileError> {
        if let Part::Rows(rows) = self.rows()?
            && rows.takes_note(note.id)
        {
            let added = rows.add_note(note);
            return self.or_broken(added);
        }
        // The column of the sort text has the affinity of integers, so that SQLite stores numbers as numbers.
        self.insert_late(
            "INSERT INTO notes (id, guid, mid, mod, usn, tags, flds, sfld, csum, flags, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                note.id,
                note.guid,
                note.notetype_id,
                note.mtime,
                note.usn,
                note.tags,
                note.fields,
                note.sort_field,
                note.checksum,
                note.flags,
                note.data
            ],
        )
    }

    /// Adds a card, its numbers brought into the ranges that clients read.
    ///
    /// # Errors
    /// On a failure to write, also of an id that is there already.
    pub fn add_card(&mut self, card: &Card) -> Result<(), FileError> {
        let readable = Card {
            ord: card.ord.clamp(0, U16),
            kind: card.kind.clamp(0, 3),
            queue: card.queue.clamp(-3, 4),
            due: int32(card.due),
            interval: card.interval.clamp(0, U32),
            factor: card.factor.clamp(0, U16),
            reps: card.reps.clamp(0, U32),
            lapses: card.lapses.clamp(0, U32),
            left: card.left.clamp(0, U32),
            original_due: int32(card.original_due),
            flags: card.flags.clamp(0, U8),
            data: String::new(),
            ..*card
        };
        if let Part::Rows(rows) = self.rows()?
            && rows.takes_card(card.id)
        {
            let added = rows.add_card(&readable, &card.data);
            return self.or_broken(added);
        }
        self.insert_late(
            "INSERT INTO cards (id, nid, did, ord, mod, usn, type, queue, due, ivl, factor, reps, lapses, left, odue, odid, flags, data) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                readable.id,
                readable.note_id,
                readable.deck_id,
                readable.ord,
                readable.mtime,
                readable.usn,
                readable.kind,
                readable.queue,
                readable.due,
                readable.interval,
                readable.factor,
                readable.reps,
                readable.lapses,
                readable.left,
                readable.original_due,
                readable.original_deck_id,
                readable.flags,
                card.data
            ],
        )
    }

    /// Adds a review, its numbers brought into the ranges that clients read.
    ///
    /// # Errors
    /// On a failure to write, also of an id that is there already.
    pub fn add_review(&mut self, review: &Review) -> Result<(), FileError> {
        let readable = Review {
            ease: review.ease.clamp(0, U8),
            interval: int32(review.interval),
            last_interval: int32(review.last_interval),
            factor: review.factor.clamp(0, U32),
            time: review.time.clamp(0, U32),
            kind: if (0..=LAST_REVIEW_KIND).contains(&review.kind) { review.kind } else { 0 },
            ..*review
        };
        if let Part::Rows(rows) = self.rows()?
            && rows.takes_review(review.id)
        {
            let added = rows.add_review(&readable);
            return self.or_broken(added);
        }
        self.insert_late(
            "INSERT INTO revlog (id, cid, usn, ease, ivl, lastIvl, factor, time, type) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                readable.id,
                readable.card_id,
                readable.usn,
                readable.ease,
                readable.interval,
                readable.last_interval,
                readable.factor,
                readable.time,
                readable.kind
            ],
        )
    }

    /// Writes indexes and the `col` row, and closes the file.
    ///
    /// # Errors
    /// On a failure to write. The file is of no use then.
    pub fn finish(mut self) -> Result<(), FileError> {
        self.rows()?;
        let sqlite = self.part.into_sqlite(&self.path)?;
        let (version, columns) = match self.schema {
            Schema::V11 => {
                let Columns { conf, models, decks, dconf, tags } = self.columns;
                (11, [conf, models, decks, dconf, tags].map(|column| column + "}"))
            }
            Schema::V18 => (18, Default::default()),
        };
        let [conf, models, decks, dconf, tags] = columns;
        let Stamps { created, modified, schema_modified, usn, last_sync } = self.stamps;
        let finish = || {
            sqlite.execute(
                "INSERT INTO col (id, crt, mod, scm, ver, dty, usn, ls, conf, models, decks, dconf, tags) \
                 VALUES (1, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?)",
                params![created, modified, schema_modified, version, usn, last_sync, conf, models, decks, dconf, tags],
            )?;
            // Clients analyse a file before they upload it. A sample serves the query planner as well as all rows.
            sqlite.execute_batch("PRAGMA analysis_limit = 1000; ANALYZE; COMMIT;")
        };
        finish().map_err(FileError::Write)?;
        sqlite.close().map_err(|(_, error)| FileError::Write(error))
    }

    /// Finishes a file of schema 11 with the columns `conf`, `models`, `decks`, `dconf` and `tags` as they are, instead of what was put.
    /// [`super::CollectionFile`] reads them as it does those of any file.
    ///
    /// # Errors
    /// As [`FileWriter::finish`], and for another schema.
    pub fn finish_with_columns(mut self, json: [String; 5]) -> Result<(), FileError> {
        if self.schema != Schema::V11 {
            return Err(FileError::Io(io::Error::other("only schema 11 has these columns")));
        }
        // The closing bracket is added again.
        let [conf, models, decks, dconf, tags] = json.map(|text| text.trim_end().strip_suffix('}').unwrap_or(&text).to_owned());
        self.columns = Columns { conf, models, decks, dconf, tags };
        self.finish()
    }

    fn insert(&self, statement: &str, values: impl rusqlite::Params) -> Result<(), FileError> {
        let Part::Objects(sqlite) = &self.part else {
            return Err(FileError::Io(io::Error::other("objects have to be put before rows are added")));
        };
        let mut statement = sqlite.prepare_cached(statement).map_err(FileError::Write)?;
        statement.execute(values).map(drop).map_err(FileError::Write)
    }

    /// Adds a row that is not behind the others.
    fn insert_late(&mut self, statement: &str, values: impl rusqlite::Params) -> Result<(), FileError> {
        if !matches!(self.part, Part::LateRows(_)) {
            self.part = Part::LateRows(mem::replace(&mut self.part, Part::Broken).into_sqlite(&self.path)?);
        }
        let Part::LateRows(sqlite) = &self.part else { return Err(broken()) };
        let mut statement = sqlite.prepare_cached(statement).map_err(FileError::Write)?;
        statement.execute(values).map(drop).map_err(FileError::Write)
    }

    /// The part of the rows; the first call ends that of the objects.
    fn rows(&mut self) -> Result<&mut Part, FileError> {
        if let Part::Objects(_) = self.part
            && let Part::Objects(sqlite) = mem::replace(&mut self.part, Part::Broken)
        {
            let close = || {
                tables::indexes(self.schema).into_iter().try_for_each(|statements| sqlite.execute_batch(statements))?;
                sqlite.execute_batch("COMMIT")?;
                Roots::of(&sqlite)
            };
            let roots = close().map_err(FileError::Write)?;
            sqlite.close().map_err(|(_, error)| FileError::Write(error))?;
            self.part = Part::Rows(Box::new(LargeTables::begin(&self.path, &roots)?));
        }
        Ok(&mut self.part)
    }

    /// A row that was added by half makes the whole file useless, whoever goes on in spite of the error.
    fn or_broken(&mut self, added: Result<(), FileError>) -> Result<(), FileError> {
        if added.is_err() {
            self.part = Part::Broken;
        }
        added
    }
}

impl Part {
    /// Ends the writing of pages, and has SQLite open the file.
    fn into_sqlite(self, path: &Path) -> Result<Connection, FileError> {
        match self {
            Self::Rows(rows) => {
                rows.finish()?;
                connect(path).map_err(FileError::Write)
            }
            Self::Objects(sqlite) | Self::LateRows(sqlite) => Ok(sqlite),
            Self::Broken => Err(broken()),
        }
    }
}

fn broken() -> FileError {
    FileError::Io(io::Error::other("the file could not be written before"))
}

const U8: i64 = u8::MAX as i64;
const U16: i64 = u16::MAX as i64;
const U32: i64 = u32::MAX as i64;
const LAST_REVIEW_KIND: i64 = 5;

fn int32(number: i64) -> i64 {
    number.clamp(i32::MIN.into(), i32::MAX.into())
}

/// Opens the file and begins the one transaction of this part. A crash leaves a file of no use, so there is no need to sync or to keep a
/// journal; the header still says that the file has an ordinary one.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let sqlite = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    sqlite.create_collation("unicase", names::compare)?;
    sqlite.set_prepared_statement_cache_capacity(32);
    sqlite.execute_batch(
        "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; \
         PRAGMA cache_size = -16384; BEGIN EXCLUSIVE;",
    )?;
    Ok(sqlite)
}

/// Adds a key to an object under construction.
fn append(object: &mut String, key: &str, json: &str) {
    if object.len() > 1 {
        object.push(',');
    }
    object.push_str(&Value::from(key).to_string());
    object.push(':');
    object.push_str(json);
}
