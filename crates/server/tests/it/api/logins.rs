use super::{basic, bearer, raw, send, token};
use crate::support::{NOW, PASSWORD, TestServer};
use axum::body::Body;
use axum::http::Request;
use djankiserv::actions::api_tokens::{self, Scope};
use djankiserv::actions::username::Username;
use serde_json::json;

const NOTES: &str = "/djs/dapi/notes";

#[tokio::test]
async fn tokens_and_errors_are_those_of_the_original() {
    let server = TestServer::new().await;
    server.device("ann").await;
    let post = async |path: &str, body| send(&server, "POST", path, "", Some(body)).await;
    let none = send(&server, "GET", NOTES, "", None).await;
    assert_eq!((none.status, none.header("www-authenticate")), (401, "Bearer realm=\"api\""));
    assert_eq!(none.json(), json!({"detail": "Authentication credentials were not provided."}));
    let wrong = post("/djs/dapi/token", json!({"username": "ann", "password": "no"})).await;
    assert_eq!((wrong.status, wrong.json()), (401, json!({"detail": "No active account found with the given credentials"})));
    let missing = post("/djs/dapi/token", json!({"password": ""})).await;
    let want = json!({"username": ["This field is required."], "password": ["This field may not be blank."]});
    assert_eq!((missing.status, missing.json()), (400, want));
    let bad = send(&server, "GET", NOTES, "Bearer x.y.z", None).await;
    assert_eq!((bad.status, &bad.json()["code"]), (401, &json!("token_not_valid")));
    assert_eq!(bad.json()["messages"][0]["token_type"], "access");

    let pair = post("/djs/dapi/token", json!({"username": "ann", "password": PASSWORD})).await.json();
    let access = format!("Bearer {}", pair["access"].as_str().unwrap());
    assert_eq!(send(&server, "GET", NOTES, &access, None).await.status, 200);
    assert_eq!(send(&server, "GET", "/djs/dapi/addNotes", &access, None).await.json(), json!({"detail": "Method \"GET\" not allowed."}));
    let refresh = json!({"refresh": pair["refresh"]});
    let again = post("/api/v1/auth/refresh", refresh.clone()).await.json();
    assert_eq!(send(&server, "GET", NOTES, &format!("Bearer {}", again["access"].as_str().unwrap()), None).await.status, 200);
    // One is not good for the other.
    assert_eq!(post("/djs/dapi/token/refresh", json!({"refresh": pair["access"]})).await.status, 401);
    let as_access = format!("Bearer {}", pair["refresh"].as_str().unwrap());
    assert_eq!(send(&server, "GET", NOTES, &as_access, None).await.status, 401);

    for (content_type, body, status, detail) in [
        ("text/plain", "x", 415, "Unsupported media type \"text/plain\" in request."),
        ("application/json", "{", 400, "JSON parse error"),
        ("application/json", "[]", 400, "Invalid data"),
    ] {
        let request = Request::post("/djs/dapi/addNotes").header("authorization", &access).header("content-type", content_type);
        let answer = raw(&server, request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, status);
        assert!(answer.json()["detail"].as_str().unwrap().starts_with(detail), "{:?}", answer.json());
    }

    server.clock.set(NOW + 301_000);
    assert_eq!(send(&server, "GET", NOTES, &access, None).await.status, 401, "five minutes");
    assert_eq!(post("/djs/dapi/token/refresh", refresh.clone()).await.status, 200);
    let name = Username::new("ann").unwrap();
    server.app.accounts.set_password(&name, "another one".into(), true, "test").await.unwrap();
    let ended = post("/djs/dapi/token/refresh", refresh).await;
    assert_eq!((ended.status, ended.json()), (401, json!({"detail": "Token is invalid or expired", "code": "token_not_valid"})));
    server.end().await;
}

