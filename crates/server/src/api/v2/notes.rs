//! Notes.

use super::once::edit_once;
use super::problem::{Answer, Problem};
use super::request::{Api, Body, Page, Path, Query, at_most, cursor, ids, limit, seen, select, versioned};
use crate::actions::edit_collection::notes::{
    self, AddNotes, AddedNote, DeleteNotes, DuplicateScope, Duplicates, Fields, NewNote, NoteUpdate, TagChange, UpdateNotes, WhichNotes,
};
use crate::actions::edit_collection::{self, DeckRef, NotetypeRef};
use anki::cards::CardRules;
use anki::model::Note;
use anki::{names, text};
use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use store::collection::Collection;
use utoipa::{IntoParams, ToSchema};

/// Notes in one request.
const AT_ONCE: usize = 5_000;

/// A note.
#[derive(Debug, Serialize, ToSchema)]
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

/// A note to add.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteInput {
    /// The deck's name, such as `Languages::Japanese`. Made if there is none.
    pub deck: Option<String>,
    /// Instead of `deck`.
    pub deck_id: Option<i64>,
    /// The notetype's name.
    pub notetype: Option<String>,
    /// Instead of `notetype`.
    pub notetype_id: Option<i64>,
    /// Field name to text (HTML). Fields that are not named stay empty.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub fields: Map<String, Value>,
    #[serde(default)]
    pub tags: Vec<String>,
    /// Its identity across collections. Random without.
    pub guid: Option<String>,
    /// What to do about a note with the same first field.
    #[serde(default)]
    pub duplicates: DuplicatesInput,
}

/// What to do about a note with the same first field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DuplicatesInput {
    Allow,
    /// If the collection has one of the same notetype.
    #[default]
    Refuse,
    /// If it has one of the same notetype in the same deck.
    RefuseInDeck,
    /// If it has one of any notetype.
    RefuseInAllNotetypes,
}

/// Notes to add.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotesInput {
    /// At most 5,000.
    pub notes: Vec<NoteInput>,
    /// Add those that can be added, instead of all or none.
    #[serde(default)]
    pub skip_bad: bool,
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
#[utoipa::path(get, path = "/api/v2/notes", tag = "notes", params(ListNotes), responses((status = 200, body = Page, description = "A page of notes")))]
pub async fn list(api: Api, Query(query): Query<ListNotes>) -> Answer<Json<Page>> {
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
    let mut items = views(&stored, &notes).await?;
    select(&mut items, query.select.as_deref())?;
    Ok(Json(Page { items, next }))
}

/// Answers one note.
#[utoipa::path(get, path = "/api/v2/notes/{id}", tag = "notes", params(("id" = i64, Path)), responses((status = 200, body = NoteView), (status = 304, description = "It is what `If-None-Match` says"), (status = 404, body = Problem)))]
pub async fn get(api: Api, Path(id): Path<i64>, headers: HeaderMap) -> Answer<Response> {
    let current = api.open().await?;
    let stored = api.stored(&current);
    let notes = stored.notes_by_id(&[id]).await?;
    let view = views(&stored, &notes).await?.pop().ok_or_else(|| Problem::not_found(format!("there is no note {id}")))?;
    Ok(versioned(&headers, &notes.first().map(notes::version).unwrap_or_default(), StatusCode::OK, view))
}

/// Adds one note. Its cards are made as a client would make them.
#[utoipa::path(post, path = "/api/v2/notes", tag = "notes", request_body = NoteInput, responses((status = 201, description = "`id` and `cards`"), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn add(api: Api, headers: HeaderMap, Body(input): Body<NoteInput>) -> Answer<Response> {
    let change = AddNotes { notes: vec![new_note(&input, "")?], all_or_nothing: true, dry_run: false };
    let show = |_: &edit_collection::Edit, done: &Vec<Result<AddedNote, edit_collection::Problem>>| {
        done.iter().flatten().next().map_or(Value::Null, shown)
    };
    // The one note is `notes[0]` to the action.
    let own = |mut problem: Problem| {
        problem.field = problem.field.map(|field| field.trim_start_matches("notes[0]").trim_start_matches('.').to_owned());
        problem
    };
    let answer = edit_once(&api, &headers, "notes", &input, change, show).await.map_err(own)?;
    let location = format!("/api/v2/notes/{}", answer["id"]);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(answer)).into_response())
}

/// Adds many notes in one transaction.
#[utoipa::path(post, path = "/api/v2/notes/batch", tag = "notes", request_body = NotesInput, responses((status = 201, description = "For each note `id` and `cards`, or its `problem`"), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn add_many(api: Api, headers: HeaderMap, Body(input): Body<NotesInput>) -> Answer<Response> {
    at_most("notes", input.notes.len(), AT_ONCE)?;
    let notes = input.notes.iter().enumerate().map(|(at, note)| new_note(note, &format!("notes[{at}].")));
    let change = AddNotes { notes: notes.collect::<Answer<_>>()?, all_or_nothing: !input.skip_bad, dry_run: false };
    let show = |_: &edit_collection::Edit, done: &Vec<Result<AddedNote, edit_collection::Problem>>| json!({"notes": outcomes(done)});
    let answer = edit_once(&api, &headers, "notes/batch", &input, change, show).await?;
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Says what adding these notes would do, without doing it: duplicates, unknown fields, the cards' number.
#[utoipa::path(post, path = "/api/v2/notes/check", tag = "notes", request_body = NotesInput, responses((status = 200, description = "For each note its number of `cards`, or its `problem`")))]
pub async fn check(api: Api, Body(input): Body<NotesInput>) -> Answer<Json<Value>> {
    api.needs(crate::actions::api_tokens::Scope::Read)?;
    at_most("notes", input.notes.len(), AT_ONCE)?;
    let notes = input.notes.iter().enumerate().map(|(at, note)| new_note(note, &format!("notes[{at}].")));
    let change = AddNotes { notes: notes.collect::<Answer<_>>()?, all_or_nothing: false, dry_run: true };
    let done = edit_collection::edit(&api.app, api.account(), &change).await?;
    let outcomes: Vec<Value> = done
        .iter()
        .map(|outcome| match outcome {
            Ok(added) => json!({"cards": added.cards.len()}),
            Err(problem) => json!({"problem": Problem::from(problem.clone())}),
        })
        .collect();
    Ok(Json(json!({"notes": outcomes})))
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
    let view = views(&api.stored(&current), &notes).await?.pop().unwrap_or_default();
    Ok(versioned(&HeaderMap::new(), &notes.first().map(notes::version).unwrap_or_default(), StatusCode::OK, view))
}

