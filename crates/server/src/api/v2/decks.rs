//! Decks and presets.

use super::notes::Gone;
use super::once::edit_once;
use super::problem::{Answer, Problem};
use super::request::{Api, Body, Page, Path, seen, versioned};
use crate::actions::edit_collection::decks::{ChangeDeck, CreateDeck, DeleteDecks, object_version};
use crate::actions::edit_collection::{DeckRef, Edit};
use anki::model::Deck;
use anki::schema11;
use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use utoipa::ToSchema;

/// A deck to make.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeckInput {
    /// Such as `Languages::Japanese`. Parents that do not exist are made.
    pub name: String,
}

/// Changes of a deck.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeckPatch {
    /// Another name or place. The decks below go with it.
    pub name: Option<String>,
    /// Keys of the deck's object as clients sync it, such as `conf` (the preset's id), `desc`, `newLimit`, `reviewLimit`.
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Map<String, Value>>,
}

/// A deck.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Deck)]
pub struct DeckView {
    pub id: i64,
    /// With `::` between levels.
    pub name: String,
    pub filtered: bool,
    /// None for a filtered deck.
    pub preset_id: Option<i64>,
    /// In the deck itself.
    pub cards: i64,
    /// Seconds since the epoch of its last change.
    pub modified: i64,
    /// Changes with the deck. Also sent as `ETag`.
    pub version: String,
    /// The object as clients sync it.
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
}

/// What was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct Made {
    pub id: i64,
}

/// Lists all decks, by name, with the number of cards in each (without those below it).
#[utoipa::path(get, path = "/api/v2/decks", tag = "decks", responses((status = 200, body = Page<DeckView>, description = "All decks")))]
pub async fn list(api: Api) -> Answer<Json<Page<DeckView>>> {
    let current = api.open().await?;
    let stored = api.stored(&current);
    let cards: HashMap<i64, i64> = stored.cards_by_deck().await?.into_iter().collect();
    let mut decks = stored.decks().await?;
    decks.sort_by(|a, b| a.name.split("::").map(anki::names::fold).cmp(b.name.split("::").map(anki::names::fold)));
    let items = decks.iter().map(|deck| view(deck, cards.get(&deck.id).copied().unwrap_or_default())).collect();
    Ok(Json(Page::whole(items)))
}

/// Answers one deck with its settings.
#[utoipa::path(get, path = "/api/v2/decks/{id}", tag = "decks", params(("id" = i64, Path)), responses((status = 200, body = DeckView), (status = 304, description = "It is what `If-None-Match` says"), (status = 404, body = Problem)))]
pub async fn get(api: Api, Path(id): Path<i64>, headers: HeaderMap) -> Answer<Response> {
    let current = api.open().await?;
    let stored = api.stored(&current);
    let deck = stored.decks_by_id(&[id]).await?.pop().ok_or_else(|| Problem::not_found(format!("there is no deck {id}")))?;
    let cards = stored.cards_by_deck().await?.into_iter().find(|(deck, _)| *deck == id).map_or(0, |(_, cards)| cards);
    Ok(versioned(&headers, &object_version(&deck.json), StatusCode::OK, &view(&deck, cards)))
}

/// Makes a deck.
#[utoipa::path(post, path = "/api/v2/decks", tag = "decks", request_body = DeckInput, responses((status = 201, body = Made), (status = 409, body = Problem)))]
pub async fn create(api: Api, headers: HeaderMap, Body(input): Body<DeckInput>) -> Answer<Response> {
    let change = CreateDeck { name: input.name.clone(), must_be_new: true };
    let answer = edit_once(&api, &headers, "decks", &input, change, |_: &Edit, id: &i64| json!({"id": id})).await?;
    let location = format!("/api/v2/decks/{}", answer["id"]);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(answer)).into_response())
}

/// Renames or moves a deck, or changes its settings.
#[utoipa::path(patch, path = "/api/v2/decks/{id}", tag = "decks", params(("id" = i64, Path)), request_body = DeckPatch, responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem), (status = 412, body = Problem)))]
pub async fn update(api: Api, Path(id): Path<i64>, headers: HeaderMap, Body(input): Body<DeckPatch>) -> Answer<StatusCode> {
    api.edit(&ChangeDeck { deck: DeckRef::Id(id), name: input.name, set: input.settings, version: seen(&headers) }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes a deck with the decks below it and their cards. The default deck is emptied only.
#[utoipa::path(delete, path = "/api/v2/decks/{id}", tag = "decks", params(("id" = i64, Path)), responses((status = 200, body = Gone), (status = 404, body = Problem)))]
pub async fn delete(api: Api, Path(id): Path<i64>) -> Answer<Json<Gone>> {
    let gone = api.edit(&DeleteDecks { decks: vec![DeckRef::Id(id)], skip_missing: false }).await?;
    Ok(Json(gone.into()))
}

fn view(deck: &Deck, cards: i64) -> DeckView {
    let settings: Map<String, Value> = serde_json::from_str(&deck.json).unwrap_or_default();
    DeckView {
        id: deck.id,
        name: deck.name.clone(),
        filtered: settings.get("dyn").is_some_and(schema11::is_filtered),
        preset_id: settings.get("conf").and_then(Value::as_i64),
        cards,
        modified: deck.mtime,
        version: object_version(&deck.json),
        settings,
    }
}
