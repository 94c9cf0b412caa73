//! The two framings, in every form that clients have for them.

use crate::support::{Device, NOW, PASSWORD, TestServer, collection};
use anki::file::Schema;
use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use serde_json::{Value, json};
use std::io::Write;
use zstd::zstd_safe::find_frame_compressed_size;

pub type Part<'a> = (&'a str, &'a [u8]);

pub fn form(path: &str, parts: &[Part<'_>]) -> Request<Body> {
    let mut body = Vec::new();
    for (name, value) in parts {
        let file = if *name == "data" { "; filename=\"data\"" } else { "" };
        write!(body, "--B\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").unwrap();
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--B--\r\n");
    Request::post(path).header("content-type", "multipart/form-data; boundary=B").body(Body::from(body)).unwrap()
}

pub fn gzip(payload: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(payload).unwrap();
    gzip.finish().unwrap()
}

fn orders<'a>(parts: &[Part<'a>]) -> Vec<Vec<Part<'a>>> {
    if parts.is_empty() {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for first in 0..parts.len() {
        let mut rest = parts.to_vec();
        let part = rest.remove(first);
        all.extend(orders(&rest).into_iter().map(|mut order| {
            order.insert(0, part);
            order
        }));
    }
    all
}

async fn uploaded(server: &TestServer) -> Device {
    let device = server.device("a").await;
    assert_eq!(device.upload(&collection(Schema::V18, 3, NOW - 5)).await, "OK");
    device
}

#[tokio::test]
async fn the_parts_of_a_form_come_in_any_order_packed_or_not() {
    let server = TestServer::new().await;
    let a = uploaded(&server).await;
    let plain = br#"{"v":10,"cv":"anki,2.1.49 (d9ed0ec1),lin:ubuntu"}"#.as_slice();
    let packed = gzip(plain);
    let key = ("k", a.key.as_bytes());
    let session = ("s", b"a;{($!`~".as_slice());
    for parts in [
        vec![("c", b"1".as_slice()), key, session, ("data", &packed)],
        vec![("c", b"0".as_slice()), key, session, ("data", plain)],
        vec![key, session, ("data", plain)],
        vec![("sk", key.1), session, ("data", plain)],
        vec![("v", b"anki,2.1.56".as_slice()), key, ("unknown", b"x"), ("data", plain)],
    ] {
        for order in orders(&parts) {
            let names: Vec<&str> = order.iter().map(|(name, _)| *name).collect();
            let (status, headers, body) = a.send(form("/sync/meta", &order)).await;
            assert_eq!(status, 200, "{names:?}");
            assert!(!headers.contains_key("anki-original-size"), "a plain answer");
            let meta: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(meta["mod"], NOW - 5, "{names:?}");
        }
    }
    // What has to be unpacked from a file: the flag and the key come after it.
    let file = collection(Schema::V11, 2, NOW - 4);
    let packed = gzip(&file);
    let (_, _, body) = a.send(form("/sync/upload", &[("data", &packed), ("c", b"1"), key])).await;
    assert_eq!(body, b"OK");
    assert_eq!(a.meta().await["mod"], NOW - 4);
    server.until_no_temporary_file_is_left().await;
    server.end().await;
}

#[tokio::test]
async fn a_form_may_come_without_a_payload() {
    let server = TestServer::new().await;
    let a = uploaded(&server).await;
    let key = ("k", a.key.as_bytes());
    let file = a.send(form("/sync/download", &[key])).await;
    assert_eq!((file.0, &file.2[..15]), (200, &b"SQLite format 3"[..]));
    for parts in
        [vec![key, ("data", b"".as_slice())], vec![("data", b"".as_slice()), key], vec![("c", b"1".as_slice()), key, ("data", b"")]]
    {
        assert_eq!(a.send(form("/sync/download", &parts)).await.2, file.2, "{parts:?}");
        assert_eq!(a.send(form("/sync/abort", &parts)).await.2, b"null");
        assert_eq!(a.send(form("/sync/meta", &parts)).await.0, 400, "nothing counts as an empty object, which is no question");
        assert_eq!(a.send(form("/msync/mediaSanity", &parts)).await.0, 400);
    }
    let login = json!({"u": "a", "p": PASSWORD}).to_string();
    let (status, _, body) = a.send(form("/sync/hostKey", &[("c", b"1"), ("data", &gzip(login.as_bytes()))])).await;
    assert_eq!((status, body.starts_with(b"{\"key\":\"")), (200, true));
    server.end().await;
}

