//! Tags, configuration and graves.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};

use super::{CollectionFile, FileError, Repairs, Schema, cells::checked_usn};
use crate::{
    model::{ConfigEntry, Grave, GraveKind, Tag},
    names, schema11,
};

/// What `meta` must know about the scheduler of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduler {
    /// 1, 2 or 3.
    pub version: i32,
    /// Whether the timezone of creation is recorded (config `creationOffset`), which clients before sync version 10 do not know.
    pub has_creation_offset: bool,
}

impl Scheduler {
    /// Reads the keys that say it. Invalid values count as missing, as they do in Anki.
    pub fn from_config(entries: &[ConfigEntry]) -> Self {
        let value = |key: &str| {
            let entry = entries.iter().find(|entry| entry.key == key)?;
            serde_json::from_str::<Value>(&entry.json).ok()
        };
        let second = value("schedVer").and_then(|version| version.as_i64()) == Some(2);
        let third = value("sched2021").and_then(|on| on.as_bool()) == Some(true);
        Self {
            version: match (second, third) {
                (true, true) => 3,
                (true, false) => 2,
                (false, _) => 1,
            },
            has_creation_offset: value("creationOffset").is_some_and(|offset| !offset.is_null()),
        }
    }
}

impl CollectionFile {
    /// The registered tags. Schema 11 does not say which are collapsed; clients then take all of them to be.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tags(&self) -> Result<Vec<Tag>, FileError> {
        let mut repairs = Repairs::default();
        let mut tags: Vec<Tag> = match self.schema() {
            Schema::V11 => {
                let tags = self.col_json("tags")?.into_iter();
                tags.map(|(name, usn)| {
                    let usn = checked_usn(usn.as_i64().unwrap_or(0), self.usn(), &mut repairs);
                    Tag { name, usn, collapsed: true }
                })
                .collect()
            }
            // The column came with version 17.
            Schema::V18 if self.version() < 17 => self.collect("SELECT tag, usn FROM tags", &mut repairs, |cells| {
                let mut name = String::new();
                cells.text(0, &mut name)?;
                Ok(Tag { name, usn: cells.usn(1)?, collapsed: true })
            })?,
            Schema::V18 => self.collect("SELECT tag, usn, collapsed FROM tags", &mut repairs, |cells| {
                let mut name = String::new();
                cells.text(0, &mut name)?;
                Ok(Tag { name, usn: cells.usn(1)?, collapsed: cells.integer(2)? != 0 })
            })?,
        };
        let mut seen = HashSet::new();
        let found = tags.len();
        tags.retain(|tag| seen.insert(names::fold(&tag.name)));
        repairs.duplicates += (found - tags.len()) as u64;
        self.report(&repairs);
        Ok(tags)
    }

    /// The configuration. Values that are no JSON are left out, as clients take them for missing.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn config(&self) -> Result<Vec<ConfigEntry>, FileError> {
        let mut repairs = Repairs::default();
        let mut entries = match self.schema() {
            Schema::V11 => {
                let values = self.col_json("conf")?.into_iter();
                let values = values.filter(|(_, value)| schema11::is_readable(value));
                values.map(|(key, value)| ConfigEntry { key, usn: 0, mtime: 0, json: value.to_string() }).collect()
            }
            Schema::V18 => self.config_18(&mut repairs)?,
        };
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        self.report(&repairs);
        Ok(entries)
    }

    fn config_18(&self, repairs: &mut Repairs) -> Result<Vec<ConfigEntry>, FileError> {
        let rows = self.collect("SELECT key, val, usn, mtime_secs FROM config", repairs, |cells| {
            let mut key = String::new();
            cells.text(0, &mut key)?;
            // Unsent changes are no oddity here: config has no merging by key, so clients leave their mark on it.
            let usn = checked_usn(cells.integer(2)?, cells.usn, &mut Repairs::default());
            Ok((key, cells.bytes(1)?, usn, cells.integer(3)?))
        })?;
        let mut entries = Vec::with_capacity(rows.len());
        for (key, value, usn, mtime) in rows {
            match serde_json::from_slice::<Value>(&value) {
                Ok(value) if schema11::is_readable(&value) => entries.push(ConfigEntry { key, usn, mtime, json: value.to_string() }),
                _ => repairs.config += 1,
            }
        }
        Ok(entries)
    }

    /// What the configuration says about the scheduler.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn scheduler(&self) -> Result<Scheduler, FileError> {
        self.config().map(|entries| Scheduler::from_config(&entries))
    }

    /// The graves in the order of ids, each once with its lowest usn. Uploads have none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn graves(&self) -> Result<Vec<Grave>, FileError> {
        let mut repairs = Repairs::default();
        let rows = self.collect("SELECT graves.oid, graves.type, graves.usn FROM graves", &mut repairs, |cells| {
            Ok((cells.integer(0)?, cells.integer(1)?, cells.usn(2)?))
        })?;
        let mut graves = BTreeMap::new();
        for (id, number, usn) in rows {
            let Some(kind) = GraveKind::from_number(number) else {
                repairs.graves += 1;
                continue;
            };
            let grave = graves.entry((id, kind)).or_insert(Grave { id, kind, usn });
            grave.usn = grave.usn.min(usn);
        }
        self.report(&repairs);
        Ok(graves.into_values().collect())
    }

    /// The object in a JSON column of `col`. Of a key that comes twice, the last value counts.
    pub(super) fn col_json(&self, column: &str) -> Result<Map<String, Value>, FileError> {
        let query = format!("SELECT col.{column} FROM col ORDER BY rowid LIMIT 1");
        let text = self.collect(&query, &mut Repairs::default(), |cells| cells.bytes(0))?.pop().unwrap_or_default();
        serde_json::from_slice(&text).map_err(|error| FileError::Damaged { detail: format!("column {column:?} of table \"col\": {error}") })
    }
}
