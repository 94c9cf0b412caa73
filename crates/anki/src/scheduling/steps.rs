//! The steps in which a card is learnt, or learnt again.

use super::fuzz::{to_days, to_whole, whole};

const DAY: u32 = 86_400;

/// Steps of a preset, in minutes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps<'a>(pub &'a [f32]);

impl Steps<'_> {
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// How many are left for a card that begins.
    pub(super) fn all(self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// The first step, after which a failed card is shown.
    pub(super) fn first(self) -> Option<u32> {
        self.seconds(0)
    }

    /// The length of the step in which a card with so many left is.
    pub(super) fn current(self, left: u32) -> u32 {
        self.seconds(self.position(left)).unwrap_or_default()
    }

    /// Until a card that was hard is shown: its step again, or something between the first step and the next.
    pub(super) fn hard(self, left: u32) -> Option<u32> {
        let at = self.position(left);
        let step = self.seconds(at)?;
        if at > 0 {
            return Some(step);
        }
        let between = match self.seconds(1) {
            Some(next) => step.saturating_add(next) / 2,
            None => (step.saturating_mul(3) / 2).min(step.saturating_add(DAY)),
        };
        Some(if between > DAY { to_days(whole(between) / whole(DAY)).saturating_mul(DAY) } else { between })
    }

    /// The step after this one. None at the end.
    pub(super) fn next(self, left: u32) -> Option<u32> {
        self.seconds(self.position(left) + 1)
    }

    /// How many are left after this one.
    pub(super) fn left_after(self, left: u32) -> u32 {
        u32::try_from(self.0.len().saturating_sub(self.position(left) + 1)).unwrap_or(u32::MAX)
    }

    /// The thousands hold the steps that can be done today, which earlier schedulers counted.
    fn position(self, left: u32) -> usize {
        let count = self.0.len();
        count.saturating_sub((left % 1000) as usize).min(count.saturating_sub(1))
    }

    fn seconds(self, at: usize) -> Option<u32> {
        self.0.get(at).map(|minutes| to_whole(minutes * 60.0))
    }
}
