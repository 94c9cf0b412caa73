//! The files that pages load, embedded in the program. Their address changes with their content, so browsers may keep them for ever.

use super::error::WebError;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

const ASSETS: &[Asset] = &[
    Asset { name: "style.css", kind: "text/css; charset=utf-8", content: include_str!("static/style.css") },
    Asset { name: "pages.js", kind: "text/javascript; charset=utf-8", content: include_str!("static/pages.js") },
    Asset { name: "icon.svg", kind: "image/svg+xml", content: include_str!("static/icon.svg") },
];

/// The path of a file, with the beginning of its content's hash.
pub fn address(name: &str) -> String {
    let content = ASSETS.iter().find(|asset| asset.name == name).map_or("", |asset| asset.content);
    let hash = hex::encode(Sha256::digest(content));
    format!("/static/{name}?{}", hash.get(..12).unwrap_or_default())
}

/// GET `/static/<name>`.
pub async fn send(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => {
            let headers = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
            (headers, asset.content).into_response()
        }
        None => WebError::NotFound.into_response(),
    }
}
