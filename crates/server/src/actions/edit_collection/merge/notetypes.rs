//! Notetypes meet by id, and are one if their fields and templates are. Otherwise the package's becomes another notetype here, which the
//! next import of such a package finds again by the id that it came with.

use super::super::{Edit, Result};
use super::{Merged, Update};
use crate::actions::exchange::value;
use crate::actions::quota::ROW;
use anki::file::Edited;
use anki::merge::NameTable;
use anki::model::Notetype;
use anki::schema11::{self, Restamp, restamp};
use serde_json::{Map, Value};
use std::collections::HashMap;
use store::collection::FreeId;

/// Merges notetypes and answers, for each of the package, the id and the sort field that its notes get.
pub(super) async fn merge(incoming: &[Notetype], update: Update, edit: &mut Edit, report: &mut Merged) -> Result<HashMap<i64, (i64, i32)>> {
    let mut here = edit.stored().notetypes().await?;
    let mut names = NameTable::new(here.iter().map(|notetype| (notetype.id, notetype.name.as_str())));
    let mut next_id = edit.stored().free_id(FreeId::Notetypes, edit.now_ms()).await?;
    let (mut ids, mut written) = (HashMap::new(), Vec::new());
    for notetype in incoming {
        let original = notetype.id;
        let mut new = with_origin(notetype)?;
        let same = here.iter().find(|other| other.id == original);
        let known = match same {
            Some(same) if has_same_parts(same, notetype) => Some(same),
            Some(_) => here.iter().find(|other| other.id != original && origin(other) == Some(original) && has_same_parts(other, notetype)),
            None => None,
        };
        let stamps = if let Some(known) = known {
            ids.insert(original, (known.id, known.sort_field));
            if !update.applies(known.mtime, notetype.mtime) {
                continue;
            }
            report.notetypes_updated += 1;
            // Another sort field would make every device need a one-way sync.
            new = with_sort_field(&new, known.sort_field)?;
            let claimed = names.claim(known.id, &new.name);
            let mtime = if known.mtime > notetype.mtime {
                // Devices take a notetype only if it was changed later than theirs.
                Some(edit.stamp_after(known.mtime))
            } else {
                claimed.renamed.then(|| edit.now_secs())
            };
            (known.id, claimed.name, mtime)
        } else {
            let id = if same.is_some() {
                next_id += 1;
                next_id - 1
            } else {
                original
            };
            report.notetypes_added += 1;
            edit.adds(ROW + new.json.len());
            edit.current.counts.notetypes += 1;
            ids.insert(original, (id, new.sort_field));
            let claimed = names.claim(id, &new.name);
            let mtime = claimed.renamed.then(|| edit.now_secs());
            (id, claimed.name, mtime)
        };
        let (id, name, mtime) = stamps;
        restamp(&mut new, &Restamp { id: Some(id), name: Some(&name), mtime, usn: Some(edit.usn()) })?;
        here.retain(|other| other.id != id);
        here.push(new.clone());
        written.push(new);
    }
    edit.stored().put_notetypes(written).await?;
    Ok(ids)
}

/// A notetype that remembers the id with which it came.
fn with_origin(notetype: &Notetype) -> Result<Notetype> {
    changed(notetype, |json| drop(json.insert("originalId".to_owned(), notetype.id.into())))
}

fn with_sort_field(notetype: &Notetype, sort_field: i32) -> Result<Notetype> {
    if notetype.sort_field == sort_field {
        return Ok(notetype.clone());
    }
    changed(notetype, |json| drop(json.insert("sortf".to_owned(), sort_field.into())))
}

fn changed(notetype: &Notetype, change: impl FnOnce(&mut Map<String, Value>)) -> Result<Notetype> {
    let mut json = super::super::decks::object(&notetype.json)?;
    change(&mut json);
    let mut new = schema11::notetype(json)?;
    new.keep_extra_of(notetype)?;
    Ok(new)
}

fn origin(notetype: &Notetype) -> Option<i64> {
    value(&notetype.json)["originalId"].as_i64()
}

/// Whether the fields and templates of two notetypes are the same ones, in the same order: by their ids, or where one has none, by name.
fn has_same_parts(a: &Notetype, b: &Notetype) -> bool {
    let (a, b) = (value(&a.json), value(&b.json));
    ["flds", "tmpls"].iter().all(|key| {
        let (Some(a), Some(b)) = (a[*key].as_array(), b[*key].as_array()) else { return false };
        a.len() == b.len()
            && a.iter().zip(b).all(|(a, b)| match (a["id"].as_i64(), b["id"].as_i64()) {
                (Some(a), Some(b)) => a == b,
                _ => a["name"] == b["name"],
            })
    })
}