#[tokio::test]
async fn what_is_neither_framing_is_refused_and_blames_nobody() {
    let server = TestServer::new().await;
    let a = uploaded(&server).await;
    let header = |value: String, body: Vec<u8>| Request::post("/sync/meta").header("anki-sync", value).body(Body::from(body)).unwrap();
    let meta = zstd::encode_all(&br#"{"v":11,"cv":"x"}"#[..], 1).unwrap();
    let full = json!({"v": 11, "k": a.key, "c": "26.09.3,0,linux", "s": "s1"});
    assert_eq!(a.send(header(full.to_string(), meta.clone())).await.0, 200);
    for key in ["v", "k", "c", "s"] {
        let mut less = full.clone();
        less.as_object_mut().unwrap().remove(key);
        assert_eq!(a.send(header(less.to_string(), meta.clone())).await.0, 400, "without {key}");
    }
    for version in [7, 12, -1] {
        let mut other = full.clone();
        other["v"] = version.into();
        assert_eq!(a.send(header(other.to_string(), meta.clone())).await.0, 400, "version {version}");
    }
    for body in [b"junk".to_vec(), meta[..meta.len() - 1].to_vec(), meta[..5].to_vec(), br#"{"v":11,"cv":"x"}"#.to_vec()] {
        let (status, headers, answer) = a.send(header(full.to_string(), body)).await;
        assert_eq!((status, answer.as_slice()), (400, &b"400"[..]));
        assert!(!headers.contains_key("anki-original-size"));
    }
    let key = ("k", a.key.as_bytes());
    for parts in [vec![("c", b"1".as_slice()), key, ("data", b"no gzip")], vec![key, ("data", b"{")], vec![key, ("data", b"[]")]] {
        assert_eq!(a.send(form("/sync/meta", &parts)).await.0, 400, "{parts:?}");
    }
    let cut = Request::post("/sync/meta").header("content-type", "multipart/form-data; boundary=B");
    assert_eq!(a.send(cut.body(Body::from("--B\r\nContent-Disposition: form-da")).unwrap()).await.0, 400);
    let many: Vec<Part<'_>> = std::iter::repeat_n(("x", b"y".as_slice()), 100).collect();
    assert_eq!(a.send(form("/sync/meta", &many)).await.0, 400);
    assert_eq!(a.send(form("/sync/meta", &[("k", b"not a key"), ("data", br#"{"v":10,"cv":""}"#)])).await.0, 403);
    assert_eq!(a.send(form("/sync/meta", &[("data", br#"{"v":10,"cv":""}"#)])).await.0, 403, "no key at all");
    server.end().await;
}

#[tokio::test]
async fn bodies_come_in_pieces_and_answers_are_one_frame() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    let packed = zstd::encode_all(&collection(Schema::V18, 50, NOW - 5)[..], 1).unwrap();
    let pieces: Vec<Result<Bytes, std::io::Error>> = packed.chunks(1000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let mut request = a.packed("sync/upload", Vec::new());
    *request.body_mut() = Body::from_stream(futures_util::stream::iter(pieces));
    let (status, headers, body) = a.send(request).await;
    assert_eq!((status, headers["anki-original-size"].to_str().unwrap()), (200, "2"));
    assert_eq!(zstd::decode_all(&body[..]).unwrap(), b"OK");

    let message = zstd::encode_all(&br#"{"v":11,"cv":""}"#[..], 1).unwrap();
    // The second download is the kept file of the first.
    for path in ["sync/meta", "sync/download", "sync/download", "sync/abort"] {
        let (status, headers, body) = a.send(a.packed(path, message.clone())).await;
        assert_eq!(status, 200);
        assert_eq!(find_frame_compressed_size(&body), Ok(body.len()), "{path}: clients stop after the first frame");
        let unpacked = zstd::decode_all(&body[..]).unwrap();
        assert_eq!(headers["anki-original-size"].to_str().unwrap(), unpacked.len().to_string(), "{path}");
    }

    // The connection breaks off in the middle.
    let broken = [Ok(Bytes::copy_from_slice(&packed[..packed.len() / 2])), Err(std::io::Error::other("gone"))];
    let mut request = a.packed("sync/upload", Vec::new());
    *request.body_mut() = Body::from_stream(futures_util::stream::iter(broken));
    assert_eq!(a.send(request).await.0, 400);
    assert_eq!(a.meta().await["mod"], NOW - 5);
    server.until_no_temporary_file_is_left().await;
    server.end().await;
}

#[tokio::test]
async fn addresses_are_forgiven_where_that_is_safe() {
    let server = TestServer::new().await;
    let a = uploaded(&server).await;
    let meta = zstd::encode_all(&br#"{"v":11,"cv":""}"#[..], 1).unwrap();
    for (path, status) in [
        ("/sync/meta", 200),
        ("//sync/meta", 200),
        ("/djs/sync/meta", 200),
        ("/djs//sync/meta", 200),
        ("/sync/sync/meta", 404),
        ("/syncmeta", 404),
        ("/sync/", 404),
        ("/sync/Meta", 404),
        ("/sync/begin", 404),
        ("/msync/meta", 404),
        ("/djs/djs/sync/meta", 404),
        ("/djs", 404),
    ] {
        let header = json!({"v": 11, "k": a.key, "c": "x", "s": "s1"}).to_string();
        let request = Request::post(path).header("anki-sync", header).body(Body::from(meta.clone())).unwrap();
        assert_eq!(a.send(request).await.0, status, "{path}");
    }
    for (method, path, status) in [
        ("GET", "/sync/meta", 405),
        ("PUT", "/sync/upload", 405),
        ("GET", "/msync/mediaChanges", 405),
        ("GET", "/msync/begin", 403),
        ("GET", "/", 303),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        assert_eq!(a.send(request).await.0, status, "{method} {path}");
    }
    // The key in the address, as clients of protocol 10 have it.
    for path in ["/msync/begin", "//msync/begin", "/djs/msync/begin"] {
        let request = Request::get(format!("{path}?k={}&v=anki%2C2.1.56+%28x%29%2Clin", a.key)).body(Body::empty()).unwrap();
        let (status, _, body) = a.send(request).await;
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, &answer["err"], &answer["data"]["usn"]), (200, &json!(""), &json!(0)), "{path}");
    }
    server.end().await;
}
