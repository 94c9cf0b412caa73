//! The addresses of the pages.

use super::admin::{add, delete, edit, invitations, password, server, steps, user, users};
use super::{account, assets, confirm, connect, error, finish, forgot, home, join, login, oidc, reset, setup};
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
        .route("/login/oidc/", get(oidc::begin))
        .route("/login/oidc/confirm/", get(oidc::confirm))
        .route("/login/oidc/link/", get(oidc::link))
        .route("/login/oidc/callback/", get(oidc::come_back))
        .route("/logout/", post(login::log_out))
        .route("/admin/logout/", post(login::log_out))
        .route("/confirm/", get(confirm::show).post(confirm::submit))
        .route("/account/", get(account::overview::show))
        .route("/account/collection/", get(account::collection::show))
        .route("/account/collection/download/", get(account::download::show))
        .route("/account/collection/download/file/", get(account::download::file))
        .route("/account/collection/{number}/restore/", get(account::restore::show).post(account::restore::submit))
        .route("/account/devices/", get(account::devices::show).post(account::devices::revoke))
        .route("/account/devices/all/", post(account::devices::revoke_all))
        .route("/account/browsers/", post(account::devices::end_browser))
        .route("/account/browsers/others/", post(account::devices::end_other_browsers))
        .route("/account/password/", get(account::password::show).post(account::password::submit))
        .route("/account/password/unlink/", post(account::password::unlink))
        .route("/account/tokens/", get(account::tokens::show).post(account::tokens::revoke))
        .route("/account/tokens/add/", get(account::tokens::add).post(account::tokens::submit))
        .route("/account/connect/", get(connect::own))
        .route("/setup/{secret}/", get(setup::show).post(setup::submit))
        .route("/join/", get(join::show_open).post(join::submit_open))
        .route("/join/{secret}/", get(join::show_invited).post(join::submit_invited))
        .route("/password/{secret}/", get(reset::show).post(reset::submit))
        .route("/forgot/", get(forgot::show).post(forgot::submit))
        .route("/admin/", get(users::show))
        .route("/admin/users/add/", get(add::show).post(add::submit))
        .route("/admin/users/{id}/", get(user::show))
        .route("/admin/users/{id}/connect/", get(connect::others))
        .route("/admin/users/{id}/edit/", get(edit::show).post(edit::submit))
        .route("/admin/users/{id}/password/", get(password::show).post(password::submit))
        .route("/admin/users/{id}/password-link/", post(password::make_link))
        .route("/admin/users/{id}/enable/", post(steps::enable))
        .route("/admin/users/{id}/disable/", post(steps::disable))
        .route("/admin/users/{id}/logout/", post(steps::log_out_everywhere))
        .route("/admin/users/{id}/devices/", post(steps::revoke_device))
        .route("/admin/users/{id}/restore/", post(steps::restore))
        .route("/admin/users/{id}/delete/", get(delete::show).post(delete::submit))
        .route("/admin/invitations/", get(invitations::show).post(invitations::make))
        .route("/admin/invitations/withdraw/", post(invitations::withdraw))
        .route("/admin/server/", get(server::show))
        .route("/static/{name}", get(assets::send))
        .route("/login", get(error::add_slash))
        .route("/admin", get(error::add_slash))
        .route("/account", get(error::add_slash))
        .route("/admin/{*rest}", any(error::not_found))
        .route("/account/{*rest}", any(error::not_found))
        .layer(from_fn_with_state(app.clone(), finish::finish))
}
