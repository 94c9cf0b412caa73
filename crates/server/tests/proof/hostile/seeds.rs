//! Requests that are right, to begin with.

use crate::support::{BASIC, NOW, PASSWORD, card_row, collection, counts, note_row};
use anki::file::Schema;
use anki::schema11::stock;
use fastrand::Rng;
use serde_json::{Value, json};
use std::io::{Cursor, Write};

fn object(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

/// Path and message of the requests that carry JSON. `finish`, `upload` and `download` have none worth changing.
pub fn messages() -> Vec<(&'static str, Value)> {
    let mut notetype = object(&stock::notetypes(BASIC, &mut || 5).remove(0).json);
    notetype["mod"] = json!(NOW / 1000 + 5);
    let mut deck = object(&stock::default_deck().json);
    (deck["id"], deck["name"], deck["mod"]) = (json!(77), json!("A::b"), json!(NOW / 1000));
    let preset = object(&stock::default_preset().json);
    let rows = json!({"chunk": {"done": true, "notes": [note_row(50, BASIC, 9, "a\u{1f}b"), note_row(1, BASIC, 99, "c\u{1f}d")],
        "cards": [card_row(60, 50, 9), card_row(1_000_001, 1, 99)], "revlog": [[70, 60, -1, 3, 1, 0, 2500, 900, 0]]}});
    let changes = json!({"changes": {"models": [notetype], "decks": [[deck], [preset]], "tags": ["t::u", "v"],
        "conf": {"curDeck": 1, "x": {"y": [1]}}, "crt": 1_500_000_000}});
    vec![
        ("sync/hostKey", json!({"u": "nobody", "p": PASSWORD})),
        ("sync/meta", json!({"v": 11, "cv": "anki,26.09.3 (0),linux"})),
        ("sync/start", json!({"minUsn": 0, "lnewer": true, "graves": null, "offset": -60})),
        ("sync/start", json!({"minUsn": 0, "lnewer": false, "graves": {"cards": [1_000_002], "notes": [2], "decks": [7]}})),
        ("sync/applyGraves", json!({"chunk": {"cards": [1_000_003, 5], "notes": [3], "decks": [9]}})),
        ("sync/applyChanges", changes),
        ("sync/chunk", json!({"_pad": null})),
        ("sync/applyChunk", rows),
        ("sync/sanityCheck2", counts(3, 0)),
        ("sync/abort", json!({})),
        ("msync/begin", json!({"v": "anki,26.09.3 (0),linux"})),
        ("msync/mediaChanges", json!({"lastUsn": 0})),
        ("msync/downloadFiles", json!({"files": ["a.jpg", "b.png"]})),
        ("msync/mediaSanity", json!({"local": 2})),
    ]
}

/// A batch of media, whole or nearly so.
pub fn media(rng: &mut Rng) -> Vec<u8> {
    let names = ["a.jpg", "b c.png", "ü.mp3", "e\u{301}.gif", "../x", "/x", "a/b", "", ".", "con", "x\0y", "\u{202E}gpj.exe", "_meta"];
    let mut meta = Vec::new();
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..rng.usize(0..30) {
        let name = if rng.u8(0..3) > 0 { format!("f{index}.txt") } else { rng.choice(names).unwrap().to_owned() };
        if rng.u8(0..4) == 0 {
            meta.push(json!([name, rng.choice([Value::Null, json!("")]).unwrap()]));
            continue;
        }
        meta.push(json!([name, index.to_string()]));
        let member = if rng.u8(0..10) == 0 { rng.choice(names).unwrap().to_owned() } else { index.to_string() };
        let method = rng.choice([zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated]).unwrap();
        if zip.start_file(member, zip::write::SimpleFileOptions::default().compression_method(method)).is_ok() {
            // Zeroes, sometimes very many of them.
            let size = if rng.u8(0..100) == 0 { 20 << 20 } else { rng.usize(0..3000) };
            zip.write_all(&vec![0; size]).unwrap();
        }
    }
    let mut meta = Value::Array(meta);
    if rng.bool() {
        super::mutate::json(rng, &mut meta);
    }
    // Not if a file of that name was in already.
    if zip.start_file("_meta", zip::write::SimpleFileOptions::default()).is_ok() {
        zip.write_all(meta.to_string().as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Statements that make something of a collection's file that no client would.
const TWISTS: &[&str] = &[
    "CREATE TRIGGER t AFTER INSERT ON notes BEGIN DELETE FROM notes; END",
    "ALTER TABLE notes RENAME TO n; CREATE VIEW notes AS SELECT * FROM n",
    "ALTER TABLE cards RENAME TO c; CREATE VIEW cards AS WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT i AS id, * FROM r, c",
    "DROP TABLE revlog",
    "DROP TABLE col",
    "DELETE FROM col",
    "INSERT INTO col SELECT 2, crt, mod, scm, ver, dty, usn, ls, conf, models, decks, dconf, tags FROM col",
    "UPDATE col SET ver = 11",
    "UPDATE col SET ver = 99",
    "UPDATE col SET mod = 9e999, scm = 'x'",
    "UPDATE notes SET flds = CAST(x'ff00ff1ffe' AS TEXT)",
    "UPDATE notes SET flds = zeroblob(3000000)",
    "UPDATE notes SET id = -id, mid = 'x'",
    "UPDATE notes SET mid = 9e18, mod = 1.5, usn = NULL WHERE 0",
    "UPDATE notes SET tags = char(0) || 'a' || char(0), sfld = 5, csum = 'x'",
    "UPDATE cards SET did = 12345, nid = 0, due = 9223372036854775807, odue = -9223372036854775808",
    "UPDATE cards SET data = '{\"cd\": ' || char(0) || '}', ivl = 1e30, factor = 'x'",
    "UPDATE cards SET type = 77, queue = -88, left = 4294967296",
    "CREATE TABLE x(y); INSERT INTO x VALUES (1)",
    "UPDATE decks SET name = 'a' || char(31) || 'b', common = x'ffffffff'",
    "UPDATE decks SET kind = x'', mtime_secs = 'x'",
    "UPDATE notetypes SET config = x'0a', name = (SELECT name FROM notetypes LIMIT 1)",
    "DELETE FROM notetypes",
    "DELETE FROM fields",
    "UPDATE fields SET ord = ord + 1000",
    "UPDATE templates SET config = zeroblob(100)",
    "UPDATE deck_config SET config = x'08ffffffffffffffffff01', id = 0",
    "UPDATE config SET val = CAST('not json' AS BLOB)",
    "INSERT INTO tags VALUES ('x' || char(0) || 'y', 1, 0, NULL)",
    "INSERT INTO graves VALUES (1, 99, 0)",
    "INSERT INTO revlog VALUES (5, 5, -1, 9, 'x', 1e99, -5, NULL, 77)",
    "PRAGMA user_version = 77; PRAGMA application_id = 5",
    "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'CREATE TABLE notes(id)' WHERE name = 'notes'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = 3 WHERE name = 'cards'",
];

/// A collection's file, twisted by statements.
pub fn file(rng: &mut Rng) -> Vec<u8> {
    let schema = if rng.bool() { Schema::V18 } else { Schema::V11 };
    let good = collection(schema, rng.i64(0..30), NOW + rng.i64(-9..9));
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("collection");
    std::fs::write(&path, good).unwrap();
    let db = rusqlite::Connection::open(&path).unwrap();
    // What Anki's files need to be written to. Most statements fail on one of the schemas; then the file stays as it is.
    let _ = db.create_collation("unicase", |a, b| a.to_lowercase().cmp(&b.to_lowercase()));
    for _ in 0..rng.usize(0..3) {
        let _ = db.execute_batch(rng.choice(TWISTS).unwrap());
    }
    drop(db);
    std::fs::read(path).unwrap()
}
