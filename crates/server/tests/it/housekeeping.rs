use crate::media::{sane, upload};
use crate::support::{NOW, TestServer, collection};
use anki::file::Schema;
use djankiserv::housekeeping;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};
use store::main_db::NewAccount;
use store::user_db::GenerationState;
use store::user_db::media::{MediaWrite, StoredContent};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

async fn schemas(server: &TestServer) -> usize {
    server.schemas().await.len()
}

#[tokio::test]
async fn what_was_cut_off_or_is_too_old_goes() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    let account = server.account("a").await;
    for day in 0..5 {
        server.clock.set(NOW + day * DAY);
        assert_eq!(a.upload(&collection(Schema::V18, 3, NOW + day)).await, "OK");
    }
    a.start(1).await;
    // A process died while it loaded another one.
    server.app.user.begin_generation(account, "upload", NOW + 4 * DAY, NOW + 4 * DAY + MINUTE).await.unwrap();
    assert_eq!(schemas(&server).await, 6);
    housekeeping::often(&server.app).await.unwrap();
    assert_eq!(schemas(&server).await, 4, "two kept, the current one, and the load, whose lease has not run out");
    a.json("sync/chunk", json!({})).await;
    server.clock.set(NOW + 4 * DAY + 30 * MINUTE);
    housekeeping::often(&server.app).await.unwrap();
    assert_eq!(schemas(&server).await, 3);
    assert_eq!(a.status("sync/chunk", json!({})).await, 409, "a sync that does not go on");
    server.clock.set(NOW + 30 * DAY);
    housekeeping::often(&server.app).await.unwrap();
    housekeeping::rarely(&server.app).await.unwrap();
    let left = server.app.user.generations(account).await.unwrap();
    assert_eq!(left.iter().map(|g| g.state).collect::<Vec<_>>(), [GenerationState::Current]);
    assert_eq!(schemas(&server).await, 1);
    assert_eq!(a.notes().await.len(), 3);
    server.end().await;
}

/// Makes everything in a folder look as if it had been written long ago.
fn age(folder: &Path) {
    let long_ago = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            age(&entry);
        }
        std::fs::File::open(&entry).unwrap().set_modified(long_ago).unwrap();
    }
}

/// The contents of media that the store has of an account.
fn contents(server: &TestServer, account: i64) -> usize {
    server.app.media.keys_older_than(account, Duration::ZERO).unwrap().len()
}

/// A server that finds the media of others beside its new, empty database: it was started without its settings, or with the wrong ones.
#[tokio::test]
async fn media_of_accounts_that_the_database_does_not_know_stay() {
    let (server, mistaken) = (TestServer::new().await, TestServer::new().await);
    let a = server.device("a").await;
    upload(&a, &[("a.jpg", Some(b"one")), ("b.jpg", Some(b"two"))]).await;
    let (account, media) = (server.account("a").await, server.app.config.data_root.media());
    let import = server.app.imports.join(format!("{account}-1.anki2"));
    std::fs::write(&import, "an upload that goes on at the next start").unwrap();
    age(&media);
    // Nobody has noted yet whose media they are.
    let beside = mistaken.on_the_files_of(&server).await;
    housekeeping::rarely(&beside.app).await.unwrap();
    assert_eq!(contents(&server, account), 2);
    assert!(import.exists(), "nor is anything else of theirs removed");
    // Even for somebody whom both know, as after a test with a copy of the database.
    let (username, username_key) = ("a".to_owned(), "a".to_owned());
    let (email, password_hash) = (String::new(), String::new());
    let other = NewAccount { id: account, username, username_key, email, password_hash, is_staff: false, is_superuser: false };
    beside.app.main.create_account(&other, NOW).await.unwrap();
    beside.app.user.create_collection(account, NOW).await.unwrap();
    std::fs::remove_file(media.join("installation")).unwrap();
    housekeeping::rarely(&server.app).await.unwrap();
    for day in [0, 8] {
        beside.clock.set(NOW + day * DAY);
        housekeeping::rarely(&beside.app).await.unwrap();
        let (findings, _) = beside.check(true).await;
        assert!(findings.iter().any(|f| f.what.contains("the media belong to the installation")), "{findings:?}");
    }
    assert_eq!(contents(&server, account), 2, "the media are those of another installation");
    assert!(sane(&a, 2).await);
    server.end().await;
    mistaken.end().await;
}

