//! The API as programs use it: requests and answers, word for word.

mod ankiconnect;
mod bodies;
mod dapi;
mod logins;
mod own_logins;
mod searches;
mod study;
mod v2;

use crate::support::{PASSWORD, TestServer};
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use base64::Engine as _;
use djankiserv::actions::api_tokens::{self, Scope};
use djankiserv::app::router;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

/// An answer of the API.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("{} {}", self.status, String::from_utf8_lossy(&self.bytes)))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

/// Sends one request. `auth` is the value of the Authorization header, or empty.
pub async fn send(server: &TestServer, method: &str, path: &str, auth: &str, body: Option<Value>) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if !auth.is_empty() {
        request = request.header("authorization", auth);
    }
    let body = match body {
        Some(body) => {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        }
        None => Body::empty(),
    };
    raw(server, request.body(body).unwrap()).await
}

pub async fn raw(server: &TestServer, request: Request<Body>) -> Answer {
    let (head, body) = router(server.app.clone()).oneshot(request).await.unwrap().into_parts();
    Answer { status: head.status.as_u16(), headers: head.headers, bytes: body.collect().await.unwrap().to_bytes().to_vec() }
}

pub fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}")))
}

/// The Authorization header of an access JWT.
pub async fn bearer(server: &TestServer, name: &str) -> String {
    let answer = send(server, "POST", "/djs/dapi/token", "", Some(json!({"username": name, "password": PASSWORD}))).await;
    format!("Bearer {}", answer.json()["access"].as_str().unwrap())
}

/// The Authorization header of a new personal token.
pub async fn token(server: &TestServer, name: &str, scopes: &[Scope]) -> String {
    let account = server.app.accounts.find(&djankiserv::actions::username::Username::new(name).unwrap()).await.unwrap();
    let (token, _) = api_tokens::create(&server.app.main, &server.clock, &account, "test", scopes, None).await.unwrap();
    format!("Bearer {token}")
}
