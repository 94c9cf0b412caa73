//! Notes, to read.

use super::args::Args;
use super::context::Context;
use super::failed::{Result, said};
use super::note_fields::{self, Layout};
use anki::model::Note;
use anki::{names, text};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use store::collection::search::Target;

/// Whole notes in one answer.
const MOST: usize = 20_000;

pub async fn find(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    match args.opt_text("query")? {
        Some(query) => Ok(cx.search(Target::Notes, query).await?.into()),
        None => Ok(json!([])),
    }
}

/// One object for each id, an empty one for each that is not a note's.
pub async fn info(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let ids = match (args.value("notes"), args.opt_text("query")?) {
        (_, Some(query)) => cx.search(Target::Notes, query).await?,
        (Value::Null, None) => return Err(said("Must provide either \"notes\" or a \"query\"")),
        _ => args.ids("notes")?,
    };
    if ids.len() > MOST {
        return Err(said(format!("these are {} notes; at most {MOST} can be answered at once", ids.len())));
    }
    let current = cx.open().await?;
    let stored = cx.stored(&current);
    let notes: HashMap<i64, Note> = stored.notes_by_id(&ids).await?.into_iter().map(|note| (note.id, note)).collect();
    let notetypes = note_fields::by_id(stored, notes.values().map(|note| note.notetype_id)).await?;
    let mut cards: HashMap<i64, Vec<i64>> = HashMap::new();
    for card in stored.cards_of_notes(&ids).await? {
        cards.entry(card.note_id).or_default().push(card.id);
    }
    let one = |id: &i64| {
        let Some(note) = notes.get(id) else { return json!({}) };
        let Some((notetype, layout)) = notetypes.get(&note.notetype_id) else { return json!({}) };
        json!({
            "noteId": note.id,
            "profile": cx.caller.account.username.as_str(),
            "tags": tag_list(note),
            "fields": shown_fields(layout, &note.fields),
            "modelName": notetype.name,
            "mod": note.mtime,
            "cards": cards.get(id).map(Vec::as_slice).unwrap_or_default(),
        })
    };
    Ok(ids.iter().map(one).collect())
}

pub async fn mod_time(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let ids = args.ids("notes")?;
    let current = cx.open().await?;
    let notes = cx.stored(&current).note_stamps(&ids).await?;
    Ok(ids.iter().map(|id| notes.get(id).map_or_else(|| json!({}), |stamp| json!({"noteId": id, "mod": stamp.modified}))).collect())
}

pub async fn tags(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let id = args.int("note")?;
    let current = cx.open().await?;
    let note = cx.stored(&current).notes_by_id(&[id]).await?.pop().ok_or_else(|| said(format!("Note was not found: {id}")))?;
    Ok(tag_list(&note).into())
}

pub async fn all_tags(cx: &Context<'_>, _: &Args<'_>) -> Result<Value> {
    let current = cx.open().await?;
    let mut tags: Vec<String> = cx.stored(&current).tags().await?.into_iter().map(|tag| tag.name).collect();
    tags.sort_by(|a, b| names::compare(a, b));
    Ok(tags.into())
}

pub fn tag_list(note: &Note) -> Vec<&str> {
    names::split_tags(&note.tags).collect()
}

/// `{"Front": {"value", "order"}}`.
pub fn shown_fields(layout: &Layout, fields: &str) -> Value {
    let mut texts = text::split_fields(fields);
    let mut shown = Map::new();
    for (order, name) in layout.field_names().enumerate() {
        shown.insert(name.to_owned(), json!({"value": texts.next().unwrap_or_default(), "order": order}));
    }
    Value::Object(shown)
}
