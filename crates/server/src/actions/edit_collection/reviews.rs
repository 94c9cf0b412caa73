//! Reviews that took place elsewhere.

use super::{Change, Edit, Problem, Result};
use crate::actions::quota::ROW;
use anki::model::Review;
use std::collections::HashSet;

/// Adds reviews. What they did to their cards is not worked out: that is a scheduler's business.
#[derive(Debug, Clone)]
pub struct AddReviews(pub Vec<Review>);

impl Change for AddReviews {
    type Done = ();

    async fn make(&self, edit: &mut Edit) -> Result<()> {
        let mut reviews = self.0.clone();
        let mut seen = HashSet::new();
        let ids: Vec<i64> = reviews.iter().map(|review| review.id).collect();
        let twice = ids.iter().find(|id| !seen.insert(**id)).copied();
        if let Some(id) = twice.or(edit.stored().existing_reviews(&ids).await?.into_iter().min()) {
            return Err(Problem::invalid("reviews", format!("there is a review with the time {id} already")).into());
        }
        reviews.iter_mut().for_each(|review| review.usn = edit.usn());
        edit.adds(reviews.len() * ROW / 2);
        edit.changed = true;
        let added = edit.stored().add_reviews(reviews).await?;
        edit.current.counts.revlog += added.cast_signed();
        Ok(())
    }
}