/// Changes several notes, all or none.
#[utoipa::path(post, path = "/api/v2/notes/update", tag = "notes", request_body = NotePatches, responses((status = 200, description = "For each note its `id` and `version`"), (status = 404, body = Problem), (status = 412, body = Problem)))]
pub async fn update_many(api: Api, Body(input): Body<NotePatches>) -> Answer<Json<Value>> {
    at_most("notes", input.notes.len(), AT_ONCE)?;
    let updates = input.notes.into_iter().enumerate().map(|(at, note)| {
        let NotePatchOf { id, version, fields, tags, add_tags, remove_tags } = note;
        note_update(id, version, &NotePatch { fields, tags, add_tags, remove_tags }, &format!("notes[{at}]."))
    });
    let notes = api.edit(&UpdateNotes { notes: updates.collect::<Answer<_>>()?, skip_missing: false }).await?;
    let notes: Vec<Value> = notes.iter().map(|note| json!({"id": note.id, "version": notes::version(note)})).collect();
    Ok(Json(json!({"notes": notes})))
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
#[utoipa::path(post, path = "/api/v2/notes/delete", tag = "notes", request_body = IdsInput, responses((status = 200, description = "How many `notes` and `cards` are gone")))]
pub async fn delete_many(api: Api, Body(input): Body<IdsInput>) -> Answer<Json<Value>> {
    at_most("ids", input.ids.len(), 10_000)?;
    let gone = api.edit(&DeleteNotes(WhichNotes::Ids(input.ids))).await?;
    Ok(Json(json!({"notes": gone.notes, "cards": gone.cards})))
}

fn shown(added: &AddedNote) -> Value {
    json!({"id": added.note.id, "guid": added.note.guid, "cards": added.cards, "version": notes::version(&added.note)})
}

fn outcomes(done: &[Result<AddedNote, edit_collection::Problem>]) -> Vec<Value> {
    let outcome = |outcome: &Result<AddedNote, edit_collection::Problem>| match outcome {
        Ok(added) => shown(added),
        Err(problem) => json!({"problem": Problem::from(problem.clone())}),
    };
    done.iter().map(outcome).collect()
}

fn new_note(input: &NoteInput, at: &str) -> Answer<NewNote> {
    let deck = match (&input.deck, input.deck_id) {
        (Some(name), None) => DeckRef::Name(name.clone()),
        (None, Some(id)) => DeckRef::Id(id),
        _ => return Err(Problem::invalid(format!("{at}deck"), "send either `deck` or `deck_id`")),
    };
    let notetype = match (&input.notetype, input.notetype_id) {
        (Some(name), None) => NotetypeRef::Name(name.clone()),
        (None, Some(id)) => NotetypeRef::Id(id),
        _ => return Err(Problem::invalid(format!("{at}notetype"), "send either `notetype` or `notetype_id`")),
    };
    let duplicates = match input.duplicates {
        DuplicatesInput::Allow => Duplicates::Allow,
        DuplicatesInput::Refuse => Duplicates::Refuse(DuplicateScope::default()),
        DuplicatesInput::RefuseInDeck => Duplicates::Refuse(DuplicateScope { deck: Some(deck.clone()), ..DuplicateScope::default() }),
        DuplicatesInput::RefuseInAllNotetypes => Duplicates::Refuse(DuplicateScope { all_notetypes: true, ..DuplicateScope::default() }),
    };
    Ok(NewNote {
        deck,
        notetype,
        fields: fields(&input.fields, at)?,
        tags: input.tags.clone(),
        guid: input.guid.clone(),
        duplicates,
        needs_first_field: true,
    })
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

fn fields(given: &Map<String, Value>, at: &str) -> Answer<Fields> {
    let text = |(name, text): (&String, &Value)| match text {
        Value::String(text) => Ok((name.clone(), text.clone())),
        _ => Err(Problem::invalid(format!("{at}fields.{name}"), "a field is a text")),
    };
    given.iter().map(text).collect::<Answer<_>>().map(Fields::ByName)
}

/// Notes as they are answered, in the order of `notes`.
pub async fn views(stored: &Collection<'_>, notes: &[Note]) -> Answer<Vec<Value>> {
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
        let view = NoteView {
            id: note.id,
            guid: note.guid.clone(),
            notetype_id: note.notetype_id,
            notetype,
            fields,
            tags: names::split_tags(&note.tags).map(str::to_owned).collect(),
            modified: note.mtime,
            cards: cards.get(&note.id).cloned().unwrap_or_default(),
            version: notes::version(note),
        };
        serde_json::to_value(view).unwrap_or_default()
    };
    Ok(notes.iter().map(view).collect())
}
