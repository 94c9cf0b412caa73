//! Notetypes, decks and presets with the keys that they are stored under.

use super::super::objects::{deck_from_row, notetype_from_row, preset_from_row};
use super::super::tables::{DECKS, NOTETYPES, PRESETS};
use super::Collection;
use crate::error::Result;
use crate::params;
use anki::model::{Deck, Notetype, Preset};
use futures_util::{Stream, StreamExt};

macro_rules! streams {
    ($($name:ident, $object:ty, $table:ident, $from_row:ident;)*) => {$(
        /// Those from this id on, in the order of their ids, each with its stored name key.
        pub async fn $name(&self, first: i64) -> Result<impl Stream<Item = Result<($object, i64)>> + Send + use<>> {
            let sql = format!("SELECT {} FROM {{c}}.{} WHERE id >= ? ORDER BY id", $table.column_list(), $table.name);
            Ok(self.rows(&sql, params![first]).await?.map(|row| row.and_then(|row| Ok(($from_row(&row)?, row.int(2)?)))))
        }
    )*};
}

impl Collection<'_> {
    streams! {
        notetypes_from, Notetype, NOTETYPES, notetype_from_row;
        decks_from, Deck, DECKS, deck_from_row;
        presets_from, Preset, PRESETS, preset_from_row;
    }
}
