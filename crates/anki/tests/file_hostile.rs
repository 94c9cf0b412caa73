//! Files that are no collections, damaged, malicious, or merely odd.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use anki::{
    file::{CollectionFile, FileError, FileWriter, Limits, Schema},
    model::{Card, GraveKind, Note, Review, Stamps},
    schema11::stock,
};
use rusqlite::Connection;

/// A folder with a small sound collection in it.
struct Sample {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Sample {
    fn new(schema: Schema) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("collection.anki2");
        let mut writer =
            FileWriter::create(&path, schema, &Stamps { created: 1, modified: 2, schema_modified: 3, usn: 4, last_sync: 5 }).unwrap();
        let notetypes = stock::notetypes(100, &mut || 1);
        writer.put_notetypes(&notetypes).unwrap();
        writer.put_decks(&[stock::default_deck()]).unwrap();
        writer.put_presets(&[stock::default_preset()]).unwrap();
        writer.put_config(&stock::config(100, -60)).unwrap();
        for id in 1..=40 {
            let note = Note { id, guid: format!("g{id}"), notetype_id: 100, fields: format!("front {id}\u{1f}back"), ..Note::default() };
            writer.add_note(&note).unwrap();
            writer.add_card(&Card { id, note_id: id, deck_id: 1, data: "{}".into(), ..Card::default() }).unwrap();
            writer.add_review(&Review { id, card_id: id, ease: 3, ..Review::default() }).unwrap();
        }
        writer.finish().unwrap();
        Self { _folder: folder, path }
    }

    /// Changes the file with SQL, triggers and all.
    fn sql(self, statements: &str) -> Self {
        let sqlite = Connection::open(&self.path).unwrap();
        sqlite.create_collation("unicase", |a, b| a.cmp(b)).unwrap();
        sqlite.execute_batch(statements).unwrap();
        self
    }

    fn bytes(self, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut bytes = std::fs::read(&self.path).unwrap();
        change(&mut bytes);
        std::fs::write(&self.path, bytes).unwrap();
        self
    }

    fn open(&self) -> Result<CollectionFile, FileError> {
        CollectionFile::open(&self.path, &Limits::default())
    }
}

/// Opens and reads everything.
fn read_all(path: &Path) -> Result<CollectionFile, FileError> {
    let file = CollectionFile::open(path, &Limits::default())?;
    file.notetypes()?;
    file.decks()?;
    file.presets()?;
    file.tags()?;
    file.config()?;
    file.graves()?;
    file.for_each_note(|_| Ok::<_, FileError>(()))?;
    file.for_each_card(|_| Ok::<_, FileError>(()))?;
    file.for_each_review(|_| Ok::<_, FileError>(()))?;
    Ok(file)
}

fn sort(error: &FileError) -> String {
    format!("{error:?}").split([' ', '(']).next().unwrap_or_default().to_owned()
}

#[test]
fn what_is_no_database_is_refused() {
    let noise = |length: u32| (0..length).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>();
    let magic_and_noise = [b"SQLite format 3\0".as_slice(), &noise(8000)].concat();
    let cases = [
        (Vec::new(), "Empty"),
        (b"hello".to_vec(), "NotSqlite"),
        (noise(20_000), "NotSqlite"),
        (b"SQLite format 3\0".to_vec(), "NotSqlite"),
        (magic_and_noise, "NotSqlite"),
    ];
    for (bytes, expected) in cases {
        let sample = Sample::new(Schema::V11).bytes(|file| *file = bytes);
        let error = sample.open().unwrap_err();
        assert_eq!(sort(&error), expected, "{error}");
        assert!(error.is_refusal());
    }
}

