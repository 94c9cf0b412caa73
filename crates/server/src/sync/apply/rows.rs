use super::Applying;
use crate::sync::error::SyncResult;
use anki::merge::{self, Stamp};
use anki::model::{Card, Note};
use anki::wire::chunk::Chunk;
use std::collections::{HashMap, HashSet};
use store::collection::StoredStamp;

impl Applying<'_> {
    /// Stores the notes, cards and reviews that win over ours, a whole set at a time.
    pub(super) async fn rows(&mut self, chunk: Chunk) -> SyncResult<()> {
        if !chunk.cards.is_empty() {
            self.put_cards(chunk.cards).await?;
        }
        if !chunk.notes.is_empty() {
            self.put_notes(chunk.notes).await?;
        }
        if !chunk.reviews.is_empty() {
            let mut seen = HashSet::with_capacity(chunk.reviews.len());
            let mut reviews = chunk.reviews;
            reviews.retain(|review| seen.insert(review.id));
            reviews.iter_mut().for_each(|review| review.usn = self.usn);
            self.counts.revlog += self.stored.add_reviews(reviews).await?.cast_signed();
        }
        Ok(())
    }

    async fn put_cards(&mut self, cards: Vec<Card>) -> SyncResult<()> {
        let ids: Vec<i64> = cards.iter().map(|card| card.id).collect();
        let existing = self.stored.card_stamps(&ids).await?;
        let mut decide = merge::Edits::new(stamps(&existing), self.client_usn, self.usn);
        let mut winners: HashMap<i64, Card> = HashMap::new();
        for mut card in cards {
            if decide.take(card.id, card.mtime) {
                card.usn = self.usn;
                winners.insert(card.id, card);
            }
        }
        self.counts.cards += winners.keys().filter(|id| !existing.contains_key(id)).count() as i64;
        self.stored.put_cards(winners.into_values().collect()).await?;
        Ok(())
    }

    async fn put_notes(&mut self, notes: Vec<Note>) -> SyncResult<()> {
        let ids: Vec<i64> = notes.iter().map(|note| note.id).collect();
        let existing = self.stored.note_stamps(&ids).await?;
        self.shapes.load(self.stored, &notes).await?;
        let mut decide = merge::Edits::new(stamps(&existing), self.client_usn, self.usn);
        let mut winners: HashMap<i64, Note> = HashMap::new();
        for mut note in notes {
            if decide.take(note.id, note.mtime) {
                note.usn = self.usn;
                self.shapes.derive(&mut note);
                winners.insert(note.id, note);
            }
        }
        self.counts.notes += winners.keys().filter(|id| !existing.contains_key(id)).count() as i64;
        self.stored.put_notes(winners.into_values().collect()).await?;
        Ok(())
    }
}

fn stamps(stored: &HashMap<i64, StoredStamp>) -> HashMap<i64, Stamp> {
    stored.iter().map(|(id, stamp)| (*id, Stamp { usn: stamp.usn, mtime: stamp.modified })).collect()
}
