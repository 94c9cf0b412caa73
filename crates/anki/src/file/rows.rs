//! The three big tables: notes, cards and reviews.

use std::collections::HashMap;

use super::{CollectionFile, FileError, Repairs, cells::Cells};
use crate::{
    model::{Card, Note, Review},
    text,
};

const NOTES: &str = "SELECT notes.id, notes.guid, notes.mid, notes.mod, notes.usn, notes.tags, notes.flds, notes.flags, notes.data FROM notes ORDER BY notes.id";

const CARDS: &str = "SELECT cards.id, cards.nid, cards.did, cards.ord, cards.mod, cards.usn, cards.type, cards.queue, cards.due, \
    cards.ivl, cards.factor, cards.reps, cards.lapses, cards.left, cards.odue, cards.odid, cards.flags, cards.data \
    FROM cards ORDER BY cards.id";

const REVIEWS: &str = "SELECT revlog.id, revlog.cid, revlog.usn, revlog.ease, revlog.ivl, revlog.lastIvl, revlog.factor, \
    revlog.time, revlog.type FROM revlog ORDER BY revlog.id";

impl CollectionFile {
    /// Hands out every note in the order of ids, in one reused [`Note`].
    ///
    /// Sort text and checksum are computed, not read.
    ///
    /// # Errors
    /// When the file cannot be read, or `take` fails.
    pub fn for_each_note<E: From<FileError>>(&self, take: impl FnMut(&Note) -> Result<(), E>) -> Result<(), E> {
        let found = self.find_notetypes()?;
        let sort_fields: HashMap<i64, i32> = found.notetypes.iter().map(|notetype| (notetype.id, notetype.sort_field)).collect();
        let mut last = None;
        let fill = |note: &mut Note, cells: &mut Cells<'_, '_>| {
            note.id = cells.integer(0)?;
            cells.text(1, &mut note.guid)?;
            note.notetype_id = match (cells.integer(2)?, found.instead_of_zero) {
                (0, Some(id)) => id,
                (id, _) => id,
            };
            note.mtime = cells.integer(3)?;
            note.usn = cells.usn(4)?;
            cells.text(5, &mut note.tags)?;
            cells.text(6, &mut note.fields)?;
            note.flags = cells.integer(7)?;
            cells.text(8, &mut note.data)?;

            // Neighbours mostly have the same notetype.
            let sort_field = match last {
                Some((id, sort_field)) if id == note.notetype_id => sort_field,
                _ => sort_fields.get(&note.notetype_id).copied(),
            };
            last = Some((note.notetype_id, sort_field));
            cells.repairs.notes_without_notetype += u64::from(sort_field.is_none());
            (note.sort_field, note.checksum) = text::derive(&note.fields, sort_field.unwrap_or(0));
            Ok(note.id)
        };
        self.for_each(NOTES, Note::default(), fill, take)
    }

    /// Hands out every card in the order of ids, in one reused [`Card`].
    ///
    /// # Errors
    /// When the file cannot be read, or `take` fails.
    pub fn for_each_card<E: From<FileError>>(&self, take: impl FnMut(&Card) -> Result<(), E>) -> Result<(), E> {
        let fill = |card: &mut Card, cells: &mut Cells<'_, '_>| {
            card.id = cells.integer(0)?;
            card.note_id = cells.integer(1)?;
            card.deck_id = cells.integer(2)?;
            card.ord = cells.integer(3)?;
            card.mtime = cells.integer(4)?;
            card.usn = cells.usn(5)?;
            card.kind = cells.integer(6)?;
            card.queue = cells.integer(7)?;
            card.due = cells.integer(8)?;
            card.interval = cells.integer(9)?;
            card.factor = cells.integer(10)?;
            card.reps = cells.integer(11)?;
            card.lapses = cells.integer(12)?;
            card.left = cells.integer(13)?;
            card.original_due = cells.integer(14)?;
            card.original_deck_id = cells.integer(15)?;
            card.flags = cells.integer(16)?;
            cells.text(17, &mut card.data)?;
            Ok(card.id)
        };
        self.for_each(CARDS, Card::default(), fill, take)
    }

    /// Hands out every review in the order of ids, in one reused [`Review`].
    ///
    /// # Errors
    /// When the file cannot be read, or `take` fails.
    pub fn for_each_review<E: From<FileError>>(&self, take: impl FnMut(&Review) -> Result<(), E>) -> Result<(), E> {
        let fill = |review: &mut Review, cells: &mut Cells<'_, '_>| {
            review.id = cells.integer(0)?;
            review.card_id = cells.integer(1)?;
            review.usn = cells.usn(2)?;
            review.ease = cells.integer(3)?;
            review.interval = cells.integer(4)?;
            review.last_interval = cells.integer(5)?;
            review.factor = cells.integer(6)?;
            review.time = cells.integer(7)?;
            review.kind = cells.integer(8)?;
            Ok(review.id)
        };
        self.for_each(REVIEWS, Review::default(), fill, take)
    }

    /// Runs a query that is ordered by id, fills `item` from each row and hands it out. `fill` returns the row's id; a row with
    /// the id of its predecessor, which only a table without a primary key can hold, is left out.
    fn for_each<T, E: From<FileError>>(
        &self,
        query: &str,
        mut item: T,
        mut fill: impl FnMut(&mut T, &mut Cells<'_, '_>) -> rusqlite::Result<i64>,
        mut take: impl FnMut(&T) -> Result<(), E>,
    ) -> Result<(), E> {
        let connection = self.connect()?;
        let refuse = |error| E::from(connection.refuse(error));
        let mut statement = connection.sqlite().prepare(query).map_err(refuse)?;
        let mut rows = statement.query([]).map_err(refuse)?;
        let mut repairs = Repairs::default();
        let mut last_id = None;
        while let Some(row) = rows.next().map_err(refuse)? {
            let id = fill(&mut item, &mut Cells { row, repairs: &mut repairs, usn: self.usn() }).map_err(refuse)?;
            if last_id.replace(id) == Some(id) {
                repairs.duplicates += 1;
            } else {
                take(&item)?;
            }
        }
        self.report(&repairs);
        Ok(())
    }
}
