//! Notes and their tags, to change.

use super::args::{Args, int, texts};
use super::attachments::{self, Append};
use super::context::Context;
use super::failed::{Result, said};
use super::new_notes::{append, field_texts};
use super::note_fields::{self, Layout};
use crate::actions::edit_collection::notes::{DeleteNotes, Fields, NoteUpdate, RetypeNote, TagChange, UpdateNotes, WhichNotes};
use crate::actions::edit_collection::tags::ClearUnusedTags;
use crate::actions::edit_collection::{self, Change, Edit, EditError, NotetypeRef};
use anki::{names, text};
use serde_json::{Map, Value};

pub async fn update_fields(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let note = args.object("note")?;
    change(cx, note, Some(field_texts(note)?), None).await
}

/// Fields, tags, or both.
pub async fn update(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let note = args.object("note")?;
    let fields = note.contains_key("fields").then(|| field_texts(note)).transpose()?;
    let tags = note.get("tags").map(new_tags).transpose()?;
    if fields.is_none() && tags.is_none() {
        return Err(said("Must provide a \"fields\" or \"tags\" property."));
    }
    change(cx, note, fields, tags).await
}

pub async fn update_tags(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let tags = new_tags(args.value("tags"))?;
    cx.edit(&EditNote { id: args.int("note")?, fields: None, appends: Vec::new(), tags: Some(tags) }).await?;
    Ok(Value::Null)
}

/// Tags that are not given are taken away, as in the add-on. Fields that the notetype does not have are passed over.
pub async fn update_model(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let note = args.object("note")?;
    let id = note.get("id").and_then(int).filter(|id| *id != 0).ok_or_else(|| said("Note ID is required"))?;
    let name = note.get("modelName").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| said("Model name is required"))?;
    let given = note.get("fields").and_then(Value::as_object).is_some_and(|fields| !fields.is_empty());
    if !given {
        return Err(said("Fields must be provided as a dictionary"));
    }
    let tags = note.get("tags").map_or(Ok(Vec::new()), new_tags)?;
    let current = cx.open().await?;
    let notetypes = cx.stored(&current).notetypes_by_name(&[name.to_owned()]).await?;
    let notetype = note_fields::named(&notetypes, name).ok_or_else(|| said(format!("Model '{name}' not found")))?;
    let layout = Layout::of(notetype)?;
    let mut fields = vec![String::new(); layout.field_names().len()];
    for (name, text) in field_texts(note)? {
        if let Some(field) = layout.position_in_any_case(&name).and_then(|at| fields.get_mut(at)) {
            *field = text;
        }
    }
    cx.edit(&RetypeNote { note: id, notetype: NotetypeRef::Id(notetype.id), fields: Fields::InOrder(fields), tags }).await?;
    Ok(Value::Null)
}

async fn change(
    cx: &Context<'_>,
    note: &Map<String, Value>,
    fields: Option<Vec<(String, String)>>,
    tags: Option<Vec<String>>,
) -> Result<Value> {
    let id = note.get("id").and_then(int).ok_or_else(|| said("'id' has to be the id of a note"))?;
    let attachments = if fields.is_some() { attachments::of_note(note)? } else { Vec::new() };
    if !attachments.is_empty() {
        // Before anything is stored for it.
        let current = cx.open().await?;
        if cx.stored(&current).existing_notes(&[id]).await?.is_empty() {
            return Err(said(format!("Note was not found: {id}")));
        }
    }
    let appends = attachments::store(cx, attachments).await?;
    cx.edit(&EditNote { id, fields, appends, tags }).await?;
    Ok(Value::Null)
}

/// One text is one tag here, as in the add-on.
fn new_tags(value: &Value) -> Result<Vec<String>> {
    match value {
        Value::String(tag) => Ok(vec![tag.clone()]),
        list => texts(list).ok_or_else(|| said("Must provide tags as a list of strings")),
    }
}

struct EditNote {
    id: i64,
    /// By exact name; others are passed over.
    fields: Option<Vec<(String, String)>>,
    appends: Vec<Append>,
    tags: Option<Vec<String>>,
}

impl Change for EditNote {
    type Done = ();

