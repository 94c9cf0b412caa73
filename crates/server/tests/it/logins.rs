//! Who may come in, from which process and for how long.

use crate::support::{NOW, PASSWORD, TestServer, collection};
use anki::file::Schema;
use axum::extract::ConnectInfo;
use djankiserv::actions::username::Username;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

fn meta() -> Value {
    json!({"v": 11, "cv": "x"})
}

/// A wrong 403 makes a client forget its login, so what is remembered of a key must never be older than it.
#[tokio::test]
async fn a_change_made_elsewhere_is_known_within_five_seconds() {
    let server = TestServer::new().await;
    let other = server.second().await;
    let a = server.device("a").await;
    let name = Username::new("a").unwrap();
    assert_eq!(a.at(&other).status("sync/meta", meta()).await, 200, "a new key, at once");
    for round in 0..2 {
        // Remembered by both.
        assert_eq!((a.status("sync/meta", meta()).await, a.at(&other).status("sync/meta", meta()).await), (200, 200));
        if round == 0 {
            server.app.accounts.set_active(&name, false, "test").await.unwrap();
        } else {
            server.app.accounts.set_password(&name, "another password".into(), false, "test").await.unwrap();
        }
        assert_eq!(a.status("sync/meta", meta()).await, 403, "here at once");
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(5)).await;
        tokio::time::resume();
        assert_eq!(a.at(&other).status("sync/meta", meta()).await, 403, "there after five seconds");
        server.app.accounts.set_active(&name, true, "test").await.unwrap();
        if round == 0 {
            assert_eq!(a.at(&other).status("sync/meta", meta()).await, 200, "a no is not remembered");
        }
    }
    let again = other.app.clone();
    let device = crate::support::Device { app: again, key: String::new(), ..a.clone() };
    assert_eq!(device.status("sync/hostKey", json!({"u": "a", "p": PASSWORD})).await, 403);
    assert_eq!(device.status("sync/hostKey", json!({"u": "a", "p": "another password"})).await, 200);
    drop(other);
    server.end().await;
}

#[tokio::test]
async fn names_are_compared_as_people_mean_them() {
    let server = TestServer::new().await;
    let a = server.device("Jürgen@Example.com").await;
    a.upload(&collection(Schema::V18, 2, NOW - 5)).await;
    for typed in ["Jürgen@Example.com", "jürgen@example.com", "JU\u{308}RGEN@EXAMPLE.COM", " jürgen@example.com "] {
        let device = server.log_in(typed).await;
        assert_ne!(device.key, a.key, "each device has a key of its own");
        assert_eq!(device.meta().await["mod"], NOW - 5, "{typed}");
        assert_eq!(device.meta().await["uname"], "Jürgen@Example.com");
    }
    for (user, password) in [("jurgen@example.com", PASSWORD), ("", PASSWORD), ("jürgen@example.com", ""), ("a\0b", PASSWORD)] {
        assert_eq!(a.status("sync/hostKey", json!({"u": user, "p": password})).await, 403, "{user:?}");
    }
    for message in [json!({}), json!({"u": "a"}), json!({"u": 1, "p": 2}), json!([])] {
        assert_eq!(a.status("sync/hostKey", message.clone()).await, 400, "{message}");
    }
    server.end().await;
}

