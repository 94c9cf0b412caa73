//! Adds what a client sends to the sync's staging.

use super::context::Context;
use super::error::{SyncError, SyncResult};
use store::user_db::sessions::Session;
use store::user_db::staging::{Piece, PieceKind};

/// The size that pieces are cut to where they can be cut, in bytes.
pub const PIECE: usize = 1 << 20;

/// Appends pieces to the staging of `session`, which carries the flags as they shall be afterwards.
///
/// # Errors
/// 413 when the sync becomes larger than the limit, 409 when it is no longer the running one.
pub async fn stage(cx: &Context, session: &Session, kind: PieceKind, pieces: Vec<impl Into<Piece>>) -> SyncResult<()> {
    let pieces: Vec<Piece> = pieces.into_iter().map(Into::into).collect();
    let added: usize = pieces.iter().map(|piece| piece.body.len()).sum();
    let limit = cx.app.config.limits.max_staged;
    if session.staged_bytes.unsigned_abs() + added as u64 > limit {
        return Err(SyncError::too_large(format!(
            "this sync sends more than {} MiB; a one-way upload can be larger, and the operator can raise DJANKISERV_STAGED_MB",
            limit >> 20
        )));
    }
    if cx.app.user.stage(session, kind, pieces, cx.now_ms()).await? { Ok(()) } else { Err(cx.not_running().await) }
}
