//! What other programs speak: the original djankiserv's data API, its successor's layout of it, and our own.

pub mod auth;
pub mod dapi;
pub mod state;

use crate::app::App;
use axum::Router;
use std::sync::Arc;

/// All addresses below `/`; the original's are below `/djs` and stay there.
pub fn routes() -> Router<Arc<App>> {
    Router::new().merge(dapi::routes::routes())
}
