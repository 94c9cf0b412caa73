//! The addresses of the pages.

use super::{account, assets, confirm, error, finish, home, login};
use crate::app::App;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};
use std::sync::Arc;

/// All pages, with the headers that they need. What the original had below `/admin/` of these is there too.
pub fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/", get(home::show))
        .route("/login/", get(login::show).post(login::submit))
        .route("/admin/login/", get(login::show).post(login::submit))
        .route("/logout/", post(login::log_out))
        .route("/admin/logout/", post(login::log_out))
        .route("/confirm/", get(confirm::show).post(confirm::submit))
        .route("/account/", get(account::overview::show))
        .route("/static/{name}", get(assets::send))
        .route("/login", get(error::add_slash))
        .route("/admin", get(error::add_slash))
        .route("/account", get(error::add_slash))
        .route("/admin/{*rest}", any(error::not_found))
        .route("/account/{*rest}", any(error::not_found))
        .layer(from_fn_with_state(app.clone(), finish::finish))
}
