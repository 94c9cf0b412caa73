//! Notetypes, as far as notes need them: the names of their fields, and which of them may hold cloze deletions.

use super::failed::{Result, internal};
use anki::cards::{self, cloze_numbers};
use anki::model::Notetype;
use anki::names;
use std::collections::HashMap;
use store::collection::Collection;

pub struct Layout(cards::Layout);

/// What is wrong with the cloze deletions of a note. The add-on has no words for any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClozeProblem {
    /// In a field that the template does not show as cloze.
    WrongField,
    /// There are none, or there are some in a notetype that makes nothing of them.
    Other,
}

impl Layout {
    /// # Errors
    /// When the stored notetype is not one.
    pub fn of(notetype: &Notetype) -> Result<Self> {
        cards::Layout::of(&notetype.json).map(Self).map_err(|e| internal(&format!("stored notetype: {e}")))
    }

    pub fn field_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.field_names()
    }

    /// The position of a field, by its exact name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.0.field_names().position(|known| known == name)
    }

    /// The same, whatever the case.
    pub fn position_in_any_case(&self, name: &str) -> Option<usize> {
        let name = name.to_lowercase();
        self.0.field_names().position(|known| known.to_lowercase() == name)
    }

    pub fn cloze_problem(&self, fields: &[String]) -> Option<ClozeProblem> {
        let with_cloze: Vec<usize> =
            fields.iter().enumerate().filter(|(_, text)| !cloze_numbers(text).is_empty()).map(|(at, _)| at).collect();
        if !self.0.is_cloze() {
            return (!with_cloze.is_empty()).then_some(ClozeProblem::Other);
        }
        if with_cloze.is_empty() {
            return Some(ClozeProblem::Other);
        }
        let shown = self.cloze_fields();
        let is_shown = |at: &usize| self.0.field_names().nth(*at).is_some_and(|name| shown.contains(&name));
        (!with_cloze.iter().all(is_shown)).then_some(ClozeProblem::WrongField)
    }

    fn cloze_fields(&self) -> Vec<&str> {
        let mut shown = Vec::new();
        let mut rest = self.0.templates.first().map(|template| template.question.as_str()).unwrap_or_default();
        while let Some((_, after)) = rest.split_once("{{") {
            let Some((tag, after)) = after.split_once("}}") else { break };
            let mut parts = tag.rsplit(':').map(str::trim);
            let name = parts.next().unwrap_or_default();
            if parts.any(|filter| filter == "cloze") {
                shown.push(name);
            }
            rest = after;
        }
        shown
    }
}

/// The notetypes that notes or cards have, by id.
pub async fn by_id(stored: Collection<'_>, ids: impl Iterator<Item = i64>) -> Result<HashMap<i64, (Notetype, Layout)>> {
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    let mut found = HashMap::new();
    for notetype in stored.notetypes_by_id(&ids).await? {
        let layout = Layout::of(&notetype)?;
        found.insert(notetype.id, (notetype, layout));
    }
    Ok(found)
}

/// One of several by name, as Anki compares names.
pub fn named<'a>(notetypes: &'a [Notetype], name: &str) -> Option<&'a Notetype> {
    notetypes.iter().find(|notetype| names::same(&notetype.name, name))
}