/// How the community's server leaves collections: upgraded by the Anki library of its time, and never finished.
#[test]
fn files_between_the_two_schemas_are_read() {
    let want = Sample::new(Schema::V18);
    let want = want.open().unwrap();
    let tags = "DROP TABLE tags; CREATE TABLE tags (tag text NOT NULL PRIMARY KEY, usn integer NOT NULL) without rowid; \
                INSERT INTO tags VALUES ('a::b', 3);";
    // Field 10 of the configuration is the starting ease, a float: 2.5 as 250 in version 15.
    let blob = |ease: f32| format!("x'5d{}'", ease.to_le_bytes().map(|byte| format!("{byte:02x}")).concat());
    for (version, ease, wanted_ease) in [(15, 250.0, 2500), (15, 2.5, 2500), (15, 190.0, 1900), (16, 1.9, 1900), (17, 1.9, 1900)] {
        let tags = if version == 17 { "INSERT INTO tags VALUES ('a::b', 3, 1, NULL);" } else { tags };
        let sample = Sample::new(Schema::V18);
        let sample = sample.sql(&format!("UPDATE col SET ver = {version}; {tags} UPDATE deck_config SET config = {};", blob(ease)));
        let file = read_all(&sample.path).unwrap();
        assert_eq!((file.notetypes().unwrap(), file.decks().unwrap()), (want.notetypes().unwrap(), want.decks().unwrap()));
        let tags = file.tags().unwrap();
        assert_eq!((tags.len(), tags[0].name.as_str(), tags[0].usn, tags[0].collapsed), (1, "a::b", 3, true));
        let preset: serde_json::Value = serde_json::from_str(&file.presets().unwrap()[0].json).unwrap();
        assert_eq!(preset["new"]["initialFactor"], wanted_ease, "{version} {ease}");
    }
}

#[test]
fn what_runs_code_or_is_no_collection_is_refused() {
    let cases = [
        ("CREATE TRIGGER t AFTER INSERT ON notes BEGIN DELETE FROM cards; END;", "Forbidden"),
        ("ALTER TABLE notes RENAME TO n; CREATE VIEW notes AS SELECT * FROM n;", "Forbidden"),
        ("CREATE VIEW other AS SELECT 1;", "Forbidden"),
        ("CREATE INDEX i ON notes (lower(guid));", "Forbidden"),
        ("ALTER TABLE notes ADD COLUMN g text GENERATED ALWAYS AS (upper(guid)) VIRTUAL;", "Forbidden"),
        ("ALTER TABLE cards ADD COLUMN c integer CHECK (c > 0);", "Forbidden"),
        (
            "PRAGMA writable_schema = ON; \
             INSERT INTO sqlite_master VALUES ('table', 'v', 'v', 0, 'CREATE VIRTUAL TABLE v USING fts5(x)');",
            "Forbidden",
        ),
        ("PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'nonsense' WHERE name = 'notes';", "Damaged"),
        ("PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = 9999 WHERE name = 'notes';", "Damaged"),
        ("DELETE FROM col;", "NotACollection"),
        ("DROP TABLE col;", "NotACollection"),
        ("DROP TABLE revlog;", "NotACollection"),
        ("UPDATE col SET ver = 10;", "TooOld"),
        ("UPDATE col SET ver = 12;", "TooNew"),
        ("UPDATE col SET ver = 14;", "Unfinished"),
        ("UPDATE col SET ver = 17;", "NotACollection"),
        ("UPDATE col SET ver = 19;", "TooNew"),
        ("UPDATE col SET ver = 'x';", "TooOld"),
        ("ALTER TABLE cards RENAME COLUMN left TO other;", "Damaged"),
        ("UPDATE col SET decks = '';", "Damaged"),
        ("UPDATE col SET models = '{';", "Damaged"),
        ("UPDATE col SET conf = '[]';", "Damaged"),
        ("UPDATE col SET dconf = '{\"1\": {\"id\": 1}}';", "Object"),
        ("UPDATE col SET dconf = '{\"x\": {\"id\": 1}}';", "Object"),
        ("UPDATE col SET decks = '{\"1\": 5}';", "Object"),
    ];
    for (statements, expected) in cases {
        let sample = Sample::new(Schema::V11).sql(statements);
        let error = read_all(&sample.path).expect_err(statements);
        assert_eq!(sort(&error), expected, "{statements}: {error}");
        assert!(error.is_refusal());
    }
    let cases = [
        ("DROP TABLE tags;", "NotACollection"),
        ("UPDATE decks SET kind = x'ff';", "Object"),
        ("UPDATE notetypes SET config = x'0a';", "Object"),
        ("UPDATE deck_config SET config = x'0a05';", "Object"),
    ];
    for (statements, expected) in cases {
        let sample = Sample::new(Schema::V18).sql(statements);
        let error = read_all(&sample.path).expect_err(statements);
        assert_eq!(sort(&error), expected, "{statements}: {error}");
    }
}

