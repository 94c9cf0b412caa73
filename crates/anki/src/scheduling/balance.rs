//! Choosing the day of a review by how many cards there are on each: Anki's load balancer, with its easy days.

use super::dice::Dice;
use super::fuzz::{bounds, to_whole, whole};

/// Intervals beyond this are left to chance.
const LONGEST: u32 = 90;
/// So many days from today on are looked at.
pub const DAYS: usize = 99;
const DAY: i64 = 86_400;
/// What is left of a day's weight for a card if one of its note is due there, or so many days before or after.
const SIBLING_WEIGHTS: [f32; 6] = [0.000_001, 0.2, 0.4, 0.6, 0.8, 1.0];

/// How many cards are due on each day from today on, in all decks with the preset of the card that is answered.
#[derive(Debug, Clone)]
pub struct Load {
    counts: [u32; DAYS],
}

impl Default for Load {
    fn default() -> Self {
        Self { counts: [0; DAYS] }
    }
}

impl Load {
    /// So many more are due in so many days, or fewer.
    pub fn add(&mut self, days: i64, cards: i32) {
        if let Some(count) = usize::try_from(days).ok().and_then(|day| self.counts.get_mut(day)) {
            *count = count.saturating_add_signed(cards);
        }
    }

    /// Without any, all is left to chance.
    fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }
}

/// What decides for one card.
#[derive(Debug, Clone)]
pub struct Balance<'a> {
    pub load: &'a Load,
    /// Days, counted from today, on which cards of the same note are due. None where siblings may be due together.
    pub siblings: &'a [usize],
    /// How much is wanted on the weekdays from Monday on: 1 as much as on others, 0 nothing. Empty for all the same.
    pub easy_weekdays: &'a [f32],
    /// When tomorrow begins, in local time.
    pub next_day_local: i64,
    pub seed: u64,
}

impl Balance<'_> {
    /// A day within the bounds of this interval. None where it is left to chance.
    pub(super) fn choose(&self, days: f32, least: u32, most: u32) -> Option<u32> {
        if to_whole(days) > LONGEST || least > LONGEST || self.load.is_empty() {
            return None;
        }
        let (first, last) = bounds(days, least, most);
        let candidates: Vec<u32> = (first..=last).collect();
        let counts: Vec<u32> = candidates.iter().map(|day| self.load.counts.get(*day as usize).copied()).collect::<Option<_>>()?;
        let wanted = self.wanted(&candidates, &counts);
        let weights: Vec<f32> = candidates
            .iter()
            .zip(&counts)
            .zip(wanted)
            .map(|((day, count), wanted)| match count {
                0 => 1.0,
                _ => (1.0 / whole(*count)).powf(2.15) * (1.0 / whole(*day)).powi(3) * self.apart(*day) * wanted,
            })
            .collect();
        pick(&weights, self.seed).and_then(|at| candidates.get(at).copied())
    }

    /// A factor for each day: next to nothing where no more is wanted.
    fn wanted(&self, days: &[u32], counts: &[u32]) -> Vec<f32> {
        const NOTHING: f32 = 0.0001;
        let shares: Vec<f32> = days
            .iter()
            .map(|day| match self.easy_weekdays.get(self.weekday(*day)) {
                None => 1.0,
                Some(share) if *share == 1.0 => 1.0,
                Some(share) if *share == 0.0 => NOTHING,
                Some(_) => 0.5,
            })
            .collect();
        let all: u32 = counts.iter().sum();
        let all_shares: f32 = shares.iter().sum();
        let one = |(share, count): (&f32, &u32)| {
            if *share != 0.5 {
                return *share;
            }
            // An easier day is full when it has more than half of what the others have, on the average.
            let others = whole(all - count) / (all_shares - 0.5);
            if whole(*count) / 0.5 > others { NOTHING } else { 1.0 }
        };
        shares.iter().zip(counts).map(one).collect()
    }

    /// From 0 for Monday.
    fn weekday(&self, days: u32) -> usize {
        let date = (self.next_day_local + (i64::from(days) - 1) * DAY).div_euclid(DAY);
        // The first of January 1970 was a Thursday.
        usize::try_from((date + 3).rem_euclid(7)).unwrap_or(0)
    }

    fn apart(&self, day: u32) -> f32 {
        let weight = |sibling: &usize| SIBLING_WEIGHTS.get(sibling.abs_diff(day as usize)).copied().unwrap_or(1.0);
        self.siblings.iter().map(weight).product()
    }
}

/// By chance, each as likely as its weight.
fn pick(weights: &[f32], seed: u64) -> Option<usize> {
    let mut total = 0.0;
    let ends: Vec<f32> = weights
        .iter()
        .map(|weight| {
            total += weight;
            total
        })
        .collect();
    if total <= 0.0 || !total.is_finite() {
        return None;
    }
    let chosen = Dice::new(seed).fraction() * total;
    Some(ends.iter().take(ends.len() - 1).filter(|end| **end <= chosen).count())
}
