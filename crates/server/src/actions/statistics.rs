//! Statistics of an account's collection, as Anki's own windows show them: its graphs, and the list of decks with what is waiting.

use super::search::{Config, SearchFailed};
use crate::clock::Clock;
use anki::names;
use anki::search::Timing;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use store::StoreError;
use store::collection::Collection;
use store::engine::Tx;
use store::user_db::{Current, GenerationState, UserDb};

/// The most that a day's limit can be, and what decks without one have.
const NO_LIMIT: i64 = 9999;

/// What Anki's graphs show. Days are counted from today: −1 is yesterday, 1 tomorrow.
#[derive(Debug, Default, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Graphs {
    pub today: Today,
    /// Cards by state.
    pub cards: States,
    /// The same, but for cards that are suspended or buried, which are counted as that.
    pub active_cards: States,
    /// Cards by the day on which they fall due.
    pub due: BTreeMap<i64, i64>,
    /// Cards by the day on which they were made.
    pub added: BTreeMap<i64, i64>,
    /// Answers by day.
    pub reviews: BTreeMap<i64, Answers>,
    /// Milliseconds spent on answers, by day.
    pub time: BTreeMap<i64, Answers>,
    #[schema(value_type = Periods<Vec<Hour>>)]
    pub hours: Periods<[Hour; 24]>,
    pub buttons: Periods<Buttons>,
    pub retention: Retention,
    /// Reviewed cards by their interval in days.
    pub intervals: BTreeMap<i64, i64>,
    /// Reviewed cards without a memory state of FSRS by their ease in percent.
    pub eases: BTreeMap<i64, i64>,
}

#[derive(Debug, Default, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Today {
    pub answers: i64,
    pub milliseconds: i64,
    pub correct: i64,
    pub mature: i64,
    pub mature_correct: i64,
    pub learning: i64,
    pub review: i64,
    pub relearning: i64,
    pub filtered: i64,
}

#[derive(Debug, Default, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct States {
    pub new: i64,
    pub learning: i64,
    pub relearning: i64,
    /// Interval below 21 days.
    pub young: i64,
    pub mature: i64,
    pub suspended: i64,
    pub buried: i64,
}

#[derive(Debug, Default, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Answers {
    pub learning: i64,
    pub relearning: i64,
    pub young: i64,
    pub mature: i64,
    pub filtered: i64,
}

/// The last 30, 90 and 365 days, and all time.
#[derive(Debug, Default, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Periods<T> {
    pub month: T,
    pub three_months: T,
    pub year: T,
    pub all_time: T,
}

impl<T> Periods<T> {
    /// Those that contain what the database counted as period `number`, which is the shortest of them.
    fn containing(&mut self, number: i64) -> impl Iterator<Item = &mut T> {
        [&mut self.month, &mut self.three_months, &mut self.year, &mut self.all_time]
            .into_iter()
            .zip(0..)
            .filter_map(move |(one, index)| (index >= number).then_some(one))
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Hour {
    pub total: i64,
    pub correct: i64,
}

/// Answers by button, from Again to Easy.
#[derive(Debug, Default, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Buttons {
    pub learning: [i64; 4],
    pub young: [i64; 4],
    pub mature: [i64; 4],
}

/// Answers that were right or wrong, of cards with an interval of a day or more, and of reviews.
#[derive(Debug, Default, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Retention {
    pub today: Known,
    pub yesterday: Known,
    pub week: Known,
    pub month: Known,
    pub year: Known,
    pub all_time: Known,
}

#[derive(Debug, Default, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Known {
    pub young_passed: i64,
    pub young_failed: i64,
    pub mature_passed: i64,
    pub mature_failed: i64,
}

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

/// What Anki's graphs show.
///
/// # Errors
/// When the database is in no state to answer.
pub async fn graphs(user: &UserDb, clock: &Clock, account: i64) -> Result<Graphs, SearchFailed> {
    let Some((tx, current)) = open(user, account).await? else { return Ok(Graphs::default()) };
    let graphs = read_graphs(&tx, &current, clock).await?;
    tx.rollback().await?;
    Ok(graphs)
}

/// The tree of decks with what is waiting today.
///
/// # Errors
/// When the database is in no state to answer.
pub async fn decks(user: &UserDb, clock: &Clock, account: i64) -> Result<Vec<DeckCounts>, SearchFailed> {
    let Some((tx, current)) = open(user, account).await? else { return Ok(Vec::new()) };
    let decks = read_decks(&tx, &current, clock).await?;
    tx.rollback().await?;
    Ok(decks)
}