    async fn make(&self, edit: &mut Edit) -> edit_collection::Result<()> {
        let mut update = NoteUpdate { id: self.id, fields: None, tags: Vec::new(), version: None };
        if let Some(given) = &self.fields
            && let Some(note) = edit.stored().notes_by_id(&[self.id]).await?.pop()
        {
            let notetypes = note_fields::by_id(edit.stored(), std::iter::once(note.notetype_id)).await;
            let notetypes = notetypes.map_err(|failed| EditError::Internal(failed.0))?;
            let Some((_, layout)) = notetypes.get(&note.notetype_id) else {
                return Err(EditError::Internal(format!("note {} has a notetype that does not exist", note.id)));
            };
            let mut texts: Vec<String> = text::split_fields(&note.fields).map(str::to_owned).collect();
            texts.resize(layout.field_names().len(), String::new());
            for (name, text) in given {
                if let Some(field) = layout.position(name).and_then(|at| texts.get_mut(at)) {
                    field.clone_from(text);
                }
            }
            append(&mut texts, layout, self.appends.iter());
            update.fields = Some(Fields::InOrder(texts));
        }
        if let Some(tags) = &self.tags {
            update.tags.push(TagChange::Set(tags.clone()));
        }
        UpdateNotes { notes: vec![update], skip_missing: false }.make(edit).await.map(drop)
    }
}

pub async fn add_tags(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let tags = word_list(args)?;
    let how = if args.flag("add", true)? { TagEdit::Add(tags) } else { TagEdit::Remove(tags) };
    edit_tags(cx, Some(args.ids("notes")?), how).await
}

pub async fn remove_tags(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    edit_tags(cx, Some(args.ids("notes")?), TagEdit::Remove(word_list(args)?)).await
}

pub async fn replace_tags(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    edit_tags(cx, Some(args.ids("notes")?), replacement(args)?).await
}

pub async fn replace_tags_in_all(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    edit_tags(cx, None, replacement(args)?).await
}

pub async fn clear_unused_tags(cx: &Context<'_>, _: &Args<'_>) -> Result<Value> {
    cx.edit(&ClearUnusedTags).await?;
    Ok(Value::Null)
}

pub async fn delete(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    cx.edit(&DeleteNotes(WhichNotes::Ids(args.ids("notes")?))).await?;
    Ok(Value::Null)
}

/// Tags separated by spaces; some tools send a list.
fn word_list(args: &Args<'_>) -> Result<Vec<String>> {
    match args.value("tags") {
        Value::String(tags) => Ok(names::split_tags(tags).map(str::to_owned).collect()),
        _ => args.texts("tags"),
    }
}

fn replacement(args: &Args<'_>) -> Result<TagEdit> {
    Ok(TagEdit::Replace { old: args.text("tag_to_replace")?.to_owned(), new: args.text("replace_with_tag")?.to_owned() })
}

async fn edit_tags(cx: &Context<'_>, notes: Option<Vec<i64>>, how: TagEdit) -> Result<Value> {
    cx.edit(&EditTags { notes, how }).await?;
    Ok(Value::Null)
}

enum TagEdit {
    Add(Vec<String>),
    /// With the tags below them, as clients do.
    Remove(Vec<String>),
    Replace {
        old: String,
        new: String,
    },
}

impl TagEdit {
    /// The tags of a note afterwards. None if they stay as they are.
    fn apply(&self, tags: &str) -> Option<TagChange> {
        let old: Vec<&str> = names::split_tags(tags).collect();
        let is_within = |tag: &str, top: &str| names::same(tag, top) || names::fold(tag).starts_with(&names::fold(&format!("{top}::")));
        match self {
            Self::Add(new) => Some(TagChange::Add(new.clone())),
            Self::Remove(gone) => {
                let kept: Vec<&str> = old.iter().copied().filter(|tag| !gone.iter().any(|gone| is_within(tag, gone))).collect();
                (kept.len() != old.len()).then(|| TagChange::Set(kept.into_iter().map(str::to_owned).collect()))
            }
            Self::Replace { old: gone, new } => {
                let kept: Vec<&str> = old.iter().copied().filter(|tag| !names::same(tag, gone)).collect();
                let replaced = || kept.iter().copied().chain([new.as_str()]).map(str::to_owned).collect();
                (kept.len() != old.len()).then(|| TagChange::Set(replaced()))
            }
        }
    }
}

struct EditTags {
    /// None for all.
    notes: Option<Vec<i64>>,
    how: TagEdit,
}

impl Change for EditTags {
    type Done = ();

    async fn make(&self, edit: &mut Edit) -> edit_collection::Result<()> {
        let mut tagged = match &self.notes {
            None => edit.stored().note_tags().await?,
            Some(ids) => edit.stored().notes_by_id(ids).await?.into_iter().map(|note| (note.id, note.tags)).collect(),
        };
        tagged.sort_unstable();
        let update = |(id, tags): (i64, String)| {
            let change = self.how.apply(&tags)?;
            Some(NoteUpdate { id, fields: None, tags: vec![change], version: None })
        };
        let notes: Vec<NoteUpdate> = tagged.into_iter().filter_map(update).collect();
        if notes.is_empty() {
            return Ok(());
        }
        UpdateNotes { notes, skip_missing: true }.make(edit).await.map(drop)
    }
}
