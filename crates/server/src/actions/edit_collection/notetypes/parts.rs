//! The lists of fields and templates in a notetype's object.

use super::super::{EditError, Problem, Result};
use anki::cards::CardRules;
use anki::model::Notetype;
use anki::schema11::{self, SchemaError};
use anki::{cards, names};
use serde_json::{Map, Value};
use std::collections::HashSet;

pub(super) fn list<'a>(json: &'a mut Map<String, Value>, key: &str) -> Result<&'a mut Vec<Value>> {
    json.get_mut(key).and_then(Value::as_array_mut).ok_or_else(|| EditError::Internal(format!("a stored notetype has no {key}")))
}

pub(super) fn position(parts: &[Value], name: &str) -> Option<usize> {
    let is = |same: &dyn Fn(&str) -> bool| parts.iter().position(|part| part["name"].as_str().is_some_and(same));
    is(&|known| known == name).or_else(|| is(&|known| names::same(known, name)))
}

pub(super) fn part<'a>(json: &'a mut Map<String, Value>, key: &str, name: &str) -> Option<&'a mut Value> {
    let parts = json.get_mut(key)?.as_array_mut()?;
    let at = position(parts, name)?;
    parts.get_mut(at)
}

pub(super) fn with<const N: usize>(base: &Value, changes: [(&str, Value); N]) -> Value {
    let mut object = base.clone();
    for (key, value) in changes {
        object[key] = value;
    }
    object
}

/// The notetype of an edited object, with the requirements of its templates worked out.
pub(super) fn finished(mut json: Map<String, Value>) -> std::result::Result<Notetype, SchemaError> {
    let rules = CardRules::new(&schema11::notetype(json.clone())?)?;
    json.insert("req".into(), rules.requirements());
    schema11::notetype(json)
}

/// Parts have random ids. Without randomness, none.
pub(super) fn new_id() -> Value {
    crate::random::bytes().map_or(Value::Null, |bytes| i64::from_le_bytes(bytes).into())
}

pub(super) fn check_template(field: &str, question: &str) -> Result<(), Problem> {
    cards::check_question(question).map_err(|e| Problem::invalid(field, e.to_string()))
}

/// What clients accept as the name of a notetype, a field or a template.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), Problem> {
    let name = name.trim();
    let is_field = what == "fields";
    let bad = |c: char| c.is_ascii_control() || is_field && matches!(c, ':' | '"' | '{' | '}');
    if name.is_empty() || name.len() > 1000 || name.contains(bad) || (is_field && name.starts_with(['#', '^', '/'])) {
        return Err(Problem::invalid(what, format!("`{name}` cannot be a name")));
    }
    Ok(())
}

/// Names in a list are each of one thing.
pub(super) fn check_different<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), Problem> {
    let mut seen = HashSet::new();
    for name in names.map(str::trim) {
        if !seen.insert(names::fold(name)) {
            return Err(Problem::NameTaken { field: what.into(), name: name.to_owned() });
        }
    }
    Ok(())
}
