//! Notetypes.

use super::once::edit_once;
use super::presets::Consent;
use super::problem::{Answer, Problem};
use super::request::{Api, Body, Page, Path, Query, seen, versioned};
use crate::actions::edit_collection::decks::object_version;
use crate::actions::edit_collection::notetypes::{
    CreateNotetype, DeleteNotetype, FieldEdit, NewTemplate, StructuralEdit, TemplateEdit, UpdateNotetype,
};
use crate::actions::edit_collection::{self, Edit, NotetypeRef};
use anki::cards::{Layout, TemplateTexts};
use anki::model::Notetype;
use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashMap;
use utoipa::ToSchema;

/// A template.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateInput {
    pub name: String,
    /// Such as `{{Front}}`.
    pub question: String,
    /// Such as `{{FrontSide}}<hr id=answer>{{Back}}`.
    pub answer: String,
}

/// A notetype to make.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotetypeInput {
    pub name: String,
    /// Names, in order.
    pub fields: Vec<String>,
    pub templates: Vec<TemplateInput>,
    /// That of the stock notetypes without.
    pub css: Option<String>,
    /// Cards come from cloze deletions.
    #[serde(default)]
    pub cloze: bool,
}

/// New texts of a template. What is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplatePatch {
    /// Its name.
    pub template: String,
    pub rename: Option<String>,
    pub question: Option<String>,
    pub answer: Option<String>,
}

/// How a field is shown where notes are edited. What is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldPatch {
    /// Its name, after `rename_fields`.
    pub field: String,
    pub font: Option<String>,
    pub size: Option<u16>,
    /// Shown in the field while it is empty.
    pub description: Option<String>,
}

/// A notetype.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Notetype)]
pub struct NotetypeView {
    pub id: i64,
    pub name: String,
    /// Cards come from cloze deletions.
    pub cloze: bool,
    /// Names, in order.
    pub fields: Vec<String>,
    /// The position of the field by which notes are sorted.
    pub sort_field: i32,
    pub templates: Vec<TemplateView>,
    pub css: String,
    /// How many notes have it.
    pub notes: i64,
    /// Seconds since the epoch of its last change.
    pub modified: i64,
    /// Changes with the notetype. Also sent as `ETag`.
    pub version: String,
}

/// A template.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Template)]
pub struct TemplateView {
    pub name: String,
    pub question: String,
    pub answer: String,
    /// Where its new cards go, if not into the note's deck.
    pub deck_id: Option<i64>,
}

/// A change for which every device needs a one-way sync.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum StructureInput {
    AddField {
        name: String,
        at: Option<usize>,
    },
    RemoveField {
        name: String,
    },
    MoveField {
        name: String,
        to: usize,
    },
    AddTemplate {
        name: String,
        question: String,
        answer: String,
    },
    RemoveTemplate {
        name: String,
    },
    MoveTemplate {
        name: String,
        to: usize,
    },
    /// The field by which notes are sorted.
    SortField {
        name: String,
    },
}

/// Changes of a notetype.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotetypePatch {
    pub name: Option<String>,
    pub css: Option<String>,
    #[serde(default)]
    pub templates: Vec<TemplatePatch>,
    /// Old name to new name.
    #[serde(default)]
    pub rename_fields: std::collections::BTreeMap<String, String>,
    /// How fields are shown where notes are edited.
    #[serde(default)]
    pub field_settings: Vec<FieldPatch>,
    /// Needs `allow_one_way_sync=true`.
    #[serde(default)]
    pub structure: Vec<StructureInput>,
}

/// Lists all notetypes, with the number of their notes.
#[utoipa::path(get, path = "/api/v2/notetypes", tag = "notetypes", responses((status = 200, body = Page<NotetypeView>, description = "All notetypes")))]
pub async fn list(api: Api) -> Answer<Json<Page<NotetypeView>>> {
    let current = api.open().await?;
    let stored = api.stored(&current);
    let notes: HashMap<i64, i64> = stored.notes_by_notetype().await?.into_iter().collect();
    let notetypes = stored.notetypes().await?;
    let items = notetypes.iter().map(|notetype| view(notetype, notes.get(&notetype.id).copied().unwrap_or_default())).collect();
    Ok(Json(Page::whole(items)))
}

/// Answers one notetype.
#[utoipa::path(get, path = "/api/v2/notetypes/{id}", tag = "notetypes", params(("id" = i64, Path)), responses((status = 200, body = NotetypeView), (status = 304, description = "It is what `If-None-Match` says"), (status = 404, body = Problem)))]
pub async fn get(api: Api, Path(id): Path<i64>, headers: HeaderMap) -> Answer<Response> {
    let current = api.open().await?;
    let stored = api.stored(&current);
    let notetype = stored.notetypes_by_id(&[id]).await?.pop().ok_or_else(|| Problem::not_found(format!("there is no notetype {id}")))?;
    let notes = stored.notes_of_notetype(id).await?.len() as i64;
    Ok(versioned(&headers, &object_version(&notetype.json), StatusCode::OK, &view(&notetype, notes)))
}

