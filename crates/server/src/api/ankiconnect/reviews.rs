//! Reviews, and what they tell of cards.

use super::args::Args;
use super::context::Context;
use super::decks::{DeckNames, needed};
use super::failed::{Result, said};
use crate::actions::search::Config;
use anki::model::Review;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};
use store::collection::search::Target;

/// Reviews in one answer.
const MOST: i64 = 200_000;
/// Learning steps of more seconds than this are waited for to the second.
const LONG_STEP: i64 = -1200;

pub async fn of_deck(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let current = cx.open().await?;
    let stored = cx.stored(&current);
    let deck = needed(&DeckNames::load(stored).await?, args.text("deck")?)?;
    let reviews = stored.reviews_of_deck(deck, args.int("startID")?, MOST).await?;
    let row = |r: &Review| json!([r.id, r.card_id, r.usn, r.ease, r.interval, r.last_interval, r.factor, r.time, r.kind]);
    Ok(reviews.iter().map(row).collect())
}

pub async fn latest(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let current = cx.open().await?;
    let stored = cx.stored(&current);
    let deck = needed(&DeckNames::load(stored).await?, args.text("deck")?)?;
    Ok(stored.last_review_of_deck(deck).await?.unwrap_or_default().into())
}

pub async fn of_cards(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let ids = args.ids("cards")?;
    let by_card = by_card(cx, &ids).await?;
    let object = |r: &Review| {
        json!({
            "id": r.id, "usn": r.usn, "ease": r.ease, "ivl": r.interval, "lastIvl": r.last_interval,
            "factor": r.factor, "time": r.time, "type": r.kind,
        })
    };
    let mut answer = Map::new();
    for id in ids {
        let reviews = by_card.get(&id).map(Vec::as_slice).unwrap_or_default();
        answer.insert(id.to_string(), reviews.iter().map(object).collect());
    }
    Ok(Value::Object(answer))
}

pub async fn today(cx: &Context<'_>, _: &Args<'_>) -> Result<Value> {
    let current = cx.open().await?;
    let begins = (cx.timing(&current).await?.next_day - 86_400) * 1000;
    Ok(cx.stored(&current).count_reviews(begins).await?.into())
}

/// `[["2026-11-25", 3], …]`, the latest first, in the days and the time zone of the collection.
pub async fn by_day(cx: &Context<'_>, _: &Args<'_>) -> Result<Value> {
    let current = cx.open().await?;
    let stored = cx.stored(&current);
    let config = Config::new(stored.config().await?);
    let west = config.int("localOffset").or_else(|| config.int("creationOffset")).unwrap_or_default();
    let rollover = config.int("rollover").unwrap_or(4).clamp(0, 23);
    let days = stored.reviews_by_day((west * 60 + rollover * 3600) * 1000).await?;
    Ok(days.into_iter().map(|(day, count)| json!([date(day), count])).collect())
}

/// The last interval of each card, or all of them.
pub async fn intervals(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let ids = args.ids("cards")?;
    let complete = args.flag("complete", false)?;
    let cards = cx.cards(&ids).await?;
    let by_card = by_card(cx, &ids).await?;
    let one = |id: &i64| {
        let card = cards.get(id).ok_or_else(|| said(format!("Card was not found: {id}")))?;
        let reviews = by_card.get(id).map(Vec::as_slice).unwrap_or_default();
        Ok(match (card.kind, complete) {
            (0, _) => json!(0),
            (_, true) => reviews.iter().map(|review| review.interval).collect(),
            (_, false) => reviews.last().map_or(card.interval, |review| review.interval).into(),
        })
    };
    ids.iter().map(one).collect()
}

pub async fn are_due(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let ids = args.ids("cards")?;
    if ids.is_empty() {
        return Ok(json!([]));
    }
    let cards = cx.cards(&ids).await?;
    if let Some(missing) = ids.iter().find(|id| !cards.contains_key(id)) {
        return Err(said(format!("Card was not found: {missing}")));
    }
    let by_card = by_card(cx, &ids).await?;
    let mut due = HashSet::new();
    // The search language takes some ids at a time.
    for part in ids.chunks(1000) {
        let list: Vec<String> = part.iter().map(i64::to_string).collect();
        due.extend(cx.search(Target::Cards, &format!("cid:{} is:due", list.join(","))).await?);
    }
    let now = cx.app.clock.now_secs();
    let one = |id: &i64| {
        let last = by_card.get(id).and_then(|reviews| reviews.last());
        match last {
            _ if cards.get(id).is_some_and(|card| card.kind == 0) => true,
            Some(review) if review.interval < LONG_STEP => review.id / 1000 - review.interval <= now,
            _ => due.contains(id),
        }
    };
    Ok(ids.iter().map(one).collect::<Vec<bool>>().into())
}

async fn by_card(cx: &Context<'_>, ids: &[i64]) -> Result<HashMap<i64, Vec<Review>>> {
    let current = cx.open().await?;
    let mut by_card: HashMap<i64, Vec<Review>> = HashMap::new();
    for review in cx.stored(&current).reviews_of_cards(ids).await? {
        by_card.entry(review.card_id).or_default().push(review);
    }
    Ok(by_card)
}

/// A day since 1970 as a date of the Gregorian calendar.
fn date(day: i64) -> String {
    // Years that begin in March have the odd day at their ends; eras of 400 of them are all alike.
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (day, wanted) in [(0, "1970-01-01"), (11_016, "2000-02-29"), (11_017, "2000-03-01"), (20_782, "2026-11-25"), (-1, "1969-12-31")]
        {
            assert_eq!(date(day), wanted);
        }
    }
}
