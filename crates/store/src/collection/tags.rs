//! The tags that a collection has registered.

use super::Collection;
use super::tables::TAGS;
use crate::engine::{Row, RowEncoder};
use crate::error::Result;
use crate::params;
use anki::model::{Tag, Usn};
use anki::names;

impl Collection<'_> {
    /// All tags.
    pub async fn tags(&self) -> Result<Vec<Tag>> {
        let rows = self.query("SELECT tag, usn, collapsed FROM {c}.tags ORDER BY name_key", vec![]).await?;
        rows.iter().map(from_row).collect()
    }

    /// Names of the tags with `usn` or later.
    pub async fn tags_since(&self, usn: Usn) -> Result<Vec<String>> {
        let rows = self.query("SELECT tag FROM {c}.tags WHERE usn >= ? ORDER BY name_key", params![usn]).await?;
        rows.iter().map(|row| row.text(0)).collect()
    }

    /// Registers tags that are not registered yet. None may occur twice, but for case.
    pub async fn add_tags(&self, tags: &[Tag]) -> Result<u64> {
        let rows = tags.iter().map(|tag| params![names::key(&tag.name), tag.name.as_str(), tag.usn, tag.collapsed]).collect();
        self.tx()?.insert_new(self.schema, &TAGS, rows).await
    }
}

pub(super) fn encode(rows: &mut RowEncoder, tag: &Tag) {
    rows.int(names::key(&tag.name)).text(&tag.name).int(tag.usn.into()).int(tag.collapsed.into()).end_row();
}

pub(super) fn from_row(row: &Row) -> Result<Tag> {
    Ok(Tag { name: row.text(0)?, usn: row.int32(1)?, collapsed: row.bool(2)? })
}
