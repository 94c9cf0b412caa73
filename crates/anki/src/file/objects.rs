//! Notetypes, decks and presets.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::Connection;
use serde_json::{Map, Value};

use super::{
    CollectionFile, FileError, Repairs, Schema,
    blobs::{self, DeckBlobs, NotetypeBlobs, Row},
    cells::{Cells, checked_usn},
};
use crate::{
    model::{Deck, Notetype, Preset, Usn},
    names::unique,
    schema11::{self, Restamp, Restampable, SchemaError, restamp},
};

/// Name and blob of a field or template.
type Part = (String, Vec<u8>);

/// The notetypes of a file, and what was done to them.
pub(super) struct FoundNotetypes {
    pub(super) notetypes: Vec<Notetype>,
    /// The id that the notetype without one was given.
    pub(super) instead_of_zero: Option<i64>,
    repairs: Repairs,
}

impl CollectionFile {
    /// The notetypes in the order of ids.
    ///
    /// # Errors
    /// When the file cannot be read, or holds a notetype that clients could not read.
    pub fn notetypes(&self) -> Result<Vec<Notetype>, FileError> {
        let found = self.find_notetypes()?;
        self.report(&found.repairs);
        Ok(found.notetypes)
    }

    /// The decks in the order of ids.
    ///
    /// # Errors
    /// When the file cannot be read, or holds a deck that clients could not read.
    pub fn decks(&self) -> Result<Vec<Deck>, FileError> {
        let mut repairs = Repairs::default();
        let mut decks = match self.schema() {
            Schema::V11 => {
                let objects = self.objects_11("decks")?;
                read_each("deck", objects, |_, object| {
                    let given = object.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
                    let deck = schema11::any_deck(object)?;
                    Ok((deck.name != given, deck))
                })?
            }
            Schema::V18 => {
                let rows = self.rows_18("decks", "common, kind", &mut repairs, |cells| {
                    Ok(DeckBlobs { common: cells.bytes(4)?, kind: cells.bytes(5)? })
                })?;
                let read = |row: &Row<DeckBlobs>| {
                    blobs::read_deck(row).map(|deck| (deck.name != crate::names::to_human_deck_name(&row.name), deck))
                };
                rows.iter().map(|row| read(row).map_err(object_error("deck", row.id))).collect::<Result<_, _>>()?
            }
        };
        for (renamed, deck) in &mut decks {
            if *renamed {
                repairs.names += 1;
                // The owner's other devices have the old name, so this counts as a change.
                stamp("deck", deck, &Restamp { usn: Some(self.usn()), ..Restamp::default() })?;
            }
        }
        let mut decks = self.settle("deck", decks.into_iter().map(|(_, deck)| deck).collect(), &mut repairs)?.0;
        self.make_names_unique("deck", &mut decks, |deck| deck.name.clone(), &mut repairs)?;
        self.report(&repairs);
        Ok(decks)
    }

    /// The presets in the order of ids.
    ///
    /// # Errors
    /// When the file cannot be read, or holds a preset that clients could not read.
    pub fn presets(&self) -> Result<Vec<Preset>, FileError> {
        let mut repairs = Repairs::default();
        let presets = match self.schema() {
            Schema::V11 => read_each("preset", self.objects_11("dconf")?, |key, mut object| {
                // Some clients failed to set the inner id, so the key counts.
                let id: i64 = key.parse().map_err(|_| SchemaError::new("", "its key is no number"))?;
                if object.get("id").and_then(Value::as_i64) != Some(id) {
                    repairs.ids += 1;
                    object.insert("id".to_owned(), id.into());
                }
                schema11::any_preset(object)
            })?,
            Schema::V18 => {
                let rows = self.rows_18("deck_config", "config", &mut repairs, |cells| cells.bytes(4))?;
                let read = if self.version() == 15 { blobs::read_preset_15 } else { blobs::read_preset };
                rows.iter().map(|row| read(row).map_err(object_error("preset", row.id))).collect::<Result<_, _>>()?
            }
        };
        let presets = self.settle("preset", presets, &mut repairs)?.0;
        self.report(&repairs);
        Ok(presets)
    }

    /// The notetypes, without an entry in the report.
    pub(super) fn find_notetypes(&self) -> Result<FoundNotetypes, FileError> {
        let mut repairs = Repairs::default();
        let notetypes = match self.schema() {
            Schema::V11 => read_each("notetype", self.objects_11("models")?, |_, mut object| {
                repairs.names += schema11::make_inner_names_unique(&mut object);
                schema11::any_notetype(object)
            })?,
            Schema::V18 => self.notetypes_18(&mut repairs)?,
        };
        let (mut notetypes, instead_of_zero) = self.settle("notetype", notetypes, &mut repairs)?;
        self.make_names_unique("notetype", &mut notetypes, |notetype| notetype.name.clone(), &mut repairs)?;
        Ok(FoundNotetypes { notetypes, instead_of_zero, repairs })
    }

    fn notetypes_18(&self, repairs: &mut Repairs) -> Result<Vec<Notetype>, FileError> {
        let configs = self.rows_18("notetypes", "config", repairs, |cells| cells.bytes(4))?;
        let mut fields = self.parts_18("fields", repairs)?;
        let mut templates = self.parts_18("templates", repairs)?;
        let rows = configs.into_iter().map(|row| Row {
            blobs: NotetypeBlobs {
                config: row.blobs,
                fields: fields.remove(&row.id).unwrap_or_default(),
                templates: templates.remove(&row.id).unwrap_or_default(),
            },
            id: row.id,
            name: row.name,
            mtime: row.mtime,
            usn: row.usn,
        });
        rows.map(|row| blobs::read_notetype(&row).map_err(object_error("notetype", row.id))).collect()
    }

