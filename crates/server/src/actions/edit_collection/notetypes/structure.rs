//! Changes of a notetype that add, remove or move fields or templates. Devices need a one-way sync after them.

use super::super::{Edit, Problem, Result, cards};
use super::NewTemplate;
use super::parts::{check_name, check_template, list, new_id, position, with};
use anki::model::Notetype;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// A change that adds, removes or moves a field or template, or removes what notes hold.
#[derive(Debug, Clone)]
pub enum StructuralEdit {
    AddField {
        name: String,
        at: Option<usize>,
    },
    /// With its text in all notes.
    RemoveField {
        name: String,
    },
    MoveField {
        name: String,
        to: usize,
    },
    AddTemplate(NewTemplate),
    /// With its cards.
    MoveTemplate {
        name: String,
        to: usize,
    },
    /// With its cards.
    RemoveTemplate {
        name: String,
    },
    /// The field by which notes are sorted.
    SortField {
        name: String,
    },
}

pub(super) async fn structural(json: &mut Map<String, Value>, change: &StructuralEdit, notetype: i64, edit: &mut Edit) -> Result<()> {
    let missing = |name: &str| Problem::not_found("field", format!("`{name}`"));
    match change {
        StructuralEdit::AddField { name, at } => {
            check_name("fields", name)?;
            let fields = list(json, "flds")?;
            let at = at.unwrap_or(fields.len()).min(fields.len());
            let base = fields.first().cloned().unwrap_or_default();
            fields.insert(
                at,
                with(&base, [("name", name.trim().into()), ("id", new_id()), ("tag", Value::Null), ("preventDeletion", false.into())]),
            );
            keep_sort_field(json, |sort| if sort >= at { sort + 1 } else { sort });
            refit_notes(notetype, edit, |fields| fields.insert(at.min(fields.len()), String::new())).await?;
        }
        StructuralEdit::RemoveField { name } => {
            let fields = list(json, "flds")?;
            let at = position(fields, name).ok_or_else(|| missing(name))?;
            if fields.len() == 1 {
                return Err(Problem::invalid("field", "the last field cannot be removed").into());
            }
            fields.remove(at);
            keep_sort_field(json, |sort| {
                if sort == at {
                    0
                } else if sort > at {
                    sort - 1
                } else {
                    sort
                }
            });
            refit_notes(notetype, edit, |fields| {
                if at < fields.len() {
                    fields.remove(at);
                }
            })
            .await?;
        }
        StructuralEdit::MoveField { name, to } => {
            let fields = list(json, "flds")?;
            let at = position(fields, name).ok_or_else(|| missing(name))?;
            let to = (*to).min(fields.len() - 1);
            let sorted = json.get("sortf").and_then(Value::as_u64).and_then(|sort| usize::try_from(sort).ok()).unwrap_or_default();
            let fields = list(json, "flds")?;
            let mut order: Vec<usize> = (0..fields.len()).collect();
            let moved = order.remove(at);
            order.insert(to, moved);
            let field = fields.remove(at);
            fields.insert(to, field);
            keep_sort_field(json, |_| order.iter().position(|old| *old == sorted).unwrap_or_default());
            refit_notes(notetype, edit, |fields| {
                if at < fields.len() {
                    let text = fields.remove(at);
                    fields.insert(to.min(fields.len()), text);
                }
            })
            .await?;
        }
        StructuralEdit::AddTemplate(new) => {
            check_name("templates", &new.name)?;
            check_template("template.question", &new.question)?;
            let templates = list(json, "tmpls")?;
            let base = templates.first().cloned().unwrap_or_default();
            let texts = [("qfmt", new.question.as_str().into()), ("afmt", new.answer.as_str().into())];
            let added = with(&with(&base, texts), [("name", new.name.trim().into()), ("id", new_id()), ("did", Value::Null)]);
            templates.push(added);
        }
        StructuralEdit::MoveTemplate { name, to } => {
            let templates = list(json, "tmpls")?;
            let at = position(templates, name).ok_or_else(|| Problem::not_found("template", format!("`{name}`")))?;
            let to = (*to).min(templates.len() - 1);
            let template = templates.remove(at);
            templates.insert(to, template);
            move_cards(notetype, at as i64, to as i64, edit).await?;
        }
        StructuralEdit::RemoveTemplate { name } => {
            let templates = list(json, "tmpls")?;
            let at = position(templates, name).ok_or_else(|| Problem::not_found("template", format!("`{name}`")))?;
            if templates.len() == 1 {
                return Err(Problem::invalid("template", "the last template cannot be removed").into());
            }
            templates.remove(at);
            remove_cards(notetype, at as i64, edit).await?;
        }
        StructuralEdit::SortField { name } => {
            let at = position(list(json, "flds")?, name).ok_or_else(|| missing(name))?;
            keep_sort_field(json, |_| at);
        }
    }
    for key in ["flds", "tmpls"] {
        list(json, key)?.iter_mut().enumerate().for_each(|(ord, part)| part["ord"] = ord.into());
    }
    Ok(())
}

