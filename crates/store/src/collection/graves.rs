//! Graves: what was deleted, so that devices hear of it.

use super::Collection;
use super::tables::GRAVES;
use crate::engine::RowEncoder;
use crate::error::Result;
use crate::params;
use anki::model::{Grave, GraveKind, Usn};

impl Collection<'_> {
    /// Graves with `usn` or later.
    pub async fn graves_since(&self, usn: Usn) -> Result<Vec<Grave>> {
        let rows = self.query("SELECT oid, type, usn FROM {c}.graves WHERE usn >= ? ORDER BY usn, oid", params![usn]).await?;
        let mut graves = Vec::with_capacity(rows.len());
        for row in rows {
            if let Some(kind) = GraveKind::from_number(row.int(1)?) {
                graves.push(Grave { id: row.int(0)?, kind, usn: row.int32(2)? });
            }
        }
        Ok(graves)
    }

    /// Digs graves, anew where they exist. None may occur twice.
    pub async fn put_graves(&self, graves: &[Grave]) -> Result<()> {
        let rows = graves.iter().map(|g| params![g.id, g.kind.number(), g.usn]).collect();
        self.tx()?.upsert(self.schema, &GRAVES, rows).await
    }

    /// Digs graves. One that exists keeps its usn. None may occur twice.
    pub async fn add_graves(&self, graves: &[Grave]) -> Result<u64> {
        let rows = graves.iter().map(|g| params![g.id, g.kind.number(), g.usn]).collect();
        self.tx()?.insert_new(self.schema, &GRAVES, rows).await
    }
}

pub(super) fn encode(rows: &mut RowEncoder, grave: &Grave) {
    rows.int(grave.id).int(grave.kind.number()).int(grave.usn.into()).end_row();
}
