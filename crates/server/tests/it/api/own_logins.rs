//! What a login may do to logins: a token to tokens, a browser's session to users.

use super::{Answer, basic, raw, send, token};
use crate::support::{NOW, PASSWORD, TestServer};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use djankiserv::actions::accounts::NewUser;
use djankiserv::actions::api_tokens::{self, Scope};
use djankiserv::actions::username::Username;
use djankiserv::actions::web_sessions::{Via, csrf_token};
use djankiserv::config::TrustedProxies;
use serde_json::{Value, json};
use std::sync::Arc;
use store::main_db::AuditEntry;

async fn superuser(server: &TestServer, name: &str) -> i64 {
    let new = NewUser {
        username: Username::new(name).unwrap(),
        email: String::new(),
        password: PASSWORD.into(),
        is_staff: true,
        is_superuser: true,
    };
    server.app.accounts.create(new, "test").await.unwrap().id
}

/// A browser's request that comes from our own page.
async fn browser(server: &TestServer, key: &str, method: &str, path: &str, proxy_user: &str, body: Option<Value>) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("cookie", format!("sessionid={key}"));
    request = request.header("x-csrftoken", csrf_token(key)).header("content-type", "application/json");
    if !proxy_user.is_empty() {
        request = request.header("remote-user", proxy_user);
    }
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let mut request = request.body(body).unwrap();
    request.extensions_mut().insert(ConnectInfo::<std::net::SocketAddr>("10.0.0.1:4000".parse().unwrap()));
    raw(server, request).await
}

async fn audit(server: &TestServer) -> Vec<AuditEntry> {
    server.app.main.audit(None, 100).await.unwrap()
}

#[tokio::test]
async fn a_session_is_no_more_than_on_the_pages() {
    let server = TestServer::new().await;
    let root = superuser(&server, "root").await;
    server.device("ann").await;
    let late = server.app.web_sessions.begin_via(root, None, Via::Provider).await.unwrap();
    let fresh = server.app.web_sessions.begin(root, None).await.unwrap();
    let new_token = json!({"name": "x", "scopes": ["read"]});
    let user = json!({"username": "carl", "password": "a long one"});
    let steps = [
        ("POST", "/api/v2/tokens", new_token.clone()),
        ("POST", "/api/v2/admin/users", user),
        ("POST", "/api/v2/admin/users/ann/tokens", new_token.clone()),
        ("PATCH", "/api/v2/admin/users/ann", json!({"email": "ann@example.com"})),
        ("DELETE", "/api/v2/admin/users/ann", Value::Null),
        // The last, as it ends all sessions.
        ("PATCH", "/api/v2/admin/users/root", json!({"password": "another one"})),
    ];
    for (method, path, body) in &steps {
        let refused = browser(&server, &late, method, path, "", Some(body.clone())).await;
        assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("forbidden")), "{method} {path}");
    }
    assert_eq!(browser(&server, &late, "GET", "/api/v2/admin/users", "", None).await.status, 200, "looking is free");
    // Not to one's own account, whoever asks.
    let off = json!({"is_active": false});
    for (method, body) in [("PATCH", Some(off.clone())), ("DELETE", None)] {
        let path = "/api/v2/admin/users/root";
        assert_eq!(browser(&server, &fresh, method, path, "", body.clone()).await.status, 403);
        assert_eq!(send(&server, method, path, &basic("root", PASSWORD), body).await.status, 403);
    }
    assert!(server.app.accounts.verify_login("root", PASSWORD.into(), None).await.is_ok());
    for (method, path, body) in &steps {
        let status = browser(&server, &fresh, method, path, "", Some(body.clone())).await.status;
        assert!((200..300).contains(&status), "{method} {path}: {status}");
    }
    let made = audit(&server).await.into_iter().filter(|entry| entry.action == "token.create").count();
    assert_eq!(made, 2);
    server.end().await;
}

#[tokio::test]
async fn a_proxy_has_the_last_word_here_too() {
    let server = TestServer::with(|app| {
        let config = Arc::make_mut(&mut app.config);
        config.trusted_proxies = TrustedProxies::parse("10.0.0.1").unwrap();
        config.logins.proxy_header = Some("remote-user".parse().unwrap());
    })
    .await;
    server.device("ann").await;
    let ann = server.account("ann").await;
    let by_proxy = server.app.web_sessions.begin_via(ann, None, Via::Proxy).await.unwrap();
    let by_password = server.app.web_sessions.begin(ann, None).await.unwrap();
    for (key, proxy_user, status) in [
        (&by_proxy, "ANN", 200),
        (&by_proxy, "bob", 401),
        (&by_proxy, "", 401),
        (&by_password, "ann", 200),
        (&by_password, "bob", 401),
        (&by_password, "", 200),
    ] {
        assert_eq!(browser(&server, key, "GET", "/api/v2/collection", proxy_user, None).await.status, status, "{proxy_user}");
        assert_eq!(browser(&server, key, "GET", "/djs/dapi/tags", proxy_user, None).await.status, status, "{proxy_user}");
    }
    server.end().await;
}

