//! What decks count of a day's study, against their limits.

use super::settings::object;
use crate::model::Deck;
use crate::schema11::{self, SchemaError};
use serde_json::json;

/// What was studied in a deck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Studied {
    pub new: i32,
    pub reviews: i32,
    pub milliseconds: i32,
}

/// Adds to what a deck counts today, or begins to count if it last did on another day.
///
/// # Errors
/// When it is no deck.
pub fn count_studied(deck: &mut Deck, today: i64, studied: Studied) -> Result<(), SchemaError> {
    let mut object = object(&deck.json)?;
    let counted = schema11::deck::read(&mut object)?.common;
    let is_today = i64::from(counted.last_day_studied) == today;
    let sum = |before: i32, more: i32| if is_today { before.wrapping_add(more) } else { more };
    let counts = [
        ("newToday", sum(counted.new_studied, studied.new)),
        ("revToday", sum(counted.review_studied, studied.reviews)),
        ("lrnToday", sum(counted.learning_studied, 0)),
        ("timeToday", sum(counted.milliseconds_studied, studied.milliseconds)),
    ];
    for (key, count) in counts {
        object.insert(key.to_owned(), json!([today, count]));
    }
    deck.json = schema11::text(&object);
    Ok(())
}
