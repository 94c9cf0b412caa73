//! The pages that we write, beside those that SQLite makes of the same rows.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use anki::{
    file::{FileWriter, Schema},
    model::{Card, Note, Review, Stamps},
};
use proptest::prelude::*;
use rusqlite::{Connection, params, types::Value};

const STAMPS: Stamps = Stamps { created: 1, modified: 2, schema_modified: 3, usn: 4, last_sync: 5 };

/// Writes rows with our writer into one file, and with SQLite into another of the same schema.
fn write(folder: &Path, schema: Schema, notes: &[Note], cards: &[Card], reviews: &[Review]) -> [Connection; 2] {
    let paths = ["ours", "theirs"].map(|name| folder.join(name));
    for (path, is_ours) in paths.iter().zip([true, false]) {
        let mut writer = FileWriter::create(path, schema, &STAMPS).unwrap();
        if is_ours {
            notes.iter().for_each(|note| writer.add_note(note).unwrap());
            cards.iter().for_each(|card| writer.add_card(card).unwrap());
            reviews.iter().for_each(|review| writer.add_review(review).unwrap());
        }
        writer.finish().unwrap();
    }
    let [ours, mut theirs] = paths.map(|path| open(&path));
    let adding = theirs.transaction().unwrap();
    for n in notes {
        let values = params![n.id, n.guid, n.notetype_id, n.mtime, n.usn, n.tags, n.fields, n.sort_field, n.checksum, n.flags, n.data];
        adding.prepare_cached("INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").unwrap().execute(values).unwrap();
    }
    for c in cards {
        let sql = "INSERT INTO cards VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        #[rustfmt::skip]
        let values = params![c.id, c.note_id, c.deck_id, c.ord, c.mtime, c.usn, c.kind, c.queue, c.due, c.interval, c.factor, c.reps,
            c.lapses, c.left, c.original_due, c.original_deck_id, c.flags, c.data];
        adding.prepare_cached(sql).unwrap().execute(values).unwrap();
    }
    for r in reviews {
        let values = params![r.id, r.card_id, r.usn, r.ease, r.interval, r.last_interval, r.factor, r.time, r.kind];
        adding.prepare_cached("INSERT INTO revlog VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)").unwrap().execute(values).unwrap();
    }
    adding.commit().unwrap();
    [ours, theirs]
}

fn open(path: &Path) -> Connection {
    let sqlite = Connection::open(path).unwrap();
    sqlite.create_collation("unicase", anki::names::compare).unwrap();
    sqlite
}

fn all(sqlite: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut query = sqlite.prepare(sql).unwrap();
    let columns = query.column_count();
    query.query_map([], |row| (0..columns).map(|column| row.get(column)).collect()).unwrap().collect::<Result<_, _>>().unwrap()
}

