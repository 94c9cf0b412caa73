use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{SchemaError, any_notetype};
use crate::{model::Notetype, names::unique};

/// Makes the names of a notetype's fields unique, and those of its templates, as clients do with files of schema 11. Returns how many
/// were changed.
pub(crate) fn make_inner_names_unique(notetype: &mut Map<String, Value>) -> u64 {
    let mut changed = 0;
    for list in ["flds", "tmpls"] {
        changed += rename(notetype, list, unique::claim_normal);
    }
    changed
}

/// Renames fields and templates of a notetype that have the name of an earlier one, which no client of today could store.
/// Answers whether there were any.
///
/// # Errors
/// When its JSON is not that of a notetype, which what was checked always is.
pub fn resolve_inner_names(notetype: &mut Notetype) -> Result<bool, SchemaError> {
    let mut object: Map<String, Value> =
        serde_json::from_str(&notetype.json).map_err(|error| SchemaError::new("", format!("not a JSON object: {error}")))?;
    let changed = rename(&mut object, "flds", unique::claim) + rename(&mut object, "tmpls", unique::claim);
    if changed > 0 {
        *notetype = Notetype { extra: notetype.extra.take(), ..any_notetype(object)? };
    }
    Ok(changed > 0)
}

fn rename(notetype: &mut Map<String, Value>, list: &str, claim: fn(&mut HashSet<String>, &str, &str) -> String) -> u64 {
    let mut taken = HashSet::new();
    let mut changed = 0;
    let items = notetype.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
    for name in items.filter_map(|item| item.get_mut("name")) {
        let Some(old) = name.as_str() else { continue };
        let new = claim(&mut taken, old, "+");
        if new != old {
            changed += 1;
            *name = new.into();
        }
    }
    changed
}
