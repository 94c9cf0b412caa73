//! Where Prometheus fetches them: a listener of its own, as what it tells is for the operator only.

use super::page::{Remembered, page};
use crate::app::App;
use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Listens at `address`, which is an address or name with a port.
///
/// # Errors
/// When that is not possible.
pub async fn bind(address: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("cannot listen on {address} for metrics; set DJANKISERV_METRICS_ADDRESS to something else"))
}

/// Serves `/metrics` until it is dropped.
pub async fn serve(listener: TcpListener, app: Arc<App>) {
    let shared = Arc::new((app, Remembered::default()));
    let router = Router::new().route("/metrics", get(metrics)).with_state(shared);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "metrics are not served any more");
    }
}

async fn metrics(State(shared): State<Arc<(Arc<App>, Remembered)>>) -> impl IntoResponse {
    let (app, remembered) = &*shared;
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page(app, remembered).await)
}
