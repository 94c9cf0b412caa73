//! Tags of the whole collection.

use super::notes::{Tags, register_tags};
use super::{Change, Edit, Problem, Result};
use anki::model::Note;
use anki::names;

/// Renames a tag and the tags below it, in all notes.
#[derive(Debug, Clone)]
pub struct RenameTag {
    pub old: String,
    pub new: String,
}

/// Takes tags and the tags below them off all notes, and off the list.
#[derive(Debug, Clone)]
pub struct DeleteTags(pub Vec<String>);

/// Makes the list that of the tags which notes have, and of the tags above them that are listed. Something may be missing too: a device that knows a tag from before it was deleted
/// gives it to a note without saying again that there is such a tag.
#[derive(Debug, Clone)]
pub struct ClearUnusedTags;

impl Change for RenameTag {
    /// How many notes were changed.
    type Done = usize;

    async fn make(&self, edit: &mut Edit) -> Result<usize> {
        let new = self.new.trim();
        if new.is_empty() || names::split_tags(new).count() != 1 {
            return Err(Problem::invalid("name", "a tag is one word").into());
        }
        let new = names::normalize_tag(new).into_owned();
        let registered = edit.stored().tags().await?;
        if !registered.iter().any(|tag| is_within(&tag.name, &self.old)) {
            return Err(Problem::not_found("tag", format!("`{}`", self.old)).into());
        }
        if is_within(&new, &self.old) && !names::same(&new, &self.old) {
            return Err(Problem::invalid("name", "a tag cannot be moved below itself").into());
        }
        let renamed = |tag: &str| -> String {
            let levels = self.old.split("::").count();
            let rest: Vec<&str> = tag.split("::").skip(levels).collect();
            [&[new.as_str()], rest.as_slice()].concat().join("::")
        };
        let change = |tags: &str| -> String {
            let tags: Vec<String> =
                names::split_tags(tags).map(|tag| if is_within(tag, &self.old) { renamed(tag) } else { tag.to_owned() }).collect();
            tags.join(" ")
        };
        let gone: Vec<String> = registered.iter().filter(|tag| is_within(&tag.name, &self.old)).map(|tag| tag.name.clone()).collect();
        edit.changed = true;
        edit.stored().delete_tags(&gone).await?;
        let new_names: Vec<String> = gone.iter().map(|tag| renamed(tag)).collect();
        register_tags(new_names.iter().map(String::as_str), edit).await?;
        change_tags(std::slice::from_ref(&self.old), change, edit).await
    }
}

impl Change for DeleteTags {
    type Done = usize;

    async fn make(&self, edit: &mut Edit) -> Result<usize> {
        let gone = |tag: &str| self.0.iter().any(|wanted| is_within(tag, wanted));
        let registered: Vec<String> = edit.stored().tags().await?.into_iter().map(|tag| tag.name).filter(|tag| gone(tag)).collect();
        if !registered.is_empty() {
            edit.changed = true;
            edit.stored().delete_tags(&registered).await?;
        }
        let change = |tags: &str| names::split_tags(tags).filter(|tag| !gone(tag)).collect::<Vec<_>>().join(" ");
        change_tags(&self.0, change, edit).await
    }
}

impl Change for ClearUnusedTags {
    /// How many are off the list.
    type Done = usize;

    async fn make(&self, edit: &mut Edit) -> Result<usize> {
        let of_notes: Vec<String> = edit.stored().note_tags().await?.into_iter().map(|(_, tags)| tags).collect();
        let mut listed = Tags::load(edit).await?;
        for tags in &of_notes {
            listed.register(std::iter::once(tags.as_str()), edit.usn());
        }
        listed.write_added(edit).await?;
        let registered: Vec<String> = edit.stored().tags().await?.into_iter().map(|tag| tag.name).collect();
        let unused = names::unused_tags(registered.iter().map(String::as_str), of_notes.iter().map(String::as_str));
        let unused: Vec<String> = unused.into_iter().map(str::to_owned).collect();
        if !unused.is_empty() {
            edit.changed = true;
            edit.stored().delete_tags(&unused).await?;
        }
        Ok(unused.len())
    }
}

/// Changes the tags of the notes that have one of `wanted` or one below.
async fn change_tags(wanted: &[String], change: impl Fn(&str) -> String, edit: &mut Edit) -> Result<usize> {
    let has = |tags: &str| names::split_tags(tags).any(|tag| wanted.iter().any(|wanted| is_within(tag, wanted)));
    let ids: Vec<i64> = edit.stored().note_tags().await?.into_iter().filter(|(_, tags)| has(tags)).map(|(id, _)| id).collect();
    let mut notes: Vec<Note> = edit.stored().notes_by_id(&ids).await?;
    let mut registered = Tags::load(edit).await?;
    for note in &mut notes {
        note.tags = registered.register(std::iter::once(change(&note.tags).as_str()), edit.usn());
        (note.mtime, note.usn) = (edit.now_secs(), edit.usn());
    }
    registered.write_added(edit).await?;
    let count = notes.len();
    if count > 0 {
        edit.changed = true;
        edit.stored().put_notes(notes).await?;
    }
    Ok(count)
}

/// Whether a tag is `top` or below it.
fn is_within(tag: &str, top: &str) -> bool {
    let (tag, top) = (names::fold(tag), names::fold(&names::normalize_tag(top)));
    tag.strip_prefix(&top).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
