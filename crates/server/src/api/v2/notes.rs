//! Notes.

use super::problem::{Answer, Problem};
use super::request::{Api, Body, Page, Path, Query, at_most, cursor, ids, limit, seen, select, versioned};
use crate::actions::edit_collection;
use crate::actions::edit_collection::notes::{self, DeleteNotes, DeletedNotes, Fields, NoteUpdate, TagChange, UpdateNotes, WhichNotes};
use anki::cards::CardRules;
use anki::model::Note;
use anki::{names, text};
use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashMap;
use store::collection::Collection;
use utoipa::{IntoParams, ToSchema};

/// Notes in one request.
pub(super) const AT_ONCE: usize = 5_000;

/// A note.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Note, example = json!({"id": 1795391696999_i64, "guid": "k:Rb,v}9Yt", "notetype_id": 1795391696001_i64, "notetype": "Basic",
    "fields": {"Front": "猫", "Back": "cat"}, "tags": ["animals"], "modified": 1795391697, "cards": [1795391697000_i64],
    "version": "7b0f3c6a91d2e8f4a5b6c7d8"}))]
pub struct NoteView {
    /// Milliseconds since the epoch at which it was made.
    pub id: i64,
    /// Its identity across collections.
    pub guid: String,
    pub notetype_id: i64,
    /// The name of its notetype.
    pub notetype: String,
    /// Field name to text (HTML), in the order of the notetype.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub fields: Map<String, Value>,
    pub tags: Vec<String>,
    /// Seconds since the epoch of its last change.
    pub modified: i64,
    /// The ids of its cards, by ordinal.
    pub cards: Vec<i64>,
    /// Changes with the note. Also sent as `ETag`.
    pub version: String,
}

/// Changes of a note. What is not named stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotePatch {
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub fields: Option<Map<String, Value>>,
    /// All its tags.
    pub tags: Option<Vec<String>>,
    #[serde(default)]
    pub add_tags: Vec<String>,
    #[serde(default)]
    pub remove_tags: Vec<String>,
}

/// Changes of several notes: all or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotePatches {
    /// At most 5,000.
    pub notes: Vec<NotePatchOf>,
}

/// Changes of one of several notes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotePatchOf {
    pub id: i64,
    /// The version that was seen; without, whatever is there is changed.
    pub version: Option<String>,
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub fields: Option<Map<String, Value>>,
    /// All its tags.
    pub tags: Option<Vec<String>>,
    #[serde(default)]
    pub add_tags: Vec<String>,
    #[serde(default)]
    pub remove_tags: Vec<String>,
}

/// Notes by id.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdsInput {
    /// At most 10,000.
    pub ids: Vec<i64>,
}

/// What was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Gone {
    pub notes: u64,
    pub cards: u64,
}

impl From<DeletedNotes> for Gone {
    fn from(gone: DeletedNotes) -> Self {
        Self { notes: gone.notes, cards: gone.cards }
    }
}

/// Notes that were changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct UpdatedNotes {
    /// In the order of the request.
    pub notes: Vec<UpdatedNote>,
}

/// A note that was changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct UpdatedNote {
    pub id: i64,
    pub version: String,
}

/// Which notes to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListNotes {
    /// Only these, separated by commas. Those that do not exist are left out.
    pub ids: Option<String>,
    /// What `next` of the page before said.
    pub cursor: Option<String>,
    /// From 1 to 1000; 100 without.
    pub limit: Option<u32>,
    /// Keys of each note to answer, separated by commas.
    pub select: Option<String>,
}

/// Lists notes, in the order in which they were made.
#[utoipa::path(get, path = "/api/v2/notes", tag = "notes", params(ListNotes), responses((status = 200, body = Page<NoteView>, description = "A page of notes")))]
pub async fn list(api: Api, Query(query): Query<ListNotes>) -> Answer<Json<Page<Value>>> {
    let current = api.open().await?;
    let stored = api.stored(&current);
    let limit = limit(query.limit)?;
    let (notes, next) = match &query.ids {
        Some(wanted) => (stored.notes_by_id(&ids(wanted)?).await?, None),
        None => {
            let notes = stored.notes_after(cursor(query.cursor.as_deref())?, limit).await?;
            let next = notes.last().filter(|_| notes.len() as i64 == limit).map(|note| note.id.to_string());
            (notes, next)
        }
    };
    let items = select(&views(&stored, &notes).await?, query.select.as_deref())?;
    Ok(Json(Page { items, next }))
}

/// Answers one note.
#[utoipa::path(get, path = "/api/v2/notes/{id}", tag = "notes", params(("id" = i64, Path)), responses((status = 200, body = NoteView), (status = 304, description = "It is what `If-None-Match` says"), (status = 404, body = Problem)))]
pub async fn get(api: Api, Path(id): Path<i64>, headers: HeaderMap) -> Answer<Response> {
    let current = api.open().await?;
    let stored = api.stored(&current);
    let notes = stored.notes_by_id(&[id]).await?;
    let view = views(&stored, &notes).await?.pop().ok_or_else(|| Problem::not_found(format!("there is no note {id}")))?;
    Ok(versioned(&headers, &notes.first().map(notes::version).unwrap_or_default(), StatusCode::OK, &view))
}

