//! Everything that reads bytes from outside gets bytes that nobody would send: no panic, no fault of ours in the answer, no time or memory
//! without limit, and nothing changed.

mod mutate;
mod seeds;

use crate::support::{BASIC, Device, NOW, TestServer, card_row, collection, note_row, read_all};
use crate::{lasting, say};
use anki::file::Schema;
use axum::body::Body;
use axum::http::Request;
use djankiserv::actions::check::Severity;
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longer than any request may take on a machine that has much else to do.
const LONGEST: Duration = Duration::from_secs(20);

/// What a small body unpacks to, in bytes.
const BOMB: u64 = 4 << 30;

fn rng() -> Rng {
    let seed = std::env::var("DJANKISERV_PROOF_SEED").map_or_else(|_| fastrand::u64(..), |text| text.parse().unwrap());
    say(&format!("seed {seed}"));
    Rng::with_seed(seed)
}

async fn server() -> TestServer {
    TestServer::with(|app| {
        let mut config = (*app.config).clone();
        let limits = &mut config.limits;
        (limits.max_body, limits.max_upload, limits.max_media_batch) = (2 << 20, 8 << 20, 4 << 20);
        app.config = Arc::new(config);
    })
    .await
}

/// What was answered how often.
#[derive(Default)]
struct Tally(BTreeMap<(String, u16), u64>);

impl Tally {
    fn add(&mut self, path: &str, status: u16) {
        *self.0.entry((path.to_owned(), status)).or_default() += 1;
    }

    fn total(&self) -> u64 {
        self.0.values().sum()
    }

    fn with(&self, status: u16) -> u64 {
        self.0.iter().filter(|((_, s), _)| *s == status).map(|(_, count)| count).sum()
    }
}

/// The most memory that this process has had, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// Sends it and answers with the status, which is never one that says that the fault is ours.
async fn send(device: &Device, tally: &mut Tally, path: &str, request: Request<Body>, input: &[u8]) -> (u16, Vec<u8>) {
    let begun = Instant::now();
    let (status, _, body) = device.send(request).await;
    tally.add(path, status);
    let shown = || String::from_utf8_lossy(&input[..input.len().min(2000)]).into_owned();
    // Of logins that fail there may only be so many.
    let later = status == 503 && path == "sync/hostKey";
    assert!(later || [200, 400, 403, 404, 405, 409, 413, 501].contains(&status), "{path}: {status} for {}", shown());
    assert!(begun.elapsed() < LONGEST, "{path}: {:?} for {}", begun.elapsed(), shown());
    (status, body)
}

/// The payload in either framing, and sometimes the framing is what is wrong.
fn request(rng: &mut Rng, device: &Device, path: &str, payload: &[u8]) -> Request<Body> {
    let broken = rng.u8(0..6) == 0;
    if rng.bool() {
        let mut body = zstd::encode_all(payload, 1).unwrap();
        if broken {
            mutate::bytes(rng, &mut body);
        }
        let mut request = device.packed(path, body);
        if rng.u8(0..8) == 0 {
            let mut header = request.headers()["anki-sync"].as_bytes().to_vec();
            mutate::bytes(rng, &mut header);
            match axum::http::HeaderValue::from_bytes(&header) {
                Ok(header) => drop(request.headers_mut().insert("anki-sync", header)),
                // No such request can be made.
                Err(_) => drop(request.headers_mut().remove("anki-sync")),
            }
        }
        return request;
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(payload).unwrap();
    let packed = gzip.finish().unwrap();
    let mut parts = vec![("c", b"1".to_vec()), ("k", device.key.clone().into()), ("s", device.session.clone().into()), ("data", packed)];
    rng.shuffle(&mut parts);
    let mut body = Vec::new();
    for (name, value) in parts {
        write!(body, "--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").unwrap();
        body.extend(value);
        body.extend(b"\r\n");
    }
    body.extend(b"--B--\r\n");
    if broken {
        mutate::bytes(rng, &mut body);
    }
    Request::post(format!("/{path}")).header("content-type", "multipart/form-data; boundary=B").body(Body::from(body)).unwrap()
}

/// A gigabyte of zeroes.
fn gzip_bomb() -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::copy(&mut std::io::repeat(0).take(1 << 30), &mut gzip).unwrap();
    gzip.finish().unwrap()
}