/// None if the account has no collection.
async fn open(user: &UserDb, account: i64) -> Result<Option<(Tx, Current)>, SearchFailed> {
    let (tx, state) = user.snapshot(account).await?;
    let Some(current) = state.and_then(|state| state.current) else {
        tx.rollback().await?;
        return Ok(None);
    };
    if current.state == GenerationState::Importing {
        return Err(SearchFailed::Importing);
    }
    tx.limit_time(30_000).await?;
    Ok(Some((tx, current)))
}

async fn read_graphs(tx: &Tx, current: &Current, clock: &Clock) -> Result<Graphs, StoreError> {
    let collection = Collection::within(tx, &current.schema);
    let rules = Config::new(collection.config().await?).day_rules(current.stamps.created);
    let timing = rules.at(clock.now_secs());
    let mut graphs = Graphs {
        due: collection.due_by_day(&timing).await?.into_iter().map(|[day, cards]| (day, cards)).collect(),
        added: collection.added_by_day(&timing).await?.into_iter().map(|[day, cards]| (day, cards)).collect(),
        intervals: collection.intervals().await?.into_iter().map(|[days, cards]| (days, cards)).collect(),
        eases: collection.eases().await?.into_iter().map(|[ease, cards]| (ease, cards)).collect(),
        ..Graphs::default()
    };
    for [kind, queue, mature, cards] in collection.card_states().await? {
        graphs.cards.add(kind, mature == 1, cards);
        match queue {
            -1 => graphs.active_cards.suspended += cards,
            -2 | -3 => graphs.active_cards.buried += cards,
            _ => graphs.active_cards.add(kind, mature == 1, cards),
        }
    }
    for [day, kind, mature, count, milliseconds] in collection.answers_by_day(&timing).await? {
        graphs.reviews.entry(day).or_default().add(kind, mature == 1, count);
        graphs.time.entry(day).or_default().add(kind, mature == 1, milliseconds);
    }
    for [kind, button, mature, count, milliseconds] in collection.answers_today(&timing).await? {
        graphs.today.add(kind, button > 1, mature == 1, count, milliseconds);
    }
    let east = -rules.local_offset.or(rules.creation_offset).unwrap_or(0) * 60;
    for [period, hour, total, correct] in collection.answers_by_hour(&timing, east).await? {
        for hours in graphs.hours.containing(period) {
            if let Some(hour) = usize::try_from(hour).ok().and_then(|hour| hours.get_mut(hour)) {
                hour.total += total;
                hour.correct += correct;
            }
        }
    }
    for [period, class, button, count] in collection.answers_by_button(&timing).await? {
        for buttons in graphs.buttons.containing(period) {
            let of_class = match class {
                0 => &mut buttons.learning,
                1 => &mut buttons.young,
                _ => &mut buttons.mature,
            };
            if let Some(counted) = usize::try_from(button - 1).ok().and_then(|button| of_class.get_mut(button)) {
                *counted += count;
            }
        }
    }
    for [day, mature, passed, count] in collection.retention_by_day(&timing).await? {
        graphs.retention.add(day, mature == 1, passed == 1, count);
    }
    Ok(graphs)
}

impl States {
    fn add(&mut self, kind: i64, is_mature: bool, cards: i64) {
        *match (kind, is_mature) {
            (0, _) => &mut self.new,
            (1, _) => &mut self.learning,
            (3, _) => &mut self.relearning,
            (_, false) => &mut self.young,
            (_, true) => &mut self.mature,
        } += cards;
    }
}

impl Answers {
    fn add(&mut self, kind: i64, is_mature: bool, amount: i64) {
        *match (kind, is_mature) {
            (0, _) => &mut self.learning,
            (2, _) => &mut self.relearning,
            (3, _) => &mut self.filtered,
            (_, false) => &mut self.young,
            (_, true) => &mut self.mature,
        } += amount;
    }
}

impl Today {
    fn add(&mut self, kind: i64, is_correct: bool, is_mature: bool, count: i64, milliseconds: i64) {
        self.answers += count;
        self.milliseconds += milliseconds;
        self.correct += if is_correct { count } else { 0 };
        self.mature += if is_mature { count } else { 0 };
        self.mature_correct += if is_mature && is_correct { count } else { 0 };
        *match kind {
            0 => &mut self.learning,
            2 => &mut self.relearning,
            3 => &mut self.filtered,
            _ => &mut self.review,
        } += count;
    }
}

impl Retention {
    /// `day` is 0 for today, 1 for yesterday.
    fn add(&mut self, day: i64, is_mature: bool, is_passed: bool, count: i64) {
        let periods = [
            (&mut self.today, 0..1),
            (&mut self.yesterday, 1..2),
            (&mut self.week, 0..7),
            (&mut self.month, 0..30),
            (&mut self.year, 0..365),
            (&mut self.all_time, 0..i64::MAX),
        ];
        for (known, days) in periods {
            if days.contains(&day) {
                *match (is_mature, is_passed) {
                    (false, true) => &mut known.young_passed,
                    (false, false) => &mut known.young_failed,
                    (true, true) => &mut known.mature_passed,
                    (true, false) => &mut known.mature_failed,
                } += count;
            }
        }
    }
}

