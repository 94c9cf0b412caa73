//! Tags and configuration, whose primary key is made from their name.

use super::super::{config, tags};
use super::Collection;
use crate::error::Result;
use crate::params;
use anki::model::{ConfigEntry, Tag};
use anki::names;
use futures_util::{Stream, StreamExt};

impl Collection<'_> {
    /// All tags, each with its stored key.
    pub async fn tags_with_keys(&self) -> Result<impl Stream<Item = Result<(Tag, i64)>> + Send + use<>> {
        let rows = self.rows("SELECT tag, usn, collapsed, name_key FROM {c}.tags ORDER BY name_key", vec![]).await?;
        Ok(rows.map(|row| row.and_then(|row| Ok((tags::from_row(&row)?, row.int(3)?)))))
    }

    /// The whole configuration, each entry with its stored key.
    pub async fn config_with_keys(&self) -> Result<impl Stream<Item = Result<(ConfigEntry, i64)>> + Send + use<>> {
        let rows = self.rows("SELECT name, usn, modified, json, name_key FROM {c}.config ORDER BY name_key", vec![]).await?;
        Ok(rows.map(|row| row.and_then(|row| Ok((config::from_row(&row)?, row.int(4)?)))))
    }

    /// The key that a tag should be stored under.
    pub fn key_of_tag(tag: &Tag) -> i64 {
        names::key(&tag.name)
    }

    /// The key that an entry of the configuration should be stored under.
    pub fn key_of_config(entry: &ConfigEntry) -> i64 {
        config::key_of(&entry.key)
    }

    /// Moves tags from wrong keys to the right ones. Where a tag stands under its right key already, that one stays.
    pub async fn move_tags(&self, wrong: Vec<i64>, mut tags: Vec<Tag>) -> Result<()> {
        self.execute("DELETE FROM {c}.tags WHERE name_key IN ??", params![wrong]).await?;
        tags.sort_by_key(Self::key_of_tag);
        tags.dedup_by_key(|tag| Self::key_of_tag(tag));
        self.add_tags(&tags).await.map(drop)
    }

    /// The same for the configuration.
    pub async fn move_config(&self, wrong: Vec<i64>, entries: Vec<ConfigEntry>) -> Result<()> {
        self.execute("DELETE FROM {c}.config WHERE name_key IN ??", params![wrong]).await?;
        let keys: Vec<i64> = entries.iter().map(Self::key_of_config).collect();
        let rows = self.query("SELECT name_key FROM {c}.config WHERE name_key IN ??", params![keys]).await?;
        let mut taken = rows.iter().map(|row| row.int(0)).collect::<Result<std::collections::HashSet<_>>>()?;
        self.put_config(entries.into_iter().filter(|entry| taken.insert(Self::key_of_config(entry))).collect()).await
    }
}
