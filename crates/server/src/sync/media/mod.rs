//! The media half of the protocol: which files changed, files up, files down. The index is the account's; uploads of collections leave it
//! alone.

mod download;
mod upload;

use super::context::Context;
use super::error::{SyncError, SyncResult};
use super::incoming::Incoming;
use super::reply;
use crate::app::App;
use anki::wire::WireError;
use anki::wire::media::{self, MediaChange};
use axum::body::Body;
use axum::http::Response;
use store::user_db::media::MediaState;

/// Bytes of a request that is a list of names or less.
const LIMIT: u64 = 1 << 20;

/// The methods, which all need a key.
#[derive(Clone, Copy)]
pub enum Method {
    Begin,
    Changes,
    Upload,
    Download,
    Sanity,
}

impl Method {
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "begin" => Self::Begin,
            "mediaChanges" => Self::Changes,
            "uploadChanges" => Self::Upload,
            "downloadFiles" => Self::Download,
            "mediaSanity" => Self::Sanity,
            _ => return None,
        })
    }

    /// How large the payload can be.
    pub fn limit(self, app: &App) -> u64 {
        match self {
            Self::Upload => app.config.limits.max_media_batch,
            _ => LIMIT,
        }
    }
}

/// Does what an authenticated media request asks for.
pub async fn handle(cx: &Context, method: Method, mut incoming: Incoming) -> SyncResult<Response<Body>> {
    let answer = match method {
        Method::Begin => begin(cx, &mut incoming).await?,
        Method::Changes => changes(cx, &incoming.payload(LIMIT).await?).await?,
        Method::Upload => upload::upload(cx, incoming).await?,
        Method::Download => return download::download(cx, &incoming.payload(LIMIT).await?).await,
        Method::Sanity => sanity(cx, &incoming.payload(LIMIT).await?).await?,
    };
    reply::bytes(cx.version, answer).await
}

async fn begin(cx: &Context, incoming: &mut Incoming) -> SyncResult<Vec<u8>> {
    let said = media::parse_begin(&incoming.payload(LIMIT).await?).map_err(bad)?;
    if said.is_none_or(|client| client.is_empty()) && incoming.envelope.client.text.is_empty() {
        return Err(SyncError::bad_request("begin without a client version"));
    }
    // The key of the session may be the host key, which saves a table.
    Ok(media::begin_answer(state(cx).await?.usn, &incoming.envelope.host_key))
}

async fn changes(cx: &Context, body: &[u8]) -> SyncResult<Vec<u8>> {
    let after = media::parse_changes(body).map_err(bad)?;
    let files = cx.app.user.media_changes(cx.account, after, media::MAX_CHANGES).await?;
    let mut changes = Vec::with_capacity(files.len());
    for file in files {
        let mut sha1 = [0; 20];
        let known = file.size > 0;
        if known {
            hex::decode_to_slice(&file.sha1, &mut sha1).map_err(|e| SyncError::internal(format!("media index: {e}")))?;
        }
        changes.push(MediaChange { name: file.name, usn: file.usn, sha1: known.then_some(sha1) });
    }
    Ok(media::changes_answer(&changes))
}

async fn sanity(cx: &Context, body: &[u8]) -> SyncResult<Vec<u8>> {
    let theirs = media::parse_sanity(body).map_err(bad)?;
    let ours = state(cx).await?.files.unsigned_abs();
    if theirs != ours {
        tracing::warn!(account = %cx.username, client = %cx.client.text, theirs, ours, "media sanity check failed: the client starts media sync afresh");
    }
    Ok(media::sanity_answer(theirs == ours))
}

async fn state(cx: &Context) -> SyncResult<MediaState> {
    let state = cx.app.user.media_state(cx.account).await?;
    state.ok_or_else(|| SyncError::unavailable("the account has no media row yet; logging in again makes it"))
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
fn bad(error: WireError) -> SyncError {
    SyncError::bad_request(error.to_string())
}
