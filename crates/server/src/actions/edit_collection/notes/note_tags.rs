use super::super::{Edit, Result};
use crate::actions::quota::ROW;
use anki::model::Tag;
use anki::names::{self, TagList};

/// What to do to the tags of a note. Each text may hold several tags, separated by spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagChange {
    Set(Vec<String>),
    Add(Vec<String>),
    /// Whatever their case.
    Remove(Vec<String>),
}

/// Registers tags, and answers them as a note stores them.
pub(in super::super) async fn register_tags<'a>(tags: impl Iterator<Item = &'a str>, edit: &mut Edit) -> Result<String> {
    let mut registered = Tags::load(edit).await?;
    let spelled = registered.register(tags, edit.usn());
    registered.write_added(edit).await?;
    Ok(spelled)
}

/// The registered tags, and those that a change adds.
pub(in super::super) struct Tags {
    list: TagList,
    added: Vec<Tag>,
}

impl Tags {
    pub(in super::super) async fn load(edit: &Edit) -> Result<Self> {
        let list = edit.stored().tags().await?.into_iter().map(|tag| tag.name).collect();
        Ok(Self { list, added: Vec::new() })
    }

    /// Tags as a note stores them, in the spelling of the registered ones. New ones are registered.
    pub(in super::super) fn register<'a>(&mut self, tags: impl Iterator<Item = &'a str>, usn: i32) -> String {
        let mut spelled = Vec::new();
        for tag in tags.flat_map(names::split_tags) {
            let (name, is_new) = self.list.register(tag);
            if is_new {
                self.added.push(Tag { name: name.clone(), usn, collapsed: true });
            }
            spelled.push(name);
        }
        names::join_tags(spelled.iter().map(String::as_str))
    }

    pub(super) fn change(&mut self, old: &str, change: &TagChange, usn: i32) -> String {
        match change {
            TagChange::Set(tags) => self.register(tags.iter().map(String::as_str), usn),
            TagChange::Add(tags) => self.register(names::split_tags(old).chain(tags.iter().map(String::as_str)), usn),
            TagChange::Remove(tags) => {
                let gone: Vec<&str> = tags.iter().flat_map(|tags| names::split_tags(tags)).collect();
                let is_gone = |tag: &&str| gone.iter().any(|gone| names::same(gone, tag));
                if !names::split_tags(old).any(|tag| is_gone(&tag)) {
                    return old.to_owned();
                }
                names::join_tags(names::split_tags(old).filter(|tag| !is_gone(tag)))
            }
        }
    }

    pub(in super::super) async fn write_added(&mut self, edit: &mut Edit) -> Result<()> {
        if !self.added.is_empty() {
            edit.changed = true;
            edit.adds(self.added.iter().map(|tag| ROW + tag.name.len()).sum());
            edit.stored().add_tags(&std::mem::take(&mut self.added)).await?;
        }
        Ok(())
    }
}
