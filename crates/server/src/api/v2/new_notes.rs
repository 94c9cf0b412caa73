//! Notes to add: one, many, or only to see what would happen.

use super::notes::{AT_ONCE, fields};
use super::once::edit_once;
use super::problem::{Answer, Problem};
use super::request::{Api, Body, at_most};
use crate::actions::api_tokens::Scope;
use crate::actions::edit_collection::notes::{self, AddNotes, AddedNote, DuplicateScope, Duplicates, NewNote};
use crate::actions::edit_collection::{self, DeckRef, NotetypeRef};
use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A note to add.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"deck": "Languages::Japanese", "notetype": "Basic", "fields": {"Front": "猫", "Back": "cat"}, "tags": ["animals"]}))]
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

/// A note that was added.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddedNote)]
pub struct AddedView {
    pub id: i64,
    pub guid: String,
    /// The ids of its cards, by ordinal.
    pub cards: Vec<i64>,
    pub version: String,
}

impl AddedView {
    fn of(added: &AddedNote) -> Self {
        Self { id: added.note.id, guid: added.note.guid.clone(), cards: added.cards.clone(), version: notes::version(&added.note) }
    }
}

/// What became of one of several notes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum AddedOrNot {
    Added(AddedView),
    Refused { problem: Problem },
}

/// What became of several notes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddedNotes)]
pub struct AddedViews {
    /// In the order of the request.
    pub notes: Vec<AddedOrNot>,
}

impl AddedViews {
    fn of(done: &[Result<AddedNote, edit_collection::Problem>]) -> Self {
        let outcome = |outcome: &Result<AddedNote, edit_collection::Problem>| match outcome {
            Ok(added) => AddedOrNot::Added(AddedView::of(added)),
            Err(problem) => AddedOrNot::Refused { problem: problem.clone().into() },
        };
        Self { notes: done.iter().map(outcome).collect() }
    }
}

/// What would become of a note.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum CheckedNote {
    /// It would have so many cards.
    Fine {
        cards: usize,
    },
    Refused {
        problem: Problem,
    },
}

/// What would become of several notes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CheckedNotes)]
pub struct CheckedViews {
    /// In the order of the request.
    pub notes: Vec<CheckedNote>,
}

/// Adds one note. Its cards are made as a client would make them.
#[utoipa::path(post, path = "/api/v2/notes", tag = "notes", request_body = NoteInput, responses((status = 201, body = AddedView), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn add(api: Api, headers: HeaderMap, Body(input): Body<NoteInput>) -> Answer<Response> {
    let change = AddNotes { notes: vec![new_note(&input, "")?], all_or_nothing: true, dry_run: false };
    let show = |_: &edit_collection::Edit, done: &Vec<Result<AddedNote, edit_collection::Problem>>| {
        done.iter().flatten().next().map(|added| json(&AddedView::of(added))).unwrap_or_default()
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
#[utoipa::path(post, path = "/api/v2/notes/batch", tag = "notes", request_body = NotesInput, responses((status = 201, body = AddedViews), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn add_many(api: Api, headers: HeaderMap, Body(input): Body<NotesInput>) -> Answer<Response> {
    let change = AddNotes { notes: all(&input)?, all_or_nothing: !input.skip_bad, dry_run: false };
    let show = |_: &edit_collection::Edit, done: &Vec<Result<AddedNote, edit_collection::Problem>>| json(&AddedViews::of(done));
    let answer = edit_once(&api, &headers, "notes/batch", &input, change, show).await?;
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Says what adding these notes would do, without doing it: duplicates, unknown fields, the cards' number.
#[utoipa::path(post, path = "/api/v2/notes/check", tag = "notes", request_body = NotesInput, responses((status = 200, body = CheckedViews)))]
pub async fn check(api: Api, Body(input): Body<NotesInput>) -> Answer<Json<CheckedViews>> {
    api.needs(Scope::Read)?;
    let change = AddNotes { notes: all(&input)?, all_or_nothing: false, dry_run: true };
    let done = edit_collection::edit(&api.app, api.account(), &change).await?;
    let checked = |outcome: Result<AddedNote, edit_collection::Problem>| match outcome {
        Ok(added) => CheckedNote::Fine { cards: added.cards.len() },
        Err(problem) => CheckedNote::Refused { problem: problem.into() },
    };
    Ok(Json(CheckedViews { notes: done.into_iter().map(checked).collect() }))
}

fn json(answer: &impl Serialize) -> Value {
    serde_json::to_value(answer).unwrap_or_default()
}

fn all(input: &NotesInput) -> Answer<Vec<NewNote>> {
    at_most("notes", input.notes.len(), AT_ONCE)?;
    input.notes.iter().enumerate().map(|(at, note)| new_note(note, &format!("notes[{at}]."))).collect()
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
