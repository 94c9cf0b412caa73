//! Keys of the collection's configuration, edited on purpose.
//!
//! Clients sync the configuration as a whole, and the side that was changed last wins. So such an edit stamps the collection with now.

use super::{Change, Edit, Problem, Result};
use crate::actions::quota::ROW;
use anki::model::ConfigEntry;

/// Sets keys, or removes them (None).
#[derive(Debug, Clone)]
pub struct SetConfig(pub Vec<(String, Option<serde_json::Value>)>);

impl Change for SetConfig {
    type Done = ();

    async fn make(&self, edit: &mut Edit) -> Result<()> {
        let mut put = Vec::new();
        let mut gone = Vec::new();
        for (key, value) in &self.0 {
            if key.is_empty() || key.len() > 1000 {
                return Err(Problem::invalid(key.as_str(), "a key has 1 to 1000 bytes").into());
            }
            // What decides whether clients can sync at all is theirs to change.
            if ["schedVer", "sched2021", "creationOffset"].contains(&key.as_str()) {
                return Err(Problem::invalid(key.as_str(), "this key is changed by clients only").into());
            }
            match value {
                Some(value) => put.push(ConfigEntry { key: key.clone(), usn: edit.usn(), mtime: edit.now_secs(), json: value.to_string() }),
                None => gone.push(key.clone()),
            }
        }
        edit.changed = true;
        edit.config_changed = true;
        if !gone.is_empty() {
            edit.stored().delete_config(&gone).await?;
        }
        if !put.is_empty() {
            let keys: Vec<String> = put.iter().map(|entry| entry.key.clone()).collect();
            let mut old = 0;
            for key in &keys {
                old += edit.stored().config_value(key).await?.map_or(0, |json| ROW + key.len() + json.len());
            }
            let new: usize = put.iter().map(|entry| ROW + entry.key.len() + entry.json.len()).sum();
            edit.adds(new.saturating_sub(old));
            edit.stored().put_config(put).await?;
        }
        Ok(())
    }
}
