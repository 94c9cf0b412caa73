//! Backups and restores in which something goes wrong at a bad moment.

use crate::bucket::Bucket;
use crate::media::{sane, upload};
use crate::support::{NOW, PASSWORD, TestServer, admin, collection};
use anki::file::Schema;
use axum::http::Method;
use djankiserv::actions::backup::{Holds, Target, backup, restore, retain, schedule};
use djankiserv::actions::username::Username;
use djankiserv::config::{BackupPlace, BackupPlan};
use futures_util::FutureExt;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

const HOUR: i64 = 60 * 60 * 1000;

async fn create(place: BackupPlace) -> Target {
    tokio::task::spawn_blocking(move || Target::create(&place).unwrap()).await.unwrap()
}

fn folder_place(folder: &TempDir) -> BackupPlace {
    BackupPlace::Folder(folder.path().join("backups"))
}

fn name(user: &str) -> Username {
    Username::new(user).unwrap()
}

/// Makes an account with a collection of so many notes.
async fn user(server: &TestServer, user: &str, notes: i64) {
    let device = server.device(user).await;
    assert_eq!(device.upload(&collection(Schema::V18, notes, NOW)).await, "OK");
}

/// Databases cut off transactions in which nothing happens for a minute; packing and sending a collection may take longer.
#[tokio::test]
async fn a_slow_place_keeps_no_transaction_open() {
    let (server, bucket, admin) = (TestServer::new().await, Bucket::start().await, Arc::new(admin().await));
    user(&server, "a", 30).await;
    let cuts = Arc::new(AtomicU64::new(0));
    let (database, counted) = (server.user_database.clone(), cuts.clone());
    bucket.before(move |method, name| {
        let (database, counted, admin) = (database.clone(), counted.clone(), admin.clone());
        async move {
            if method == Method::PUT && name.ends_with(".anki2.zst") {
                counted.fetch_add(admin.cut(&database).await, Ordering::Relaxed);
                // Our end notices a little later.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            true
        }
        .boxed()
    });
    let target = create(bucket.place()).await;
    let accounts = server.app.accounts.list().await.unwrap();
    let written = backup(&server.app, &target, &accounts, true, |_| ()).await.unwrap();
    assert!(cuts.load(Ordering::Relaxed) > 0, "connections were cut while the collection was on its way");
    assert_eq!((written.collections, written.failed), (1, vec![]));
    server.end().await;
}

#[tokio::test]
async fn one_user_who_cannot_be_read_keeps_nobody_else_out() {
    let (server, folder) = (TestServer::new().await, TempDir::new().unwrap());
    user(&server, "ann", 3).await;
    user(&server, "bob", 4).await;
    let plan = BackupPlan { to: folder_place(&folder), every_ms: 24 * HOUR, keep: 2 };
    let problem = async || server.app.main.duty(schedule::DUTY).await.unwrap().unwrap().problem;
    assert!(schedule::round(&server.app, &plan).await.unwrap());
    assert_eq!(problem().await, "");

    let (db, schema) = (server.app.user.db(), server.schema("bob").await);
    server.user_database.rename_table(db, &schema, "revlog", "away").await;
    for hour in 25..30 {
        server.clock.set(NOW + hour * HOUR);
        assert!(schedule::round(&server.app, &plan).await.unwrap(), "tried again after an hour");
        assert!(problem().await.contains("without 1 of 2 users: bob: "), "{}", problem().await);
    }
    let target = Target::open(&plan.to).unwrap();
    let runs = target.runs().unwrap();
    let without_bob = Holds::AllBut(vec!["bob".into()]);
    assert_eq!(runs.iter().map(|run| &run.holds).collect::<Vec<_>>(), [&Holds::All, &without_bob, &without_bob]);
    assert!(runs[1].to_string().ends_with("  without bob"));
    assert_eq!(target.newest(None).unwrap(), runs[0], "the newest in which nobody is missing");
    assert_eq!(target.newest(Some(&name("bob"))).unwrap(), runs[0]);
    assert_eq!(target.newest(Some(&name("Ann"))).unwrap(), runs[2]);

    // When nobody can be read, it is no run, and nothing is left of it.
    server.user_database.rename_table(db, &server.schema("ann").await, "revlog", "away").await;
    server.clock.set(NOW + 40 * HOUR);
    assert!(schedule::round(&server.app, &plan).await.unwrap());
    assert!(!problem().await.contains("without"), "{}", problem().await);
    assert_eq!(std::fs::read_dir(folder.path().join("backups/runs")).unwrap().count(), 3);

    for user in ["ann", "bob"] {
        server.user_database.rename_table(db, &server.schema(user).await, "away", "revlog").await;
    }
    for day in 10..12 {
        server.clock.set(NOW + day * 24 * HOUR);
        assert!(schedule::round(&server.app, &plan).await.unwrap());
        assert_eq!(problem().await, "");
    }
    assert_eq!(target.runs().unwrap().iter().map(|run| &run.holds).collect::<Vec<_>>(), [&Holds::All, &Holds::All]);
    server.end().await;
}

/// What a cut-off run has left goes also when backups go on failing.
#[tokio::test]
async fn a_failure_leaves_room() {
    let (server, folder) = (TestServer::new().await, TempDir::new().unwrap());
    user(&server, "ann", 3).await;
    let plan = BackupPlan { to: folder_place(&folder), every_ms: 24 * HOUR, keep: 2 };
    create(plan.to.clone()).await;
    let cut_off = folder.path().join("backups/runs/2026-01-31T04-00-00Z/1.anki2.zst");
    std::fs::create_dir_all(cut_off.parent().unwrap()).unwrap();
    std::fs::write(&cut_off, "half").unwrap();
    let file = std::fs::File::options().write(true).open(&cut_off).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    server.user_database.rename_table(server.app.user.db(), &server.schema("ann").await, "revlog", "away").await;
    assert!(schedule::round(&server.app, &plan).await.unwrap());
    assert!(server.app.main.duty(schedule::DUTY).await.unwrap().unwrap().failed.is_some());
    assert_eq!(std::fs::read_dir(folder.path().join("backups/runs")).unwrap().count(), 0);
    server.end().await;
}

#[tokio::test]
async fn a_run_of_one_user_does_not_stand_for_all() {
    let (server, other, folder) = (TestServer::new().await, TestServer::new().await, TempDir::new().unwrap());
    user(&server, "ann", 3).await;
    user(&server, "bob", 4).await;
    let target = create(folder_place(&folder)).await;
    let all = server.app.accounts.list().await.unwrap();
    let bob: Vec<_> = all.iter().filter(|account| account.username == "bob").cloned().collect();
    backup(&server.app, &target, &all, true, |_| ()).await.unwrap();
    for hour in 1..4 {
        server.clock.set(NOW + hour * HOUR);
        backup(&server.app, &target, &bob, false, |_| ()).await.unwrap();
        retain(&target, 2).unwrap();
    }
    let runs = target.runs().unwrap();
    let only_bob = Holds::Only("bob".into());
    assert_eq!(runs.iter().map(|run| &run.holds).collect::<Vec<_>>(), [&Holds::All, &only_bob, &only_bob]);
    assert_eq!(target.newest(Some(&name("bob"))).unwrap(), runs[2]);
    assert_eq!(target.newest(Some(&name("ann"))).unwrap(), runs[0]);
    assert!(target.newest(Some(&name("carl"))).unwrap_err().to_string().contains("carl"));

    let run = target.newest(None).unwrap();
    let mut restored = Vec::new();
    restore(&other.app, &target, &run.name, None, |it| restored.push(it.username.clone())).await.unwrap();
    restored.sort();
    assert_eq!(restored, ["ann", "bob"]);
    std::fs::remove_dir_all(folder.path().join("backups/runs").join(run.name)).unwrap();
    assert!(target.newest(None).unwrap_err().to_string().contains("no run there holds all users"));
    server.end().await;
    other.end().await;
}

/// The device has something to send, and comes while its media are brought back.
#[tokio::test]
async fn devices_are_let_in_when_everything_is_back() {
    let (server, other, bucket) = (TestServer::new().await, TestServer::new().await, Bucket::start().await);
    let a = server.device("a").await;
    assert_eq!(a.upload(&collection(Schema::V18, 5, NOW)).await, "OK");
    for round in ["x", "y", "z"] {
        upload(&a, &[("a.jpg", Some(round.as_bytes())), ("b.jpg", Some(round.as_bytes()))]).await;
    }
    let target = create(bucket.place()).await;
    let accounts = server.app.accounts.list().await.unwrap();
    let written = backup(&server.app, &target, &accounts, true, |_| ()).await.unwrap();

    let (seen, refused) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(true)));
    let device = a.at(&other);
    let (told, cut_off, early) = (seen.clone(), refused.clone(), device.clone());
    bucket.before(move |_, name| {
        let (told, cut_off, device) = (told.clone(), cut_off.clone(), early.clone());
        async move {
            if !Path::new(&name).starts_with("backups/contents") {
                return !(name.ends_with(".anki2.zst") && cut_off.load(Ordering::Relaxed));
            }
            let new = crate::media::batch(&[("new.jpg", Some(b"new"))]);
            let sent = device.raw("msync/uploadChanges", &new).await.0.as_u16();
            let login = device.status("sync/hostKey", json!({"u": "a", "p": PASSWORD})).await;
            told.lock().unwrap().push((sent, login));
            true
        }
        .boxed()
    });
    // The first try ends after the media, the second does the rest.
    restore(&other.app, &target, &written.run, None, |_| ()).await.unwrap_err();
    assert_eq!(device.status("msync/begin", json!({"v": "anki,26.09.3 (0),linux"})).await, 403);
    refused.store(false, Ordering::Relaxed);
    let mut existed = None;
    restore(&other.app, &target, &written.run, None, |restored| existed = Some(restored.existed)).await.unwrap();
    assert_eq!(existed, Some(false));
    let seen = seen.lock().unwrap().clone();
    assert!(!seen.is_empty() && seen.iter().all(|both| *both == (403, 403)), "{seen:?}");

    // Now they go on as if nothing had been.
    assert!(sane(&device, 2).await);
    assert_eq!(upload(&device, &[("new.jpg", Some(b"new"))]).await, json!([1, 7]));
    assert!(sane(&device, 3).await);
    assert_eq!(device.notes().await.len(), 5);
    assert_eq!(device.status("sync/hostKey", json!({"u": "a", "p": PASSWORD})).await, 200);
    let (findings, _) = other.check(false).await;
    assert!(findings.is_empty(), "{findings:?}");
    server.end().await;
    other.end().await;
}
