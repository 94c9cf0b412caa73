//! The list of decks with what is waiting in them today.
//!
//! What counts depends on the scheduler that the collection uses. Clients up to 2.1.66 know three of them, later ones only the third.

use crate::actions::collection_config::CollectionConfig;
use crate::clock::Clock;
use anki::names;
use anki::schema11;
use anki::search::Timing;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use store::StoreError;
use store::collection::Collection;
use store::engine::Tx;
use store::user_db::Current;

/// The most that a day's limit can be, and what decks without one have.
const NO_LIMIT: i64 = 9999;

/// A deck and what is waiting in it and below it today, within the daily limits.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct DeckCounts {
    pub id: i64,
    /// The whole name.
    pub name: String,
    pub new: i64,
    pub learning: i64,
    pub review: i64,
    /// Cards in the deck itself, and with those below it.
    pub total: i64,
    pub total_with_subdecks: i64,
    pub filtered: bool,
    #[schema(no_recursion)]
    pub children: Vec<DeckCounts>,
}

/// How a collection is studied, which decides what counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheduler {
    /// Counts steps of cards that are being learnt, and limits decks by those above them.
    First,
    /// Limits new cards by the decks above; reviews of decks below are limited by the deck that is studied alone.
    Second,
    /// Limits what comes from below by a deck's own limits. Cards that have been learnt for days count as reviews there, new ones too
    /// where `new_are_reviews`.
    Third { new_are_reviews: bool },
}

impl Scheduler {
    fn of(config: &CollectionConfig) -> Self {
        match config.int("schedVer") {
            None | Some(..=1) => Self::First,
            Some(_) if config.bool("sched2021") != Some(true) => Self::Second,
            Some(_) => Self::Third { new_are_reviews: !config.bool("newCardsIgnoreReviewLimit").unwrap_or(false) },
        }
    }

    /// The limits of a deck below one with the limits `above`.
    fn limits_below(self, above: Limits, own: Limits) -> Limits {
        match self {
            Self::First => Limits { new: own.new.min(above.new), review: own.review.min(above.review) },
            Self::Second => Limits { new: own.new.min(above.new), ..own },
            Self::Third { .. } => own,
        }
    }

    /// What is shown at a deck, of all that waits in it and below.
    fn shown(self, all: Waiting, limits: Limits) -> Waiting {
        let Self::Third { new_are_reviews } = self else {
            return Waiting { new: all.new.min(limits.new), review: all.review.min(limits.review), ..all };
        };
        // Cards that have been learnt for days come first, then reviews, then new cards.
        let learning_days = all.learning_days.min(limits.review);
        let review = all.review.min(limits.review - learning_days);
        let mut new = all.new.min(limits.new);
        if new_are_reviews {
            new = new.min(limits.review - learning_days - review);
        }
        Waiting { new, review, learning_days, ..all }
    }

    /// What the deck above gets of it.
    fn passed_on(self, all: Waiting, shown: Waiting) -> Waiting {
        if self == Self::Second { Waiting { review: all.review, ..shown } } else { shown }
    }
}

/// What may still come today.
#[derive(Debug, Clone, Copy)]
struct Limits {
    new: i64,
    review: i64,
}

impl Limits {
    const NONE: Self = Self { new: NO_LIMIT, review: NO_LIMIT };
}

/// What is waiting, before limits.
#[derive(Debug, Clone, Copy, Default)]
struct Waiting {
    new: i64,
    review: i64,
    learning_days: i64,
    learning_minutes: i64,
}

impl Waiting {
    fn add(&mut self, other: Self) {
        self.new += other.new;
        self.review += other.review;
        self.learning_days += other.learning_days;
        self.learning_minutes += other.learning_minutes;
    }
}

