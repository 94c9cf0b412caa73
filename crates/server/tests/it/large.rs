//! Syncs of many rows and of large ones.

use crate::support::{BASIC, Device, NOW, TestServer, card_row, collection, note_row};
use anki::file::Schema;
use anki::schema11::stock;
use serde_json::{Value, json};
use std::collections::HashSet;

/// Asks for chunks to the end. Answers the ids of notes, cards and reviews, and the number of chunks.
async fn receive(device: &Device) -> ([Vec<i64>; 3], usize) {
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for chunks in 1.. {
        let chunk = device.json("sync/chunk", json!({"_pad": null})).await;
        for (list, ids) in ["notes", "cards", "revlog"].into_iter().zip(&mut all) {
            if let Some(rows) = chunk[list].as_array() {
                assert!(!rows.is_empty(), "empty lists are left out");
                ids.extend(rows.iter().map(|row| row[0].as_i64().unwrap()));
            }
        }
        if chunk["done"] == true {
            return (all, chunks);
        }
        assert!(chunk["notes"].is_array() || chunk["cards"].is_array() || chunk["revlog"].is_array(), "a chunk that says nothing");
    }
    unreachable!()
}

fn sorted(ids: &[i64]) -> Vec<i64> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn twenty_thousand_notes_in_one_sync() {
    let server = TestServer::new().await;
    let other = server.second().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 2, NOW - 5)).await;
    a.start(1).await;
    let ids: Vec<i64> = (100..20_100).collect();
    // One body with more than a piece holds, and many small ones.
    let (at_once, singly) = ids.split_at(12_000);
    let chunk = |ids: &[i64]| {
        let notes: Vec<Value> = ids.iter().map(|id| note_row(*id, BASIC, 9, &format!("front {id}\u{1f}back"))).collect();
        let cards: Vec<Value> = ids.iter().map(|id| card_row(*id, *id, 9)).collect();
        let reviews: Vec<Value> = ids.iter().map(|id| json!([id, id, -1, 3, 1, 0, 2500, 900, 0])).collect();
        json!({"chunk": {"notes": notes, "cards": cards, "revlog": reviews}})
    };
    a.json("sync/applyChunk", chunk(at_once)).await;
    for (n, part) in singly.chunks(250).enumerate() {
        let device = if n % 2 == 0 { a.clone() } else { a.at(&other) };
        device.json("sync/applyChunk", chunk(part)).await;
    }
    // The last state of a row counts, wherever it comes.
    a.json("sync/applyChunk", json!({"chunk": {"notes": [note_row(100, BASIC, 10, "changed\u{1f}x")]}})).await;
    assert_eq!(a.json("sync/sanityCheck2", json!({"client": [[0, 0, 0], 20_002, 20_002, 20_000, 0, 6, 1, 1]})).await["status"], "ok");
    a.at(&other).json("sync/finish", json!({})).await;

    let mut b = server.log_in("a").await;
    b.session = "sb".into();
    b.start(1).await;
    let gone: Vec<i64> = (100..20_100).step_by(7).collect();
    for part in gone.chunks(250) {
        b.json("sync/applyGraves", json!({"chunk": {"cards": part, "notes": part, "decks": []}})).await;
    }
    let ([notes, cards, reviews], chunks) = receive(&b).await;
    assert!(chunks > 1, "so large an answer comes in several chunks");
    let (left, gone): (Vec<i64>, HashSet<i64>) = (Vec::new(), gone.into_iter().collect());
    let left: Vec<i64> = left.into_iter().chain(ids.iter().copied().filter(|id| !gone.contains(id))).collect();
    assert!(sorted(&notes) == left && sorted(&cards) == left, "each once, and none of those that the client has deleted");
    assert!(sorted(&reviews) == ids, "reviews have no graves");
    assert_eq!(b.json("sync/chunk", json!({})).await, json!({"done": true}), "asked once more");
    let cards = 20_002 - gone.len();
    assert_eq!(b.json("sync/sanityCheck2", json!({"client": [[0, 0, 0], cards, cards, 20_000, 0, 6, 1, 1]})).await["status"], "ok");
    b.json("sync/finish", json!({})).await;
    let notes = b.notes().await;
    assert_eq!(notes.len(), cards);
    drop(other);
    server.end().await;
}

