use super::Applying;
use crate::sync::error::SyncResult;
use anki::model::Grave;
use anki::wire::graves::Graves;
use std::collections::HashSet;

impl Applying<'_> {
    /// Deletes the rows and digs the graves. Nothing else is touched: a client sends a grave for each card of a deleted note.
    pub(super) async fn graves(&mut self, graves: &Graves) -> SyncResult<()> {
        self.counts.cards -= self.stored.delete_cards(&graves.cards).await?.cast_signed();
        self.counts.notes -= self.stored.delete_notes(&graves.notes).await?.cast_signed();
        self.counts.decks -= self.stored.delete_decks(&graves.decks).await?.cast_signed();
        let mut seen = HashSet::new();
        let graves: Vec<Grave> =
            graves.iter().filter(|grave| seen.insert(*grave)).map(|(kind, id)| Grave { id, kind, usn: self.usn }).collect();
        if !graves.is_empty() {
            self.stored.add_graves(&graves).await?;
        }
        Ok(())
    }
}
