//! Deletions: every form in which clients send them, and that they reach every device.

use crate::support::{BASIC, Device, NOW, TestServer, card_row, collection, note_row};
use anki::file::Schema;
use serde_json::{Value, json};

fn sorted(graves: &Value) -> Value {
    let mut graves = graves.clone();
    for list in ["cards", "decks", "notes"] {
        graves[list].as_array_mut().unwrap().sort_by_key(Value::as_i64);
    }
    graves
}

async fn told(device: &Device, min_usn: i64) -> Value {
    let device = Device { session: "asking".into(), ..device.clone() };
    let graves = sorted(&device.start(min_usn).await);
    device.json("sync/abort", json!({})).await;
    graves
}

#[tokio::test]
async fn every_form_is_taken() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 9, NOW - 5)).await;
    let mut deck: Value = serde_json::from_str(&anki::schema11::stock::default_deck().json).unwrap();
    (deck["id"], deck["name"]) = (json!(70), json!("to go"));
    a.start(1).await;
    a.json("sync/applyChanges", json!({"changes": {"models": [], "decks": [[deck], []], "tags": []}})).await;
    a.json("sync/finish", json!({})).await;

    // With start, as old AnkiDroid did, and as text, as old AnkiMobile did.
    let first = json!({"cards": ["1000001", "1000002"], "notes": ["1"], "decks": ["70"], "offset": 60});
    assert_eq!(
        sorted(&a.json("sync/start", json!({"minUsn": 2, "lnewer": true, "graves": first})).await),
        json!({"cards": [], "decks": [], "notes": []}),
        "ours are collected before the client's are applied"
    );
    for chunk in [
        json!({"cards": [1_000_003, 1_000_003], "notes": [], "decks": []}),
        json!({"cards": [1_000_003], "notes": [2, "3"], "decks": []}),
        json!({"cards": null, "notes": [4]}),
        json!({"cards": [], "notes": [], "decks": [], "unknown": {}}),
        json!({"cards": [-8, 5], "notes": [i64::MAX], "decks": [99]}),
    ] {
        assert_eq!(a.json("sync/applyGraves", json!({"chunk": chunk})).await, Value::Null, "{chunk}");
    }
    for chunk in [json!(null), json!({"cards": [1.5]}), json!({"notes": ["x"]}), json!([])] {
        assert_eq!(a.status("sync/applyGraves", json!({"chunk": chunk})).await, 400, "{chunk}");
    }
    let counts = json!({"client": [[2, 0, 0], 6, 5, 0, 0, 6, 1, 1]});
    assert_eq!(a.json("sync/sanityCheck2", counts).await["status"], "ok");
    a.json("sync/finish", json!({})).await;
    assert_eq!(
        told(&a, 2).await,
        json!({"cards": [-8, 5, 1_000_001, 1_000_002, 1_000_003], "decks": [70, 99], "notes": [1, 2, 3, 4, i64::MAX]}),
        "also of what never was here"
    );
    assert_eq!(told(&a, 3).await, json!({"cards": [], "decks": [], "notes": []}));
    assert_eq!(a.notes().await.iter().map(|note| note.id).collect::<Vec<_>>(), [5, 6, 7, 8, 9]);
    server.end().await;
}

#[tokio::test]
async fn many_of_them_and_no_cascade() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 700, NOW - 5)).await;
    a.start(1).await;
    let ids: Vec<i64> = (1..=600).collect();
    for part in ids.chunks(250) {
        a.json("sync/applyGraves", json!({"chunk": {"cards": [], "notes": part, "decks": []}})).await;
    }
    // The cards of these notes stay until their own graves come.
    let counts = |cards: i64| json!({"client": [[0, 0, 0], cards, 100, 0, 0, 6, 1, 1]});
    assert_eq!(a.json("sync/sanityCheck2", counts(700)).await["status"], "ok");
    let cards: Vec<i64> = ids.iter().map(|id| id + 1_000_000).collect();
    for part in cards.chunks(250) {
        a.json("sync/applyGraves", json!({"chunk": {"cards": part, "notes": [], "decks": []}})).await;
    }
    assert_eq!(a.json("sync/sanityCheck2", counts(100)).await["status"], "ok");
    a.json("sync/finish", json!({})).await;
    let graves = told(&server.log_in("a").await, 1).await;
    assert_eq!((graves["notes"].clone(), graves["cards"].clone()), (json!(ids), json!(cards)));
    server.end().await;
}

