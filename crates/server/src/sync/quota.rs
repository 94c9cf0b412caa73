//! What the quotas of an account mean for a sync. The rule is in [`crate::actions::quota`].

use super::context::Context;
use super::error::{SyncError, SyncResult};
use crate::actions::quota::{Full, exceeds};

/// Refuses rows that a sync adds when the collection has no room for them. What makes it smaller, and its settings, always get through.
///
/// # Errors
/// 413.
pub async fn check_rows(cx: &Context, schema: &str, added: u64) -> SyncResult<()> {
    let Some(quota) = cx.quota_collection else { return Ok(()) };
    let size = cx.app.user.schema_size(schema).await?;
    if exceeds(size, added, quota) { Err(SyncError::too_large(Full::Collection(quota).for_user())) } else { Ok(()) }
}

/// Refuses media for which there is no room.
///
/// # Errors
/// 413.
pub async fn check_media(cx: &Context, added: i64) -> SyncResult<()> {
    let Some(quota) = cx.quota_media.filter(|_| added > 0) else { return Ok(()) };
    let state = cx.app.user.media_state(cx.account).await?.unwrap_or_default();
    if exceeds(state.bytes, added.unsigned_abs(), quota) {
        return Err(SyncError::too_large(Full::Media(quota).to_string()));
    }
    Ok(())
}
