//! Refuses requests for host names that the administrator has not allowed.

use crate::app::App;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header::HOST};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// 421 for a name that is not in DJANKISERV_ALLOWED_HOSTS. Health checks come from anywhere.
pub async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|value| value.to_str().ok()).or_else(|| request.uri().host()).unwrap_or_default();
    if app.config.allowed_hosts.allow(host) || request.uri().path().starts_with("/health") {
        return next.run(request).await;
    }
    tracing::warn!(host, "refused a host name that is not in DJANKISERV_ALLOWED_HOSTS");
    (StatusCode::MISDIRECTED_REQUEST, "421: this server does not answer under that name\n").into_response()
}