/// Makes a notetype.
#[utoipa::path(post, path = "/api/v2/notetypes", tag = "notetypes", request_body = NotetypeInput, responses((status = 201, body = NotetypeView), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(api: Api, headers: HeaderMap, Body(input): Body<NotetypeInput>) -> Answer<Response> {
    let templates = input.templates.iter().cloned();
    let change = CreateNotetype {
        name: input.name.clone(),
        fields: input.fields.clone(),
        templates: templates.map(|TemplateInput { name, question, answer }| NewTemplate { name, question, answer }).collect(),
        css: input.css.clone(),
        cloze: input.cloze,
    };
    let answer = edit_once(&api, &headers, "notetypes", &input, change, |_: &Edit, made: &Notetype| json!(view(made, 0))).await?;
    let location = format!("/api/v2/notetypes/{}", answer["id"]);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(answer)).into_response())
}

/// Changes templates, CSS and names by a normal sync; fields and templates themselves only with consent to a one-way sync.
#[utoipa::path(patch, path = "/api/v2/notetypes/{id}", tag = "notetypes", params(("id" = i64, Path), Consent), request_body = NotetypePatch, responses((status = 200, body = NotetypeView), (status = 409, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem)))]
pub async fn update(
    api: Api,
    Path(id): Path<i64>,
    Query(consent): Query<Consent>,
    headers: HeaderMap,
    Body(input): Body<NotetypePatch>,
) -> Answer<Response> {
    if !input.structure.is_empty() {
        consent.required("changing the structure of a notetype")?;
    }
    let template = |TemplatePatch { template, rename, question, answer }| TemplateEdit { template, rename, question, answer };
    let field = |FieldPatch { field, font, size, description }| FieldEdit { field, font, size, description };
    let structure = |input| match input {
        StructureInput::AddField { name, at } => StructuralEdit::AddField { name, at },
        StructureInput::RemoveField { name } => StructuralEdit::RemoveField { name },
        StructureInput::MoveField { name, to } => StructuralEdit::MoveField { name, to },
        StructureInput::AddTemplate { name, question, answer } => StructuralEdit::AddTemplate(NewTemplate { name, question, answer }),
        StructureInput::RemoveTemplate { name } => StructuralEdit::RemoveTemplate { name },
        StructureInput::MoveTemplate { name, to } => StructuralEdit::MoveTemplate { name, to },
        StructureInput::SortField { name } => StructuralEdit::SortField { name },
    };
    let change = UpdateNotetype {
        notetype: NotetypeRef::Id(id),
        name: input.name,
        css: input.css,
        templates: input.templates.into_iter().map(template).collect(),
        rename_fields: input.rename_fields.into_iter().collect(),
        field_settings: input.field_settings.into_iter().map(field).collect(),
        structural: input.structure.into_iter().map(structure).collect(),
        version: seen(&headers),
    };
    let notetype = api.edit(&change).await?;
    let current = edit_collection::open(&api.app, api.account()).await?;
    let notes = api.stored(&current).notes_of_notetype(id).await?.len() as i64;
    Ok(versioned(&HeaderMap::new(), &object_version(&notetype.json), StatusCode::OK, &view(&notetype, notes)))
}

/// Deletes a notetype with its notes. Every device will need a one-way sync.
#[utoipa::path(delete, path = "/api/v2/notetypes/{id}", tag = "notetypes", params(("id" = i64, Path), Consent), responses((status = 204), (status = 409, body = Problem)))]
pub async fn delete(api: Api, Path(id): Path<i64>, Query(consent): Query<Consent>) -> Answer<StatusCode> {
    consent.required("deleting a notetype")?;
    api.edit(&DeleteNotetype(NotetypeRef::Id(id))).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view(notetype: &Notetype, notes: i64) -> NotetypeView {
    let layout = Layout::of(&notetype.json).unwrap_or_default();
    let template = |TemplateTexts { name, question, answer, deck_id }| TemplateView { name, question, answer, deck_id };
    NotetypeView {
        id: notetype.id,
        name: notetype.name.clone(),
        cloze: layout.is_cloze(),
        fields: layout.field_names().map(str::to_owned).collect(),
        sort_field: notetype.sort_field,
        templates: layout.templates.into_iter().map(template).collect(),
        css: layout.css,
        notes,
        modified: notetype.mtime,
        version: object_version(&notetype.json),
    }
}
