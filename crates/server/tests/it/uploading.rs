//! Uploads among other things that happen.

use crate::support::{BASIC, NOW, TestServer, collection, note_row, read};
use anki::file::Schema;
use serde_json::json;
use store::user_db::GenerationState;

const MINUTE: i64 = 60_000;

#[tokio::test]
async fn of_uploads_at_the_same_time_one_is_what_is_left() {
    let server = TestServer::new().await;
    let other = server.second().await;
    let a = server.device("a").await;
    let b = server.log_in("a").await.at(&other);
    let files = [collection(Schema::V18, 2000, NOW - 9), collection(Schema::V18, 3000, NOW - 8)];
    for round in 0..3 {
        let (one, two) = tokio::join!(a.upload(&files[0]), b.upload(&files[1]));
        let taken: Vec<bool> = [&one, &two].iter().map(|answer| *answer == "OK").collect();
        assert!(taken.contains(&true), "{one} {two}");
        for answer in [&one, &two].into_iter().filter(|answer| *answer != "OK") {
            assert!(answer.contains("sync again"), "{answer}");
        }
        let (stamps, notes) = read(&a.raw("sync/download", b"{}").await.1);
        let which = usize::from(stamps.modified == NOW - 8);
        assert!(taken[which], "round {round}: the one that is there was told so");
        assert_eq!(notes.len(), [2000, 3000][which]);
    }
    let account = server.account("a").await;
    let states: Vec<_> = server.app.user.generations(account).await.unwrap().into_iter().map(|g| g.state).collect();
    assert_eq!(states.iter().filter(|state| **state == GenerationState::Current).count(), 1);
    assert!(states.iter().all(|state| [GenerationState::Current, GenerationState::Kept].contains(state)), "{states:?}");
    drop(other);
    server.end().await;
}

#[tokio::test]
async fn no_sync_begins_while_a_file_is_being_loaded() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    let account = server.account("a").await;
    let load = server.app.user.begin_generation(account, "upload", NOW, NOW + MINUTE).await.unwrap();
    let start = json!({"minUsn": 1, "lnewer": false});
    assert_eq!(a.status("sync/start", start.clone()).await, 409);
    assert_eq!(a.meta().await["mod"], NOW - 5);
    assert_eq!(a.notes().await.len(), 3, "reading goes on");
    server.app.user.abandon(&load).await.unwrap();
    assert_eq!(a.status("sync/start", start.clone()).await, 200);
    // The process that loads has died: its lease ends.
    server.app.user.begin_generation(account, "upload", NOW, NOW + MINUTE).await.unwrap();
    assert_eq!(a.status("sync/start", start.clone()).await, 409);
    server.clock.set(NOW + MINUTE);
    assert_eq!(a.status("sync/start", start).await, 200);
    server.end().await;
}

/// A sync that runs over an upload ends without a trace, and so does one that runs over a restore.
#[tokio::test]
async fn a_sync_does_not_outlive_the_collection_that_it_began_on() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    let mut b = server.log_in("a").await;
    b.session = "sb".into();
    let account = server.account("a").await;
    a.upload(&collection(Schema::V18, 1, NOW - 9)).await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    for by_restore in [false, true] {
        b.start(1).await;
        b.json("sync/applyChunk", json!({"chunk": {"notes": [note_row(50, BASIC, 9, "a\u{1f}b")]}})).await;
        if by_restore {
            let kept = server.app.user.generations(account).await.unwrap().into_iter().find(|g| g.state == GenerationState::Kept).unwrap();
            server.app.user.restore(account, kept.number, NOW).await.unwrap();
        } else {
            a.upload(&collection(Schema::V18, 2, NOW - 4)).await;
        }
        let before = server.rows("a").await;
        for (path, message) in [
            ("sync/applyGraves", json!({"chunk": {"notes": [1]}})),
            ("sync/applyChanges", json!({"changes": {"models": [], "decks": [[], []], "tags": ["t"]}})),
            ("sync/chunk", json!({})),
            ("sync/applyChunk", json!({"chunk": {"notes": [note_row(51, BASIC, 9, "a\u{1f}b")]}})),
            ("sync/applyChunk", json!({"chunk": {"done": true}})),
            ("sync/sanityCheck2", crate::support::counts(3, 0)),
            ("sync/finish", json!({})),
        ] {
            assert_eq!(b.status(path, message).await, 409, "{path}");
        }
        assert_eq!(server.rows("a").await, before);
        assert_eq!(b.raw("sync/abort", b"{}").await.1, b"null");
    }
    server.end().await;
}

/// An upload changes nothing but the collection.
#[tokio::test]
async fn media_and_other_accounts_are_left_alone() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    let b = server.device("b").await;
    b.upload(&collection(Schema::V18, 4, NOW - 3)).await;
    let account = server.account("a").await;
    let content = store::user_db::media::StoredContent { sha1: "11".into(), content_key: Some("key".into()), size: 1 };
    let write = store::user_db::media::MediaWrite { name: "x.jpg".into(), content: Some(content) };
    server.app.user.apply_media(account, &[write], NOW).await.unwrap();
    let before = (b.meta().await, server.rows("b").await);
    a.upload(&collection(Schema::V18, 1, NOW - 5)).await;
    a.upload(&collection(Schema::V18, 2, NOW - 4)).await;
    assert_eq!(a.meta().await["media_usn"], 1);
    assert_eq!((b.meta().await, server.rows("b").await), before);
    server.end().await;
}
