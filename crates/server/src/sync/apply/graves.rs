use super::Applying;
use crate::sync::error::SyncResult;
use anki::model::{Grave, GraveKind};
use anki::wire::graves::Graves;
use std::collections::HashSet;

impl Applying<'_> {
    /// Deletes the rows and digs the graves. Nothing else is touched: a client sends a grave for each card of a deleted note.
    pub(super) async fn graves(&mut self, graves: &Graves) -> SyncResult<()> {
        let there = self.there(graves).await?;
        self.counts.cards -= self.stored.delete_cards(&graves.cards).await?.cast_signed();
        self.counts.notes -= self.stored.delete_notes(&graves.notes).await?.cast_signed();
        self.counts.decks -= self.stored.delete_decks(&graves.decks).await?.cast_signed();
        let mut seen = HashSet::new();
        let graves = graves.iter().filter(|grave| seen.insert(*grave)).map(|(kind, id)| Grave { id, kind, usn: self.usn });
        let (deleted, gone): (Vec<_>, Vec<_>) = graves.partition(|grave| there.contains(&(grave.kind, grave.id)));
        // What is deleted now may have been deleted before and have come back since: then its grave gets the new usn, so that devices which
        // got it in between hear of it.
        if !deleted.is_empty() {
            self.stored.put_graves(&deleted).await?;
        }
        if !gone.is_empty() {
            self.stored.add_graves(&gone).await?;
        }
        Ok(())
    }

    /// Those of what is to be deleted that exist.
    async fn there(&self, graves: &Graves) -> SyncResult<HashSet<(GraveKind, i64)>> {
        let mut there = HashSet::new();
        if !graves.cards.is_empty() {
            there.extend(self.stored.existing_cards(&graves.cards).await?.into_iter().map(|id| (GraveKind::Card, id)));
        }
        if !graves.notes.is_empty() {
            there.extend(self.stored.existing_notes(&graves.notes).await?.into_iter().map(|id| (GraveKind::Note, id)));
        }
        if !graves.decks.is_empty() {
            there.extend(self.stored.existing_decks(&graves.decks).await?.into_iter().map(|id| (GraveKind::Deck, id)));
        }
        Ok(there)
    }
}
