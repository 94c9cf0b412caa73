//! Notetypes, decks and presets.

use super::Collection;
use super::tables::{DECKS, NOTETYPES, PRESETS};
use crate::engine::{Row, RowEncoder, Table, Value};
use crate::error::Result;
use crate::params;
use anki::model::{Deck, Notetype, Preset, Usn};
use anki::names;
use std::collections::HashMap;

/// What merging needs to know of a stored notetype, deck or preset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectRow {
    pub id: i64,
    /// [`names::key`] of its name.
    pub name_key: i64,
    /// Seconds since the epoch.
    pub modified: i64,
}

macro_rules! objects {
    ($table:ident, $object:ident, $from_row:ident, $values:ident; $all:ident, $since:ident, $rows:ident, $existing:ident, $put:ident, $delete:ident) => {
        /// All of them, in the order of their ids.
        pub async fn $all(&self) -> Result<Vec<$object>> {
            let sql = format!("SELECT {} FROM {{c}}.{} ORDER BY id", $table.column_list(), $table.name);
            self.query(&sql, vec![]).await?.iter().map($from_row).collect()
        }

        /// Id and JSON text of those with `usn` or later.
        pub async fn $since(&self, usn: Usn) -> Result<Vec<(i64, String)>> {
            self.json_since(&$table, usn).await
        }

        /// Id, name key and modification time of all of them.
        pub async fn $rows(&self) -> Result<Vec<ObjectRow>> {
            self.object_rows(&$table).await
        }

        /// Those of `ids` that exist.
        pub async fn $existing(&self, ids: &[i64]) -> Result<Vec<i64>> {
            self.existing($table.name, ids).await
        }

        /// Writes them, replacing those that exist. No id may occur twice.
        pub async fn $put(&self, objects: Vec<$object>) -> Result<()> {
            self.tx()?.upsert(self.schema, &$table, objects.into_iter().map($values).collect()).await
        }

        /// Deletes them and answers how many there were.
        pub async fn $delete(&self, ids: &[i64]) -> Result<u64> {
            self.delete($table.name, ids).await
        }
    };
}

impl Collection<'_> {
    objects!(NOTETYPES, Notetype, notetype_from_row, notetype_values; notetypes, notetypes_since, notetype_rows, existing_notetypes, put_notetypes, delete_notetypes);
    objects!(DECKS, Deck, deck_from_row, deck_values; decks, decks_since, deck_rows, existing_decks, put_decks, delete_decks);
    objects!(PRESETS, Preset, preset_from_row, preset_values; presets, presets_since, preset_rows, existing_presets, put_presets, delete_presets);

    /// Field count and sort field of those notetypes of `ids` that exist.
    pub async fn notetype_shapes(&self, ids: &[i64]) -> Result<HashMap<i64, (i32, i32)>> {
        let sql = "SELECT id, field_count, sort_field FROM {c}.notetypes WHERE id IN ??";
        let rows = self.query(sql, params![ids]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, (row.int32(1)?, row.int32(2)?)))).collect()
    }

    /// Modification time, field count and template count of those notetypes of `ids` that exist.
    pub async fn notetype_layouts(&self, ids: &[i64]) -> Result<HashMap<i64, (i64, i32, i32)>> {
        let sql = "SELECT id, modified, field_count, template_count FROM {c}.notetypes WHERE id IN ??";
        let rows = self.query(sql, params![ids]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, (row.int(1)?, row.int32(2)?, row.int32(3)?)))).collect()
    }

    async fn json_since(&self, table: &Table, usn: Usn) -> Result<Vec<(i64, String)>> {
        let sql = format!("SELECT id, json FROM {{c}}.{} WHERE usn >= ? ORDER BY id", table.name);
        let rows = self.query(&sql, params![usn]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, row.text(1)?))).collect()
    }

    async fn object_rows(&self, table: &Table) -> Result<Vec<ObjectRow>> {
        let sql = format!("SELECT id, name_key, modified FROM {{c}}.{} ORDER BY id", table.name);
        let rows = self.query(&sql, vec![]).await?;
        rows.iter().map(|row| Ok(ObjectRow { id: row.int(0)?, name_key: row.int(1)?, modified: row.int(2)? })).collect()
    }
}

pub(super) fn encode_notetype(rows: &mut RowEncoder, n: &Notetype) {
    encode_common(rows, n.id, &n.name, n.mtime, n.usn, &n.json, n.extra.as_deref());
    rows.int(n.field_count.into()).int(n.template_count.into()).int(n.sort_field.into()).end_row();
}

pub(super) fn encode_deck(rows: &mut RowEncoder, d: &Deck) {
    encode_common(rows, d.id, &d.name, d.mtime, d.usn, &d.json, d.extra.as_deref());
    rows.end_row();
}

pub(super) fn encode_preset(rows: &mut RowEncoder, p: &Preset) {
    encode_common(rows, p.id, &p.name, p.mtime, p.usn, &p.json, p.extra.as_deref());
    rows.end_row();
}

fn encode_common(rows: &mut RowEncoder, id: i64, name: &str, modified: i64, usn: Usn, json: &str, extra: Option<&[u8]>) {
    rows.int(id).text(name).int(names::key(name)).int(modified).int(usn.into()).text(json).bytes(extra);
}

fn notetype_values(n: Notetype) -> Vec<Value> {
    let key = names::key(&n.name);
    params![n.id, n.name, key, n.mtime, n.usn, n.json, n.extra, n.field_count, n.template_count, n.sort_field]
}

fn deck_values(d: Deck) -> Vec<Value> {
    let key = names::key(&d.name);
    params![d.id, d.name, key, d.mtime, d.usn, d.json, d.extra]
}

fn preset_values(p: Preset) -> Vec<Value> {
    let key = names::key(&p.name);
    params![p.id, p.name, key, p.mtime, p.usn, p.json, p.extra]
}

pub(super) fn notetype_from_row(row: &Row) -> Result<Notetype> {
    Ok(Notetype {
        id: row.int(0)?,
        name: row.text(1)?,
        mtime: row.int(3)?,
        usn: row.int32(4)?,
        json: row.text(5)?,
        extra: row.opt_bytes(6)?,
        field_count: row.int32(7)?,
        template_count: row.int32(8)?,
        sort_field: row.int32(9)?,
    })
}

pub(super) fn deck_from_row(row: &Row) -> Result<Deck> {
    Ok(Deck { id: row.int(0)?, name: row.text(1)?, mtime: row.int(3)?, usn: row.int32(4)?, json: row.text(5)?, extra: row.opt_bytes(6)? })
}

pub(super) fn preset_from_row(row: &Row) -> Result<Preset> {
    Ok(Preset { id: row.int(0)?, name: row.text(1)?, mtime: row.int(3)?, usn: row.int32(4)?, json: row.text(5)?, extra: row.opt_bytes(6)? })
}
