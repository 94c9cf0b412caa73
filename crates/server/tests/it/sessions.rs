use crate::support::{BASIC, Device, NOW, TestServer, card_row, collection, counts, note_row};
use anki::file::Schema;
use serde_json::{Value, json};

/// A sync of one new note, up to the sanity check.
async fn send_note(device: &Device, id: i64) -> Value {
    let graves = device.start(1).await;
    assert_eq!(graves, json!({"cards": [], "decks": [], "notes": []}));
    device.json("sync/applyChanges", json!({"changes": {"models": [], "decks": [[], []], "tags": ["new"]}})).await;
    device.json("sync/chunk", json!({"_pad": null})).await;
    let chunk = json!({"done": true, "cards": [card_row(id + 1, id, 9)], "notes": [note_row(id, BASIC, 9, "<b>7</b>\u{1f}x")],
        "revlog": [[id, id + 1, -1, 3, 1, 0, 2500, 900, 0]]});
    device.json("sync/applyChunk", json!({"chunk": chunk})).await;
    device.json("sync/sanityCheck2", counts(4, 1)).await
}

#[tokio::test]
async fn a_sync_takes_place_at_finish_and_any_process_may_serve_it() {
    let server = TestServer::new().await;
    let other = server.second().await;
    for legacy in [false, true] {
        let name = if legacy { "old" } else { "new" };
        let mut a = server.device(name).await;
        a.legacy = legacy;
        a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
        let mut elsewhere = a.clone();
        elsewhere.app = other.app.clone();
        assert_eq!(send_note(&a, NOW).await["status"], "ok");
        assert_eq!(elsewhere.notes().await.len(), 3, "nothing before finish");
        assert_eq!(elsewhere.meta().await["usn"], 1, "meta disturbs nobody");
        server.clock.set(NOW + 1000);
        let modified = elsewhere.json("sync/finish", json!({})).await;
        assert_eq!(modified, NOW + 1000);
        // The answer may have been lost on its way.
        server.clock.set(NOW + 2000);
        assert_eq!(a.json("sync/finish", json!({})).await, modified);
        let meta = a.meta().await;
        assert_eq!((&meta["mod"], &meta["usn"]), (&modified, &json!(2)));
        let notes = a.notes().await;
        let note = notes.last().unwrap();
        assert_eq!((note.id, note.usn, note.sort_field.as_str(), note.tags.as_str()), (NOW, 1, "7", " tag "));
        // Another device hears of it, once.
        let mut b = server.log_in(name).await;
        b.session = "sb".into();
        b.start(1).await;
        let answer = b.json("sync/applyChanges", json!({"changes": {"models": [], "decks": [[], []], "tags": []}})).await;
        assert_eq!(answer["tags"], json!(["new"]));
        assert!(answer["conf"]["schedVer"].is_number(), "the server was newer");
        let chunk = b.json("sync/chunk", json!({})).await;
        assert_eq!(
            (chunk["notes"][0][0].as_i64(), chunk["revlog"][0][2].as_i64(), chunk["done"].as_bool()),
            (Some(NOW), Some(1), Some(true))
        );
        assert_eq!(b.json("sync/sanityCheck2", counts(4, 1)).await["status"], "ok");
        b.json("sync/finish", json!({})).await;
        b.session = "sb2".into();
        b.start(3).await;
        assert_eq!(b.json("sync/chunk", json!({})).await, json!({"done": true}));
        b.json("sync/abort", json!({})).await;
        server.clock.set(NOW);
    }
    drop(other);
    server.end().await;
}

#[tokio::test]
async fn the_second_device_takes_over_and_a_late_abort_does_not_end_it() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    let mut b = server.log_in("a").await;
    b.session = "s2".into();
    send_note(&a, NOW).await;
    b.start(1).await;
    for (path, message) in [("sync/chunk", json!({})), ("sync/sanityCheck2", counts(4, 1)), ("sync/finish", json!({}))] {
        assert_eq!(a.status(path, message).await, 409, "{path}");
    }
    assert_eq!(a.status("sync/abort", json!({})).await, 200);
    b.json("sync/chunk", json!({})).await;
    // The user of b presses the button: that comes with a new id.
    let mut button = b.clone();
    button.session = "s3".into();
    assert_eq!(button.status("sync/abort", json!({})).await, 200);
    assert_eq!(b.status("sync/chunk", json!({})).await, 409);
    assert_eq!(a.notes().await.len(), 3);
    server.end().await;
}

#[tokio::test]
async fn counts_that_differ_undo_the_sync() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    a.start(1).await;
    a.json("sync/applyGraves", json!({"chunk": {"cards": [], "decks": [], "notes": [1, 77]}})).await;
    let answer = a.json("sync/sanityCheck2", counts(3, 0)).await;
    assert_eq!((&answer["status"], &answer["s"][2]), (&json!("bad"), &json!(2)));
    assert_eq!(a.status("sync/finish", json!({})).await, 409);
    assert_eq!(a.notes().await.len(), 3);
    assert_eq!(a.meta().await["mod"], NOW - 5);
    server.end().await;
}

#[tokio::test]
async fn wrong_counters_are_put_right_instead_of_blaming_the_client() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    server.app.user.db().execute("UPDATE {s}.generations SET notes = 99", vec![]).await.unwrap();
    a.start(1).await;
    assert_eq!(a.json("sync/sanityCheck2", counts(3, 0)).await["status"], "ok");
    a.json("sync/finish", json!({})).await;
    let account = server.account("a").await;
    assert_eq!(server.app.user.state(account).await.unwrap().unwrap().current.unwrap().counts.notes, 3);
    server.end().await;
}

#[tokio::test]
async fn a_client_that_is_ahead_syncs_again_and_then_one_way() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 1, NOW - 5)).await;
    let ahead = json!({"minUsn": 7, "lnewer": true, "graves": null});
    assert_eq!(a.status("sync/start", ahead.clone()).await, 409);
    assert_eq!(a.meta().await["scm"], NOW - 5, "the collection may have been replaced after meta");
    assert_eq!(a.status("sync/start", ahead).await, 409);
    assert_eq!(a.meta().await["scm"], NOW);
    server.end().await;
}

#[tokio::test]
async fn a_deleted_note_is_not_sent_back_and_deletion_wins() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    a.start(0).await;
    let chunk = json!({"chunk": {"notes": [note_row(2, BASIC, 99, "later\u{1f}x")]}});
    a.json("sync/applyGraves", json!({"chunk": {"cards": ["1000001"], "decks": [], "notes": [1]}})).await;
    let sent = a.json("sync/chunk", json!({})).await;
    let ids = |key: &str| sent[key].as_array().unwrap().iter().map(|row| row[0].as_i64().unwrap()).collect::<Vec<_>>();
    assert_eq!((ids("notes"), ids("cards")), (vec![2, 3], vec![1_000_002, 1_000_003]));
    a.json("sync/applyChunk", chunk).await;
    assert_eq!(a.json("sync/sanityCheck2", counts(2, 0)).await["status"], "ok");
    a.json("sync/finish", json!({})).await;
    let notes = a.notes().await;
    assert_eq!(notes.iter().map(|n| (n.id, n.sort_field.as_str())).collect::<Vec<_>>(), [(2, "later"), (3, "front 3")]);
    let mut b = server.log_in("a").await;
    b.session = "sb".into();
    assert_eq!(b.start(1).await, json!({"cards": [1_000_001], "decks": [], "notes": [1]}));
    server.end().await;
}
