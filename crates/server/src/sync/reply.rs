//! Answers in the framing of the request.

use super::error::{SyncError, SyncResult};
use anki::wire::version::SyncVersion;
use axum::body::Body;
use axum::http::{HeaderValue, Response, header::CONTENT_TYPE};

/// Clients of protocol 11 refuse an answer without it. It holds the size after decompression.
const ORIGINAL_SIZE: &str = "anki-original-size";
/// From here on compressing takes so long that it must not hold up other requests of the same thread.
const INLINE_LIMIT: usize = 64 << 10;
/// Small answers gain nothing from more; large ones are worth the usual level.
const SMALL_LEVEL: i32 = 1;
const LARGE_LEVEL: i32 = 3;

/// An answer that is in memory.
pub async fn bytes(version: SyncVersion, body: Vec<u8>) -> SyncResult<Response<Body>> {
    if !version.is_zstd() {
        return Ok(plain(Body::from(body)));
    }
    let size = body.len() as u64;
    let compressed = if body.len() <= INLINE_LIMIT {
        zstd::bulk::compress(&body, SMALL_LEVEL)
    } else {
        tokio::task::spawn_blocking(move || zstd::bulk::compress(&body, LARGE_LEVEL)).await?
    };
    let compressed = compressed.map_err(|e| SyncError::internal(format!("compressing an answer: {e}")))?;
    Ok(compressed_body(Body::from(compressed), size))
}

/// An answer that is one zstd frame already, of `size` bytes before compression.
pub fn compressed_body(body: Body, size: u64) -> Response<Body> {
    let mut response = plain(body);
    response.headers_mut().insert(ORIGINAL_SIZE, HeaderValue::from(size));
    response
}

/// An answer as it is, for clients before protocol 11.
pub fn plain(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    response
}
