//! Presets, which the add-on calls configurations of decks.

use super::args::{Args, int, wrong};
use super::context::Context;
use super::failed::{Result, internal};
use crate::actions::edit_collection::decks::UpdateDeck;
use crate::actions::edit_collection::presets::{CreatePreset, DeletePreset, UpdatePreset};
use crate::actions::edit_collection::{self, Change, DeckRef, Edit};
use anki::model::Preset;
use serde_json::{Map, Value};

/// What no caller sets.
const STAMPS: [&str; 3] = ["id", "mod", "usn"];

impl Context<'_> {
    async fn preset(&self, id: i64) -> Result<Option<Preset>> {
        let current = self.open().await?;
        Ok(self.stored(&current).presets_by_id(&[id]).await?.pop())
    }

    /// The decks of these names. None when one of them is not a deck's.
    async fn all_decks(&self, names: &[String]) -> Result<Option<Vec<i64>>> {
        let decks = self.deck_names().await?;
        Ok(names.iter().map(|name| decks.find(name)).collect())
    }
}

/// The preset of a deck, or false.
pub async fn of_deck(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let Some(decks) = cx.all_decks(&[args.text("deck")?.to_owned()]).await? else { return Ok(false.into()) };
    let current = cx.open().await?;
    let Some(deck) = cx.stored(&current).decks_by_id(&decks).await?.pop() else { return Ok(false.into()) };
    let object = |json: &str| serde_json::from_str::<Value>(json).map_err(|e| internal(&format!("stored object: {e}")));
    let deck = object(&deck.json)?;
    match deck.get("conf").and_then(int) {
        // A filtered deck has its settings in itself.
        None => Ok(deck),
        Some(id) => match cx.preset(id).await? {
            Some(preset) => object(&preset.json),
            None => Ok(false.into()),
        },
    }
}

pub async fn save(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let mut set: Map<String, Value> = args.object("config")?.clone();
    let id = set.get("id").and_then(int).ok_or_else(|| wrong("config.id", "the id of a configuration"))?;
    if cx.preset(id).await?.is_none() {
        return Ok(false.into());
    }
    set.retain(|key, _| !STAMPS.contains(&key.as_str()));
    cx.edit(&UpdatePreset { id, set, version: None }).await?;
    Ok(true.into())
}

pub async fn set(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let preset = args.int("configId")?;
    let Some(decks) = cx.all_decks(&args.texts("decks")?).await? else { return Ok(false.into()) };
    if cx.preset(preset).await?.is_none() {
        return Ok(false.into());
    }
    cx.edit(&UsePreset { decks, preset }).await?;
    Ok(true.into())
}

struct UsePreset {
    decks: Vec<i64>,
    preset: i64,
}

impl Change for UsePreset {
    type Done = ();

    async fn make(&self, edit: &mut Edit) -> edit_collection::Result<()> {
        for deck in &self.decks {
            let set = Map::from_iter([("conf".to_owned(), self.preset.into())]);
            UpdateDeck { deck: DeckRef::Id(*deck), set, version: None }.make(edit).await?;
        }
        Ok(())
    }
}

/// Answers the id of the copy, or false when there is nothing to copy.
pub async fn clone(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let of = if args.value("cloneFrom").is_null() { 1 } else { args.int("cloneFrom")? };
    if cx.preset(of).await?.is_none() {
        return Ok(false.into());
    }
    let name = args.text("name")?.to_owned();
    Ok(cx.edit(&CreatePreset { name, copy_of: Some(of), set: Map::new() }).await?.id.into())
}

/// Devices need a one-way sync after this, as on a desktop.
pub async fn remove(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let id = args.int("configId")?;
    if cx.preset(id).await?.is_none() {
        return Ok(false.into());
    }
    cx.needs_one_way_sync(args)?;
    cx.edit(&DeletePreset(id)).await?;
    Ok(true.into())
}
