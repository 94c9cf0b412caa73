//! What is too much is refused with 413, and whatever was there before stays.

use crate::framing::{form, gzip};
use crate::support::{BASIC, Device, NOW, TestServer, collection, note_row};
use anki::file::Schema;
use axum::body::{Body, Bytes};
use axum::http::Request;
use djankiserv::app::App;
use futures_util::{StreamExt, stream};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use store::turns::Turns;

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
    server.until_no_temporary_file_is_left().await;
    server.end().await;
}

/// Clients of protocol 8–10 send the payload before the key.
#[tokio::test]
async fn what_an_unknown_sender_sends_is_not_unpacked() {
    let server = TestServer::with(limited(|limits| limits.max_upload = 40 << 20)).await;
    let mut a = server.device("a").await;
    a.legacy = true;
    let bomb = gzip(&vec![0; 30 << 20]);
    assert!(bomb.len() > 128 << 10);
    for path in ["/sync/upload", "/sync/applyChunk", "/msync/uploadChanges"] {
        // All of the payload, and then nothing for as long as the connection is open.
        let (head, body) = form(path, &[("c", b"1"), ("data", &bomb)]).into_parts();
        let begun = body.into_data_stream().chain(stream::pending());
        let open = tokio::spawn({
            let a = a.clone();
            async move { a.send(Request::from_parts(head, Body::from_stream(begun))).await.0 }
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        let kept: u64 = std::fs::read_dir(&server.app.temporary).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
        assert!(kept <= bomb.len() as u64, "{path}: {kept} bytes are on the disk");
        open.abort();
        for key in [&b""[..], b"not a key"] {
            assert_eq!(a.send(form(path, &[("c", b"1"), ("data", &bomb), ("k", key)])).await.0, 403, "{path}");
        }
    }
    // Who is known is served, whatever comes first.
    let key = ("k", a.key.as_bytes());
    let large = collection(Schema::V11, 3000, NOW - 4);
    let packed = gzip(&large);
    assert!(packed.len() > 64 << 10);
    for parts in
        [[("c", b"1".as_slice()), ("data", &packed), key], [("data", &packed), key, ("c", b"1")], [("data", &large), ("c", b"0"), key]]
    {
        assert_eq!(a.send(form("/sync/upload", &parts)).await.2, b"OK");
        assert_eq!(a.notes().await.len(), 3000);
    }
    let (status, _, answer) = a.send(form("/sync/upload", &[("c", b"1"), ("data", &gzip(&vec![0; 41 << 20])), key])).await;
    assert_eq!(status, 200);
    assert!(String::from_utf8(answer).unwrap().contains("limit of 40 MiB"));
    a.start(a.meta().await["usn"].as_i64().unwrap()).await;
    let rows: Vec<_> = (0..2000).map(|id| note_row(9000 + id, BASIC, 9, &format!("{:x}\u{1f}", id * 0x9E37_79B9_7F4A))).collect();
    let chunk = json!({"chunk": {"notes": rows}}).to_string();
    for (flag, data) in [("0", chunk.as_bytes()), ("1", &gzip(chunk.as_bytes())[..])] {
        assert_eq!(
            a.send(form("/sync/applyChunk", &[("data", data), ("c", flag.as_bytes()), key, ("s", a.session.as_bytes())])).await.0,
            200
        );
    }
    a.json("sync/finish", json!({})).await;
    assert_eq!(a.notes().await.len(), 5000);
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.until_no_temporary_file_is_left().await;
    server.end().await;
}

/// The parser of forms keeps what it has not made sense of.
#[tokio::test]
async fn a_form_may_have_so_much_around_its_payload() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    let head = "--B\r\nContent-Disposition: form-data; name=\"";
    for begun in [String::new(), "--B\r\nX-Long: ".into(), format!("{head}data\"\r\n\r\n{{}}\r\n--B\r\nX-Long: ")] {
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = taken.clone();
        // A hundred megabytes, unless somebody stops it.
        let junk = stream::iter(0..1600).map(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from(vec![b'a'; 64 << 10]))
        });
        let whole = stream::iter([Ok(Bytes::from(begun.clone()))]).chain(junk);
        let request = Request::post("/sync/meta").header("content-type", "multipart/form-data; boundary=B");
        assert_eq!(a.send(request.body(Body::from_stream(whole)).unwrap()).await.0, 413, "{begun}");
        assert!(taken.load(Ordering::Relaxed) < 5, "{begun}: {taken:?} pieces were taken");
    }
    server.end().await;
}

/// A request whose body goes on for ever, a byte at a time.
fn endless(device: &Device) -> tokio::task::JoinHandle<u16> {
    endless_to(device, "sync/applyChunk")
}

fn endless_to(device: &Device, path: &str) -> tokio::task::JoinHandle<u16> {
    let mut request = device.packed(path, Vec::new());
    if device.legacy {
        // The key first, then a file without an end.
        request = form(&format!("/{path}"), &[("k", device.key.as_bytes())]);
    }
    let bytes = stream::repeat(()).then(|()| async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok::<_, std::io::Error>(Bytes::from_static(b"("))
    });
    *request.body_mut() = Body::from_stream(bytes);
    let device = device.clone();
    tokio::spawn(async move { device.send(request).await.0 })
}

