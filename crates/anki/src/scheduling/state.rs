//! How far a card has come, and how far it would come by each rating.

use super::fuzz::{self, to_days, to_whole, whole};
use super::memory::{Forecast, Memory};
use super::settings::Settings;
use super::steps::Steps;

const DAY: u32 = 86_400;
/// Below this ease no answer lowers it.
const LOWEST_EASE: f32 = 1.3;

/// What somebody who was shown a card says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rating {
    Again,
    Hard,
    Good,
    Easy,
}

impl Rating {
    pub const ALL: [Self; 4] = [Self::Again, Self::Hard, Self::Good, Self::Easy];

    /// As reviews store it.
    pub fn number(self) -> i64 {
        match self {
            Self::Again => 1,
            Self::Hard => 2,
            Self::Good => 3,
            Self::Easy => 4,
        }
    }

    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|rating| rating.number() == number)
    }
}

/// How far a card has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum State {
    New {
        position: u32,
    },
    Learning(Step),
    Review(Interval),
    /// What was known is being learnt again; the interval is the one that follows.
    Relearning(Step, Interval),
    /// Shown by a filtered deck that changes nothing else.
    Preview {
        seconds: u32,
        finished: bool,
    },
}

/// Where a card is within its steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// How many steps are left.
    pub left: u32,
    /// The length of this one.
    pub seconds: u32,
    pub memory: Option<Memory>,
}

/// Where a card is between two reviews.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub days: u32,
    /// Days since the last review.
    pub elapsed: u32,
    /// 2.5 for 250 %.
    pub ease: f32,
    pub lapses: u32,
    /// It has just lapsed once too often.
    pub leech: bool,
    pub memory: Option<Memory>,
}

/// How long until a card is shown again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    Seconds(u32),
    Days(u32),
}

impl Wait {
    /// What goes beyond the end of the day is counted in days.
    pub(super) fn in_days_after(self, left_today: u32) -> Self {
        match self {
            Self::Seconds(seconds) if seconds >= left_today => Self::Days((seconds - left_today) / DAY + 1),
            other => other,
        }
    }

    pub fn seconds(self) -> u32 {
        match self {
            Self::Seconds(seconds) => seconds,
            Self::Days(days) => days.saturating_mul(DAY),
        }
    }

    /// As reviews store it: seconds are negative.
    pub(super) fn stored(self) -> i64 {
        match self {
            Self::Seconds(seconds) => -i64::from(seconds.min(i32::MAX.cast_unsigned())),
            Self::Days(days) => days.cast_signed().into(),
        }
    }
}

impl State {
    pub fn wait(self) -> Wait {
        match self {
            Self::New { .. } => Wait::Seconds(0),
            Self::Learning(step) | Self::Relearning(step, _) => Wait::Seconds(step.seconds),
            Self::Review(interval) => Wait::Days(interval.days),
            Self::Preview { seconds, .. } => Wait::Seconds(seconds),
        }
    }

    /// The kind of review that answering a card in this state is.
    pub(super) fn review_kind(self) -> i64 {
        match self {
            Self::New { .. } | Self::Learning(_) => 0,
            // Before it was due, as filtered decks allow.
            Self::Review(interval) if interval.elapsed < interval.days => 3,
            Self::Review(_) => 1,
            Self::Relearning(..) => 2,
            Self::Preview { .. } => 3,
        }
    }

    pub fn is_leech(self) -> bool {
        matches!(self, Self::Review(interval) | Self::Relearning(_, interval) if interval.leech)
    }
}

/// What decides about a card's next state.
#[derive(Debug, Clone)]
pub(super) struct Rules<'a> {
    pub settings: &'a Settings,
    /// What FSRS says for each rating, where it is in use.
    pub forecast: Option<[Forecast; 4]>,
    /// FSRS may decide about waits of less than a day, where there are no steps.
    pub short_term: bool,
    /// And where there are steps, after them.
    pub short_term_after_steps: bool,
    /// From 0 to below 1.
    pub chance: f32,
    /// Seconds until a card that is only shown comes again.
    pub delays: [u32; 3],
    /// Chooses a day by how many cards there are on each, if it can.
    pub balance: Option<&'a super::balance::Balance<'a>>,
}

