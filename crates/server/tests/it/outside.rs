//! What surrounds a request: host names, proxies, health.

use crate::support::{NOW, TestServer, admin, collection};
use anki::file::Schema;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use djankiserv::app::App;
use djankiserv::config::{AllowedHosts, Config, TrustedProxies};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;

fn configured(change: impl FnOnce(&mut Config)) -> impl FnOnce(&mut App) {
    move |app| {
        let mut config = (*app.config).clone();
        change(&mut config);
        app.config = Arc::new(config);
    }
}

#[tokio::test]
async fn only_allowed_names_are_answered() {
    let allow = |config: &mut Config| config.allowed_hosts = AllowedHosts::parse("anki.example.com, .example.org").unwrap();
    let server = TestServer::with(configured(allow)).await;
    let other = server.second().await;
    let a = other.device("a").await.at(&server);
    for (host, path, status) in [
        ("anki.example.com", "/sync/meta", 200),
        ("ANKI.example.com:8002", "/djs/sync/meta", 200),
        ("a.b.example.org", "/sync/meta", 200),
        ("evil.example.com", "/sync/meta", 421),
        ("evil.example.com", "/nowhere", 421),
        ("", "/sync/meta", 421),
        ("10.0.0.1", "/health", 405),
    ] {
        let mut request = a.packed(path.trim_start_matches('/'), zstd::encode_all(&br#"{"v":11,"cv":""}"#[..], 1).unwrap());
        request.headers_mut().insert("host", host.parse().unwrap());
        assert_eq!(a.send(request).await.0, status, "{host} {path}");
    }
    let health = Request::get("/health/ready").header("host", "10.0.0.1").body(Body::empty()).unwrap();
    assert_eq!(a.send(health).await.0, 200, "asked by address, from anywhere");
    drop(other);
    server.end().await;
}

#[tokio::test]
async fn a_proxy_is_believed_only_when_it_is_ours() {
    let trust = |config: &mut Config| config.trusted_proxies = TrustedProxies::parse("10.0.0.0/8, ::1").unwrap();
    let server = TestServer::with(configured(trust)).await;
    server.device("a").await;
    let account = server.account("a").await;
    for (minute, (peer, forwarded, seen)) in [
        ("198.51.100.1:5", "203.0.113.9", "198.51.100.1"),
        ("10.1.2.3:5", "203.0.113.9", "203.0.113.9"),
        ("10.1.2.3:5", "192.0.2.66, 203.0.113.8", "203.0.113.8"),
        ("10.1.2.3:5", "203.0.113.7, 10.9.9.9", "203.0.113.7"),
        ("10.1.2.3:5", "garbage", "10.1.2.3"),
        ("10.1.2.3:5", "", "10.1.2.3"),
        ("[::1]:5", "2001:db8::1", "2001:db8::1"),
        ("[::ffff:10.1.2.3]:5", "203.0.113.6", "203.0.113.6"),
    ]
    .into_iter()
    .enumerate()
    {
        // Who is seen last stands first in the list.
        server.clock.set(NOW + (minute as i64 + 1) * 61_000);
        let device = server.log_in("a").await;
        let login = zstd::encode_all(&json!({"u": "a", "p": crate::support::PASSWORD}).to_string().into_bytes()[..], 1).unwrap();
        let mut request = device.packed("sync/hostKey", login);
        request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        request.headers_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
        server.clock.set(NOW + (minute as i64 + 1) * 61_000 + 1);
        assert_eq!(device.send(request).await.0, 200);
        let keys = server.app.main.host_keys(account).await.unwrap();
        assert_eq!(keys[0].last_address, seen, "{peer} {forwarded}");
    }
    server.end().await;
}

#[tokio::test]
async fn health_says_what_is_missing_and_recovers() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 1, NOW - 5)).await;
    let ask = async |path: &str| {
        let (status, _, body) = a.send(Request::get(path).body(Body::empty()).unwrap()).await;
        (status, String::from_utf8(body).unwrap())
    };
    assert_eq!(ask("/health/ready").await.0, 200);
    let media = server.app.config.data_root.media();
    std::fs::rename(&media, media.with_extension("away")).unwrap();
    assert_eq!(ask("/health/ready").await, (503, "media: not reachable\n".into()));
    std::fs::rename(media.with_extension("away"), &media).unwrap();

    let admin = admin().await;
    server.allow_connections(&admin, false).await;
    server.cut_connections(&admin).await;
    let (status, text) = ask("/health/ready").await;
    assert_eq!(
        (status, text.as_str()),
        (503, "main database: not reachable\nuser database: not reachable\n"),
        "and no reason for strangers"
    );
    assert_eq!(ask("/health").await.0, 200, "the process lives");
    let (status, headers, body) = a.send(a.packed("sync/meta", zstd::encode_all(&br#"{"v":11,"cv":""}"#[..], 1).unwrap())).await;
    assert_eq!((status, body.as_slice(), headers["retry-after"].to_str().unwrap()), (503, &b"503"[..], "10"));
    server.allow_connections(&admin, true).await;
    assert_eq!(ask("/health/ready").await.0, 200);
    server.end().await;
}

/// Every connection is cut, but the database is there: nobody should notice more than one failure.
#[tokio::test]
async fn cut_connections_are_replaced() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    let admin = admin().await;
    for round in 0..5 {
        // Fills the pool.
        futures_util::future::join_all((0..6).map(|_| a.meta())).await;
        assert!(server.cut_connections(&admin).await > 0);
        let statuses = futures_util::future::join_all((0..6).map(|_| a.status("sync/meta", json!({"v": 11, "cv": ""})))).await;
        assert!(statuses.iter().all(|status| [200, 503].contains(status)), "round {round}: {statuses:?}");
        assert_eq!(a.meta().await["mod"], NOW - 5, "round {round}");
    }
    server.end().await;
}
