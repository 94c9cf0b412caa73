use super::Applying;
use crate::sync::error::SyncError;
use crate::sync::error::SyncResult;
use anki::merge::{self, Claimed, NameTable, Shape};
use anki::model::{ConfigEntry, Deck, Notetype, Preset, Tag};
use anki::names;
use anki::schema11::{Restamp, Restampable, SchemaError, resolve_inner_names, restamp};
use anki::wire::changes::Changes;
use std::collections::HashMap;
use store::collection::ObjectRow;
use store::user_db::Current;

impl Applying<'_> {
    /// Stores the objects that win over ours, in Anki's order: notetypes, decks, presets, tags, creation stamp, config.
    pub(super) async fn changes(&mut self, changes: Changes, current: &mut Current) -> SyncResult<()> {
        if !changes.notetypes.is_empty() {
            self.notetypes(changes.notetypes).await?;
        }
        if !changes.decks.is_empty() {
            self.decks(changes.decks).await?;
        }
        if !changes.presets.is_empty() {
            self.presets(changes.presets).await?;
        }
        if !changes.tags.is_empty() {
            self.tags(&changes.tags).await?;
        }
        if let Some(created) = changes.created {
            current.stamps.created = created;
        }
        if let Some(config) = changes.config {
            self.config(config, current).await?;
        }
        Ok(())
    }

    async fn notetypes(&mut self, incoming: Vec<Notetype>) -> SyncResult<()> {
        let ids: Vec<i64> = incoming.iter().map(|n| n.id).collect();
        let stored = self.stored.notetype_layouts(&ids).await?;
        let layouts = stored.iter().map(|(id, (modified, fields, templates))| {
            let shape = Shape { fields: *fields, templates: *templates };
            (*id, (*modified, shape))
        });
        let mut decide = merge::Notetypes::new(layouts.collect());
        let mut names = name_table(&self.stored.notetype_rows().await?);
        let mut winners = HashMap::new();
        for mut notetype in incoming {
            let shape = Shape { fields: notetype.field_count, templates: notetype.template_count };
            // Checked when it was staged, against the same stored state.
            if decide.take(notetype.id, notetype.mtime, shape).map_err(|e| SyncError::bad_request(e.to_string()))? {
                let claimed = names.claim(notetype.id, &notetype.name);
                self.stamp(&mut notetype, Some(&claimed))?;
                self.resolve_inner_names(&mut notetype)?;
                decide.restamp(notetype.id, notetype.mtime);
                winners.insert(notetype.id, notetype);
            }
        }
        self.counts.notetypes += winners.keys().filter(|id| !stored.contains_key(id)).count() as i64;
        winners.values().for_each(|notetype| self.shapes.put(notetype));
        self.stored.put_notetypes(winners.into_values().collect()).await?;
        Ok(())
    }

    async fn decks(&mut self, incoming: Vec<Deck>) -> SyncResult<()> {
        let rows = self.stored.deck_rows().await?;
        let mut names = name_table(&rows);
        let stored: HashMap<i64, i64> = rows.iter().map(|row| (row.id, row.modified)).collect();
        let mut decide = merge::Objects::new(stored.clone());
        let mut winners = HashMap::new();
        for mut deck in incoming {
            if decide.take(deck.id, deck.mtime) {
                let claimed = names.claim(deck.id, &deck.name);
                self.stamp(&mut deck, Some(&claimed))?;
                decide.restamp(deck.id, deck.mtime);
                winners.insert(deck.id, deck);
            }
        }
        self.counts.decks += winners.keys().filter(|id| !stored.contains_key(id)).count() as i64;
        self.stored.put_decks(winners.into_values().collect()).await?;
        Ok(())
    }

    async fn presets(&mut self, incoming: Vec<Preset>) -> SyncResult<()> {
        let rows = self.stored.preset_rows().await?;
        let stored: HashMap<i64, i64> = rows.iter().map(|row| (row.id, row.modified)).collect();
        let mut decide = merge::Objects::new(stored.clone());
        let mut winners = HashMap::new();
        for mut preset in incoming {
            if decide.take(preset.id, preset.mtime) {
                self.stamp(&mut preset, None)?;
                winners.insert(preset.id, preset);
            }
        }
        self.counts.presets += winners.keys().filter(|id| !stored.contains_key(id)).count() as i64;
        self.stored.put_presets(winners.into_values().collect()).await?;
        Ok(())
    }

    /// Stamps an object with our usn, and gives it a free name where names must be unique: one that has to be renamed counts as changed
    /// now, so that the other devices take its new name over.
    fn stamp(&self, object: &mut impl Restampable, claimed: Option<&Claimed>) -> SyncResult<()> {
        let mut change = Restamp { usn: Some(self.usn), ..Restamp::default() };
        if let Some(claimed) = claimed.filter(|claimed| claimed.renamed) {
            change.name = Some(&claimed.name);
            change.mtime = Some(self.now_ms.div_euclid(1000));
        }
        restamp(object, &change).map_err(|e| SyncError::internal(format!("staged object: {e}")))?;
        Ok(())
    }

    /// Old clients hold fields that differ only in case. No client of today could store them, and so none could sync any more.
    fn resolve_inner_names(&self, notetype: &mut Notetype) -> SyncResult<()> {
        let staged = |e: SchemaError| SyncError::internal(format!("staged object: {e}"));
        if resolve_inner_names(notetype).map_err(staged)? {
            let change = Restamp { mtime: Some(self.now_ms.div_euclid(1000)), ..Restamp::default() };
            restamp(notetype, &change).map_err(staged)?;
        }
        Ok(())
    }

    async fn tags(&mut self, incoming: &[String]) -> SyncResult<()> {
        let mut spelling: HashMap<String, String> = HashMap::new();
        for tag in self.stored.tags().await? {
            spelling.insert(names::fold(&tag.name), tag.name);
        }
        let mut added = Vec::new();
        for tag in incoming {
            let (name, is_new) = names::canonical_tag(tag, |name| spelling.get(&names::fold(name)).cloned());
            if is_new {
                spelling.insert(names::fold(&name), name.clone());
                added.push(Tag { name, usn: self.usn, collapsed: true });
            }
        }
        if !added.is_empty() {
            self.stored.add_tags(&added).await?;
        }
        Ok(())
    }

    /// The incoming config replaces ours as a whole. Only what differs is written.
    async fn config(&mut self, incoming: Vec<(String, String)>, current: &mut Current) -> SyncResult<()> {
        let mut ours: HashMap<String, String> = self.stored.config().await?.into_iter().map(|entry| (entry.key, entry.json)).collect();
        let value = |key: &str| incoming.iter().find(|(k, _)| k == key).map(|(_, json)| json.as_str());
        current.scheduler_version = value("schedVer").and_then(|json| json.trim().parse().ok()).unwrap_or(1);
        current.creation_offset = value("creationOffset").is_some_and(|json| json.trim() != "null");
        let mut changed = Vec::new();
        for (key, json) in incoming {
            if ours.remove(&key).as_ref() != Some(&json) {
                changed.push(ConfigEntry { key, usn: self.usn, mtime: self.now_ms.div_euclid(1000), json });
            }
        }
        if !ours.is_empty() {
            self.stored.delete_config(&ours.into_keys().collect::<Vec<_>>()).await?;
        }
        if !changed.is_empty() {
            self.stored.put_config(changed).await?;
        }
        Ok(())
    }
}

fn name_table(rows: &[ObjectRow]) -> NameTable {
    NameTable::with_keys(rows.iter().map(|row| (row.id, row.name_key)))
}