#[tokio::test]
async fn pages_of_several_usns_end_where_they_should() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 1, NOW - 5)).await;
    // Ids fall while usns rise, so that an order by only one of them would lose rows. A page has 500 notes.
    for (usn, ids) in [(1, 5000..5500), (2, 4000..4499), (3, 3000..3002), (4, 2000..2001)] {
        a.start(usn).await;
        let notes: Vec<Value> = ids.map(|id| note_row(id, BASIC, 9, "a\u{1f}b")).collect();
        a.json("sync/applyChunk", json!({"chunk": {"notes": notes}})).await;
        a.json("sync/finish", json!({})).await;
    }
    for (since, wanted) in [(0, 1003), (1, 1002), (2, 502), (3, 3), (4, 1), (5, 0)] {
        a.start(since).await;
        let ([notes, cards, _], _) = receive(&a).await;
        assert_eq!(notes.len(), wanted, "since {since}");
        assert_eq!(notes.iter().collect::<HashSet<_>>().len(), wanted, "each once");
        assert_eq!(cards.len(), usize::from(since == 0));
    }
    server.end().await;
}

#[tokio::test]
async fn large_rows_and_objects_are_cut_without_a_loss() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 1, NOW - 5)).await;
    a.start(1).await;
    let long = "x".repeat(3 << 20);
    let notes: Vec<Value> = (50..54).map(|id| note_row(id, BASIC, 9, &format!("{long}{id}\u{1f}\0\t\u{7f}"))).collect();
    a.json("sync/applyChunk", json!({"chunk": {"notes": notes}})).await;
    let mut deck: Value = serde_json::from_str(&stock::default_deck().json).unwrap();
    deck["desc"] = "d".repeat(1000).into();
    let decks: Vec<Value> = (100..2100)
        .map(|id| {
            (deck["id"], deck["name"]) = (json!(id), json!(format!("deck {id}")));
            deck.clone()
        })
        .collect();
    let tags: Vec<String> = (0..50_000).map(|n| format!("tag-of-some-length-{n}")).collect();
    let conf = json!({"schedVer": 2, "large": "c".repeat(2 << 20), "small": i64::MAX});
    let changes = json!({"models": [], "decks": [decks, []], "tags": tags, "conf": conf, "crt": 77});
    a.json("sync/applyChanges", json!({"changes": changes})).await;
    assert_eq!(a.json("sync/sanityCheck2", json!({"client": [[0, 0, 0], 1, 5, 0, 0, 6, 2001, 1]})).await["status"], "ok");
    a.json("sync/finish", json!({})).await;

    let mut b = server.log_in("a").await;
    b.session = "sb".into();
    b.start(1).await;
    let answer = b.json("sync/applyChanges", json!({"changes": {"models": [], "decks": [[], []], "tags": []}})).await;
    assert_eq!(answer["decks"][0].as_array().unwrap().len(), 2000);
    let mut told: Vec<&str> = answer["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
    told.sort_unstable();
    let mut tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    tags.sort_unstable();
    assert!(told == tags);
    assert!(answer["conf"] == conf && answer["crt"] == 77);
    let ([notes, ..], chunks) = receive(&b).await;
    assert_eq!((sorted(&notes), chunks > 0), (vec![50, 51, 52, 53], true));
    // Control characters go, as on Anki's server.
    assert!(b.notes().await.iter().any(|note| note.fields.len() == long.len() + 4 && note.fields.ends_with("53\u{1f}\t")));
    server.end().await;
}
