//! What every answer of the pages goes through: refusals become pages, and browsers are told what they must not do with ours.

use super::error::WebError;
use super::layout::Layout;
use super::next;
use super::visit::Visit;
use crate::app::App;
use crate::http::site::Site;
use askama::Template;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
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
    /// Whether logging in is what has to be done.
    to_login: bool,
}

/// A layer around all pages.
pub async fn finish(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let asked = parts.clone();
    let mut answer = next.run(Request::from_parts(asked, body)).await;
    let error = match answer.extensions_mut().remove::<WebError>() {
        None if answer.status() == StatusCode::METHOD_NOT_ALLOWED => Some(WebError::Method),
        error => error,
    };
    if let Some(error) = error {
        let allowed = answer.headers_mut().remove(header::ALLOW);
        answer = refuse(&error, &mut parts, &app).await;
        if let Some(allowed) = allowed {
            answer.headers_mut().insert(header::ALLOW, allowed);
        }
    }
    guarded(answer)
}

/// The page, or the redirect, that says why something was not done.
pub async fn refuse(error: &WebError, parts: &mut Parts, app: &Arc<App>) -> Response {
    let site = Site::of(parts, app);
    let go = |path: &str| Redirect::to(&site.link(path)).into_response();
    let is_read = matches!(parts.method, Method::GET | Method::HEAD);
    match error {
        WebError::SignIn if is_read => go(&next::with_next("/login/", Some(parts.uri.path_and_query().map_or("/", |path| path.as_str())))),
        // Who has logged out already wanted nothing else.
        WebError::SignIn if matches!(parts.uri.path(), "/logout/" | "/admin/logout/") => go("/login/"),
        WebError::SignIn => {
            let page = page_before(&parts.headers, &site).map(|page| next::with_next("/login/", Some(&page)));
            let login = page.unwrap_or_else(|| "/login/".to_owned());
            go(&format!("{login}{}told=late", if login.contains('?') { '&' } else { '?' }))
        }
        WebError::Confirm(back) => go(&next::with_next("/confirm/", Some(back))),
        _ => {
            // With who is logged in, unless finding that out is what fails.
            let visit = match error {
                WebError::Unavailable | WebError::Internal => None,
                _ => Visit::from_request_parts(parts, app).await.ok(),
            };
            explain(error, |title| visit.as_ref().map_or_else(|| Layout::bare(title, &site), |visit| visit.layout(title)))
        }
    }
}

/// The page of ours that a form was sent from.
fn page_before(headers: &HeaderMap, site: &Site) -> Option<String> {
    let page = url::Url::parse(headers.get(header::REFERER)?.to_str().ok()?).ok()?;
    let ours = url::Url::parse(&site.address()).ok()?;
    if page.host_str() != ours.host_str() || page.port_or_known_default() != ours.port_or_known_default() {
        return None;
    }
    let path = page.path().strip_prefix(site.base.as_str())?.to_owned();
    Some(page.query().map_or(path.clone(), |query| format!("{path}?{query}")))
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

/// The page that says why something was not done.
fn explain(error: &WebError, layout: impl FnOnce(&str) -> Layout) -> Response {
    let (status, title, message) = match error {
        WebError::SignIn | WebError::Confirm(_) => (StatusCode::FORBIDDEN, "Not allowed", "Log in first.".to_owned()),
        WebError::Forbidden(message) => (StatusCode::FORBIDDEN, "Not allowed", message.clone()),
        WebError::NotFound => (StatusCode::NOT_FOUND, "Not found", "There is no such page, or what it was about is gone.".to_owned()),
        WebError::Method => {
            (StatusCode::METHOD_NOT_ALLOWED, "That did not work", "Nothing can be sent to this address, so nothing was done.".to_owned())
        }
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
        WebError::SetUpAlready => (
            StatusCode::FORBIDDEN,
            "Set up already",
            "This server has been set up already. If you are its administrator, log in. If it has no administrator, `djankiserv \
             createsuperuser` on its machine makes one."
                .to_owned(),
        ),
    };
    let page = ErrorPage { l: layout(title), message, to_login: *error == WebError::SetUpAlready };
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => status.into_response(),
    }
}
