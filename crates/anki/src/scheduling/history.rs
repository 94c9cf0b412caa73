//! What a card's reviews say about its owner's memory.

use crate::model::Review;

const DAY: i64 = 86_400;

/// The reviews from which memory is worked out, the first first.
#[derive(Debug, PartialEq)]
pub(super) struct History<'a> {
    pub reviews: Vec<&'a Review>,
    /// They go back to where the card was new. If not, the first one has to say how well the card was known.
    pub complete: bool,
}

impl<'a> History<'a> {
    /// Picks from all reviews of a card, in their order. Those up to `ignored_until`, in milliseconds, do not count. None where none is left.
    pub(super) fn of(all: &'a [Review], ignored_until: i64) -> Option<Self> {
        let mut first_learning = None;
        let mut first_graded = None;
        let mut complete = false;
        // Backwards, until the card was new for the last time.
        for (at, review) in all.iter().enumerate().rev() {
            if is_preview(review) {
                continue;
            }
            let graded = review.ease > 0;
            let is_learning = graded && kind(review) == 0;
            if graded && review.id > ignored_until && (review.interval >= 1 || review.interval <= -DAY) {
                first_graded = Some(at);
            }
            if is_learning {
                first_learning = Some(at);
                complete = true;
            } else if is_reset(review) {
                if first_learning.is_none() && first_graded.is_none() {
                    return None;
                }
                complete = first_learning.is_some();
                break;
            } else if first_learning.is_some() {
                // Earlier versions did not note that a card was reset.
                break;
            }
        }
        let ignored = |at: &usize| all.get(*at).is_some_and(|review| review.id < ignored_until) && at + 1 < all.len();
        if first_learning.as_ref().is_some_and(ignored) {
            first_learning = None;
            complete = false;
        }
        let start = first_learning.or(first_graded)?;
        let reviews = all.get(start..)?.iter().filter(|review| review.ease > 0 && !is_preview(review)).collect();
        Some(Self { reviews, complete })
    }

    /// Each review's rating, and how many days had passed since the one before. Days end when today does.
    pub(super) fn ratings(&self, next_day: i64) -> impl Iterator<Item = (u32, u32)> {
        let days_ago = move |review: &Review| u32::try_from((next_day - review.id.div_euclid(1000)) / DAY).unwrap_or(0);
        let mut before = None;
        self.reviews.iter().map(move |review| {
            let ago = days_ago(review);
            let passed = before.map_or(0, |before: u32| before.saturating_sub(ago));
            before = Some(ago);
            (u32::try_from(review.ease.min(255)).unwrap_or(0), passed)
        })
    }
}

/// The second of the last review that counts.
pub(super) fn last_review(all: &[Review]) -> Option<i64> {
    let counts = |review: &&Review| (1..=4).contains(&review.ease) && !(review.kind == 3 && review.factor == 0);
    all.iter().rev().find(counts).map(|review| review.id.div_euclid(1000))
}

/// Clients take a kind that they do not know for learning.
fn kind(review: &Review) -> i64 {
    if (0..=5).contains(&review.kind) { review.kind } else { 0 }
}

/// In a filtered deck that changes nothing.
fn is_preview(review: &Review) -> bool {
    kind(review) == 3 && review.factor == 0
}

/// Somebody made the card new again.
fn is_reset(review: &Review) -> bool {
    kind(review) == 4 && review.factor == 0
}
