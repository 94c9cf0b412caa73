//! Addresses that lead nowhere: a page for whoever mistyped one in a browser, and the bare status for all others, such as sync clients with
//! a wrong base address.

use super::error::WebError;
use super::finish;
use crate::app::App;
use crate::http::not_found::not_found;
use axum::extract::{Request, State};
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

pub async fn lost(State(app): State<Arc<App>>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let plain = not_found(&parts.method, &parts.uri);
    let accepts_pages =
        parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"));
    match parts.method {
        Method::GET | Method::HEAD if accepts_pages => finish::guarded(finish::refuse(&WebError::NotFound, &mut parts, &app).await),
        _ => plain.into_response(),
    }
}
