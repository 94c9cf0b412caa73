//! Addresses that are no pages themselves: those where forms are sent to, and those without their final slash. Both lead to the page that
//! is meant, as browsers come here when somebody goes back or loads again.

use super::error::WebError;
use crate::http::site::Site;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Redirect, Response};

/// For addresses that lead nowhere. Perhaps only the final slash is missing.
pub async fn not_found(method: Method, site: Site, uri: Uri) -> Response {
    if matches!(method, Method::GET | Method::HEAD) && !uri.path().ends_with('/') {
        return add_slash(site, uri).await.into_response();
    }
    WebError::NotFound.into_response()
}

/// For addresses that were typed without their final slash.
pub async fn add_slash(site: Site, uri: Uri) -> Redirect {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Redirect::permanent(&site.link(&format!("{}/{query}", uri.path())))
}

/// To the page that a form was on, one folder up.
pub async fn up(site: Site, uri: Uri) -> Redirect {
    Redirect::to(&site.link(parent(uri.path())))
}

/// To the devices and browsers of one's own account.
pub async fn to_devices(site: Site) -> Redirect {
    Redirect::to(&site.link("/account/devices/"))
}

/// Where programs that keep passwords send people to change one.
pub async fn to_password(site: Site) -> Redirect {
    Redirect::to(&site.link("/account/password/"))
}

fn parent(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rfind('/').and_then(|slash| path.get(..=slash)).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_folder_up() {
        for (path, up) in [("/logout/", "/"), ("/account/devices/all/", "/account/devices/"), ("/", "/"), ("", "/")] {
            assert_eq!(parent(path), up, "{path}");
        }
    }
}
