//! Field count and sort field of notetypes: what is needed to check a note and to derive its sort text.

use super::error::{SyncError, SyncResult};
use anki::model::{Note, Notetype};
use anki::text;
use std::collections::{HashMap, HashSet};
use store::collection::Collection;
use store::user_db::sessions::Session;

/// Known shapes by notetype id: those staged in this sync, and those looked up.
#[derive(Default)]
pub struct Shapes(HashMap<i64, (i32, i32)>);

impl Shapes {
    /// The shapes that the session has staged.
    pub fn from_session(session: &Session) -> SyncResult<Self> {
        if session.notetype_shapes.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(&session.notetype_shapes).map(Self).map_err(|e| SyncError::internal(format!("staged notetype shapes: {e}")))
    }

    /// For the session's row.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// Adds a notetype that will be stored.
    pub fn put(&mut self, notetype: &Notetype) {
        self.0.insert(notetype.id, (notetype.field_count, notetype.sort_field));
    }

    /// Looks up the stored notetypes of `notes` that are not known yet.
    pub async fn load(&mut self, stored: Collection<'_>, notes: &[Note]) -> SyncResult<()> {
        let unknown: HashSet<i64> = notes.iter().map(|note| note.notetype_id).filter(|id| !self.0.contains_key(id)).collect();
        if !unknown.is_empty() {
            let unknown: Vec<i64> = unknown.into_iter().collect();
            self.0.extend(stored.notetype_shapes(&unknown).await?);
        }
        Ok(())
    }

    /// Why a note cannot be stored: its notetype is missing, or has another number of fields.
    pub fn problem(&self, note: &Note) -> Option<String> {
        let Some((fields, _)) = self.0.get(&note.notetype_id) else {
            return Some(format!("note {}: there is no notetype {}", note.id, note.notetype_id));
        };
        let found = text::field_count(&note.fields);
        // A note has a text even where its notetype has no field for it.
        (i64::from(*fields).max(1) != found as i64).then(|| format!("note {}: {found} fields, its notetype has {fields}", note.id))
    }

    /// Fills in what is derived from a note's text.
    pub fn derive(&self, note: &mut Note) {
        let sort_field = self.0.get(&note.notetype_id).map_or(0, |(_, sort_field)| *sort_field);
        (note.sort_field, note.checksum) = text::derive(&note.fields, sort_field);
    }
}