/// A request of an old client, the payload packed already.
fn form(device: &Device, path: &str, packed: &[u8]) -> Request<Body> {
    let part = |name: &str| format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").into_bytes();
    let body = [&part("c"), &b"1\r\n"[..], &part("k"), device.key.as_bytes(), b"\r\n", &part("data"), packed, b"\r\n--B--\r\n"].concat();
    Request::post(format!("/{path}")).header("content-type", "multipart/form-data; boundary=B").body(Body::from(body)).unwrap()
}

/// A message that was changed as JSON, or as bytes.
fn changed(rng: &mut Rng, message: &Value) -> Vec<u8> {
    let mut message = message.clone();
    if rng.u8(0..4) > 0 {
        mutate::json(rng, &mut message);
    }
    let mut payload = message.to_string().into_bytes();
    if rng.u8(0..4) == 0 {
        mutate::bytes(rng, &mut payload);
    }
    payload
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_does_harm() {
    let server = server().await;
    let (mut rng, mut tally) = (rng(), Tally::default());
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    let (before, meta) = (server.rows("a").await, a.meta().await);
    let messages = seeds::messages();
    let (bomb, gzip_bomb, mut round) = (zstd::encode_all(std::io::repeat(b'[').take(BOMB), 1).unwrap(), gzip_bomb(), 0);
    // As much as fits, and no deeper than it may be: a parser that follows each level would need as many stack frames.
    let deep = [vec![b'['; 2 << 20], b"{\"a\":".repeat(300_000), [b"{\"chunk\":".to_vec(), b"[".repeat(1 << 20)].concat()];
    // Making the bombs takes a while.
    let until = Instant::now() + lasting(30);
    while Instant::now() < until {
        round += 1;
        if round % 8 == 1 {
            // So that most of them find a sync to harm.
            a.start(0).await;
        }
        let (path, message) = rng.choice(&messages).unwrap();
        let payload = changed(&mut rng, message);
        let request = match rng.u8(0..60) {
            0 => a.packed(path, bomb.clone()),
            1 => form(&a, path, &gzip_bomb),
            2 => a.packed(path, zstd::encode_all(&rng.choice(&deep).unwrap()[..], 1).unwrap()),
            _ => request(&mut rng, &a, path, &payload),
        };
        send(&a, &mut tally, path, request, &payload).await;
        if round % 500 == 0 {
            // Wrong names and passwords are counted, and the right ones wait with them.
            server.clock.set(server.clock.now_ms() + 400_000);
            assert!(server.rows("a").await == before, "after {round} messages");
        }
    }
    assert!(server.rows("a").await == before);
    // The stamps may be new: a client that says twice that it is ahead of us gets a one-way sync.
    assert_eq!(a.meta().await["usn"], meta["usn"]);
    assert_eq!(std::fs::read_dir(&server.app.temporary).unwrap().count(), 0);
    say(&format!("{} messages: {:?}", tally.total(), tally.0));
    assert!(tally.with(200) > 100 && tally.with(400) > 100 && tally.with(413) > 5, "tests nothing");
    assert!(peak_memory() < BOMB, "the bombs were not unpacked");
    server.end().await;
}

/// What is accepted can be finished, and what it gives can be read by every other device.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_accepted_can_be_lived_with() {
    let server = server().await;
    let (mut rng, mut tally) = (rng(), Tally::default());
    let mut a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    let messages: Vec<_> = seeds::messages()
        .into_iter()
        .filter(|(path, _)| ["sync/start", "sync/applyGraves", "sync/applyChanges", "sync/applyChunk"].contains(path))
        .collect();
    let until = Instant::now() + lasting(30);
    let (mut finished, mut round) = (0, 0);
    while Instant::now() < until {
        round += 1;
        a.session = format!("s{round}");
        a.start(0).await;
        let mut accepted = Vec::new();
        for _ in 0..rng.usize(1..8) {
            let (path, message) = rng.choice(&messages).unwrap();
            let payload = changed(&mut rng, message);
            let request = a.packed(path, zstd::encode_all(&payload[..], 1).unwrap());
            if send(&a, &mut tally, path, request, &payload).await.0 == 200 {
                accepted.push(String::from_utf8_lossy(&payload).into_owned());
            }
        }
        let shown = || accepted.iter().map(|text| text.chars().take(1500).collect::<String>()).collect::<Vec<_>>().join("\n");
        let (status, _) = a.raw("sync/finish", b"{}").await;
        assert!(status == 200 || status == 409, "finish: {status} after\n{}", shown());
        finished += u64::from(status == 200);
        if round % 10 == 0 {
            let (status, file) = a.raw("sync/download", b"{}").await;
            assert_eq!(status, 200, "download after\n{}", shown());
            let (_, notes, cards, reviews) = read_all(&file);
            let kept = server.app.user.state(server.account("a").await).await.unwrap().unwrap().current.unwrap().counts;
            let read = (notes.len() as i64, cards.len() as i64, reviews.len() as i64);
            assert_eq!(read, (kept.notes, kept.cards, kept.revlog), "after\n{}", shown());
            // Another device hears of everything, and can say something.
            let other = Device { session: format!("o{round}"), ..a.clone() };
            other.start(0).await;
            other.json("sync/applyChanges", json!({"changes": {"models": [], "decks": [[], []], "tags": []}})).await;
            while other.json("sync/chunk", json!({})).await["done"] != true {}
            let id = 5_000_000 + round;
            let rows = json!({"notes": [note_row(id, BASIC, 9, "a\u{1f}b")], "cards": [card_row(id, id, 9)]});
            assert_eq!(other.status("sync/applyChunk", json!({"chunk": rows})).await, 200);
            assert_eq!(other.status("sync/finish", json!({})).await, 200);
            // Anew, before it becomes a heap of oddities in which nothing new would show.
            if round % 50 == 0 {
                a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
            }
        }
    }
    say(&format!("{} messages, {finished} syncs finished: {:?}", tally.total(), tally.0));
    assert!(finished > 20 && tally.with(200) > 50, "tests nothing");
    let (findings, _) = server.check(false).await;
    let damages: Vec<_> = findings.iter().filter(|found| found.severity == Severity::Damage).collect();
    assert!(damages.is_empty(), "{damages:?}");
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_batch_of_media_does_harm() {
    let server = server().await;
    let (mut rng, mut tally) = (rng(), Tally::default());
    let a = server.device("a").await;
    let gzip_bomb = gzip_bomb();
    let until = Instant::now() + lasting(20);
    while Instant::now() < until {
        let mut batch = seeds::media(&mut rng);
        if rng.bool() {
            mutate::bytes(&mut rng, &mut batch);
        }
        let before = a.json("msync/begin", json!({"v": ""})).await["data"]["usn"].as_i64().unwrap();
        let request = match rng.u8(0..50) {
            0 => form(&a, "msync/uploadChanges", &gzip_bomb),
            _ => request(&mut rng, &a, "msync/uploadChanges", &batch),
        };
        let (status, _) = send(&a, &mut tally, "msync/uploadChanges", request, &batch).await;
        let after = a.json("msync/begin", json!({"v": ""})).await["data"]["usn"].as_i64().unwrap();
        assert!(status == 200 || after == before, "refused and changed: {before} {after}");
    }
    // Whatever was accepted can be listed and fetched.
    let (mut usn, mut names) = (0, BTreeMap::new());
    loop {
        let page = a.json("msync/mediaChanges", json!({"lastUsn": usn})).await;
        let rows = page["data"].as_array().unwrap();
        if rows.is_empty() {
            break;
        }
        for row in rows {
            usn = usn.max(row[1].as_i64().unwrap());
            names.insert(row[0].as_str().unwrap().to_owned(), row[2].as_str().unwrap_or_default().to_owned());
        }
    }
    names.retain(|_, sha1| !sha1.is_empty());
    for name in names.keys() {
        assert_eq!(a.status("msync/downloadFiles", json!({"files": [name]})).await, 200, "{name}");
    }
    assert_eq!(std::fs::read_dir(&server.app.temporary).unwrap().count(), 0);
    say(&format!("{} batches: {:?}, {} files kept", tally.total(), tally.0, names.len()));
    assert!(tally.with(200) > 20 && tally.with(400) > 20, "tests nothing");
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_file_does_harm() {
    let server = server().await;
    let (mut rng, mut tally) = (rng(), Tally::default());
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    let (mut taken, mut refused) = (0, 0);
    let (bomb, gzip_bomb) = (zstd::encode_all(std::io::repeat(0).take(BOMB), 1).unwrap(), gzip_bomb());
    let until = Instant::now() + lasting(30);
    while Instant::now() < until {
        let mut file = seeds::file(&mut rng);
        if rng.u8(0..3) > 0 {
            mutate::bytes(&mut rng, &mut file);
            if rng.bool() && file.len() > 8192 {
                // Pages other than the first, where the rows are.
                let mut rest = file.split_off(4096);
                for _ in 0..rng.usize(1..20) {
                    mutate::bytes(&mut rng, &mut rest);
                }
                file.extend(rest);
            }
        }
        let before = a.meta().await;
        let (packed, legacy) = match rng.u8(0..60) {
            0 => (a.packed("sync/upload", bomb.clone()), false),
            1 => (form(&a, "sync/upload", &gzip_bomb), true),
            _ => (a.packed("sync/upload", zstd::encode_all(&file[..], 1).unwrap()), false),
        };
        let (status, body) = send(&a, &mut tally, "sync/upload", packed, b"a file").await;
        let body = if status == 200 && !legacy { zstd::decode_all(&body[..]).unwrap() } else { body };
        let text = if status == 200 { String::from_utf8(body).unwrap() } else { String::new() };
        if text == "OK" {
            taken += 1;
            let (status, kept) = a.raw("sync/download", b"{}").await;
            assert_eq!(status, 200, "a file that was taken cannot be given back");
            read_all(&kept);
            a.start(0).await;
            a.json("sync/applyChanges", json!({"changes": {"models": [], "decks": [[], []], "tags": []}})).await;
            while a.json("sync/chunk", json!({})).await["done"] != true {}
            a.json("sync/finish", json!({})).await;
        } else {
            refused += 1;
            assert!(status != 200 || text.len() > 20, "a refusal is explained: {text}");
            assert_eq!(a.meta().await["mod"], before["mod"], "refused and changed");
        }
        djankiserv::housekeeping::often(&server.app).await.unwrap();
    }
    assert_eq!(std::fs::read_dir(&server.app.temporary).unwrap().count(), 0);
    say(&format!("{} files: {taken} taken, {refused} refused, {:?}", tally.total(), tally.0));
    assert!(taken > 5 && refused > 5, "tests nothing");
    // The whole process's, in which the other tests run beside this one: a bomb in memory would still be twice this.
    assert!(peak_memory() < BOMB / 2, "the bombs were not unpacked");
    let (findings, _) = server.check(false).await;
    let damages: Vec<_> = findings.iter().filter(|found| found.severity == Severity::Damage).collect();
    assert!(damages.is_empty(), "{damages:?}");
    server.end().await;
}