impl Rules<'_> {
    /// The state after each rating.
    pub(super) fn next(&self, state: State) -> [State; 4] {
        match state {
            State::New { .. } => {
                let first = Step { left: Steps(&self.settings.learning_steps).all(), seconds: 0, memory: None };
                Rating::ALL.map(|rating| self.learn(first, rating))
            }
            State::Learning(step) => Rating::ALL.map(|rating| self.learn(step, rating)),
            State::Review(interval) => self.review(interval),
            State::Relearning(step, interval) => Rating::ALL.map(|rating| self.relearn(step, interval, rating)),
            State::Preview { .. } => {
                let [again, hard, good] = self.delays;
                [again, hard, good, 0].map(|seconds| State::Preview { seconds, finished: seconds == 0 })
            }
        }
    }

    fn forecast(&self, rating: Rating) -> Option<Forecast> {
        let [again, hard, good, easy] = self.forecast?;
        Some(match rating {
            Rating::Again => again,
            Rating::Hard => hard,
            Rating::Good => good,
            Rating::Easy => easy,
        })
    }

    fn memory(&self, rating: Rating) -> Option<Memory> {
        Some(self.forecast(rating)?.memory)
    }

    fn is_short(&self, days: f32, steps: Steps<'_>) -> bool {
        self.short_term && (self.short_term_after_steps || steps.is_empty()) && days < 0.5
    }

    /// The first step, or the next one, and how many are left then. None when a rating ends learning.
    fn delay(steps: Steps<'_>, left: u32, rating: Rating) -> (Option<u32>, u32) {
        match rating {
            Rating::Again => (steps.first(), steps.all()),
            Rating::Hard => (steps.hard(left), left),
            Rating::Good => (steps.next(left), steps.left_after(left)),
            Rating::Easy => (None, 0),
        }
    }

    fn learn(&self, step: Step, rating: Rating) -> State {
        let steps = Steps(&self.settings.learning_steps);
        let memory = self.memory(rating);
        let graduated = |days| {
            let ease = self.settings.initial_ease;
            State::Review(Interval { days, elapsed: 0, ease, lapses: 0, leech: false, memory })
        };
        if rating == Rating::Easy {
            return graduated(match self.easy_days() {
                Some(days) => days,
                None => self.spread(whole(self.settings.easy_days), 1),
            });
        }
        let (delay, left) = Self::delay(steps, step.left, rating);
        if let Some(seconds) = delay {
            return State::Learning(Step { left, seconds, memory });
        }
        match self.forecast(rating) {
            Some(forecast) if self.is_short(forecast.days, steps) => {
                let left = if rating == Rating::Again { left } else { step.left };
                State::Learning(Step { left, seconds: in_seconds(forecast.days), memory })
            }
            Some(forecast) => graduated(self.spread(forecast.days.round().max(1.0), 1)),
            None => graduated(self.spread(whole(self.settings.graduating_days), 1)),
        }
    }

    /// By FSRS, after easy: longer than after good.
    fn easy_days(&self) -> Option<u32> {
        let [_, _, good, easy] = self.forecast?;
        let good = self.spread(good.days, 1);
        Some(self.spread(easy.days.round().max(1.0), good + 1))
    }

    fn relearn(&self, step: Step, interval: Interval, rating: Rating) -> State {
        let steps = Steps(&self.settings.relearning_steps);
        let memory = self.memory(rating);
        if rating == Rating::Easy {
            let days = self.easy_days().unwrap_or_else(|| interval.days.saturating_add(1));
            return State::Review(Interval { days, elapsed: 0, memory, ..interval });
        }
        let (delay, left) = Self::delay(steps, step.left, rating);
        if let Some(seconds) = delay {
            let days = if rating == Rating::Again { to_days(self.days_after_lapse(interval)).max(1) } else { interval.days };
            return State::Relearning(Step { left, seconds, memory }, Interval { days, elapsed: 0, memory, ..interval });
        }
        let Some(forecast) = self.forecast(rating) else { return State::Review(interval) };
        let next = Interval { days: self.spread(forecast.days.round().max(1.0), 1), memory, ..interval };
        if self.is_short(forecast.days, steps) {
            State::Relearning(Step { left, seconds: in_seconds(forecast.days), memory }, next)
        } else {
            State::Review(next)
        }
    }

    fn review(&self, interval: Interval) -> [State; 4] {
        let [hard, good, easy] = match self.forecast {
            Some([_, hard, good, easy]) => self.forecast_days(interval.days, [hard, good, easy]),
            None if interval.elapsed < interval.days => self.early_days(interval),
            None => self.usual_days(interval),
        };
        let passed = |rating, days, ease| State::Review(Interval { days, elapsed: 0, ease, memory: self.memory(rating), ..interval });
        [
            self.lapse(interval),
            passed(Rating::Hard, hard, (interval.ease - 0.15).max(LOWEST_EASE)),
            passed(Rating::Good, good, interval.ease),
            passed(Rating::Easy, easy, interval.ease + 0.15),
        ]
    }

    fn lapse(&self, interval: Interval) -> State {
        let steps = Steps(&self.settings.relearning_steps);
        let memory = self.memory(Rating::Again);
        let days = self.days_after_lapse(interval);
        let lapses = interval.lapses.wrapping_add(1);
        let next = Interval {
            days: to_days(days).max(1),
            elapsed: 0,
            ease: (interval.ease - 0.2).max(LOWEST_EASE),
            lapses,
            leech: is_leech(lapses, self.settings.leech_threshold),
            memory,
        };
        let left = steps.all();
        match steps.first() {
            Some(seconds) => State::Relearning(Step { left, seconds, memory }, next),
            None if self.is_short(days, steps) => State::Relearning(Step { left, seconds: in_seconds(days), memory }, next),
            None => State::Review(next),
        }
    }

    /// FSRS spreads a lapse's interval when it has been learnt again.
    fn days_after_lapse(&self, interval: Interval) -> f32 {
        match self.forecast(Rating::Again) {
            Some(forecast) => forecast.days,
            None => {
                let days = whole(interval.days).max(1.0) * self.settings.lapse_factor;
                whole(self.spread(days, self.settings.minimum_lapse_days))
            }
        }
    }

    /// After hard, good and easy, each longer than the one before.
    fn forecast_days(&self, previous: u32, forecasts: [Forecast; 3]) -> [u32; 3] {
        let mut least = 1;
        forecasts.map(|forecast| {
            let shortest = fuzz::shortest(forecast.days, previous, self.settings.maximum_days);
            let days = self.spread(forecast.days, shortest.max(least));
            least = days + 1;
            days
        })
    }

    /// By ease, for a card that was due.
    fn usual_days(&self, interval: Interval) -> [u32; 3] {
        let Settings { hard_factor, easy_bonus, interval_factor, .. } = self.settings;
        let days = whole(interval.days).max(1.0);
        let late = whole(interval.elapsed.saturating_sub(interval.days));
        let longer = interval.days.saturating_add(1);
        let shortens = *hard_factor <= 1.0;
        let hard = self.spread(days * hard_factor * interval_factor, if shortens { 0 } else { longer });
        let good = (days + late / 2.0) * interval.ease * interval_factor;
        let good = self.spread(good, if shortens { longer } else { hard + 1 });
        let easy = (days + late) * interval.ease * easy_bonus * interval_factor;
        [hard, good, self.spread(easy, good + 1)]
    }

    /// By ease, for a card that was not due yet. Not spread.
    fn early_days(&self, interval: Interval) -> [u32; 3] {
        let Settings { hard_factor, easy_bonus, interval_factor, .. } = self.settings;
        let days = whole(interval.days).max(1.0);
        let elapsed = whole(interval.elapsed);
        let hard = (elapsed * hard_factor).max(days * (hard_factor / 2.0));
        let good = (elapsed * interval.ease).max(days);
        let easy = good * (easy_bonus - (easy_bonus - 1.0) / 2.0);
        let (least, most) = self.limits(0);
        [hard, good, easy].map(|days| to_days(days * interval_factor).clamp(least, most))
    }

    fn limits(&self, least: u32) -> (u32, u32) {
        let most = self.settings.maximum_days.max(1);
        (least.clamp(1, most), most)
    }

    /// A day near this one, by how many cards there are on each or by chance, within the limits.
    fn spread(&self, days: f32, least: u32) -> u32 {
        let (least, most) = self.limits(least);
        let balanced = self.balance.and_then(|balance| balance.choose(days, least, most));
        balanced.unwrap_or_else(|| fuzz::spread_by(self.chance, days, least, most))
    }
}

fn in_seconds(days: f32) -> u32 {
    to_whole(days * whole(DAY))
}

/// At the threshold, and after each half of it from there on.
fn is_leech(lapses: u32, threshold: u32) -> bool {
    let half = threshold.div_ceil(2).max(1);
    threshold > 0 && lapses >= threshold && (lapses - threshold).is_multiple_of(half)
}
