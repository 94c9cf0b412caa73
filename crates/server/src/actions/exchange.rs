//! What of a collection goes along with some of its cards into another one: clients gather the same when they write a package and when
//! they read one.

use super::edit_collection::cards::take_home;
use anki::file::Edited;
use anki::model::{Card, Deck, Preset};
use anki::names;
use anki::schema11::{self, SchemaError};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

/// Words that say something about the one who learned, not about the note.
const SYSTEM_TAGS: [&str; 2] = ["marked", "leech"];
/// The deck and the preset that every collection has.
const DEFAULT: i64 = 1;

/// What to take along besides notes, cards, notetypes and decks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// When cards are due, and how they were answered. Without it they become new.
    pub scheduling: bool,
    /// The presets of decks.
    pub presets: bool,
}

/// The decks and presets that go along with cards.
pub struct Gathered {
    /// In the state in which they go along, parents before children.
    pub decks: Vec<Deck>,
    pub presets: Vec<Preset>,
    /// Filtered decks stay such, and cards stay in them.
    pub keep_filtered: bool,
}

/// Finds what goes along with cards in these places: the deck that they are in, and the one where they are at home, or 0.
///
/// # Errors
/// When the JSON of a deck or preset is not that of one.
pub fn gather(decks: &[Deck], presets: Vec<Preset>, places: &HashSet<(i64, i64)>, extent: Extent) -> Result<Gathered, SchemaError> {
    let decks = wanted_decks(decks, places, extent.scheduling);
    let keep_filtered = extent.scheduling && are_at_home(places, &decks);
    let presets = if extent.presets { wanted_presets(presets, &decks, extent.scheduling)? } else { Vec::new() };
    let decks = decks.into_iter().map(|deck| prepared(deck, extent, keep_filtered, &presets)).collect::<Result<_, _>>()?;
    Ok(Gathered { decks, presets, keep_filtered })
}

/// Tags of a note without those that say something about the one who learned.
pub fn without_system_tags(tags: &str) -> impl Iterator<Item = &str> {
    names::split_tags(tags).filter(|tag| !SYSTEM_TAGS.iter().any(|system| tag.eq_ignore_ascii_case(system)))
}

/// What becomes of a card on its way.
#[derive(Debug, Clone, Copy)]
pub struct CardRewrite {
    pub scheduling: bool,
    pub keep_filtered: bool,
    /// Position of the next new card that has none.
    pub position: i64,
}

impl CardRewrite {
    pub fn apply(&mut self, card: &mut Card) {
        if !self.scheduling {
            make_new(card, &mut self.position);
        } else if !self.keep_filtered && card.original_deck_id != 0 {
            // The deck becomes a normal one, and the card's home.
            let deck = card.deck_id;
            take_home(card);
            card.deck_id = deck;
        }
    }
}

/// Forgets that a card was ever studied. It stays in its deck.
fn make_new(card: &mut Card, position: &mut i64) {
    let mut data: Map<String, Value> = serde_json::from_str(&card.data).unwrap_or_default();
    let had = if card.kind == 0 {
        Some(if card.original_deck_id == 0 { card.due } else { card.original_due })
    } else {
        data.get("pos").and_then(Value::as_i64)
    };
    card.due = had.unwrap_or_else(|| {
        *position += 1;
        *position - 1
    });
    let keys = data.len();
    data.retain(|key, _| !matches!(key.as_str(), "pos" | "s" | "d"));
    if data.len() != keys {
        card.data = Value::from(data).to_string();
    }
    (card.kind, card.queue, card.interval, card.factor, card.reps, card.lapses) = (0, 0, 0, 0, 0, 0);
    (card.original_deck_id, card.original_due, card.flags) = (0, 0, 0);
}

/// The decks that cards are in, or are at home in, and those above them.
fn wanted_decks(all: &[Deck], places: &HashSet<(i64, i64)>, with_scheduling: bool) -> Vec<Deck> {
    let mut ids: HashSet<i64> = places.iter().map(|(deck, _)| *deck).collect();
    if with_scheduling {
        ids.extend(places.iter().map(|(_, home)| *home));
    }
    let by_name: HashMap<i64, &Deck> = all.iter().map(|deck| (names::key(&deck.name), deck)).collect();
    let mut wanted: Vec<&Deck> = all.iter().filter(|deck| ids.contains(&deck.id)).collect();
    let mut at = 0;
    while let Some(deck) = wanted.get(at) {
        let mut above = deck.name.as_str();
        while let Some(parent) = names::parent_deck_name(above) {
            if let Some(deck) = by_name.get(&names::key(parent)).filter(|deck| !ids.contains(&deck.id)) {
                ids.insert(deck.id);
                wanted.push(deck);
            }
            above = parent;
        }
        at += 1;
    }
    let mut wanted: Vec<Deck> = wanted.into_iter().filter(|deck| with_scheduling || deck.id != DEFAULT).cloned().collect();
    wanted.sort_by_key(|deck| deck.name.split("::").count());
    wanted
}