#[test]
fn damaged_pages_never_panic() {
    for schema in [Schema::V11, Schema::V18] {
        let size = std::fs::metadata(&Sample::new(schema).path).unwrap().len();
        let pages = usize::try_from(size / 4096).unwrap();
        let mut refused = 0;
        for page in 0..pages {
            for (offset, byte) in [(0, 0xff), (3, 0xff), (5, 0x01), (8, 0xee), (4000, 0x00)] {
                let sample = Sample::new(schema).bytes(|bytes| {
                    let start = page * 4096 + offset;
                    bytes[start..start + 40].fill(byte);
                });
                match read_all(&sample.path) {
                    Ok(_) => {}
                    Err(error) => {
                        assert!(error.is_refusal(), "{error}");
                        refused += 1;
                    }
                }
            }
        }
        assert!(refused > pages, "{refused} of {pages} pages");
    }
    let sample = Sample::new(Schema::V18).bytes(|bytes| bytes.truncate(bytes.len() / 2 / 4096 * 4096));
    assert_eq!(sort(&sample.open().unwrap_err()), "Damaged");
}

#[test]
fn a_file_in_wal_mode_opens_without_a_log() {
    let sample = Sample::new(Schema::V18).bytes(|bytes| bytes[18..20].fill(2));
    assert_eq!(sample.open().unwrap().counts().unwrap().notes, 40);
    assert_eq!(std::fs::read(&sample.path).unwrap()[18..20], [1, 1]);
    let beside: Vec<_> = std::fs::read_dir(sample.path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside, ["collection.anki2"]);
}

#[test]
fn limits_are_kept() {
    let sample = Sample::new(Schema::V11);
    let size = std::fs::metadata(&sample.path).unwrap().len();
    let open = |limits: Limits| CollectionFile::open(&sample.path, &limits);
    assert_eq!(sort(&open(Limits { max_bytes: size - 1, ..Limits::default() }).unwrap_err()), "TooLarge");
    assert!(open(Limits { max_bytes: size, ..Limits::default() }).is_ok());
    let error = open(Limits { max_value_bytes: 2000, ..Limits::default() }).and_then(|file| file.notetypes()).unwrap_err();
    assert_eq!(sort(&error), "Damaged");
}

#[test]
fn extra_tables_and_indexes_are_fine() {
    let more =
        "CREATE TABLE addon (x CHECK (x > 0)); CREATE INDEX ix_addon ON addon (x + 1); CREATE INDEX ix_more ON notes (guid) WHERE id > 3;
        DROP INDEX ix_cards_usn; UPDATE col SET dty = 1.5;";
    let sample = Sample::new(Schema::V11).sql(more);
    let file = read_all(&sample.path).unwrap();
    assert!(file.repairs().is_empty(), "{}", file.repairs());
}

#[test]
fn a_flood_of_tables_is_refused() {
    let flood: String = (0..1100).map(|n| format!("CREATE TABLE t{n} (x);")).collect();
    let sample = Sample::new(Schema::V11).sql(&format!("BEGIN; {flood} COMMIT;"));
    assert_eq!(sort(&sample.open().unwrap_err()), "TooMuchWork");
}

