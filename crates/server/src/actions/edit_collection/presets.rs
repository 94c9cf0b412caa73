//! Presets: the options that decks share.

use super::decks::{check_version, object};
use super::{Change, Edit, Problem, Result};
use crate::actions::quota::ROW;
use anki::file::Edited;
use anki::model::Preset;
use anki::schema11::{self, Restamp, restamp, stock};
use serde_json::{Map, Value};
use store::collection::FreeId;

/// Makes a preset: a copy of another, or of what a fresh collection has.
#[derive(Debug, Clone)]
pub struct CreatePreset {
    pub name: String,
    pub copy_of: Option<i64>,
    /// As in [`UpdatePreset`].
    pub set: Map<String, Value>,
}

/// Changes keys of a preset's schema-11 object. Objects inside are merged key by key.
#[derive(Debug, Clone)]
pub struct UpdatePreset {
    pub id: i64,
    pub set: Map<String, Value>,
    pub version: Option<String>,
}

/// Deletes a preset. Its decks get the default one. Devices need a one-way sync after this.
#[derive(Debug, Clone)]
pub struct DeletePreset(pub i64);

impl Change for CreatePreset {
    type Done = Preset;

    async fn make(&self, edit: &mut Edit) -> Result<Preset> {
        let name = checked_name(&self.name)?;
        let base = match self.copy_of {
            Some(id) => stored(id, edit).await?,
            None => stock::default_preset(),
        };
        let mut preset = changed(&base, &self.set)?;
        let id = edit.stored().free_id(FreeId::Presets, edit.now_ms()).await?;
        restamp(&mut preset, &Restamp { id: Some(id), name: Some(name), mtime: Some(edit.now_secs()), usn: Some(edit.usn()) })?;
        edit.changed = true;
        edit.current.counts.presets += 1;
        edit.adds(ROW + preset.json.len());
        edit.stored().put_presets(vec![preset.clone()]).await?;
        Ok(preset)
    }
}

impl Change for UpdatePreset {
    type Done = Preset;

    async fn make(&self, edit: &mut Edit) -> Result<Preset> {
        let base = stored(self.id, edit).await?;
        check_version("preset", self.id, &base.json, self.version.as_ref())?;
        if let Some(name) = self.set.get("name") {
            checked_name(name.as_str().unwrap_or_default())?;
        }
        let mut preset = changed(&base, &self.set)?;
        let mtime = Some(edit.stamp_after(base.mtime));
        restamp(&mut preset, &Restamp { id: Some(self.id), mtime, usn: Some(edit.usn()), name: None })?;
        edit.changed = true;
        edit.adds(preset.json.len().saturating_sub(base.json.len()));
        edit.stored().put_presets(vec![preset.clone()]).await?;
        Ok(preset)
    }
}

impl Change for DeletePreset {
    type Done = ();

    async fn make(&self, edit: &mut Edit) -> Result<()> {
        if self.0 == stock::DEFAULT_ID {
            return Err(Problem::invalid("id", "the default preset cannot be deleted").into());
        }
        stored(self.0, edit).await?;
        let mut decks = Vec::new();
        for mut deck in edit.stored().decks().await? {
            let mut json = object(&deck.json)?;
            if json.get("conf").and_then(Value::as_i64) == Some(self.0) {
                json.insert("conf".into(), stock::DEFAULT_ID.into());
                deck.json = Value::from(json).to_string();
                let mtime = Some(edit.stamp_after(deck.mtime));
                restamp(&mut deck, &Restamp { mtime, usn: Some(edit.usn()), ..Restamp::default() })?;
                decks.push(deck);
            }
        }
        edit.changed = true;
        edit.needs_one_way = true;
        edit.stored().put_decks(decks).await?;
        edit.current.counts.presets -= edit.stored().delete_presets(&[self.0]).await?.cast_signed();
        Ok(())
    }
}

async fn stored(id: i64, edit: &Edit) -> Result<Preset> {
    let found = edit.stored().presets_by_id(&[id]).await?.into_iter().next();
    Ok(found.ok_or_else(|| Problem::not_found("preset", id))?)
}

fn checked_name(name: &str) -> Result<&str, Problem> {
    let name = name.trim();
    if name.is_empty() || name.len() > 1000 {
        Err(Problem::invalid("name", "a preset needs a name of at most 1000 bytes"))
    } else {
        Ok(name)
    }
}

fn changed(base: &Preset, set: &Map<String, Value>) -> Result<Preset> {
    if let Some(key) = set.keys().find(|key| ["id", "mod", "usn"].contains(&key.as_str())) {
        return Err(Problem::invalid(key.as_str(), "this is not an option").into());
    }
    let mut json = object(&base.json)?;
    for (key, value) in set {
        match (json.get_mut(key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => old.extend(new.clone()),
            (_, value) => drop(json.insert(key.clone(), value.clone())),
        }
    }
    let mut preset = schema11::preset(json).map_err(|e| Problem::invalid("preset", e.to_string()))?;
    preset.keep_extra_of(base)?;
    Ok(preset)
}
