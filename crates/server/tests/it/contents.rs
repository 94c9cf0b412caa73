//! Everything that a collection holds, up and down again, through every framing and schema.

use crate::support::{BASIC, NOW, TestServer, collection};
use anki::file::{CollectionFile, FileError, FileWriter, Limits, Schema};
use anki::model::{Card, ConfigEntry, Deck, Grave, GraveKind, Note, Notetype, Preset, Review, Stamps, Tag};
use anki::schema11::{self, stock};
use anki::text;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// All that is in a file.
#[derive(Debug, PartialEq)]
struct Contents {
    stamps: Stamps,
    notes: Vec<Note>,
    cards: Vec<Card>,
    reviews: Vec<Review>,
    graves: Vec<(i64, GraveKind, i32)>,
    notetypes: Vec<(i64, String, i32, Value)>,
    decks: Vec<(i64, String, i32, Value)>,
    presets: Vec<(i64, String, i32, Value)>,
    tags: Vec<(String, i32)>,
    config: Vec<(String, Value)>,
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn contents(file: &[u8]) -> Contents {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("collection");
    std::fs::write(&path, file).unwrap();
    let file = CollectionFile::open(&path, &Limits::default()).unwrap();
    let (mut notes, mut cards, mut reviews) = (Vec::new(), Vec::new(), Vec::new());
    let keep = |list: &mut Vec<Note>, note: &Note| list.push(note.clone());
    file.for_each_note::<FileError>(|note| {
        keep(&mut notes, note);
        Ok(())
    })
    .unwrap();
    file.for_each_card::<FileError>(|card| {
        cards.push(card.clone());
        Ok(())
    })
    .unwrap();
    file.for_each_review::<FileError>(|review| {
        reviews.push(review.clone());
        Ok(())
    })
    .unwrap();
    let mut graves: Vec<_> = file.graves().unwrap().into_iter().map(|g| (g.id, g.kind, g.usn)).collect();
    graves.sort_unstable();
    let mut tags: Vec<_> = file.tags().unwrap().into_iter().map(|t| (t.name, t.usn)).collect();
    tags.sort();
    let mut config: Vec<_> = file.config().unwrap().into_iter().map(|e| (e.key, parsed(&e.json))).collect();
    config.sort_by(|a, b| a.0.cmp(&b.0));
    Contents {
        stamps: file.stamps(),
        notes,
        cards,
        reviews,
        graves,
        notetypes: file.notetypes().unwrap().into_iter().map(|o| (o.id, o.name, o.usn, parsed(&o.json))).collect(),
        decks: file.decks().unwrap().into_iter().map(|o| (o.id, o.name, o.usn, parsed(&o.json))).collect(),
        presets: file.presets().unwrap().into_iter().map(|o| (o.id, o.name, o.usn, parsed(&o.json))).collect(),
        tags,
        config,
    }
}

fn edited(json: &str, changes: &Value) -> Map<String, Value> {
    let Value::Object(mut object) = parsed(json) else { panic!("an object") };
    object.extend(changes.as_object().unwrap().clone());
    object
}

/// Odd text: what PostgreSQL cannot hold, what stands for it, what sorts and folds strangely.
const ODD: &str = "\0 \u{FDD0} \u{FDD0}0 \u{1F600} \u{202E}abc Straße İ \\N \\. \u{7f} e\u{301} 'x' \"y\" {c} {s} ? ??";

/// A collection that has something of everything, with values as far out as the files allow.
fn rich(schema: Schema, usn: i32) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("collection");
    let stamps = Stamps { created: 1_600_000_000, modified: NOW - 7, schema_modified: NOW - 9, usn, last_sync: NOW - 8 };
    let mut writer = FileWriter::create(&path, schema, &stamps).unwrap();
    let mut part = i64::MAX;
    let mut notetypes: Vec<Notetype> = stock::notetypes(BASIC, &mut || {
        part -= 1;
        part
    });
    let changes = json!({"id": 77, "name": "Ünïcode", "mod": 12, "usn": 3, "css": ".card { content: '\u{0}' }", "addon": {"n": i64::MAX}});
    notetypes.push(schema11::notetype(edited(&notetypes[0].json, &changes)).unwrap());
    writer.put_notetypes(&notetypes).unwrap();
    let deck = |id: i64, name: &str, more: Value| {
        let mut object = edited(&stock::default_deck().json, &json!({"id": id, "name": name, "mod": 5, "usn": 2}));
        object.extend(more.as_object().unwrap().clone());
        schema11::deck(object).unwrap()
    };
    let decks: Vec<Deck> = vec![
        stock::default_deck(),
        deck(10, "A", json!({"desc": "line\nline \u{0}"})),
        deck(
            11,
            "A::b::Ç",
            json!({"newToday": [7, 9], "revToday": [7, 1], "lrnToday": [7, 0], "timeToday": [7, 12], "extendRev": 33, "unknown": [1, {"x": null}]}),
        ),
    ];
    writer.put_decks(&decks).unwrap();
    let preset = edited(&stock::default_preset().json, &json!({"id": 20, "name": "Default", "mod": 6, "usn": 1, "maxTaken": 61}));
    let presets: Vec<Preset> = vec![stock::default_preset(), schema11::preset(preset).unwrap()];
    writer.put_presets(&presets).unwrap();
    let tag = |name: &str| Tag { name: name.into(), usn: 2, collapsed: false };
    writer.put_tags(&[tag("Ärger"), tag("a::b"), tag("z")]).unwrap();
    let mut config = stock::config(BASIC, -60);
    config.push(ConfigEntry { key: "addon \u{1F600}".into(), usn: 0, mtime: 0, json: json!({"big": i64::MIN, "text": ODD}).to_string() });
    writer.put_config(&config).unwrap();
    let grave = |id: i64, kind: GraveKind| Grave { id, kind, usn: 4 };
    writer.put_graves(&[grave(5, GraveKind::Card), grave(5, GraveKind::Note), grave(6, GraveKind::Deck)]).unwrap();
    for (id, fields) in [(-5, ODD.to_owned() + "\u{1f}"), (1, format!("{}\u{1f}x", "long ".repeat(100_000))), (i64::MAX, "\u{1f}".into())] {
        let mut note = Note {
            id,
            guid: format!("{ODD}{id}"),
            notetype_id: BASIC,
            mtime: 8,
            usn: 4,
            tags: " Ärger z ".into(),
            fields,
            data: "kept".into(),
            ..Note::default()
        };
        text::fill_derived(&mut note, 0);
        writer.add_note(&note).unwrap();
    }
    for (id, due) in [(1, i64::from(i32::MIN)), (2, 0), (i64::MAX, i64::from(i32::MAX))] {
        let data = json!({"pos": 1, "cd": "{\"k\":1}", "s": 1.2345}).to_string();
        writer
            .add_card(&Card {
                id,
                note_id: 1,
                deck_id: 11,
                ord: 3,
                mtime: 9,
                usn: 4,
                kind: 2,
                queue: -3,
                due,
                interval: 36_500,
                factor: 65_535,
                reps: 4_000_000,
                lapses: 8,
                left: 2002,
                original_due: -1,
                original_deck_id: 10,
                flags: 7,
                data,
            })
            .unwrap();
    }
    for id in [-1, 1, i64::MAX] {
        let (interval, last_interval) = (i64::from(i32::MIN), i64::from(i32::MAX));
        writer
            .add_review(&Review { id, card_id: 2, usn: 3, ease: 4, interval, last_interval, factor: 4_000_000, time: 60_000, kind: 5 })
            .unwrap();
    }
    writer.finish().unwrap();
    std::fs::read(path).unwrap()
}

