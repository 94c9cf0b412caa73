//! Loading a whole collection into the empty schema of a new generation.

use super::tables::{self, Ddl};
use super::{cards, config, graves, notes, objects, revlog, tags};
use crate::engine::{Db, RowEncoder};
use crate::error::{Result, StoreError};
use anki::model::{Card, ConfigEntry, Deck, Grave, Note, Notetype, Preset, Review, Tag};
use bytes::Bytes;
use futures_util::Stream;

/// Loads the tables of one generation. Each table is made, filled and only then indexed, which is several times faster than filling it
/// with its indexes in place. It is whole or not there at all. Several tables can be loaded at the same time.
pub struct Load<'a> {
    db: &'a Db,
    schema: &'a str,
}

/// Rows of one table, encoded for loading.
pub struct LoadRows(RowEncoder);

macro_rules! load_tables {
    ($($(#[$doc:meta])* $name:ident, $ddl:literal;)*) => {$(
        $(#[$doc])*
        pub async fn $name<E: From<StoreError>>(&self, rows: impl Stream<Item = Result<Bytes, E>>) -> Result<u64, E> {
            self.table($ddl, rows).await
        }
    )*};
}

impl<'a> Load<'a> {
    /// Prepares loading into `schema`, which exists and is empty.
    pub fn new(db: &'a Db, schema: &'a str) -> Self {
        Self { db, schema }
    }

    load_tables! {
        /// Fills `revlog`; answers the number of rows, as all of these do.
        reviews, "revlog";
        /// Fills `notes`.
        notes, "notes";
        /// Fills `cards`.
        cards, "cards";
        /// Fills `graves`.
        graves, "graves";
        /// Fills `notetypes`.
        notetypes, "notetypes";
        /// Fills `decks`.
        decks, "decks";
        /// Fills `deck_config`.
        presets, "deck_config";
        /// Fills `tags`.
        tags, "tags";
        /// Fills `config`.
        config, "config";
    }

    async fn table<E: From<StoreError>>(&self, name: &str, rows: impl Stream<Item = Result<Bytes, E>>) -> Result<u64, E> {
        let ddl: &Ddl =
            tables::ALL.iter().find(|ddl| ddl.table.name == name).ok_or_else(|| StoreError::Internal(format!("no table {name}")))?;
        match self.fill(ddl, rows).await {
            Ok(count) => Ok(count),
            Err(e) => {
                // Where DDL commits by itself, the table has stayed, and so may have some of its rows.
                let sql = format!("DROP TABLE IF EXISTS {}.{name}", self.schema);
                if let Err(e) = self.db.script(&sql).await {
                    tracing::warn!(error = %e, schema = self.schema, name, "a table that could not be loaded stays until its generation goes");
                }
                Err(e)
            }
        }
    }

    async fn fill<E: From<StoreError>>(&self, ddl: &Ddl, rows: impl Stream<Item = Result<Bytes, E>>) -> Result<u64, E> {
        let tx = self.db.begin().await?;
        tx.create_table(self.schema, ddl.table, ddl.columns).await?;
        let count = match tx.load(self.schema, ddl.table, rows, true).await {
            Ok(count) => count,
            Err(e) => {
                // If this fails too, the connection is gone, and the transaction with it.
                let _ = tx.rollback().await;
                return Err(e);
            }
        };
        tx.finish_table(self.schema, ddl.table, ddl.indexes).await?;
        tx.commit().await?;
        Ok(count)
    }
}

impl LoadRows {
    /// Starts with no rows.
    #[expect(clippy::new_without_default, reason = "made in one place, always explicitly")]
    pub fn new() -> Self {
        Self(RowEncoder::default())
    }

    /// Bytes collected since the last [`LoadRows::take`].
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Takes the rows collected so far, for the stream that is being loaded.
    pub fn take(&mut self) -> Bytes {
        self.0.take()
    }

    /// Appends a note.
    pub fn note(&mut self, note: &Note) {
        notes::encode(&mut self.0, note);
    }

    /// Appends a card.
    pub fn card(&mut self, card: &Card) {
        cards::encode(&mut self.0, card);
    }

    /// Appends a review.
    pub fn review(&mut self, review: &Review) {
        revlog::encode(&mut self.0, review);
    }

    /// Appends a grave.
    pub fn grave(&mut self, grave: &Grave) {
        graves::encode(&mut self.0, grave);
    }

    /// Appends a notetype.
    pub fn notetype(&mut self, notetype: &Notetype) {
        objects::encode_notetype(&mut self.0, notetype);
    }

    /// Appends a deck.
    pub fn deck(&mut self, deck: &Deck) {
        objects::encode_deck(&mut self.0, deck);
    }

    /// Appends a preset.
    pub fn preset(&mut self, preset: &Preset) {
        objects::encode_preset(&mut self.0, preset);
    }

    /// Appends a tag.
    pub fn tag(&mut self, tag: &Tag) {
        tags::encode(&mut self.0, tag);
    }

    /// Appends a config entry.
    pub fn config(&mut self, entry: &ConfigEntry) {
        config::encode(&mut self.0, entry);
    }
}
