//! What is said on the plain-http port of a server that speaks https.

use crate::clock::Clock;
use axum::Router;
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use store::main_db::MainDb;

/// A token of ACME has 43 letters at the authorities that we know.
const LONGEST_TOKEN: usize = 128;

/// With the answers for an authority that checks that our names are ours (HTTP-01): any process can give them, as they are in the main database.
pub fn router_with_challenges(https_port: u16, main: MainDb, clock: Clock) -> Router {
    let answer = move |Path(token): Path<String>| challenge(main.clone(), clock.clone(), token);
    router(https_port).route("/.well-known/acme-challenge/{token}", get(answer))
}

async fn challenge(main: MainDb, clock: Clock, token: String) -> Response {
    let is_token = token.len() <= LONGEST_TOKEN && token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let answer = if is_token { main.challenge(&token, clock.now_ms()).await } else { Ok(None) };
    match answer {
        Ok(Some(answer)) => {
            tracing::info!("an ACME authority checks that this name is ours");
            ([(header::CONTENT_TYPE, "application/octet-stream")], answer).into_response()
        }
        Ok(None) => (StatusCode::NOT_FOUND, "404: nobody waits for this\n").into_response(),
        Err(error) => {
            tracing::warn!(%error, "cannot look up the answer to an ACME challenge");
            (StatusCode::SERVICE_UNAVAILABLE, "503: try again in a moment\n").into_response()
        }
    }
}

/// Browsers are led to https. Sync clients are not: they would follow with the wrong method and without their body, or not at all. They
/// get a status that they show to their user.
pub fn router(https_port: u16) -> Router {
    Router::new().route("/health", get(super::health::alive)).fallback(move |request: Request| answer(https_port, request))
}

async fn answer(https_port: u16, request: Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let is_page = matches!(*request.method(), Method::GET | Method::HEAD) && !is_sync(request.uri().path());
    match location(request.headers(), https_port, path) {
        Some(location) if is_page => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response(),
        _ => {
            let text = "426: this server is to be reached by https only. In the settings of your client, change http:// to https://.\n";
            let upgrade = [(header::UPGRADE, HeaderValue::from_static("TLS/1.2, HTTP/1.1"))];
            (StatusCode::UPGRADE_REQUIRED, upgrade, text).into_response()
        }
    }
}

fn is_sync(path: &str) -> bool {
    let path = path.trim_start_matches('/');
    let path = path.strip_prefix("djs").filter(|rest| rest.starts_with('/')).unwrap_or(path).trim_start_matches('/');
    ["sync", "msync"].iter().any(|name| path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// The same address by https. None for a host that could not be one.
fn location(headers: &HeaderMap, port: u16, path: &str) -> Option<HeaderValue> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    // The port of an IPv6 address stands behind its bracket.
    let name = match host.rfind(']') {
        Some(end) => host.get(..=end)?,
        None => host.split(':').next()?,
    };
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':')) {
        return None;
    }
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    HeaderValue::from_str(&format!("https://{name}{port}{path}")).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use axum::body::Body;
    use tower::ServiceExt;

    #[tokio::test]
    async fn browsers_are_redirected_and_sync_clients_never() {
        for (method, path, host, want, location) in [
            ("GET", "/", "anki.example.com:8080", 308, "https://anki.example.com:8443/"),
            ("GET", "/decks?page=2", "[::1]:80", 308, "https://[::1]:8443/decks?page=2"),
            ("HEAD", "/syncing", "h", 308, "https://h:8443/syncing"),
            ("GET", "/", "evil.example/path", 426, ""),
            ("GET", "/", "a@b", 426, ""),
            ("POST", "/login", "h", 426, ""),
            ("POST", "/sync/meta", "h", 426, ""),
            ("GET", "/msync/begin?k=1", "h", 426, ""),
            ("GET", "//djs//msync/begin", "h", 426, ""),
            ("GET", "/sync", "h", 426, ""),
            ("GET", "/health", "h", 200, ""),
        ] {
            let request = Request::builder().method(method).uri(path).header("host", host).body(Body::empty()).unwrap();
            let answer = router(8443).oneshot(request).await.unwrap();
            let to = answer.headers().get("location").map_or("", |value| value.to_str().unwrap());
            assert_eq!((answer.status().as_u16(), to), (want, location), "{method} {path}");
        }
    }
}
