//! Which cards a note has: one for each template whose question shows something of the note, or one for each cloze number.
//!
//! Found out by asking clients; `tests/make_cards.py` asks them again. Where versions differ, this follows the newest.

mod cloze;
mod layout;
pub mod render;
mod requirements;
mod template;

use crate::model::Notetype;
use crate::schema11::SchemaError;
use crate::schema11::notetype as typed;
use crate::text::split_fields;
use std::collections::HashSet;
use template::Template;

pub use cloze::cloze_numbers;
pub use layout::{Layout, TemplateTexts};
pub use template::TemplateError;

/// Cloze numbers above this share the card with this ordinal.
const LAST_CLOZE: u16 = 499;

/// What decides about the cards of a notetype's notes.
#[derive(Debug, Clone)]
pub struct CardRules {
    cloze: bool,
    field_names: Vec<String>,
    /// None for a template that cannot be parsed: it makes no cards.
    questions: Vec<Option<Template>>,
    /// Where new cards of a template go, whatever deck was chosen.
    decks: Vec<Option<i64>>,
}

impl CardRules {
    /// The rules of a notetype.
    ///
    /// # Errors
    /// When its JSON is not that of a notetype, which what is stored always is.
    pub fn new(notetype: &Notetype) -> Result<Self, SchemaError> {
        let mut object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&notetype.json).map_err(|e| SchemaError::new("", e.to_string()))?;
        let typed = typed::read(&mut object)?;
        Ok(Self {
            cloze: typed.config.kind == 1,
            field_names: typed.fields.into_iter().map(|(name, _)| name).collect(),
            questions: typed.templates.iter().map(|(_, template)| Template::parse(&template.q_format).ok()).collect(),
            decks: typed.templates.iter().map(|(_, template)| Some(template.target_deck_id).filter(|id| *id > 0)).collect(),
        })
    }

    /// The ordinals of the cards that a note should have, in order. `fields` are joined by U+001F.
    ///
    /// A note that would have none gets card 0: a note without cards cannot be found or deleted in a client.
    pub fn ordinals(&self, fields: &str, has_tags: bool) -> Vec<u16> {
        let mut ordinals = if self.cloze { cloze_ordinals(fields) } else { self.template_ordinals(fields, has_tags) };
        if ordinals.is_empty() {
            ordinals.push(0);
        }
        ordinals
    }

    /// The cards to add to a note that has those of `existing`. Cards that are not needed any more stay.
    pub fn missing(&self, fields: &str, has_tags: bool, existing: &[i64]) -> Vec<u16> {
        let mut ordinals = if self.cloze { cloze_ordinals(fields) } else { self.template_ordinals(fields, has_tags) };
        if ordinals.is_empty() && existing.is_empty() {
            ordinals.push(0);
        }
        ordinals.retain(|ordinal| !existing.contains(&i64::from(*ordinal)));
        ordinals
    }

    /// The deck that the template of a card prescribes. All cards of a cloze notetype have the first template.
    pub fn deck_of(&self, ordinal: u16) -> Option<i64> {
        let template = if self.cloze { 0 } else { usize::from(ordinal) };
        self.decks.get(template).copied().flatten()
    }

    /// How many fields a note has.
    pub fn field_count(&self) -> usize {
        self.field_names.len()
    }

    /// The names of the fields, in order.
    pub fn field_names(&self) -> &[String] {
        &self.field_names
    }

    /// Whether there can be a card with this ordinal.
    pub fn can_have(&self, ordinal: i64) -> bool {
        let last = if self.cloze { usize::from(LAST_CLOZE) + 1 } else { self.questions.len() };
        usize::try_from(ordinal).is_ok_and(|ordinal| ordinal < last)
    }

    /// Whether cards come from cloze deletions.
    pub fn is_cloze(&self) -> bool {
        self.cloze
    }

    fn template_ordinals(&self, fields: &str, has_tags: bool) -> Vec<u16> {
        let mut filled: HashSet<&str> = template::ALWAYS_FILLED.into();
        if has_tags {
            filled.insert("Tags");
        }
        for (name, text) in self.field_names.iter().zip(split_fields(fields)) {
            if is_empty(text) {
                filled.remove(name.as_str());
            } else {
                filled.insert(name);
            }
        }
        let questions = self.questions.iter().zip(0_u16..);
        questions
            .filter(|(question, _)| question.as_ref().is_some_and(|q| q.shows_something(&filled)))
            .map(|(_, ordinal)| ordinal)
            .collect()
    }
}

/// Checks the question of a template: what a client would refuse to save.
///
/// # Errors
/// What is wrong with it.
pub fn check_question(question: &str) -> Result<(), TemplateError> {
    Template::parse(question).map(drop)
}

/// A template's text with another name for a field. Filters and sections of it go along.
pub fn rename_field(template: &str, old: &str, new: &str) -> String {
    template::rename_field(template, old, new)
}

fn cloze_ordinals(fields: &str) -> Vec<u16> {
    let mut numbers = HashSet::new();
    split_fields(fields).for_each(|field| numbers.extend(cloze_numbers(field)));
    let mut ordinals: Vec<u16> = numbers.into_iter().map(|number| (number - 1).min(LAST_CLOZE)).collect();
    ordinals.sort_unstable();
    ordinals.dedup();
    ordinals
}

/// Whether a field counts as empty: nothing but ASCII white space and bare `br` and `div` tags.
pub fn is_empty(field: &str) -> bool {
    let mut rest = field;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
        if rest.is_empty() {
            return true;
        }
        let Some(tag) = rest.strip_prefix('<') else { return false };
        let tag = tag.strip_prefix('/').unwrap_or(tag);
        let name = ["br", "div"].into_iter().find(|name| tag.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)));
        let Some(name) = name else { return false };
        let tag = &tag[name.len()..];
        let tag = tag.strip_prefix(' ').unwrap_or(tag);
        let tag = tag.strip_prefix('/').unwrap_or(tag);
        let Some(after) = tag.strip_prefix('>') else { return false };
        rest = after;
    }
}

#[cfg(test)]
mod tests;
