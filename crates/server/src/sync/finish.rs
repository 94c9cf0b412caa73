//! `finish`: everything that was staged is applied in one transaction, or nothing is.

use super::apply;
use super::context::Context;
use super::error::{SyncError, SyncResult};
use super::sanity;
use anki::wire::finish::finish_answer;
use store::repeat::repeat;
use store::user_db::Locked;
use store::user_db::sessions::Verdict;

pub async fn finish(cx: &Context) -> SyncResult<Vec<u8>> {
    repeat("finish", || commit(cx)).await.map(finish_answer)
}

async fn commit(cx: &Context) -> SyncResult<i64> {
    let (locked, session) = cx.app.user.lock_with_session(cx.account, &cx.session_key).await?;
    let Some(session) = session else {
        locked.tx.rollback().await?;
        // The answer of the first `finish` may have been lost on its way.
        return match cx.app.user.ended_session(cx.account, &cx.session_key).await? {
            Some(modified) if modified > 0 => Ok(modified),
            _ => Err(cx.not_running().await),
        };
    };
    let mut current = locked.current()?.clone();
    if !sanity::is_base(&session, &current) {
        return give_up(locked, SyncError::conflict("the collection was changed from elsewhere during this sync")).await;
    }
    if session.verdict == Verdict::Stale {
        return give_up(locked, SyncError::conflict("more was sent after the sanity check")).await;
    }
    let now_ms = cx.now_ms();
    let modified = current.stamps.modified_at(now_ms);
    current.counts = apply::all(cx, &locked, &session, &mut current, now_ms).await?;
    if session.verdict == Verdict::Ok {
        let agreed: Vec<i64> = serde_json::from_str(&session.expected_counts).unwrap_or_default();
        if agreed != sanity::as_list(current.counts) {
            tracing::error!(account = %cx.username, ?agreed, applied = ?current.counts, "a sync would not have given the counts that were agreed on");
            return give_up(locked, SyncError::internal("the applied changes do not give the counts of the sanity check")).await;
        }
    }
    current.stamps.usn += 1;
    current.stamps.modified = modified;
    current.stamps.last_sync = modified;
    locked.finish_session(&session, &current, now_ms).await?;
    tracing::info!(
        account = %cx.username, client = %cx.client.text, usn = current.stamps.usn, pieces = session.pieces, bytes = session.staged_bytes,
        ms = now_ms - session.started, "sync finished"
    );
    Ok(modified)
}

/// Undoes what was applied. What was staged stays until the client aborts, asks for another verdict, or begins anew.
async fn give_up(locked: Locked, error: SyncError) -> SyncResult<i64> {
    locked.tx.rollback().await?;
    Err(error)
}
