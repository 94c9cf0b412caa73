//! What Anki's graphs show, put together from what the database counts.

use crate::actions::collection_config::CollectionConfig;
use crate::clock::Clock;
use serde::Serialize;
use std::collections::BTreeMap;
use store::StoreError;
use store::collection::Collection;
use store::engine::Tx;
use store::user_db::Current;

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

/// Of the whole collection, or of some cards.
pub(super) async fn read(tx: &Tx, current: &Current, clock: &Clock, cards: Option<&[i64]>) -> Result<Graphs, StoreError> {
    let collection = Collection::within(tx, &current.schema);
    let counting = collection.statistics(cards);
    let rules = CollectionConfig::new(collection.config().await?).day_rules(current.stamps.created);
    let timing = rules.at(clock.now_secs());
    let mut graphs = Graphs {
        due: counting.due_by_day(&timing).await?.into_iter().map(|[day, cards]| (day, cards)).collect(),
        added: counting.added_by_day(&timing).await?.into_iter().map(|[day, cards]| (day, cards)).collect(),
        intervals: counting.intervals().await?.into_iter().map(|[days, cards]| (days, cards)).collect(),
        eases: counting.eases().await?.into_iter().map(|[ease, cards]| (ease, cards)).collect(),
        ..Graphs::default()
    };
    for [kind, queue, mature, cards] in counting.card_states().await? {
        graphs.cards.add(kind, mature == 1, cards);
        match queue {
            -1 => graphs.active_cards.suspended += cards,
            -2 | -3 => graphs.active_cards.buried += cards,
            _ => graphs.active_cards.add(kind, mature == 1, cards),
        }
    }
    for [day, kind, mature, count, milliseconds] in counting.answers_by_day(&timing).await? {
        graphs.reviews.entry(day).or_default().add(kind, mature == 1, count);
        graphs.time.entry(day).or_default().add(kind, mature == 1, milliseconds);
    }
    for [kind, button, mature, count, milliseconds] in counting.answers_today(&timing).await? {
        graphs.today.add(kind, button > 1, mature == 1, count, milliseconds);
    }
    let east = -rules.local_offset.or(rules.creation_offset).unwrap_or(0) * 60;
    for [period, hour, total, correct] in counting.answers_by_hour(&timing, east).await? {
        for hours in graphs.hours.containing(period) {
            if let Some(hour) = usize::try_from(hour).ok().and_then(|hour| hours.get_mut(hour)) {
                hour.total += total;
                hour.correct += correct;
            }
        }
    }
    for [period, class, button, count] in counting.answers_by_button(&timing).await? {
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
    for [day, mature, passed, count] in counting.retention_by_day(&timing).await? {
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
