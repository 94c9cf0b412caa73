//! What every answer of the pages goes through: refusals become pages, and browsers are told what they must not do with ours.

use super::error::WebError;
use super::layout::Layout;
use crate::app::App;
use crate::http::site::Site;
use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use std::sync::Arc;

/// Nothing from elsewhere, nothing inside of the page's own text, and nobody may frame us.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    l: Layout,
    message: String,
}

/// A layer around all pages.
pub async fn finish(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let site = Site::of(&parts, &app);
    let is_read = matches!(parts.method, Method::GET | Method::HEAD);
    let here = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let mut answer = next.run(Request::from_parts(parts, body)).await;
    if let Some(error) = answer.extensions_mut().remove::<WebError>() {
        answer = explain(&error, &site, is_read.then_some(here.as_str()));
    }
    guarded(answer)
}

/// The same answer, with what browsers must not do with it.
pub fn guarded(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // With none at all, browsers would not say where a form comes from.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// The page, or the redirect, that says why something was not done. `here` is the page that was asked for, to come back to.
pub fn explain(error: &WebError, site: &Site, here: Option<&str>) -> Response {
    let go = |path: &str| Redirect::to(&site.link(path)).into_response();
    let (status, title, message) = match error {
        WebError::SignIn => return go(&super::next::with_next("/login/", here)),
        WebError::Confirm(back) => return go(&super::next::with_next("/confirm/", Some(back))),
        WebError::Forbidden(message) => (StatusCode::FORBIDDEN, "Not allowed", message.clone()),
        WebError::NotFound => (StatusCode::NOT_FOUND, "Not found", "There is no such page, or what it was about is gone.".to_owned()),
        WebError::BadRequest(message) => (StatusCode::BAD_REQUEST, "That did not work", message.clone()),
        WebError::Conflict(message) => (StatusCode::CONFLICT, "Not now", message.clone()),
        WebError::TryLater(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, "Not now", format!("Too many attempts. Try again in {}.", super::login::minutes(*seconds)))
        }
        WebError::Elsewhere(message) => (StatusCode::BAD_GATEWAY, "That did not work", message.clone()),
        WebError::Unavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, "Not now", "The server is busy or its database is away. Try again in a moment.".to_owned())
        }
        WebError::Internal => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong",
            "This is a fault of the server, and its log says more. Nothing that you had typed was wrong.".to_owned(),
        ),
    };
    let page = ErrorPage { l: Layout::bare(title, site), message };
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => status.into_response(),
    }
}
