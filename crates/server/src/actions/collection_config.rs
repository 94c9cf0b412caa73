//! The config of a collection: what its user has set in Anki, by key.

use anki::model::ConfigEntry;
use anki::search::DayRules;
use serde_json::Value;
use std::collections::HashMap;

/// The values of a collection's config. One of another kind than expected counts as missing, as in the clients.
#[derive(Debug, Default)]
pub struct CollectionConfig(HashMap<String, Value>);

impl CollectionConfig {
    /// Reads the entries as they are stored; those whose value is no JSON are left out.
    pub fn new(entries: Vec<ConfigEntry>) -> Self {
        Self(entries.into_iter().filter_map(|entry| Some((entry.key, serde_json::from_str(&entry.json).ok()?))).collect())
    }

    /// The whole number under `key`.
    pub fn int(&self, key: &str) -> Option<i64> {
        self.0.get(key)?.as_i64()
    }

    /// The truth value under `key`.
    pub fn bool(&self, key: &str) -> Option<bool> {
        self.0.get(key)?.as_bool()
    }

    /// What says when a day begins, for a collection that was `created` at this second.
    pub fn day_rules(&self, created: i64) -> DayRules {
        DayRules {
            created,
            rollover: self.int("rollover"),
            creation_offset: self.int("creationOffset"),
            local_offset: self.int("localOffset"),
            scheduler: self.int("schedVer").unwrap_or(1),
        }
    }
}
