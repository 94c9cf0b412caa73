//! The addresses of the protocol, and what each request goes through: envelope, key, step, answer, log.

use super::context::Context;
use super::error::{SyncError, SyncResult};
use super::incoming::{Envelope, Incoming};
use super::{abort, changes, chunk, download, finish, graves, login, media, meta, reply, sanity, start, upload};
use crate::app::App;
use crate::http::peer::Peer;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Method, Request, Response};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Instant;

/// `/sync/*` and `/msync/*`, with the doubled slash that a base address with a final slash makes of them.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/sync/{method}", post(collection))
        .route("//sync/{method}", post(collection))
        .route("/msync/begin", get(media_sync).post(media_sync))
        .route("/msync/{method}", post(media_sync))
        .route("//msync/begin", get(media_sync).post(media_sync))
        .route("//msync/{method}", post(media_sync))
}

/// The methods that need a key.
const METHODS: [&str; 11] =
    ["meta", "start", "applyGraves", "applyChanges", "chunk", "applyChunk", "sanityCheck2", "finish", "abort", "upload", "download"];

/// What the log says of a request.
#[derive(Default)]
struct Who {
    account: String,
    client: String,
}

async fn collection(State(app): State<Arc<App>>, Path(method): Path<String>, peer: Peer, request: Request<Body>) -> Response<Body> {
    let started = Instant::now();
    let mut who = Who::default();
    let answer = collection_step(app, &method, peer, request, &mut who).await;
    log(&method, peer, &who, started, answer)
}

async fn media_sync(State(app): State<Arc<App>>, path: Option<Path<String>>, peer: Peer, request: Request<Body>) -> Response<Body> {
    let started = Instant::now();
    let method = path.map_or_else(|| "begin".to_owned(), |Path(method)| method);
    let mut who = Who::default();
    let answer = media_step(app, &method, peer, request, &mut who).await;
    log(&format!("msync/{method}"), peer, &who, started, answer)
}

async fn collection_step(app: Arc<App>, method: &str, peer: Peer, request: Request<Body>, who: &mut Who) -> SyncResult<Response<Body>> {
    let mut incoming = Incoming::open(request).await?;
    who.client.clone_from(&incoming.envelope.client.text);
    let version = incoming.envelope.version;
    if method == "hostKey" {
        let answer = login::host_key(&app, &mut incoming, peer.0, &mut who.account).await?;
        return reply::bytes(version, answer).await;
    }
    let limits = &app.config.limits;
    let limit = if method == "upload" { limits.max_upload } else { limits.max_body };
    if !METHODS.contains(&method) {
        return Err(SyncError::not_found(format!("there is no method {method:.40}")));
    }
    // The key is looked up before the body is read, where the body is not needed to find it.
    incoming.find_key(limit, &app.strangers, peer.0).await?;
    let cx = context(&app, &incoming.envelope, peer, who).await?;
    let _turn = app.turns.take(cx.account).await?;
    if method == "upload" {
        return upload::upload(&cx, incoming).await;
    }
    let body = incoming.payload(limit).await?;
    let answer = match method {
        "meta" => meta::meta(&cx, &body).await,
        "start" => start::start(&cx, &body).await,
        "applyGraves" => graves::apply_graves(&cx, &body).await,
        "applyChanges" => changes::apply_changes(&cx, body).await,
        "chunk" => chunk::chunk(&cx).await,
        "applyChunk" => chunk::apply_chunk(&cx, body).await,
        "sanityCheck2" => sanity::sanity_check(&cx, &body).await,
        "finish" => finish::finish(&cx).await,
        "abort" => abort::abort(&cx).await,
        _ => return download::download(&cx).await,
    };
    reply::bytes(version, answer?).await
}

/// Whose request it is.
///
/// # Errors
/// 403 for an unknown key; 503 when that cannot be found out.
async fn context(app: &Arc<App>, envelope: &Envelope, peer: Peer, who: &mut Who) -> SyncResult<Context> {
    let cx = Context::identify(app, envelope, peer).await?;
    who.account.clone_from(&cx.username);
    Ok(cx)
}

impl Context {
    /// Finds out whose request it is, by its host key.
    ///
    /// # Errors
    /// 403 for an unknown key; 503 when that cannot be found out.
    pub async fn identify(app: &Arc<App>, envelope: &Envelope, peer: Peer) -> SyncResult<Self> {
        let owner = app.accounts.host_key_owner(&envelope.host_key, &envelope.client, peer.0).await;
        let owner = owner.map_err(|e| SyncError::unavailable(e.to_string()))?;
        let owner = owner.ok_or_else(|| {
            SyncError::forbidden(
                "unknown host key: the device was logged out, or the password was changed, or the account is disabled or gone",
            )
        })?;
        Ok(Self {
            app: app.clone(),
            account: owner.account,
            username: owner.username,
            quota_collection: owner.quota_collection_bytes,
            quota_media: owner.quota_media_bytes,
            device: hex::encode(Sha256::digest(&envelope.host_key)),
            session_key: envelope.session_key.clone(),
            version: envelope.version,
            client: envelope.client.clone(),
        })
    }
}

async fn media_step(app: Arc<App>, method: &str, peer: Peer, request: Request<Body>, who: &mut Who) -> SyncResult<Response<Body>> {
    if !["begin", "mediaChanges", "uploadChanges", "downloadFiles", "mediaSanity"].contains(&method) {
        return Err(SyncError::not_found(format!("there is no media method {method:.40}")));
    }
    let mut incoming = if request.method() == Method::GET {
        Incoming::from_address(request.uri().query().unwrap_or_default())
    } else {
        Incoming::open(request).await?
    };
    who.client.clone_from(&incoming.envelope.client.text);
    incoming.find_key(media::limit(&app, method), &app.strangers, peer.0).await?;
    let cx = context(&app, &incoming.envelope, peer, who).await?;
    let _turn = app.turns.take(cx.account).await?;
    media::handle(&cx, method, incoming).await
}

/// Every refusal is explained once, here; the client only gets the status.
fn log(method: &str, peer: Peer, who: &Who, started: Instant, answer: SyncResult<Response<Body>>) -> Response<Body> {
    let ms = started.elapsed().as_millis();
    let address = peer.0.map(|a| a.to_string()).unwrap_or_default();
    match answer {
        Ok(response) => {
            tracing::debug!(method, account = %who.account, client = %who.client, address, ms, status = response.status().as_u16(), "sync request");
            response
        }
        Err(e) => {
            let status = e.status.as_u16();
            if e.status.is_server_error() && status != 501 {
                tracing::error!(method, account = %who.account, client = %who.client, address, ms, status, reason = %e.reason, "sync request failed");
            } else {
                tracing::warn!(method, account = %who.account, client = %who.client, address, ms, status, reason = %e.reason, "sync request refused");
            }
            e.into_response()
        }
    }
}
