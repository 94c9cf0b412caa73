//! `/health/probe`: what arrives here of a request, so that `djankiserv doctor` can tell what a proxy does to it.

use super::peer::Peer;
use crate::app::App;
use anki::wire::header;
use axum::Json;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::TRANSFER_ENCODING;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Anybody may ask, so not many at a time, not for long, and not for ever more bytes. They are thrown away as they come.
static AT_A_TIME: Semaphore = Semaphore::const_new(4);
const PATIENCE: Duration = Duration::from_secs(120);
const MOST_BYTES: u64 = 1 << 30;

/// Tells who asks what arrived of the request, and nothing that they do not know.
pub async fn probe(State(app): State<Arc<App>>, peer: Peer, request: Request) -> Response {
    let Ok(_turn) = AT_A_TIME.try_acquire() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "503: too many probes at the same time\n").into_response();
    };
    let (head, body) = request.into_parts();
    let Ok(Ok(bytes)) = tokio::time::timeout(PATIENCE, size_of(body)).await else {
        return (StatusCode::REQUEST_TIMEOUT, "408: the body did not come to its end in time\n").into_response();
    };
    let direct = head.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let is_trusted = direct.is_some_and(|peer| app.config.trusted_proxies.contain(peer));
    let has = |name: &str| head.headers.contains_key(name);
    let answer = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "bytes": bytes,
        "chunked": head.headers.contains_key(TRANSFER_ENCODING),
        "anki_sync": head.headers.get(header::NAME).and_then(|value| value.to_str().ok()),
        "forwarded": has("x-forwarded-for"),
        "forwarded_proto": head.headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok()),
        "trusted": is_trusted,
        "address": peer.0.map(|address| address.to_string()),
    });
    let mut headers = HeaderMap::new();
    headers.insert("anki-original-size", bytes.into());
    (headers, Json(answer)).into_response()
}

async fn size_of(body: Body) -> Result<u64, axum::Error> {
    let mut body = body.into_data_stream();
    let mut bytes = 0;
    while let Some(block) = body.next().await {
        bytes += block?.len() as u64;
        if bytes > MOST_BYTES {
            return Err(axum::Error::new("too much"));
        }
    }
    Ok(bytes)
}
