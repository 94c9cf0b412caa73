//! The collection in a package, and which of its objects come along.

use super::{Lots, MergeOptions};
use crate::actions::collection_config::CollectionConfig;
use crate::actions::collection_file::Lot;
use anki::file::{CollectionFile, FileError};
use anki::model::{Card, Deck, Note, Notetype, Preset, Review};
use anki::names;
use anki::schema11;
use anki::search::DayRules;
use anki::text::{rename_media, split_fields};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Rows that are handed over at a time.
const LOT: usize = 2_000;
/// Words that say something about the one who learned, not about the note.
const SYSTEM_TAGS: [&str; 2] = ["marked", "leech"];
/// The deck that every collection has.
const DEFAULT_DECK: i64 = 1;

/// A package's collection, made ready for a merge.
pub struct Source {
    file: Arc<CollectionFile>,
    options: MergeOptions,
    pub(super) notetypes: Vec<Notetype>,
    /// In the state in which they come along, parents before children.
    pub(super) decks: Vec<Deck>,
    pub(super) presets: Vec<Preset>,
    /// Names of media that notes refer to, as notes have them.
    pub references: HashSet<String>,
    rules: DayRules,
    rewrite: Arc<Rewrite>,
}

/// Why a package's collection is refused.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the package is damaged: {0}")]
    Damaged(String),
}