#[test]
fn odd_values_are_put_right_and_counted() {
    let sample = Sample::new(Schema::V11).sql(
        "UPDATE cards SET ivl = 3.7, due = 'x', odue = '12x' WHERE id = 1;
         UPDATE cards SET usn = -1 WHERE id = 2;
         UPDATE revlog SET time = x'00', type = 'junk' WHERE id = 1;
         UPDATE notes SET flds = CAST(x'61ff1f62' AS text) WHERE id = 1;
         UPDATE notes SET flds = 'a' || char(0) || 'b', tags = x'35' WHERE id = 2;
         UPDATE notes SET mid = 77, sfld = 'stale', csum = 1 WHERE id = 3;
         INSERT INTO graves VALUES (-1, 9, 1), (3, 9, 1), (2, 8, 7), (1, 5, 2);",
    );
    // NULL needs a table without constraints, which a hand-made file may have.
    let sample = sample.sql(
        "CREATE TABLE c (id integer PRIMARY KEY, nid, did, ord, mod, usn, type, queue, due, ivl, factor, reps, lapses, left, odue, odid, flags, data);
         INSERT INTO c SELECT * FROM cards; DROP TABLE cards; ALTER TABLE c RENAME TO cards; UPDATE cards SET reps = NULL, data = NULL WHERE id = 3;",
    );
    let file = sample.open().unwrap();
    let mut cards = Vec::new();
    file.for_each_card(|card| {
        cards.push(card.clone());
        Ok::<_, FileError>(())
    })
    .unwrap();
    assert_eq!((cards[0].interval, cards[0].due, cards[0].original_due, cards[0].factor), (3, 0, 0, 0));
    assert_eq!((cards[1].usn, cards[2].reps, cards[2].data.as_str()), (4, 0, ""));
    let mut reviews = Vec::new();
    file.for_each_review(|review| {
        reviews.push(review.clone());
        Ok::<_, FileError>(())
    })
    .unwrap();
    assert_eq!((reviews[0].time, reviews[0].kind, reviews[0].ease), (0, 0, 3));
    let mut notes = Vec::new();
    file.for_each_note(|note| {
        notes.push(note.clone());
        Ok::<_, FileError>(())
    })
    .unwrap();
    assert_eq!(notes[0].fields, "a\u{fffd}\u{1f}b");
    assert_eq!((notes[1].fields.as_str(), notes[1].tags.as_str()), ("a\0b", "5"));
    assert_eq!((notes[2].sort_field.as_str(), notes[2].notetype_id), ("front 3", 77));
    let graves = file.graves().unwrap();
    let graves: Vec<_> = graves.iter().map(|grave| (grave.id, grave.kind, grave.usn)).collect();
    assert_eq!(graves, [(5, GraveKind::Deck, 1), (9, GraveKind::Note, 3)]);
    let repairs = file.repairs();
    assert_eq!((repairs.texts, repairs.usns, repairs.notes_without_notetype, repairs.graves), (3, 2, 1, 1), "{repairs}");
    assert!(repairs.numbers >= 5, "{repairs}");
}

#[test]
fn a_table_without_a_key_yields_each_id_once() {
    let sample = Sample::new(Schema::V11).sql(
        "CREATE TABLE r (id, cid, usn, ease, ivl, lastIvl, factor, time, type); INSERT INTO r SELECT * FROM revlog; INSERT INTO r SELECT * FROM revlog;
         DROP TABLE revlog; ALTER TABLE r RENAME TO revlog;",
    );
    let file = sample.open().unwrap();
    let mut ids = Vec::new();
    file.for_each_review(|review| {
        ids.push(review.id);
        Ok::<_, FileError>(())
    })
    .unwrap();
    assert_eq!(ids, (1..=40).collect::<Vec<_>>());
    assert_eq!(file.repairs().duplicates, 40);
}

/// The JSON of a deck or preset with other identity, for a JSON column.
fn renamed(json: &str, id: &str, name: &str) -> String {
    let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap();
    object["id"] = serde_json::from_str(id).unwrap();
    object["name"] = name.into();
    serde_json::to_string(&object).unwrap().replace('\'', "''")
}