/// What may still come today.
#[derive(Debug, Clone, Copy)]
struct Limits {
    new: i64,
    review: i64,
    /// Whether new cards also count as reviews.
    are_joined: bool,
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

    /// Cards that have been learnt for days come first, then reviews, then new cards.
    fn within(self, limits: Limits) -> Self {
        let learning_days = self.learning_days.min(limits.review);
        let review = self.review.min(limits.review - learning_days);
        let mut new = self.new.min(limits.new);
        if limits.are_joined {
            new = new.min(limits.review - learning_days - review);
        }
        Self { new, review, learning_days, ..self }
    }
}

async fn read_decks(tx: &Tx, current: &Current, clock: &Clock) -> Result<Vec<DeckCounts>, StoreError> {
    let collection = Collection::within(tx, &current.schema);
    let config = Config::new(collection.config().await?);
    let timing = config.day_rules(current.stamps.created).at(clock.now_secs());
    let unburies = config.int("lastUnburied").unwrap_or(0) < timing.today;
    let learn_ahead = config.int("collapseTime").unwrap_or(1200);
    let mut waiting = HashMap::new();
    for [deck, new, review, learning_days, learning_minutes, total] in collection.waiting_by_deck(&timing, learn_ahead, unburies).await? {
        waiting.insert(deck, (Waiting { new, review, learning_days, learning_minutes }, total));
    }
    let presets: HashMap<i64, PresetJson> =
        collection.presets().await?.into_iter().map(|preset| (preset.id, serde_json::from_str(&preset.json).unwrap_or_default())).collect();
    let are_joined = !config.bool("newCardsIgnoreReviewLimit").unwrap_or(false);
    let mut decks: Vec<_> = collection.decks().await?;
    decks.sort_by(|a, b| names::compare(&names::to_native_deck_name(&a.name), &names::to_native_deck_name(&b.name)));
    let mut flat = Vec::new();
    for deck in decks {
        let json: DeckJson = serde_json::from_str(&deck.json).unwrap_or_default();
        let (own, total) = waiting.get(&deck.id).copied().unwrap_or_default();
        let limits = json.limits(&presets, &timing, are_joined);
        flat.push(Flat { id: deck.id, name: deck.name, filtered: json.is_filtered(), own, total, limits });
    }
    let has_others = flat.len() > 1;
    let mut rest = flat.into_iter().peekable();
    let mut tree: Vec<DeckCounts> = children(&mut rest, 0).into_iter().map(|(deck, _)| deck).collect();
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
fn children(rest: &mut std::iter::Peekable<std::vec::IntoIter<Flat>>, level: usize) -> Vec<(DeckCounts, Waiting)> {
    let mut found = Vec::new();
    while let Some(deck) = rest.next_if(|deck| level_of(deck) > level) {
        let own_level = level_of(&deck);
        // Deeper than clients show decks, which is deeper than anybody has them.
        let below = if level < 99 { children(rest, own_level) } else { Vec::new() };
        let mut all = deck.own;
        let mut total_with_subdecks = deck.total;
        for (child, passed_on) in &below {
            all.add(*passed_on);
            total_with_subdecks += child.total_with_subdecks;
        }
        let shown = all.within(deck.limits);
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
        found.push((counts, shown));
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
        self.filtered == Value::Bool(true) || self.filtered.as_i64().is_some_and(|number| number != 0)
    }

    fn limits(&self, presets: &HashMap<i64, PresetJson>, timing: &Timing, are_joined: bool) -> Limits {
        let preset = presets.get(&self.conf.unwrap_or(1)).filter(|_| !self.is_filtered());
        let Some(preset) = preset else { return Limits { new: NO_LIMIT, review: NO_LIMIT, are_joined } };
        let today = |limit: Option<LimitToday>| limit.filter(|limit| limit.today == timing.today).map(|limit| limit.limit);
        let done = |counted: &[i64]| match counted {
            [day, count, ..] if *day == timing.today => *count,
            _ => 0,
        };
        let (new_done, mut review_done) = (done(&self.new_today), done(&self.rev_today));
        if are_joined {
            review_done += new_done;
        }
        let new = today(self.new_limit_today).or(self.new_limit).unwrap_or(preset.new.per_day);
        let review = today(self.review_limit_today).or(self.review_limit).unwrap_or(preset.rev.per_day);
        Limits { new: (new - new_done).max(0), review: (review - review_done).max(0), are_joined }
    }
}
