use std::{fmt, sync::Arc};

/// What a file may cost its reader.
#[derive(Clone)]
pub struct Limits {
    /// Size of the file in bytes.
    pub max_bytes: u64,
    /// Size of the longest text or blob in bytes.
    pub max_value_bytes: u32,
    /// Asked now and then while SQLite works; `true` ends the reading with [`super::FileError::Stopped`].
    pub stop: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 4 << 30, max_value_bytes: 256 << 20, stop: None }
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").field("max_bytes", &self.max_bytes).field("max_value_bytes", &self.max_value_bytes).finish_non_exhaustive()
    }
}
