//! Paths that lead nowhere. Wrong sync addresses are frequent, so the log says what was probably meant.

use axum::http::{Method, StatusCode, Uri};

/// 404, with a hint in the log when it looks like a sync client with a wrong base address.
pub fn not_found(method: &Method, uri: &Uri) -> (StatusCode, &'static str) {
    let path = uri.path();
    let hint = if path.contains("/sync/sync/") || path.contains("/sync/msync/") || path.contains("/msync/msync/") {
        Some("the address in the client has a /sync/ too many: clients from 2.1.57 on want the base address")
    } else if path.contains("sync") {
        Some("older clients want an address that ends with /sync/ and one that ends with /msync/, with the final slash")
    } else {
        None
    };
    match hint {
        Some(hint) => tracing::warn!(%method, path, hint, "no such path"),
        None => tracing::debug!(%method, path, "no such path"),
    }
    (StatusCode::NOT_FOUND, "404")
}
