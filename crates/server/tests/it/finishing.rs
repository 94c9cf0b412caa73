//! The end of a sync: all of it or nothing, once, and the same answer to whoever asks again.

use crate::support::{BASIC, Device, NOW, TestServer, admin, card_row, collection, counts, note_row};
use anki::file::Schema;
use serde_json::{Value, json};
use store::engine::Engine;
use store::params;

const HOUR: i64 = 60 * 60 * 1000;

/// Begins a sync at `usn` and sends a note, its card and a review.
async fn send(device: &Device, usn: i64, id: i64) {
    device.start(usn).await;
    device.json("sync/applyChanges", json!({"changes": {"models": [], "decks": [[], []], "tags": [format!("t{id}")]}})).await;
    device.json("sync/chunk", json!({})).await;
    let rows = json!({"notes": [note_row(id, BASIC, 9, "a\u{1f}b")], "cards": [card_row(id, id, 9)],
        "revlog": [[id, id, -1, 3, 1, 0, 2500, 900, 0]]});
    assert_eq!(device.json("sync/applyChunk", json!({"chunk": rows})).await, Value::Null);
}

#[tokio::test]
async fn a_repeated_finish_gets_the_first_answer_for_an_hour() {
    let server = TestServer::new().await;
    let other = server.second().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    send(&a, 1, 50).await;
    let first = a.json("sync/finish", json!({})).await;
    assert_eq!(first, NOW);
    let mut b = server.log_in("a").await;
    b.session = "sb".into();
    b.start(2).await;
    server.clock.set(NOW + HOUR - 1);
    assert_eq!(a.json("sync/finish", json!({})).await, first, "another device has begun a sync meanwhile");
    assert_eq!(a.at(&other).json("sync/finish", json!({"_pad": null})).await, first);
    assert_eq!(a.meta().await["usn"], 2, "it took place once");
    b.json("sync/chunk", json!({})).await;
    assert_eq!(b.json("sync/finish", json!({})).await, NOW + HOUR - 1, "and has disturbed nobody");
    server.clock.set(NOW + HOUR + 1);
    djankiserv::housekeeping::often(&server.app).await.unwrap();
    assert_eq!(a.status("sync/finish", json!({})).await, 409);
    drop(other);
    server.end().await;
}

#[tokio::test]
async fn of_two_at_the_same_time_one_applies_and_both_are_told() {
    let server = TestServer::new().await;
    let other = server.second().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    let elsewhere = a.at(&other);
    for (usn, id) in [(1, 50), (2, 51), (3, 52)] {
        server.clock.set(NOW + usn);
        send(&a, usn, id).await;
        let (one, two) = tokio::join!(a.json("sync/finish", json!({})), elsewhere.json("sync/finish", json!({})));
        assert_eq!((&one, &two), (&json!(NOW + usn), &json!(NOW + usn)));
        assert_eq!(a.meta().await["usn"], usn + 1);
    }
    assert_eq!(a.notes().await.len(), 6);
    drop(other);
    server.end().await;
}

#[tokio::test]
async fn the_stamp_rises_even_when_the_clock_does_not() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 1, NOW + 500)).await;
    let mut last = NOW + 500;
    for usn in 1..4 {
        a.start(usn).await;
        let modified = a.json("sync/finish", json!({})).await.as_i64().unwrap();
        assert_eq!(modified, last + 1, "equal stamps mean equal states");
        last = modified;
    }
    assert_eq!(a.meta().await["mod"], last);
    server.end().await;
}

/// The database refuses in the middle of applying.
#[tokio::test]
async fn a_finish_that_fails_changes_nothing_and_can_be_repeated() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    let (before, asked) = (server.rows("a").await, a.meta().await);
    send(&a, 1, 50).await;
    assert_eq!(a.json("sync/sanityCheck2", counts(4, 1)).await["status"], "ok");
    let schema = server.schema("a").await;
    let db = server.app.user.db();
    // Reviews are written last.
    server.user_database.rename_table(db, &schema, "revlog", "away").await;
    assert_eq!(a.status("sync/finish", json!({})).await, 503);
    server.user_database.rename_table(db, &schema, "away", "revlog").await;
    assert_eq!((server.rows("a").await, a.meta().await), (before, asked));
    a.json("sync/finish", json!({})).await;
    assert_eq!(a.notes().await.len(), 4);
    assert_eq!(a.meta().await["usn"], 2);
    server.end().await;
}

