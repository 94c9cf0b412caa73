//! `addNote`, `addNotes` and the questions whether they would work. Checks and texts are the add-on's.

mod examine;
mod wanted;

pub use wanted::field_texts;

use super::args::Args;
use super::attachments::{self, Append};
use super::context::Context;
use super::failed::{Failed, Result, said};
use super::note_fields::Layout;
use crate::actions::edit_collection::notes::AddNotes;
use crate::actions::edit_collection::{self, Change, Edit};
use examine::{Examining, examine};
use serde_json::{Value, json};
use wanted::{Wanted, parse_all};

pub async fn add(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    match add_notes(cx, std::slice::from_ref(args.value("note"))).await?.pop() {
        Some(Ok(id)) => Ok(id.into()),
        Some(Err(failed)) => Err(failed),
        None => Err(said("there is no note")),
    }
}

/// All of them or none: what is wrong with single ones comes as one text, written as Python writes a list.
pub async fn add_all(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let outcomes = add_notes(cx, args.list("notes")?).await?;
    let errors: Vec<String> = outcomes.iter().filter_map(|one| one.as_ref().err()).map(|failed| python_text(&failed.0)).collect();
    if !errors.is_empty() {
        return Err(said(format!("[{}]", errors.join(", "))));
    }
    Ok(outcomes.into_iter().flatten().collect::<Vec<i64>>().into())
}

pub async fn can_add(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let outcomes = try_notes(cx, std::slice::from_ref(args.value("note"))).await?;
    Ok(outcomes.first().is_some_and(Result::is_ok).into())
}

pub async fn can_add_all(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let outcomes = try_notes(cx, args.list("notes")?).await?;
    Ok(outcomes.iter().map(Result::is_ok).collect::<Vec<bool>>().into())
}

pub async fn can_add_with_detail(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let outcomes = try_notes(cx, std::slice::from_ref(args.value("note"))).await?;
    Ok(outcomes.first().map(detail).unwrap_or_default())
}

pub async fn can_add_all_with_detail(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    Ok(try_notes(cx, args.list("notes")?).await?.iter().map(detail).collect())
}

fn detail(outcome: &Result<()>) -> Value {
    match outcome {
        Ok(()) => json!({"canAdd": true}),
        Err(failed) => json!({"canAdd": false, "error": failed.0}),
    }
}

/// What would become of each note alone: nothing is stored, and they do not count as each other's duplicates.
async fn try_notes(cx: &Context<'_>, notes: &[Value]) -> Result<Vec<Result<()>>> {
    let wanted = parse_all(notes)?;
    let current = cx.open().await?;
    let outcomes = examine(cx.stored(&current), &wanted, false).await?;
    Ok(outcomes.into_iter().map(|one| one.map(drop)).collect())
}

/// Adds all notes, or none when something is wrong with one. Files are stored only when the notes can be added as it looks.
async fn add_notes(cx: &Context<'_>, notes: &[Value]) -> Result<Vec<Result<i64>>> {
    let mut wanted = parse_all(notes)?;
    let has_files = wanted.iter().flatten().any(|note| !note.attachments.is_empty());
    if wanted.iter().any(Result::is_err) || has_files {
        let current = cx.open().await?;
        let outcomes = examine(cx.stored(&current), &wanted, true).await?;
        if outcomes.iter().any(Result::is_err) {
            return Ok(outcomes.into_iter().map(|one| one.map(|_| 0)).collect());
        }
    }
    for note in wanted.iter_mut().flatten() {
        note.appends = attachments::store(cx, std::mem::take(&mut note.attachments)).await?;
    }
    cx.edit(&Add(wanted)).await
}

struct Add(Vec<Result<Wanted>>);

impl Change for Add {
    type Done = Vec<Result<i64>>;

    async fn make(&self, edit: &mut Edit) -> edit_collection::Result<Self::Done> {
        let outcomes = match examine(edit.stored(), &self.0, true).await {
            Ok(outcomes) => outcomes,
            Err(Examining::Store(error)) => return Err(error.into()),
            Err(Examining::Internal(reason)) => return Err(edit_collection::EditError::Internal(reason)),
        };
        if outcomes.iter().any(Result::is_err) {
            return Ok(outcomes.into_iter().map(|one| one.map(|_| 0)).collect());
        }
        let notes = outcomes.into_iter().flatten().collect();
        let added = AddNotes { notes, all_or_nothing: true, dry_run: false }.make(edit).await?;
        Ok(added.into_iter().map(|one| one.map(|added| added.note.id).map_err(Failed::from)).collect())
    }
}

/// Writes to the ends of fields what came of attachments.
pub fn append<'a>(fields: &mut [String], layout: &Layout, appends: impl Iterator<Item = &'a Append>) {
    for append in appends {
        for name in &append.fields {
            if let Some(field) = layout.position(name).and_then(|at| fields.get_mut(at)) {
                field.push_str(&append.text);
            }
        }
    }
}

/// A text as Python writes it in a list.
fn python_text(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut written = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            '\\' => written.push_str("\\\\"),
            c if c == quote => {
                written.push('\\');
                written.push(c);
            }
            c => written.push(c),
        }
    }
    written.push(quote);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_as_python_writes_them() {
        for (text, wanted) in [("a", "'a'"), ("it's", "\"it's\""), ("'\"", "'\\'\"'"), ("a\\b\n", "'a\\\\b\\n'")] {
            assert_eq!(python_text(text), wanted);
        }
    }
}
