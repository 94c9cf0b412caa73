use crate::support::{BASIC, NOW, TestServer, collection, counts, note_row};
use anki::file::{CollectionFile, Limits, Schema};
use djankiserv::housekeeping;
use djankiserv::sync::import;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;
use store::user_db::generations::{NewGeneration, Switched};
use store::user_db::{Counts, Current, GenerationState};

/// An import that takes longer than a client waits: answered early, used as soon as it is over.
#[tokio::test]
async fn a_large_upload_is_answered_before_its_rows_are_loaded() {
    let server = TestServer::with(|app| app.answer_import_after = Duration::ZERO).await;
    let a = server.device("a").await;
    assert_eq!(a.upload(&collection(Schema::V18, 20_000, NOW - 5)).await, "OK");
    assert_eq!(a.meta().await["mod"], NOW - 5, "the upload has taken place");
    a.start(1).await;
    a.json("sync/applyChunk", json!({"chunk": {"notes": [note_row(99_999, BASIC, 9, "a\u{1f}b")]}})).await;
    a.json("sync/finish", json!({})).await;
    assert_eq!(a.notes().await.len(), 20_001);
    assert_eq!(std::fs::read_dir(&server.app.imports).unwrap().count(), 0, "the kept file is gone");
    server.end().await;
}

/// An upload of 700 notes by the user `a` that was answered, and whose process died before a row was loaded. Its lease runs out at once.
async fn cut_off(server: &TestServer) -> (NewGeneration, Current, PathBuf) {
    let account = server.account("a").await;
    let new = server.app.user.begin_generation(account, "upload", NOW, NOW + 1).await.unwrap();
    let path = server.app.imports.join(format!("{account}-{}.anki2", new.number));
    std::fs::write(&path, collection(Schema::V11, 700, NOW - 5)).unwrap();
    let file = CollectionFile::open(&path, &Limits::default()).unwrap();
    let announced = Current {
        number: new.number,
        schema: new.schema.clone(),
        state: GenerationState::Importing,
        stamps: file.stamps(),
        scheduler_version: 2,
        creation_offset: true,
        counts: Counts::default(),
    };
    assert_eq!(server.app.user.switch_importing(&new, &announced, NOW).await.unwrap(), Switched::Done);
    (new, announced, path)
}

/// The process died between the answer and the last row: another one takes the import over.
#[tokio::test]
async fn an_import_that_was_cut_off_is_taken_over() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 5, NOW - 9)).await;
    let (new, announced, path) = cut_off(&server).await;
    assert!(!import::resume_one(&server.app).await.unwrap(), "its lease has not run out");
    server.clock.set(NOW + 10_000);
    assert!(import::resume_one(&server.app).await.unwrap());
    // The first process was only slow. It has lost the import, and what it would say of it.
    assert!(!server.app.user.extend_lease(&new, NOW + 99_000).await.unwrap());
    assert!(!server.app.user.end_import(&new, &announced).await.unwrap());
    assert_eq!(a.notes().await.len(), 700);
    a.start(1).await;
    assert_eq!(a.json("sync/sanityCheck2", counts(700, 0)).await["status"], "ok");
    assert!(!path.exists());
    server.end().await;
}

/// Its file is lost, so it can never be completed: a device uploads again, and is asked to.
#[tokio::test]
async fn an_import_whose_file_is_lost_is_replaced_by_the_next_upload() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 5, NOW - 9)).await;
    let (_, announced, path) = cut_off(&server).await;
    let kept = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    server.clock.set(NOW + 10_000);
    assert!(import::resume_one(&server.app).await.unwrap());
    let meta = a.meta().await;
    assert!(meta["scm"].as_i64().unwrap() > announced.stamps.schema_modified, "devices are asked for a one-way sync: {meta}");
    assert_eq!(a.status("sync/start", json!({"minUsn": 0, "lnewer": false})).await, 503);
    assert_eq!(a.status("sync/download", json!({})).await, 503);
    assert!(!import::resume_one(&server.app).await.unwrap(), "not tried again at once");
    housekeeping::often(&server.app).await.unwrap();

    // It may come back, for example with the disk that held it. Then it is as if nothing had been.
    std::fs::write(&path, kept).unwrap();
    server.clock.set(NOW + 700_000);
    assert!(import::resume_one(&server.app).await.unwrap());
    assert_eq!((a.notes().await.len(), &a.meta().await["scm"]), (700, &json!(announced.stamps.schema_modified)));
    server.end().await;

    for restore in [false, true] {
        let server = TestServer::new().await;
        let a = server.device("a").await;
        a.upload(&collection(Schema::V18, 5, NOW - 9)).await;
        let (new, _, path) = cut_off(&server).await;
        std::fs::write(&path, "damaged").unwrap();
        server.clock.set(NOW + 10_000);
        assert!(import::resume_one(&server.app).await.unwrap());
        // The version before it is not cleared away, however old it is.
        let account = server.account("a").await;
        assert!(server.app.user.outdated_generations(NOW + 10_000, i64::MAX, 0).await.unwrap().is_empty());
        if restore {
            server.app.user.restore(account, new.number - 1, NOW + 20_000).await.unwrap();
            assert_eq!(a.notes().await.len(), 5);
        } else {
            assert_eq!(a.upload(&collection(Schema::V18, 9, NOW + 9)).await, "OK");
            assert_eq!(a.notes().await.len(), 9);
        }
        // What could not be loaded is no version to go back to.
        housekeeping::often(&server.app).await.unwrap();
        let left = server.app.user.generations(account).await.unwrap();
        assert!(left.iter().all(|generation| generation.number != new.number), "{left:?}");
        assert!(server.check(false).await.0.is_empty());
        server.end().await;
    }
}

/// Another upload was begun while one was being loaded: it must not put that one away half filled.
#[tokio::test]
async fn an_import_that_goes_on_is_not_replaced() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 5, NOW - 9)).await;
    let (_, announced, _) = cut_off(&server).await;
    let account = server.account("a").await;
    let other = server.app.user.begin_generation(account, "upload", NOW, NOW + 99_000).await.unwrap();
    let loaded = Current { number: other.number, schema: other.schema.clone(), state: GenerationState::Current, ..announced };
    assert_eq!(server.app.user.switch(&other, &loaded, NOW).await.unwrap(), Switched::ChangedMeanwhile);
    assert_eq!(server.app.user.switch_importing(&other, &loaded, NOW).await.unwrap(), Switched::ChangedMeanwhile);
    server.clock.set(NOW + 10_000);
    assert!(import::resume_one(&server.app).await.unwrap());
    assert_eq!(a.notes().await.len(), 700);
    server.end().await;
}
