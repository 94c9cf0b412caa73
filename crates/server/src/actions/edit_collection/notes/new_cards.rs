//! New cards: their ids, decks and positions.

use super::super::index::Decks;
use super::super::{Edit, Result};
use crate::actions::quota::ROW;
use anki::cards::CardRules;
use anki::model::{Card, ConfigEntry};
use std::collections::HashMap;
use store::collection::FreeId;

/// Makes the cards of a change.
pub(super) struct NewCards {
    next_id: i64,
    next_position: i64,
    first_position: i64,
    /// Whether the preset of a deck puts new cards in random order.
    random: HashMap<i64, bool>,
    pub made: Vec<Card>,
}

const DEFAULT_DECK: i64 = 1;
/// Positions wrap in clients beyond 32 bits.
const LAST_POSITION: i64 = i32::MAX as i64;

impl NewCards {
    pub(super) async fn load(edit: &Edit, decks: &Decks) -> Result<Self> {
        let stored = edit.stored();
        let next_id = stored.free_id(FreeId::Cards, edit.now_ms()).await?;
        let next_position = stored.config_value("nextPos").await?.and_then(|json| json.trim().parse().ok()).unwrap_or(1);
        let next_position = i64::clamp(next_position, 0, LAST_POSITION);
        let mut order = HashMap::new();
        for preset in stored.presets().await? {
            let json: serde_json::Value = serde_json::from_str(&preset.json).unwrap_or_default();
            order.insert(preset.id, json["new"]["order"] == 0);
        }
        let random = decks.all().map(|(id, deck)| (id, order.get(&deck.preset).copied().unwrap_or_default())).collect();
        Ok(Self { next_id, next_position, first_position: next_position, random, made: Vec::new() })
    }

    /// The cards of a new note in `deck`.
    pub(super) fn of_new_note(
        &mut self,
        note: i64,
        ordinals: Vec<u16>,
        deck: i64,
        rules: &CardRules,
        decks: &Decks,
        edit: &Edit,
    ) -> Vec<i64> {
        let position = self.take_position();
        ordinals.into_iter().map(|ordinal| self.make(note, ordinal, Some(deck), position, rules, decks, edit)).collect()
    }

    /// The cards that an edit of a note adds to its `siblings`.
    pub(super) fn of_old_note(&mut self, note: i64, ordinals: Vec<u16>, siblings: &[Card], rules: &CardRules, decks: &Decks, edit: &Edit) {
        if ordinals.is_empty() {
            return;
        }
        let home = |card: &Card| if card.original_deck_id == 0 { card.deck_id } else { card.original_deck_id };
        let common = siblings.first().map(home).filter(|deck| siblings.iter().all(|card| home(card) == *deck));
        let of_sibling = siblings.iter().find(|card| card.kind == 0 && card.original_deck_id == 0).map(|card| card.due);
        let position = of_sibling.unwrap_or_else(|| self.take_position());
        for ordinal in ordinals {
            self.make(note, ordinal, common, position, rules, decks, edit);
        }
    }

    fn take_position(&mut self) -> i64 {
        let position = self.next_position;
        self.next_position = (position + 1).min(LAST_POSITION);
        position
    }

    #[expect(clippy::too_many_arguments, reason = "all of it makes up a card")]
    fn make(&mut self, note: i64, ordinal: u16, deck: Option<i64>, position: i64, rules: &CardRules, decks: &Decks, edit: &Edit) -> i64 {
        let prescribed = rules.deck_of(ordinal).filter(|deck| decks.is_normal(*deck));
        let deck = prescribed.or(deck.filter(|deck| decks.is_normal(*deck))).unwrap_or(DEFAULT_DECK);
        let due = if self.random.get(&deck).copied().unwrap_or_default() { shuffled(position, self.next_position) } else { position };
        let card = Card {
            id: self.next_id,
            note_id: note,
            deck_id: deck,
            ord: ordinal.into(),
            mtime: edit.now_secs(),
            usn: edit.usn(),
            due,
            data: "{}".to_owned(),
            ..Card::default()
        };
        self.next_id += 1;
        let id = card.id;
        self.made.push(card);
        id
    }

    /// Writes the cards, and the position that the next note gets.
    pub(super) async fn write(self, edit: &mut Edit) -> Result<()> {
        if self.made.is_empty() {
            return Ok(());
        }
        edit.changed = true;
        edit.current.counts.cards += self.made.len() as i64;
        edit.adds(self.made.len() * ROW);
        edit.stored().put_cards(self.made).await?;
        if self.next_position != self.first_position {
            let json = self.next_position.to_string();
            let entry = ConfigEntry { key: "nextPos".into(), usn: edit.usn(), mtime: edit.now_secs(), json };
            edit.stored().put_config(vec![entry]).await?;
        }
        Ok(())
    }
}

/// The same place among the new cards each time, and another for each position.
fn shuffled(position: i64, next: i64) -> i64 {
    let mut state = position.cast_unsigned().wrapping_add(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^= state >> 31;
    1 + (state % next.max(1000).cast_unsigned()).cast_signed()
}