#[tokio::test]
async fn nothing_is_lost_on_the_way() {
    let server = TestServer::new().await;
    for (name, schema, legacy) in [("a", Schema::V18, false), ("b", Schema::V11, false), ("c", Schema::V11, true)] {
        let mut device = server.device(name).await;
        device.legacy = legacy;
        let file = rich(schema, 50);
        assert_eq!(device.upload(&file).await, "OK");
        let sent = contents(&file);
        assert_eq!((sent.notes.len(), sent.cards.len(), sent.reviews.len(), sent.graves.len()), (3, 3, 3, 3), "the test's own file");
        let stored = server.rows(name).await;
        for legacy in [false, true] {
            device.legacy = legacy;
            let (_, body) = device.raw("sync/download", b"{}").await;
            let got = contents(&body);
            // One at a time, for a message that can be read.
            assert_eq!(got.stamps.schema_modified, sent.stamps.schema_modified);
            assert_eq!(got.notes, sent.notes, "{name} {legacy}");
            assert_eq!(got.cards, sent.cards, "{name} {legacy}");
            assert_eq!(got.notetypes, sent.notetypes, "{name} {legacy}");
            for (got, sent) in got.decks.iter().zip(&sent.decks) {
                assert_eq!(got, sent, "{name} {legacy}");
            }
            assert_eq!(got.presets, sent.presets, "{name} {legacy}");
            assert_eq!(got, sent, "{name} {legacy}");
            // What came down goes up again as the same rows.
            assert_eq!(device.upload(&body).await, "OK");
            let again = server.rows(name).await;
            for ((table, before), (_, after)) in stored.iter().zip(&again) {
                // Which tags are folded, and times of config entries, exist in schema 18 alone.
                if !["tags", "config"].contains(table) {
                    assert_eq!(before, after, "{name} {legacy} {table}");
                }
            }
        }
    }
    server.end().await;
}

