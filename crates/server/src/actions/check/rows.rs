//! Notes, cards and reviews.

use super::collection::Work;
use super::finding::Remedy;
use anki::text;
use futures_util::TryStreamExt;
use std::collections::HashMap;
use store::collection::check::{REFERENCES, USN_TABLES};

/// Notes that are mended at a time, and about how many bytes of them.
const BATCH: usize = 1000;
const BATCH_BYTES: usize = 8 << 20;

/// Field count and sort field of each notetype.
pub(super) type Shapes = HashMap<i64, (i32, i32)>;

pub(super) const ANKIS_CHECK: Remedy =
    Remedy::ByHand("In Anki on one of the user's devices: Tools → Check Database, then sync. The server keeps what devices send.");

impl Work<'_, '_> {
    /// Number of fields, and the columns that are derived from the text.
    pub(super) async fn notes(&mut self, shapes: &Shapes) -> anyhow::Result<()> {
        self.found.step("notes");
        let mut first = Some(i64::MIN);
        while let Some(from) = first.take() {
            let (mut fixed, mut bytes) = (Vec::new(), 0);
            let mut rows = Box::pin(self.stored.notes_from(from).await?);
            while let Some(mut note) = rows.try_next().await? {
                let shape = shapes.get(&note.notetype_id);
                let fields = text::field_count(&note.fields);
                if let Some((wanted, _)) = shape.filter(|(wanted, _)| i64::from(*wanted) != fields as i64) {
                    self.found.oddity("notes", note.id, format!("it has {fields} fields, its notetype has {wanted}"), ANKIS_CHECK);
                }
                let derived = text::derive(&note.fields, shape.map_or(0, |(_, sort_field)| *sort_field));
                if (&note.sort_field, note.checksum) != (&derived.0, derived.1) {
                    self.found.damage("notes", note.id, "sort text or checksum do not belong to its fields", Remedy::Repair);
                    // No client hears of these columns in a sync.
                    self.mended(false);
                    if self.found.repair {
                        bytes += note.fields.len();
                        let next = note.id.checked_add(1);
                        (note.sort_field, note.checksum) = derived;
                        fixed.push(note);
                        if fixed.len() >= BATCH || bytes >= BATCH_BYTES {
                            first = next;
                            break;
                        }
                    }
                }
            }
            drop(rows);
            self.stored.put_notes(fixed).await?;
        }
        Ok(())
    }

    /// Rows that name others.
    pub(super) async fn references(&mut self) -> anyhow::Result<()> {
        for reference in REFERENCES {
            self.found.step(reference.table);
            let mut rows = Box::pin(self.stored.broken_references(reference).await?);
            while let Some((id, other)) = rows.try_next().await? {
                let what = match reference.column {
                    "mid" => "notetype",
                    "nid" => "note",
                    "did" => "deck",
                    _ => "home deck",
                };
                self.found.oddity(reference.table, id, format!("its {what} {other} does not exist"), ANKIS_CHECK);
            }
        }
        self.found.step("revlog");
        self.found.totals.reviews_without_card += self.stored.reviews_without_card().await?;
        Ok(())
    }

    /// Update sequence numbers.
    pub(super) async fn usns(&mut self) -> anyhow::Result<()> {
        for table in USN_TABLES {
            self.found.step(table.0);
            let highest = self.usn.max(0);
            let mut any = false;
            let mut rows = Box::pin(self.stored.odd_usns(table, highest).await?);
            while let Some((id, usn)) = rows.try_next().await? {
                self.found.damage(table.0, id, odd_usn(usn, highest), Remedy::Repair);
                any = true;
            }
            drop(rows);
            if any && self.found.repair {
                self.stored.mend_usns(table.0, highest).await?;
                self.mended(true);
            }
        }
        Ok(())
    }
}

pub(super) fn odd_usn(usn: i64, highest: i32) -> String {
    if usn < 0 {
        format!("its usn is {usn}, as if it had not been sent yet")
    } else {
        format!("its usn is {usn}, but that of the collection only {highest}")
    }
}
