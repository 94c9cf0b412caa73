//! Presets: the options that decks share.

use super::once::edit_once;
use super::problem::{Answer, Problem};
use super::request::{Api, Body, Page, Path, Query, seen, versioned};
use crate::actions::edit_collection::Edit;
use crate::actions::edit_collection::decks::object_version;
use crate::actions::edit_collection::presets::{CreatePreset, DeletePreset, UpdatePreset};
use anki::model::Preset;
use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

/// A preset to make.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PresetInput {
    pub name: String,
    /// The preset to begin with; that of a fresh collection without.
    pub copy_of: Option<i64>,
    /// Keys of the object as clients sync it.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub options: Map<String, Value>,
}

/// Changes of a preset.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PresetPatch {
    /// Keys of the object as clients sync it; objects inside are merged key by key.
    #[schema(value_type = Object)]
    pub options: Map<String, Value>,
}

/// A preset.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Preset)]
pub struct PresetView {
    pub id: i64,
    pub name: String,
    /// Seconds since the epoch of its last change.
    pub modified: i64,
    /// Changes with the preset. Also sent as `ETag`.
    pub version: String,
    /// The object as clients sync it.
    #[schema(value_type = Object)]
    pub options: Map<String, Value>,
}

/// Consent to what cannot be undone by a normal sync.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Consent {
    /// Every device will need a one-way sync.
    #[serde(default)]
    pub allow_one_way_sync: bool,
}

impl Consent {
    /// # Errors
    /// 409 without it.
    pub fn required(&self, what: &str) -> Answer<()> {
        if self.allow_one_way_sync {
            return Ok(());
        }
        Err(Problem::one_way_sync(format!(
            "{what} makes every device ask for a one-way sync; send allow_one_way_sync=true if that is wanted"
        ))
        .about("allow_one_way_sync"))
    }
}

/// Lists all presets.
#[utoipa::path(get, path = "/api/v2/presets", tag = "presets", responses((status = 200, body = Page<PresetView>, description = "All presets")))]
pub async fn list(api: Api) -> Answer<Json<Page<PresetView>>> {
    let current = api.open().await?;
    let items = api.stored(&current).presets().await?.iter().map(view).collect();
    Ok(Json(Page::whole(items)))
}

/// Answers one preset.
#[utoipa::path(get, path = "/api/v2/presets/{id}", tag = "presets", params(("id" = i64, Path)), responses((status = 200, body = PresetView), (status = 304, description = "It is what `If-None-Match` says"), (status = 404, body = Problem)))]
pub async fn get(api: Api, Path(id): Path<i64>, headers: HeaderMap) -> Answer<Response> {
    let current = api.open().await?;
    let preset =
        api.stored(&current).presets_by_id(&[id]).await?.pop().ok_or_else(|| Problem::not_found(format!("there is no preset {id}")))?;
    Ok(versioned(&headers, &object_version(&preset.json), StatusCode::OK, &view(&preset)))
}

/// Makes a preset.
#[utoipa::path(post, path = "/api/v2/presets", tag = "presets", request_body = PresetInput, responses((status = 201, body = PresetView), (status = 422, body = Problem)))]
pub async fn create(api: Api, headers: HeaderMap, Body(input): Body<PresetInput>) -> Answer<Response> {
    let change = CreatePreset { name: input.name.clone(), copy_of: input.copy_of, set: input.options.clone() };
    let answer = edit_once(&api, &headers, "presets", &input, change, |_: &Edit, preset: &Preset| json!(view(preset))).await?;
    let location = format!("/api/v2/presets/{}", answer["id"]);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(answer)).into_response())
}

/// Changes options of a preset.
#[utoipa::path(patch, path = "/api/v2/presets/{id}", tag = "presets", params(("id" = i64, Path)), request_body = PresetPatch, responses((status = 200, body = PresetView), (status = 412, body = Problem), (status = 422, body = Problem)))]
pub async fn update(api: Api, Path(id): Path<i64>, headers: HeaderMap, Body(input): Body<PresetPatch>) -> Answer<Response> {
    let preset = api.edit(&UpdatePreset { id, set: input.options, version: seen(&headers) }).await?;
    Ok(versioned(&HeaderMap::new(), &object_version(&preset.json), StatusCode::OK, &view(&preset)))
}

/// Deletes a preset. Its decks get the default one. Every device will need a one-way sync.
#[utoipa::path(delete, path = "/api/v2/presets/{id}", tag = "presets", params(("id" = i64, Path), Consent), responses((status = 204), (status = 409, body = Problem)))]
pub async fn delete(api: Api, Path(id): Path<i64>, Query(consent): Query<Consent>) -> Answer<StatusCode> {
    consent.required("deleting a preset")?;
    api.edit(&DeletePreset(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view(preset: &Preset) -> PresetView {
    PresetView {
        id: preset.id,
        name: preset.name.clone(),
        modified: preset.mtime,
        version: object_version(&preset.json),
        options: serde_json::from_str(&preset.json).unwrap_or_default(),
    }
}
