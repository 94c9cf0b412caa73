//! Rows by their ids and relations, for whoever changes or shows single ones.

use super::tables::{CARDS, DECKS, NOTES, NOTETYPES, PRESETS};
use super::{Collection, SET_SIZE, cards, notes, objects};
use crate::engine::Row;
use crate::error::{Result, StoreError};
use crate::params;
use anki::model::{Card, Deck, Note, Notetype, Preset};
use anki::names;

impl Collection<'_> {
    /// Those of `ids` that exist, in no order.
    pub async fn notes_by_id(&self, ids: &[i64]) -> Result<Vec<Note>> {
        let sql = format!("SELECT {} FROM {{c}}.notes WHERE id IN ??", NOTES.column_list());
        let mut found = Vec::with_capacity(ids.len());
        for part in ids.chunks(SET_SIZE) {
            for row in self.query(&sql, params![part]).await? {
                found.push(notes::from_row(&row)?);
            }
        }
        Ok(found)
    }

    /// Notes with an id above `after`, in the order of their ids.
    pub async fn notes_after(&self, after: i64, limit: i64) -> Result<Vec<Note>> {
        let sql = format!("SELECT {} FROM {{c}}.notes WHERE id > ? ORDER BY id LIMIT ?", NOTES.column_list());
        self.query(&sql, params![after, limit]).await?.iter().map(notes::from_row).collect()
    }

    /// What tells notes with an id above `after` from others, in the order of their ids.
    pub async fn note_identities(&self, after: i64, limit: i64) -> Result<Vec<NoteIdentity>> {
        let sql = "SELECT id, guid, modified, mid FROM {c}.notes WHERE id > ? ORDER BY id LIMIT ?";
        let identity = |row: &Row| Ok(NoteIdentity { id: row.int(0)?, guid: row.text(1)?, modified: row.int(2)?, notetype: row.int(3)? });
        self.query(sql, params![after, limit]).await?.iter().map(identity).collect()
    }

    /// Ids of all notes.
    pub async fn note_ids(&self) -> Result<Vec<i64>> {
        self.ids("SELECT id FROM {c}.notes ORDER BY id", vec![]).await
    }

    /// Identities of all notes.
    pub async fn guids(&self) -> Result<Vec<String>> {
        self.query("SELECT guid FROM {c}.notes", vec![]).await?.iter().map(|row| row.text(0)).collect()
    }

    /// Ids of the notes of a notetype.
    pub async fn notes_of_notetype(&self, notetype: i64) -> Result<Vec<i64>> {
        self.ids("SELECT id FROM {c}.notes WHERE mid = ? ORDER BY id", params![notetype]).await
    }

    /// Id and tags of all notes that have any.
    pub async fn note_tags(&self) -> Result<Vec<(i64, String)>> {
        let rows = self.query("SELECT id, tags FROM {c}.notes WHERE tags <> ''", vec![]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, row.text(1)?))).collect()
    }

    /// Notes whose first field has one of these checksums: those that may be duplicates.
    pub async fn notes_by_checksum(&self, checksums: &[i64]) -> Result<Vec<Note>> {
        let sql = format!("SELECT {} FROM {{c}}.notes WHERE csum IN ??", NOTES.column_list());
        let mut found = Vec::new();
        for part in checksums.chunks(SET_SIZE) {
            for row in self.query(&sql, params![part]).await? {
                found.push(notes::from_row(&row)?);
            }
        }
        Ok(found)
    }

    /// Those of `ids` that exist, in no order.
    pub async fn cards_by_id(&self, ids: &[i64]) -> Result<Vec<Card>> {
        self.cards_where("id", ids).await
    }

    /// The cards of notes, by ordinal.
    pub async fn cards_of_notes(&self, notes: &[i64]) -> Result<Vec<Card>> {
        let mut found = self.cards_where("nid", notes).await?;
        found.sort_by_key(|card| (card.note_id, card.ord, card.id));
        Ok(found)
    }

    /// The cards that are in one of these decks, or at home there while a filtered deck has them. The second kind has no index, so one
    /// says whether there can be any.
    pub async fn cards_of_decks(&self, decks: &[i64], with_filtered: bool) -> Result<Vec<Card>> {
        let mut found = self.cards_where("did", decks).await?;
        if with_filtered {
            let mut borrowed = self.cards_where("odid", decks).await?;
            borrowed.retain(|card| !decks.contains(&card.deck_id));
            found.append(&mut borrowed);
        }
        Ok(found)
    }

    async fn cards_where(&self, column: &str, ids: &[i64]) -> Result<Vec<Card>> {
        let sql = format!("SELECT {} FROM {{c}}.cards WHERE {column} IN ??", CARDS.column_list());
        let mut found = Vec::new();
        for part in ids.chunks(SET_SIZE) {
            for row in self.query(&sql, params![part]).await? {
                found.push(cards::from_row(&row)?);
            }
        }
        Ok(found)
    }

    /// Cards with an id above `after`, in the order of their ids.
    pub async fn cards_after(&self, after: i64, limit: i64) -> Result<Vec<Card>> {
        let sql = format!("SELECT {} FROM {{c}}.cards WHERE id > ? ORDER BY id LIMIT ?", CARDS.column_list());
        self.query(&sql, params![after, limit]).await?.iter().map(cards::from_row).collect()
    }

    /// How many cards of each deck there are.
    pub async fn cards_by_deck(&self) -> Result<Vec<(i64, i64)>> {
        let rows = self.query("SELECT did, COUNT(*) FROM {c}.cards GROUP BY did", vec![]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, row.int(1)?))).collect()
    }

    /// How many cards of these decks have which due, from one to before another.
    pub async fn dues_of_decks(&self, decks: &[i64], from: i64, until: i64) -> Result<Vec<(i64, i64)>> {
        let sql = "SELECT due, COUNT(*) FROM {c}.cards WHERE due >= ? AND due < ? AND did IN ?? GROUP BY due";
        let rows = self.query(sql, params![from, until, decks]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, row.int(1)?))).collect()
    }

    /// How many notes of each notetype there are.
    pub async fn notes_by_notetype(&self) -> Result<Vec<(i64, i64)>> {
        let rows = self.query("SELECT mid, COUNT(*) FROM {c}.notes GROUP BY mid", vec![]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, row.int(1)?))).collect()
    }

    /// The smallest id that is at least `wanted` and above all ids of `table` from there on, so that a series can begin with it.
    pub async fn free_id(&self, table: FreeId, wanted: i64) -> Result<i64> {
        let sql = format!("SELECT MAX(id) FROM {{c}}.{} WHERE id >= ?", table.name());
        let rows = self.query(&sql, params![wanted]).await?;
        let highest = rows.first().map(|row| row.opt_int(0)).transpose()?.flatten();
        highest.map_or(Ok(wanted), |highest| {
            highest.checked_add(1).ok_or_else(|| StoreError::Internal("the highest possible id is taken, so there is none above it".into()))
        })
    }

    /// Those of `ids` that exist.
    pub async fn notetypes_by_id(&self, ids: &[i64]) -> Result<Vec<Notetype>> {
        let sql = format!("SELECT {} FROM {{c}}.notetypes WHERE id IN ??", NOTETYPES.column_list());
        self.query(&sql, params![ids]).await?.iter().map(objects::notetype_from_row).collect()
    }

    /// The notetypes with one of these names, compared as Anki does.
    pub async fn notetypes_by_name(&self, wanted: &[String]) -> Result<Vec<Notetype>> {
        let keys: Vec<i64> = wanted.iter().map(|name| names::key(name)).collect();
        let sql = format!("SELECT {} FROM {{c}}.notetypes WHERE name_key IN ??", NOTETYPES.column_list());
        self.query(&sql, params![keys]).await?.iter().map(objects::notetype_from_row).collect()
    }

    /// Those of `ids` that exist.
    pub async fn decks_by_id(&self, ids: &[i64]) -> Result<Vec<Deck>> {
        let sql = format!("SELECT {} FROM {{c}}.decks WHERE id IN ??", DECKS.column_list());
        self.query(&sql, params![ids]).await?.iter().map(objects::deck_from_row).collect()
    }

    /// Those of `ids` that exist.
    pub async fn presets_by_id(&self, ids: &[i64]) -> Result<Vec<Preset>> {
        let sql = format!("SELECT {} FROM {{c}}.deck_config WHERE id IN ??", PRESETS.column_list());
        self.query(&sql, params![ids]).await?.iter().map(objects::preset_from_row).collect()
    }

    /// Takes registered tags away, whatever their case.
    pub async fn delete_tags(&self, tags: &[String]) -> Result<u64> {
        let keys: Vec<i64> = tags.iter().map(|name| names::key(name)).collect();
        self.execute("DELETE FROM {c}.tags WHERE name_key IN ??", params![keys]).await
    }

    async fn ids(&self, sql: &str, params: Vec<crate::engine::Value>) -> Result<Vec<i64>> {
        self.query(sql, params).await?.iter().map(|row| row.int(0)).collect()
    }
}

/// What an import knows a note by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteIdentity {
    pub id: i64,
    pub guid: String,
    /// Seconds since the epoch.
    pub modified: i64,
    pub notetype: i64,
}

/// The tables whose ids are moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreeId {
    Notes,
    Cards,
    Reviews,
    Notetypes,
    Decks,
    Presets,
}

impl FreeId {
    fn name(self) -> &'static str {
        match self {
            Self::Notes => "notes",
            Self::Cards => "cards",
            Self::Reviews => "revlog",
            Self::Notetypes => "notetypes",
            Self::Decks => "decks",
            Self::Presets => "deck_config",
        }
    }
}
