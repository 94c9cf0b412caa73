//! Some notes of a collection with what belongs to them, for packages. Cards and reviews that have lost their note belong to none.

use super::tables::{CARDS, NOTES, REVLOG};
use super::{Collection, SET_SIZE, cards, notes, revlog};
use crate::engine::{Row, Tx};
use crate::error::Result;
use crate::params;
use anki::model::{Card, Note, Review};
use futures_util::{Stream, StreamExt};
use std::collections::HashSet;

impl Collection<'_> {
    /// The notes with a card that is in one of these decks, or at home there while a filtered deck has it, by id.
    pub async fn notes_in_decks(&self, decks: &[i64]) -> Result<Vec<i64>> {
        let sql = "SELECT DISTINCT n.id FROM {c}.cards c JOIN {c}.notes n ON n.id = c.nid \
                   WHERE c.did IN ?? OR (c.odid <> 0 AND c.odid IN ??) ORDER BY n.id";
        self.query(sql, params![decks, decks]).await?.iter().map(|row| row.int(0)).collect()
    }

    /// Where cards of these notes, or of all, are: the deck, and that of their home if a filtered one has them, or 0.
    pub async fn places_of_cards(&self, notes: Option<&[i64]>) -> Result<HashSet<(i64, i64)>> {
        let place = |row: &Row| Ok((row.int(0)?, row.int(1)?));
        let Some(notes) = notes else {
            let sql = "SELECT DISTINCT did, odid FROM {c}.cards WHERE nid IN (SELECT id FROM {c}.notes)";
            return self.query(sql, vec![]).await?.iter().map(place).collect();
        };
        let mut places = HashSet::new();
        for part in notes.chunks(SET_SIZE) {
            for row in self.query("SELECT DISTINCT did, odid FROM {c}.cards WHERE nid IN ??", params![part]).await? {
                places.insert(place(&row)?);
            }
        }
        Ok(places)
    }

    /// The notetypes of these notes, or of all.
    pub async fn notetypes_of_notes(&self, notes: Option<&[i64]>) -> Result<HashSet<i64>> {
        let Some(notes) = notes else {
            return self.query("SELECT DISTINCT mid FROM {c}.notes", vec![]).await?.iter().map(|row| row.int(0)).collect();
        };
        let mut notetypes = HashSet::new();
        for part in notes.chunks(SET_SIZE) {
            for row in self.query("SELECT DISTINCT mid FROM {c}.notes WHERE id IN ??", params![part]).await? {
                notetypes.insert(row.int(0)?);
            }
        }
        Ok(notetypes)
    }

    /// Ids of the cards of notes, in order.
    pub async fn card_ids_of_notes(&self, notes: &[i64]) -> Result<Vec<i64>> {
        let mut ids = Vec::new();
        for part in notes.chunks(SET_SIZE) {
            for row in self.query("SELECT id FROM {c}.cards WHERE nid IN ??", params![part]).await? {
                ids.push(row.int(0)?);
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// Those of `ids` that exist, in the order of their ids.
    pub async fn stream_notes_among(tx: &Tx, schema: &str, ids: &[i64]) -> Result<impl Stream<Item = Result<Note>> + Send + use<>> {
        let sql = format!("SELECT {} FROM {schema}.notes WHERE id IN ?? ORDER BY id", NOTES.column_list());
        Ok(tx.stream(&sql, params![ids]).await?.map(|row| notes::from_row(&row?)))
    }

    /// Those of `ids` that exist, in the order of their ids.
    pub async fn stream_cards_among(tx: &Tx, schema: &str, ids: &[i64]) -> Result<impl Stream<Item = Result<Card>> + Send + use<>> {
        let sql = format!("SELECT {} FROM {schema}.cards WHERE id IN ?? ORDER BY id", CARDS.column_list());
        Ok(tx.stream(&sql, params![ids]).await?.map(|row| cards::from_row(&row?)))
    }

    /// The reviews of these cards, in the order of their ids.
    pub async fn stream_reviews_among(tx: &Tx, schema: &str, cards: &[i64]) -> Result<impl Stream<Item = Result<Review>> + Send + use<>> {
        let sql = format!("SELECT {} FROM {schema}.revlog WHERE cid IN ?? ORDER BY id", REVLOG.column_list());
        Ok(tx.stream(&sql, params![cards]).await?.map(|row| revlog::from_row(&row?)))
    }

    /// The cards of all notes, in the order of their ids.
    pub async fn stream_cards_of_notes(tx: &Tx, schema: &str) -> Result<impl Stream<Item = Result<Card>> + Send + use<>> {
        let sql = format!("SELECT {} FROM {schema}.cards WHERE nid IN (SELECT id FROM {schema}.notes) ORDER BY id", CARDS.column_list());
        Ok(tx.stream(&sql, vec![]).await?.map(|row| cards::from_row(&row?)))
    }

    /// The reviews of the cards of all notes, in the order of their ids.
    pub async fn stream_reviews_of_notes(tx: &Tx, schema: &str) -> Result<impl Stream<Item = Result<Review>> + Send + use<>> {
        let sql = format!(
            "SELECT {} FROM {schema}.revlog WHERE cid IN (SELECT c.id FROM {schema}.cards c JOIN {schema}.notes n ON n.id = c.nid) ORDER BY id",
            REVLOG.column_list()
        );
        Ok(tx.stream(&sql, vec![]).await?.map(|row| revlog::from_row(&row?)))
    }
}
