//! Reviews, and what they tell of cards.

use super::args::{Args, int};
use super::context::Context;
use super::decks::{DeckNames, needed};
use super::failed::{Result, said};
use crate::actions::collection_config::CollectionConfig;
use crate::actions::edit_collection::reviews::AddReviews;
use crate::clock;
use anki::model::Review;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};
use store::collection::search::Target;

/// Reviews in one answer.
const MOST: i64 = 200_000;
/// Reviews in one request.
const MOST_NEW: usize = 100_000;
const NO_REVIEW: &str = "a review is a list of nine whole numbers: the time in milliseconds, the card, a usn, the button (0 to 4), interval, \
    last interval, factor, milliseconds, and the kind (0 to 5)";
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

/// Rows as the add-on writes them: time, card, usn, button, interval, last interval, factor, milliseconds, kind. The usn is ours.
pub async fn insert(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let rows = args.list("reviews")?;
    if rows.len() > MOST_NEW {
        return Err(said(format!("at most {MOST_NEW} reviews can be sent in one request")));
    }
    let reviews = rows.iter().enumerate().map(|(at, row)| review(row).ok_or_else(|| said(format!("reviews[{at}]: {NO_REVIEW}"))));
    let reviews = reviews.collect::<Result<Vec<Review>>>()?;
    if !reviews.is_empty() {
        cx.edit(&AddReviews(reviews)).await?;
    }
    Ok(Value::Null)
}

fn review(row: &Value) -> Option<Review> {
    let numbers: Vec<i64> = row.as_array()?.iter().map(int).collect::<Option<_>>()?;
    let [id, card_id, _, ease, interval, last_interval, factor, time, kind] = *numbers.as_slice() else { return None };
    let days = i64::from(i32::MIN)..=i64::from(i32::MAX);
    let fits = id > 0
        && card_id > 0
        && (0..=4).contains(&ease)
        && days.contains(&interval)
        && days.contains(&last_interval)
        && (0..=i64::from(u32::MAX)).contains(&factor)
        && (0..=i64::from(u32::MAX)).contains(&time)
        && (0..=5).contains(&kind);
    fits.then_some(Review { id, card_id, usn: 0, ease, interval, last_interval, factor, time, kind })
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
    let config = CollectionConfig::new(stored.config().await?);
    let west = config.int("localOffset").or_else(|| config.int("creationOffset")).unwrap_or_default();
    let rollover = config.int("rollover").unwrap_or(4).clamp(0, 23);
    let days = stored.reviews_by_day((west * 60 + rollover * 3600) * 1000).await?;
    Ok(days.into_iter().map(|(day, count)| json!([clock::date(day), count])).collect())
}

/// The last interval of each card, or all of them.
pub async fn intervals(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let ids = args.ids("cards")?;
    let complete = args.flag("complete", false)?;
    let cards = cx.cards(&ids).await?;
    let (all, last) = if complete { (by_card(cx, &ids).await?, HashMap::new()) } else { (HashMap::new(), last_by_card(cx, &ids).await?) };
    let one = |id: &i64| {
        let card = cards.get(id).ok_or_else(|| said(format!("Card was not found: {id}")))?;
        Ok(match (card.kind, complete) {
            (0, _) => json!(0),
            (_, true) => all.get(id).map(Vec::as_slice).unwrap_or_default().iter().map(|review| review.interval).collect(),
            (_, false) => last.get(id).map_or(card.interval, |review| review.interval).into(),
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
    let last = last_by_card(cx, &ids).await?;
    let mut due = HashSet::new();
    // The search language takes some ids at a time.
    for part in ids.chunks(1000) {
        let list: Vec<String> = part.iter().map(i64::to_string).collect();
        due.extend(cx.search(Target::Cards, &format!("cid:{} is:due", list.join(","))).await?);
    }
    let now = cx.app.clock.now_secs();
    let one = |id: &i64| match last.get(id) {
        _ if cards.get(id).is_some_and(|card| card.kind == 0) => true,
        Some(review) if review.interval < LONG_STEP => review.id / 1000 - review.interval <= now,
        _ => due.contains(id),
    };
    Ok(ids.iter().map(one).collect::<Vec<bool>>().into())
}

async fn by_card(cx: &Context<'_>, ids: &[i64]) -> Result<HashMap<i64, Vec<Review>>> {
    let current = cx.open().await?;
    let stored = cx.stored(&current);
    if stored.count_reviews_of_cards(ids).await? > MOST {
        return Err(said(format!("these cards have more than {MOST} reviews: ask for fewer cards at once")));
    }
    let mut by_card: HashMap<i64, Vec<Review>> = HashMap::new();
    for review in stored.reviews_of_cards(ids).await? {
        by_card.entry(review.card_id).or_default().push(review);
    }
    Ok(by_card)
}

async fn last_by_card(cx: &Context<'_>, ids: &[i64]) -> Result<HashMap<i64, Review>> {
    let current = cx.open().await?;
    let reviews = cx.stored(&current).last_reviews_of_cards(ids).await?;
    Ok(reviews.into_iter().map(|review| (review.card_id, review)).collect())
}
