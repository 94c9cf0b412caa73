//! What a search needs to know of the collection: names, settings, and what day it is.

use super::timing::Timing;

/// Names and settings of a collection at the moment of a search.
#[derive(Debug, Clone)]
pub struct Context {
    pub decks: Vec<DeckNames>,
    /// Id and name.
    pub presets: Vec<(i64, String)>,
    pub notetypes: Vec<NotetypeNames>,
    /// Config `curDeck`.
    pub current_deck: i64,
    pub timing: Timing,
    /// Config `collapseTime`: seconds by which cards that are being learnt count as due early.
    pub learn_ahead: i64,
    /// Config `normalize_note_text`.
    pub normalize: bool,
    /// Config `ignoreAccentsInSearch`.
    pub ignore_accents: bool,
}

#[derive(Debug, Clone)]
pub struct DeckNames {
    pub id: i64,
    /// With `::` between its levels.
    pub name: String,
    /// None for a filtered deck.
    pub preset: Option<i64>,
}

#[derive(Debug, Clone)]
pub struct NotetypeNames {
    pub id: i64,
    pub name: String,
    pub is_cloze: bool,
    pub sort_field: usize,
    pub fields: Vec<FieldNames>,
    pub templates: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct FieldNames {
    pub name: String,
    /// Not looked at by searches that do not name it.
    pub excluded: bool,
}
