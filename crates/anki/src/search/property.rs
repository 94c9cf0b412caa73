//! `prop:`, and what is in a card's data.

use super::filter::{CardNumber, Check, Filter, Narrow, NarrowColumn, RowFilter, What};
use super::pattern::Like;
use super::term::{Comparison, Property};
use super::timing::Timing;

const DAY: i64 = 86_400;

pub(super) fn filter(timing: &Timing, property: &Property, comparison: Comparison) -> Filter {
    let number = |column, value: i64| Filter::Row(RowFilter::Number(column, comparison, value));
    match property {
        Property::Interval(days) => number(CardNumber::Interval, (*days).into()),
        Property::Repetitions(count) => number(CardNumber::Repetitions, (*count).into()),
        Property::Lapses(count) => number(CardNumber::Lapses, (*count).into()),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole thousandths, cut as in the clients; huge and negative ones end at the limits"
        )]
        Property::Ease(ease) => number(CardNumber::Ease, ((ease * 1000.0) as i64).clamp(0, u32::MAX.into())),
        Property::Position(position) => Filter::Row(RowFilter::Position(comparison, (*position).into())),
        Property::Due(days) => {
            let days = i64::from(*days);
            Filter::Row(RowFilter::DueInDays { comparison, days, day: timing.today + days, next_day: timing.next_day })
        }
        Property::Rated(days, button) => {
            let end = (timing.next_day + DAY * i64::from(*days)) * 1000;
            let begin = end - DAY * 1000;
            let (from, to, inside) = match comparison {
                Comparison::Greater => (end, i64::MAX, true),
                Comparison::GreaterOrEqual => (begin, i64::MAX, true),
                Comparison::Less => (i64::MIN, begin, true),
                Comparison::LessOrEqual => (i64::MIN, end, true),
                Comparison::Equal => (begin, end, true),
                Comparison::NotEqual => (begin, end, false),
            };
            Filter::Row(RowFilter::Reviewed { from, to, inside, button: *button })
        }
        Property::Stability(days) => data(What::Stability(comparison, wide(*days))),
        // Typed as a share of the range from 1 to 10.
        Property::Difficulty(share) => data(What::Difficulty(comparison, wide(share * 9.0 + 1.0))),
        Property::Retrievability(value) => {
            data(What::Retrievability { comparison, value: wide(*value), now: timing.now, today: timing.today })
        }
        Property::CustomNumber(key, value) => data(What::CustomNumber(key.clone(), comparison, wide(*value))),
        Property::CustomText(key, value) => data(What::CustomText(key.clone(), comparison, value.clone())),
    }
}

/// A condition on a card's data, which is JSON. The database only looks for the key.
pub(super) fn data(what: What) -> Filter {
    let key = match &what {
        What::Stability(..) | What::Retrievability { .. } => "\"s\"",
        What::Difficulty(..) => "\"d\"",
        _ => "\"cd\"",
    };
    let narrow = Narrow { like: Some((NarrowColumn::CardData, Like::new(key).anywhere())), ..Narrow::default() };
    Filter::Check(Box::new(Check { what, narrow }))
}

/// The number that the clients' database reads from the shortest decimal form of a 32-bit one.
fn wide(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}
