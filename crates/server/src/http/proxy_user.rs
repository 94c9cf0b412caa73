//! The user whom a trusted proxy names, for the pages.

use crate::app::App;
use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use std::net::SocketAddr;

/// The name, if there is such a setting, and the request comes from a trusted proxy and carries the header once.
pub fn of<'a>(parts: &'a Parts, app: &App) -> Option<&'a str> {
    let header = app.config.logins.proxy_header.as_ref()?;
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    if !app.config.trusted_proxies.contain(peer.ip()) {
        return None;
    }
    let mut values = parts.headers.get_all(header).iter();
    let value = std::str::from_utf8(values.next()?.as_bytes()).ok()?.trim();
    (values.next().is_none() && !value.is_empty()).then_some(value)
}