/// Undo on another device, or an import, brings a note back. Both are told then, grave first.
#[tokio::test]
async fn what_comes_back_stays() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 2, NOW - 5)).await;
    let grave = json!({"chunk": {"cards": [1_000_001], "notes": [1], "decks": []}});
    a.start(1).await;
    a.json("sync/applyGraves", grave.clone()).await;
    a.json("sync/finish", json!({})).await;
    a.start(2).await;
    let rows = json!({"notes": [note_row(1, BASIC, 9, "back\u{1f}again")], "cards": [card_row(1_000_001, 1, 9)]});
    a.json("sync/applyChunk", json!({"chunk": rows})).await;
    assert_eq!(a.json("sync/sanityCheck2", json!({"client": [[0, 0, 0], 2, 2, 0, 0, 6, 1, 1]})).await["status"], "ok");
    a.json("sync/finish", json!({})).await;
    let mut b = server.log_in("a").await;
    b.session = "sb".into();
    assert_eq!(b.start(1).await, json!({"cards": [1_000_001], "decks": [], "notes": [1]}));
    let sent = b.json("sync/chunk", json!({})).await;
    assert_eq!((&sent["notes"][0][0], &sent["cards"][0][0]), (&json!(1), &json!(1_000_001)));
    assert_eq!(told(&b, 2).await["notes"], json!([]), "the grave keeps its usn");
    // Deleted once more: the grave gets the usn of that.
    a.start(3).await;
    a.json("sync/applyGraves", grave).await;
    a.json("sync/finish", json!({})).await;
    assert_eq!(a.notes().await.iter().map(|note| note.id).collect::<Vec<_>>(), [2]);
    assert_eq!(told(&b, 1).await["notes"], json!([1]));
    assert_eq!(told(&b, 3).await["notes"], json!([1]));
    server.end().await;
}

/// Both have deleted the same, and each something else.
#[tokio::test]
async fn deletions_of_two_devices_meet() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 5, NOW - 5)).await;
    let mut b = server.log_in("a").await;
    b.session = "sb".into();
    a.start(1).await;
    a.json("sync/applyGraves", json!({"chunk": {"cards": [], "notes": [1, 2], "decks": []}})).await;
    a.json("sync/finish", json!({})).await;
    assert_eq!(sorted(&b.start(1).await)["notes"], json!([1, 2]));
    b.json("sync/applyGraves", json!({"chunk": {"cards": [], "notes": [2, 3], "decks": []}})).await;
    assert_eq!(b.json("sync/sanityCheck2", json!({"client": [[0, 0, 0], 5, 2, 0, 0, 6, 1, 1]})).await["status"], "ok");
    b.json("sync/finish", json!({})).await;
    assert_eq!(told(&a, 2).await["notes"], json!([3]));
    assert_eq!(told(&a, 1).await["notes"], json!([1, 2, 3]));
    server.end().await;
}

/// What a client's undo has brought back and is then deleted once more, has to go from devices that got it in between.
#[tokio::test]
async fn what_is_deleted_again_is_told_again() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 5, NOW - 5)).await;
    let deletion = json!({"chunk": {"cards": [1_000_001], "notes": [1], "decks": []}});
    a.start(1).await;
    a.json("sync/applyGraves", deletion.clone()).await;
    a.json("sync/finish", json!({})).await;
    a.start(2).await;
    let back = json!({"chunk": {"notes": [note_row(1, BASIC, 99, "a\u{1f}b")], "cards": [card_row(1_000_001, 1, 99)]}});
    a.json("sync/applyChunk", back).await;
    a.json("sync/finish", json!({})).await;
    let none = json!({"cards": [], "decks": [], "notes": []});
    assert_eq!(told(&a, 3).await, none);
    a.start(3).await;
    a.json("sync/applyGraves", deletion).await;
    a.json("sync/finish", json!({})).await;
    assert_eq!(told(&a, 3).await, json!({"cards": [1_000_001], "decks": [], "notes": [1]}));
    assert_eq!(told(&a, 4).await, none);
    server.end().await;
}
