//! Cards with all that a scheduler has to know to answer them.

use crate::actions::collection_config::CollectionConfig;
use anki::model::{Card, Deck, Review};
use anki::names;
use anki::scheduling::{
    BALANCED_DAYS, Balance, Bury, CannotStudy, Circumstances, Fsrs, Load, Question, Settings, StudiedDeck, needs_reviews, seed, unbury,
};
use anki::schema11::SchemaError;
use anki::search::Timing;
use std::collections::{HashMap, HashSet};
use store::StoreError;
use store::collection::Collection;

const DAY: i64 = 86_400;

/// Why cards of a collection cannot be studied.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// Those of clients up to 2.1.66 that have not upgraded.
    #[error("this collection uses Anki's first scheduler, which today's clients do not have; upgrade it on a device")]
    FirstScheduler,
    #[error(transparent)]
    Card(#[from] CannotStudy),
    #[error("stored object: {0}")]
    Object(#[from] SchemaError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Some cards, their siblings, and what decides about them.
pub struct Desk {
    pub timing: Timing,
    /// Seconds that learning cards may come early.
    pub learn_ahead: u32,
    pub cards: HashMap<i64, Card>,
    decks: HashMap<i64, Deck>,
    by_name: HashMap<i64, i64>,
    studied: HashMap<i64, StudiedDeck>,
    presets: HashMap<i64, Settings>,
    fsrs: Option<FsrsMode>,
    reviews: HashMap<i64, Vec<Review>>,
    /// By preset, where days are balanced.
    loads: Option<HashMap<i64, Load>>,
    /// When tomorrow begins, by the clock on the wall.
    next_day_local: i64,
}

#[derive(Debug, Clone, Copy)]
struct FsrsMode {
    short_term_after_steps: bool,
}

impl Desk {
    /// Reads what has to be known of cards of a collection that was begun at `created`. Cards that do not exist are left out.
    ///
    /// # Errors
    /// When the collection has a scheduler that is not ours, or the database fails.
    pub async fn load(stored: Collection<'_>, created: i64, now: i64, cards: &[i64]) -> Result<Self, StudyError> {
        let config = CollectionConfig::new(stored.config().await?);
        let rules = config.day_rules(created);
        if rules.scheduler < 2 {
            return Err(StudyError::FirstScheduler);
        }
        let timing = rules.at(now);
        let asked = stored.cards_by_id(cards).await?;
        let asked_ids: Vec<i64> = asked.iter().map(|card| card.id).collect();
        let notes: HashSet<i64> = asked.iter().map(|card| card.note_id).collect();
        let siblings = stored.cards_of_notes(&notes.into_iter().collect::<Vec<_>>()).await?;
        let decks: HashMap<i64, Deck> = stored.decks().await?.into_iter().map(|deck| (deck.id, deck)).collect();
        let mut studied = HashMap::new();
        for (id, deck) in &decks {
            studied.insert(*id, StudiedDeck::read(&deck.json)?);
        }
        let mut desk = Self {
            timing,
            learn_ahead: config.int("collapseTime").and_then(|seconds| seconds.try_into().ok()).unwrap_or(1200),
            by_name: decks.values().map(|deck| (names::key(&deck.name), deck.id)).collect(),
            decks,
            studied,
            presets: HashMap::new(),
            fsrs: config
                .bool("fsrs")
                .unwrap_or(false)
                .then(|| FsrsMode { short_term_after_steps: config.bool("fsrsShortTermWithStepsEnabled").unwrap_or(false) }),
            reviews: HashMap::new(),
            loads: config.bool("loadBalancerEnabled").unwrap_or(true).then(HashMap::new),
            next_day_local: timing.next_day - rules.local_offset.or(rules.creation_offset).unwrap_or(0) * 60,
            cards: asked.into_iter().chain(siblings).map(|card| (card.id, card)).collect(),
        };
        if unburies(&config, &timing) {
            desk.cards.values_mut().filter(|card| card.mtime < begun(&timing)).for_each(unbury);
        }
        let presets: HashSet<i64> = asked_ids.iter().filter_map(|id| desk.preset_of(home(desk.cards.get(id)?))).collect();
        for preset in stored.presets_by_id(&presets.iter().copied().collect::<Vec<_>>()).await? {
            desk.presets.insert(preset.id, Settings::read(&preset.json)?);
        }
        if let Some(loads) = &mut desk.loads {
            for preset in presets {
                let uses = |deck: &&StudiedDeck| matches!(deck, StudiedDeck::Normal { preset: used, .. } if *used == preset);
                let decks: Vec<i64> = desk.studied.iter().filter(|(_, deck)| uses(deck)).map(|(id, _)| *id).collect();
                let mut load = Load::default();
                for (due, count) in stored.dues_of_decks(&decks, timing.today, timing.today + BALANCED_DAYS as i64).await? {
                    load.add(due - timing.today, count.try_into().unwrap_or(i32::MAX));
                }
                loads.insert(preset, load);
            }
        }
        if desk.fsrs.is_some() {
            let wanting = |id: &i64| desk.cards.get(id).is_some_and(needs_reviews);
            let wanting: Vec<i64> = asked_ids.into_iter().filter(wanting).collect();
            desk.reviews = wanting.iter().map(|id| (*id, Vec::new())).collect();
            for review in stored.reviews_of_cards(&wanting).await? {
                desk.reviews.entry(review.card_id).or_default().push(review);
            }
        }
        Ok(desk)
    }

    /// Hands over a card as it is about to be answered.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn question(&self, card: &Card) -> Result<Question<'_>, CannotStudy> {
        let deck = *self.studied.get(&card.deck_id).ok_or(CannotStudy::NoHome)?;
        let home_deck = *self.studied.get(&home(card)).ok_or(CannotStudy::NoHome)?;
        let settings = self.settings(card)?;
        let preset = self.preset_of(home(card));
        let siblings: Vec<usize> = if settings.bury.reviews { self.days_of_note(card.note_id) } else { Vec::new() };
        let load = preset.filter(|preset| self.presets.contains_key(preset)).and_then(|preset| self.loads.as_ref()?.get(&preset));
        let balance = load.map(|load| Balance {
            load,
            siblings: &siblings,
            easy_weekdays: &settings.easy_weekdays,
            next_day_local: self.next_day_local,
            seed: seed(card),
        });
        if balance.is_some() && ![0, 7].contains(&settings.easy_weekdays.len()) {
            return Err(CannotStudy::EasyDays);
        }
        let reviews = self.reviews.get(&card.id).map(Vec::as_slice).unwrap_or_default();
        let fsrs = self.fsrs.map(|mode| Fsrs { short_term_after_steps: mode.short_term_after_steps, reviews });
        Question::new(card, &Circumstances { timing: self.timing, deck, home: home_deck, settings, fsrs, balance })
    }

    /// The settings that hold for a card.
    fn settings(&self, card: &Card) -> Result<&Settings, CannotStudy> {
        static DEFAULT: std::sync::LazyLock<Settings> = std::sync::LazyLock::new(Settings::default);
        let preset = self.preset_of(home(card)).ok_or(CannotStudy::NoHome)?;
        Ok(self.presets.get(&preset).unwrap_or(&DEFAULT))
    }

    /// Which siblings of a card wait when it was answered.
    pub fn bury(&self, card: &Card) -> Bury {
        self.settings(card).map(|settings| settings.bury).unwrap_or_default()
    }

    /// A card has changed, by an answer that a review tells of.
    pub fn put(&mut self, card: &Card, review: Option<&Review>) {
        if let Some(review) = review
            && let Some(reviews) = self.reviews.get_mut(&card.id)
        {
            reviews.push(review.clone());
        }
        if let Some(before) = self.cards.insert(card.id, card.clone()) {
            self.count_due(&before, -1);
        }
        self.count_due(card, 1);
    }

    fn count_due(&mut self, card: &Card, cards: i32) {
        let preset = self.preset_of(card.deck_id);
        if let Some(load) = preset.and_then(|preset| self.loads.as_mut()?.get_mut(&preset)) {
            load.add(card.due.saturating_sub(self.timing.today), cards);
        }
    }

    /// The deck of this id and those above it that exist.
    pub fn with_parents(&self, deck: i64) -> Vec<i64> {
        let mut found = vec![deck];
        let mut name = self.decks.get(&deck).map(|deck| deck.name.as_str()).unwrap_or_default();
        while let Some((above, _)) = name.rsplit_once("::") {
            found.extend(self.by_name.get(&names::key(above)));
            name = above;
        }
        found
    }

    pub fn deck_mut(&mut self, deck: i64) -> Option<&mut Deck> {
        self.decks.get_mut(&deck)
    }

    fn preset_of(&self, deck: i64) -> Option<i64> {
        match self.studied.get(&deck)? {
            StudiedDeck::Normal { preset, .. } => Some(*preset),
            StudiedDeck::Filtered { .. } => None,
        }
    }

    /// Days, counted from today, on which cards of a note are due.
    fn days_of_note(&self, note: i64) -> Vec<usize> {
        let of_note = self.cards.values().filter(|card| card.note_id == note && self.preset_of(card.deck_id).is_some());
        let days: HashSet<usize> = of_note.filter_map(|card| usize::try_from(card.due.saturating_sub(self.timing.today)).ok()).collect();
        days.into_iter().filter(|day| *day < BALANCED_DAYS).collect()
    }
}

/// Whether cards that were buried before today come back: no client has done so yet. Clients do when a day begins, each for itself.
pub fn unburies(config: &CollectionConfig, timing: &Timing) -> bool {
    let last = config.int("lastUnburied").unwrap_or(0);
    last < timing.today || timing.today + 7 < last
}

/// When today began.
pub fn begun(timing: &Timing) -> i64 {
    timing.next_day - DAY
}

/// The deck that a card belongs to.
fn home(card: &Card) -> i64 {
    if card.original_deck_id == 0 { card.deck_id } else { card.original_deck_id }
}