/// However old a file is: a dump of yesterday, a backup that runs, a copy of the folder may need what was deleted today.
#[tokio::test]
async fn media_stay_for_a_week_after_their_last_row() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    upload(&a, &[("a.jpg", Some(b"one")), ("b.jpg", Some(b"two")), ("c.jpg", Some(b"three"))]).await;
    let (account, media) = (server.account("a").await, server.app.config.data_root.media());
    let after = async |days: i64| {
        age(&media);
        server.clock.set(NOW + days * DAY);
        housekeeping::rarely(&server.app).await.unwrap();
        contents(&server, account)
    };
    assert_eq!(after(30).await, 3);
    let before = server.app.user.media_changes(account, 0, 10).await.unwrap();
    upload(&a, &[("a.jpg", None), ("b.jpg", Some(b"another")), ("c.jpg", None)]).await;
    assert_eq!(after(30).await, 4);
    assert_eq!(after(36).await, 4);
    // A dump is restored that names one of them again.
    let again = before.iter().find(|file| file.name == "c.jpg").unwrap();
    let content = StoredContent { sha1: again.sha1.clone(), content_key: Some(again.content_key.clone()), size: again.size };
    let write = |content| [MediaWrite { name: "c.jpg".into(), content }];
    server.app.user.apply_media(account, &write(Some(content)), NOW).await.unwrap();
    let (findings, _) = server.check(true).await;
    assert!(findings.is_empty(), "not yet: {findings:?}");
    assert_eq!(after(38).await, 2, "those of a.jpg and the old b.jpg have gone");
    assert!(sane(&a, 2).await);
    // It is deleted again: what was noted the first time does not count.
    server.app.user.apply_media(account, &write(None), NOW).await.unwrap();
    assert_eq!(after(60).await, 2);
    assert_eq!(after(66).await, 2);
    assert_eq!(after(68).await, 1);
    assert!(server.app.user.unnamed_contents(account).await.unwrap().is_empty());
    server.end().await;
}

/// The account is there, but the row that says what media it has is not: then what is named is not known either.
#[tokio::test]
async fn media_of_an_account_without_its_row_stay() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    upload(&a, &[("a.jpg", Some(b"one"))]).await;
    let account = server.account("a").await;
    for table in ["media", "media_unnamed", "media_state"] {
        server.app.user.db().execute(&format!("DELETE FROM {{s}}.{table}"), vec![]).await.unwrap();
    }
    age(&server.app.config.data_root.media());
    for day in [0, 8] {
        server.clock.set(NOW + day * DAY);
        housekeeping::rarely(&server.app).await.unwrap();
    }
    assert_eq!(contents(&server, account), 1);
    server.end().await;
}

#[tokio::test]
async fn a_deleted_account_leaves_nothing() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW)).await;
    a.start(1).await;
    let account = server.account("a").await;
    server.app.user.delete_collection(account, NOW).await.unwrap();
    server.app.user.delete_collection(account, NOW).await.unwrap();
    assert_eq!(schemas(&server).await, 0);
    for table in ["collections", "generations", "sync_sessions", "sync_staged", "sync_finished", "media", "media_state"] {
        let rows = server.app.user.db().query(&format!("SELECT 1 FROM {{s}}.{table}"), vec![]).await.unwrap();
        assert!(rows.is_empty(), "{table}");
    }
    assert_eq!(a.status("sync/meta", json!({"v": 11, "cv": ""})).await, 503, "never recreated by a request");
    server.end().await;
}