#[tokio::test]
async fn a_token_manages_no_tokens() {
    let server = TestServer::new().await;
    server.device("ann").await;
    superuser(&server, "root").await;
    let read = token(&server, "ann", &[Scope::Read]).await;
    let other = token(&server, "ann", &[Scope::Read, Scope::Write]).await;
    let new = json!({"name": "x", "scopes": ["read"]});
    assert_eq!(send(&server, "POST", "/api/v2/tokens", &read, Some(new.clone())).await.status, 403);
    let own = send(&server, "GET", "/api/v2/tokens", &read, None).await.json()["items"].clone();
    assert_eq!(own.as_array().unwrap().len(), 1, "itself alone");
    let all = send(&server, "GET", "/api/v2/tokens", &basic("ann", PASSWORD), None).await.json()["items"].clone();
    let others = all.as_array().unwrap().iter().map(|token| token["id"].as_str().unwrap()).find(|id| *id != own[0]["id"]).unwrap();
    assert_eq!(send(&server, "DELETE", &format!("/api/v2/tokens/{others}"), &read, None).await.status, 403);
    assert_eq!(send(&server, "GET", "/api/v2/collection", &other, None).await.status, 200, "it is still there");
    let path = format!("/api/v2/tokens/{}", own[0]["id"].as_str().unwrap());
    assert_eq!(send(&server, "DELETE", &path, &read, None).await.status, 204, "it may end itself");
    assert_eq!(send(&server, "GET", "/api/v2/collection", &read, None).await.status, 401);
    // Who has the password may do all of it.
    let bearer = super::bearer(&server, "ann").await;
    assert_eq!(send(&server, "POST", "/api/v2/tokens", &bearer, Some(new.clone())).await.status, 201);
    assert_eq!(send(&server, "DELETE", &format!("/api/v2/tokens/{others}"), &bearer, None).await.status, 204);
    // A token of staff manages others, but does not become its owner.
    let admin = token(&server, "root", &[Scope::Admin]).await;
    assert_eq!(send(&server, "POST", "/api/v2/admin/users/ann/tokens", &admin, Some(new.clone())).await.status, 201);
    assert_eq!(send(&server, "POST", "/api/v2/admin/users/root/tokens", &admin, Some(new)).await.status, 403);
    let password = json!({"password": "another one"});
    assert_eq!(send(&server, "PATCH", "/api/v2/admin/users/root", &admin, Some(password)).await.status, 403);
    let actions: Vec<String> = audit(&server).await.into_iter().map(|entry| entry.action).collect();
    let count = |action: &str| actions.iter().filter(|done| *done == action).count();
    assert_eq!((count("token.create"), count("token.revoke")), (2, 2));
    server.end().await;
}

#[tokio::test]
async fn tokens_end_where_devices_are_logged_out() {
    let server = TestServer::new().await;
    server.device("ann").await;
    let name = Username::new("ann").unwrap();
    let ann = server.app.accounts.find(&name).await.unwrap();
    let works = async |token: &str| send(&server, "GET", "/api/v2/collection", token, None).await.status == 200;
    let first = token(&server, "ann", &[Scope::Read]).await;
    server.app.accounts.set_password(&name, "another one".into(), true, "test").await.unwrap();
    assert!(works(&first).await, "devices stay, so do tokens");
    server.app.accounts.set_password(&name, "a third one".into(), false, "test").await.unwrap();
    assert!(!works(&first).await);
    let second = token(&server, "ann", &[Scope::Read]).await;
    assert!(works(&second).await);
    assert_eq!(server.app.accounts.log_out_everywhere(&ann, "test").await.unwrap(), (0, 1));
    assert!(!works(&second).await);
    assert!(api_tokens::list(&server.app.main, ann.id).await.unwrap().is_empty());
    assert_eq!(server.clock.now_ms(), NOW);
    server.end().await;
}

#[tokio::test]
async fn answers_are_for_one_caller() {
    let server = TestServer::new().await;
    server.device("ann").await;
    let ann = basic("ann", PASSWORD);
    for path in ["/api/v2/collection", "/api/v2/notes", "/djs/dapi/tags", "/api/v1/tags", "/api/v2/admin/users"] {
        let answer = send(&server, "GET", path, &ann, None).await;
        assert_eq!((answer.header("cache-control"), answer.header("vary")), ("private, no-cache", "Authorization, Cookie"), "{path}");
    }
    server.end().await;
}