/// An attacker who guesses must not be able to lock the owner's devices out, nor other accounts.
#[tokio::test]
async fn guessing_hurts_nobody_else() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    let b = server.device("b").await;
    let statuses: Vec<u16> =
        futures_util::future::join_all((0..30).map(|_| a.status("sync/hostKey", json!({"u": "A", "p": "guess"})))).await;
    let guesses = statuses.iter().filter(|status| **status == 403).count();
    assert!(guesses <= 10 && statuses.iter().all(|status| [403, 503].contains(status)), "also at the same time: {statuses:?}");
    assert_eq!((a.status("sync/meta", meta()).await, b.status("sync/meta", meta()).await), (200, 200));
    assert_eq!(b.status("sync/hostKey", json!({"u": "b", "p": PASSWORD})).await, 200);
    let (status, headers, _) = a.send(a.packed("sync/hostKey", zstd::encode_all(&br#"{"u":"a","p":"x"}"#[..], 1).unwrap())).await;
    assert!(status == 503 && headers.contains_key("retry-after"));
    server.end().await;
}

/// Nor can they by guessing at everybody's.
#[tokio::test]
async fn a_blocked_address_counts_for_no_name() {
    let server = TestServer::new().await;
    let b = server.device("b").await;
    let log_in = |address: &str, name: &str, password: &str| {
        let login = json!({"u": name, "p": password}).to_string();
        let mut request = b.packed("sync/hostKey", zstd::encode_all(login.as_bytes(), 1).unwrap());
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address.parse().unwrap(), 9)));
        let b = b.clone();
        async move { b.send(request).await.0 }
    };
    let window = 300_000;
    let count = |address: &'static str| server.app.main.count_login_attempt(address, window, NOW);
    for _ in 0..100 {
        count("address:192.0.2.1").await.unwrap();
    }
    for _ in 0..30 {
        assert_eq!(log_in("192.0.2.1", "b", "guess").await, 503);
    }
    assert_eq!(log_in("192.0.2.2", "b", PASSWORD).await, 200);
    // A name that is refused does not get the address of its owner refused.
    for _ in 0..20 {
        log_in("192.0.2.3", "b", "forgotten").await;
    }
    assert_eq!(log_in("192.0.2.3", "b", PASSWORD).await, 503);
    assert_eq!(count("address:192.0.2.3").await.unwrap().count, 11, "ten guesses and this one");
    server.end().await;
}

/// Deleting an account takes its keys at once, and its name is free for a stranger, who finds nothing.
#[tokio::test]
async fn a_deleted_account_comes_back_empty() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 2, NOW - 5)).await;
    let account = server.account("a").await;
    server.app.main.mark_account_deleted(account, NOW).await.unwrap();
    let other = server.second().await;
    assert_eq!(a.at(&other).status("sync/meta", meta()).await, 403);
    assert_eq!(a.at(&other).status("sync/hostKey", json!({"u": "a", "p": PASSWORD})).await, 403);
    let stranger = other.device("a").await;
    assert_ne!(server.account("a").await, account);
    assert_eq!((&stranger.meta().await["mod"], &stranger.meta().await["empty"]), (&json!(0), &json!(true)));
    other.app.accounts.finish_deletions().await.unwrap();
    assert_eq!(other.schemas().await, Vec::<String>::new());
    assert!(other.app.user.state(account).await.unwrap().is_none());
    assert_eq!(stranger.upload(&collection(Schema::V18, 1, NOW)).await, "OK");
    assert_eq!(a.at(&other).status("sync/meta", meta()).await, 403);
    drop(other);
    server.end().await;
}

/// The collection's row was lost between the two databases. Logging in makes it; a sync request never does.
#[tokio::test]
async fn logging_in_repairs_a_missing_row() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    let account = server.account("a").await;
    server.app.user.delete_collection(account, NOW).await.unwrap();
    for (path, message) in [
        ("sync/meta", meta()),
        ("sync/start", json!({"minUsn": 0, "lnewer": false})),
        ("sync/download", json!({})),
        ("msync/mediaSanity", json!({"local": 0})),
    ] {
        assert_eq!(a.status(path, message).await, 503, "{path}");
    }
    assert_eq!(a.raw("sync/upload", &collection(Schema::V18, 1, NOW)).await.0, 503);
    let again = server.log_in("a").await;
    assert_eq!(again.upload(&collection(Schema::V18, 1, NOW)).await, "OK");
    assert_eq!(a.meta().await["mod"], NOW, "the other devices go on");
    server.end().await;
}
