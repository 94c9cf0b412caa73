//! Our own API: typed, with a description in OpenAPI that is made from this code.
//!
//! A file per kind of thing.

pub mod cards;
pub mod collection;
pub mod decks;
mod description;
pub mod media;
pub mod new_notes;
pub mod notes;
pub mod notetypes;
mod once;
pub mod packages;
pub mod presets;
pub mod problem;
pub mod rate;
mod reference;
pub mod request;
pub mod search;
pub mod statistics;
pub mod study;
pub mod tags;
pub mod tokens;
pub mod users;

use crate::app::App;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::Value;
use std::sync::Arc;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "djankiserv",
        version = "2",
        description = "Reads and writes the Anki collections that this server syncs. Every change reaches every device at its next sync."
    ),
    modifiers(&Logins),
    security(("token" = []), ("basic" = []))
)]
struct Description;

struct Logins;

impl Modify for Logins {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let scheme = |scheme| SecurityScheme::Http(HttpBuilder::new().scheme(scheme).build());
        components.add_security_scheme("token", scheme(HttpAuthScheme::Bearer));
        components.add_security_scheme("basic", scheme(HttpAuthScheme::Basic));
    }
}

fn described() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(notes::list, new_notes::add))
        .routes(routes!(notes::get, notes::update, notes::delete))
        .routes(routes!(new_notes::add_many))
        .routes(routes!(new_notes::check))
        .routes(routes!(notes::update_many))
        .routes(routes!(notes::delete_many))
        .routes(routes!(cards::list))
        .routes(routes!(cards::get))
        .routes(routes!(cards::change))
        .routes(routes!(cards::delete))
        .routes(routes!(study::answer_many))
        .routes(routes!(study::answer))
        .routes(routes!(study::next))
        .routes(routes!(decks::list, decks::create))
        .routes(routes!(decks::get, decks::update, decks::delete))
        .routes(routes!(presets::list, presets::create))
        .routes(routes!(presets::get, presets::update, presets::delete))
        .routes(routes!(notetypes::list, notetypes::create))
        .routes(routes!(notetypes::get, notetypes::update, notetypes::delete))
        .routes(routes!(tags::list))
        .routes(routes!(tags::rename))
        .routes(routes!(tags::clear_unused))
        .routes(routes!(tags::delete))
        .routes(routes!(media::list))
        .routes(routes!(media::get, media::put, media::delete))
        .routes(routes!(collection::get))
        .routes(routes!(packages::import))
        .routes(routes!(packages::export))
        .routes(routes!(collection::config))
        .routes(routes!(collection::config_key, collection::set_config, collection::delete_config))
        .routes(routes!(collection::reviews))
        .routes(routes!(search::notes, search::notes_by_post))
        .routes(routes!(search::cards, search::cards_by_post))
        .routes(routes!(statistics::graphs))
        .routes(routes!(statistics::decks))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::get, users::update, users::delete))
        .routes(routes!(tokens::create_token_of))
        .routes(routes!(tokens::list_tokens, tokens::create_token))
        .routes(routes!(tokens::revoke_token))
}

/// All addresses of this API.
pub fn routes() -> Router<Arc<App>> {
    let (router, description) = described().split_for_parts();
    let description = complete(&description);
    let json: Arc<str> = json(&description).into();
    let page: Arc<str> = reference::page(&description).into();
    router
        .route("/api/v2/openapi.json", get(move || std::future::ready(([("content-type", "application/json")], json.to_string()))))
        .route("/api/v2/", get(move || std::future::ready(reference::answer(page.to_string()))))
        // Relative, as it may be below a path.
        .route("/api/v2", get(|| std::future::ready(axum::response::Redirect::permanent("v2/").into_response())))
        .route(
            "/api/v2/{*rest}",
            axum::routing::any(|| std::future::ready(problem::Problem::not_found("there is no such address; see /api/v2/"))),
        )
        .method_not_allowed_fallback(|| std::future::ready(problem::Problem::wrong_method("see /api/v2/")))
}

/// The description as it is committed to `docs/openapi.json`.
pub fn openapi() -> String {
    json(&complete(&described().split_for_parts().1))
}

fn complete(description: &utoipa::openapi::OpenApi) -> Value {
    description::complete(serde_json::to_value(description).unwrap_or_default())
}

fn json(description: &Value) -> String {
    format!("{description:#}\n")
}