/// That SQLite finds each page in order, and the same rows in both, by each table and each index.
fn assert_same([ours, theirs]: &[Connection; 2]) {
    assert_eq!(all(ours, "PRAGMA integrity_check"), [[Value::Text("ok".into())]]);
    assert_eq!(all(ours, "PRAGMA freelist_count"), [[Value::Integer(0)]]);
    assert!(all(ours, "PRAGMA foreign_key_check").is_empty());
    let schema = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%' ORDER BY 1, 2";
    assert_eq!(all(ours, schema), all(theirs, schema));
    for table in ["notes", "cards", "revlog"] {
        // Twice: what SQLite keeps a value as is a part of what it is.
        let columns: Vec<_> =
            all(ours, &format!("SELECT name FROM pragma_table_info('{table}')")).into_iter().map(|row| text(&row[0])).collect();
        let types: Vec<_> = columns.iter().map(|column| format!("typeof({column})")).collect();
        let sql = format!("SELECT *, {} FROM {table} NOT INDEXED", types.join(", "));
        assert_eq!(all(ours, &sql), all(theirs, &sql), "{table}");
        for index in all(ours, &format!("SELECT name FROM pragma_index_list('{table}')")) {
            let name = text(&index[0]);
            let keys: Vec<_> =
                all(ours, &format!("SELECT name FROM pragma_index_info('{name}')")).into_iter().map(|row| text(&row[0])).collect();
            let only = if name == "idx_cards_odid" { "WHERE odid != 0" } else { "" };
            let sql = format!("SELECT {}, id FROM {table} INDEXED BY {name} {only} ORDER BY {}", keys.join(", "), keys.join(", "));
            assert_eq!(all(ours, &sql), all(theirs, &sql), "{name}");
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    }
}

fn note(id: i64, fields: String) -> Note {
    Note {
        id,
        guid: format!("g{id}"),
        notetype_id: id % 3,
        usn: 7,
        sort_field: "a".into(),
        fields,
        checksum: id * 7_919 % 1_000,
        ..Note::default()
    }
}

/// Rows for trees of several levels, and for indexes that do not fit the memory they are given: half a million entries of each.
#[test]
fn many_rows() {
    let folder = tempfile::tempdir().unwrap();
    let notes: Vec<_> = (1..=3_000).map(|id| note(id, "x".repeat((id as usize * 37) % 700))).collect();
    let cards: Vec<_> = (1..=60_000)
        .map(|id| Card {
            id: id * 1_000,
            note_id: id / 2,
            deck_id: id % 7,
            queue: id % 5 - 2,
            due: id * 31 % 997,
            original_deck_id: id % 3,
            data: "{}".into(),
            ..Card::default()
        })
        .collect();
    let reviews: Vec<_> = (1..=530_000)
        .map(|id| Review {
            id: 1_600_000_000_000 + id,
            card_id: id * 7_919 % 60_000 * 1_000,
            usn: (id % 11) as i32,
            interval: -id,
            ..Review::default()
        })
        .collect();
    let both = write(folder.path(), Schema::V18, &notes, &cards, &reviews);
    assert_same(&both);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside the files");
    // The same, looked up in a way that goes down each tree.
    for (table, id) in [("notes", 1_234_i64), ("cards", 59_999_000), ("revlog", 1_600_000_444_444)] {
        let sql = format!("SELECT * FROM {table} WHERE id = {id}");
        assert_eq!(all(&both[0], &sql).len(), 1);
    }
    // SQLite goes on with these pages as with its own.
    both[0]
        .execute_batch("DELETE FROM revlog WHERE id % 3 = 0; UPDATE cards SET usn = id % 13; DELETE FROM notes WHERE id < 1500; VACUUM")
        .unwrap();
    assert_eq!(all(&both[0], "PRAGMA integrity_check"), [[Value::Text("ok".into())]]);
}

/// Each number of rows around those at which a page is full and a level more is needed.
#[test]
fn few_rows() {
    let folder = tempfile::tempdir().unwrap();
    for count in (0..12).chain(80..700) {
        let folder = folder.path().join(count.to_string());
        std::fs::create_dir(&folder).unwrap();
        // Four notes a page; an entry of an index takes 5 to 9 bytes, a review some 20.
        let notes: Vec<_> = (0..count / 4).map(|id| note(id, "x".repeat(900))).collect();
        let reviews: Vec<_> = (0..count).map(|id| Review { id, card_id: -id, ..Review::default() }).collect();
        let cards: Vec<_> = (0..count / 2).map(|id| Card { id, due: i64::from(i32::MIN), ..Card::default() }).collect();
        assert_same(&write(&folder, Schema::V18, &notes, &cards, &reviews));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

/// Rows that do not fit their page, of each length around those at which a further page is needed.
#[test]
fn long_rows() {
    let folder = tempfile::tempdir().unwrap();
    let lengths = (400..600).chain(3_900..4_200).chain(4_480..4_700).chain(8_000..8_800).chain([100_000, 1_000_003]);
    let notes: Vec<_> = lengths.zip(1..).map(|(length, id)| note(id, "ä".repeat(length / 2) + &"x".repeat(length % 2))).collect();
    assert_same(&write(folder.path(), Schema::V11, &notes, &[], &[]));
}

#[test]
fn rows_out_of_order_are_taken_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let mut writer = FileWriter::create(&path, Schema::V18, &STAMPS).unwrap();
    for (id, is_taken) in [(-3, true), (5, true), (5, false), (4, true), (6, true), (-3, false)] {
        assert_eq!(writer.add_note(&note(id, "x".repeat(5_000))).is_ok(), is_taken, "note {id}");
        assert_eq!(writer.add_card(&Card { id, original_deck_id: id, ..Card::default() }).is_ok(), is_taken, "card {id}");
        assert_eq!(writer.add_review(&Review { id, ..Review::default() }).is_ok(), is_taken, "review {id}");
    }
    assert!(writer.put_decks(&[anki::schema11::stock::default_deck()]).is_err(), "objects come first");
    writer.finish().unwrap();
    let sqlite = open(&path);
    assert_eq!(all(&sqlite, "PRAGMA integrity_check"), [[Value::Text("ok".into())]]);
    for table in ["notes", "cards", "revlog"] {
        assert_eq!(
            all(&sqlite, &format!("SELECT id FROM {table} ORDER BY id")),
            [-3, 4, 5, 6].map(|id| vec![Value::Integer(id)]),
            "{table}"
        );
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the file");
}

fn odd_number() -> impl Strategy<Value = i64> {
    let edge = (0..64_u32, -2..=2_i64, any::<bool>())
        .prop_map(|(bit, off, negative)| (1_i64 << bit).wrapping_add(off).wrapping_mul(if negative { -1 } else { 1 }));
    prop_oneof![edge, any::<i64>(), -1..=2_i64]
}

/// Texts that SQLite may take for numbers.
fn odd_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ \t\n\r\x0b\x0c]{0,2}[+-]?[0-9]{0,25}[.]?[0-9]{0,25}([eE][+-]?[0-9]{0,4})?[ \t\n\x0c]{0,2}",
        "[0-9a-fxX_infINFAN+., -]{0,12}",
        "\\PC{0,20}",
        Just("\u{0}1".to_owned()),
        Just("1\u{0}".to_owned()),
        Just("1 \u{0}x".to_owned()),
        Just("-1.5\u{0}\u{e4}".to_owned()),
        "[0-9.e -]{0,4}\u{0}\\PC{0,4}",
        Just("9223372036854775807".to_owned()),
        Just("9223372036854775808".to_owned()),
        Just("-9223372036854775808".to_owned()),
        Just("1e400".to_owned()),
        Just("１".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn odd_values(
        rows in prop::collection::vec((odd_number(), odd_number(), odd_number(), odd_number(), any::<i32>(), odd_text(), odd_text()), 1..60),
        v18: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut rows = rows;
        rows.sort_by_key(|row| row.0);
        rows.dedup_by_key(|row| row.0);
        let small = |number: i64| number.rem_euclid(256);
        let (mut notes, mut cards, mut reviews) = (Vec::new(), Vec::new(), Vec::new());
        for (id, a, b, c, usn, x, y) in &rows {
            let (id, usn) = (*id, *usn);
            notes.push(Note {
                id, guid: y.clone(), notetype_id: *a, mtime: *b, usn, tags: x.clone(), fields: format!("{x}\u{1f}{y}"), sort_field: x.clone(),
                checksum: *c, flags: *a, data: y.clone(),
            });
            // Within the ranges that the writer leaves alone.
            cards.push(Card {
                id, note_id: *a, deck_id: *b, ord: small(*a), mtime: *c, usn, kind: small(*b) % 4, queue: small(*c) % 5 - 2, due: i64::from(usn),
                interval: small(*a), factor: small(*b), reps: i64::from(usn.unsigned_abs()), lapses: small(*c), left: 0, original_due: -i64::from(usn >> 1),
                original_deck_id: *c, flags: small(*a), data: x.clone(),
            });
            reviews.push(Review {
                id, card_id: *c, usn, ease: small(*a), interval: usn.into(), last_interval: -i64::from(usn >> 1), factor: small(*b), time: small(*c),
                kind: small(*a) % 6,
            });
        }
        assert_same(&write(folder.path(), if v18 { Schema::V18 } else { Schema::V11 }, &notes, &cards, &reviews));
    }
}

/// Whoever goes on in spite of an error gets no file in which an index lacks a row.
#[test]
fn a_failure_is_final() {
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join("file-keys");
    std::fs::write(&in_the_way, "").unwrap();
    let mut writer = FileWriter::create(&folder.path().join("file"), Schema::V18, &STAMPS).unwrap();
    let mut failed = 0;
    for id in 0..300_000 {
        if writer.add_review(&Review { id, card_id: id % 7, ..Review::default() }).is_err() {
            failed += 1;
            let _ = std::fs::remove_file(&in_the_way);
        }
    }
    assert!(failed > 1, "{failed}");
    assert!(writer.finish().is_err());
}
