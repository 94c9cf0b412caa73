//! Addresses that lead nowhere: a page for whoever mistyped one in a browser, and the bare status for all others, such as sync clients with
//! a wrong base address.

use super::error::WebError;
use super::finish;
use crate::http::not_found::not_found;
use crate::http::site::Site;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::{IntoResponse, Response};

pub async fn lost(site: Site, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let plain = not_found(&method, &uri);
    let accepts_pages =
        headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"));
    match method {
        Method::GET | Method::HEAD if accepts_pages => finish::guarded(finish::explain(&WebError::NotFound, &site, None)),
        _ => plain.into_response(),
    }
}