#[tokio::test]
async fn basic_logins_are_checked_and_end_with_the_password() {
    let server = TestServer::new().await;
    server.device("ann").await;
    let right = basic("Ann", PASSWORD);
    let timed = async |path: &str| {
        let started = std::time::Instant::now();
        assert_eq!(send(&server, "GET", path, &right, None).await.status, 200);
        started.elapsed()
    };
    let first = timed("/djs/dapi/tags").await;
    let mut fastest = first;
    for _ in 0..20 {
        fastest = fastest.min(timed("/djs/dapi/tags").await);
    }
    assert!(fastest < first / 2, "it is remembered: {fastest:?} after {first:?}");
    for bad in ["Basic", "Basic !", "Basic eA==", &basic("ann", "no"), &basic("nobody", PASSWORD)] {
        assert_eq!(send(&server, "GET", NOTES, bad, None).await.status, 401, "{bad}");
    }
    let name = Username::new("ann").unwrap();
    server.app.accounts.set_active(&name, false, "test").await.unwrap();
    assert_eq!(send(&server, "GET", NOTES, &right, None).await.status, 401);
    server.app.accounts.set_active(&name, true, "test").await.unwrap();
    assert_eq!(send(&server, "GET", NOTES, &right, None).await.status, 200);
    server.app.accounts.set_password(&name, "another one".into(), true, "test").await.unwrap();
    assert_eq!(send(&server, "GET", NOTES, &right, None).await.status, 401);
    // Who guesses is told to wait.
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(send(&server, "GET", NOTES, &basic("ann", "guess"), None).await.status);
    }
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    server.end().await;
}

#[tokio::test]
async fn personal_tokens_have_scopes_and_can_be_revoked() {
    let server = TestServer::new().await;
    server.device("ann").await;
    server.device("bob").await;
    let read = token(&server, "ann", &[Scope::Read]).await;
    assert_eq!(send(&server, "GET", NOTES, &read, None).await.status, 200);
    let refused = send(&server, "POST", "/djs/dapi/addNotes", &read, Some(json!({"deck": "d", "notes": []}))).await;
    assert_eq!((refused.status, refused.json()), (403, json!({"detail": "You do not have permission to perform this action."})));
    let account = server.account("ann").await;
    let listed = api_tokens::list(&server.app.main, account).await.unwrap();
    assert_eq!((listed.len(), listed[0].last_used, listed[0].scopes.as_slice()), (1, Some(NOW), &[Scope::Read][..]));
    let bob = server.account("bob").await;
    assert!(!api_tokens::revoke(&server.app.main, bob, &listed[0].id).await.unwrap(), "not his");
    // A change of the password leaves it; disabling the account does not.
    let name = Username::new("ann").unwrap();
    server.app.accounts.set_password(&name, "another one".into(), true, "test").await.unwrap();
    assert_eq!(send(&server, "GET", NOTES, &read, None).await.status, 200);
    server.app.accounts.set_active(&name, false, "test").await.unwrap();
    assert_eq!(send(&server, "GET", NOTES, &read, None).await.status, 401);
    server.app.accounts.set_active(&name, true, "test").await.unwrap();
    assert!(api_tokens::revoke(&server.app.main, account, &listed[0].id).await.unwrap());
    assert_eq!(send(&server, "GET", NOTES, &read, None).await.status, 401, "at once");
    let row = server.app.accounts.find(&name).await.unwrap();
    let admin = api_tokens::create(&server.app.main, &server.clock, &row, "x", &[Scope::Admin], None).await;
    assert!(admin.is_err(), "not staff");
    let (short, _) = api_tokens::create(&server.app.main, &server.clock, &row, "x", &[Scope::Read], Some(NOW + 1000)).await.unwrap();
    let short = format!("Bearer {short}");
    assert_eq!(send(&server, "GET", NOTES, &short, None).await.status, 200);
    server.clock.set(NOW + 1000);
    assert_eq!(send(&server, "GET", NOTES, &short, None).await.status, 401, "expired");
    assert!(bearer(&server, "bob").await.len() > 50);
    server.end().await;
}

#[tokio::test]
async fn a_browsers_session_needs_the_csrf_token_for_changes() {
    let server = TestServer::new().await;
    server.device("ann").await;
    let account = server.account("ann").await;
    let key = server.app.web_sessions.begin(account, None).await.unwrap();
    let token = djankiserv::actions::web_sessions::csrf_token(&key);
    let with = |method: &str, path: &str, csrf: &str| {
        let request = Request::builder().method(method).uri(path).header("cookie", format!("sessionid={key}"));
        let request = request.header("x-csrftoken", csrf).header("content-type", "application/json");
        let new = json!({"deck": "d", "notes": [{"model": "Basic", "fields": ["f", "b"], "tags": []}]});
        raw(&server, request.body(if method == "POST" { Body::from(new.to_string()) } else { Body::empty() }).unwrap())
    };
    assert_eq!(with("GET", NOTES, "").await.status, 200);
    let refused = with("POST", "/djs/dapi/addNotes", "wrong").await;
    assert_eq!((refused.status, refused.json()), (403, json!({"detail": "CSRF Failed: CSRF token missing or incorrect."})));
    assert_eq!(with("POST", "/djs/dapi/addNotes", &token).await.status, 200);
    server.end().await;
}
