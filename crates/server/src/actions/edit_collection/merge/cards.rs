//! Cards of the notes that came along, and of notes that are here those that these do not have yet. Cards that are here stay as they are.

use super::super::{Edit, Result};
use super::notes::{Notes, free_ids};
use super::{Days, Merged};
use crate::actions::quota::ROW;
use anki::model::{Card, Review};
use std::collections::{HashMap, HashSet};
use store::collection::FreeId;

const DEFAULT_DECK: i64 = 1;
const DAY_MS: i64 = 86_400_000;

pub(super) struct Cards {
    /// Ids of decks by those of the package.
    decks: HashMap<i64, i64>,
    days: Days,
    given: HashSet<i64>,
    /// New ids by those of the package.
    ids: HashMap<i64, i64>,
}

impl Cards {
    pub(super) fn new(decks: HashMap<i64, i64>, days: Days) -> Self {
        Self { decks, days, given: HashSet::new(), ids: HashMap::new() }
    }

    pub(super) async fn merge(&mut self, rows: Vec<Card>, notes: &Notes, edit: &mut Edit, report: &mut Merged) -> Result<()> {
        let old: HashSet<i64> =
            rows.iter().filter_map(|card| notes.place(card.note_id)).filter(|place| place.is_old).map(|place| place.id).collect();
        let old: Vec<i64> = old.into_iter().collect();
        let mut here: HashSet<(i64, i64)> = edit.stored().cards_of_notes(&old).await?.iter().map(|card| (card.note_id, card.ord)).collect();
        let mut new = Vec::new();
        for mut card in rows {
            let Some(place) = notes.place(card.note_id) else { continue };
            if !here.insert((place.id, card.ord)) {
                continue;
            }
            card.note_id = place.id;
            card.usn = edit.usn();
            card.deck_id = self.deck(card.deck_id);
            if card.original_deck_id != 0 {
                card.original_deck_id = self.deck(card.original_deck_id);
            }
            self.days.shift(&mut card);
            new.push(card);
        }
        let wanted: Vec<i64> = new.iter().map(|card| card.id).collect();
        let free = free_ids(&wanted, FreeId::Cards, &mut self.given, edit).await?;
        for (card, id) in new.iter_mut().zip(free) {
            self.ids.insert(card.id, id);
            card.id = id;
        }
        report.cards_added += new.len() as u64;
        edit.current.counts.cards += new.len() as i64;
        edit.adds(new.iter().map(|card| ROW + card.data.len()).sum());
        edit.stored().put_cards(new).await?;
        Ok(())
    }

    /// Reviews of the cards that came along. One of the same moment as another is the same.
    pub(super) async fn merge_reviews(&mut self, rows: Vec<Review>, edit: &mut Edit, report: &mut Merged) -> Result<()> {
        let mut reviews = Vec::new();
        for mut review in rows {
            let Some(card) = self.ids.get(&review.card_id) else { continue };
            if review.id > edit.now_ms + DAY_MS {
                continue;
            }
            (review.card_id, review.usn) = (*card, edit.usn());
            reviews.push(review);
        }
        let added = edit.stored().add_reviews(reviews).await?;
        report.reviews_added += added;
        edit.adds(usize::try_from(added).unwrap_or(usize::MAX).saturating_mul(ROW));
        edit.current.counts.revlog += added.cast_signed();
        Ok(())
    }

    /// A card of a deck that is not in the package goes where clients put what has lost its deck.
    fn deck(&self, deck: i64) -> i64 {
        self.decks.get(&deck).copied().unwrap_or(DEFAULT_DECK)
    }
}
