//! Decks meet by name. One that is here takes over what the package says about it; the others are made, with other ids.

use super::super::index::Decks;
use super::super::{Edit, Result};
use super::{Days, Merged};
use crate::actions::exchange::{is_filtered, value};
use anki::file::Edited;
use anki::model::Deck;
use anki::schema11::{self, Restamp, restamp};
use serde_json::{Map, Value};
use std::collections::HashMap;

const DEFAULT_PRESET: i64 = 1;

/// Merges decks, of which parents come before children, and answers their ids by those of the package.
pub(super) async fn merge(
    incoming: &[Deck],
    days: Days,
    presets: &[i64],
    edit: &mut Edit,
    report: &mut Merged,
) -> Result<HashMap<i64, i64>> {
    let mut index = Decks::load(edit).await?;
    let stored: HashMap<i64, Deck> = edit.stored().decks().await?.into_iter().map(|deck| (deck.id, deck)).collect();
    let mut merging = Merging { renamed: Vec::new(), suffix: edit.now_secs().to_string() };
    let (mut ids, mut updated) = (HashMap::new(), HashMap::new());
    let before = index.all().count();
    for deck in incoming {
        let mut json = super::super::decks::object(&deck.json)?;
        let filtered = is_filtered(&Value::Object(json.clone()));
        if !filtered {
            shift_limits(&mut json, days);
            if json.get("conf").and_then(Value::as_i64).is_none_or(|preset| !presets.contains(&preset)) {
                json.insert("conf".to_owned(), DEFAULT_PRESET.into());
            }
        }
        let mut name = merging.placed(&deck.name);
        if let Some(id) = index.id_of(&name) {
            if index.is_normal(id) != filtered {
                ids.insert(deck.id, id);
                // One that is not stored yet was made for a child a moment ago.
                if let Some(old) = updated.get(&id).or_else(|| stored.get(&id))
                    && let Some(new) = updated_with(old, &json, filtered, edit)?
                {
                    updated.insert(id, new);
                }
                continue;
            }
            name = merging.rename(&name, &index);
        }
        // A filtered deck can have nothing below it, so the child gets another parent.
        if let Some(parent) = filtered_ancestor(&name, &index) {
            let other = merging.rename(&parent, &index);
            index.find_or_make("deck", &other, edit)?;
            name = merging.placed(&name);
        }
        let mut new = schema11::deck(json)?;
        new.keep_extra_of(deck)?;
        ids.insert(deck.id, index.add(new, &name, edit)?);
    }
    report.decks_added = (index.all().count() - before) as u64;
    report.decks_updated = updated.len() as u64;
    index.write_added(edit).await?;
    edit.stored().put_decks(updated.into_values().collect()).await?;
    Ok(ids)
}

struct Merging {
    /// Beginnings of names, and what takes their place.
    renamed: Vec<(String, String)>,
    suffix: String,
}

impl Merging {
    /// Where a deck of the package goes, with the decks above it that got other names.
    fn placed(&self, name: &str) -> String {
        let found = self.renamed.iter().find_map(|(old, new)| name.strip_prefix(old.as_str()).map(|rest| format!("{new}{rest}")));
        found.unwrap_or_else(|| name.to_owned())
    }

    /// Another name for a deck, for those below it too.
    fn rename(&mut self, name: &str, index: &Decks) -> String {
        let mut new = format!("{name} {}", self.suffix);
        // Of another package in this second.
        while index.id_of(&new).is_some() {
            new.push('+');
        }
        self.renamed.push((format!("{name}::"), format!("{new}::")));
        new
    }
}

/// The name of the nearest deck above this one, if it is a filtered one.
fn filtered_ancestor(name: &str, index: &Decks) -> Option<String> {
    let mut above = name;
    while let Some(parent) = anki::names::parent_deck_name(above) {
        if let Some(id) = index.id_of(parent) {
            return (!index.is_normal(id)).then(|| parent.to_owned());
        }
        above = parent;
    }
    None
}

/// Limits for one day count from the beginning of their collection.
fn shift_limits(json: &mut Map<String, Value>, days: Days) {
    for key in ["newLimitToday", "reviewLimitToday"] {
        let Some(limit) = json.get_mut(key).filter(|limit| limit.is_object()) else { continue };
        let today = limit["today"].as_i64().unwrap_or_default();
        if today == days.there {
            limit["today"] = days.here.into();
        } else if days.here > 0 {
            limit["today"] = today.min(days.here - 1).into();
        } else {
            *limit = Value::Null;
        }
    }
}

/// A deck that is here with what the package says. None if that changes nothing.
fn updated_with(old: &Deck, incoming: &Map<String, Value>, filtered: bool, edit: &Edit) -> Result<Option<Deck>> {
    let mut json = super::super::decks::object(&old.json)?;
    let mut take = |key: &str| {
        if let Some(value) = incoming.get(key)
            && json.get(key) != Some(value)
        {
            json.insert(key.to_owned(), value.clone());
        }
    };
    if filtered {
        for key in ["resched", "terms", "separate", "delays", "previewDelay", "previewAgainSecs", "previewHardSecs", "previewGoodSecs"] {
            take(key);
        }
    } else {
        if incoming.get("desc").and_then(Value::as_str).is_some_and(|text| !text.is_empty()) {
            take("desc");
            take("md");
        }
        if incoming.get("conf").and_then(Value::as_i64) != Some(DEFAULT_PRESET) {
            take("conf");
        }
        for key in ["reviewLimit", "newLimit", "reviewLimitToday", "newLimitToday"] {
            if incoming.get(key).is_some_and(|value| !value.is_null()) {
                take(key);
            }
        }
    }
    if Value::Object(json.clone()) == value(&old.json) {
        return Ok(None);
    }
    let mut new = schema11::deck(json)?;
    new.keep_extra_of(old)?;
    let mtime = Some(edit.stamp_after(old.mtime));
    restamp(&mut new, &Restamp { mtime, usn: Some(edit.usn()), ..Restamp::default() })?;
    Ok(Some(new))
}
