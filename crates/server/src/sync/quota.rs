//! The quotas of an account. A collection is measured as it lies in the database, so that what administrators see is what counts.

use super::context::Context;
use super::error::{SyncError, SyncResult};

/// Refuses rows that a sync adds when the collection has no room for them. What makes it smaller, and its settings, always get through.
///
/// # Errors
/// 413.
pub async fn check_rows(cx: &Context, schema: &str, added: u64) -> SyncResult<()> {
    let Some(quota) = cx.quota_collection else { return Ok(()) };
    let size = cx.app.user.schema_size(schema).await?;
    if exceeds(size, added, quota) { Err(SyncError::too_large(collection_is_full(quota))) } else { Ok(()) }
}

/// Refuses media for which there is no room.
///
/// # Errors
/// 413.
pub async fn check_media(cx: &Context, added: i64) -> SyncResult<()> {
    let Some(quota) = cx.quota_media.filter(|_| added > 0) else { return Ok(()) };
    let state = cx.app.user.media_state(cx.account).await?.unwrap_or_default();
    if exceeds(state.bytes, added.unsigned_abs(), quota) {
        return Err(SyncError::too_large(format!("the media of this account may take {} MB at most", quota / 1_000_000)));
    }
    Ok(())
}

/// Whether there is too little room.
pub fn exceeds(used: i64, added: u64, quota: i64) -> bool {
    used.unsigned_abs().saturating_add(added) > quota.unsigned_abs()
}

/// For the user.
pub fn collection_is_full(quota: i64) -> String {
    format!("Your collection may take {} MB on this server at most. Ask its administrator for more.", quota / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas() {
        for (used, added, quota, want) in [(0, 0, 0, false), (5, 5, 10, false), (5, 6, 10, true), (i64::MAX, u64::MAX, i64::MAX, true)] {
            assert_eq!(exceeds(used, added, quota), want, "{used} {added} {quota}");
        }
    }
}
