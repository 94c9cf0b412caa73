//! Notes.

use super::tables::NOTES;
use super::{Collection, StoredStamp};
use crate::engine::{Row, RowEncoder, Tx, Value};
use crate::error::Result;
use crate::params;
use anki::model::{Note, Usn};
use futures_util::{Stream, StreamExt};
use std::collections::HashMap;

impl Collection<'_> {
    /// Usn and modification time of those of `ids` that exist.
    pub async fn note_stamps(&self, ids: &[i64]) -> Result<HashMap<i64, StoredStamp>> {
        self.stamps(NOTES.name, ids).await
    }

    /// Those of `ids` that exist.
    pub async fn existing_notes(&self, ids: &[i64]) -> Result<Vec<i64>> {
        self.existing(NOTES.name, ids).await
    }

    /// Notes with `usn` or later, ordered by usn and id, after the given position.
    pub async fn notes_since(&self, usn: Usn, after: (Usn, i64), limit: i64) -> Result<Vec<Note>> {
        let sql = format!(
            "SELECT {} FROM {{c}}.notes WHERE usn >= ? AND (usn > ? OR (usn = ? AND id > ?)) ORDER BY usn, id LIMIT ?",
            NOTES.column_list()
        );
        let rows = self.query(&sql, params![usn.max(after.0), after.0, after.0, after.1, limit]).await?;
        rows.iter().map(from_row).collect()
    }

    /// Writes notes, replacing those that exist. No id may occur twice.
    pub async fn put_notes(&self, notes: Vec<Note>) -> Result<()> {
        self.tx()?.upsert(self.schema, &NOTES, notes.into_iter().map(values).collect()).await
    }

    /// Deletes notes and answers how many there were. Their cards stay, as in Anki's sync.
    pub async fn delete_notes(&self, ids: &[i64]) -> Result<u64> {
        self.delete(NOTES.name, ids).await
    }

    /// All notes in the order of their ids.
    pub async fn stream_notes(tx: &Tx, schema: &str) -> Result<impl Stream<Item = Result<Note>> + Send + use<>> {
        let sql = format!("SELECT {} FROM {schema}.notes ORDER BY id", NOTES.column_list());
        Ok(tx.stream(&sql, vec![]).await?.map(|row| from_row(&row?)))
    }
}

pub(super) fn encode(rows: &mut RowEncoder, note: &Note) {
    rows.int(note.id)
        .text(&note.guid)
        .int(note.notetype_id)
        .int(note.mtime)
        .int(note.usn.into())
        .text(&note.tags)
        .text(&note.fields)
        .text(&note.sort_field)
        .int(note.checksum)
        .int(note.flags)
        .text(&note.data)
        .end_row();
}

fn values(note: Note) -> Vec<Value> {
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
    ]
}

pub(super) fn from_row(row: &Row) -> Result<Note> {
    Ok(Note {
        id: row.int(0)?,
        guid: row.text(1)?,
        notetype_id: row.int(2)?,
        mtime: row.int(3)?,
        usn: row.int32(4)?,
        tags: row.text(5)?,
        fields: row.text(6)?,
        sort_field: row.text(7)?,
        checksum: row.int(8)?,
        flags: row.int(9)?,
        data: row.text(10)?,
    })
}
