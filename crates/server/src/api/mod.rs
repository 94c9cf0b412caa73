//! What other programs speak: the original djankiserv's data API, its successor's layout of it, AnkiConnect's, and our own.

pub mod ankiconnect;
pub mod auth;
mod cors;
pub mod dapi;
pub mod state;
pub mod v2;

use crate::app::App;
use axum::Router;
use std::sync::Arc;

/// All addresses below `/`; the original's are below `/djs` and stay there.
pub fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new().merge(dapi::routes::routes()).merge(v2::routes()).layer(axum::middleware::from_fn_with_state(app.clone(), cors::allow))
}
