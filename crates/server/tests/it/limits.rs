//! What is too much is refused with 413, and whatever was there before stays.

use crate::framing::{form, gzip};
use crate::support::{BASIC, NOW, TestServer, collection, note_row};
use anki::file::Schema;
use djankiserv::app::App;
use serde_json::json;
use std::sync::Arc;

fn limited(change: impl FnOnce(&mut djankiserv::config::Limits)) -> impl FnOnce(&mut App) {
    move |app| {
        let mut config = (*app.config).clone();
        change(&mut config.limits);
        app.config = Arc::new(config);
    }
}

#[tokio::test]
async fn a_sync_may_stage_so_much() {
    let server = TestServer::with(limited(|limits| limits.max_staged = 100_000)).await;
    let mut a = server.device("a").await;
    for legacy in [false, true] {
        a.legacy = legacy;
        a.upload(&collection(Schema::V18, 1, NOW - 5)).await;
        a.start(1).await;
        let send = |id: i64| json!({"chunk": {"notes": [note_row(id, BASIC, 9, &("x".repeat(30_000) + "\u{1f}"))]}});
        for id in 50..53 {
            assert_eq!(a.status("sync/applyChunk", send(id)).await, 200);
        }
        assert_eq!(a.status("sync/applyChunk", send(53)).await, 413);
        let tags = vec!["t".repeat(20_000)];
        assert_eq!(a.status("sync/applyChanges", json!({"changes": {"models": [], "decks": [[], []], "tags": tags}})).await, 413);
        let graves: Vec<i64> = (1_000_000_000_000..1_000_000_003_000).collect();
        assert_eq!(a.status("sync/applyGraves", json!({"chunk": {"cards": graves}})).await, 413);
        // The client decides what becomes of the sync.
        assert_eq!(a.json("sync/sanityCheck2", json!({"client": [[0, 0, 0], 1, 4, 0, 0, 6, 1, 1]})).await["status"], "ok");
        a.json("sync/finish", json!({})).await;
        assert_eq!(a.notes().await.len(), 4);
    }
    server.end().await;
}

#[tokio::test]
async fn a_request_may_be_so_large_unpacked() {
    let server = TestServer::with(limited(|limits| limits.max_body = 50_000)).await;
    let mut a = server.device("a").await;
    a.upload(&collection(Schema::V18, 1, NOW - 5)).await;
    for legacy in [false, true] {
        a.legacy = legacy;
        a.start(a.meta().await["usn"].as_i64().unwrap()).await;
        let message = |bytes: usize| {
            let empty = json!({"chunk": {"notes": [note_row(50, BASIC, 9, "\u{1f}")]}}).to_string().len();
            json!({"chunk": {"notes": [note_row(50, BASIC, 9, &("x".repeat(bytes - empty) + "\u{1f}"))]}})
        };
        assert_eq!(a.status("sync/applyChunk", message(50_001)).await, 413);
        // A few bytes that unpack to many.
        assert_eq!(a.status("sync/applyChunk", message(20_000_000)).await, 413);
        assert_eq!(a.status("sync/applyChunk", message(50_000)).await, 200);
        a.json("sync/finish", json!({})).await;
        assert_eq!(a.status("sync/hostKey", json!({"u": "a", "p": "x".repeat(100_000)})).await, 413);
    }
    assert_eq!(a.notes().await.len(), 2, "the limit is for requests, not for files");
    server.end().await;
}

/// The status of an upload is not shown to the user, its text is.
#[tokio::test]
async fn an_upload_that_is_too_large_is_explained() {
    let server = TestServer::with(limited(|limits| limits.max_upload = 1 << 20)).await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 2, NOW - 5)).await;
    let large = collection(Schema::V18, 20_000, NOW - 4);
    assert!(large.len() > 1 << 20);
    let key = ("k", a.key.as_bytes());
    for (framing, request) in [
        ("zstd", a.packed("sync/upload", zstd::encode_all(&large[..], 1).unwrap())),
        ("gzip", form("/sync/upload", &[("c", b"1"), key, ("data", &gzip(&large))])),
        ("plain", form("/sync/upload", &[key, ("data", &large)])),
    ] {
        let (status, _, body) = a.send(request).await;
        let answer = if framing == "zstd" { zstd::decode_all(&body[..]).unwrap() } else { body };
        let answer = String::from_utf8(answer).unwrap();
        assert_eq!(status, 200, "{framing}");
        assert!(answer.contains("limit of 1 MiB"), "{framing}: {answer}");
        assert_eq!((a.meta().await["mod"].as_i64(), a.notes().await.len()), (Some(NOW - 5), 2));
    }
    assert_eq!(std::fs::read_dir(&server.app.temporary).unwrap().count(), 0);
    server.end().await;
}