/// Staging is not logged by the database, so a crash of it may lose it.
#[tokio::test]
async fn a_lost_piece_is_noticed() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    let before = server.rows("a").await;
    for lost in ["number = 0", "number = 1", "number >= 0"] {
        send(&a, 1, 50).await;
        server.app.user.db().execute(&format!("DELETE FROM {{s}}.sync_staged WHERE {lost}"), vec![]).await.unwrap();
        assert!(a.status("sync/sanityCheck2", counts(4, 1)).await >= 409, "{lost}");
        assert!(a.status("sync/finish", json!({})).await >= 409, "{lost}");
        assert_eq!(server.rows("a").await, before, "{lost}");
    }
    server.end().await;
}

#[tokio::test]
async fn a_verdict_holds_for_what_was_sent_before_it() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    send(&a, 1, 50).await;
    assert_eq!(a.json("sync/sanityCheck2", counts(4, 1)).await["status"], "ok");
    let more = json!({"chunk": {"notes": [note_row(51, BASIC, 9, "a\u{1f}b")]}});
    a.json("sync/applyChunk", more).await;
    assert_eq!(a.status("sync/finish", json!({})).await, 409);
    assert_eq!(a.notes().await.len(), 3);
    // Asked again, it holds again.
    assert_eq!(a.json("sync/sanityCheck2", json!({"client": [[0, 0, 0], 4, 5, 1, 0, 6, 1, 1]})).await["status"], "ok");
    a.json("sync/finish", json!({})).await;
    assert_eq!(a.notes().await.len(), 5);
    server.end().await;
}

/// A client aborts after each failure, also when the failure was that it had lost its sync.
#[tokio::test]
async fn an_abort_ends_no_sync_but_its_own() {
    let server = TestServer::new().await;
    let other = server.second().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    let with = |device: &Device, session: &str| Device { session: session.into(), ..device.clone() };
    let b = server.log_in("a").await;
    let running = async |session: &Device| session.status("sync/chunk", json!({})).await == 200;
    for (sync, abort, ends) in [
        (with(&a, "s1"), with(&a, "s1"), true),
        (with(&a, "s2"), with(&a.at(&other), "pressed"), true),
        (with(&a, "s3"), with(&b, "s3"), true),
        (with(&a, "s4"), with(&b, "pressed"), false),
        (with(&a, "s5"), with(&a, ""), true),
        // Taken over, or finished: not the one that is running.
        (with(&a, "s6"), with(&a, "superseded"), false),
        (with(&a, "s7"), with(&a, "finished"), false),
    ] {
        let name = format!("{} {}", sync.session, abort.session);
        let mut earlier = sync.clone();
        earlier.session.clone_from(&abort.session);
        if abort.session == "superseded" {
            earlier.start(1).await;
        }
        if abort.session == "finished" {
            earlier.start(1).await;
            earlier.json("sync/finish", json!({})).await;
        }
        sync.start(1).await;
        let (_, body) = abort.raw("sync/abort", b"{}").await;
        assert_eq!(body, b"null");
        assert_eq!(running(&sync).await, !ends, "{name}");
    }
    assert_eq!(a.raw("sync/abort", b"null").await.1, b"null", "with nothing to abort");
    drop(other);
    server.end().await;
}

/// Somebody else, an operator perhaps, locks in the other order. The database chooses us to give way.
#[tokio::test]
async fn the_victim_of_a_deadlock_begins_again() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    a.start(1).await;
    a.json("sync/applyChunk", json!({"chunk": {"notes": [note_row(1, BASIC, 9, "a\u{1f}b")]}})).await;
    let schema = server.schema("a").await;
    let admin = admin().await;
    let other = server.app.user.db().begin().await.unwrap();
    // PostgreSQL chooses the one that notices first: this one looks for deadlocks later than the server. MariaDB and MySQL choose the one
    // that has less to undo.
    if server.user_database.engine == Engine::Postgres {
        other.script("SET LOCAL deadlock_timeout = '60s'").await.unwrap();
    }
    for n in 0..100 {
        let sql = "INSERT INTO {s}.sync_finished (account, session_key, host_key, modified, ended) VALUES (?, 'x', 'x', 0, 0)";
        other.execute(sql, params![-1 - n]).await.unwrap();
    }
    other.execute(&format!("UPDATE {schema}.notes SET flags = 0 WHERE id = 1"), vec![]).await.unwrap();
    let other = async {
        server.until_a_lock_is_awaited(&admin).await;
        let locked = other.query("SELECT account FROM {s}.collections FOR UPDATE", vec![]).await;
        other.rollback().await.unwrap();
        locked.map(|rows| rows.len())
    };
    let (modified, other) = tokio::join!(a.json("sync/finish", json!({})), other);
    assert_eq!(other.ok(), Some(1), "the test's own transaction was not the victim");
    assert_eq!((&modified, &a.meta().await["usn"]), (&json!(NOW), &json!(2)));
    assert_eq!(a.notes().await[0].fields, "a\u{1f}b");
    server.end().await;
}
