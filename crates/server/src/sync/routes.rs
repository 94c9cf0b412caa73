//! The addresses of the protocol, and what each request goes through: envelope, key, step, answer, log.

use super::context::Context;
use super::error::{SyncError, SyncResult};
use super::incoming::Incoming;
use super::{abort, changes, chunk, download, finish, graves, login, media, meta, reply, sanity, start, upload};
use crate::app::App;
use crate::http::peer::Peer;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Method as HttpMethod, Request, Response};
use axum::response::IntoResponse;
use axum::routing::{get, post};
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
#[derive(Clone, Copy)]
enum Method {
    Meta,
    Start,
    ApplyGraves,
    ApplyChanges,
    Chunk,
    ApplyChunk,
    SanityCheck,
    Finish,
    Abort,
    Upload,
    Download,
}

impl Method {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "meta" => Self::Meta,
            "start" => Self::Start,
            "applyGraves" => Self::ApplyGraves,
            "applyChanges" => Self::ApplyChanges,
            "chunk" => Self::Chunk,
            "applyChunk" => Self::ApplyChunk,
            "sanityCheck2" => Self::SanityCheck,
            "finish" => Self::Finish,
            "abort" => Self::Abort,
            "upload" => Self::Upload,
            "download" => Self::Download,
            _ => return None,
        })
    }

    /// How large the unpacked payload can be.
    fn limit(self, app: &App) -> u64 {
        match self {
            Self::Upload => app.config.limits.max_upload,
            _ => app.config.limits.max_body,
        }
    }
}

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

async fn collection_step(app: Arc<App>, name: &str, peer: Peer, request: Request<Body>, who: &mut Who) -> SyncResult<Response<Body>> {
    let mut incoming = Incoming::open(request).await?;
    who.client.clone_from(&incoming.envelope.client.text);
    let version = incoming.envelope.version;
    if name == "hostKey" {
        let answer = login::host_key(&app, &mut incoming, peer.0, &mut who.account).await?;
        return reply::bytes(version, answer).await;
    }
    let method = Method::from_name(name).ok_or_else(|| SyncError::not_found(format!("there is no method {name:.40}")))?;
    let limit = method.limit(&app);
    // The key is looked up before the body is read, where the body is not needed to find it.
    incoming.find_key(limit, &app.before_key, peer.0).await?;
    let mut cx = Context::identify(&app, &incoming.envelope, peer).await?;
    who.account.clone_from(&cx.username);
    let _turn = app.turns.take(cx.account).await?;
    let answer = match method {
        Method::Upload => return upload::upload(&mut cx, incoming).await,
        Method::Download => {
            incoming.payload(limit).await?;
            return download::download(&cx).await;
        }
        Method::Meta => meta::meta(&cx, &incoming.payload(limit).await?).await,
        Method::Start => start::start(&cx, &incoming.payload(limit).await?).await,
        Method::ApplyGraves => graves::apply_graves(&cx, &incoming.payload(limit).await?).await,
        Method::ApplyChanges => changes::apply_changes(&cx, incoming.payload(limit).await?).await,
        Method::Chunk => {
            incoming.payload(limit).await?;
            chunk::chunk(&cx).await
        }
        Method::ApplyChunk => chunk::apply_chunk(&cx, incoming.payload(limit).await?).await,
        Method::SanityCheck => sanity::sanity_check(&cx, &incoming.payload(limit).await?).await,
        Method::Finish => {
            incoming.payload(limit).await?;
            finish::finish(&cx).await
        }
        Method::Abort => {
            incoming.payload(limit).await?;
            abort::abort(&cx).await
        }
    };
    reply::bytes(version, answer?).await
}

async fn media_step(app: Arc<App>, name: &str, peer: Peer, request: Request<Body>, who: &mut Who) -> SyncResult<Response<Body>> {
    let method = media::Method::from_name(name).ok_or_else(|| SyncError::not_found(format!("there is no media method {name:.40}")))?;
    let mut incoming = if request.method() == HttpMethod::GET {
        Incoming::from_address(request.uri().query().unwrap_or_default())
    } else {
        Incoming::open(request).await?
    };
    who.client.clone_from(&incoming.envelope.client.text);
    incoming.find_key(method.limit(&app), &app.before_key, peer.0).await?;
    let cx = Context::identify(&app, &incoming.envelope, peer).await?;
    who.account.clone_from(&cx.username);
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
