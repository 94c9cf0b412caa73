//! The collection in a package, and which of its objects come along.

use super::{Lots, MergeOptions};
use crate::actions::collection_config::CollectionConfig;
use crate::actions::collection_file::Lot;
use crate::actions::exchange::{CardRewrite, Extent, Gathered, gather, is_filtered, value, without_system_tags};
use anki::file::{CollectionFile, FileError};
use anki::model::{Card, Deck, Note, Notetype, Preset, Review};
use anki::schema11;
use anki::search::DayRules;
use anki::text::{rename_media, split_fields};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Rows that are handed over at a time.
const LOT: usize = 2_000;

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
    cards: CardRewrite,
    /// For a package of the first scheduler, what its filtered decks say.
    first_scheduler: Option<HashMap<i64, OldFiltered>>,
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
        let extent = Extent { scheduling: options.with_scheduling, presets: options.with_presets };
        let Gathered { decks, presets, keep_filtered } = gather(&all_decks, file.presets()?, &places, extent)?;
        let first_scheduler = (rules.scheduler < 2 && studied).then(|| {
            let filtered = all_decks.iter().map(|deck| (deck.id, value(&deck.json))).filter(|(_, json)| is_filtered(json));
            filtered.map(|(id, json)| (id, OldFiltered { reschedules: json["resched"] != false })).collect()
        });
        let position = config.int("nextPos").unwrap_or(1).max(0);
        let cards = CardRewrite { scheduling: options.with_scheduling, keep_filtered, position };
        let rewrite = Rewrite { cards, first_scheduler };
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
            let mut cards = rewrite.cards;
            file.for_each_card(|card| {
                batch.push(rewrite.card(card, &mut cards));
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
        if !self.cards.scheduling {
            note.tags = without_system_tags(&note.tags).collect::<Vec<_>>().join(" ");
        }
        // Clients keep nothing there.
        (note.flags, note.data) = (0, String::new());
        note
    }

    fn card(&self, card: &Card, cards: &mut CardRewrite) -> Card {
        let mut card = card.clone();
        if let Some(filtered) = &self.first_scheduler {
            upgrade(&mut card, filtered);
        }
        cards.apply(&mut card);
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
