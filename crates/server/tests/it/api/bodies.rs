//! What a request may weigh, and that nothing large is parsed before it is known who asks.

use super::{basic, raw, send, token};
use crate::support::{PASSWORD, TestServer};
use axum::body::Body;
use axum::http::Request;
use djankiserv::actions::api_tokens::Scope;
use djankiserv::api::bodies::MOST_VALUES;
use serde_json::json;

/// A list of zeros, which takes thirty times as much memory as it is long.
fn zeros(count: usize) -> String {
    format!("[{}0]", "0,".repeat(count - 1))
}

async fn post(server: &TestServer, method: &str, path: &str, auth: &str, body: String) -> super::Answer {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    if !auth.is_empty() {
        request = request.header("authorization", auth);
    }
    raw(server, request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn nothing_large_is_parsed_for_strangers() {
    let server = TestServer::new().await;
    server.device("ann").await;
    let many = format!(r#"{{"action":"version","version":6,"params":{{"x":{}}}"#, zeros(MOST_VALUES + 1));
    let stranger = post(&server, "POST", "/ankiconnect", "", format!("{many}}}")).await;
    assert_eq!(stranger.json(), json!({"result": null, "error": "valid api key must be provided"}));
    let asks = many.replacen("\"version\"", "\"requestPermission\"", 1);
    let asks = post(&server, "POST", "/ankiconnect", "", format!("{asks}}}")).await;
    assert_eq!(asks.json(), json!({"result": null, "error": "valid api key must be provided"}));
    let key = token(&server, "ann", &[Scope::Read, Scope::Write]).await;
    let known = post(&server, "POST", "/ankiconnect", "", format!(r#"{many},"key":"{}"}}"#, key.trim_start_matches("Bearer "))).await;
    assert_eq!((known.status, known.json()["error"].as_str()), (413, Some("a request can have at most 1000000 values")));

    // A name and a password are short.
    for path in ["/dapi/token", "/djs/dapi/token/refresh", "/api/v1/auth/token", "/api/v1/auth/refresh"] {
        let long = json!({"username": "ann", "password": PASSWORD, "refresh": "x".repeat(16 << 10)});
        assert_eq!(send(&server, "POST", path, "", Some(long)).await.status, 413, "{path}");
    }
    server.end().await;
}

#[tokio::test]
async fn values_are_counted_on_every_surface() {
    let server = TestServer::new().await;
    server.device("ann").await;
    let ann = basic("ann", PASSWORD);
    let (many, text) = (zeros(MOST_VALUES + 1), format!("\"{}\"", ",".repeat(MOST_VALUES + 1)));
    let set = async |value: String| post(&server, "PUT", "/api/v2/collection/config/mine", &ann, value).await;
    let refused = set(many.clone()).await;
    assert_eq!((refused.status, refused.json()["code"].clone()), (413, json!("too_large")));
    assert_eq!(set(text).await.status, 204, "one text is one value");
    let dapi = post(&server, "POST", "/djs/dapi/addNotes", &ann, format!(r#"{{"notes":{many}}}"#)).await;
    assert_eq!((dapi.status, dapi.json()), (413, json!({"detail": "a request can have at most 1000000 values"})));
    server.end().await;
}
