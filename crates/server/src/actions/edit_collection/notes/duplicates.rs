//! Duplicates, as Anki understands them: notes of one notetype whose first fields show the same text.

use super::super::index::Decks;
use super::super::{DeckRef, Edit, Result};
use anki::text::{self, split_fields};
use std::collections::{HashMap, HashSet};

/// What to do about a note whose first field another note has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Duplicates {
    #[default]
    Allow,
    Refuse(DuplicateScope),
}

/// Where to look for duplicates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DuplicateScope {
    /// Only notes with a card in this deck count. None for all decks.
    pub deck: Option<DeckRef>,
    /// The decks below count too.
    pub with_children: bool,
    /// Notes of other notetypes count too.
    pub all_notetypes: bool,
}

/// The first fields that are in use.
pub(super) struct FirstFields {
    /// Checksum to notetype, shown text and note.
    known: HashMap<i64, Vec<(i64, String, i64)>>,
    /// The decks of each note that may be a duplicate.
    decks: HashMap<i64, HashSet<i64>>,
}

impl FirstFields {
    pub(super) async fn load(edit: &Edit, first_fields: impl Iterator<Item = &str>, with_decks: bool) -> Result<Self> {
        let checksums: HashSet<i64> = first_fields.map(text::checksum).collect();
        let checksums: Vec<i64> = checksums.into_iter().collect();
        let notes = edit.stored().notes_by_checksum(&checksums).await?;
        let mut all = Self { known: HashMap::new(), decks: HashMap::new() };
        if with_decks {
            let ids: Vec<i64> = notes.iter().map(|note| note.id).collect();
            for card in edit.stored().cards_of_notes(&ids).await? {
                let decks = all.decks.entry(card.note_id).or_default();
                decks.insert(if card.original_deck_id == 0 { card.deck_id } else { card.original_deck_id });
            }
        }
        for note in notes {
            all.add(note.notetype_id, split_fields(&note.fields).next().unwrap_or_default(), note.id, None);
        }
        Ok(all)
    }

    pub(super) fn add(&mut self, notetype: i64, first: &str, note: i64, deck: Option<i64>) {
        let shown = text::strip_html_keeping_media_names(first).into_owned();
        self.known.entry(text::checksum(first)).or_default().push((notetype, shown, note));
        self.decks.entry(note).or_default().extend(deck);
    }

    /// A note, other than `own`, with this first field.
    pub(super) fn find(&self, notetype: i64, first: &str, own: Option<i64>, scope: &DuplicateScope, decks: &Decks) -> Option<i64> {
        let candidates = self.known.get(&text::checksum(first))?;
        let shown = text::strip_html_keeping_media_names(first);
        let wanted_decks: Option<HashSet<i64>> = scope.deck.as_ref().map(|deck| {
            let Ok(id) = decks.find(deck) else { return HashSet::new() };
            let below = if scope.with_children { decks.below(id) } else { Vec::new() };
            below.into_iter().chain([id]).collect()
        });
        let fits = |(of, text, note): &&(i64, String, i64)| {
            (scope.all_notetypes || *of == notetype)
                && *text == shown
                && Some(*note) != own
                && wanted_decks.as_ref().is_none_or(|wanted| self.decks.get(note).is_some_and(|decks| !decks.is_disjoint(wanted)))
        };
        candidates.iter().find(fits).map(|(_, _, note)| *note)
    }
}
