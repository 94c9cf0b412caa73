use crate::support::{BASIC, NOW, TestServer, collection, counts, note_row};
use anki::file::{CollectionFile, Limits, Schema};
use djankiserv::sync::import;
use serde_json::json;
use std::time::Duration;
use store::user_db::generations::Switched;
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

/// The process died between the answer and the last row: another one takes the import over.
#[tokio::test]
async fn an_import_that_was_cut_off_is_taken_over() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 5, NOW - 9)).await;
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
