//! `abort`: forgets a running sync. Nothing of it has been applied.

use super::context::Context;
use super::error::SyncResult;
use anki::wire::NULL;

/// A client aborts after a failure, with the id of its sync, and when its user presses the button, with a new id. A client that lost
/// its sync to another device aborts too; that must not end the other's.
pub async fn abort(cx: &Context) -> SyncResult<Vec<u8>> {
    if let Some(running) = cx.app.user.any_session(cx.account).await? {
        let is_this = running.session_key == cx.session_key;
        let is_this_device = running.host_key == cx.device;
        if is_this || (is_this_device && cx.app.user.ended_session(cx.account, &cx.session_key).await?.is_none()) {
            cx.app.user.drop_session(cx.account, &running.session_key).await?;
            tracing::info!(account = %cx.username, client = %cx.client.text, "sync aborted by the client");
        }
    }
    Ok(NULL.to_vec())
}
