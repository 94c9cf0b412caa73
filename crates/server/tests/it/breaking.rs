//! Connections to the database break at any moment, also in the middle of a COMMIT. A sync is whole or not at all, and its client knows which.

use crate::support::{BASIC, Device, NOW, TestServer, admin, card_row, collection, note_row, read};
use anki::file::Schema;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::user_db::GenerationState;
use tokio::sync::Mutex;

/// Cuts all connections of a database again and again, unless somebody holds `peace`.
struct Breaker {
    peace: Arc<Mutex<()>>,
    cuts: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Breaker {
    async fn begin(server: &Arc<TestServer>) -> Self {
        let admin = admin().await;
        let (peace, cuts) = (Arc::new(Mutex::new(())), Arc::new(AtomicU64::new(0)));
        let (between, count, server) = (peace.clone(), cuts.clone(), server.clone());
        let task = tokio::spawn(async move {
            // Each step is hit sooner or later, and now and then a slow machine has the time to get something done.
            for cut in 1_u64.. {
                let pause = if cut.is_multiple_of(10) { 600 } else { 2 + cut * 37 % 29 };
                tokio::time::sleep(Duration::from_millis(pause)).await;
                let _war = between.lock().await;
                // Where cutting takes longer than a sync, each cut would otherwise hit its beginning.
                tokio::time::sleep(Duration::from_millis(cut * 13 % 17)).await;
                count.fetch_add(server.cut_connections(&admin).await, Ordering::Relaxed);
            }
        });
        Self { peace, cuts, task }
    }

    /// Ends the cutting for good: not while the database may still be carrying out the last cut, which would hit what follows.
    async fn end(self) -> u64 {
        let _peace = self.peace.lock().await;
        self.task.abort();
        // Only then has it let go of the server.
        let _ = self.task.await;
        self.cuts.load(Ordering::Relaxed)
    }
}

/// One request; None when it failed, which only ever is "try later".
async fn attempt(device: &Device, path: &str, message: &Value) -> Option<Vec<u8>> {
    let (status, body) = device.raw(path, message.to_string().as_bytes()).await;
    assert!(status == 200 || status == 503, "{path}: {status}");
    (status == 200).then_some(body)
}

/// A sync of one note up to before `finish`. False when any of it failed.
async fn send(device: &Device, usn: i64, id: i64, notes: i64) -> bool {
    let rows = json!({"chunk": {"notes": [note_row(id, BASIC, 9, "a\u{1f}b")], "cards": [card_row(id, id, 9)],
        "revlog": [[id, id, -1, 3, 1, 0, 2500, 900, 0]]}});
    let steps = [
        ("sync/meta", json!({"v": 11, "cv": ""})),
        ("sync/start", json!({"minUsn": usn, "lnewer": false})),
        ("sync/applyGraves", json!({"chunk": {"cards": [id + 1], "notes": [], "decks": []}})),
        ("sync/applyChanges", json!({"changes": {"models": [], "decks": [[], []], "tags": [format!("t{id}")]}})),
        ("sync/chunk", json!({})),
        ("sync/applyChunk", rows),
    ];
    for (path, message) in steps {
        if attempt(device, path, &message).await.is_none() {
            return false;
        }
    }
    let counts = json!({"client": [[0, 0, 0], notes + 1, notes + 1, notes - 3 + 1, 0, 6, 1, 1]});
    match attempt(device, "sync/sanityCheck2", &counts).await {
        Some(body) => {
            let answer: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(answer["status"], "ok", "{answer}");
            true
        }
        None => false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_is_whole_or_not_at_all() {
    let server = Arc::new(TestServer::new().await);
    let mut a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    let breaker = Breaker::begin(&server).await;
    let (mut notes, mut usn, mut given_up, mut repeated) = (3, 1, 0, 0);
    // A hundred, or as many more as it takes on a machine on which few of them are hit.
    for id in (1000..3000).step_by(2) {
        if id >= 1200 && given_up > 5 {
            break;
        }
        a.session = format!("s{id}");
        if send(&a, usn, id, notes).await {
            // The client may have lost the answer too; whatever happened, the next `finish` tells.
            let mut modified = None;
            while modified.is_none() {
                modified = attempt(&a, "sync/finish", &json!({})).await;
                repeated += i32::from(modified.is_none());
            }
            (notes, usn) = (notes + 1, usn + 1);
            let peace = breaker.peace.lock().await;
            assert_eq!(modified.unwrap(), a.meta().await["mod"].to_string().into_bytes());
            drop(peace);
        } else {
            given_up += 1;
        }
        let _peace = breaker.peace.lock().await;
        let state = server.app.user.state(server.account("a").await).await.unwrap().unwrap().current.unwrap();
        assert_eq!((state.stamps.usn, state.counts.notes, state.counts.revlog), (usn as i32, notes, notes - 3), "{id}");
    }
    let cuts = breaker.end().await;
    assert!(given_up > 5 && usn > 10 && cuts > 30, "{given_up} given up, {usn} finished, {repeated} repeated, {cuts} cut: tests nothing");
    let found = a.notes().await;
    assert_eq!(found.len() as i64, notes);
    let counted = store::collection::Collection::new(server.app.user.db(), &server.schema("a").await).count().await.unwrap();
    assert_eq!((counted.notes, counted.cards, counted.revlog), (notes, notes, notes - 3), "the counters are right");
    Arc::into_inner(server).unwrap().end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_whole_or_not_at_all() {
    let server = Arc::new(TestServer::new().await);
    let a = server.device("a").await;
    let files: Vec<Vec<u8>> = (0..30).map(|n| collection(Schema::V18, 50 + n, NOW + n)).collect();
    a.upload(&files[0]).await;
    let breaker = Breaker::begin(&server).await;
    let (mut current, mut taken) = (0, 0);
    for (n, file) in files.iter().enumerate().skip(1) {
        let (status, body) = a.raw("sync/upload", file).await;
        assert!(status == 503 || (status == 200 && body == b"OK"), "{status} {}", String::from_utf8_lossy(&body));
        let _peace = breaker.peace.lock().await;
        let (stamps, notes) = read(&a.raw("sync/download", b"{}").await.1);
        let found = (stamps.modified - NOW) as usize;
        assert_eq!(notes.len(), 50 + found, "of one file, whole");
        if status == 200 {
            assert_eq!(found, n, "what was answered with OK is there");
            taken += 1;
        } else {
            assert!(found == n || found == current, "{found}: the new one or the one before");
        }
        current = found;
    }
    let cuts = breaker.end().await;
    assert!(taken > 0 && taken < 29 && cuts > 15, "{taken} of 29 taken, {cuts} cut: tests nothing");
    // What was cut off is tidied up, and nothing else.
    server.clock.set(NOW + 24 * 60 * 60 * 1000);
    djankiserv::housekeeping::often(&server.app).await.unwrap();
    let left = server.app.user.generations(server.account("a").await).await.unwrap();
    let states: Vec<_> = left.iter().map(|g| g.state).filter(|state| *state != GenerationState::Kept).collect();
    assert_eq!(states, [GenerationState::Current]);
    assert_eq!(server.schemas().await.len(), left.len());
    server.until_no_temporary_file_is_left().await;
    let (stamps, _) = read(&a.raw("sync/download", b"{}").await.1);
    assert_eq!(stamps.modified, NOW + current as i64);
    Arc::into_inner(server).unwrap().end().await;
}