/// A client that was restored, or a new profile, begins to count anew.
#[tokio::test]
async fn the_stamps_are_those_of_the_file() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    for (usn, file) in [(50, rich(Schema::V18, 50)), (1, collection(Schema::V18, 2, NOW - 5)), (9, rich(Schema::V11, 9))] {
        assert_eq!(a.upload(&file).await, "OK");
        let (meta, stamps) = (a.meta().await, contents(&file).stamps);
        let told = (meta["mod"].as_i64(), meta["scm"].as_i64(), meta["usn"].as_i64());
        assert_eq!(told, (Some(stamps.modified), Some(stamps.schema_modified), Some(usn)));
        a.start(usn).await;
        assert_eq!(a.json("sync/chunk", json!({})).await["notes"], Value::Null, "nothing is newer than the client");
        a.json("sync/finish", json!({})).await;
        assert_eq!(a.meta().await["usn"], usn + 1);
    }
    server.end().await;
}

/// A client drops protobuf fields that it does not know, and keeps unknown keys of JSON.
#[tokio::test]
async fn old_clients_get_the_schema_that_loses_nothing() {
    let server = TestServer::new().await;
    let mut a = server.device("a").await;
    a.upload(&collection(Schema::V18, 1, NOW - 5)).await;
    let schema = async |device: &crate::support::Device, client: &str| {
        let device = crate::support::Device { client: client.into(), ..device.clone() };
        let (status, body) = device.raw("sync/download", b"{}").await;
        assert_eq!(status, 200);
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("collection");
        std::fs::write(&path, body).unwrap();
        CollectionFile::open(&path, &Limits::default()).unwrap().schema()
    };
    // Stock notetypes have ids of fields, which came with 23.10.
    for (client, wanted) in [
        ("2.1.57,x,linux", Schema::V11),
        ("23.10,x,linux", Schema::V18),
        ("26.09.3,x,linux", Schema::V18),
        ("99.01,x,linux", Schema::V11),
        ("odd", Schema::V18),
        ("", Schema::V18),
    ] {
        assert_eq!(schema(&a, client).await, wanted, "{client}");
    }
    // A deck gets a field of 25.09 by a sync.
    a.start(1).await;
    let deck = edited(&stock::default_deck().json, &json!({"mod": NOW / 1000, "desiredRetention": 87}));
    a.json("sync/applyChanges", json!({"changes": {"models": [], "decks": [[deck], []], "tags": []}})).await;
    a.json("sync/finish", json!({})).await;
    for (client, wanted) in [("25.07,x,linux", Schema::V11), ("25.09,x,linux", Schema::V18)] {
        assert_eq!(schema(&a, client).await, wanted, "{client}");
    }
    a.legacy = true;
    assert_eq!(schema(&a, "").await, Schema::V11);
    server.end().await;
}

#[tokio::test]
async fn a_download_is_of_the_state_that_meta_told() {
    let server = TestServer::new().await;
    let other = server.second().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 1, NOW - 5)).await;
    for usn in 1..4 {
        let told = a.meta().await;
        for device in [&a, &a.at(&other), &a] {
            let (_, body) = device.raw("sync/download", b"{}").await;
            let stamps = contents(&body).stamps;
            assert_eq!((told["mod"].as_i64(), told["usn"].as_i64()), (Some(stamps.modified), Some(stamps.usn.into())));
        }
        server.clock.set(NOW + usn);
        a.start(usn).await;
        a.json("sync/finish", json!({})).await;
    }
    // Older states are not asked for again.
    let kept = std::fs::read_dir(server.app.config.data_root.downloads()).unwrap().count();
    assert_eq!(kept, 1);
    drop(other);
    server.end().await;
}