pub(super) async fn read(tx: &Tx, current: &Current, clock: &Clock) -> Result<Vec<DeckCounts>, StoreError> {
    let collection = Collection::within(tx, &current.schema);
    let config = CollectionConfig::new(collection.config().await?);
    let timing = config.day_rules(current.stamps.created).at(clock.now_secs());
    let unburies = config.int("lastUnburied").unwrap_or(0) < timing.today;
    let learn_ahead = config.int("collapseTime").unwrap_or(1200);
    let mut waiting = HashMap::new();
    let scheduler = Scheduler::of(&config);
    let counts_steps = scheduler == Scheduler::First;
    let counted = collection.statistics(None).waiting_by_deck(&timing, learn_ahead, unburies, counts_steps).await?;
    for [deck, new, review, learning_days, learning_minutes, total] in counted {
        waiting.insert(deck, (Waiting { new, review, learning_days, learning_minutes }, total));
    }
    let presets: HashMap<i64, PresetJson> =
        collection.presets().await?.into_iter().map(|preset| (preset.id, serde_json::from_str(&preset.json).unwrap_or_default())).collect();
    let mut decks: Vec<_> = collection.decks().await?;
    decks.sort_by(|a, b| names::compare(&names::to_native_deck_name(&a.name), &names::to_native_deck_name(&b.name)));
    let mut flat = Vec::new();
    for deck in decks {
        let json: DeckJson = serde_json::from_str(&deck.json).unwrap_or_default();
        let (own, total) = waiting.get(&deck.id).copied().unwrap_or_default();
        let limits = json.limits(&presets, &timing, scheduler);
        flat.push(Flat { id: deck.id, name: deck.name, filtered: json.is_filtered(), own, total, limits });
    }
    let has_others = flat.len() > 1;
    let mut rest = flat.into_iter().peekable();
    let mut tree: Vec<DeckCounts> = children(&mut rest, 0, scheduler, Limits::NONE).into_iter().map(|(deck, _)| deck).collect();
    // Clients do not show a default deck that nobody uses.
    tree.retain(|deck| !(deck.id == 1 && has_others && deck.total == 0 && deck.children.is_empty()));
    Ok(tree)
}

struct Flat {
    id: i64,
    name: String,
    filtered: bool,
    own: Waiting,
    total: i64,
    limits: Limits,
}

/// The decks that come next and are one level below `level`, with what each passes on to the one above it.
fn children(
    rest: &mut std::iter::Peekable<std::vec::IntoIter<Flat>>,
    level: usize,
    scheduler: Scheduler,
    above: Limits,
) -> Vec<(DeckCounts, Waiting)> {
    let mut found = Vec::new();
    while let Some(deck) = rest.next_if(|deck| level_of(deck) > level) {
        let own_level = level_of(&deck);
        let limits = scheduler.limits_below(above, deck.limits);
        // Deeper than clients show decks, which is deeper than anybody has them.
        let below = if level < 99 { children(rest, own_level, scheduler, limits) } else { Vec::new() };
        let mut all = deck.own;
        let mut total_with_subdecks = deck.total;
        for (child, passed_on) in &below {
            all.add(*passed_on);
            total_with_subdecks += child.total_with_subdecks;
        }
        let shown = scheduler.shown(all, limits);
        let counts = DeckCounts {
            id: deck.id,
            name: deck.name,
            new: shown.new,
            learning: shown.learning_days + shown.learning_minutes,
            review: shown.review,
            total: deck.total,
            total_with_subdecks,
            filtered: deck.filtered,
            children: below.into_iter().map(|(child, _)| child).collect(),
        };
        found.push((counts, scheduler.passed_on(all, shown)));
    }
    found
}

fn level_of(deck: &Flat) -> usize {
    deck.name.split("::").count()
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DeckJson {
    #[serde(rename = "dyn")]
    filtered: Value,
    conf: Option<i64>,
    review_limit: Option<i64>,
    new_limit: Option<i64>,
    review_limit_today: Option<LimitToday>,
    new_limit_today: Option<LimitToday>,
    new_today: Vec<i64>,
    rev_today: Vec<i64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct LimitToday {
    limit: i64,
    today: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PresetJson {
    new: PerDay,
    rev: PerDay,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PerDay {
    per_day: i64,
}

impl DeckJson {
    fn is_filtered(&self) -> bool {
        schema11::is_filtered(&self.filtered)
    }

    fn limits(&self, presets: &HashMap<i64, PresetJson>, timing: &Timing, scheduler: Scheduler) -> Limits {
        let preset = presets.get(&self.conf.unwrap_or(1)).filter(|_| !self.is_filtered());
        let Some(preset) = preset else { return Limits::NONE };
        let done = |counted: &[i64]| match counted {
            [day, count, ..] if *day == timing.today => *count,
            _ => 0,
        };
        let (new_done, mut review_done) = (done(&self.new_today), done(&self.rev_today));
        let (mut new, mut review) = (preset.new.per_day, preset.rev.per_day);
        if let Scheduler::Third { new_are_reviews } = scheduler {
            let today = |limit: Option<LimitToday>| limit.filter(|limit| limit.today == timing.today).map(|limit| limit.limit);
            new = today(self.new_limit_today).or(self.new_limit).unwrap_or(new);
            review = today(self.review_limit_today).or(self.review_limit).unwrap_or(review);
            review_done += if new_are_reviews { new_done } else { 0 };
        }
        Limits { new: (new - new_done).max(0), review: (review - review_done).max(0) }
    }
}
