//! `applyGraves`: deletions of the client, staged.

use super::context::Context;
use super::error::{SyncError, SyncResult};
use super::staging;
use anki::wire::NULL;
use anki::wire::graves::Graves;
use store::user_db::sessions::Session;
use store::user_db::staging::PieceKind;

pub async fn apply_graves(cx: &Context, body: &[u8]) -> SyncResult<Vec<u8>> {
    let running = cx.running().await?;
    let graves = Graves::parse_apply(body).map_err(|e| SyncError::bad_request(e.to_string()))?;
    stage(cx, running.session, &graves).await?;
    Ok(NULL.to_vec())
}

pub(super) async fn stage(cx: &Context, mut session: Session, graves: &Graves) -> SyncResult<()> {
    session.staged_graves = true;
    let mut piece = b"{\"chunk\":".to_vec();
    piece.extend(graves.to_json());
    piece.push(b'}');
    staging::stage(cx, &session, PieceKind::Graves, vec![piece]).await
}

/// What the client has deleted in this sync so far: it need not be sent back to it.
///
/// # Errors
/// 409 when the sync is no longer the running one.
pub(super) async fn staged(cx: &Context, session: &Session) -> SyncResult<Graves> {
    let mut all = Graves::default();
    if session.staged_graves {
        let Some(pieces) = cx.app.user.staged_graves(session).await? else {
            return Err(cx.not_running().await);
        };
        for piece in pieces {
            for (kind, id) in Graves::parse_apply(&piece).map_err(|e| SyncError::internal(e.to_string()))?.iter() {
                all.push(kind, id);
            }
        }
    }
    Ok(all)
}