#[test]
fn schema_11_objects_with_clashing_names_and_ids() {
    let deck = stock::default_deck().json;
    let preset = stock::default_preset().json;
    let notetype = &stock::notetypes(1, &mut || 1)[0].json;
    let decks = format!(
        r#"{{"1":{},"7":{},"8":{},"9":{}}}"#,
        renamed(&deck, "1", "Default"),
        renamed(&deck, r#""7""#, "a:: b ::C"),
        renamed(&deck, "8", "A::B::c"),
        renamed(&deck, "8", "wins, as the inner id counts")
    );
    // The key counts for presets, the last of two equal keys wins.
    let presets =
        format!(r#"{{"1":{},"5":{},"5":{}}}"#, renamed(&preset, "1", "x"), renamed(&preset, "6", "first"), renamed(&preset, "6", "last"));
    let twice = renamed(notetype, "0", "Basic").replace(r#""name":"Back""#, r#""name":"FRONT""#);
    let notetypes = format!(r#"{{"3":{},"0":{twice}}}"#, renamed(notetype, "3", "basic"));
    let sample = Sample::new(Schema::V11).sql(&format!(
        "UPDATE col SET decks = '{decks}', dconf = '{presets}', models = '{notetypes}', tags = '{{\"a\":3,\"A\":0,\"b\":-1,\"c\":\"x\"}}'; UPDATE notes SET mid = 0;"
    ));
    let file = sample.open().unwrap();

    let decks = file.decks().unwrap();
    let names: Vec<_> = decks.iter().map(|deck| (deck.id, deck.name.as_str(), deck.usn)).collect();
    assert_eq!(names, [(1, "Default", 0), (7, "a::b::C", 4), (8, "wins, as the inner id counts", 0)]);
    assert!(decks[1].json.contains(r#""name":"a::b::C","usn":4"#), "{}", decks[1].json);

    let presets: Vec<_> = file.presets().unwrap().into_iter().map(|preset| (preset.id, preset.name)).collect();
    assert_eq!(presets, [(1, "x".to_owned()), (5, "last".to_owned())]);

    let notetypes = file.notetypes().unwrap();
    assert_eq!(notetypes.iter().map(|notetype| (notetype.id, notetype.name.as_str())).collect::<Vec<_>>(), [(3, "basic"), (4, "Basic_")]);
    assert!(notetypes[1].json.contains(r#""name":"FRONT+""#), "{}", notetypes[1].json);
    file.for_each_note(|note| {
        assert_eq!(note.notetype_id, 4, "notes follow their notetype to its new id");
        Ok::<_, FileError>(())
    })
    .unwrap();

    let tags: Vec<_> = file.tags().unwrap().into_iter().map(|tag| (tag.name, tag.usn, tag.collapsed)).collect();
    assert_eq!(tags, [("a".to_owned(), 3, true), ("b".to_owned(), 4, true), ("c".to_owned(), 0, true)]);
}

#[test]
fn unreadable_config_is_left_out() {
    let sample = Sample::new(Schema::V18).sql(
        "INSERT INTO config VALUES ('bad', 0, 0, 'x'), ('huge', 0, 0, '1e999'), ('fine', -1, 7, '{ \"a\" : 9007199254740993 }'), ('blob', 0, 0, x'ff');",
    );
    let file = sample.open().unwrap();
    let config = file.config().unwrap();
    let fine = config.iter().find(|entry| entry.key == "fine").unwrap();
    assert_eq!((fine.json.as_str(), fine.usn, fine.mtime), (r#"{"a":9007199254740993}"#, 4, 7));
    assert_eq!(config.len(), 17);
    assert_eq!(file.repairs().config, 3);
    assert!(file.scheduler().unwrap().has_creation_offset);
}

#[test]
fn numbers_that_clients_cannot_read_are_clamped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c");
    let mut writer = FileWriter::create(&path, Schema::V18, &Stamps::default()).unwrap();
    let big = 1_i64 << 40;
    let card = Card {
        id: 1,
        ord: big,
        kind: 9,
        queue: -9,
        due: -big,
        interval: -5,
        factor: big,
        reps: -1,
        lapses: big,
        left: big,
        original_due: big,
        flags: 300,
        ..Card::default()
    };
    writer.add_card(&card).unwrap();
    writer
        .add_review(&Review { id: 1, ease: 999, interval: big, last_interval: -big, factor: -1, time: big, kind: 9, ..Review::default() })
        .unwrap();
    assert!(writer.add_card(&card).is_err(), "the same id twice");
    writer.finish().unwrap();
    let file = CollectionFile::open(&path, &Limits::default()).unwrap();
    file.for_each_card(|card| {
        let (u32_max, i32_max) = (i64::from(u32::MAX), i64::from(i32::MAX));
        assert_eq!((card.ord, card.kind, card.queue, card.due), (65535, 3, -3, -i32_max - 1));
        assert_eq!((card.interval, card.factor, card.reps, card.lapses), (0, 65535, 0, u32_max));
        assert_eq!((card.left, card.original_due, card.flags), (u32_max, i32_max, 255));
        Ok::<_, FileError>(())
    })
    .unwrap();
    file.for_each_review(|review| {
        assert_eq!((review.ease, review.interval, review.last_interval), (255, i64::from(i32::MAX), i64::from(i32::MIN)));
        assert_eq!((review.factor, review.time, review.kind), (0, i64::from(u32::MAX), 0));
        Ok::<_, FileError>(())
    })
    .unwrap();
    assert!(FileWriter::create(&path, Schema::V11, &Stamps::default()).is_err(), "an existing file is left alone");
}
