//! What other programs speak: the original djankiserv's data API, its successor's layout of it, AnkiConnect's, and our own.

pub mod ankiconnect;
pub mod auth;
pub mod bodies;
mod cors;
pub mod dapi;
mod private;
pub mod state;
pub mod v2;

use crate::app::App;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use std::sync::Arc;

/// All addresses below `/`; the original's are below `/djs` and stay there.
pub fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let routes = Router::new().merge(dapi::routes::routes()).merge(v2::routes());
    routes.layer(from_fn(private::mark)).layer(from_fn_with_state(app.clone(), cors::allow))
}

/// The original's addresses, to be mounted below `/djs` too.
pub fn original() -> Router<Arc<App>> {
    dapi::routes::original().layer(from_fn(private::mark))
}
