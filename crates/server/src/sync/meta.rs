//! `meta`: what a client decides by whether and how to sync. Reads committed state only and disturbs nobody.

use super::context::Context;
use super::error::{SyncError, SyncResult};
use anki::wire::meta::{MetaAnswer, MetaRequest};
use anki::wire::version::SyncVersion;
use store::user_db::CollectionState;

pub async fn meta(cx: &Context, body: &[u8]) -> SyncResult<Vec<u8>> {
    let request = MetaRequest::parse(body).map_err(|e| SyncError::bad_request(e.to_string()))?;
    let version = request.version.map_err(|e| SyncError::client_too_old(e.to_string()))?;
    let state = cx.app.user.state(cx.account).await?;
    let state = state.ok_or_else(|| SyncError::unavailable("the account has no collection row yet; logging in again makes it"))?;
    let message = refusal(version, &state).unwrap_or_default();
    let answer = MetaAnswer {
        stamps: state.stamps(),
        now: cx.now_ms().div_euclid(1000),
        message,
        may_continue: message.is_empty(),
        // The first device may upload what it has without being asked: it is merged with what was made here, so nothing is lost.
        is_empty: state.awaits_first_device || state.current.as_ref().is_none_or(|current| current.counts.cards == 0),
        media_usn: state.media_usn,
        username: &cx.username,
    };
    Ok(answer.to_json())
}

/// What to tell a client that would misread this collection.
fn refusal(version: SyncVersion, state: &CollectionState) -> Option<&'static str> {
    let current = state.current.as_ref()?;
    if current.scheduler_version >= 2 && !version.knows_v2_scheduler() {
        return Some("Your collection uses a newer scheduler than this program knows. Please update Anki on this device.");
    }
    if current.creation_offset && !version.knows_v2_timezone() {
        return Some("Your collection uses a newer time zone handling than this program knows. Please update Anki on this device.");
    }
    None
}
