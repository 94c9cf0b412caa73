//! `addNotes`, `notes`, `deleteNotes`.

use super::error::Refusal;
use crate::actions::edit_collection::notes::{AddNotes, DeleteNotes, Duplicates, Fields, NewNote, WhichNotes};
use crate::actions::edit_collection::{self, DeckRef, NotetypeRef};
use crate::app::App;
use anki::model::Note;
use anki::{names, text};
use axum::body::Body;
use axum::http::{Response, header};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use store::StoreError;
use store::collection::Collection;
use store::main_db::Account;

const AT_ONCE: usize = 10_000;
/// Notes read from the database at a time.
const PAGE: i64 = 2_000;

/// `{"deck", "notes": [{"model", "fields", "tags"}]}`: one deck for all, fields by position, no check for duplicates.
pub async fn add(app: &App, owner: &Account, input: &Map<String, Value>) -> Result<Value, Refusal> {
    let Some(deck) = input.get("deck").and_then(Value::as_str) else {
        return Err(Refusal::fields(&[("deck", "This field is required: the name of a deck.")]));
    };
    let Some(notes) = input.get("notes").and_then(Value::as_array) else {
        return Err(Refusal::fields(&[("notes", "This field is required: a list of notes.")]));
    };
    if notes.len() > AT_ONCE {
        return Err(Refusal::bad_request(format!("at most {AT_ONCE} notes can be added in one request")));
    }
    let deck = DeckRef::Name(deck.replace('"', ""));
    let mut new = Vec::with_capacity(notes.len());
    for (at, note) in notes.iter().enumerate() {
        let wrong = |what: &str| Refusal::bad_request(format!("notes[{at}]: {what}"));
        let model = note["model"].as_str().ok_or_else(|| wrong("`model` has to be the name of a notetype"))?;
        let fields =
            texts(&note["fields"]).ok_or_else(|| wrong("`fields` has to be a list of texts, one for each field of the notetype"))?;
        let tags = texts(&note["tags"]).ok_or_else(|| wrong("`tags` has to be a list of texts; it may be empty"))?;
        new.push(NewNote {
            deck: deck.clone(),
            notetype: NotetypeRef::Name(model.to_owned()),
            fields: Fields::InOrder(fields),
            tags,
            guid: None,
            duplicates: Duplicates::Allow,
            needs_first_field: false,
        });
    }
    let added = edit_collection::edit(app, owner, &AddNotes { notes: new, all_or_nothing: true, dry_run: false }).await?;
    let ids: Vec<i64> = added.into_iter().flatten().map(|added| added.note.id).collect();
    Ok(json!({"note_ids": ids}))
}

/// `{"ids": […]}`; all notes without it.
pub async fn list(app: &Arc<App>, account: i64, input: &Map<String, Value>) -> Result<Response<Body>, Refusal> {
    let wanted = ids(input)?;
    let current = edit_collection::open(app, account).await?;
    let stored = Collection::new(app.user.db(), &current.schema);
    let names: HashMap<i64, String> = stored.notetypes().await?.into_iter().map(|notetype| (notetype.id, notetype.name)).collect();
    if let Some(ids) = wanted.filter(|ids| !ids.is_empty()) {
        let mut found: HashMap<i64, Note> = stored.notes_by_id(&ids).await?.into_iter().map(|note| (note.id, note)).collect();
        let notes: Vec<Value> = ids.iter().filter_map(|id| found.remove(id)).map(|note| shown(&note, &names)).collect();
        return Ok(json_response(Body::from(json!({"notes": notes}).to_string())));
    }
    // A collection does not fit into memory, so it goes out page by page.
    let (app, schema) = (app.clone(), current.schema);
    let pages = stream::try_unfold((Some(i64::MIN), String::from("{\"notes\":[")), move |(after, mut start)| {
        let (app, schema, names) = (app.clone(), schema.clone(), names.clone());
        async move {
            let Some(after) = after else { return Ok::<_, StoreError>(None) };
            let notes = Collection::new(app.user.db(), &schema).notes_after(after, PAGE).await?;
            let next = notes.last().map(|note| note.id);
            for (at, note) in notes.iter().enumerate() {
                if at > 0 || after > i64::MIN {
                    start.push(',');
                }
                start.push_str(&shown(note, &names).to_string());
            }
            if next.is_none() {
                start.push_str("]}");
            }
            Ok(Some((Bytes::from(start), (next, String::new()))))
        }
    });
    Ok(json_response(Body::from_stream(pages)))
}

/// `{"ids": […]}`, or `{"all": true}`.
pub async fn delete(app: &App, account: i64, input: &Map<String, Value>) -> Result<Value, Refusal> {
    let which = match ids(input)? {
        Some(ids) if !ids.is_empty() => WhichNotes::Ids(ids),
        _ if input.get("all") == Some(&Value::Bool(true)) => WhichNotes::All,
        _ => {
            let detail = "This field is required: the notes to delete. To delete all notes on purpose, send {\"all\": true}.";
            return Err(Refusal::fields(&[("ids", detail)]));
        }
    };
    edit_collection::edit(app, account, &DeleteNotes(which)).await?;
    Ok(json!({"status": "ok"}))
}

fn ids(input: &Map<String, Value>) -> Result<Option<Vec<i64>>, Refusal> {
    let list = match input.get("ids") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(Refusal::fields(&[("ids", "Expected a list of numbers.")])),
    };
    let ids: Option<Vec<i64>> = list.iter().map(Value::as_i64).collect();
    ids.map(Some).ok_or_else(|| Refusal::fields(&[("ids", "Expected a list of numbers.")]))
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

fn shown(note: &Note, notetypes: &HashMap<i64, String>) -> Value {
    let fields: Vec<&str> = text::split_fields(&note.fields).collect();
    let tags: Vec<&str> = names::split_tags(&note.tags).collect();
    json!({"id": note.id, "model": notetypes.get(&note.notetype_id), "fields": fields, "tags": tags})
}

fn json_response(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}
