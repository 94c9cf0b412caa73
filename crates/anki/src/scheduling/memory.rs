//! Memory as FSRS sees it. The arithmetic is that of the crate `fsrs`, which the clients use as well.

use super::CannotStudy;
use super::fuzz::whole;
use super::history::History;
use super::settings::Settings;
use crate::model::Review;
use fsrs::{FSRS, FSRS5_DEFAULT_DECAY, FSRS6_DEFAULT_DECAY, FSRSItem, FSRSReview, MemoryState};

/// How well a card is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Memory {
    /// Days.
    pub stability: f32,
    /// From 1 to 10.
    pub difficulty: f32,
}

impl Memory {
    /// Difficulty as reviews store it in place of the ease: from 0.1 to 1.1, which no ease is.
    pub(super) fn factor(self) -> f32 {
        (self.difficulty - 1.0) / 9.0 + 0.1
    }
}

impl From<MemoryState> for Memory {
    fn from(state: MemoryState) -> Self {
        Self { stability: state.stability, difficulty: state.difficulty }
    }
}

impl From<Memory> for MemoryState {
    fn from(memory: Memory) -> Self {
        Self { stability: memory.stability, difficulty: memory.difficulty }
    }
}

/// What a rating would make of memory, and when the card would be due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Forecast {
    pub memory: Memory,
    pub days: f32,
}

/// FSRS with the parameters of a preset.
pub(super) struct Model {
    fsrs: FSRS,
    /// How fast memory fades, which cards store.
    pub decay: f32,
    /// Whether the parameters say something about reviews on the same day.
    pub short_term: bool,
}

impl Model {
    pub(super) fn new(settings: &Settings) -> Result<Self, CannotStudy> {
        let params = settings.fsrs_params.as_slice();
        let fsrs = FSRS::new(params).map_err(|_| CannotStudy::Parameters)?;
        let decay = match params {
            [] => FSRS6_DEFAULT_DECAY,
            [.., last] if params.len() >= 21 => *last,
            _ => FSRS5_DEFAULT_DECAY,
        };
        let short_term = params.is_empty() || matches!((params.get(17), params.get(18)), (Some(a), Some(b)) if *a > 0.0 && *b > 0.0);
        Ok(Self { fsrs, decay, short_term })
    }

    /// After each rating, if the last review was so many days ago.
    pub(super) fn forecast(&self, memory: Option<Memory>, retention: f32, days: u32) -> Result<[Forecast; 4], CannotStudy> {
        let next = self.fsrs.next_states(memory.map(Into::into), retention, days).map_err(|_| CannotStudy::Memory)?;
        Ok([next.again, next.hard, next.good, next.easy].map(|state| Forecast { memory: state.memory.into(), days: state.interval }))
    }

    /// The memory of a card that has none stored: by its reviews, or else by its interval and ease. None for one that was never learnt.
    pub(super) fn remember(
        &self,
        reviews: &[Review],
        next_day: i64,
        settings: &Settings,
        ease: f32,
        days: u32,
    ) -> Result<Option<Memory>, CannotStudy> {
        let Some(history) = History::of(reviews, ignored_until(&settings.ignore_before)?) else {
            return if days == 0 { Ok(None) } else { self.by_ease(ease, whole(days), settings).map(Some) };
        };
        let mut ratings = history.ratings(next_day);
        let mut start = None;
        if !history.complete {
            ratings.next();
            start = history.reviews.first().map(|first| self.by_first_review(first, settings)).transpose()?;
        }
        let reviews = ratings.map(|(rating, delta_t)| FSRSReview { rating, delta_t }).collect();
        let state = self.fsrs.memory_state(FSRSItem { reviews }, start.map(Into::into)).map_err(|_| CannotStudy::Memory)?;
        Ok(Some(state.into()))
    }

    fn by_first_review(&self, first: &Review, settings: &Settings) -> Result<Memory, CannotStudy> {
        let factor = u32::try_from(first.factor.clamp(0, u32::MAX.into())).unwrap_or_default();
        let ease = whole(if factor == 0 { 2500 } else { factor }) / 1000.0;
        let days = u32::try_from(first.interval.clamp(1, i32::MAX.into())).unwrap_or(1);
        let memory = self.by_ease(ease, whole(days), settings)?;
        // So small an ease is a difficulty.
        let difficulty = if ease <= 1.1 { (ease - 0.1) * 9.0 + 1.0 } else { memory.difficulty };
        Ok(Memory { difficulty, ..memory })
    }

    fn by_ease(&self, ease: f32, days: f32, settings: &Settings) -> Result<Memory, CannotStudy> {
        let state = self.fsrs.memory_state_from_sm2(ease, days, settings.historical_retention);
        state.map(Memory::from).map_err(|_| CannotStudy::Memory)
    }
}

/// The beginning of a date like `2026-11-25` in UTC, in milliseconds; 0 without one.
fn ignored_until(date: &str) -> Result<i64, CannotStudy> {
    if date.is_empty() {
        return Ok(0);
    }
    let mut parts = date.split('-');
    let mut number = || -> Option<i64> {
        let digits = parts.next()?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    let (Some(year @ 0..=9999), Some(month @ 1..=12), Some(day)) = (number(), number(), number()) else { return Err(CannotStudy::Date) };
    let days_of_month = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=days_of_month).contains(&day) || parts.next().is_some() {
        return Err(CannotStudy::Date);
    }
    // Years that begin in March, so that the day that not all of them have is the last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1;
    Ok((days - 719_468) * 86_400_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_that_of_the_clients_to_the_last_digit() {
        let params =
            [0.0512, 0.31, 1.7, 9.1, 5.9, 0.71, 2.6, 0.02, 1.51, 0.21, 0.93, 1.77, 0.09, 0.31, 1.9, 0.31, 2.9, 0.61, 0.12, 0.11, 0.35];
        let settings = Settings { fsrs_params: params.to_vec(), ..Settings::default() };
        let memory = Memory { stability: 611.0359, difficulty: 5.782 };
        let after = Model::new(&settings).and_then(|model| model.forecast(Some(memory), 0.9, 391));
        assert_eq!(after.map(|[_, hard, ..]| hard.memory.stability), Ok(687.549_87));
    }

    #[test]
    fn dates() {
        let day = 86_400_000;
        for (date, wanted) in [
            ("", Some(0)),
            ("1970-01-01", Some(0)),
            ("1970-03-01", Some(59 * day)),
            ("2024-02-29", Some(19_782 * day)),
            ("2026-11-26", Some(20_783 * day)),
            ("1969-12-31", Some(-day)),
            ("2023-02-29", None),
            ("2024-13-01", None),
            ("2024-1", None),
            ("+024-01-01", None),
            ("2024-01-01-1", None),
            ("soon", None),
        ] {
            assert_eq!(ignored_until(date).ok(), wanted, "{date}");
        }
    }
}