#[tokio::test]
async fn one_account_cannot_take_the_server_from_the_others() {
    let server = TestServer::with(|app| app.turns = Turns::new(3)).await;
    let (a, b) = (server.device("a").await, server.device("b").await);
    let slow: Vec<_> = (0..3).map(|_| endless(&a)).collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = Instant::now();
    assert_eq!(b.status("sync/meta", json!({"v": 11, "cv": ""})).await, 200);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(a.status("sync/meta", json!({"v": 11, "cv": ""})).await, 503, "waited in vain");
    assert!(begun.elapsed() < Duration::from_secs(20));
    let (waiting, ()) = tokio::join!(a.status("sync/meta", json!({"v": 11, "cv": ""})), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        // The connection breaks off.
        slow[0].abort();
    });
    assert_eq!(waiting, 200);
    slow.iter().for_each(tokio::task::JoinHandle::abort);
    server.end().await;
}

#[tokio::test]
async fn who_sends_slowly_holds_no_connection_to_the_database() {
    let server = TestServer::with(|app| app.turns = Turns::new(100)).await;
    let a = server.device("a").await;
    let mut b = server.device("b").await;
    b.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    let old = Device { legacy: true, ..a.clone() };
    let paths = ["sync/upload", "msync/uploadChanges", "sync/applyChunk", "sync/meta", "sync/start", "sync/finish", "msync/mediaChanges"];
    let mut slow: Vec<_> = (0..70).map(|n| endless_to(&a, paths[n % paths.len()])).collect();
    slow.extend((0..14).map(|n| endless_to(&old, paths[n % paths.len()])));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(server.app.user.db().pool_use().used, 0);
    // Another user does not notice.
    let begun = Instant::now();
    for round in 0..5 {
        b.session = format!("s{round}");
        b.start(1 + round).await;
        let rows = json!({"notes": [note_row(50 + round, BASIC, 9, "a\u{1f}b")]});
        b.json("sync/applyChunk", json!({"chunk": rows})).await;
        b.json("sync/finish", json!({})).await;
    }
    assert_eq!(b.notes().await.len(), 8);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(server.app.user.db().pool_use().used, 0);
    assert!(slow.iter().all(|request| !request.is_finished()));
    slow.iter().for_each(tokio::task::JoinHandle::abort);
    server.end().await;
}

/// Somebody holds the lock of a collection for long: a large sync, or a program that was stopped in its middle.
#[tokio::test]
async fn a_blocked_lock_is_waited_for_in_bounded_time_and_not_by_others() {
    let server = TestServer::with(|app| app.turns = Turns::new(100)).await;
    let (a, b) = (server.device("a").await, server.device("b").await);
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    b.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    let outside = server.second().await;
    let blocking = outside.app.user.lock(server.account("a").await).await.unwrap();
    let begun = Instant::now();
    // More than there are connections.
    let start = || a.status("sync/start", json!({"minUsn": 1, "lnewer": false}));
    let waiting = futures_util::future::join_all((0..20).map(|_| async {
        let status = start().await;
        (status, begun.elapsed())
    }));
    let others = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for usn in 1..6 {
            b.start(usn).await;
            b.json("sync/applyChunk", json!({"chunk": {"notes": [note_row(50 + usn, BASIC, 9, "a\u{1f}b")]}})).await;
            b.json("sync/finish", json!({})).await;
        }
        // What needs no lock goes on for the same account too.
        a.meta().await;
        begun.elapsed()
    };
    let (waited, others) = tokio::join!(waiting, others);
    assert!(others < Duration::from_secs(5), "others had to wait: {others:?}");
    let in_time = |(status, took): &(u16, Duration)| *status == 503 && *took < Duration::from_secs(25);
    assert!(waited.iter().all(in_time), "{waited:?}");
    assert!(waited.iter().filter(|(_, took)| *took < Duration::from_secs(8)).count() >= 18, "most are told sooner: {waited:?}");
    blocking.tx.rollback().await.unwrap();
    assert_eq!(start().await, 200);
    a.json("sync/finish", json!({})).await;
    assert_eq!(server.app.user.db().pool_use().used, 0);
    drop(outside);
    server.end().await;
}

#[tokio::test]
async fn without_a_free_connection_the_answer_is_later_and_comes_soon() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    let db = server.app.user.db();
    let mut held = Vec::new();
    while db.pool_use().used < db.pool_use().most {
        held.push(db.begin().await.unwrap());
    }
    let begun = Instant::now();
    let asked = futures_util::future::join_all((0..30).map(|_| a.status("sync/meta", json!({"v": 11, "cv": ""})))).await;
    assert!(asked.iter().all(|status| *status == 503), "{asked:?}");
    // All of them, although an account's requests are served sixteen at a time.
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    drop(held);
    a.meta().await;
    server.end().await;
}