/// Whether the decks that cards are in, or come from, all go along.
fn are_at_home(places: &HashSet<(i64, i64)>, decks: &[Deck]) -> bool {
    let all: HashSet<i64> = decks.iter().map(|deck| deck.id).collect();
    let normal: HashSet<i64> = decks.iter().filter(|deck| !is_filtered(&value(&deck.json))).map(|deck| deck.id).collect();
    places.iter().all(|(deck, home)| (*home == 0 && normal.contains(deck)) || *home == DEFAULT || all.contains(home))
}

fn wanted_presets(all: Vec<Preset>, decks: &[Deck], with_scheduling: bool) -> Result<Vec<Preset>, SchemaError> {
    let used: HashSet<i64> = decks.iter().filter_map(|deck| value(&deck.json)["conf"].as_i64()).collect();
    let mut wanted: Vec<Preset> = all.into_iter().filter(|preset| used.contains(&preset.id)).collect();
    if !with_scheduling {
        for preset in &mut wanted {
            let mut json = object(&preset.json)?;
            // What was computed from the reviews, which stay behind.
            for key in ["fsrsWeights", "fsrsParams5", "fsrsParams6"] {
                if json.contains_key(key) {
                    json.insert(key.to_owned(), json!([]));
                }
            }
            let mut new = schema11::preset(json)?;
            new.keep_extra_of(preset)?;
            *preset = new;
        }
    }
    Ok(wanted)
}

/// A deck without what stays behind.
fn prepared(mut deck: Deck, extent: Extent, keep_filtered: bool, presets: &[Preset]) -> Result<Deck, SchemaError> {
    let mut json = object(&deck.json)?;
    let filtered = is_filtered(&Value::Object(json.clone()));
    if !extent.scheduling {
        for key in ["lrnToday", "revToday", "newToday", "timeToday"] {
            json.insert(key.to_owned(), json!([0, 0]));
        }
        json.insert("collapsed".to_owned(), false.into());
        json.insert("browserCollapsed".to_owned(), false.into());
    }
    if filtered && !keep_filtered {
        json.retain(|key, _| {
            matches!(
                key.as_str(),
                "id" | "name" | "mod" | "usn" | "lrnToday" | "revToday" | "newToday" | "timeToday" | "collapsed" | "browserCollapsed"
            )
        });
        for (key, value) in
            [("dyn", json!(0)), ("desc", json!("")), ("conf", json!(DEFAULT)), ("extendNew", json!(0)), ("extendRev", json!(0))]
        {
            json.insert(key.to_owned(), value);
        }
        for key in ["reviewLimit", "newLimit", "reviewLimitToday", "newLimitToday", "desiredRetention"] {
            json.insert(key.to_owned(), Value::Null);
        }
        deck.extra = None;
    } else if !filtered {
        if json.get("conf").and_then(Value::as_i64).is_none_or(|conf| !presets.iter().any(|preset| preset.id == conf)) {
            json.insert("conf".to_owned(), DEFAULT.into());
        }
        if !extent.scheduling {
            for (key, value) in [
                ("extendNew", json!(0)),
                ("extendRev", json!(0)),
                ("reviewLimit", Value::Null),
                ("newLimit", Value::Null),
                ("reviewLimitToday", Value::Null),
                ("newLimitToday", Value::Null),
            ] {
                json.insert(key.to_owned(), value);
            }
        }
    }
    let mut new = schema11::deck(json)?;
    new.keep_extra_of(&deck)?;
    Ok(new)
}

fn object(json: &str) -> Result<Map<String, Value>, SchemaError> {
    serde_json::from_str(json).map_err(|e| SchemaError { path: "json".to_owned(), problem: e.to_string() })
}

/// An object's JSON, of which nothing is there if it is damaged.
pub fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

/// Whether the JSON of a deck is that of a filtered one.
pub fn is_filtered(json: &Value) -> bool {
    schema11::is_filtered(&json["dyn"])
}
