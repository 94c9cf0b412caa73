//! The collection as a whole: stamps and counts, configuration, reviews.

use super::problem::{Answer, Problem};
use super::request::{Api, Body, Page, Path, Query, cursor, limit, select};
use crate::actions::collection_config::CollectionConfig;
use crate::actions::edit_collection::config::SetConfig;
use anki::model::Review;
use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::user_db::Current;
use utoipa::{IntoParams, ToSchema};

/// A collection: counts of rows, and stamps.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Collection)]
pub struct CollectionView {
    pub username: String,
    pub notes: i64,
    pub cards: i64,
    pub reviews: i64,
    pub notetypes: i64,
    pub decks: i64,
    pub presets: i64,
    pub media_files: i64,
    pub media_bytes: i64,
    /// The number of today, counted from the day on which the collection was made.
    pub today: i64,
    /// Seconds since the epoch.
    pub created: i64,
    /// Milliseconds since the epoch.
    pub modified: i64,
    /// Milliseconds since the epoch. Devices with another one need a one-way sync.
    pub schema_modified: i64,
    /// When a device synced last, or uploaded everything: milliseconds since the epoch, or 0.
    pub last_sync: i64,
    /// Grows with every sync.
    pub usn: i32,
}

/// Counts and stamps.
#[utoipa::path(get, path = "/api/v2/collection", tag = "collection", responses((status = 200, body = CollectionView)))]
pub async fn get(api: Api) -> Answer<Json<CollectionView>> {
    let current = api.open().await?;
    let overview = api.app.user.overviews(&[api.account()]).await?.remove(&api.account()).unwrap_or_default();
    let today = today(&api, &current).await?;
    let (stamps, counts) = (current.stamps, current.counts);
    Ok(Json(CollectionView {
        username: api.caller.account.username.clone(),
        notes: counts.notes,
        cards: counts.cards,
        reviews: counts.revlog,
        notetypes: counts.notetypes,
        decks: counts.decks,
        presets: counts.presets,
        media_files: overview.media_files,
        media_bytes: overview.media_bytes,
        today,
        created: stamps.created,
        modified: stamps.modified,
        schema_modified: stamps.schema_modified,
        last_sync: overview.last_sync,
        usn: stamps.usn,
    }))
}

/// The number of today, counted from the day on which the collection was made, by the rules of the device that was used last.
pub(super) async fn today(api: &Api, current: &Current) -> Answer<i64> {
    let config = CollectionConfig::new(api.stored(current).config().await?);
    Ok(config.day_rules(current.stamps.created).at(api.app.clock.now_secs()).today)
}

/// All keys of the configuration that clients share.
#[utoipa::path(get, path = "/api/v2/collection/config", tag = "collection", responses((status = 200, body = std::collections::BTreeMap<String, Value>, description = "Key to value")))]
pub async fn config(api: Api) -> Answer<Json<Map<String, Value>>> {
    let current = api.open().await?;
    let entries = api.stored(&current).config().await?.into_iter();
    Ok(Json(entries.map(|entry| (entry.key, serde_json::from_str(&entry.json).unwrap_or_default())).collect()))
}

/// One key of the configuration.
#[utoipa::path(get, path = "/api/v2/collection/config/{key}", tag = "collection", params(("key" = String, Path)), responses((status = 200, body = Value, description = "The value"), (status = 404, body = Problem)))]
pub async fn config_key(api: Api, Path(key): Path<String>) -> Answer<Json<Value>> {
    let current = api.open().await?;
    let value = api.stored(&current).config_value(&key).await?.ok_or_else(|| Problem::not_found("there is no such key"))?;
    Ok(Json(serde_json::from_str(&value).unwrap_or_default()))
}

/// Sets a key of the configuration. Clients sync the configuration as a whole, and the side that was changed last wins: a device with
/// changes of its own that syncs later keeps its own.
#[utoipa::path(put, path = "/api/v2/collection/config/{key}", tag = "collection", params(("key" = String, Path)), request_body = Value, responses((status = 204), (status = 422, body = Problem)))]
pub async fn set_config(api: Api, Path(key): Path<String>, Body(value): Body<Value>) -> Answer<StatusCode> {
    api.edit(&SetConfig(vec![(key, Some(value))])).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a key of the configuration.
#[utoipa::path(delete, path = "/api/v2/collection/config/{key}", tag = "collection", params(("key" = String, Path)), responses((status = 204)))]
pub async fn delete_config(api: Api, Path(key): Path<String>) -> Answer<StatusCode> {
    api.edit(&SetConfig(vec![(key, None)])).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A review.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Review)]
pub struct ReviewView {
    /// Milliseconds since the epoch of the answer.
    pub id: i64,
    /// Of a card that may be gone.
    pub card_id: i64,
    /// 1 (again) to 4 (easy); 0 for what was no answer.
    pub button: i64,
    /// Days, or seconds when negative.
    pub interval: i64,
    pub last_interval: i64,
    /// In thousandths; with FSRS the difficulty.
    pub ease: i64,
    /// How long it took.
    pub milliseconds: i64,
    #[serde(rename = "type")]
    pub kind: ReviewKind,
}

/// In which way a card was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReviewType)]
pub enum ReviewKind {
    Learn,
    Review,
    Relearn,
    /// In a filtered deck, ahead of its time.
    Filtered,
    /// Changed by hand.
    Manual,
    /// Changed by new settings.
    Rescheduled,
}

/// Which reviews to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListReviews {
    /// Milliseconds since the epoch: from then on.
    pub since: Option<i64>,
    /// Milliseconds since the epoch: before then.
    pub until: Option<i64>,
    pub cursor: Option<String>,
    /// From 1 to 1000; 100 without.
    pub limit: Option<u32>,
    /// Keys of each review to answer, separated by commas.
    pub select: Option<String>,
}

/// Lists reviews, in the order in which they took place.
#[utoipa::path(get, path = "/api/v2/reviews", tag = "reviews", params(ListReviews), responses((status = 200, body = Page<ReviewView>, description = "A page of reviews")))]
pub async fn reviews(api: Api, Query(query): Query<ListReviews>) -> Answer<Json<Page<Value>>> {
    let current = api.open().await?;
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?.max(query.since.map_or(i64::MIN, |since| since.saturating_sub(1)));
    let reviews = api.stored(&current).reviews_between(after, query.until.unwrap_or(i64::MAX), limit).await?;
    let next = reviews.last().filter(|_| reviews.len() as i64 == limit).map(|review| review.id.to_string());
    let views: Vec<ReviewView> = reviews.iter().map(view).collect();
    let items = select(&views, query.select.as_deref())?;
    Ok(Json(Page { items, next }))
}

fn view(review: &Review) -> ReviewView {
    ReviewView {
        id: review.id,
        card_id: review.card_id,
        button: review.ease,
        interval: review.interval,
        last_interval: review.last_interval,
        ease: review.factor,
        milliseconds: review.time,
        kind: match review.kind {
            0 => ReviewKind::Learn,
            1 => ReviewKind::Review,
            2 => ReviewKind::Relearn,
            3 => ReviewKind::Filtered,
            4 => ReviewKind::Manual,
            _ => ReviewKind::Rescheduled,
        },
    }
}
