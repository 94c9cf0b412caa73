use super::super::{Change, Edit, Result};
use anki::model::{Grave, GraveKind};

/// Notes as a caller names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhichNotes {
    /// Those of them that exist.
    Ids(Vec<i64>),
    All,
}

/// Deletes notes with their cards.
#[derive(Debug, Clone)]
pub struct DeleteNotes(pub WhichNotes);

/// What was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletedNotes {
    pub notes: u64,
    pub cards: u64,
}

impl Change for DeleteNotes {
    type Done = DeletedNotes;

    async fn make(&self, edit: &mut Edit) -> Result<DeletedNotes> {
        let mut ids = match &self.0 {
            WhichNotes::Ids(ids) => edit.stored().existing_notes(ids).await?,
            WhichNotes::All => edit.stored().note_ids().await?,
        };
        ids.sort_unstable();
        ids.dedup();
        delete_notes(&ids, edit).await
    }
}

/// Deletes notes that exist, and their cards.
pub(in super::super) async fn delete_notes(ids: &[i64], edit: &mut Edit) -> Result<DeletedNotes> {
    if ids.is_empty() {
        return Ok(DeletedNotes { notes: 0, cards: 0 });
    }
    let cards: Vec<i64> = edit.stored().cards_of_notes(ids).await?.into_iter().map(|card| card.id).collect();
    let usn = edit.usn();
    let grave = |kind| move |id: &i64| Grave { id: *id, kind, usn };
    let graves: Vec<Grave> = cards.iter().map(grave(GraveKind::Card)).chain(ids.iter().map(grave(GraveKind::Note))).collect();
    let stored = edit.stored();
    let deleted = DeletedNotes { cards: stored.delete_cards(&cards).await?, notes: stored.delete_notes(ids).await? };
    // Anew where there was one already: what had been deleted came back and is deleted again, and the old usn would be passed over.
    stored.put_graves(&graves).await?;
    edit.current.counts.cards -= deleted.cards.cast_signed();
    edit.current.counts.notes -= deleted.notes.cast_signed();
    edit.changed = true;
    Ok(deleted)
}
