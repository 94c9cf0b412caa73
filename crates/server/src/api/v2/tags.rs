//! Tags of the whole collection.

use super::problem::{Answer, Problem};
use super::request::{Api, Body, Page, Path};
use crate::actions::edit_collection::tags::{ClearUnusedTags, DeleteTags, RenameTag};
use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Another name for a tag.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TagRename {
    pub old: String,
    pub new: String,
}

/// How many notes were changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Retagged {
    pub notes: usize,
}

/// How many tags are off the list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClearedTags {
    pub tags: usize,
}

/// Lists all tags, by name.
#[utoipa::path(get, path = "/api/v2/tags", tag = "tags", responses((status = 200, body = Page<String>, description = "All names")))]
pub async fn list(api: Api) -> Answer<Json<Page<String>>> {
    let current = api.open().await?;
    let mut tags: Vec<String> = api.stored(&current).tags().await?.into_iter().map(|tag| tag.name).collect();
    tags.sort_by(|a, b| anki::names::compare(a, b));
    Ok(Json(Page::whole(tags)))
}

/// Renames a tag and those below it in all notes.
#[utoipa::path(post, path = "/api/v2/tags/rename", tag = "tags", request_body = TagRename, responses((status = 200, body = Retagged), (status = 404, body = Problem)))]
pub async fn rename(api: Api, Body(input): Body<TagRename>) -> Answer<Json<Retagged>> {
    let notes = api.edit(&RenameTag { old: input.old, new: input.new }).await?;
    Ok(Json(Retagged { notes }))
}

/// Takes a tag and those below it off all notes.
#[utoipa::path(delete, path = "/api/v2/tags/{tag}", tag = "tags", params(("tag" = String, Path)), responses((status = 200, body = Retagged)))]
pub async fn delete(api: Api, Path(tag): Path<String>) -> Answer<Json<Retagged>> {
    let notes = api.edit(&DeleteTags(vec![tag])).await?;
    Ok(Json(Retagged { notes }))
}

/// Takes tags off the list that no note has, nor a tag below them, and adds what notes have and the list lacks.
#[utoipa::path(post, path = "/api/v2/tags/clear-unused", tag = "tags", responses((status = 200, body = ClearedTags)))]
pub async fn clear_unused(api: Api) -> Answer<Json<ClearedTags>> {
    Ok(Json(ClearedTags { tags: api.edit(&ClearUnusedTags).await? }))
}
