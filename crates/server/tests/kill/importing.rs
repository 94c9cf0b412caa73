//! Uploads that are answered before their rows are loaded: from the answer on they have taken place, whoever dies.

use crate::cluster::Loss;
use crate::device::Device;
use crate::it::{NOW, collection};
use crate::world::{Blow, World};
use crate::{goes_on, say, seeded};
use anki::file::Schema;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::user_db::GenerationState;

const NOTES: i64 = 5_000;
/// The server reads them in a moment, and answers; the database takes its time to load and index them. So there is something to cut off.
const REVIEWS: i64 = 150_000;

/// A collection file that takes longer to load than to check.
fn file(notes: i64, modified: i64) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("collection");
    std::fs::write(&path, collection(Schema::V18, notes, modified)).unwrap();
    let sqlite = rusqlite::Connection::open(&path).unwrap();
    let sql = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?) \
               INSERT INTO revlog (id, cid, usn, ease, ivl, lastIvl, factor, time, type) SELECT x, 1000001 + x % 5000, 0, 3, x % 300, 1, 2500, x % 60000, 1 FROM n";
    assert_eq!(sqlite.execute(sql, [REVIEWS]).unwrap() as i64, REVIEWS);
    drop(sqlite);
    std::fs::read(path).unwrap()
}

async fn state(world: &World, account: i64) -> GenerationState {
    // As many as there may be connections of before a crash.
    for _ in 0..8 {
        let _ = world.look.user.ping().await;
    }
    world.look.user.state(account).await.unwrap().unwrap().current.unwrap().state
}

/// Another process takes the import over, and is killed in its turn a few times before it is done.
async fn take_over(world: &Arc<World>, account: i64, rng: &mut fastrand::Rng) -> usize {
    let mut kills = 0;
    // A lease lasts two minutes, so each attempt is made in a later time.
    for ahead in (1..).map(|attempt: u32| (attempt * 1000).to_string()) {
        let mut housekeeping = world.installation.command(&["housekeeping", "--ahead", &ahead]).spawn().unwrap();
        if kills < 2 {
            tokio::time::sleep(Duration::from_millis(rng.u64(100..900))).await;
            let _ = housekeeping.kill();
            kills += 1;
        }
        housekeeping.wait().unwrap();
        if state(world, account).await == GenerationState::Current {
            break;
        }
        assert!(kills <= 2 && ahead.len() < 6, "taken over in the end");
    }
    kills
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_collections() {
    let (mut rng, begun) = (seeded(), Instant::now());
    let world = World::new(&["--answer-import-after", "0"]).await;
    let files = [file(NOTES, NOW - 5), file(NOTES + 7, NOW - 4)];
    let device = world.device("ann").await;
    let account = world.account("ann").await;
    let mut rows = Vec::new();
    for file in &files {
        device.upload(file).await;
        world.until("the import is over", async || state(&world, account).await == GenerationState::Current).await;
        rows.push(world.look.rows(account).await);
    }
    let (mut held, mut uploads, mut cut, mut kills) = (1, 0, 0, 0);
    let blows = [Blow::Process, Blow::Database(Loss::Server), Blow::Process, Blow::Database(Loss::Connection), Blow::Process];
    for round in 0.. {
        if !goes_on(begun, round) {
            break;
        }
        for blow in blows {
            let other = 1 - held;
            device.upload(&files[other]).await;
            uploads += 1;
            tokio::time::sleep(Duration::from_millis(rng.u64(0..200))).await;
            world.strike(blow);
            world.revive().await;
            world.quiet().await;
            if state(&world, account).await == GenerationState::Importing {
                cut += 1;
                assert_eq!(device.meta().await["mod"], [NOW - 5, NOW - 4][other], "it has taken place");
                kills += take_over(&world, account, &mut rng).await;
            }
            assert_eq!(world.look.rows(account).await.differences(&rows[other]), "", "what was answered is what is held");
            held = other;
            sync(&device).await;
            device.upload(&files[held]).await;
            world.until("the import is over", async || state(&world, account).await == GenerationState::Current).await;
        }
    }
    say(&format!("{uploads} answered uploads, {cut} of them cut off, {kills} times again, in {:?}; {}", begun.elapsed(), world.tally()));
    assert!(cut > 0, "an import was cut off");
    world.expect_nothing_left_behind().await;
}

/// An empty sync.
async fn sync(device: &Device) {
    let usn = device.meta().await["usn"].clone();
    device.json("sync/start", serde_json::json!({"minUsn": usn, "lnewer": false, "graves": null})).await;
    device.json("sync/finish", serde_json::json!({})).await;
}
