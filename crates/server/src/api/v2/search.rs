//! Searching, in Anki's search language.

use super::problem::{Answer, Problem};
use super::request::{Api, Body, Page, Query, cursor, limit};
use crate::actions::api_tokens::Scope;
use crate::actions::search::{SearchFailed, search};
use axum::Json;
use serde::Deserialize;
use store::collection::search::{Order, Target, Wanted};
use utoipa::{IntoParams, ToSchema};

/// What to search for.
#[derive(Debug, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchInput {
    /// The search, as one would type it in Anki's browser. An empty one finds everything.
    #[serde(default)]
    query: String,
    /// `id`, `noteFld`, `noteCrt`, `noteMod`; for cards also `cardMod`, `cardDue`, `cardIvl`, `cardEase`, `cardReps`, `cardLapses`.
    order: Option<String>,
    /// From the last to the first.
    #[serde(default)]
    descending: bool,
    /// From 1 to 1000; 100 without.
    limit: Option<u32>,
    /// What `next` of the page before said.
    cursor: Option<String>,
}

async fn find(api: &Api, target: Target, input: SearchInput) -> Answer<Json<Page<i64>>> {
    api.needs(Scope::Read)?;
    let order = input.order.as_deref().unwrap_or("id");
    let names = || Order::NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let order = Order::from_name(order).ok_or_else(|| Problem::invalid("order", format!("one of {}", names())))?;
    let after = match cursor(input.cursor.as_deref())? {
        i64::MIN => None,
        after => Some(after),
    };
    let limit = usize::try_from(limit(input.limit)?).unwrap_or(100);
    let wanted = Wanted { target, order, descending: input.descending, after, limit };
    let page = search(&api.app.user, &api.app.clock, api.account(), &input.query, wanted).await?;
    Ok(Json(Page { items: page.ids, next: page.next.map(|next| next.to_string()) }))
}

impl From<SearchFailed> for Problem {
    fn from(error: SearchFailed) -> Self {
        match error {
            SearchFailed::Search(error) => Self::invalid("query", error.to_string()).at(error.position),
            SearchFailed::Request(reason) => Self::invalid("order", reason),
            SearchFailed::Importing => Self::unavailable("importing", "the collection is still being imported"),
            SearchFailed::Store(error) => error.into(),
        }
    }
}

/// Finds notes.
#[utoipa::path(get, path = "/api/v2/search/notes", tag = "search", params(SearchInput), responses((status = 200, body = Page<i64>), (status = 422, body = Problem, description = "`position` is the character of the search at which the wrong part begins")))]
pub async fn notes(api: Api, Query(input): Query<SearchInput>) -> Answer<Json<Page<i64>>> {
    find(&api, Target::Notes, input).await
}

/// Finds notes, for searches too long for an address.
#[utoipa::path(post, path = "/api/v2/search/notes", tag = "search", request_body = SearchInput, responses((status = 200, body = Page<i64>), (status = 422, body = Problem)))]
pub async fn notes_by_post(api: Api, Body(input): Body<SearchInput>) -> Answer<Json<Page<i64>>> {
    find(&api, Target::Notes, input).await
}

/// Finds cards.
#[utoipa::path(get, path = "/api/v2/search/cards", tag = "search", params(SearchInput), responses((status = 200, body = Page<i64>), (status = 422, body = Problem, description = "`position` is the character of the search at which the wrong part begins")))]
pub async fn cards(api: Api, Query(input): Query<SearchInput>) -> Answer<Json<Page<i64>>> {
    find(&api, Target::Cards, input).await
}

/// Finds cards, for searches too long for an address.
#[utoipa::path(post, path = "/api/v2/search/cards", tag = "search", request_body = SearchInput, responses((status = 200, body = Page<i64>), (status = 422, body = Problem)))]
pub async fn cards_by_post(api: Api, Body(input): Body<SearchInput>) -> Answer<Json<Page<i64>>> {
    find(&api, Target::Cards, input).await
}
