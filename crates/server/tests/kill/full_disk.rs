//! Small disks that are full: under the data folder, and under the database. Nothing is half done, everybody is told to try later, and
//! all goes on once there is room again.

use crate::cluster::engine;
use crate::device::Device;
use crate::it::{BASIC, NOW, card_row, collection, note_row};
use crate::media::{batch, unpack};
use crate::say;
use crate::world::World;
use anki::file::Schema;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use store::engine::Engine;

const NOTES: i64 = 100;

/// A file system of some megabytes, which vanishes with it.
struct Disk(PathBuf);

impl Disk {
    /// Mounts one. None for those who may not: only root can.
    fn mount(folder: &Path, megabytes: u32) -> Option<Self> {
        let options = format!("size={megabytes}m,mode=0755");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder).output().unwrap();
        if mounted.status.success() {
            return Some(Self(folder.to_owned()));
        }
        let root = nix::unistd::geteuid().is_root();
        assert!(
            !root,
            "root may not mount a small file system here (in a container: run it with CAP_SYS_ADMIN), so full disks cannot be tested: {mounted:?}"
        );
        say("NOT TESTED: only root can mount a small file system, so a full disk was not tried");
        None
    }

    /// Fills it but for so many bytes.
    fn fill(&self, leave: u64) {
        self.free();
        let stat = nix::sys::statvfs::statvfs(&self.0).unwrap();
        let mut ballast = File::create(self.ballast()).unwrap();
        let mut left = (stat.blocks_available() * stat.fragment_size()).saturating_sub(leave);
        while left > 0 {
            let block = vec![1; usize::try_from(left.min(1 << 16)).unwrap()];
            if ballast.write_all(&block).is_err() {
                break;
            }
            left -= block.len() as u64;
        }
    }

    fn free(&self) {
        let _ = std::fs::remove_file(self.ballast());
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // At once, although somebody may still work in it.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}

/// Begins a sync and sends new notes with long texts. Answers the first status that is not 200.
async fn stage(device: &Device, first_id: i64, notes: i64, bytes: usize) -> u16 {
    let usn = device.meta().await["usn"].clone();
    let status = device.status("sync/start", json!({"minUsn": usn, "lnewer": false, "graves": null})).await;
    if status != 200 {
        return status;
    }
    for page in (first_id..first_id + notes).collect::<Vec<_>>().chunks(100) {
        // Random, as the database compresses what it can.
        let text = |id: i64| {
            let mut random = vec![0; bytes / 2];
            fastrand::Rng::with_seed(id.unsigned_abs()).fill(&mut random);
            format!("{id}\u{1f}{}", hex::encode(random))
        };
        let notes: Vec<Value> = page.iter().map(|id| note_row(*id, BASIC, 9, &text(*id))).collect();
        let cards: Vec<Value> = page.iter().map(|id| card_row(*id, *id, 9)).collect();
        let status = device.status("sync/applyChunk", json!({"chunk": {"done": false, "notes": notes, "cards": cards}})).await;
        if status != 200 {
            return status;
        }
    }
    200
}

fn photos(bytes: usize) -> Vec<u8> {
    let files: BTreeMap<String, Option<Vec<u8>>> = (0..20_u8).map(|n| (format!("{n}.jpg"), Some(vec![n + 1; bytes]))).collect();
    batch(&files)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_data_folder_is_full() {
    let mut mounted = None;
    let world = World::with(&[], |root| mounted = Disk::mount(root, 40), |_| {}).await;
    // Declared after the world, so that it is unmounted before.
    let Some(disk) = mounted else { return };
    let device = world.device("ann").await;
    let account = world.account("ann").await;
    device.upload(&collection(Schema::V18, NOTES, NOW - 5)).await;
    device.json_of("msync/uploadChanges", &photos(1_000)).await;
    let media = world.installation.root.join("media");
    let (before, files) = (world.look.rows(account).await, count(&media));

    let large = collection(Schema::V18, 20_000, NOW - 4);
    // The last is enough for the batch on its way in, but not for all of its files beside it.
    for leave in [0, 100_000, 1_500_000] {
        disk.fill(leave);
        let other: BTreeMap<_, _> = (0..20_u8).map(|n| (format!("{n}.jpg"), Some(vec![n ^ 255; 50_000]))).collect();
        assert_eq!(device.raw("msync/uploadChanges", &batch(&other)).await.0, 503, "{leave} bytes left");
        assert_eq!(device.raw("sync/upload", &large).await.0, 503, "{leave} bytes left");
        if leave == 0 {
            assert_eq!(device.raw("sync/download", b"{}").await.0, 503);
        }
        disk.fill(leave);
        assert_eq!(world.look.rows(account).await.differences(&before), "", "{leave} bytes left");
        assert_eq!(count(&media), files, "{leave} bytes left: what was not kept takes no room");
        assert_eq!(count(&world.installation.root.join("tmp")), 0, "{leave} bytes left");
    }
    disk.fill(0);
    // What needs no room goes on.
    assert_eq!(unpack(device.raw("msync/downloadFiles", br#"{"files":["3.jpg"]}"#).await.1)["3.jpg"], vec![4; 1_000]);
    assert_eq!(stage(&device, 1_000, 10, 100).await, 200);
    device.json("sync/finish", json!({})).await;
    assert_eq!(device.meta().await["usn"], 2, "a sync does not need the data folder");

    disk.free();
    device.json_of("msync/uploadChanges", &photos(50_000)).await;
    let (status, file) = device.raw("sync/download", b"{}").await;
    assert_eq!((status.as_u16(), crate::it::read(&file).1.len()), (200, 110));
    device.upload(&collection(Schema::V18, 3_000, NOW - 3)).await;
    world.expect_nothing_left_behind().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_of_the_database_is_full() {
    let mut mounted = None;
    let world = World::with(&[], |_| {}, |folder| mounted = Disk::mount(folder, 200)).await;
    let Some(disk) = mounted else { return };
    let device = world.device("ann").await;
    let account = world.account("ann").await;
    device.upload(&collection(Schema::V18, NOTES, NOW - 5)).await;
    let before = world.look.rows(account).await;
    let crashes = AtomicUsize::new(0);
    let room_again = async || {
        disk.free();
        crashes.fetch_add(usize::from(!world.cluster().is_running()), Ordering::Relaxed);
        world.revive().await;
        world.quiet().await;
    };

    // While it is staged: at once, or in the middle.
    for leave in [0, 1_000_000, 4_000_000] {
        disk.fill(leave);
        assert_eq!(stage(&device, 1_000, 3_000, 2_000).await, 503, "staging with {leave} bytes left");
        room_again().await;
        assert_eq!(world.look.rows(account).await.differences(&before), "", "staging with {leave} bytes left");
    }

    // While it is applied: the same `finish`, repeated, does it once there is room.
    assert_eq!(stage(&device, 1_000, 3_000, 2_000).await, 200);
    disk.fill(0);
    assert_eq!(device.status("sync/finish", json!({})).await, 503, "finish");
    assert_eq!(device.status("sync/finish", json!({})).await, 503, "finish, repeated");
    room_again().await;
    assert_eq!(world.look.rows(account).await.differences(&before), "", "finish");
    let again = device.status("sync/finish", json!({})).await;
    if again == 409 {
        // The database has crashed, and what was staged is lost with it.
        assert_eq!(stage(&device, 1_000, 3_000, 2_000).await, 200);
        device.json("sync/finish", json!({})).await;
    } else {
        assert_eq!(again, 200);
    }
    say(&format!("finish with a full disk, and once there is room again: {again}"));
    let after = world.look.rows(account).await;
    assert_eq!(device.meta().await["usn"], 2);

    // While a collection is loaded.
    disk.fill(0);
    let file = collection(Schema::V18, 20_000, NOW - 4);
    assert_eq!(device.raw("sync/upload", &file).await.0, 503, "upload");
    room_again().await;
    assert_eq!(world.look.rows(account).await.differences(&after), "", "upload");

    // MariaDB's own log has the size that it will always have. What it has no room for is in the tables, as above.
    if engine() == Engine::Postgres {
        log_has_no_room(&world, &device, &disk).await;
        crashes.fetch_add(1, Ordering::Relaxed);
    }
    say(&format!("the database crashed {crashes:?} times"));

    device.upload(&file).await;
    world.expect_nothing_left_behind().await;
}

/// When not even the write-ahead log has room, PostgreSQL ends. What it has answered is there when it can start again.
async fn log_has_no_room(world: &World, device: &Device, disk: &Disk) {
    let before = device.meta().await["usn"].as_i64().unwrap();
    disk.fill(0);
    let mut statuses = Vec::new();
    for _ in 0..20 {
        if !world.cluster().is_running() {
            break;
        }
        world.cluster().try_sql("SELECT pg_switch_wal()");
        statuses.push(stage_small(device).await);
    }
    say(&format!("with ever less room for the log: {statuses:?}"));
    assert_eq!(statuses.last(), Some(&503), "it came to that");
    let done = statuses.iter().filter(|status| **status == 200).count();
    disk.free();
    world.revive().await;
    let usn = device.meta().await["usn"].as_i64().unwrap();
    // The last one may have been done without an answer.
    let done = i64::try_from(done).unwrap() + before;
    assert!((done..=done + 1).contains(&usn), "{done} syncs were answered, and all of those are there: {usn}");
}

/// A sync that sends next to nothing. Answers the first status that is not 200.
async fn stage_small(device: &Device) -> u16 {
    let (status, meta) = device.raw("sync/meta", br#"{"v": 11, "cv": "anki,26.09.3 (0),linux"}"#).await;
    if status != 200 {
        return status.as_u16();
    }
    let usn = serde_json::from_slice::<Value>(&meta).unwrap()["usn"].clone();
    for (path, message) in [("sync/start", json!({"minUsn": usn, "lnewer": false, "graves": null})), ("sync/finish", json!({}))] {
        let status = device.status(path, message).await;
        if status != 200 {
            return status;
        }
    }
    200
}

fn count(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
}
