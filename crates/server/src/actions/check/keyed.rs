//! Tags and configuration: they are found by a hash of their name.

use super::collection::Work;
use super::finding::Remedy;
use futures_util::TryStreamExt;
use serde_json::value::RawValue;
use store::collection::Collection;

const WRONG_KEY: &str = "it is stored under a key that is not that of its name, and cannot be found";

impl Work<'_, '_> {
    pub(super) async fn tags(&mut self) -> anyhow::Result<()> {
        self.found.step("tags");
        let (mut wrong, mut tags) = (Vec::new(), Vec::new());
        let mut rows = Box::pin(self.stored.tags_with_keys().await?);
        while let Some((mut tag, key)) = rows.try_next().await? {
            if Collection::key_of_tag(&tag) != key {
                self.found.damage("tags", key, WRONG_KEY, Remedy::Repair);
                tag.usn = self.usn.max(0);
                wrong.push(key);
                tags.push(tag);
            }
        }
        drop(rows);
        if !wrong.is_empty() && self.found.repair {
            self.stored.move_tags(wrong, tags).await?;
            self.mended(true);
        }
        Ok(())
    }

    pub(super) async fn config(&mut self) -> anyhow::Result<()> {
        self.found.step("config");
        let (mut wrong, mut entries) = (Vec::new(), Vec::new());
        let mut rows = Box::pin(self.stored.config_with_keys().await?);
        while let Some((mut entry, key)) = rows.try_next().await? {
            if serde_json::from_str::<&RawValue>(&entry.json).is_err() {
                let next = "Change that setting on a device and sync, or let a device make a one-way upload.";
                self.found.damage("config", key, "its value is no JSON", Remedy::ByHand(next));
            }
            if Collection::key_of_config(&entry) != key {
                self.found.damage("config", key, WRONG_KEY, Remedy::Repair);
                entry.usn = self.usn.max(0);
                wrong.push(key);
                entries.push(entry);
            }
        }
        drop(rows);
        if !wrong.is_empty() && self.found.repair {
            self.stored.move_config(wrong, entries).await?;
            self.mended(true);
        }
        Ok(())
    }
}
