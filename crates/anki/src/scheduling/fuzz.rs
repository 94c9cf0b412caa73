//! Spreading intervals a little, so that cards that were learnt together do not stay together.

use super::dice::Dice;

/// Days from which, up to which, and the share of the days between that is added to the spread.
const SPREADS: [(f32, f32, f32); 3] = [(2.5, 7.0, 0.15), (7.0, 20.0, 0.1), (20.0, f32::MAX, 0.05)];

/// Where a card's chance comes from: its id and how often it was answered.
pub(super) fn seed(card: i64, answered: u32) -> u64 {
    card.cast_unsigned().wrapping_add(u64::from(answered))
}

/// The days that an interval may become, the first and the last. At least two where `maximum` allows it and it is longer than two days.
pub(super) fn bounds(days: f32, minimum: u32, maximum: u32) -> (u32, u32) {
    let minimum = minimum.min(maximum);
    let days = days.clamp(whole(minimum), whole(maximum));
    let spread = spread(days);
    let first = to_days(days - spread).clamp(minimum, maximum);
    let last = to_days(days + spread).clamp(minimum, maximum);
    if first == last && last > 2 && last < maximum { (first, first + 1) } else { (first, last) }
}

/// One of the days within the bounds, by a chance from 0 to below 1.
pub(super) fn spread_by(chance: f32, days: f32, minimum: u32, maximum: u32) -> u32 {
    let (first, last) = bounds(days, minimum, maximum);
    to_whole((whole(first) + chance * whole(1 + last - first)).floor())
}

/// The shortest that an interval may become by chance after it was `previous` days long: longer than before if it has grown, no shorter if it
/// could just as well have become the same.
pub(super) fn shortest(days: f32, previous: u32, maximum: u32) -> u32 {
    if to_days(days) > previous {
        return previous.saturating_add(1);
    }
    let (_, last) = bounds(days, 1, maximum);
    if previous <= last { previous } else { 0 }
}

fn spread(days: f32) -> f32 {
    if days < 2.5 {
        return 0.0;
    }
    SPREADS.iter().fold(1.0, |sum, (from, to, share)| sum + share * (days.min(*to) - from).max(0.0))
}

/// Learning steps are lengthened by up to a quarter, and by five minutes at most.
pub(super) fn lengthened(seed: u64, seconds: u32) -> u32 {
    let more = to_whole((whole(seconds) * 0.25).min(300.0).floor());
    Dice::new(seed).between(seconds, seconds.saturating_add(more))
}

/// To the nearest day.
pub(super) fn to_days(days: f32) -> u32 {
    to_whole(days.round())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the conversion saturates, as in the clients")]
pub(super) fn to_whole(number: f32) -> u32 {
    number as u32
}

#[expect(clippy::cast_precision_loss, reason = "clients compute with single precision")]
pub(super) fn whole(number: u32) -> f32 {
    number as f32
}
