//! `start`: begins a normal sync, in place of whichever ran before, and answers with our graves.

use super::context::Context;
use super::error::{SyncError, SyncResult};
use super::graves;
use anki::model::Grave;
use anki::wire::graves::Graves;
use anki::wire::start::StartRequest;
use store::collection::Collection;
use store::repeat::repeat;
use store::user_db::sessions::{Session, Verdict};
use store::user_db::{Current, Locked};

pub async fn start(cx: &Context, body: &[u8]) -> SyncResult<Vec<u8>> {
    let request = StartRequest::parse(body).map_err(|e| SyncError::bad_request(e.to_string()))?;
    if cx.session_key.is_empty() {
        return Err(SyncError::bad_request("start without a session id"));
    }
    let now = cx.now_ms();
    if cx.app.user.is_loading(cx.account, now).await? {
        return Err(SyncError::conflict("an upload of this collection is running"));
    }
    let (session, stored) = repeat("start", || begin(cx, &request, now)).await?;
    // Old AnkiDroid and AnkiMobile send their deletions here.
    if !request.graves.is_empty() {
        graves::stage(cx, session, &request.graves).await?;
    }
    let mut ours = Graves::default();
    for grave in stored {
        ours.push(grave.kind, grave.id);
    }
    Ok(ours.to_json())
}

/// Makes this sync the running one. Answers its row, and the graves that the client does not know.
async fn begin(cx: &Context, request: &StartRequest, now: i64) -> SyncResult<(Session, Vec<Grave>)> {
    let is_importing = |locked: &Locked| locked.state.current.as_ref().is_some_and(|current| !current.has_all_rows());
    let mut locked = cx.app.user.lock(cx.account).await?;
    if is_importing(&locked) {
        // The lock must not be held while waiting.
        locked.tx.rollback().await?;
        cx.wait_for_import().await?;
        locked = cx.app.user.lock(cx.account).await?;
        if is_importing(&locked) {
            locked.tx.rollback().await?;
            return Err(SyncError::unavailable("another upload is large and still being loaded"));
        }
    }
    let Some(current) = locked.state.current.clone() else {
        return Err(SyncError::conflict("the account has no collection; it must have been reset after meta"));
    };
    if request.min_usn > current.stamps.usn {
        return Err(client_is_ahead(cx, locked, current, request.min_usn).await?);
    }
    let stored = Collection::within(&locked.tx, &current.schema).graves_since(request.min_usn).await?;
    let session = Session {
        account: cx.account,
        session_key: cx.session_key.clone(),
        host_key: cx.device.clone(),
        client: cx.client.text.clone(),
        generation: current.number,
        base_modified: current.stamps.modified,
        base_usn: current.stamps.usn,
        client_usn: request.min_usn,
        client_is_newer: request.client_is_newer,
        started: now,
        last_seen: now,
        pieces: 0,
        staged_bytes: 0,
        staged_graves: false,
        notetype_shapes: String::new(),
        send_position: String::new(),
        verdict: Verdict::None,
        expected_counts: String::new(),
    };
    locked.start_session(&session).await?;
    Ok((session, stored))
}

/// A client that has synced further than we have: the collection was replaced between its `meta` and now, or restored from a backup
/// without a new schema stamp. The first is over with the next sync; if it comes again, only a one-way sync helps, so we ask for one.
async fn client_is_ahead(cx: &Context, locked: Locked, mut current: Current, client_usn: i32) -> SyncResult<SyncError> {
    let usn = current.stamps.usn;
    if locked.state.ahead_schema_modified == current.stamps.schema_modified {
        let stamp = cx.now_ms().max(current.stamps.modified + 1);
        current.stamps.modified = stamp;
        current.stamps.schema_modified = stamp;
        locked.put_current(&current).await?;
        locked.tx.commit().await?;
        return Ok(SyncError::conflict(format!("the client is at usn {client_usn}, we are at {usn}, again: a one-way sync is needed now")));
    }
    locked.put_ahead(current.stamps.schema_modified).await?;
    locked.tx.commit().await?;
    Ok(SyncError::conflict(format!("the client is at usn {client_usn}, we are at {usn}: it has to ask for meta again")))
}
