//! `decks`, `decksConf`, `models`, `tags`: the stored schema-11 objects as they are.

use super::error::Refusal;
use crate::actions::edit_collection;
use crate::app::App;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use store::StoreError;
use store::collection::Collection;

/// Which objects, and in which layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objects {
    Decks,
    Presets,
    Notetypes,
    /// The successor's lists.
    DeckList,
    PresetList,
}

pub async fn objects(app: &App, account: i64, which: Objects) -> Result<String, Refusal> {
    let current = edit_collection::open(app, account).await?;
    let stored = Collection::new(app.user.db(), &current.schema);
    let rows: Vec<(i64, String)> = match which {
        Objects::Decks | Objects::DeckList => stored.decks_since(i32::MIN).await?,
        Objects::Presets | Objects::PresetList => stored.presets_since(i32::MIN).await?,
        Objects::Notetypes => stored.notetypes_since(i32::MIN).await?,
    };
    let mut by_id = BTreeMap::new();
    for (id, json) in rows {
        by_id.insert(id, RawValue::from_string(json).map_err(|e| StoreError::Internal(format!("stored object: {e}")))?);
    }
    let list = || (json!({"count": by_id.len()}), by_id.values().map(|object| &**object).collect::<Vec<_>>());
    match which {
        Objects::Decks => text(&BTreeMap::from([("decks", &by_id)])),
        Objects::Presets => text(&BTreeMap::from([("decks_conf", &by_id)])),
        Objects::Notetypes => text(&BTreeMap::from([("models", &by_id)])),
        Objects::DeckList => {
            let (pagination, decks) = list();
            text(&DeckList { pagination, decks })
        }
        Objects::PresetList => {
            let (pagination, presets) = list();
            text(&PresetList { pagination, presets })
        }
    }
}

pub async fn tags(app: &App, account: i64) -> Result<Value, Refusal> {
    let current = edit_collection::open(app, account).await?;
    let mut tags: Vec<String> = Collection::new(app.user.db(), &current.schema).tags().await?.into_iter().map(|tag| tag.name).collect();
    tags.sort_by(|a, b| anki::names::compare(a, b));
    Ok(json!({"tags": tags}))
}

#[derive(Serialize)]
struct DeckList<'a> {
    pagination: Value,
    decks: Vec<&'a RawValue>,
}

#[derive(Serialize)]
struct PresetList<'a> {
    pagination: Value,
    #[serde(rename = "decksConf")]
    presets: Vec<&'a RawValue>,
}

fn text(value: &impl Serialize) -> Result<String, Refusal> {
    Ok(serde_json::to_string(value).map_err(|e| StoreError::Internal(e.to_string()))?)
}