impl From<schema11::SchemaError> for SourceError {
    fn from(error: schema11::SchemaError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// What is done to rows on their way.
struct Rewrite {
    with_scheduling: bool,
    /// Filtered decks stay, and cards stay in them.
    keep_filtered: bool,
    /// For a package of the first scheduler, what its filtered decks say.
    first_scheduler: Option<HashMap<i64, OldFiltered>>,
    /// Position of the first new card that has none.
    position: i64,
}

/// A filtered deck of the first scheduler.
struct OldFiltered {
    reschedules: bool,
}

impl Source {
    /// Looks through a collection that has been found good. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read, or notes name notetypes that are not there.
    pub fn new(file: CollectionFile, options: MergeOptions) -> Result<Self, SourceError> {
        let config = CollectionConfig::new(file.config()?);
        let rules = config.day_rules(file.stamps().created);
        let all_notetypes = file.notetypes()?;
        let field_counts: HashMap<i64, usize> =
            all_notetypes.iter().map(|n| (n.id, usize::try_from(n.field_count).unwrap_or_default().max(1))).collect();
        let (mut used, mut references) = (HashSet::new(), HashSet::new());
        file.for_each_note(|note| {
            let fields = anki::text::field_count(&note.fields);
            match field_counts.get(&note.notetype_id) {
                None => return Err(SourceError::Damaged(format!("note {} has a notetype that is not there", note.id))),
                Some(wanted) if *wanted != fields => {
                    return Err(SourceError::Damaged(format!("note {} has {fields} fields, its notetype {wanted}", note.id)));
                }
                Some(_) => {}
            }
            used.insert(note.notetype_id);
            for field in split_fields(&note.fields) {
                rename_media(field, |name| {
                    references.insert(name.to_owned());
                    None
                });
            }
            Ok(())
        })?;
        let (mut places, mut studied) = (HashSet::new(), false);
        file.for_each_card(|card| {
            places.insert((card.deck_id, card.original_deck_id));
            studied |= card.queue != 0;
            Ok::<_, FileError>(())
        })?;
        let all_decks = file.decks()?;
        let decks = wanted_decks(&all_decks, &places, options.with_scheduling);
        let keep_filtered = options.with_scheduling && places.iter().all(|place| is_at_home(*place, &decks));
        let presets = if options.with_presets { wanted_presets(file.presets()?, &decks, options.with_scheduling)? } else { Vec::new() };
        let first_scheduler = (rules.scheduler < 2 && studied).then(|| {
            let filtered = all_decks.iter().map(|deck| (deck.id, value(&deck.json))).filter(|(_, json)| is_filtered(json));
            filtered.map(|(id, json)| (id, OldFiltered { reschedules: json["resched"] != false })).collect()
        });
        let decks = decks.into_iter().map(|deck| prepared(deck, options, keep_filtered)).collect::<Result<_, _>>()?;
        let position = config.int("nextPos").unwrap_or(1).max(0);
        let rewrite = Rewrite { with_scheduling: options.with_scheduling, keep_filtered, first_scheduler, position };
        Ok(Self {
            notetypes: all_notetypes.into_iter().filter(|notetype| used.contains(&notetype.id)).collect(),
            decks,
            presets,
            references,
            rules,
            rewrite: Arc::new(rewrite),
            options,
            file: Arc::new(file),
        })
    }

    /// Which day it is in the package, for someone who is where the owner of a collection with these rules is.
    pub(super) fn today(&self, here: &DayRules, now: i64) -> i64 {
        DayRules { local_offset: here.local_offset.or(here.creation_offset), scheduler: 2, ..self.rules }.at(now).today
    }

    /// Begins to read its rows: notes, cards, reviews, as they shall arrive.
    pub(super) fn read(&self) -> Lots {
        let (sender, lots) = mpsc::channel(2);
        let (file, rewrite, options) = (self.file.clone(), self.rewrite.clone(), self.options);
        let reader = tokio::task::spawn_blocking(move || {
            // When nobody takes them any more, the change was given up for a reason of its own.
            let stopped = |_| FileError::Stopped;
            let mut batch: Vec<Note> = Vec::new();
            file.for_each_note(|note| {
                batch.push(rewrite.note(note));
                if batch.len() < LOT { Ok(()) } else { sender.blocking_send(Lot::Notes(std::mem::take(&mut batch))).map_err(stopped) }
            })?;
            sender.blocking_send(Lot::Notes(batch)).map_err(stopped)?;
            let mut batch: Vec<Card> = Vec::new();
            let mut position = rewrite.position;
            file.for_each_card(|card| {
                batch.push(rewrite.card(card, &mut position));
                if batch.len() < LOT { Ok(()) } else { sender.blocking_send(Lot::Cards(std::mem::take(&mut batch))).map_err(stopped) }
            })?;
            sender.blocking_send(Lot::Cards(batch)).map_err(stopped)?;
            if options.with_scheduling {
                let mut batch: Vec<Review> = Vec::new();
                file.for_each_review(|review| {
                    batch.push(rewrite.review(review));
                    if batch.len() < LOT { Ok(()) } else { sender.blocking_send(Lot::Reviews(std::mem::take(&mut batch))).map_err(stopped) }
                })?;
                sender.blocking_send(Lot::Reviews(batch)).map_err(stopped)?;
            }
            Ok(())
        });
        Lots { lots, reader: Some(reader) }
    }
}

impl Rewrite {
    fn note(&self, note: &Note) -> Note {
        let mut note = note.clone();
        if !self.with_scheduling {
            let tags = names::split_tags(&note.tags).filter(|tag| !SYSTEM_TAGS.iter().any(|system| tag.eq_ignore_ascii_case(system)));
            note.tags = tags.collect::<Vec<_>>().join(" ");
        }
        // Clients keep nothing there.
        (note.flags, note.data) = (0, String::new());
        note
    }

    fn card(&self, card: &Card, position: &mut i64) -> Card {
        let mut card = card.clone();
        if let Some(filtered) = &self.first_scheduler {
            upgrade(&mut card, filtered);
        }
        if !self.with_scheduling {
            make_new(&mut card, position);
        } else if !self.keep_filtered && card.original_deck_id != 0 {
            // The deck becomes a normal one, and the card's home.
            let deck = card.deck_id;
            super::super::cards::take_home(&mut card);
            card.deck_id = deck;
        }
        card
    }

    fn review(&self, review: &Review) -> Review {
        let mut review = review.clone();
        // The first scheduler had three buttons in learning, of which the second was "good".
        if self.first_scheduler.is_some() && matches!(review.kind, 0 | 2) && matches!(review.ease, 2 | 3) {
            review.ease += 1;
        }
        review
    }
}

/// As clients upgrade a card to the second scheduler.
fn upgrade(card: &mut Card, filtered: &HashMap<i64, OldFiltered>) {
    if card.kind == 2 && matches!(card.queue, 1 | 3) {
        card.kind = 3;
    }
    let Some(deck) = filtered.get(&card.deck_id).filter(|_| card.original_deck_id != 0) else { return };
    if deck.reschedules {
        if card.queue == 0 && card.kind != 0 {
            card.queue = super::super::cards::queue_of(card);
        }
    } else {
        if card.queue == 0 {
            card.queue = 2;
        }
        if card.kind == 1 {
            (card.queue, card.kind) = (4, 0);
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
    let mut wanted: Vec<Deck> = wanted.into_iter().filter(|deck| with_scheduling || deck.id != DEFAULT_DECK).cloned().collect();
    wanted.sort_by_key(|deck| deck.name.split("::").count());
    wanted
}

/// Whether the deck that a card is in, or comes from, is in the package.
fn is_at_home((deck, home): (i64, i64), decks: &[Deck]) -> bool {
    let normal = home == 0 && decks.iter().any(|d| d.id == deck && !is_filtered(&value(&d.json)));
    normal || home == DEFAULT_DECK || decks.iter().any(|d| d.id == home)
}

fn wanted_presets(all: Vec<Preset>, decks: &[Deck], with_scheduling: bool) -> Result<Vec<Preset>, SourceError> {
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
            let extra = preset.extra.take();
            *preset = schema11::preset(json)?;
            preset.extra = extra;
        }
    }
    Ok(wanted)
}

/// A deck without what stays behind.
fn prepared(mut deck: Deck, options: MergeOptions, keep_filtered: bool) -> Result<Deck, SourceError> {
    let mut json = object(&deck.json)?;
    let filtered = is_filtered(&Value::Object(json.clone()));
    if !options.with_scheduling {
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
            [("dyn", json!(0)), ("desc", json!("")), ("conf", json!(DEFAULT_DECK)), ("extendNew", json!(0)), ("extendRev", json!(0))]
        {
            json.insert(key.to_owned(), value);
        }
        deck.extra = None;
    } else if !filtered {
        if !options.with_presets {
            json.insert("conf".to_owned(), DEFAULT_DECK.into());
        }
        if !options.with_scheduling {
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
    let extra = deck.extra.take();
    let mut deck = schema11::deck(json)?;
    deck.extra = extra;
    Ok(deck)
}

pub(super) fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

pub(super) fn is_filtered(json: &Value) -> bool {
    schema11::is_filtered(&json["dyn"])
}

fn object(json: &str) -> Result<Map<String, Value>, SourceError> {
    serde_json::from_str(json).map_err(|e| SourceError::Damaged(e.to_string()))
}
