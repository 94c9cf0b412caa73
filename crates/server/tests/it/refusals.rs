use crate::support::{BASIC, NOW, PASSWORD, TestServer, collection, note_row};
use anki::file::Schema;
use axum::http::Request;
use djankiserv::app::router;
use serde_json::json;
use tower::ServiceExt;

#[tokio::test]
async fn uploads_that_are_no_collection_change_nothing() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    let good = collection(Schema::V18, 3, NOW - 5);
    a.upload(&good).await;
    let mut damaged = good.clone();
    damaged[5000..9000].fill(0xA5);
    for (what, body) in [("empty", Vec::new()), ("foreign", b"hello, world".repeat(500)), ("damaged", damaged)] {
        let answer = a.upload(&body).await;
        assert!(answer != "OK" && answer.len() > 20, "{what}: {answer}");
    }
    let packed = zstd::encode_all(&good[..], 1).unwrap();
    for cut in [0, 4, packed.len() / 2, packed.len() - 1] {
        let response = router(a.app.clone()).oneshot(a.packed("sync/upload", packed[..cut].to_vec())).await.unwrap();
        let status = response.status().as_u16();
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
        assert!(status == 400 || zstd::decode_all(&body[..]).unwrap() != b"OK", "cut at {cut}");
    }
    let large = a.upload(&vec![0; 51 << 20]).await;
    assert!(large.contains("larger than the limit"), "{large}");
    assert_eq!(a.notes().await.len(), 3);
    assert_eq!(a.meta().await["mod"], NOW - 5);
    server.end().await;
}

#[tokio::test]
async fn statuses_say_what_a_client_should_do() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    let mut stranger = a.clone();
    stranger.key = "0".repeat(64);
    assert_eq!(stranger.status("sync/meta", json!({"v": 11, "cv": ""})).await, 403);
    assert_eq!(a.status("sync/meta", json!({"v": 7, "cv": ""})).await, 501);
    assert_eq!(a.status("sync/meta", json!({"cv": ""})).await, 400);
    assert_eq!(a.status("sync/chunk", json!({})).await, 409);
    assert_eq!(a.status("sync/nonsense", json!({})).await, 404);
    assert_eq!(a.status("djs/sync/meta", json!({"v": 11, "cv": ""})).await, 200);
    let mut nameless = a.clone();
    nameless.session.clear();
    assert_eq!(nameless.status("sync/start", json!({"minUsn": 1, "lnewer": false})).await, 400);
    for (method, path, status) in
        [("GET", "/sync/meta", 405), ("GET", "/health", 200), ("GET", "/health/ready", 200), ("POST", "/sync/meta", 400)]
    {
        let request = Request::builder().method(method).uri(path).body(axum::body::Body::empty()).unwrap();
        assert_eq!(router(a.app.clone()).oneshot(request).await.unwrap().status(), status, "{method} {path}");
    }
    server.end().await;
}

#[tokio::test]
async fn notes_that_do_not_fit_their_notetype_are_refused_and_the_sync_goes_on() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    a.start(0).await;
    for (note, status) in [
        (note_row(50, BASIC, 9, "one field"), 400),
        (note_row(50, 12345, 9, "a\u{1f}b"), 400),
        // Ours is pending and newer, so this one is never stored and what is wrong with it does not matter.
        (note_row(1, BASIC, 4, "one field"), 200),
        (note_row(50, BASIC, 9, "a\u{1f}b"), 200),
    ] {
        assert_eq!(a.status("sync/applyChunk", json!({"chunk": {"notes": [note]}})).await, status, "{note}");
    }
    // Once the client has deleted ours, it beats nothing.
    a.json("sync/applyGraves", json!({"chunk": {"cards": [], "notes": [1], "decks": []}})).await;
    for (fields, status) in [("one field", 400), ("again\u{1f}b", 200)] {
        let rows = json!({"chunk": {"notes": [note_row(1, BASIC, 4, fields)]}});
        assert_eq!(a.status("sync/applyChunk", rows).await, status, "{fields}");
    }
    a.json("sync/finish", json!({})).await;
    let notes = a.notes().await;
    assert_eq!(notes.iter().map(|n| n.id).collect::<Vec<_>>(), [1, 2, 3, 50]);
    assert_eq!(notes[0].fields, "again\u{1f}b");
    server.end().await;
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down_and_logs_nobody_out() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    let wrong = json!({"u": "A", "p": "wrong"});
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(a.status("sync/hostKey", wrong.clone()).await);
    }
    assert_eq!((statuses[0], statuses[11]), (403, 503), "{statuses:?}");
    assert_eq!(a.status("sync/hostKey", json!({"u": "a", "p": PASSWORD})).await, 503, "even the right one has to wait");
    a.meta().await;
    server.clock.set(NOW + 301_000);
    assert_eq!(a.status("sync/hostKey", json!({"u": "a", "p": PASSWORD})).await, 200);
    server.end().await;
}