/// The cards of the removed template go, those of the later ones get the number before.
async fn remove_cards(notetype: i64, at: i64, edit: &mut Edit) -> Result<()> {
    let notes = edit.stored().notes_of_notetype(notetype).await?;
    let (gone, mut stay): (Vec<_>, Vec<_>) = edit.stored().cards_of_notes(&notes).await?.into_iter().partition(|card| card.ord == at);
    let alive: HashSet<i64> = stay.iter().map(|card| card.note_id).collect();
    if gone.iter().any(|card| !alive.contains(&card.note_id)) {
        return Err(Problem::invalid("template", "some notes would be left without cards").into());
    }
    cards::delete_cards(&gone, edit).await?;
    stay.retain(|card| card.ord > at);
    for card in &mut stay {
        card.ord -= 1;
        (card.mtime, card.usn) = (edit.now_secs(), edit.usn());
    }
    edit.stored().put_cards(stay).await?;
    Ok(())
}

/// The cards of a template that has moved follow it, those in between make room.
async fn move_cards(notetype: i64, at: i64, to: i64, edit: &mut Edit) -> Result<()> {
    let notes = edit.stored().notes_of_notetype(notetype).await?;
    let mut cards = edit.stored().cards_of_notes(&notes).await?;
    cards.retain_mut(|card| {
        let old = card.ord;
        card.ord = match old {
            _ if old == at => to,
            _ if at < old && old <= to => old - 1,
            _ if to <= old && old < at => old + 1,
            _ => old,
        };
        (card.mtime, card.usn) = (edit.now_secs(), edit.usn());
        card.ord != old
    });
    edit.stored().put_cards(cards).await?;
    Ok(())
}

/// Changes the fields of all notes of a notetype.
async fn refit_notes(notetype: i64, edit: &mut Edit, change: impl Fn(&mut Vec<String>)) -> Result<()> {
    let ids = edit.stored().notes_of_notetype(notetype).await?;
    let mut notes = edit.stored().notes_by_id(&ids).await?;
    for note in &mut notes {
        let mut fields: Vec<String> = anki::text::split_fields(&note.fields).map(str::to_owned).collect();
        change(&mut fields);
        note.fields = fields.join("\u{1f}");
        (note.mtime, note.usn) = (edit.now_secs(), edit.usn());
    }
    edit.stored().put_notes(notes).await?;
    Ok(())
}

/// Fills what is derived from the fields of all notes of a notetype.
pub(super) async fn derive_anew(notetype: &Notetype, edit: &mut Edit) -> Result<()> {
    let ids = edit.stored().notes_of_notetype(notetype.id).await?;
    let mut notes = edit.stored().notes_by_id(&ids).await?;
    notes.iter_mut().for_each(|note| anki::text::fill_derived(note, notetype.sort_field));
    edit.stored().put_notes(notes).await?;
    Ok(())
}

fn keep_sort_field(json: &mut Map<String, Value>, change: impl Fn(usize) -> usize) {
    let sort = json.get("sortf").and_then(Value::as_u64).and_then(|sort| usize::try_from(sort).ok()).unwrap_or_default();
    json.insert("sortf".into(), change(sort).into());
}