    /// The objects in one of the JSON columns of `col`, with their keys.
    fn objects_11(&self, column: &str) -> Result<Map<String, Value>, FileError> {
        self.col_json(column)
    }

    /// The rows of a table of objects. `blobs` reads the columns after id, name and stamps.
    fn rows_18<B>(
        &self,
        table: &str,
        columns: &str,
        repairs: &mut Repairs,
        blobs: impl Fn(&mut Cells<'_, '_>) -> rusqlite::Result<B>,
    ) -> Result<Vec<Row<B>>, FileError> {
        let query = format!("SELECT id, name, mtime_secs, usn, {columns} FROM {table} NOT INDEXED");
        self.collect(&query, repairs, |cells| {
            let mut name = String::new();
            cells.text(1, &mut name)?;
            Ok(Row { id: cells.integer(0)?, name, mtime: cells.integer(2)?, usn: cells.usn(3)?, blobs: blobs(cells)? })
        })
    }

    /// The names and blobs of a notetype's fields or templates, in the order of their ordinals.
    fn parts_18(&self, table: &str, repairs: &mut Repairs) -> Result<HashMap<i64, Vec<Part>>, FileError> {
        let query = format!("SELECT ntid, name, config FROM {table} ORDER BY ntid, ord");
        let parts = self.collect(&query, repairs, |cells| {
            let mut name = String::new();
            cells.text(1, &mut name)?;
            Ok((cells.integer(0)?, (name, cells.bytes(2)?)))
        })?;
        let mut by_notetype: HashMap<_, Vec<_>> = HashMap::new();
        for (notetype, part) in parts {
            by_notetype.entry(notetype).or_default().push(part);
        }
        Ok(by_notetype)
    }

    /// Sorts objects by id, keeping the last of those with the same one, gives an id to the one without, and replaces the mark of
    /// unsent changes by the collection's usn. Also returns the new id.
    fn settle<T: Restampable>(&self, what: &str, objects: Vec<T>, repairs: &mut Repairs) -> Result<(Vec<T>, Option<i64>), FileError> {
        let mut by_id = BTreeMap::new();
        for mut object in objects {
            let (id, usn) = object.id_and_usn();
            let sound = checked_usn(usn.into(), self.usn(), repairs);
            stamp(what, &mut object, &Restamp { usn: Some(sound), ..Restamp::default() })?;
            repairs.duplicates += u64::from(by_id.insert(id, object).is_some());
        }
        let mut instead_of_zero = None;
        if let Some(mut object) = by_id.remove(&0) {
            repairs.ids += 1;
            let id = by_id.keys().next_back().map_or(1, |last| last.saturating_add(1).max(1));
            stamp(what, &mut object, &Restamp { id: Some(id), usn: Some(self.usn()), ..Restamp::default() })?;
            by_id.insert(id, object);
            instead_of_zero = Some(id);
        }
        Ok((by_id.into_values().collect(), instead_of_zero))
    }

    /// Appends `_` to names until no two are the same to Anki, in the order of ids, as clients do when they upgrade a file.
    fn make_names_unique<T: Restampable>(
        &self,
        what: &str,
        objects: &mut [T],
        name: impl Fn(&T) -> String,
        repairs: &mut Repairs,
    ) -> Result<(), FileError> {
        let mut taken = HashSet::new();
        let claim = if self.schema() == Schema::V11 { unique::claim_normal } else { unique::claim };
        for object in objects {
            let old = name(object);
            let new = claim(&mut taken, &old, "_");
            if new != old {
                repairs.names += 1;
                stamp(what, object, &Restamp { name: Some(&new), usn: Some(self.usn()), ..Restamp::default() })?;
            }
        }
        Ok(())
    }

    /// Reads all rows of a query.
    pub(super) fn collect<T>(
        &self,
        query: &str,
        repairs: &mut Repairs,
        read: impl Fn(&mut Cells<'_, '_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, FileError> {
        let connection = self.connect()?;
        connection.run(|sqlite| collect(sqlite, query, self.usn(), repairs, read))
    }
}

fn collect<T>(
    sqlite: &Connection,
    query: &str,
    usn: Usn,
    repairs: &mut Repairs,
    read: impl Fn(&mut Cells<'_, '_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut query = sqlite.prepare(query)?;
    let mut rows = query.query([])?;
    let mut result = Vec::new();
    while let Some(row) = rows.next()? {
        result.push(read(&mut Cells { row, repairs, usn })?);
    }
    Ok(result)
}

fn read_each<T>(
    what: &str,
    objects: Map<String, Value>,
    mut read: impl FnMut(&str, Map<String, Value>) -> Result<T, SchemaError>,
) -> Result<Vec<T>, FileError> {
    let objects = objects.into_iter();
    objects
        .map(|(key, object)| match object {
            Value::Object(object) => read(&key, object).map_err(object_error(what, &key)),
            _ => Err(object_error(what, &key)(SchemaError::new("", "not an object"))),
        })
        .collect()
}

fn stamp<T: Restampable>(what: &str, object: &mut T, change: &Restamp<'_>) -> Result<(), FileError> {
    let id = object.id_and_usn().0;
    restamp(object, change).map_err(object_error(what, id))
}

pub(super) fn object_error(what: &str, id: impl std::fmt::Display) -> impl FnOnce(SchemaError) -> FileError {
    let what = format!("{what} {id}");
    |source| FileError::Object { what, source }
}