/// Changes fields and tags of a note. `If-Match` with the version that was seen guards against overwriting another's change.
#[utoipa::path(patch, path = "/api/v2/notes/{id}", tag = "notes", params(("id" = i64, Path)), request_body = NotePatch, responses((status = 200, body = NoteView), (status = 404, body = Problem), (status = 412, body = Problem)))]
pub async fn update(api: Api, Path(id): Path<i64>, headers: HeaderMap, Body(patch): Body<NotePatch>) -> Answer<Response> {
    let change = UpdateNotes { notes: vec![note_update(id, seen(&headers), &patch, "")?], skip_missing: false };
    let notes = api.edit(&change).await.map_err(|mut problem| {
        problem.field = problem.field.map(|field| field.trim_start_matches("notes[0]").trim_start_matches('.').to_owned());
        problem
    })?;
    let current = edit_collection::open(&api.app, api.account()).await?;
    let view = views(&api.stored(&current), &notes).await?.pop();
    let view = view.ok_or_else(|| Problem::not_found(format!("there is no note {id}")))?;
    Ok(versioned(&HeaderMap::new(), &view.version, StatusCode::OK, &view))
}

/// Changes several notes, all or none.
#[utoipa::path(post, path = "/api/v2/notes/update", tag = "notes", request_body = NotePatches, responses((status = 200, body = UpdatedNotes), (status = 404, body = Problem), (status = 412, body = Problem)))]
pub async fn update_many(api: Api, Body(input): Body<NotePatches>) -> Answer<Json<UpdatedNotes>> {
    at_most("notes", input.notes.len(), AT_ONCE)?;
    let updates = input.notes.into_iter().enumerate().map(|(at, note)| {
        let NotePatchOf { id, version, fields, tags, add_tags, remove_tags } = note;
        note_update(id, version, &NotePatch { fields, tags, add_tags, remove_tags }, &format!("notes[{at}]."))
    });
    let notes = api.edit(&UpdateNotes { notes: updates.collect::<Answer<_>>()?, skip_missing: false }).await?;
    let notes = notes.iter().map(|note| UpdatedNote { id: note.id, version: notes::version(note) }).collect();
    Ok(Json(UpdatedNotes { notes }))
}

/// Deletes a note with its cards.
#[utoipa::path(delete, path = "/api/v2/notes/{id}", tag = "notes", params(("id" = i64, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub async fn delete(api: Api, Path(id): Path<i64>) -> Answer<StatusCode> {
    match api.edit(&DeleteNotes(WhichNotes::Ids(vec![id]))).await?.notes {
        0 => Err(Problem::not_found(format!("there is no note {id}"))),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

/// Deletes several notes with their cards. Those that do not exist are passed over.
#[utoipa::path(post, path = "/api/v2/notes/delete", tag = "notes", request_body = IdsInput, responses((status = 200, body = Gone)))]
pub async fn delete_many(api: Api, Body(input): Body<IdsInput>) -> Answer<Json<Gone>> {
    at_most("ids", input.ids.len(), 10_000)?;
    let gone = api.edit(&DeleteNotes(WhichNotes::Ids(input.ids))).await?;
    Ok(Json(gone.into()))
}

fn note_update(id: i64, version: Option<String>, patch: &NotePatch, at: &str) -> Answer<NoteUpdate> {
    let mut tags = Vec::new();
    if let Some(all) = &patch.tags {
        tags.push(TagChange::Set(all.clone()));
    }
    if !patch.add_tags.is_empty() {
        tags.push(TagChange::Add(patch.add_tags.clone()));
    }
    if !patch.remove_tags.is_empty() {
        tags.push(TagChange::Remove(patch.remove_tags.clone()));
    }
    let fields = patch.fields.as_ref().map(|given| fields(given, at)).transpose()?;
    Ok(NoteUpdate { id, fields, tags, version })
}

pub(super) fn fields(given: &Map<String, Value>, at: &str) -> Answer<Fields> {
    let text = |(name, text): (&String, &Value)| match text {
        Value::String(text) => Ok((name.clone(), text.clone())),
        _ => Err(Problem::invalid(format!("{at}fields.{name}"), "a field is a text")),
    };
    given.iter().map(text).collect::<Answer<_>>().map(Fields::ByName)
}

/// Notes as they are answered, in the order of `notes`.
pub async fn views(stored: &Collection<'_>, notes: &[Note]) -> Answer<Vec<NoteView>> {
    let mut known: HashMap<i64, (String, Vec<String>)> = HashMap::new();
    let mut wanted: Vec<i64> = notes.iter().map(|note| note.notetype_id).collect();
    wanted.sort_unstable();
    wanted.dedup();
    for notetype in stored.notetypes_by_id(&wanted).await? {
        let names = CardRules::new(&notetype).map(|rules| rules.field_names().to_vec()).unwrap_or_default();
        known.insert(notetype.id, (notetype.name, names));
    }
    let ids: Vec<i64> = notes.iter().map(|note| note.id).collect();
    let mut cards: HashMap<i64, Vec<i64>> = HashMap::new();
    for card in stored.cards_of_notes(&ids).await? {
        cards.entry(card.note_id).or_default().push(card.id);
    }
    let view = |note: &Note| {
        let (notetype, names_of_fields) = known.get(&note.notetype_id).cloned().unwrap_or_default();
        let texts = text::split_fields(&note.fields);
        let fields = names_of_fields.into_iter().zip(texts).map(|(name, text)| (name, text.into())).collect();
        NoteView {
            id: note.id,
            guid: note.guid.clone(),
            notetype_id: note.notetype_id,
            notetype,
            fields,
            tags: names::split_tags(&note.tags).map(str::to_owned).collect(),
            modified: note.mtime,
            cards: cards.get(&note.id).cloned().unwrap_or_default(),
            version: notes::version(note),
        }
    };
    Ok(notes.iter().map(view).collect())
}
