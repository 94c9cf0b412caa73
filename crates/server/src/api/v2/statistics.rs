//! Statistics, as Anki's own windows show them.

use super::problem::{Answer, Problem};
use super::request::{Api, Query};
use crate::actions::api_tokens::Scope;
use crate::actions::statistics::{self, DeckCounts, Graphs};
use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The top of the tree of decks.
#[derive(Debug, Serialize, ToSchema)]
pub struct Decks {
    pub items: Vec<DeckCounts>,
}

/// Of what to make statistics.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatisticsOf {
    /// Only of the cards that this search finds, at most 100,000 (or all), and of their reviews.
    #[serde(default)]
    search: String,
}

/// What Anki's graphs show: cards by state, due dates, answers by day, hour and button, retention, intervals, eases.
#[utoipa::path(get, path = "/api/v2/statistics", tag = "statistics", params(StatisticsOf), responses((status = 200, body = Graphs, description = "Days are counted from today: -1 is yesterday"), (status = 503, body = Problem)))]
pub async fn graphs(api: Api, Query(of): Query<StatisticsOf>) -> Answer<Json<Graphs>> {
    api.needs(Scope::Read)?;
    let graphs = statistics::graphs(&api.app.user, &api.app.clock, api.account(), &of.search).await;
    // The parameter is called otherwise than in the search itself.
    Ok(Json(graphs.map_err(|error| Problem::from(error).about("search"))?))
}

/// Decks with what is waiting in them today, within the daily limits.
#[utoipa::path(get, path = "/api/v2/statistics/decks", tag = "statistics", responses((status = 200, body = Decks), (status = 503, body = Problem)))]
pub async fn decks(api: Api) -> Answer<Json<Decks>> {
    api.needs(Scope::Read)?;
    Ok(Json(Decks { items: statistics::decks(&api.app.user, &api.app.clock, api.account()).await? }))
}
